/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * HTTP GET from CrowdSec's local API, by libcurl. Certificates are verified, redirects are not followed, the
 * environment's proxies are not used; bounded in time. Blocks, so it is for verbs, not for the agent.
 */
#ifndef SPW_NET_LAPI_H
#define SPW_NET_LAPI_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct spw_lapi {
	const char *url;     /* http:// or https://, without a slash at its end */
	const char *key;     /* of a bouncer; no control characters */
	const char *ca_file; /* certificates to trust, PEM; NULL: those of the host */
};

/** Called with the next bytes of the answer. Returns false to stop. */
typedef bool spw_lapi_visit(void *context, const char *bytes, size_t length);

/** spw_lapi_check_url() - NULL, or the error. @remote: http:// to another host. */
const char *spw_lapi_check_url(const char *url, bool *remote);

/**
 * spw_lapi_decisions() - GET /v1/decisions/stream.
 * @startup: all decisions; false: changes since this key asked last
 * Returns 0, or -errno and @message: no answer, or a status other than 200; -ECANCELED without one: @visit stopped.
 */
int spw_lapi_decisions(const struct spw_lapi *lapi, bool startup, spw_lapi_visit *visit, void *context,
		       char message[SPW_MESSAGE_MAX]);

#endif
