/* SPDX-License-Identifier: GPL-2.0-only */
/* status: the whole state of the datapath, from the pinned maps; works when the agent is dead. */
#include <stdio.h>

#include "core/snapshot.h"
#include "view/view.h"
#include "look.h"

static int run(const struct spw_call *call, int argc, char **argv)
{
	struct spw_snapshot snapshot;
	int status;

	if (argc > 1)
		return spw_usage(&spw_verb_status, "unexpected '%s'", argv[1]);
	status = spw_look(call, &snapshot);
	if (status != SPW_EXIT_DONE)
		return status;
	if (call->json)
		status = spw_print_json(spw_view_status_json(&snapshot));
	else
		spw_view_status(stdout, &snapshot, (struct spw_style){spw_colour()});
	spw_snapshot_free(&snapshot);
	return status;
}

const struct spw_verb spw_verb_status = {
	.name = "status",
	.usage = "",
	.summary = "Show level, lease, interfaces, and packets passed and dropped by class",
	.help = "Reads the pinned maps, so it works without an agent. Counters survive restarts and are reset\n"
		"by 'detach' and a reboot. With -j every number is exact, up to 2^63-1.\n",
	.run = run,
};
