/* SPDX-License-Identifier: GPL-2.0-only */
/* The pure parts of bans against plain models: prefixes within a ban, the agent's table, the filter, jiffies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bpf/ban_filter.h"
#include "user/core/bans/ban_set.h"
#include "user/core/table/prefix_rows.h"

static u64 state = 88172645463325252ull;

static u64 draw(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	return state ^= state << 17;
}

static u64 upper(u32 bits)
{
	return bits ? ~0ull << (64 - bits) : 0;
}

/* Few distinct leading bits, so that prefixes nest and coincide. */
static struct spw_prefix draw_prefix(void)
{
	struct spw_prefix prefix = {.family = draw() & 1 ? 4 : 6};

	prefix.len = (u8)(draw() % (prefix.family == 4 ? 33 : 129));
	prefix.addr.hi = (draw() & 3) << 62 | (draw() & 7) << 40 | (draw() & 3);
	prefix.addr.lo = (draw() & 1) << 63 | (draw() & 3);
	if (prefix.family == 4)
		prefix.addr = (struct spw_addr){prefix.addr.hi & 0xffffffff00000000ull, 0};
	prefix.addr.hi &= upper(prefix.len < 64 ? prefix.len : 64);
	prefix.addr.lo &= upper(prefix.len > 64 ? prefix.len - 64 : 0);
	return prefix;
}

enum { ROWS = 400 };

static void make_rows(struct spw_prefix prefixes[ROWS], struct spw_prefix_rows *rows)
{
	*rows = (struct spw_prefix_rows){0};
	for (u32 i = 0; i < ROWS; i++)
		prefixes[i] = draw_prefix();
	for (u8 family = 4; family <= 6; family += 2) {
		struct spw_span spans[ROWS];
		struct spw_intervals intervals = {0};
		size_t count = 0;

		for (u32 i = 0; i < ROWS; i++)
			if (prefixes[i].family == family)
				spans[count++] = (struct spw_span){prefixes[i].addr, 0, prefixes[i].len};
		assert_int_equal(spw_intervals_make(spans, count, family, &intervals), 0);
		assert_int_equal(spw_prefix_rows_add(rows, family, spans, count), 0);
		spw_intervals_free(&intervals);
	}
}

static bool same(const struct spw_prefix *left, const struct spw_prefix *right)
{
	return left->family == right->family && left->len == right->len && !spw_addr_compare(&left->addr, &right->addr);
}

/* Number of distinct longer prefixes inside. */
static u32 count_inside(const struct spw_prefix prefixes[ROWS], const struct spw_prefix *outer)
{
	u32 count = 0;

	for (u32 i = 0; i < ROWS; i++) {
		bool known = false;

		for (u32 j = 0; j < i && !known; j++)
			known = same(&prefixes[i], &prefixes[j]);
		count += !known && prefixes[i].len > outer->len && spw_prefix_contains(outer, &prefixes[i]);
	}
	return count;
}

static void a_walk_finds_what_lies_inside(void **unused)
{
	struct spw_prefix prefixes[ROWS];
	struct spw_prefix_rows rows;

	(void)unused;
	make_rows(prefixes, &rows);
	for (u32 round = 0; round < 2000; round++) {
		struct spw_prefix outer = draw_prefix(), inner;
		struct spw_prefix_walk walk;
		u32 count = 0;

		spw_prefix_walk_begin(&walk, &rows, &outer);
		for (; spw_prefix_walk_next(&walk, &inner); count++) {
			assert_true(spw_prefix_contains(&outer, &inner));
			assert_true(inner.len > outer.len);
		}
		assert_int_equal(count, count_inside(prefixes, &outer));
	}
	spw_prefix_rows_free(&rows);
}

enum { MODEL = 3000 };

static void the_set_keeps_what_was_put(void **unused)
{
	static struct spw_prefix model[MODEL];
	static bool there[MODEL], seen[SPW_BAN_COUNTS];
	struct spw_ban_set set;
	u32 count = 0;

	(void)unused;
	assert_int_equal(spw_ban_set_init(&set, 4711), 0);
	for (u32 i = 0; i < MODEL; i++)
		model[i] = (struct spw_prefix){{(u64)i << 40, 0}, i & 1 ? 4 : 6, 32};
	for (u32 round = 0; round < 60000; round++) {
		u32 i = (u32)(draw() % MODEL);
		struct spw_ban *ban = spw_ban_set_find(&set, &model[i]);

		assert_int_equal(ban != NULL, there[i]);
		if (ban) {
			assert_true(!spw_addr_compare(&ban->addr, &model[i].addr));
			spw_ban_set_drop(&set, ban);
		} else {
			spw_ban_set_name(&set, spw_ban_set_put(&set, &model[i]), (u16)(1 + i % 7));
		}
		there[i] = !ban;
		count += ban ? -1 : 1;
		assert_int_equal(set.count, count);
		assert_int_equal(set.entries, count);
	}
	assert_int_equal(set.by_length4[32] + set.by_length6[32], count);
	for (u32 i = 0; i < set.count; i++) {
		assert_false(seen[set.items[i].counter]);
		seen[set.items[i].counter] = true;
	}
	spw_ban_set_free(&set);
}

/* A freed counter is reused only after all others. */
static void counters_rest_before_they_are_used_again(void **unused)
{
	struct spw_prefix prefix = {{1ull << 40, 0}, 4, 32};
	struct spw_ban_set set;
	u32 first, rounds = 0;

	(void)unused;
	assert_int_equal(spw_ban_set_init(&set, 1), 0);
	spw_ban_set_name(&set, spw_ban_set_put(&set, &prefix), 1);
	first = spw_ban_set_find(&set, &prefix)->counter;
	do {
		spw_ban_set_drop(&set, spw_ban_set_find(&set, &prefix));
		spw_ban_set_name(&set, spw_ban_set_put(&set, &prefix), 1);
		rounds++;
	} while (spw_ban_set_find(&set, &prefix)->counter != first);
	assert_true(rounds >= SPW_BAN_COUNTS_SPARE);
	spw_ban_set_free(&set);
}

static void the_set_ends_at_its_bound(void **unused)
{
	struct spw_ban_set set;

	(void)unused;
	assert_int_equal(spw_ban_set_init(&set, 1), 0);
	for (u64 i = 0; i < SPW_BANS_MAX; i++) {
		struct spw_prefix prefix = {{i << 32, 0}, 4, 32};

		spw_ban_set_name(&set, spw_ban_set_put(&set, &prefix), 1);
	}
	assert_null(spw_ban_set_put(&set, &(struct spw_prefix){{~0ull << 32, 0}, 4, 32}));
	assert_int_equal(set.counters_free, SPW_BAN_COUNTS_SPARE);
	spw_ban_set_free(&set);
}

static struct spw_ban_filter *make_filter(void)
{
	struct spw_ban_filter *filter = calloc(1, sizeof(*filter));

	assert_non_null(filter);
	filter->seed[0] = draw() | 1;
	filter->seed[1] = draw() | 1;
	return filter;
}

static const struct spw_ban_part *active(const struct spw_ban_filter *filter)
{
	return &filter->parts[filter->active - 1];
}

/* Whether the datapath's lookup of this source reaches the key of @prefix. */
static bool passes(const struct spw_ban_filter *filter, const struct spw_prefix *prefix, struct spw_addr source)
{
	const struct spw_ban_part *part = active(filter);
	const struct spw_ban_length *in_use = &part->lengths[prefix->family == 4 ? 0 : SPW_BAN_LENGTHS4 + 1];

	if (!spw_ban_near(filter, part, prefix->family, source.hi))
		return false;
	for (u32 before = 129; in_use->used; before = in_use++->length) {
		assert_true(in_use->length < before);
		if (in_use->length == prefix->len)
			return (source.hi & in_use->mask_hi) == prefix->addr.hi &&
			       (source.lo & in_use->mask_lo) == prefix->addr.lo &&
			       spw_ban_perhaps(part->keys,
					       spw_ban_hash(filter, prefix->addr.hi, prefix->addr.lo, in_use->tag));
	}
	return false;
}

/* A random address in @prefix. */
static struct spw_addr draw_inside(const struct spw_prefix *prefix)
{
	u64 width = prefix->family == 4 ? 0xffffffff00000000ull : ~0ull;
	struct spw_addr addr = prefix->addr;

	addr.hi |= draw() & ~upper(prefix->len < 64 ? prefix->len : 64) & width;
	if (prefix->family == 6)
		addr.lo |= draw() & ~upper(prefix->len > 64 ? prefix->len - 64 : 0);
	return addr;
}

static void the_filter_hides_no_entry(void **unused)
{
	(void)unused;
	for (u32 round = 0; round < 30; round++) {
		struct spw_ban_filter *filter = make_filter();
		struct spw_ban_set set;
		u32 count = (u32)(draw() % 300) + 1;

		assert_int_equal(spw_ban_set_init(&set, 1), 0);
		for (u32 i = 0; i < count; i++) {
			struct spw_prefix prefix = draw_prefix();

			if (filter->active && spw_ban_filter_add(filter, &prefix)) {
				assert_true(passes(filter, &prefix, draw_inside(&prefix)));
				spw_ban_set_put(&set, &prefix);
				continue;
			}
			spw_ban_set_put(&set, &prefix);
			filter->active = spw_ban_filter_make(filter, &set);
		}
		for (u32 i = 0; i < set.count; i++) {
			struct spw_prefix prefix = spw_ban_prefix(&set.items[i]);

			assert_true(passes(filter, &prefix, draw_inside(&prefix)));
		}
		spw_ban_set_free(&set);
		free(filter);
	}
}

static void the_filter_hides_most_others(void **unused)
{
	struct spw_ban_filter *filter = make_filter();
	struct spw_ban_set set;
	u32 near = 0;

	(void)unused;
	assert_int_equal(spw_ban_set_init(&set, 1), 0);
	assert_int_equal(spw_ban_filter_make(filter, &set), 0);
	for (u64 i = 0; i < 100000; i++)
		spw_ban_set_put(&set, &(struct spw_prefix){{(draw() | 1ull << 63) & ~0xffffffffull, 0}, 4, 32});
	filter->active = spw_ban_filter_make(filter, &set);
	for (u64 i = 0; i < 100000; i++)
		near += spw_ban_near(filter, active(filter), 4, draw() & ~(1ull << 63) & ~0xffffffffull);
	assert_in_range(near, 100, 6000);
	/* A short one among many: blocks become shorter, never too many. */
	spw_ban_set_put(&set, &(struct spw_prefix){{0, 0}, 4, 2});
	filter->active = spw_ban_filter_make(filter, &set);
	assert_true(spw_ban_near(filter, active(filter), 4, draw() >> 2 & ~0xffffffffull));
	spw_ban_set_free(&set);
	free(filter);
}

static void an_end_in_jiffies_is_never_early(void **unused)
{
	static const u32 rates[] = {100, 250, 300, 1000, 1024};

	(void)unused;
	for (u32 round = 0; round < 20000; round++) {
		struct spw_ban_clock clock = {draw() >> 20, draw() >> 8, rates[draw() % 5]};
		u64 left = draw() % (400ull * 86400 * 1000000000);
		u64 jiffies = spw_ban_jiffies(&clock, clock.now_ns + left) - clock.now_jiffies;
		double exact = (double)left * clock.jiffies_per_second / 1e9;

		assert_true((double)jiffies > exact - 0.01 && (double)jiffies < exact + 1.01);
	}
	assert_true(spw_ban_jiffies(&(struct spw_ban_clock){5, 7, 250}, SPW_BAN_FOREVER) == SPW_BAN_FOREVER);
	assert_int_equal(spw_ban_jiffies(&(struct spw_ban_clock){5, 7, 250}, 3), 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_walk_finds_what_lies_inside),
		cmocka_unit_test(the_set_keeps_what_was_put),
		cmocka_unit_test(counters_rest_before_they_are_used_again),
		cmocka_unit_test(the_set_ends_at_its_bound),
		cmocka_unit_test(the_filter_hides_no_entry),
		cmocka_unit_test(the_filter_hides_most_others),
		cmocka_unit_test(an_end_in_jiffies_is_never_early),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
