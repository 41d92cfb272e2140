/* SPDX-License-Identifier: GPL-2.0-only */
/* One sender: a process that makes every n-th visit of the schedule, with its own connections. */
#ifndef LOOP_CLIENT_H
#define LOOP_CLIENT_H

#include <netinet/in.h>

#include "schedule.h"

/* How visits are made; common to all senders. */
struct loop_visits {
	const struct loop_profile *profile;
	struct loop_arrival *arrivals;
	size_t arrivals_count;
	struct sockaddr_in target;
	const char *path;
	uint64_t start_ns;     /* CLOCK_MONOTONIC */
	uint64_t patience_ns;  /* of a visitor, since the first SYN */
	uint64_t end_ns;       /* when waiting visitors give up, since the start */
	unsigned int page;     /* connections per visit: the first alone, the others once it is answered */
	unsigned int requests; /* per connection, one after the other */
	unsigned int
		persistent; /* number of connections open from the start, over which visits are requests; 0: none */
	unsigned int senders;
};

/**
 * loop_send() - make the visits number @sender, @sender + senders, and so on; stores their outcomes in the arrivals.
 * Never waits for an answer before it sends. Patience counts from the start of a visit; connections are reset at their
 * end. Returns 0, or the errno that stopped it, after a message.
 */
int loop_send(const struct loop_visits *visits, unsigned int sender);

#endif
