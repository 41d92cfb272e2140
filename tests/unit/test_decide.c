/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The rules of the decision by number (decide.c), over constructed facts: steady counts, without a plant. And the plan:
 * what a decision tells the datapath.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bpf/verdict.h"
#include "user/core/control/decide.h"

#define MS_NS	   1000000ull
#define NOBODY	   SPW_LEVEL_NEVER
#define TICK_TICKS ((double)(1u << SPW_TICK_SHIFT))

/* Four classes as in the manual; one service with 1000/s. */
struct bench {
	struct spw_policy policy;
	struct spw_override override;
	struct spw_facts facts;
	struct spw_decision decision;
	struct spw_memory *memory;
	double fresh[4];  /* per tick and class */
	double passed[4]; /* of these */
	u64 wait_ns;	  /* of all reads; 0: no reads */
	double served;	  /* per tick */
};

static void begin(struct bench *bench, double capacity_per_s)
{
	static const u8 shed_from[] = {NOBODY, SPW_RED, SPW_ORANGE, SPW_YELLOW};

	memset(bench, 0, sizeof(*bench));
	spw_shedding_defaults(&bench->policy.shedding);
	bench->policy.services_count = 1;
	bench->policy.services[0] =
		(struct spw_service_policy){.id = 2, .capacity_per_s = capacity_per_s, .wait_target_ns = 20 * MS_NS};
	bench->policy.classes_count = 4;
	for (u32 i = 0; i < 4; i++)
		bench->policy.classes[i] = (struct spw_class_policy){.id = (u8)(i + 5),
								     .shed_from = shed_from[i],
								     .cut_from = NOBODY,
								     .reserve = spw_default_reserve(i, 4)};
	bench->override = (struct spw_override){.pinned = NOBODY, .least = SPW_GREEN, .most = SPW_RED};
	bench->facts.now_ns = 1000 * SPW_TICK_NS;
	bench->facts.services_count = 1;
	bench->facts.services[0].waits_present = true;
	bench->memory = spw_memory_new();
	assert_non_null(bench->memory);
	spw_decide(bench->memory, &bench->policy, &bench->override, &bench->facts, &bench->decision);
}

static void load(struct bench *bench, double a, double b, double c, double d)
{
	const double loads[] = {a, b, c, d};

	memcpy(bench->fresh, loads, sizeof(loads));
	memcpy(bench->passed, loads, sizeof(loads));
	bench->served = a + b + c + d;
	bench->wait_ns = MS_NS;
}

static void tick_after(struct bench *bench, u64 time_ns)
{
	struct spw_service_facts *its = &bench->facts.services[0];

	bench->facts.now_ns += time_ns;
	for (u32 i = 0; i < 4; i++) {
		its->fresh[i][SPW_PASS] += (u64)bench->passed[i];
		its->fresh[i][SPW_DROP] += (u64)(bench->fresh[i] - bench->passed[i]);
	}
	its->first_reads += (u64)bench->served;
	if (bench->wait_ns)
		its->waits[spw_wait_bucket(bench->wait_ns)] += (u64)bench->served;
	spw_decide(bench->memory, &bench->policy, &bench->override, &bench->facts, &bench->decision);
}

static void ticks(struct bench *bench, u32 count)
{
	while (count--)
		tick_after(bench, SPW_TICK_NS);
}

/* Reads waited for @wait_ns; the oldest unread data are @unread_ns old, 0: none. */
static void let_wait(struct bench *bench, u64 wait_ns, u64 unread_ns)
{
	bench->wait_ns = wait_ns;
	bench->facts.services[0].oldest_unread_ns = unread_ns;
}

/* A load at the limit: the budget is served after @wait_ns. */
static void tick_at_the_limit(struct bench *bench, u64 wait_ns)
{
	double passed = bench->decision.services[0].budget_per_s / 10;

	load(bench, 20, 120, 60, 60);
	memcpy(bench->passed, (double[]){20, passed - 20, 0, 0}, sizeof(bench->passed));
	bench->served = passed;
	let_wait(bench, wait_ns, 0);
	tick_after(bench, SPW_TICK_NS);
}

static void end(struct bench *bench)
{
	spw_memory_free(bench->memory);
}

static const struct spw_service_decision *its(const struct bench *bench)
{
	return &bench->decision.services[0];
}

/* Rule 22: a step towards an unknown capacity shortens ticks, but not for ever. */
static void test_hurry(void **state)
{
	struct bench bench;
	u32 hurried = 0;

	(void)state;
	begin(&bench, 0);
	load(&bench, 5, 5, 5, 5);
	ticks(&bench, 30);
	assert_false(bench.decision.hurry);
	load(&bench, 20, 20, 20, 20);
	ticks(&bench, 1);
	assert_true(bench.decision.hurry);
	load(&bench, 5, 5, 5, 5); /* in a quarter of the time */
	while (bench.decision.hurry && hurried < 200) {
		tick_after(&bench, SPW_HURRY_NS);
		hurried++;
	}
	assert_in_range(hurried, 10, 2000 / 25);
	end(&bench);
	/* Not if it is known. */
	begin(&bench, 1000);
	load(&bench, 5, 5, 5, 5);
	ticks(&bench, 30);
	load(&bench, 20, 20, 20, 20);
	ticks(&bench, 1);
	assert_false(bench.decision.hurry);
	end(&bench);
}

/* So many connections more, so long after the last tick: does a glance ask for the next one at once? */
static bool glance(const struct bench *bench, u64 time_ns, u64 more)
{
	struct spw_facts facts = bench->facts;

	facts.now_ns += time_ns;
	facts.services[0].fresh[1][SPW_PASS] += more;
	return spw_glance(bench->memory, &bench->policy, &facts);
}

/* Rule 22: a step is seen within 25 ms; what chance explains, as five connections in place of one, is none. */
static void test_glance(void **state)
{
	struct bench bench;

	(void)state;
	begin(&bench, 0);
	load(&bench, 1, 1, 1, 1);
	ticks(&bench, 30);
	assert_false(glance(&bench, SPW_HURRY_NS, 0));
	assert_false(glance(&bench, SPW_HURRY_NS, 5));
	assert_true(glance(&bench, SPW_HURRY_NS, 30));
	assert_false(glance(&bench, 0, 30));
	assert_false(glance(&bench, 2000000000, 30)); /* too long ago to compare */
	end(&bench);
	/* Not if the capacity is known: there is a ceiling. */
	begin(&bench, 1000);
	load(&bench, 1, 1, 1, 1);
	ticks(&bench, 30);
	assert_false(glance(&bench, SPW_HURRY_NS, 300));
	end(&bench);
}

/* Rule 14: if one tick serves too little for a first estimate, several together do. */
static void test_first_estimate_of_little(void **state)
{
	struct bench bench;

	(void)state;
	begin(&bench, 0);
	load(&bench, 3, 3, 3, 3);
	ticks(&bench, 10);
	load(&bench, 12, 12, 12, 12);
	bench.served = 12;
	let_wait(&bench, 200 * MS_NS, 200 * MS_NS);
	ticks(&bench, 4);
	assert_int_equal(its(&bench)->origin, SPW_CAPACITY_LEARNED);
	assert_in_range((u64)spw_memory_learned(bench.memory, 0)->capacity_per_s, 110, 130);
	/* A small sample of work is rounded up. */
	assert_in_range((u64)its(&bench)->capacity_per_s, 120, 150);
	end(&bench);
}

/* Rule 13: a set capacity far from what is served is doubted, and trusted again when the wait is over. */
static void test_set_capacity_doubted(void **state)
{
	struct bench bench;

	(void)state;
	begin(&bench, 1000);
	load(&bench, 20, 20, 20, 30);
	ticks(&bench, 20);
	assert_float_equal(its(&bench)->capacity_per_s, 1000, 1e-9);
	let_wait(&bench, 200 * MS_NS, 200 * MS_NS);
	ticks(&bench, 20);
	assert_float_equal(its(&bench)->capacity_per_s, 1000, 1e-9); /* 900 of 1,000 is close enough */
	bench.served = 40;
	ticks(&bench, 8);
	assert_in_range((u64)its(&bench)->capacity_per_s, 400, 650);
	assert_int_equal(its(&bench)->origin, SPW_CAPACITY_SET);
	/* However little is served, the budget stays above the floor of what was set. */
	bench.served = 8;
	ticks(&bench, 30);
	assert_true(its(&bench)->level > SPW_GREEN);
	assert_true(its(&bench)->budget_per_s >= 300 - 1e-9);
	let_wait(&bench, MS_NS, 0);
	ticks(&bench, 20);
	assert_in_range((u64)its(&bench)->capacity_per_s, 450, 900);
	ticks(&bench, 60);
	assert_float_equal(its(&bench)->capacity_per_s, 1000, 1e-9);
	end(&bench);
}

/* Rule 13: behind a proxy, first reads only show what was admitted; the reads per new work are learned. */
static void test_served_behind_a_proxy(void **state)
{
	struct spw_service_facts *facts;
	struct bench bench;

	(void)state;
	begin(&bench, 0);
	bench.policy.services[0].behind = true;
	facts = &bench.facts.services[0];
	load(&bench, 5, 5, 5, 5);
	for (u32 i = 0; i < 100; i++) {
		facts->waits[spw_wait_bucket(MS_NS)] += 40; /* 60 reads for 20 pieces */
		tick_after(&bench, SPW_TICK_NS);
	}
	assert_float_equal(spw_memory_learned(bench.memory, 0)->reads_per_work, 3, 0.05);
	assert_float_equal(its(&bench)->served_per_s, 200, 5);
	load(&bench, 50, 50, 50, 50);
	let_wait(&bench, 300 * MS_NS, 300 * MS_NS);
	for (u32 i = 0; i < 4; i++) {
		facts->waits[spw_wait_bucket(bench.wait_ns)] -= 50; /* 150 reads, as if 50 were served, of 200 */
		tick_after(&bench, SPW_TICK_NS);
	}
	assert_float_equal(spw_memory_learned(bench.memory, 0)->reads_per_work, 3, 0.05);
	assert_in_range((u64)its(&bench)->capacity_per_s, 450, 550);
	end(&bench);
}

/* Rule 16: a lost capacity is found again within two seconds while nothing waits, and slowly if little does. */
static void test_former_capacity_returns(void **state)
{
	struct bench bench;
	double former;

	(void)state;
	begin(&bench, 0);
	*spw_memory_learned(bench.memory, 0) = (struct spw_learned){.capacity_per_s = 1000, .served_peak_per_s = 1000};
	load(&bench, 20, 20, 20, 20);
	ticks(&bench, 20);
	let_wait(&bench, 300 * MS_NS, 300 * MS_NS);
	bench.served = 50;
	ticks(&bench, 20);
	assert_in_range((u64)its(&bench)->capacity_per_s, 490, 560);
	for (u32 i = 0; i < 20 && its(&bench)->capacity_per_s < 900; i++)
		tick_at_the_limit(&bench, MS_NS);
	tick_at_the_limit(&bench, 4 * MS_NS);
	former = its(&bench)->capacity_per_s;
	assert_in_range((u64)former, 900, 1500);
	for (u32 i = 0; i < 10; i++)
		tick_at_the_limit(&bench, 4 * MS_NS);
	assert_in_range((u64)(its(&bench)->capacity_per_s / former * 1000), 1010, 1060);
	end(&bench);
}

/* A reload that reorders services and classes: each keeps its state. */
static void test_another_order(void **state)
{
	struct spw_policy former;
	struct bench bench;
	double shares[4];

	(void)state;
	begin(&bench, 0);
	*spw_memory_learned(bench.memory, 0) = (struct spw_learned){.capacity_per_s = 1000, .served_peak_per_s = 1000};
	load(&bench, 40, 40, 60, 50);
	ticks(&bench, 10);
	assert_int_equal(bench.decision.level, SPW_ORANGE);
	for (u32 i = 0; i < 4; i++)
		shares[i] = its(&bench)->classes[i].share;
	assert_true(shares[2] < 1 && shares[2] > 0 && shares[1] == 1);
	/* A new service before it, and a new class before the others. */
	former = bench.policy;
	bench.policy.services[1] = former.services[0];
	bench.policy.services[0].id = 1;
	bench.policy.services_count = bench.facts.services_count = 2;
	memcpy(&bench.policy.classes[1], former.classes, 4 * sizeof(*former.classes));
	bench.policy.classes[0].id = 20;
	bench.policy.classes_count = 5;
	bench.facts.services[1] = bench.facts.services[0];
	memset(&bench.facts.services[0], 0, sizeof(bench.facts.services[0]));
	spw_memory_follow(bench.memory, &former, &bench.policy);
	bench.facts.now_ns += SPW_TICK_NS;
	spw_decide(bench.memory, &bench.policy, &bench.override, &bench.facts, &bench.decision);
	assert_int_equal(bench.decision.level, SPW_ORANGE);
	assert_int_equal(bench.decision.service, 1);
	assert_int_equal(bench.decision.services[0].level, SPW_GREEN);
	assert_int_equal(bench.decision.services[0].origin, SPW_CAPACITY_UNKNOWN);
	assert_float_equal(bench.decision.services[1].classes[0].share, 1, 0);
	assert_float_equal(bench.decision.services[1].classes[2].share, 1, 0);
	assert_float_equal(bench.decision.services[1].classes[3].share, shares[2], 1e-9);
	assert_true(spw_memory_learned(bench.memory, 1)->capacity_per_s > 900);
	assert_float_equal(spw_memory_learned(bench.memory, 0)->capacity_per_s, 0, 0);
	end(&bench);
}

static void test_rule_1_gap(void **state) /* faults 23, 34 */
{
	struct bench bench;

	(void)state;
	begin(&bench, 1000);
	assert_int_equal(bench.decision.rule, SPW_RULE_NOTHING_NEW);
	load(&bench, 40, 40, 60, 50);
	ticks(&bench, 10);
	assert_int_equal(bench.decision.level, SPW_ORANGE);
	/* A minute of counts at once, without events in between: nothing changes. */
	tick_after(&bench, 600 * SPW_TICK_NS);
	assert_int_equal(bench.decision.rule, SPW_RULE_NOTHING_NEW);
	assert_int_equal(bench.decision.level, SPW_ORANGE);
	/* The hold restarts. */
	load(&bench, 10, 0, 0, 0);
	ticks(&bench, 49);
	assert_int_equal(bench.decision.level, SPW_ORANGE);
	/* The same time again changes nothing. */
	tick_after(&bench, 0);
	assert_int_equal(bench.decision.level, SPW_ORANGE);
	end(&bench);
}

static void test_rule_2_blind(void **state) /* fault 36 */
{
	struct bench bench;

	(void)state;
	begin(&bench, 1000);
	load(&bench, 40, 40, 60, 50);
	ticks(&bench, 10);
	assert_false(bench.decision.blind);
	bench.facts.services[0].waits_present = false;
	ticks(&bench, 2);
	assert_true(bench.decision.blind);
	assert_int_equal(bench.decision.rule, SPW_RULE_HOLD);
	ticks(&bench, 100);
	assert_int_equal(bench.decision.level, SPW_GREEN);
	assert_int_equal(bench.decision.rule, SPW_RULE_BLIND);
	assert_true(its(&bench)->budget_per_s == 0);
	/* A guard alone is a signal. */
	bench.facts.host[SPW_SIGNAL_CPU] = (struct spw_reading){0.5, true};
	ticks(&bench, 2);
	assert_false(bench.decision.blind);
	end(&bench);
}

static void test_rule_3_unknown(void **state)
{
	struct bench bench;

	(void)state;
	begin(&bench, 0);
	load(&bench, 100, 100, 100, 100);
	ticks(&bench, 50);
	assert_int_equal(bench.decision.rule, SPW_RULE_UNKNOWN);
	assert_int_equal(its(&bench)->origin, SPW_CAPACITY_UNKNOWN);
	assert_true(its(&bench)->budget_per_s == 0);
	/* Rule 14: saturation reveals the capacity: what is served. */
	bench.served = 80;
	bench.wait_ns = 100 * MS_NS;
	ticks(&bench, 3);
	assert_int_equal(its(&bench)->origin, SPW_CAPACITY_LEARNED);
	assert_true(fabs(spw_memory_learned(bench.memory, 0)->capacity_per_s - 800) < 1);
	assert_in_range((u64)its(&bench)->capacity_per_s, 800, 830);
	assert_true(bench.decision.level > SPW_GREEN);
	end(&bench);
}

static void test_rules_4_to_6_levels(void **state)
{
	static const struct {
		double loads[4];
		u8 level, rule;
	} cases[] = {
		{{20, 20, 20, 20}, SPW_GREEN, SPW_RULE_FITS},	  {{20, 20, 20, 48}, SPW_GREEN, SPW_RULE_FITS},
		{{20, 20, 20, 100}, SPW_YELLOW, SPW_RULE_COVERS}, {{20, 20, 100, 0}, SPW_ORANGE, SPW_RULE_COVERS},
		{{20, 100, 0, 0}, SPW_RED, SPW_RULE_COVERS},	  {{140, 0, 0, 0}, SPW_RED, SPW_RULE_NOT_ENOUGH},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bench bench;

		begin(&bench, 1000);
		load(&bench, cases[i].loads[0], cases[i].loads[1], cases[i].loads[2], cases[i].loads[3]);
		ticks(&bench, 30);
		assert_int_equal(bench.decision.level, cases[i].level);
		assert_int_equal(bench.decision.rule, cases[i].rule);
		end(&bench);
	}
}

/* What a level cuts is no demand there. */
static void test_rule_5_cut(void **state)
{
	struct bench bench;

	(void)state;
	begin(&bench, 1000);
	for (u32 i = 0; i < 4; i++)
		bench.policy.classes[i].shed_from = NOBODY;
	bench.policy.classes[2].cut_from = SPW_ORANGE;
	load(&bench, 20, 20, 100, 20);
	ticks(&bench, 10);
	assert_int_equal(bench.decision.level, SPW_ORANGE);
	assert_true(its(&bench)->classes[2].cut && its(&bench)->classes[2].share == 0);
	assert_false(its(&bench)->classes[3].cut);
	end(&bench);
}

static void test_rules_7_and_8_down(void **state)
{
	struct bench bench;

	(void)state;
	begin(&bench, 1000);
	load(&bench, 20, 100, 100, 100);
	ticks(&bench, 10);
	assert_int_equal(bench.decision.level, SPW_RED);
	load(&bench, 10, 0, 0, 0);
	ticks(&bench, 45);
	assert_int_equal(bench.decision.level, SPW_RED);
	assert_int_equal(bench.decision.rule, SPW_RULE_HOLD);
	assert_true(bench.decision.hold_left_ns > 0 && bench.decision.hold_left_ns <= 5000 * MS_NS);
	ticks(&bench, 45);
	assert_true(bench.decision.level < SPW_RED);
	ticks(&bench, 60);
	assert_int_equal(bench.decision.level, SPW_GREEN);
	/* Up again at once is flapping: it doubles the hold. */
	load(&bench, 20, 20, 20, 200);
	ticks(&bench, 10);
	assert_int_equal(bench.decision.level, SPW_YELLOW);
	load(&bench, 10, 0, 0, 0);
	ticks(&bench, 90);
	assert_int_equal(bench.decision.level, SPW_YELLOW);
	ticks(&bench, 60);
	assert_int_equal(bench.decision.level, SPW_GREEN);
	end(&bench);
}

static void test_rules_9_and_10_wishes(void **state)
{
	struct bench bench;

	(void)state;
	begin(&bench, 1000);
	load(&bench, 20, 100, 100, 100);
	bench.override.most = SPW_ORANGE;
	ticks(&bench, 10);
	assert_int_equal(bench.decision.level, SPW_ORANGE);
	assert_int_equal(bench.decision.rule, SPW_RULE_BOUNDED);
	bench.override.pinned = SPW_GREEN;
	ticks(&bench, 1);
	assert_int_equal(bench.decision.level, SPW_GREEN);
	assert_int_equal(bench.decision.rule, SPW_RULE_PINNED);
	assert_true(its(&bench)->budget_per_s == 0 && !its(&bench)->armed);
	/* The automatic level went on beneath. */
	bench.override = (struct spw_override){.pinned = NOBODY, .least = SPW_GREEN, .most = SPW_RED};
	ticks(&bench, 1);
	assert_int_equal(bench.decision.level, SPW_RED);
	bench.override.pinned = SPW_YELLOW;
	ticks(&bench, 1);
	assert_int_equal(bench.decision.level, SPW_YELLOW);
	assert_int_equal(bench.decision.pinned, SPW_YELLOW);
	end(&bench);
}

static void test_rule_11_budget(void **state)
{
	struct bench bench;

	(void)state;
	begin(&bench, 1000);
	load(&bench, 20, 20, 20, 20);
	ticks(&bench, 10);
	assert_true(its(&bench)->armed);
	assert_true(fabs(its(&bench)->budget_per_s - 1100) < 1e-6);
	load(&bench, 20, 20, 20, 200);
	ticks(&bench, 10);
	assert_false(its(&bench)->armed);
	assert_true(fabs(its(&bench)->budget_per_s - 950) < 1e-6);
	/* 110 ms of wait: 100 ms above half of the target, a fifth of the drain time; less the width of a bucket. */
	bench.wait_ns = 110 * MS_NS;
	ticks(&bench, 1);
	assert_true(its(&bench)->budget_per_s > 700 && its(&bench)->budget_per_s < 800);
	/* Not below the floor, nor below what is not shed. */
	bench.wait_ns = 5000 * MS_NS;
	ticks(&bench, 1);
	assert_true(fabs(its(&bench)->budget_per_s - 660) < 30);
	load(&bench, 2, 2, 2, 200);
	bench.wait_ns = 5000 * MS_NS;
	ticks(&bench, 20);
	assert_true(fabs(its(&bench)->budget_per_s - 300) < 1e-6);
	end(&bench);
}

/* A capacity set twice too high: the wait stays, so the level rises, and falls once the wait is gone. */
static void test_rule_12_strain(void **state)
{
	struct bench bench;

	(void)state;
	begin(&bench, 1000);
	load(&bench, 20, 20, 30, 40);
	bench.wait_ns = 300 * MS_NS;
	ticks(&bench, 10);
	assert_int_equal(bench.decision.level, SPW_YELLOW);
	assert_true(fabs(its(&bench)->sustained_per_s - 950) < 1e-6);
	ticks(&bench, 60);
	assert_true(bench.decision.level > SPW_YELLOW);
	assert_true(its(&bench)->sustained_per_s < 600 && its(&bench)->sustained_per_s >= 300);
	bench.wait_ns = MS_NS;
	ticks(&bench, 40);
	assert_true(fabs(its(&bench)->sustained_per_s - 950) < 1e-6);
	end(&bench);
}

/* Load that yellow does not shed fills the capacity, and waits are far above target: the level rises within 3 s. */
static void test_rule_12_jam(void **state)
{
	struct bench bench;

	(void)state;
	begin(&bench, 1000);
	load(&bench, 10, 30, 56, 40);
	bench.wait_ns = 300 * MS_NS;
	ticks(&bench, 15);
	assert_true(bench.decision.level >= SPW_ORANGE);
	end(&bench);
}

/* A step is recognised within two ticks, though its first tick proves nothing. */
static void test_rule_4_step(void **state)
{
	struct bench bench;

	(void)state;
	begin(&bench, 300);
	load(&bench, 1, 6, 5, 2);
	ticks(&bench, 30);
	assert_int_equal(bench.decision.level, SPW_GREEN);
	load(&bench, 4, 26, 20, 9);
	ticks(&bench, 2);
	assert_true(its(&bench)->demand_per_s > 450);
	assert_true(bench.decision.level >= SPW_ORANGE);
	end(&bench);
}

/* Hosts for autoscalers: of the demand, refused or not, but not of a class that is always cut; over reloads too. */
static void test_hosts(void **state)
{
	struct spw_policy former;
	struct bench bench;

	(void)state;
	begin(&bench, 1000);
	load(&bench, 20, 40, 40, 40);
	ticks(&bench, 90);
	assert_false(its(&bench)->hosts_known);
	ticks(&bench, 20);
	assert_true(its(&bench)->hosts_known);
	assert_float_equal(its(&bench)->hosts_wanted, 2, 0.02);
	memcpy(bench.passed, (double[]){20, 40, 30, 0}, sizeof(bench.passed));
	ticks(&bench, 150);
	assert_float_equal(its(&bench)->hosts_wanted, 2, 0.02);
	former = bench.policy;
	bench.policy.classes[3].cut_from = SPW_GREEN;
	spw_memory_follow(bench.memory, &former, &bench.policy);
	ticks(&bench, 5);
	assert_true(its(&bench)->hosts_known);
	assert_float_equal(its(&bench)->hosts_wanted, 2, 0.02);
	ticks(&bench, 150);
	assert_float_equal(its(&bench)->hosts_wanted, 1000 / 700.0, 0.02);
	/* Cut at red only: it would be served by more hosts. */
	bench.policy.classes[3].cut_from = SPW_RED;
	ticks(&bench, 150);
	assert_float_equal(its(&bench)->hosts_wanted, 2, 0.02);
	end(&bench);
}

/* Waits stay although little is admitted: shedding does not help, and the capacity is not lowered for it. */
static void test_rule_18_helpless(void **state)
{
	struct bench bench;

	(void)state;
	begin(&bench, 0);
	spw_memory_learned(bench.memory, 0)->capacity_per_s = 1000;
	load(&bench, 10, 10, 10, 10);
	ticks(&bench, 20);
	bench.wait_ns = 500 * MS_NS;
	ticks(&bench, 40);
	assert_false(its(&bench)->helpless);
	ticks(&bench, 20);
	assert_true(its(&bench)->helpless && its(&bench)->saturated);
	ticks(&bench, 100);
	assert_true(fabs(its(&bench)->capacity_per_s - 1000) < 1e-6);
	bench.wait_ns = MS_NS;
	ticks(&bench, 30);
	assert_false(its(&bench)->helpless);
	end(&bench);
}

static void test_rule_16_never_falls(void **state)
{
	struct bench bench;
	double before;

	(void)state;
	begin(&bench, 0);
	spw_memory_learned(bench.memory, 0)->capacity_per_s = 1000;
	load(&bench, 10, 10, 10, 10);
	ticks(&bench, 600);
	assert_true(fabs(its(&bench)->capacity_per_s - 1000) < 1e-6);
	assert_int_equal(its(&bench)->origin, SPW_CAPACITY_RESTORED);
	/* The limit binds and waits are low: the capacity is raised on trial. */
	load(&bench, 20, 20, 20, 200);
	bench.passed[3] = 35;
	bench.served = 95;
	bench.wait_ns = 5 * MS_NS;
	ticks(&bench, 20);
	before = its(&bench)->capacity_per_s;
	ticks(&bench, 10);
	assert_true(its(&bench)->capacity_per_s > before * 1.01 && its(&bench)->capacity_per_s < before * 1.03);
	ticks(&bench, 600);
	assert_true(its(&bench)->capacity_per_s <= 1250.001);
	end(&bench);
}

static void test_rule_17_probe(void **state)
{
	struct bench bench;

	(void)state;
	begin(&bench, 1000);
	bench.policy.services[0].probe_limit = 0.5;
	load(&bench, 20, 20, 20, 20);
	bench.facts.services[0].probe = (struct spw_reading){0.4, true};
	ticks(&bench, 20);
	assert_true(fabs(its(&bench)->capacity_per_s - 1000) < 1e-6);
	bench.facts.services[0].probe.value = 0.6;
	ticks(&bench, 25);
	assert_true(its(&bench)->saturated);
	assert_true(its(&bench)->capacity_per_s < 850 && its(&bench)->capacity_per_s > 750);
	ticks(&bench, 200);
	assert_true(fabs(its(&bench)->capacity_per_s - 300) < 1e-6);
	/* NaN counts as absent. */
	bench.facts.services[0].probe.value = NAN;
	ticks(&bench, 10);
	assert_true(its(&bench)->capacity_per_s > 300);
	end(&bench);
}

static void test_rules_19_to_21_shares(void **state)
{
	struct bench bench;

	(void)state;
	begin(&bench, 1000);
	/* At red: 200 for the highest, 750 left; the second brings 500, the third has half of its 500. */
	load(&bench, 20, 50, 50, 50);
	bench.override.pinned = SPW_RED;
	for (u32 i = 0; i < 100; i++) {
		for (u32 rank = 0; rank < 4; rank++)
			bench.passed[rank] = bench.fresh[rank] * its(&bench)->classes[rank].share;
		ticks(&bench, 1);
	}
	assert_true(its(&bench)->classes[0].share == 1 && !its(&bench)->classes[0].sheds);
	assert_true(its(&bench)->classes[1].share == 1 && its(&bench)->classes[1].sheds);
	assert_true(fabs(its(&bench)->classes[2].share - 0.5) < 0.06);
	assert_true(its(&bench)->classes[3].share == 0);
	/* It falls at once. */
	load(&bench, 20, 250, 50, 50);
	ticks(&bench, 2);
	assert_true(its(&bench)->classes[1].share < 0.5);
	assert_true(its(&bench)->classes[2].share == 0);
	end(&bench);
}

static void test_plan(void **state)
{
	struct spw_service_admission admissions[SPW_SERVICES_MAX + 1];
	const struct spw_service_admission *admission = &admissions[2];
	struct bench bench;

	(void)state;
	begin(&bench, 1000);
	load(&bench, 20, 20, 20, 20);
	ticks(&bench, 10);
	spw_plan(&bench.policy, &bench.decision, 250, 77, admissions);
	assert_true(fabs((double)admission->interval_ticks - 250.0 / 1100 * TICK_TICKS) < 2);
	assert_int_equal(admission->stay_jiffies, 600 * 250);
	assert_int_equal(admission->salt, 77);
	assert_true(admission->debt_ticks > admission->classes[6].tolerance_ticks);
	assert_true(admissions[1].interval_ticks == 0 && admissions[3].interval_ticks == 0);
	/* By class identity; all sources are in, and the highest class is only charged. */
	assert_true(admission->classes[5].tolerance_ticks == SPW_TOLERANCE_ALL);
	for (u32 id = 6; id <= 8; id++)
		assert_true(admission->classes[id].share == SPW_SHARE_ALL);
	assert_true(fabs((double)admission->classes[6].tolerance_ticks - 0.88 * 25 * TICK_TICKS) < 2);
	assert_true(fabs((double)admission->classes[8].tolerance_ticks - 0.55 * 25 * TICK_TICKS) < 2);
	assert_true(admission->classes[6].tolerance_ticks > admission->classes[7].tolerance_ticks &&
		    admission->classes[7].tolerance_ticks > admission->classes[8].tolerance_ticks);
	/*
	 * Classes that shed keep three quarters for fresh work, but leave as much as any lower class that is admitted.
	 */
	assert_true(admission->classes[6].withheld == 0 && admission->classes[7].withheld == 0);
	for (u32 rank = 1; rank < 4; rank++)
		bench.decision.services[0].classes[rank].sheds = true;
	bench.decision.services[0].classes[3].share = 0;
	spw_plan(&bench.policy, &bench.decision, 250, 77, admissions);
	assert_int_equal(admission->classes[7].withheld, 192);
	assert_in_range(spw_tolerance(&admission->classes[6], true), admission->classes[7].tolerance_ticks,
			admission->classes[6].tolerance_ticks);
	for (u32 rank = 1; rank < 4; rank++)
		bench.decision.services[0].classes[rank].sheds = false;
	bench.decision.services[0].classes[3].share = 1;
	/* A depth of few units: even the lowest class has a tolerance of some, higher ones more. */
	bench.decision.services[0].budget_per_s = 10;
	spw_plan(&bench.policy, &bench.decision, 250, 77, admissions);
	assert_true(admission->classes[8].tolerance_ticks >= 24 * admission->interval_ticks);
	assert_true(admission->classes[6].tolerance_ticks > admission->classes[7].tolerance_ticks &&
		    admission->classes[7].tolerance_ticks > admission->classes[8].tolerance_ticks);
	bench.decision.services[0].classes[3].share = 0.25;
	bench.decision.services[0].budget_per_s = 0;
	spw_plan(&bench.policy, &bench.decision, 250, 77, admissions);
	assert_true(admission->interval_ticks == 0);
	end(&bench);
}

static void test_wrap(void **state) /* fault 35 */
{
	struct bench bench;

	(void)state;
	begin(&bench, 1000);
	bench.facts.services[0].fresh[0][SPW_PASS] = UINT64_MAX - 30;
	bench.facts.services[0].first_reads = UINT64_MAX - 30;
	tick_after(&bench, SPW_TICK_NS);
	load(&bench, 20, 20, 20, 20);
	ticks(&bench, 10);
	assert_true(fabs(its(&bench)->admitted_per_s - 800) < 1);
	assert_true(fabs(its(&bench)->served_per_s - 800) < 1);
	assert_int_equal(bench.decision.level, SPW_GREEN);
	/* A restarted counter: no rates in this tick, and no false red. */
	memset(&bench.facts.services[0].fresh, 0, sizeof(bench.facts.services[0].fresh));
	ticks(&bench, 1);
	assert_int_equal(bench.decision.rule, SPW_RULE_NOTHING_NEW);
	ticks(&bench, 1);
	assert_int_equal(bench.decision.level, SPW_GREEN);
	end(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hurry),
		cmocka_unit_test(test_glance),
		cmocka_unit_test(test_first_estimate_of_little),
		cmocka_unit_test(test_set_capacity_doubted),
		cmocka_unit_test(test_served_behind_a_proxy),
		cmocka_unit_test(test_former_capacity_returns),
		cmocka_unit_test(test_another_order),
		cmocka_unit_test(test_rule_1_gap),
		cmocka_unit_test(test_rule_2_blind),
		cmocka_unit_test(test_rule_3_unknown),
		cmocka_unit_test(test_rules_4_to_6_levels),
		cmocka_unit_test(test_rule_5_cut),
		cmocka_unit_test(test_rules_7_and_8_down),
		cmocka_unit_test(test_rules_9_and_10_wishes),
		cmocka_unit_test(test_rule_11_budget),
		cmocka_unit_test(test_rule_16_never_falls),
		cmocka_unit_test(test_rule_17_probe),
		cmocka_unit_test(test_rules_19_to_21_shares),
		cmocka_unit_test(test_plan),
		cmocka_unit_test(test_rule_12_strain),
		cmocka_unit_test(test_rule_12_jam),
		cmocka_unit_test(test_rule_4_step),
		cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_rule_18_helpless),
		cmocka_unit_test(test_wrap),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("decide", tests, NULL, NULL);
}
