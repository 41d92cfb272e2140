/* SPDX-License-Identifier: GPL-2.0-only */
/* The table of UDP sessions in the code that the kernel runs (bpf/session.h), over hours and millions of flows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bpf/session.h"
#include "core/limits/limits.h"

#define HZ 250

#define COUNT_OF(array) (sizeof(array) / sizeof(*(array)))

static struct spw_sessions table;
static struct spw_session_limits rules; /* as the agent sets them */

/* xorshift64, Marsaglia 2003 */
static u64 random_state = 88172645463325252ull;

static u64 draw(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state | 1;
}

static bool seen(u64 flow, u64 now)
{
	return spw_session_seen(table.sets[spw_session_set(flow)], flow, now, &rules);
}

static void begin(u64 flow, u64 now)
{
	spw_session_begin(table.sets[spw_session_set(flow)], flow, now, &rules);
}

static int empty(void **state)
{
	static const struct spw_limit_policy policy;
	static struct spw_limits limits;

	(void)state;
	spw_limits_plan(&policy, NULL, HZ, &limits);
	rules = limits.sessions;
	memset(&table, 0, sizeof(table));
	return 0;
}

/* At every frequency of the kernel's clock: two minutes, and 1,000 datagrams a second to within a tenth. */
static void test_plan(void **state)
{
	static const u32 usual[] = {100, 128, 250, 300, 512, 1000, 1024};
	static const struct spw_limit_policy policy;
	static struct spw_limits limits;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(usual); i++) {
		double second = usual[i] * (double)(1 << SPW_SESSION_TIME_SHIFT);

		spw_limits_plan(&policy, NULL, usual[i], &limits);
		assert_true(limits.sessions.idle == 120 * second);
		assert_true(second / (double)limits.sessions.interval > 900);
		assert_true(second / (double)limits.sessions.interval < 1100);
		assert_true(limits.sessions.idle + limits.sessions.tolerance < SPW_SESSION_TIME_MASK / 2);
	}
	spw_limits_plan(&policy, NULL, 0, &limits);
	assert_true(limits.sessions.idle == 0);
}

/* A session begins once admitted, lasts while it sends, and ends after its idle time; at any time, also as it wraps. */
static void test_life(void **state)
{
	u64 idle = rules.idle >> SPW_SESSION_TIME_SHIFT, wrap = (SPW_SESSION_TIME_MASK + 1) >> SPW_SESSION_TIME_SHIFT;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		u64 flow = draw(), now = 20 * wrap + draw() % (3 * idle) - idle;

		if (i % 2)
			now = draw() % (1ull << 40) + wrap;
		memset(table.sets[spw_session_set(flow)], 0, sizeof(*table.sets));
		assert_false(seen(flow, now));
		begin(flow, now);
		for (int step = 0; step < 20; step++) {
			now += draw() % (idle - 1);
			assert_true(seen(flow, now));
			assert_false(seen(flow ^ 1ull << 40, now));
		}
		now += idle + 1;
		assert_false(seen(flow, now));
		begin(flow, now);
		assert_true(seen(flow, now));
	}
}

/* What passes of a flood over one session: its burst, then its rate. The session outlives it. */
static void test_rate(void **state)
{
	const u64 flow = draw();
	u64 passed = 0, now = 1000 * HZ;

	(void)state;
	begin(flow, now);
	for (u64 jiffy = 0; jiffy < 60 * HZ; jiffy++, now++) {
		for (int i = 0; i < 100; i++)
			passed += seen(flow, now);
		begin(flow, now); /* what is beyond may be admitted: that grants nothing */
	}
	assert_in_range(passed, 61 * 1000 - 10, 61 * 1000 + 10);
	assert_true(seen(flow, now + 2 * HZ));
}

/*
 * Millions of flows of one datagram, each of them admitted, 100,000 a second, for a minute (faults 14, 57). No session
 * that sends every 15 s is lost, and a new one gets in.
 */
static void test_flood(void **state)
{
	enum { PLAYERS = 4096, PER_JIFFY = 400 };
	static u64 players[PLAYERS];
	u64 now = 1000 * HZ, newcomers = 0;

	(void)state;
	for (int i = 0; i < PLAYERS; i++) {
		players[i] = draw();
		begin(players[i], now);
		assert_true(seen(players[i], now));
	}
	for (u64 jiffy = 0; jiffy < 60 * HZ; jiffy++, now++) {
		for (int i = 0; i < PER_JIFFY; i++)
			begin(draw(), now);
		for (int i = 0; i < PLAYERS && jiffy % (14 * HZ) == 0; i++)
			assert_true(seen(players[i], now));
	}
	for (int i = 0; i < 1000; i++) {
		u64 flow = draw();

		begin(flow, now);
		newcomers += seen(flow, now + 1);
	}
	assert_int_equal(newcomers, 1000);
}

/* Flows that send twice and then no more, as a cleverer flood does, keep newcomers out for 15 s at most. */
static void test_confirmed_flood(void **state)
{
	u64 now = 1000 * HZ, player = draw(), newcomers = 0;

	(void)state;
	begin(player, now);
	assert_true(seen(player, now));
	for (int i = 0; i < 2000000; i++) {
		u64 flow = draw();

		begin(flow, now);
		seen(flow, now);
	}
	for (u64 later = now; later <= now + 16 * HZ; later += HZ)
		assert_true(seen(player, later));
	now += 16 * HZ;
	for (int i = 0; i < 1000; i++) {
		u64 flow = draw();

		begin(flow, now);
		newcomers += seen(flow, now);
	}
	assert_int_equal(newcomers, 1000);
	assert_true(seen(player, now));
}

/* How many of so many sessions at once find no place: the figures of maps/session.h. */
static void test_places(void **state)
{
	static const struct {
		u32 sessions, most;
	} rows[] = {{8192, 1}, {16384, 10}, {32768, 400}};

	for (size_t row = 0; row < COUNT_OF(rows); row++) {
		static u64 flows[32768];
		u32 lost = 0;

		empty(state);
		for (u32 i = 0; i < rows[row].sessions; i++) {
			flows[i] = draw();
			begin(flows[i], 1000 * HZ);
			seen(flows[i], 1000 * HZ);
		}
		for (int round = 0; round < 3; round++) {
			lost = 0;
			for (u32 i = 0; i < rows[row].sessions; i++) {
				if (!seen(flows[i], (u64)(1001 + round) * HZ)) {
					lost++;
					begin(flows[i], (u64)(1001 + round) * HZ);
				}
			}
		}
		assert_in_range(lost, 0, rows[row].most);
	}
}

/* Counted are sessions that last, in one scan of all sets, however it is cut into ticks. */
static void test_count(void **state)
{
	struct spw_session_count count = {0};
	u64 now = 1000 * HZ;

	(void)state;
	for (int i = 0; i < 6000; i++)
		begin(draw(), i < 3000 ? now : now + 100 * HZ);
	spw_sessions_count(&count, &table, 8191, now + 100 * HZ, &rules);
	assert_false(count.known);
	spw_sessions_count(&count, &table, 1, now + 100 * HZ, &rules);
	assert_true(count.known);
	assert_int_equal(count.sessions, 6000);
	for (int tick = 0; tick < 32; tick++)
		spw_sessions_count(&count, &table, 256, now + 130 * HZ, &rules);
	assert_int_equal(count.sessions, 3000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plan),
		cmocka_unit_test_setup(test_life, empty),
		cmocka_unit_test_setup(test_rate, empty),
		cmocka_unit_test_setup(test_flood, empty),
		cmocka_unit_test_setup(test_confirmed_flood, empty),
		cmocka_unit_test(test_places),
		cmocka_unit_test_setup(test_count, empty),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
