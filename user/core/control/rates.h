/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Facts of two ticks -> rates of the time between: the first step of the decision. Pure; called by decide.c alone.
 *
 * Counts may start anywhere, wrap at 2^64, stand still or jump. An impossible difference is a counter that restarted:
 * the service has no rates at this tick. A tick more than a second after the one before compares nothing, as much may
 * have happened unseen.
 */
#ifndef SPW_CORE_RATES_H
#define SPW_CORE_RATES_H

#include "decision.h"
#include "facts.h"

/* New work of one class in this tick, per second. */
struct spw_class_work_rates {
	double fresh_per_s;
	double admitted_per_s; /* fresh and resent */
	double refused_per_s;  /* fresh and resent */
	double inside_per_s;   /* fresh; admitted, or (where known) refused by the budget although in the share */
};

struct spw_service_rates {
	bool valid;	/* compared; otherwise all other fields are zero */
	u8 wait_source; /* enum spw_wait_source */
	bool served_known;
	bool crowded_known;
	bool backlogged; /* work was still waiting at the end of the tick: the application was busy throughout */
	bool standing;	 /* work waited throughout and none was served: a stall, or chance at low rates */
	bool queue_full; /* the accept queue is at its limit: admitted work may have been lost */
	u64 wait_ns;	 /* used by the budget law */
	u64 wait_p50_ns, wait_p90_ns, wait_p99_ns; /* of this tick's reads; 0: none */
	double reads;				   /* in this tick, of any data */
	double served_per_s;
	double fresh_per_s, admitted_per_s, refused_per_s;
	struct spw_class_work_rates classes[SPW_CLASSES_MAX]; /* by rank */
};

/* Of one service, from tick to tick. */
struct spw_rates_memory {
	struct spw_service_facts before;
	bool begun;
	u64 last_read_ns;    /* when data were last read, or the state began */
	double unread;	     /* new work admitted since then */
	double served_per_s; /* smooth; if computed from admitted work and the accept queue */
	double queue;	     /* smooth */
	bool backlogged;     /* at the end of the tick before */
	double reads_apart;  /* behind a proxy: reads since the last piece of new work */
};

/**
 * spw_rates_take() - compare @facts with those of the tick before in @memory, and store them there.
 * @seconds: between the two, more than 0 and no more than one
 * @reads_per_work: of spw_learned, updated here
 * rates->valid is false if there was nothing to compare with.
 */
void spw_rates_take(struct spw_rates_memory *memory, const struct spw_service_policy *service,
		    const struct spw_service_facts *facts, u64 now_ns, double seconds, u32 classes_count,
		    double *reads_per_work, struct spw_service_rates *rates);

/** spw_rates_begin() - @facts are the first: nothing before is comparable. */
void spw_rates_begin(struct spw_rates_memory *memory, const struct spw_service_facts *facts, u64 now_ns);

/** spw_rates_fresh() - fresh new work of all classes from the tick before until @facts. */
double spw_rates_fresh(const struct spw_rates_memory *memory, const struct spw_service_facts *facts, u32 classes_count);

/** spw_smooth() - one step of a first-order low pass; @time and @constant in seconds. */
double spw_smooth(double before, double now, double time, double constant);

/** spw_bounded() - @value within @least and @most; NaN becomes @least. */
double spw_bounded(double value, double least, double most);

/** spw_reading_holds() - present, finite, not negative and at most 1e15. */
bool spw_reading_holds(const struct spw_reading *reading);

#endif
