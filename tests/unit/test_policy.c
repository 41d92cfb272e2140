/* SPDX-License-Identifier: GPL-2.0-only */
/* Configuration -> policy: numbers, defaults, and when two policies are the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "user/base/units.h"
#include "user/config/policy.h"

static struct spw_config config;
static struct spw_named_policy policy;

static void parse(const char *text)
{
	struct spw_diagnostics diagnostics = {0};

	if (spw_config_parse(text, strlen(text), "f", &config, &diagnostics))
		fail_msg("%s", diagnostics.count ? diagnostics.items[0].text : "no configuration");
	spw_diagnostics_free(&diagnostics);
}

static const char three_classes[] =
	"interfaces: [e]\n"
	"services:\n"
	"  shop: { tcp: [80], capacity: 900/s, wait_target: 30ms, probe: { http: 'http://127.0.0.1/', limit: 200ms } }\n"
	"  mail: { tcp: [25] }\n"
	"lists: { near: { inline: [198.18.0.0/24] }, far: { inline: [198.18.1.0/24] } }\n"
	"classes:\n"
	"  - { name: home, lists: [near] }\n"
	"  - { name: abroad, lists: [far], shed_from: orange, cut_from: red, reserve: 33% }\n"
	"  - { name: rest, shed_from: yellow }\n";

static int begin(void **state)
{
	(void)state;
	parse(three_classes);
	return 0;
}

static int end(void **state)
{
	(void)state;
	spw_config_free(&config);
	return 0;
}

static void test_classes(void **state)
{
	static const u8 identities[] = {7, 0, 31};
	const struct spw_class_policy *classes = policy.policy.classes;

	(void)state;
	spw_policy_make(&config, identities, NULL, &policy);
	assert_int_equal(policy.policy.classes_count, 3);
	for (u32 i = 0; i < 3; i++) {
		assert_int_equal(classes[i].id, identities[i]);
		assert_string_equal(policy.classes[i], config.classes[i].name);
	}
	assert_int_equal(classes[0].shed_from, SPW_LEVEL_NEVER);
	assert_int_equal(classes[1].shed_from, SPW_ORANGE);
	assert_int_equal(classes[1].cut_from, SPW_RED);
	assert_int_equal(classes[2].cut_from, SPW_LEVEL_NEVER);
	/* As written, or the default of the rank. */
	assert_float_equal(classes[0].reserve, spw_default_reserve(0, 3), 1e-9);
	assert_float_equal(classes[1].reserve, 0.33, 1e-9);
	assert_float_equal(classes[2].reserve, spw_default_reserve(2, 3), 1e-9);
	assert_true(classes[2].reserve > classes[0].reserve);
	spw_policy_make(&config, NULL, NULL, &policy);
	for (u32 i = 0; i < 3; i++)
		assert_int_equal(classes[i].id, i);
}

static void test_services(void **state)
{
	static const u8 identities[] = {64, 3};
	const struct spw_service_policy *services = policy.policy.services;

	(void)state;
	spw_policy_make(&config, NULL, identities, &policy);
	assert_int_equal(policy.policy.services_count, 2);
	assert_int_equal(services[0].id, 64);
	assert_int_equal(services[1].id, 3);
	assert_float_equal(services[0].capacity_per_s, 900, 1e-9);
	assert_int_equal(services[0].wait_target_ns, 30000000);
	assert_float_equal(services[0].probe_limit, 0.2, 1e-9);
	assert_float_equal(services[1].capacity_per_s, 0, 0);
	assert_int_equal(services[1].wait_target_ns, 20000000);
	assert_float_equal(services[1].probe_limit, 0, 0);
	/* 0 means the ports that belong to no service. */
	spw_policy_make(&config, NULL, NULL, &policy);
	assert_int_equal(services[0].id, 1);
	assert_int_equal(services[1].id, 2);
}

/* Defaults if nothing is written, else as written. Former values are overwritten. */
static void test_parameters(void **state)
{
	struct spw_policy measured;

	(void)state;
	memset(&measured, 0, sizeof(measured));
	spw_shedding_defaults(&measured.shedding);
	memset(&policy, 0xff, sizeof(policy));
	spw_policy_make(&config, NULL, NULL, &policy);
	assert_memory_equal(&policy.policy.eta, &measured.eta, sizeof(measured) - offsetof(struct spw_policy, eta));
	assert_float_equal(policy.policy.eta, 0.95, 1e-9);
	assert_float_equal(policy.policy.floor, 0.30, 1e-9);
	assert_float_equal(policy.policy.ceiling, 1.10, 1e-9);
	assert_float_equal(policy.policy.probe_per_s, 0.02, 1e-9);
	assert_float_equal(policy.policy.cpu_limit, 0.97, 1e-9);
	assert_int_equal(policy.policy.drain_ns, 500000000);
	assert_int_equal(policy.policy.depth_ns, 100000000);
	assert_int_equal(policy.policy.hold_ns, 5000000000);
	assert_int_equal(policy.policy.stay_ns, 600000000000);
	assert_int_equal(policy.policy.services[2].id, 0);
	assert_string_equal(policy.classes[3], "");
	spw_config_free(&config);
	parse("interfaces: [e]\n"
	      "shedding: { target: 90%, floor: 20%, ceiling: 150%, probe: 1%, cpu_limit: 80%, drain: 1s, depth: 50ms,\n"
	      "            hold: 7s, stay: 1h }\n"
	      "classes: [{ name: all }]\n");
	spw_policy_make(&config, NULL, NULL, &policy);
	assert_float_equal(policy.policy.eta, 0.9, 1e-9);
	assert_float_equal(policy.policy.floor, 0.2, 1e-9);
	assert_float_equal(policy.policy.ceiling, 1.5, 1e-9);
	assert_float_equal(policy.policy.probe_per_s, 0.01, 1e-9);
	assert_float_equal(policy.policy.cpu_limit, 0.8, 1e-9);
	assert_int_equal(policy.policy.drain_ns, 1000000000);
	assert_int_equal(policy.policy.depth_ns, 50000000);
	assert_int_equal(policy.policy.hold_ns, 7000000000);
	assert_int_equal(policy.policy.stay_ns, 3600000000000);
	assert_int_equal(policy.policy.classes_count, 1);
	assert_int_equal(policy.policy.services_count, 0);
}

static void test_names(void **state)
{
	(void)state;
	spw_policy_make(&config, NULL, NULL, &policy);
	assert_int_equal(spw_policy_class(&policy, "rest"), 2);
	assert_int_equal(spw_policy_class(&policy, "shop"), -1);
	assert_int_equal(spw_policy_service(&policy, "mail"), 1);
	assert_int_equal(spw_policy_service(&policy, "mai"), -1);
	assert_int_equal(spw_policy_service(&policy, ""), -1);
}

/* Same meaning of every index; different numbers make another policy with the same meaning. */
static void test_same(void **state)
{
	static const u8 identities[] = {0, 2, 1};
	static struct spw_named_policy other;

	(void)state;
	spw_policy_make(&config, NULL, NULL, &policy);
	other = policy;
	other.policy.hold_ns++;
	other.policy.services[0].capacity_per_s = 1;
	assert_true(spw_policy_same(&policy, &other));
	other.policy.services_count = 1;
	assert_false(spw_policy_same(&policy, &other));
	other = policy;
	other.policy.classes_count = 2;
	assert_false(spw_policy_same(&policy, &other));
	other = policy;
	strcpy(other.services[1], "post");
	assert_false(spw_policy_same(&policy, &other));
	other = policy;
	strcpy(other.classes[0], "away");
	assert_false(spw_policy_same(&policy, &other));
	spw_policy_make(&config, identities, NULL, &other);
	assert_false(spw_policy_same(&policy, &other));
	spw_policy_make(&config, NULL, identities + 1, &other);
	assert_false(spw_policy_same(&policy, &other));
}

/* The manual's section on shedding, as one line; the caller frees it. */
static char *manual_section(void)
{
	FILE *file = fopen("docs/spillway.yaml.5", "r");
	char *text = calloc(1, 1 << 17), *from, *to;

	assert_non_null(file);
	assert_non_null(text);
	assert_in_range(fread(text, 1, (1 << 17) - 1, file), 1, (1 << 17) - 2);
	fclose(file);
	from = strstr(text, ".Sh SHEDDING");
	assert_non_null(from);
	to = strstr(from, ".Sh LISTS");
	assert_non_null(to);
	*to = 0;
	memmove(text, from, (size_t)(to - from) + 1);
	for (char *at = text; *at; at++)
		if (*at == '\n')
			*at = ' ';
	return text;
}

static void format_value(const struct spw_parameter *parameter, double value, char text[SPW_DURATION_TEXT])
{
	if (parameter->is_time)
		spw_units_duration_text((u64)value, text);
	else
		snprintf(text, SPW_DURATION_TEXT, "%g%%", 100 * value);
}

/* The manual lists exactly the parameters of the table. */
static void test_manual(void **state)
{
	char *section = manual_section();
	u32 items = 0;

	(void)state;
	for (size_t i = 0; i < SPW_PARAMETERS; i++) {
		const struct spw_parameter *parameter = &spw_parameters[i];
		char standard[SPW_DURATION_TEXT], least[SPW_DURATION_TEXT], most[SPW_DURATION_TEXT], expected[512];

		format_value(parameter, parameter->standard, standard);
		format_value(parameter, parameter->least, least);
		format_value(parameter, parameter->most, most);
		snprintf(expected, sizeof(expected), ".It Cm %s Default: %s; from %s to %s. %s. ", parameter->key,
			 standard, least, most, parameter->doc);
		if (!strstr(section, expected))
			fail_msg("spillway.yaml(5) lacks: %s", expected);
	}
	for (const char *at = section; (at = strstr(at, ".It Cm ")); at++)
		items++;
	assert_int_equal(items, SPW_PARAMETERS);
	free(section);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_classes, begin, end),
		cmocka_unit_test_setup_teardown(test_services, begin, end),
		cmocka_unit_test_setup_teardown(test_parameters, begin, end),
		cmocka_unit_test(test_manual),
		cmocka_unit_test_setup_teardown(test_names, begin, end),
		cmocka_unit_test_setup_teardown(test_same, begin, end),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
