/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lists, classes and ports compiled to the image that the datapath reads (maps/ruleset.h). Pure: values in, one
 * allocated image out; no I/O, no clock, no libbpf. Called by the agent's compile job, check, simulate, bench, tests.
 */
#ifndef SPW_CORE_RULESET_H
#define SPW_CORE_RULESET_H

#include <stddef.h>

#include "maps/ruleset.h"
#include "prefix.h"
#include "prefix_rows.h"

/* Half a gigabyte of table; nobody means more. */
#define SPW_UNITS_LIMIT (1u << 23)

/* One prefix of a list. `line` and `column` say where it was read; 0: nowhere that a person wrote. */
struct spw_list_entry {
	struct spw_prefix prefix;
	u32 line;
	u32 column;
};

/* Of equal prefixes in lists of different tiers, the one of the lower tier wins. */
enum spw_list_tier {
	SPW_TIER_WRITTEN = 0, /* files and inline: somebody wrote this very prefix */
	SPW_TIER_ASN = 1,
	SPW_TIER_COUNTRY = 2,
};

/* A list as the compiler takes it. */
struct spw_ruleset_list {
	const char *name;
	u16 id;		 /* identity: index of its counters, 1..SPW_LISTS_MAX-1 */
	u16 class_index; /* index into spw_ruleset_source.classes */
	u8 tier;	 /* enum spw_list_tier */
	const struct spw_list_entry *entries;
	size_t count;
};

struct spw_ruleset_class {
	const char *name;
	u8 id; /* identity: index of its counters */
	u8 shed_from;
	u8 cut_new_from;
	u8 cut_all_from;
	bool limited; /* it has limits (core/limits/limits.h) */
};

/* Everything that a ruleset is made of. Classes stand highest priority first; the last one takes the rest. */
struct spw_ruleset_source {
	const struct spw_ruleset_list *lists;
	size_t lists_count;
	const struct spw_ruleset_class *classes;
	size_t classes_count; /* at least 1 */
	const struct spw_prefix *management;
	size_t management_count;
	const u16 *management_ports;
	size_t management_ports_count;
	const struct spw_port *tcp_ports; /* 65536 each, or NULL: none */
	const struct spw_port *udp_ports;
	bool malformed_drop;
	bool keep_prefixes;  /* image.rows is wanted */
	bool overlap_higher; /* of equal prefixes of two classes the higher class wins; otherwise they are an error */
};

/* The image, and what it took. */
struct spw_ruleset_image {
	struct spw_ruleset *ruleset; /* owned; `bytes` long */
	size_t bytes;
	struct spw_prefix_rows rows; /* all prefixes of the lists, if they were to be kept; owned */
	u32 prefixes4;		     /* distinct prefixes, as given */
	u32 prefixes6;
	u32 intervals4; /* what they came to, neighbours of one slot merged */
	u32 intervals6;
	/* With overlap_higher: prefixes that a lower class has too; the first of them, and both lists (into the source). */
	u32 overlaps;
	struct spw_prefix overlap;
	size_t overlap_lists[2];
	/* Prefixes of tables that lie in a prefix which a person put into another class, and so win there. */
	u32 overruling;
	struct spw_prefix overruled; /* the first of these that a person wrote; its list, as an index into the source */
	size_t overruled_list;
	/* By index into the source: prefixes of the list win somewhere. At [lists_count]: some address is in no list. */
	bool matches[SPW_LISTS_MAX + 1];
};

/* Why there is no image. */
struct spw_ruleset_error {
	enum {
		SPW_RULESET_CONFLICT = 1, /* lists of two classes name one prefix */
		SPW_RULESET_TOO_LARGE,	  /* more than SPW_UNITS_LIMIT units */
		SPW_RULESET_TOO_MANY_SLOTS,
		SPW_RULESET_NO_MEMORY,
	} kind;
	/* CONFLICT: the prefix, and both places; list indices into the source, entry indices into the lists */
	struct spw_prefix prefix;
	size_t list[2];
	size_t entry[2];
	u32 units_needed; /* TOO_LARGE: this many, or more */
};

/**
 * spw_ruleset_compile() - compile @source.
 * @units_min: the image has room for at least so many units; what it has (units_capacity) is a power of two
 * @image: filled in on success; free with spw_ruleset_free()
 * @error: filled in otherwise
 *
 * The most specific prefix wins; of two of one length the lower tier, then the list that stands first. Lists of two
 * classes in one tier with one prefix are an error, or with overlap_higher are counted. Time: O(n log n) in the number
 * of prefixes.
 * Returns 0, -EEXIST (conflict), -E2BIG (too large, too many slots) or -ENOMEM.
 */
int spw_ruleset_compile(const struct spw_ruleset_source *source, u32 units_min, struct spw_ruleset_image *image,
			struct spw_ruleset_error *error);

/** spw_ruleset_free() - free what spw_ruleset_compile() made; an empty image is fine. */
void spw_ruleset_free(struct spw_ruleset_image *image);

#endif
