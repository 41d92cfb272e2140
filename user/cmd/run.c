/* SPDX-License-Identifier: GPL-2.0-only */
/* run: the agent, in the foreground. */
#include <string.h>

#include "agent/agent.h"
#include "cmd.h"

static int run(const struct spw_call *call, int argc, char **argv)
{
	bool force = argc == 2 && !strcmp(argv[1], "--force");

	if (argc > 1 && !force)
		return spw_usage(&spw_verb_run, "unexpected '%s'", argv[1]);
	return spw_agent_run(call->config_path, force);
}

const struct spw_verb spw_verb_run = {
	.name = "run",
	.usage = "[--force]",
	.summary = "Run the agent in the foreground: attach, renew the lease, serve metrics",
	.help = "SIGTERM and SIGINT stop it: the program stays attached and passes everything, until the next 'run' takes over\n"
		"or 'detach' removes it. SIGHUP reads the configuration again. Under systemd it reports readiness and feeds the\n"
		"watchdog. --force takes a configuration that 'check' refuses without it.\n",
	.run = run,
};
