/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The shedding parameters. One table makes their fields, their keys in the configuration and in the history, defaults,
 * ranges and the table of spillway.yaml(5) (compared by a unit test). Pure.
 */
#ifndef SPW_CORE_PARAMETERS_H
#define SPW_CORE_PARAMETERS_H

#include <stddef.h>

#include "base/units.h"
#include "maps/types.h"

/*
 * X(unit, key, field, default, least, most, doc)
 * unit: SHARE (double, 1 is 100%) or TIME (u64, nanoseconds); key: in the configuration; field: of struct spw_shedding,
 * and key in the history. Add at the end: histories list them in this sequence.
 */
#define SPW_SHEDDING_PARAMETERS(X)                                                                                     \
	X(SHARE, target, eta, 0.95, 0.50, 1.00, "Share of the capacity that is admitted while shedding")               \
	X(SHARE, floor, floor, 0.30, 0.05, 0.90, "No budget goes below this share of the capacity")                    \
	X(SHARE, ceiling, ceiling, 1.10, 1.00, 3.00, "Budget while nothing is shed, once the capacity is known")       \
	X(SHARE, probe, probe_per_s, 0.02, 0.00, 0.20,                                                                 \
	  "How much a learned capacity is raised per second, to test it, while the budget is used up")                 \
	X(TIME, drain, drain_ns, 500 * SPW_MS_NS, 100 * SPW_MS_NS, 2 * SPW_SECOND_NS,                                  \
	  "Time within which a queue should drain")                                                                    \
	X(TIME, depth, depth_ns, 100 * SPW_MS_NS, 20 * SPW_MS_NS, 1 * SPW_SECOND_NS,                                   \
	  "Burst tolerance of the budget, as a time")                                                                  \
	X(TIME, hold, hold_ns, 5 * SPW_SECOND_NS, 1 * SPW_SECOND_NS, 600 * SPW_SECOND_NS,                              \
	  "How long a lower level must have been enough before the level goes down")                                   \
	X(TIME, stay, stay_ns, 600 * SPW_SECOND_NS, 10 * SPW_SECOND_NS, 86400 * SPW_SECOND_NS,                         \
	  "How long a source stays among the admitted ones of its class")                                              \
	X(SHARE, cpu_limit, cpu_limit, 0.97, 0.50, 1.00,                                                               \
	  "Where no wait can be measured, a core above this load counts as saturated")

#define SPW_SHEDDING_TYPE_SHARE						 double
#define SPW_SHEDDING_TYPE_TIME						 u64
#define SPW_SHEDDING_FIELD(unit, key, field, standard, least, most, doc) SPW_SHEDDING_TYPE_##unit field;
#define SPW_SHEDDING_FIELDS						 SPW_SHEDDING_PARAMETERS(SPW_SHEDDING_FIELD)

struct spw_shedding {
	SPW_SHEDDING_FIELDS
};

#define SPW_SHEDDING_COUNT(...) +1
#define SPW_PARAMETERS		(0 SPW_SHEDDING_PARAMETERS(SPW_SHEDDING_COUNT))

struct spw_parameter {
	const char *key;
	const char *field;
	size_t offset; /* into struct spw_shedding */
	bool is_time;  /* u64 nanoseconds; else a double share */
	double standard, least, most;
	const char *doc;
};

extern const struct spw_parameter spw_parameters[SPW_PARAMETERS];

/** spw_shedding_defaults() - every parameter at its default. */
void spw_shedding_defaults(struct spw_shedding *shedding);

#endif
