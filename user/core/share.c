/* SPDX-License-Identifier: GPL-2.0-only */
/* Which share of its sources a class has admitted: rules 19 to 21 of decide.c. See share.h. */
#include "rates.h"
#include "share.h"

#define FILL	       0.97 /* of what is left: the cell then rarely refuses those who are in the share */
#define NEAR	       0.10 /* a share as near as this to its aim moves gently both ways */
#define GENTLE_SECONDS 2.0  /* with this time constant */
#define RISE_SECONDS   2.0  /* a share rises to its aim in about so long */
#define WEIGHT_SECONDS 1.5  /* what sources weigh is learned over so long */
#define WEIGHT_MOST    4.0
#define ROOMY	       1.05 /* a class that was not whole becomes so once so much of its load has room */

void spw_share_begin(struct spw_share_memory *memory)
{
	memory->share = 1;
	memory->weight = 1;
}

/* Sources are unequal, and those refused at random come again: learn what the admitted bring. */
static void weigh(struct spw_share_memory *memory, double seconds)
{
	double expected = memory->share * memory->fresh_per_s;

	if (memory->share >= 1 || expected < 1)
		return;
	memory->weight = spw_smooth(memory->weight, memory->admitted_per_s / expected, seconds, WEIGHT_SECONDS);
	memory->weight = spw_bounded(memory->weight, 1 / WEIGHT_MOST, WEIGHT_MOST);
}

/* Falls at once, rises slowly; near its aim it moves gently, lest noise drags it down. */
static void move(struct spw_share_memory *memory, double aim, double seconds)
{
	double apart = aim - memory->share;

	if (apart < -NEAR * memory->share || aim <= 0)
		memory->share = aim;
	else if (apart < NEAR * memory->share)
		memory->share = spw_smooth(memory->share, aim, seconds, GENTLE_SECONDS);
	else if (apart > aim * seconds / RISE_SECONDS)
		memory->share += aim * seconds / RISE_SECONDS;
	else
		memory->share = aim;
}

double spw_share_take(struct spw_share_memory *memory, double left_per_s, double seconds)
{
	double load = memory->fresh_per_s > memory->admitted_per_s ? memory->fresh_per_s : memory->admitted_per_s;
	double aim = 1;

	weigh(memory, seconds);
	if (left_per_s < load * (memory->share < 1 ? ROOMY : 1))
		aim = spw_bounded(FILL * left_per_s / (load * memory->weight), 0, 1);
	move(memory, aim, seconds);
	if (aim >= 1 && memory->share > 1 - NEAR)
		memory->share = 1;
	return spw_bounded(load, 0, left_per_s);
}
