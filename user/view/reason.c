/* SPDX-License-Identifier: GPL-2.0-only */
/* Why the level is what it is, in one sentence with its arithmetic. Called by explain.c, and for log, events and hooks.
 */
#include <stdlib.h>
#include <string.h>

#include "../core/words.h"
#include "explain.h"
#include "reason.h"

#define ROUNDING 0.5

const char *spw_per_second(double rate, char text[SPW_SHORT_TEXT])
{
	char number[SPW_SHORT_TEXT];

	if (rate > 0 && rate < 9.95 && (rate < 0.95 || rate - (double)(u64)rate > 0.05))
		snprintf(text, SPW_SHORT_TEXT, "%.1f/s", rate);
	else
		snprintf(text, SPW_SHORT_TEXT, "%.29s/s",
			 spw_long_count(rate > 0 ? (u64)(rate + ROUNDING) : 0, number));
	return text;
}

static bool between(const struct spw_class_policy *class, u32 least, u32 most)
{
	return class->shed_from >= least && class->shed_from <= most;
}

u32 spw_put_givers(FILE *out, const struct spw_named_policy *policy, u32 least, u32 most)
{
	u32 left = 0, count;

	for (u32 i = 0; i < policy->policy.classes_count; i++)
		left += between(&policy->policy.classes[i], least, most);
	count = left;
	for (u32 i = policy->policy.classes_count; i-- > 0;) {
		if (!between(&policy->policy.classes[i], least, most))
			continue;
		spw_put_text(out, policy->classes[i], SPW_FOR_TERMINAL);
		left--;
		fputs(left > 1 ? ", " : left == 1 ? " and " : "", out);
	}
	return count;
}

/* What the classes give, and whether it is enough: "unknown and international can give 3,900/s, domestic gives 350/s".
 */
static void put_gifts(FILE *out, const struct spw_named_policy *policy, const struct spw_service_decision *service,
		      u32 level)
{
	double excess = service->excess_per_s, all = service->sheddable_per_s[level];
	double lower = level ? service->sheddable_per_s[level - 1] : 0;
	char rate[SPW_SHORT_TEXT];
	bool any = false;

	for (u32 i = 0; i < policy->policy.classes_count; i++)
		any |= policy->policy.classes[i].shed_from <= level;
	if (!any) {
		fputs("no class may be shed", out);
		return;
	}
	if (level && lower > 0 && lower < excess && spw_put_givers(out, policy, 0, level - 1)) {
		fprintf(out, " can give %s", spw_per_second(lower, rate));
		if (all > lower) {
			double rest = (all < excess ? all : excess) - lower;

			fputs(", ", out);
			fprintf(out, "%s%s", spw_put_givers(out, policy, level, level) > 1 ? " give " : " gives ",
				spw_per_second(rest, rate));
		}
	} else {
		spw_put_givers(out, policy, 0, level);
		fprintf(out, " can give %s", spw_per_second(all, rate));
	}
	if (all + ROUNDING < excess)
		fprintf(out, ", %s too little", spw_per_second(excess - all, rate));
}

static void put_service_reason(FILE *out, const struct spw_named_policy *policy, const char *name,
			       const struct spw_service_decision *service)
{
	char first[SPW_SHORT_TEXT], second[SPW_SHORT_TEXT], third[SPW_SHORT_TEXT];

	spw_put_text(out, name, SPW_FOR_TERMINAL);
	fprintf(out, ": demand %s", spw_per_second(service->demand_per_s, first));
	if (service->excess_per_s > 0) {
		fprintf(out, " exceeds budget %s by %s; ", spw_per_second(service->budget_per_s, second),
			spw_per_second(service->excess_per_s, third));
		put_gifts(out, policy, service, service->level < SPW_LEVELS ? service->level : SPW_RED);
	} else if (service->budget_per_s > 0) {
		fprintf(out, " is within budget %s", spw_per_second(service->budget_per_s, second));
	} else if (service->capacity_per_s > 0) {
		fprintf(out, " against capacity %s, no budget stands", spw_per_second(service->capacity_per_s, second));
	} else {
		fputs(", capacity not known yet", out);
	}
	if (service->saturated && service->wait_ns > service->wait_target_ns)
		fprintf(out, "; requests wait %s, target %s", spw_short_time(service->wait_ns, first),
			spw_short_time(service->wait_target_ns, second));
}

u32 spw_asked_level(const struct spw_decision *decision)
{
	u32 asked = SPW_GREEN;

	for (u32 i = 0; i < decision->services_count && i < SPW_SERVICES_MAX; i++)
		if (decision->services[i].level > asked && decision->services[i].level < SPW_LEVELS)
			asked = decision->services[i].level;
	return asked;
}

const char *spw_deciding_service(const struct spw_named_policy *policy, const struct spw_decision *decision)
{
	bool there = decision->service < decision->services_count && decision->service < policy->policy.services_count;

	return there ? policy->services[decision->service] : "";
}

static void put_reason(FILE *out, const struct spw_named_policy *policy, const struct spw_decision *decision)
{
	const char *name = spw_deciding_service(policy, decision);
	u32 asked = spw_asked_level(decision);

	if (decision->pinned < SPW_LEVELS)
		fprintf(out, "set to %s by an operator; by itself it would be %s: ", spw_level_name(decision->pinned),
			spw_level_name(asked));
	if (decision->blind)
		fputs("no signal of any service is there, so nothing is known of its load and the level goes down to green",
		      out);
	else if (!decision->services_count)
		fputs("no service is configured, so there is nothing to protect", out);
	else if (*name)
		put_service_reason(out, policy, name, &decision->services[decision->service]);
	if (decision->pinned < SPW_LEVELS || decision->blind || decision->level == asked || !decision->services_count)
		return;
	if (decision->level > asked)
		fprintf(out, "; this asks for %s, and the level goes down one step at a time", spw_level_name(asked));
	else
		fprintf(out, "; this asks for %s, and an operator keeps the level below it", spw_level_name(asked));
}

const char *spw_reason(const struct spw_named_policy *policy, const struct spw_decision *decision, char *text,
		       size_t bytes)
{
	char *whole = NULL;
	size_t length;
	FILE *out = open_memstream(&whole, &length);

	if (out) {
		put_reason(out, policy, decision);
		fclose(out);
	}
	snprintf(text, bytes, "%s", whole ? whole : "");
	free(whole);
	return text;
}

void spw_changes_add(struct spw_changes *changes, const struct spw_change *change)
{
	if (changes->count < SPW_CHANGES_KEPT)
		changes->count++;
	memmove(&changes->changes[1], &changes->changes[0], (changes->count - 1) * sizeof(changes->changes[0]));
	changes->changes[0] = *change;
}
