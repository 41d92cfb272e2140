/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * apply --confirm: what was in force is kept before the new ruleset is published, and given back, map and all, if
 * nobody says `confirm` in time: not compiled again from lists that may have changed meanwhile. What is kept stands
 * among the pins (io/unconfirmed.h), so it is also given back by the agent that follows one that was killed, and stays
 * in force over restarts until the next `apply`.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cmd.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "kernel/unconfirmed.h"
#include "state.h"

#define AGAIN_NS 10000000000ull

int agent_keep_in_force(struct agent *agent, char *message)
{
	_cleanup_free_ struct spw_unconfirmed *kept = calloc(1, sizeof(*kept));
	int err;

	if (!kept) {
		snprintf(message, SPW_MESSAGE_MAX, "out of memory");
		return -ENOMEM;
	}
	kept->units_capacity = agent->datapath.units_capacity;
	kept->text_bytes = (u32)agent->config.text_bytes;
	kept->record = agent->record;
	kept->registry = agent->registry;
	if (snprintf(kept->config_path, sizeof(kept->config_path), "%s", agent->config_path) >=
	    (int)sizeof(kept->config_path)) {
		snprintf(message, SPW_MESSAGE_MAX, "the path of the configuration is longer than %zu bytes",
			 sizeof(kept->config_path) - 1);
		return -ENAMETOOLONG;
	}
	err = spw_unconfirmed_keep(&agent->pins, kept, agent->config.text, agent->datapath.published_fd, message);
	if (!err) {
		spw_close_fd(&agent->kept_rows);
		agent->kept_rows = fcntl(agent->in_force.rows_file, F_DUPFD_CLOEXEC, 3);
	}
	/* Something is kept already: what is in force was not confirmed either, and what was before it will be given
	 * back. */
	return err == -EEXIST ? 0 : err;
}

void agent_await_confirmation(struct agent *agent, u64 confirm_ns)
{
	if (confirm_ns) {
		agent->record.unconfirmed_until_ns = spw_monotonic_ns() + confirm_ns;
		spw_log(LOG_NOTICE, "this is taken back in %llu s unless 'spillway confirm' comes",
			(unsigned long long)confirm_ns / 1000000000);
	} else if (agent->record.unconfirmed_until_ns) {
		agent->record.unconfirmed_until_ns = 0;
		spw_unconfirmed_forget(&agent->pins);
	}
}

json_t *agent_confirm(struct agent *agent)
{
	if (agent->record.unconfirmed_until_ns == SPW_TAKEN_BACK)
		return agent_failure("too late: it was taken back, and the ruleset before it is in force");
	if (!agent->record.unconfirmed_until_ns)
		return agent_failure("nothing waits to be confirmed");
	agent_await_confirmation(agent, 0);
	agent_write_record(agent);
	spw_log(LOG_NOTICE, "ruleset %llu is confirmed", (unsigned long long)agent->record.generation);
	return json_pack("{s:b,s:I}", "ok", 1, "generation", (json_int_t)agent->record.generation);
}

/* The numbers of the kept ruleset; what counts or tells of this run goes on. */
static void restore_record(struct spw_agent_record *record, const struct spw_agent_record *kept)
{
	memcpy(record->config, kept->config, sizeof(record->config));
	record->generation = kept->generation;
	record->published_ns = spw_monotonic_ns();
	record->ruleset_prefixes4 = kept->ruleset_prefixes4;
	record->ruleset_prefixes6 = kept->ruleset_prefixes6;
	record->ruleset_bytes = kept->ruleset_bytes;
	record->compile_ns = kept->compile_ns;
	record->publish_ns = kept->publish_ns;
	record->unconfirmed_until_ns = SPW_TAKEN_BACK;
}

/* What is kept, as if it had just been read and compiled. */
static int find_kept(struct agent *agent, struct spw_unconfirmed **kept, struct spw_config *config,
		     struct spw_registry *registry, struct spw_identities *identities,
		     struct spw_compile_report *report)
{
	struct spw_diagnostics diagnostics = {0};
	char message[SPW_MESSAGE_MAX];
	int ruleset_map = -1, err = spw_unconfirmed_find(&agent->pins, kept, &ruleset_map);

	*config = (struct spw_config){0};
	*report = (struct spw_compile_report){.ruleset_map = ruleset_map,
					      .rows_file = fcntl(agent->kept_rows, F_DUPFD_CLOEXEC, 3)};
	if (err)
		return err;
	report->result.units_capacity = (*kept)->units_capacity;
	err = spw_config_parse((*kept)->text, (*kept)->text_bytes, (*kept)->config_path, config, &diagnostics);
	if (err)
		spw_log_diagnostics(&diagnostics);
	spw_diagnostics_free(&diagnostics);
	if (err)
		return err;
	spw_registry_restore(&agent->registry, &(*kept)->registry, registry);
	return spw_registry_assign(registry, config, identities, message);
}

static void take_back(struct agent *agent)
{
	_cleanup_free_ struct spw_unconfirmed *kept = NULL;
	_cleanup_free_ struct spw_registry *registry = malloc(sizeof(*registry));
	struct spw_compile_report report = {.ruleset_map = -1, .rows_file = -1};
	char message[SPW_MESSAGE_MAX] = "";
	struct spw_config config = {0};
	struct spw_identities identities;
	int err = registry ? find_kept(agent, &kept, &config, registry, &identities, &report) : -ENOMEM;

	if (!err)
		err = agent_put_in_force(agent, &config, registry, &identities, &report, message);
	if (err) {
		spw_config_free(&config);
		spw_log(LOG_ALERT,
			"nobody confirmed ruleset %llu and it cannot be taken back (%s); tried again in 10 s",
			(unsigned long long)agent->record.generation, *message ? message : strerror(-err));
		agent->record.unconfirmed_until_ns = spw_monotonic_ns() + AGAIN_NS;
	} else {
		spw_log(LOG_ALERT, "nobody confirmed ruleset %llu: taken back, ruleset %llu is in force",
			(unsigned long long)agent->record.generation, (unsigned long long)kept->record.generation);
		restore_record(&agent->record, &kept->record);
		agent_write_record(agent);
	}
	spw_compile_report_free(&report);
}

void agent_check_confirmation(struct agent *agent, u64 now)
{
	u64 until = agent->record.unconfirmed_until_ns;

	if (!until || until == SPW_TAKEN_BACK || now < until)
		return;
	if (agent->reload.job.pid > 0)
		spw_compile_job_kill(&agent->reload.job); /* its end comes over the loop; then it is our turn */
	else
		take_back(agent);
}

bool agent_find_unconfirmed(struct agent *agent, struct spw_compile_report *report)
{
	_cleanup_free_ struct spw_unconfirmed *kept = NULL;
	_cleanup_free_ struct spw_registry *registry = malloc(sizeof(*registry));
	struct spw_config config = {0};
	int err = registry ? find_kept(agent, &kept, &config, registry, &agent->identities, report) : -ENOMEM;

	if (err) {
		spw_config_free(&config);
		if (registry)
			spw_compile_report_free(report);
		if (err != -ENOENT)
			spw_log(LOG_ERR,
				"what 'apply --confirm' has kept cannot be used (%s); the configuration is taken",
				strerror(-err));
		agent->record.unconfirmed_until_ns = 0;
		spw_unconfirmed_forget(&agent->pins);
		return false;
	}
	spw_log(LOG_ALERT,
		"nobody confirmed the last 'apply --confirm': ruleset %llu from before it is in force, until the next 'apply'",
		(unsigned long long)kept->record.generation);
	spw_config_free(&agent->config);
	agent->config = config;
	agent->control.mode = config.mode;
	agent->registry = *registry;
	restore_record(&agent->record, &kept->record);
	return true;
}
