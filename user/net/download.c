/* SPDX-License-Identifier: GPL-2.0-only */
#include "download.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/write.h"

enum {
	CONNECT_MS_MAX = 10000,
	SLOW_BYTES = 64, /* a second, for SLOW_SECONDS: ended */
	SLOW_SECONDS = 30,
	REDIRECTS_MAX = 5,
	HEADER_BYTES_MAX = 65536, /* of all answers */
};

struct transfer {
	const struct spw_download *download;
	struct spw_download_answer *answer;
	CURL *easy;
	struct curl_slist *headers; /* owned */
	size_t header_bytes;
	int err; /* why a callback has stopped the transfer */
	char error[CURL_ERROR_SIZE];
};

static long status_of(CURL *easy)
{
	long status = 0;

	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	return status;
}

/* Bodies of errors are not kept. */
static size_t on_body(char *bytes, size_t size, size_t count, void *context)
{
	struct transfer *transfer = context;

	(void)size;
	if (status_of(transfer->easy) != 200)
		return count;
	transfer->answer->bytes += count;
	if (transfer->answer->bytes > transfer->download->bytes_max)
		transfer->err = -EFBIG;
	else
		transfer->err = spw_write_all(transfer->download->fd, bytes, count);
	return transfer->err ? 0 : count;
}

/* The value of header @name in @line, if it is printable ASCII and fits. */
static void take_header(const char *line, size_t length, const char *name, char *value, size_t bytes)
{
	size_t begin = strlen(name), end = length;

	if (length <= begin || strncasecmp(line, name, begin) || line[begin] != ':')
		return;
	for (begin++; begin < end && (line[begin] == ' ' || line[begin] == '\t'); begin++)
		;
	while (end > begin && (unsigned char)line[end - 1] <= ' ')
		end--;
	*value = '\0';
	for (size_t i = begin; i < end; i++)
		if (line[i] < ' ' || line[i] > '~')
			return;
	if (end - begin < bytes)
		snprintf(value, bytes, "%.*s", (int)(end - begin), line + begin);
}

/* Of each answer in a chain of redirects; only those of the last one count. */
static size_t on_header(char *line, size_t size, size_t count, void *context)
{
	struct transfer *transfer = context;
	struct spw_download_answer *answer = transfer->answer;

	(void)size;
	transfer->header_bytes += count;
	if (transfer->header_bytes > HEADER_BYTES_MAX) {
		transfer->err = -EFBIG;
		return 0;
	}
	if (count > 5 && !strncmp(line, "HTTP/", 5))
		*answer->etag = *answer->last_modified = '\0';
	take_header(line, count, "ETag", answer->etag, sizeof(answer->etag));
	take_header(line, count, "Last-Modified", answer->last_modified, sizeof(answer->last_modified));
	return count;
}

static bool add_header(struct transfer *transfer, const char *name, const char *value)
{
	char line[512];
	struct curl_slist *longer;

	if (!value || !*value)
		return true;
	snprintf(line, sizeof(line), "%s: %s", name, value);
	longer = curl_slist_append(transfer->headers, line);
	transfer->headers = longer ? longer : transfer->headers;
	return longer;
}

static CURLcode set_bounds(CURL *easy, const struct spw_download *download)
{
	long timeout_ms = (long)(download->timeout_ns / 1000000);
	CURLcode bad = CURLE_OK;

	bad |= curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
				timeout_ms < CONNECT_MS_MAX ? timeout_ms : (long)CONNECT_MS_MAX);
	bad |= curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, timeout_ms);
	bad |= curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, (long)SLOW_BYTES);
	bad |= curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)SLOW_SECONDS);
	bad |= curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)download->bytes_max);
	bad |= curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 1L);
	bad |= curl_easy_setopt(easy, CURLOPT_MAXREDIRS, (long)REDIRECTS_MAX);
	bad |= curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	bad |= curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR,
				strncasecmp(download->url, "https:", 6) ? "http,https" : "https");
	return bad;
}

static bool set_options(struct transfer *transfer)
{
	const struct spw_download *download = transfer->download;
	struct curl_blob ca = {(void *)download->ca, download->ca_bytes, CURL_BLOB_NOCOPY};
	CURL *easy = transfer->easy;
	CURLcode bad = set_bounds(easy, download);

	bad |= curl_easy_setopt(easy, CURLOPT_URL, download->url);
	bad |= curl_easy_setopt(easy, CURLOPT_PROXY, "");
	bad |= curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	bad |= curl_easy_setopt(easy, CURLOPT_USERAGENT, "spillway/" SPW_VERSION);
	bad |= curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->error);
	bad |= curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	bad |= curl_easy_setopt(easy, CURLOPT_WRITEDATA, (void *)transfer);
	bad |= curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	bad |= curl_easy_setopt(easy, CURLOPT_HEADERDATA, (void *)transfer);
	if (download->ca)
		bad |= curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &ca);
	if (!add_header(transfer, "If-None-Match", download->etag) ||
	    !add_header(transfer, "If-Modified-Since", download->last_modified))
		return false;
	if (transfer->headers)
		bad |= curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->headers);
	return bad == CURLE_OK;
}

static int judge(struct transfer *transfer, CURLcode code, char *message)
{
	const struct spw_download *download = transfer->download;
	bool asked = (download->etag && *download->etag) || (download->last_modified && *download->last_modified);
	long status = status_of(transfer->easy);
	curl_off_t retry_after_s = 0;

	if (transfer->err == -EFBIG || code == CURLE_FILESIZE_EXCEEDED)
		return spw_message(message, -EFBIG, "it has more than %zu KiB, or too many headers",
				   download->bytes_max >> 10);
	if (transfer->err)
		return spw_message(message, transfer->err, "cannot keep it: %s", strerror(-transfer->err));
	if (code != CURLE_OK)
		return spw_message(message, -EIO, "%.300s",
				   *transfer->error ? transfer->error : curl_easy_strerror(code));
	if (status == 200)
		return 0;
	if (status == 304 && asked) {
		transfer->answer->unchanged = true;
		return 0;
	}
	curl_easy_getinfo(transfer->easy, CURLINFO_RETRY_AFTER, &retry_after_s);
	transfer->answer->retry_after_s = retry_after_s > 0 ? (u64)retry_after_s : 0;
	return spw_message(message, -EPROTO, "the server answered with status %ld", status);
}

int spw_download(const struct spw_download *download, struct spw_download_answer *answer, char message[SPW_MESSAGE_MAX])
{
	struct transfer transfer = {.download = download, .answer = answer, .easy = curl_easy_init()};
	int err;

	*answer = (struct spw_download_answer){0};
	if (transfer.easy && set_options(&transfer))
		err = judge(&transfer, curl_easy_perform(transfer.easy), message);
	else
		err = spw_message(message, -ENOMEM, "out of memory");
	curl_slist_free_all(transfer.headers);
	curl_easy_cleanup(transfer.easy);
	return err;
}
