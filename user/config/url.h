/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * http://ADDRESS[:PORT][/PATH] -> whom to connect to and what to ask for. Names are not looked up, since that would
 * block whoever asks; "localhost" is 127.0.0.1. Called by the reader of probes, which refuses what cannot be asked, and
 * by the probes themselves.
 */
#ifndef SPW_CONFIG_URL_H
#define SPW_CONFIG_URL_H

#include <sys/socket.h>

#define SPW_URL_MAX 512 /* bytes of an URL with its final NUL */

struct spw_url {
	struct sockaddr_storage address; /* AF_INET or AF_INET6; port 80 where none is written */
	socklen_t address_bytes;
	char host[128];		/* as in the header: with its port, if there is one */
	char path[SPW_URL_MAX]; /* begins with /, and has its query; what is behind a # is left out */
};

/** spw_url_read() - NULL, or what would be right: it is to stand behind "'ftp://a' cannot be asked: ". */
const char *spw_url_read(const char *text, struct spw_url *url);

#endif
