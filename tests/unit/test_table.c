/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ruleset compiler and the datapath's walk against a plain reference: the longest prefix that contains an address
 * wins. The walk is the code that the kernel runs (bpf/classify.h).
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bpf/classify.h"
#include "user/core/table/ruleset.h"

static u64 random_state;

static u64 random64(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static struct spw_addr mask_of(u8 len)
{
	return (struct spw_addr){
		len == 0    ? 0
		: len >= 64 ? UINT64_MAX
			    : UINT64_MAX << (64 - len),
		len <= 64 ? 0 : UINT64_MAX << (128 - len),
	};
}

static struct spw_prefix make_prefix(u8 family, u64 hi, u64 lo, u8 len)
{
	struct spw_addr mask = mask_of(len);

	return (struct spw_prefix){{hi & mask.hi, lo & mask.lo}, family, len};
}

static bool holds(const struct spw_prefix *prefix, u8 family, u64 hi, u64 lo)
{
	struct spw_addr mask = mask_of(prefix->len);

	return prefix->family == family && (hi & mask.hi) == prefix->addr.hi && (lo & mask.lo) == prefix->addr.lo;
}

/* Lists in one class, and their compiled form. */
struct world {
	struct spw_ruleset_list lists[8];
	struct spw_list_entry *entries[8];
	struct spw_ruleset_class classes[2];
	struct spw_ruleset_source source;
	struct spw_ruleset_image image;
	struct spw_ruleset_error error;
};

static struct world *new_world(size_t lists)
{
	struct world *world = calloc(1, sizeof(*world));

	world->classes[0] = (struct spw_ruleset_class){"one", 3, 255, SPW_RED, 255, true};
	world->classes[1] = (struct spw_ruleset_class){"rest", 5, SPW_YELLOW, 255, SPW_ORANGE, false};
	for (size_t i = 0; i < lists; i++)
		world->lists[i] = (struct spw_ruleset_list){.name = "list", .id = (u16)(i + 10)};
	world->source = (struct spw_ruleset_source){
		.lists = world->lists, .lists_count = lists, .classes = world->classes, .classes_count = 2};
	return world;
}

static void add(struct world *world, size_t list, struct spw_prefix prefix)
{
	struct spw_ruleset_list *to = &world->lists[list];

	world->entries[list] = realloc(world->entries[list], (to->count + 1) * sizeof(struct spw_list_entry));
	world->entries[list][to->count++] = (struct spw_list_entry){prefix, (u32)to->count, 1};
	to->entries = world->entries[list];
}

static void compile(struct world *world)
{
	assert_int_equal(spw_ruleset_compile(&world->source, 0, &world->image, &world->error), 0);
}

static void free_world(struct world *world)
{
	spw_ruleset_free(&world->image);
	for (int i = 0; i < 8; i++)
		free(world->entries[i]);
	free(world);
}

static const struct spw_slot *found(const struct world *world, u8 family, u64 hi, u64 lo)
{
	const struct spw_ruleset *ruleset = world->image.ruleset;
	u32 mask = ruleset->units_capacity - 1;

	return &ruleset->slots[family == 4 ? spw_find4(ruleset, mask, hi) : spw_find6(ruleset, mask, hi, lo)];
}

/* The reference: the list of the longest prefix; among equals the first list. 0: none. */
static u16 expected(const struct world *world, u8 family, u64 hi, u64 lo)
{
	int best = -1;
	u16 list = 0;

	for (size_t i = 0; i < world->source.lists_count; i++)
		for (size_t j = 0; j < world->lists[i].count; j++) {
			const struct spw_prefix *prefix = &world->lists[i].entries[j].prefix;

			if (holds(prefix, family, hi, lo) && prefix->len > best) {
				best = prefix->len;
				list = world->lists[i].id;
			}
		}
	return list;
}

static void check_at(const struct world *world, u8 family, u64 hi, u64 lo)
{
	if (family == 4) {
		hi &= 0xffffffff00000000ULL;
		lo = 0;
	}
	assert_int_equal(found(world, family, hi, lo)->list, expected(world, family, hi, lo));
}

/* At every edge of every prefix, one address to each side, and somewhere inside. */
static void check_edges(const struct world *world)
{
	for (size_t i = 0; i < world->source.lists_count; i++)
		for (size_t j = 0; j < world->lists[i].count; j++) {
			struct spw_prefix prefix = world->lists[i].entries[j].prefix;
			struct spw_addr mask = mask_of(prefix.len), first = prefix.addr;
			u64 hi = first.hi | ~mask.hi, lo = first.lo | ~mask.lo,
			    step = prefix.family == 4 ? 1ULL << 32 : 0;

			check_at(world, prefix.family, first.hi, first.lo);
			check_at(world, prefix.family, hi, lo);
			check_at(world, prefix.family, first.hi - (step ? step : !first.lo), first.lo - !step);
			check_at(world, prefix.family, hi + (step ? step : lo == UINT64_MAX), lo + !step);
			check_at(world, prefix.family, first.hi | (random64() & ~mask.hi),
				 first.lo | (random64() & ~mask.lo));
		}
}

static void test_empty(void **state)
{
	struct world *world = new_world(0);

	(void)state;
	compile(world);
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(found(world, 4, random64() & 0xffffffff00000000ULL, 0)->list, 0);
		assert_int_equal(found(world, 6, random64(), random64())->class_id, 5);
	}
	assert_int_equal(world->image.ruleset->units_used, 0);
	free_world(world);
}

static void test_default_routes(void **state)
{
	struct world *world = new_world(2);

	(void)state;
	add(world, 0, make_prefix(4, 0, 0, 0));
	add(world, 1, make_prefix(6, 0, 0, 0));
	compile(world);
	assert_int_equal(found(world, 4, 0, 0)->list, 10);
	assert_int_equal(found(world, 4, 0xffffffffULL << 32, 0)->list, 10);
	assert_int_equal(found(world, 6, 0, 0)->list, 11);
	assert_int_equal(found(world, 6, UINT64_MAX, UINT64_MAX)->list, 11);
	free_world(world);
}

/* Every length around one address, which covers every step of a walk. */
static void test_nest(void **state)
{
	(void)state;
	for (u8 family = 4; family <= 6; family += 2) {
		struct world *world = new_world(8);
		u64 hi = 0x2001123456789abcULL, lo = 0xdef0112233445566ULL;

		if (family == 4)
			hi &= 0xffffffff00000000ULL, lo = 0;
		for (u32 len = 0; len <= (family == 4 ? 32 : 128); len++)
			add(world, len % 8, make_prefix(family, hi, lo, (u8)len));
		compile(world);
		check_edges(world);
		free_world(world);
	}
}

/* Random sets that cluster like real ones: few beginnings, all lengths, deep nests side by side. */
static void test_random_sets(void **state)
{
	(void)state;
	for (int round = 0; round < 60; round++) {
		struct world *world = new_world(6);
		u64 roots[4] = {random64(), random64(), random64(), random64()};
		u32 count = 1u << (round % 9);

		for (u32 i = 0; i < count; i++) {
			u8 family = random64() & 1 ? 4 : 6, width = family == 4 ? 32 : 128;
			u64 keep = UINT64_MAX << (random64() % 64), hi = roots[random64() % 4];
			u64 lo = random64() % 3 ? roots[random64() % 4] : random64();

			hi = (hi & keep) | (random64() & ~keep);
			add(world, random64() % 6,
			    make_prefix(family, family == 4 ? hi & 0xffffffff00000000ULL : hi, family == 4 ? 0 : lo,
					(u8)(random64() % (width + 1u))));
		}
		compile(world);
		check_edges(world);
		for (int i = 0; i < 200; i++)
			check_at(world, random64() & 1 ? 4 : 6,
				 roots[random64() % 4] ^ (random64() >> (random64() % 64)), random64());
		free_world(world);
	}
}

/* Alternating adjacent hosts: the highest density, in both halves of an IPv6 address and across bit 64. */
static void test_dense(void **state)
{
	(void)state;
	for (int where = 0; where < 4; where++) {
		struct world *world = new_world(2);

		for (u32 i = 0; i < 600; i++) {
			u64 hi = 0x20010db800000000ULL, lo = 0;
			u8 len = 128;

			if (where == 0)
				hi = (0xc6120000ULL + i) << 32, len = 32;
			else if (where == 1)
				hi += i, len = 64;
			else if (where == 2)
				lo = i;
			else
				hi += i / 2, lo = (u64)(i & 1) << 63, len = 65;
			add(world, i % 2, make_prefix(where ? 6 : 4, hi, lo, len));
		}
		compile(world);
		check_edges(world);
		free_world(world);
	}
}

static void test_conflict(void **state)
{
	struct world *world = new_world(2);

	(void)state;
	world->lists[1].class_index = 1;
	add(world, 0, make_prefix(4, 0xc6120000ULL << 32, 0, 24));
	add(world, 0, make_prefix(4, 0xc6130000ULL << 32, 0, 24));
	add(world, 1, make_prefix(4, 0xc6140000ULL << 32, 0, 24));
	add(world, 1, make_prefix(4, 0xc6130000ULL << 32, 0, 24));
	assert_int_equal(spw_ruleset_compile(&world->source, 0, &world->image, &world->error), -EEXIST);
	assert_int_equal(world->error.kind, SPW_RULESET_CONFLICT);
	assert_int_equal(world->error.prefix.addr.hi >> 32, 0xc6130000);
	assert_int_equal(world->error.list[0], 0);
	assert_int_equal(world->error.entry[0], 1);
	assert_int_equal(world->error.list[1], 1);
	assert_int_equal(world->error.entry[1], 1);
	assert_null(world->image.ruleset);
	/* The list that stands first wins where that is asked for, and the overlap is counted. */
	world->source.overlap_higher = true;
	compile(world);
	assert_int_equal(found(world, 4, 0xc6130001ULL << 32, 0)->list, 10);
	assert_int_equal(world->image.overlaps, 1);
	assert_int_equal(world->image.overlap.addr.hi >> 32, 0xc6130000);
	assert_int_equal(world->image.overlap_lists[0], 0);
	assert_int_equal(world->image.overlap_lists[1], 1);
	spw_ruleset_free(&world->image);
	world->source.overlap_higher = false;
	/* Country tables are not written by a person: what is written wins, without a warning. */
	world->lists[0].tier = SPW_TIER_COUNTRY;
	compile(world);
	assert_int_equal(found(world, 4, 0xc6130001ULL << 32, 0)->list, 11);
	free_world(world);
}

/* A leaf holds list, class, levels of the cut, and whether the source is management: two overlays in one walk. */
static void test_slots(void **state)
{
	struct world *world = new_world(2);
	struct spw_prefix management[2] = {make_prefix(4, 0xc6120080ULL << 32, 0, 25),
					   make_prefix(6, 0x20010db8ULL << 32, 0, 48)};
	const struct spw_slot *slot;

	(void)state;
	world->lists[1].class_index = 1;
	world->source.management = management;
	world->source.management_count = 2;
	add(world, 0, make_prefix(4, 0xc6120000ULL << 32, 0, 24));
	add(world, 1, make_prefix(4, 0xc61200f0ULL << 32, 0, 28));
	compile(world);
	slot = found(world, 4, 0xc6120001ULL << 32, 0);
	assert_int_equal(slot->list, 10);
	assert_int_equal(slot->class_id, 3);
	assert_int_equal(slot->management, 0);
	assert_int_equal(slot->cut_new_from, SPW_RED);
	assert_int_equal(slot->cut_all_from, SPW_LEVEL_NEVER);
	slot = found(world, 4, 0xc6120080ULL << 32, 0);
	assert_int_equal(slot->list, 10);
	assert_int_equal(slot->management, 1);
	slot = found(world, 4, 0xc61200f1ULL << 32, 0);
	assert_int_equal(slot->list, 11);
	assert_int_equal(slot->class_id, 5);
	assert_int_equal(slot->management, 1);
	assert_int_equal(slot->cut_all_from, SPW_ORANGE);
	assert_int_equal(found(world, 4, 0xc6120100ULL << 32, 0)->management, 0);
	slot = found(world, 6, 0x20010db8ULL << 32, 7);
	assert_int_equal(slot->list, 0);
	assert_int_equal(slot->management, 1);
	/* fault 13: an IPv4-mapped address is IPv6 and meets no IPv4 list */
	assert_int_equal(found(world, 6, 0, 0x0000ffffc6120001ULL)->list, 0);
	free_world(world);
}

/* A country table that splits a written prefix wins there, by the rule, and is counted for a warning. */
static void test_overruling(void **state)
{
	struct world *world = new_world(2);

	(void)state;
	world->lists[1].class_index = 1;
	world->lists[1].tier = SPW_TIER_COUNTRY;
	add(world, 0, make_prefix(4, 0xc6120000ULL << 32, 0, 16));
	add(world, 1, make_prefix(4, 0xc6120000ULL << 32, 0, 16));
	add(world, 1, make_prefix(4, 0xc6121000ULL << 32, 0, 20));
	add(world, 1, make_prefix(4, 0xc6128000ULL << 32, 0, 24));
	add(world, 1, make_prefix(4, 0xc6140000ULL << 32, 0, 16));
	compile(world);
	assert_int_equal(world->image.overruling, 2);
	assert_int_equal(world->image.overruled_list, 0);
	assert_int_equal(world->image.overruled.len, 16);
	assert_int_equal(found(world, 4, 0xc6120001ULL << 32, 0)->list, 10);
	assert_int_equal(found(world, 4, 0xc6121001ULL << 32, 0)->list, 11);
	spw_ruleset_free(&world->image);
	world->lists[1].class_index = 0;
	compile(world);
	assert_int_equal(world->image.overruling, 0);
	free_world(world);
}

static void test_capacity(void **state)
{
	struct world *world = new_world(1);

	(void)state;
	add(world, 0, make_prefix(4, 0xc6120000ULL << 32, 0, 24));
	assert_int_equal(spw_ruleset_compile(&world->source, 1u << 16, &world->image, &world->error), 0);
	assert_int_equal(world->image.ruleset->units_capacity, 1u << 16);
	assert_int_equal(world->image.bytes, sizeof(struct spw_ruleset) + (1u << 16) * (size_t)SPW_UNIT_BYTES);
	free_world(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),	 cmocka_unit_test(test_default_routes),
		cmocka_unit_test(test_nest),	 cmocka_unit_test(test_random_sets),
		cmocka_unit_test(test_dense),	 cmocka_unit_test(test_conflict),
		cmocka_unit_test(test_slots),	 cmocka_unit_test(test_overruling),
		cmocka_unit_test(test_capacity),
	};

	random_state = 0x9e3779b97f4a7c15ULL;
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
