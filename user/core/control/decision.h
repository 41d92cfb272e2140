/* SPDX-License-Identifier: GPL-2.0-only */
/* What a decision is made of: policy, operator's override, the decision itself, and what was learned. See decide.h. */
#ifndef SPW_CORE_DECISION_H
#define SPW_CORE_DECISION_H

#include "maps/admission.h"
#include "maps/control.h"
#include "facts.h"
#include "parameters.h"

/* Treatment of a class, from the configuration, by rank. */
struct spw_class_policy {
	u8 id;		/* identity */
	u8 shed_from;	/* level from which it is subject to the budget; SPW_LEVEL_NEVER */
	u8 cut_from;	/* level from which its new work is cut (rule 5); SPW_LEVEL_NEVER */
	double reserve; /* share of the burst tolerance left to the classes above, 0 to 1 */
};

struct spw_service_policy {
	u8 id;		       /* identity, as in struct spw_port */
	double capacity_per_s; /* as set; 0: learn */
	u64 wait_target_ns;    /* wait target */
	u64 answer_target_ns;  /* how long an answer may take; 0: learned */
	double probe_limit;    /* above it the probe means saturated; 0: no probe */
	bool behind;	       /* behind a proxy: waits of requests are not those of new work's first reads */
};

/* From the configuration, constant until a reload. Meaning, ranges and defaults: parameters.h. */
struct spw_policy {
	u32 classes_count;
	struct spw_class_policy classes[SPW_CLASSES_MAX];
	u32 services_count;
	struct spw_service_policy services[SPW_SERVICES_MAX];
	union {
		struct spw_shedding shedding;
		struct {
			SPW_SHEDDING_FIELDS
		};
	};
};

/* An operator's override of the level (the agent ends it in time). */
struct spw_override {
	u8 pinned;	/* level; SPW_LEVEL_NEVER: none */
	u8 least, most; /* bounds; SPW_GREEN and SPW_RED: none */
};

/* Which rule of decide.c determined a level (spw_decision.rule). Stored in histories: add at the end. */
enum spw_rule {
	SPW_RULE_NONE = 0,
	SPW_RULE_NOTHING_NEW = 1, /* the first tick, or one after a gap: the level stays */
	SPW_RULE_BLIND = 2,	  /* no signal: down to green in steps */
	SPW_RULE_UNKNOWN = 3,	  /* capacity unknown and nothing saturated: green */
	SPW_RULE_FITS = 4,	  /* demand fits: green */
	SPW_RULE_COVERS = 5,	  /* the lowest level whose sheddable classes cover the excess */
	SPW_RULE_NOT_ENOUGH = 6,  /* not even red covers the excess: red */
	SPW_RULE_HOLD = 7,	  /* a lower level would suffice, but not for long enough yet */
	SPW_RULE_DOWN = 8,	  /* a lower level sufficed for a whole hold: one step down */
	SPW_RULE_BOUNDED = 9,	  /* moved by an operator's bound */
	SPW_RULE_PINNED = 10,	  /* pinned by an operator */
	SPW_RULES = 11,
};

/* Origin of a capacity. Add at the end. */
enum spw_capacity_origin {
	SPW_CAPACITY_UNKNOWN = 0, /* nothing learned yet: no budget */
	SPW_CAPACITY_SET = 1,	  /* by the configuration or an operator */
	SPW_CAPACITY_LEARNED = 2,
	SPW_CAPACITY_RESTORED = 3, /* learned by an earlier run, not yet confirmed */
};

enum spw_wait_source {
	SPW_WAIT_NONE = 0, /* no signal of this service: it decides nothing */
	SPW_WAIT_READ = 1,
	SPW_WAIT_ACCEPT = 2,
	SPW_WAIT_ANSWER = 3, /* how much later answers come than when idle */
};

/* Interval of ticks, normal and hurried. */
#define SPW_TICK_NS  100000000ull
#define SPW_HURRY_NS 25000000ull

/* What was decided for one class of one service. */
struct spw_class_decision {
	double fresh_per_s;    /* demand */
	double admitted_per_s; /* new work that passed, fresh and resent */
	double refused_per_s;  /* fresh and resent */
	double share;	       /* of its sources admitted now: 0 to 1 */
	bool sheds;	       /* subject to the budget at this level */
	bool cut;	       /* its new work is cut at this level (rule 5 of the datapath) */
};

struct spw_service_decision {
	u8 level;	/* that this service alone asks for */
	u8 rule;	/* enum spw_rule that determined it */
	u8 origin;	/* enum spw_capacity_origin */
	u8 wait_source; /* enum spw_wait_source */
	bool saturated;
	bool armed;    /* the ceiling is the budget although nothing is saturated */
	bool helpless; /* waits above target although less than the capacity is admitted: shedding does not help */
	double demand_per_s; /* fresh new work, or admitted if that is more */
	double admitted_per_s;
	double served_per_s;	/* 0: unknown */
	double capacity_per_s;	/* 0: unknown */
	double sustained_per_s; /* can be admitted for good: the budget without a transient queue; 0: unknown */
	double budget_per_s;	/* new work that may pass now; 0: no budget, everything passes */
	double excess_per_s;	/* demand above what can be sustained, else 0: to be covered by the level */
	double sheddable_per_s[SPW_LEVELS];	   /* demand of the classes that may be shed at each level */
	u64 wait_ns;				   /* used by the budget law */
	u64 wait_p50_ns, wait_p90_ns, wait_p99_ns; /* of this tick's reads; 0: none */
	u64 wait_target_ns;
	double page; /* connections that arrive together, from their spread: at least 1; not kept in histories */
	double admitted_burst; /* the same of what is admitted, without a threshold; not kept in histories */
	bool hosts_known;      /* hosts.h; not kept in histories */
	double hosts_wanted;   /* hosts like this one that the demand needs; not kept in histories */
	struct spw_class_decision classes[SPW_CLASSES_MAX]; /* by rank */
};

struct spw_decision {
	u64 at_ns;
	u32 classes_count;
	u8 level;
	u8 former;	  /* level of the tick before */
	u8 rule;	  /* enum spw_rule */
	u8 service;	  /* index of the service that asked for the highest level; the first of equals */
	u8 pinned;	  /* level that the operator pinned; SPW_LEVEL_NEVER */
	bool blind;	  /* no signal of any service: the level goes down to green in steps */
	bool hurry;	  /* the next tick should come after SPW_HURRY_NS; not kept in histories */
	u64 hold_left_ns; /* until the level may go down */
	struct spw_reading host[SPW_HOST_SIGNALS];
	u32 services_count;
	struct spw_service_decision services[SPW_SERVICES_MAX];
};

/* What was learned about one service. Saved over restarts (spw_learned_check() validates what is read back). */
struct spw_learned {
	double capacity_per_s;	  /* 0: nothing yet */
	double served_peak_per_s; /* highest rate ever seen served, over a second */
	double idle_wait_ns;	  /* usual wait when idle */
	double reads_per_work;	  /* behind a proxy: reads that serve one piece of new work; 0: unknown */
};

#endif
