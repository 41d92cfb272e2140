/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Compact form of history records. One walk over the fields serves both directions, so that they cannot diverge;
 * changing its sequence makes another version of the format.
 */
#include "record.h"

#include <string.h>

enum {
	VARINT_BYTES = 10,
};

/* A walk over the fields of `now`, in parallel with those of `before`. */
struct walk {
	u8 *now;
	const u8 *before;
	bool reads;
	bool failed;
	u8 *to;		/* writing */
	const u8 *from; /* reading */
	const u8 *end;
	u32 version;
	u64 unchanged; /* writing: fields since the last change; reading: before the next one */
	bool counted;  /* reading: `unchanged` was read */
};

static void put_varint(struct walk *walk, u64 value)
{
	if (walk->end - walk->to < VARINT_BYTES) {
		walk->failed = true;
		return;
	}
	for (; value >= 0x80; value >>= 7)
		*walk->to++ = (u8)(value | 0x80);
	*walk->to++ = (u8)value;
}

static u64 get_varint(struct walk *walk)
{
	u64 value = 0;

	for (u32 shift = 0; shift < 70 && walk->from < walk->end; shift += 7) {
		u8 byte = *walk->from++;

		if (shift == 63 && byte > 1)
			break;
		value |= (u64)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return value;
	}
	walk->failed = true;
	return 0;
}

/* Put or get the difference of one field. 0: unchanged. */
static u64 difference(struct walk *walk, u64 change)
{
	if (!walk->reads) {
		if (!change) {
			walk->unchanged++;
			return 0;
		}
		put_varint(walk, walk->unchanged);
		put_varint(walk, change);
		walk->unchanged = 0;
		return 0;
	}
	if (walk->failed)
		return 0;
	if (!walk->counted) {
		walk->unchanged = get_varint(walk);
		walk->counted = true;
	}
	if (walk->unchanged) {
		walk->unchanged--;
		return 0;
	}
	walk->counted = false;
	change = get_varint(walk);
	if (!change) /* never written: damaged */
		walk->failed = true;
	return change;
}

static u64 zigzag(u64 change)
{
	return change << 1 ^ (change >> 63 ? UINT64_MAX : 0);
}

static u64 unzigzag(u64 coded)
{
	return coded >> 1 ^ (coded & 1 ? UINT64_MAX : 0);
}

/* The same field of the record before. Reading is in place: there it is the field itself. */
static const void *before(const struct walk *walk, const void *field)
{
	return walk->before + ((const u8 *)field - walk->now);
}

static void whole(struct walk *walk, u64 *field)
{
	u64 old, now = *field;

	memcpy(&old, before(walk, field), sizeof(old));
	now = difference(walk, zigzag(now - old));
	if (walk->reads)
		*field = old + unzigzag(now);
}

/* Up to @most, or @also. */
static void small_or(struct walk *walk, u8 *field, u8 most, u8 also)
{
	u8 old = *(const u8 *)before(walk, field);
	u64 change = difference(walk, zigzag((u64)*field - old)), value = old + unzigzag(change);

	if (!walk->reads)
		return;
	if (value > most && value != also)
		walk->failed = true;
	else
		*field = (u8)value;
}

static void small(struct walk *walk, u8 *field, u8 most)
{
	small_or(walk, field, most, most);
}

static void truth(struct walk *walk, bool *field)
{
	bool old = *(const bool *)before(walk, field);
	u64 change = difference(walk, *field != old);

	if (!walk->reads)
		return;
	if (change > 1)
		walk->failed = true;
	else
		*field = old != (bool)change;
}

static u64 turned(u64 bits)
{
	return __builtin_bswap64(bits);
}

/* Exact: an input, and `replay` must reach the same decision. The low bits of a fraction are often zero. */
static void exact(struct walk *walk, double *field)
{
	u64 bits, old;

	memcpy(&bits, field, sizeof(bits));
	memcpy(&old, before(walk, field), sizeof(old));
	bits = difference(walk, turned(bits ^ old));
	if (!walk->reads)
		return;
	bits = old ^ turned(bits);
	memcpy(field, &bits, sizeof(bits));
}

static u64 thousandths(double value)
{
	if (!(value > 0))
		return 0;
	return value < 1e15 ? (u64)(value * 1000 + 0.5) : (u64)1e18;
}

/* Rounded to a thousandth: a result, for people. */
static void rounded(struct walk *walk, double *field)
{
	double was;
	u64 old, change;

	memcpy(&was, before(walk, field), sizeof(was));
	old = thousandths(was);
	change = difference(walk, zigzag(thousandths(*field) - old));
	if (walk->reads)
		*field = (double)(old + unzigzag(change)) / 1000;
}

static void walk_readings(struct walk *walk, struct spw_reading *readings, u32 count)
{
	for (u32 i = 0; i < count; i++) {
		truth(walk, &readings[i].present);
		exact(walk, &readings[i].value);
	}
}

static void walk_service_facts(struct walk *walk, struct spw_service_facts *facts, u32 classes)
{
	for (u32 rank = 0; rank < classes; rank++) {
		for (u32 verdict = 0; verdict < SPW_VERDICTS; verdict++) {
			whole(walk, &facts->fresh[rank][verdict]);
			whole(walk, &facts->resent[rank][verdict]);
		}
		whole(walk, &facts->crowded[rank]);
	}
	truth(walk, &facts->crowded_present);
	truth(walk, &facts->waits_present);
	for (u32 bucket = 0; bucket < SPW_WAIT_BUCKETS; bucket++)
		whole(walk, &facts->waits[bucket]);
	whole(walk, &facts->first_reads);
	whole(walk, &facts->oldest_unread_ns);
	truth(walk, &facts->queue_present);
	whole(walk, &facts->queue);
	whole(walk, &facts->queue_limit);
	walk_readings(walk, &facts->probe, 1);
	if (walk->version < 2)
		return;
	truth(walk, &facts->answers_present);
	for (u32 bucket = 0; bucket < SPW_WAIT_BUCKETS; bucket++)
		whole(walk, &facts->answer_waits[bucket]);
	whole(walk, &facts->requests);
	whole(walk, &facts->unanswered);
}

static void walk_service_decision(struct walk *walk, struct spw_service_decision *decision, u32 classes)
{
	small(walk, &decision->level, SPW_RED);
	small(walk, &decision->rule, UINT8_MAX);
	small(walk, &decision->origin, SPW_CAPACITY_RESTORED);
	small(walk, &decision->wait_source, SPW_WAIT_ANSWER);
	truth(walk, &decision->saturated);
	truth(walk, &decision->armed);
	truth(walk, &decision->helpless);
	rounded(walk, &decision->demand_per_s);
	rounded(walk, &decision->admitted_per_s);
	rounded(walk, &decision->served_per_s);
	rounded(walk, &decision->capacity_per_s);
	rounded(walk, &decision->sustained_per_s);
	rounded(walk, &decision->budget_per_s);
	rounded(walk, &decision->excess_per_s);
	for (u32 level = 0; level < SPW_LEVELS; level++)
		rounded(walk, &decision->sheddable_per_s[level]);
	whole(walk, &decision->wait_ns);
	whole(walk, &decision->wait_p50_ns);
	whole(walk, &decision->wait_p90_ns);
	whole(walk, &decision->wait_p99_ns);
	whole(walk, &decision->wait_target_ns);
	for (u32 rank = 0; rank < classes; rank++) {
		struct spw_class_decision *class = &decision->classes[rank];

		rounded(walk, &class->fresh_per_s);
		rounded(walk, &class->admitted_per_s);
		rounded(walk, &class->refused_per_s);
		rounded(walk, &class->share);
		truth(walk, &class->sheds);
		truth(walk, &class->cut);
	}
}

/* Readings are in the facts and in the decision, there as the decision used them. */
static void walk_decision(struct walk *walk, struct spw_decision *decision, u32 classes, u32 services)
{
	whole(walk, &decision->at_ns);
	small(walk, &decision->level, SPW_RED);
	small(walk, &decision->former, SPW_RED);
	small(walk, &decision->rule, UINT8_MAX);
	small(walk, &decision->service, SPW_SERVICES_MAX - 1);
	small_or(walk, &decision->pinned, SPW_RED, SPW_LEVEL_NEVER);
	truth(walk, &decision->blind);
	whole(walk, &decision->hold_left_ns);
	for (u32 i = 0; i < SPW_HOST_SIGNALS; i++) {
		truth(walk, &decision->host[i].present);
		rounded(walk, &decision->host[i].value);
	}
	for (u32 i = 0; i < services; i++)
		walk_service_decision(walk, &decision->services[i], classes);
}

static void walk_record(struct walk *walk, struct spw_record *record, u32 classes, u32 services)
{
	small_or(walk, &record->override.pinned, SPW_RED, SPW_LEVEL_NEVER);
	small(walk, &record->override.least, SPW_RED);
	small(walk, &record->override.most, SPW_RED);
	whole(walk, &record->facts.now_ns);
	walk_readings(walk, record->facts.host, SPW_HOST_SIGNALS);
	for (u32 i = 0; i < services; i++)
		walk_service_facts(walk, &record->facts.services[i], classes);
	walk_decision(walk, &record->decision, classes, services);
}

size_t spw_record_put(const struct spw_record *now, const struct spw_record *before, u32 classes, u32 services, u8 *to,
		      size_t room)
{
	struct walk walk = {.now = (u8 *)now,
			    .before = (const u8 *)before,
			    .version = SPW_RECORD_VERSION,
			    .to = to,
			    .end = to + room};

	/* The walk writes through its pointers only when reading a record. */
	walk_record(&walk, (struct spw_record *)now, classes, services);
	put_varint(&walk, walk.unchanged);
	return walk.failed ? 0 : (size_t)(walk.to - to);
}

size_t spw_record_get(struct spw_record *record, u32 version, u32 classes, u32 services, const u8 *from, size_t bytes)
{
	struct walk walk = {.now = (u8 *)record,
			    .before = (const u8 *)record,
			    .reads = true,
			    .version = version,
			    .from = from,
			    .end = from + bytes};

	if (!version || version > SPW_RECORD_VERSION || classes > SPW_CLASSES_MAX || services > SPW_SERVICES_MAX)
		return 0;
	walk_record(&walk, record, classes, services);
	if (!walk.counted)
		walk.unchanged = get_varint(&walk);
	if (walk.failed || walk.unchanged)
		return 0;
	record->decision.classes_count = classes;
	record->facts.services_count = record->decision.services_count = services;
	return (size_t)(walk.from - from);
}
