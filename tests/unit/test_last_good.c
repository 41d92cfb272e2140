/* SPDX-License-Identifier: GPL-2.0-only */
/* The last good ruleset: what is written is what is read, damage is found, and what stands in for which list. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "folder.h"
#include "user/lists/last_good.h"

#define NOW 1800000000ull
#define CONFIG                                                                                                         \
	"interfaces: [e]\nlists: {a: {file: a.txt}, b: {file: b.txt}, c: {inline: ['2001:db8::/32']}, d: {}}\n"        \
	"classes: [{name: x, lists: [a]}, {name: y, lists: [b, c, d]}, {name: z}]\n"

static const char *prefixes_of(const struct spw_list *list)
{
	static char text[4096];
	char prefix[SPW_PREFIX_TEXT], *out = text;

	*out = 0;
	for (size_t i = 0; i < list->count; i++)
		out += sprintf(out, "%s ", spw_prefix_format(&list->entries[i].prefix, prefix));
	return text;
}

static void parse(const char *text, struct spw_config *config)
{
	struct spw_diagnostics diagnostics = {0};
	char name[128];

	snprintf(name, sizeof(name), "%s/c", folder);
	if (spw_config_parse(text, strlen(text), name, config, &diagnostics))
		fail_msg("%s", told(&diagnostics));
	spw_diagnostics_free(&diagnostics);
}

/* Write the file `last_good` of @config and its lists; its length. */
static size_t keep(const struct spw_config *config, const struct spw_lists *lists, u64 now_s)
{
	int fd = open(SPW_LAST_GOOD_FILE, O_RDWR | O_CREAT | O_TRUNC, 0600);
	struct stat status;

	assert_true(fd >= 0);
	assert_int_equal(spw_last_good_write(fd, config, lists, now_s), 0);
	assert_int_equal(fstat(fd, &status), 0);
	close(fd);
	return (size_t)status.st_size;
}

static size_t keep_files(u64 now_s)
{
	struct spw_diagnostics diagnostics = {0};
	struct spw_config config;
	struct spw_lists lists;
	size_t length;

	parse(CONFIG, &config);
	assert_int_equal(spw_lists_load(&config, &lists, &diagnostics), 0);
	length = keep(&config, &lists, now_s);
	spw_lists_free(&lists);
	spw_config_free(&config);
	spw_diagnostics_free(&diagnostics);
	return length;
}

static void test_round_trip(void **state)
{
	struct spw_last_good good;
	struct spw_lists lists;
	char problem[SPW_MESSAGE_MAX], when[SPW_LAST_GOOD_WHEN];

	(void)state;
	write_file("a.txt", "198.18.0.0/15\n203.0.113.7\n2001:db8:1::/48\n");
	write_file("b.txt", "::/0\n0.0.0.0/0\n2001:db8:ffff:ffff:ffff:ffff:ffff:ffff\n");
	assert_int_equal(spw_last_good_read(folder, &good, problem), -ENOENT);
	spw_last_good_free(&good);
	keep_files(NOW);
	assert_int_equal(spw_last_good_read(folder, &good, problem), 0);
	assert_string_equal(problem, "");
	assert_int_equal(good.saved_s, NOW);
	assert_string_equal(good.text, CONFIG);
	assert_int_equal(good.config.lists_count, 4);
	assert_int_equal(spw_last_good_restore(&good, &good.config, &lists), 0);
	assert_string_equal(prefixes_of(&lists.lists[0]), "198.18.0.0/15 203.0.113.7/32 2001:db8:1::/48 ");
	assert_string_equal(prefixes_of(&lists.lists[1]), "0.0.0.0/0 ::/0 2001:db8:ffff:ffff:ffff:ffff:ffff:ffff/128 ");
	assert_string_equal(prefixes_of(&lists.lists[2]), "2001:db8::/32 ");
	assert_string_equal(prefixes_of(&lists.lists[3]), "");
	assert_int_equal(lists.lists[0].kept_s, NOW);
	assert_int_equal(lists.lists[0].count4, 2);
	assert_int_equal(lists.lists[0].count6, 1);
	/* Saved again, last good content keeps its time. */
	lists.lists[1].kept_s = 0;
	keep(&good.config, &lists, NOW + 5);
	spw_lists_free(&lists);
	spw_last_good_free(&good);
	assert_int_equal(spw_last_good_read(folder, &good, problem), 0);
	assert_int_equal(good.lists[0].read_s, NOW);
	assert_int_equal(good.lists[1].read_s, NOW + 5);
	spw_last_good_free(&good);
	assert_string_equal(spw_last_good_when(NOW, NOW + 3 * 3600, when), "2027-01-15T08:00:00Z, 3 h ago");
	assert_string_equal(spw_last_good_when(NOW, NOW - 10, when), "2027-01-15T08:00:00Z, 0 s ago");
}

/* The file with one byte changed, or cut off, is never taken. */
static void test_damage(void **state)
{
	size_t length;
	FILE *in;
	char *whole;

	(void)state;
	write_file("a.txt", "198.18.0.0/15\n203.0.113.7\n");
	write_file("b.txt", "2001:db8:2::/48\n");
	length = keep_files(NOW);
	whole = malloc(length);
	in = fopen(SPW_LAST_GOOD_FILE, "r");
	assert_non_null(whole);
	assert_non_null(in);
	assert_int_equal(fread(whole, 1, length, in), length);
	fclose(in);
	for (size_t i = 0; i <= 2 * length; i++) {
		struct spw_file file = {.text = malloc(length + 1), .length = i < length ? length : i - length};
		char problem[SPW_MESSAGE_MAX] = "";
		struct spw_last_good good;
		int err;

		assert_non_null(file.text);
		memcpy(file.text, whole, length);
		if (i < length)
			file.text[i] ^= 0x10;
		err = spw_last_good_parse(&file, &good, problem);
		if ((err == 0) != (i == 2 * length) || (err && !*problem))
			fail_msg("byte %zu: %d %s", i, err, problem);
		spw_last_good_free(&good);
	}
	free(whole);
}

/* The lists and the diagnostics, with the files as they are. */
static void expect(const char *text, bool have, int expected, const char *a, const char *b, const char *messages)
{
	struct spw_diagnostics diagnostics = {0};
	char problem[SPW_MESSAGE_MAX];
	struct spw_last_good good = {0};
	struct spw_config config;
	struct spw_lists lists;
	int err;

	parse(text, &config);
	if (have)
		assert_int_equal(spw_last_good_read(folder, &good, problem), 0);
	err = spw_last_good_load(&config, have ? &good : NULL, NOW + 60, &lists, &diagnostics);
	assert_string_equal(told(&diagnostics), messages);
	assert_int_equal(err, expected);
	assert_int_equal(!err, !diagnostics.errors);
	if (!err) {
		assert_string_equal(prefixes_of(&lists.lists[0]), a);
		assert_string_equal(prefixes_of(&lists.lists[1]), b);
	} else {
		assert_null(lists.lists);
	}
	spw_lists_free(&lists);
	spw_config_free(&config);
	spw_last_good_free(&good);
	spw_diagnostics_free(&diagnostics);
}

#define DAMAGE                                                                                                         \
	"'x' is not a prefix, address or range; write 192.0.2.0/24, 2001:db8::/32, 192.0.2.7 or 192.0.2.1-192.0.2.9\n"
#define STANDS                                                                                                         \
	"cannot be read now: its last good content stands, 1 prefix of 2027-01-15T08:00:00Z, 60 s ago; correct it, "   \
	"then 'spillway apply'\n"

static void test_stand_in(void **state)
{
	(void)state;
	write_file("a.txt", "198.18.1.0/24\n");
	write_file("b.txt", "198.18.2.0/24\n");
	keep_files(NOW);
	write_file("a.txt", "198.18.3.0/24\n");
	expect(CONFIG, true, 0, "198.18.3.0/24 ", "198.18.2.0/24 ", "");
	write_file("b.txt", "198.18.4.0/24\nx\n");
	expect(CONFIG, true, 0, "198.18.3.0/24 ", "198.18.2.0/24 ",
	       "warning: b.txt:2:1: " DAMAGE "warning: c:2:37: list 'b' " STANDS);
	expect(CONFIG, false, -EINVAL, "", "", "b.txt:2:1: " DAMAGE);
	/* Another source is another list, whatever its name. */
	expect("interfaces: [e]\nlists: {b: {files: [a.txt, b.txt]}, c: {}}\nclasses: [{name: x, lists: [b, c]}, {name: z}]\n",
	       true, -EINVAL, "", "", "b.txt:2:1: " DAMAGE);
	/* Only one of two lists that cannot be read has last good content. */
	unlink("a.txt");
	expect("interfaces: [e]\nlists: {e: {file: a.txt}, b: {file: b.txt}}\nclasses: [{name: x, lists: [b, e]}, {name: z}]\n",
	       true, -ENOENT, "", "",
	       "c:2:19: cannot read 'a.txt': open: No such file or directory\nb.txt:2:1: " DAMAGE);
}

#define SHRUNK(count, kept)                                                                                            \
	"warning: c:2:19: list 'a' has " count                                                                         \
	" prefixes now and is kept back, as its source was most likely cut off: its "                                  \
	"last good content stands, " kept                                                                              \
	" prefixes of 2027-01-15T08:00:00Z, 60 s ago; if it is meant: spillway apply "                                 \
	"--shrunk, or write on_shrink: take\n"

static void test_shrunk_at_a_start(void **state)
{
	(void)state;
	write_file("a.txt", "198.18.1.0/24\n198.18.3.0/24\n198.18.5.0/24\n");
	write_file("b.txt", "198.18.2.0/24\n");
	keep_files(NOW);
	write_file("a.txt", "198.18.1.0/24\n198.18.3.0/24\n");
	expect(CONFIG, true, 0, "198.18.1.0/24 198.18.3.0/24 ", "198.18.2.0/24 ", "");
	write_file("a.txt", "198.18.1.0/24\n");
	expect(CONFIG, true, 0, "198.18.1.0/24 198.18.3.0/24 198.18.5.0/24 ", "198.18.2.0/24 ", SHRUNK("1", "3"));
	expect(CONFIG, false, 0, "198.18.1.0/24 ", "198.18.2.0/24 ", "");
	write_file("a.txt", "# nothing\n");
	expect(CONFIG, true, 0, "198.18.1.0/24 198.18.3.0/24 198.18.5.0/24 ", "198.18.2.0/24 ", SHRUNK("0", "3"));
	expect("interfaces: [e]\nlists: {a: {file: a.txt, on_shrink: take}, b: {file: b.txt}}\n"
	       "classes: [{name: x, lists: [b, a]}, {name: z}]\n",
	       true, 0, "", "198.18.2.0/24 ", "");
}

/* The diagnostics of a reload, by how many prefixes there were and are. */
static void test_shrunk_at_a_reload(void **state)
{
	static const struct {
		u64 before;
		const char *text;
		bool refused;
	} rows[] = {
		{0, "", false},
		{1, "", true},
		{1, "198.18.1.0/24\n", false},
		{2, "198.18.1.0/24\n", false},
		{3, "198.18.1.0/24\n", true},
		{4, "198.18.1.0/24\n198.18.3.0/24\n", false},
		{1000, "198.18.1.0/24\n", true},
	};

	(void)state;
	write_file("b.txt", "198.18.2.0/24\n");
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const u64 before[] = {rows[i].before, 1, 1000, 0}; /* the third is inline */
		struct spw_diagnostics diagnostics = {0};
		struct spw_config config;
		struct spw_lists lists;
		char expected[512] = "";

		write_file("a.txt", rows[i].text);
		parse(CONFIG, &config);
		assert_int_equal(spw_lists_load(&config, &lists, &diagnostics), 0);
		assert_int_equal(spw_lists_check_shrunk(&config, &lists, before, &diagnostics),
				 rows[i].refused ? -EINVAL : 0);
		if (rows[i].refused)
			snprintf(
				expected, sizeof(expected),
				"c:2:19: list 'a' went from %llu prefixes to %zu and is kept back, as its source was most "
				"likely cut off; if it is meant: spillway apply --shrunk, or write on_shrink: take\n",
				(unsigned long long)rows[i].before, lists.lists[0].count);
		assert_string_equal(told(&diagnostics), expected);
		spw_lists_free(&lists);
		spw_config_free(&config);
		spw_diagnostics_free(&diagnostics);
	}
}

#define IN_FOLDER(name, test)                                                                                          \
	{                                                                                                              \
		name, test, enter_folder, leave_folder, NULL                                                           \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_FOLDER("what is kept comes back", test_round_trip),
		IN_FOLDER("damage anywhere is found", test_damage),
		IN_FOLDER("fault 60: last good content stands in for a list that cannot be read", test_stand_in),
		IN_FOLDER("faults 49, 60: and for one that shrank before a start", test_shrunk_at_a_start),
		IN_FOLDER("fault 49: a list that shrank is kept back at a reload", test_shrunk_at_a_reload),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("last good", tests, NULL, NULL);
}
