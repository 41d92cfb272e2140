/* SPDX-License-Identifier: GPL-2.0-only */
/* When who arrives: a profile of rates and some classes of sources become a list of arrivals, before anything is sent.
 */
#ifndef LOOP_SCHEDULE_H
#define LOOP_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOOP_CLASSES_MAX  16
#define LOOP_SEGMENTS_MAX 64
#define LOOP_ARRIVALS_MAX 20000000

/* Visitors of one kind: addresses of one prefix, and their share of all arrivals. */
struct loop_class {
	char name[32];
	uint32_t base;	/* first address, host order */
	uint32_t count; /* of addresses */
	double share;	/* of all arrivals; the shares are scaled to a sum of 1 */
};

/* A stretch of the profile; the rate moves evenly from one value to the other. */
struct loop_segment {
	double seconds;
	double from_per_s, to_per_s;
	bool measured; /* the figures are of the arrivals in such segments */
};

struct loop_profile {
	struct loop_segment segments[LOOP_SEGMENTS_MAX];
	size_t segments_count;
	struct loop_class classes[LOOP_CLASSES_MAX];
	size_t classes_count;
	uint64_t seed;
	bool evenly; /* spread evenly instead of at random (Poisson) */
};

enum loop_outcome {
	LOOP_PENDING,  /* not over yet; afterwards: not started */
	LOOP_ANSWERED, /* every answer was a whole 200 */
	LOOP_REFUSED,  /* answered with another status */
	LOOP_BROKEN,   /* reset, or closed before the answer was whole */
	LOOP_TIMEOUT,  /* nothing within the patience */
	LOOP_UNSENT,   /* no socket was left for it: the run is void */
};

/* One visit: what was planned, and what became of it. Lies in memory that all senders share. */
struct loop_arrival {
	uint64_t due_ns;     /* since the start */
	uint32_t source;     /* host order */
	uint32_t lag_us;     /* from then to its first SYN: the sender's own fault */
	uint32_t latency_us; /* from the first SYN to the last byte, or to the end of the patience */
	uint16_t status;     /* of HTTP, 0: none */
	uint8_t class;
	uint8_t segment;
	uint8_t outcome; /* enum loop_outcome */
	uint8_t resent;	 /* SYNs that had to be sent again */
	bool connected;	 /* its first SYN, or one of the repeated, was answered */
};

/**
 * loop_read_profile() - "3:400 15:2000* 5:800-1200": SECONDS:RATE or SECONDS:FROM-TO a segment, rates per second, * for
 * measured. Return: what is wrong, or NULL. Where no segment is measured, all are.
 */
const char *loop_read_profile(struct loop_profile *profile, const char *text);

/** loop_read_class() - "partner:198.18.16.0/20:0.07": NAME:PREFIX:SHARE. Return: what is wrong, or NULL. */
const char *loop_read_class(struct loop_profile *profile, const char *text);

/** loop_seconds() - how long the whole profile takes */
double loop_seconds(const struct loop_profile *profile);

/** loop_count_most() - how many arrivals at most a profile comes to, as room for loop_schedule() */
size_t loop_count_most(const struct loop_profile *profile);

/**
 * loop_schedule() - fill in @arrivals by time; the same profile and seed give the same.
 * Poisson arrivals of a changing rate by inversion of the rate's integral (Çinlar 1975).
 * Return: how many
 */
size_t loop_schedule(struct loop_profile *profile, struct loop_arrival *arrivals, size_t most);

#endif
