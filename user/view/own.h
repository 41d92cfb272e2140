/* SPDX-License-Identifier: GPL-2.0-only */
/* What the agent knows of the addresses of this host, and its part of /metrics. */
#ifndef SPW_VIEW_OWN_H
#define SPW_VIEW_OWN_H

#include <stdbool.h>
#include <stdio.h>

#include "maps/types.h"

struct spw_own_state {
	bool wanted;	     /* `forwarded` is not `host` */
	bool in_use;	     /* the datapath tells apart what is for this host */
	bool judged;	     /* `forwarded: judge` */
	u32 addresses;	     /* and prefixes, in use; with those of also_mine */
	u32 stations;	     /* MAC addresses in use */
	const char *problem; /* why it is not in use; "": none. Borrowed */
};

/** spw_view_own_metrics() - written after spw_view_governance_metrics(). */
void spw_view_own_metrics(FILE *out, const struct spw_own_state *state);

#endif
