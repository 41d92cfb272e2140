/* SPDX-License-Identifier: GPL-2.0-only */
#include "lapi.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
	CONNECT_MS = 5000,
	STALL_SECONDS = 30, /* without a byte */
	TOTAL_MS = 300000,
};

struct transfer {
	CURL *easy;
	struct curl_slist *headers; /* owned */
	spw_lapi_visit *visit;
	void *context;
	bool unwanted;
	char error[CURL_ERROR_SIZE];
};

static long status_of(CURL *easy)
{
	long status = 0;

	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	return status;
}

/* Returning less than the length ends the transfer. */
static size_t on_body(char *bytes, size_t one, size_t length, void *context)
{
	struct transfer *transfer = context;

	(void)one;
	if (status_of(transfer->easy) != 200)
		return 0;
	transfer->unwanted = !transfer->visit(transfer->context, bytes, length);
	return transfer->unwanted ? 0 : length;
}

static bool set_options(struct transfer *transfer, const struct spw_lapi *lapi, bool startup)
{
	char url[2048], key[512];
	CURL *easy = transfer->easy;
	CURLcode bad = CURLE_OK;

	snprintf(url, sizeof(url), "%s/v1/decisions/stream?startup=%s", lapi->url, startup ? "true" : "false");
	snprintf(key, sizeof(key), "X-Api-Key: %s", lapi->key);
	transfer->headers = curl_slist_append(NULL, key);
	bad |= curl_easy_setopt(easy, CURLOPT_URL, url);
	bad |= curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->headers);
	bad |= curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	bad |= curl_easy_setopt(easy, CURLOPT_PROXY, "");
	bad |= curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	bad |= curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	bad |= curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	bad |= curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
	bad |= curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)STALL_SECONDS);
	bad |= curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)TOTAL_MS);
	bad |= curl_easy_setopt(easy, CURLOPT_USERAGENT, "spillway/" SPW_VERSION);
	bad |= curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->error);
	bad |= curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	bad |= curl_easy_setopt(easy, CURLOPT_WRITEDATA, (void *)transfer);
	if (lapi->ca_file)
		bad |= curl_easy_setopt(easy, CURLOPT_CAINFO, lapi->ca_file);
	return bad == CURLE_OK && transfer->headers;
}

static int judge(struct transfer *transfer, const struct spw_lapi *lapi, CURLcode code, char *message)
{
	long status = status_of(transfer->easy);

	if (transfer->unwanted)
		return -ECANCELED;
	if (status == 401 || status == 403)
		return spw_message(
			message, -EACCES,
			"%.200s: status %ld: the key is not accepted; make one with: cscli bouncers add spillway",
			lapi->url, status);
	if (status && status != 200)
		return spw_message(message, -EPROTO, "%.200s: status %ld; is this CrowdSec's local API?", lapi->url,
				   status);
	if (code != CURLE_OK)
		return spw_message(message, -EIO, "%.200s: %.200s", lapi->url,
				   *transfer->error ? transfer->error : curl_easy_strerror(code));
	return 0;
}

int spw_lapi_decisions(const struct spw_lapi *lapi, bool startup, spw_lapi_visit *visit, void *context,
		       char message[SPW_MESSAGE_MAX])
{
	struct transfer transfer = {.easy = curl_easy_init(), .visit = visit, .context = context};
	int err;

	if (transfer.easy && set_options(&transfer, lapi, startup))
		err = judge(&transfer, lapi, curl_easy_perform(transfer.easy), message);
	else
		err = spw_message(message, -ENOMEM, "out of memory");
	curl_slist_free_all(transfer.headers);
	curl_easy_cleanup(transfer.easy);
	return err;
}

static bool is_local(const char *host)
{
	return !strcmp(host, "localhost") || !strncmp(host, "127.", 4) || !strcmp(host, "[::1]");
}

const char *spw_lapi_check_url(const char *url, bool *remote)
{
	char *scheme = NULL, *host = NULL, *query = NULL, *user = NULL;
	CURLU *parts = curl_url();
	const char *wrong = NULL;

	*remote = false;
	if (!parts || strlen(url) > 1024 || curl_url_set(parts, CURLUPART_URL, url, 0) ||
	    curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) || curl_url_get(parts, CURLUPART_HOST, &host, 0))
		wrong = "is not a URL such as http://127.0.0.1:8080";
	else if (strcmp(scheme, "http") && strcmp(scheme, "https"))
		wrong = "must begin with http:// or https://";
	else if (!curl_url_get(parts, CURLUPART_QUERY, &query, 0) || !curl_url_get(parts, CURLUPART_USER, &user, 0))
		wrong = "must have no query and no user; the key is read from --key";
	else
		*remote = !strcmp(scheme, "http") && !is_local(host);
	curl_free(scheme);
	curl_free(host);
	curl_free(query);
	curl_free(user);
	curl_url_cleanup(parts);
	return wrong;
}
