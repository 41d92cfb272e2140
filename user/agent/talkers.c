/* SPDX-License-Identifier: GPL-2.0-only */
/* See samples.h. */
#include "talkers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/words.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "view/drop.h"
#include "view/talkers.h"
#include "state.h"

#define READ_MOST	4096u	       /* a tick: twice what the ring holds */
#define LOOK_AGAIN_NS	10000000000ull /* own addresses change rarely */
#define TOP_MOST	100
#define NAME_OF(record) ((record).state != SPW_RECORD_FREE ? (record).name : NULL)

/* ---- one sample ---- */

/* A line about it, with its end; NULL: no memory. The caller frees it. */
static char *drop_line(const struct agent *agent, const struct spw_sample *sample, const struct spw_packet *packet,
		       u64 number, size_t *bytes)
{
	const struct spw_registry *registry = &agent->registry;
	const struct spw_trace trace = {
		.packet = *packet,
		.list = sample->list,
		.class_id = sample->class_id,
		.classified = packet->family != 0,
		.new_work = sample->new_work,
		.verdict = sample->verdict,
		.reason = sample->reason,
	};
	const struct spw_drop_view view = {
		.packet = {.number = number,
			   .trace = &trace,
			   .length = sample->length,
			   .class_name = NAME_OF(registry->classes[sample->class_id % SPW_CLASSES_MAX]),
			   .list_name = sample->list ? NAME_OF(registry->lists[sample->list % SPW_LISTS_MAX]) : NULL},
		.wall_ns = sample->time_ns + agent->samples.wall_offset_ns,
		.one_in = 1u << (sample->shift & 31),
		.header = sample->header,
		.captured = sample->captured < SPW_SAMPLE_HEADER ? sample->captured : SPW_SAMPLE_HEADER,
	};

	return spw_view_drop_json(&view, bytes);
}

static void note_drop(struct agent *agent, const struct spw_sample *sample, const struct spw_packet *packet)
{
	struct agent_samples *samples = &agent->samples;
	size_t bytes;
	char *line;

	samples->recent[samples->dropped++ % AGENT_RECENT_DROPS] = *sample;
	if (!spw_streams_wanted(samples->streams, sample->reason, sample->class_id))
		return;
	line = drop_line(agent, sample, packet, samples->dropped, &bytes);
	if (line)
		spw_streams_offer(samples->streams, sample->reason, sample->class_id, line, bytes);
	free(line);
}

/* Fault 11: who claims an address that no client can have is counted, and is nobody's rank. */
static void on_sample(void *context, const struct spw_sample *sample, const struct spw_packet *packet)
{
	struct agent *agent = context;
	struct agent_samples *samples = &agent->samples;
	const struct spw_addr source = {packet->source_hi, packet->source_lo};
	u32 weight = 1u << (sample->shift <= SPW_SAMPLE_SHIFT_MAX ? sample->shift : 0);

	if (packet->found & SPW_FOUND_IP) {
		enum spw_source_kind kind = spw_source_kind(&source, packet->family, &samples->own);

		samples->kinds[kind] += weight;
		if (kind == SPW_SOURCE_ORDINARY)
			spw_talkers_offer(samples->talkers, &(struct spw_offer){
								    .source_hi = packet->source_hi,
								    .family = packet->family,
								    .class_id = sample->class_id,
								    .list = sample->list,
								    .length = sample->length,
								    .weight = weight,
								    .new_work = sample->new_work,
								    .dropped = sample->verdict == SPW_DROP,
							    });
	}
	if (sample->verdict == SPW_DROP)
		note_drop(agent, sample, packet);
}

/* ---- the tick ---- */

static void alarm_once(struct agent_samples *samples, const char *what, int err)
{
	if (err && !samples->alarmed)
		spw_log(LOG_ERR, "cannot %s: %s; top, drops and captures lack it, nothing else does", what,
			strerror(-err));
	samples->alarmed = err;
}

static void follow_program(struct agent *agent)
{
	struct agent_samples *samples = &agent->samples;
	int err;

	if (samples->ring_fd == agent->datapath.samples_fd)
		return;
	spw_samples_close(samples->ring);
	samples->ring = NULL;
	samples->ring_fd = agent->datapath.samples_fd;
	err = spw_samples_open(samples->ring_fd, &samples->ring);
	alarm_once(samples, "read the ring of samples", err);
}

static void note_time(struct agent_samples *samples, u64 now)
{
	samples->wall_offset_ns = spw_wall_ns() - spw_monotonic_ns();
	if (samples->looked_ns && now - samples->looked_ns < LOOK_AGAIN_NS)
		return;
	samples->looked_ns = now;
	spw_own_addresses(&samples->own);
}

/* The prefixes that are ranked are those that have limits. */
static void follow_masks(struct agent *agent)
{
	const u8 *bits = agent->limiting.policy.prefix_bits;

	if (bits[0] && bits[1])
		spw_talkers_masks(agent->samples.talkers, bits[0], bits[1]);
}

/* From what was drawn in this tick, so also from what was lost. */
static void choose(struct agent *agent, double seconds)
{
	struct agent_samples *samples = &agent->samples;
	struct spw_sampling sum;
	int err = spw_read_sampling(&agent->pins, &sum);

	alarm_once(samples, "read how many samples there were", err);
	if (err)
		return;
	for (u32 verdict = 0; verdict < SPW_VERDICTS; verdict++) {
		u64 drawn = sum.taken[verdict] + sum.bounded[verdict] + sum.full[verdict] -
			    samples->before.taken[verdict] - samples->before.bounded[verdict] -
			    samples->before.full[verdict];

		if (seconds > 0)
			spw_sampling_choose(&samples->choices[verdict], drawn, seconds);
		agent->control.sample[verdict] = (u8)(32 - samples->choices[verdict].shift);
	}
	samples->before = sum;
}

void agent_take_samples(struct agent *agent, u64 now)
{
	struct agent_samples *samples = &agent->samples;
	double seconds = samples->ticked_ns ? (double)(now - samples->ticked_ns) / 1e9 : 0;

	follow_program(agent);
	note_time(samples, now);
	if (samples->ring)
		spw_samples_read(samples->ring, READ_MOST, on_sample, agent);
	spw_talkers_tick(samples->talkers, seconds);
	follow_masks(agent);
	choose(agent, seconds);
	spw_streams_flush(samples->streams);
	samples->ticked_ns = now;
}

int agent_begin_samples(struct agent *agent)
{
	struct agent_samples *samples = &agent->samples;

	samples->ring_fd = -1;
	samples->talkers = spw_talkers_new(SPW_TALKERS_SOURCES, SPW_TALKERS_PREFIXES);
	samples->streams = spw_streams_new();
	for (u32 verdict = 0; verdict < SPW_VERDICTS; verdict++)
		spw_sampling_begin(&samples->choices[verdict]);
	return samples->talkers && samples->streams ? 0 : -ENOMEM;
}

void agent_end_samples(struct agent *agent)
{
	struct agent_samples *samples = &agent->samples;

	spw_samples_close(samples->ring);
	spw_talkers_free(samples->talkers);
	spw_streams_free(samples->streams);
	samples->ring = NULL;
	samples->talkers = NULL;
	samples->streams = NULL;
}

/* ---- drops, to whoever asks ---- */

/* A bit for each reason of that name; two are called "malformed". */
static u64 reasons_named(const char *name)
{
	u64 reasons = 0;

	for (u32 reason = 0; reason < SPW_REASONS; reason++)
		if (spw_reason_verdict(reason) == SPW_DROP && (!name || !strcmp(spw_reason_name(reason), name)))
			reasons |= 1ull << reason;
	return reasons;
}

static int class_named(const struct agent *agent, const char *name)
{
	for (int i = 0; i < SPW_CLASSES_MAX; i++)
		if (agent->registry.classes[i].state != SPW_RECORD_FREE &&
		    !strncmp(agent->registry.classes[i].name, name, SPW_NAME_MAX))
			return i;
	return -1;
}

/* The latest drops, sent at once and no more: a kernel buffer holds them all. */
static void send_recent(struct agent *agent, int fd, const struct spw_stream_filter *filter)
{
	const struct agent_samples *samples = &agent->samples;
	u64 first = samples->dropped > AGENT_RECENT_DROPS ? samples->dropped - AGENT_RECENT_DROPS : 0;
	size_t bytes;
	char *line;

	for (u64 i = first; i < samples->dropped; i++) {
		const struct spw_sample *sample = &samples->recent[i % AGENT_RECENT_DROPS];
		struct spw_packet packet;

		if (!spw_stream_wants(filter, sample->reason, sample->class_id))
			continue;
		spw_sample_parse(sample, &packet);
		line = drop_line(agent, sample, &packet, i + 1, &bytes);
		if (line && !spw_stream_send(fd, line, bytes))
			i = samples->dropped; /* it does not read */
		free(line);
	}
}

static void answer_drops(struct agent *agent, u64 client, const struct spw_stream_filter *filter, bool follow)
{
	struct agent_samples *samples = &agent->samples;
	_cleanup_fd_ int fd = spw_control_take(agent->socket, client);
	char first[64];

	if (fd < 0)
		return;
	snprintf(first, sizeof(first), "{\"ok\":true,\"one_in\":%u}\n", 1u << samples->choices[SPW_DROP].shift);
	if (follow)
		spw_streams_add(samples->streams, TAKE_FD(fd), filter, first);
	else if (spw_stream_send(fd, first, strlen(first)))
		send_recent(agent, fd, filter);
}

json_t *agent_handle_drops(struct agent *agent, u64 client, const json_t *request)
{
	const json_t *reason = json_object_get(request, "reason"), *class = json_object_get(request, "class");
	const json_t *follow = json_object_get(request, "follow");
	struct spw_stream_filter filter = {.reasons = reasons_named(json_string_value(reason)), .class_id = -1};

	if ((reason && !json_is_string(reason)) || !filter.reasons)
		return agent_failure("reason: the name of a reason for which packets are dropped");
	if (json_is_string(class))
		filter.class_id = class_named(agent, json_string_value(class));
	if (class && filter.class_id < 0)
		return agent_failure("class: the name of a class");
	if (follow && !json_is_boolean(follow))
		return agent_failure("follow: true or false");
	if (json_is_true(follow) && !spw_streams_room(agent->samples.streams))
		return agent_failure("four follow the drops already; no more can");
	answer_drops(agent, client, &filter, json_is_true(follow));
	return NULL;
}

/* ---- top ---- */

struct spw_talkers_view agent_talkers_view(const struct agent *agent)
{
	const struct agent_samples *samples = &agent->samples;

	return (struct spw_talkers_view){
		.talkers = samples->talkers,
		.registry = &agent->registry,
		.policy = &agent->deciding.policy,
		.decision = agent->deciding.pace.decisions ? &agent->deciding.decision : NULL,
		.choices = samples->choices,
		.kinds = samples->kinds,
		.streams = spw_streams_count(samples->streams),
		.streams_lost = spw_streams_lost(samples->streams),
	};
}

json_t *agent_handle_top(struct agent *agent, const json_t *request)
{
	const json_t *by = json_object_get(request, "by"), *most = json_object_get(request, "most");
	const struct spw_talkers_view view = agent_talkers_view(agent);
	int order = json_is_string(by) ? spw_talker_order_parse(json_string_value(by)) : by ? -1 : SPW_BY_PACKETS;

	if (order < 0)
		return agent_failure("by: packets, bytes, new or dropped");
	if (most && (!json_is_integer(most) || json_integer_value(most) < 0 || json_integer_value(most) > TOP_MOST))
		return agent_failure("most: 0 to 100");
	return spw_view_talkers_json(&view, (enum spw_talker_order)order,
				     most ? (u32)json_integer_value(most) : TOP_MOST / 5);
}
