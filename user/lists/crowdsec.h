/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Decisions of CrowdSec: an answer of its local API, GET /v1/decisions/stream -> prefixes. Parsed as it arrives, so
 * that memory does not grow with the answer.
 *
 *   {"new":[{"scope":"Ip","value":"192.0.2.7","type":"ban","duration":"3h59m50.2s", ...}, ...],"deleted":[...] or null}
 */
#ifndef SPW_LISTS_CROWDSEC_H
#define SPW_LISTS_CROWDSEC_H

#include "base/error.h"
#include "core/table/prefix.h"

enum {
	SPW_CROWDSEC_DECISION_BYTES = 65536,	/* per decision */
	SPW_CROWDSEC_FRAME_BYTES = 1024 * 1024, /* of an answer without its decisions: some 500,000 of them */
};

struct spw_crowdsec_ban {
	struct spw_prefix prefix;
	u32 for_s; /* of a new one: time left, 1 to SPW_BAN_SECONDS_MAX */
};

struct spw_crowdsec_bans {
	struct spw_crowdsec_ban *items; /* owned */
	size_t count;
	size_t capacity;
};

/* Why a decision is skipped. */
enum spw_crowdsec_skip {
	SPW_CROWDSEC_SCOPE,    /* neither Ip nor Range */
	SPW_CROWDSEC_TYPE,     /* not a ban, or simulated */
	SPW_CROWDSEC_ENDED,    /* no time is left */
	SPW_CROWDSEC_DAMAGED,  /* a field is missing or invalid */
	SPW_CROWDSEC_TOO_MANY, /* more than SPW_BANS_MAX */
	SPW_CROWDSEC_SKIPS,
};

struct spw_crowdsec_answer {
	struct spw_crowdsec_bans fresh;	  /* by prefix, without duplicates, with the longest time */
	struct spw_crowdsec_bans deleted; /* by prefix, without duplicates */
	u32 skipped[SPW_CROWDSEC_SKIPS];
	char example[SPW_CROWDSEC_SKIPS][96]; /* the first of each kind, for messages */
	char error[SPW_MESSAGE_MAX];	      /* empty: none */
};

struct spw_crowdsec_reader;

/** spw_crowdsec_open() - begin an answer. Returns NULL: no memory. Free with spw_crowdsec_close(). */
struct spw_crowdsec_reader *spw_crowdsec_open(void);
void spw_crowdsec_close(struct spw_crowdsec_reader *reader);

/** spw_crowdsec_feed() - the next bytes. Returns 0, or -errno: the answer is refused, and spw_crowdsec_end() says why. */
int spw_crowdsec_feed(struct spw_crowdsec_reader *reader, const char *bytes, size_t length);

/**
 * spw_crowdsec_end() - call after the last byte.
 * Returns the answer, valid until the reader is closed. With `error` set it has no decisions: an answer that is
 * truncated or not JSON is refused as a whole.
 */
const struct spw_crowdsec_answer *spw_crowdsec_end(struct spw_crowdsec_reader *reader);

/** spw_crowdsec_append() - 0 or -ENOMEM. */
int spw_crowdsec_append(struct spw_crowdsec_bans *bans, const struct spw_crowdsec_ban *ban);

/** spw_crowdsec_have() - whether @prefix is one of @bans, which are sorted as in an answer. */
bool spw_crowdsec_have(const struct spw_crowdsec_bans *bans, const struct spw_prefix *prefix);

#endif
