/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The decision: facts of a tick in, level, budgets and shares out, with every number that led there. Pure, under
 * whatever clock the facts carry. Called by the agent each tick, by `replay` over a recorded history and by the sim
 * ring.
 *
 *   facts -> rates -> capacity -> budget -> level -> shares -> decision -> plan (orders for the datapath)
 *
 * The numbered rules stand in decide.c and are named in the decision (spw_decision.rule).
 */
#ifndef SPW_CORE_DECIDE_H
#define SPW_CORE_DECIDE_H

#include "maps/control.h"
#include "maps/admission.h"
#include "facts.h"
#include "parameters.h"

/* How a class may be treated, from the configuration, by rank. */
struct spw_class_policy {
	u8 id;		/* identity */
	u8 shed_from;	/* level from which it lives under the budget; SPW_LEVEL_NEVER */
	u8 cut_from;	/* level from which its new work is cut (rule 5); SPW_LEVEL_NEVER */
	double reserve; /* share of the bucket's depth that it leaves to those above it, 0 to 1 */
};

struct spw_service_policy {
	u8 id;		       /* identity, as in struct spw_port */
	double capacity_per_s; /* as set; 0: learn */
	u64 wait_target_ns;    /* T */
	double probe_limit;    /* above it the probe says saturated; 0: no probe */
	bool behind; /* a proxy stands before the application: its waits are not those of new work's first reads */
};

/*
 * From the configuration, the same until the next reload. What the parameters do, their ranges and defaults stand in
 * parameters.h.
 */
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

/* What an operator wants of the level, and until when (the agent takes care of the time). */
struct spw_override {
	u8 pinned;	/* level; SPW_LEVEL_NEVER: none */
	u8 least, most; /* bounds; SPW_GREEN and SPW_RED: none */
};

/* Which rule of decide.c settled a level (spw_decision.rule). Histories keep the numbers: add at the end. */
enum spw_rule {
	SPW_RULE_NONE = 0,
	SPW_RULE_NOTHING_NEW = 1, /* the first tick, or one after a gap: the former level stands */
	SPW_RULE_BLIND = 2,	  /* no signal is there: it decays to green */
	SPW_RULE_UNKNOWN = 3,	  /* no capacity is known and nothing is saturated: green */
	SPW_RULE_FITS = 4,	  /* the demand fits: green */
	SPW_RULE_COVERS = 5,	  /* the lowest level whose sheddable classes cover the excess */
	SPW_RULE_NOT_ENOUGH = 6,  /* not even red covers the excess: red */
	SPW_RULE_HOLD = 7,	  /* a lower level would do, but not for long enough yet */
	SPW_RULE_DOWN = 8,	  /* a lower level did for a whole hold: one step down */
	SPW_RULE_BOUNDED = 9,	  /* an operator's bound moved it */
	SPW_RULE_PINNED = 10,	  /* an operator pinned it */
	SPW_RULES = 11,
};

/* Where a capacity came from. Add at the end. */
enum spw_capacity_origin {
	SPW_CAPACITY_UNKNOWN = 0, /* nothing was learned yet: no budget can be made of it */
	SPW_CAPACITY_SET = 1,	  /* by the configuration or an operator */
	SPW_CAPACITY_LEARNED = 2,
	SPW_CAPACITY_RESTORED = 3, /* learned by an earlier run, not yet confirmed */
};

enum spw_wait_source {
	SPW_WAIT_NONE = 0, /* no signal of this service is there: it decides nothing */
	SPW_WAIT_READ = 1,
	SPW_WAIT_ACCEPT = 2,
};

/* From tick to tick, usually and in a hurry. */
#define SPW_TICK_NS  100000000ull
#define SPW_HURRY_NS 25000000ull

/* What was decided for one class of one service. */
struct spw_class_decision {
	double fresh_per_s;    /* demand */
	double admitted_per_s; /* new work that passed, fresh and resent */
	double refused_per_s;  /* fresh and resent */
	double share;	       /* of its sources that are admitted now: 0 to 1 */
	bool sheds;	       /* lives under the budget at this level */
	bool cut;	       /* its new work is cut at this level (rule 5 of the datapath) */
};

struct spw_service_decision {
	u8 level;	/* the level that this service alone would ask for */
	u8 rule;	/* enum spw_rule: which one settled it */
	u8 origin;	/* enum spw_capacity_origin */
	u8 wait_source; /* enum spw_wait_source */
	bool saturated;
	bool armed;    /* the ceiling stands as budget although nothing is saturated */
	bool helpless; /* waits above target although less than the capacity is admitted: shedding does not help */
	double demand_per_s; /* fresh new work; what is admitted, if that is more */
	double admitted_per_s;
	double served_per_s;	/* 0 where it cannot be known */
	double capacity_per_s;	/* 0: unknown */
	double sustained_per_s; /* what can go on being admitted: the budget once a passing queue has drained; 0:
				   unknown */
	double budget_per_s;	/* new work that may pass now; 0: no budget, everything passes */
	double excess_per_s;	/* demand above what can be sustained, 0 if none: the level is to cover it */
	double sheddable_per_s[SPW_LEVELS];	   /* demand of the classes that may be shed at each level */
	u64 wait_ns;				   /* what the law went by */
	u64 wait_p50_ns, wait_p90_ns, wait_p99_ns; /* of this tick's reads; 0: there were none */
	u64 wait_target_ns;
	struct spw_class_decision classes[SPW_CLASSES_MAX]; /* by rank */
};

struct spw_decision {
	u64 at_ns;
	u32 classes_count;
	u8 level;
	u8 former;	  /* level of the tick before */
	u8 rule;	  /* enum spw_rule */
	u8 service;	  /* index of the service that asked for the highest level; the first of several */
	u8 pinned;	  /* level that the operator pinned; SPW_LEVEL_NEVER */
	bool blind;	  /* no signal of any service is there: the level decays to green */
	bool hurry;	  /* the next tick had better come sooner: SPW_HURRY_NS; histories do not keep it */
	u64 hold_left_ns; /* until the level may go down */
	struct spw_reading host[SPW_HOST_SIGNALS];
	u32 services_count;
	struct spw_service_decision services[SPW_SERVICES_MAX];
};

/* What one service has taught. Saved over restarts (spw_learned_check() clamps what is read back). */
struct spw_learned {
	double capacity_per_s;	  /* 0: nothing yet */
	double served_peak_per_s; /* the most that was ever seen served, over a second */
	double idle_wait_ns;	  /* usual wait when not busy */
	double reads_per_work;	  /* behind a proxy: so many reads serve one piece of new work; 0: nothing yet */
};

/* Everything that the decision carries from tick to tick. Opaque; begin with spw_memory_new(). */
struct spw_memory;

/** spw_default_reserve() - of the class with rank @rank (0: highest) among @count: 0, .12, .30, .45, .60, .75. */
double spw_default_reserve(u32 rank, u32 count);

/** spw_memory_new() - allocate, with nothing learned; NULL: no memory. The caller frees it with spw_memory_free(). */
struct spw_memory *spw_memory_new(void);
void spw_memory_free(struct spw_memory *memory);

/**
 * spw_memory_learned() - what was learned of the service with index @service; to be saved, and to be written to after a
 * restart or reload (services may then stand in another order).
 */
struct spw_learned *spw_memory_learned(struct spw_memory *memory, u32 service);

/** spw_learned_check() - true if every number is finite, not negative and no more than a service can serve (1e7/s). */
bool spw_learned_check(const struct spw_learned *learned);

/**
 * spw_memory_forget_rates() - the facts before are not comparable with those to come (reload, another order of services
 * or classes, SIGCONT after a long stop): begin the differences anew, keep what was learned, level and hold.
 */
void spw_memory_forget_rates(struct spw_memory *memory);

/**
 * spw_memory_follow() - @policy takes the place of @former, under which @memory came to be: what is remembered of a
 * service or class goes with its identity to where that stands now, what is new begins with nothing. Rates are
 * forgotten as above. Without memory to sort it in, all of them begin with nothing.
 */
void spw_memory_follow(struct spw_memory *memory, const struct spw_policy *former, const struct spw_policy *policy);

/**
 * spw_decide() - one tick.
 * @memory: changed
 * @facts: never earlier than those before; a gap of more than a second, or of nothing, is told apart from load
 * @decision: filled in whole
 * Any input, also NaN, infinite, stuck or wrapped, ends in a valid decision: budgets finite and not below the floor.
 */
void spw_decide(struct spw_memory *memory, const struct spw_policy *policy, const struct spw_override *override,
		const struct spw_facts *facts, struct spw_decision *decision);

/**
 * spw_plan() - a decision as orders for the datapath.
 * @jiffies_per_second: of this kernel
 * @salt: of the places; the same over reloads and restarts, so that nobody's place is dealt anew
 * @orders: SPW_SERVICES_MAX + 1, by service identity; filled in whole, those without a budget with zero cost
 */
void spw_plan(const struct spw_policy *policy, const struct spw_decision *decision, u32 jiffies_per_second, u64 salt,
	      struct spw_service_admission *orders);

#endif
