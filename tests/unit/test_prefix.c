/* SPDX-License-Identifier: GPL-2.0-only */
/* Addresses and prefixes against two oracles: inet_pton() and inet_ntop() for text, brute force for arithmetic. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "user/core/table/prefix.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

typedef unsigned __int128 u128;

/* xorshift64*, so that failures are reproducible. */
static u64 chance_state;

static u64 chance(void)
{
	chance_state ^= chance_state >> 12;
	chance_state ^= chance_state << 25;
	chance_state ^= chance_state >> 27;
	return chance_state * 0x2545f4914f6cdd1dULL;
}

static int start(void **state)
{
	(void)state;
	chance_state = 0x5b1115a7;
	return 0;
}

/* Parse @text from an allocation of its own, so that overreads are found. */
static bool parse(const char *text, struct spw_addr *addr, u8 *family)
{
	size_t length = strlen(text);
	char *copy = malloc(length + !length);
	bool parsed;

	assert_non_null(copy);
	memcpy(copy, text, length);
	parsed = spw_addr_parse(copy, length, addr, family);
	free(copy);
	return parsed;
}

static struct spw_addr addr_of_bytes(const u8 *bytes, size_t count)
{
	struct spw_addr addr = {0, 0};

	for (size_t i = 0; i < 16; i++) {
		u64 *half = i < 8 ? &addr.hi : &addr.lo;

		*half = *half << 8 | (i < count ? bytes[i] : 0);
	}
	return addr;
}

/* The same by libc. */
static bool parse_libc(const char *text, struct spw_addr *addr, u8 *family)
{
	u8 bytes[16];

	*family = strchr(text, ':') ? 6 : 4;
	if (inet_pton(*family == 4 ? AF_INET : AF_INET6, text, bytes) != 1)
		return false;
	*addr = addr_of_bytes(bytes, *family == 4 ? 4 : 16);
	return true;
}

static void compare_with_libc(const char *text)
{
	struct spw_addr ours = {0, 0}, theirs = {0, 0};
	u8 our_family = 0, their_family = 0;
	bool parsed = parse(text, &ours, &our_family);

	if (parsed != parse_libc(text, &theirs, &their_family))
		fail_msg("'%s': %s, and libc says otherwise", text, parsed ? "taken" : "refused");
	if (parsed && (our_family != their_family || ours.hi != theirs.hi || ours.lo != theirs.lo))
		fail_msg("'%s': %016lx %016lx, libc has %016lx %016lx", text, ours.hi, ours.lo, theirs.hi, theirs.lo);
}

static void test_known_texts(void **state)
{
	static const char *const texts[] = {
		"",
		"0",
		"1.2.3",
		"1.2.3.4",
		"0.0.0.0",
		"255.255.255.255",
		"256.1.1.1",
		"1.2.3.04",
		"00.1.2.3",
		"1.2.3.4.5",
		"1.2.3.",
		".1.2.3",
		"1..2.3",
		"1.2.3.4 ",
		" 1.2.3.4",
		"-1.2.3.4",
		"1.2.3.4:",
		"4294967296.1.1.1",
		":",
		"::",
		":::",
		"::1",
		"1::",
		":1",
		"1:",
		"1:2:3:4:5:6:7:8",
		"1:2:3:4:5:6:7",
		"1:2:3:4:5:6:7:8:9",
		"::2:3:4:5:6:7:8",
		"1::3:4:5:6:7:8",
		"1:2:3:4:5:6:7::",
		"1:2:3:4:5:6:7:8::",
		"::1:2:3:4:5:6:7:8",
		"1::2::3",
		"12345::",
		"::12345",
		"g::",
		"fe80::1%eth0",
		"::ffff:1.2.3.4",
		"::1.2.3.4",
		"1:2:3:4:5:6:1.2.3.4",
		"1:2:3:4:5:6:7:1.2.3.4",
		"1:2:3:4:5:1.2.3.4",
		"1::5:6:1.2.3.4",
		"::1.2.3.04",
		"::1.2.3.256",
		"::1.2.3.4:5",
		"1.2.3.4::",
		"::1.2.3",
		"64:ff9b::192.0.2.33",
		"2001:DB8::Ab",
		"::0:0:0:0:0:0:0",
		"0:0:0:0:0:0:0::",
		"1:2:3:4::5:6:7:8",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++)
		compare_with_libc(texts[i]);
}

/* Random pieces of addresses: half of the texts come close to one. */
static void test_random_texts(void **state)
{
	static const char *const pieces[] = {
		":",	 ":",	    ":",	"::",	 "::",	   ".",	 ".",	"0",	"1",	"12",
		"255",	 "256",	    "99",	"a",	 "F",	   "ff", "fff", "ffff", "2001", "db8",
		"10000", "1.2.3.4", "192.0.2.", "1:2:3", ":5:6:7", "01", "%",	"/",	" ",	"g",
	};

	(void)state;
	for (int i = 0; i < 300000; i++) {
		char text[128] = "";

		for (u64 left = 1 + chance() % 12; left; left--)
			strcat(text, pieces[chance() % COUNT(pieces)]);
		compare_with_libc(text);
	}
}

/* Valid addresses with single bytes changed, dropped or doubled. */
static void test_damaged_texts(void **state)
{
	static const char *const good[] = {"192.0.2.255", "2001:db8::1", "1:2:3:4:5:6:7:8", "::ffff:192.0.2.1",
					   "fe80::a:b:c:d"};

	(void)state;
	for (int i = 0; i < 200000; i++) {
		char text[64];
		size_t length, at;

		strcpy(text, good[chance() % COUNT(good)]);
		for (u64 left = 1 + chance() % 3; left; left--) {
			length = strlen(text);
			at = chance() % length;
			if (chance() % 3 == 0)
				text[at] = "0123456789abcdefABCDEF:.:./g"[chance() % 28];
			else if (chance() % 2 && length > 1)
				memmove(text + at, text + at + 1, length - at);
			else
				memmove(text + at + 1, text + at, length - at + 1);
		}
		compare_with_libc(text);
	}
}

static struct spw_addr random_addr(u8 family)
{
	struct spw_addr addr = {chance(), chance()};

	/* Zero groups and runs of them, as in real addresses. */
	for (u64 left = chance() % 8; left; left--) {
		u64 mask = ~(0xffffULL << 16 * (chance() % 4));

		*(chance() % 2 ? &addr.hi : &addr.lo) &= mask;
	}
	if (chance() % 8 == 0)
		addr = (struct spw_addr){0, (0xffffULL << 32) | (u32)addr.lo};
	if (family == 4)
		addr = (struct spw_addr){addr.hi << 32, 0};
	return addr;
}

static void test_round_trip(void **state)
{
	(void)state;
	for (int i = 0; i < 200000; i++) {
		u8 family = chance() % 2 ? 4 : 6, parsed_family = 0;
		struct spw_addr addr = random_addr(family), parsed = {0, 0};
		char text[SPW_PREFIX_TEXT];

		spw_addr_format(&addr, family, text);
		if (!parse(text, &parsed, &parsed_family) || parsed_family != family ||
		    spw_addr_compare(&addr, &parsed))
			fail_msg("%016lx %016lx became '%s'", addr.hi, addr.lo, text);
	}
}

/* libc formats the lower 32 bits of ::a.b.c.d as dotted quad; RFC 5952 wants that for well-known prefixes only. */
static void test_format_like_libc(void **state)
{
	(void)state;
	for (int i = 0; i < 200000; i++) {
		u8 family = chance() % 4 ? 6 : 4, bytes[16];
		struct spw_addr addr = random_addr(family);
		char ours[SPW_PREFIX_TEXT], theirs[INET6_ADDRSTRLEN];

		if (family == 6 && !addr.hi && !(addr.lo >> 32))
			continue;
		for (int j = 0; j < 16; j++)
			bytes[j] = (u8)((j < 8 ? addr.hi : addr.lo) >> (56 - 8 * (j % 8)));
		assert_non_null(inet_ntop(family == 4 ? AF_INET : AF_INET6, bytes, theirs, sizeof(theirs)));
		assert_string_equal(spw_addr_format(&addr, family, ours), theirs);
	}
}

static void test_rfc_5952(void **state)
{
	static const char *const pairs[][2] = {
		{"2001:0db8::0001", "2001:db8::1"},		  /* 4.1: leading zeros */
		{"2001:db8:0:0:0:0:2:1", "2001:db8::2:1"},	  /* 4.2.1: as short as possible */
		{"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"}, /* 4.2.2: not one group alone */
		{"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},	  /* 4.2.3: the longest run */
		{"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},	  /* 4.2.3: the first of equal ones */
		{"2001:DB8::ABCD", "2001:db8::abcd"},		  /* 4.3: lower case */
		{"::ffff:c000:0201", "::ffff:192.0.2.1"},	  /* 5 */
		{"0:0:0:0:0:0:0:0", "::"},
		{"1:0:0:0:0:0:0:0", "1::"},
		{"0:0:0:0:0:0:0:1", "::1"},
		{"::1.2.3.4", "::102:304"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(pairs); i++) {
		char text[SPW_PREFIX_TEXT];
		struct spw_addr addr;
		u8 family;

		assert_true(parse(pairs[i][0], &addr, &family));
		assert_string_equal(spw_addr_format(&addr, family, text), pairs[i][1]);
	}
}

static void test_prefix_texts(void **state)
{
	static const struct {
		const char *text;
		enum spw_prefix_error error;
		const char *prefix;
	} rows[] = {
		{"192.0.2.0/24", SPW_PREFIX_OK, "192.0.2.0/24"},
		{"192.0.2.7", SPW_PREFIX_OK, "192.0.2.7/32"},
		{"0.0.0.0/0", SPW_PREFIX_OK, "0.0.0.0/0"},
		{"::/0", SPW_PREFIX_OK, "::/0"},
		{"2001:DB8::/32", SPW_PREFIX_OK, "2001:db8::/32"},
		{"2001:db8::1", SPW_PREFIX_OK, "2001:db8::1/128"},
		{"2001:db8:0:1::/64", SPW_PREFIX_OK, "2001:db8:0:1::/64"},
		{"::ffff:0:0/96", SPW_PREFIX_OK, "::ffff:0.0.0.0/96"},
		{"::ffff:192.0.2.7", SPW_PREFIX_OK, "192.0.2.7/32"},
		{"::ffff:c000:207", SPW_PREFIX_OK, "192.0.2.7/32"},
		{"::ffff:192.0.2.0/120", SPW_PREFIX_OK, "192.0.2.0/24"},
		{"::ffff:192.0.2.7/120", SPW_PREFIX_HOST_BITS, "192.0.2.0/24"},
		{"::ffff:192.0.2.7/64", SPW_PREFIX_HOST_BITS, "::/64"},
		{"::fffe:192.0.2.7", SPW_PREFIX_OK, "::fffe:c000:207/128"},
		{"", SPW_PREFIX_NOT_AN_ADDRESS, NULL},
		{"/24", SPW_PREFIX_NOT_AN_ADDRESS, NULL},
		{"192.0.2/24", SPW_PREFIX_NOT_AN_ADDRESS, NULL},
		{"192.0.2.0/33", SPW_PREFIX_BAD_LENGTH, NULL},
		{"192.0.2.0/", SPW_PREFIX_BAD_LENGTH, NULL},
		{"192.0.2.0/024", SPW_PREFIX_BAD_LENGTH, NULL},
		{"192.0.2.0/24/24", SPW_PREFIX_BAD_LENGTH, NULL},
		{"192.0.2.0/-1", SPW_PREFIX_BAD_LENGTH, NULL},
		{"192.0.2.0/4294967320", SPW_PREFIX_BAD_LENGTH, NULL},
		{"2001:db8::/129", SPW_PREFIX_BAD_LENGTH, NULL},
		{"10.0.0.1/8", SPW_PREFIX_HOST_BITS, "10.0.0.0/8"},
		{"1.2.3.4/0", SPW_PREFIX_HOST_BITS, "0.0.0.0/0"},
		{"2001:db8::1/127", SPW_PREFIX_HOST_BITS, "2001:db8::/127"},
		{"2001:db8:0:0:8000::/64", SPW_PREFIX_HOST_BITS, "2001:db8::/64"},
		{"2001:db8::ff00/63", SPW_PREFIX_HOST_BITS, "2001:db8::/63"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct spw_prefix prefix;
		char text[SPW_PREFIX_TEXT];

		if (spw_prefix_parse(rows[i].text, strlen(rows[i].text), &prefix) != rows[i].error)
			fail_msg("'%s'", rows[i].text);
		if (rows[i].prefix)
			assert_string_equal(spw_prefix_format(&prefix, text), rows[i].prefix);
	}
}

/* The longest texts fit. */
static void test_longest_text(void **state)
{
	struct spw_prefix prefix = {{~0ULL, ~0ULL}, 6, 128};
	char text[SPW_PREFIX_TEXT];

	(void)state;
	assert_int_equal(strlen(spw_prefix_format(&prefix, text)), 43);
	assert_true(strlen(text) < SPW_PREFIX_TEXT);
}

static u128 number_of(const struct spw_addr *addr, u8 family)
{
	return ((u128)addr->hi << 64 | addr->lo) >> (family == 4 ? 96 : 0);
}

static struct spw_addr addr_of(u128 number, u8 family)
{
	if (family == 4)
		number <<= 96;
	return (struct spw_addr){(u64)(number >> 64), (u64)number};
}

static void test_last_and_contains(void **state)
{
	(void)state;
	for (int i = 0; i < 100000; i++) {
		struct spw_prefix prefixes[2];
		u128 first[2], last[2];
		bool contains;

		for (int j = 0; j < 2; j++) {
			u8 family = chance() % 2 ? 4 : 6;
			u32 width = family == 4 ? 32 : 128, len = chance() % (width + 1);
			u128 hosts = width - len == 128 ? ~(u128)0 : ((u128)1 << (width - len)) - 1;
			struct spw_addr addr = random_addr(family), shown;

			if (j && chance() % 2 && family == prefixes[0].family)
				addr = prefixes[0].addr;
			first[j] = number_of(&addr, family) & ~hosts;
			last[j] = first[j] | hosts;
			prefixes[j] = (struct spw_prefix){addr_of(first[j], family), family, (u8)len};
			shown = spw_prefix_last(&prefixes[j]);
			assert_true(number_of(&shown, family) == last[j]);
			assert_true(family == 6 || !(shown.lo | (u32)shown.hi));
		}
		contains = prefixes[0].family == prefixes[1].family && first[0] <= first[1] && last[1] <= last[0];
		assert_int_equal(spw_prefix_contains(&prefixes[0], &prefixes[1]), contains);
	}
}

/*
 * Minimum number of prefixes that cover @first..@last within the aligned block of 2^@bits from @base on, by recursion.
 */
static u32 fewest(u128 base, u32 bits, u128 first, u128 last)
{
	u128 end = base + (((u128)1 << bits) - 1), half;

	if (first > end || last < base)
		return 0;
	if (first <= base && end <= last)
		return 1;
	half = (u128)1 << (bits - 1);
	return fewest(base, bits - 1, first, last) + fewest(base + half, bits - 1, first, last);
}

/* Split the range and check that the pieces are aligned, adjacent, complete and few. */
static void check_range(u8 family, u128 first, u128 last, u32 expected)
{
	struct spw_addr from = addr_of(first, family), to = addr_of(last, family);
	u32 width = family == 4 ? 32 : 128, pieces = 0;
	struct spw_prefix prefix;
	u128 next = first;
	bool ended = false;

	while (spw_range_next(&from, &to, family, &ended, &prefix)) {
		struct spw_addr end = spw_prefix_last(&prefix);
		u128 hosts = prefix.len ? ((u128)1 << (width - prefix.len)) - 1 : ~(u128)0 >> (128 - width);

		assert_int_equal(prefix.family, family);
		assert_true(number_of(&prefix.addr, family) == next);
		assert_true((next & hosts) == 0);
		next = number_of(&end, family) + 1;
		pieces++;
		assert_true(pieces <= 2 * width);
	}
	assert_true(next - 1 == last);
	if (expected)
		assert_int_equal(pieces, expected);
	assert_false(spw_range_next(&from, &to, family, &ended, &prefix));
}

/* All ranges within 64 addresses, at carries and at the ends of the address space. */
static void test_ranges_brute_force(void **state)
{
	static const struct {
		u8 family;
		u64 hi, lo;
	} bases[] = {
		{4, 0, 0},	    {4, 0, 0xffffffc0},		 {4, 0, 0x7fffffc0}, {6, 0, 0}, {6, ~0ULL, ~0ULL - 63},
		{6, 0, ~0ULL - 63}, {6, 0x20010db8ULL << 32, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(bases); i++) {
		u128 base = (u128)bases[i].hi << 64 | bases[i].lo;

		for (u32 first = 0; first < 64; first++)
			for (u32 last = first; last < 64; last++)
				check_range(bases[i].family, base + first, base + last,
					    fewest(base, 6, base + first, base + last));
	}
}

/* Split ranges of any size reassemble, and round trips through text change nothing. */
static void test_ranges_random(void **state)
{
	(void)state;
	for (int i = 0; i < 50000; i++) {
		u8 family = chance() % 2 ? 4 : 6;
		u32 width = family == 4 ? 32 : 128;
		u128 mask = ~(u128)0 >> (128 - width), first, last;

		first = ((u128)chance() << 64 | chance()) & mask;
		last = first + (((u128)chance() << 64 | chance()) & mask >> chance() % width);
		last &= mask;
		if (first > last) {
			u128 swap = first;

			first = last;
			last = swap;
		}
		check_range(family, first, last, 0);
	}
}

static void test_whole_space(void **state)
{
	static const struct spw_addr lowest = {0, 0};
	struct spw_addr from = lowest, to = {~0ULL, ~0ULL};
	struct spw_prefix prefix;
	bool ended = false;

	(void)state;
	assert_true(spw_range_next(&from, &to, 6, &ended, &prefix));
	assert_int_equal(prefix.len, 0);
	assert_false(spw_range_next(&from, &to, 6, &ended, &prefix));
	from = lowest;
	to = (struct spw_addr){~0ULL << 32, 0};
	ended = false;
	assert_true(spw_range_next(&from, &to, 4, &ended, &prefix));
	assert_int_equal(prefix.len, 0);
	assert_false(spw_range_next(&from, &to, 4, &ended, &prefix));
	/* The worst one: all but the first and the last address. */
	check_range(4, 1, 0xfffffffe, 62);
	check_range(6, 1, ~(u128)0 - 1, 254);
}

static void test_empty_range(void **state)
{
	struct spw_addr from = {2ULL << 32, 0}, to = {1ULL << 32, 0};
	struct spw_prefix prefix;
	bool ended = false;

	(void)state;
	assert_false(spw_range_next(&from, &to, 4, &ended, &prefix));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_known_texts, start),
		cmocka_unit_test_setup(test_random_texts, start),
		cmocka_unit_test_setup(test_damaged_texts, start),
		cmocka_unit_test_setup(test_round_trip, start),
		cmocka_unit_test_setup(test_format_like_libc, start),
		cmocka_unit_test_setup(test_rfc_5952, start),
		{"fault 41: lengths beyond the family's and host bits", test_prefix_texts, NULL, NULL, NULL},
		cmocka_unit_test(test_longest_text),
		cmocka_unit_test_setup(test_last_and_contains, start),
		cmocka_unit_test_setup(test_ranges_brute_force, start),
		cmocka_unit_test_setup(test_ranges_random, start),
		cmocka_unit_test(test_whole_space),
		cmocka_unit_test(test_empty_range),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("prefix", tests, NULL, NULL);
}
