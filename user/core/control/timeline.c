/* SPDX-License-Identifier: GPL-2.0-only */
/* See timeline.h. */
#include "timeline.h"

#include <string.h>

static void clear_slot(struct spw_timeline *timeline, u32 at)
{
	timeline->levels[at] = 0;
	for (u32 id = 0; id < SPW_SERVICE_IDENTITIES; id++)
		timeline->points[id][at] = (struct spw_timeline_point){0};
}

/* Make @slot the newest; slots that were skipped are empty. */
static void advance(struct spw_timeline *timeline, u64 slot)
{
	u64 first = timeline->slot + 1;

	if (slot - timeline->slot > SPW_TIMELINE_SLOTS)
		first = slot - SPW_TIMELINE_SLOTS + 1;
	for (u64 next = first; next <= slot; next++)
		clear_slot(timeline, (u32)(next % SPW_TIMELINE_SLOTS));
	timeline->slot = slot;
}

static void mix(float *mean, u32 count, double value)
{
	*mean += ((float)value - *mean) / (float)count;
}

static void add_service(struct spw_timeline_point *point, const struct spw_service_decision *service)
{
	float wait_s = (float)((double)service->wait_ns / 1e9);

	point->ticks++;
	mix(&point->demand_per_s, point->ticks, service->demand_per_s);
	mix(&point->admitted_per_s, point->ticks, service->admitted_per_s);
	point->capacity_per_s = (float)service->capacity_per_s;
	point->budget_per_s = (float)service->budget_per_s;
	if (service->wait_source == SPW_WAIT_NONE)
		return;
	point->waits++;
	mix(&point->wait_s, point->waits, wait_s);
	if (wait_s > point->wait_s_worst)
		point->wait_s_worst = wait_s;
}

void spw_timeline_add(struct spw_timeline *timeline, const struct spw_policy *policy,
		      const struct spw_decision *decision)
{
	u64 slot = decision->at_ns / SPW_TIMELINE_SLOT_NS;
	u32 at = (u32)(slot % SPW_TIMELINE_SLOTS);

	if (slot < timeline->slot)
		return;
	if (slot > timeline->slot)
		advance(timeline, slot);
	if (decision->level + 1 > timeline->levels[at])
		timeline->levels[at] = decision->level + 1;
	for (u32 i = 0; i < decision->services_count && i < policy->services_count; i++)
		if (policy->services[i].id < SPW_SERVICE_IDENTITIES)
			add_service(&timeline->points[policy->services[i].id][at], &decision->services[i]);
}

const struct spw_timeline_point *spw_timeline_point(const struct spw_timeline *timeline, u32 id, u32 age)
{
	if (id >= SPW_SERVICE_IDENTITIES || age >= SPW_TIMELINE_SLOTS)
		return NULL;
	return &timeline->points[id][(timeline->slot + SPW_TIMELINE_SLOTS - age) % SPW_TIMELINE_SLOTS];
}

u8 spw_timeline_level(const struct spw_timeline *timeline, u32 age)
{
	u32 at;

	if (age >= SPW_TIMELINE_SLOTS)
		return SPW_LEVEL_NEVER;
	at = (u32)((timeline->slot + SPW_TIMELINE_SLOTS - age) % SPW_TIMELINE_SLOTS);
	return timeline->levels[at] ? timeline->levels[at] - 1 : SPW_LEVEL_NEVER;
}
