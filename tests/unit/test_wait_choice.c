/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Choice of the wait: servers that queue inside or in front, against changes that only look like a queue. Facts come
 * from a simulated server with workers and a queue under random arrivals.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "user/core/control/wait_choice.h"

#define TICK_S	    0.1
#define TICK_MS	    100
#define MS	    1000000ull
#define WORKERS_MAX 64
#define QUEUE_MAX   65536

/* A first-come first-served server; time in milliseconds. */
struct server {
	u32 workers;
	double per_s, service_ms, long_service_ms, long_share; /* of load, and of two kinds of requests */
	u32 per_connection;
	bool reads_late; /* when a worker takes it, instead of at once */
	u32 stopped_until_ms;
	u32 random, now_ms, head, tail, requests;
	double free_ms[WORKERS_MAX];
	struct {
		double came_ms, takes_ms;
	} queue[QUEUE_MAX];
	struct {
		double at_ms, wait_ms;
	} answers[QUEUE_MAX];
	u32 answers_count;
	double read_ms; /* wait of the last read */
	struct spw_service_facts facts;
	struct spw_answer_memory memory;
	struct spw_service_policy policy; /* as chosen */
	u64 answer_target_ns;
	struct spw_service_rates rates;
};

static double draw(struct server *server)
{
	server->random = server->random * 1664525 + 1013904223;
	return (double)(server->random >> 8) / (1 << 24);
}

static void come(struct server *server)
{
	double takes = draw(server) < server->long_share ? server->long_service_ms : server->service_ms;
	u32 at = server->tail++ % QUEUE_MAX;

	assert_true(server->tail - server->head < QUEUE_MAX);
	server->queue[at].came_ms = server->now_ms;
	server->queue[at].takes_ms = takes * (0.9 + 0.2 * draw(server));
	server->facts.requests++;
	if (server->requests++ % server->per_connection == 0)
		server->facts.first_reads++;
}

static void work(struct server *server)
{
	for (u32 i = 0; i < server->workers && server->head != server->tail; i++) {
		u32 at = server->head % QUEUE_MAX;
		double begin = server->now_ms;

		if (server->free_ms[i] > begin || server->now_ms < server->stopped_until_ms)
			continue;
		server->free_ms[i] = begin + server->queue[at].takes_ms;
		server->answers[server->answers_count].at_ms = server->free_ms[i];
		server->answers[server->answers_count].wait_ms = server->free_ms[i] - server->queue[at].came_ms;
		server->read_ms = server->reads_late ? begin - server->queue[at].came_ms : 0.02;
		server->answers_count++;
		server->head++;
	}
}

static void answer(struct server *server)
{
	for (u32 i = 0; i < server->answers_count;) {
		if (server->answers[i].at_ms > server->now_ms) {
			i++;
			continue;
		}
		server->facts.answer_waits[spw_wait_bucket((u64)(server->answers[i].wait_ms * (double)MS))]++;
		server->answers[i] = server->answers[--server->answers_count];
	}
	server->facts.unanswered = server->tail - server->head + server->answers_count;
}

/* A tick with read-wait as measured. */
static void tick(struct server *server)
{
	for (u32 ms = 0; ms < TICK_MS; ms++, server->now_ms++) {
		for (double chance = server->per_s / 1000; chance > 0; chance--)
			if (draw(server) < chance)
				come(server);
		work(server);
		answer(server);
	}
	server->rates = (struct spw_service_rates){
		.valid = true, .wait_source = SPW_WAIT_READ, .wait_ns = (u64)(server->read_ms * (double)MS)};
	server->policy =
		(struct spw_service_policy){.wait_target_ns = 20 * MS, .answer_target_ns = server->answer_target_ns};
	spw_wait_choose(&server->memory, &server->facts, TICK_S, &server->policy, &server->rates);
}

/* Returns the number of ticks in @seconds in which answer wait was chosen. */
static u32 go(struct server *server, double seconds)
{
	u32 chosen = 0;

	for (double time = 0; time < seconds; time += TICK_S) {
		tick(server);
		chosen += server->rates.wait_source == SPW_WAIT_ANSWER;
	}
	return chosen;
}

static struct server *begin(u32 seed, u32 workers, double service_ms, double per_s)
{
	struct server *server = calloc(1, sizeof(*server));

	assert_non_null(server);
	server->random = seed * 7919 + 1;
	server->workers = workers;
	server->service_ms = server->long_service_ms = service_ms;
	server->per_s = per_s;
	server->per_connection = 1;
	server->facts.answers_present = true;
	return server;
}

/* Workers and service times: 40 to 4,000 requests a second. */
static const struct {
	u32 workers;
	double service_ms;
} sizes[] = {{4, 100}, {16, 100}, {8, 20}, {8, 2}, {32, 50}};

#define COUNT(array) (sizeof(array) / sizeof(*(array)))
#define SEEDS	     20

static double capacity_of(size_t size)
{
	return sizes[size].workers / sizes[size].service_ms * 1000;
}

static void queues_inside_are_seen(void **state)
{
	static const double loads[] = {1.3, 2, 5};

	(void)state;
	for (size_t size = 0; size < COUNT(sizes); size++)
		for (u32 i = 0; i < COUNT(loads) * SEEDS; i++) {
			double capacity = capacity_of(size), load = loads[i / SEEDS], late_s = 0;
			struct server *server = begin(i, sizes[size].workers, sizes[size].service_ms, 0.5 * capacity);

			assert_int_equal(go(server, 20), 0);
			server->per_s = load * capacity;
			while (!go(server, TICK_S))
				late_s += TICK_S;
			if (late_s > (load < 2 ? 6 : load < 5 ? 2.5 : 1))
				fail_msg("size %zu, load %g: seen after %g s", size, load, late_s);
			go(server, 1);
			/* The excess over idle is the queue; served is the capacity of the workers. */
			assert_in_range(server->rates.wait_ns, 1, (u64)(server->now_ms * MS));
			assert_true(server->rates.backlogged && !server->rates.standing);
			assert_in_range(server->policy.wait_target_ns, 20 * MS, 1000 * MS);
			if (sizes[size].service_ms >= 50)
				assert_in_range(server->policy.wait_target_ns,
						sizes[size].service_ms * 0.75 * (double)MS,
						sizes[size].service_ms * 1.6 * (double)MS);
			free(server);
		}
}

/* Answer wait stays chosen until the queue has drained, and no longer. */
static void it_ends_in_calm(void **state)
{
	struct server *server = begin(1, 16, 100, 80);

	(void)state;
	go(server, 20);
	server->per_s = 320;
	go(server, 5);
	assert_int_equal(server->rates.wait_source, SPW_WAIT_ANSWER);
	server->per_s = 80;
	go(server, 20);
	assert_int_equal(server->rates.wait_source, SPW_WAIT_ANSWER);
	assert_true(server->rates.wait_ns < 100 * MS);
	go(server, 40);
	assert_int_equal(server->rates.wait_source, SPW_WAIT_READ);
	assert_int_equal(server->policy.wait_target_ns, 20 * MS);
	free(server);
}

/* The served rate is in pieces of new work. */
static void served_is_in_connections(void **state)
{
	struct server *server = begin(3, 16, 100, 80);
	double served = 0;

	(void)state;
	server->per_connection = 5;
	go(server, 30);
	server->per_s = 480;
	go(server, 5);
	for (u32 i = 0; i < 50; i++) {
		tick(server);
		served += server->rates.served_per_s / 50;
	}
	assert_true(served > 0.9 * 160 / 5 && served < 1.1 * 160 / 5);
	free(server);
}

/* Answers take longer without piling up: another mix of requests, a slower release, a doubled load. */
static void slower_answers_are_no_queue(void **state)
{
	(void)state;
	for (u32 seed = 0; seed < SEEDS; seed++)
		for (u32 kind = 0; kind < 4; kind++) {
			struct server *server = begin(seed, 48, 2, 100);

			server->long_service_ms = 200;
			server->long_share = kind == 2 ? 0.24 : 0;
			assert_int_equal(go(server, 20), 0);
			if (kind == 0)
				server->long_share = 0.6;
			else if (kind == 1)
				server->service_ms = 200;
			else if (kind == 2)
				server->long_share = 0.3;
			else
				server->per_s = 200;
			if (go(server, 60))
				fail_msg("seed %u, kind %u: taken for a queue", seed, kind);
			free(server);
		}
}

static void stalls_are_no_queue(void **state)
{
	(void)state;
	for (size_t size = 0; size < COUNT(sizes); size++)
		for (u32 seed = 0; seed < SEEDS; seed++) {
			struct server *server =
				begin(seed, sizes[size].workers, sizes[size].service_ms, 0.6 * capacity_of(size));

			go(server, 10);
			for (u32 i = 0; i < 5; i++) {
				server->stopped_until_ms = server->now_ms + 50 + 190 * i;
				if (go(server, 4))
					fail_msg("size %zu, seed %u: a stall of %u ms is taken for a queue", size, seed,
						 50 + 190 * i);
			}
			free(server);
		}
}

/* Where requests wait to be read, read-wait is used. */
static void queues_in_front_stay_read_wait(void **state)
{
	struct server *server = begin(5, 8, 20, 200);

	(void)state;
	server->reads_late = true;
	assert_int_equal(go(server, 10), 0);
	server->per_s = 800;
	assert_int_equal(go(server, 10), 0);
	free(server);
}

/* An agent may start in overload: the idle value is found later, with less load. */
static void it_may_start_in_overload(void **state)
{
	struct server *server = begin(6, 4, 100, 80);

	(void)state;
	while (!go(server, TICK_S))
		assert_true(server->now_ms < 10000);
	server->per_s = 20;
	go(server, 60);
	assert_in_range(server->memory.idle_ns, 75 * MS, 140 * MS);
	free(server);
}

static void long_polls_are_left_alone(void **state)
{
	struct server *server = begin(7, 60, 5000, 10);

	(void)state;
	assert_int_equal(go(server, 30), 0);
	server->per_s = 40;
	assert_int_equal(go(server, 60), 0);
	server->answer_target_ns = 8000 * MS;
	go(server, 60);
	assert_int_equal(server->rates.wait_source, SPW_WAIT_ANSWER);
	free(server);
}

static void a_set_target_holds(void **state)
{
	struct server *server = begin(8, 16, 100, 80);

	(void)state;
	server->answer_target_ns = 400 * MS;
	go(server, 20);
	server->per_s = 320;
	go(server, 5);
	assert_int_equal(server->rates.wait_source, SPW_WAIT_ANSWER);
	assert_in_range(server->policy.wait_target_ns, 250 * MS, 320 * MS);
	free(server);
}

/* Absent, restarted, stuck, wrapped: the rates stay plausible. */
static void damaged_counts(void **state)
{
	struct server *server = begin(9, 4, 100, 80);

	(void)state;
	go(server, 10);
	server->facts.answers_present = false;
	assert_int_equal(go(server, 1), 0);
	server->facts.answers_present = true;
	go(server, 5);
	for (u32 round = 0; round < 2000; round++) {
		u64 *counts = (u64 *)&server->facts.answer_waits;

		if (draw(server) < 0.3)
			counts[(u32)(draw(server) * SPW_WAIT_BUCKETS)] = (u64)(draw(server) * 1.8e19);
		if (draw(server) < 0.1)
			server->facts.requests = server->facts.first_reads = (u64)(draw(server) * 1.8e19);
		if (draw(server) < 0.1)
			server->facts.unanswered = (u64)(draw(server) * 1.8e19);
		spw_wait_choose(&server->memory, &server->facts, 0.001 + draw(server) * 0.99, &server->policy,
				&server->rates);
		assert_true(server->rates.served_per_s >= 0 && server->rates.served_per_s < 1e15);
		assert_true(server->memory.idle_ns >= 0 && server->memory.idle_ns < 1e12);
		assert_true(server->policy.wait_target_ns >= MS);
	}
	free(server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(queues_inside_are_seen),   cmocka_unit_test(it_ends_in_calm),
		cmocka_unit_test(served_is_in_connections), cmocka_unit_test(slower_answers_are_no_queue),
		cmocka_unit_test(stalls_are_no_queue),	    cmocka_unit_test(queues_in_front_stay_read_wait),
		cmocka_unit_test(it_may_start_in_overload), cmocka_unit_test(long_polls_are_left_alone),
		cmocka_unit_test(a_set_target_holds),	    cmocka_unit_test(damaged_counts),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
