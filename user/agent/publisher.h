/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The publisher brings a compiled configuration into force, all or nothing, and owns what is in force: configuration,
 * program and ruleset, pins, links, names and their identities, and the agent's record.
 */
#ifndef SPW_AGENT_PUBLISHER_H
#define SPW_AGENT_PUBLISHER_H

#include "host/compile_job.h"
#include "in_force.h"
#include "journal.h"

struct publisher;

/**
 * on_in_force - another configuration is in force: the one callback from which every component is told. At the first
 * publication it comes before the program is attached.
 * Returns a warning for the client; NULL: none.
 */
typedef const char *on_in_force(void *context, const struct in_force *in_force);

/* What comes into force together; 67 KiB plus what it owns. */
struct publication {
	struct spw_config config; /* owned, until it is in force */
	struct spw_registry registry;
	struct spw_identities identities;	  /* of the names in `config` */
	struct spw_compile_report report;	  /* owned */
	u64 confirm_ns;				  /* rolled back after this time unless confirmed; 0: no */
	u64 kept_s;				  /* Unix time of the last good ruleset; 0: it is not that */
	const struct spw_unconfirmed *taken_back; /* the ruleset that this one restores; NULL: it is new */
};

/** publication_new() - empty. NULL: no memory. */
struct publication *publication_new(void);
void publication_free(struct publication *publication);

/**
 * publisher_new() - open the pins in @pin_dir, and lock them.
 * @journal, @context: borrowed
 * Returns 0, or -errno and @message. Free with publisher_free().
 */
int publisher_new(const char *pin_dir, struct journal *journal, on_in_force *on_in_force, void *context,
		  struct publisher **publisher, char message[SPW_MESSAGE_MAX]);
void publisher_free(struct publisher *publisher);

/**
 * publisher_start() - the first publication: load, tell, attach.
 * Returns 0, or -errno and @message: the agent cannot go on.
 */
int publisher_start(struct publisher *publisher, struct publication *publication, char message[SPW_MESSAGE_MAX]);

/** publisher_settle() - all else runs: detach what only an earlier run attached, and write the record. */
void publisher_settle(struct publisher *publisher);

/**
 * publisher_publish() - every later publication.
 * @message: empty or a warning on success
 * Returns 0, or -errno and @message: nothing has changed.
 */
int publisher_publish(struct publisher *publisher, struct publication *publication, char message[SPW_MESSAGE_MAX]);

/** publisher_refused() - count a failed reload. */
void publisher_refused(struct publisher *publisher);

/**
 * publisher_await() - what is in force is rolled back at @until_ns (CLOCK_MONOTONIC); 0: it is confirmed. Written to
 * the record.
 */
void publisher_await(struct publisher *publisher, u64 until_ns);

/**
 * publisher_set_capacity() - an operator sets the capacity of a service identity; 0: back to automatic. 0 or -errno.
 */
int publisher_set_capacity(struct publisher *publisher, u32 service, u64 per_s);

/** publisher_watch() - at each tick: check the links. */
void publisher_watch(struct publisher *publisher, u64 now_ns);

/** publisher_is_attached() - whether every interface is covered. */
bool publisher_is_attached(const struct publisher *publisher);

/** publisher_abandon() - the start has failed: detach and unpin what it has attached and pinned. NULL: no-op. */
void publisher_abandon(struct publisher *publisher);

/** publisher_stop() - record that no agent runs. Program and links stay. */
void publisher_stop(struct publisher *publisher);

/* Both are valid as long as the publisher. */
const struct in_force *publisher_in_force(const struct publisher *publisher);
const struct spw_agent_record *publisher_record(const struct publisher *publisher);

#endif
