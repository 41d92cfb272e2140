/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Owners of bans. A ban holds until the end of its last owner; each owner has an end and a note. Most bans have one
 * owner, whose number and end are in struct spw_ban. If there are several, all of them are in a pool of claims, and the
 * ban shows the one with the latest end. Pure; agent/ban_table.c writes the result to the maps.
 */
#ifndef SPW_CORE_BAN_OWNERS_H
#define SPW_CORE_BAN_OWNERS_H

#include "ban_set.h"

enum {
	SPW_BAN_OWNERS_MAX = 1024,
	SPW_BAN_CLAIMS_MAX = 1 << 19, /* of all bans that have several owners */
	SPW_BAN_HAND = 1,	      /* number of "hand", the owner in requests that name none */
};

/* One of several owners of a ban. */
struct spw_ban_claim {
	u64 until_ns; /* CLOCK_MONOTONIC; SPW_BAN_FOREVER */
	u32 next;     /* index + 1; 0: the last one */
	u16 owner;    /* 0: free */
	char note[SPW_BAN_NOTE_MAX];
};

struct spw_ban_owners {
	char (*names)[SPW_BAN_OWNER_MAX]; /* owned; by number - 1; empty: free */
	u32 names_count, names_capacity;
	struct spw_ban_claim *claims; /* owned */
	u32 claims_count;	      /* in use */
	u32 claims_capacity;
	u32 claims_free; /* the first free one, index + 1 */
};

/** spw_ban_owners_init() - with "hand" alone. Returns 0 or -ENOMEM. */
int spw_ban_owners_init(struct spw_ban_owners *owners);
void spw_ban_owners_free(struct spw_ban_owners *owners);

/** spw_ban_owner_find() - the number of an owner; 0: no such owner. */
u16 spw_ban_owner_find(const struct spw_ban_owners *owners, const char *name);

/**
 * spw_ban_owner_take() - the same, made if need be. If all numbers are taken, those that no ban of @set has are reused,
 * so a number is only valid as long as a ban has it or until the next call.
 * Returns 0 if there is no number or no memory left.
 */
u16 spw_ban_owner_take(struct spw_ban_owners *owners, const struct spw_ban_set *set, const char *name);

/** spw_ban_owner_name() - "" for a number that is not taken. */
const char *spw_ban_owner_name(const struct spw_ban_owners *owners, u16 owner);

/** spw_ban_needs_note() - whether a claim of @owner makes a second owner, so that the first one's note is needed. */
bool spw_ban_needs_note(const struct spw_ban *ban, u16 owner);

/* A request of an owner. */
struct spw_ban_claim_terms {
	u64 until_ns;
	const char *note;
	u16 owner;
	bool extend; /* do not shorten this owner's existing claim */
};

/**
 * spw_ban_claim() - add an owner to a ban, or change its end and note. Sets owner and end of @ban.
 * @first_note: of the only owner, where spw_ban_needs_note() says so
 * Returns 0, -EDQUOT (there are SPW_BAN_CLAIMS_MAX claims) or -ENOMEM: nothing was changed.
 */
int spw_ban_claim(struct spw_ban_owners *owners, struct spw_ban *ban, const struct spw_ban_claim_terms *terms,
		  const char *first_note);

/** spw_ban_note() - of the owner shown by @ban; NULL: there is one owner, whose note is only in the map. */
const char *spw_ban_note(const struct spw_ban_owners *owners, const struct spw_ban *ban);

enum spw_ban_lifted {
	SPW_BAN_NOT_OWNED, /* not by this owner; nothing was changed */
	SPW_BAN_KEPT,	   /* it has other owners; owner, end and @note are those of the latest end */
	SPW_BAN_GONE,	   /* it has no owner any more; to be removed by the caller */
};

/** spw_ban_lift() - end what @owner has of @ban. Claims that ended by @now_ns count for nothing. */
enum spw_ban_lifted spw_ban_lift(struct spw_ban_owners *owners, struct spw_ban *ban, u16 owner, u64 now_ns,
				 char note[SPW_BAN_NOTE_MAX]);

/** spw_ban_prune() - drop claims that ended by @now_ns, except the one with the latest end. True: there were some. */
bool spw_ban_prune(struct spw_ban_owners *owners, struct spw_ban *ban, u64 now_ns);

/** spw_ban_forget_claims() - for a ban that is removed, or gets a new list. */
void spw_ban_forget_claims(struct spw_ban_owners *owners, struct spw_ban *ban);

/** spw_ban_owners_count() - number of its owners. */
u32 spw_ban_owners_count(const struct spw_ban_owners *owners, const struct spw_ban *ban);

#endif
