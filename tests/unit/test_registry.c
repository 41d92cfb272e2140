/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Names keep their identities, and so their counters: when reordered, removed and added again, and after a rollback;
 * and the number of names is limited.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "user/kernel/registry.h"

struct bench {
	struct spw_registry registry;
	struct spw_identities identities;
	char message[SPW_MESSAGE_MAX];
};

static struct bench bench;

static const char first[] = "interfaces: [e]\n"
			    "services: { shop: { tcp: [80], capacity: 900/s }, mail: { tcp: [25] } }\n"
			    "lists: { near: { inline: [198.18.0.0/24] }, far: { inline: [198.18.1.0/24] } }\n"
			    "classes:\n"
			    "  - { name: home, lists: [near] }\n"
			    "  - { name: abroad, lists: [far], shed_from: orange, cut_from: red, cut: all }\n"
			    "  - { name: rest, shed_from: yellow }\n";

/* Assign identities for the configuration @text, in addition to existing ones. */
static int assign(const char *text)
{
	struct spw_diagnostics diagnostics = {0};
	struct spw_config config;
	int err;

	if (spw_config_parse(text, strlen(text), "f", &config, &diagnostics))
		fail_msg("%s", diagnostics.count ? diagnostics.items[0].text : "no configuration");
	spw_diagnostics_free(&diagnostics);
	*bench.message = '\0';
	err = spw_registry_assign(&bench.registry, &config, &bench.identities, bench.message);
	spw_config_free(&config);
	return err;
}

static int begin(void **state)
{
	(void)state;
	memset(&bench, 0, sizeof(bench));
	return assign(first);
}

static void test_first(void **state)
{
	const struct spw_class_record *abroad = &bench.registry.classes[1];

	(void)state;
	for (u32 i = 0; i < 3; i++)
		assert_int_equal(bench.identities.classes[i], i);
	assert_string_equal(abroad->name, "abroad");
	assert_int_equal(abroad->state, SPW_RECORD_ACTIVE);
	assert_int_equal(abroad->rank, 1);
	assert_int_equal(abroad->shed_from, SPW_ORANGE);
	assert_int_equal(abroad->cut_new_from, SPW_RED);
	assert_int_equal(abroad->cut_all_from, SPW_RED);
	assert_false(abroad->is_last);
	assert_true(bench.registry.classes[2].is_last);
	assert_int_equal(bench.registry.classes[3].state, SPW_RECORD_FREE);
	/* List and service 0 have no name; unlisted sources count for the last class. */
	assert_string_equal(bench.registry.lists[0].name, "none");
	assert_int_equal(bench.registry.lists[0].class_id, 2);
	assert_int_equal(bench.identities.lists[1], 2);
	assert_string_equal(bench.registry.lists[2].name, "far");
	assert_int_equal(bench.registry.lists[2].class_id, 1);
	assert_string_equal(bench.registry.services[0].name, "none");
	assert_int_equal(bench.identities.services[0], 1);
	assert_string_equal(bench.registry.services[1].name, "shop");
	assert_int_equal(bench.registry.services[1].capacity_per_s, 900);
	assert_int_equal(bench.registry.services[2].wait_target_ns, 20000000);
}

static void test_names_keep_identities(void **state)
{
	(void)state;
	bench.registry.services[2].operator_capacity_per_s = 70;
	/* Reordered, with removed and new names. */
	assert_int_equal(assign("interfaces: [e]\n"
				"services: { web: { tcp: [80] }, mail: { tcp: [25], wait_target: 50ms } }\n"
				"lists: { other: { inline: [198.18.2.0/24] }, far: { inline: [198.18.1.0/24] } }\n"
				"classes:\n"
				"  - { name: abroad, lists: [far] }\n"
				"  - { name: others, lists: [other], shed_from: red }\n"
				"  - { name: rest, shed_from: yellow }\n"),
			 0);
	assert_int_equal(bench.identities.classes[0], 1);
	assert_int_equal(bench.identities.classes[1], 3);
	assert_int_equal(bench.identities.classes[2], 2);
	assert_int_equal(bench.registry.classes[0].state, SPW_RECORD_RETIRED);
	assert_int_equal(bench.registry.classes[1].rank, 0);
	assert_int_equal(bench.registry.classes[1].cut_all_from, SPW_LEVEL_NEVER);
	assert_int_equal(bench.identities.lists[0], 3);
	assert_int_equal(bench.identities.lists[1], 2);
	assert_int_equal(bench.registry.lists[1].state, SPW_RECORD_RETIRED);
	assert_int_equal(bench.registry.lists[3].class_id, 3);
	assert_int_equal(bench.identities.services[0], 3);
	assert_int_equal(bench.identities.services[1], 2);
	assert_int_equal(bench.registry.services[1].state, SPW_RECORD_RETIRED);
	assert_int_equal(bench.registry.services[2].wait_target_ns, 50000000);
	assert_int_equal(bench.registry.services[2].operator_capacity_per_s, 70);
	/* They return to their identities. */
	assert_int_equal(assign("{interfaces: [e], services: {shop: {tcp: [80]}}, classes: [{name: home}]}"), 0);
	assert_int_equal(bench.identities.classes[0], 0);
	assert_int_equal(bench.identities.services[0], 1);
	assert_int_equal(bench.registry.services[1].state, SPW_RECORD_ACTIVE);
	assert_int_equal(bench.registry.services[1].capacity_per_s, 0);
	assert_int_equal(bench.registry.services[2].state, SPW_RECORD_RETIRED);
}

/* A new class name each time; a repeated one needs no further identity. */
static void test_too_many(void **state)
{
	char text[128];
	int err = 0;
	u32 i;

	(void)state;
	for (i = 3; !err; i++) {
		snprintf(text, sizeof(text), "{interfaces: [e], classes: [{name: c%u}]}", i);
		err = assign(text);
	}
	assert_int_equal(i - 1, SPW_CLASSES_MAX);
	assert_int_equal(err, -ENOSPC);
	assert_string_equal(bench.message,
			    "more than 32 class names were in use since the counters were made, so there are no "
			    "counters for 'c32'; 'spillway detach' and a restart drop all of them");
	assert_int_equal(assign("{interfaces: [e], classes: [{name: c31}]}"), 0);
	assert_int_equal(bench.identities.classes[0], 31);
	/* Identity 0 is not available to services. */
	for (i = 2, err = 0; !err; i++) {
		snprintf(text, sizeof(text), "{interfaces: [e], services: {s%u: {tcp: [80]}}, classes: [{name: c31}]}",
			 i);
		err = assign(text);
	}
	assert_int_equal(i - 1, SPW_SERVICES_MAX);
	assert_non_null(strstr(bench.message, "more than 64 service names"));
}

static void test_taken_back(void **state)
{
	static struct spw_registry kept, restored;

	(void)state;
	bench.registry.lists[2].prefixes4 = 7;
	kept = bench.registry;
	assert_int_equal(assign("interfaces: [e]\n"
				"services: { web: { tcp: [80] } }\n"
				"lists: { far: { inline: [198.18.1.0/24] }, new: { inline: [198.18.3.0/24] } }\n"
				"classes:\n"
				"  - { name: abroad, lists: [far] }\n"
				"  - { name: newest, lists: [new], shed_from: red }\n"
				"  - { name: rest, shed_from: yellow }\n"),
			 0);
	spw_registry_restore(&bench.registry, &kept, &restored);
	/* What was in force is restored exactly; names added meanwhile keep their identities. */
	assert_memory_equal(restored.classes, kept.classes, 3 * sizeof(*kept.classes));
	assert_memory_equal(restored.lists, kept.lists, 3 * sizeof(*kept.lists));
	assert_memory_equal(restored.services, kept.services, 3 * sizeof(*kept.services));
	assert_string_equal(restored.classes[3].name, "newest");
	assert_int_equal(restored.classes[3].state, SPW_RECORD_RETIRED);
	assert_int_equal(restored.classes[3].rank, 1);
	assert_string_equal(restored.lists[3].name, "new");
	assert_int_equal(restored.lists[3].state, SPW_RECORD_RETIRED);
	assert_string_equal(restored.services[3].name, "web");
	assert_int_equal(restored.services[3].state, SPW_RECORD_RETIRED);
	assert_int_equal(restored.services[4].state, SPW_RECORD_FREE);
	/* Its own configuration finds its names there, and changes nothing. */
	bench.registry = restored;
	assert_int_equal(assign(first), 0);
	assert_memory_equal(&bench.registry, &restored, sizeof(restored));
	assert_int_equal(bench.identities.classes[2], 2);
	assert_int_equal(bench.identities.lists[1], 2);
	assert_int_equal(bench.identities.services[1], 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_first, begin),
		cmocka_unit_test_setup(test_names_keep_identities, begin),
		cmocka_unit_test_setup(test_too_many, begin),
		cmocka_unit_test_setup(test_taken_back, begin),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("registry", tests, NULL, NULL);
}
