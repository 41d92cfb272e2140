/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Files of the spool (ban_spool.h): text <-> requests. Pure.
 *
 * A file is one JSON object: "spillway": "request", "version", "boot_id", "asked_ns" (CLOCK_MONOTONIC, for the same boot),
 * "asked" (seconds of the wall clock, for another boot), and "request", as for the control socket but in one piece.
 */
#ifndef SPW_STORE_BAN_SPOOL_LINE_H
#define SPW_STORE_BAN_SPOOL_LINE_H

#include <jansson.h>
#include <stddef.h>

#include "maps/types.h"

/* Upper bound of the age of requests, so that it can be added to times. */
#define SPW_SPOOL_AGE_NS_MAX (400ull * 86400 * 1000000000)

/* The current time, by all clocks. */
struct spw_spool_moment {
	const char *boot_id;
	double now; /* seconds of the wall clock */
	u64 now_ns; /* CLOCK_MONOTONIC */
};

/** spw_spool_parse() - a file. Returns the request, a new reference, or NULL: it is none. @age_ns: since it was asked. */
json_t *spw_spool_parse(const char *text, size_t length, const struct spw_spool_moment *moment, u64 *age_ns);

/** spw_spool_print() - @request (borrowed) as a file. Returns text freed by the caller, or NULL. */
char *spw_spool_print(const json_t *request, const struct spw_spool_moment *moment);

#endif
