/* SPDX-License-Identifier: GPL-2.0-only */
/* Lists from MaxMind databases: countries and AS numbers, shapes of trees, and damaged files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "folder.h"
#include "mmdb.h"
#include "user/lists/assemble.h"
#include "user/lists/lists.h"

static struct mmdb db;
static u8 bytes[MMDB_BYTES];

static size_t write_db(const char *name)
{
	size_t length = mmdb_finish(&db, bytes);

	write_bytes(name, bytes, length);
	return length;
}

struct loaded {
	struct spw_config config;
	struct spw_lists lists;
	struct spw_diagnostics diagnostics;
	char told[4096]; /* diagnostics, one per line */
	int err;
};

/* Load a configuration with these lists, each in a class of its own. */
static void load(struct loaded *loaded, const char *lists)
{
	char text[2048], name[128];
	const char *from;

	memset(loaded, 0, sizeof(*loaded));
	snprintf(name, sizeof(name), "%s/c", folder);
	snprintf(text, sizeof(text),
		 "interfaces: [e]\nlists:\n%sclasses: [{name: one, lists: [a]}, {name: two, lists: [b]}, {name: z}]\n",
		 lists);
	loaded->err = spw_config_parse(text, strlen(text), name, &loaded->config, &loaded->diagnostics);
	if (!loaded->err)
		loaded->err = spw_lists_load(&loaded->config, &loaded->lists, &loaded->diagnostics);
	from = told(&loaded->diagnostics);
	assert_true(strlen(from) < sizeof(loaded->told));
	strcpy(loaded->told, from);
}

static void unload(struct loaded *loaded)
{
	spw_lists_free(&loaded->lists);
	spw_config_free(&loaded->config);
	spw_diagnostics_free(&loaded->diagnostics);
}

static const char *prefixes_of(const struct spw_list *list)
{
	static char text[4096];
	char prefix[SPW_PREFIX_TEXT], *out = text;

	*out = 0;
	for (size_t i = 0; i < list->count; i++)
		out += sprintf(out, "%s ", spw_prefix_format(&list->entries[i].prefix, prefix));
	return text;
}

static void expect(const char *lists, const char *a, const char *b)
{
	struct loaded loaded;

	load(&loaded, lists);
	assert_string_equal(loaded.told, "");
	assert_int_equal(loaded.err, 0);
	assert_string_equal(prefixes_of(&loaded.lists.lists[0]), a);
	assert_string_equal(prefixes_of(&loaded.lists.lists[1]), b);
	unload(&loaded);
}

static void expect_error(const char *lists, const char *expected)
{
	struct loaded loaded;

	load(&loaded, lists);
	assert_string_equal(loaded.told, expected);
	assert_true(loaded.err < 0);
	assert_null(loaded.lists.lists);
	unload(&loaded);
}

/* Like MaxMind's own: IPv4 at ::/96, and twice more by aliases. */
static void make_countries(u32 ip_version, u32 record_bits)
{
	u32 us, de, none;

	mmdb_begin(&db, ip_version, record_bits, "Test-Country");
	us = mmdb_text(&db, "country", "iso_code", "US");
	de = mmdb_text(&db, "country", "iso_code", "DE");
	none = mmdb_text(&db, "traits", "user_type", "vpn");
	mmdb_put(&db, "198.18.0.0/24", us);
	mmdb_put(&db, "198.18.1.0/24", us);
	mmdb_put(&db, "198.18.2.0/23", de);
	mmdb_put(&db, "203.0.113.0/24", none);
	mmdb_put(&db, "255.255.255.255", us);
	if (ip_version == 4)
		return;
	mmdb_put(&db, "2001:db8::/33", us);
	mmdb_put(&db, "2001:db8:8000::/33", de);
	mmdb_put(&db, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", de);
	mmdb_put_record(&db, "2002::/16", mmdb_ipv4_node(&db));
	mmdb_put_record(&db, "::ffff:0:0/96", mmdb_ipv4_node(&db));
}

static void test_countries(void **state)
{
	(void)state;
	for (u32 bits = 24; bits <= 32; bits += 4) {
		make_countries(6, bits);
		write_db("c.mmdb");
		expect("  a: {mmdb: c.mmdb, countries: [US]}\n  b: {mmdb: c.mmdb, countries: [DE]}\n",
		       "198.18.0.0/23 255.255.255.255/32 2001:db8::/33 ",
		       "198.18.2.0/23 2001:db8:8000::/33 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128 ");
		make_countries(4, bits);
		write_db("c.mmdb");
		expect("  a: {mmdb: c.mmdb, countries: ['!US', '!DE']}\n  b: {mmdb: c.mmdb, countries: [DE]}\n",
		       "203.0.113.0/24 ", "198.18.2.0/23 ");
	}
}

/* Other makers name the country differently; all of IPv4 may be one record. */
static void test_other_shapes(void **state)
{
	u32 us, fr;

	(void)state;
	mmdb_begin(&db, 6, 28, "other");
	us = mmdb_text(&db, NULL, "country_code", "US");
	fr = mmdb_text(&db, NULL, "country", "FR");
	mmdb_put(&db, "::/64", us);
	mmdb_put(&db, "2001:db8::/32", fr);
	write_db("c.mmdb");
	expect("  a: {mmdb: c.mmdb, countries: [US]}\n  b: {mmdb: c.mmdb, countries: [FR]}\n", "0.0.0.0/0 ::/64 ",
	       "2001:db8::/32 ");
}

static void make_asns(void)
{
	mmdb_begin(&db, 6, 24, "Test-ASN");
	mmdb_put(&db, "198.18.0.0/16", mmdb_number(&db, "autonomous_system_number", 64500));
	mmdb_put(&db, "198.19.0.0/17", mmdb_text(&db, NULL, "asn", "AS64501"));
	mmdb_put(&db, "198.19.128.0/17", mmdb_text(&db, NULL, "asn", "4200000000"));
	mmdb_put(&db, "2001:db8::/32", mmdb_number(&db, "asn", 64500));
}

static void test_asns(void **state)
{
	struct loaded loaded;

	(void)state;
	make_asns();
	write_db("n.mmdb");
	expect("  a: {mmdb: n.mmdb, asns: [64500, AS4200000000]}\n  b: {mmdb: n.mmdb, asns: [64501]}\n",
	       "198.18.0.0/16 198.19.128.0/17 2001:db8::/32 ", "198.19.0.0/17 ");
	/* A missing network is no reason to refuse the rest. */
	load(&loaded, "  a: {mmdb: n.mmdb, asns: [64500]}\n  b: {mmdb: n.mmdb, asns: [64501, 7]}\n");
	assert_string_equal(loaded.told, "warning: c:4:35: AS7 has no prefix in 'n.mmdb'\n");
	unload(&loaded);
}

/* Among equal prefixes: written ones, then AS numbers, then countries, whatever the sequence of classes. */
static void test_tiers(void **state)
{
	static const char lists[] = "  a: {mmdb: c.mmdb, countries: [DE]}\n  b: {mmdb: n.mmdb, asns: [64500]}\n";
	struct spw_ruleset_image image = {0};
	struct spw_ruleset_error error = {0};
	struct spw_assembly assembly;
	struct loaded loaded;

	(void)state;
	mmdb_begin(&db, 4, 24, "Test-Country");
	mmdb_put(&db, "198.18.0.0/16", mmdb_text(&db, "country", "iso_code", "DE"));
	write_db("c.mmdb");
	make_asns();
	write_db("n.mmdb");
	load(&loaded, lists);
	assert_string_equal(loaded.told, "");
	assert_int_equal(spw_assemble(&loaded.config, &loaded.lists, NULL, &assembly), 0);
	assert_int_equal(assembly.source.lists[0].tier, SPW_TIER_COUNTRY);
	assert_int_equal(assembly.source.lists[1].tier, SPW_TIER_ASN);
	assert_int_equal(spw_ruleset_compile(&assembly.source, 0, &image, &error), 0);
	spw_ruleset_free(&image);
	spw_assembly_free(&assembly);
	unload(&loaded);
}

static void test_refused(void **state)
{
	static const char us[] = "  a: {mmdb: c.mmdb, countries: [US]}\n  b: {}\n";
	size_t length;

	(void)state;
	expect_error(us, "c:3:13: cannot read 'c.mmdb': open: No such file or directory\n");
	write_bytes("c.mmdb", "198.18.0.0/24\n", 14);
	expect_error(us, "c:3:13: cannot read 'c.mmdb': it is not a MaxMind database (MMDB), or incomplete\n");
	write_bytes("c.mmdb", "", 0);
	expect_error(us, "c:3:13: cannot read 'c.mmdb': it is not a MaxMind database (MMDB), or incomplete\n");
	make_countries(6, 24);
	length = write_db("c.mmdb");
	write_bytes("c.mmdb", bytes, length - 200);
	expect_error(us, "c:3:13: cannot read 'c.mmdb': it is not a MaxMind database (MMDB), or incomplete\n");
	/* Its middle is missing. */
	memmove(bytes + 60, bytes + 60 + db.nodes_count * 6, length - 60 - db.nodes_count * 6);
	write_bytes("c.mmdb", bytes, length - db.nodes_count * 6);
	expect_error(us, "c:3:13: cannot read 'c.mmdb': it is not a MaxMind database (MMDB), or incomplete\n");
	make_asns();
	write_db("c.mmdb");
	expect_error(us, "c:3:13: there are no countries in 'c.mmdb', a database of type 'Test-ASN'\n");
	make_countries(6, 24);
	write_db("c.mmdb");
	expect_error("  a: {mmdb: c.mmdb, asns: [1]}\n  b: {}\n",
		     "c:3:13: there are no AS numbers in 'c.mmdb', a database of type 'Test-Country'\n");
	expect_error("  a: {mmdb: c.mmdb, countries: [FR, ED]}\n  b: {}\n",
		     "c:3:33: country 'FR' is not in 'c.mmdb', which knows 3 codes\n"
		     "c:3:37: country 'ED' is not in 'c.mmdb'; did you mean 'DE'?\n");
	assert_int_equal(chmod("c.mmdb", 0666), 0);
	expect_error(us, "c:3:13: cannot read 'c.mmdb': everybody may write to it; run: chmod o-w\n");
}

/* Trees that no maker makes: a cycle, one that unfolds without end, data past the end, nodes past the end. */
static void test_hostile(void **state)
{
	static const char us[] = "  a: {mmdb: c.mmdb, countries: [US]}\n  b: {}\n";

	(void)state;
	mmdb_begin(&db, 6, 24, "x");
	mmdb_put(&db, "8000::/2", 0);
	db.nodes[1][0] = db.nodes[1][1] = 1;
	write_db("c.mmdb");
	expect_error(us, "c:3:13: cannot read 'c.mmdb': it is damaged: its search tree is invalid\n");
	mmdb_begin(&db, 6, 24, "x");
	for (u32 i = 0; i < 120; i++)
		db.nodes[i][0] = db.nodes[i][1] = i + 1;
	db.nodes[120][0] = db.nodes[120][1] = MMDB_NOTHING;
	db.nodes_count = 121;
	write_db("c.mmdb");
	expect_error(us, "c:3:13: cannot read 'c.mmdb': it is damaged: its search tree repeats itself\n");
	mmdb_begin(&db, 6, 24, "x");
	mmdb_put(&db, "2001:db8::/32", 100000);
	write_db("c.mmdb");
	expect_error(us, "c:3:13: cannot read 'c.mmdb': it is damaged: its search tree is invalid\n");
	mmdb_begin(&db, 6, 24, "x");
	db.nodes[0][0] = MMDB_NOTHING;
	db.nodes[0][1] = 0xffffff;
	db.nodes_count = 1;
	db.nodes_missing = 0x80000000; /* the size of the tree, 6 bytes a node, is then small in 32 bits */
	write_db("c.mmdb");
	expect_error(us, "c:3:13: cannot read 'c.mmdb': it is damaged: its search tree is larger than the file\n");
}

static void test_configuration(void **state)
{
	(void)state;
	expect_error("  a: {mmdb: c.mmdb}\n  b: {}\n",
		     "c:3:7: list 'a' takes countries or AS numbers of the database; write one of countries: [US] and "
		     "asns: [64500] beside mmdb\n");
	expect_error("  a: {mmdb: c.mmdb, countries: [US], asns: [1]}\n  b: {}\n",
		     "c:3:7: list 'a' takes countries or AS numbers of the database; write one of countries: [US] and "
		     "asns: [64500] beside mmdb\n");
	expect_error("  a: {file: f, asns: [1]}\n  b: {}\n", "c:3:16: 'asns' needs 'mmdb' beside it\n");
	expect_error("  a: {mmdb: c.mmdb, asns: [AS, 0, 4294967296, 7, AS7]}\n  b: {}\n",
		     "c:3:28: 'AS' is not an AS number; write 64500 or AS64500\n"
		     "c:3:32: '0' is not an AS number; write 64500 or AS64500\n"
		     "c:3:35: '4294967296' is not an AS number; write 64500 or AS64500\n"
		     "c:3:50: AS7 is given twice, first at line 3\n");
	expect_error("  a: {mmdb: c.mmdb, countries: [UK, '!EL', us]}\n  b: {}\n",
		     "warning: c:3:33: 'UK' is not an assigned country code, so few addresses are listed under it; "
		     "did you mean 'GB'?\n"
		     "warning: c:3:37: '!EL' is not an assigned country code, so few addresses are listed under it; "
		     "did you mean '!GR'?\n"
		     "warning: c:3:37: '!EL' has no effect, as other countries are named\n"
		     "c:3:44: 'us' is not a country; did you mean 'US'?\n");
}

#define IN_FOLDER(name, test)                                                                                          \
	{                                                                                                              \
		name, test, enter_folder, leave_folder, NULL                                                           \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_FOLDER("countries, in trees of every record size", test_countries),
		IN_FOLDER("other names of the country, IPv4 as one record", test_other_shapes),
		IN_FOLDER("AS numbers", test_asns),
		IN_FOLDER("equal prefixes of AS numbers and countries", test_tiers),
		IN_FOLDER("files that are none, truncated, of another kind", test_refused),
		IN_FOLDER("hostile trees", test_hostile),
		IN_FOLDER("keys", test_configuration),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("mmdb", tests, NULL, NULL);
}
