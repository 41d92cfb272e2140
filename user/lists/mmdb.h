/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * MaxMind databases (MMDB): country and AS number of address ranges. Private to lists/; the only user of libmaxminddb.
 */
#ifndef SPW_LISTS_MMDB_H
#define SPW_LISTS_MMDB_H

#include "lists.h"

/* The record of an address. */
struct spw_mmdb_record {
	char country[3]; /* two characters from '0' to 'Z'; "??": none */
	u32 asn;	 /* 0: none */
};

/** spw_mmdb_visit - called for each range, ascending, IPv4 first; a result other than 0 stops. */
typedef int spw_mmdb_visit(void *context, u8 family, const struct spw_addr *first, const struct spw_addr *last,
			   const struct spw_mmdb_record *record);

/* Result of a pass. */
struct spw_mmdb {
	char type[64]; /* the database's name for itself: "GeoLite2-Country" */
	u64 countries; /* ranges that have one */
	u64 asns;
	char problem[160]; /* after an error that is not @visit's; to follow "cannot read FILE: " */
};

/**
 * spw_mmdb_parse() - walk a whole database in memory.
 *
 * Neighbouring networks with the same country and AS number are joined to one range. Left out: addresses without a
 * record, and the places where an IPv6 tree repeats its IPv4 part (::ffff:0:0/96, 2002::/16). Time is bounded, whatever
 * the tree.
 * Returns 0, -EINVAL or -ENOMEM with mmdb->problem, or what @visit returned (mmdb->problem is empty then).
 */
int spw_mmdb_parse(const char *bytes, size_t length, spw_mmdb_visit *visit, void *context, struct spw_mmdb *mmdb);

/** spw_mmdb_read() - the same from the file of a list; errors other than @visit's are in @diagnostics. */
int spw_mmdb_read(const struct spw_config_list *list, spw_mmdb_visit *visit, void *context, struct spw_mmdb *mmdb,
		  struct spw_diagnostics *diagnostics);

#endif
