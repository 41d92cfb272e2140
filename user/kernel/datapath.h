/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The loaded program and its publication. Called by the agent (pinned counters, attached) and by `simulate`
 * (nothing pinned, nothing attached, every judgement traced).
 */
#ifndef SPW_IO_DATAPATH_H
#define SPW_IO_DATAPATH_H

#include <stdbool.h>

#include "maps/limit.h"
#include "maps/admission.h"
#include "maps/ruleset.h"
#include "pins.h"

struct spillway_bpf;

struct spw_datapath {
	struct spillway_bpf *skeleton; /* owned */
	int program_fd;		       /* borrowed from the skeleton */
	int ruleset_fd;		       /* outer map; borrowed */
	int published_fd;	       /* the ruleset in it; owned; -1: none */
	u32 units_capacity;	       /* every ruleset it takes has just this capacity */
	int clock_fd;		       /* program that tells the time in jiffies; borrowed */
	int admission_fd;	       /* borrowed */
	int limits_fd;		       /* borrowed */
	int meters_fd;		       /* borrowed */
	int samples_fd;		       /* ring of samples; borrowed */
	u32 jiffies_per_second;	       /* of this kernel; 0: it does not tell */
};

/**
 * spw_ruleset_map() - a new map of one ruleset, holding @ruleset; read-only to programs from its birth.
 * Returns a descriptor that the caller owns, or -errno.
 */
int spw_ruleset_map(const struct spw_ruleset *ruleset, size_t bytes);

/**
 * spw_datapath_load() - load the program.
 * @pins: counters and control that it shall use; NULL: its own
 * @ruleset_map: the first ruleset, published before anything is attached; it sets the capacity
 * @units_capacity: of that ruleset
 * @trace: write every judgement to the trace map
 * Returns 0, or -errno and @message. Free with spw_datapath_free(), which detaches nothing.
 */
int spw_datapath_load(const struct spw_pins *pins, int ruleset_map, u32 units_capacity, bool trace,
		      struct spw_datapath *datapath, char message[SPW_MESSAGE_MAX]);

/**
 * spw_datapath_publish() - replace the ruleset, all at once; returns after the last packet that saw the old one.
 * @ruleset_map: of the datapath's capacity; the datapath keeps it alive, the caller may close it
 * Returns 0 or -errno; on an error the old one stays.
 */
int spw_datapath_publish(struct spw_datapath *datapath, int ruleset_map);

/**
 * spw_datapath_lease() - the moment @lease_ns from now in jiffies, for struct spw_control.
 * Returns 0 (a lease that is over) if the kernel does not tell the time.
 */
u64 spw_datapath_lease(const struct spw_datapath *datapath, u64 lease_ns);

/**
 * spw_datapath_admit() - hand the datapath its orders: who is admitted, and how much; in force at once.
 * @orders: by service identity, SPW_SERVICE_IDENTITIES of them, written whole: services that are no more get none
 * Returns 0 or -errno; on an error some may be old and some new, each of them valid.
 */
int spw_datapath_admit(const struct spw_datapath *datapath, const struct spw_service_admission *orders);

/** spw_datapath_limit() - hand the datapath its limits, in force at once. Returns 0 or -errno. */
int spw_datapath_limit(const struct spw_datapath *datapath, const struct spw_limits *limits);

/** spw_datapath_limits() - the limits in force, perhaps those of an earlier agent. Returns 0 or -errno. */
int spw_datapath_limits(const struct spw_datapath *datapath, struct spw_limits *limits);

/**
 * spw_datapath_meters() - the meters as they are at every moment, to be read; end with spw_meters_unmap(), also after
 * the datapath is gone. NULL and errno: they could not be mapped.
 */
const struct spw_meters *spw_datapath_meters(const struct spw_datapath *datapath);
void spw_meters_unmap(const struct spw_meters *meters);

/** spw_libbpf_version() - of the library in use: "1.1". */
const char *spw_libbpf_version(void);

void spw_datapath_free(struct spw_datapath *datapath);

#endif
