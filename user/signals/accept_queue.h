/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Accept queues of the services' listening sockets, from sock_diag(7), one netlink socket per namespace. Called by
 * signals.c at every tick.
 */
#ifndef SPW_SIGNALS_ACCEPT_QUEUE_H
#define SPW_SIGNALS_ACCEPT_QUEUE_H

#include "core/control/facts.h"
#include "scope.h"

struct spw_accept_queues;

/** spw_accept_queues_open() - returns 0 or -ENOMEM. Free with spw_accept_queues_close(). */
int spw_accept_queues_open(struct spw_accept_queues **queues);

/** spw_accept_queues_follow() - use these namespaces and ports from now on. @scope must outlive this use. */
void spw_accept_queues_follow(struct spw_accept_queues *queues, const struct spw_scope *scope);

/**
 * spw_accept_queues_read() - fill in queue_present, queue and queue_limit of the first facts->services_count services.
 * Sums over listening sockets (several addresses, SO_REUSEPORT); one that listens on every address counts for each
 * service that it takes connections of. A service without any is absent.
 * Bounded: one dump of listening sockets per namespace and family, at most SPW_LISTENERS_MAX sockets.
 */
void spw_accept_queues_read(struct spw_accept_queues *queues, struct spw_facts *facts);
#define SPW_LISTENERS_MAX 8192u /* examined per tick */

/** spw_accept_queues_about() - the source, or why it is absent for this service. */
const char *spw_accept_queues_about(const struct spw_accept_queues *queues, u32 service);
void spw_accept_queues_close(struct spw_accept_queues *queues);

#endif
