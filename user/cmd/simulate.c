/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * simulate: send every packet of a capture through the real program, by BPF_PROG_TEST_RUN, and show how each is read
 * and judged at a level. Nothing is attached, nothing pinned, no counter of the running datapath moves.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/words.h"
#include "host/capture.h"
#include "kernel/datapath.h"
#include "kernel/sampler.h"
#include "view/view.h"
#include "cmd.h"
#include "reading.h"
#include "spillway.skel.h"

enum {
	FRAME_BYTES_MIN = 14,	 /* BPF_PROG_TEST_RUN takes nothing shorter, and no wire carries it */
	FRAME_BYTES_MAX = 65557, /* and nothing longer: the longest IP packet, with Ethernet and two tags */
};

struct simulation {
	const struct spw_call *call;
	struct spw_reading reading;
	struct spw_datapath datapath;
	int trace_fd;
	u32 level;
	bool quiet;
	bool enforce; /* whatever the configured mode */
	u64 packets;
	u64 cut_short; /* by the capture's snapshot length */
	u64 refused;   /* by TEST_RUN */
	u64 verdicts[SPW_VERDICTS];
	u64 reasons[SPW_REASONS_MAX];
};

/* The ruleset as a map, loaded with the trace on. */
static int load_ruleset(struct simulation *simulation)
{
	const struct spw_ruleset_image *image = &simulation->reading.image;
	char message[SPW_MESSAGE_MAX];
	int map = spw_ruleset_map(image->ruleset, image->bytes), status = SPW_EXIT_DONE;

	if (map < 0)
		return spw_fail("cannot make the kernel's map of the ruleset: %s%s", strerror(-map),
				map == -EPERM ? "; this needs root" : "");
	if (spw_datapath_load(NULL, map, image->ruleset->units_capacity, true, &simulation->datapath, message))
		status = spw_fail("%s", message);
	close(map);
	return status;
}

static int prepare(struct simulation *simulation)
{
	struct spw_diagnostics diagnostics = {0};
	struct spw_control control = {
		.lease_until_jiffies = UINT64_MAX, .lease_until_ns = UINT64_MAX, .level = simulation->level};
	const u32 key = 0;
	/* What `check` would refuse without --force may be looked at here: nothing is attached. */
	int err = spw_reading_make(simulation->call->config_path, true, &simulation->reading, &diagnostics);

	spw_print_diagnostics(&diagnostics);
	spw_diagnostics_free(&diagnostics);
	if (err || load_ruleset(simulation) != SPW_EXIT_DONE)
		return SPW_EXIT_FAILED;
	control.mode = simulation->enforce ? SPW_ENFORCE : simulation->reading.config.mode;
	simulation->trace_fd = bpf_map__fd(simulation->datapath.skeleton->maps.trace);
	if (bpf_map_update_elem(bpf_map__fd(simulation->datapath.skeleton->maps.control), &key, &control, BPF_ANY))
		return spw_fail("cannot set the level: %s", strerror(errno));
	return SPW_EXIT_DONE;
}

static void show(struct simulation *simulation, const struct spw_trace *trace, u32 length)
{
	const struct spw_config *config = &simulation->reading.config;
	struct spw_packet_view view = {.number = simulation->packets, .trace = trace, .length = length};

	if (trace && trace->classified && trace->class_id < config->classes_count) {
		view.class_name = config->classes[trace->class_id].name;
		if (trace->list && trace->list <= config->lists_count)
			view.list_name = config->lists[trace->list - 1].name;
	}
	if (simulation->quiet)
		return;
	if (simulation->call->json)
		spw_view_packet_json(stdout, &view);
	else
		spw_view_packet(stdout, &view, (struct spw_style){spw_colour()});
}

/*
 * A frame that the capture has cut short, as `capture` does it, as long as it was: its headers tell its length, and
 * nothing behind them is judged.
 */
static void restore_length(struct spw_frame *frame)
{
	static u8 whole[FRAME_BYTES_MAX];

	if (frame->length >= frame->wire_length || frame->length < FRAME_BYTES_MIN ||
	    frame->wire_length > FRAME_BYTES_MAX)
		return;
	memcpy(whole, frame->bytes, frame->length);
	memset(whole + frame->length, 0, frame->wire_length - frame->length);
	frame->bytes = whole;
	frame->length = frame->wire_length;
}

static int judge(struct simulation *simulation, const struct spw_frame *frame)
{
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame->bytes, .data_size_in = frame->length, .repeat = 1);
	struct spw_trace trace;
	const u32 key = 0;

	simulation->packets++;
	if (options.data_size_in > FRAME_BYTES_MAX)
		options.data_size_in = FRAME_BYTES_MAX;
	if (frame->length < FRAME_BYTES_MIN) {
		simulation->refused++;
		simulation->verdicts[SPW_PASS]++;
		simulation->reasons[SPW_REASON_MALFORMED]++;
		show(simulation, NULL, frame->length);
		return 0;
	}
	if (bpf_prog_test_run_opts(simulation->datapath.program_fd, &options))
		return spw_fail("packet %llu (%u bytes): BPF_PROG_TEST_RUN: %s",
				(unsigned long long)simulation->packets, frame->length, strerror(errno));
	if (bpf_map_lookup_elem(simulation->trace_fd, &key, &trace))
		return spw_fail("cannot read the trace: %s", strerror(errno));
	simulation->verdicts[trace.verdict & 1]++;
	simulation->reasons[trace.reason % SPW_REASONS_MAX]++;
	show(simulation, &trace, frame->length);
	return 0;
}

static void show_progress(const struct simulation *simulation, u64 began_ns, u64 *shown_ns)
{
	u64 now = spw_monotonic_ns();

	if (now - began_ns < 1000000000 || now - *shown_ns < 200000000)
		return;
	*shown_ns = now;
	fprintf(stderr, "\r%llu packets", (unsigned long long)simulation->packets);
}

static int judge_all(struct simulation *simulation, struct spw_capture *capture, const char *path)
{
	bool progress = isatty(STDERR_FILENO) && !isatty(STDOUT_FILENO);
	u64 began_ns = spw_monotonic_ns(), shown_ns = 0;
	char message[SPW_MESSAGE_MAX];
	struct spw_frame frame;
	int got, status = SPW_EXIT_DONE;

	while (status == SPW_EXIT_DONE && (got = spw_capture_next(capture, &frame, message)) == 1) {
		simulation->cut_short += frame.length < frame.wire_length;
		restore_length(&frame);
		status = judge(simulation, &frame);
		if (progress)
			show_progress(simulation, began_ns, &shown_ns);
		if (ferror(stdout))
			return SPW_EXIT_FAILED;
	}
	if (shown_ns)
		fputc('\n', stderr);
	if (status == SPW_EXIT_DONE && got < 0)
		status = spw_fail("%s: damaged after packet %llu: %s", path, (unsigned long long)simulation->packets,
				  message);
	return status;
}

static void sum_up(const struct simulation *simulation)
{
	FILE *out = simulation->call->json ? stderr : stdout;

	if (simulation->reading.config.mode == SPW_OBSERVE && !simulation->enforce)
		fprintf(stderr,
			"note: the configuration says mode observe, which drops nothing; --enforce shows what enforcing "
			"would do\n");

	if (simulation->cut_short)
		fprintf(stderr,
			"note: %llu packets were cut short by the capture's snapshot length; zeros stand for what is "
			"missing\n",
			(unsigned long long)simulation->cut_short);
	if (simulation->refused)
		fprintf(stderr, "note: %llu frames are shorter than an Ethernet header; no wire carries them\n",
			(unsigned long long)simulation->refused);
	if (simulation->call->json)
		return;
	fprintf(out, "%s%llu packets at level %s: %llu passed, %llu dropped\n", simulation->quiet ? "" : "\n",
		(unsigned long long)simulation->packets, spw_level_name(simulation->level),
		(unsigned long long)simulation->verdicts[SPW_PASS], (unsigned long long)simulation->verdicts[SPW_DROP]);
	for (u32 place = 0; place < SPW_REASONS; place++) {
		u32 reason = spw_reason_in_turn(place);

		if (simulation->reasons[reason])
			fprintf(out, "  %-12s %llu\n", spw_reason_name(reason),
				(unsigned long long)simulation->reasons[reason]);
	}
}

static int simulate(struct simulation *simulation, const char *path)
{
	char message[SPW_MESSAGE_MAX] = "out of memory";
	struct spw_capture *capture = spw_capture_open(path, message);
	int status;

	if (!capture)
		return spw_fail("%s", message);
	status = prepare(simulation);
	if (status == SPW_EXIT_DONE)
		status = judge_all(simulation, capture, path);
	spw_capture_close(capture);
	if (status == SPW_EXIT_DONE)
		sum_up(simulation);
	spw_datapath_free(&simulation->datapath);
	spw_reading_free(&simulation->reading);
	return status;
}

static int run(const struct spw_call *call, int argc, char **argv)
{
	struct simulation simulation = {.call = call, .datapath = {.program_fd = -1, .ruleset_fd = -1}};
	const char *path = NULL;

	for (int i = 1; i < argc; i++) {
		const char *level = NULL;

		if (!strcmp(argv[i], "--level")) {
			level = argv[++i];
			if (!level)
				return spw_usage(&spw_verb_simulate, "--level wants a level");
		} else if (!strncmp(argv[i], "--level=", 8)) {
			level = argv[i] + 8;
		} else if (!strcmp(argv[i], "-q") || !strcmp(argv[i], "--quiet")) {
			simulation.quiet = true;
		} else if (!strcmp(argv[i], "--enforce")) {
			simulation.enforce = true;
		} else if ((argv[i][0] == '-' && argv[i][1]) || path) {
			return spw_usage(&spw_verb_simulate, "unexpected '%s'", argv[i]);
		} else {
			path = argv[i];
		}
		if (level && spw_level_parse(level) < 0)
			return spw_usage(&spw_verb_simulate, "no level '%s'; there are green, yellow, orange, red",
					 level);
		if (level)
			simulation.level = (u32)spw_level_parse(level);
	}
	if (!path)
		return spw_usage(&spw_verb_simulate, "which capture?");
	return simulate(&simulation, path);
}

const struct spw_verb spw_verb_simulate = {
	.name = "simulate",
	.usage = "FILE.pcap [--level LEVEL] [--enforce] [-q]",
	.summary = "Send a capture through the real program and show every judgement at a level",
	.help = "  --level LEVEL   green (default), yellow, orange or red\n"
		"  --enforce       judge as in mode enforce, also where the configuration says observe\n"
		"  -q, --quiet     only the sums\n\n"
		"With -j one JSON object a packet; what was not parsed is null. Nothing is attached and no counter moves.\n",
	.run = run,
};
