/* SPDX-License-Identifier: GPL-2.0-only */
/* Arbitrary bytes as a MaxMind database: the result is ascending ranges, with codes valid as table indices. */
#include <string.h>

#include "fuzz.h"
#include "user/lists/mmdb.h"

struct seen {
	u8 family;
	bool any;
	struct spw_addr last;
	u64 countries, asns;
};

static int visit(void *context, u8 family, const struct spw_addr *first, const struct spw_addr *last,
		 const struct spw_mmdb_record *record)
{
	struct seen *seen = context;

	require(family == 4 || family == 6);
	require(family >= seen->family && spw_addr_compare(first, last) <= 0);
	if (seen->any && family == seen->family)
		require(spw_addr_compare(first, &seen->last) > 0);
	require(strlen(record->country) == 2);
	for (int i = 0; i < 2; i++)
		require(record->country[i] >= '0' && record->country[i] <= 'Z');
	seen->family = family;
	seen->any = true;
	seen->last = *last;
	seen->countries += strcmp(record->country, "??") != 0;
	seen->asns += record->asn != 0;
	return 0;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct seen seen = {0};
	struct spw_mmdb mmdb;
	int err = spw_mmdb_parse((const char *)data, size, visit, &seen, &mmdb);

	require(!err == !mmdb.problem[0]);
	require(mmdb.countries == seen.countries && mmdb.asns == seen.asns);
	return 0;
}
