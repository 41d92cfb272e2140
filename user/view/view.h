/* SPDX-License-Identifier: GPL-2.0-only */
/* Renderers: values in, text out. They read no map, file or clock. */
#ifndef SPW_VIEW_VIEW_H
#define SPW_VIEW_VIEW_H

#include <jansson.h>
#include <stdio.h>

#include "maps/ban.h"
#include "maps/trace.h"
#include "config/config.h"
#include "core/snapshot.h"

/* Appearance of text. */
struct spw_style {
	bool colour;
};

/** The whole state, for `status`. */
void spw_view_status(FILE *out, const struct spw_snapshot *snapshot, struct spw_style style);
json_t *spw_view_status_json(const struct spw_snapshot *snapshot);

/** spw_view_state_json() - the same without lists, services and anomalies, for the status page. */
json_t *spw_view_state_json(const struct spw_snapshot *snapshot);

/** Lists, or the named one (NULL: all). If there is none of that name, text returns false, JSON NULL. */
bool spw_view_lists(FILE *out, const struct spw_snapshot *snapshot, const char *name, struct spw_style style);
json_t *spw_view_lists_json(const struct spw_snapshot *snapshot, const char *name);

/* An entry of a list. */
/* Another owner of a ban, with an earlier end. */
struct spw_ban_other {
	char owner[SPW_BAN_OWNER_MAX];
	u64 left_ns; /* SPW_BAN_FOREVER: permanent */
	char note[SPW_BAN_NOTE_MAX];
};

struct spw_ban_view {
	struct spw_prefix prefix;
	u64 left_ns; /* SPW_BAN_FOREVER: permanent */
	struct spw_ban_count counted;
	char note[SPW_BAN_NOTE_MAX];
	char owner[SPW_BAN_OWNER_MAX]; /* of the latest end */
	u32 owners;		       /* number of owners */
	struct spw_ban_other *others;  /* owned by the caller; NULL: none, or unknown */
	u32 others_count;
};

/** Bans of one list, of @total, after it: as text, and as the array "entries" of its JSON. */
void spw_view_bans(FILE *out, const struct spw_ban_view *entries, size_t count, size_t total);
json_t *spw_view_bans_json(const struct spw_ban_view *entries, size_t count);

/** /metrics: Prometheus text format 0.0.4. */
void spw_view_metrics(FILE *out, const struct spw_snapshot *snapshot);

/* A configuration and its sizes, for `check`. */
struct spw_meaning {
	const struct spw_config *config;
	const u64 *prefixes4; /* by list of the configuration */
	const u64 *prefixes6;
	const u64 *skipped;	    /* lines of its files skipped; NULL: none */
	const char *const *formats; /* what its files are; NULL, or NULL for a list: nothing to say */
	u64 ruleset_bytes;	    /* of map memory a generation */
	u32 intervals4;
	u32 intervals6;
	double read_seconds;
	double compile_seconds;
	const struct spw_diagnostics *warnings; /* warnings so far; NULL: none. Only in JSON */
};

/** What a configuration means: classes, lists with prefix counts, what each level cuts. */
void spw_view_meaning(FILE *out, const struct spw_meaning *meaning, struct spw_style style);
json_t *spw_view_meaning_json(const struct spw_meaning *meaning);

/* One packet of a capture as `simulate` shows it. */
struct spw_packet_view {
	u64 number;		       /* from 1 */
	const struct spw_trace *trace; /* NULL: the frame could not be run through the program */
	u32 length;
	const char *class_name; /* NULL: not classified */
	const char *list_name;	/* NULL: no list names the source */
};

void spw_view_packet(FILE *out, const struct spw_packet_view *packet, struct spw_style style);

/** One line. Returns 0, or -1: out of memory, or it could not be written. */
int spw_view_packet_json(FILE *out, const struct spw_packet_view *packet);

#endif
