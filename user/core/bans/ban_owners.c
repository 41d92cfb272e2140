/* SPDX-License-Identifier: GPL-2.0-only */
/* A chain of claims for each ban with several owners; the chain is freed when one is left. */
#include "ban_owners.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 16

/* ---- names ---- */

int spw_ban_owners_init(struct spw_ban_owners *owners)
{
	*owners = (struct spw_ban_owners){.names = calloc(FIRST_CAPACITY, sizeof(*owners->names))};
	if (!owners->names)
		return -ENOMEM;
	owners->names_capacity = FIRST_CAPACITY;
	owners->names_count = SPW_BAN_HAND;
	memcpy(owners->names[SPW_BAN_HAND - 1], "hand", sizeof("hand"));
	return 0;
}

void spw_ban_owners_free(struct spw_ban_owners *owners)
{
	free(owners->names);
	free(owners->claims);
	*owners = (struct spw_ban_owners){0};
}

u16 spw_ban_owner_find(const struct spw_ban_owners *owners, const char *name)
{
	for (u32 i = 0; i < owners->names_count; i++)
		if (*name && !strcmp(owners->names[i], name))
			return (u16)(i + 1);
	return 0;
}

const char *spw_ban_owner_name(const struct spw_ban_owners *owners, u16 owner)
{
	return owner && owner <= owners->names_count ? owners->names[owner - 1] : "";
}

/* Free names without bans. */
static void sweep(struct spw_ban_owners *owners, const struct spw_ban_set *set)
{
	bool used[SPW_BAN_OWNERS_MAX + 1] = {[SPW_BAN_HAND] = true};

	for (u32 i = 0; i < set->count; i++)
		used[set->items[i].owner] = true;
	for (u32 i = 0; i < owners->claims_capacity; i++)
		used[owners->claims[i].owner] = true;
	for (u32 i = 0; i < owners->names_count; i++)
		if (!used[i + 1])
			*owners->names[i] = '\0';
}

static u32 find_free_name(const struct spw_ban_owners *owners)
{
	u32 i = 0;

	while (i < owners->names_count && *owners->names[i])
		i++;
	return i;
}

u16 spw_ban_owner_take(struct spw_ban_owners *owners, const struct spw_ban_set *set, const char *name)
{
	u16 owner = spw_ban_owner_find(owners, name);
	size_t bytes = strlen(name) + 1;
	u32 at = owners->names_count;

	if (owner || bytes == 1 || bytes > SPW_BAN_OWNER_MAX)
		return owner;
	if (at == SPW_BAN_OWNERS_MAX) {
		sweep(owners, set);
		at = find_free_name(owners);
		if (at == SPW_BAN_OWNERS_MAX)
			return 0;
	}
	if (at == owners->names_capacity) {
		u32 capacity = at ? 2 * at : FIRST_CAPACITY;
		char(*names)[SPW_BAN_OWNER_MAX] = realloc(owners->names, capacity * sizeof(*names));

		if (!names)
			return 0;
		owners->names = names;
		owners->names_capacity = capacity;
	}
	if (at == owners->names_count)
		owners->names_count++;
	memcpy(owners->names[at], name, bytes);
	return (u16)(at + 1);
}

/* ---- claims ---- */

static int reserve(struct spw_ban_owners *owners, u32 wanted)
{
	u32 capacity = owners->claims_capacity ? owners->claims_capacity * 2 : FIRST_CAPACITY;
	struct spw_ban_claim *claims;

	if (owners->claims_capacity - owners->claims_count >= wanted)
		return 0;
	if (capacity > SPW_BAN_CLAIMS_MAX)
		return -EDQUOT;
	claims = realloc(owners->claims, capacity * sizeof(*claims));
	if (!claims)
		return -ENOMEM;
	for (u32 i = owners->claims_capacity; i < capacity; i++) {
		claims[i] = (struct spw_ban_claim){.next = owners->claims_free};
		owners->claims_free = i + 1;
	}
	owners->claims = claims;
	owners->claims_capacity = capacity;
	return 0;
}

static void add(struct spw_ban_owners *owners, struct spw_ban *ban, u16 owner, u64 until_ns, const char *note)
{
	u32 at = owners->claims_free - 1;
	struct spw_ban_claim *claim = &owners->claims[at];

	owners->claims_free = claim->next;
	owners->claims_count++;
	*claim = (struct spw_ban_claim){.until_ns = until_ns, .next = ban->claims, .owner = owner};
	memcpy(claim->note, note, strnlen(note, sizeof(claim->note) - 1));
	ban->claims = at + 1;
}

/* Free the claim at @link, which names the next one afterwards. */
static void cut(struct spw_ban_owners *owners, u32 *link)
{
	u32 at = *link - 1;

	*link = owners->claims[at].next;
	owners->claims[at] = (struct spw_ban_claim){.next = owners->claims_free};
	owners->claims_free = at + 1;
	owners->claims_count--;
}

static struct spw_ban_claim *find(const struct spw_ban_owners *owners, const struct spw_ban *ban, u16 owner)
{
	for (u32 at = ban->claims; at; at = owners->claims[at - 1].next)
		if (owners->claims[at - 1].owner == owner)
			return &owners->claims[at - 1];
	return NULL;
}

/* Show the claim with the latest end; among equals that of @favoured. */
static void show_latest(const struct spw_ban_owners *owners, struct spw_ban *ban, u16 favoured)
{
	const struct spw_ban_claim *latest = &owners->claims[ban->claims - 1];

	for (u32 at = latest->next; at; at = owners->claims[at - 1].next) {
		const struct spw_ban_claim *claim = &owners->claims[at - 1];

		if (claim->until_ns > latest->until_ns ||
		    (claim->until_ns == latest->until_ns && claim->owner == favoured))
			latest = claim;
	}
	ban->owner = latest->owner;
	ban->until_ns = latest->until_ns;
}

/* A ban with one owner needs no claim. */
static void collapse(struct spw_ban_owners *owners, struct spw_ban *ban)
{
	if (ban->claims && !owners->claims[ban->claims - 1].next)
		cut(owners, &ban->claims);
}

bool spw_ban_needs_note(const struct spw_ban *ban, u16 owner)
{
	return ban->owner && !ban->claims && ban->owner != owner;
}

static u64 end_of(const struct spw_ban_claim_terms *terms, u64 until_ns)
{
	return terms->extend && until_ns > terms->until_ns ? until_ns : terms->until_ns;
}

/* A ban without owner, or with this one only. */
static void claim_alone(struct spw_ban *ban, const struct spw_ban_claim_terms *terms)
{
	ban->until_ns = ban->owner ? end_of(terms, ban->until_ns) : terms->until_ns;
	ban->owner = terms->owner;
}

int spw_ban_claim(struct spw_ban_owners *owners, struct spw_ban *ban, const struct spw_ban_claim_terms *terms,
		  const char *first_note)
{
	struct spw_ban_claim *claim;
	int err;

	if (!ban->claims && !spw_ban_needs_note(ban, terms->owner)) {
		claim_alone(ban, terms);
		return 0;
	}
	err = reserve(owners, 2);
	if (err)
		return err;
	if (!ban->claims)
		add(owners, ban, ban->owner, ban->until_ns, first_note);
	claim = find(owners, ban, terms->owner);
	if (claim) {
		claim->until_ns = end_of(terms, claim->until_ns);
		memset(claim->note, 0, sizeof(claim->note));
		memcpy(claim->note, terms->note, strnlen(terms->note, sizeof(claim->note) - 1));
	} else {
		add(owners, ban, terms->owner, terms->until_ns, terms->note);
	}
	show_latest(owners, ban, terms->owner);
	return 0;
}

const char *spw_ban_note(const struct spw_ban_owners *owners, const struct spw_ban *ban)
{
	const struct spw_ban_claim *claim = find(owners, ban, ban->owner);

	return claim ? claim->note : NULL;
}

/* Free the claims of @owner (0: of nobody) and those that ended, except @spared's. Returns how many. */
static u32 cut_some(struct spw_ban_owners *owners, struct spw_ban *ban, u16 owner, u16 spared, u64 now_ns)
{
	u32 count = 0;

	for (u32 *link = &ban->claims; *link;) {
		struct spw_ban_claim *claim = &owners->claims[*link - 1];

		if (claim->owner == owner || (claim->until_ns <= now_ns && claim->owner != spared)) {
			cut(owners, link);
			count++;
		} else {
			link = &claim->next;
		}
	}
	return count;
}

enum spw_ban_lifted spw_ban_lift(struct spw_ban_owners *owners, struct spw_ban *ban, u16 owner, u64 now_ns,
				 char note[SPW_BAN_NOTE_MAX])
{
	const struct spw_ban_claim *claim = find(owners, ban, owner);

	if (!owner || (ban->claims ? !claim || claim->until_ns <= now_ns : ban->owner != owner))
		return SPW_BAN_NOT_OWNED;
	cut_some(owners, ban, owner, 0, now_ns);
	if (!ban->claims) {
		ban->owner = 0;
		return SPW_BAN_GONE;
	}
	show_latest(owners, ban, 0);
	memcpy(note, spw_ban_note(owners, ban), SPW_BAN_NOTE_MAX);
	collapse(owners, ban);
	return SPW_BAN_KEPT;
}

bool spw_ban_prune(struct spw_ban_owners *owners, struct spw_ban *ban, u64 now_ns)
{
	bool pruned = ban->claims && cut_some(owners, ban, 0, ban->owner, now_ns);

	collapse(owners, ban);
	return pruned;
}

void spw_ban_forget_claims(struct spw_ban_owners *owners, struct spw_ban *ban)
{
	while (ban->claims)
		cut(owners, &ban->claims);
	ban->owner = 0;
}

u32 spw_ban_owners_count(const struct spw_ban_owners *owners, const struct spw_ban *ban)
{
	u32 count = 0;

	for (u32 at = ban->claims; at; at = owners->claims[at - 1].next)
		count++;
	return count ? count : !!ban->owner;
}
