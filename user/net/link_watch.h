/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The addresses of one network namespace by rtnetlink, without ever blocking: notifications say when to look, and
 * rounds of dumps, read in slices, say what there is.
 */
#ifndef SPW_NET_LINK_WATCH_H
#define SPW_NET_LINK_WATCH_H

#include "core/own/link_messages.h"

struct spw_link_watch {
	int events_fd; /* owned; -1: none */
	int dumps_fd;  /* owned; -1: none */
	u32 step;      /* of the round of dumps */
	u32 sequence;
	u32 interfaces[SPW_INTERFACES_MAX]; /* protected ones of this namespace; 0: unused */
};

/**
 * spw_link_watch_open() - begin to watch.
 * @events_fd, @dumps_fd: rtnetlink sockets of the namespace; owned by the watch from now on, also after an error
 * Returns 0 or -errno. Close with spw_link_watch_close().
 */
int spw_link_watch_open(struct spw_link_watch *watch, int events_fd, int dumps_fd);
void spw_link_watch_close(struct spw_link_watch *watch);

/** spw_link_watch_changed() - read notifications. Returns 1: something has changed; 0: no; -ENOBUFS: some were lost; -errno. */
int spw_link_watch_changed(struct spw_link_watch *watch);

/** spw_link_watch_begin() - begin a round of dumps; an unfinished one is dropped. Returns 0 or -errno. */
int spw_link_watch_begin(struct spw_link_watch *watch);

/**
 * spw_link_watch_go_on() - read up to @datagrams of the round.
 * Returns 1: the round is complete; 0: more to come; -EAGAIN: begin again, as something changed in between; -errno.
 */
int spw_link_watch_go_on(struct spw_link_watch *watch, u32 datagrams, struct spw_space_facts *facts,
			 struct spw_own_set *set);

#endif
