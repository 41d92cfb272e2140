/* SPDX-License-Identifier: GPL-2.0-only */
/* apply: make the running agent reload its configuration, all or nothing. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "base/cleanup.h"
#include "net/control_client.h"
#include "cmd.h"

enum { ANSWER_SECONDS = 170 };

enum option { CONFIRM, FORCE, SHRUNK };

static const struct spw_option options[] = {
	[CONFIRM] = {"confirm", 0, "SECONDS",
		     "roll back after SECONDS (or a duration up to 24h) without 'spillway confirm'"},
	[FORCE] = {"force", 0, NULL, "accept a configuration that 'check' refuses without it"},
	[SHRUNK] = {"shrunk", 0, NULL, "accept lists that are empty now or have lost more than half of their prefixes"},
	{0},
};

/* @confirm_s: 0: without confirmation */
static json_t *make_request(const struct spw_call *call, double confirm_s)
{
	_cleanup_free_ char *path = call->config_given ? realpath(call->config_path, NULL) : NULL;
	json_t *request = json_pack("{s:s}", "verb", "apply");

	if (call->options[FORCE])
		json_object_set_new(request, "force", json_true());
	if (call->options[SHRUNK])
		json_object_set_new(request, "shrunk", json_true());
	if (confirm_s > 0)
		json_object_set_new(request, "confirm_s", json_real(confirm_s));
	if (path)
		json_object_set_new(request, "config", json_string(path));
	return request;
}

static void print_lines(FILE *out, const char *text)
{
	if (text && *text)
		fprintf(out, "%s%s", text, text[strlen(text) - 1] == '\n' ? "" : "\n");
}

static int print_answer(const struct spw_call *call, double confirm_s, const json_t *answer)
{
	bool ok = json_is_true(json_object_get(answer, "ok"));

	print_lines(stderr, json_string_value(json_object_get(answer, ok ? "warnings" : "error")));
	if (call->json) {
		json_dumpf(answer, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(9));
		putchar('\n');
	} else if (ok) {
		printf("ruleset %lld published: %lld IPv4 and %lld IPv6 prefixes; compiled in %.0f ms, "
		       "published in %.0f ms\n",
		       (long long)json_integer_value(json_object_get(answer, "generation")),
		       (long long)json_integer_value(json_object_get(answer, "prefixes4")),
		       (long long)json_integer_value(json_object_get(answer, "prefixes6")),
		       1e3 * json_number_value(json_object_get(answer, "compile_seconds")),
		       1e3 * json_number_value(json_object_get(answer, "publish_seconds")));
		if (confirm_s > 0)
			printf("rolled back in %.0f s unless you run: spillway confirm\n", confirm_s);
	}
	return ok ? SPW_EXIT_DONE : spw_fail("nothing was changed; the former ruleset stays in force");
}

/*
 * No agent answered. A broken configuration, which also says where the agent listens, is the likelier cause: show that.
 */
static int explain_silence(const struct spw_call *call, const char *message)
{
	struct spw_diagnostics diagnostics = {0};
	struct spw_config config;
	int err = spw_config_load(call->config_path, &config, &diagnostics);

	if (err)
		spw_print_diagnostics(&diagnostics);
	spw_diagnostics_free(&diagnostics);
	spw_config_free(&config);
	return spw_fail("%s", err ? "nothing was changed" : message);
}

static int read_confirm(const char *text, double *confirm_s)
{
	u64 ns;
	const char *wrong = spw_units_duration(text, &ns);

	if (wrong)
		return spw_usage(&spw_verb_apply, "--confirm '%s': %s", text, wrong);
	if (ns < 1000000000ull || ns > 86400 * 1000000000ull)
		return spw_usage(&spw_verb_apply, "--confirm '%s': from 1 s to 24h", text);
	*confirm_s = (double)ns / 1e9;
	return SPW_EXIT_DONE;
}

static int run(const struct spw_call *call, int argc, char **argv)
{
	char message[SPW_MESSAGE_MAX];
	struct spw_config config;
	json_t *answer;
	double confirm_s = 0;
	int status = SPW_EXIT_DONE;

	if (argc > 1)
		return spw_usage(&spw_verb_apply, "unexpected '%s'", argv[1]);
	if (call->options[CONFIRM])
		status = read_confirm(call->options[CONFIRM], &confirm_s);

	if (status != SPW_EXIT_DONE)
		return status;
	status = spw_where(call, &config);
	if (status == SPW_EXIT_DONE) {
		answer = spw_control_call(config.run_dir, make_request(call, confirm_s), ANSWER_SECONDS, message);
		status = answer ? print_answer(call, confirm_s, answer) : explain_silence(call, message);
		json_decref(answer);
	}
	spw_config_free(&config);
	return status;
}

const struct spw_verb spw_verb_apply = {
	.name = "apply",
	.usage = "",
	.summary = "Make the agent reload its configuration and lists; all or nothing",
	.options = options,
	.help = "With -c FILE the agent uses that file from now on. On any error the ruleset in force stays, and the exit\n"
		"status is 1. SIGHUP to the agent reloads too.\n\n"
		"  spillway apply --confirm 60    without 'spillway confirm', everything is rolled back after 60 s, even if\n"
		"                                 the agent is killed or restarted meanwhile\n",
	.run = run,
};
