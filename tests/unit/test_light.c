/* SPDX-License-Identifier: GPL-2.0-only */
/* Marks of flows that a light listener has, in the code that the kernel runs (bpf/light.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bpf/light.h"

#define STAY 2500u

static struct spw_light table;

static struct spw_light_flow flow_of(u32 number)
{
	return (struct spw_light_flow){.remote_hi = (u64)(0xc0000200u + number % 251) << 32,
				       .local_hi = (u64)0xc6120001u << 32,
				       .ports = (1024 + number / 251) << 16 | 443};
}

static u64 hash_of(u32 number)
{
	const struct spw_light_flow flow = flow_of(number);

	return spw_light_hash(&flow, 4711);
}

static bool mark(u64 hash, u64 now, u32 service)
{
	return spw_light_mark(table.sets[spw_light_set(hash)], hash, now, service);
}

static u32 find(u64 hash, u64 now)
{
	return spw_light_find(table.sets[spw_light_set(hash)], hash, now, STAY);
}

static int empty(void **state)
{
	(void)state;
	memset(&table, 0, sizeof(table));
	return 0;
}

static void test_life_of_a_mark(void **state)
{
	const u64 starts[] = {0, 1, 4294667296, SPW_LIGHT_TIME_MASK - 3, UINT64_MAX - STAY - 9};

	for (size_t i = 0; i < sizeof(starts) / sizeof(*starts); i++) {
		u64 now = starts[i], hash = hash_of(7);

		empty(state);
		assert_int_equal(find(hash, now), 0);
		assert_true(mark(hash, now, 64));
		assert_int_equal(find(hash, now), 64);
		assert_int_equal(find(hash, now - 1), 64); /* by a CPU whose jiffy has just ended */
		assert_int_equal(find(hash, now + STAY - 1), 64);
		assert_int_equal(find(hash, now + STAY), 0);
		assert_true(mark(hash, now + STAY - 1, 3)); /* sent again, now another service's */
		assert_int_equal(find(hash, now + 2 * STAY - 2), 3);
		spw_light_unmark(table.sets[spw_light_set(hash)], hash, now + STAY);
		assert_int_equal(find(hash, now + STAY), 0);
	}
}

/* Address, port and service of one side do not stand for those of the other, and the secret counts. */
static void test_flows_differ(void **state)
{
	const struct spw_light_flow flow = {1ull << 32, 2, 3ull << 32, 4, 5 << 16 | 6};
	struct spw_light_flow others[5] = {flow, flow, flow, flow, flow};
	u64 hash = spw_light_hash(&flow, 1);

	(void)state;
	others[0].remote_hi ^= 1ull << 32;
	others[1].remote_lo ^= 1;
	others[2].local_hi ^= 1ull << 32;
	others[3].local_lo ^= 1;
	others[4].ports = 6 << 16 | 5;
	assert_true(mark(hash, 1000, 1));
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(find(spw_light_hash(&others[i], 1), 1000), 0);
	assert_int_equal(find(spw_light_hash(&flow, 2), 1000), 0);
	spw_light_unmark(table.sets[spw_light_set(hash)], spw_light_hash(&others[0], 1), 1000);
	assert_int_equal(find(hash, 1000), 1);
}

/* 2,000 a second for the life of a mark: none is lost before it is a second old, and hardly any before its end. */
static void test_full_sets(void **state)
{
	const u32 hz = 250, per_jiffy = 8, count = per_jiffy * STAY;
	u32 lost = 0;

	(void)state;
	for (u32 i = 0; i < count; i++) {
		assert_true(mark(hash_of(i), 77 + i / per_jiffy, 1));
		if (i >= per_jiffy * hz)
			assert_int_equal(find(hash_of(i - per_jiffy * hz), 77 + i / per_jiffy), 1);
	}
	for (u32 i = 0; i < count; i++)
		lost += !find(hash_of(i), 77 + count / per_jiffy - 1);
	assert_in_range(lost, 0, count / 200);
}

/* In a full set the oldest goes, also when jiffies wrap within the set. */
static void test_oldest_goes(void **state)
{
	u64 set[SPW_LIGHT_WAYS] = {0}, now = SPW_LIGHT_TIME_MASK - 3;

	(void)state;
	for (u64 i = 0; i < SPW_LIGHT_WAYS + 3; i++)
		assert_true(spw_light_mark(set, (i + 1) << 40, now + i, (u32)i + 1));
	for (u64 i = 0; i < SPW_LIGHT_WAYS + 3; i++)
		assert_int_equal(spw_light_find(set, (i + 1) << 40, now + SPW_LIGHT_WAYS + 3, STAY), i < 3 ? 0 : i + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_life_of_a_mark, empty),
		cmocka_unit_test_setup(test_flows_differ, empty),
		cmocka_unit_test_setup(test_full_sets, empty),
		cmocka_unit_test_setup(test_oldest_goes, empty),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
