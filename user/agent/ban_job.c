/* SPDX-License-Identifier: GPL-2.0-only */
#include "ban_job.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

enum {
	SLICE_PREFIXES = 1024, /* per slice of add and remove */
	SLICE_NS = 3000000,    /* of refit, checked every 64 items */
};

_Static_assert(SLICE_PREFIXES <= SPW_BAN_BATCH, "a slice fits a batch");

void ban_job_free(struct ban_job *job)
{
	if (!job)
		return;
	free(job->prefixes.entries);
	free(job->fresh);
	free(job);
}

static size_t slice_end(const struct ban_job *job)
{
	return job->at + SLICE_PREFIXES < job->prefixes.count ? job->at + SLICE_PREFIXES : job->prefixes.count;
}

/* ---- add ---- */

static void fail(struct ban_job *job, int err)
{
	if (!*job->error)
		snprintf(job->error, sizeof(job->error), "%s",
			 err == -EUSERS	  ? "too many: the maximum is 1024 owners of bans"
			 : err == -EDQUOT ? "too many: the maximum is 524288 owners of bans that have several"
			 : err == -ENOSPC || err == -E2BIG ? "too many: the maximum is 131072 bans and holes"
							   : "the kernel has no memory for more bans");
	job->phase = BAN_SETTLE;
	job->at = 0;
}

static void refuse(struct ban_job *job, const struct spw_prefix *prefix, const char *why)
{
	char text[SPW_PREFIX_TEXT];

	snprintf(job->error, sizeof(job->error), "%s: %s; nothing was changed", spw_prefix_format(prefix, text), why);
}

/* Check all prefixes before putting the first one. */
static void check_some(struct ban_job *job, struct ban_table *table)
{
	for (size_t end = slice_end(job); job->at < end && !*job->error; job->at++) {
		const struct spw_prefix *prefix = &job->prefixes.entries[job->at].prefix;
		const struct spw_ban *ban = spw_ban_set_find(&table->set, prefix);
		long holes = ban && ban->list ? 0 : ban_table_holes(table, prefix);

		if (holes > SPW_BAN_HOLES_MAX)
			refuse(job, prefix,
			       "more than 4096 prefixes of the lists lie in it, and each is more specific and would "
			       "win; add narrower prefixes");
		else if (holes < 0)
			refuse(job, prefix,
			       "the prefixes of the lists within it are not known, as the ruleset in force was "
			       "restored before this agent started; run 'spillway apply' first");
		job->room += (size_t)(ban ? 0 : 1) + (size_t)(holes > 0 ? holes : 0);
	}
	if (!*job->error && table->set.count + job->room > SPW_BANS_MAX)
		snprintf(job->error, sizeof(job->error),
			 "too many: there are %u bans and holes, the maximum is %d; nothing was changed",
			 table->set.count, SPW_BANS_MAX);
	if (!*job->error && job->at == job->prefixes.count) {
		job->phase = BAN_DO;
		job->at = 0;
	}
}

static int put_one(struct ban_job *job, struct ban_table *table, size_t at, const struct ban_terms *terms)
{
	const struct spw_prefix *prefix = &job->prefixes.entries[at].prefix;
	struct spw_ban *ban = spw_ban_set_find(&table->set, prefix);
	int outcome;

	if (ban && spw_ban_is_over(ban, table->now_ns))
		ban_table_expire(table, ban);
	outcome = ban_table_put(table, prefix, terms);
	job->fresh[at] = outcome == BAN_ADDED;
	job->added += outcome == BAN_ADDED;
	job->changed += outcome == BAN_CHANGED;
	job->moved += outcome == BAN_MOVED;
	if (outcome == BAN_CHANGED)
		job->held += spw_ban_set_find(&table->set, prefix)->owner != terms->owner;
	return outcome < 0 ? outcome : 0;
}

/* New bans are written in one batch. An existing one keeps its counts, so its value is read first. */
static int write_one(struct ban_job *job, struct ban_table *table, size_t at, const struct ban_terms *terms)
{
	const struct spw_prefix *prefix = &job->prefixes.entries[at].prefix;
	const struct spw_ban *ban = job->fresh[at] ? spw_ban_set_find(&table->set, prefix) : NULL;
	char label[SPW_BAN_NOTE_MAX];

	if (!ban)
		return ban_table_write(table, prefix, terms);
	ban_table_pack(table, ban, terms->note, label);
	spw_ban_batch_add(&table->maps, table->batch, ban, &table->clock, label);
	table->unsaved = true;
	return 0;
}

static void add_some(struct ban_job *job, struct ban_table *table)
{
	const struct ban_terms terms = {
		.list = job->list,
		.owner = spw_ban_owner_take(&table->owners, &table->set, job->owner),
		.extend = job->extend,
		.until_ns = job->until_ns,
		.note = job->note,
	};
	size_t begin = job->at;
	int err = terms.owner ? 0 : -EUSERS;

	for (size_t end = slice_end(job); job->at < end && !err; job->at++)
		err = put_one(job, table, job->at, &terms);
	if (!err)
		err = ban_table_flush(table);
	for (size_t i = begin; i < job->at && !err; i++)
		err = write_one(job, table, i, &terms);
	if (!err)
		err = spw_ban_batch_write(&table->maps, table->batch);
	if (err)
		fail(job, err);
}

/* Remove what a failed job added. Changes to existing bans stay, and the counts in the answer say so. */
static void take_back_some(struct ban_job *job, struct ban_table *table)
{
	for (size_t end = slice_end(job); job->at < end; job->at++) {
		const struct spw_prefix *prefix = &job->prefixes.entries[job->at].prefix;
		struct spw_ban *ban = job->fresh[job->at] == 1 ? spw_ban_set_find(&table->set, prefix) : NULL;

		if (!ban || !ban->list)
			continue;
		table->totals[ban->list].removed++;
		ban_table_remove(table, ban);
	}
}

/* ---- remove ---- */

/* @owner: number; 0: all owners. @ban may be gone afterwards. */
static void remove_one(struct ban_job *job, struct ban_table *table, struct spw_ban *ban, u16 owner)
{
	const u16 list = ban->list;
	enum spw_ban_lifted lifted = SPW_BAN_GONE;

	if (owner)
		lifted = ban_table_lift(table, ban, owner);
	else
		ban_table_remove(table, ban);
	job->kept += lifted == SPW_BAN_KEPT;
	job->removed += lifted == SPW_BAN_GONE;
	job->absent += lifted == SPW_BAN_NOT_OWNED && job->kind == BAN_REMOVE;
	if (lifted != SPW_BAN_GONE)
		return;
	table->totals[list].removed++;
	table->totals_changed[list] = true;
}

/* False: the owner has no ban at all. 0 in @owner: all owners. */
static bool find_owner(const struct ban_job *job, const struct ban_table *table, u16 *owner)
{
	*owner = spw_ban_owner_find(&table->owners, job->owner);
	return *owner || !*job->owner;
}

static void remove_some(struct ban_job *job, struct ban_table *table)
{
	u16 owner;
	bool known = find_owner(job, table, &owner);

	for (size_t end = slice_end(job); job->at < end; job->at++) {
		struct spw_ban *ban = spw_ban_set_find(&table->set, &job->prefixes.entries[job->at].prefix);

		if (!known || !ban || ban->list != job->list || spw_ban_is_over(ban, table->now_ns))
			job->absent++;
		else
			remove_one(job, table, ban, owner);
	}
}

/* ---- sweep ---- */

static bool is_within(const struct ban_job *job, const struct spw_ban *ban)
{
	struct spw_prefix prefix = spw_ban_prefix(ban);

	for (size_t i = 0; i < job->prefixes.count; i++)
		if (spw_prefix_contains(&job->prefixes.entries[i].prefix, &prefix))
			return true;
	return !job->prefixes.count;
}

/* From the end: an item that is removed, here or by expiry in a tick, is replaced by one already visited. */
static void sweep_some(struct ban_job *job, struct ban_table *table)
{
	u64 begin = spw_monotonic_ns();
	u16 owner;

	if (!job->begun || job->at > table->set.count)
		job->at = table->set.count;
	job->begun = true;
	if (!find_owner(job, table, &owner))
		job->at = 0;
	for (u32 looks = 1; job->at; looks++) {
		struct spw_ban *ban = &table->set.items[--job->at];

		if (ban->list == job->list && !spw_ban_is_over(ban, table->now_ns) && is_within(job, ban))
			remove_one(job, table, ban, owner);
		/* Holes may have gone with it. */
		if (job->at > table->set.count)
			job->at = table->set.count;
		if (looks % 64 == 0 && spw_monotonic_ns() - begin > SLICE_NS)
			return;
	}
}

/* ---- refit: mark no hole as wanted, let each ban mark those it wants, then update the map ---- */

static void begin_refit(struct ban_job *job, struct ban_table *table, int rows_file)
{
	int err = 0;

	spw_rows_unmap(&table->rows);
	if (rows_file >= 0)
		err = spw_rows_map(rows_file, &table->rows);
	if (err)
		spw_log(LOG_ERR, "cannot map the prefixes of the ruleset: %s", strerror(-err));
	/* Without the prefixes, holes stay as they are. */
	for (u32 i = 0; i < table->set.count && table->rows.memory; i++)
		table->set.items[i].wanted_by = 0;
	job->at = 0;
	job->phase = table->rows.memory ? BAN_DO : BAN_SETTLE;
}

static void drop_crowded(struct ban_table *table, struct spw_ban *ban)
{
	struct spw_prefix prefix = spw_ban_prefix(ban);
	char text[SPW_PREFIX_TEXT];

	spw_log(LOG_ERR, "ban %s is removed: more than %d prefixes of the new lists lie in it",
		spw_prefix_format(&prefix, text), SPW_BAN_HOLES_MAX);
	ban_table_drop_crowded(table, ban);
}

/* Skips holes put meanwhile, at the end of the set. */
static void refit_some(struct ban_job *job, struct ban_table *table)
{
	u64 begin = spw_monotonic_ns();
	int err = 0;

	for (u32 looks = 0; job->at < table->set.count && !err; job->at++) {
		struct spw_ban *ban = &table->set.items[job->at];
		struct spw_prefix prefix = spw_ban_prefix(ban);

		if (ban->list && ban_table_holes(table, &prefix) > SPW_BAN_HOLES_MAX)
			drop_crowded(table, ban);
		else if (ban->list)
			err = ban_table_want_holes(table, &prefix, 1);
		if (++looks % 64 == 0 && spw_monotonic_ns() - begin > SLICE_NS)
			break;
	}
	if (!err)
		err = ban_table_flush(table);
	if (err)
		spw_log(LOG_ERR, "some prefixes of lists within bans could not be written (%s): there the bans win",
			strerror(-err));
	if (job->at == table->set.count || err) {
		job->phase = BAN_SETTLE;
		job->at = 0;
	}
}

static void settle_some(struct ban_job *job, struct ban_table *table)
{
	u64 begin = spw_monotonic_ns();

	for (u32 looks = 0; job->at < table->set.count;) {
		/* The last item takes the index of a dropped one. */
		if (ban_table_settle(table, &table->set.items[job->at]) != 1)
			job->at++;
		if (++looks % 64 == 0 && spw_monotonic_ns() - begin > SLICE_NS)
			return;
	}
}

/* ---- any job ---- */

static bool is_done(const struct ban_job *job, const struct ban_table *table)
{
	if (job->kind == BAN_REFIT)
		return job->phase == BAN_SETTLE && job->at == table->set.count;
	if (job->kind == BAN_SWEEP)
		return job->begun && !job->at;
	if (*job->error && (job->kind == BAN_REMOVE || job->phase == BAN_CHECK))
		return true;
	return job->phase != BAN_CHECK && job->at == job->prefixes.count;
}

static void work_on(struct ban_job *job, struct ban_table *table, int rows_file)
{
	if (job->kind == BAN_REFIT && job->phase == BAN_CHECK)
		begin_refit(job, table, rows_file);
	else if (job->kind == BAN_REFIT && job->phase == BAN_DO)
		refit_some(job, table);
	else if (job->kind == BAN_REFIT)
		settle_some(job, table);
	else if (job->kind == BAN_REMOVE)
		remove_some(job, table);
	else if (job->kind == BAN_SWEEP)
		sweep_some(job, table);
	else if (job->phase == BAN_CHECK)
		check_some(job, table);
	else if (job->phase == BAN_DO)
		add_some(job, table);
	else
		take_back_some(job, table);
}

bool ban_job_work(struct ban_job *job, struct ban_table *table, int rows_file)
{
	if (job->phase == BAN_CHECK && job->kind == BAN_ADD && !job->fresh) {
		job->fresh = calloc(job->prefixes.count + 1, 1);
		if (!job->fresh)
			snprintf(job->error, sizeof(job->error), "out of memory");
	}
	if (!is_done(job, table))
		work_on(job, table, rows_file);
	ban_table_write_totals(table);
	return is_done(job, table);
}

static void log_outcome(const struct ban_job *job)
{
	const char *by = *job->owner ? job->owner : "all owners";

	if (*job->error && job->kind == BAN_ADD)
		spw_log(LOG_ERR, "list-add to '%s' failed: %s", job->list_name, job->error);
	else if (job->kind == BAN_ADD)
		spw_log(LOG_INFO, "list '%s': %u %s added, %u changed, %u moved here, by %s", job->list_name,
			job->added, job->added == 1 ? "entry" : "entries", job->changed, job->moved, by);
	else if (job->kind != BAN_REFIT)
		spw_log(LOG_INFO, "list '%s': %u %s removed, of %s", job->list_name, job->removed,
			job->removed == 1 ? "entry" : "entries", by);
}

static json_t *make_answer(const struct ban_job *job)
{
	json_t *answer;

	if (*job->error)
		return spw_reply_failure(job->error);
	if (job->kind == BAN_ADD)
		answer = json_pack("{s:b,s:i,s:i,s:i,s:i}", "ok", 1, "added", job->added, "changed", job->changed,
				   "moved", job->moved, "held", job->held);
	else
		answer = json_pack("{s:b,s:i,s:i,s:i}", "ok", 1, "removed", job->removed, "absent", job->absent, "kept",
				   job->kept);
	if (*job->warnings)
		json_object_set_new(answer, "warnings", json_string(job->warnings));
	return answer;
}

void ban_job_report(const struct ban_job *job)
{
	log_outcome(job);
	spw_reply(&job->client, make_answer(job));
}
