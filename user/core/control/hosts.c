/* SPDX-License-Identifier: GPL-2.0-only */
/* See hosts.h. */
#include "hosts.h"

#include <string.h>

#define HALF_TICK_S 0.05 /* a slot ends at the tick that is next to its end */

static bool is_finite(double value)
{
	return value - value == 0;
}

/* The window has moved on by a slot. */
static void settle(struct spw_hosts_memory *memory)
{
	double least = memory->needs[0], most = memory->needs[0];

	for (u32 i = 1; i < SPW_HOSTS_SLOTS; i++) {
		least = memory->needs[i] < least ? memory->needs[i] : least;
		most = memory->needs[i] > most ? memory->needs[i] : most;
	}
	if (!memory->known || memory->wanted < least)
		memory->wanted = least;
	if (memory->wanted > most)
		memory->wanted = most;
	memory->known = true;
}

void spw_hosts_take(struct spw_hosts_memory *memory, double demand_per_s, double capacity_per_s, double seconds)
{
	double need = demand_per_s / (SPW_HOSTS_SHARE * capacity_per_s);

	if (!(capacity_per_s > 0)) {
		memset(memory, 0, sizeof(*memory));
		return;
	}
	if (!(seconds > 0) || !is_finite(seconds) || !(need >= 0) || !is_finite(need))
		return;
	memory->sum += need * seconds;
	memory->slot_s += seconds;
	if (memory->slot_s < SPW_HOSTS_SLOT_S - HALF_TICK_S)
		return;
	memory->needs[memory->next] = memory->sum / memory->slot_s;
	memory->next = (memory->next + 1) % SPW_HOSTS_SLOTS;
	memory->sum = memory->slot_s = 0;
	if (memory->slots < SPW_HOSTS_SLOTS)
		memory->slots++;
	if (memory->slots == SPW_HOSTS_SLOTS)
		settle(memory);
}
