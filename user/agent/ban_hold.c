/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One entry with its holes. The order of writing is that of maps/entry.h: what passes the filter first, then holes,
 * then the entry, so that no packet sees an entry without its holes; and backwards.
 */
#include <errno.h>
#include <stdlib.h>

#include "bans.h"

static bool has_room_inside(const struct spw_prefix *prefix)
{
	return prefix->len < (prefix->family == 4 ? 32 : 128);
}

long entry_holes(const struct agent_entries *entries, const struct spw_prefix *prefix)
{
	struct spw_prefix_walk walk;
	struct spw_prefix inner;
	long count = 0;

	if (!has_room_inside(prefix))
		return 0;
	if (!entries->rows.memory)
		return -1;
	spw_prefix_walk_begin(&walk, &entries->rows.rows, prefix);
	while (count <= SPW_ENTRY_HOLES_MAX && spw_prefix_walk_next(&walk, &inner))
		count++;
	return count;
}

static int remember_write(struct agent_entries *entries, const struct spw_prefix *prefix)
{
	if (entries->writes_count == entries->writes_capacity) {
		size_t capacity = entries->writes_capacity ? entries->writes_capacity * 2 : 256;
		struct spw_prefix *writes = reallocarray(entries->writes, capacity, sizeof(*writes));

		if (!writes)
			return -ENOMEM;
		entries->writes = writes;
		entries->writes_capacity = capacity;
	}
	entries->writes[entries->writes_count++] = *prefix;
	return 0;
}

static void let_pass(struct agent_entries *entries, const struct spw_prefix *prefix)
{
	if (!spw_entry_filter_add(entries->maps.filter, prefix))
		entries->filter_short = true;
}

static int want_hole(struct agent_entries *entries, const struct spw_prefix *prefix)
{
	struct spw_held *held = spw_entry_set_put(&entries->set, prefix);

	if (!held)
		return -ENOSPC;
	if (held->wanted_by++ || held->hole)
		return 0;
	let_pass(entries, prefix);
	return remember_write(entries, prefix);
}

int entry_settle_hole(struct agent_entries *entries, struct spw_held *held)
{
	int err;

	if (!held->wanted_by && !held->list) {
		err = spw_entry_maps_remove(&entries->maps, held);
		if (err)
			return err;
		spw_entry_set_drop(&entries->set, held);
		entries->filter_wide = true;
		return 1;
	}
	if (held->hole == !!held->wanted_by)
		return 0;
	held->hole = !!held->wanted_by;
	return spw_entry_maps_mark(&entries->maps, held);
}

static void unwant_hole(struct agent_entries *entries, const struct spw_prefix *prefix)
{
	struct spw_held *held = spw_entry_set_find(&entries->set, prefix);

	if (!held || !held->wanted_by)
		return;
	held->wanted_by--;
	entry_settle_hole(entries, held);
}

int entry_want_holes(struct agent_entries *entries, const struct spw_prefix *prefix, int by)
{
	struct spw_prefix_walk walk;
	struct spw_prefix inner;
	int err = 0;

	if (!has_room_inside(prefix) || !entries->rows.memory)
		return 0;
	spw_prefix_walk_begin(&walk, &entries->rows.rows, prefix);
	while (!err && spw_prefix_walk_next(&walk, &inner)) {
		if (by > 0)
			err = want_hole(entries, &inner);
		else
			unwant_hole(entries, &inner);
	}
	return err;
}

static void count_outcome(struct agent_entries *entries, u16 former, u16 list)
{
	if (former == list)
		return;
	entries->totals[list].entries++;
	entries->totals[list].added++;
	entries->totals_changed[list] = true;
	if (!former)
		return;
	entries->totals[former].entries--;
	entries->totals[former].removed++;
	entries->totals_changed[former] = true;
}

int entry_hold(struct agent_entries *entries, const struct spw_prefix *prefix, const struct entry_terms *terms)
{
	struct spw_held *held = spw_entry_set_find(&entries->set, prefix);
	u16 former = held ? held->list : 0;
	int err = former ? 0 : entry_want_holes(entries, prefix, 1);

	held = err ? NULL : spw_entry_set_put(&entries->set, prefix);
	if (!held) {
		if (!former)
			entry_want_holes(entries, prefix, -1);
		return err ? err : -ENOSPC;
	}
	/* In another list it counts from zero. */
	if (former && former != terms->list)
		spw_entry_set_name(&entries->set, held, 0);
	spw_entry_set_name(&entries->set, held, terms->list);
	held->until_ns = terms->until_ns;
	count_outcome(entries, former, terms->list);
	let_pass(entries, prefix);
	return !former ? ENTRY_ADDED : former == terms->list ? ENTRY_CHANGED : ENTRY_MOVED;
}

int entries_flush(struct agent_entries *entries)
{
	int err = 0;

	if (entries->filter_short || (!entries->set.count && entries->maps.filter->active)) {
		spw_entry_maps_publish(&entries->maps, &entries->set);
		entries->filter_short = entries->filter_wide = false;
		entries->filtered_ns = entries->now_ns;
	}
	for (size_t i = 0; i < entries->writes_count; i++) {
		struct spw_held *held = spw_entry_set_find(&entries->set, &entries->writes[i]);
		int failed = held ? entry_settle_hole(entries, held) : 0;

		if (failed < 0 && !err) {
			held->hole = false;
			err = failed;
		}
	}
	entries->writes_count = 0;
	return err;
}

int entry_write(struct agent_entries *entries, const struct spw_prefix *prefix, const struct entry_terms *terms)
{
	struct spw_held *held = spw_entry_set_find(&entries->set, prefix);
	int err = held && held->list
			  ? spw_entry_maps_write(&entries->maps, held, &entries->clock, terms->note, terms->carried)
			  : 0;

	entries->unsaved = true;
	if (err)
		entry_release(entries, held);
	return err;
}

void entry_release(struct agent_entries *entries, struct spw_held *held)
{
	struct spw_prefix prefix = spw_held_prefix(held);

	entries->totals[held->list].entries--;
	entries->totals_changed[held->list] = true;
	entries->unsaved = true;
	spw_entry_set_name(&entries->set, held, 0);
	if (held->wanted_by) {
		/* The key stays, as a hole in an entry around it. */
		held->hole = true;
		spw_entry_maps_mark(&entries->maps, held);
	} else {
		spw_entry_maps_remove(&entries->maps, held);
		spw_entry_set_drop(&entries->set, held);
		entries->filter_wide = true;
	}
	entry_want_holes(entries, &prefix, -1);
}
