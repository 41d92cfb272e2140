/* SPDX-License-Identifier: GPL-2.0-only */
/* Limits for the datapath, reseeding, fill of the meters. See limits.h. */
#include "limits.h"

#include <string.h>

#include "bpf/session.h"

#define TOLERANCE_MAX	1.0e18 /* ticks: years; now + tolerance stays far below 2^64 */
#define INTERVAL_MAX	2.0e15 /* one a day at 1000 jiffies a second; a frame of 64 KiB stays far below 2^64 */
#define RESEED_NS	60000000000ull
#define FRAME_BYTES_MAX 1514
#define SESSION_IDLE_S	120.0  /* what NATs keep a mapping at least: RFC 4787, REQ-5 */
#define SESSION_PER_S	1000.0 /* datagrams; games send 30 to 128, calls 50, video up to 1,000 */
#define SESSION_BURST_S 1.0
#define FAIR_BURST	1.0 /* seconds' worth */
#define FAIR_BURST_MIN	4.0 /* but at least so many pieces of new work */

static const struct spw_rate none;

static bool is_given(const struct spw_rate *rate)
{
	return rate->per_s > 0;
}

/* Indexed by the two upper bits of a recorded rate. */
static const struct {
	const char *name;
	double seconds;
} rate_units[] = {{"/s", 1}, {"/min", 60}, {"/h", 3600}, {"/d", 86400}};

#define RATE_UNIT_SHIFT 62

/* The first unit in which @per_s is a whole number, or nearly; else the last. */
static u32 rate_unit(double per_s, double *number)
{
	u32 unit = 0;

	for (;; unit++) {
		double whole;

		*number = per_s * rate_units[unit].seconds;
		whole = (double)(u64)(*number + 0.5);
		if (unit == 3 || per_s >= 1 || (whole >= 1 && *number - whole < 1e-6 && whole - *number < 1e-6))
			break;
	}
	return unit;
}

u64 spw_rate_record(double per_s)
{
	double number;
	u64 unit = rate_unit(per_s, &number);

	if (!(per_s > 0))
		return 0;
	return (u64)(number + 0.5) | unit << RATE_UNIT_SHIFT;
}

double spw_rate_recorded(u64 record)
{
	return (double)(record & ((1ull << RATE_UNIT_SHIFT) - 1)) / rate_units[record >> RATE_UNIT_SHIFT].seconds;
}

const char *spw_rate_unit(double per_s, double *number)
{
	return rate_units[rate_unit(per_s, number)].name;
}

bool spw_class_is_limited(const struct spw_class_rates *class)
{
	if (class->fair)
		return true;
	for (u32 scope = 0; scope < SPW_SCOPES; scope++)
		for (u32 kind = 0; kind < SPW_KINDS && class->from[scope] < SPW_LEVELS; kind++)
			if (is_given(&class->rates[scope][kind]))
				return true;
	return false;
}

static double within(double value, double least, double most)
{
	return value > most ? most : value > least ? value : least;
}

/*
 * A rate beyond the resolution of ticks becomes the fastest possible. A burst is never smaller than one jiffy's worth,
 * as all packets of a jiffy arrive at one moment. For bits, the last packet of a burst is allowed for, so that frames
 * of up to 1,514 bytes do not exceed it.
 */
static struct spw_limit make_limit(const struct spw_rate *rate, enum spw_limit_kind kind, u32 jiffies_per_second)
{
	double jiffy = (double)(1u << SPW_TICK_SHIFT), second = (double)jiffies_per_second * jiffy;
	double unit = kind == SPW_KIND_BITS ? 8.0 * (1u << SPW_LIMIT_BYTES_SHIFT) : 1;
	double interval = within(second / rate->per_s * unit, 1, INTERVAL_MAX),
	       last = kind == SPW_KIND_BITS ? 0 : interval;
	double tolerance;

	if (kind == SPW_KIND_BITS)
		last = interval * FRAME_BYTES_MAX / (1u << SPW_LIMIT_BYTES_SHIFT);
	tolerance = rate->burst / unit * interval - last;
	return (struct spw_limit){.interval_ticks = (u64)(interval + 0.5),
				  .tolerance_ticks = (u64)within(tolerance, jiffy, TOLERANCE_MAX)};
}

/* The stricter of the configured limit and the fair share. */
static struct spw_rate fair_rate(const struct spw_rate *configured, double fair_per_s)
{
	double burst = fair_per_s * FAIR_BURST;

	if (!(fair_per_s > 0) || (is_given(configured) && configured->per_s <= fair_per_s))
		return *configured;
	burst = burst > FAIR_BURST_MIN ? burst : FAIR_BURST_MIN;
	if (is_given(configured) && configured->burst < burst)
		burst = configured->burst;
	return (struct spw_rate){fair_per_s, burst};
}

static void put_limit(struct spw_class_limits *to, u32 scope, u32 kind, const struct spw_rate *rate, u32 from,
		      u32 jiffies_per_second)
{
	if (!is_given(rate))
		return;
	to->limits[scope][kind] = make_limit(rate, kind, jiffies_per_second);
	for (u32 level = from; level < SPW_LEVELS; level++)
		to->active[level] |= (u16)SPW_LIMIT_BIT(scope, kind);
}

static void plan_class(const struct spw_class_rates *class, double fair_per_s, u32 jiffies_per_second,
		       struct spw_class_limits *to)
{
	for (u32 scope = 0; scope < SPW_SCOPES; scope++) {
		for (u32 kind = 0; kind < SPW_KINDS; kind++) {
			const struct spw_rate *configured = &class->rates[scope][kind];
			struct spw_rate fair = none;

			/* A limit not in force at this level counts as none here. */
			if (class->fair && fair_per_s > 0 && kind == SPW_KIND_NEW && scope != SPW_SCOPE_CLASS)
				fair = fair_rate(configured, fair_per_s);
			if (is_given(&fair))
				put_limit(to, scope, kind, &fair, SPW_GREEN, jiffies_per_second);
			else
				put_limit(to, scope, kind, configured, class->from[scope], jiffies_per_second);
		}
	}
}

static u64 mask_of(u32 bits)
{
	return bits >= 64 ? UINT64_MAX : ~(UINT64_MAX >> bits);
}

static struct spw_session_limits plan_sessions(u32 jiffies_per_second)
{
	double second = (double)jiffies_per_second * (1u << SPW_SESSION_TIME_SHIFT);

	return (struct spw_session_limits){.idle = (u64)(second * SESSION_IDLE_S),
					   .interval = (u64)(second / SESSION_PER_S + 0.5),
					   .tolerance = (u64)(second * SESSION_BURST_S)};
}

void spw_limits_plan(const struct spw_limit_policy *policy, const double *fair_per_s, u32 jiffies_per_second,
		     struct spw_limits *limits)
{
	for (u32 family = 0; family < 2; family++) {
		limits->families[family].source_mask = mask_of(policy->source_bits[family]);
		limits->families[family].prefix_mask = mask_of(policy->prefix_bits[family]);
	}
	limits->sessions = plan_sessions(jiffies_per_second);
	memset(limits->classes, 0, sizeof(limits->classes));
	for (u32 rank = 0; rank < policy->classes_count && jiffies_per_second; rank++)
		plan_class(&policy->classes[rank], fair_per_s ? fair_per_s[rank] : 0, jiffies_per_second,
			   &limits->classes[policy->classes[rank].id % SPW_CLASSES_MAX]);
}

/* Limits in force at any level. */
static u32 ever_active(const struct spw_class_limits *class)
{
	u32 active = 0;

	for (u32 level = 0; level < SPW_LEVELS; level++)
		active |= class->active[level];
	return active;
}

u64 spw_limits_longest(const struct spw_limits *limits)
{
	u64 longest = 0;

	for (u32 i = 0; i < SPW_CLASSES_MAX; i++) {
		for (u32 at = 0; at < (u32)SPW_METER_TABLES * SPW_KINDS; at++) {
			u32 scope = at / SPW_KINDS, kind = at % SPW_KINDS;
			const struct spw_limit *limit = &limits->classes[i].limits[scope][kind];
			u64 span = limit->tolerance_ticks + 2 * limit->interval_ticks;

			if (ever_active(&limits->classes[i]) & SPW_LIMIT_BIT(scope, kind) && span > longest)
				longest = span;
		}
	}
	return longest;
}

/* ---- seeds ---- */

static u64 period_ns(u64 longest_ns)
{
	return longest_ns > RESEED_NS / 3 ? 3 * longest_ns : RESEED_NS;
}

/* SPW_ROWS: none is warming. */
static u32 warming_row(const struct spw_limits *limits)
{
	u32 row = 0;

	while (row < SPW_ROWS && !limits->warming[row])
		row++;
	return row;
}

bool spw_reseed(struct spw_reseeding *reseeding, u64 now_ns, u64 longest_ns, u64 random, struct spw_limits *limits)
{
	if (!reseeding->due_ns) {
		reseeding->due_ns = now_ns + period_ns(longest_ns);
		/* An earlier agent ended in the middle: restart the warming time. */
		if (warming_row(limits) < SPW_ROWS)
			reseeding->begun_ns = now_ns;
	}
	if (reseeding->begun_ns) {
		if (now_ns - reseeding->begun_ns < longest_ns)
			return false;
		reseeding->begun_ns = 0;
		memset(limits->warming, 0, sizeof(limits->warming));
		return true;
	}
	if (warming_row(limits) < SPW_ROWS) {
		limits->seeds[warming_row(limits)] = random;
		reseeding->begun_ns = now_ns;
		reseeding->count++;
		return true;
	}
	if (now_ns < reseeding->due_ns)
		return false;
	limits->warming[reseeding->row % SPW_ROWS] = SPW_WARMING;
	reseeding->row = (reseeding->row + 1) % SPW_ROWS;
	reseeding->due_ns = now_ns + period_ns(longest_ns);
	return true;
}

/* ---- fill ---- */

static u64 larger(const u64 of[2])
{
	return of[0] > of[1] ? of[0] : of[1];
}

static void finish_scan(struct spw_fill *fill)
{
	const double cells = (double)fill->at * SPW_STRIP_CELLS, pairs = cells / 2;

	for (u32 row = 0; row < SPW_ROWS; row++)
		fill->rows[row] = (struct spw_row_fill){
			.used = (double)fill->used[row] / cells,
			.over = (double)larger(fill->over[row]) / pairs,
		};
	fill->over_in_both = (double)larger(fill->over_pairs) / (pairs * (SPW_STRIP_CELLS / 2));
	memset(fill->used, 0, sizeof(fill->used));
	memset(fill->over, 0, sizeof(fill->over));
	memset(fill->over_pairs, 0, sizeof(fill->over_pairs));
	fill->at = 0;
	fill->scans++;
}

static void scan_page(struct spw_fill *fill, const struct spw_meter_page *page, u64 now, u64 edge)
{
	u64 over[SPW_ROWS][2] = {0};

	for (u32 row = 0; row < SPW_ROWS; row++)
		for (u32 i = 0; i < SPW_STRIP_CELLS; i++) {
			u64 arrival = *(const volatile u64 *)&page->rows[row][i];

			fill->used[row] += arrival > now;
			over[row][i & 1] += arrival > edge;
		}
	for (u32 kind = 0; kind < 2; kind++) {
		fill->over[0][kind] += over[0][kind];
		fill->over[1][kind] += over[1][kind];
		fill->over_pairs[kind] += over[0][kind] * over[1][kind];
	}
}

void spw_fill_scan(struct spw_fill *fill, const struct spw_meter_page *pages, u32 pages_count, u32 count, u64 now,
		   u64 tolerance)
{
	u64 edge = tolerance < UINT64_MAX - now ? now + tolerance : UINT64_MAX;

	for (; count; count--) {
		scan_page(fill, &pages[fill->at], now, edge);
		if (++fill->at == pages_count)
			finish_scan(fill);
	}
}

double spw_fill_wrong(const struct spw_fill *fill, const u64 *warming)
{
	if (warming[0] || warming[1])
		return fill->rows[!!warming[0]].over;
	return fill->over_in_both;
}

u64 spw_least_tolerance(const struct spw_limits *limits, u32 scope, u32 level)
{
	u64 least = UINT64_MAX;

	for (u32 i = 0; i < SPW_CLASSES_MAX && level < SPW_LEVELS; i++)
		for (u32 kind = 0; kind < SPW_KINDS; kind++)
			if (limits->classes[i].active[level] & SPW_LIMIT_BIT(scope, kind) &&
			    limits->classes[i].limits[scope][kind].tolerance_ticks < least)
				least = limits->classes[i].limits[scope][kind].tolerance_ticks;
	return least;
}

/* ---- sessions ---- */

void spw_sessions_count(struct spw_session_count *count, const struct spw_sessions *table, u32 sets, u64 now,
			const struct spw_session_limits *limits)
{
	u64 time = spw_session_time(now);

	for (; sets; sets--) {
		const u64 *set = table->sets[count->at % (1 << SPW_SESSION_SET_BITS)];

		for (u32 way = 0; way < SPW_SESSION_WAYS; way++)
			count->found += set[way] &&
					!spw_session_is_over(spw_session_age(set[way], time, limits), limits);
		if (++count->at < 1 << SPW_SESSION_SET_BITS)
			continue;
		*count = (struct spw_session_count){.known = true, .sessions = count->found};
	}
}
