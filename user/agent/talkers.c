/* SPDX-License-Identifier: GPL-2.0-only */
#include "talkers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "bpf/sample.h"
#include "kernel/sample_ring.h"
#include "kernel/snapshot_reader.h"
#include "view/drop.h"

#define READ_MOST	4096u	       /* samples per tick: twice what the ring buffer holds */
#define ADDRESSES_NS	10000000000ull /* interval for reading own addresses */
#define RECENT_DROPS	100	       /* kept for `drops` without follow */
#define NAME_OF(record) ((record).state != SPW_RECORD_FREE ? (record).name : NULL)

struct talkers {
	const struct in_force *in_force;
	struct lease *lease;
	struct spw_samples *ring;
	int ring_fd; /* read by `ring`: a reload may load a program with another */
	struct spw_talkers *ranking;
	struct spw_talkers *origins; /* of new work alone, over minutes: do a few sources bring most of it? */
	struct spw_streams *streams;
	struct spw_sampling_choice choices[SPW_VERDICTS];
	struct spw_sampling before;
	struct spw_own_addresses own;
	u64 own_read_ns;
	u64 kinds[SPW_SOURCE_KINDS]; /* packets that the samples represent, by kind of source */
	struct spw_sample recent[RECENT_DROPS];
	u64 dropped;	    /* samples of drops so far; drop n is at recent[n % RECENT_DROPS] */
	u64 ticked_ns;	    /* CLOCK_MONOTONIC; 0: no tick yet */
	u64 wall_offset_ns; /* CLOCK_REALTIME less CLOCK_MONOTONIC */
	bool failed;
};

struct talkers *talkers_new(const struct in_force *in_force, struct lease *lease)
{
	struct talkers *talkers = calloc(1, sizeof(*talkers));

	if (!talkers)
		return NULL;
	talkers->in_force = in_force;
	talkers->lease = lease;
	talkers->ring_fd = -1;
	talkers->ranking = spw_talkers_new(SPW_TALKERS_SOURCES, SPW_TALKERS_PREFIXES);
	talkers->origins = spw_talkers_new(SPW_FEW_SOURCES, SPW_FEW_PREFIXES);
	talkers->streams = spw_streams_new();
	for (u32 verdict = 0; verdict < SPW_VERDICTS; verdict++)
		spw_sampling_begin(&talkers->choices[verdict]);
	if (!talkers->ranking || !talkers->origins || !talkers->streams) {
		talkers_free(talkers);
		return NULL;
	}
	spw_talkers_remember(talkers->origins, SPW_FEW_SECONDS);
	talkers_follow(talkers);
	return talkers;
}

void talkers_free(struct talkers *talkers)
{
	if (!talkers)
		return;
	spw_samples_close(talkers->ring);
	spw_talkers_free(talkers->ranking);
	spw_talkers_free(talkers->origins);
	spw_streams_free(talkers->streams);
	free(talkers);
}

/* Prefixes are ranked with the lengths that limits use. */
void talkers_follow(struct talkers *talkers)
{
	const u8 *bits = talkers->in_force->config->prefix_bits;

	spw_talkers_masks(talkers->ranking, bits[0], bits[1]);
}

/* ---- one sample ---- */

/* A drop as a line of JSON, owned by the caller; NULL: no memory. */
static char *drop_line(const struct talkers *talkers, const struct spw_sample *sample, const struct spw_packet *packet,
		       u64 number, size_t *bytes)
{
	const struct spw_registry *registry = talkers->in_force->registry;
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
		.wall_ns = sample->time_ns + talkers->wall_offset_ns,
		.one_in = 1u << (sample->shift & 31),
		.header = sample->header,
		.captured = sample->captured < SPW_SAMPLE_HEADER ? sample->captured : SPW_SAMPLE_HEADER,
	};

	return spw_view_drop_json(&view, bytes);
}

static void note_drop(struct talkers *talkers, const struct spw_sample *sample, const struct spw_packet *packet)
{
	size_t bytes;
	char *line;

	talkers->recent[talkers->dropped++ % RECENT_DROPS] = *sample;
	if (!spw_streams_wanted(talkers->streams, sample->reason, sample->class_id))
		return;
	line = drop_line(talkers, sample, packet, talkers->dropped, &bytes);
	if (line)
		spw_streams_offer(talkers->streams, sample->reason, sample->class_id, line, bytes);
	free(line);
}

static void rank(struct talkers *talkers, const struct spw_sample *sample, const struct spw_packet *packet, u32 weight)
{
	const struct spw_offer offer = {
		.source_hi = packet->source_hi,
		.family = packet->family,
		.class_id = sample->class_id,
		.list = sample->list,
		.length = sample->length,
		.weight = weight,
		.new_work = sample->new_work,
		.dropped = sample->verdict == SPW_DROP,
	};

	spw_talkers_offer(talkers->ranking, &offer);
	if (offer.new_work)
		spw_talkers_offer(talkers->origins, &offer);
}

/* Bogons are counted, never ranked (fault 11). */
static void on_sample(void *context, const struct spw_sample *sample, const struct spw_packet *packet)
{
	struct talkers *talkers = context;
	const struct spw_addr source = {packet->source_hi, packet->source_lo};
	u32 weight = 1u << (sample->shift <= SPW_SAMPLE_SHIFT_MAX ? sample->shift : 0);

	if (packet->found & SPW_FOUND_IP) {
		enum spw_source_kind kind = spw_source_kind(&source, packet->family, &talkers->own);

		talkers->kinds[kind] += weight;
		if (kind == SPW_SOURCE_ORDINARY)
			rank(talkers, sample, packet, weight);
	}
	if (sample->verdict == SPW_DROP)
		note_drop(talkers, sample, packet);
}

/* ---- the tick ---- */

static void log_once(struct talkers *talkers, const char *what, int err)
{
	if (err && !talkers->failed)
		spw_log(LOG_ERR, "cannot %s: %s; top, drops and captures are incomplete, nothing else is affected",
			what, strerror(-err));
	talkers->failed = err;
}

static void follow_program(struct talkers *talkers)
{
	int err;

	if (talkers->ring_fd == talkers->in_force->datapath->samples_fd)
		return;
	spw_samples_close(talkers->ring);
	talkers->ring = NULL;
	talkers->ring_fd = talkers->in_force->datapath->samples_fd;
	err = spw_samples_open(talkers->ring_fd, &talkers->ring);
	log_once(talkers, "read the ring buffer of samples", err);
}

static void note_time(struct talkers *talkers, u64 now_ns)
{
	talkers->wall_offset_ns = spw_wall_ns() - spw_monotonic_ns();
	if (talkers->own_read_ns && now_ns - talkers->own_read_ns < ADDRESSES_NS)
		return;
	talkers->own_read_ns = now_ns;
	spw_own_addresses(&talkers->own);
}

/* Choose the sampling rate from all packets drawn since the last tick, lost ones included. */
static void choose(struct talkers *talkers, double seconds)
{
	struct spw_sampling sum, *before = &talkers->before;
	int err = spw_read_sampling(talkers->in_force->pins, &sum);

	log_once(talkers, "read the sampling counters", err);
	if (err)
		return;
	for (u32 verdict = 0; verdict < SPW_VERDICTS; verdict++) {
		u64 drawn = sum.taken[verdict] + sum.bounded[verdict] + sum.full[verdict] - before->taken[verdict] -
			    before->bounded[verdict] - before->full[verdict];

		if (seconds > 0)
			spw_sampling_choose(&talkers->choices[verdict], drawn, seconds);
		lease_set_sampling(talkers->lease, verdict, spw_sample_bits(talkers->choices[verdict].shift));
	}
	*before = sum;
}

void talkers_tick(struct talkers *talkers, u64 now_ns)
{
	double seconds = talkers->ticked_ns ? (double)(now_ns - talkers->ticked_ns) / 1e9 : 0;

	follow_program(talkers);
	note_time(talkers, now_ns);
	if (talkers->ring)
		spw_samples_read(talkers->ring, READ_MOST, on_sample, talkers);
	spw_talkers_tick(talkers->ranking, seconds);
	spw_talkers_tick(talkers->origins, seconds);
	choose(talkers, seconds);
	spw_streams_flush(talkers->streams);
	talkers->ticked_ns = now_ns;
}

/* ---- views ---- */

const struct spw_talkers *talkers_ranking(const struct talkers *talkers)
{
	return talkers->ranking;
}

struct spw_talkers_view talkers_view(const struct talkers *talkers)
{
	return (struct spw_talkers_view){
		.talkers = talkers->ranking,
		.origins = talkers->origins,
		.registry = talkers->in_force->registry,
		.choices = talkers->choices,
		.kinds = talkers->kinds,
		.streams = spw_streams_count(talkers->streams),
		.streams_lost = spw_streams_lost(talkers->streams),
	};
}

/* ---- drops ---- */

bool talkers_have_room(const struct talkers *talkers)
{
	return spw_streams_room(talkers->streams);
}

/* All at once: they fit into the socket's buffer. */
static void send_recent(const struct talkers *talkers, int fd, const struct spw_stream_filter *filter)
{
	u64 first = talkers->dropped > RECENT_DROPS ? talkers->dropped - RECENT_DROPS : 0;
	bool reads = true;

	for (u64 i = first; i < talkers->dropped && reads; i++) {
		const struct spw_sample *sample = &talkers->recent[i % RECENT_DROPS];
		_cleanup_free_ char *line = NULL;
		struct spw_packet packet;
		size_t bytes;

		if (!spw_stream_wants(filter, sample->reason, sample->class_id))
			continue;
		spw_sample_parse(sample, &packet);
		line = drop_line(talkers, sample, &packet, i + 1, &bytes);
		if (line)
			reads = spw_stream_send(fd, line, bytes);
	}
}

void talkers_send_drops(struct talkers *talkers, int fd, const struct spw_stream_filter *filter, bool follow)
{
	_cleanup_fd_ int client = fd;
	char first[64];

	snprintf(first, sizeof(first), "{\"ok\":true,\"one_in\":%u}\n", 1u << talkers->choices[SPW_DROP].shift);
	if (follow)
		spw_streams_add(talkers->streams, TAKE_FD(client), filter, first);
	else if (spw_stream_send(client, first, strlen(first)))
		send_recent(talkers, client, filter);
}
