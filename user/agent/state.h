/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The agent's own state, and what its parts ask of each other; nobody else includes it.
 *
 *   agent.c       start, stop, the loop and its tick
 *   attach.c      interfaces: our program in a link each
 *   reload.c      configuration -> compile job -> publication
 *   confirm.c     what nobody confirms is taken back
 *   deciding.c    facts -> decision -> orders, at every tick (deciding.h; story.c tells of it)
 *   entries.c     entries by hand or by machine, with two files of its own (entries.h)
 *   limiting.c    limits: written, seeded anew, looked at (limiting.h)
 *   samples.c     samples -> talkers and drops (samples.h)
 *   requests.c    answers: control socket, metrics, health
 */
#ifndef SPW_AGENT_STATE_H
#define SPW_AGENT_STATE_H

#include <systemd/sd-event.h>

#include "host/compile_job.h"
#include "net/control_socket.h"
#include "kernel/datapath.h"
#include "kernel/links.h"
#include "net/metrics_server.h"
#include "kernel/registry.h"
#include "base/clock.h"
#include "kernel/snapshot_reader.h"
#include "governor.h"
#include "bans.h"
#include "limiter.h"
#include "talkers.h"

#define TICKS_A_SECOND (1000000000ull / SPW_TICK_NS)

/* A reload on its way. Only one is; what comes meanwhile is remembered as `again`, and the last word wins. */
struct reload {
	struct spw_config config;
	struct spw_identities identities;
	struct spw_registry registry;
	struct spw_compile_job job;
	sd_event_source *source;
	u64 client;	/* who waits for the answer; 0: nobody */
	u64 confirm_ns; /* to be taken back after so long, unless confirmed; 0: no */
	bool again;
	u64 again_client;
	char *again_path;
	bool again_force;
	u64 again_confirm_ns;
	char *warnings; /* of the configuration itself */
};

struct agent {
	sd_event *loop;
	char *config_path;
	struct spw_config config;
	struct spw_pins pins;
	struct spw_registry registry;
	struct spw_identities identities; /* of the names of `config`, in `registry` */
	struct spw_datapath datapath;
	struct spw_link links[SPW_INTERFACES_MAX];
	size_t links_count;
	struct spw_control control;
	struct spw_agent_record record;
	struct reload reload;
	struct spw_metrics_server *metrics;
	struct spw_control_server *socket;
	int lock_fd;
	int pins_lock_fd; /* pin_dir is locked too: two run directories must not share one */
	u64 ticks;
	struct agent_deciding deciding;
	struct bans *bans; /* NULL: not opened yet */
	struct in_force in_force;
	int kept_rows; /* prefixes of the ruleset that may have to be given back; -1: not known */
	struct agent_limiting limiting;
	struct agent_samples samples;
	/* Who asked for the level and is answered when the next tick has settled it. */
	u64 level_clients[16];
	u32 level_clients_count;
	bool force;
};

/* agent.c */

/** agent_write_control() - the datapath learns what agent->control says. Returns 0 or -errno. */
int agent_write_control(struct agent *agent);

/** agent_write_record() - the verbs that look learn how the agent is; an error is logged. */
void agent_write_record(struct agent *agent);

/** agent_renew_lease() - from @now on; takes effect with the next agent_write_control(). */
void agent_renew_lease(struct agent *agent, u64 now);

/** agent_follow_overrides() - what an operator wished for a time ends with it. */
void agent_follow_overrides(struct agent *agent, u64 now);

/* attach.c */

/** agent_attach_all() - cover every interface of @config, all or none; links that stand are kept. 0, or -errno and
 * @message. */
int agent_attach_all(struct agent *agent, const struct spw_config *config, char *message);

/** agent_watch_links() - a link that lost its interface, or that somebody detached: said once, tried again each second.
 */
void agent_watch_links(struct agent *agent);

/* reload.c */

/* What is to be read. */
struct reload_request {
	const char *path;
	bool force;
	u64 client;	/* who is to be answered; 0: nobody */
	u64 confirm_ns; /* as in struct reload */
};

/** agent_start_reload() - read a configuration and publish it; one at a time, the last word wins. */
void agent_start_reload(struct agent *agent, const struct reload_request *order);

/**
 * agent_put_in_force() - publish @report and what belongs to it; @config is taken over, and how long it took is in the
 * agent's record. Returns 0, or -errno and @message: nothing has changed.
 */
int agent_put_in_force(struct agent *agent, struct spw_config *config, const struct spw_registry *registry,
		       const struct spw_identities *identities, const struct spw_compile_report *report, char *message);

/** agent_first_publication() - the first ruleset: compiled before anything is loaded, loaded before anything is
 * attached. */
int agent_first_publication(struct agent *agent);

/* confirm.c */

/** agent_keep_in_force() - before a publication that may have to be taken back. 0, or -errno and @message. */
int agent_keep_in_force(struct agent *agent, char *message);

/** agent_await_confirmation() - a publication has come; @confirm_ns 0: and it needs no confirmation. */
void agent_await_confirmation(struct agent *agent, u64 confirm_ns);

/** agent_confirm() - the answer to `confirm`. */
json_t *agent_confirm(struct agent *agent);

/** agent_check_confirmation() - at every tick: take back what nobody confirmed in time. */
void agent_check_confirmation(struct agent *agent, u64 now);

/**
 * agent_find_unconfirmed() - at the start: what an earlier run has left to be given back.
 * @report: its ruleset, as if it had just been compiled; agent->config and its names become those that belong to it
 * Returns true if there is any.
 */
bool agent_find_unconfirmed(struct agent *agent, struct spw_compile_report *report);

/* requests.c */

/** agent_failure() - an answer that says no. */
json_t *agent_failure(const char *text);

/** agent_handle_request() - spw_control_handler of the control socket. */
json_t *agent_handle_request(void *context, u64 client, const json_t *request);

/** agent_answer_level() - behind a tick: whoever asked for the level learns what is in force. */
void agent_answer_level(struct agent *agent);

/** agent_serve_metrics() - begin to listen; a port that is taken is said, not fatal: the host is still protected. */
int agent_serve_metrics(struct agent *agent);

#endif
