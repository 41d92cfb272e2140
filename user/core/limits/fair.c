/* SPDX-License-Identifier: GPL-2.0-only */
/* Max-min fair shares. See fair.h. */
#include "fair.h"

#include <stdlib.h>

static int compare(const void *left, const void *right)
{
	double one = *(const double *)left, other = *(const double *)right;

	return (one > other) - (one < other);
}

/* Ascending: each takes what it asks for while an equal part of the rest would be more. */
double spw_fair_level(double *rates_per_s, size_t count, double budget_per_s)
{
	double left = budget_per_s > 0 ? budget_per_s : 0;

	qsort(rates_per_s, count, sizeof(*rates_per_s), compare);
	for (size_t i = 0; i < count; i++) {
		double part = left / (double)(count - i);

		if (rates_per_s[i] > part)
			return part;
		left -= rates_per_s[i];
	}
	return 0;
}

double spw_fair_rate(const struct spw_fair_claim *claims, size_t count, u8 class_id, const struct spw_fair_need *need,
		     double *scratch)
{
	double known = 0, rest, level;
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		if (claims[i].class_id != class_id || !(claims[i].new_per_s > 0))
			continue;
		scratch[kept++] = claims[i].new_per_s;
		known += claims[i].new_per_s;
	}
	if (!kept || need->demand_per_s <= need->budget_per_s)
		return 0;
	rest = need->demand_per_s > known ? need->demand_per_s - known : 0;
	level = spw_fair_level(scratch, kept, need->budget_per_s - rest);
	if (level > 0 && level >= scratch[0])
		return level;
	/* Zero has two meanings: nothing left for the known ones, or enough for all. */
	return need->budget_per_s - rest >= known ? 0 : scratch[0];
}

bool spw_fair_need(const struct spw_decision *decision, u32 rank, struct spw_fair_need *need)
{
	bool sheds = false;

	*need = (struct spw_fair_need){0, 0};
	for (u32 i = 0; i < decision->services_count && rank < SPW_CLASSES_MAX; i++) {
		const struct spw_service_decision *service = &decision->services[i];
		double left = service->budget_per_s;

		if (!(left > 0) || !service->classes[rank].sheds)
			continue;
		for (u32 above = 0; above < rank; above++)
			left -= service->classes[above].cut ? 0 : service->classes[above].fresh_per_s;
		sheds = true;
		need->demand_per_s += service->classes[rank].fresh_per_s;
		need->budget_per_s += left > 0 ? left : 0;
	}
	return sheds;
}
