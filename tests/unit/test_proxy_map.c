/* SPDX-License-Identifier: GPL-2.0-only */
/* Maps for proxies: exact texts, and random rulesets in which each address has the class that the datapath finds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bpf/classify.h"
#include "user/lists/assemble.h"
#include "user/view/proxy_map.h"

/* ---- exact texts ---- */

static const char small[] = "interfaces: [lo]\n"
			    "lists:\n"
			    "  a: { inline: [192.0.2.0/24, 198.51.100.5-198.51.100.8, \"2001:db8::/32\"] }\n"
			    "  b: { inline: [192.0.2.128/25, \"2000::/4\"] }\n"
			    "  c: { inline: [192.0.2.200] }\n"
			    "classes:\n"
			    "  - { name: partner, lists: [a] }\n"
			    "  - { name: blocked, lists: [b], cut_from: green, cut: all }\n"
			    "  - { name: \"x\\\"y\\\\z\", lists: [c], cut_from: red }\n"
			    "  - { name: default, shed_from: orange }\n";

struct made {
	struct spw_config config;
	struct spw_lists lists;
	struct spw_assembly assembly;
};

static void make(struct made *made, const char *text)
{
	struct spw_diagnostics diagnostics = {0};

	*made = (struct made){0};
	if (spw_config_parse(text, strlen(text), "test", &made->config, &diagnostics) ||
	    spw_lists_load(&made->config, &made->lists, &diagnostics) ||
	    spw_assemble(&made->config, &made->lists, NULL, &made->assembly))
		fail_msg("%s", diagnostics.count ? diagnostics.items[0].text : "not put together");
	spw_diagnostics_free(&diagnostics);
}

static void unmake(struct made *made)
{
	spw_assembly_free(&made->assembly);
	spw_lists_free(&made->lists);
	spw_config_free(&made->config);
}

/* To be freed. Not inlined, as the next one: GCC 12 takes a pointer into the text for one to @text. */
static __attribute__((noinline)) char *classes_text(const struct spw_ruleset_source *source, enum spw_proxy proxy)
{
	char *text;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	assert_int_equal(spw_view_proxy_classes(out, source, proxy), 0);
	fclose(out);
	return text;
}

static __attribute__((noinline)) char *level_text(const struct spw_ruleset_source *source, enum spw_proxy proxy,
						  u32 level)
{
	char *text;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	spw_view_proxy_level(out, source, proxy, level);
	fclose(out);
	return text;
}

/* Takes @text; the first line is a comment. */
static void equal(char *text, const char *expected)
{
	assert_int_equal(*text, '#');
	assert_string_equal(strchr(text, '\n') + 1, expected);
	free(text);
}

static void texts_of_classes(void **state)
{
	struct made made;

	(void)state;
	make(&made, small);
	equal(classes_text(&made.assembly.source, SPW_NGINX), "default \"default\";\n"
							      "192.0.2.0/25 \"partner\";\n"
							      "192.0.2.128/26 \"blocked\";\n"
							      "192.0.2.192/29 \"blocked\";\n"
							      "192.0.2.200/32 \"x\\\"y\\\\z\";\n"
							      "192.0.2.201/32 \"blocked\";\n"
							      "192.0.2.202/31 \"blocked\";\n"
							      "192.0.2.204/30 \"blocked\";\n"
							      "192.0.2.208/28 \"blocked\";\n"
							      "192.0.2.224/27 \"blocked\";\n"
							      "198.51.100.5/32 \"partner\";\n"
							      "198.51.100.6/31 \"partner\";\n"
							      "198.51.100.8/32 \"partner\";\n"
							      "2000::/16 \"blocked\";\n"
							      "2001::/21 \"blocked\";\n"
							      "2001:800::/22 \"blocked\";\n"
							      "2001:c00::/24 \"blocked\";\n"
							      "2001:d00::/25 \"blocked\";\n"
							      "2001:d80::/27 \"blocked\";\n"
							      "2001:da0::/28 \"blocked\";\n"
							      "2001:db0::/29 \"blocked\";\n"
							      "2001:db8::/32 \"partner\";\n"
							      "2001:db9::/32 \"blocked\";\n"
							      "2001:dba::/31 \"blocked\";\n"
							      "2001:dbc::/30 \"blocked\";\n"
							      "2001:dc0::/26 \"blocked\";\n"
							      "2001:e00::/23 \"blocked\";\n"
							      "2001:1000::/20 \"blocked\";\n"
							      "2001:2000::/19 \"blocked\";\n"
							      "2001:4000::/18 \"blocked\";\n"
							      "2001:8000::/17 \"blocked\";\n"
							      "2002::/15 \"blocked\";\n"
							      "2004::/14 \"blocked\";\n"
							      "2008::/13 \"blocked\";\n"
							      "2010::/12 \"blocked\";\n"
							      "2020::/11 \"blocked\";\n"
							      "2040::/10 \"blocked\";\n"
							      "2080::/9 \"blocked\";\n"
							      "2100::/8 \"blocked\";\n"
							      "2200::/7 \"blocked\";\n"
							      "2400::/6 \"blocked\";\n"
							      "2800::/5 \"blocked\";\n");
	unmake(&made);
}

static void texts_of_levels(void **state)
{
	struct made made;

	(void)state;
	make(&made, small);
	equal(level_text(&made.assembly.source, SPW_NGINX, SPW_RED), "default served;\n"
								     "\"partner\" served;\n"
								     "\"blocked\" cut_all;\n"
								     "\"x\\\"y\\\\z\" cut_new;\n"
								     "\"\\\\default\" sheds;\n");
	equal(level_text(&made.assembly.source, SPW_HAPROXY, SPW_YELLOW), "partner served\n"
									  "blocked cut_all\n"
									  "x\"y\\z served\n"
									  "default served\n");
	equal(level_text(&made.assembly.source, SPW_HAPROXY, SPW_LEVEL_NEVER), "partner served\n"
									       "blocked served\n"
									       "x\"y\\z served\n"
									       "default served\n");
	unmake(&made);
}

static void unfit_names(void **state)
{
	static const struct {
		const char *first, *second;
		size_t haproxy, nginx; /* the class that is refused; 2: none */
	} cases[] = {
		{"a", "b", 2, 2}, {"a b", "c", 0, 2}, {"a", "#b", 1, 2}, {"a", "A", 2, 1}, {"a#", "b", 2, 2},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct spw_ruleset_class classes[] = {{.name = cases[i].first}, {.name = cases[i].second}};
		const struct spw_ruleset_source source = {.classes = classes, .classes_count = 2};
		const char *why;

		assert_int_equal(spw_proxy_unfit(&source, SPW_HAPROXY, &why), cases[i].haproxy);
		assert_int_equal(why != NULL, cases[i].haproxy < 2);
		assert_int_equal(spw_proxy_unfit(&source, SPW_NGINX, &why), cases[i].nginx);
		assert_int_equal(why != NULL, cases[i].nginx < 2);
	}
}

/* ---- against the datapath ---- */

#define LISTS	4
#define ENTRIES 60

static u64 random_state = 42;

static u64 random64(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	return random_state ^= random_state << 17;
}

struct world {
	struct spw_list_entry entries[LISTS][ENTRIES];
	struct spw_ruleset_list lists[LISTS];
	struct spw_ruleset_class classes[LISTS];
	struct spw_ruleset_source source;
	struct spw_ruleset_image image;
};

/* Clustered, so that prefixes nest; some close to the IPv4-mapped addresses. */
static struct spw_prefix random_prefix(void)
{
	u8 family = random64() & 1 ? 4 : 6, len = (u8)(random64() % (family == 4 ? 33 : 129));
	struct spw_prefix prefix = {.family = family, .len = len};
	u64 hi = random64() % 4 ? (random64() % 3) << 62 | random64() % 5 << 30 : random64();
	u64 lo = random64() % 2 ? SPW_IPV4_MAPPED | (u32)random64() : random64();

	if (random64() % 3 == 0 && family == 6)
		hi = 0;
	if (len < 64)
		lo = 0, hi = len ? hi & ~0ull << (64 - len) : 0;
	else
		lo = len > 64 ? lo & ~0ull << (128 - len) : 0;
	prefix.addr = (struct spw_addr){family == 4 ? hi & ~0ull << 32 : hi, family == 4 ? 0 : lo};
	return prefix;
}

static struct world *random_world(void)
{
	struct world *world = calloc(1, sizeof(*world));
	static const char *const names[LISTS] = {"one", "two", "three", "rest"};
	size_t lists = 1 + random64() % (LISTS - 1);
	struct spw_ruleset_error error;

	for (size_t i = 0; i < lists; i++) {
		for (size_t j = 0; j < ENTRIES; j++)
			world->entries[i][j].prefix = random_prefix();
		world->lists[i] = (struct spw_ruleset_list){
			.name = "list",
			.id = (u16)(i + 1),
			.class_index = (u16)i,
			.entries = world->entries[i],
			.count = random64() % (ENTRIES + 1),
		};
	}
	for (size_t i = 0; i <= lists; i++)
		world->classes[i] = (struct spw_ruleset_class){.name = names[i == lists ? LISTS - 1 : i], .id = (u8)i};
	world->source = (struct spw_ruleset_source){
		.lists = world->lists,
		.lists_count = lists,
		.classes = world->classes,
		.classes_count = lists + 1,
		.overlap_higher = true,
	};
	assert_int_equal(spw_ruleset_compile(&world->source, 0, &world->image, &error), 0);
	return world;
}

struct row {
	struct spw_prefix prefix;
	char name[16];
};

/* @name of the last class: of rows and lines that are no prefix, nginx's default. */
static size_t read_rows(const char *text, struct row *rows, size_t max, char rest[16])
{
	size_t count = 0;

	*rest = '\0';
	for (const char *line = strchr(text, '\n') + 1; *line; line = strchr(line, '\n') + 1) {
		size_t length = strcspn(line, " ");
		struct row *row = &rows[count];
		const char *name = line + length + 1 + (line[length + 1] == '"');

		assert_true(count < max);
		snprintf(row->name, sizeof(row->name), "%.*s", (int)strcspn(name, "\";\n"), name);
		if (!strncmp(line, "default ", 8)) {
			memcpy(rest, row->name, sizeof(row->name));
			continue;
		}
		assert_int_equal(spw_prefix_parse(line, length, &row->prefix), SPW_PREFIX_OK);
		count++;
	}
	return count;
}

/* The longest prefix wins, as in both proxies. */
static const char *looked_up(const struct row *rows, size_t count, const struct spw_prefix *address, const char *rest)
{
	const struct row *best = NULL;

	for (size_t i = 0; i < count; i++)
		if (spw_prefix_contains(&rows[i].prefix, address) && (!best || rows[i].prefix.len > best->prefix.len))
			best = &rows[i];
	return best ? best->name : rest;
}

static const char *found(const struct world *world, const struct spw_prefix *address)
{
	const struct spw_ruleset *ruleset = world->image.ruleset;
	u32 mask = ruleset->units_capacity - 1;
	u32 slot = address->family == 4 ? spw_find4(ruleset, mask, address->addr.hi)
					: spw_find6(ruleset, mask, address->addr.hi, address->addr.lo);

	return world->classes[ruleset->slots[slot].class_id].name;
}

static bool is_mapped(const struct spw_prefix *address)
{
	return address->family == 6 && !address->addr.hi && address->addr.lo >> 32 == 0xffff;
}

static void check_address(const struct world *world, const struct row *rows, size_t count, struct spw_prefix address,
			  const char *rest)
{
	const char *is;

	address.len = address.family == 4 ? 32 : 128;
	is = looked_up(rows, count, &address, rest);
	/* Proxies look among the IPv4 prefixes. */
	assert_string_equal(is, is_mapped(&address) ? rest : found(world, &address));
}

static void check_world(const struct world *world, enum spw_proxy proxy)
{
	static struct row rows[65536];
	char *text = classes_text(&world->source, proxy), *again = classes_text(&world->source, proxy), rest[16];
	size_t count = read_rows(text, rows, 65536, rest);

	assert_string_equal(text, again);
	for (size_t i = 0; i < world->source.lists_count; i++) {
		for (size_t j = 0; j < world->lists[i].count; j++) {
			struct spw_prefix prefix = world->entries[i][j].prefix, last = prefix;

			last.addr = spw_prefix_last(&prefix);
			check_address(world, rows, count, prefix, rest);
			check_address(world, rows, count, last, rest);
		}
	}
	for (int i = 0; i < 50; i++)
		check_address(world, rows, count, random_prefix(), rest);
	check_address(world, rows, count, (struct spw_prefix){{0, SPW_IPV4_MAPPED - 1}, 6, 128}, rest);
	check_address(world, rows, count, (struct spw_prefix){{0, SPW_IPV4_MAPPED}, 6, 128}, rest);
	check_address(world, rows, count, (struct spw_prefix){{0, 1ull << 48}, 6, 128}, rest);
	free(text);
	free(again);
}

static void classes_are_those_of_the_datapath(void **state)
{
	(void)state;
	for (int round = 0; round < 40; round++) {
		struct world *world = random_world();

		check_world(world, SPW_HAPROXY);
		check_world(world, SPW_NGINX);
		spw_ruleset_free(&world->image);
		free(world);
	}
}

static void as_json(void **state)
{
	struct made made;
	json_t *json, *class;

	(void)state;
	make(&made, small);
	json = spw_view_proxy_json(&made.assembly.source, SPW_ORANGE);
	assert_string_equal(json_string_value(json_object_get(json, "level")), "orange");
	assert_string_equal(json_string_value(json_object_get(json, "default")), "default");
	class = json_array_get(json_object_get(json, "classes"), 0);
	assert_string_equal(json_string_value(json_object_get(class, "class")), "partner");
	assert_string_equal(json_string_value(json_object_get(class, "treatment")), "served");
	assert_int_equal(json_array_size(json_object_get(class, "prefixes")), 5);
	class = json_array_get(json_object_get(json, "classes"), 3);
	assert_string_equal(json_string_value(json_object_get(class, "treatment")), "sheds");
	assert_int_equal(json_array_size(json_object_get(class, "prefixes")), 0);
	json_decref(json);
	json = spw_view_proxy_json(&made.assembly.source, SPW_LEVEL_NEVER);
	assert_true(json_is_null(json_object_get(json, "level")));
	json_decref(json);
	unmake(&made);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_of_classes), cmocka_unit_test(texts_of_levels),
		cmocka_unit_test(unfit_names),	    cmocka_unit_test(classes_are_those_of_the_datapath),
		cmocka_unit_test(as_json),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
