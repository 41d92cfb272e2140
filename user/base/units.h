/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Parse numbers with units: "20ms", "10/s", "50Mbit/s", "443". Each returns NULL, or the expected form, to follow "'20'
 * is not a duration: ".
 */
#ifndef SPW_BASE_UNITS_H
#define SPW_BASE_UNITS_H

#include "maps/types.h"

#define SPW_MS_NS     1000000ull
#define SPW_SECOND_NS (1000 * SPW_MS_NS)

/* Largest rate and count: a terabit per second. */
#define SPW_RATE_MAX 1000000000000ULL

/** spw_units_duration() - "20ms", "3s", "1h30m", "2d", "1w", or "90" (seconds), in nanoseconds; at most a year. */
const char *spw_units_duration(const char *text, u64 *ns);

/** spw_units_long_duration() - the same, but more than a year is UINT64_MAX, not an error. */
const char *spw_units_long_duration(const char *text, u64 *ns);

/** spw_units_duration_text() - the shortest such text for whole milliseconds up to a year: "500ms", "10m". */
#define SPW_DURATION_TEXT 32
const char *spw_units_duration_text(u64 ns, char text[SPW_DURATION_TEXT]);

/** spw_units_rate() - "10/s", "2k/s", "1M/s", "1G/s"; at least 1/s. */
const char *spw_units_rate(const char *text, u64 *per_second);

/** spw_units_slow_rate() - the same, and "10/min", "3/h", "1/d"; at least 1/d. */
const char *spw_units_slow_rate(const char *text, double *per_second);

/** spw_units_bit_rate() - "500bit/s", "64kbit/s", "50Mbit/s", "1Gbit/s"; at least 1bit/s. */
const char *spw_units_bit_rate(const char *text, u64 *per_second);

/** spw_units_count() - "30", "2k", "1M", "1G"; at least 1. */
const char *spw_units_count(const char *text, u64 *count);

/** spw_units_percent() - "95%"; whole, 0% to 1000%, as a fraction: 0.95. */
const char *spw_units_percent(const char *text, double *share);

/** spw_units_port() - "1" to "65535". */
const char *spw_units_port(const char *text, u16 *port);

/** spw_units_ports() - a port, or an inclusive range "27015-27050". */
const char *spw_units_ports(const char *text, u16 *first, u16 *last);

#endif
