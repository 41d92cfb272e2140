/* SPDX-License-Identifier: GPL-2.0-only */
/* The readers of each format. Private to lists/. */
#ifndef SPW_LISTS_FORMAT_H
#define SPW_LISTS_FORMAT_H

#include "lines.h"

/* Readers. @lines are before the first line, or as after spw_lines_start(); each returns 0 or -errno. */
int spw_read_plain(struct spw_lines *lines);
int spw_read_dshield(struct spw_lines *lines);
int spw_read_p2p(struct spw_lines *lines);
int spw_read_ipset(struct spw_lines *lines);
int spw_read_nft(struct spw_lines *lines);

/** spw_read_json() - the whole text; sets list->format to the kind found. */
int spw_read_json(struct spw_lines *lines);

/** spw_p2p_range() - offset of the range in a line of P2P text; 0: none. */
size_t spw_p2p_range(const char *line, size_t length);

#endif
