/* SPDX-License-Identifier: GPL-2.0-only */
#include "bans.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ban_answer.h"
#include "ban_job.h"
#include "ban_request.h"
#include "ban_table.h"
#include "base/log.h"
#include "store/ban_spool.h"
#include "store/bans_file.h"

enum {
	STAGES = 16,
	TICK_LOOKS = 16384, /* items checked for expiry per tick */
	TICK_EXPIRES = 2048,
	SAVE_COUNTS_S = 600, /* interval for saving counts when nothing else changed */
};

#define SECOND_NS 1000000000ull

/* A request in several pieces (`more`), until the last one. */
struct stage {
	struct spw_reply_to client;
	struct ban_job *job; /* NULL: free */
};

struct bans {
	const struct in_force *in_force;
	struct ban_table table;
	struct ban_job *jobs, **last_job;
	struct stage stages[STAGES];
	sd_event_source *work;	/* NULL before bans_start() */
	u32 look_at;		/* next item to check for expiry */
	u32 expired;		/* not logged yet */
	u64 saved_ns, spool_ns; /* times of the last save, and of the last look into the spool */
};

/* ---- jobs ---- */

/* One slice. */
static void work(struct bans *bans)
{
	struct ban_job *job = bans->jobs;

	ban_table_read_clock(&bans->table, bans->in_force->datapath);
	if (!ban_job_work(job, &bans->table, bans->in_force->rows_file))
		return;
	bans->jobs = job->next;
	if (!bans->jobs)
		bans->last_job = &bans->jobs;
	ban_job_report(job);
	ban_job_free(job);
	if (!bans->jobs)
		spw_rows_rest(&bans->table.rows);
}

static int on_work(sd_event_source *source, void *context)
{
	struct bans *bans = context;

	if (bans->jobs)
		work(bans);
	if (!bans->jobs)
		sd_event_source_set_enabled(source, SD_EVENT_OFF);
	return 0;
}

static void queue(struct bans *bans, struct ban_job *job)
{
	job->next = NULL;
	job->at = 0;
	*bans->last_job = job;
	bans->last_job = &job->next;
	if (bans->work)
		sd_event_source_set_enabled(bans->work, SD_EVENT_ON);
}

static void log_idle(const struct bans *bans)
{
	const struct spw_list_record *lists = bans->in_force->registry->lists;

	for (u32 i = 1; i < SPW_LISTS_MAX; i++)
		if (bans->table.totals[i].entries && lists[i].state != SPW_RECORD_ACTIVE)
			spw_log(LOG_WARNING, "%llu bans of list '%s' have no effect: it is not in the configuration",
				(unsigned long long)bans->table.totals[i].entries, lists[i].name);
}

void bans_follow(struct bans *bans)
{
	struct ban_job *job = calloc(1, sizeof(*job));

	log_idle(bans);
	if (!job) {
		spw_log(LOG_ERR, "out of memory: bans still use the prefixes of the former ruleset");
		return;
	}
	job->kind = BAN_REFIT;
	queue(bans, job);
}

/* ---- requests ---- */

static struct stage *find_stage(struct bans *bans, u64 client)
{
	for (u32 i = 0; i < STAGES; i++)
		if (bans->stages[i].job && bans->stages[i].client.client == client)
			return &bans->stages[i];
	return NULL;
}

static struct stage *find_free_stage(struct bans *bans)
{
	for (u32 i = 0; i < STAGES; i++)
		if (!bans->stages[i].job)
			return &bans->stages[i];
	return NULL;
}

/* The job that this client has begun, or a new one. */
static struct ban_job *take_job(struct bans *bans, u64 client)
{
	struct stage *stage = find_stage(bans, client);
	struct ban_job *job = stage ? stage->job : calloc(1, sizeof(*job));

	if (stage)
		*stage = (struct stage){0};
	return job;
}

static json_t *refuse(struct ban_job *job)
{
	json_t *answer = spw_reply_failure(job ? job->error : "out of memory");

	ban_job_free(job);
	return answer;
}

static json_t *put_aside(struct bans *bans, const struct spw_reply_to *client, struct ban_job *job)
{
	struct stage *stage = find_free_stage(bans);

	if (!stage) {
		snprintf(job->error, sizeof(job->error), "too many requests wait for their last piece");
		return refuse(job);
	}
	*stage = (struct stage){*client, job};
	return json_pack("{s:b,s:I}", "ok", 1, "waiting", (json_int_t)job->prefixes.count);
}

/* ---- the spool ---- */

static bool find_verb(const json_t *request, enum bans_verb *verb)
{
	static const char *const words[] = {
		[BANS_ADD] = "list-add", [BANS_REMOVE] = "list-remove", [BANS_FLUSH] = "list-flush"};
	const char *word = json_string_value(json_object_get(request, "verb"));

	for (size_t i = 0; word && i < sizeof(words) / sizeof(*words); i++) {
		*verb = (enum bans_verb)i;
		if (!strcmp(words[i], word))
			return true;
	}
	return false;
}

static void queue_spooled(void *context, const json_t *request, u64 age_ns)
{
	struct bans *bans = context;
	struct ban_job *job = calloc(1, sizeof(*job));
	enum bans_verb verb;

	if (!job) {
		spw_log(LOG_ERR, "out of memory: a queued request is lost");
		return;
	}
	if (!find_verb(request, &verb) || !ban_request_read(bans->in_force, request, verb, age_ns, job)) {
		spw_log(LOG_ERR, "a queued request was refused: %s", *job->error ? job->error : "no such verb");
		ban_job_free(job);
		return;
	}
	job->phase = verb == BANS_ADD ? BAN_CHECK : BAN_DO;
	queue(bans, job);
}

/* Finish a request before its file is removed, so that a crash loses nothing. */
static void do_spooled(void *context, const json_t *request, u64 age_ns)
{
	struct bans *bans = context;

	queue_spooled(bans, request, age_ns);
	while (bans->jobs)
		work(bans);
}

static void take_spool(struct bans *bans, bool starting)
{
	char message[SPW_MESSAGE_MAX];
	u32 taken = spw_spool_take(bans->in_force->config->run_dir, starting, starting ? do_spooled : queue_spooled,
				   bans, message);

	if (*message)
		spw_log(LOG_ERR, "%s", message);
	if (taken)
		spw_log(LOG_NOTICE, "%u %s queued while no agent answered, and %s done now", taken,
			taken == 1 ? "request was" : "requests were", taken == 1 ? "is" : "are");
}

void bans_take_spool(struct bans *bans)
{
	take_spool(bans, true);
}

json_t *bans_request(struct bans *bans, const struct spw_reply_to *client, const json_t *request, enum bans_verb verb)
{
	struct ban_job *job = take_job(bans, client->client);

	if (!job || !ban_request_read(bans->in_force, request, verb, 0, job))
		return refuse(job);
	if (json_is_true(json_object_get(request, "more")))
		return put_aside(bans, client, job);
	/* Requests in the spool are older. */
	take_spool(bans, false);
	job->client = *client;
	job->phase = verb == BANS_ADD ? BAN_CHECK : BAN_DO;
	queue(bans, job);
	return NULL;
}

json_t *bans_owners(const struct bans *bans, const json_t *request)
{
	return ban_answer_owners(bans->in_force, &bans->table, request);
}

/* ---- the tick ---- */

static void prune(struct bans *bans, struct spw_ban *ban)
{
	ban_table_read_clock(&bans->table, bans->in_force->datapath);
	ban_table_prune(&bans->table, ban);
}

static void expire_some(struct bans *bans, u64 now_ns)
{
	struct ban_table *table = &bans->table;
	u32 expired = 0, most = table->set.count < TICK_LOOKS ? table->set.count : TICK_LOOKS;

	for (u32 looks = 0; looks < most && table->set.count && expired < TICK_EXPIRES; looks++) {
		struct spw_ban *ban;

		if (bans->look_at >= table->set.count)
			bans->look_at = 0;
		ban = &table->set.items[bans->look_at];
		if (spw_ban_is_over(ban, now_ns)) {
			ban_table_expire(table, ban); /* the last item takes its place */
			expired++;
		} else {
			if (ban->claims)
				prune(bans, ban);
			bans->look_at++;
		}
	}
	bans->expired += expired;
	if (expired || !bans->expired)
		return;
	spw_log(LOG_INFO, "%u bans ended", bans->expired);
	bans->expired = 0;
}

static void list_claim(struct spw_shared_bans *shared, const struct spw_ban_owners *owners, const struct spw_ban *ban,
		       const struct spw_ban_claim *claim)
{
	struct spw_shared_ban *item = &shared->items[shared->count++];

	*item = (struct spw_shared_ban){.prefix = spw_ban_prefix(ban), .until_ns = claim->until_ns, .list = ban->list};
	memcpy(item->note, claim->note, sizeof(item->note));
	memcpy(item->owner, spw_ban_owner_name(owners, claim->owner), sizeof(item->owner));
}

/* The owners of each shared ban, latest end last (bans_file.h). Freed by the caller. */
static struct spw_shared_bans list_shared(const struct ban_table *table)
{
	const struct spw_ban_owners *owners = &table->owners;
	struct spw_shared_bans shared = {0};

	if (!owners->claims_count)
		return shared;
	shared.items = calloc(owners->claims_count, sizeof(*shared.items));
	for (u32 i = 0; shared.items && i < table->set.count; i++) {
		const struct spw_ban *ban = &table->set.items[i];
		const struct spw_ban_claim *latest = NULL;

		for (u32 at = ban->claims; at; at = owners->claims[at - 1].next) {
			if (owners->claims[at - 1].owner == ban->owner)
				latest = &owners->claims[at - 1];
			else
				list_claim(&shared, owners, ban, &owners->claims[at - 1]);
		}
		if (latest)
			list_claim(&shared, owners, ban, latest);
	}
	return shared;
}

static void save(struct bans *bans, u64 now_ns)
{
	const struct in_force *in_force = bans->in_force;
	struct ban_table *table = &bans->table;
	u64 since = now_ns - bans->saved_ns;
	struct spw_shared_bans shared;
	int err;

	if (since < SECOND_NS || !(table->unsaved || (table->set.entries && since / SECOND_NS > SAVE_COUNTS_S)))
		return;
	shared = list_shared(table);
	err = spw_bans_save_soon(in_force->config->state_dir, &table->maps, in_force->registry, &shared);
	free(shared.items);
	if (err)
		return;
	table->unsaved = false;
	bans->saved_ns = now_ns;
}

static void drop_stages(struct bans *bans)
{
	for (u32 i = 0; i < STAGES; i++) {
		struct stage *stage = &bans->stages[i];

		if (!stage->job || spw_reply_awaited(&stage->client))
			continue;
		ban_job_free(stage->job);
		*stage = (struct stage){0};
	}
}

void bans_tick(struct bans *bans, u64 now_ns)
{
	/* A refit counts which holes are wanted: no ban may go meanwhile. */
	if (!bans->jobs || bans->jobs->kind != BAN_REFIT)
		expire_some(bans, now_ns);
	if (now_ns - bans->spool_ns >= SECOND_NS) {
		bans->spool_ns = now_ns;
		take_spool(bans, false);
	}
	ban_table_narrow(&bans->table, now_ns);
	ban_table_write_totals(&bans->table);
	save(bans, now_ns);
	drop_stages(bans);
}

/* ---- start and end ---- */

struct restoring {
	struct bans *bans;
	u32 restored, unknown, failed;
};

static int put_line(struct ban_table *table, u16 list, const struct spw_ban_line *line)
{
	const struct ban_terms terms = {
		.list = list,
		.owner = spw_ban_owner_take(&table->owners, &table->set, line->owner),
		.until_ns = line->until_ns,
		.note = line->note,
		.carried = &line->counted,
	};
	int err = terms.owner ? ban_table_put(table, &line->prefix, &terms) : -EUSERS;

	if (err >= 0)
		err = ban_table_flush(table);
	return err < 0 ? err : ban_table_write(table, &line->prefix, &terms);
}

static void restore_one(void *context, const struct spw_ban_line *line)
{
	struct restoring *restoring = context;
	u16 list = spw_registry_find_list(restoring->bans->in_force->registry, line->list);
	int err;

	if (!list) {
		restoring->unknown += !line->shared;
		return;
	}
	err = put_line(&restoring->bans->table, list, line);
	restoring->restored += !err && !line->shared;
	restoring->failed += err != 0;
}

/*
 * The maps have each ban with its latest end; the file has its other owners. One with a later end was lifted after the
 * file was saved.
 */
static void restore_owner(void *context, const struct spw_ban_line *line)
{
	struct restoring *restoring = context;
	struct ban_table *table = &restoring->bans->table;
	const struct spw_ban *ban = spw_ban_set_find(&table->set, &line->prefix);
	u16 list = spw_registry_find_list(restoring->bans->in_force->registry, line->list);

	if (!line->shared || !ban || !list || ban->list != list || spw_ban_is_over(ban, table->now_ns) ||
	    line->until_ns > ban->until_ns || spw_ban_owner_find(&table->owners, line->owner) == ban->owner)
		return;
	restoring->failed += put_line(table, list, line) != 0;
}

/* All of it once for a set of pins: from then on they are newer than the file. */
static void restore_file(struct bans *bans)
{
	struct spw_ban_filter *filter = bans->table.maps.filter;
	const bool whole = !filter->restored;
	struct restoring restoring = {.bans = bans};
	char message[SPW_MESSAGE_MAX];
	u32 expired = 0;

	spw_bans_load(bans->in_force->config->state_dir, !whole, whole ? restore_one : restore_owner, &restoring,
		      &expired, message);
	if (*message)
		spw_log(LOG_ERR, "%s", message);
	if (whole && (restoring.restored || expired))
		spw_log(LOG_NOTICE, "%u bans restored; %u ended meanwhile", restoring.restored, expired);
	if (restoring.unknown || restoring.failed)
		spw_log(LOG_ERR, "%u bans not restored: %u of missing lists, %u beyond the maximum",
			restoring.unknown + restoring.failed, restoring.unknown, restoring.failed);
	filter->restored = 1;
}

static void release(struct bans *bans)
{
	for (struct ban_job *job = bans->jobs, *next; job; job = next) {
		next = job->next;
		ban_job_free(job);
	}
	for (u32 i = 0; i < STAGES; i++)
		ban_job_free(bans->stages[i].job);
	sd_event_source_disable_unref(bans->work);
	ban_table_close(&bans->table);
	free(bans);
}

int bans_new(const struct in_force *in_force, struct bans **result)
{
	struct bans *bans = calloc(1, sizeof(*bans));
	int err;

	if (!bans)
		return -ENOMEM;
	bans->in_force = in_force;
	bans->last_job = &bans->jobs;
	err = ban_table_open(&bans->table, in_force->pins);
	if (err)
		release(bans);
	else
		*result = bans;
	return err;
}

int bans_start(struct bans *bans, sd_event *loop)
{
	struct ban_table *table = &bans->table;
	int err;

	/* Holes first: the bans of the file need them. */
	while (bans->jobs)
		work(bans);
	ban_table_read_clock(table, bans->in_force->datapath);
	restore_file(bans);
	if (table->set.count || table->maps.filter->active)
		ban_table_publish(table);
	ban_table_write_totals(table);
	table->unsaved = table->set.entries;
	err = sd_event_add_defer(loop, &bans->work, on_work, bans);
	if (err >= 0)
		err = sd_event_source_set_priority(bans->work, SD_EVENT_PRIORITY_NORMAL + 10);
	if (err >= 0)
		err = sd_event_source_set_enabled(bans->work, SD_EVENT_OFF);
	return err < 0 ? err : 0;
}

void bans_free(struct bans *bans)
{
	char message[SPW_MESSAGE_MAX] = "";
	struct spw_shared_bans shared;

	if (!bans)
		return;
	spw_bans_save_wait();
	if (bans->in_force->config && bans->table.maps.filter->restored) {
		shared = list_shared(&bans->table);
		if (spw_bans_save(bans->in_force->config->state_dir, &bans->table.maps, bans->in_force->registry,
				  &shared, message))
			spw_log(LOG_ERR, "%s", message);
		free(shared.items);
	}
	release(bans);
}
