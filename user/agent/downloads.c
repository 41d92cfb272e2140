/* SPDX-License-Identifier: GPL-2.0-only */
#include "downloads.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "download_schedule.h"
#include "host/download_job.h"
#include "lists/url_copy.h"
#include "store/url_copy_file.h"

#define RUNNING_MAX 2 /* processes */

_Static_assert((int)SPW_FETCH_OUTCOMES == (int)SPW_DOWNLOAD_OUTCOMES &&
		       (int)SPW_FETCH_UNCHANGED == (int)SPW_DOWNLOAD_UNCHANGED &&
		       (int)SPW_FETCH_FAILED == (int)SPW_DOWNLOAD_FAILED,
	       "the views count by outcome");

enum phase {
	WAITS,
	FETCHING,
	FETCHED, /* the content waits for the disk */
	WRITING,
	WRITTEN, /* waits for the reloader */
	TRYING,
	ACCEPTED, /* the description waits for the disk */
	DESCRIBING,
};

struct download {
	struct downloads *downloads;
	/* As configured. */
	char name[SPW_NAME_MAX];
	char *url, *sha256, *ca; /* owned; NULL: none, but for `url` */
	u64 every_ns, max_age_ns, timeout_ns, min;
	bool strict, skip, may_shrink;
	u16 identity;
	bool configured; /* while the configuration is followed */
	/* What is going on. */
	enum phase phase;
	struct spw_download_job *job; /* FETCHING */
	int body;		      /* FETCHED */
	struct spw_url_copy copy;     /* on disk, and in force */
	struct spw_url_copy fetched;  /* what will replace it */
	u32 generation;		      /* ACCEPTED: brought it into force */
	bool again;		      /* another reload has read the copy before it was described */
	u64 next_ns;
	bool shrunk;	/* the next content may have shrunk */
	bool kept_back; /* the last one was refused because it had */
	/* What has happened. */
	char refused[SPW_SHA256_TEXT]; /* content that a reload refused; not tried again until something else changes */
	char refusal[SPW_MESSAGE_MAX]; /* why */
	u64 counts[SPW_DOWNLOAD_OUTCOMES];
	u32 failures;
	u64 failed_ns;
	char failure[SPW_MESSAGE_MAX];
	u64 since_ns; /* the list is configured */
};

struct downloads {
	sd_event *loop;
	const struct publisher *publisher;
	const struct in_force *in_force;
	struct reloader *reloader;
	struct download **items; /* owned */
	size_t count;
	struct download *writing; /* what the disk is busy with; NULL: nothing, or what is no longer configured */
	struct download *trying;
};

static u32 draw(void)
{
	u32 random = UINT32_MAX / 2;

	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != sizeof(random))
		random = (u32)spw_monotonic_ns() * 2654435761u;
	return random;
}

static const char *state_dir(const struct downloads *downloads)
{
	return downloads->in_force->config->state_dir;
}

static const struct spw_list_record *record_of(const struct download *download)
{
	return &download->downloads->in_force->registry->lists[download->identity];
}

/* ---- outcomes ---- */

static void wait_for_next(struct download *download)
{
	download->phase = WAITS;
	download->next_ns = spw_monotonic_ns() + download_wait_ns(download->every_ns, download->failures, draw());
}

/* @retry_after_s: the server's wish */
static void fail(struct download *download, const char *why, u64 retry_after_s)
{
	u64 wish_ns = retry_after_s < download->every_ns / 1000000000 ? retry_after_s * 1000000000 : download->every_ns;
	u64 now_ns = spw_monotonic_ns();

	snprintf(download->failure, sizeof(download->failure), "%s", why);
	download->failure[spw_utf8_whole(download->failure)] = '\0';
	for (char *c = download->failure; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = ' ';
	download->counts[SPW_DOWNLOAD_FAILED]++;
	download->failed_ns = now_ns;
	if (!download->failures++)
		spw_log(LOG_WARNING, "list '%s' could not be fetched from %s: %s; what is there stays in force",
			download->name, download->url, download->failure);
	wait_for_next(download);
	if (download->next_ns < now_ns + wish_ns)
		download->next_ns = now_ns + wish_ns;
}

static void succeed(struct download *download, enum spw_download_outcome outcome)
{
	if (download->failures)
		spw_log(LOG_NOTICE, "list '%s' was fetched from %s again, after %u failures", download->name,
			download->url, download->failures);
	download->counts[outcome]++;
	download->failures = 0;
	download->kept_back = download->shrunk = false;
	wait_for_next(download);
}

/* ---- fetching ---- */

static void copy_text(char *into, size_t bytes, const char *text)
{
	snprintf(into, bytes, "%s", text ? text : "");
}

/* The server confirmed what is there: the copy gets the new time. */
static void confirm(struct download *download, const struct spw_download_result *result)
{
	download->fetched = download->copy;
	download->fetched.confirmed_s = spw_wall_ns() / 1000000000;
	if (*result->etag)
		copy_text(download->fetched.etag, sizeof(download->fetched.etag), result->etag);
	if (*result->last_modified)
		copy_text(download->fetched.last_modified, sizeof(download->fetched.last_modified),
			  result->last_modified);
	download->phase = ACCEPTED;
	download->generation = 0;
}

/* @body: set to -1 if it is kept */
static void take_content(struct download *download, const struct spw_download_result *result, int *body)
{
	u64 now_s = spw_wall_ns() / 1000000000;

	if (download->copy.slot && !strcmp(result->sha256, download->copy.sha256) && !record_of(download)->kept_s &&
	    (record_of(download)->prefixes4 || record_of(download)->prefixes6)) {
		confirm(download, result);
		return;
	}
	if (!strcmp(result->sha256, download->refused)) {
		fail(download, download->refusal, 0);
		return;
	}
	download->fetched = (struct spw_url_copy){
		.slot = spw_url_copy_suffix(&download->copy, true)[1],
		.fetched_s = now_s,
		.confirmed_s = now_s,
	};
	copy_text(download->fetched.etag, sizeof(download->fetched.etag), result->etag);
	copy_text(download->fetched.last_modified, sizeof(download->fetched.last_modified), result->last_modified);
	copy_text(download->fetched.sha256, sizeof(download->fetched.sha256), result->sha256);
	download->body = TAKE_FD(*body);
	download->phase = FETCHED;
}

static void on_fetched(void *context, const struct spw_download_result *result, int body)
{
	struct download *download = context;
	_cleanup_fd_ int owned = body;

	download->job = NULL;
	if (result->outcome == SPW_DOWNLOAD_CHANGED) {
		take_content(download, result, &owned);
	} else if (result->outcome == SPW_DOWNLOAD_UNCHANGED && download->copy.slot) {
		confirm(download, result);
	} else {
		download->kept_back = result->shrunk;
		fail(download, result->message, result->retry_after_s);
	}
}

/* Only what is in force is asked for conditionally: without a copy that can be used, the content is needed. */
static void start(struct download *download)
{
	static struct spw_download_request request;
	const struct spw_list_record *record = record_of(download);
	u64 count = (u64)record->prefixes4 + record->prefixes6;
	bool held = download->copy.slot && count && !record->kept_s;
	int err;

	request = (struct spw_download_request){
		.agent = (u32)getpid(),
		.timeout_ns = download->timeout_ns,
		.min = download->min,
		.before = download->may_shrink || download->shrunk ? 0 : count,
		.strict = download->strict,
		.skip = download->skip,
	};
	copy_text(request.url, sizeof(request.url), download->url);
	copy_text(request.sha256_url, sizeof(request.sha256_url), download->sha256);
	copy_text(request.ca, sizeof(request.ca), download->ca);
	if (held) {
		copy_text(request.etag, sizeof(request.etag), download->copy.etag);
		copy_text(request.last_modified, sizeof(request.last_modified), download->copy.last_modified);
	}
	download->phase = FETCHING;
	err = spw_download_job_start(download->downloads->loop, &request, on_fetched, download, &download->job);
	if (err)
		fail(download, strerror(-err), 0);
}

/* ---- the disk and the reloader ---- */

static void write_content(struct download *download)
{
	struct downloads *downloads = download->downloads;
	int err = spw_url_copy_write_soon(state_dir(downloads), download->name, &download->copy, download->body);

	if (err == -EBUSY)
		return;
	spw_close_fd(&download->body);
	download->body = -1;
	if (err) {
		fail(download, strerror(-err), 0);
		return;
	}
	download->phase = WRITING;
	downloads->writing = download;
}

static void describe(struct download *download)
{
	struct downloads *downloads = download->downloads;
	int err = spw_url_copy_describe_soon(state_dir(downloads), download->name, download->url, &download->fetched);

	if (err == -EBUSY)
		return;
	if (err) {
		reloader_release(downloads->reloader);
		fail(download, strerror(-err), 0);
		return;
	}
	download->phase = DESCRIBING;
	downloads->writing = download;
}

static u32 generation(const struct downloads *downloads)
{
	return (u32)publisher_record(downloads->publisher)->generation;
}

/* A reload between trial and description has read the copy before this one. */
static void described(struct download *download)
{
	bool changed = strcmp(download->copy.sha256, download->fetched.sha256);

	download->copy = download->fetched;
	if (download->generation && download->generation != generation(download->downloads)) {
		download->again = true;
		download->phase = WRITTEN;
		return;
	}
	succeed(download, changed || download->generation ? SPW_DOWNLOAD_CHANGED : SPW_DOWNLOAD_UNCHANGED);
}

static void look_at_disk(struct downloads *downloads)
{
	struct download *download = downloads->writing;
	bool failed;

	if (!download || !spw_url_copy_written(&failed))
		return;
	downloads->writing = NULL;
	if (download->phase == DESCRIBING)
		reloader_release(downloads->reloader);
	if (failed)
		fail(download, "it could not be saved in state_dir; see the log", 0);
	else if (download->phase == WRITING)
		download->phase = WRITTEN;
	else
		described(download);
}

static void on_tried(void *context, const char *why)
{
	struct downloads *downloads = context;
	struct download *download = downloads->trying;

	downloads->trying = NULL;
	if (!download)
		return;
	if (why) {
		if (!download->again)
			copy_text(download->refused, sizeof(download->refused), download->fetched.sha256);
		snprintf(download->refusal, sizeof(download->refusal), "it is refused: %s", why);
		download->again = false;
		fail(download, download->refusal, 0);
	} else if (download->again) {
		download->again = false;
		reloader_release(downloads->reloader);
		succeed(download, SPW_DOWNLOAD_CHANGED);
	} else {
		download->phase = ACCEPTED;
		download->generation = generation(downloads);
	}
}

/* A reload reads the copies, so those that are in force are described first. */
static bool is_described(const struct downloads *downloads)
{
	for (size_t i = 0; i < downloads->count; i++)
		if (downloads->items[i]->phase == ACCEPTED || downloads->items[i]->phase == DESCRIBING)
			return false;
	return true;
}

static void try_content(struct download *download)
{
	struct downloads *downloads = download->downloads;

	if (downloads->trying || !is_described(downloads) || !reloader_is_free(downloads->reloader))
		return;
	/* Only an operator's apply ends the last good ruleset, which is of another configuration than its file. */
	if (publisher_record(downloads->publisher)->ruleset_kept_s)
		return;
	download->phase = TRYING;
	downloads->trying = download;
	reloader_try(downloads->reloader, &(struct reload_trial){
						  .list = download->again ? NULL : download->name,
						  .shrunk = download->may_shrink || download->shrunk,
						  .done = on_tried,
						  .context = downloads,
					  });
}

/* ---- the configuration ---- */

static void free_download(struct download *download)
{
	struct downloads *downloads = download->downloads;

	spw_download_job_stop(download->job);
	spw_close_fd(&download->body);
	if (downloads->writing == download)
		downloads->writing = NULL;
	if (downloads->trying == download)
		downloads->trying = NULL;
	free(download->url);
	free(download->sha256);
	free(download->ca);
	free(download);
}

static char *copy_or_null(const char *text)
{
	return text ? strdup(text) : NULL;
}

static struct download *find(const struct downloads *downloads, const struct spw_config_list *list)
{
	for (size_t i = 0; i < downloads->count; i++)
		if (!strcmp(downloads->items[i]->name, list->name) && !strcmp(downloads->items[i]->url, list->url.text))
			return downloads->items[i];
	return NULL;
}

/* The copy is small to read: a description of some lines. */
static struct download *add(struct downloads *downloads, const struct spw_config_list *list, u64 now_ns)
{
	struct download **items = reallocarray(downloads->items, downloads->count + 1, sizeof(*items));
	struct download *download = calloc(1, sizeof(*download));
	char problem[SPW_MESSAGE_MAX];
	u64 now_s = spw_wall_ns() / 1000000000, age_ns = UINT64_MAX;

	downloads->items = items ? items : downloads->items;
	if (!items || !download || !(download->url = strdup(list->url.text))) {
		free(download);
		return NULL;
	}
	download->downloads = downloads;
	download->body = -1;
	download->since_ns = now_ns;
	copy_text(download->name, sizeof(download->name), list->name);
	if (!spw_url_copy_read(state_dir(downloads), list->name, list->url.text, &download->copy, problem))
		age_ns = download->copy.confirmed_s < now_s ? (now_s - download->copy.confirmed_s) * 1000000000 : 0;
	download->next_ns = now_ns + download_first_wait_ns(list->url.every_ns, age_ns, draw());
	downloads->items[downloads->count++] = download;
	return download;
}

static void configure(struct download *download, const struct spw_config_list *list, u16 identity)
{
	free(download->sha256);
	free(download->ca);
	download->sha256 = copy_or_null(list->url.sha256);
	download->ca = copy_or_null(list->url.ca);
	download->every_ns = list->url.every_ns;
	download->max_age_ns = list->url.max_age_ns;
	download->timeout_ns = list->url.timeout_ns;
	download->min = list->url.min;
	download->strict = list->strict;
	download->skip = list->skip;
	download->may_shrink = list->may_shrink;
	download->identity = identity;
	download->configured = true;
}

/* Fetch at once what failed, or what is not there although a copy says so. */
static void hurry(struct download *download, u64 now_ns)
{
	const struct spw_list_record *record = record_of(download);
	bool absent = record->kept_s || (download->min && !record->prefixes4 && !record->prefixes6);

	*download->refused = '\0';
	if (download->phase == WAITS &&
	    (download->failures || absent || download->next_ns > now_ns + 2 * download->every_ns))
		download->next_ns = now_ns;
}

void downloads_follow(struct downloads *downloads)
{
	const struct spw_config *config = downloads->in_force->config;
	u64 now_ns = spw_monotonic_ns();
	size_t kept = 0;

	for (size_t i = 0; i < downloads->count; i++)
		downloads->items[i]->configured = false;
	for (size_t i = 0; i < config->lists_count; i++) {
		const struct spw_config_list *list = &config->lists[i];
		struct download *download;

		if (list->kind != SPW_LIST_URL)
			continue;
		download = find(downloads, list);
		if (!download)
			download = add(downloads, list, now_ns);
		if (!download) {
			spw_log(LOG_ERR, "out of memory: list '%s' is not fetched", list->name);
			continue;
		}
		configure(download, list, downloads->in_force->identities->lists[i]);
		if (!downloads->trying)
			hurry(download, now_ns);
	}
	for (size_t i = 0; i < downloads->count; i++)
		if (downloads->items[i]->configured)
			downloads->items[kept++] = downloads->items[i];
		else
			free_download(downloads->items[i]);
	downloads->count = kept;
}

void downloads_may_shrink(struct downloads *downloads)
{
	for (size_t i = 0; i < downloads->count; i++) {
		struct download *download = downloads->items[i];

		if (!download->kept_back)
			continue;
		download->shrunk = true;
		if (download->phase == WAITS)
			download->next_ns = spw_monotonic_ns();
	}
}

/* ---- the tick ---- */

static void step(struct download *download, u64 now_ns, u32 *running)
{
	switch (download->phase) {
	case WAITS:
		if (now_ns < download->next_ns || *running >= RUNNING_MAX)
			break;
		(*running)++;
		start(download);
		break;
	case FETCHING:
		spw_download_job_tick(download->job, now_ns);
		break;
	case FETCHED:
		write_content(download);
		break;
	case WRITTEN:
		try_content(download);
		break;
	case ACCEPTED:
		describe(download);
		break;
	case WRITING:
	case TRYING:
	case DESCRIBING:
		break;
	}
}

void downloads_tick(struct downloads *downloads, u64 now_ns)
{
	u32 running = 0;

	for (size_t i = 0; i < downloads->count; i++)
		running += downloads->items[i]->phase == FETCHING;
	look_at_disk(downloads);
	for (size_t i = 0; i < downloads->count; i++)
		step(downloads->items[i], now_ns, &running);
}

struct downloads *downloads_new(sd_event *loop, const struct publisher *publisher, struct reloader *reloader)
{
	struct downloads *downloads = calloc(1, sizeof(*downloads));

	if (!downloads)
		return NULL;
	*downloads = (struct downloads){
		.loop = loop,
		.publisher = publisher,
		.in_force = publisher_in_force(publisher),
		.reloader = reloader,
	};
	downloads_follow(downloads);
	return downloads;
}

void downloads_free(struct downloads *downloads)
{
	if (!downloads)
		return;
	for (size_t i = 0; i < downloads->count; i++)
		free_download(downloads->items[i]);
	spw_url_copy_wait();
	free(downloads->items);
	free(downloads);
}

/* ---- for display ---- */

static struct spw_download_view view_of(const struct download *download, u64 now_ns, u64 now_s)
{
	const struct spw_list_record *record = record_of(download);
	struct spw_download_view view = {
		.list = download->name,
		.url = download->url,
		.held = download->copy.slot && !record->kept_s,
		.running = download->phase != WAITS,
		.age_ns = now_ns - download->since_ns,
		.max_age_ns = download->max_age_ns,
		.every_ns = download->every_ns,
		.next_ns = download->phase == WAITS && download->next_ns > now_ns ? download->next_ns - now_ns : 0,
		.failures = download->failures,
		.failed_ns = now_ns - download->failed_ns,
		.failure = download->failure,
	};

	if (download->copy.slot)
		view.age_ns = now_s > download->copy.confirmed_s ? (now_s - download->copy.confirmed_s) * 1000000000
								 : 0;
	memcpy(view.counts, download->counts, sizeof(view.counts));
	return view;
}

struct spw_downloads_view downloads_view(const struct downloads *downloads)
{
	struct spw_downloads_view view = {.items = calloc(downloads->count + 1, sizeof(*view.items))};
	u64 now_ns = spw_monotonic_ns(), now_s = spw_wall_ns() / 1000000000;

	for (size_t i = 0; view.items && i < downloads->count; i++)
		view.items[view.count++] = view_of(downloads->items[i], now_ns, now_s);
	return view;
}
