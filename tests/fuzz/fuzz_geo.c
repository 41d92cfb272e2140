/* SPDX-License-Identifier: GPL-2.0-only */
/* Arbitrary bytes as a country table; the first one selects the format: '4' is geoip, anything else geoip6. */
#include <string.h>

#include "fuzz.h"
#include "user/lists/lists.h"

struct seen {
	u8 family;
	u32 line; /* of the last range */
};

static int visit(void *context, u8 family, const struct spw_addr *first, const struct spw_addr *last,
		 const char code[3], u32 line)
{
	struct spw_addr from = *first;
	struct seen *seen = context;
	struct spw_prefix prefix;
	bool ended = false;
	u32 pieces = 0;

	require(family == seen->family && line > seen->line && strlen(code) == 2);
	require(spw_addr_compare(first, last) <= 0);
	require(family == 6 || !((u32)first->hi | first->lo | (u32)last->hi | last->lo));
	seen->line = line;
	while (spw_range_next(&from, last, family, &ended, &prefix))
		pieces++;
	require(pieces && pieces <= (family == 4 ? 62 : 254));
	prefix.addr = spw_prefix_last(&prefix);
	require(!spw_addr_compare(&prefix.addr, last));
	return 0;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct spw_diagnostics diagnostics = {0};
	struct seen seen = {0};
	int err;

	if (!size)
		return 0;
	seen.family = *data == '4' ? 4 : 6;
	err = spw_list_parse_geo((const char *)data + 1, size - 1, seen.family, "f", visit, &seen, &diagnostics);
	require(!err == !diagnostics.errors);
	spw_diagnostics_free(&diagnostics);
	return 0;
}
