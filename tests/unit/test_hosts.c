/* SPDX-License-Identifier: GPL-2.0-only */
/* How many hosts a demand needs: the ratio, both directions of the hysteresis, what is not known. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "user/core/control/hosts.h"

#define TICK 0.1

/* @seconds of a steady demand, in hosts at the target share. */
static void feed(struct spw_hosts_memory *memory, double need, double seconds)
{
	for (double at = 0; at < seconds - TICK / 2; at += TICK)
		spw_hosts_take(memory, need * SPW_HOSTS_SHARE * 900, 900, TICK);
}

static void the_ratio(void **state)
{
	struct spw_hosts_memory memory = {0};

	(void)state;
	feed(&memory, 1.8, 9.5);
	assert_false(memory.known);
	feed(&memory, 1.8, 2);
	assert_true(memory.known);
	assert_float_equal(memory.wanted, 1.8, 1e-9);
	memset(&memory, 0, sizeof(memory));
	for (int i = 0; i < 120; i++)
		spw_hosts_take(&memory, 2800, 1000, TICK);
	assert_float_equal(memory.wanted, 4, 1e-9);
}

/* A change counts once it has lasted for the window, in both directions after the same time. */
static void changes_that_last(void **state)
{
	struct spw_hosts_memory memory = {0};

	(void)state;
	feed(&memory, 1, 12);
	feed(&memory, 3, 8.5);
	assert_float_equal(memory.wanted, 1, 1e-9);
	feed(&memory, 3, 3);
	assert_float_equal(memory.wanted, 3, 1e-9);
	feed(&memory, 0.5, 8.5);
	assert_float_equal(memory.wanted, 3, 1e-9);
	feed(&memory, 0.5, 3);
	assert_float_equal(memory.wanted, 0.5, 1e-9);
	feed(&memory, 0, 12);
	assert_true(memory.known);
	assert_float_equal(memory.wanted, 0, 1e-9);
}

static void spikes_and_noise(void **state)
{
	struct spw_hosts_memory memory = {0};

	(void)state;
	feed(&memory, 1, 12);
	for (int i = 0; i < 20; i++) {
		feed(&memory, 5, 4);
		assert_float_equal(memory.wanted, 1, 1e-9);
		feed(&memory, 0.2, 4);
		assert_float_equal(memory.wanted, 1, 1e-9);
		feed(&memory, 1, 4);
		assert_float_equal(memory.wanted, 1, 1e-9);
	}
	/* Within its noise, the value stays where it is. */
	feed(&memory, 1.1, 12);
	for (int i = 0; i < 60; i++) {
		feed(&memory, i % 2 ? 1.2 : 0.95, 1);
		assert_float_equal(memory.wanted, 1.1, 1e-9);
	}
	/* A ramp is followed at the distance of the window. */
	for (int i = 0; i < 60; i++)
		feed(&memory, 1.2 + 0.1 * i, 1);
	assert_true(memory.wanted > 1.2 + 0.1 * 48 && memory.wanted < 1.2 + 0.1 * 52);
}

/* Load that moves from one host to another: the sum stays. */
static void a_second_host(void **state)
{
	struct spw_hosts_memory first = {0}, second = {0};
	double most = 0;

	(void)state;
	feed(&first, 1.8, 20);
	feed(&second, 0, 20);
	for (int i = 0; i < 400; i++) {
		double moved = i < 50 ? 0.9 * i / 50 : 0.9;

		feed(&first, 1.8 - moved, TICK);
		feed(&second, moved, TICK);
		most = fmax(most, first.wanted + second.wanted);
	}
	assert_float_equal(first.wanted, 0.9, 1e-6);
	assert_float_equal(second.wanted, 0.9, 1e-6);
	assert_true(most < 1.8 * 1.1);
}

static void what_is_not_known(void **state)
{
	struct spw_hosts_memory memory = {0}, before;

	(void)state;
	feed(&memory, 1, 12);
	before = memory;
	spw_hosts_take(&memory, NAN, 900, TICK);
	spw_hosts_take(&memory, -1, 900, TICK);
	spw_hosts_take(&memory, INFINITY, 900, TICK);
	spw_hosts_take(&memory, 100, 900, NAN);
	spw_hosts_take(&memory, 100, 900, INFINITY);
	spw_hosts_take(&memory, 100, 900, 0);
	spw_hosts_take(&memory, 100, 900, -1);
	spw_hosts_take(&memory, 100, 1e-320, TICK);
	assert_memory_equal(&memory, &before, sizeof(memory));
	/* Without a capacity there is no ratio, and none of the past either. */
	spw_hosts_take(&memory, 100, 0, TICK);
	assert_false(memory.known);
	feed(&memory, 1, 9);
	assert_false(memory.known);
	spw_hosts_take(&memory, 100, NAN, TICK);
	feed(&memory, 1, 9);
	assert_false(memory.known);
	feed(&memory, 1, 2);
	assert_true(memory.known);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_ratio),	     cmocka_unit_test(changes_that_last),
		cmocka_unit_test(spikes_and_noise),  cmocka_unit_test(a_second_host),
		cmocka_unit_test(what_is_not_known),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
