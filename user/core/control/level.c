/* SPDX-License-Identifier: GPL-2.0-only */
/* The level of one service: rules 7 to 10 of decide.c. See level.h. */
#include "constants.h"
#include "level.h"
#include "rates.h"

static void rise(struct spw_level_memory *memory, u8 to, double base_hold_s)
{
	if (memory->fell && memory->since_s < FLAP_HOLDS * memory->hold_s) {
		memory->hold_s = spw_bounded(memory->hold_s * 2, base_hold_s, HOLD_MOST * base_hold_s);
		memory->calm_s = 0;
	}
	memory->level = to;
	memory->fell = false;
	memory->since_s = memory->quiet_s = 0;
}

static void fall(struct spw_level_memory *memory)
{
	double step = memory->hold_s / 2 < STEP_SECONDS ? memory->hold_s / 2 : STEP_SECONDS;

	memory->level--;
	memory->fell = true;
	memory->since_s = 0;
	memory->quiet_s = memory->hold_s - step;
}

static void calm_down(struct spw_level_memory *memory, double base_hold_s, double seconds)
{
	memory->calm_s += seconds;
	if (memory->calm_s >= CALM_HOLDS * memory->hold_s) {
		memory->hold_s /= 2;
		memory->calm_s = 0;
	}
	memory->hold_s = spw_bounded(memory->hold_s, base_hold_s, HOLD_MOST * base_hold_s);
}

enum spw_rule spw_level_take(struct spw_level_memory *memory, const struct spw_level_need *need, double base_hold_s,
			     double seconds)
{
	calm_down(memory, base_hold_s, seconds);
	memory->since_s += seconds;
	if (need->least > memory->level) {
		rise(memory, need->least, base_hold_s);
		return need->because;
	}
	if (need->enough >= memory->level) {
		memory->quiet_s = 0;
		return need->because == SPW_RULE_FITS && memory->level ? SPW_RULE_COVERS : need->because;
	}
	memory->quiet_s += seconds;
	memory->to_green = need->enough == SPW_GREEN;
	if (spw_level_hold_left(memory) > 0)
		return SPW_RULE_HOLD;
	fall(memory);
	return SPW_RULE_DOWN;
}

double spw_level_hold_left(const struct spw_level_memory *memory)
{
	double left = memory->hold_s - memory->quiet_s, apart = PART_HOLDS * memory->hold_s - memory->since_s;

	if (!memory->level)
		return 0;
	return spw_bounded(memory->to_green || left > apart ? left : apart, 0, 1e6);
}
