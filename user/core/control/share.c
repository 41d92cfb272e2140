/* SPDX-License-Identifier: GPL-2.0-only */
/* The admitted share of a class's sources: rules 19 to 21 of decide.c. See share.h. */
#include "constants.h"
#include "rates.h"
#include "share.h"

void spw_share_begin(struct spw_share_memory *memory)
{
	memory->share = 1;
	memory->weight = 1;
}

/* Sources are unequal, and refused ones come again: learn how much the admitted ones bring. */
static void weigh(struct spw_share_memory *memory, const struct spw_share_tick *tick)
{
	if (memory->expected_per_s < 1)
		return;
	if (tick->crowded && !tick->crowded_known)
		memory->weight += memory->weight * WEIGHT_PER_S * tick->seconds;
	else
		memory->weight = spw_smooth(memory->weight, memory->inside_per_s / memory->expected_per_s,
					    tick->seconds, WEIGHT_SECONDS);
	memory->weight = spw_bounded(memory->weight, 1 / WEIGHT_MOST, WEIGHT_MOST);
}

/*
 * A source that drops out is refused in mid-visit; one that gets in brings retries that are late already. So a share
 * moves gradually to its target. It falls at once only if the target is far below, and rises at once when an idle
 * server is given a trial.
 */
static void move(struct spw_share_memory *memory, double aim, double left_per_s, const struct spw_share_tick *tick)
{
	double used = left_per_s > 0 ? spw_bounded(memory->inside_per_s / left_per_s, USED_LEAST, 1) : 1;

	if (aim < FAR * memory->share || (tick->trial && aim > memory->share))
		memory->share = aim;
	else
		memory->share = spw_smooth(memory->share, aim, tick->seconds,
					   GENTLE_SECONDS * (aim > memory->share ? used : 1));
}

double spw_share_take(struct spw_share_memory *memory, const struct spw_share_tick *tick, double left_per_s)
{
	double load = memory->fresh_per_s * memory->weight, aim = 1;

	weigh(memory, tick);
	if (left_per_s <= 0)
		aim = 0;
	else if (load > 0 && left_per_s < load * (memory->share < 1 ? ROOMY : 1))
		aim = spw_bounded(FILL * left_per_s / load, 0, 1);
	move(memory, aim, left_per_s, tick);
	if (aim >= 1 && memory->share > 1 - NEAR)
		memory->share = 1;
	return spw_bounded(load, 0, left_per_s);
}
