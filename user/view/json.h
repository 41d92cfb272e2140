/* SPDX-License-Identifier: GPL-2.0-only */
/* Building JSON. */
#ifndef SPW_VIEW_JSON_H
#define SPW_VIEW_JSON_H

#include <jansson.h>
#include <stdbool.h>

#include "maps/types.h"

/*
 * JSON under construction. A failed allocation is remembered until spw_json_finish(), so that callers need no checks.
 */
struct spw_json {
	json_t *value;
	bool failed;
};

struct spw_json spw_json_object(void);
struct spw_json spw_json_array(void);

/** spw_json_set(), spw_json_add() - add a member; takes @value, NULL: it could not be made. */
void spw_json_set(struct spw_json *object, const char *key, json_t *value);
void spw_json_add(struct spw_json *array, json_t *value);

/** spw_json_finish() - the result, owned by the caller; NULL: out of memory. */
json_t *spw_json_finish(struct spw_json *json);

/* Values of members. Jansson's integers end at 2^63-1: larger counters are clamped. */
json_t *spw_json_text(const char *text);
json_t *spw_json_text_or_null(const char *text); /* null: empty */
json_t *spw_json_count(u64 count);
json_t *spw_json_seconds(u64 ns);
json_t *spw_json_level(u32 level); /* null: never */
json_t *spw_json_verdicts(const u64 counts[SPW_VERDICTS]);

#endif
