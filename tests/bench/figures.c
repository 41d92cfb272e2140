/* SPDX-License-Identifier: GPL-2.0-only */
/* Target figures, and whether this run reached them. */
#include <string.h>

#include "report.h"
#include "util.h"

#define SOURCES		 65536u /* at which they are measured */
#define LPM_FACTOR	 25.0
#define TEXTBOOK_FACTOR	 25.0
#define TEXTBOOK_SOURCES (1u << 20)
#define COMPILE_NS	 300000000u
#define MAP_BYTES	 (48u << 20) /* both generations */
#define VETH_RATIO	 0.5
#define METER_BYTES	 (64u << 20) /* all maps, with the meters */

static void print_figure(const char *what, double value, double bound, bool at_most, const char *unit)
{
	const bool reached = at_most ? value <= bound : value >= bound;

	printf("  %-6s %-62s %8.2f %s %6.2f %s\n", reached ? "ok" : "MISSED", what, value, at_most ? "<=" : ">=", bound,
	       unit);
}

static const struct bench_cost *find_cost(const struct bench_cost *costs, size_t count, u8 family, const char *ruleset,
					  const char *draw)
{
	for (size_t i = 0; i < count; i++)
		if (costs[i].has[BENCH_PASS] && costs[i].family == family && costs[i].sources == SOURCES &&
		    !strcmp(costs[i].ruleset, ruleset) && !strcmp(costs[i].draw, draw))
			return &costs[i];
	return NULL;
}

static void print_pass(const struct bench_cost *costs, size_t count, const char *ruleset, const char *draw,
		       double bound4, double bound6)
{
	for (u8 family = 4; family <= 6; family += 2) {
		const struct bench_cost *cost = find_cost(costs, count, family, ruleset, draw);
		char what[128];

		if (!cost)
			continue;
		snprintf(what, sizeof(what), "pass over bare, IPv%u, %s, %s (best round %.1f)", family, ruleset, draw,
			 cost->best_ns[BENCH_PASS] - cost->best_ns[BENCH_BARE]);
		print_figure(what, cost->ns[BENCH_PASS] - cost->ns[BENCH_BARE], family == 4 ? bound4 : bound6, true,
			     "ns");
	}
}

static void print_lpm(const struct bench_cost *costs, size_t count)
{
	for (u8 family = 4; family <= 6; family += 2) {
		const struct bench_cost *cost = find_cost(costs, count, family, "geo", "ranges");
		char what[128];

		if (!cost || !cost->has[BENCH_LPM])
			continue;
		snprintf(what, sizeof(what), "LPM over pass, both less parsing, IPv%u, geo, ranges", family);
		print_figure(what,
			     (cost->ns[BENCH_LPM] - cost->ns[BENCH_PARSE]) /
				     (cost->ns[BENCH_PASS] - cost->ns[BENCH_PARSE]),
			     LPM_FACTOR, false, "times");
	}
}

static void print_making(const struct bench_making *makings, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(makings[i].ruleset, "geo"))
			continue;
		print_figure("compile, geo", (double)makings[i].compile_ns / 1e6, COMPILE_NS / 1e6, true, "ms");
		print_figure("all maps but the meters, with both generations, geo",
			     (double)(makings[i].all_bytes - makings[i].meter_bytes) / (1 << 20), MAP_BYTES >> 20, true,
			     "MiB");
		print_figure("all maps, with both generations, geo", (double)makings[i].all_bytes / (1 << 20),
			     METER_BYTES >> 20, true, "MiB");
	}
}

static double veth_bound(const struct bench_rate *rate)
{
	static const struct {
		u32 sources;
		double ratio;
	} whole[] = {{1u << 10, 0.85}, {1u << 16, 0.45}, {1u << 20, 0.3}};

	if (strcmp(rate->what, "whole"))
		return rate->sources == SOURCES ? VETH_RATIO : 0;
	for (size_t i = 0; i < sizeof(whole) / sizeof(*whole); i++)
		if (whole[i].sources == rate->sources)
			return whole[i].ratio;
	return 0;
}

static void print_veth(const struct bench_rate *rates, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		double bound = veth_bound(&rates[i]);
		char what[128];

		if (rates[i].family != 4 || strcmp(rates[i].system, "spillway") || bound == 0)
			continue;
		snprintf(what, sizeof(what), "%s on a veth, of the bare drop's rate, IPv4, %u sources", rates[i].what,
			 rates[i].sources);
		print_figure(what, rates[i].ratio, bound, false, "");
	}
}

/* Includes the cost of the feeder and of the bare drop. */
static void print_wholes(const struct bench_cost *costs, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char what[128];

		if (!costs[i].has[BENCH_WHOLE] || costs[i].sources < SOURCES || costs[i].family != 4)
			continue;
		snprintf(what, sizeof(what), "whole path, IPv4, %s, %u sources (best round %.1f)", costs[i].ruleset,
			 costs[i].sources, costs[i].best_ns[BENCH_WHOLE]);
		print_figure(what, costs[i].ns[BENCH_WHOLE], costs[i].sources == SOURCES ? 60 : 100, true, "ns");
		if (costs[i].sources != TEXTBOOK_SOURCES || strcmp(costs[i].ruleset, "synthetic-1m"))
			continue;
		print_figure("textbook over whole, IPv4, a million prefixes and sources",
			     costs[i].ns[BENCH_TEXTBOOK] / costs[i].ns[BENCH_WHOLE], TEXTBOOK_FACTOR, false, "times");
	}
}

void bench_print_figures(const struct bench_cost *costs, size_t costs_count, const struct bench_making *makings,
			 size_t makings_count, const struct bench_rate *rates, size_t rates_count)
{
	printf("\nFigures to reach, at %u sources\n", SOURCES);
	print_pass(costs, costs_count, "geo", "ranges", 40, 60);
	print_pass(costs, costs_count, "home-abroad", "ranges", 25, 40);
	print_pass(costs, costs_count, "geo", "uniform", 18, 30);
	print_lpm(costs, costs_count);
	print_wholes(costs, costs_count);
	print_making(makings, makings_count);
	print_veth(rates, rates_count);
}
