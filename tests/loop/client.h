/* SPDX-License-Identifier: GPL-2.0-only */
/* One sender: a process that makes every n-th visit of the schedule, each over connections of its own. */
#ifndef LOOP_CLIENT_H
#define LOOP_CLIENT_H

#include <netinet/in.h>

#include "schedule.h"

/* How visits are made; the same for all senders. */
struct loop_visits {
	const struct loop_profile *profile;
	struct loop_arrival *arrivals;
	size_t arrivals_count;
	struct sockaddr_in target;
	const char *path;
	uint64_t start_ns;     /* CLOCK_MONOTONIC */
	uint64_t patience_ns;  /* of a visitor, from the first SYN on */
	uint64_t end_ns;       /* when those who still wait give up, since the start */
	unsigned int page;     /* connections a visit: the first alone, the others once it is answered */
	unsigned int requests; /* a connection, one after the other */
	unsigned int
		persistent; /* that many connections stand from the start, and visits are requests over them; 0: none */
	unsigned int senders;
};

/**
 * loop_send() - make the visits number @sender, @sender + senders, and so on; writes what became of them into the
 * arrivals. Never waits for an answer before it sends. Patience from the start of a visit; connections are reset at
 * their end. Return: 0, or the errno of what stopped it, after a message
 */
int loop_send(const struct loop_visits *visits, unsigned int sender);

#endif
