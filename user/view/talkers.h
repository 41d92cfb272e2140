/* SPDX-License-Identifier: GPL-2.0-only */
/* The agent's answer to `top`: talkers, services, signals. docs/control-socket.md has the fields. */
#ifndef SPW_VIEW_TALKERS_H
#define SPW_VIEW_TALKERS_H

#include <jansson.h>
#include <stdio.h>

#include "config/policy.h"
#include "core/control/facts.h"
#include "core/talkers/sampling.h"
#include "core/talkers/source_kind.h"
#include "core/talkers/talkers.h"
#include "kernel/registry.h"

struct spw_talkers_view {
	const struct spw_talkers *talkers;
	const struct spw_talkers *origins;   /* of new work, over minutes */
	const struct spw_registry *registry; /* names of classes and lists */
	const struct spw_named_policy *policy;
	const struct spw_decision *decision;	   /* NULL: none yet */
	const struct spw_sampling_choice *choices; /* by verdict */
	const u64 *kinds;			   /* packets by kind of source, estimated */
	u64 streams_lost;
	u32 streams;
};

/** spw_talker_order_name() - "packets", "bytes", "new", "dropped"; spw_talker_order_parse() returns -1 for others. */
const char *spw_talker_order_name(u32 order);
int spw_talker_order_parse(const char *name);

/** spw_view_talkers_json() - the answer to {"verb":"top"}; @most: of each kind. NULL: no memory. */
json_t *spw_view_talkers_json(const struct spw_talkers_view *view, enum spw_talker_order order, u32 most);

/** spw_view_talkers_metrics() - the talkers' part of /metrics; addresses are never labels. */
void spw_view_talkers_metrics(FILE *out, const struct spw_talkers_view *view);

#endif
