/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The copy of a list by URL in state_dir, so that a start needs no server. Written by the agent (store/url_copy_file.h),
 * read by whoever loads lists (lists/url_copy.h).
 *
 *   lists/NAME.json          what the copy is: URL, ETag, times, SHA-256, and which of the two files below holds it
 *   lists/NAME.a, NAME.b     the content as it was served; the other one is for the next download
 *
 * NAME is the list's, with bytes other than letters, digits, '-' and '_' as %XX.
 */
#ifndef SPW_CONFIG_URL_COPY_H
#define SPW_CONFIG_URL_COPY_H

#include <stdbool.h>

#include "base/sha256.h"
#include "maps/types.h"

#define SPW_URL_COPY_FOLDER    "lists" /* in state_dir */
#define SPW_URL_COPY_NAME      208     /* bytes of NAME.json with its NUL */
#define SPW_URL_COPY_PATH      4096
#define SPW_URL_COPY_VERSION   1
#define SPW_URL_COPY_BYTES_MAX (64u << 20) /* of content; a larger answer is refused */
#define SPW_URL_BYTES	       2048	   /* of a URL with its NUL */
#define SPW_ETAG_BYTES	       256	   /* with its NUL; a longer one is not used */
#define SPW_HTTP_DATE_BYTES    64

struct spw_url_copy {
	char slot;		   /* 'a' or 'b'; 0: there is no copy */
	u64 fetched_s;		   /* Unix time of the answer that had the content */
	u64 confirmed_s;	   /* Unix time at which the server last confirmed it */
	char etag[SPW_ETAG_BYTES]; /* as served, with quotes; "": none */
	char last_modified[SPW_HTTP_DATE_BYTES];
	char sha256[SPW_SHA256_TEXT];
};

/** spw_url_copy_name() - NAME of @list with @suffix (".json", ".a"). Returns @name. */
const char *spw_url_copy_name(char name[SPW_URL_COPY_NAME], const char *list, const char *suffix);

/** spw_url_copy_path() - the path of that file. Returns @path. */
const char *spw_url_copy_path(char path[SPW_URL_COPY_PATH], const char *state_dir, const char *list,
			      const char *suffix);

/** spw_url_copy_suffix() - ".a" or ".b": of the content of @copy, or with @spare of the other one. */
const char *spw_url_copy_suffix(const struct spw_url_copy *copy, bool spare);

#endif
