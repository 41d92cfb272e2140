/* SPDX-License-Identifier: GPL-2.0-only */
#include "expect.h"

bool spw_expect(const struct spw_expectation *expectations, size_t count, u64 now_ns, struct spw_override *override)
{
	bool hurry = false;

	for (size_t i = 0; i < count; i++) {
		const struct spw_expectation *its = &expectations[i];

		if (now_ns + SPW_EXPECT_AHEAD_NS >= its->at_ns && now_ns < its->at_ns + SPW_EXPECT_AFTER_NS)
			hurry = true;
		if (now_ns < its->at_ns || now_ns >= its->at_ns + its->for_ns)
			continue;
		if (its->level > override->least && its->level <= override->most)
			override->least = its->level;
	}
	return hurry;
}
