/* SPDX-License-Identifier: GPL-2.0-only */
/* run: the agent, in the foreground. */
#include "agent/agent.h"
#include "cmd.h"

enum option { FORCE };

static const struct spw_option options[] = {
	[FORCE] = {"force", 0, NULL, "accept a configuration that 'check' refuses without it"},
	{0},
};

static int run(const struct spw_call *call, int argc, char **argv)
{
	char message[SPW_MESSAGE_MAX];
	int err;

	if (argc > 1)
		return spw_usage(&spw_verb_run, "unexpected '%s'", argv[1]);
	err = spw_agent_run(call->config_path, call->options[FORCE], message);
	if (err && *message)
		spw_fail("%s", message);
	return err ? SPW_EXIT_FAILED : SPW_EXIT_DONE;
}

const struct spw_verb spw_verb_run = {
	.name = "run",
	.usage = "",
	.summary = "Run the agent in the foreground: attach, renew the lease, serve metrics",
	.options = options,
	.help = "SIGTERM and SIGINT stop it: the program stays attached and passes everything until the next 'run' takes over or\n"
		"'detach' removes it. SIGHUP reloads the configuration. Under systemd it reports readiness and feeds the\n"
		"watchdog.\n",
	.run = run,
};
