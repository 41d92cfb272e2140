/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The loaded program and its published ruleset. Used by the agent (maps pinned, program attached) and by
 * kernel/simulation.c (nothing pinned or attached, each packet traced).
 */
#ifndef SPW_KERNEL_DATAPATH_H
#define SPW_KERNEL_DATAPATH_H

#include <stdbool.h>

#include "maps/light.h"
#include "maps/limit.h"
#include "maps/own.h"
#include "maps/admission.h"
#include "maps/lookup.h"
#include "maps/ruleset.h"
#include "pins.h"

struct spillway_bpf;

struct spw_datapath {
	struct spillway_bpf *skeleton; /* owned */
	int program_fd;		       /* borrowed from the skeleton */
	int ruleset_fd;		       /* outer map; borrowed */
	int published_fd;	       /* the ruleset in it; owned; -1: none */
	u32 units_capacity;	       /* all its rulesets have this capacity */
	int clock_fd;		       /* program that reads jiffies; borrowed */
	int lookup_fd;		       /* program that looks sources up; borrowed */
	int admission_fd;	       /* borrowed */
	int limits_fd;		       /* borrowed */
	int meters_fd;		       /* borrowed */
	int sessions_fd;	       /* borrowed */
	int samples_fd;		       /* ring buffer; borrowed */
	struct spw_own *own;	       /* what is for this host; the program's own memory, borrowed */
	struct spw_light_rules *light; /* who is answered by light listeners; the same */
	u32 jiffies_per_second;	       /* of this kernel; 0: unknown */
};

/**
 * spw_ruleset_map() - create a map that holds @ruleset, read-only to programs.
 * Returns a descriptor owned by the caller, or -errno.
 */
int spw_ruleset_map(const struct spw_ruleset *ruleset, size_t bytes);

/**
 * spw_datapath_load() - load the program.
 * @pins: maps to use; NULL: its own
 * @ruleset_map: the first ruleset, published before anything is attached; it sets the capacity
 * @units_capacity: of that ruleset
 * @trace: write each packet's judgement to the map trace
 * Returns 0, or -errno and @message. Free with spw_datapath_free(), which detaches nothing.
 */
int spw_datapath_load(const struct spw_pins *pins, int ruleset_map, u32 units_capacity, bool trace,
		      struct spw_datapath *datapath, char message[SPW_MESSAGE_MAX]);

/**
 * spw_datapath_publish() - replace the ruleset at once; returns after the last packet that saw the old one.
 * @ruleset_map: of the datapath's capacity; the datapath keeps it alive, the caller may close it
 * Returns 0 or -errno; on an error the old one stays.
 */
int spw_datapath_publish(struct spw_datapath *datapath, int ruleset_map);

/**
 * spw_datapath_lease() - @lease_ns from now, in jiffies, for struct spw_control.
 * Returns 0 (an expired lease) if the time cannot be read.
 */
u64 spw_datapath_lease(const struct spw_datapath *datapath, u64 lease_ns);

/**
 * spw_datapath_admit() - write the admission parameters, in force at once.
 * @admission: by service identity, SPW_SERVICE_IDENTITIES of them, all written
 * Returns 0 or -errno; after an error some may be old and some new, each valid.
 */
int spw_datapath_admit(const struct spw_datapath *datapath, const struct spw_service_admission *admission);

/**
 * spw_datapath_look_up() - ask the datapath's own rules for the class of sources, and whether they are in its share.
 * @lookups: @count of them, up to SPW_LOOKUPS_MAX; source, family and service given, flags zero, the rest filled in
 * Returns 0 or -errno; entries without SPW_LOOKUP_ANSWERED have no answer.
 */
int spw_datapath_look_up(const struct spw_datapath *datapath, struct spw_lookup *lookups, u32 count);

/** spw_datapath_limit() - write the limits, in force at once. Returns 0 or -errno. */
int spw_datapath_limit(const struct spw_datapath *datapath, const struct spw_limits *limits);

/** spw_datapath_limits() - read the limits in force, possibly an earlier agent's. Returns 0 or -errno. */
int spw_datapath_limits(const struct spw_datapath *datapath, struct spw_limits *limits);

/**
 * spw_datapath_meters() - map the live meters for reading. Unmap with spw_meters_unmap(); may outlive the datapath.
 * Returns NULL and errno on an error.
 */
const struct spw_meters *spw_datapath_meters(const struct spw_datapath *datapath);
void spw_meters_unmap(const struct spw_meters *meters);

/** spw_datapath_sessions() - the same for the table of UDP sessions. */
const struct spw_sessions *spw_datapath_sessions(const struct spw_datapath *datapath);
void spw_sessions_unmap(const struct spw_sessions *sessions);

/** spw_libbpf_version() - of the library in use: "1.1". */
const char *spw_libbpf_version(void);

void spw_datapath_free(struct spw_datapath *datapath);

#endif
