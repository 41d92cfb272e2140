/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Parts of signals: counts of unread data by epoch against an exact model of sockets, files of /proc, metrics pages
 * (fault 37), also truncated anywhere.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bpf/unread.h"
#include "user/signals/metrics_text.h"
#include "user/signals/proc_text.h"
#include "user/core/control/tally.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))
#define MS	     1000000ull
#define S	     (1000 * MS)
#define EPOCH_NS     (1ull << SPW_EPOCH_SHIFT)

/* ---- waits ---- */

static void wait_buckets(void **state)
{
	(void)state;
	assert_int_equal(spw_wait_bucket(0), 0);
	assert_int_equal(spw_wait_bucket(~0ull), SPW_WAIT_BUCKETS - 1);
	for (u32 bucket = 0; bucket + 1 < SPW_WAIT_BUCKETS; bucket++) {
		u64 end = spw_wait_bucket_end_ns(bucket);

		assert_int_equal(spw_wait_bucket(end - 1), bucket);
		assert_int_equal(spw_wait_bucket(end), bucket + 1);
		if (bucket) /* a quantile is right to a fifth */
			assert_true((double)end / (double)spw_wait_bucket_end_ns(bucket - 1) <= 1.2501);
	}
}

/* ---- unread data ---- */

#define CPUS	4
#define SOCKETS 300

struct model {
	struct spw_signal_tally tallies[CPUS];
	u64 ready_ns[SOCKETS]; /* 0: nothing is unread */
	u32 random;
};

static u32 draw(struct model *model, u32 below)
{
	model->random = model->random * 1664525 + 1013904223;
	return (u32)((u64)model->random * below >> 32);
}

static void shift(struct model *model, u32 socket, u64 ready_ns, int by)
{
	spw_shift_unread(&model->tallies[draw(model, CPUS)], SPW_UNREAD_FIRST, (u32)(ready_ns >> SPW_EPOCH_SHIFT), by);
	model->ready_ns[socket] = by > 0 ? ready_ns : 0;
}

static u64 oldest_told(const struct model *model, u64 now_ns)
{
	struct spw_service_facts facts;

	spw_tally_sum(model->tallies, sizeof(*model->tallies), CPUS, now_ns, &facts);
	return facts.oldest_unread_ns;
}

/* Age of the oldest unread data, from the end of its epoch, capped. */
static u64 oldest_really(const struct model *model, u64 now_ns)
{
	u64 oldest_ns = 0, now_epoch = now_ns >> SPW_EPOCH_SHIFT;

	for (u32 i = 0; i < SOCKETS; i++) {
		u64 epoch = model->ready_ns[i] >> SPW_EPOCH_SHIFT, age = 0;

		if (!model->ready_ns[i] || epoch >= now_epoch)
			continue;
		age = now_epoch - epoch >= SPW_EPOCHS ? SPW_UNREAD_SPAN_NS : now_ns - ((epoch + 1) << SPW_EPOCH_SHIFT);
		if (age > oldest_ns)
			oldest_ns = age;
	}
	return oldest_ns;
}

/* Sockets come, stay briefly or for many turns of the circular array, and go, each on any CPU. */
static void ring_agrees_with_sockets(struct model *model, u64 start_ns, u64 step_ns, u32 steps)
{
	u64 now_ns = start_ns;

	for (u32 step = 0; step < steps; step++, now_ns += draw(model, (u32)step_ns)) {
		u32 socket = draw(model, draw(model, 20) ? 8 : SOCKETS); /* a few are busy, most hardly ever */

		if (model->ready_ns[socket])
			shift(model, socket, model->ready_ns[socket], -1);
		else
			shift(model, socket, now_ns, 1);
		assert_int_equal(oldest_told(model, now_ns), oldest_really(model, now_ns));
	}
	/* Finally everything is read, and nothing is left. */
	now_ns += draw(model, 2) * 100 * S;
	for (u32 i = 0; i < SOCKETS; i++)
		if (model->ready_ns[i])
			shift(model, i, model->ready_ns[i], -1);
	assert_int_equal(oldest_told(model, now_ns), 0);
	assert_int_equal(oldest_told(model, now_ns + 3600 * S), 0);
}

static void unread_ring(void **state)
{
	static const u64 steps_ns[] = {100000, 5 * MS, 40 * MS, 900 * MS};
	/* At boot; usual; where the epoch's sign changes, after 2.3 years; where it wraps. */
	static const u64 starts_ns[] = {1, 5000 * S, (1ull << 56) - S, (1ull << 57) - S};

	(void)state;
	for (u32 seed = 0; seed < 40; seed++)
		for (size_t i = 0; i < COUNT(steps_ns) * COUNT(starts_ns); i++) {
			struct model *model = calloc(1, sizeof(*model));

			model->random = seed + 1;
			ring_agrees_with_sockets(model, starts_ns[i / COUNT(steps_ns)], steps_ns[i % COUNT(steps_ns)],
						 300);
			free(model);
		}
}

static void unread_grows_and_ends(void **state)
{
	struct model *model = calloc(1, sizeof(*model));
	const u64 ready_ns = 77 * EPOCH_NS + 1;

	(void)state;
	shift(model, 0, ready_ns, 1);
	assert_int_equal(oldest_told(model, ready_ns), 0);
	assert_in_range(oldest_told(model, ready_ns + S), S - EPOCH_NS, S);
	assert_in_range(oldest_told(model, ready_ns + 4 * S), 4 * S - EPOCH_NS, 4 * S);
	assert_int_equal(oldest_told(model, ready_ns + 60 * S), SPW_UNREAD_SPAN_NS);
	/* Others use the same array element meanwhile. */
	for (u32 turn = 1; turn < 5; turn++) {
		u64 later_ns = ready_ns + turn * SPW_UNREAD_SPAN_NS;

		shift(model, turn, later_ns, 1);
		assert_int_equal(oldest_told(model, later_ns), SPW_UNREAD_SPAN_NS);
		shift(model, turn, later_ns, -1);
		assert_int_equal(oldest_told(model, later_ns), SPW_UNREAD_SPAN_NS);
	}
	shift(model, 0, ready_ns, -1);
	assert_int_equal(oldest_told(model, ready_ns + 60 * S), 0);
	free(model);
}

/* Data waiting behind other data of the same client are no stall of a service that reads. */
static void later_data_count_while_nothing_is_read(void **state)
{
	struct model *model = calloc(1, sizeof(*model));
	const u64 ready_ns = 100 * S, now_ns = 103 * S;

	(void)state;
	spw_shift_unread(&model->tallies[1], SPW_UNREAD_LATER, (u32)(ready_ns >> SPW_EPOCH_SHIFT), 1);
	model->tallies[3].last_read_ns = now_ns - 2 * MS;
	assert_int_equal(oldest_told(model, now_ns), 2 * MS);
	model->tallies[3].last_read_ns = ready_ns - S;
	assert_in_range(oldest_told(model, now_ns), 3 * S - EPOCH_NS, 3 * S);
	/* First data always count. */
	model->tallies[3].last_read_ns = now_ns;
	spw_shift_unread(&model->tallies[0], SPW_UNREAD_FIRST, (u32)((ready_ns + S) >> SPW_EPOCH_SHIFT), 1);
	assert_in_range(oldest_told(model, now_ns), 2 * S - EPOCH_NS, 2 * S);
	/* The caller's clock may be older than the last read. */
	assert_in_range(oldest_told(model, now_ns - 1), 2 * S - EPOCH_NS, 2 * S);
	free(model);
}

static void tallies_are_added_up(void **state)
{
	struct model *model = calloc(1, sizeof(*model));
	struct spw_service_facts facts;

	(void)state;
	model->tallies[0].waits[3] = 5;
	model->tallies[2].waits[3] = 6;
	model->tallies[3].waits[SPW_WAIT_BUCKETS - 1] = 1;
	model->tallies[1].first_reads = 7;
	model->tallies[2].first_reads = 2;
	model->tallies[0].requests = 20;
	model->tallies[3].requests = 5;
	model->tallies[1].answers[7] = 11;
	model->tallies[2].answers[7] = 2;
	model->tallies[2].answers[SPW_WAIT_BUCKETS - 1] = 3;
	model->tallies[2].ended = 4;
	model->tallies[0].later_requests = 30;
	model->tallies[3].later_requests = 3;
	model->tallies[1].later_reads = 31;
	memset(&facts, 0xff, sizeof(facts));
	spw_tally_sum(model->tallies, sizeof(*model->tallies), CPUS, S, &facts);
	assert_int_equal(facts.waits[3], 11);
	assert_int_equal(facts.waits[4], 0);
	assert_int_equal(facts.waits[SPW_WAIT_BUCKETS - 1], 1);
	assert_int_equal(facts.first_reads, 9);
	assert_int_equal(facts.oldest_unread_ns, 0);
	assert_int_equal(facts.answer_waits[7], 13);
	assert_int_equal(facts.answer_waits[SPW_WAIT_BUCKETS - 1], 3);
	assert_int_equal(facts.requests, 25);
	assert_int_equal(facts.unanswered, 25 - 16 - 4);
	assert_int_equal(facts.later_requests, 33);
	assert_int_equal(facts.later_reads, 31);
	/* An answer may be seen before its request: never below zero. */
	model->tallies[2].ended = 40;
	spw_tally_sum(model->tallies, sizeof(*model->tallies), CPUS, S, &facts);
	assert_int_equal(facts.unanswered, 0);
	free(model);
}

/* ---- /proc ---- */

/* Exactly sized copy, so that overreads are found. */
static char *cut(const char *text, size_t length)
{
	char *copy = malloc(length + 1);

	memcpy(copy, text, length);
	copy[length] = '\0';
	return copy;
}

static const char stat_text[] = "cpu  31014 22550 48880 183030 877 0 9816 0 0 0\n"
				"cpu0 16773 22550 26936 80732 156 1 1054 2 3 4\n"
				"cpu7 14240 0 21944 102297 720 0 8762 0 0 0\n"
				"intr 12345 0 9\nctxt 99\ncpu3 1 1 1 1 1 1 1 1\n";

static void proc_stat(void **state)
{
	struct spw_cpu_times times[4];

	(void)state;
	assert_int_equal(spw_proc_stat(stat_text, times, COUNT(times)), 2);
	assert_int_equal(times[0].cpu, 0);
	assert_int_equal(times[0].total, 16773 + 22550 + 26936 + 80732 + 156 + 1 + 1054 + 2);
	assert_int_equal(times[0].idle, 80732 + 156);
	assert_int_equal(times[0].softirq, 1054);
	assert_int_equal(times[1].cpu, 7);
	assert_int_equal(spw_proc_stat(stat_text, times, 1), 1);
	assert_int_equal(spw_proc_stat("", times, 4), 0);
	assert_int_equal(spw_proc_stat("cpu\ncpux 1 2\ncpu1 1 2 3\ncpu2 a\n", times, 4), 0);
	for (size_t length = 0; length < sizeof(stat_text); length++) {
		char *text = cut(stat_text, length);
		const char *first = strchr(text, '\n'), *second = first ? strchr(first + 1, '\n') : NULL;
		bool third = second && strchr(second + 1, '\n');

		/* The line of all cores is no core; a truncated one would be a wrong number. */
		assert_int_equal(spw_proc_stat(text, times, COUNT(times)), (second != NULL) + third);
		free(text);
	}
}

static const char softnet_text[] =
	"003052f9 00000003 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 "
	"00000000 00000000 00000000\n"
	"00000d62 0000000a 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 "
	"0000001f 00000000 00000000\n";

static void proc_softnet(void **state)
{
	struct spw_cpu_drops drops[3];

	(void)state;
	assert_int_equal(spw_proc_softnet(softnet_text, drops, COUNT(drops)), 2);
	assert_int_equal(drops[0].cpu, 0);
	assert_int_equal(drops[0].drops, 3);
	assert_int_equal(drops[1].cpu, 31);
	assert_int_equal(drops[1].drops, 10);
	assert_int_equal(spw_proc_softnet("00000001 00000002 00000000\n00000003 00000004 00000000\n", drops, 3), 2);
	assert_int_equal(drops[1].cpu, 1);
	assert_int_equal(drops[1].drops, 4);
	assert_int_equal(spw_proc_softnet("nothing of the kind\n", drops, 3), 0);
	for (size_t length = 0; length < sizeof(softnet_text); length++) {
		char *text = cut(softnet_text, length);

		assert_in_range(spw_proc_softnet(text, drops, COUNT(drops)), 0, 2);
		free(text);
	}
}

static void proc_overflows(void **state)
{
	static const char netstat[] =
		"TcpExt: SyncookiesSent ListenOverflows ListenDrops TCPHPHits\nTcpExt: 1 22 333 4\n"
		"IpExt: InNoRoutes ListenOverflows\nIpExt: 7 8\n";
	u64 count = 0;

	(void)state;
	assert_true(spw_proc_overflows(netstat, &count));
	assert_int_equal(count, 22);
	assert_false(spw_proc_overflows("IpExt: ListenOverflows\nIpExt: 8\n", &count));
	assert_false(spw_proc_overflows("TcpExt: One Two\nTcpExt: 1 2\n", &count));
	assert_false(spw_proc_overflows("TcpExt: One ListenOverflows\nTcpExt: 1\n", &count));
	assert_false(spw_proc_overflows("", &count));
	for (size_t length = 0; length < sizeof(netstat); length++) {
		char *text = cut(netstat, length);

		assert_int_equal(spw_proc_overflows(text, &count),
				 length > strlen("TcpExt: SyncookiesSent ListenOverflows "
						 "ListenDrops TCPHPHits\nTcpExt: 1 "));
		free(text);
	}
}

static void proc_pressure(void **state)
{
	static const char pressure[] = "some avg10=13.92 avg60=32.94 avg300=40.81 total=335540808\n"
				       "full avg10=0.00 avg60=0.00 avg300=0.00 total=12\n";
	u64 total = 0;

	(void)state;
	assert_true(spw_proc_pressure(pressure, &total));
	assert_int_equal(total, 335540808);
	assert_false(spw_proc_pressure("full avg10=0.00 total=12\n", &total));
	assert_false(spw_proc_pressure("some avg10=0.00\nfull total=12\n", &total));
	assert_false(spw_proc_pressure("", &total));
	for (size_t length = 0; length < sizeof(pressure); length++) {
		char *text = cut(pressure, length);

		spw_proc_pressure(text, &total);
		free(text);
	}
}

/* ---- probe targets ---- */

/* Pages with bytes changed, dropped and doubled: ASan is the judge. */
static void mangled_pages(void **state)
{
	static const char page[] = "# TYPE queue gauge\nqueue{pool=\"web\",zone=\"a\\\"b\"} 3 1700000000\nsize 4.5e3\n";
	static const char letters[] = "\r\n:;0123456789abcdefF -\"{}=,\\\t\xff";
	struct model model = {.random = 1};
	double number;

	(void)state;
	for (u32 round = 0; round < 60000; round++) {
		char *text = cut(page, draw(&model, sizeof(page)));
		size_t length = strlen(text);

		for (u32 change = draw(&model, 6); change && length; change--)
			text[draw(&model, (u32)length)] = letters[draw(&model, sizeof(letters) - 1)];
		if (spw_metrics_find(text, "queue{pool=\"web\"}", &number))
			assert_true(number - number == 0);
		spw_metrics_find(text, text, &number);
		spw_metrics_number(text, &number);
		free(text);
	}
}

static void numbers(void **state)
{
	static const struct {
		const char *text;
		bool good;
		double number;
	} cases[] = {
		{"12\n", true, 12},  {" -1.5e3 \r\n", true, -1500},
		{"0", true, 0},	     {"", false, 0},
		{"\n", false, 0},    {"nan", false, 0},
		{"inf", false, 0},   {"1e999", false, 0},
		{"12 13", false, 0}, {"12x", false, 0},
		{"one", false, 0},
	};
	double number;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(spw_metrics_number(cases[i].text, &number), cases[i].good);
		if (cases[i].good)
			assert_true(number == cases[i].number);
	}
}

static void samples(void **state)
{
	static const char page[] =
		"# HELP queue how many wait\n# TYPE queue gauge\n"
		"queue{pool=\"web\",zone=\"a\"} 3\nqueue{ zone = \"b\" , pool=\"web\", } 4.5 1700000000\n"
		"queue_total 9\n\nsize 7\nodd{label=\"a\\\"b}\"} 8\nnothing NaN\nbroken{x=\"1} 2\nlast 1";
	static const struct {
		const char *wanted;
		u32 found;
		double number;
	} cases[] = {
		{"size", 1, 7},
		{"queue_total", 1, 9},
		{"queue", 2, 4.5},
		{"queue{pool=\"web\"}", 2, 4.5},
		{"queue{zone=\"a\"}", 1, 3},
		{"queue{zone=\"b\",pool=\"web\"}", 1, 4.5},
		{"queue{zone=\"c\"}", 0, 0},
		{"odd{label=\"a\\\"b}\"}", 1, 8},
		{"odd", 1, 8},
		{"last", 1, 1},
		{"nothing", 0, 0},
		{"broken", 0, 0},
		{"que", 0, 0},
		{"HELP", 0, 0},
		{"", 0, 0},
		{"size{", 0, 0},
	};
	double number = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(spw_metrics_find(page, cases[i].wanted, &number), cases[i].found);
		if (cases[i].found)
			assert_true(number == cases[i].number);
	}
	for (size_t length = 0; length < sizeof(page); length++) {
		char *text = cut(page, length);

		assert_in_range(spw_metrics_find(text, "queue{zone=\"b\"}", &number), 0, 1);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wait_buckets),
		cmocka_unit_test(unread_ring),
		cmocka_unit_test(unread_grows_and_ends),
		cmocka_unit_test(later_data_count_while_nothing_is_read),
		cmocka_unit_test(tallies_are_added_up),
		cmocka_unit_test(proc_stat),
		cmocka_unit_test(proc_softnet),
		cmocka_unit_test(proc_overflows),
		cmocka_unit_test(proc_pressure),
		cmocka_unit_test(mangled_pages),
		cmocka_unit_test(numbers),
		cmocka_unit_test(samples),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
