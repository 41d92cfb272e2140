/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lists, classes and ports compiled to the image that the datapath reads (maps/ruleset.h). Pure: values in, one
 * allocated image out.
 */
#ifndef SPW_CORE_RULESET_H
#define SPW_CORE_RULESET_H

#include <stddef.h>

#include "maps/ruleset.h"
#include "prefix.h"
#include "prefix_rows.h"

/* Half a gigabyte of table; larger is a mistake. */
#define SPW_UNITS_LIMIT (1u << 23)

/* One prefix of a list. `line` and `column` say where it was written; 0: not by a person. */
struct spw_list_entry {
	struct spw_prefix prefix;
	u32 line;
	u32 column;
};

/* Among equal prefixes of different tiers the lower tier wins. */
enum spw_list_tier {
	SPW_TIER_WRITTEN = 0, /* files and inline: somebody wrote this prefix */
	SPW_TIER_ASN = 1,
	SPW_TIER_COUNTRY = 2,
};

/* A list as input of the compiler. */
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

/* Input of the compiler. Classes by descending priority; the last one takes the rest. */
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
	const struct spw_locals *locals;       /* of their groups; NULL: there are none */
	const struct spw_balancers *balancers; /* NULL: there are none */
	bool malformed_drop;
	bool judge_others;   /* what is not for this host is judged */
	bool keep_prefixes;  /* image.rows is wanted */
	bool overlap_higher; /* among equal prefixes of two classes the higher class wins; otherwise an error */
};

/* Result of compiling. */
struct spw_ruleset_image {
	struct spw_ruleset *ruleset; /* owned; `bytes` long */
	size_t bytes;
	struct spw_prefix_rows rows; /* owned; all prefixes of the lists, if keep_prefixes */
	u32 prefixes4;		     /* distinct prefixes, as given */
	u32 prefixes6;
	u32 intervals4; /* after merging neighbours with the same slot */
	u32 intervals6;
	/* With overlap_higher: prefixes that a lower class has too; the first one, and both lists (in the source). */
	u32 overlaps;
	struct spw_prefix overlap;
	size_t overlap_lists[2];
	/* Prefixes of tables inside a prefix that a person put into another class; they win there. */
	u32 overruling;
	struct spw_prefix overruled; /* the first such written one; its list, as an index into the source */
	size_t overruled_list;
	/* By index into the source: the list wins somewhere. At [lists_count]: some address is in no list. */
	bool matches[SPW_LISTS_MAX + 1];
};

/* Why compiling failed. */
struct spw_ruleset_error {
	enum {
		SPW_RULESET_CONFLICT = 1, /* lists of two classes name the same prefix */
		SPW_RULESET_TOO_LARGE,	  /* more than SPW_UNITS_LIMIT units */
		SPW_RULESET_TOO_MANY_SLOTS,
		SPW_RULESET_NO_MEMORY,
	} kind;
	/* CONFLICT: the prefix, and both origins; list indices into the source, entry indices into the lists */
	struct spw_prefix prefix;
	size_t list[2];
	size_t entry[2];
	u32 units_needed; /* TOO_LARGE: this many, or more */
};

/**
 * spw_ruleset_compile() - compile @source.
 * @units_min: minimum of the image's capacity in units (units_capacity), which is a power of two
 * @image: filled in on success; free with spw_ruleset_free()
 * @error: filled in otherwise
 *
 * The most specific prefix wins; among equals the lower tier, then the first list. The same prefix in lists of two
 * classes in one tier is an error, or with overlap_higher is counted. Time: O(n log n) in the number of prefixes.
 * Returns 0, -EEXIST (conflict), -E2BIG (too large, too many slots) or -ENOMEM.
 */
int spw_ruleset_compile(const struct spw_ruleset_source *source, u32 units_min, struct spw_ruleset_image *image,
			struct spw_ruleset_error *error);

/**
 * spw_ruleset_classes() - which class has which addresses of a family, without ports and management.
 * @source: one that compiles without an error
 * @classes: owners are indices into source->classes; free with spw_intervals_free()
 * Returns 0 or -ENOMEM.
 */
int spw_ruleset_classes(const struct spw_ruleset_source *source, u8 family, struct spw_intervals *classes);

/** spw_ruleset_free() - free what spw_ruleset_compile() made; an empty image is allowed. */
void spw_ruleset_free(struct spw_ruleset_image *image);

#endif
