/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Attachment: one pinned bpf_link per interface. It outlives the agent, and its program is replaced without a gap.
 * Interfaces are tracked by ifindex. Used by the agent, `detach` and `doctor`.
 */
#ifndef SPW_KERNEL_LINKS_H
#define SPW_KERNEL_LINKS_H

#include <stdbool.h>

#include "config/config.h"
#include "pins.h"

struct spw_link {
	char name[SPW_INTERFACE_NAME_BYTES]; /* as configured; may be an altname */
	char now[16];			     /* its current name */
	u32 ifindex;			     /* 0: no such interface now */
	int fd;				     /* of the pinned link; -1: not attached; owned */
	bool native;
	bool alarmed; /* its loss was logged */
};

/**
 * spw_link_attach() - attach @program_fd: through our pinned link if there is one (without a gap), else through a new
 * one, native mode first.
 * @link: name and ifindex are set; the rest is filled in
 * @mode: what the configuration allows
 * @message: the error; on success a warning (generic mode) or empty
 * Returns 0; -ENODEV: no such interface; -EBUSY: another XDP program is there, named in @message; -errno.
 */
int spw_link_attach(struct spw_link *link, const char *pin_dir, int program_fd, enum spw_attach_mode mode,
		    char message[SPW_MESSAGE_MAX]);

/** spw_link_pinned() - whether a live link of an earlier run is on the interface of that number. */
bool spw_link_pinned(const char *pin_dir, u32 ifindex);

/** spw_link_alive() - whether the link is still attached; follows a rename. */
bool spw_link_alive(struct spw_link *link);

/** spw_link_replace() - replace the program of an attached link, without a gap. Returns 0 or -errno. */
int spw_link_replace(const struct spw_link *link, int program_fd);

/** spw_link_drop() - forget a dead link and its pin. */
void spw_link_drop(struct spw_link *link, const char *pin_dir);
void spw_link_close(struct spw_link *link);

/**
 * spw_links_detach_all() - detach all links, remove all pins and their folder.
 * @each: called with a line about each link
 * Returns the number of links that were removed, or -errno and @message.
 */
int spw_links_detach_all(const char *pin_dir, void (*each)(const char *line), char message[SPW_MESSAGE_MAX]);

/**
 * spw_links_detach_others() - detach pinned links whose ifindex is not in @keep, as after a reload with fewer
 * interfaces. Returns how many.
 */
int spw_links_detach_others(const char *pin_dir, const struct spw_link *keep, size_t keep_count);

/* The XDP program of an interface, ours or not. */
struct spw_attached {
	u32 program_id; /* 0: none; the rest is then empty */
	char program[64];
	bool native;
	bool ours; /* held by the link that is pinned for this interface */
};

/** spw_link_look() - read what is attached. Returns 0 or -errno. */
int spw_link_look(const char *pin_dir, u32 ifindex, struct spw_attached *attached);

#endif
