/* SPDX-License-Identifier: GPL-2.0-only */
/* Tables and JSON. Tables go to stdout, progress to stderr. */
#include "report.h"

#include <stdarg.h>
#include <string.h>

#include "memory.h"
#include "util.h"

static const char *const cases[BENCH_CASES] = {"bare",	  "parse",	   "pass",    "cut",	      "lpm",
					       "service", "budget",	   "share",   "refuse-share", "refuse-budget",
					       "whole",	  "whole-refused", "textbook"};

void bench_note(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
}

/* ---- tables ---- */

void bench_print_memory(const char *when)
{
	printf("Memory %s: a dependent load takes", when);
	for (size_t mib = 1; mib <= 64; mib *= 4)
		printf(" %.0f ns in %zu MiB%s", bench_memory_ns(mib << 20), mib, mib < 64 ? "," : "\n");
}

static bool same_group(const struct bench_cost *left, const struct bench_cost *right)
{
	return left->family == right->family && left->ruleset == right->ruleset && left->draw == right->draw;
}

static void print_ns(bool there, double ns)
{
	if (there)
		printf(" %7.1f", ns);
	else
		printf(" %7s", "-");
}

static void print_cost(const struct bench_cost *cost)
{
	printf("%9u |", cost->sources);
	for (int i = 0; i < BENCH_WORK_FIRST; i++)
		print_ns(cost->has[i], cost->ns[i]);
	printf(" |");
	for (int i = BENCH_PARSE; i < BENCH_WORK_FIRST; i++)
		print_ns(cost->has[i], cost->ns[i] - cost->ns[BENCH_BARE]);
	if (cost->has[BENCH_LPM])
		printf(" | %5.1f",
		       (cost->ns[BENCH_LPM] - cost->ns[BENCH_PARSE]) / (cost->ns[BENCH_PASS] - cost->ns[BENCH_PARSE]));
	printf("\n");
	if (!cost->has[BENCH_SERVICE])
		return;
	printf("%9s | new work for a service, over pass:", "");
	for (int i = BENCH_WORK_FIRST; i < BENCH_WHOLE; i++)
		printf("%s %s %.1f", i > BENCH_WORK_FIRST ? "," : "", cases[i], cost->ns[i] - cost->ns[BENCH_PASS]);
	printf("\n");
}

static void print_group_head(const struct bench_cost *cost)
{
	printf("\nIPv%u, %s (%llu prefixes), sources drawn %s\n", cost->family, cost->ruleset,
	       (unsigned long long)cost->prefixes, strcmp(cost->draw, "ranges") ? "uniformly" : "from its ranges");
	printf("%9s |", "sources");
	for (int i = 0; i < BENCH_WORK_FIRST; i++)
		printf(" %7s", cases[i]);
	printf(" | over bare:");
	for (int i = BENCH_PARSE; i < BENCH_WORK_FIRST; i++)
		printf("%s%s", i > BENCH_PARSE ? ", " : " ", cases[i]);
	printf("%s\n", cost->has[BENCH_LPM] ? " | lpm/pass, both less parse" : "");
}

void bench_print_costs(const struct bench_cost *costs, size_t count)
{
	printf("\nCost per packet, ns, BPF_PROG_TEST_RUN, the feeder included; medians\n");
	for (size_t i = 0; i < count; i++) {
		if (!i || !same_group(&costs[i], &costs[i - 1]))
			print_group_head(&costs[i]);
		print_cost(&costs[i]);
	}
}

void bench_print_wholes(const struct bench_cost *costs, size_t count)
{
	printf("\nThe whole path, ns, BPF_PROG_TEST_RUN, the feeder included; medians\n"
	       "%-14s %4s %9s | %7s %7s %13s %8s | %s\n",
	       "ruleset", "", "sources", cases[BENCH_BARE], cases[BENCH_WHOLE], cases[BENCH_WHOLE_REFUSED],
	       cases[BENCH_TEXTBOOK], "textbook/whole");
	for (size_t i = 0; i < count; i++)
		printf("%-14s IPv%u %9u | %7.1f %7.1f %13.1f %8.1f | %.1f\n", costs[i].ruleset, costs[i].family,
		       costs[i].sources, costs[i].ns[BENCH_BARE], costs[i].ns[BENCH_WHOLE],
		       costs[i].ns[BENCH_WHOLE_REFUSED], costs[i].ns[BENCH_TEXTBOOK],
		       costs[i].ns[BENCH_TEXTBOOK] / costs[i].ns[BENCH_WHOLE]);
}

void bench_print_makings(const struct bench_making *makings, size_t count)
{
	printf("\nMaking a ruleset; MB in the kernel of one generation, and of all maps with two of them\n"
	       "%-14s %9s %9s %9s %11s %11s %8s %8s %9s\n",
	       "ruleset", "IPv4", "IPv6", "read, ms", "compile, ms", "publish, ms", "one, MB", "all, MB", "peak, MB");
	for (size_t i = 0; i < count; i++)
		printf("%-14s %9llu %9llu %9.0f %11.0f %11.1f %8.1f %8.1f %9.0f\n", makings[i].ruleset,
		       (unsigned long long)makings[i].prefixes4, (unsigned long long)makings[i].prefixes6,
		       (double)makings[i].read_ns / 1e6, (double)makings[i].compile_ns / 1e6,
		       (double)makings[i].publish_ns / 1e6, (double)makings[i].map_bytes / 1e6,
		       (double)makings[i].all_bytes / 1e6, (double)makings[i].peak_kib * 1024 / 1e6);
}

void bench_print_rates(const struct bench_rate *rates, size_t count)
{
	printf("\nDropped behind a veth, native XDP, generator and receiver on one CPU; medians\n");
	printf("%-7s %-12s %6s %9s %8s %9s %6s\n", "what", "system", "family", "sources", "Mpps", "ns", "ratio");
	for (size_t i = 0; i < count; i++)
		printf("%-7s %-12s %6u %9u %8.2f %9.1f %6.2f\n", rates[i].what, rates[i].system, rates[i].family,
		       rates[i].sources, rates[i].pps / 1e6, 1e9 / rates[i].pps, rates[i].ratio);
}

/* ---- JSON ---- */

static FILE *start_file(const char *dir, const char *name, char path[4096])
{
	FILE *out;

	snprintf(path, 4096, "%s/%s", dir, name);
	out = fopen(path, "we");
	if (!out)
		err(1, "%s", path);
	return out;
}

static void end_file(FILE *out, const char *path)
{
	fprintf(out, "\n]\n");
	if (ferror(out) || fclose(out))
		err(1, "%s", path);
}

void bench_write_costs(const char *dir, const char *name, const struct bench_cost *costs, size_t count)
{
	const char *separator = "[\n";
	char path[4096];
	FILE *out = start_file(dir, name, path);

	for (size_t i = 0; i < count; i++)
		for (int j = 0; j < BENCH_CASES; j++) {
			if (!costs[i].has[j])
				continue;
			fprintf(out,
				"%s{\"case\":\"%s\",\"family\":%u,\"ruleset\":\"%s\",\"draw\":\"%s\",\"prefixes\":%llu,"
				"\"sources\":%u,\"ns\":%.2f,\"ratio\":%.3f,\"over_bare_ns\":%.2f,\"best_ns\":%.2f}",
				separator, cases[j], costs[i].family, costs[i].ruleset, costs[i].draw,
				(unsigned long long)costs[i].prefixes, costs[i].sources, costs[i].ns[j],
				costs[i].ns[j] / costs[i].ns[BENCH_BARE], costs[i].ns[j] - costs[i].ns[BENCH_BARE],
				costs[i].best_ns[j]);
			separator = ",\n";
		}
	end_file(out, path);
}

void bench_write_makings(const char *dir, const char *name, const struct bench_making *makings, size_t count)
{
	char path[4096];
	FILE *out = start_file(dir, name, path);

	for (size_t i = 0; i < count; i++)
		fprintf(out,
			"%s{\"ruleset\":\"%s\",\"prefixes4\":%llu,\"prefixes6\":%llu,\"read_ms\":%.1f,\"compile_ms\":%."
			"1f,"
			"\"publish_ms\":%.2f,\"map_bytes\":%llu,\"all_map_bytes\":%llu,\"meter_bytes\":%llu,"
			"\"peak_rss_bytes\":%llu}",
			i ? ",\n" : "[\n", makings[i].ruleset, (unsigned long long)makings[i].prefixes4,
			(unsigned long long)makings[i].prefixes6, (double)makings[i].read_ns / 1e6,
			(double)makings[i].compile_ns / 1e6, (double)makings[i].publish_ns / 1e6,
			(unsigned long long)makings[i].map_bytes, (unsigned long long)makings[i].all_bytes,
			(unsigned long long)makings[i].meter_bytes, (unsigned long long)makings[i].peak_kib * 1024);
	end_file(out, path);
}

void bench_write_rates(const char *dir, const char *name, u8 family, const struct bench_rate *rates, size_t count)
{
	const char *separator = "[\n";
	char path[4096];
	FILE *out = start_file(dir, name, path);

	for (size_t i = 0; i < count; i++) {
		if (rates[i].family != family)
			continue;
		fprintf(out, "%s{\"system\":\"%s\",\"what\":\"%s\",\"sources\":%u,\"pps\":%.0f,\"ratio\":%.3f}",
			separator, rates[i].system, rates[i].what, rates[i].sources, rates[i].pps, rates[i].ratio);
		separator = ",\n";
	}
	end_file(out, path);
}
