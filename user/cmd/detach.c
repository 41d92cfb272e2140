/* SPDX-License-Identifier: GPL-2.0-only */
/* detach: remove the program from every interface, and all pinned state. */
#include <stdio.h>
#include <errno.h>
#include <string.h>

#include "core/snapshot.h"
#include "kernel/links.h"
#include "kernel/snapshot_reader.h"
#include "cmd.h"

static void print_line(const char *line)
{
	printf("%s\n", line);
}

/* The pid of the agent that uses these pins; 0: none. */
static u32 living_agent(const char *pin_dir)
{
	char message[SPW_MESSAGE_MAX];
	struct spw_snapshot snapshot;
	struct spw_pins pins;
	u32 pid = 0;

	if (spw_pins_open(pin_dir, false, false, &pins, message))
		return 0;
	if (!spw_snapshot_read(&pins, &snapshot)) {
		pid = snapshot.agent_alive ? snapshot.agent.pid : 0;
		spw_snapshot_free(&snapshot);
	}
	spw_pins_close(&pins);
	return pid;
}

enum option { FORCE };

static const struct spw_option options[] = {
	[FORCE] = {"force", 0, NULL, "even while an agent runs"},
	{0},
};

static int run(const struct spw_call *call, int argc, char **argv)
{
	char message[SPW_MESSAGE_MAX];
	struct spw_config config;
	int status, count;
	u32 pid;

	if (argc > 1)
		return spw_usage(&spw_verb_detach, "unexpected '%s'", argv[1]);
	status = spw_where(call, &config);
	if (status != SPW_EXIT_DONE)
		goto out;
	pid = call->options[FORCE] ? 0 : living_agent(config.pin_dir);
	if (pid) {
		status = spw_fail("the agent runs (pid %u) and would attach again: stop it first, or use --force", pid);
		goto out;
	}
	count = spw_links_detach_all(config.pin_dir, print_line, message);
	if (count == -ENOENT)
		status = spw_fail("nothing is pinned in %s", config.pin_dir);
	else if (count < 0)
		status = spw_fail("%s", message);
	else
		printf("%d interface%s; counters and all other state in %s are gone\n", count, count == 1 ? "" : "s",
		       config.pin_dir);
out:
	spw_config_free(&config);
	return status;
}

const struct spw_verb spw_verb_detach = {
	.name = "detach",
	.usage = "",
	.summary = "Detach the program from every interface and remove all pinned state",
	.options = options,
	.help = "Stop the agent first. Some drivers stop for seconds when a native program is removed, so choose a quiet time.\n"
		"To stop only the shedding, 'spillway level set green' or stopping the agent is enough.\n",
	.run = run,
};
