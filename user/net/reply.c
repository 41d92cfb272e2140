/* SPDX-License-Identifier: GPL-2.0-only */
#include "reply.h"

#include "base/text.h"

void spw_reply(const struct spw_reply_to *to, json_t *answer)
{
	if (to->server)
		spw_control_answer(to->server, to->client, answer);
	else
		json_decref(answer);
}

bool spw_reply_awaited(const struct spw_reply_to *to)
{
	return to->server && spw_control_is_there(to->server, to->client);
}

json_t *spw_reply_failure(const char *text)
{
	/* A truncated text may end within a character, which JSON does not allow. */
	return json_pack("{s:b,s:s%}", "ok", 0, "error", text, spw_utf8_whole(text));
}
