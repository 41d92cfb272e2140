/* SPDX-License-Identifier: GPL-2.0-only */
/* Converts a profile of rates and classes of sources into a list of arrivals, before anything is sent. */
#ifndef LOOP_SCHEDULE_H
#define LOOP_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOOP_CLASSES_MAX  16
#define LOOP_SEGMENTS_MAX 64
#define LOOP_ARRIVALS_MAX 20000000

/* Visitors of one kind: a prefix of addresses, and their share of all arrivals. */
struct loop_class {
	char name[32];
	uint32_t base;	/* first address, host order */
	uint32_t count; /* of addresses */
	double share;	/* of all arrivals; scaled to a sum of 1 */
};

/* A segment of the profile; the rate changes linearly between two values. */
struct loop_segment {
	double seconds;
	double from_per_s, to_per_s;
	bool measured; /* arrivals in such segments are counted */
};

struct loop_profile {
	struct loop_segment segments[LOOP_SEGMENTS_MAX];
	size_t segments_count;
	struct loop_class classes[LOOP_CLASSES_MAX];
	size_t classes_count;
	uint64_t seed;
	bool evenly; /* at equal distances instead of at random (Poisson) */
};

enum loop_outcome {
	LOOP_PENDING,  /* unfinished; at the end: not started */
	LOOP_ANSWERED, /* every answer was a complete 200 */
	LOOP_REFUSED,  /* answered with another status */
	LOOP_BROKEN,   /* reset, or closed before the end of the answer */
	LOOP_TIMEOUT,  /* nothing within the patience */
	LOOP_UNSENT,   /* no socket available: the run is void */
};

/* One visit: plan and outcome. In memory shared by all senders. */
struct loop_arrival {
	uint64_t due_ns;     /* since the start */
	uint32_t source;     /* host order */
	uint32_t lag_us;     /* delay of the first SYN, caused by the sender */
	uint32_t latency_us; /* from the first SYN to the last byte, or to the end of the patience */
	uint16_t status;     /* of HTTP; 0: none */
	uint8_t class;
	uint8_t segment;
	uint8_t outcome; /* enum loop_outcome */
	uint8_t resent;	 /* SYNs that were resent */
	bool connected;	 /* one of its SYNs was answered */
};

/**
 * loop_read_profile() - "3:400 15:2000* 5:800-1200": segments SECONDS:RATE or SECONDS:FROM-TO, rates per second, * for
 * measured. Returns the error, or NULL. If no segment is measured, all are.
 */
const char *loop_read_profile(struct loop_profile *profile, const char *text);

/** loop_read_class() - "partner:198.18.16.0/20:0.07": NAME:PREFIX:SHARE. Returns the error, or NULL. */
const char *loop_read_class(struct loop_profile *profile, const char *text);

/** loop_seconds() - how long the whole profile takes */
double loop_seconds(const struct loop_profile *profile);

/** loop_count_most() - upper bound of arrivals in a profile, for loop_schedule() */
size_t loop_count_most(const struct loop_profile *profile);

/**
 * loop_schedule() - fill in @arrivals by time; reproducible for the same profile and seed.
 * Poisson arrivals of a changing rate by inversion of the rate's integral (Çinlar 1975).
 * Return: how many
 */
size_t loop_schedule(struct loop_profile *profile, struct loop_arrival *arrivals, size_t most);

#endif
