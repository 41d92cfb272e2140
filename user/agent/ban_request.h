/* SPDX-License-Identifier: GPL-2.0-only */
/* list-add, list-remove and list-flush (docs/control-socket.md) -> jobs. Private to bans. */
#ifndef SPW_AGENT_BAN_REQUEST_H
#define SPW_AGENT_BAN_REQUEST_H

#include <jansson.h>

#include "ban_job.h"
#include "ban_verb.h"
#include "in_force.h"

/**
 * ban_request_read() - add what @request says to @job.
 * @verb: by the request's own word
 * @age_ns: age of the request; times count from then
 * @job: all zero, or what earlier pieces of the same call came to
 * Returns false with job->error: the call is refused.
 */
bool ban_request_read(const struct in_force *in_force, const json_t *request, enum bans_verb verb, u64 age_ns,
		      struct ban_job *job);

#endif
