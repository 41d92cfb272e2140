/* SPDX-License-Identifier: GPL-2.0-only */
/* capture: sampled drops into a file of pcapng, each with its reason as comment; for Wireshark and for `simulate`. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "maps/sample.h"
#include "base/cleanup.h"
#include "host/pcapng.h"
#include "view/drop.h"
#include "drops.h"

struct capture {
	FILE *out;
	u64 count;
	u64 count_most; /* 0: no end */
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

/* A number above 0; -1: it is none. */
static double above_zero(const char *text)
{
	char *end;
	double number = strtod(text, &end);

	return end > text && !*end && number > 0 && number < 1e15 ? number : -1;
}

struct options {
	struct spw_drops_request drops;
	const char *path;
	double count;
};

/* Returns 0, or SPW_EXIT_USAGE after it was said why. */
static int take_option(struct options *options, const char *option, const char *value)
{
	if (!value)
		return spw_usage(&spw_verb_capture, "%s wants something behind it", option);
	if (!strcmp(option, "-w") || !strcmp(option, "--write"))
		options->path = value;
	else if (!strcmp(option, "--count"))
		options->count = above_zero(value);
	else if (!strcmp(option, "--seconds"))
		options->drops.seconds = above_zero(value);
	else if (!strcmp(option, "--reason"))
		options->drops.reason = value;
	else if (!strcmp(option, "--class"))
		options->drops.class_name = value;
	else
		return spw_usage(&spw_verb_capture, "unexpected '%s'", option);
	return options->count < 0 || options->drops.seconds < 0
		       ? spw_usage(&spw_verb_capture, "%s wants a number above 0", option)
		       : 0;
}

static int run(const struct spw_call *call, int argc, char **argv)
{
	struct options options = {.drops.follow = true};

	for (int i = 1; i < argc; i += 2)
		if (take_option(&options, argv[i], argv[i + 1]))
			return SPW_EXIT_USAGE;
	if (!options.path)
		return spw_usage(&spw_verb_capture, "into which file? -w FILE");
	if (!strcmp(options.path, "-") && isatty(STDOUT_FILENO))
		return spw_fail("a capture is not for a terminal; write it to a file, or into a pipe");
	return capture_to(call, &options.drops, options.path, (u64)options.count);
}

const struct spw_verb spw_verb_capture = {
	.name = "capture",
	.usage = "-w FILE [--count N] [--seconds S] [--reason REASON] [--class CLASS]",
	.summary = "Write sampled drops to a file of pcapng, each with its reason as comment",
	.help = "  -w, --write FILE   -: standard output, for 'tshark -r -'\n"
		"  --count N          end after so many\n"
		"  --seconds S        end after so long\n"
		"  --reason REASON    only these: cut, share, budget, ... ('spillway status' has the names)\n"
		"  --class CLASS      only of this class\n\n"
		"The first 100 bytes of each frame. Without an end it goes on until Ctrl-C; the file is whole then too.\n"
		"'spillway simulate' reads it.\n",
	.run = run,
};
