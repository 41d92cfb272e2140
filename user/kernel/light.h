/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The sk_lookup program of a network namespace (bpf/light.bpf.c), which gives connections to light listeners. Its link is
 * pinned: a killed agent leaves it, so that what the datapath lets through until the lease ends never reaches the service.
 */
#ifndef SPW_KERNEL_LIGHT_H
#define SPW_KERNEL_LIGHT_H

#include <stddef.h>

#include "maps/light.h"
#include "pins.h"

struct spw_light_space;

/* What spw_light_open() takes. */
struct spw_light_place {
	const struct spw_pins *pins; /* the datapath's */
	int netns_fd;
	u32 netns_inode;
	int sockets_fd; /* map of connections that the signals leave out; -1: none */
	u32 stay_jiffies;
};

/**
 * spw_light_open() - load the program, attach it to a network namespace, and pin its link.
 * Returns 0, or -errno and @message. Free with spw_light_close().
 */
int spw_light_open(const struct spw_light_place *place, struct spw_light_space **space, char message[SPW_MESSAGE_MAX]);

/**
 * spw_light_find() - look for a listening socket, and use it from now on; call it within the namespace.
 * @search: filled in, but for `found`
 */
void spw_light_find(const struct spw_light_space *space, struct spw_light_search *search);

/** spw_light_orphans() - packets that were refused as their listener was gone. */
u64 spw_light_orphans(const struct spw_light_space *space);

/** spw_light_close() - @detach: remove the link as well, otherwise its pin keeps it. NULL is a no-op. */
void spw_light_close(struct spw_light_space *space, bool detach);

/** spw_light_detach_others() - remove the pinned links of other namespaces than these. */
void spw_light_detach_others(const char *pin_dir, const u32 *inodes, size_t count);

#endif
