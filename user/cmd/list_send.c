/* SPDX-License-Identifier: GPL-2.0-only */
/* Sends prefixes to the agent, or into the spool: common to list add, remove, flush and import. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "config/item.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "net/control_client.h"
#include "store/ban_spool.h"
#include "list.h"
#include "look.h"

enum {
	PIECE_PREFIXES = 1000, /* well within the bound of a request */
	ANSWER_SECONDS = 15,
	PAUSE_US = 20000,
};

#define AWAY_NS (15 * SPW_SECOND_NS) /* how long an agent may take to stop or to start */

/* Of the prefixes from @begin to before @end. */
static json_t *make_piece(const struct spw_list_request *request, const struct spw_list_prefixes *prefixes,
			  size_t begin, size_t end)
{
	json_t *array = json_array(),
	       *piece = json_pack("{s:s,s:s,s:o}", "verb", request->verb, "list", request->name, "prefixes", array);
	char text[SPW_PREFIX_TEXT];

	for (size_t i = begin; i < end; i++) {
		const void *prefix = (const char *)prefixes->first + i * prefixes->stride;

		json_array_append_new(array, json_string(spw_prefix_format(prefix, text)));
	}
	if (end < prefixes->count)
		json_object_set_new(piece, "more", json_true());
	if (request->force)
		json_object_set_new(piece, "force", json_true());
	if (request->extend)
		json_object_set_new(piece, "extend", json_true());
	if (request->within)
		json_object_set_new(piece, "within", json_true());
	if (request->for_s > 0)
		json_object_set_new(piece, "for_s", json_real(request->for_s));
	if (request->note)
		json_object_set_new(piece, "note", json_string(request->note));
	if (request->owner)
		json_object_set_new(piece, "owner", json_string(request->owner));
	return piece;
}

json_t *spw_list_exchange(int fd, const struct spw_list_request *request, const struct spw_list_prefixes *prefixes,
			  int seconds, char message[SPW_MESSAGE_MAX])
{
	json_t *answer = NULL;
	size_t begin = 0, end;

	do {
		end = begin + PIECE_PREFIXES < prefixes->count ? begin + PIECE_PREFIXES : prefixes->count;
		json_decref(answer);
		answer = spw_control_exchange(fd, make_piece(request, prefixes, begin, end), seconds, message);
		begin = end;
	} while (answer && end < prefixes->count && json_is_true(json_object_get(answer, "ok")));
	return answer;
}

struct pieces {
	const struct spw_list_request *request;
	struct spw_list_prefixes prefixes;
};

static json_t *send_pieces(int fd, void *context, char *message)
{
	const struct pieces *pieces = context;

	return spw_list_exchange(fd, pieces->request, &pieces->prefixes, ANSWER_SECONDS, message);
}

static bool is_nobody(int err)
{
	return err == -ENOENT || err == -ECONNREFUSED;
}

static bool is_busy(int err)
{
	return err == -ETIMEDOUT || err == -EBUSY;
}

/*
 * Queue the request, for the next agent (@away) or for one that is too busy to answer.
 * Returns 0, -EAGAIN: an agent listens again; another -errno and @message.
 */
static int put_into_spool(const char *run_dir, const struct pieces *pieces, bool away, char *message)
{
	_cleanup_fd_ int lock = spw_spool_lock(run_dir, message);
	json_t *whole;
	int err;

	if (lock < 0)
		return lock == -EAGAIN ? -EBUSY : lock;
	if (away && spw_control_listens(run_dir))
		return -EAGAIN;
	whole = make_piece(pieces->request, &pieces->prefixes, 0, pieces->prefixes.count);
	err = spw_spool_put(run_dir, whole, message);
	json_decref(whole);
	return err == -EAGAIN ? -EIO : err;
}

/*
 * The agent's answer, or one that says "queued"; NULL: @message. A request may be done twice, for instance if an agent
 * stops before it answers, which is harmless.
 */
static json_t *ask(const struct spw_config *config, struct pieces *pieces, char *message)
{
	const u64 deadline = spw_monotonic_ns() + AWAY_NS;
	int err;

	do {
		json_t *answer = spw_control_talk(config->run_dir, send_pieces, pieces, &err, message);
		const bool away = is_nobody(err);

		if (!err || (away && !spw_spool_is_wanted(config->run_dir, config->state_dir)) ||
		    !(away || is_busy(err) || err == -ECONNRESET))
			return answer;
		json_decref(answer);
		if (err != -ECONNRESET)
			err = put_into_spool(config->run_dir, pieces, away, message);
		if (!err)
			return json_pack("{s:b,s:b,s:s}", "ok", 1, "queued", 1, "agent", away ? "absent" : "busy");
		if (err != -EAGAIN && err != -ECONNRESET)
			return NULL;
		usleep(PAUSE_US);
	} while (spw_monotonic_ns() < deadline);
	return NULL;
}

static void print_warnings(const json_t *answer)
{
	const char *text = json_string_value(json_object_get(answer, "warnings"));

	while (text && *text) {
		size_t length = strcspn(text, "\n");

		fprintf(stderr, "warning: %.*s\n", (int)length, text);
		text += length + (text[length] == '\n');
	}
}

static int print_queued(const struct spw_call *call, const struct spw_list_request *request, const json_t *answer)
{
	if (call->json)
		return spw_print_json(json_incref((json_t *)answer));
	printf("%s: queued: %s\n", request->name,
	       !strcmp(json_string_value(json_object_get(answer, "agent")), "absent")
		       ? "no agent runs; the next one does it when it starts"
		       : "the agent is too busy to answer; it does it as soon as it can");
	return SPW_EXIT_DONE;
}

int spw_list_send(const struct spw_call *call, const struct spw_list_request *request, const struct spw_list *prefixes,
		  int (*print)(const struct spw_call *call, const struct spw_list_request *request,
			       const json_t *answer))
{
	char message[SPW_MESSAGE_MAX];
	struct spw_config config;
	int status = spw_where(call, &config);
	struct pieces pieces = {request,
				{.first = prefixes->count ? &prefixes->entries->prefix : NULL,
				 .stride = sizeof(*prefixes->entries),
				 .count = prefixes->count}};
	json_t *answer = status == SPW_EXIT_DONE ? ask(&config, &pieces, message) : NULL;

	spw_config_free(&config);
	if (status != SPW_EXIT_DONE)
		return status;
	if (!answer)
		return spw_fail("%s", message);
	print_warnings(answer);
	if (json_is_true(json_object_get(answer, "queued")))
		status = print_queued(call, request, answer);
	else if (json_is_true(json_object_get(answer, "ok")))
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
