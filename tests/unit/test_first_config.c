/* SPDX-License-Identifier: GPL-2.0-only */
/* The first configuration that `init` writes: valid whatever was found, and with the values that were found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "user/config/config.h"
#include "user/view/first_config.h"

/* A web server and a name server behind eth0, an operator on SSH, tor's tables. */
static struct spw_site some_site(void)
{
	struct spw_site site = {
		.interfaces = {{"eth0", true, true, false, "virtio_net"}, {"wg0", false, false, true, "wireguard"}},
		.interfaces_count = 2,
		.services = {{.name = "nginx", .process = "nginx", .tcp = {{80, 443}, 2}, .quic = {{443}, 1}},
			     {.name = "udp-53", .udp_each = {{53}, 1}},
			     {.name = "game", .udp = {{27015}, 1}}},
		.services_count = 3,
		.left_out = {{false, 5432, "postgres", "on loopback only"}},
		.left_out_count = 1,
		.logins_by = SPW_SITE_BY_SESSION,
		.logins = {{{0xc0000207ull << 32, 0}, 4, 32},
			   {{0xc0000209ull << 32, 0}, 4, 32},
			   {{0x20010db800000000, 7}, 6, 128}},
		.logins_count = 3,
		.login_ports = {22, 2222},
		.login_ports_count = 2,
		.tables = {{"/usr/share/tor", false, false}},
		.tables_count = 1,
		.home = {"NO", "SE"},
		.home_count = 2,
		.metrics_port = 10011,
	};

	return site;
}

static char *text_of(const struct spw_site *site)
{
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	assert_non_null(out);
	spw_view_first_config(out, site);
	assert_int_equal(fclose(out), 0);
	return text;
}

/* Read @text as `check` does; it must have neither errors nor warnings. */
static void load(const char *text, struct spw_config *config)
{
	char path[] = "/tmp/spillway-first-config-XXXXXX";
	struct spw_diagnostics diagnostics = {0};
	int fd = mkstemp(path), err;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	err = spw_config_load(path, config, &diagnostics);
	for (size_t i = 0; i < diagnostics.count; i++)
		print_message("%s\n", diagnostics.items[i].text);
	assert_int_equal(err, 0);
	assert_int_equal(diagnostics.count, 0);
	spw_diagnostics_free(&diagnostics);
	unlink(path);
}

/* Remove every "# " that begins a line of YAML after @from: what an operator does who follows the comments. */
static char *uncomment(const char *text, const char *key)
{
	char *copy = strdup(text), *at = strstr(copy, key);

	assert_non_null(at);
	for (bool first = true; at && (first || !strncmp(at, "\n# ", 3)); first = false) {
		at += !first;
		memmove(at, at + 2, strlen(at + 2) + 1);
		at = strchr(at, '\n');
	}
	return copy;
}

static void what_was_found_is_configured(void **state)
{
	struct spw_site site = some_site();
	char *text = text_of(&site);
	struct spw_config config;

	(void)state;
	load(text, &config);
	assert_int_equal(config.mode, SPW_OBSERVE);
	assert_int_equal(config.interfaces_count, 1);
	assert_string_equal(config.interfaces[0].name, "eth0");
	assert_int_equal(config.services_count, 3);
	assert_string_equal(config.services[0].name, "nginx");
	assert_int_equal(config.services[0].tcp_count, 2);
	assert_int_equal(config.services[0].tcp[1].port, 443);
	assert_int_equal(config.services[0].quic_count, 1);
	assert_int_equal(config.services[1].udp_count, 0);
	assert_int_equal(config.services[1].udp_each[0].port, 53);
	assert_int_equal(config.services[2].udp[0].port, 27015);
	assert_int_equal(config.management_prefixes_count, 2); /* two of the three are in one network */
	assert_int_equal(config.management_prefixes[0].prefix.len, 24);
	assert_true(config.management_prefixes[0].prefix.addr.hi == 0xc0000200ull << 32);
	assert_int_equal(config.management_prefixes[1].prefix.len, 64);
	assert_true(config.management_prefixes[1].prefix.addr.lo == 0);
	assert_int_equal(config.management_ports_count, 2);
	assert_int_equal(config.management_ports[1], 2222);
	assert_int_equal(config.lists_count, 2);
	assert_int_equal(config.lists[0].kind, SPW_LIST_GEO);
	assert_string_equal(config.lists[0].path, "/usr/share/tor");
	assert_string_equal(config.lists[0].countries[0].code, "NO");
	assert_true(config.lists[1].countries[1].negated);
	assert_int_equal(config.classes_count, 3);
	assert_int_equal(config.classes[0].shed_from, SPW_RED);
	assert_int_equal(config.classes[2].shed_from, SPW_YELLOW);
	assert_int_equal(config.metrics_port, 10011);
	assert_non_null(strstr(text, "TCP 5432 (postgres): on loopback only"));
	spw_config_free(&config);
	free(text);
}

static void nothing_found_leaves_examples(void **state)
{
	struct spw_site site = {.interfaces = {{"eth0", true, true, false, ""}}, .interfaces_count = 1};
	char *text = text_of(&site), *more, *most;
	struct spw_config config;

	(void)state;
	load(text, &config);
	assert_int_equal(config.classes_count, 1);
	assert_int_equal(config.services_count, 0);
	assert_int_equal(config.lists_count, 0);
	assert_int_equal(config.management_prefixes_count, 0);
	assert_null(config.metrics_host); /* no port is free */
	spw_config_free(&config);
	/* The examples are valid too. */
	more = uncomment(text, "# management:");
	most = uncomment(more, "# services:");
	load(most, &config);
	assert_int_equal(config.management_prefixes_count, 2);
	assert_int_equal(config.services_count, 1);
	spw_config_free(&config);
	free(most);
	free(more);
	free(text);
}

static void without_an_interface_it_is_an_example(void **state)
{
	struct spw_site site = {.metrics_port = 10010};
	char *text = text_of(&site), *more;
	struct spw_config config;

	(void)state;
	assert_null(strstr(text, "\ninterfaces:"));
	more = uncomment(text, "# interfaces:");
	load(more, &config);
	assert_string_equal(config.interfaces[0].name, "eth0");
	spw_config_free(&config);
	free(more);
	free(text);
}

/* Names that a host can have: of interfaces, processes, files. They are neither keys nor a way out of a comment. */
static void hostile_names_stay_names(void **state)
{
	struct spw_site site = some_site();
	struct spw_config config;
	char *text;

	(void)state;
	strcpy(site.interfaces[0].name, "a\"\\]#{},b");
	strcpy(site.interfaces[1].name, "x\nmode: enforce");
	strcpy(site.services[0].process, "x\nmode: off");
	strcpy(site.left_out[0].process, "x\nclasses:");
	strcpy(site.tables[0].path, "/var/lib/geo: \"ip\"");
	strcpy(site.time_zone, "x\ny: z");
	text = text_of(&site);
	load(text, &config);
	assert_string_equal(config.interfaces[0].name, "a\"\\]#{},b");
	assert_string_equal(config.lists[0].path, "/var/lib/geo: \"ip\"");
	assert_int_equal(config.mode, SPW_OBSERVE);
	spw_config_free(&config);
	free(text);
}

static void ports_in_sequence_are_ranges(void **state)
{
	struct spw_site site = some_site();
	struct spw_config config;
	char *text;

	(void)state;
	for (size_t i = 0; i < 10; i++)
		site.services[0].tcp.ports[i] = (u16)(i < 8 ? 8000 + i : 9000 + i);
	site.services[0].tcp.count = 10;
	text = text_of(&site);
	assert_non_null(strstr(text, "tcp: [8000-8007, 9008, 9009]"));
	load(text, &config);
	assert_int_equal(config.services[0].tcp_count, 10);
	spw_config_free(&config);
	free(text);
}

static void databases_are_mmdb(void **state)
{
	struct spw_site site = some_site();
	struct spw_config config;
	char *text;

	(void)state;
	site.tables[0] = (struct spw_site_table){"/var/lib/GeoIP/GeoLite2-ASN.mmdb", true, true};
	site.tables[1] = (struct spw_site_table){"/var/lib/GeoIP/GeoLite2-Country.mmdb", true, false};
	site.tables_count = 2;
	text = text_of(&site);
	load(text, &config);
	assert_int_equal(config.lists[0].kind, SPW_LIST_MMDB);
	assert_string_equal(config.lists[0].path, "/var/lib/GeoIP/GeoLite2-Country.mmdb");
	assert_non_null(strstr(text, "hosters: { mmdb: /var/lib/GeoIP/GeoLite2-ASN.mmdb, asns:"));
	spw_config_free(&config);
	free(text);
}

static void as_json(void **state)
{
	struct spw_site site = some_site();
	json_t *value = spw_view_first_config_json(&site, NULL, "the text"), *object;

	(void)state;
	assert_true(json_is_null(json_object_get(value, "file")));
	assert_string_equal(json_string_value(json_object_get(value, "text")), "the text");
	object = json_array_get(json_object_get(value, "services"), 0);
	assert_string_equal(json_string_value(json_object_get(object, "name")), "nginx");
	assert_int_equal(json_integer_value(json_array_get(json_object_get(object, "tcp"), 1)), 443);
	object = json_object_get(value, "management");
	assert_int_equal(json_array_size(json_object_get(object, "prefixes")), 2);
	assert_string_equal(json_string_value(json_object_get(object, "by")), "session");
	object = json_array_get(json_object_get(value, "left_out"), 0);
	assert_int_equal(json_integer_value(json_object_get(object, "port")), 5432);
	assert_int_equal(json_integer_value(json_object_get(value, "metrics_port")), 10011);
	json_decref(value);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_found_is_configured),
		cmocka_unit_test(nothing_found_leaves_examples),
		cmocka_unit_test(without_an_interface_it_is_an_example),
		cmocka_unit_test(hostile_names_stay_names),
		cmocka_unit_test(ports_in_sequence_are_ranges),
		cmocka_unit_test(databases_are_mmdb),
		cmocka_unit_test(as_json),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
