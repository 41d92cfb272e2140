/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A simulated plant for the decision, in virtual time: shoppers of several classes, the datapath's rules 5, 9 and 10,
 * and servers with a queue and workers.
 *
 * Shoppers arrive as Poisson processes, page by page (several connections at once from one source). A SYN that is
 * refused, or lost in a full accept queue, is resent like Linux 6.5 and later do: 1, 2, 3, 4, 5, 7 and 11 s after the
 * first, as long as the shopper has patience. An answer is good if it comes within a second of the first SYN.
 *
 * The server takes connections first come, first served, each by the first free worker. Arrivals are in steps of a
 * millisecond, service is continuous. The agent ticks every 100 ms, and glances at new work every 25 ms.
 */
#ifndef SPW_SIM_PLANT_H
#define SPW_SIM_PLANT_H

#include "user/core/control/decide.h"

#define SIM_SERVICES_MAX 4
#define SIM_CLASSES_MAX	 8
#define SIM_CHANGES_MAX	 4096

struct sim;

/* Distribution of service times with the same mean. */
enum sim_shape { SIM_EXPONENTIAL, SIM_FIXED };

/* A service and its servers. */
struct sim_site_setup {
	double capacity_per_s; /* of all workers */
	u32 workers;
	enum sim_shape shape;
	u64 queue_limit;      /* of the accept queue */
	bool accepts_at_once; /* as event loops do: connections wait unread, not unaccepted */
	double requests;      /* a proxy before the workers makes so many of each connection; 0: there is none */
	bool inside;	      /* requests are read at once and queue inside the application: only answers tell of it */
	bool hides_reads;     /* the tracepoints are not there */
	bool hides_queue;
	bool hides_crowded;  /* without the number of refusals by the budget */
	double ends_after_s; /* `patience`: connections that wait longer are ended at the next tick; 0: none */
	double kept_per_s;   /* requests on established connections (keep-alive): they pass every rule */
	u64 packet_ns;	     /* CPU time that each SYN, refused or not, takes from the workers */
};

struct sim_setup {
	u64 seed;
	u32 sites_count;
	struct sim_site_setup sites[SIM_SERVICES_MAX];
	struct spw_policy policy;	/* services indexed like the sites */
	double shares[SIM_CLASSES_MAX]; /* of the load, by rank */
	u32 page;			/* simultaneous connections of one shopper, */
	bool browsers;			/* or one, then the others once it is answered: a page is good when all are */
	u32 sources;			/* of each class */
	double patience_s;		/* the mean; from 0.2 to 1.8 of it */
	bool hides_cpu;
	/* Load of a site in capacities at @time, and its capacity then as a share; NULL: 0 and 1. */
	double (*load)(const struct sim *sim, u32 site, double time);
	double (*strength)(const struct sim *sim, u32 site, double time);
	/* Corrupts the facts; false: the agent doesn't tick, as if stopped. NULL: none. */
	bool (*tamper)(struct sim *sim, struct spw_facts *facts);
	double parameter; /* for the callbacks */
};

struct sim_tally {
	u64 offered;	  /* first SYNs */
	u64 refused;	  /* first SYNs that were refused */
	u64 good, prompt; /* answered within 1 s, within 250 ms */
	u64 late;	  /* answered, but later */
};

struct sim_site {
	struct sim_tally tallies[SIM_CLASSES_MAX]; /* of connections, since sim_tally_anew() */
	struct sim_tally pages[SIM_CLASSES_MAX];   /* of whole pages, with browsers */
	u64 drops;				   /* by the datapath, resent ones too */
	u64 syns;				   /* SYNs, resent ones too */
	u64 arrival_ticks;			   /* the budget's cell */
	double backlog_s;			   /* computed independently: seconds of budget for what was admitted */
	struct sim_queue *queue;
	struct spw_service_facts facts;
};

struct sim {
	struct sim_setup setup;
	u64 now_ns;
	u64 tick_ns; /* of the agent's next tick */
	double time; /* seconds since the beginning */
	u64 random;
	struct sim_site sites[SIM_SERVICES_MAX];
	struct spw_memory *memory;
	struct spw_override override;
	struct spw_facts facts; /* as last seen by the agent */
	struct spw_decision decision;
	struct spw_service_admission admissions[SPW_SERVICES_MAX + 1];
	u64 lease_until_ns;
	struct sim_retries *retries;
	u32 changes_count; /* of the host's level */
	struct sim_change {
		double time;
		u8 from, to;
	} changes[SIM_CHANGES_MAX];
	/* Violated invariant; checked at every packet and tick. NULL: none. */
	const char *broken;
	double broken_at;
	double least_floor; /* smallest budget ever given, relative to the capacity at that tick; 1 if none was */
	double most_ceiling;
};

/** sim_defaults() - one site of 950/s, four classes as in the manual, 7 % in the highest, and the default policy. */
void sim_defaults(struct sim_setup *setup);

/** sim_new() - a world at time 0; aborts without memory. The caller frees it with sim_free(). */
struct sim *sim_new(const struct sim_setup *setup);
void sim_free(struct sim *sim);

/** sim_run() - until @time. */
void sim_run(struct sim *sim, double time);

/** sim_tally_anew() - reset the tallies. */
void sim_tally_anew(struct sim *sim);

/** sim_sum() - the tallies of all classes of a site. */
struct sim_tally sim_sum(const struct sim *sim, u32 site);

/** sim_changes() - of the level, in [@from, @to). */
u32 sim_changes(const struct sim *sim, double from, double to);

/** sim_draw() - uniform in [0, 1). */
double sim_draw(struct sim *sim);

/** sim_draw_from() - the same from a state of the caller's own, for set-ups. @state: not 0 (xorshift64, Marsaglia 2003) */
double sim_draw_from(u64 *state);

#endif
