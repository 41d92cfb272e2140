/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Limits: those of a class,
 *   per_source: { new: 10/s, packets: 2k/s, bits: 50Mbit/s, burst: 30, from: yellow }
 * and the same of per_prefix and total; and what all classes share,
 *   limits: { source: { ipv4: 32, ipv6: 64 }, prefix: { ipv4: 24, ipv6: 48 } }
 */
#include "reader.h"

#include <stdio.h>

#include "base/units.h"

/* Limits being read: what a burst applies to is known only after all rates. */
struct limits_reading {
	struct spw_rate *rates; /* by kind */
	bool given[SPW_KINDS];	/* even if the rate is wrong */
	u8 *from;
	u64 burst; /* 0: not given */
};

static void read_rate(struct spw_reader *reader, const struct spw_node *value, enum spw_limit_kind kind,
		      struct limits_reading *reading)
{
	bool bits = kind == SPW_KIND_BITS;
	const char *text = spw_read_text(reader, value, bits ? "a rate such as 50Mbit/s" : "a rate such as 10/s");
	const char *problem;
	double per_second = 0;
	u64 bits_per_second = 0;

	reading->given[kind] = true;
	if (!text)
		return;
	problem = bits ? spw_units_bit_rate(text, &bits_per_second) : spw_units_slow_rate(text, &per_second);
	if (bits)
		per_second = (double)bits_per_second;
	if (problem)
		spw_error(reader->diagnostics, value->place, "'%.64s' is not a rate: %s", text, problem);
	/* The default burst is one second's worth, but at least one. */
	reading->rates[kind] = (struct spw_rate){per_second, per_second > 0 && per_second < 1 ? 1 : per_second};
}

static void read_new(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	read_rate(reader, value, SPW_KIND_NEW, into);
}

static void read_packets(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	read_rate(reader, value, SPW_KIND_PACKETS, into);
}

static void read_bits(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	read_rate(reader, value, SPW_KIND_BITS, into);
}

static void read_burst(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	const char *text = spw_read_text(reader, value, "a count such as 30"), *problem;

	if (!text)
		return;
	problem = spw_units_count(text, &((struct limits_reading *)into)->burst);
	if (problem)
		spw_error(reader->diagnostics, value->place, "'%.64s' is not a burst: %s", text, problem);
}

static void read_from(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	spw_read_level(reader, value, ((struct limits_reading *)into)->from);
}

/* A burst applies to new work, or, if that has no limit, to the one rate given. */
static struct spw_rate *burst_rate(const struct limits_reading *reading)
{
	const bool *given = reading->given;

	if (given[SPW_KIND_NEW])
		return &reading->rates[SPW_KIND_NEW];
	if (given[SPW_KIND_PACKETS] == given[SPW_KIND_BITS])
		return NULL;
	return &reading->rates[given[SPW_KIND_PACKETS] ? SPW_KIND_PACKETS : SPW_KIND_BITS];
}

enum {
	KEY_NEW,
	KEY_PACKETS,
	KEY_BITS,
	KEY_BURST,
	KEY_FROM,
	KEYS,
};

static void read_scope(struct spw_reader *reader, const struct spw_node *value, enum spw_limit_scope scope,
		       struct spw_class_rates *class)
{
	static const struct spw_key keys[KEYS] = {
		[KEY_NEW] = {"new", read_new},	  [KEY_PACKETS] = {"packets", read_packets},
		[KEY_BITS] = {"bits", read_bits}, [KEY_BURST] = {"burst", read_burst},
		[KEY_FROM] = {"from", read_from},
	};
	struct limits_reading reading = {.rates = class->rates[scope], .from = &class->from[scope]};
	const struct spw_node *found[KEYS];
	struct spw_rate *rate;

	if (!spw_find_keys(reader, value, "limits such as { new: 10/s, burst: 30 }", keys, KEYS, found))
		return;
	spw_read_found(reader, keys, KEYS, found, &reading);
	rate = burst_rate(&reading);
	if (rate && reading.burst)
		rate->burst = (double)reading.burst;
	if (!rate && found[KEY_BURST])
		spw_error(reader->diagnostics, found[KEY_BURST]->place,
			  "a burst of what? it applies to new, or to packets or bits if only one of them is given");
	if (found[KEY_FROM] && class->from[scope] == SPW_LEVEL_NEVER)
		spw_warning(reader->diagnostics, found[KEY_FROM]->place,
			    "limits that apply from level never are never in force; write a level, or remove them");
	if (!value->child || (found[KEY_FROM] && !reading.given[SPW_KIND_NEW] && !reading.given[SPW_KIND_PACKETS] &&
			      !reading.given[SPW_KIND_BITS] && !found[KEY_BURST]))
		spw_error(reader->diagnostics, value->place, "no limit; write at least one of new, packets and bits");
}

void spw_read_per_source(struct spw_reader *reader, const struct spw_node *value, void *rates)
{
	read_scope(reader, value, SPW_SCOPE_SOURCE, rates);
}

void spw_read_per_prefix(struct spw_reader *reader, const struct spw_node *value, void *rates)
{
	read_scope(reader, value, SPW_SCOPE_PREFIX, rates);
}

void spw_read_total(struct spw_reader *reader, const struct spw_node *value, void *rates)
{
	read_scope(reader, value, SPW_SCOPE_CLASS, rates);
}

void spw_read_fair(struct spw_reader *reader, const struct spw_node *value, void *rates)
{
	static const char *const words[] = {"false", "true"};
	u32 index;

	if (spw_read_word(reader, value, words, COUNT_OF(words), "true or false", &index))
		((struct spw_class_rates *)rates)->fair = index;
}

/* ---- how addresses become sources and prefixes ---- */

static void read_length(struct spw_reader *reader, const struct spw_node *value, u32 most, u8 *bits)
{
	const char *text = spw_read_text(reader, value, "a prefix length such as 24");
	u64 number;

	if (!text)
		return;
	if (spw_units_count(text, &number) || number > most)
		spw_error(reader->diagnostics, value->place,
			  "'%.64s' is not a prefix length: it is a number from 1 to %u", text, most);
	else
		*bits = (u8)number;
}

static void read_ipv4(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	read_length(reader, value, 32, &((u8 *)into)[0]);
}

/* The datapath's keys are the first 64 bits, the least that a customer is assigned. */
static void read_ipv6(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	read_length(reader, value, 64, &((u8 *)into)[1]);
}

static void read_lengths(struct spw_reader *reader, const struct spw_node *value, u8 *bits)
{
	static const struct spw_key keys[] = {{"ipv4", read_ipv4}, {"ipv6", read_ipv6}};
	const struct spw_node *found[COUNT_OF(keys)];

	if (spw_find_keys(reader, value, "prefix lengths such as { ipv4: 24, ipv6: 48 }", keys, COUNT_OF(keys), found))
		spw_read_found(reader, keys, COUNT_OF(keys), found, bits);
}

static void read_source(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	read_lengths(reader, value, ((struct spw_config *)into)->source_bits);
}

static void read_prefix(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	read_lengths(reader, value, ((struct spw_config *)into)->prefix_bits);
}

void spw_read_limits(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	static const struct spw_key keys[] = {{"source", read_source}, {"prefix", read_prefix}};
	const struct spw_node *found[COUNT_OF(keys)];
	struct spw_config *config = into;

	if (!spw_find_keys(reader, value, "{ prefix: { ipv4: 24, ipv6: 48 } }", keys, COUNT_OF(keys), found))
		return;
	spw_read_found(reader, keys, COUNT_OF(keys), found, config);
	for (u32 family = 0; family < 2; family++)
		if (config->prefix_bits[family] > config->source_bits[family])
			spw_error(reader->diagnostics, value->place,
				  "the prefix (/%u) is longer than the source (/%u); it must contain it",
				  config->prefix_bits[family], config->source_bits[family]);
}
