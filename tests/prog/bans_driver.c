/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Bans controlled over a pipe: the real program, with nothing pinned or attached, and bans put into its maps by the
 * agent's own code, so that tests in another language can compare the result with a model. Started by
 * tests/prog/test_bans.py; every command is answered by one line.
 *
 * bans_driver CONFIG.yaml    lists are numbered from 1, in the sequence of the configuration
 *   hold LIST PREFIX MS         added, changed, moved (0, 1, 2), or -errno; MS 0: no end
 *   release PREFIX              ok
 *   whose HEX                   list verdict reason, of a frame
 *   counted PREFIX              packets bytes
 *   size                        bans, bans and holes
 *   time HEX REPEAT             ns a frame
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "maps/trace.h"
#include "user/agent/ban_table.h"
#include "user/cmd/dry_run.h"
#include "user/kernel/datapath.h"
#include "user/base/clock.h"
#include "spillway.skel.h"

enum { FRAME_MAX = 256 };

static struct spw_datapath datapath;
static struct ban_table table;

static struct spw_prefix parse_prefix(const char *text)
{
	struct spw_prefix prefix;

	if (spw_prefix_parse(text, strlen(text), &prefix) != SPW_PREFIX_OK)
		errx(2, "%s: no prefix", text);
	return prefix;
}

static void make_rows(const struct spw_lists *lists)
{
	for (u8 family = 4; family <= 6; family += 2) {
		struct spw_intervals intervals = {0};
		struct spw_span *spans = calloc(SPW_LIST_ENTRIES_MAX, sizeof(*spans));
		size_t count = 0;

		for (size_t i = 0; i < lists->count; i++)
			for (size_t j = 0; j < lists->lists[i].count; j++)
				if (lists->lists[i].entries[j].prefix.family == family)
					spans[count++] = (struct spw_span){lists->lists[i].entries[j].prefix.addr, 0,
									   lists->lists[i].entries[j].prefix.len};
		if (spw_intervals_make(spans, count, family, &intervals) ||
		    spw_prefix_rows_add(&table.rows.rows, family, spans, count))
			errx(1, "out of memory");
		spw_intervals_free(&intervals);
		free(spans);
	}
	table.rows.memory = table.rows.rows.rows4;
}

static void open_bans(const struct spw_lists *lists)
{
	struct spw_pins pins = {0};
	const u32 key = 0;
	const struct spw_control control = {.lease_until_jiffies = UINT64_MAX, .level = SPW_GREEN};

	pins.fds[SPW_PIN_BANS] = bpf_map__fd(datapath.skeleton->maps.bans);
	pins.fds[SPW_PIN_BAN_FILTER] = bpf_map__fd(datapath.skeleton->maps.ban_filter);
	pins.fds[SPW_PIN_BAN_COUNTS] = bpf_map__fd(datapath.skeleton->maps.ban_counts);
	pins.fds[SPW_PIN_BAN_TOTALS] = -1;
	table.totals = calloc(SPW_LISTS_MAX, sizeof(*table.totals));
	table.totals_changed = calloc(SPW_LISTS_MAX, sizeof(*table.totals_changed));
	if (spw_ban_maps_open(&pins, true, &table.maps) || spw_ban_maps_seed(&table.maps) ||
	    spw_ban_set_init(&table.set, 4711) || spw_ban_owners_init(&table.owners) ||
	    bpf_map_update_elem(bpf_map__fd(datapath.skeleton->maps.control), &key, &control, BPF_ANY))
		errx(1, "cannot open the maps of bans");
	make_rows(lists);
}

static void read_clock(void)
{
	table.now_ns = spw_monotonic_ns();
	table.clock = (struct spw_ban_clock){spw_datapath_lease(&datapath, 0), table.now_ns, 250};
}

static void hold(const char *arguments)
{
	struct ban_terms terms = {.note = "", .owner = SPW_BAN_HAND, .until_ns = SPW_BAN_FOREVER};
	unsigned int list, ms;
	struct spw_prefix prefix;
	int outcome, err = 0;
	char text[64];

	if (sscanf(arguments, "%u %63s %u", &list, text, &ms) != 3)
		errx(2, "hold: %s", arguments);
	prefix = parse_prefix(text);
	read_clock();
	terms.list = (u16)list;
	if (ms)
		terms.until_ns = table.now_ns + ms * 1000000ull;
	outcome = ban_table_put(&table, &prefix, &terms);
	if (outcome >= 0)
		err = ban_table_flush(&table);
	if (outcome >= 0 && !err)
		err = ban_table_write(&table, &prefix, &terms);
	printf("%d\n", err ? err : outcome);
}

static void release(const char *arguments)
{
	struct spw_prefix prefix = parse_prefix(arguments);
	struct spw_ban *ban = spw_ban_set_find(&table.set, &prefix);

	if (ban && ban->list)
		ban_table_remove(&table, ban);
	puts(ban ? "ok" : "absent");
}

static u32 parse_hex(const char *text, u8 frame[FRAME_MAX])
{
	u32 length = 0, byte;

	while (length < FRAME_MAX && sscanf(text + 2 * length, "%2x", &byte) == 1)
		frame[length++] = (u8)byte;
	return length;
}

static u32 send_frame(const char *hex, int repeat)
{
	u8 frame[FRAME_MAX];
	u32 length = parse_hex(hex, frame);
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame, .data_size_in = length, .repeat = repeat);

	if (bpf_prog_test_run_opts(datapath.program_fd, &options))
		err(1, "BPF_PROG_TEST_RUN");
	return options.duration;
}

static void show_whose(const char *hex)
{
	struct spw_trace trace;
	const u32 key = 0;

	send_frame(hex, 1);
	if (bpf_map_lookup_elem(bpf_map__fd(datapath.skeleton->maps.trace), &key, &trace))
		err(1, "cannot read the trace");
	printf("%u %u %u\n", trace.list, trace.verdict, trace.reason);
}

static void show_counted(const char *arguments)
{
	struct spw_prefix prefix = parse_prefix(arguments);
	struct spw_ban_key key = spw_ban_key(&prefix);
	struct spw_ban_value value;
	struct spw_ban_count counted;

	if (bpf_map_lookup_elem(table.maps.bans_fd, &key, &value))
		err(1, "%s", arguments);
	counted = spw_ban_counted(&table.maps, &value);
	printf("%llu %llu\n", (unsigned long long)counted.packets, (unsigned long long)counted.bytes);
}

static void show_time(const char *arguments)
{
	char hex[2 * FRAME_MAX + 1];
	int repeat;

	if (sscanf(arguments, "%512s %d", hex, &repeat) != 2)
		errx(2, "time: %s", arguments);
	printf("%u\n", send_frame(hex, repeat));
}

static void obey(char *line)
{
	char *arguments;

	line[strcspn(line, "\n")] = '\0';
	arguments = strchr(line, ' ');
	if (arguments)
		*arguments++ = '\0';
	if (!strcmp(line, "size"))
		printf("%u %u\n", table.set.entries, table.set.count);
	else if (!arguments)
		errx(2, "%s?", line);
	else if (!strcmp(line, "hold"))
		hold(arguments);
	else if (!strcmp(line, "release"))
		release(arguments);
	else if (!strcmp(line, "whose"))
		show_whose(arguments);
	else if (!strcmp(line, "counted"))
		show_counted(arguments);
	else if (!strcmp(line, "time"))
		show_time(arguments);
	else
		errx(2, "%s?", line);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	static char line[8192];
	struct spw_diagnostics diagnostics = {0};
	char message[SPW_MESSAGE_MAX];
	struct spw_dry_run dry_run;
	int map;

	if (argc != 2)
		errx(2, "usage: bans_driver CONFIG.yaml");
	if (spw_dry_run_make(argv[1], true, &dry_run, &diagnostics))
		errx(1, "%s: no ruleset", argv[1]);
	map = spw_ruleset_map(dry_run.image.ruleset, dry_run.image.bytes);
	if (map < 0)
		errx(1, "cannot make the map of the ruleset: %s", strerror(-map));
	if (spw_datapath_load(NULL, map, dry_run.image.ruleset->units_capacity, !getenv("NO_TRACE"), &datapath,
			      message))
		errx(1, "%s", message);
	open_bans(&dry_run.lists);
	while (fgets(line, sizeof(line), stdin))
		obey(line);
	return 0;
}
