/* SPDX-License-Identifier: GPL-2.0-only */
/* The figures to reach, and whether this run reached them. */
#include <string.h>

#include "report.h"
#include "util.h"

#define SOURCES	   65536u /* at which they are told */
#define LPM_FACTOR 25.0
#define COMPILE_NS 300000000u
#define MAP_BYTES  (48u << 20) /* both generations */
#define VETH_RATIO 0.5

static bool print_figure(const char *what, double value, double bound, bool at_most, const char *unit)
{
	bool reached = at_most ? value <= bound : value >= bound;

	printf("  %-6s %-62s %8.2f %s %6.2f %s\n", reached ? "ok" : "MISSED", what, value, at_most ? "<=" : ">=", bound,
	       unit);
	return reached;
}

static const struct bench_cost *find_cost(const struct bench_cost *costs, size_t count, u8 family, const char *ruleset,
					  const char *draw)
{
	for (size_t i = 0; i < count; i++)
		if (costs[i].family == family && costs[i].sources == SOURCES && !strcmp(costs[i].ruleset, ruleset) &&
		    !strcmp(costs[i].draw, draw))
			return &costs[i];
	return NULL;
}

static bool print_pass(const struct bench_cost *costs, size_t count, const char *ruleset, const char *draw,
		       double bound4, double bound6)
{
	bool reached = true;

	for (u8 family = 4; family <= 6; family += 2) {
		const struct bench_cost *cost = find_cost(costs, count, family, ruleset, draw);
		char what[128];

		if (!cost)
			continue;
		snprintf(what, sizeof(what), "pass over bare, IPv%u, %s, %s", family, ruleset, draw);
		reached &= print_figure(what, cost->ns[BENCH_PASS] - cost->ns[BENCH_BARE],
					family == 4 ? bound4 : bound6, true, "ns");
	}
	return reached;
}

static bool print_lpm(const struct bench_cost *costs, size_t count)
{
	bool reached = true;

	for (u8 family = 4; family <= 6; family += 2) {
		const struct bench_cost *cost = find_cost(costs, count, family, "geo", "ranges");
		char what[128];

		if (!cost || !cost->has[BENCH_LPM])
			continue;
		snprintf(what, sizeof(what), "LPM over pass, both less parsing, IPv%u, geo, ranges", family);
		reached &= print_figure(what,
					(cost->ns[BENCH_LPM] - cost->ns[BENCH_PARSE]) /
						(cost->ns[BENCH_PASS] - cost->ns[BENCH_PARSE]),
					LPM_FACTOR, false, "times");
	}
	return reached;
}

static bool print_making(const struct bench_making *makings, size_t count)
{
	bool reached = true;

	for (size_t i = 0; i < count; i++) {
		if (strcmp(makings[i].ruleset, "geo"))
			continue;
		reached &=
			print_figure("compile, geo", (double)makings[i].compile_ns / 1e6, COMPILE_NS / 1e6, true, "ms");
		reached &= print_figure("all maps, with both generations, geo",
					(double)makings[i].all_bytes / (1 << 20), MAP_BYTES >> 20, true, "MiB");
	}
	return reached;
}

static bool print_veth(const struct bench_rate *rates, size_t count)
{
	bool reached = true;

	for (size_t i = 0; i < count; i++) {
		if (rates[i].family == 4 && rates[i].sources == SOURCES && !strcmp(rates[i].system, "spillway"))
			reached &= print_figure("cut path on a veth, of the bare drop's rate, IPv4, geo",
						rates[i].ratio, VETH_RATIO, false, "");
	}
	return reached;
}

bool bench_print_figures(const struct bench_cost *costs, size_t costs_count, const struct bench_making *makings,
			 size_t makings_count, const struct bench_rate *rates, size_t rates_count)
{
	bool reached = true;

	printf("\nFigures to reach, at %u sources\n", SOURCES);
	reached &= print_pass(costs, costs_count, "geo", "ranges", 40, 60);
	reached &= print_pass(costs, costs_count, "home-abroad", "ranges", 25, 40);
	reached &= print_pass(costs, costs_count, "geo", "uniform", 18, 30);
	reached &= print_lpm(costs, costs_count);
	reached &= print_making(makings, makings_count);
	reached &= print_veth(rates, rates_count);
	return reached;
}
