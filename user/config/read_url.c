/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * lists: { NAME: { url: "https://...", every: 1h, min: 1000, max_age: 2d, timeout: 60s, sha256_url: "https://...",
 *                  ca: PATH } }
 */
#include "reader.h"

#include <curl/curl.h>
#include <string.h>

#include "base/units.h"
#include "url_copy.h"

_Static_assert(SPW_URL_BYTES == 2048, "as the message below says");

#define HOUR_NS (3600 * SPW_SECOND_NS)
#define DAY_NS	(24 * HOUR_NS)

static void free_url(CURLU **url)
{
	curl_url_cleanup(*url);
}

static void free_part(char **part)
{
	curl_free(*part);
}

const char *spw_url_problem(const char *text, bool *clear)
{
	__attribute__((cleanup(free_url))) CURLU *url = curl_url();
	__attribute__((cleanup(free_part))) char *scheme = NULL;
	CURLUcode code;

	/* libcurl skips an unknown scheme, and guesses a missing one. */
	code = url ? curl_url_set(url, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME | CURLU_DISALLOW_USER)
		   : CURLUE_OUT_OF_MEMORY;
	if (!code)
		code = curl_url_get(url, CURLUPART_SCHEME, &scheme, 0);
	if (code == CURLUE_USER_NOT_ALLOWED)
		return "it must not contain a user name or password";
	if (code)
		return curl_url_strerror(code);
	if (strcmp(scheme, "http") && strcmp(scheme, "https"))
		return "it must begin with http:// or https://";
	if (clear)
		*clear = !strcmp(scheme, "http");
	return NULL;
}

static struct spw_config_url *url_of(void *list)
{
	return &((struct spw_config_list *)list)->url;
}

static void read_url(struct spw_reader *reader, const struct spw_node *value, char **into, bool *clear)
{
	const char *text = spw_read_text(reader, value, "a URL such as https://lists.example/drop.txt"), *problem;

	if (!text)
		return;
	problem = strlen(text) < SPW_URL_BYTES ? spw_url_problem(text, clear) : "it is longer than 2047 bytes";
	if (problem)
		spw_error(reader->diagnostics, value->place, "'%.64s' cannot be fetched: %s", text, problem);
	else
		spw_replace_text(reader, into, NULL, text);
}

void spw_read_list_url(struct spw_reader *reader, const struct spw_node *value, void *list)
{
	struct spw_config_url *url = url_of(list);
	bool clear = false;

	((struct spw_config_list *)list)->kind = SPW_LIST_URL;
	*url = (struct spw_config_url){
		.place = value->place,
		.every_ns = HOUR_NS,
		.max_age_ns = DAY_NS,
		.timeout_ns = 60 * SPW_SECOND_NS,
		.min = 1,
	};
	read_url(reader, value, &url->text, &clear);
	if (clear)
		spw_warning(reader->diagnostics, value->place,
			    "whoever is on the way can change what http:// brings; write https://");
}

void spw_read_every(struct spw_reader *reader, const struct spw_node *value, void *list)
{
	struct spw_config_url *url = url_of(list);

	if (spw_read_duration(reader, value, SPW_SECOND_NS, 30 * DAY_NS, "1s to 30d", &url->every_ns))
		url->max_age_ns = 4 * url->every_ns > DAY_NS ? 4 * url->every_ns : DAY_NS;
}

void spw_read_min(struct spw_reader *reader, const struct spw_node *value, void *list)
{
	const char *text = spw_read_text(reader, value, "a number of prefixes such as 1000"), *problem;

	if (!text)
		return;
	url_of(list)->min = 0;
	problem = strcmp(text, "0") ? spw_units_count(text, &url_of(list)->min) : NULL;
	if (problem)
		spw_error(reader->diagnostics, value->place, "'%.64s' is not a number of prefixes: %s", text, problem);
}

/* After `every`, which sets the default. */
void spw_read_max_age(struct spw_reader *reader, const struct spw_node *value, void *list)
{
	struct spw_config_url *url = url_of(list);

	if (spw_read_duration(reader, value, SPW_SECOND_NS, 365 * DAY_NS, "1s to 365d", &url->max_age_ns) &&
	    url->max_age_ns < url->every_ns)
		spw_error(reader->diagnostics, value->place,
			  "max_age is shorter than every, so the list would always be reported as too old");
}

void spw_read_url_timeout(struct spw_reader *reader, const struct spw_node *value, void *list)
{
	spw_read_duration(reader, value, SPW_SECOND_NS, 600 * SPW_SECOND_NS, "1s to 10m", &url_of(list)->timeout_ns);
}

void spw_read_sha256_url(struct spw_reader *reader, const struct spw_node *value, void *list)
{
	read_url(reader, value, &url_of(list)->sha256, NULL);
}

void spw_read_ca(struct spw_reader *reader, const struct spw_node *value, void *list)
{
	spw_read_path(reader, value, &url_of(list)->ca);
}
