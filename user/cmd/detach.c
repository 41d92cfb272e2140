/* SPDX-License-Identifier: GPL-2.0-only */
/* detach: take the program off every interface and remove all pinned state. */
#include <stdio.h>
#include <errno.h>
#include <string.h>

#include "core/snapshot.h"
#include "kernel/links.h"
#include "kernel/sampler.h"
#include "cmd.h"

static void print_line(const char *line)
{
	printf("%s\n", line);
}

/* The pid of an agent that lives from these pins; 0: none does. */
static u32 living_agent(const char *pin_dir)
{
	char message[SPW_MESSAGE_MAX];
	struct spw_snapshot snapshot;
	struct spw_pins pins;
	u32 pid = 0;

	if (spw_pins_open(pin_dir, false, false, &pins, message))
		return 0;
	if (!spw_sample(&pins, &snapshot)) {
		pid = snapshot.agent_alive ? snapshot.agent.pid : 0;
		spw_snapshot_free(&snapshot);
	}
	spw_pins_close(&pins);
	return pid;
}

static int run(const struct spw_call *call, int argc, char **argv)
{
	bool force = argc == 2 && !strcmp(argv[1], "--force");
	char message[SPW_MESSAGE_MAX];
	struct spw_config config;
	int status, count;
	u32 pid;

	if (argc > 1 && !force)
		return spw_usage(&spw_verb_detach, "unexpected '%s'", argv[1]);
	status = spw_where(call, &config);
	if (status != SPW_EXIT_DONE)
		goto out;
	pid = force ? 0 : living_agent(config.pin_dir);
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
	.usage = "[--force]",
	.summary = "Take the program off every interface and remove all pinned state",
	.help = "The agent has to be stopped first. Some drivers stop for seconds when a native program goes, so do it in a calm hour;\n"
		"to only stop shedding, 'spillway level set green' or stopping the agent is enough.\n",
	.run = run,
};
