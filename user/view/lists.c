/* SPDX-License-Identifier: GPL-2.0-only */
/* Lists with their sizes and counters: as a table, one in detail, as JSON. For `list show`. */
#include <string.h>

#include "core/words.h"
#include "json.h"
#include "numbers.h"
#include "state.h"
#include "text.h"

#define NAME_COLUMNS_MIN 10
#define NAME_COLUMNS_MAX 24

struct columns {
	int list;
	int class;
};

static void widen(int *columns, const char *text)
{
	int width = spw_text_width(text);

	if (width > *columns)
		*columns = width < NAME_COLUMNS_MAX ? width : NAME_COLUMNS_MAX;
}

static struct columns find_columns(const struct spw_snapshot *snapshot)
{
	struct columns columns = {NAME_COLUMNS_MIN, NAME_COLUMNS_MIN};

	for (size_t i = 0; i < snapshot->lists_count; i++) {
		widen(&columns.list, snapshot->lists[i].record.name);
		widen(&columns.class, spw_class_name(snapshot, snapshot->lists[i].record.class_id));
	}
	return columns;
}

static void put_number(FILE *out, u64 number)
{
	char text[SPW_SHORT_TEXT];

	fprintf(out, "%9s", spw_short_count(number, text));
}

static void put_row(FILE *out, const struct spw_snapshot *snapshot, const struct spw_list_snapshot *list,
		    struct columns columns)
{
	spw_put_cell(out, list->record.name, columns.list);
	fputs("  ", out);
	spw_put_cell(out, spw_class_name(snapshot, list->record.class_id), columns.class);
	put_number(out, list->record.prefixes4);
	put_number(out, list->record.prefixes6);
	put_number(out, list->counter.packets[SPW_PASS]);
	put_number(out, list->counter.packets[SPW_DROP]);
	put_number(out, list->counter.bytes[SPW_PASS]);
	put_number(out, list->counter.bytes[SPW_DROP]);
	fputs(list->record.state == SPW_RECORD_ACTIVE ? "\n" : "  retired\n", out);
}

static void put_table(FILE *out, const struct spw_snapshot *snapshot)
{
	struct columns columns = find_columns(snapshot);

	fprintf(out, "%*s%9s%9s%9s%9s%9s%9s\n", columns.list + 2 + columns.class, "", "prefixes", "prefixes", "packets",
		"packets", "bytes", "bytes");
	fprintf(out, "%-*s  %-*s%9s%9s%9s%9s%9s%9s\n", columns.list, "list", columns.class, "class", "IPv4", "IPv6",
		"passed", "dropped", "passed", "dropped");
	for (size_t i = 0; i < snapshot->lists_count; i++)
		put_row(out, snapshot, &snapshot->lists[i], columns);
}

static void put_verdict(FILE *out, const struct spw_sum *counter, enum spw_verdict verdict, const char *label)
{
	char packets[SPW_SHORT_TEXT], bytes[SPW_SHORT_TEXT];

	fprintf(out, "%-10s%s packets, %s bytes\n", label, spw_long_count(counter->packets[verdict], packets),
		spw_long_count(counter->bytes[verdict], bytes));
}

/* One list in detail: all digits. */
static void put_list(FILE *out, const struct spw_snapshot *snapshot, const struct spw_list_snapshot *list,
		     struct spw_style style)
{
	char first[SPW_SHORT_TEXT], second[SPW_SHORT_TEXT];

	fprintf(out, "%-10s", "list");
	spw_put_text(out, list->record.name, SPW_FOR_TERMINAL);
	if (list->record.state != SPW_RECORD_ACTIVE) {
		fputs(", ", out);
		spw_put_coloured(out, style, SPW_COLOUR_YELLOW, "retired: not in the published ruleset");
	}
	fprintf(out, "\n%-10s", "class");
	spw_put_text(out, spw_class_name(snapshot, list->record.class_id), SPW_FOR_TERMINAL);
	if (list->id)
		fprintf(out, "\n%-10s%s IPv4, %s IPv6\n", "prefixes", spw_long_count(list->record.prefixes4, first),
			spw_long_count(list->record.prefixes6, second));
	else
		fprintf(out, "\n%-10severything that no list names\n", "prefixes");
	if (list->record.kept_s) {
		fprintf(out, "%-10s", "content");
		spw_put_coloured(out, style, SPW_COLOUR_YELLOW, "the last good one");
		fprintf(out, ", %s old: its source cannot be used now; see 'spillway check'\n",
			spw_short_time(spw_kept_ns(snapshot, list->record.kept_s), first));
	}
	if (list->record.skipped)
		fprintf(out, "%-10s%s lines of its files, which could not be read\n", "skipped",
			spw_long_count(list->record.skipped, first));
	put_verdict(out, &list->counter, SPW_PASS, "passed");
	put_verdict(out, &list->counter, SPW_DROP, "dropped");
}

static const struct spw_list_snapshot *find(const struct spw_snapshot *snapshot, const char *name)
{
	for (size_t i = 0; i < snapshot->lists_count; i++)
		if (!strcmp(snapshot->lists[i].record.name, name))
			return &snapshot->lists[i];
	return NULL;
}

bool spw_view_lists(FILE *out, const struct spw_snapshot *snapshot, const char *name, struct spw_style style)
{
	const struct spw_list_snapshot *list = name ? find(snapshot, name) : NULL;

	if (name && !list)
		return false;
	if (list)
		put_list(out, snapshot, list, style);
	else
		put_table(out, snapshot);
	return true;
}

/* Always an array, so that a reader needs to handle one type only. */
json_t *spw_view_lists_json(const struct spw_snapshot *snapshot, const char *name)
{
	const struct spw_list_snapshot *named = name ? find(snapshot, name) : NULL;
	struct spw_json array = spw_json_array();

	if (name && !named)
		array.failed = true;
	for (size_t i = 0; i < snapshot->lists_count; i++)
		if (!name || &snapshot->lists[i] == named)
			spw_json_add(&array, spw_json_list(snapshot, &snapshot->lists[i]));
	return spw_json_finish(&array);
}
