/* SPDX-License-Identifier: GPL-2.0-only */
/* For list show: the maps have one owner of each ban, the agent has the others, and what became of fetches. */
#include <stdlib.h>
#include <string.h>

#include "net/control_client.h"
#include "list.h"

enum {
	PIECE_PREFIXES = 64,
	ANSWER_SECONDS = 5,
};

static void copy_text(const json_t *object, const char *key, char *text, size_t bytes)
{
	const char *value = json_string_value(json_object_get(object, key));

	snprintf(text, bytes, "%s", value ? value : "");
}

static void take_others(struct spw_ban_view *ban, const json_t *others)
{
	const size_t count = json_array_size(others);
	const json_t *other;
	size_t i;

	ban->others = count ? calloc(count, sizeof(*ban->others)) : NULL;
	if (!ban->others)
		return;
	ban->others_count = (u32)count;
	json_array_foreach((json_t *)others, i, other)
	{
		const json_t *left = json_object_get(other, "left_s");

		copy_text(other, "owner", ban->others[i].owner, sizeof(ban->others[i].owner));
		copy_text(other, "note", ban->others[i].note, sizeof(ban->others[i].note));
		ban->others[i].left_ns = json_is_null(left) ? SPW_BAN_FOREVER
							    : (u64)(json_number_value(left) * SPW_SECOND_NS);
	}
}

/* Ask about the shared bans from @at on; returns where the next piece begins. */
static size_t make_piece(const struct spw_ban_view *bans, size_t at, size_t count, json_t *prefixes)
{
	char text[SPW_PREFIX_TEXT];

	for (; at < count && json_array_size(prefixes) < PIECE_PREFIXES; at++)
		if (bans[at].owners > 1)
			json_array_append_new(prefixes, json_string(spw_prefix_format(&bans[at].prefix, text)));
	return at;
}

void spw_list_ask_owners(const char *run_dir, const char *list, struct spw_ban_view *bans, size_t count)
{
	char message[SPW_MESSAGE_MAX], text[SPW_PREFIX_TEXT];
	bool answered = true;

	for (size_t begin = 0, end; begin < count && answered; begin = end) {
		json_t *prefixes = json_array(), *answer;

		end = make_piece(bans, begin, count, prefixes);
		if (!json_array_size(prefixes)) {
			json_decref(prefixes);
			return;
		}
		answer = spw_control_call(
			run_dir, json_pack("{s:s,s:s,s:o}", "verb", "list-owners", "list", list, "prefixes", prefixes),
			ANSWER_SECONDS, message);
		answered = json_is_true(json_object_get(answer, "ok"));
		for (size_t i = begin; i < end && answered; i++)
			if (bans[i].owners > 1)
				take_others(&bans[i], json_object_get(json_object_get(answer, "others"),
								      spw_prefix_format(&bans[i].prefix, text)));
		json_decref(answer);
	}
}

json_t *spw_list_ask_fetches(const char *run_dir)
{
	char message[SPW_MESSAGE_MAX];
	json_t *answer = spw_control_call(run_dir, json_pack("{s:s}", "verb", "list-fetches"), ANSWER_SECONDS, message);
	json_t *lists = json_incref(json_object_get(answer, "lists"));

	json_decref(answer);
	return lists;
}
