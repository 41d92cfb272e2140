/* SPDX-License-Identifier: GPL-2.0-only */
#include "ban_answer.h"

#include <stdlib.h>

#include "base/clock.h"
#include "ban_job.h"
#include "ban_request.h"

/* An answer must fit into the socket's buffer. */
enum {
	PREFIXES_MAX = 64, /* of a request */
	OWNERS_MAX = 16,   /* of a ban */
};

static json_t *list_others(const struct ban_table *table, const struct spw_ban *ban, u64 now_ns)
{
	const struct spw_ban_claim *claims = table->owners.claims;
	json_t *array = json_array();

	for (u32 at = ban->claims; at && json_array_size(array) < OWNERS_MAX; at = claims[at - 1].next) {
		const struct spw_ban_claim *claim = &claims[at - 1];

		if (claim->owner == ban->owner || claim->until_ns <= now_ns)
			continue;
		json_array_append_new(array,
				      json_pack("{s:s,s:o,s:s}", "owner",
						spw_ban_owner_name(&table->owners, claim->owner), "left_s",
						claim->until_ns == SPW_BAN_FOREVER
							? json_null()
							: json_real((double)(claim->until_ns - now_ns) / SPW_SECOND_NS),
						"note", claim->note));
	}
	return array;
}

static json_t *list_owners(const struct ban_table *table, const struct ban_job *job)
{
	const u64 now_ns = spw_monotonic_ns();
	char text[SPW_PREFIX_TEXT];
	json_t *owners = json_object();

	for (size_t i = 0; i < job->prefixes.count; i++) {
		const struct spw_prefix *prefix = &job->prefixes.entries[i].prefix;
		const struct spw_ban *ban = spw_ban_set_find(&table->set, prefix);

		if (ban && ban->list == job->list && !spw_ban_is_over(ban, now_ns))
			json_object_set_new(owners, spw_prefix_format(prefix, text), list_others(table, ban, now_ns));
	}
	return json_pack("{s:b,s:o}", "ok", 1, "others", owners);
}

json_t *ban_answer_owners(const struct in_force *in_force, const struct ban_table *table, const json_t *request)
{
	struct ban_job *job = calloc(1, sizeof(*job));
	json_t *answer;

	if (!job)
		return spw_reply_failure("out of memory");
	if (!ban_request_read(in_force, request, BANS_REMOVE, 0, job))
		answer = spw_reply_failure(job->error);
	else if (job->prefixes.count > PREFIXES_MAX)
		answer = spw_reply_failure("prefixes: 64 at most");
	else
		answer = list_owners(table, job);
	ban_job_free(job);
	return answer;
}
