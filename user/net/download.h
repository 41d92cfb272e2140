/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * HTTP GET into a file, by libcurl, for lists by URL. Bounded in bytes and time; certificates are verified; at most five
 * redirects, never to anything but http and https, and from https only to https. No compression is asked for or undone,
 * and the environment's proxies are not used. Blocks, so it runs in a process of its own.
 */
#ifndef SPW_NET_DOWNLOAD_H
#define SPW_NET_DOWNLOAD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "maps/types.h"

struct spw_download {
	const char *url;
	const char *etag; /* of what is there already; NULL or "": none */
	const char *last_modified;
	const char *ca; /* certificates to trust, PEM; NULL: those of the host */
	size_t ca_bytes;
	u64 timeout_ns;
	size_t bytes_max;
	int fd; /* takes the body */
};

struct spw_download_answer {
	bool unchanged; /* 304: nothing was written */
	size_t bytes;
	u64 retry_after_s; /* of a failure, as the server wishes; 0: it says nothing */
	char etag[256];	   /* "": none, or longer */
	char last_modified[64];
};

/** spw_download() - returns 0, or -errno and @message; then @download->fd may have a part of the body. */
int spw_download(const struct spw_download *download, struct spw_download_answer *answer,
		 char message[SPW_MESSAGE_MAX]);

#endif
