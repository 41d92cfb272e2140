/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lists: what the readers accept and report, untrusted files, countries, and the check against cutting everybody or
 * oneself.
 */
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
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "folder.h"
#include "user/lists/assemble.h"

#define NO_CLASS ", so it has no effect; name it in the lists of a class, or remove it\n"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

#define TOR	    "/usr/share/tor"
#define TOR_RANGES4 385602
#define TOR_RANGES6 276626

/* As told(), but the test's folder is shown as DIR, so that each path in a message is seen whole. */
static const char *told_whole(const struct spw_diagnostics *diagnostics)
{
	static char text[65536];
	char *out = text;

	*out = 0;
	for (size_t i = 0; i < diagnostics->count; i++) {
		const char *from = diagnostics->items[i].text, *found;

		if (diagnostics->items[i].severity == SPW_WARNING)
			out = stpcpy(out, "warning: ");
		while (*folder && (found = strstr(from, folder))) {
			out = mempcpy(out, from, (size_t)(found - from));
			out = stpcpy(out, "DIR");
			from = found + strlen(folder);
		}
		out = stpcpy(stpcpy(out, from), "\n");
	}
	return text;
}

/* The prefixes of a list with their lines and columns, one per line. */
static const char *prefixes_of(const struct spw_list *list)
{
	static char text[65536];
	char prefix[SPW_PREFIX_TEXT], *out = text;

	*out = 0;
	for (size_t i = 0; i < list->count; i++)
		out += sprintf(out, "%u:%u %s\n", list->entries[i].line, list->entries[i].column,
			       spw_prefix_format(&list->entries[i].prefix, prefix));
	return text;
}

/* CIDR text, parsed from an allocation of its own so that overreads are found. */
struct parsed {
	struct spw_list list;
	struct spw_diagnostics diagnostics;
	int err;
};

static void parse_cidr(struct parsed *parsed, const char *text, size_t length, bool strict)
{
	char *copy = malloc(length + !length);

	assert_non_null(copy);
	memcpy(copy, text, length);
	*parsed = (struct parsed){0};
	parsed->err = spw_list_parse(copy, length, "f", &(struct spw_list_options){.strict = strict}, &parsed->list,
				     &parsed->diagnostics);
	free(copy);
}

static void release(struct parsed *parsed)
{
	free(parsed->list.entries);
	spw_diagnostics_free(&parsed->diagnostics);
}

static void test_cidr_good(void **state)
{
	static const struct {
		const char *text, *expected;
	} rows[] = {
		{"", ""},
		{"\n\n \t\n# all quiet\n   # and here\n#", ""},
		{"192.0.2.0/24", "1:1 192.0.2.0/24\n"},
		{"192.0.2.0/24\n", "1:1 192.0.2.0/24\n"},
		{"\xef\xbb\xbf"
		 "192.0.2.0/24\r\n2001:db8::/32\r\n",
		 "1:1 192.0.2.0/24\n2:1 2001:db8::/32\n"},
		{"# c\n\n  192.0.2.7 # one host\n\t2001:DB8::1#another\r\n", "3:3 192.0.2.7/32\n4:2 2001:db8::1/128\n"},
		{"192.0.2.1-192.0.2.4\n", "1:1 192.0.2.1/32\n1:1 192.0.2.2/31\n1:1 192.0.2.4/32\n"},
		{" 192.0.2.0 \t-  192.0.2.255 # a range\n", "1:2 192.0.2.0/24\n"},
		{"2001:db8::ffff:ffff:ffff:ffff-2001:db8:0:1::\n",
		 "1:1 2001:db8::ffff:ffff:ffff:ffff/128\n1:1 2001:db8:0:1::/128\n"},
		{"0.0.0.0-255.255.255.255\n::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff\n", "1:1 0.0.0.0/0\n2:1 ::/0\n"},
		{"192.0.2.1-192.0.2.1\n", "1:1 192.0.2.1/32\n"},
		{"# \xff\xfe is no UTF-8, but it is a comment\n::1", "2:1 ::1/128\n"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct parsed parsed;

		parse_cidr(&parsed, rows[i].text, strlen(rows[i].text), true);
		assert_string_equal(told_whole(&parsed.diagnostics), "");
		assert_int_equal(parsed.err, 0);
		assert_string_equal(prefixes_of(&parsed.list), rows[i].expected);
		assert_int_equal(parsed.list.count, parsed.list.count4 + parsed.list.count6);
		release(&parsed);
	}
}

static void test_cidr_errors(void **state)
{
	static const struct {
		const char *text, *expected;
	} rows[] = {
		{"10.0.0.0/33\n", "f:1:9: '/33' is not a prefix length; IPv4 has /0 to /32\n"},
		{"::/129\n", "f:1:3: '/129' is not a prefix length; IPv6 has /0 to /128\n"},
		{"# c\n  10.0.0.1/8\n", "f:2:3: '10.0.0.1/8' has host bits set; the network is 10.0.0.0/8\n"},
		{"foo",
		 "f:1:1: 'foo' is not a prefix, address or range; write 192.0.2.0/24, 2001:db8::/32, 192.0.2.7 or "
		 "192.0.2.1-192.0.2.9\n"},
		{"1.2.3.4, 1.2.3.5", "f:1:10: one prefix, address or range at a time; '1.2.3.5' is too much\n"},
		{"1.2.3.4/32 \t foo bar # baz",
		 "f:1:14: one prefix, address or range at a time; 'foo bar' is too much\n"},
		{"1.2.3.4 - \n", "f:1:10: '' is not an address; write a range as 192.0.2.1-192.0.2.9\n"},
		{" - 1.2.3.4\n", "f:1:2: '' is not an address; write a range as 192.0.2.1-192.0.2.9\n"},
		{"1.2.3.4 - 1.2.3\n", "f:1:11: '1.2.3' is not an address; write a range as 192.0.2.1-192.0.2.9\n"},
		{"1.2.3.4-::1\n", "f:1:9: a range goes from IPv4 to IPv4 or from IPv6 to IPv6\n"},
		{"\n\n1.2.3.4-1.2.3.3", "f:3:1: '1.2.3.4' is above '1.2.3.3'; write the lower end of a range first\n"},
		{"\x1b[2J\xff",
		 "f:1:1: '\\x1b[2J\\xff' is not a prefix, address or range; write 192.0.2.0/24, 2001:db8::/32, "
		 "192.0.2.7 or 192.0.2.1-192.0.2.9\n"},
		{"10.0.0.1/8\n10.0.0.0/8\n10.0.0.2/8\n",
		 "f:1:1: '10.0.0.1/8' has host bits set; the network is 10.0.0.0/8\n"
		 "f:3:1: '10.0.0.2/8' has host bits set; the network is 10.0.0.0/8\n"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct parsed parsed;

		parse_cidr(&parsed, rows[i].text, strlen(rows[i].text), true);
		assert_int_equal(parsed.err, -EINVAL);
		assert_string_equal(told_whole(&parsed.diagnostics), rows[i].expected);
		release(&parsed);
	}
}

static void test_cidr_nul_and_long_lines(void **state)
{
	static const char nul[] = "::1\n::2 # \0", first[] = "\0";
	struct parsed parsed;
	char *text;

	(void)state;
	parse_cidr(&parsed, nul, sizeof(nul) - 1, true);
	assert_int_equal(parsed.err, -EINVAL);
	assert_string_equal(told_whole(&parsed.diagnostics), "f:2:7: a NUL byte; this is not text\n");
	release(&parsed);
	parse_cidr(&parsed, first, 1, true);
	assert_string_equal(told_whole(&parsed.diagnostics), "f:1:1: a NUL byte; this is not text\n");
	release(&parsed);
	text = malloc(1 << 20);
	assert_non_null(text);
	memset(text, '#', 1 << 20);
	memcpy(text, "::1\n", 4);
	text[4 + SPW_LIST_LINE_BYTES_MAX] = '\n'; /* the second line has the maximum length, the third exceeds it */
	parse_cidr(&parsed, text, 1 << 20, true);
	assert_string_equal(told_whole(&parsed.diagnostics), "f:3:4097: the line is longer than 4096 bytes\n");
	release(&parsed);
	text[1000000] = 0;
	parse_cidr(&parsed, text, 1 << 20, true);
	assert_string_equal(told_whole(&parsed.diagnostics), "f:3:995900: a NUL byte; this is not text\n");
	release(&parsed);
	free(text);
}

/* Twenty errors are shown, the others counted; a completely wrong file stops the reading. */
static void test_cidr_many_errors(void **state)
{
	const size_t lines = 50000;
	char *text = malloc(2 * lines);
	struct parsed parsed;

	(void)state;
	assert_non_null(text);
	for (size_t i = 0; i < lines; i++)
		memcpy(text + 2 * i, "x\n", 2);
	parse_cidr(&parsed, text, 2 * 25, true);
	assert_int_equal(parsed.err, -EINVAL);
	assert_int_equal(parsed.diagnostics.count, 21);
	assert_string_equal(parsed.diagnostics.items[20].text, "f: and 5 more errors");
	release(&parsed);
	parse_cidr(&parsed, text, 2 * lines, true);
	assert_int_equal(parsed.diagnostics.count, 21);
	assert_string_equal(parsed.diagnostics.items[20].text,
			    "f: and 9980 more errors up to line 10000, where reading ended");
	release(&parsed);
	free(text);
}

static void test_append_bound(void **state)
{
	static struct spw_list_entry few[1];
	struct spw_prefix prefix = {.family = 4, .len = 32};
	struct spw_list list = {.entries = few, .count = SPW_LIST_ENTRIES_MAX, .capacity = SPW_LIST_ENTRIES_MAX};

	(void)state;
	assert_int_equal(spw_list_append(&list, &prefix, 1, 1), -E2BIG);
	assert_int_equal(list.count, SPW_LIST_ENTRIES_MAX);
}

static int write_range(void *context, u8 family, const struct spw_addr *first, const struct spw_addr *last,
		       const char code[3], u32 line)
{
	char from[SPW_PREFIX_TEXT], to[SPW_PREFIX_TEXT], **out = context;

	*out += sprintf(*out, "%u %s-%s %s\n", line, spw_addr_format(first, family, from),
			spw_addr_format(last, family, to), code);
	return 0;
}

static void check_geo(u8 family, const char *text, const char *expected, const char *errors)
{
	struct spw_diagnostics diagnostics = {0};
	char ranges[1024] = "", *out = ranges, *copy = malloc(strlen(text) + !*text);
	int err;

	assert_non_null(copy);
	memcpy(copy, text, strlen(text));
	err = spw_list_parse_geo(copy, strlen(text), family, "g", write_range, &out, &diagnostics);
	free(copy);
	assert_int_equal(err, *errors ? -EINVAL : 0);
	assert_string_equal(told_whole(&diagnostics), errors);
	assert_string_equal(ranges, expected);
	spw_diagnostics_free(&diagnostics);
}

static void test_geo_lines(void **state)
{
	(void)state;
	check_geo(4, "", "", "");
	check_geo(4, "# c\n\n0,16777215,??\r\n16777216,4294967295,US",
		  "3 0.0.0.0-0.255.255.255 ??\n4 1.0.0.0-255.255.255.255 US\n", "");
	check_geo(6, "2001:db8::,2001:db8::ff,A1\n::,::,DE\n", "1 2001:db8::-2001:db8::ff A1\n2 ::-:: DE\n", "");
	check_geo(4, "1,2\n", "", "g:1:3: not a range; a line is START,END,COUNTRY\n");
	check_geo(4, "US\n", "", "g:1:1: not a range; a line is START,END,COUNTRY\n");
	check_geo(4, "1,4294967296,US\n", "", "g:1:3: '4294967296' is not an IPv4 address as a decimal number\n");
	check_geo(4, "1,99999999999999999999,US\n", "",
		  "g:1:3: '99999999999999999999' is not an IPv4 address as a decimal number\n");
	check_geo(4, ",2,US\n", "", "g:1:1: '' is not an IPv4 address as a decimal number\n");
	check_geo(4, "1.2.3.4,2,US\n", "", "g:1:1: '1.2.3.4' is not an IPv4 address as a decimal number\n");
	check_geo(4, "2,1,US\n", "", "g:1:1: the range ends before it begins\n");
	check_geo(4, "1,2,us\n3,4,USA\n5,6,\n7,8,?X\n", "",
		  "g:1:5: 'us' is not the code of a country\ng:2:5: 'USA' is not the code of a country\n"
		  "g:3:5: '' is not the code of a country\ng:4:5: '?X' is not the code of a country\n");
	check_geo(6, "1.2.3.4,::2,US\n", "", "g:1:1: '1.2.3.4' is not an IPv6 address\n");
	check_geo(6, "::1,::x,US\n", "", "g:1:5: '::x' is not an IPv6 address\n");
}

static int stop(void *context, u8 family, const struct spw_addr *first, const struct spw_addr *last, const char code[3],
		u32 line)
{
	(void)family, (void)first, (void)last, (void)code, (void)line;
	++*(u32 *)context;
	return -ENOMEM;
}

static void test_geo_visit_ends_it(void **state)
{
	struct spw_diagnostics diagnostics = {0};
	u32 calls = 0;

	(void)state;
	assert_int_equal(spw_list_parse_geo("1,2,US\n3,4,US\n", 14, 4, "g", stop, &calls, &diagnostics), -ENOMEM);
	assert_int_equal(calls, 1);
	assert_int_equal(diagnostics.errors, 0);
}

/* A configuration and its lists, both from text. */
struct loaded {
	struct spw_config config;
	struct spw_lists lists;
	struct spw_diagnostics diagnostics;
	int err;
};

static void load(struct loaded *loaded, const char *text)
{
	char name[128];

	snprintf(name, sizeof(name), "%s/c", folder);
	*loaded = (struct loaded){0};
	loaded->err = spw_config_parse(text, strlen(text), name, &loaded->config, &loaded->diagnostics);
	if (loaded->err)
		fail_msg("%s", told_whole(&loaded->diagnostics));
	loaded->err = spw_lists_load(&loaded->config, &loaded->lists, &loaded->diagnostics);
}

static void unload(struct loaded *loaded)
{
	spw_lists_free(&loaded->lists);
	spw_config_free(&loaded->config);
	spw_diagnostics_free(&loaded->diagnostics);
}

/* One file list, named at 2:18. */
#define ONE_FILE "interfaces: [e]\nlists: {a: {file: a.txt}}\nclasses: [{name: a, lists: [a]}, {name: z}]\n"

static void expect_refusal(const char *problem, int err)
{
	struct loaded loaded;
	char expected[512];

	snprintf(expected, sizeof(expected), "DIR/c:2:19: cannot read 'DIR/a.txt': %s\n", problem);
	load(&loaded, ONE_FILE);
	assert_string_equal(told_whole(&loaded.diagnostics), expected);
	assert_int_equal(loaded.err, err);
	assert_int_equal(loaded.lists.count, 0);
	assert_null(loaded.lists.lists);
	unload(&loaded);
}

static void expect_one_prefix(void)
{
	struct loaded loaded;

	load(&loaded, ONE_FILE);
	assert_string_equal(told_whole(&loaded.diagnostics), "");
	assert_int_equal(loaded.err, 0);
	assert_int_equal(loaded.lists.count, 1);
	assert_int_equal(loaded.lists.lists[0].count, 1);
	assert_int_equal(loaded.lists.lists[0].capacity, 1);
	unload(&loaded);
}

static void test_file_kinds(void **state)
{
	int fd;

	(void)state;
	expect_refusal("open: No such file or directory", -ENOENT);
	assert_int_equal(mkdir("a.txt", 0755), 0);
	expect_refusal("it is not a regular file", -EISDIR);
	assert_int_equal(rmdir("a.txt"), 0);
	assert_int_equal(mkfifo("a.txt", 0600), 0);
	expect_refusal("it is not a regular file", -EINVAL); /* without waiting for a writer */
	unlink("a.txt");
	fd = open("a.txt", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_int_equal(ftruncate(fd, (off_t)SPW_LIST_FILE_BYTES_MAX + 1), 0);
	close(fd);
	expect_refusal("it has 268435457 bytes; the maximum is 268435456", -EFBIG);
	write_file("a.txt", "192.0.2.0/24\n");
	expect_one_prefix();
}

/* Own links are followed anywhere, as Kubernetes and NixOS make them. */
static void test_file_links(void **state)
{
	char path[128];

	(void)state;
	assert_int_equal(mkdir("sub", 0755), 0);
	write_file("b.txt", "192.0.2.0/24\n");
	write_file("sub/c.txt", "192.0.2.0/24\n");
	snprintf(path, sizeof(path), "%s/sub/../b.txt", folder);
	assert_int_equal(symlink(path, "a.txt"), 0);
	expect_one_prefix();
	unlink("a.txt");
	assert_int_equal(symlink("now/c.txt", "a.txt"), 0);
	assert_int_equal(symlink("sub", "now"), 0);
	expect_one_prefix();
	unlink("a.txt");
	assert_int_equal(symlink("b.txt/c.txt", "a.txt"), 0);
	expect_refusal("'b.txt' is not a folder", -ENOTDIR);
	unlink("a.txt");
	assert_int_equal(symlink("a.txt", "a.txt"), 0);
	expect_refusal("more than 16 symbolic links in a row", -ELOOP);
	unlink("a.txt");
	assert_int_equal(symlink("..", "a.txt"), 0);
	expect_refusal("it is not a regular file", -EISDIR);
	unlink("a.txt");
	assert_int_equal(symlink("gone.txt", "a.txt"), 0);
	expect_refusal("open: No such file or directory", -ENOENT);
	unlink("a.txt");
	assert_int_equal(symlink("gone/b.txt", "a.txt"), 0);
	expect_refusal("open its folder: No such file or directory", -ENOENT);
	unlink("a.txt");
	assert_int_equal(symlink("d.txt", "a.txt"), 0);
	assert_int_equal(symlink("b.txt", "d.txt"), 0);
	expect_one_prefix();
}

#define NO_TRUST "; only links of root or of the user that runs spillway are followed to other folders"

/* Links of others are followed only to files beside them, and not through folders that others may write. */
static void test_links_of_others(void **state)
{
	(void)state;
	assert_int_equal(mkdir("sub", 0755), 0);
	write_file("b.txt", "192.0.2.0/24\n");
	write_file("sub/c.txt", "192.0.2.0/24\n");
	assert_int_equal(symlink("sub/c.txt", "a.txt"), 0);
	assert_int_equal(chmod("sub", 0757), 0);
	expect_refusal("a link leads through folder 'sub', which others than its owner may write to", -EPERM);
	assert_int_equal(chmod("sub", 01777), 0);
	expect_one_prefix(); /* sticky, like /tmp */
	assert_int_equal(chmod("sub", 0755), 0);
	if (geteuid())
		skip();
	assert_int_equal(chown("sub", 65534, 0), 0);
	expect_refusal("a link leads through folder 'sub' of user 65534; only folders of root or of the user that runs "
		       "spillway are trusted",
		       -EPERM);
	assert_int_equal(chown("sub", 0, 65534), 0);
	assert_int_equal(chmod("sub", 0775), 0);
	expect_refusal("a link leads through folder 'sub', which others than its owner may write to", -EPERM);
	assert_int_equal(chown("sub", 0, 0), 0);
	expect_one_prefix();
	assert_int_equal(lchown("a.txt", 65534, 65534), 0);
	expect_refusal("'a.txt' is a symbolic link of user 65534" NO_TRUST, -EPERM);
	unlink("a.txt");
	assert_int_equal(symlink("/etc/passwd", "a.txt"), 0);
	assert_int_equal(lchown("a.txt", 65534, 65534), 0);
	expect_refusal("'a.txt' is a symbolic link of user 65534" NO_TRUST, -EPERM);
	unlink("a.txt");
	assert_int_equal(symlink("now/c.txt", "a.txt"), 0);
	assert_int_equal(symlink("sub", "now"), 0);
	assert_int_equal(lchown("now", 65534, 65534), 0);
	expect_refusal("'now' is a symbolic link of user 65534" NO_TRUST, -EPERM);
	unlink("a.txt");
	assert_int_equal(symlink("b.txt", "a.txt"), 0);
	assert_int_equal(lchown("a.txt", 65534, 65534), 0);
	expect_one_prefix();
}

static void test_file_writers(void **state)
{
	(void)state;
	write_file("a.txt", "192.0.2.0/24\n");
	assert_int_equal(chmod("a.txt", 0646), 0);
	expect_refusal("everybody may write to it; run: chmod o-w", -EPERM);
	assert_int_equal(chmod("a.txt", 0664), 0);
	if (geteuid() || getegid()) {
		expect_refusal("its group may write to it; run: chmod g-w", -EPERM);
		return;
	}
	expect_one_prefix(); /* owner and group are root */
	assert_int_equal(chown("a.txt", 0, 1), 0);
	expect_refusal("its group may write to it; run: chmod g-w", -EPERM);
	assert_int_equal(chown("a.txt", 1, 0), 0);
	expect_refusal("its group may write to it; run: chmod g-w", -EPERM);
	assert_int_equal(chmod("a.txt", 0644), 0);
	expect_one_prefix();
}

#define REWRITTEN_LINES 65536
#define REWRITTEN_BYTES 16

static pid_t writer; /* of the test below; 0: none */

static int stop_writer(void **state)
{
	if (writer) {
		kill(writer, SIGKILL);
		waitpid(writer, NULL, 0);
	}
	writer = 0;
	return leave_folder(state);
}

/* Rewrite the same file endlessly, each time with the next version in every line. */
static void rewrite_forever(int fd)
{
	static char text[8192];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (u32 version = 1; version < 65536; version++) {
		for (size_t at = 0; at < sizeof(text); at += REWRITTEN_BYTES) {
			int length = sprintf(text + at, "10.0.%u.%u", version >> 8, version & 255);

			memset(text + at + length, ' ', (size_t)(REWRITTEN_BYTES - 1 - length));
			text[at + REWRITTEN_BYTES - 1] = '\n';
		}
		for (off_t at = 0; at < REWRITTEN_LINES * REWRITTEN_BYTES; at += sizeof(text))
			if (pwrite(fd, text, sizeof(text), at) != sizeof(text))
				_exit(1);
	}
	_exit(0);
}

/*
 * At any moment the front of the file has one version and the rest the one before. What was read must look like that: a
 * mixture of two moments has the older version in front, or three versions.
 */
static void check_one_moment(const struct spw_list *list)
{
	u32 changes = 0;

	assert_int_equal(list->count, REWRITTEN_LINES);
	for (size_t i = 1; i < list->count; i++) {
		u64 before = list->entries[i - 1].prefix.addr.hi >> 32, here = list->entries[i].prefix.addr.hi >> 32;

		if (before == here)
			continue;
		assert_int_equal(before, here + 1);
		changes++;
	}
	assert_true(changes <= 1);
}

static void test_changed_while_read(void **state)
{
	u32 refused = 0;
	int fd = open("a.txt", O_CREAT | O_RDWR | O_CLOEXEC, 0644);

	(void)state;
	for (off_t i = 0; i < REWRITTEN_LINES; i++)
		assert_int_equal(pwrite(fd, "10.0.0.0       \n", REWRITTEN_BYTES, REWRITTEN_BYTES * i),
				 REWRITTEN_BYTES);
	writer = fork();
	if (!writer)
		rewrite_forever(fd);
	close(fd);
	for (int i = 0; i < 40; i++) {
		struct loaded loaded;

		load(&loaded, ONE_FILE);
		refused += loaded.err == -EBUSY;
		if (!loaded.err)
			check_one_moment(&loaded.lists.lists[0]);
		unload(&loaded);
	}
	assert_true(refused > 0);
}

static void test_errors_of_all_lists(void **state)
{
	struct loaded loaded;

	(void)state;
	write_file("a.txt", "192.0.2.0/24\n192.0.2.256\n");
	load(&loaded,
	     "interfaces: [e]\nlists:\n  a: {file: a.txt}\n  b: {file: sub/b.txt}\n  c: {inline: [192.0.2.1]}\n"
	     "classes: [{name: a, lists: [a, b, c]}, {name: z}]\n");
	assert_string_equal(
		told_whole(&loaded.diagnostics),
		"DIR/a.txt:2:1: '192.0.2.256' is not a prefix, address or range; write 192.0.2.0/24, 2001:db8::/32, "
		"192.0.2.7 or 192.0.2.1-192.0.2.9\n"
		"DIR/c:4:13: cannot read 'DIR/sub/b.txt': open its folder: No such file or directory\n");
	assert_int_equal(loaded.err, -EINVAL);
	assert_int_equal(loaded.lists.count, 0);
	unload(&loaded);
}

static void test_inline_places(void **state)
{
	struct loaded loaded;

	(void)state;
	load(&loaded, "interfaces: [e]\nlists: {a: {inline: [192.0.2.7,\n  '2001:db8::/32', 10.0.0.1-10.0.0.2]}}\n"
		      "classes: [{name: a, lists: [a]}, {name: z}]\n");
	assert_int_equal(loaded.err, 0);
	assert_string_equal(prefixes_of(&loaded.lists.lists[0]),
			    "2:22 192.0.2.7/32\n3:3 2001:db8::/32\n3:20 10.0.0.1/32\n3:20 10.0.0.2/32\n");
	assert_ptr_equal(loaded.lists.lists[0].file, loaded.config.lists[0].place.file);
	assert_int_equal(loaded.lists.lists[0].count4, 3);
	assert_int_equal(loaded.lists.lists[0].count6, 1);
	unload(&loaded);
}

static void write_tables(void)
{
	assert_int_equal(mkdir("geo", 0755), 0);
	write_file("geo/geoip", "# test\n16777216,16777471,US\n16777472,16777475,DE\n16777476,16777478,??\n"
				"16777480,16777480,US\n");
	write_file("geo/geoip6", "2001:db8::,2001:db8::ffff,DE\n2001:db8:1::,2001:db8:1::,FR\n");
}

/* One prefix in lists of two classes, in files and inline: what is said, and whether there is a ruleset. */
static void check_overlap(const char *overlap, int expected, const char *messages)
{
	struct spw_ruleset_image image = {0};
	struct spw_ruleset_error error;
	struct spw_assembly assembly;
	struct loaded loaded;
	char text[512];
	int err;

	snprintf(text, sizeof(text),
		 "interfaces: [e]\n%slists: {bad: {file: bad.txt}, good: {inline: [192.0.2.0/24, 198.51.100.0/24]}}\n"
		 "classes: [{name: partner, lists: [good]}, {name: blocked, lists: [bad]}, {name: z}]\n",
		 overlap);
	load(&loaded, text);
	assert_int_equal(loaded.err, 0);
	assert_int_equal(spw_assemble(&loaded.config, &loaded.lists, NULL, &assembly), 0);
	err = spw_ruleset_compile(&assembly.source, 0, &image, &error);
	if (err)
		spw_report_ruleset_error(&loaded.config, &loaded.lists, &assembly, &error, &loaded.diagnostics);
	else
		spw_report_overlaps(&loaded.config, &loaded.lists, &assembly, &image, &loaded.diagnostics);
	assert_string_equal(told_whole(&loaded.diagnostics), messages);
	assert_int_equal(err, expected);
	spw_ruleset_free(&image);
	spw_assembly_free(&assembly);
	unload(&loaded);
}

static void test_overlap(void **state)
{
	(void)state;
	write_file("bad.txt", "203.0.113.0/24\n198.51.100.0/24\n");
	check_overlap(
		"", -EEXIST,
		"DIR/bad.txt:2:1: 198.51.100.0/24 is in list 'bad' of class 'blocked', and in list 'good' of class "
		"'partner' (DIR/c:2:61); a prefix can be in one class only: take it out of one of them, or write "
		"overlap: higher\n");
	check_overlap(
		"overlap: higher\n", 0,
		"warning: DIR/bad.txt:2:1: 198.51.100.0/24 is in list 'bad' of class 'blocked', and in list 'good' of "
		"the higher class 'partner' (DIR/c:3:61), which wins (overlap: higher)\n");
	write_file("bad.txt", "203.0.113.0/24\n198.51.100.0/24\n192.0.2.0/24\n");
	check_overlap(
		"overlap: higher\n", 0,
		"warning: DIR/bad.txt:3:1: 192.0.2.0/24 is in list 'bad' of class 'blocked', and in list 'good' of the "
		"higher class 'partner' (DIR/c:3:47), which wins (overlap: higher); 1 more like it\n");
	write_file("bad.txt", "203.0.113.0/24\n");
	check_overlap("overlap: higher\n", 0, "");
}

/* What a configuration's lists can never match, in the words of check. */
static void check_unmatched(const char *text, const char *expected)
{
	struct spw_ruleset_image image = {0};
	struct spw_ruleset_error error;
	struct spw_assembly assembly;
	struct loaded loaded;

	load(&loaded, text);
	assert_int_equal(loaded.err, 0);
	assert_int_equal(spw_assemble(&loaded.config, &loaded.lists, NULL, &assembly), 0);
	assert_int_equal(spw_ruleset_compile(&assembly.source, 0, &image, &error), 0);
	spw_report_unmatched(&loaded.config, &loaded.lists, &assembly, &image, &loaded.diagnostics);
	assert_string_equal(told_whole(&loaded.diagnostics), expected);
	spw_ruleset_free(&image);
	spw_assembly_free(&assembly);
	unload(&loaded);
}

#define TWO(a, b)                                                                                                      \
	"interfaces: [e]\noverlap: higher\nlists:\n  a: {inline: " a "}\n  b: {inline: " b "}\n"                       \
	"classes:\n  - {name: high, lists: [a]}\n  - {name: low, lists: [b]}\n  - {name: rest}\n"
#define SAME(a, b)                                                                                                     \
	"interfaces: [e]\nlists:\n  a: {inline: " a "}\n  b: {inline: " b "}\n"                                        \
	"classes: [{name: high, lists: [a, b]}, {name: rest}]\n"

static void test_unmatched(void **state)
{
	(void)state;
	/* The most specific prefix wins whatever its class: these all match. */
	check_unmatched(TWO("[10.0.0.0/8]", "[10.1.0.0/16]"), "");
	check_unmatched(TWO("[10.0.0.0/8, 10.1.0.0/16]", "[10.1.0.0/16, 10.2.0.0/16]"), "");
	check_unmatched(TWO("[0.0.0.0/0]", "[]"), "");
	check_unmatched(SAME("[10.0.0.0/8]", "[10.0.0.0/8]"), "");
	check_unmatched(
		TWO("[10.1.0.0/16, 10.2.0.0/16]", "[10.1.0.0/16, 10.2.0.0/16]"),
		"warning: DIR/c:5:3: list 'b' of class 'low' can never match: other lists cover all that it names, as the "
		"most specific prefix wins; 10.1.0.0/16 of 'a' (class 'high', DIR/c:4:16) lies in 10.1.0.0/16; remove the "
		"list, or take these prefixes out of the others\n");
	/* The lower class has the halves of what the higher one names. */
	check_unmatched(
		TWO("['2001:db8::/32']", "['2001:db8::/33', '2001:db8:8000::/33']"),
		"warning: DIR/c:4:3: list 'a' of class 'high' can never match: other lists cover all that it names, as "
		"the most specific prefix wins; 2001:db8::/33 of 'b' (class 'low', DIR/c:5:16) lies in 2001:db8::/32; "
		"remove the list, or take these prefixes out of the others\n");
	check_unmatched(
		TWO("[192.0.2.0/24, 0.0.0.0/0, '::/0']", "[10.1.0.0/16]"),
		"warning: DIR/c:9:12: class 'rest' can never match: lists of the classes above it name every address, such "
		"as list 'a' of class 'high' (DIR/c:4:30); remove what stands for all addresses there, or let that class "
		"be the last\n");
	check_unmatched(
		TWO("[0.0.0.0/1, '::/0']", "[128.0.0.0/1]"),
		"warning: DIR/c:9:12: class 'rest' can never match: lists of the classes above it name every address, such "
		"as list 'a' of class 'high' (DIR/c:4:16); remove what stands for all addresses there, or let that class "
		"be the last\n");
}

static void test_countries(void **state)
{
	struct loaded loaded;

	(void)state;
	write_tables();
	load(&loaded,
	     "interfaces: [e]\nlists:\n  us: {geo: geo, countries: [US]}\n  eu: {geo: geo, countries: [DE, FR]}\n"
	     "  rest: {geo: geo, countries: ['!US', '!FR', '!DE']}\n  known: {geo: geo, countries: ['!US', '!?\?']}\n"
	     "  mixed: {geo: geo, countries: [FR, '!US']}\n"
	     "classes: [{name: a, lists: [us]}, {name: b, lists: [eu]}, {name: c, lists: [rest]}, {name: z}]\n");
	assert_string_equal(told_whole(&loaded.diagnostics),
			    "warning: DIR/c:6:3: list 'known' is in no class" NO_CLASS
			    "warning: DIR/c:7:3: list 'mixed' is in no class" NO_CLASS
			    "warning: DIR/c:7:37: '!US' has no effect, as other countries are named\n");
	assert_int_equal(loaded.err, 0);
	assert_string_equal(prefixes_of(&loaded.lists.lists[0]), "0:0 1.0.0.0/24\n0:0 1.0.1.8/32\n");
	assert_string_equal(prefixes_of(&loaded.lists.lists[1]),
			    "0:0 1.0.1.0/30\n0:0 2001:db8::/112\n0:0 2001:db8:1::/128\n");
	assert_string_equal(prefixes_of(&loaded.lists.lists[2]), "0:0 1.0.1.4/31\n0:0 1.0.1.6/32\n");
	assert_string_equal(prefixes_of(&loaded.lists.lists[3]),
			    "0:0 1.0.1.0/30\n0:0 2001:db8::/112\n0:0 2001:db8:1::/128\n");
	assert_string_equal(prefixes_of(&loaded.lists.lists[4]), "0:0 2001:db8:1::/128\n");
	for (size_t i = 0; i < loaded.lists.count; i++)
		assert_int_equal(loaded.lists.lists[i].count, loaded.lists.lists[i].capacity);
	unload(&loaded);
}

static void test_country_errors(void **state)
{
	struct loaded loaded;

	(void)state;
	write_tables();
	load(&loaded,
	     "interfaces: [e]\nlists:\n  a: {geo: geo, countries: [US, XQ]}\n  b: {geo: geo, countries: ['!ED']}\n"
	     "classes: [{name: a, lists: [a]}, {name: z}]\n");
	assert_string_equal(told_whole(&loaded.diagnostics),
			    "warning: DIR/c:4:3: list 'b' is in no class" NO_CLASS
			    "DIR/c:3:33: country 'XQ' is not in 'DIR/geo', which knows 4 codes\n"
			    "DIR/c:4:29: country 'ED' is not in 'DIR/geo'; did you mean '!DE'?\n");
	assert_int_equal(loaded.err, -EINVAL);
	unload(&loaded);
	write_file("geo/geoip6", "2001:db8::,2001:db8::ffff,DE\n2001:db8:1::,2001:db8::,FR\n");
	load(&loaded,
	     "interfaces: [e]\nlists: {a: {geo: geo, countries: [US]}}\nclasses: [{name: a, lists: [a]}, {name: z}]\n");
	assert_string_equal(told_whole(&loaded.diagnostics), "DIR/geo/geoip6:2:1: the range ends before it begins\n");
	unload(&loaded);
	unlink("geo/geoip6");
	load(&loaded,
	     "interfaces: [e]\nlists: {a: {geo: geo, countries: [US]}}\nclasses: [{name: a, lists: [a]}, {name: z}]\n");
	assert_string_equal(told_whole(&loaded.diagnostics),
			    "DIR/c:2:18: cannot read 'DIR/geo/geoip6': open: No such file or directory\n");
	assert_int_equal(loaded.err, -ENOENT);
	unload(&loaded);
}

#define CHECKED(lists)                                                                                                 \
	"interfaces: [e]\nmanagement: {prefixes: [192.0.2.0/28, '2001:db8::/48'], ports: [22]}\n" lists                \
	"classes:\n  - {name: kept, lists: [kept]}\n  - {name: x, lists: [l], shed_from: yellow, cut_from: red}\n  - " \
	"{name: z, "                                                                                                   \
	"cut_from: red}\n"
#define MANAGEMENT4 "holds the management prefix 192.0.2.0/28 (DIR/c:2:25)\n"

static void check_lists(const char *text, bool force, const char *expected)
{
	struct loaded loaded;

	load(&loaded, text);
	assert_int_equal(loaded.err, 0);
	loaded.err = spw_lists_check(&loaded.config, &loaded.lists, force, &loaded.diagnostics);
	assert_int_equal(loaded.err, *expected && !force ? -EINVAL : 0);
	assert_string_equal(told_whole(&loaded.diagnostics), expected);
	unload(&loaded);
}

static void test_check(void **state)
{
	(void)state;
	write_tables();
	write_file("l.txt", "# all\n203.0.113.0/24\n  192.0.2.0-192.0.2.255\n");
	check_lists(CHECKED("lists: {kept: {inline: [0.0.0.0/0, '2001:db8::1']}, l: {inline: [198.51.100.0/24, "
			    "'2001:db7::/48']}}\n"),
		    false, "");
	check_lists(CHECKED("lists: {kept: {inline: []}, l: {inline: [0.0.0.0/0, '::/0']}}\n"), false,
		    "DIR/c:3:42: 0.0.0.0/0 in class 'x' would cut everything from level red on\n"
		    "DIR/c:3:53: ::/0 in class 'x' would cut everything from level red on\n");
	check_lists(
		CHECKED("lists: {kept: {inline: []}, l: {inline: [192.0.0.0/16, 192.0.2.0/28, 192.0.2.15]}}\n"), false,
		"DIR/c:3:42: 192.0.0.0/16 in class 'x', which is cut from level red on, " MANAGEMENT4
		"DIR/c:3:56: 192.0.2.0/28 in class 'x', which is cut from level red on, is the management prefix "
		"192.0.2.0/28 (DIR/c:2:25)\n"
		"DIR/c:3:70: 192.0.2.15/32 in class 'x', which is cut from level red on, lies in the management prefix "
		"192.0.2.0/28 (DIR/c:2:25)\n");
	check_lists(
		CHECKED("lists: {kept: {inline: []}, l: {inline: ['2001:db8::/32', '::ffff:192.0.2.0']}}\n"), false,
		"DIR/c:3:42: 2001:db8::/32 in class 'x', which is cut from level red on, holds the management prefix "
		"2001:db8::/48 (DIR/c:2:39)\n"
		"DIR/c:3:59: 192.0.2.0/32 in class 'x', which is cut from level red on, lies in the management prefix "
		"192.0.2.0/28 (DIR/c:2:25)\n");
	check_lists(CHECKED("lists: {kept: {inline: []}, l: {file: l.txt}}\n"), false,
		    "DIR/l.txt:3:3: 192.0.2.0/24 in class 'x', which is cut from level red on, " MANAGEMENT4);
	check_lists(CHECKED("lists: {kept: {inline: []}, l: {file: l.txt}}\n"), true,
		    "warning: DIR/l.txt:3:3: 192.0.2.0/24 in class 'x', which is cut from level red on, " MANAGEMENT4);
	check_lists("interfaces: [e]\nmanagement: {prefixes: [1.0.0.1]}\nlists: {l: {geo: geo, countries: [US]}}\n"
		    "classes: [{name: x, lists: [l], cut_from: red}, {name: z}]\n",
		    false, "");
}

static void test_check_is_bounded(void **state)
{
	struct loaded loaded;

	(void)state;
	load(&loaded,
	     CHECKED("lists: {kept: {inline: []}, l: {inline: [192.0.1.0-192.0.1.255, 192.0.2.0, 192.0.2.1, 192.0.2.2, "
		     "192.0.2.3, 192.0.2.4, 192.0.2.5, 192.0.2.6, 192.0.2.7, 192.0.2.8, 192.0.2.9, 192.0.2.10, "
		     "192.0.2.11, "
		     "192.0.2.12, 192.0.2.13, 192.0.2.14, 192.0.2.15, 192.0.2.0/29, 192.0.2.8/29, 192.0.2.0/30, "
		     "192.0.2.4/30, "
		     "192.0.2.8/30, 192.0.2.12/30]}}\n"));
	assert_int_equal(spw_lists_check(&loaded.config, &loaded.lists, false, &loaded.diagnostics), -EINVAL);
	assert_int_equal(loaded.diagnostics.count, 21);
	assert_true(strstr(loaded.diagnostics.items[20].text, "/c: and 2 more of the kind") != NULL);
	unload(&loaded);
}

static bool have_tor(void)
{
	return !access(TOR "/geoip", R_OK) && !access(TOR "/geoip6", R_OK);
}

static int count_range(void *context, u8 family, const struct spw_addr *first, const struct spw_addr *last,
		       const char code[3], u32 line)
{
	struct spw_addr from = *first;
	struct spw_prefix prefix;
	bool ended = false;
	struct spw_addr next = *first;

	(void)code, (void)line;
	/* The pieces are adjacent, and the last one ends with the range. */
	while (spw_range_next(&from, last, family, &ended, &prefix)) {
		assert_true(!spw_addr_compare(&prefix.addr, &next));
		next = spw_prefix_last(&prefix);
		if (!spw_addr_compare(&next, last))
			continue;
		if (family == 4)
			next.hi += 1ULL << 32;
		else if (!++next.lo)
			next.hi++;
	}
	assert_true(!spw_addr_compare(&next, last));
	++*(u32 *)context;
	return 0;
}

static char *read_whole(const char *path, size_t *length)
{
	FILE *file = fopen(path, "r");
	char *text = malloc(32 << 20);

	assert_non_null(file);
	assert_non_null(text);
	*length = fread(text, 1, 32 << 20, file);
	fclose(file);
	return text;
}

static void test_tor_ranges(void **state)
{
	struct spw_diagnostics diagnostics = {0};

	(void)state;
	if (!have_tor())
		skip();
	for (u8 family = 4; family <= 6; family += 2) {
		size_t length;
		char *text = read_whole(family == 4 ? TOR "/geoip" : TOR "/geoip6", &length);
		u32 ranges = 0;

		assert_int_equal(spw_list_parse_geo(text, length, family, TOR, count_range, &ranges, &diagnostics), 0);
		assert_int_equal(ranges, family == 4 ? TOR_RANGES4 : TOR_RANGES6);
		free(text);
	}
	assert_int_equal(diagnostics.errors, 0);
}

static u64 count_pieces;

static int count_piece(void *context, u8 family, const struct spw_addr *first, const struct spw_addr *last,
		       const char code[3], u32 line)
{
	struct spw_addr from = *first;
	struct spw_prefix prefix;
	bool ended = false;

	(void)context, (void)code, (void)line;
	while (spw_range_next(&from, last, family, &ended, &prefix))
		count_pieces++;
	return 0;
}

/* What one list takes and what the other leaves add up to the whole. */
static void test_tor_lists(void **state)
{
	struct spw_diagnostics diagnostics = {0};
	struct loaded loaded;

	(void)state;
	if (!have_tor())
		skip();
	load(&loaded, "interfaces: [e]\nlists:\n  home: {geo: " TOR ", countries: [US, CA]}\n  abroad: {geo: " TOR
		      ", countries: ['!US', '!CA']}\n"
		      "classes: [{name: a, lists: [home]}, {name: b, lists: [abroad]}, {name: z}]\n");
	assert_string_equal(told_whole(&loaded.diagnostics), "");
	assert_int_equal(loaded.err, 0);
	count_pieces = 0;
	for (u8 family = 4; family <= 6; family += 2) {
		size_t length;
		char *text = read_whole(family == 4 ? TOR "/geoip" : TOR "/geoip6", &length);

		assert_int_equal(spw_list_parse_geo(text, length, family, TOR, count_piece, NULL, &diagnostics), 0);
		free(text);
	}
	assert_true(loaded.lists.lists[0].count > 100000 && loaded.lists.lists[1].count > 100000);
	assert_int_equal(loaded.lists.lists[0].count + loaded.lists.lists[1].count, count_pieces);
	unload(&loaded);
}

#define NAMED(name, test)                                                                                              \
	{                                                                                                              \
		name, test, NULL, NULL, NULL                                                                           \
	}
#define IN_FOLDER(name, test)                                                                                          \
	{                                                                                                              \
		name, test, enter_folder, leave_folder, NULL                                                           \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		NAMED("cidr: what is taken", test_cidr_good),
		NAMED("fault 41: cidr: what is refused, with its place", test_cidr_errors),
		NAMED("fault 41: cidr: NUL bytes and long lines", test_cidr_nul_and_long_lines),
		NAMED("cidr: errors are bounded", test_cidr_many_errors),
		NAMED("a list is bounded", test_append_bound),
		NAMED("geo: lines", test_geo_lines),
		NAMED("geo: the visitor ends the reading", test_geo_visit_ends_it),
		IN_FOLDER("fault 48: no regular file", test_file_kinds),
		IN_FOLDER("symbolic links of one's own", test_file_links),
		IN_FOLDER("fault 48: symbolic links of others", test_links_of_others),
		IN_FOLDER("fault 48: writable by others", test_file_writers),
		{"fault 48: rewritten while it is read: one version or an error", test_changed_while_read, enter_folder,
		 stop_writer, NULL},
		IN_FOLDER("errors of all lists are reported, and then there are none", test_errors_of_all_lists),
		IN_FOLDER("inline lists keep their places", test_inline_places),
		IN_FOLDER("one prefix in two classes: an error, or the higher class wins", test_overlap),
		IN_FOLDER("lists and classes that can never match", test_unmatched),
		IN_FOLDER("countries", test_countries),
		IN_FOLDER("countries that are none, damaged tables", test_country_errors),
		IN_FOLDER("fault 38: everybody or the management in a class that is cut", test_check),
		IN_FOLDER("fault 38: errors are bounded", test_check_is_bounded),
		NAMED("tor's tables: all ranges, whole again from their pieces", test_tor_ranges),
		NAMED("tor's tables: what one list leaves the other takes", test_tor_lists),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("lists", tests, NULL, NULL);
}
