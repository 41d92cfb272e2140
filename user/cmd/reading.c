/* SPDX-License-Identifier: GPL-2.0-only */
/* A configuration, its lists and its ruleset, as the agent would make them. */
#include "reading.h"

#include <string.h>

#include "kernel/sampler.h"
#include "lists/assemble.h"

static double seconds_since(u64 began_ns)
{
	return (double)(spw_monotonic_ns() - began_ns) / 1e9;
}

static int compile(struct spw_reading *reading, struct spw_diagnostics *diagnostics)
{
	struct spw_place file = {reading->config.path, 0, 0};
	struct spw_assembly assembly;
	struct spw_ruleset_error error;
	u64 began_ns = spw_monotonic_ns();
	int err = spw_assemble(&reading->config, &reading->lists, NULL, &assembly);

	if (err) {
		spw_error(diagnostics, file, "the ruleset cannot be put together: %s", strerror(-err));
		return err;
	}
	err = spw_ruleset_compile(&assembly.source, 0, &reading->image, &error);
	if (err)
		spw_report_ruleset_error(&reading->config, &reading->lists, &assembly, &error, diagnostics);
	else
		spw_report_overruling(&reading->config, &assembly, &reading->image, diagnostics);
	reading->compile_seconds = seconds_since(began_ns);
	spw_assembly_free(&assembly);
	return err;
}

int spw_reading_make(const char *path, bool force, struct spw_reading *reading, struct spw_diagnostics *diagnostics)
{
	u64 began_ns;
	int err;

	*reading = (struct spw_reading){0};
	err = spw_config_load(path, &reading->config, diagnostics);
	if (err)
		return err;
	began_ns = spw_monotonic_ns();
	err = spw_lists_load(&reading->config, &reading->lists, diagnostics);
	reading->read_seconds = seconds_since(began_ns);
	/* Both are wanted, for one round of corrections instead of two. */
	if (!err) {
		int refused = spw_lists_check(&reading->config, &reading->lists, force, diagnostics);

		err = compile(reading, diagnostics);
		err = refused ? refused : err;
	}
	return err;
}

void spw_reading_free(struct spw_reading *reading)
{
	spw_ruleset_free(&reading->image);
	spw_lists_free(&reading->lists);
	spw_config_free(&reading->config);
}
