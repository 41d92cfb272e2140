/* SPDX-License-Identifier: GPL-2.0-only */
/* A configuration, its lists and its ruleset, made like the agent does. */
#include "dry_run.h"

#include <string.h>

#include "base/clock.h"
#include "host/interfaces.h"
#include "lists/assemble.h"
#include "lists/last_good.h"

static const char builtin[] =
	"interfaces: [lo]\n"
	"mode: enforce\n"
	"services: { web: { tcp: [80, 443], quic: [443] } }\n"
	"lists:\n"
	"  private: { inline: [10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10, 127.0.0.0/8, 169.254.0.0/16,\n"
	"    \"::1\", \"fc00::/7\", \"fe80::/10\"] }\n"
	"classes:\n"
	"  - { name: private, lists: [private] }\n"
	"  - { name: public, cut_from: red }\n";

static double seconds_since(u64 began_ns)
{
	return (double)(spw_monotonic_ns() - began_ns) / 1e9;
}

static int compile(struct spw_dry_run *dry_run, struct spw_diagnostics *diagnostics)
{
	struct spw_place file = {dry_run->config.path, 0, 0};
	struct spw_assembly assembly;
	struct spw_ruleset_error error;
	u64 began_ns = spw_monotonic_ns();
	int err = spw_assemble(&dry_run->config, &dry_run->lists, NULL, &assembly);

	if (err) {
		spw_error(diagnostics, file, "the ruleset cannot be put together: %s", strerror(-err));
		return err;
	}
	err = spw_ruleset_compile(&assembly.source, 0, &dry_run->image, &error);
	if (err) {
		spw_report_ruleset_error(&dry_run->config, &dry_run->lists, &assembly, &error, diagnostics);
	} else {
		spw_report_overlaps(&dry_run->config, &dry_run->lists, &assembly, &dry_run->image, diagnostics);
		spw_report_overruling(&dry_run->config, &assembly, &dry_run->image, diagnostics);
		spw_report_unmatched(&dry_run->config, &dry_run->lists, &assembly, &dry_run->image, diagnostics);
	}
	dry_run->compile_seconds = seconds_since(began_ns);
	spw_assembly_free(&assembly);
	return err;
}

/* Compare with the last good lists of the agent, if they exist and this user may read them. */
static void compare(const struct spw_dry_run *dry_run, struct spw_diagnostics *diagnostics)
{
	struct spw_last_good good;
	char problem[SPW_MESSAGE_MAX];

	if (dry_run->config.state_dir && !spw_last_good_read(dry_run->config.state_dir, &good, problem))
		spw_last_good_warn_shrunk(&dry_run->config, &good, &dry_run->lists, diagnostics);
	spw_last_good_free(&good);
}

/* Load lists and compile the ruleset of a configuration. */
static int finish(struct spw_dry_run *dry_run, bool force, struct spw_diagnostics *diagnostics)
{
	u64 began_ns = spw_monotonic_ns();
	int err = spw_lists_load(&dry_run->config, &dry_run->lists, diagnostics);

	dry_run->read_seconds = seconds_since(began_ns);
	if (!err)
		compare(dry_run, diagnostics);
	/* Report the errors of both, so that one round of corrections is enough. */
	if (!err) {
		int refused = spw_lists_check(&dry_run->config, &dry_run->lists, force, diagnostics);

		err = compile(dry_run, diagnostics);
		err = refused ? refused : err;
	}
	return err;
}

int spw_dry_run_make(const char *path, bool force, struct spw_dry_run *dry_run, struct spw_diagnostics *diagnostics)
{
	int twice, err;

	*dry_run = (struct spw_dry_run){0};
	err = spw_config_load(path, &dry_run->config, diagnostics);
	if (err)
		return err;
	spw_interfaces_check_limits(&dry_run->config, diagnostics);
	twice = spw_interfaces_check(&dry_run->config, diagnostics);
	err = finish(dry_run, force, diagnostics);
	dry_run->lists_refused = err && !twice;
	return err ? err : twice;
}

/* Like the compile job at a start: files, and the last good content of lists that are damaged. */
static int start_with_lists(struct spw_dry_run *start, const struct spw_last_good *good,
			    struct spw_diagnostics *diagnostics)
{
	int err = spw_last_good_load(&start->config, good, spw_wall_ns() / 1000000000, &start->lists, diagnostics);

	if (!err)
		err = spw_lists_check(&start->config, &start->lists, false, diagnostics);
	return err ? err : compile(start, diagnostics);
}

static int start_with_ruleset(struct spw_dry_run *start, const struct spw_last_good *good,
			      struct spw_diagnostics *diagnostics)
{
	int err = spw_last_good_restore(good, &start->config, &start->lists);

	return err ? err : compile(start, diagnostics);
}

static u64 oldest_kept(const struct spw_lists *lists)
{
	u64 oldest_s = 0;

	for (size_t i = 0; i < lists->count; i++)
		if (lists->lists[i].kept_s && (!oldest_s || lists->lists[i].kept_s < oldest_s))
			oldest_s = lists->lists[i].kept_s;
	return oldest_s;
}

/* The configuration stays with its owner. */
static void free_start(struct spw_dry_run *start)
{
	start->config = (struct spw_config){0};
	spw_dry_run_free(start);
}

bool spw_dry_run_falls_back(const struct spw_config *config, bool *whole, u64 *kept_s)
{
	struct spw_dry_run start = {.config = *config};
	struct spw_diagnostics diagnostics = {0};
	char problem[SPW_MESSAGE_MAX];
	struct spw_last_good good;
	int err = spw_last_good_read(config->state_dir, &good, problem);

	if (!err) {
		err = start_with_lists(&start, &good, &diagnostics);
		*whole = err;
		*kept_s = err ? good.saved_s : oldest_kept(&start.lists);
		free_start(&start);
	}
	if (err && good.config.classes_count) {
		start = (struct spw_dry_run){.config = good.config};
		err = start_with_ruleset(&start, &good, &diagnostics);
		free_start(&start);
	}
	spw_last_good_free(&good);
	spw_diagnostics_free(&diagnostics);
	return !err;
}

int spw_dry_run_builtin(struct spw_dry_run *dry_run, struct spw_diagnostics *diagnostics)
{
	int err;

	*dry_run = (struct spw_dry_run){0};
	err = spw_config_parse(builtin, sizeof(builtin) - 1, "built-in configuration", &dry_run->config, diagnostics);
	/* Its last class is cut at red, but it is never attached. */
	return err ? err : finish(dry_run, true, diagnostics);
}

void spw_dry_run_free(struct spw_dry_run *dry_run)
{
	spw_ruleset_free(&dry_run->image);
	spw_lists_free(&dry_run->lists);
	spw_config_free(&dry_run->config);
}
