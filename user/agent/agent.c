/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The agent's loop, and the only file that knows all components. Each component owns its state. This file creates them,
 * calls their ticks in sequence, and tells them what is in force. A component includes only those below it:
 *
 *   dispatch      verbs of the control socket         metrics  /metrics, the status page
 *   reloader      configuration -> publication
 *   confirmation  rolls back what nobody confirms
 *   bans          prefixes put into a list for a time
 *   governor      facts -> decision -> admission      talkers  samples -> ranking, drops
 *   publisher     what is in force (in_force.h)       lease    struct spw_control, overrides
 *   limiter       limits, fair shares, meters         journal  history, events, hooks, level file, learned
 *   own           the addresses of this host          downloads  lists by URL
 *   light         light listeners: sk_lookup, their sockets
 *
 * Three things avoid cycles:
 *  - What is in force is one struct, written by the publisher and read by all, so bans, governor, limiter, talkers and
 *    lease do not depend on the publisher.
 *  - Governor and limiter need each other's results (what a fair share holds back is demand, and the decision sets the
 *    fair shares), and the limiter the ranking of talkers. The tick passes these as values.
 *  - A waiting client is a value (struct spw_reply_to), so a component can answer later without knowing dispatch.
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
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "bans.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/replace.h"
#include "confirmation.h"
#include "core/words.h"
#include "dispatch.h"
#include "downloads.h"
#include "governor.h"
#include "host/interfaces.h"
#include "journal.h"
#include "lease.h"
#include "light.h"
#include "limiter.h"
#include "own.h"
#include "metrics.h"
#include "publisher.h"
#include "reloader.h"
#include "talkers.h"

#define NICE	       (-15)
#define FOREIGN_GAP_NS 1000000000ull /* between two log lines about ignored signals */

/* In the sequence of creation; NULL: not yet. */
struct agent {
	sd_event *loop;
	int lock_fd; /* of run_dir */
	u64 foreign_logged_ns;
	u64 due_ns; /* next tick, unless a glance hastens it */
	struct journal *journal;
	struct publisher *publisher;
	struct lease *lease;
	struct bans *bans;
	struct own *own;
	struct confirmation *confirmation;
	struct reloader *reloader;
	struct downloads *downloads;
	struct limiter *limiter;
	struct governor *governor;
	struct light *light;
	struct talkers *talkers;
	struct metrics *metrics;
	struct dispatch *dispatch;
};

/* ---- signals ---- */

/*
 * Whether a signal that would end or stop the process is ignored. Not SIGABRT, which systemd's watchdog sends to an
 * agent that hangs, and not the faults of the program itself.
 */
static bool is_foreign(int number)
{
	static const int own[] = {SIGTERM, SIGINT,  SIGHUP, SIGKILL, SIGSTOP, SIGABRT, SIGSEGV, SIGBUS,	 SIGFPE,
				  SIGILL,  SIGTRAP, SIGSYS, SIGCHLD, SIGPIPE, SIGCONT, SIGURG,	SIGWINCH};

	for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++)
		if (own[i] == number)
			return false;
	return number < SIGSYS || number >= SIGRTMIN;
}

/* Blocked from the start; the loop reads them once it runs. Hooks get an empty mask. */
static void block_foreign_signals(void)
{
	sigset_t mask;

	sigemptyset(&mask);
	sigaddset(&mask, SIGHUP);
	for (int number = 1; number <= SIGRTMAX; number++)
		if (is_foreign(number))
			sigaddset(&mask, number);
	sigprocmask(SIG_BLOCK, &mask, NULL);
}

/* From the first attachment on, an agent that is told to stop ends its lease first. */
static void block_stop_signals(void)
{
	sigset_t mask;

	sigemptyset(&mask);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGINT);
	sigprocmask(SIG_BLOCK, &mask, NULL);
}

/* ---- the loop ---- */

/* At the first publication lease, bans and addresses are told before the program is attached; the others don't exist yet. */
static const char *follow(void *context, const struct in_force *in_force)
{
	struct agent *agent = context;
	const char *warning;

	if (!agent->dispatch)
		block_stop_signals();
	lease_follow(agent->lease);
	bans_follow(agent->bans);
	own_follow(agent->own);
	if (!agent->dispatch)
		return NULL;
	limiter_follow(agent->limiter);
	talkers_follow(agent->talkers);
	journal_follow(agent->journal, in_force->config);
	downloads_follow(agent->downloads);
	if (governor_follow(agent->governor))
		spw_log(LOG_ERR, "out of memory: not all signals of the services are watched");
	warning = light_follow(agent->light, governor_light_sockets(agent->governor));
	return warning ? warning : metrics_follow(agent->metrics);
}

/* Wake up for the next tick, or before it for a glance. */
static int sleep_on(const struct agent *agent, sd_event_source *source, u64 now_ns)
{
	u64 next_ns = agent->due_ns;

	if (governor_watches(agent->governor) && next_ns > now_ns + SPW_HURRY_NS)
		next_ns = now_ns + SPW_HURRY_NS;
	sd_event_source_set_time(source, next_ns / 1000);
	return 0;
}

/* Decide, renew the lease with the result, then do everything that can wait. */
static int on_tick(sd_event_source *source, uint64_t usec, void *context)
{
	struct agent *agent = context;
	u64 now_ns = spw_monotonic_ns();

	(void)usec;
	if (now_ns / 1000 < agent->due_ns / 1000 &&
	    !governor_glance(agent->governor, now_ns, limiter_fair(agent->limiter)))
		return sleep_on(agent, source, now_ns);
	lease_tick(agent->lease, now_ns);
	talkers_tick(agent->talkers, now_ns);
	governor_tick(agent->governor, now_ns, limiter_fair(agent->limiter));
	lease_renew(agent->lease, now_ns);
	limiter_tick(agent->limiter, &(struct limiter_tick){
					     .now_ns = now_ns,
					     .jiffies = lease_jiffies(agent->lease),
					     .level = lease_control(agent->lease)->level,
					     .decision = governor_decision(agent->governor),
					     .talkers = talkers_ranking(agent->talkers),
				     });
	publisher_watch(agent->publisher, now_ns);
	reloader_tick(agent->reloader, now_ns);
	downloads_tick(agent->downloads, now_ns);
	bans_tick(agent->bans, now_ns);
	own_tick(agent->own, now_ns);
	light_tick(agent->light, now_ns);
	metrics_tick(agent->metrics);
	dispatch_tick(agent->dispatch, now_ns);
	agent->due_ns = now_ns + (governor_hurries(agent->governor) ? SPW_HURRY_NS : SPW_TICK_NS);
	return sleep_on(agent, source, now_ns);
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *signal, void *context)
{
	struct agent *agent = context;

	(void)source;
	if (signal->ssi_signo != SIGHUP)
		return sd_event_exit(agent->loop, 0);
	reloader_request(agent->reloader, &(struct reload_request){0});
	return 0;
}

/* Some programs send these by habit: logrotate, monitoring, terminals. */
static int on_foreign_signal(sd_event_source *source, const struct signalfd_siginfo *signal, void *context)
{
	struct agent *agent = context;
	u64 now_ns = spw_monotonic_ns();

	(void)source;
	if (agent->foreign_logged_ns && now_ns - agent->foreign_logged_ns < FOREIGN_GAP_NS)
		return 0;
	agent->foreign_logged_ns = now_ns;
	spw_log(LOG_WARNING,
		"SIG%s from process %u (user %u) was ignored; SIGHUP reads the configuration, SIGTERM stops",
		sigabbrev_np((int)signal->ssi_signo) ? sigabbrev_np((int)signal->ssi_signo) : "RT", signal->ssi_pid,
		signal->ssi_uid);
	return 0;
}

/* From here on the loop receives signals. */
static int watch_signals(struct agent *agent, char *message)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
	int err = 0;

	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals) && err >= 0; i++)
		err = sd_event_add_signal(agent->loop, NULL, signals[i], on_signal, agent);
	for (int number = 1; number <= SIGRTMAX && err >= 0; number++)
		if (is_foreign(number))
			err = sd_event_add_signal(agent->loop, NULL, number, on_foreign_signal, agent);
	if (err >= 0)
		err = sd_event_set_watchdog(agent->loop, true);
	return err < 0 ? spw_message(message, err, "cannot set up the event loop: %s", strerror(-err)) : 0;
}

/* Periodic; on_tick() sets the next time. */
static int start_ticking(struct agent *agent, char *message)
{
	sd_event_source *source;
	int err = sd_event_add_time_relative(agent->loop, &source, CLOCK_MONOTONIC, 0, 1000, on_tick, agent);

	if (err >= 0)
		err = sd_event_source_set_enabled(source, SD_EVENT_ON);
	if (err >= 0)
		err = sd_event_source_set_floating(source, true);
	return err < 0 ? spw_message(message, err, "cannot set up the tick: %s", strerror(-err)) : 0;
}

/* ---- start ---- */

static void lock_path(char path[300], const char *run_dir)
{
	snprintf(path, 300, "%.280s/lock", run_dir);
}

u32 spw_agent_lock_holder(const char *run_dir)
{
	char path[300], text[32] = "";
	_cleanup_fd_ int fd = -1;

	lock_path(path, run_dir);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	return fd >= 0 && read(fd, text, sizeof(text) - 1) > 0 ? (u32)strtoul(text, NULL, 10) : 0;
}

/* One agent per run_dir: the lock ends with the process, however it dies. */
static int take_lock(struct agent *agent, const char *run_dir, char *message)
{
	char path[300], text[32];
	int err;

	err = spw_make_folder(run_dir, 0755);
	if (err)
		return spw_message(message, err, "cannot make %s: %s", run_dir, strerror(-err));
	lock_path(path, run_dir);
	agent->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (agent->lock_fd < 0)
		return spw_message(message, -errno, "cannot open %s: %m", path);
	if (flock(agent->lock_fd, LOCK_EX | LOCK_NB))
		return spw_message(message, -EBUSY,
				   "an agent is already running (pid %u, lock %s); stop it first, or use 'spillway "
				   "apply' to load a changed configuration",
				   spw_agent_lock_holder(run_dir), path);
	snprintf(text, sizeof(text), "%d\n", (int)getpid());
	if (ftruncate(agent->lock_fd, 0) || pwrite(agent->lock_fd, text, strlen(text), 0) < 0)
		return spw_message(message, -errno, "cannot write %s: %m", path);
	return 0;
}

/* Components that the first publication needs; no program is loaded yet. */
static int make_first(struct agent *agent, const struct spw_config *config, bool force, char *message)
{
	const struct in_force *in_force;
	int err = sd_event_default(&agent->loop);

	if (err < 0)
		return spw_message(message, err, "cannot set up the event loop: %s", strerror(-err));
	agent->journal = journal_new(agent->loop);
	if (!agent->journal)
		return spw_message(message, -ENOMEM, "out of memory");
	err = publisher_new(config->pin_dir, agent->journal, follow, agent, &agent->publisher, message);
	if (err)
		return err;
	in_force = publisher_in_force(agent->publisher);
	err = lease_new(in_force, &agent->lease);
	if (!err)
		err = bans_new(in_force, &agent->bans);
	if (err)
		return spw_message(message, err, "cannot read the pinned state in %s: %s", in_force->pins->dir,
				   strerror(-err));
	agent->own = own_new(in_force);
	agent->confirmation = confirmation_new(agent->publisher);
	if (agent->own && agent->confirmation)
		agent->reloader = reloader_new(agent->loop, agent->publisher, agent->confirmation, agent->journal,
					       config->path, force);
	return agent->reloader ? 0 : spw_message(message, -ENOMEM, "out of memory");
}

/* Components that need the loaded program. */
static int make_rest(struct agent *agent, char *message)
{
	const struct in_force *in_force = publisher_in_force(agent->publisher);
	const struct metrics_sources *sources;
	int err = journal_open(agent->journal, in_force->config);

	if (!err)
		err = bans_start(agent->bans, agent->loop);
	if (!err)
		err = limiter_new(in_force, &agent->limiter);
	if (!err)
		err = governor_new(in_force, agent->lease, agent->journal, agent->loop, &agent->governor);
	if (err)
		return spw_message(message, err, "cannot start: %s", strerror(-err));
	agent->light = light_new(in_force);
	if (!agent->light)
		return spw_message(message, -ENOMEM, "out of memory");
	light_follow(agent->light, governor_light_sockets(agent->governor));
	agent->downloads = downloads_new(agent->loop, agent->publisher, agent->reloader);
	agent->talkers = talkers_new(in_force, agent->lease);
	sources = &(struct metrics_sources){agent->publisher, agent->lease,	agent->governor,
					    agent->limiter,   agent->talkers,	agent->journal,
					    agent->own,	      agent->downloads, agent->light};
	agent->metrics = agent->talkers && agent->downloads ? metrics_new(agent->loop, sources) : NULL;
	if (!agent->metrics)
		return spw_message(message, -ENOMEM, "out of memory");
	err = dispatch_new(agent->loop, in_force->config->run_dir,
			   &(struct dispatch_parts){agent->publisher, agent->lease, agent->reloader,
						    agent->confirmation, agent->governor, agent->talkers, agent->bans,
						    agent->own, agent->downloads, agent->light},
			   &agent->dispatch, message);
	/* After the socket: clients that find it no longer queue requests. */
	if (!err)
		bans_take_spool(agent->bans);
	return err;
}

static int start(struct agent *agent, const char *config_path, bool force, char *message)
{
	_cleanup_free_ char *path = realpath(config_path, NULL);
	struct spw_diagnostics diagnostics = {0};
	struct spw_config config = {0};
	int err = spw_config_load(path ? path : config_path, &config, &diagnostics);

	if (!err)
		err = spw_interfaces_check(&config, &diagnostics);
	spw_log_diagnostics(&diagnostics);
	spw_diagnostics_free(&diagnostics);
	if (!err)
		err = take_lock(agent, config.run_dir, message);
	if (!err)
		err = make_first(agent, &config, force, message);
	if (!err)
		err = reloader_start(agent->reloader, &config, message);
	spw_config_free(&config);
	if (!err)
		err = watch_signals(agent, message);
	if (!err)
		err = make_rest(agent, message);
	return err ? err : start_ticking(agent, message);
}

/* ---- end ---- */

/* The lease ends now, not in some seconds: everything passes, counting goes on, the next agent takes over. */
static void stop(struct agent *agent)
{
	sd_notify(0, "STOPPING=1");
	lease_end(agent->lease);
	publisher_stop(agent->publisher);
}

static void release(struct agent *agent)
{
	dispatch_free(agent->dispatch);
	metrics_free(agent->metrics);
	talkers_free(agent->talkers);
	light_free(agent->light);
	governor_free(agent->governor);
	limiter_free(agent->limiter);
	downloads_free(agent->downloads);
	reloader_free(agent->reloader);
	confirmation_free(agent->confirmation);
	own_free(agent->own);
	bans_free(agent->bans);
	journal_free(agent->journal);
	lease_free(agent->lease);
	publisher_free(agent->publisher);
	sd_event_unref(agent->loop);
	spw_close_fd(&agent->lock_fd);
}

/*
 * In an overload everything competes for the CPU, and nice values do not count between control groups. A tick takes
 * well below a millisecond in a hundred. Children drop SCHED_RR.
 */
static void take_priority(void)
{
	const struct sched_param least = {.sched_priority = sched_get_priority_min(SCHED_RR)};

	if (sched_getscheduler(0) != SCHED_OTHER || !sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &least))
		return;
	if (setpriority(PRIO_PROCESS, 0, NICE))
		spw_log(LOG_WARNING, "cannot get real-time priority: %s; ticks may be late under load",
			strerror(errno));
}

int spw_agent_run(const char *config_path, bool force, char message[SPW_MESSAGE_MAX])
{
	struct agent agent = {.lock_fd = -1};
	int err;

	*message = '\0';
	block_foreign_signals();
	take_priority();
	err = start(&agent, config_path, force, message);
	if (err) {
		light_abandon(agent.light);
		publisher_abandon(agent.publisher);
	} else {
		publisher_settle(agent.publisher);
		malloc_trim(0);
		spw_log(LOG_NOTICE, "spillway %s runs: %s mode, level %s", SPW_VERSION,
			spw_mode_name(lease_control(agent.lease)->mode),
			spw_level_name(lease_control(agent.lease)->level));
		sd_notify(0, "READY=1");
		err = sd_event_loop(agent.loop);
	}
	stop(&agent);
	release(&agent);
	return err < 0 ? err : 0;
}
