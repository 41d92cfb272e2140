/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who is who: the names behind the identities that index the counters, and what the agent last published. Only the
 * agent writes, the datapath never looks. Pinned, so that `status` and `list show` work without an agent and so that a
 * name keeps its counters over reload, restart and upgrade.
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
	u64 prefixes4; /* as published: CIDR prefixes that the list came to */
	u64 prefixes6;
};

/* A limit as configured. */
struct spw_limit_record {
	u64 per_s; /* new work, packets or bits; 0: none; slow ones by another unit, see spw_rate_record() */
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
	u8 is_last;		    /* takes what no list names */
	u8 limits_from[SPW_SCOPES]; /* levels from which the limits of a scope hold; SPW_LEVEL_NEVER */
	u8 fair;		    /* its sources share what it is given */
	struct spw_limit_record limits[SPW_SCOPES][SPW_KINDS];
};

/* Map service_registry, by service identity. Identity 0 is always "none": the ports that belong to no service. */
struct spw_service_record {
	char name[SPW_NAME_MAX];
	u32 state;
	u32 reserved;
	u64 wait_target_ns;
	u64 operator_capacity_per_s; /* as an operator has said, which counts for more; 0: nothing */
	u64 capacity_per_s;	     /* as configured, new work a second; 0: it is to be learned */
};

/* In place of a moment: what waited to be confirmed was taken back. */
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
	char config[256]; /* path of the configuration that is in force */
	u64 started_ns;	  /* CLOCK_MONOTONIC */
	u64 published_ns; /* CLOCK_MONOTONIC */
	u64 generation;
	u64 ruleset_prefixes4;
	u64 ruleset_prefixes6;
	u64 ruleset_bytes; /* of the map value that holds it */
	u64 compile_ns;	   /* reading of lists not included */
	u64 publish_ns;
	u64 reloads_done;
	u64 reloads_failed;
	u64 unconfirmed_until_ns; /* CLOCK_MONOTONIC: taken back then, unless confirmed; 0: nothing waits;
				     SPW_TAKEN_BACK */
	struct spw_interface_record interfaces[SPW_INTERFACES_MAX];
};

_Static_assert(sizeof(struct spw_list_record) == 88, "layout of the pinned list_registry map");
_Static_assert(sizeof(struct spw_class_record) == 224, "layout of the pinned class_registry map");
_Static_assert(sizeof(struct spw_service_record) == 96, "layout of the pinned service_registry map");
_Static_assert(sizeof(struct spw_interface_record) == 32, "part of the pinned agent_registry map");

#endif
