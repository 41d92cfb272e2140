/* SPDX-License-Identifier: GPL-2.0-only */
/* What the agent knows of the light listeners (maps/light.h), and their part of /metrics. */
#ifndef SPW_VIEW_LIGHT_H
#define SPW_VIEW_LIGHT_H

#include <stdio.h>

#include "json.h"
#include "maps/light.h"

/* Of one service. */
struct spw_light_service_state {
	const char *service; /* its name; borrowed */
	const u16 *ports;    /* of the listeners; borrowed */
	size_t ports_count;
	u64 per_s;	    /* budget */
	u32 ready;	    /* enum spw_light_ready */
	u64 answered, over; /* as in struct spw_light_counter, of all classes */
};

struct spw_light_state {
	size_t count; /* services that have light listeners */
	struct spw_light_service_state services[SPW_SERVICES_MAX];
	u64 orphans;	     /* packets refused as their listener was gone */
	const char *problem; /* why none is used; "": none. Borrowed */
};

/** spw_view_light() - a line about a service, for `explain`; nothing if it has no light listener. */
void spw_view_light(FILE *out, const struct spw_light_state *state, const char *service, int label_columns);

/** spw_view_light_json() - the same; null: it has none. */
json_t *spw_view_light_json(const struct spw_light_state *state, const char *service);

/** spw_view_light_metrics() - written after spw_view_own_metrics(). */
void spw_view_light_metrics(FILE *out, const struct spw_light_state *state);

#endif
