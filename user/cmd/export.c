/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * export: classes and level for a proxy that sees the visitors behind a balancer. From the ruleset in force, as the
 * agent keeps it in state_dir, or without an agent from the configuration.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/clock.h"
#include "base/replace.h"
#include "core/words.h"
#include "kernel/snapshot_reader.h"
#include "lists/assemble.h"
#include "lists/last_good.h"
#include "view/proxy_map.h"
#include "view/state.h"
#include "dry_run.h"
#include "look.h"

#define SAVED_WITHIN_NS 2000000000ull /* the agent saves a ruleset at its next tick, in a thread */
#define SAVED_POLL_NS	50000000
#define CLOCK_ERROR_NS	20000000 /* times of files come from a coarse clock */

enum option { HAPROXY, NGINX, LEVEL, OUTPUT };

static const struct spw_option options[] = {
	[HAPROXY] = {"haproxy", 0, NULL, "a map file of HAProxy"},
	[NGINX] = {"nginx", 0, NULL, "an include for nginx: classes for a geo block, level for a map block"},
	[LEVEL] = {"level", 0, "green|yellow|orange|red", "of this level, not of the one in force"},
	[OUTPUT] = {"output", 'o', "FILE", "replace FILE in one step; default: standard output"},
	{0},
};

struct export
{
	const struct spw_call *call;
	enum spw_proxy proxy;
	bool of_level; /* the level instead of the classes */
	u32 level;     /* SPW_LEVEL_NEVER: nothing is refused */
	struct spw_assembly assembly;
};

/* ---- the ruleset in force ---- */

/* The agent, and what it has published. Returns 0, -ENOENT: nothing is pinned; -errno with a message. */
static int read_agent(const char *pin_dir, struct spw_snapshot *snapshot, char message[SPW_MESSAGE_MAX])
{
	struct spw_pins pins;
	int err = spw_pins_open(pin_dir, false, false, &pins, message);

	*snapshot = (struct spw_snapshot){0};
	if (err)
		return err;
	err = spw_snapshot_read(&pins, snapshot);
	if (err)
		snprintf(message, SPW_MESSAGE_MAX, "cannot read the maps in %.200s: %s", pin_dir, strerror(-err));
	spw_pins_close(&pins);
	return err;
}

/* Whether the file was written after the ruleset in force was published. */
static bool is_saved(const struct spw_agent_record *agent, const char *path)
{
	u64 published_ns = spw_wall_ns() - (spw_monotonic_ns() - agent->published_ns);
	struct stat status;

	return !stat(path, &status) &&
	       (u64)status.st_mtim.tv_sec * 1000000000 + (u64)status.st_mtim.tv_nsec + CLOCK_ERROR_NS >= published_ns;
}

/* So that `apply && export` exports what was applied. What came from this file is not saved again. */
static void await_saved(const struct spw_agent_record *agent, const char *state_dir)
{
	u64 began_ns = spw_monotonic_ns();
	char path[4200];

	snprintf(path, sizeof(path), "%.4000s/" SPW_LAST_GOOD_FILE, state_dir);
	while (!agent->ruleset_kept_s && !is_saved(agent, path)) {
		if (spw_monotonic_ns() - began_ns > SAVED_WITHIN_NS) {
			fputs("note: the ruleset in force is not saved (unconfirmed?); this is the last one that was\n",
			      stderr);
			return;
		}
		nanosleep(&(struct timespec){0, SAVED_POLL_NS}, NULL);
	}
}

/* ---- output ---- */

static int write_map(FILE *out, void *context)
{
	const struct export *export = context;
	const struct spw_ruleset_source *source = &export->assembly.source;
	json_t *json;
	int err;

	if (!export->call->json && !export->of_level)
		return spw_view_proxy_classes(out, source, export->proxy);
	if (!export->call->json) {
		spw_view_proxy_level(out, source, export->proxy, export->level);
		return 0;
	}
	json = spw_view_proxy_json(source, export->level);
	if (!json)
		return -ENOMEM;
	err = json_dumpf(json, out, JSON_INDENT(2) | JSON_PRESERVE_ORDER) || putc('\n', out) == EOF ? -EIO : 0;
	json_decref(json);
	return err;
}

static int write_out(struct export *export)
{
	const char *path = export->call->options[OUTPUT];
	int err = path ? spw_replace_file(path, 0644, true, write_map, export) : write_map(stdout, export);

	return err ? spw_fail("cannot write %s: %s", path ? path : "the output", strerror(-err)) : SPW_EXIT_DONE;
}

static int write_ruleset(struct export *export, const struct spw_config *config, const struct spw_lists *lists)
{
	int err = spw_assemble(config, lists, NULL, &export->assembly), status;
	const char *why;
	size_t unfit;

	if (err)
		return spw_fail("the ruleset cannot be put together: %s", strerror(-err));
	unfit = export->call->json ? export->assembly.source.classes_count
				   : spw_proxy_unfit(&export->assembly.source, export->proxy, &why);
	if (unfit < export->assembly.source.classes_count)
		status = spw_fail("class '%s' %s; rename it", config->classes[unfit].name, why);
	else
		status = write_out(export);
	spw_assembly_free(&export->assembly);
	return status;
}

/* ---- where it comes from ---- */

static int export_configuration(struct export *export)
{
	struct spw_diagnostics diagnostics = {0};
	struct spw_dry_run dry_run;
	int err = spw_dry_run_make(export->call->config_path, false, &dry_run, &diagnostics), status = SPW_EXIT_FAILED;

	if (err)
		spw_print_diagnostics(&diagnostics);
	else
		status = write_ruleset(export, &dry_run.config, &dry_run.lists);
	spw_dry_run_free(&dry_run);
	spw_diagnostics_free(&diagnostics);
	return status;
}

static int export_in_force(struct export *export, const struct spw_agent_record *agent, const char *state_dir)
{
	struct spw_lists lists = {0};
	char problem[SPW_MESSAGE_MAX];
	struct spw_last_good good;
	int err, status;

	await_saved(agent, state_dir);
	err = spw_last_good_read(state_dir, &good, problem);
	if (err == -ENOENT) {
		fprintf(stderr, "note: no ruleset is kept in %s; this is %s as it is now\n", state_dir,
			export->call->config_path);
		status = export_configuration(export);
	} else if (err) {
		status = spw_fail("the ruleset kept in %s cannot be used: %s", state_dir, problem);
	} else if ((err = spw_last_good_restore(&good, &good.config, &lists))) {
		status = spw_fail("the ruleset kept in %s cannot be used: %s", state_dir, strerror(-err));
	} else {
		status = write_ruleset(export, &good.config, &lists);
	}
	spw_lists_free(&lists);
	spw_last_good_free(&good);
	return status;
}

static int export_there(struct export *export, const struct spw_config *where)
{
	char message[SPW_MESSAGE_MAX];
	struct spw_snapshot snapshot;
	int err = read_agent(where->pin_dir, &snapshot, message), status;

	if (!export->call->options[LEVEL])
		export->level = !err && snapshot.agent_alive && spw_enforcing(&snapshot) ? snapshot.control.level
											 : SPW_LEVEL_NEVER;
	if (err && err != -ENOENT)
		status = spw_fail("%s", message);
	else if (snapshot.agent_alive && where->state_dir)
		status = export_in_force(export, &snapshot.agent, where->state_dir);
	else
		status = export_configuration(export);
	spw_snapshot_free(&snapshot);
	return status;
}

static int run(const struct spw_call *call, int argc, char **argv)
{
	struct export export = {.call = call, .proxy = call->options[NGINX] ? SPW_NGINX : SPW_HAPROXY};
	const char *what = argc > 1 ? argv[1] : "classes", *level = call->options[LEVEL];
	struct spw_config where;
	int status;

	if (argc > 2)
		return spw_usage(&spw_verb_export, "unexpected '%s'", argv[2]);
	export.of_level = !strcmp(what, "level");
	if (!export.of_level && strcmp(what, "classes") != 0)
		return spw_usage(&spw_verb_export, "'%s' is neither 'classes' nor 'level'", what);
	if (!!call->options[HAPROXY] + !!call->options[NGINX] + call->json != 1)
		return spw_usage(&spw_verb_export, "one of --haproxy, --nginx and -j is needed");
	if (level && spw_level_parse(level) < 0)
		return spw_usage(&spw_verb_export, "--level '%s': green, yellow, orange or red", level);
	export.level = level ? (u32)spw_level_parse(level) : SPW_LEVEL_NEVER;
	status = spw_where(call, &where);
	if (status == SPW_EXIT_DONE)
		status = export_there(&export, &where);
	spw_config_free(&where);
	return status;
}

const struct spw_verb spw_verb_export = {
	.name = "export",
	.usage = "[classes|level]",
	.summary = "Write classes or level as a map for HAProxy or nginx behind a balancer",
	.options = options,
	.help = "classes: which prefix is in which class (the default). level: what happens to each class now: served, sheds,\n"
		"cut_new or cut_all; all are served without an agent and in mode observe. -j writes both, as JSON.\n"
		"Of the ruleset in force; without an agent, of the configuration. Recipe: docs/operations.md, Behind a proxy.\n",
	.run = run,
};
