/* SPDX-License-Identifier: GPL-2.0-only */
/* Arbitrary bytes as a datagram of rtnetlink: what is taken from it is valid, and fits into the table. */
#include <errno.h>
#include <string.h>

#include "fuzz.h"
#include "user/core/own/link_messages.h"

static struct spw_space_facts facts;
static struct spw_own_set set;
static struct spw_own_part part;

static void check_prefix(const struct spw_prefix *prefix)
{
	require(prefix->family == 4 || prefix->family == 6);
	require(prefix->len <= (prefix->family == 4 ? 32 : 128));
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	const u32 interfaces[] = {1, 2};
	u32 sequence = 0, count;
	u64 seed = 1;
	int err;

	if (size >= 12)
		memcpy(&sequence, data + 8, sizeof(sequence)); /* of the first message */
	facts.links_count = 0;
	spw_own_set_clear(&set);
	err = spw_link_messages_read(data, size, sequence, &facts, &set);
	require(err <= 1);
	spw_space_stations(&facts, interfaces, 2, &set);
	for (u32 i = 0; i < set.prefixes_count; i++)
		check_prefix(&set.prefixes[i]);
	if (!spw_own_set_finish(&set, &count)) {
		err = spw_own_fill(&set, &seed, 1 << 16, &part);
		require(!err || err == -E2BIG || err == -EAGAIN);
	}
	return 0;
}
