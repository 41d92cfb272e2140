/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Work on established connections. Two parts, both pure, called by agent/ender.c:
 *
 *  - Accounting: requests on established connections (facts.h) are divided among classes in the proportions of the last
 *    sweep over the sockets, and added to demand, admitted and served where a class gives connections up. Requests of
 *    ended connections stay in the demand, as otherwise the level would go down at once.
 *  - Picking: which connections to end.
 */
#ifndef SPW_CORE_ESTABLISHED_H
#define SPW_CORE_ESTABLISHED_H

#include "decision.h"
#include "facts.h"

/* ---- connections ---- */

enum spw_connection_flag {
	SPW_CONNECTION_MANAGEMENT = 1 << 0, /* never touched */
	SPW_CONNECTION_INSIDE = 1 << 1,	    /* its source is in the share of its class */
	SPW_CONNECTION_BUSY = 1 << 2,	    /* a request is unread or unanswered */
};

/* One connection, as a sweep saw it. */
struct spw_connection {
	/* Which one: as sock_diag names it. Addresses and ports in network order; IPv4 in the first word. */
	u32 local[4], remote[4];
	u32 interface;
	u32 cookie[2];
	u16 local_port, remote_port;
	u8 family; /* 4 or 6, of the socket */
	u8 space;  /* index of its network namespace */

	u8 service;   /* index */
	u8 rank;      /* of its class */
	u8 flags;     /* enum spw_connection_flag */
	u32 requests; /* in the last one to two seconds */
	u64 idle_ns;  /* since data came */
	u64 waits_ns; /* age of its oldest unread data, or of its place in the accept queue; 0: neither */
};

/* ---- picking ---- */

#define SPW_PICKS_MAX 512u

/* What may be ended now, by index of the service. */
struct spw_ending {
	bool gives_up[SPW_SERVICES_MAX][SPW_CLASSES_MAX]; /* by rank: its connections outside the share */
	u64 patience_ns[SPW_SERVICES_MAX];		  /* connections that wait for longer; 0: none */
};

enum spw_ending_reason {
	SPW_ENDING_NONE = 0,
	SPW_ENDING_SHARE = 1,
	SPW_ENDING_PATIENCE = 2,
	SPW_ENDING_REASONS = 3,
};

/* The best candidates so far: a heap, the least urgent on top. */
struct spw_picks {
	u32 count, most;
	struct spw_connection heap[SPW_PICKS_MAX];
};

/** spw_ending_reason() - why @connection may be ended, or SPW_ENDING_NONE. Never for management. */
enum spw_ending_reason spw_ending_reason(const struct spw_ending *ending, const struct spw_connection *connection);

/** spw_picks_begin() - none yet. @most: how many at most, up to SPW_PICKS_MAX */
void spw_picks_begin(struct spw_picks *picks, u32 most);

/**
 * spw_picks_offer() - keep @connection if it may be ended and is more urgent than one that is kept. First those whose
 * visitors have gone, oldest first; then by class, lowest first, idle connections before busy ones, longest idle first.
 */
void spw_picks_offer(struct spw_picks *picks, const struct spw_ending *ending, const struct spw_connection *connection);

/** spw_picks_sort() - the most urgent first, in place. Nothing can be offered afterwards. */
void spw_picks_sort(struct spw_picks *picks, const struct spw_ending *ending);

/* ---- accounting ---- */

struct spw_established_class {
	double seen;			     /* requests of the sweep under way */
	double swept;			     /* of the last whole sweep */
	double ended;			     /* of those, on connections that were ended since the last tick */
	double per_s;			     /* requests */
	double withheld_per_s;		     /* what ended connections would bring */
	double refused_per_s;		     /* fresh new work that was refused */
	double share;			     /* of the tick before */
	double outside[2];		     /* least 1 - share: in this half of the window, and in the one before */
	u64 requests;			     /* cumulative */
	u64 withheld;			     /* cumulative */
	double requests_rest, withheld_rest; /* less than one, carried over */
	u64 refused_before;
	u64 endings[SPW_ENDING_REASONS]; /* connections ended, cumulative */
};

/* Of one service, from tick to tick; zero it to begin. */
struct spw_established {
	bool present; /* requests on established connections are counted */
	bool begun;
	bool added;   /* to the facts: some class gives connections up */
	u64 requests; /* of facts, at the tick before */
	u64 later_reads;
	u64 served; /* cumulative */
	double per_s;
	double window_s;				       /* how old this half of the window is */
	struct spw_established_class classes[SPW_CLASSES_MAX]; /* by rank */
};

/** spw_established_take() - divide the requests since the last tick among classes. @seconds: since then; 0: unknown. */
void spw_established_take(struct spw_established *established, const struct spw_service_facts *facts, u32 classes_count,
			  double seconds);

/**
 * spw_established_add() - add requests to the facts: received ones as admitted, those of ended connections as refused,
 * those read as served.
 */
void spw_established_add(struct spw_established *established, u32 classes_count, struct spw_service_facts *facts);

/** spw_established_see(), spw_established_swept() - count a connection of the current sweep; end the sweep. */
void spw_established_see(struct spw_established *established, const struct spw_connection *connection);
void spw_established_swept(struct spw_established *established);

/**
 * spw_established_share() - the share by which connections of a class are ended: its largest in the last quarter to half
 * of a second, as an ended connection does not come back with the share, and a burst that is over soon is no reason to
 * end any. Where requests wait too long, and for a cut, the present one counts.
 */
double spw_established_share(const struct spw_established *established, u32 rank,
			     const struct spw_service_decision *decision);

/** spw_established_ended() - @connection was ended. */
void spw_established_ended(struct spw_established *established, const struct spw_connection *connection,
			   enum spw_ending_reason reason);

/**
 * spw_established_withhold() - update the rates that ended connections would bring. They grow as connections are ended,
 * shrink as a growing share readmits sources, are 0 for a class that is not shed, and fade within a minute, or ten while
 * new work of the class is refused.
 */
void spw_established_withhold(struct spw_established *established, const struct spw_service_decision *decision,
			      u32 classes_count, double seconds);

#endif
