/* SPDX-License-Identifier: GPL-2.0-only */
/* A sampled drop: as sent over the control socket, and as shown by `events --drops` and `capture`. */
#ifndef SPW_VIEW_DROP_H
#define SPW_VIEW_DROP_H

#include "view.h"

struct spw_drop_view {
	struct spw_packet_view packet;
	u64 wall_ns; /* since 1970 */
	u32 one_in;  /* represents this many */
	const u8 *header;
	u32 captured; /* bytes of @header */
};

/** spw_view_drop_json() - one line with newline, of @bytes; the caller frees it. NULL: no memory. */
char *spw_view_drop_json(const struct spw_drop_view *drop, size_t *bytes);

/** spw_view_drop() - such a line, parsed, for display. */
void spw_view_drop(FILE *out, const json_t *drop, struct spw_style style);

/** spw_drop_comment() - the comment of the packet in `capture`: "cut: class ..., list ..., 1 in N". Returns @text. */
const char *spw_drop_comment(const json_t *drop, char *text, size_t room);

/** spw_drop_bytes() - the frame's first bytes. Returns how many, at most @room. */
u32 spw_drop_bytes(const json_t *drop, u8 *bytes, u32 room);

#endif
