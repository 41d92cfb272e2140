/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the agent knows at one tick: cumulative counts and current values, no rates. Filled in by signals/ and the
 * agent, or by the simulated plant in tests; read by rates.c and kept in the history.
 *
 * Absent is not zero: whatever can be missing has a flag.
 */
#ifndef SPW_CORE_FACTS_H
#define SPW_CORE_FACTS_H

#include "maps/counters.h"
#include "maps/signal.h"

/* Guards: signals of the host, not of one service. */
enum spw_host_signal {
	SPW_SIGNAL_CPU = 0,	      /* busy share of the busiest core, 0 to 1 */
	SPW_SIGNAL_SOFTIRQ = 1,	      /* share of softirq on the core that has most of it, 0 to 1 */
	SPW_SIGNAL_SOFTNET_DROPS = 2, /* per second */
	SPW_SIGNAL_OVERFLOWS = 3,     /* listen overflows per second */
	SPW_SIGNAL_PSI_CPU = 4,	      /* share of time in which some task waited, 0 to 1; from `total`, not avg10 */
	SPW_SIGNAL_PSI_IO = 5,
	SPW_SIGNAL_PSI_MEMORY = 6,
	SPW_HOST_SIGNALS = 7,
};

/* Signals of one service. Add at the end. */
enum spw_service_signal {
	SPW_SIGNAL_READ_WAIT = 0,
	SPW_SIGNAL_ACCEPT_QUEUE = 1,
	SPW_SIGNAL_PROBE = 2,
	SPW_SIGNAL_ANSWER_WAIT = 3,
	SPW_SERVICE_SIGNALS = 4,
};

struct spw_reading {
	double value;
	bool present;
};

/* Known about one service. Counts are cumulative from any start; rates.c uses differences. */
struct spw_service_facts {
	/* New work by class rank (0: highest priority), from the datapath. */
	u64 fresh[SPW_CLASSES_MAX][SPW_VERDICTS];
	u64 resent[SPW_CLASSES_MAX][SPW_VERDICTS];
	/* Refused fresh work: by rule 10, although the sources are in the share. Stabilises the shares. */
	bool crowded_present;
	u64 crowded[SPW_CLASSES_MAX];

	/* Read-wait: from data ready to the application's read, from tracepoints. */
	bool waits_present;
	u64 waits[SPW_WAIT_BUCKETS]; /* reads by bucket (spw_wait_bucket()); cumulative */
	u64 first_reads;	     /* connections whose first data were read (new work served); cumulative */
	u64 oldest_unread_ns;	     /* age of the oldest unread data; 0: none */

	/* Requests on connections that were read before, at the service's own ports; cumulative. */
	u64 later_requests; /* received */
	u64 later_reads;    /* read */

	/*
	 * Answer wait: from the last data ready on a connection to the first byte that the application sends back:
	 * read-wait, service time and any queue inside the application.
	 */
	bool answers_present;
	u64 answer_waits[SPW_WAIT_BUCKETS]; /* answers by bucket; cumulative */
	u64 requests;			    /* data ready on a connection that owed no answer; cumulative */
	u64 unanswered;			    /* connections that owe an answer now */

	/* Accept queues of its listening sockets, from sock_diag. */
	bool queue_present;
	u64 queue;	 /* connections waiting for accept() */
	u64 queue_limit; /* its maximum */

	/* The application's probe, if configured, in the unit of its limit. */
	struct spw_reading probe;
};

struct spw_facts {
	u64 now_ns; /* CLOCK_MONOTONIC */
	struct spw_reading host[SPW_HOST_SIGNALS];
	u32 services_count;
	struct spw_service_facts services[SPW_SERVICES_MAX]; /* indexed as in the policy */
};

#endif
