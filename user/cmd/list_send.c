/* SPDX-License-Identifier: GPL-2.0-only */
/* Prefixes to the agent: what list add, remove and import have in common. */
#include <stdio.h>
#include <string.h>

#include "config/item.h"
#include "base/cleanup.h"
#include "net/control_client.h"
#include "list.h"

enum {
	PIECE_PREFIXES = 1000, /* well within the bound of a request */
	ANSWER_SECONDS = 30,
};

static json_t *make_piece(const struct spw_list_request *request, const struct spw_list *prefixes, size_t begin,
			  size_t end)
{
	json_t *array = json_array(),
	       *piece = json_pack("{s:s,s:s,s:b,s:b,s:o}", "verb", request->verb, "list", request->name, "force",
				  request->force, "more", end < prefixes->count, "prefixes", array);
	char text[SPW_PREFIX_TEXT];

	for (size_t i = begin; i < end; i++)
		json_array_append_new(array, json_string(spw_prefix_format(&prefixes->entries[i].prefix, text)));
	if (request->for_ns)
		json_object_set_new(piece, "for_s", json_real((double)request->for_ns / 1e9));
	if (request->note)
		json_object_set_new(piece, "note", json_string(request->note));
	return piece;
}

struct pieces {
	const struct spw_list_request *request;
	const struct spw_list *prefixes;
};

/* The answer to the last piece, or to the first that is refused; NULL: @message. */
static json_t *send_pieces(int fd, void *context, char *message)
{
	const struct pieces *pieces = context;
	const struct spw_list *prefixes = pieces->prefixes;
	json_t *answer = NULL;
	size_t begin = 0, end;

	do {
		end = begin + PIECE_PREFIXES < prefixes->count ? begin + PIECE_PREFIXES : prefixes->count;
		json_decref(answer);
		answer = spw_control_exchange(fd, make_piece(pieces->request, prefixes, begin, end), ANSWER_SECONDS,
					      message);
		begin = end;
	} while (answer && end < prefixes->count && json_is_true(json_object_get(answer, "ok")));
	return answer;
}

int spw_list_send(const struct spw_call *call, const struct spw_list_request *request, const struct spw_list *prefixes,
		  int (*print)(const struct spw_call *call, const struct spw_list_request *request,
			       const json_t *answer))
{
	char message[SPW_MESSAGE_MAX];
	struct spw_config config;
	int status = spw_where(call, &config);
	struct pieces pieces = {request, prefixes};
	json_t *answer = status == SPW_EXIT_DONE ? spw_control_talk(config.run_dir, send_pieces, &pieces, message)
						 : NULL;

	spw_config_free(&config);
	if (status != SPW_EXIT_DONE)
		return status;
	if (!answer)
		return spw_fail("%s", message);
	if (json_is_true(json_object_get(answer, "ok")))
		status = print(call, request, answer);
	else
		status = spw_fail("%s", json_string_value(json_object_get(answer, "error")));
	json_decref(answer);
	return status;
}

bool spw_list_read_words(int argc, char **argv, struct spw_list *list)
{
	for (int i = 0; i < argc; i++) {
		struct spw_item_error error;
		struct spw_prefix prefix;
		struct spw_item item;
		bool ended = false;

		if (!spw_item_parse(argv[i], strlen(argv[i]), &item, &error)) {
			spw_fail("%s", error.text);
			return false;
		}
		while (spw_range_next(&item.first, &item.last, item.family, &ended, &prefix)) {
			if (spw_list_append(list, &prefix, 0, 0)) {
				spw_fail("out of memory");
				return false;
			}
		}
	}
	return true;
}
