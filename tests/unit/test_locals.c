/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Services by port and local address (maps/local.h): tables made of random rules against a search through these rules;
 * both of the datapath's and the signals' readers use spw_port_at().
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
#include "bpf/parse.h"
#include "user/core/table/locals.h"
#include "user/core/table/ruleset.h"

enum { RULES = 200, PORTS = 40, OUTSIDE = 8 };

static u64 random_state = 4711;

static u32 draw(u32 below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (u32)((random_state >> 32) * below >> 32);
}

struct world {
	struct spw_local addresses[SPW_LOCALS_MAX + OUTSIDE]; /* the last ones are in no rule */
	u32 count;
	struct spw_port_rule rules[RULES], sorted[RULES];
	u32 rules_count;
	struct spw_port ports[2][65536];
	struct spw_locals locals;
};

static struct spw_local draw_address(u32 index)
{
	if (index % 2)
		return (struct spw_local){0, SPW_IPV4_MAPPED | 0xc0000200u | index};
	return (struct spw_local){0x20010db800000000ULL, index};
}

static void make_addresses(struct world *world, u32 count)
{
	world->count = count;
	for (u32 i = 0; i < count + OUTSIDE; i++)
		world->addresses[i] = draw_address(i);
	spw_locals_number(world->addresses, count, &world->locals);
}

/* At most one rule for each table, port and address. */
static bool is_taken(const struct world *world, const struct spw_port_rule *rule)
{
	for (u32 i = 0; i < world->rules_count; i++)
		if (world->rules[i].ports == rule->ports && world->rules[i].port == rule->port &&
		    world->rules[i].local == rule->local)
			return true;
	return false;
}

static void draw_rules(struct world *world, u32 count)
{
	for (u32 i = 0; i < count; i++) {
		struct spw_port_rule rule = {.ports = world->ports[draw(2)],
					     .port = (u16)(65535 - draw(PORTS)),
					     .local = (u8)draw(world->count + 1),
					     .meaning = {(u8)(1 + draw(5)), (u8)draw(3)}};

		if (!is_taken(world, &rule))
			world->rules[world->rules_count++] = rule;
	}
}

/* The rule of the address, else that of the port. */
static struct spw_port search(const struct world *world, const struct spw_port *table, u16 port, u32 address)
{
	struct spw_port found = {0};

	for (u32 i = 0; i < world->rules_count; i++) {
		const struct spw_port_rule *rule = &world->rules[i];

		if (rule->ports != table || rule->port != port)
			continue;
		if (rule->local == address + 1 && address < world->count)
			return rule->meaning;
		if (!rule->local)
			found = rule->meaning;
	}
	return found;
}

static void check(const struct world *world)
{
	for (u32 table = 0; table < 2; table++)
		for (u32 port = 65535 - PORTS; port <= 65535; port++)
			for (u32 address = 0; address < world->count + OUTSIDE; address++) {
				struct spw_port expected = search(world, world->ports[table], (u16)port, address);
				struct spw_port found = spw_port_at(world->ports[table][port], &world->locals,
								    world->addresses[address].hi,
								    world->addresses[address].lo);

				assert_int_equal(found.service, expected.service);
				assert_int_equal(found.bits, expected.bits);
			}
}

static void random_rules(void **state)
{
	u32 fitted = 0;

	(void)state;
	for (u32 round = 0; round < 300; round++) {
		struct world *world = calloc(1, sizeof(*world));

		assert_non_null(world);
		make_addresses(world, draw(8));
		draw_rules(world, draw(RULES));
		memcpy(world->sorted, world->rules, sizeof(world->rules));
		if (!spw_locals_fill(world->sorted, world->rules_count, &world->locals)) {
			check(world);
			fitted++;
		}
		free(world);
	}
	assert_true(fitted > 200);
}

/* Every address has a slot of its own, and others find none. */
static void all_addresses(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	(void)state;
	assert_non_null(world);
	for (u32 count = 0; count <= SPW_LOCALS_MAX; count++) {
		make_addresses(world, count);
		for (u32 i = 0; i < count + OUTSIDE; i++)
			assert_int_equal(
				spw_local_number(&world->locals, world->addresses[i].hi, world->addresses[i].lo),
				i < count ? i + 1 : 0);
	}
	/* One in a thousand of these shares a slot with it: the whole address is compared. */
	for (u32 i = 0; i < 100000; i++) {
		struct spw_local other = world->addresses[i % SPW_LOCALS_MAX];

		other.hi += 1 + draw(UINT32_MAX);
		assert_int_equal(spw_local_number(&world->locals, other.hi, other.lo), 0);
		other = world->addresses[i % SPW_LOCALS_MAX];
		other.lo += (u64)(1 + draw(1000)) << 32;
		assert_int_equal(spw_local_number(&world->locals, other.hi, other.lo), 0);
	}
	free(world);
}

/* Ports with the same services at the same addresses share a group; the 64th group is refused. */
static void groups(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	struct spw_port_rule *range = calloc(65535, sizeof(*range)), rules[SPW_PORT_GROUPS_MAX + 1];

	(void)state;
	assert_true(world && range);
	make_addresses(world, 2);
	for (u32 i = 0; i < 65535; i++)
		range[i] = (struct spw_port_rule){world->ports[0], (u16)(i + 1), 1, {7, 1}};
	assert_int_equal(spw_locals_fill(range, 65535, &world->locals), 0);
	assert_int_equal(spw_port_group(world->ports[0][1]), 1);
	assert_int_equal(spw_port_group(world->ports[0][65535]), 1);
	for (u32 i = 0; i <= SPW_PORT_GROUPS_MAX; i++)
		rules[i] = (struct spw_port_rule){world->ports[1], (u16)(i + 1), 2, {(u8)(i + 1), 0}};
	world->locals = (struct spw_locals){0};
	make_addresses(world, 2);
	assert_int_equal(spw_locals_fill(rules, SPW_PORT_GROUPS_MAX, &world->locals), 0);
	assert_int_equal(spw_port_group(world->ports[1][SPW_PORT_GROUPS_MAX]), SPW_PORT_GROUPS_MAX);
	assert_int_equal(spw_locals_fill(rules, SPW_PORT_GROUPS_MAX + 1, &world->locals), -E2BIG);
	free(range);
	free(world);
}

/* What waits and what is served may be two rules of one port. */
static void bits_are_added(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	struct spw_port_rule rules[] = {
		{world->ports[0], 80, 0, {1, 1}},
		{world->ports[0], 80, 0, {1, 2}},
		{world->ports[0], 80, 1, {2, 2}},
		{world->ports[0], 80, 1, {2, 1}},
	};
	struct spw_port there;

	(void)state;
	make_addresses(world, 1);
	assert_int_equal(spw_locals_fill(rules, 4, &world->locals), 0);
	there = spw_port_at(world->ports[0][80], &world->locals, world->addresses[0].hi, world->addresses[0].lo);
	assert_int_equal(there.service, 2);
	assert_int_equal(there.bits, 3);
	there = spw_port_at(world->ports[0][80], &world->locals, 1, 1);
	assert_int_equal(there.service, 1);
	assert_int_equal(there.bits, 3);
	free(world);
}

/* The address in a packet is the one in the table, however it was written. */
static void one_form_of_addresses(void **state)
{
	u8 ip4[20] = {0x45, [16] = 192, 0, 2, 1}, ip6[40] = {0x60, [24] = 0x20, 0x01, 0x0d, 0xb8, [39] = 2};
	struct spw_addr addr = {0xc0000201ULL << 32, 0};
	struct spw_local key = spw_local_key(&addr, 4), found;
	u8 family;

	(void)state;
	assert_true(spw_parse_local(ip4, ip4 + sizeof(ip4), &found));
	assert_true(found.hi == key.hi && found.lo == key.lo);
	assert_true(spw_local_is_ipv4(&found));
	assert_int_equal(spw_local_addr(&found, &family).hi >> 32, 0xc0000201);
	assert_int_equal(family, 4);
	assert_false(spw_parse_local(ip4, ip4 + 19, &found));
	assert_true(spw_parse_local(ip6, ip6 + sizeof(ip6), &found));
	assert_true(found.hi == 0x20010db800000000 && found.lo == 2);
	assert_false(spw_local_is_ipv4(&found));
	assert_false(spw_parse_local(ip6, ip6 + 39, &found));
	spw_local_addr(&found, &family);
	assert_int_equal(family, 6);
}

/* In the ruleset it stands behind the table, within the capacity, and not at all without addresses. */
static void in_the_ruleset(void **state)
{
	static const struct spw_ruleset_class class = {.name = "all"};
	struct world *world = calloc(1, sizeof(*world));
	struct spw_ruleset_source source = {.classes = &class, .classes_count = 1, .locals = &world->locals};
	struct spw_ruleset_image image;
	struct spw_ruleset_error error;

	(void)state;
	make_addresses(world, 3);
	assert_int_equal(spw_ruleset_compile(&source, 0, &image, &error), 0);
	assert_int_equal(image.ruleset->units_used, sizeof(world->locals) / 64);
	assert_int_equal(image.ruleset->locals, 1);
	assert_memory_equal(&image.ruleset->units[0], &world->locals, sizeof(world->locals));
	spw_ruleset_free(&image);
	source.locals = NULL;
	assert_int_equal(spw_ruleset_compile(&source, 0, &image, &error), 0);
	assert_int_equal(image.ruleset->locals, 0);
	spw_ruleset_free(&image);
	free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_rules),	  cmocka_unit_test(all_addresses),
		cmocka_unit_test(groups),	  cmocka_unit_test(bits_are_added),
		cmocka_unit_test(in_the_ruleset), cmocka_unit_test(one_form_of_addresses),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("locals", tests, NULL, NULL);
}
