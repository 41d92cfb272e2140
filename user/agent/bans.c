/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is held: opened at the start from the pins, changed by jobs in slices, rid of what ended at each tick, saved
 * beside the loop. No slice takes more than a few milliseconds, however many entries a job has.
 */
#include "bans.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "store/bans_file.h"
#include "base/log.h"
#include "state.h"

enum {
	SLICE_PREFIXES = 1024, /* at most, before what they need is written */
	SLICE_NS = 3000000,
	TICK_LOOKS = 16384, /* items that a tick asks whether they ended */
	TICK_ENDS = 2048,   /* of these it removes at most */
	SECOND_NS = 1000000000,
	SAVE_COUNTS_S = 600, /* counts alone, without any change, are saved so often */
};

void ban_job_free(struct ban_job *job)
{
	if (!job)
		return;
	free(job->prefixes.entries);
	free(job->fresh);
	free(job);
}

static void write_totals(struct agent_bans *entries)
{
	for (u32 i = 0; i < SPW_LISTS_MAX; i++) {
		int err;

		if (!entries->totals_changed[i])
			continue;
		entries->totals_changed[i] = false;
		err = spw_ban_maps_write_total(&entries->maps, i, &entries->totals[i]);
		if (err)
			spw_log(LOG_ERR, "cannot write the totals of entries: %s", strerror(-err));
	}
}

/* To read jiffies a program is run, which may wait for others; both clocks go on alike, so once a second is enough. */
static void read_clock(struct agent *agent)
{
	agent->entries->now_ns = spw_monotonic_ns();
	if (agent->entries->now_ns - agent->entries->clock.now_ns < SECOND_NS)
		return;
	agent->entries->clock = (struct spw_ban_clock){
		.now_jiffies = spw_datapath_lease(&agent->datapath, 0),
		.now_ns = agent->entries->now_ns,
		.jiffies_per_second = agent->datapath.jiffies_per_second,
	};
}

static void expire(struct agent_bans *entries, struct spw_ban *ban)
{
	entries->totals[ban->list].expired++;
	ban_release(entries, ban);
}

_Static_assert(SLICE_PREFIXES <= SPW_BAN_BATCH, "a slice fits a batch");

/* ---- jobs ---- */

static void fail(struct ban_job *job, int err)
{
	if (!*job->error)
		snprintf(job->error, sizeof(job->error), "%s",
			 err == -ENOSPC || err == -E2BIG ? "no room: there can be 131072 entries and holes in all"
							 : "the kernel took no more entries: out of memory");
	job->phase = BAN_SETTLE;
	job->at = 0;
}

static void refuse(struct ban_job *job, const struct spw_prefix *prefix, const char *why)
{
	char text[SPW_PREFIX_TEXT];

	snprintf(job->error, sizeof(job->error), "%s: %s; nothing was changed", spw_prefix_format(prefix, text), why);
}

/* Before the first is put: all of them can be. */
static void check_some(struct agent_bans *entries, struct ban_job *job)
{
	size_t end = job->at + SLICE_PREFIXES < job->prefixes.count ? job->at + SLICE_PREFIXES : job->prefixes.count;

	for (; job->at < end && !*job->error; job->at++) {
		const struct spw_prefix *prefix = &job->prefixes.entries[job->at].prefix;
		const struct spw_ban *ban = spw_ban_set_find(&entries->set, prefix);
		long holes = ban && ban->list ? 0 : ban_holes(entries, prefix);

		if (holes > SPW_BAN_HOLES_MAX)
			refuse(job, prefix,
			       "more than 4096 prefixes of the lists lie in it, and each is more specific and would win; add "
			       "narrower prefixes");
		else if (holes < 0)
			refuse(job, prefix,
			       "what the lists hold within it is not known, since the ruleset in force was given back before "
			       "this agent was started; 'spillway apply' first");
		job->room += (size_t)(ban ? 0 : 1) + (size_t)(holes > 0 ? holes : 0);
	}
	if (!*job->error && entries->set.count + job->room > SPW_BANS_MAX)
		snprintf(job->error, sizeof(job->error),
			 "no room: there are %u entries and holes, and there can be %d; nothing was changed",
			 entries->set.count, SPW_BANS_MAX);
	if (!*job->error && job->at == job->prefixes.count) {
		job->phase = BAN_DO;
		job->at = 0;
	}
}

static int hold_one(struct agent_bans *entries, struct ban_job *job, size_t at, const struct ban_terms *terms)
{
	const struct spw_prefix *prefix = &job->prefixes.entries[at].prefix;
	struct spw_ban *ban = spw_ban_set_find(&entries->set, prefix);
	int outcome;

	if (ban && spw_ban_is_over(ban, entries->now_ns))
		expire(entries, ban);
	outcome = ban_hold(entries, prefix, terms);
	job->fresh[at] = outcome == BAN_ADDED;
	job->added += outcome == BAN_ADDED;
	job->changed += outcome == BAN_CHANGED;
	job->moved += outcome == BAN_MOVED;
	return outcome < 0 ? outcome : 0;
}

/* New ones in one call; those that stand already go on counting, and are read first. */
static int write_one(struct agent_bans *entries, struct ban_job *job, size_t at, const struct ban_terms *terms)
{
	const struct spw_prefix *prefix = &job->prefixes.entries[at].prefix;
	const struct spw_ban *ban = job->fresh[at] ? spw_ban_set_find(&entries->set, prefix) : NULL;

	if (!ban)
		return ban_write(entries, prefix, terms);
	spw_ban_batch_add(&entries->maps, entries->batch, ban, &entries->clock, terms->note);
	entries->unsaved = true;
	return 0;
}

static void add_some(struct agent_bans *entries, struct ban_job *job)
{
	const struct ban_terms terms = {job->list, job->until_ns, job->note, NULL};
	size_t begin = job->at, end = begin + SLICE_PREFIXES;
	int err = 0;

	if (end > job->prefixes.count)
		end = job->prefixes.count;
	for (; job->at < end && !err; job->at++)
		err = hold_one(entries, job, job->at, &terms);
	if (!err)
		err = bans_flush(entries);
	for (size_t i = begin; i < job->at && !err; i++)
		err = write_one(entries, job, i, &terms);
	if (!err)
		err = spw_ban_batch_write(&entries->maps, entries->batch);
	if (err)
		fail(job, err);
}

/* Out with what a failed job brought; what it changed stays changed, and is said. */
static void take_back_some(struct agent_bans *entries, struct ban_job *job)
{
	size_t end = job->at + SLICE_PREFIXES < job->prefixes.count ? job->at + SLICE_PREFIXES : job->prefixes.count;

	for (; job->at < end; job->at++) {
		struct spw_ban *ban = job->fresh[job->at] == 1
					      ? spw_ban_set_find(&entries->set, &job->prefixes.entries[job->at].prefix)
					      : NULL;

		if (!ban || !ban->list)
			continue;
		entries->totals[ban->list].removed++;
		ban_release(entries, ban);
	}
}

static void remove_some(struct agent_bans *entries, struct ban_job *job)
{
	size_t end = job->at + SLICE_PREFIXES < job->prefixes.count ? job->at + SLICE_PREFIXES : job->prefixes.count;

	for (; job->at < end; job->at++) {
		struct spw_ban *ban = spw_ban_set_find(&entries->set, &job->prefixes.entries[job->at].prefix);

		if (!ban || ban->list != job->list || spw_ban_is_over(ban, entries->now_ns)) {
			job->absent++;
			continue;
		}
		entries->totals[ban->list].removed++;
		ban_release(entries, ban);
		job->removed++;
	}
}

/* Another ruleset: nobody wants a hole, then each entry says what it wants, then the map learns what changed. */
static void begin_relook(struct agent_bans *entries, struct ban_job *job)
{
	spw_rows_unmap(&entries->rows);
	if (entries->rows_fd >= 0 && spw_rows_map(entries->rows_fd, &entries->rows))
		spw_log(LOG_ERR, "cannot map the prefixes of the ruleset: %s", strerror(errno));
	/* Where nothing is known of the lists, holes stay as they are. */
	for (u32 i = 0; i < entries->set.count && entries->rows.memory; i++)
		entries->set.items[i].wanted_by = 0;
	job->at = 0;
	job->phase = entries->rows.memory ? BAN_DO : BAN_SETTLE;
}

static void drop_crowded(struct agent_bans *entries, struct spw_ban *ban)
{
	struct spw_prefix prefix = spw_ban_prefix(ban);
	char text[SPW_PREFIX_TEXT];

	spw_log(LOG_ERR, "entry %s is removed: more than %d prefixes of the new lists lie in it",
		spw_prefix_format(&prefix, text), SPW_BAN_HOLES_MAX);
	entries->totals[ban->list].removed++;
	/* Its holes are not counted yet; nothing is to be taken from them. */
	entries->totals[ban->list].entries--;
	entries->totals_changed[ban->list] = true;
	spw_ban_set_name(&entries->set, ban, 0);
	ban->hole = true; /* so that settling writes or removes it */
	spw_ban_maps_mark(&entries->maps, ban);
	entries->unsaved = true;
}

/* Holes that come in the course of this stand behind the entries, and are passed over. */
static void relook_some(struct agent_bans *entries, struct ban_job *job)
{
	u64 begin = spw_monotonic_ns();
	int err = 0;

	for (u32 looks = 0; job->at < entries->set.count && !err; job->at++) {
		struct spw_ban *ban = &entries->set.items[job->at];
		struct spw_prefix prefix = spw_ban_prefix(ban);

		if (ban->list && ban_holes(entries, &prefix) > SPW_BAN_HOLES_MAX)
			drop_crowded(entries, ban);
		else if (ban->list)
			err = ban_want_holes(entries, &prefix, 1);
		if (++looks % 64 == 0 && spw_monotonic_ns() - begin > SLICE_NS)
			break;
	}
	if (!err)
		err = bans_flush(entries);
	if (err)
		spw_log(LOG_ERR,
			"some prefixes of lists within entries could not be written (%s): there the entries win",
			strerror(-err));
	if (job->at == entries->set.count || err) {
		job->phase = BAN_SETTLE;
		job->at = 0;
	}
}

static void settle_some(struct agent_bans *entries, struct ban_job *job)
{
	u64 begin = spw_monotonic_ns();

	for (u32 looks = 0; job->at < entries->set.count;) {
		/* The last one takes the place of one that went. */
		if (ban_settle_hole(entries, &entries->set.items[job->at]) != 1)
			job->at++;
		if (++looks % 64 == 0 && spw_monotonic_ns() - begin > SLICE_NS)
			return;
	}
}

static bool is_done(const struct agent_bans *entries, const struct ban_job *job)
{
	if (job->kind == BAN_RELOOK)
		return job->phase == BAN_SETTLE && job->at == entries->set.count;
	if (*job->error && (job->kind == BAN_REMOVE || job->phase == BAN_CHECK))
		return true;
	return job->phase != BAN_CHECK && job->at == job->prefixes.count;
}

static void work_on(struct agent_bans *entries, struct ban_job *job)
{
	if (job->kind == BAN_RELOOK && job->phase == BAN_CHECK)
		begin_relook(entries, job);
	else if (job->kind == BAN_RELOOK && job->phase == BAN_DO)
		relook_some(entries, job);
	else if (job->kind == BAN_RELOOK)
		settle_some(entries, job);
	else if (job->kind == BAN_REMOVE)
		remove_some(entries, job);
	else if (job->phase == BAN_CHECK)
		check_some(entries, job);
	else if (job->phase == BAN_DO)
		add_some(entries, job);
	else
		take_back_some(entries, job);
}

static void answer(struct agent *agent, const struct ban_job *job)
{
	if (*job->error && job->kind == BAN_ADD)
		spw_log(LOG_ERR, "list-add to '%s' failed: %s", job->list_name, job->error);
	else if (job->kind == BAN_ADD)
		spw_log(LOG_INFO, "list '%s': %u %s added, %u changed, %u moved here", job->list_name, job->added,
			job->added == 1 ? "entry" : "entries", job->changed, job->moved);
	else if (job->kind == BAN_REMOVE)
		spw_log(LOG_INFO, "list '%s': %u %s removed", job->list_name, job->removed,
			job->removed == 1 ? "entry" : "entries");
	if (!job->client)
		return;
	if (*job->error)
		spw_control_answer(agent->socket, job->client, agent_failure(job->error));
	else if (job->kind == BAN_ADD)
		spw_control_answer(agent->socket, job->client,
				   json_pack("{s:b,s:i,s:i,s:i}", "ok", 1, "added", job->added, "changed", job->changed,
					     "moved", job->moved));
	else
		spw_control_answer(agent->socket, job->client,
				   json_pack("{s:b,s:i,s:i}", "ok", 1, "removed", job->removed, "absent", job->absent));
}

/* One slice. */
static void work(struct agent *agent)
{
	struct agent_bans *entries = agent->entries;
	struct ban_job *job = entries->jobs;

	read_clock(agent);
	if (job->phase == BAN_CHECK && job->kind == BAN_ADD && !job->fresh) {
		job->fresh = calloc(job->prefixes.count + 1, 1);
		if (!job->fresh)
			snprintf(job->error, sizeof(job->error), "out of memory");
	}
	if (!is_done(entries, job))
		work_on(entries, job);
	write_totals(entries);
	if (!is_done(entries, job))
		return;
	entries->jobs = job->next;
	if (!entries->jobs)
		entries->last_job = &entries->jobs;
	answer(agent, job);
	ban_job_free(job);
	if (!entries->jobs)
		spw_rows_rest(&entries->rows);
}

static int on_work(sd_event_source *source, void *context)
{
	struct agent *agent = context;

	if (agent->entries->jobs)
		work(agent);
	if (!agent->entries->jobs)
		sd_event_source_set_enabled(source, SD_EVENT_OFF);
	return 0;
}

void bans_queue(struct agent_bans *entries, struct ban_job *job)
{
	job->next = NULL;
	job->at = 0;
	*entries->last_job = job;
	entries->last_job = &job->next;
	if (entries->work)
		sd_event_source_set_enabled(entries->work, SD_EVENT_ON);
}

/* ---- the ruleset's prefixes ---- */

static int copy_fd(int fd)
{
	return fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

static void say_idle(const struct agent *agent)
{
	for (u32 i = 1; i < SPW_LISTS_MAX; i++)
		if (agent->entries->totals[i].entries && agent->registry.lists[i].state != SPW_RECORD_ACTIVE)
			spw_log(LOG_WARNING, "%llu entries of list '%s' have no effect: it is not in the configuration",
				(unsigned long long)agent->entries->totals[i].entries, agent->registry.lists[i].name);
}

void agent_bans_adopt(struct agent *agent, int rows_file)
{
	struct agent_bans *entries = agent->entries;
	struct ban_job *job = calloc(1, sizeof(*job));

	spw_close_fd(&entries->rows_fd);
	entries->rows_fd = copy_fd(rows_file);
	say_idle(agent);
	if (!job) {
		spw_log(LOG_ERR, "out of memory: entries go on by the prefixes of the former ruleset");
		return;
	}
	job->kind = BAN_RELOOK;
	bans_queue(entries, job);
}

void agent_bans_keep_rows(struct agent *agent)
{
	spw_close_fd(&agent->entries->kept_rows_fd);
	agent->entries->kept_rows_fd = copy_fd(agent->entries->rows_fd);
}

int agent_bans_kept_rows(struct agent *agent)
{
	return copy_fd(agent->entries->kept_rows_fd);
}

/* ---- the tick ---- */

static void collect_ends(struct agent *agent, u64 now)
{
	struct agent_bans *entries = agent->entries;
	u32 ends = 0, most = entries->set.count < TICK_LOOKS ? entries->set.count : TICK_LOOKS;

	for (u32 looks = 0; looks < most && entries->set.count && ends < TICK_ENDS; looks++) {
		struct spw_ban *ban;

		if (entries->look_at >= entries->set.count)
			entries->look_at = 0;
		ban = &entries->set.items[entries->look_at];
		if (spw_ban_is_over(ban, now)) {
			expire(entries, ban);
			ends++;
		} else {
			entries->look_at++;
		}
	}
	entries->ended += ends;
	if (ends || !entries->ended)
		return;
	spw_log(LOG_INFO, "%u entries ended", entries->ended);
	entries->ended = 0;
}

/* Bits of what is gone cost those who share them a look into the hash. */
static void narrow_filter(struct agent_bans *entries, u64 now)
{
	if (!entries->filter_wide || now - entries->filtered_ns < SECOND_NS)
		return;
	spw_ban_maps_publish(&entries->maps, &entries->set);
	entries->filter_wide = false;
	entries->filtered_ns = now;
}

static void save(struct agent *agent, u64 now)
{
	struct agent_bans *entries = agent->entries;
	u64 since = now - entries->saved_ns;

	if (since < SECOND_NS || !(entries->unsaved || (entries->set.entries && since / SECOND_NS > SAVE_COUNTS_S)))
		return;
	if (spw_bans_save_soon(agent->config.state_dir, &entries->maps, &agent->registry))
		return;
	entries->unsaved = false;
	entries->saved_ns = now;
}

static void drop_stages(struct agent *agent)
{
	for (u32 i = 0; i < BAN_STAGES; i++) {
		struct ban_stage *stage = &agent->entries->stages[i];

		if (!stage->client || spw_control_is_there(agent->socket, stage->client))
			continue;
		ban_job_free(stage->job);
		*stage = (struct ban_stage){0};
	}
}

void agent_tick_bans(struct agent *agent, u64 now)
{
	struct agent_bans *entries = agent->entries;

	/* A relook counts who wants which hole; nothing goes meanwhile. */
	if (!entries->jobs || entries->jobs->kind != BAN_RELOOK)
		collect_ends(agent, now);
	narrow_filter(entries, now);
	write_totals(entries);
	save(agent, now);
	drop_stages(agent);
}

/* ---- start and end ---- */

static bool is_key(const struct spw_ban_key *key)
{
	if (key->family == 4)
		return key->length <= 32 && !key->source_lo && !(key->source_hi & 0xffffffff);
	return key->family == 6 && key->length <= 128;
}

/* What the pins hold. A value that cannot be is passed over: it was no agent that wrote it. */
static int take_pinned(void *context, const struct spw_ban_key *key, const struct spw_ban_value *value)
{
	struct agent_bans *entries = context;
	struct spw_prefix prefix = {{key->source_hi, key->source_lo}, (u8)key->family, (u8)key->length};
	struct spw_ban *ban;

	if (!is_key(key) || value->list >= SPW_LISTS_MAX || value->counter >= SPW_BAN_COUNTS)
		return 0;
	ban = spw_ban_set_put(&entries->set, &prefix);
	if (!ban)
		return -ENOMEM;
	ban->hole = value->hole;
	ban->wanted_by = value->hole;
	ban->list = value->list;
	ban->until_ns = value->until_ns;
	if (value->list) {
		ban->counter = value->counter;
		entries->totals[value->list].entries++;
	}
	return 0;
}

static int read_pinned(struct agent_bans *entries)
{
	int err = 0;

	for (u32 i = 0; i < SPW_LISTS_MAX && !err; i++) {
		err = spw_ban_maps_read_total(&entries->maps, i, &entries->totals[i]);
		entries->totals_changed[i] = entries->totals[i].entries;
		entries->totals[i].entries = 0;
	}
	if (!err)
		err = spw_ban_maps_read(&entries->maps, take_pinned, entries);
	return err ? err : spw_ban_set_take_counters(&entries->set);
}

static int find_list(const struct spw_registry *registry, const char *name)
{
	for (int i = 1; i < SPW_LISTS_MAX; i++)
		if (registry->lists[i].state != SPW_RECORD_FREE && !strcmp(registry->lists[i].name, name))
			return i;
	return -ENOENT;
}

struct restoring {
	struct agent *agent;
	u32 restored, unknown, failed;
};

static void restore_one(void *context, const struct spw_ban_line *line)
{
	struct restoring *restoring = context;
	struct agent *agent = restoring->agent;
	int list = find_list(&agent->registry, line->list), err;
	const struct ban_terms terms = {(u16)list, line->until_ns, line->note, &line->counted};

	if (list < 0) {
		restoring->unknown++;
		return;
	}
	err = ban_hold(agent->entries, &line->prefix, &terms);
	if (err >= 0)
		err = bans_flush(agent->entries);
	if (!err)
		err = ban_write(agent->entries, &line->prefix, &terms);
	restoring->restored += !err;
	restoring->failed += err != 0;
}

/* Once for a set of pins: from then on they know better than the file. */
static void restore_file(struct agent *agent)
{
	struct agent_bans *entries = agent->entries;
	struct restoring restoring = {.agent = agent};
	char message[SPW_MESSAGE_MAX];
	u32 expired = 0;

	if (entries->maps.filter->restored)
		return;
	spw_bans_load(agent->config.state_dir, restore_one, &restoring, &expired, message);
	if (*message)
		spw_log(LOG_ERR, "%s", message);
	if (restoring.restored || expired)
		spw_log(LOG_NOTICE, "%u entries are back; %u ended meanwhile", restoring.restored, expired);
	if (restoring.unknown || restoring.failed)
		spw_log(LOG_ERR, "%u entries are not back: of lists that are not there %u, no room %u",
			restoring.unknown + restoring.failed, restoring.unknown, restoring.failed);
	entries->maps.filter->restored = 1;
}

static void free_entries(struct agent_bans *entries)
{
	for (struct ban_job *job = entries->jobs, *next; job; job = next) {
		next = job->next;
		ban_job_free(job);
	}
	for (u32 i = 0; i < BAN_STAGES; i++)
		ban_job_free(entries->stages[i].job);
	sd_event_source_disable_unref(entries->work);
	spw_close_fd(&entries->rows_fd);
	spw_close_fd(&entries->kept_rows_fd);
	spw_rows_unmap(&entries->rows);
	spw_ban_maps_close(&entries->maps);
	spw_ban_set_free(&entries->set);
	free(entries->writes);
	free(entries->batch);
	free(entries->totals);
	free(entries->totals_changed);
	free(entries);
}

int agent_open_bans(struct agent *agent)
{
	struct agent_bans *entries = calloc(1, sizeof(*entries));
	int err;

	if (!entries)
		return -ENOMEM;
	entries->rows_fd = entries->kept_rows_fd = -1;
	entries->last_job = &entries->jobs;
	entries->totals = calloc(SPW_LISTS_MAX, sizeof(*entries->totals));
	entries->totals_changed = calloc(SPW_LISTS_MAX, sizeof(*entries->totals_changed));
	entries->batch = calloc(1, sizeof(*entries->batch));
	err = entries->batch && entries->totals && entries->totals_changed
		      ? spw_ban_maps_open(&agent->pins, true, &entries->maps)
		      : -ENOMEM;
	if (!err)
		err = spw_ban_maps_seed(&entries->maps);
	if (!err)
		err = spw_ban_set_init(&entries->set, entries->maps.filter->seed[1]);
	if (!err)
		err = read_pinned(entries);
	if (err) {
		free_entries(entries);
		return err;
	}
	agent->entries = entries;
	return 0;
}

int agent_begin_bans(struct agent *agent)
{
	struct agent_bans *entries = agent->entries;
	int err;

	/* The ruleset is there: its prefixes first, then what an earlier boot has left. */
	while (entries->jobs)
		work(agent);
	read_clock(agent);
	restore_file(agent);
	if (entries->set.count || entries->maps.filter->active)
		spw_ban_maps_publish(&entries->maps, &entries->set);
	write_totals(entries);
	entries->unsaved = entries->set.entries;
	err = sd_event_add_defer(agent->loop, &entries->work, on_work, agent);
	if (err >= 0)
		err = sd_event_source_set_priority(entries->work, SD_EVENT_PRIORITY_NORMAL + 10);
	if (err >= 0)
		err = sd_event_source_set_enabled(entries->work, SD_EVENT_OFF);
	return err < 0 ? err : 0;
}

void agent_end_bans(struct agent *agent)
{
	char message[SPW_MESSAGE_MAX] = "";

	if (!agent->entries)
		return;
	spw_bans_save_wait();
	if (agent->entries->maps.filter->restored &&
	    spw_bans_save(agent->config.state_dir, &agent->entries->maps, &agent->registry, message))
		spw_log(LOG_ERR, "%s", message);
	free_entries(agent->entries);
	agent->entries = NULL;
}
