/* SPDX-License-Identifier: GPL-2.0-only */
/* version: of this program, of its layout of pinned state, of libbpf. */
#include <stdio.h>

#include "kernel/datapath.h"
#include "maps/types.h"
#include "cmd.h"

static int run(const struct spw_call *call, int argc, char **argv)
{
	if (argc > 1)
		return spw_usage(&spw_verb_version, "unexpected '%s'", argv[1]);
	if (call->json)
		printf("{\"version\":\"%s\",\"layout\":%u,\"libbpf\":\"%s\"}\n", SPW_VERSION, SPW_LAYOUT,
		       spw_libbpf_version());
	else
		printf("spillway %s (layout %u, libbpf %s)\n", SPW_VERSION, SPW_LAYOUT, spw_libbpf_version());
	return SPW_EXIT_DONE;
}

const struct spw_verb spw_verb_version = {
	.name = "version",
	.usage = "",
	.summary = "Print the version, the layout of pinned state and the version of libbpf",
	.run = run,
};
