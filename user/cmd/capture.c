/* SPDX-License-Identifier: GPL-2.0-only */
/* capture: write sampled drops to a pcapng file, each with its reason as comment; for Wireshark and `simulate`. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "maps/sample.h"
#include "base/cleanup.h"
#include "base/units.h"
#include "host/pcapng.h"
#include "view/drop.h"
#include "drops.h"

struct capture {
	FILE *out;
	u64 count;
	u64 count_most; /* 0: unlimited */
	bool progress;	/* on stderr */
};

static u64 number_in(const json_t *drop, const char *key)
{
	json_int_t number = json_integer_value(json_object_get(drop, key));

	return number > 0 ? (u64)number : 0;
}

static bool on_drop(void *context, const json_t *drop)
{
	struct capture *capture = context;
	char comment[SPW_PCAPNG_COMMENT_MAX];
	u8 bytes[SPW_SAMPLE_HEADER];

	if (!drop) {
		if (capture->progress)
			fprintf(stderr, "\r%llu drops", (unsigned long long)capture->count);
		return !fflush(capture->out);
	}
	spw_pcapng_put(capture->out, &(struct spw_pcapng_packet){
					     .wall_ns = number_in(drop, "at_ns"),
					     .bytes = bytes,
					     .captured = spw_drop_bytes(drop, bytes, sizeof(bytes)),
					     .length = (u32)number_in(drop, "len"),
					     .comment = spw_drop_comment(drop, comment, sizeof(comment)),
				     });
	return ++capture->count != capture->count_most && !ferror(capture->out);
}

static int capture_to(const struct spw_call *call, const struct spw_drops_request *options, const char *path,
		      u64 count_most)
{
	bool to_stdout = !strcmp(path, "-");
	_cleanup_file_ FILE *file = to_stdout ? NULL : fopen(path, "we");
	struct capture capture = {
		.out = to_stdout ? stdout : file, .count_most = count_most, .progress = isatty(STDERR_FILENO)};
	u64 lost = 0;
	int status;

	if (!capture.out)
		return spw_fail("cannot write %s: %s", path, strerror(errno));
	spw_pcapng_begin(capture.out, "spillway " SPW_VERSION, SPW_SAMPLE_HEADER);
	status = spw_drops(call, options, on_drop, &capture, &lost);
	if (fflush(capture.out) || ferror(capture.out))
		status = spw_fail("cannot write %s: %s", path, strerror(errno));
	if (status == SPW_EXIT_DONE || capture.count)
		fprintf(stderr, "%s%llu drops in %s\n", capture.progress ? "\r" : "", (unsigned long long)capture.count,
			to_stdout ? "the output" : path);
	if (lost)
		fprintf(stderr, "note: %llu more came faster than they were written\n", (unsigned long long)lost);
	return status;
}

/* A number above 0; -1: invalid. */
static double above_zero(const char *text)
{
	char *end;
	double number = strtod(text, &end);

	return end > text && !*end && number > 0 && number < 1e15 ? number : -1;
}

/* "2.5", or a duration; -1: it is neither, or 0. */
static double read_seconds(const char *text)
{
	u64 ns;

	return spw_units_duration(text, &ns) || !ns ? above_zero(text) : (double)ns / SPW_SECOND_NS;
}

enum option { WRITE, COUNT, SECONDS, REASON, CLASS };

static const struct spw_option options[] = {
	[WRITE] = {"write", 'w', "FILE", "file to write; -: standard output, for 'tshark -r -'"},
	[COUNT] = {"count", 0, "N", "end after N drops"},
	[SECONDS] = {"seconds", 0, "S", "end after S seconds, or a duration such as 10m"},
	[REASON] = {"reason", 0, "REASON",
		    "only drops for this reason: cut, share, budget, ... ('spillway status' shows them)"},
	[CLASS] = {"class", 0, "CLASS", "only drops of this class"},
	{0},
};

static int run(const struct spw_call *call, int argc, char **argv)
{
	const char *path = call->options[WRITE];
	double count = call->options[COUNT] ? above_zero(call->options[COUNT]) : 0;
	double seconds = call->options[SECONDS] ? read_seconds(call->options[SECONDS]) : 0;
	const struct spw_drops_request drops = {
		.follow = true,
		.seconds = seconds,
		.reason = call->options[REASON],
		.class_name = call->options[CLASS],
	};

	if (argc > 1)
		return spw_usage(&spw_verb_capture, "unexpected '%s'", argv[1]);
	if (count < 0 || seconds < 0)
		return spw_usage(&spw_verb_capture, "%s needs a number above 0%s", count < 0 ? "--count" : "--seconds",
				 count < 0 ? "" : ", or a duration such as 10m");
	if (!path)
		return spw_usage(&spw_verb_capture, "-w FILE is missing: the file to write to");
	if (!strcmp(path, "-") && isatty(STDOUT_FILENO))
		return spw_fail("standard output is a terminal; write to a file, or into a pipe");
	return capture_to(call, &drops, path, (u64)count);
}

const struct spw_verb spw_verb_capture = {
	.name = "capture",
	.usage = "-w FILE",
	.summary = "Write sampled drops to a pcapng file, each with its reason as a comment",
	.options = options,
	.help = "Keeps the first 100 bytes of each frame. Without --count and --seconds it continues until Ctrl-C; the file is\n"
		"complete then too. 'spillway simulate' can read it.\n",
	.run = run,
};
