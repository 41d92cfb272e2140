/* SPDX-License-Identifier: GPL-2.0-only */
/* Order of writes (maps/ban.h): filter, holes, ban; removal in reverse. */
#include "ban_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/ban_label.h"

#define SECOND_NS 1000000000ull

/* ---- holes ---- */

static bool has_room_inside(const struct spw_prefix *prefix)
{
	return prefix->len < (prefix->family == 4 ? 32 : 128);
}

long ban_table_holes(const struct ban_table *table, const struct spw_prefix *prefix)
{
	struct spw_prefix_walk walk;
	struct spw_prefix inner;
	long count = 0;

	if (!has_room_inside(prefix))
		return 0;
	if (!table->rows.memory)
		return -1;
	spw_prefix_walk_begin(&walk, &table->rows.rows, prefix);
	while (count <= SPW_BAN_HOLES_MAX && spw_prefix_walk_next(&walk, &inner))
		count++;
	return count;
}

static int remember_write(struct ban_table *table, const struct spw_prefix *prefix)
{
	if (table->writes_count == table->writes_capacity) {
		size_t capacity = table->writes_capacity ? table->writes_capacity * 2 : 256;
		struct spw_prefix *writes = reallocarray(table->writes, capacity, sizeof(*writes));

		if (!writes)
			return -ENOMEM;
		table->writes = writes;
		table->writes_capacity = capacity;
	}
	table->writes[table->writes_count++] = *prefix;
	return 0;
}

static void add_to_filter(struct ban_table *table, const struct spw_prefix *prefix)
{
	if (!spw_ban_filter_add(table->maps.filter, prefix))
		table->filter_short = true;
}

static int want_hole(struct ban_table *table, const struct spw_prefix *prefix)
{
	struct spw_ban *ban = spw_ban_set_put(&table->set, prefix);

	if (!ban)
		return -ENOSPC;
	if (ban->wanted_by++ || ban->hole)
		return 0;
	add_to_filter(table, prefix);
	return remember_write(table, prefix);
}

int ban_table_settle(struct ban_table *table, struct spw_ban *ban)
{
	int err;

	if (!ban->wanted_by && !ban->list) {
		err = spw_ban_maps_remove(&table->maps, ban);
		if (err)
			return err;
		spw_ban_set_drop(&table->set, ban);
		table->filter_wide = true;
		return 1;
	}
	if (ban->hole == !!ban->wanted_by)
		return 0;
	ban->hole = !!ban->wanted_by;
	return spw_ban_maps_mark(&table->maps, ban);
}

static void unwant_hole(struct ban_table *table, const struct spw_prefix *prefix)
{
	struct spw_ban *ban = spw_ban_set_find(&table->set, prefix);

	if (!ban || !ban->wanted_by)
		return;
	ban->wanted_by--;
	ban_table_settle(table, ban);
}

int ban_table_want_holes(struct ban_table *table, const struct spw_prefix *prefix, int by)
{
	struct spw_prefix_walk walk;
	struct spw_prefix inner;
	int err = 0;

	if (!has_room_inside(prefix) || !table->rows.memory)
		return 0;
	spw_prefix_walk_begin(&walk, &table->rows.rows, prefix);
	while (!err && spw_prefix_walk_next(&walk, &inner)) {
		if (by > 0)
			err = want_hole(table, &inner);
		else
			unwant_hole(table, &inner);
	}
	return err;
}

/* ---- bans ---- */

static void count_outcome(struct ban_table *table, u16 former, u16 list)
{
	if (former == list)
		return;
	table->totals[list].entries++;
	table->totals[list].added++;
	table->totals_changed[list] = true;
	if (!former)
		return;
	table->totals[former].entries--;
	table->totals[former].removed++;
	table->totals_changed[former] = true;
}

/* The note of an only owner is only in the map. */
static void read_note(const struct ban_table *table, const struct spw_ban *ban, char note[SPW_BAN_NOTE_MAX])
{
	char packed[SPW_BAN_NOTE_MAX] = "";
	struct spw_ban_label label;

	spw_ban_maps_label(&table->maps, ban, packed);
	spw_ban_unpack_label(packed, &label);
	memcpy(note, label.note, SPW_BAN_NOTE_MAX);
}

static int claim(struct ban_table *table, struct spw_ban *ban, const struct ban_terms *terms)
{
	const struct spw_ban_claim_terms claimed = {terms->until_ns, terms->note, terms->owner, terms->extend};
	char note[SPW_BAN_NOTE_MAX] = "";

	if (spw_ban_needs_note(ban, terms->owner))
		read_note(table, ban, note);
	return spw_ban_claim(&table->owners, ban, &claimed, note);
}

int ban_table_put(struct ban_table *table, const struct spw_prefix *prefix, const struct ban_terms *terms)
{
	struct spw_ban *ban = spw_ban_set_find(&table->set, prefix);
	u16 former = ban ? ban->list : 0;
	int err = former ? 0 : ban_table_want_holes(table, prefix, 1);

	ban = err ? NULL : spw_ban_set_put(&table->set, prefix);
	if (!ban) {
		if (!former)
			ban_table_want_holes(table, prefix, -1);
		return err ? err : -ENOSPC;
	}
	/* Counters and owners restart in another list. */
	if (former && former != terms->list) {
		spw_ban_forget_claims(&table->owners, ban);
		spw_ban_set_name(&table->set, ban, 0);
	}
	/* Only adding an owner to an existing ban can fail. */
	err = claim(table, ban, terms);
	if (err)
		return err;
	spw_ban_set_name(&table->set, ban, terms->list);
	count_outcome(table, former, terms->list);
	add_to_filter(table, prefix);
	return !former ? BAN_ADDED : former == terms->list ? BAN_CHANGED : BAN_MOVED;
}

int ban_table_flush(struct ban_table *table)
{
	int err = 0;

	if (table->filter_short || (!table->set.count && table->maps.filter->active)) {
		ban_table_publish(table);
		table->filter_short = table->filter_wide = false;
		table->filtered_ns = table->now_ns;
	}
	for (size_t i = 0; i < table->writes_count; i++) {
		struct spw_ban *ban = spw_ban_set_find(&table->set, &table->writes[i]);
		int failed = ban ? ban_table_settle(table, ban) : 0;

		if (failed < 0 && !err) {
			ban->hole = false;
			err = failed;
		}
	}
	table->writes_count = 0;
	return err;
}

void ban_table_pack(const struct ban_table *table, const struct spw_ban *ban, const char *note,
		    char packed[SPW_BAN_NOTE_MAX])
{
	struct spw_ban_label label = {.owners = spw_ban_owners_count(&table->owners, ban)};

	memcpy(label.note, note, strnlen(note, sizeof(label.note) - 1));
	memcpy(label.owner, spw_ban_owner_name(&table->owners, ban->owner), sizeof(label.owner));
	spw_ban_pack_label(&label, packed);
}

/* @note: of the owner with the latest end. */
static int write_ban(struct ban_table *table, const struct spw_ban *ban, const char *note,
		     const struct spw_ban_count *carried)
{
	char packed[SPW_BAN_NOTE_MAX];

	ban_table_pack(table, ban, note, packed);
	return spw_ban_maps_write(&table->maps, ban, &table->clock, packed, carried);
}

int ban_table_write(struct ban_table *table, const struct spw_prefix *prefix, const struct ban_terms *terms)
{
	struct spw_ban *ban = spw_ban_set_find(&table->set, prefix);
	const char *shared = ban ? spw_ban_note(&table->owners, ban) : NULL;
	int err = ban && ban->list ? write_ban(table, ban, shared ? shared : terms->note, terms->carried) : 0;

	table->unsaved = true;
	if (err)
		ban_table_remove(table, ban);
	return err;
}

static void count_gone(struct ban_table *table, const struct spw_ban *ban)
{
	table->totals[ban->list].entries--;
	table->totals_changed[ban->list] = true;
	table->unsaved = true;
}

void ban_table_remove(struct ban_table *table, struct spw_ban *ban)
{
	struct spw_prefix prefix = spw_ban_prefix(ban);

	count_gone(table, ban);
	spw_ban_forget_claims(&table->owners, ban);
	spw_ban_set_name(&table->set, ban, 0);
	if (ban->wanted_by) {
		/* The key stays, as a hole in a wider ban. */
		ban->hole = true;
		spw_ban_maps_mark(&table->maps, ban);
	} else {
		spw_ban_maps_remove(&table->maps, ban);
		spw_ban_set_drop(&table->set, ban);
		table->filter_wide = true;
	}
	ban_table_want_holes(table, &prefix, -1);
}

static void rewrite(struct ban_table *table, const struct spw_ban *ban, const char *note)
{
	int err = write_ban(table, ban, note, NULL);

	if (err)
		spw_log(LOG_ERR, "a ban could not be written: %s; it keeps the end that it had", strerror(-err));
	table->unsaved = true;
}

enum spw_ban_lifted ban_table_lift(struct ban_table *table, struct spw_ban *ban, u16 owner)
{
	char note[SPW_BAN_NOTE_MAX];
	enum spw_ban_lifted lifted = spw_ban_lift(&table->owners, ban, owner, table->now_ns, note);

	if (lifted == SPW_BAN_KEPT)
		rewrite(table, ban, note);
	else if (lifted == SPW_BAN_GONE)
		ban_table_remove(table, ban);
	return lifted;
}

void ban_table_prune(struct ban_table *table, struct spw_ban *ban)
{
	char note[SPW_BAN_NOTE_MAX];
	const char *shared = spw_ban_note(&table->owners, ban);

	if (!shared)
		return;
	memcpy(note, shared, sizeof(note));
	if (spw_ban_prune(&table->owners, ban, table->now_ns))
		rewrite(table, ban, note);
}

void ban_table_expire(struct ban_table *table, struct spw_ban *ban)
{
	table->totals[ban->list].expired++;
	ban_table_remove(table, ban);
}

void ban_table_drop_crowded(struct ban_table *table, struct spw_ban *ban)
{
	table->totals[ban->list].removed++;
	count_gone(table, ban);
	spw_ban_forget_claims(&table->owners, ban);
	spw_ban_set_name(&table->set, ban, 0);
	ban->hole = true; /* so that ban_table_settle() writes or drops it */
	spw_ban_maps_mark(&table->maps, ban);
}

/* ---- filter, totals, clock ---- */

void ban_table_publish(struct ban_table *table)
{
	spw_ban_maps_publish(&table->maps, &table->set);
}

/* Stale filter bits cost the sources that match them a hash lookup. */
void ban_table_narrow(struct ban_table *table, u64 now_ns)
{
	if (!table->filter_wide || now_ns - table->filtered_ns < SECOND_NS)
		return;
	ban_table_publish(table);
	table->filter_wide = false;
	table->filtered_ns = now_ns;
}

void ban_table_write_totals(struct ban_table *table)
{
	for (u32 i = 0; i < SPW_LISTS_MAX; i++) {
		int err;

		if (!table->totals_changed[i])
			continue;
		table->totals_changed[i] = false;
		err = spw_ban_maps_write_total(&table->maps, i, &table->totals[i]);
		if (err)
			spw_log(LOG_ERR, "cannot write the totals of bans: %s", strerror(-err));
	}
}

/* Reading jiffies runs a program, which may have to wait. Both clocks advance alike: once a second is enough. */
void ban_table_read_clock(struct ban_table *table, const struct spw_datapath *datapath)
{
	table->now_ns = spw_monotonic_ns();
	if (table->now_ns - table->clock.now_ns < SECOND_NS)
		return;
	table->clock = (struct spw_ban_clock){
		.now_jiffies = spw_datapath_lease(datapath, 0),
		.now_ns = table->now_ns,
		.jiffies_per_second = datapath->jiffies_per_second,
	};
}

/* ---- open and close ---- */

static bool is_key(const struct spw_ban_key *key)
{
	if (key->family == 4)
		return key->length <= 32 && !key->source_lo && !(key->source_hi & 0xffffffff);
	return key->family == 6 && key->length <= 128;
}

/* Skip values that no agent writes. */
static int take_pinned(void *context, const struct spw_ban_key *key, const struct spw_ban_value *value)
{
	struct ban_table *table = context;
	struct spw_prefix prefix = {{key->source_hi, key->source_lo}, (u8)key->family, (u8)key->length};
	struct spw_ban_label label;
	struct spw_ban *ban;

	if (!is_key(key) || value->list >= SPW_LISTS_MAX || value->counter >= SPW_BAN_COUNTS)
		return 0;
	ban = spw_ban_set_put(&table->set, &prefix);
	if (!ban)
		return -ENOMEM;
	ban->hole = value->hole;
	ban->wanted_by = value->hole;
	ban->list = value->list;
	ban->until_ns = value->until_ns;
	if (value->list) {
		spw_ban_unpack_label(value->note, &label);
		ban->owner = spw_ban_owner_take(&table->owners, &table->set, label.owner);
		if (!ban->owner)
			ban->owner = SPW_BAN_HAND;
		ban->counter = value->counter;
		table->totals[value->list].entries++;
	}
	return 0;
}

static int read_pinned(struct ban_table *table)
{
	int err = 0;

	for (u32 i = 0; i < SPW_LISTS_MAX && !err; i++) {
		err = spw_ban_maps_read_total(&table->maps, i, &table->totals[i]);
		table->totals_changed[i] = table->totals[i].entries;
		table->totals[i].entries = 0;
	}
	if (!err)
		err = spw_ban_maps_read(&table->maps, take_pinned, table);
	return err ? err : spw_ban_set_take_counters(&table->set);
}

int ban_table_open(struct ban_table *table, const struct spw_pins *pins)
{
	int err;

	*table = (struct ban_table){
		.totals = calloc(SPW_LISTS_MAX, sizeof(*table->totals)),
		.totals_changed = calloc(SPW_LISTS_MAX, sizeof(*table->totals_changed)),
		.batch = calloc(1, sizeof(*table->batch)),
	};
	if (!table->totals || !table->totals_changed || !table->batch)
		return -ENOMEM;
	err = spw_ban_maps_open(pins, true, &table->maps);
	if (!err)
		err = spw_ban_maps_seed(&table->maps);
	if (!err)
		err = spw_ban_set_init(&table->set, table->maps.filter->seed[1]);
	if (!err)
		err = spw_ban_owners_init(&table->owners);
	return err ? err : read_pinned(table);
}

void ban_table_close(struct ban_table *table)
{
	spw_rows_unmap(&table->rows);
	spw_ban_maps_close(&table->maps);
	spw_ban_set_free(&table->set);
	spw_ban_owners_free(&table->owners);
	free(table->writes);
	free(table->batch);
	free(table->totals);
	free(table->totals_changed);
}
