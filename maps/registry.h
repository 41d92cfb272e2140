/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The names behind the identities that index the counters, and what the agent last published. Written by the agent
 * only, not used by the datapath. Pinned, so that `status` and `list show` work without an agent and a name keeps its
 * counters over reload, restart and upgrade.
 */
#ifndef SPW_MAPS_REGISTRY_H
#define SPW_MAPS_REGISTRY_H

#include "limit.h"

enum spw_record_state {
	SPW_RECORD_FREE = 0,
	SPW_RECORD_ACTIVE = 1,	/* in the published ruleset */
	SPW_RECORD_RETIRED = 2, /* was in an earlier one; keeps its counters */
};

/* Map list_registry, by list identity. Identity 0 is always "none". */
struct spw_list_record {
	char name[SPW_NAME_MAX];
	u32 state;
	u32 class_id;
	/* 64-bit counts in earlier versions of this layout; a little-endian host reads both alike. */
	u32 prefixes4; /* published CIDR prefixes */
	u32 skipped;   /* lines of its files that were skipped (on_error: skip) */
	u32 prefixes6;
	u32 kept_s; /* Unix time of last good content; 0: read for the published ruleset */
};

/* A limit as configured. */
struct spw_limit_record {
	u64 per_s; /* new work, packets or bits; 0: none; slow ones in another unit, see spw_rate_record() */
	u64 burst;
};

/* Map class_registry, by class identity. */
struct spw_class_record {
	char name[SPW_NAME_MAX];
	u32 state;
	u32 rank; /* 0: highest priority */
	u8 shed_from;
	u8 cut_new_from;
	u8 cut_all_from;
	u8 is_last;		    /* takes sources that no list names */
	u8 limits_from[SPW_SCOPES]; /* level from which the limits of a scope apply; SPW_LEVEL_NEVER */
	u8 fair;		    /* its sources share its admission */
	struct spw_limit_record limits[SPW_SCOPES][SPW_KINDS];
};

/* Map service_registry, by service identity. Identity 0 is always "none": the ports that belong to no service. */
struct spw_service_record {
	char name[SPW_NAME_MAX];
	u32 state;
	u32 reserved;
	u64 wait_target_ns;
	u64 operator_capacity_per_s; /* set by an operator, overrides; 0: none */
	u64 capacity_per_s;	     /* configured, new work a second; 0: to be learned */
};

/* In place of a time: an unconfirmed configuration was rolled back. */
#define SPW_TAKEN_BACK (~0ull)

struct spw_interface_record {
	char name[16];
	u32 ifindex;  /* 0: end of the table */
	u32 attached; /* 0: coverage lost */
	u32 native;   /* 1: native mode, 0: generic */
	u32 reserved;
};

/* Map agent_registry, one value. */
struct spw_agent_record {
	u32 layout;
	u32 pid; /* 0: stopped cleanly */
	char version[32];
	char config[256]; /* path of the configuration in force */
	u64 started_ns;	  /* CLOCK_MONOTONIC */
	u64 published_ns; /* CLOCK_MONOTONIC */
	u64 generation;
	u32 ruleset_prefixes4; /* 64 bits in earlier versions of this layout, as in struct spw_list_record */
	u32 ruleset_kept_s;    /* Unix time of the last good ruleset; 0: it is not in force */
	u64 ruleset_prefixes6;
	u64 ruleset_bytes; /* size of the ruleset's map value */
	u64 compile_ns;	   /* without reading lists */
	u64 publish_ns;
	u64 reloads_done;
	u64 reloads_failed;
	u64 unconfirmed_until_ns; /* CLOCK_MONOTONIC: rolled back then unless confirmed; 0: nothing pending;
				     SPW_TAKEN_BACK */
	struct spw_interface_record interfaces[SPW_INTERFACES_MAX];
};

_Static_assert(sizeof(struct spw_list_record) == 88, "layout of the pinned list_registry map");
_Static_assert(sizeof(struct spw_class_record) == 224, "layout of the pinned class_registry map");
_Static_assert(sizeof(struct spw_service_record) == 96, "layout of the pinned service_registry map");
_Static_assert(sizeof(struct spw_agent_record) == 896, "layout of the pinned agent_registry map");
_Static_assert(sizeof(struct spw_interface_record) == 32, "part of the pinned agent_registry map");

#endif
