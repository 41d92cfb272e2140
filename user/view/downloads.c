/* SPDX-License-Identifier: GPL-2.0-only */
#include "downloads.h"

#include "json.h"
#include "numbers.h"
#include "page.h"
#include "text.h"

static const char *const outcomes[SPW_FETCH_OUTCOMES] = {
	[SPW_FETCH_CHANGED] = "changed", [SPW_FETCH_UNCHANGED] = "unchanged", [SPW_FETCH_FAILED] = "failed"};

/* ---- metrics ---- */

static void emit_fetches(struct spw_page *page, const void *values)
{
	const struct spw_downloads_view *downloads = values;

	for (size_t i = 0; i < downloads->count; i++)
		for (u32 outcome = 0; outcome < SPW_FETCH_OUTCOMES; outcome++)
			spw_page_count(page, LABELS({"list", downloads->items[i].list}, {"result", outcomes[outcome]}),
				       downloads->items[i].counts[outcome]);
}

static void emit_age(struct spw_page *page, const void *values)
{
	const struct spw_downloads_view *downloads = values;

	for (size_t i = 0; i < downloads->count; i++)
		spw_page_seconds(page, LABELS({"list", downloads->items[i].list}), downloads->items[i].age_ns);
}

static void emit_max_age(struct spw_page *page, const void *values)
{
	const struct spw_downloads_view *downloads = values;

	for (size_t i = 0; i < downloads->count; i++)
		spw_page_seconds(page, LABELS({"list", downloads->items[i].list}), downloads->items[i].max_age_ns);
}

static void emit_failures(struct spw_page *page, const void *values)
{
	const struct spw_downloads_view *downloads = values;

	for (size_t i = 0; i < downloads->count; i++)
		spw_page_count(page, LABELS({"list", downloads->items[i].list}), downloads->items[i].failures);
}

static const struct spw_family families[] = {
	{"spillway_list_fetches_total", "counter", "Fetches of lists by URL, by their result.", emit_fetches},
	{"spillway_list_failures", "gauge", "Fetches of a list by URL that failed in a row; 0: the last one succeeded.",
	 emit_failures},
	{"spillway_list_age_seconds", "gauge",
	 "Time since the server confirmed the content of a list by URL; if it never did, since the list is configured.",
	 emit_age},
	{"spillway_list_max_age_seconds", "gauge", "Age above which a list by URL is too old (max_age).", emit_max_age},
};

void spw_view_downloads_metrics(FILE *out, const struct spw_downloads_view *downloads)
{
	spw_page_write(out, families, sizeof(families) / sizeof(*families), downloads);
}

/* ---- JSON ---- */

static json_t *counts_json(const struct spw_download_view *download)
{
	struct spw_json object = spw_json_object();

	for (u32 outcome = 0; outcome < SPW_FETCH_OUTCOMES; outcome++)
		spw_json_set(&object, outcomes[outcome], spw_json_count(download->counts[outcome]));
	return spw_json_finish(&object);
}

static json_t *download_json(const struct spw_download_view *download)
{
	struct spw_json object = spw_json_object();

	spw_json_set(&object, "url", spw_json_text(download->url));
	spw_json_set(&object, "held", json_boolean(download->held));
	spw_json_set(&object, "running", json_boolean(download->running));
	spw_json_set(&object, "age_s", spw_json_seconds(download->age_ns));
	spw_json_set(&object, "max_age_s", spw_json_seconds(download->max_age_ns));
	spw_json_set(&object, "every_s", spw_json_seconds(download->every_ns));
	spw_json_set(&object, "next_s", spw_json_seconds(download->next_ns));
	spw_json_set(&object, "fetches", counts_json(download));
	spw_json_set(&object, "failures", spw_json_count(download->failures));
	spw_json_set(&object, "failure", spw_json_text_or_null(download->failure));
	spw_json_set(&object, "failed_ago_s", *download->failure ? spw_json_seconds(download->failed_ns) : json_null());
	return spw_json_finish(&object);
}

json_t *spw_view_downloads_json(const struct spw_downloads_view *downloads)
{
	struct spw_json object = spw_json_object();

	for (size_t i = 0; i < downloads->count; i++)
		spw_json_set(&object, downloads->items[i].list, download_json(&downloads->items[i]));
	return spw_json_finish(&object);
}

/* ---- text, from JSON ---- */

static const char *time_of(const json_t *download, const char *key, char text[SPW_SHORT_TEXT])
{
	double seconds = json_number_value(json_object_get(download, key));

	return spw_short_time(seconds > 0 && seconds < 1e9 ? (u64)(seconds * 1e9) : 0, text);
}

static json_int_t count_of(const json_t *download, const char *key)
{
	return json_integer_value(json_object_get(download, key));
}

static const char *text_of(const json_t *download, const char *key)
{
	const char *text = json_string_value(json_object_get(download, key));

	return text ? text : "";
}

static bool is_old(const json_t *download)
{
	return json_number_value(json_object_get(download, "age_s")) >
	       json_number_value(json_object_get(download, "max_age_s"));
}

bool spw_view_download_is_bad(const json_t *download)
{
	return is_old(download) || count_of(download, "failures") || !json_is_true(json_object_get(download, "held"));
}

const char *spw_view_download_state(const json_t *download, char *text, size_t bytes)
{
	bool held = json_is_true(json_object_get(download, "held"));
	char age[SPW_SHORT_TEXT], ago[SPW_SHORT_TEXT], next[SPW_SHORT_TEXT];
	const char *failure = text_of(download, "failure");
	int used = snprintf(text, bytes, held ? "confirmed by its server %s ago%s" : "not fetched for %s%s",
			    time_of(download, "age_s", age), is_old(download) ? ", which is too old" : "");

	if (used < 0 || (size_t)used >= bytes)
		return text;
	if (count_of(download, "failures"))
		snprintf(text + used, bytes - (size_t)used, "; the last %lld failed, %s ago: %s",
			 (long long)count_of(download, "failures"), time_of(download, "failed_ago_s", ago), failure);
	else if (json_is_true(json_object_get(download, "running")))
		snprintf(text + used, bytes - (size_t)used, "; is being fetched");
	else
		snprintf(text + used, bytes - (size_t)used, "; next in %s%s%s%s", time_of(download, "next_s", next),
			 *failure ? "; the last failure was " : "",
			 *failure ? time_of(download, "failed_ago_s", ago) : "", *failure ? " ago" : "");
	return text;
}

void spw_view_download(FILE *out, const json_t *download)
{
	char state[1024];

	spw_view_download_state(download, state, sizeof(state));
	fprintf(out, "%-10s", "url");
	spw_put_text(out, text_of(download, "url"), SPW_FOR_TERMINAL);
	fprintf(out, "\n%-10s", "fetched");
	spw_put_text(out, state, SPW_FOR_TERMINAL);
	fputc('\n', out);
}
