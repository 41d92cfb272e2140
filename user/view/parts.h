/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the renderers share: names made safe for where they go, numbers made short for people, and the few sums and
 * words that several of them show. Called by the files of view/ alone.
 */
#ifndef SPW_VIEW_PARTS_H
#define SPW_VIEW_PARTS_H

#include <jansson.h>
#include <stdio.h>

#include "core/snapshot.h"
#include "view.h"

/* Where a text goes. Everywhere, bytes that are not UTF-8 become U+FFFD. */
enum spw_quoting {
	SPW_FOR_TERMINAL, /* control characters become U+FFFD too: a name shall not move the cursor or forge a line */
	SPW_FOR_JSON,	  /* between the quotes of a JSON string */
	SPW_FOR_LABEL,	  /* between the quotes of a Prometheus label */
	SPW_FOR_LIBRARY,  /* to a library that quotes by itself */
};

enum spw_colour_name {
	SPW_COLOUR_STRONG,
	SPW_COLOUR_GREEN,
	SPW_COLOUR_YELLOW,
	SPW_COLOUR_ORANGE,
	SPW_COLOUR_RED,
};

/* Room for a short number or time with its final NUL. */
#define SPW_SHORT_TEXT 32

void spw_put_text(FILE *out, const char *text, enum spw_quoting quoting);

/** spw_put_cell() - a name in a column of @width characters; a longer one is cut and ends in "~". */
void spw_put_cell(FILE *out, const char *text, int width);

/** spw_text_width() - characters of a text, as spw_put_cell() counts them. */
int spw_text_width(const char *text);

/*
 * Words behind a label, separated by commas and broken into lines, so that a page stays as wide as a terminal however
 * many lists or interfaces there are.
 */
#define SPW_PAGE_COLUMNS  98
#define SPW_LABEL_COLUMNS 12

struct spw_row {
	FILE *out;
	int indent;
	int column;
	bool begun;
};

/** spw_row_begin() - put @label into the first @indent columns. */
struct spw_row spw_row_begin(FILE *out, const char *label, int indent);

/** spw_row_next() - put what stands before the next word; the caller puts the word, which has @width characters. */
void spw_row_next(struct spw_row *row, int width);

/** spw_put_coloured() - @text, in a colour if the style has any. */
void spw_put_coloured(FILE *out, struct spw_style style, enum spw_colour_name colour, const char *text);
enum spw_colour_name spw_level_colour(u32 level);

/** spw_short_count() - 9999, 12.3k, 4.5M. Returns @text, as those below. */
const char *spw_short_count(u64 count, char text[SPW_SHORT_TEXT]);

/** spw_long_count() - all digits, in groups of three: 1,234,567. */
const char *spw_long_count(u64 count, char text[SPW_SHORT_TEXT]);

/** spw_short_time() - 350 us, 12 ms, 2.9 s, 95 s, 9m30s, 3h12m, 12d4h. */
const char *spw_short_time(u64 ns, char text[SPW_SHORT_TEXT]);

/*
 * JSON that is being put together. A member that could not be made, for want of memory, makes the whole fail in the
 * end, so that nothing has to be asked in between.
 */
struct spw_json {
	json_t *value;
	bool failed;
};

struct spw_json spw_json_object(void);
struct spw_json spw_json_array(void);

/** spw_json_set(), spw_json_add() - a member; @value becomes the builder's, NULL: it could not be made. */
void spw_json_set(struct spw_json *object, const char *key, json_t *value);
void spw_json_add(struct spw_json *array, json_t *value);

/** spw_json_finish() - what was built, the caller's; NULL: memory was out. */
json_t *spw_json_finish(struct spw_json *json);

/* Values for members. Jansson's integers end at 2^63-1: a counter beyond stays there. */
json_t *spw_json_text(const char *text);
json_t *spw_json_text_or_null(const char *text); /* null: empty */
json_t *spw_json_count(u64 count);
json_t *spw_json_seconds(u64 ns);
json_t *spw_json_level(u32 level); /* null: never */
json_t *spw_json_verdicts(const u64 counts[SPW_VERDICTS]);
/** spw_json_set_packet() - the members of a packet and its judgement (packet.c). */
void spw_json_set_packet(struct spw_json *object, const struct spw_packet_view *view);

json_t *spw_json_list(const struct spw_snapshot *snapshot, const struct spw_list_snapshot *list);

/* What a level does to a class. */
enum spw_treatment {
	SPW_SERVED,
	SPW_SHEDS,   /* lives under the budget of the service */
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
 * spw_reason_shown() - whether a reason gets a row: not the second "malformed", whose counts the snapshot holds under
 * the first.
 */
bool spw_reason_shown(u32 reason);

/* limits.c */

/** spw_put_limits() - the limits of a class in words, on one line without its end; false: it has none. */
bool spw_put_limits(FILE *out, const struct spw_class_rates *class);
json_t *spw_json_limits(const struct spw_class_rates *class);

/** spw_recorded_rates() - as the registry keeps them. */
struct spw_class_rates spw_recorded_rates(const struct spw_class_record *record);

/** spw_protocol_text() - "tcp", or the number of a protocol that has no name here. Returns @text. */
const char *spw_protocol_text(u32 protocol, char text[SPW_SHORT_TEXT]);

/** spw_enforcing() - whether packets are dropped at all: there is a lease, and the mode is not observe. */
bool spw_enforcing(const struct spw_snapshot *snapshot);

/** spw_level_pinned() - whether an operator's level still holds; an agent that is gone leaves it behind in the map. */
bool spw_level_pinned(const struct spw_snapshot *snapshot);

/** spw_since_ns() - from a moment of the past to that of the snapshot; never below 0. */
u64 spw_since_ns(const struct spw_snapshot *snapshot, u64 then_ns);

/** spw_interface_mode() - "native" or "generic"; NULL: not attached. */
const char *spw_interface_mode(const struct spw_interface_record *interface);

/** spw_interface_name() - the record's name, which need not end in NUL. Returns @name. */
const char *spw_interface_name(const struct spw_interface_record *interface, char name[SPW_SHORT_TEXT]);

/** spw_class_name() - of an identity; "?" if it has none. */
const char *spw_class_name(const struct spw_snapshot *snapshot, u32 class_id);

#endif
