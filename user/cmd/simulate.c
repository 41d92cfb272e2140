/* SPDX-License-Identifier: GPL-2.0-only */
/* simulate: run every packet of a capture through the real program and show its judgement at a level. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/words.h"
#include "host/capture.h"
#include "base/clock.h"
#include "kernel/simulation.h"
#include "view/view.h"
#include "cmd.h"
#include "dry_run.h"

enum option { LEVEL, ENFORCE, QUIET };

static const struct spw_option options[] = {
	[LEVEL] = {"level", 0, "green|yellow|orange|red", "judge at this level; green is the default"},
	[ENFORCE] = {"enforce", 0, NULL, "judge as in mode enforce, even if the configuration says observe"},
	[QUIET] = {"quiet", 'q', NULL, "show only the totals"},
	{0},
};

struct simulation {
	const struct spw_call *call;
	struct spw_dry_run dry_run;
	struct spw_simulation *program;
	u32 level;
	bool quiet;
	bool enforce; /* regardless of the configured mode */
	u64 packets;
	u64 cut_short; /* by the capture's snapshot length */
	u64 too_short; /* for a link-layer header */
	u64 outgoing;  /* sent by the host that captured them */
	u64 verdicts[SPW_VERDICTS];
	u64 reasons[SPW_REASONS_MAX];
};

static int read_configuration(struct simulation *simulation)
{
	const char *path = simulation->call->config_path;
	struct spw_diagnostics diagnostics = {0};
	int err;

	if (spw_no_config(simulation->call)) {
		fprintf(stderr,
			"note: there is no %s; using a built-in configuration: a class of private addresses, "
			"and all others\n"
			"in class 'public', whose new work is refused at level red\n",
			path);
		err = spw_dry_run_builtin(&simulation->dry_run, &diagnostics);
	} else {
		/* With force: nothing is attached. */
		err = spw_dry_run_make(path, true, &simulation->dry_run, &diagnostics);
	}
	/* Warnings about the built-in configuration apply only to hosts in service. */
	if (err || !spw_no_config(simulation->call))
		spw_print_diagnostics(&diagnostics);
	spw_diagnostics_free(&diagnostics);
	return err ? SPW_EXIT_FAILED : SPW_EXIT_DONE;
}

static int prepare(struct simulation *simulation)
{
	const struct spw_ruleset_image *image = &simulation->dry_run.image;
	int status = read_configuration(simulation);
	char message[SPW_MESSAGE_MAX];
	u32 mode = simulation->enforce ? SPW_ENFORCE : simulation->dry_run.config.mode;

	if (status == SPW_EXIT_DONE &&
	    spw_simulation_open(image->ruleset, image->bytes, simulation->level, mode, &simulation->program, message))
		status = spw_fail("%s", message);
	return status;
}

static int show(struct simulation *simulation, const struct spw_trace *trace, u32 length)
{
	const struct spw_config *config = &simulation->dry_run.config;
	struct spw_packet_view view = {.number = simulation->packets, .trace = trace, .length = length};

	if (trace && trace->classified && trace->class_id < config->classes_count) {
		view.class_name = config->classes[trace->class_id].name;
		if (trace->list && trace->list <= config->lists_count)
			view.list_name = config->lists[trace->list - 1].name;
	}
	if (simulation->quiet)
		return SPW_EXIT_DONE;
	if (simulation->call->json)
		return spw_view_packet_json(stdout, &view) ? SPW_EXIT_FAILED : SPW_EXIT_DONE;
	spw_view_packet(stdout, &view, (struct spw_style){spw_colour()});
	return SPW_EXIT_DONE;
}

/*
 * A frame cut by the capture's snapshot length gets its full length back, filled with zeros: its headers state that
 * length, and nothing after them is judged.
 */
static void restore_length(struct spw_frame *frame)
{
	static u8 whole[SPW_SIMULATED_BYTES_MAX];

	if (frame->length >= frame->wire_length || frame->length < SPW_SIMULATED_BYTES_MIN ||
	    frame->wire_length > SPW_SIMULATED_BYTES_MAX)
		return;
	memcpy(whole, frame->bytes, frame->length);
	memset(whole + frame->length, 0, frame->wire_length - frame->length);
	frame->bytes = whole;
	frame->length = frame->wire_length;
}

static int judge(struct simulation *simulation, const struct spw_frame *frame)
{
	char message[SPW_MESSAGE_MAX];
	struct spw_trace trace;

	simulation->packets++;
	simulation->outgoing += frame->outgoing;
	if (frame->length < SPW_SIMULATED_BYTES_MIN) {
		simulation->too_short++;
		simulation->verdicts[SPW_PASS]++;
		simulation->reasons[SPW_REASON_MALFORMED]++;
		return show(simulation, NULL, frame->length);
	}
	if (spw_simulation_judge(simulation->program, frame->bytes, frame->length, &trace, message))
		return spw_fail("packet %llu (%u bytes): %s", (unsigned long long)simulation->packets, frame->length,
				message);
	simulation->verdicts[trace.verdict & 1]++;
	simulation->reasons[trace.reason % SPW_REASONS_MAX]++;
	return show(simulation, &trace, frame->length);
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
		status = spw_fail("%s: cannot be read after packet %llu: %s", path,
				  (unsigned long long)simulation->packets, message);
	return status;
}

/* On stderr, like everything that explains the results. */
static void print_notes(const struct simulation *simulation)
{
	if (simulation->dry_run.config.mode == SPW_OBSERVE && !simulation->enforce)
		fprintf(stderr, "note: the configuration says mode observe, which drops nothing; --enforce shows what "
				"enforcing "
				"would do\n");
	if (simulation->cut_short)
		fprintf(stderr,
			"note: %llu packets were cut short by the capture's snapshot length; the missing bytes "
			"count as "
			"zeros\n",
			(unsigned long long)simulation->cut_short);
	if (simulation->too_short)
		fprintf(stderr, "note: %llu packets end within their link-layer header; counted as malformed\n",
			(unsigned long long)simulation->too_short);
	if (simulation->outgoing)
		fprintf(stderr,
			"note: %llu packets were sent by the host that captured them; spillway judges only "
			"incoming packets, "
			"so capture with: tcpdump -Q in\n",
			(unsigned long long)simulation->outgoing);
}

static void print_totals(const struct simulation *simulation)
{
	printf("%s%llu packets at level %s: %llu passed, %llu dropped\n", simulation->quiet ? "" : "\n",
	       (unsigned long long)simulation->packets, spw_level_name(simulation->level),
	       (unsigned long long)simulation->verdicts[SPW_PASS], (unsigned long long)simulation->verdicts[SPW_DROP]);
	for (u32 place = 0; place < SPW_REASONS; place++) {
		u32 reason = spw_reason_in_turn(place);

		if (simulation->reasons[reason])
			printf("  %-12s %llu\n", spw_reason_name(reason),
			       (unsigned long long)simulation->reasons[reason]);
	}
}

static int simulate(struct simulation *simulation, const char *path)
{
	char message[SPW_MESSAGE_MAX];
	struct spw_capture *capture = spw_capture_open(path, message);
	int status;

	if (!capture)
		return spw_fail("%s", message);
	status = prepare(simulation);
	if (status == SPW_EXIT_DONE && spw_capture_link(capture))
		fprintf(stderr, "note: %s has link type %s; each packet gets an Ethernet header instead\n", path,
			spw_capture_link(capture));
	if (status == SPW_EXIT_DONE)
		status = judge_all(simulation, capture, path);
	spw_capture_close(capture);
	if (status == SPW_EXIT_DONE)
		print_notes(simulation);
	if (status == SPW_EXIT_DONE && !simulation->call->json)
		print_totals(simulation);
	spw_simulation_close(simulation->program);
	spw_dry_run_free(&simulation->dry_run);
	return status;
}

static int run(const struct spw_call *call, int argc, char **argv)
{
	const char *name = call->options[LEVEL];
	int level = name ? spw_level_parse(name) : SPW_GREEN;
	struct simulation simulation = {
		.call = call,
		.enforce = call->options[ENFORCE],
		.quiet = call->options[QUIET],
	};

	if (argc < 2)
		return spw_usage(&spw_verb_simulate, "which capture? simulate FILE.pcap");
	if (argc > 2)
		return spw_usage(&spw_verb_simulate, "unexpected '%s'", argv[2]);
	if (level < 0)
		return spw_usage(&spw_verb_simulate, "there is no level '%s'; levels are green, yellow, orange, red",
				 name);
	simulation.level = (u32)level;
	return simulate(&simulation, argv[1]);
}

const struct spw_verb spw_verb_simulate = {
	.name = "simulate",
	.usage = "FILE.pcap",
	.summary = "Run the real program on a capture and show how it judges each packet at a level",
	.options = options,
	.help = "Reads pcap and pcapng: Ethernet, 'tcpdump -i any', and IP without a link layer. Without -c, and without a\n"
		"configuration at the default path, a built-in one is used. -j prints one JSON object per packet; what was not\n"
		"parsed is null. Nothing is attached and no counter changes.\n",
	.run = run,
};
