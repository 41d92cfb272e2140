/* SPDX-License-Identifier: GPL-2.0-only */
/* Lists by URL: SHA-256, copies on disk, what a load makes of them, and when the next fetch comes. */
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
#include <unistd.h>

#include "folder.h"
#include "user/agent/download_schedule.h"
#include "user/base/sha256.h"
#include "user/base/units.h"
#include "user/lists/last_good.h"
#include "user/lists/url_copy.h"
#include "user/store/url_copy_file.h"

#define URL	"https://l.example/a"
#define CONTENT "198.18.0.0/15\n2001:db8::/32\n"

/* The examples of FIPS 180-4, and lengths around a block. */
static void test_sha256(void **state)
{
	static const struct {
		const char *text, *digest;
	} rows[] = {
		{"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
		{"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
		{"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		 "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
		{"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnop"
		 "qrstnopqrstu",
		 "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
	};
	char digest[SPW_SHA256_TEXT];
	char *many = malloc(1000000);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_string_equal(spw_sha256(rows[i].text, strlen(rows[i].text), digest), rows[i].digest);
	assert_non_null(many);
	memset(many, 'a', 1000000);
	assert_string_equal(spw_sha256(many, 1000000, digest),
			    "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
	assert_string_equal(spw_sha256(many, 55, digest),
			    "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318");
	assert_string_equal(spw_sha256(many, 56, digest),
			    "b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a");
	assert_string_equal(spw_sha256(many, 64, digest),
			    "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb");
	free(many);
}

/* Whatever a list is called, its files are in the folder, and two lists have two names. */
static void test_names(void **state)
{
	char name[SPW_URL_COPY_NAME], path[SPW_URL_COPY_PATH], longest[64];

	(void)state;
	assert_string_equal(spw_url_copy_name(name, "drop-v4_1", ".json"), "drop-v4_1.json");
	assert_string_equal(spw_url_copy_name(name, "../etc/x", ".a"), "%2E%2E%2Fetc%2Fx.a");
	assert_string_equal(spw_url_copy_name(name, "a%2F", ".a"), "a%252F.a");
	memset(longest, '/', 63);
	longest[63] = '\0';
	assert_int_equal(strlen(spw_url_copy_name(name, longest, ".json")), 3 * 63 + 5);
	assert_string_equal(spw_url_copy_path(path, "/s", "a", ".b"), "/s/lists/a.b");
}

static struct spw_url_copy make_copy(const char *content)
{
	struct spw_url_copy copy = {.slot = 'a', .fetched_s = 1800000000, .confirmed_s = 1800000060};

	strcpy(copy.etag, "W/\"1 \xe2\x82\xac\\\"");
	strcpy(copy.last_modified, "Sun, 29 Nov 2026 10:00:00 GMT");
	spw_sha256(content, strlen(content), copy.sha256);
	return copy;
}

/* Write a copy like the agent does. */
static void keep(const char *list, const char *content)
{
	struct spw_url_copy none = {.slot = 'b'}, copy = make_copy(content);
	bool failed;
	int fd = open("content", O_RDWR | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, content, strlen(content)), strlen(content));
	assert_int_equal(spw_url_copy_write_soon(folder, list, &none, fd), 0);
	spw_url_copy_wait();
	assert_true(spw_url_copy_written(&failed) && !failed);
	assert_int_equal(spw_url_copy_describe_soon(folder, list, URL, &copy), 0);
	spw_url_copy_wait();
	assert_true(spw_url_copy_written(&failed) && !failed);
	close(fd);
}

static void test_round_trip(void **state)
{
	struct spw_url_copy copy, kept = make_copy(CONTENT);
	char problem[SPW_MESSAGE_MAX];
	struct stat status;

	(void)state;
	assert_int_equal(spw_url_copy_read(folder, "a", URL, &copy, problem), -ENOENT);
	keep("a", CONTENT);
	assert_int_equal(spw_url_copy_read(folder, "a", URL, &copy, problem), 0);
	assert_string_equal(problem, "");
	assert_memory_equal(&copy, &kept, sizeof(copy));
	assert_string_equal(spw_url_copy_suffix(&copy, false), ".a");
	assert_string_equal(spw_url_copy_suffix(&copy, true), ".b");
	assert_int_equal(stat("lists", &status) ? 0 : status.st_mode & 0777, 0700);
	assert_int_equal(stat("lists/a.a", &status) ? 0 : status.st_mode & 0777, 0600);
	assert_int_equal(stat("lists/a.json", &status) ? 0 : status.st_mode & 0777, 0600);
	assert_int_equal(spw_url_copy_read(folder, "a", URL "?", &copy, problem), -ENOENT);
	assert_int_equal(copy.slot, 0);
	assert_int_equal(rename("lists/a.json", "lists/b.json"), 0);
	assert_int_equal(spw_url_copy_read(folder, "b", URL, &copy, problem), -ENOENT);
}

/* A description that is damaged, or that another user could have written, is refused with a reason. */
static void test_damage(void **state)
{
	static const struct {
		const char *text;
		int err;
	} rows[] = {
		{"", -EBADMSG},
		{"{", -EBADMSG},
		{"[]", -EBADMSG},
		{"{\"version\": 2}", -EBADMSG},
		{"{\"version\": 1, \"list\": \"a\", \"url\": \"" URL "\"}", -EBADMSG},
		{"{\"version\": 1, \"list\": \"a\", \"url\": \"" URL "\", \"slot\": \"../a\", \"etag\": \"\", "
		 "\"last_modified\": \"\", \"sha256\": \"\"}",
		 -EBADMSG},
		{"{\"version\": 1, \"list\": \"a\", \"url\": \"" URL "\", \"slot\": \"c\", \"etag\": \"\", "
		 "\"last_modified\": \"\", \"sha256\": \"\"}",
		 -EBADMSG},
	};
	struct spw_url_copy copy;
	char problem[SPW_MESSAGE_MAX];

	(void)state;
	assert_int_equal(mkdir("lists", 0700), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		write_file("lists/a.json", rows[i].text);
		assert_int_equal(spw_url_copy_read(folder, "a", URL, &copy, problem), rows[i].err);
		assert_int_equal(copy.slot, 0);
		assert_true(*problem);
	}
	keep("a", CONTENT);
	assert_int_equal(chmod("lists/a.json", 0622), 0);
	assert_int_equal(spw_url_copy_read(folder, "a", URL, &copy, problem), -EPERM);
	assert_int_equal(rename("lists/a.json", "lists/x.json"), 0);
	assert_int_equal(symlink("x.json", "lists/a.json"), 0);
	assert_int_equal(spw_url_copy_read(folder, "a", URL, &copy, problem), -EINVAL);
}

/* ---- loading ---- */

static const char *load(bool trial, size_t *count)
{
	static char text[4096];
	struct spw_diagnostics diagnostics = {0};
	struct spw_config config;
	struct spw_lists lists;
	char yaml[512];

	snprintf(yaml, sizeof(yaml),
		 "interfaces: [e]\nstate_dir: %s\nlists: {a: {url: '" URL
		 "'}}\nclasses: [{name: x, lists: [a]}, {name: y}]\n",
		 folder);
	assert_int_equal(spw_config_parse(yaml, strlen(yaml), "c", &config, &diagnostics), 0);
	config.lists[0].url.trial = trial;
	*count = spw_lists_load(&config, &lists, &diagnostics) ? SIZE_MAX : lists.lists[0].count;
	snprintf(text, sizeof(text), "%.*s", (int)sizeof(text) - 1, told(&diagnostics));
	if (*count != SIZE_MAX)
		spw_lists_free(&lists);
	spw_config_free(&config);
	spw_diagnostics_free(&diagnostics);
	return text;
}

static void test_load(void **state)
{
	size_t count;

	(void)state;
	assert_string_equal(load(false, &count),
			    "warning: c:3:18: list 'a' was not fetched from this URL yet, and is empty until it is\n");
	assert_int_equal(count, 0);
	keep("a", CONTENT);
	assert_string_equal(load(false, &count), "");
	assert_int_equal(count, 2);
	write_file("lists/a.b", "198.18.0.0/15\n203.0.113.7\n198.51.100.0/24\n");
	assert_string_equal(load(true, &count), "");
	assert_int_equal(count, 3);
	write_file("lists/a.b", "foo\n");
	load(true, &count);
	assert_int_equal(count, SIZE_MAX); /* a trial that fails is an error */
	assert_string_equal(load(false, &count), "");
	assert_int_equal(count, 2);
	write_file("lists/a.a", "198.18.0.0/15\n");
	assert_string_equal(load(false, &count), "warning: c:3:18: cannot read 'lists/a.a': it is damaged\n");
	assert_int_equal(count, 0); /* what is damaged is only a warning: the agent fetches it again */
	assert_int_equal(unlink("lists/a.a"), 0);
	load(false, &count);
	assert_int_equal(count, 0);
}

/* ---- when ---- */

#define S SPW_SECOND_NS

static void test_waits(void **state)
{
	static const u32 randoms[] = {0, 1, 1u << 31, UINT32_MAX};

	(void)state;
	for (size_t i = 0; i < sizeof(randoms) / sizeof(*randoms); i++) {
		u32 random = randoms[i];

		assert_in_range(download_wait_ns(3600 * S, 0, random), 3240 * S, 3960 * S);
		assert_in_range(download_wait_ns(3600 * S, 1, random), 13 * S, 17 * S);
		assert_in_range(download_wait_ns(3600 * S, 4, random), 108 * S, 132 * S);
		assert_in_range(download_wait_ns(3600 * S, 9, random), 3240 * S, 3960 * S);
		assert_in_range(download_wait_ns(3600 * S, UINT32_MAX, random), 3240 * S, 3960 * S);
		assert_in_range(download_wait_ns(S, 3, random), S * 9 / 10, S * 11 / 10);
		assert_int_equal(download_first_wait_ns(3600 * S, UINT64_MAX, random), 0);
		assert_in_range(download_first_wait_ns(3600 * S, 600 * S, random), 3000 * S, 3030 * S);
		assert_in_range(download_first_wait_ns(3600 * S, 7200 * S, random), 0, 30 * S);
		assert_in_range(download_first_wait_ns(10 * S, 20 * S, random), 0, S);
	}
	assert_true(download_wait_ns(3600 * S, 0, 0) + 700 * S < download_wait_ns(3600 * S, 0, UINT32_MAX));
}

#define IN_FOLDER(name, test)                                                                                          \
	{                                                                                                              \
		name, test, enter_folder, leave_folder, NULL                                                           \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sha256),
		{"a list's name is no path", test_names, NULL, NULL, NULL},
		IN_FOLDER("a copy that is written is what is read", test_round_trip),
		IN_FOLDER("fault 70: a damaged description, or one that others could have written, is refused",
			  test_damage),
		IN_FOLDER("fault 70: what a load makes of a copy", test_load),
		{"each wait is within a tenth of what it should be", test_waits, NULL, NULL, NULL},
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("lists by URL", tests, NULL, NULL);
}
