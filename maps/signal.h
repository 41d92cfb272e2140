/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How long requests wait until the application reads and answers them: written by bpf/signals.bpf.c, read by
 * user/kernel/read_wait.c. Histograms have four buckets per octave, from 1,024 ns to 17 s: quantiles are exact to 19 %.
 */
#ifndef SPW_MAPS_SIGNAL_H
#define SPW_MAPS_SIGNAL_H

#include "local.h"

enum spw_wait_shape {
	SPW_WAIT_BUCKETS = 96,
	SPW_WAIT_FIRST_SHIFT = 10, /* bucket 0 holds waits below 1.25 x 2^10 ns */
	SPW_WAIT_OCTAVE = 4,
};

/** spw_wait_bucket() - the bucket of a wait; the last one also takes longer waits. */
SPW_INLINE u32 spw_wait_bucket(u64 wait_ns)
{
	u32 shift = 0, bucket;

	if (wait_ns < 1u << SPW_WAIT_FIRST_SHIFT)
		return 0;
	/* Position of the highest bit, in six steps: BPF has no instruction for it. */
	for (u32 step = 32; step; step /= 2)
		if (wait_ns >> (shift + step))
			shift += step;
	bucket = (shift - SPW_WAIT_FIRST_SHIFT) * SPW_WAIT_OCTAVE + (u32)(wait_ns >> (shift - 2) & 3);
	return bucket < SPW_WAIT_BUCKETS ? bucket : SPW_WAIT_BUCKETS - 1;
}

/** spw_wait_bucket_end_ns() - the first wait that is too long for bucket @bucket. */
SPW_INLINE u64 spw_wait_bucket_end_ns(u32 bucket)
{
	u32 octave = (bucket + 1) / SPW_WAIT_OCTAVE, quarter = (bucket + 1) % SPW_WAIT_OCTAVE;

	return (u64)(SPW_WAIT_OCTAVE + quarter) << (octave + SPW_WAIT_FIRST_SHIFT - 2);
}

/*
 * Age of the oldest unread data, without a walk over sockets. Time is cut into epochs of 34 ms; a circular array holds,
 * for each of the last 128 (4.3 s), how many sockets have had unread data since that epoch. A socket is counted when
 * data arrive and it had none, and uncounted in the same epoch when it is read or destroyed; the oldest epoch with a
 * positive sum over CPUs is the age. Each element carries its epoch: when a later epoch takes it over, the remaining
 * count moves to `ancient`, where sockets that old are uncounted. Nothing leaks, and ages are capped at
 * SPW_UNREAD_SPAN_NS.
 */
#define SPW_EPOCH_SHIFT	   25 /* of CLOCK_MONOTONIC in ns */
#define SPW_EPOCHS	   128u
#define SPW_UNREAD_SPAN_NS ((u64)SPW_EPOCHS << SPW_EPOCH_SHIFT)

/*
 * First data of a connection and later data are told apart. Unread first data always mean that the application has not
 * got to it. Later data may stay unread because this client accepts no answers, or because the application waits for
 * something else, so they alone prove no stall: they count only while nothing is read.
 */
enum spw_unread {
	SPW_UNREAD_FIRST = 0,
	SPW_UNREAD_LATER = 1,
	SPW_UNREADS = 2,
};

/*
 * Map signal_waits: state of a connection from its first data on. Written by programs; user space reads it in a dump of
 * sockets (sock_diag, INET_DIAG_REQ_SK_BPF_STORAGES).
 */
struct spw_signal_socket {
	u64 ready_ns; /* arrival of the oldest unread data; 0: none */
	u64 asked_ns; /* arrival of data that await an answer; 0: none */
	u8 service;   /* counted for this service */
	u8 unread;    /* counted as this enum spw_unread; SPW_UNREADS: not counted */
	u8 serves;    /* its first read is new work served */
	u8 was_read;  /* at least once */
	u8 later;     /* its unread data are a request after the first one */
	u8 light;     /* a light listener has it (light.h): it is not observed */
	u8 reserved[2];
	u32 span;     /* last span of 2^SPW_SPAN_SHIFT ns (1.07 s) with a request */
	u16 requests; /* in that span */
	u16 before;   /* in the span before */
};

#define SPW_SPAN_SHIFT 30 /* of CLOCK_MONOTONIC in ns */

/* Map signal_tallies, by service identity, per CPU. Written by programs only, and only with atomic operations. */
struct spw_signal_tally {
	u64 waits[SPW_WAIT_BUCKETS];
	u64 answers[SPW_WAIT_BUCKETS];
	u64 first_reads;		     /* connections whose first data were read */
	u64 requests;			     /* data ready on a connection that owed no answer */
	u64 ended;			     /* connections gone before they were answered */
	u64 later_requests;		     /* requests on connections that were read before */
	u64 later_reads;		     /* of these, the number read */
	u64 last_read_ns;		     /* CLOCK_MONOTONIC; 0: nothing was read on this CPU */
	u64 ancient[SPW_UNREADS];	     /* signed: sockets unread for longer than SPW_EPOCHS */
	u64 unread[SPW_UNREADS][SPW_EPOCHS]; /* epoch (upper half) and a signed count (lower half) */
};

#define SPW_NAMESPACES_MAX 64

/*
 * spw_port.bits: what a port tells of its service. Usually both; behind a proxy, requests wait at the application's
 * port and new work arrives at the proxy's.
 */
enum spw_signal_port {
	SPW_PORT_WAITS = 1 << 0,  /* requests wait here */
	SPW_PORT_SERVES = 1 << 1, /* first reads here are new work served */
};

/* Map signal_scope: whose sockets are observed. Written by the agent, read-only to programs. */
struct spw_signal_scope {
	u32 namespaces_count;
	u32 namespaces[SPW_NAMESPACES_MAX]; /* inode numbers */
	u64 in[SPW_SERVICE_IDENTITIES];	    /* by service identity: bit i: it has sockets in namespaces[i] */
	struct spw_port ports[65536];	    /* by local TCP port; bits: enum spw_signal_port */
	struct spw_locals locals;
};

_Static_assert(sizeof(struct spw_signal_socket) == 32, "layout of the signal_waits map");
_Static_assert(sizeof(struct spw_signal_tally) == 3648, "layout of the signal_tallies map");

#endif
