/* SPDX-License-Identifier: GPL-2.0-only */
#include "locals.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CELLS (SPW_LOCALS_MAX + 1)

/* Odd, with bits spread evenly: 2^64 divided by the golden ratio, and the fraction of pi. */
#define GOLDEN 0x9e3779b97f4a7c15ULL
#define PI     0x243f6a8885a308d3ULL

struct spw_local spw_local_key(const struct spw_addr *addr, u8 family)
{
	if (family == 4)
		return (struct spw_local){0, SPW_IPV4_MAPPED | addr->hi >> 32};
	return (struct spw_local){addr->hi, addr->lo};
}

struct spw_addr spw_local_addr(const struct spw_local *local, u8 *family)
{
	struct spw_addr addr = {local->hi, local->lo};

	*family = spw_addr_unmap(&addr) ? 4 : 6;
	return addr;
}

/* False: two addresses share a slot. */
static bool try_seeds(struct spw_locals *locals, size_t count)
{
	memset(locals->slots, 0, sizeof(locals->slots));
	for (u32 number = 1; number <= count; number++) {
		const struct spw_local *address = &locals->addresses[number];
		u8 *slot = &locals->slots[spw_local_slot(locals, address->hi, address->lo)];

		if (*slot)
			return false;
		*slot = (u8)number;
	}
	return true;
}

/* With all 63 addresses one attempt in seven succeeds. */
void spw_locals_number(const struct spw_local *addresses, size_t count, struct spw_locals *locals)
{
	if (count)
		memcpy(locals->addresses + 1, addresses, count * sizeof(*addresses));
	for (u64 attempt = 0;; attempt++) {
		locals->seeds[0] = (2 * attempt + 1) * GOLDEN;
		locals->seeds[1] = (2 * attempt + 1) * PI;
		if (try_seeds(locals, count))
			return;
	}
}

static int compare_rules(const void *left, const void *right)
{
	const struct spw_port_rule *a = left, *b = right;

	if (a->ports != b->ports)
		return a->ports < b->ports ? -1 : 1;
	return (int)a->port - (int)b->port;
}

static void add_meaning(struct spw_port *into, struct spw_port meaning)
{
	into->service = meaning.service;
	into->bits |= meaning.bits;
}

/* The group whose cells are @cells, made if there is none; 0: too many. */
static u32 find_group(struct spw_locals *locals, const struct spw_port cells[CELLS], u32 *groups)
{
	for (u32 group = 1; group <= *groups; group++)
		if (!memcmp(locals->cells[group], cells, sizeof(locals->cells[group])))
			return group;
	if (*groups == SPW_PORT_GROUPS_MAX)
		return 0;
	memcpy(locals->cells[++*groups], cells, sizeof(locals->cells[0]));
	return *groups;
}

int spw_locals_fill(struct spw_port_rule *rules, size_t count, struct spw_locals *locals)
{
	u32 groups = 0, group;

	if (count)
		qsort(rules, count, sizeof(*rules), compare_rules);
	for (size_t i = 0; i < count;) {
		struct spw_port cells[CELLS] = {0}, *port = &rules[i].ports[rules[i].port];
		bool differs = false;

		for (size_t first = i; i < count && !compare_rules(&rules[first], &rules[i]); i++) {
			add_meaning(rules[i].local ? &cells[rules[i].local & SPW_LOCALS_MAX] : port, rules[i].meaning);
			differs |= rules[i].local > 0;
		}
		if (!differs)
			continue;
		group = find_group(locals, cells, &groups);
		if (!group)
			return -E2BIG;
		port->bits |= (u8)(group << SPW_PORT_GROUP_SHIFT);
	}
	return 0;
}
