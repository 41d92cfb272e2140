/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A request has one end for all its prefixes, so decisions are sent in groups with similar time left. It is rounded up,
 * as a ban that ends early is worse: CrowdSec reports each decision that ends, which lifts the ban.
 */
#include "bouncer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "kernel/ban_maps.h"
#include "kernel/registry.h"
#include "net/control_address.h"
#include "net/control_client.h"
#include "store/ban_label.h"
#include "list.h"

enum {
	ANSWER_SECONDS = 30,
	/* After so many refusals in a row the decisions are not the cause. */
	REFUSED_MAX = 64,
	ROUNDED_BITS = 6, /* of a time left, that are kept: adds less than 3.2 % */
};

/* A delivery on a connection. */
struct delivery {
	const struct spw_bouncer *bouncer;
	const struct spw_crowdsec_answer *answer;
	bool whole;
	struct spw_bounced *bounced;
	u32 refused_in_row;
	json_t *last; /* the final answer; NULL: none yet */
	char *message;
};

int spw_bouncer_agent(const char *run_dir, json_int_t *pid, char message[SPW_MESSAGE_MAX])
{
	json_t *answer = spw_control_call(run_dir, json_pack("{s:s}", "verb", "ping"), ANSWER_SECONDS, message);
	const json_t *found = json_object_get(answer, "pid");
	int err = json_is_integer(found) ? 0 : -EHOSTUNREACH;

	*pid = json_integer_value(found);
	if (answer && err)
		spw_message(message, err, "the agent: %.200s",
			    json_string_value(json_object_get(answer, "error")) ?: "no process id in its answer");
	json_decref(answer);
	return err;
}

/* ---- requests ---- */

/* Send all of them in one request. Returns whether there is an answer, in delivery->last; else there is a message. */
static bool send(struct delivery *delivery, int fd, const struct spw_list_request *request,
		 const struct spw_crowdsec_ban *items, size_t count)
{
	const struct spw_list_prefixes prefixes = {&items->prefix, sizeof(*items), count};

	json_decref(delivery->last);
	delivery->last = spw_list_exchange(fd, request, &prefixes, ANSWER_SECONDS, delivery->message);
	return delivery->last;
}

static const char *refusal_of(const json_t *answer)
{
	if (json_is_true(json_object_get(answer, "ok")))
		return NULL;
	return json_string_value(json_object_get(answer, "error")) ?: "refused without a reason";
}

/* spw_control_talk() starts over. */
static bool is_crowded(const char *refusal)
{
	return !strncmp(refusal, SPW_CONTROL_CROWDED, strlen(SPW_CONTROL_CROWDED));
}

static bool gave_up(const struct delivery *delivery)
{
	return delivery->refused_in_row >= REFUSED_MAX;
}

static void note_refused(struct delivery *delivery, size_t count, const char *refusal)
{
	struct spw_bounced *bounced = delivery->bounced;

	if (!bounced->refused)
		spw_message(bounced->refusal, 0, "%s", refusal);
	bounced->refused += (u32)count;
	delivery->refused_in_row += (u32)count;
}

/* A request is all or nothing: halve it until the refused ones are found. False: stop talking. */
static bool add(struct delivery *delivery, int fd, const struct spw_crowdsec_ban *items, size_t count)
{
	const struct spw_list_request request = {
		.verb = "list-add",
		.name = delivery->bouncer->list,
		.owner = delivery->bouncer->owner,
		.for_s = items->for_s,
		.note = "crowdsec",
		.extend =
			true, /* of two decisions for one prefix the longer one counts, and CrowdSec reports its end */
	};
	const char *refusal;

	if (gave_up(delivery)) {
		note_refused(delivery, count, "");
		return true;
	}
	if (!send(delivery, fd, &request, items, count))
		return false;
	refusal = refusal_of(delivery->last);
	if (!refusal) {
		delivery->bounced->in_force += (u32)count;
		delivery->refused_in_row = 0;
		return true;
	}
	if (is_crowded(refusal))
		return false;
	if (count == 1) {
		note_refused(delivery, 1, refusal);
		return true;
	}
	return add(delivery, fd, items, count / 2) && add(delivery, fd, items + count / 2, count - count / 2);
}

static bool lift(struct delivery *delivery, int fd, const struct spw_crowdsec_bans *decisions)
{
	const struct spw_list_request request = {
		.verb = "list-remove", .name = delivery->bouncer->list, .owner = delivery->bouncer->owner};

	if (!decisions->count)
		return true;
	if (!send(delivery, fd, &request, decisions->items, decisions->count) || refusal_of(delivery->last))
		return false;
	delivery->bounced->lifted += (u32)json_integer_value(json_object_get(delivery->last, "removed")) +
				     (u32)json_integer_value(json_object_get(delivery->last, "kept"));
	return true;
}

/* ---- groups ---- */

static u32 round_up(u32 seconds)
{
	u32 unit = 1;

	while (seconds / unit >> ROUNDED_BITS)
		unit *= 2;
	return (seconds + unit - 1) / unit * unit;
}

static int compare_times(const void *left, const void *right)
{
	u32 a = ((const struct spw_crowdsec_ban *)left)->for_s, b = ((const struct spw_crowdsec_ban *)right)->for_s;

	return (a > b) - (a < b);
}

static bool add_all(struct delivery *delivery, int fd)
{
	size_t count = delivery->answer->fresh.count;
	_cleanup_free_ struct spw_crowdsec_ban *items = malloc((count + 1) * sizeof(*items));

	if (!items) {
		spw_message(delivery->message, -ENOMEM, "out of memory");
		return false;
	}
	for (size_t i = 0; i < count; i++) {
		items[i] = delivery->answer->fresh.items[i];
		items[i].for_s = round_up(items[i].for_s);
	}
	qsort(items, count, sizeof(*items), compare_times);
	for (size_t begin = 0, end; begin < count; begin = end) {
		for (end = begin + 1; end < count && items[end].for_s == items[begin].for_s;)
			end++;
		if (!add(delivery, fd, items + begin, end - begin))
			return false;
	}
	return true;
}

/* ---- bans that are missing from a complete answer ---- */

struct search {
	const struct spw_crowdsec_answer *answer;
	u16 list;
	char owner[SPW_BAN_OWNER_MAX];
	struct spw_crowdsec_bans stale;
};

static int find_stale(void *context, const struct spw_ban_key *key, const struct spw_ban_value *value)
{
	struct search *search = context;
	struct spw_crowdsec_ban found = {.prefix = {.addr = {key->source_hi, key->source_lo},
						    .family = (u8)key->family,
						    .len = (u8)key->length}};
	struct spw_ban_label label;

	if (value->list != search->list)
		return 0;
	spw_ban_unpack_label(value->note, &label);
	/* Of several owners the map names one. The agent ignores a request for a ban that this owner has no part in. */
	if (label.owners < 2 && strcmp(label.owner, search->owner))
		return 0;
	if (spw_crowdsec_have(&search->answer->fresh, &found.prefix))
		return 0;
	return spw_crowdsec_append(&search->stale, &found);
}

static int search_maps(const struct spw_pins *pins, const struct spw_bouncer *bouncer, struct search *search)
{
	_cleanup_free_ struct spw_registry *registry = malloc(sizeof(*registry));
	struct spw_ban_maps maps;
	int err = registry ? spw_registry_read(pins, registry) : -ENOMEM;

	if (err)
		return err;
	search->list = spw_registry_find_list(registry, bouncer->list);
	spw_ban_shorten_owner(bouncer->owner, search->owner);
	err = search->list ? spw_ban_maps_open(pins, false, &maps) : -ENOENT;
	if (err)
		return err;
	err = spw_ban_maps_read(&maps, find_stale, search);
	spw_ban_maps_close(&maps);
	return err;
}

static bool lift_stale(struct delivery *delivery, int fd)
{
	struct search search = {.answer = delivery->answer};
	struct spw_pins pins;
	bool done = false;
	int err;

	if (spw_pins_open(delivery->bouncer->pin_dir, false, false, &pins, delivery->message))
		return false;
	err = search_maps(&pins, delivery->bouncer, &search);
	spw_pins_close(&pins);
	if (err)
		spw_message(delivery->message, err, "cannot read the bans in %.200s: %s", delivery->bouncer->pin_dir,
			    strerror(-err));
	else
		done = lift(delivery, fd, &search.stale);
	free(search.stale.items);
	return done;
}

/* ---- the talk ---- */

static json_t *talk(int fd, void *context, char *message)
{
	struct delivery *delivery = context;
	bool done;

	delivery->message = message;
	delivery->last = NULL;
	delivery->refused_in_row = 0;
	*delivery->bounced = (struct spw_bounced){0};
	*message = '\0';
	if (delivery->whole)
		done = add_all(delivery, fd) && (gave_up(delivery) || lift_stale(delivery, fd));
	else
		done = lift(delivery, fd, &delivery->answer->deleted) && add_all(delivery, fd);
	if (done && !delivery->last)
		delivery->last = json_pack("{s:b}", "ok", 1);
	/* Single refused decisions are not a failure. */
	if (done)
		json_object_set_new(delivery->last, "ok", json_true());
	else if (*message) {
		json_decref(delivery->last);
		delivery->last = NULL;
	}
	return delivery->last;
}

int spw_bouncer_send(const struct spw_bouncer *bouncer, const struct spw_crowdsec_answer *answer, bool whole,
		     struct spw_bounced *bounced, char message[SPW_MESSAGE_MAX])
{
	struct delivery delivery = {.bouncer = bouncer, .answer = answer, .whole = whole, .bounced = bounced};
	json_t *last;
	int err = 0;

	*bounced = (struct spw_bounced){0};
	if (!whole && !answer->fresh.count && !answer->deleted.count)
		return 0;
	last = spw_control_talk(bouncer->run_dir, talk, &delivery, &err, message);
	if (!last)
		return err ? err : -EIO;
	err = refusal_of(last) ? spw_message(message, -EPROTO, "%.400s", refusal_of(last)) : 0;
	json_decref(last);
	if (!err && gave_up(&delivery))
		err = spw_message(message, -EPROTO, "%u decisions are not in force: %.300s", bounced->refused,
				  bounced->refusal);
	return err;
}
