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

long ban_holes(const struct agent_bans *entries, const struct spw_prefix *prefix)
{
	struct spw_prefix_walk walk;
	struct spw_prefix inner;
	long count = 0;

	if (!has_room_inside(prefix))
		return 0;
	if (!entries->rows.memory)
		return -1;
	spw_prefix_walk_begin(&walk, &entries->rows.rows, prefix);
	while (count <= SPW_BAN_HOLES_MAX && spw_prefix_walk_next(&walk, &inner))
		count++;
	return count;
}

static int remember_write(struct agent_bans *entries, const struct spw_prefix *prefix)
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

static void let_pass(struct agent_bans *entries, const struct spw_prefix *prefix)
{
	if (!spw_ban_filter_add(entries->maps.filter, prefix))
		entries->filter_short = true;
}

static int want_hole(struct agent_bans *entries, const struct spw_prefix *prefix)
{
	struct spw_ban *ban = spw_ban_set_put(&entries->set, prefix);

	if (!ban)
		return -ENOSPC;
	if (ban->wanted_by++ || ban->hole)
		return 0;
	let_pass(entries, prefix);
	return remember_write(entries, prefix);
}

int ban_settle_hole(struct agent_bans *entries, struct spw_ban *ban)
{
	int err;

	if (!ban->wanted_by && !ban->list) {
		err = spw_ban_maps_remove(&entries->maps, ban);
		if (err)
			return err;
		spw_ban_set_drop(&entries->set, ban);
		entries->filter_wide = true;
		return 1;
	}
	if (ban->hole == !!ban->wanted_by)
		return 0;
	ban->hole = !!ban->wanted_by;
	return spw_ban_maps_mark(&entries->maps, ban);
}

static void unwant_hole(struct agent_bans *entries, const struct spw_prefix *prefix)
{
	struct spw_ban *ban = spw_ban_set_find(&entries->set, prefix);

	if (!ban || !ban->wanted_by)
		return;
	ban->wanted_by--;
	ban_settle_hole(entries, ban);
}

int ban_want_holes(struct agent_bans *entries, const struct spw_prefix *prefix, int by)
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

static void count_outcome(struct agent_bans *entries, u16 former, u16 list)
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

int ban_hold(struct agent_bans *entries, const struct spw_prefix *prefix, const struct ban_terms *terms)
{
	struct spw_ban *ban = spw_ban_set_find(&entries->set, prefix);
	u16 former = ban ? ban->list : 0;
	int err = former ? 0 : ban_want_holes(entries, prefix, 1);

	ban = err ? NULL : spw_ban_set_put(&entries->set, prefix);
	if (!ban) {
		if (!former)
			ban_want_holes(entries, prefix, -1);
		return err ? err : -ENOSPC;
	}
	/* In another list it counts from zero. */
	if (former && former != terms->list)
		spw_ban_set_name(&entries->set, ban, 0);
	spw_ban_set_name(&entries->set, ban, terms->list);
	ban->until_ns = terms->until_ns;
	count_outcome(entries, former, terms->list);
	let_pass(entries, prefix);
	return !former ? BAN_ADDED : former == terms->list ? BAN_CHANGED : BAN_MOVED;
}

int bans_flush(struct agent_bans *entries)
{
	int err = 0;

	if (entries->filter_short || (!entries->set.count && entries->maps.filter->active)) {
		spw_ban_maps_publish(&entries->maps, &entries->set);
		entries->filter_short = entries->filter_wide = false;
		entries->filtered_ns = entries->now_ns;
	}
	for (size_t i = 0; i < entries->writes_count; i++) {
		struct spw_ban *ban = spw_ban_set_find(&entries->set, &entries->writes[i]);
		int failed = ban ? ban_settle_hole(entries, ban) : 0;

		if (failed < 0 && !err) {
			ban->hole = false;
			err = failed;
		}
	}
	entries->writes_count = 0;
	return err;
}

int ban_write(struct agent_bans *entries, const struct spw_prefix *prefix, const struct ban_terms *terms)
{
	struct spw_ban *ban = spw_ban_set_find(&entries->set, prefix);
	int err = ban && ban->list
			  ? spw_ban_maps_write(&entries->maps, ban, &entries->clock, terms->note, terms->carried)
			  : 0;

	entries->unsaved = true;
	if (err)
		ban_release(entries, ban);
	return err;
}

void ban_release(struct agent_bans *entries, struct spw_ban *ban)
{
	struct spw_prefix prefix = spw_ban_prefix(ban);

	entries->totals[ban->list].entries--;
	entries->totals_changed[ban->list] = true;
	entries->unsaved = true;
	spw_ban_set_name(&entries->set, ban, 0);
	if (ban->wanted_by) {
		/* The key stays, as a hole in an entry around it. */
		ban->hole = true;
		spw_ban_maps_mark(&entries->maps, ban);
	} else {
		spw_ban_maps_remove(&entries->maps, ban);
		spw_ban_set_drop(&entries->set, ban);
		entries->filter_wide = true;
	}
	ban_want_holes(entries, &prefix, -1);
}
