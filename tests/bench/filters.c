/* SPDX-License-Identifier: GPL-2.0-only */
/* Rules of nftables and iptables, as in their manuals, and their counters. */
#include "filters.h"

#include <string.h>

#include "util.h"
#include "wire.h"

#define RATE_STATES 131072 /* enough for every source */

static FILE *open_command(const char *command, const char *mode)
{
	FILE *pipe;

	fflush(NULL);
	pipe = popen(command, mode);
	if (!pipe)
		err(1, "%s", command);
	return pipe;
}

static void close_command(FILE *pipe, const char *command)
{
	if (pclose(pipe))
		errx(1, "failed: %s", command);
}

static void print_address(FILE *out, struct spw_addr addr)
{
	u32 address = (u32)(addr.hi >> 32);

	fprintf(out, "%u.%u.%u.%u", address >> 24, address >> 16 & 255, address >> 8 & 255, address & 255);
}

static void print_ranges(FILE *out, const struct bench_ranges *ranges)
{
	for (size_t i = 0; i < ranges->count; i++) {
		fprintf(out, "%s", i ? ", " : "");
		print_address(out, ranges->items[i].first);
		if (ranges->items[i].first.hi != ranges->items[i].last.hi >> 32 << 32) {
			fprintf(out, "-");
			print_address(out, ranges->items[i].last);
		}
	}
}

static void start_nft(enum bench_filter filter, const struct bench_ranges *ranges)
{
	static const char command[] = "nft -f -";
	FILE *out = open_command(command, "we");

	fprintf(out, "table netdev bench {\n counter refused { }\n");
	if (filter == BENCH_NFT_PREFIX) {
		fprintf(out, " set sources { type ipv4_addr; flags interval; elements = { ");
		print_ranges(out, ranges);
		fprintf(out, " } }\n");
	} else {
		fprintf(out, " set sources { type ipv4_addr; size %d; flags dynamic; }\n", RATE_STATES);
	}
	fprintf(out,
		" chain first {\n  type filter hook ingress device " BENCH_RECEIVER
		" priority 0;\n  %s counter name refused drop\n }\n}\n",
		filter == BENCH_NFT_PREFIX ? "ip saddr @sources"
					   : "update @sources { ip saddr limit rate over 1/minute burst 1 packets }");
	close_command(out, command);
}

void bench_filter_start(enum bench_filter filter, const struct bench_ranges *ranges)
{
	if (filter == BENCH_IPTABLES_RATE)
		bench_command("iptables -w -t raw -A PREROUTING -i " BENCH_RECEIVER
			      " -m hashlimit --hashlimit-name bench --hashlimit-mode srcip --hashlimit-above 1/min "
			      "--hashlimit-burst 1 --hashlimit-htable-size %d --hashlimit-htable-max %d "
			      "--hashlimit-htable-expire 60000 -j DROP",
			      RATE_STATES, RATE_STATES);
	else
		start_nft(filter, ranges);
}

void bench_filter_stop(enum bench_filter filter)
{
	if (filter == BENCH_IPTABLES_RATE)
		bench_command("iptables -w -t raw -F PREROUTING");
	else
		bench_command("nft delete table netdev bench");
}

u64 bench_filter_count(enum bench_filter filter)
{
	const bool iptables = filter == BENCH_IPTABLES_RATE;
	const char *command = iptables ? "iptables -w -t raw -nvxL PREROUTING"
				       : "nft list counter netdev bench refused";
	FILE *in = open_command(command, "re");
	unsigned long long packets;
	char line[512];
	bool found = false;

	while (fgets(line, sizeof(line), in))
		found = found || sscanf(line, iptables ? " %llu" : " packets %llu", &packets) == 1;
	close_command(in, command);
	if (!found)
		errx(1, "no counter in the answer of: %s", command);
	return packets;
}

struct bench_ranges bench_filter_ranges(const struct bench_ranges *ranges)
{
	struct bench_ranges some = {0};

	if (ranges->count < BENCH_NFT_INTERVALS)
		errx(1, "fewer than %u ranges", BENCH_NFT_INTERVALS);
	some.items = bench_realloc(NULL, BENCH_NFT_INTERVALS * sizeof(*some.items));
	for (; some.count < BENCH_NFT_INTERVALS; some.count++)
		some.items[some.count] = ranges->items[some.count * ranges->count / BENCH_NFT_INTERVALS];
	return some;
}
