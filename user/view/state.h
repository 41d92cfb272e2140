/* SPDX-License-Identifier: GPL-2.0-only */
/* Derived from a snapshot for several renderers: sums, words, conditions. */
#ifndef SPW_VIEW_STATE_H
#define SPW_VIEW_STATE_H

#include <jansson.h>

#include "core/snapshot.h"
#include "numbers.h"

/* Effect of a level on a class. */
enum spw_treatment {
	SPW_SERVED,
	SPW_SHEDS,   /* subject to the budget of the service */
	SPW_CUT_NEW, /* new work refused, established connections left alone */
	SPW_CUT_ALL,
};

enum spw_treatment spw_treatment(u32 shed_from, u32 cut_new_from, u32 cut_all_from, u32 level);
const char *spw_treatment_name(enum spw_treatment treatment); /* "cut_new" */
const char *spw_treatment_text(enum spw_treatment treatment); /* "cut new" */

/* Sums over the lists of a class. */
struct spw_traffic {
	u64 prefixes4; /* of the published ruleset */
	u64 prefixes6;
	u64 packets[SPW_VERDICTS];
	u64 bytes[SPW_VERDICTS];
};

struct spw_traffic spw_class_traffic(const struct spw_snapshot *snapshot, u32 class_id);

/**
 * spw_reason_shown() - whether a reason gets a row: not the second "malformed", which the snapshot adds to the first.
 */
bool spw_reason_shown(u32 reason);

json_t *spw_json_list(const struct spw_snapshot *snapshot, const struct spw_list_snapshot *list);

/** spw_enforcing() - whether packets may be dropped: there is a lease, and the mode is enforce. */
bool spw_enforcing(const struct spw_snapshot *snapshot);

/** spw_level_pinned() - whether an operator's level is in force; a dead agent leaves it in the map. */
bool spw_level_pinned(const struct spw_snapshot *snapshot);

/** spw_kept_ns() - age of what was read at @kept_s (Unix time; 0: age 0); a last good list or ruleset. */
u64 spw_kept_ns(const struct spw_snapshot *snapshot, u64 kept_s);

/** spw_since_ns() - time from @then_ns to the snapshot; never below 0. */
u64 spw_since_ns(const struct spw_snapshot *snapshot, u64 then_ns);

/** spw_interface_mode() - "native" or "generic"; NULL: not attached. */
const char *spw_interface_mode(const struct spw_interface_record *interface);

/** spw_interface_name() - the record's name, which may lack a NUL. Returns @name. */
const char *spw_interface_name(const struct spw_interface_record *interface, char name[SPW_SHORT_TEXT]);

/** spw_class_name() - of an identity; "?": none. */
const char *spw_class_name(const struct spw_snapshot *snapshot, u32 class_id);

#endif
