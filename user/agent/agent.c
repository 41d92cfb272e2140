/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The agent's loop. Three things happen on it and never wait for each other: the tick (lease, level, attachment), a
 * reload (a compile job in a process of its own, then one publication), and answers (metrics, control socket).
 */
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "core/words.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "kernel/agent_record.h"
#include "kernel/control.h"
#include "state.h"

#define NICE (-15)

int agent_write_control(struct agent *agent)
{
	return spw_control_write(&agent->pins, &agent->control);
}

void agent_write_record(struct agent *agent)
{
	int err;

	memset(agent->record.interfaces, 0, sizeof(agent->record.interfaces));
	for (size_t i = 0; i < agent->links_count; i++) {
		const struct spw_link *link = &agent->links[i];
		struct spw_interface_record *record = &agent->record.interfaces[i];

		snprintf(record->name, sizeof(record->name), "%s", *link->now ? link->now : link->name);
		record->ifindex = link->ifindex ? link->ifindex : UINT32_MAX; /* 0 would end the table */
		record->attached = link->fd >= 0;
		record->native = link->native;
	}
	err = spw_agent_record_write(&agent->pins, &agent->record);
	if (err)
		spw_log(LOG_ERR, "cannot write %s/agent_registry: %s", agent->pins.dir, strerror(-err));
}

/* The datapath reads jiffies, people read nanoseconds; both tell one moment. */
void agent_renew_lease(struct agent *agent, u64 now)
{
	agent->control.lease_until_jiffies = spw_datapath_lease(&agent->datapath, agent->config.lease_ns);
	agent->control.lease_until_ns = agent->control.lease_until_jiffies ? now + agent->config.lease_ns : 0;
}

void agent_follow_overrides(struct agent *agent, u64 now)
{
	struct spw_control *control = &agent->control;

	if (control->pinned_level < SPW_LEVELS && now >= control->pinned_until_ns) {
		control->pinned_level = SPW_LEVEL_NEVER;
		control->pinned_until_ns = 0;
		spw_log(LOG_NOTICE, "the time for which the level was set is over");
	}
	if (control->bound_until_ns && now >= control->bound_until_ns) {
		control->least_level = SPW_GREEN;
		control->most_level = SPW_RED;
		control->bound_until_ns = 0;
		spw_log(LOG_NOTICE, "the time for which the level was bounded is over");
	}
}

static int on_tick(sd_event_source *source, uint64_t usec, void *context)
{
	struct agent *agent = context;
	u64 now = spw_monotonic_ns();
	int err;

	(void)usec;
	agent->ticks++;
	agent_follow_overrides(agent, now);
	agent_take_samples(agent, now);
	agent_decide(agent, now);
	agent_renew_lease(agent, now);
	agent_limit(agent, now);
	err = agent_write_control(agent);
	if (err)
		spw_log(LOG_ERR, "cannot renew the lease: %s; everything will pass", strerror(-err));
	agent_answer_level(agent);
	agent_watch_links(agent);
	agent_check_confirmation(agent, now);
	bans_tick(agent->bans, now);
	if (agent->metrics)
		spw_metrics_server_tick(agent->metrics);
	if (agent->socket)
		spw_control_server_tick(agent->socket, now);
	if (agent->reload.job.pid > 0 && now - agent->reload.job.started_ns > SPW_JOB_SECONDS_MAX * 1000000000ull)
		spw_compile_job_kill(&agent->reload.job);
	sd_event_source_set_time(source, (now + (agent->deciding.decision.hurry ? SPW_HURRY_NS : SPW_TICK_NS)) / 1000);
	return 0;
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *signal, void *context)
{
	struct agent *agent = context;

	(void)source;
	if (signal->ssi_signo == SIGHUP) {
		agent_start_reload(agent, &(struct reload_request){.path = agent->config_path});
		return 0;
	}
	return sd_event_exit(agent->loop, 0);
}

/* One agent a run directory: the lock goes with the process, however it ends. */
static int take_lock(struct agent *agent)
{
	char path[300];
	pid_t holder = 0;
	char text[32] = "";

	if (mkdir(agent->config.run_dir, 0755) && errno != EEXIST)
		return spw_fail("cannot make %s: %s", agent->config.run_dir, strerror(errno));
	snprintf(path, sizeof(path), "%.280s/lock", agent->config.run_dir);
	agent->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (agent->lock_fd < 0)
		return spw_fail("cannot open %s: %s", path, strerror(errno));
	if (flock(agent->lock_fd, LOCK_EX | LOCK_NB)) {
		if (pread(agent->lock_fd, text, sizeof(text) - 1, 0) > 0)
			holder = (pid_t)atoi(text);
		return spw_fail(
			"an agent runs already (pid %d, lock %s); stop it first, or use 'spillway apply' to load a "
			"changed configuration",
			holder, path);
	}
	snprintf(text, sizeof(text), "%d\n", (int)getpid());
	if (ftruncate(agent->lock_fd, 0) || pwrite(agent->lock_fd, text, strlen(text), 0) < 0)
		return spw_fail("cannot write %s: %s", path, strerror(errno));
	return 0;
}

static int open_state(struct agent *agent)
{
	char message[SPW_MESSAGE_MAX];
	int err = spw_pins_open(agent->config.pin_dir, true, true, &agent->pins, message);

	if (err)
		return spw_fail("%s", message);
	agent->pins_lock_fd = open(agent->pins.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (agent->pins_lock_fd < 0 || flock(agent->pins_lock_fd, LOCK_EX | LOCK_NB)) {
		spw_pins_close(&agent->pins);
		return spw_fail("another agent lives from the pins in %s; give this one a pin_dir of its own",
				agent->config.pin_dir);
	}
	err = spw_registry_read(&agent->pins, &agent->registry);
	if (!err)
		err = spw_control_read(&agent->pins, &agent->control);
	if (!err)
		err = spw_agent_record_read(&agent->pins, &agent->record);
	if (err)
		return spw_fail("cannot read the pinned state in %s: %s", agent->pins.dir, strerror(-err));
	if (agent->control.level >= SPW_LEVELS)
		agent->control.level = SPW_GREEN;
	if (agent->control.most_level >= SPW_LEVELS || agent->control.least_level > agent->control.most_level) {
		agent->control.least_level = SPW_GREEN;
		agent->control.most_level = SPW_RED;
	}
	agent->control.mode = agent->config.mode;
	err = bans_new(&agent->in_force, &agent->bans);
	if (err)
		return spw_fail("cannot read the entries in %s: %s", agent->pins.dir, strerror(-err));
	agent->record.layout = SPW_LAYOUT;
	agent->record.pid = (u32)getpid();
	agent->record.started_ns = spw_monotonic_ns();
	snprintf(agent->record.version, sizeof(agent->record.version), "%s", SPW_VERSION);
	return 0;
}

static int open_loop(struct agent *agent)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
	char message[SPW_MESSAGE_MAX];
	sigset_t mask;
	int err = sd_event_default(&agent->loop);

	sigemptyset(&mask);
	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		sigaddset(&mask, signals[i]);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals) && err >= 0; i++)
		err = sd_event_add_signal(agent->loop, NULL, signals[i], on_signal, agent);
	if (err >= 0)
		err = sd_event_set_watchdog(agent->loop, true);
	if (err < 0)
		return spw_fail("cannot set up the event loop: %s", strerror(-err));
	if (spw_control_server_start(agent->loop, agent->config.run_dir, agent_handle_request, agent, &agent->socket,
				     message))
		return spw_fail("%s", message);
	agent_serve_metrics(agent);
	return 0;
}

static int begin_entries(struct agent *agent)
{
	int err = bans_start(agent->bans, agent->loop);

	return err ? spw_fail("cannot begin with entries: %s", strerror(-err)) : 0;
}

static int begin_deciding(struct agent *agent)
{
	int err = agent_begin_limiting(agent);

	if (err)
		return spw_fail("cannot read the limits in %s: %s", agent->pins.dir, strerror(-err));
	return agent_begin_deciding(agent) || agent_begin_samples(agent) ? spw_fail("out of memory") : 0;
}

/* The tick repeats; sd-event timers are one-shot unless said otherwise. */
static int keep_ticking(struct agent *agent)
{
	sd_event_source *source;
	int err = sd_event_add_time_relative(agent->loop, &source, CLOCK_MONOTONIC, 0, 1000, on_tick, agent);

	if (err >= 0)
		err = sd_event_source_set_enabled(source, SD_EVENT_ON);
	if (err >= 0)
		err = sd_event_source_set_floating(source, true);
	return err < 0 ? spw_fail("cannot set up the tick: %s", strerror(-err)) : 0;
}

/* The lease ends now, not in some seconds: everything passes, counting goes on, the next agent takes over. */
static void stop(struct agent *agent)
{
	sd_notify(0, "STOPPING=1");
	if (agent->reload.job.pid > 0) {
		struct spw_compile_report report;

		spw_compile_job_kill(&agent->reload.job);
		spw_compile_job_finish(&agent->reload.job, &report);
		spw_compile_report_free(&report);
		spw_config_free(&agent->reload.config);
	}
	if (agent->pins.fds[SPW_PIN_CONTROL] >= 0 && agent->datapath.skeleton) {
		agent->control.lease_until_ns = agent->control.lease_until_jiffies = 0;
		agent_write_control(agent);
		agent->record.pid = 0;
		agent_write_record(agent);
		if (agent->links_count)
			spw_log(LOG_INFO,
				"stopped: the program stays attached and passes everything; 'spillway run' takes over, "
				"'spillway detach' removes it");
	}
}

static void release(struct agent *agent)
{
	agent_end_samples(agent);
	agent_end_deciding(agent);
	agent_end_limiting(agent);
	bans_free(agent->bans);
	spw_close_fd(&agent->in_force.rows_file);
	spw_close_fd(&agent->kept_rows);
	spw_metrics_server_stop(agent->metrics);
	spw_control_server_stop(agent->socket);
	sd_event_source_disable_unref(agent->reload.source);
	sd_event_unref(agent->loop);
	for (size_t i = 0; i < agent->links_count; i++)
		spw_link_close(&agent->links[i]);
	spw_datapath_free(&agent->datapath);
	spw_pins_close(&agent->pins);
	spw_config_free(&agent->config);
	free(agent->reload.again_path);
	free(agent->reload.warnings);
	free(agent->config_path);
	if (agent->lock_fd >= 0)
		close(agent->lock_fd);
	if (agent->pins_lock_fd >= 0)
		close(agent->pins_lock_fd);
	free(agent);
}

/*
 * On the day that it is for, everybody wants the processor, and nice values do not count between control groups or
 * sessions. A tick takes well below a millisecond of a hundred. What it forks is as anybody else.
 */
static void come_first(void)
{
	const struct sched_param least = {.sched_priority = sched_get_priority_min(SCHED_RR)};

	if (sched_getscheduler(0) != SCHED_OTHER || !sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &least))
		return;
	if (setpriority(PRIO_PROCESS, 0, NICE))
		spw_log(LOG_WARNING, "cannot come before the applications: %s; ticks may be late when it matters",
			strerror(errno));
}

int spw_agent_run(const char *config_path, bool force)
{
	struct agent *agent = calloc(1, sizeof(*agent));
	struct spw_diagnostics diagnostics = {0};
	int status = SPW_EXIT_FAILED;

	if (!agent)
		return spw_fail("out of memory");
	agent->lock_fd = agent->pins_lock_fd = agent->kept_rows = -1;
	agent->in_force = (struct in_force){&agent->pins,     &agent->datapath,	  &agent->config,
					    &agent->registry, &agent->identities, -1};
	agent->reload.job.socket = -1;
	memset(agent->pins.fds, -1, sizeof(agent->pins.fds));
	agent->force = force;
	come_first();
	agent->config_path = realpath(config_path, NULL);
	if (!agent->config_path)
		agent->config_path = strdup(config_path);
	if (spw_config_load(agent->config_path, &agent->config, &diagnostics)) {
		spw_log_diagnostics(&diagnostics);
		goto out;
	}
	spw_log_diagnostics(&diagnostics);
	if (take_lock(agent) || open_state(agent) || agent_first_publication(agent) || open_loop(agent) ||
	    begin_entries(agent) || begin_deciding(agent) || keep_ticking(agent))
		goto out;
	agent_write_record(agent);
	spw_links_detach_others(agent->pins.dir, agent->links, agent->links_count);
	malloc_trim(0);
	spw_log(LOG_NOTICE, "spillway %s runs: %s mode, level %s", SPW_VERSION, spw_mode_name(agent->control.mode),
		spw_level_name(agent->control.level));
	sd_notify(0, "READY=1");
	if (sd_event_loop(agent->loop) >= 0)
		status = SPW_EXIT_DONE;
out:
	stop(agent);
	spw_diagnostics_free(&diagnostics);
	release(agent);
	return status;
}
