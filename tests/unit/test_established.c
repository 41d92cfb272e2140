/* SPDX-License-Identifier: GPL-2.0-only */
/* Which connections are ended, over random inputs; and what their requests add to the facts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "user/core/control/established.h"

#define S	1000000000ull
#define MS	1000000ull
#define MANY	1500
#define ROUNDS	400
#define TICK	0.1
#define CLASSES 4

static u64 drawn = 88172645463325252ull;

/* Less than @end. */
static u32 draw(u32 end)
{
	drawn ^= drawn << 13;
	drawn ^= drawn >> 7;
	drawn ^= drawn << 17;
	return (u32)((drawn >> 20) % end);
}

static void draw_ending(struct spw_ending *ending)
{
	memset(ending, 0, sizeof(*ending));
	for (u32 i = 0; i < SPW_SERVICES_MAX; i++) {
		ending->patience_ns[i] = draw(3) ? 0 : (1 + draw(2000)) * MS;
		for (u32 rank = 0; rank < SPW_CLASSES_MAX; rank++)
			ending->gives_up[i][rank] = draw(2);
	}
}

/* Also with indexes out of range. */
static struct spw_connection draw_connection(u32 number)
{
	return (struct spw_connection){
		.cookie = {number, 0},
		.service = (u8)draw(SPW_SERVICES_MAX + 1),
		.rank = (u8)draw(SPW_CLASSES_MAX + 1),
		.flags = (u8)draw(8),
		.idle_ns = draw(5000) * MS,
		.waits_ns = draw(2) ? draw(3000) * MS : 0,
		.requests = draw(20),
	};
}

/* Written independently from the manual, with one key per criterion. */
static int compare(const struct spw_ending *ending, const struct spw_connection *one,
		   const struct spw_connection *other)
{
	bool gone[2] = {
		ending->patience_ns[one->service] && one->waits_ns > ending->patience_ns[one->service],
		ending->patience_ns[other->service] && other->waits_ns > ending->patience_ns[other->service],
	};
	const u64 keys[2][5] = {
		{gone[0], gone[0] ? one->waits_ns : 0, gone[0] ? 0 : one->rank,
		 gone[0] ? 0 : !(one->flags & SPW_CONNECTION_BUSY), gone[0] ? 0 : one->idle_ns},
		{gone[1], gone[1] ? other->waits_ns : 0, gone[1] ? 0 : other->rank,
		 gone[1] ? 0 : !(other->flags & SPW_CONNECTION_BUSY), gone[1] ? 0 : other->idle_ns},
	};

	for (u32 i = 0; i < 5; i++)
		if (keys[0][i] != keys[1][i])
			return keys[0][i] > keys[1][i] ? -1 : 1;
	return 0;
}

static bool is_allowed(const struct spw_ending *ending, const struct spw_connection *connection)
{
	if (connection->flags & SPW_CONNECTION_MANAGEMENT || connection->service >= SPW_SERVICES_MAX ||
	    connection->rank >= SPW_CLASSES_MAX)
		return false;
	return (ending->patience_ns[connection->service] &&
		connection->waits_ns > ending->patience_ns[connection->service]) ||
	       (ending->gives_up[connection->service][connection->rank] &&
		!(connection->flags & SPW_CONNECTION_INSIDE));
}

/* Only those that may be ended; not too many; sorted; and no more urgent one is left out. */
static void picks_keep_their_promises(void **state)
{
	static struct spw_connection all[MANY];
	static struct spw_picks picks;
	static bool picked[MANY];

	(void)state;
	for (u32 round = 0; round < ROUNDS; round++) {
		u32 count = draw(MANY), most = draw(SPW_PICKS_MAX + 100), allowed = 0;
		struct spw_ending ending;

		draw_ending(&ending);
		spw_picks_begin(&picks, most);
		most = most < SPW_PICKS_MAX ? most : SPW_PICKS_MAX;
		memset(picked, 0, sizeof(picked));
		for (u32 i = 0; i < count; i++) {
			all[i] = draw_connection(i);
			allowed += is_allowed(&ending, &all[i]);
			spw_picks_offer(&picks, &ending, &all[i]);
		}
		spw_picks_sort(&picks, &ending);
		assert_int_equal(picks.count, allowed < most ? allowed : most);
		for (u32 i = 0; i < picks.count; i++) {
			assert_memory_equal(&picks.heap[i], &all[picks.heap[i].cookie[0]], sizeof(all[0]));
			assert_false(picked[picks.heap[i].cookie[0]]);
			picked[picks.heap[i].cookie[0]] = true;
			assert_true(is_allowed(&ending, &picks.heap[i]));
			assert_true(!i || compare(&ending, &picks.heap[i - 1], &picks.heap[i]) <= 0);
		}
		for (u32 i = 0; i < count && picks.count; i++)
			if (!picked[i] && is_allowed(&ending, &all[i]))
				assert_true(compare(&ending, &picks.heap[picks.count - 1], &all[i]) <= 0);
	}
}

/* Whatever their other fields are. */
static void management_and_higher_classes_are_never_touched(void **state)
{
	static struct spw_picks picks;

	(void)state;
	for (u32 round = 0; round < ROUNDS * 100; round++) {
		u32 lowest_kept = draw(SPW_CLASSES_MAX);
		struct spw_connection connection = draw_connection(1);
		struct spw_ending ending;

		draw_ending(&ending);
		memset(ending.patience_ns, 0, sizeof(ending.patience_ns));
		for (u32 i = 0; i < SPW_SERVICES_MAX; i++)
			memset(ending.gives_up[i], 0, lowest_kept + 1);
		if (draw(2))
			connection.flags |= SPW_CONNECTION_MANAGEMENT;
		else
			connection.rank = (u8)draw(lowest_kept + 1);
		spw_picks_begin(&picks, SPW_PICKS_MAX);
		spw_picks_offer(&picks, &ending, &connection);
		assert_int_equal(picks.count, 0);
		assert_int_equal(spw_ending_reason(&ending, &connection), SPW_ENDING_NONE);
	}
}

/* ---- accounting ---- */

struct bench {
	struct spw_established established;
	struct spw_service_facts facts;
	struct spw_service_decision decision;
};

static struct bench *begin(void)
{
	static struct bench bench;

	memset(&bench, 0, sizeof(bench));
	bench.facts.waits_present = true;
	bench.facts.later_requests = bench.facts.later_reads = 1000000;
	for (u32 rank = 0; rank < CLASSES; rank++) {
		bench.decision.classes[rank].share = 1;
		bench.established.classes[rank].share = 1;
	}
	spw_established_take(&bench.established, &bench.facts, CLASSES, TICK);
	return &bench;
}

/* A whole sweep; @requests by rank. */
static void see(struct bench *bench, const u32 *requests)
{
	for (u32 rank = 0; rank < CLASSES; rank++)
		spw_established_see(&bench->established,
				    &(struct spw_connection){.rank = (u8)rank, .requests = requests[rank]});
	spw_established_swept(&bench->established);
}

static void go(struct bench *bench, double seconds, double came_per_s, double read_per_s)
{
	for (double at = 0; at < seconds - TICK / 2; at += TICK) {
		bench->facts.later_requests += (u64)(came_per_s * TICK);
		bench->facts.later_reads += (u64)(read_per_s * TICK);
		spw_established_take(&bench->established, &bench->facts, CLASSES, TICK);
		spw_established_withhold(&bench->established, &bench->decision, CLASSES, TICK);
	}
}

static void requests_are_shared_out_and_added(void **state)
{
	struct bench *bench = begin();
	struct spw_service_facts facts;
	u64 sum = 0;

	(void)state;
	see(bench, (const u32[]){10, 20, 70, 0});
	go(bench, 10, 300, 250);
	facts = bench->facts;
	facts.fresh[1][SPW_PASS] = 5;
	facts.first_reads = 7;
	spw_established_add(&bench->established, CLASSES, &facts);
	assert_true(bench->established.added);
	assert_int_equal(facts.first_reads, 7 + 2500);
	for (u32 rank = 0; rank < CLASSES; rank++)
		sum += facts.fresh[rank][SPW_PASS];
	assert_in_range(sum, 3005 - CLASSES, 3005);
	assert_in_range(facts.fresh[0][SPW_PASS], 299, 300);
	assert_in_range(facts.fresh[1][SPW_PASS], 604, 605);
	assert_in_range(facts.fresh[2][SPW_PASS], 2099, 2100);
	assert_int_equal(facts.fresh[3][SPW_PASS], 0);
	for (u32 rank = 0; rank < CLASSES; rank++)
		assert_int_equal(facts.fresh[rank][SPW_DROP], 0);
	assert_true(bench->established.per_s > 295 && bench->established.per_s < 301);
}

static void nothing_is_compared_over_a_gap(void **state)
{
	struct bench *bench = begin();

	(void)state;
	see(bench, (const u32[]){1, 1, 1, 1});
	bench->facts.later_requests += 500;
	spw_established_take(&bench->established, &bench->facts, CLASSES, 0);
	bench->facts.later_requests = 3;
	spw_established_take(&bench->established, &bench->facts, CLASSES, TICK);
	for (u32 rank = 0; rank < CLASSES; rank++)
		assert_int_equal(bench->established.classes[rank].requests, 0);
	bench->facts.waits_present = false;
	spw_established_take(&bench->established, &bench->facts, CLASSES, TICK);
	spw_established_add(&bench->established, CLASSES, &bench->facts);
	assert_false(bench->established.added);
}

/* A class of 100 requests a second is ended and admitted again. */
static void what_is_ended_stays_in_the_demand(void **state)
{
	struct bench *bench = begin();
	struct spw_established_class *class = &bench->established.classes[2];
	struct spw_connection half = {.rank = 2, .requests = 50};

	(void)state;
	see(bench, (const u32[]){100, 0, 100, 0});
	go(bench, 5, 200, 200);
	bench->decision.classes[2].sheds = true;
	bench->decision.classes[2].share = 0.5;
	spw_established_ended(&bench->established, &half, SPW_ENDING_SHARE);
	go(bench, TICK, 150, 150);
	assert_int_equal(class->endings[SPW_ENDING_SHARE], 1);
	assert_true(class->withheld_per_s > 40 && class->withheld_per_s < 51);
	/* The datapath counts those that come back and are refused. */
	for (u32 i = 0; i < 50; i++) {
		bench->facts.fresh[2][SPW_DROP] += 4;
		go(bench, TICK, 150, 150);
	}
	assert_true(class->withheld_per_s > 40);
	assert_true(class->withheld < 5 * 20);
	/* Half of the ended ones are readmitted. */
	bench->decision.classes[2].share = 0.75;
	go(bench, TICK, 175, 175);
	assert_true(class->withheld_per_s > 18 && class->withheld_per_s < 26);
	bench->decision.classes[2].sheds = false;
	bench->decision.classes[2].share = 1;
	go(bench, TICK, 200, 200);
	assert_true(class->withheld_per_s == 0);
}

/* The smoothed rate of the class follows slowly; that must not multiply what is withheld. */
static void one_after_another_is_counted_once(void **state)
{
	struct bench *bench = begin();
	struct spw_established_class *class = &bench->established.classes[2];
	struct spw_connection eighth = {.rank = 2, .requests = 100};

	(void)state;
	see(bench, (const u32[]){0, 0, 800, 0});
	go(bench, 5, 800, 800);
	bench->decision.classes[2].sheds = true;
	bench->decision.classes[2].share = 0;
	for (u32 i = 1; i <= 8; i++) {
		spw_established_ended(&bench->established, &eighth, SPW_ENDING_SHARE);
		spw_established_withhold(&bench->established, &bench->decision, CLASSES, TICK);
		go(bench, TICK, 800 - 100 * i, 800 - 100 * i);
		assert_true(class->withheld_per_s > 95 * i && class->withheld_per_s < 105 * i);
	}
}

/* Connections are ended by a share that lasts; others come back with the share, ended ones do not. */
static void a_short_dip_of_the_share_ends_nobody(void **state)
{
	struct bench *bench = begin();
	struct spw_class_decision *decision = &bench->decision.classes[2];

	(void)state;
	assert_float_equal(spw_established_share(&bench->established, 2, &bench->decision), 1, 1e-6);
	go(bench, 1, 100, 100);
	decision->sheds = true;
	decision->share = 0.1;
	go(bench, 0.2, 100, 100);
	assert_float_equal(spw_established_share(&bench->established, 2, &bench->decision), 1, 1e-6);
	decision->share = 0.6;
	go(bench, 0.5, 100, 100);
	assert_float_equal(spw_established_share(&bench->established, 2, &bench->decision), 0.6, 1e-6);
	decision->share = 0.1;
	go(bench, 0.2, 100, 100);
	assert_float_equal(spw_established_share(&bench->established, 2, &bench->decision), 0.6, 1e-6);
	go(bench, 0.5, 100, 100);
	assert_float_equal(spw_established_share(&bench->established, 2, &bench->decision), 0.1, 1e-6);
	decision->share = 0.9;
	go(bench, TICK, 100, 100);
	assert_float_equal(spw_established_share(&bench->established, 2, &bench->decision), 0.9, 1e-6);
	decision->share = 0.2;
	go(bench, TICK, 100, 100);
	assert_float_equal(spw_established_share(&bench->established, 2, &bench->decision), 0.9, 1e-6);
	bench->decision.saturated = true;
	assert_float_equal(spw_established_share(&bench->established, 2, &bench->decision), 0.2, 1e-6);
	decision->cut = true;
	assert_float_equal(spw_established_share(&bench->established, 2, &bench->decision), 0, 1e-6);
}

static void what_is_withheld_fades(void **state)
{
	struct bench *bench = begin();
	struct spw_established_class *class = &bench->established.classes[3];

	(void)state;
	bench->decision.classes[3].sheds = true;
	bench->decision.classes[3].share = class->share = 0;
	class->withheld_per_s = 100;
	go(bench, 60, 0, 0);
	assert_true(class->withheld_per_s > 33 && class->withheld_per_s < 40);
	go(bench, 600, 0, 0);
	assert_true(class->withheld_per_s < 0.1);
	/* A class that is not shed withholds nothing, whatever its share was. */
	bench->decision.classes[3].sheds = false;
	bench->decision.classes[3].share = class->share = 1;
	class->withheld_per_s = 100;
	go(bench, TICK, 0, 0);
	assert_true(class->withheld_per_s == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(picks_keep_their_promises),
		cmocka_unit_test(management_and_higher_classes_are_never_touched),
		cmocka_unit_test(requests_are_shared_out_and_added),
		cmocka_unit_test(nothing_is_compared_over_a_gap),
		cmocka_unit_test(what_is_ended_stays_in_the_demand),
		cmocka_unit_test(one_after_another_is_counted_once),
		cmocka_unit_test(a_short_dip_of_the_share_ends_nobody),
		cmocka_unit_test(what_is_withheld_fades),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
