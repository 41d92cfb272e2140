/* SPDX-License-Identifier: GPL-2.0-only */
/* Why the level is what it is, in one sentence with its arithmetic. For explain, log, events and hooks. */
#include "reason.h"

#include <stdlib.h>
#include <string.h>

#include "core/words.h"
#include "numbers.h"
#include "text.h"

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

/* The level from which a class is shed or cut. */
static u32 sheds_from(const struct spw_class_policy *class)
{
	return class->shed_from < class->cut_from ? class->shed_from : class->cut_from;
}

/* A class that is always cut, like those of bans, is not mentioned while it brings nothing. */
static bool may_shed(const struct spw_named_policy *policy, const struct spw_service_decision *service, u32 rank,
		     u32 least, u32 most)
{
	const struct spw_class_policy *class = &policy->policy.classes[rank];

	if (class->cut_from == SPW_GREEN && service->classes[rank].fresh_per_s < ROUNDING)
		return false;
	return sheds_from(class) >= least && sheds_from(class) <= most;
}

u32 spw_put_shedding_classes(FILE *out, const struct spw_named_policy *policy,
			     const struct spw_service_decision *service, u32 least, u32 most)
{
	u32 left = 0, count;

	for (u32 i = 0; i < policy->policy.classes_count; i++)
		left += may_shed(policy, service, i, least, most);
	count = left;
	for (u32 i = policy->policy.classes_count; i-- > 0;) {
		if (!may_shed(policy, service, i, least, most))
			continue;
		spw_put_text(out, policy->classes[i], SPW_FOR_TERMINAL);
		left--;
		fputs(left > 1 ? ", " : left == 1 ? " and " : "", out);
	}
	return count;
}

/*
 * What can be shed, and whether it suffices: "unknown and international can shed 3,900/s, domestic sheds 350/s".
 */
static void put_sheddable(FILE *out, const struct spw_named_policy *policy, const struct spw_service_decision *service,
			  u32 level)
{
	double excess = service->excess_per_s, all = service->sheddable_per_s[level];
	double lower = level ? service->sheddable_per_s[level - 1] : 0;
	char rate[SPW_SHORT_TEXT];
	bool any = false;

	for (u32 i = 0; i < policy->policy.classes_count; i++)
		any |= may_shed(policy, service, i, SPW_GREEN, level);
	if (!any) {
		fputs("no class may be shed", out);
		return;
	}
	if (level && lower > 0 && lower < excess && spw_put_shedding_classes(out, policy, service, 0, level - 1)) {
		fprintf(out, " can shed %s", spw_per_second(lower, rate));
		if (all > lower) {
			double rest = (all < excess ? all : excess) - lower;

			fputs(", ", out);
			fprintf(out, "%s%s",
				spw_put_shedding_classes(out, policy, service, level, level) > 1 ? " shed " : " sheds ",
				spw_per_second(rest, rate));
		}
	} else {
		spw_put_shedding_classes(out, policy, service, 0, level);
		fprintf(out, " can shed %s", spw_per_second(all, rate));
	}
	if (all + ROUNDING < excess)
		fprintf(out, ", %s too little", spw_per_second(excess - all, rate));
}

static void put_service_reason(FILE *out, const struct spw_named_policy *policy, const char *name,
			       const struct spw_service_decision *service)
{
	char first[SPW_SHORT_TEXT], second[SPW_SHORT_TEXT], third[SPW_SHORT_TEXT];
	bool waits = service->wait_source != SPW_WAIT_NONE && service->wait_ns > service->wait_target_ns;

	spw_put_text(out, name, SPW_FOR_TERMINAL);
	fprintf(out, ": demand %s", spw_per_second(service->demand_per_s, first));
	if (service->excess_per_s > 0) {
		fprintf(out, " exceeds sustainable %s by %s; ", spw_per_second(service->sustained_per_s, second),
			spw_per_second(service->excess_per_s, third));
		put_sheddable(out, policy, service, service->level < SPW_LEVELS ? service->level : SPW_RED);
	} else if (service->sustained_per_s > 0) {
		fprintf(out, " is within sustainable %s", spw_per_second(service->sustained_per_s, second));
	} else {
		fputs(", capacity unknown", out);
	}
	if (waits)
		fprintf(out, "; requests wait %s, target %s", spw_short_time(service->wait_ns, first),
			spw_short_time(service->wait_target_ns, second));
}

const char *spw_deciding_service(const struct spw_named_policy *policy, const struct spw_decision *decision)
{
	bool there = decision->service < decision->services_count && decision->service < policy->policy.services_count;

	return there ? policy->services[decision->service] : "";
}

static void put_reason(FILE *out, const struct spw_named_policy *policy, const struct spw_decision *decision)
{
	const char *name = spw_deciding_service(policy, decision);

	if (decision->pinned < SPW_LEVELS)
		fprintf(out, "set to %s by an operator; ", spw_level_name(decision->pinned));
	else if (decision->rule == SPW_RULE_BOUNDED)
		fputs("bounded by an operator; ", out);
	if (decision->blind)
		fputs("no service has a signal, so the load is not known and the level goes down to green", out);
	else if (!*name)
		fputs("no service is configured, so there is nothing to protect", out);
	else
		put_service_reason(out, policy, name, &decision->services[decision->service]);
	if (decision->rule == SPW_RULE_HOLD)
		fputs("; a lower level would be enough, but the hold time is not over", out);
	else if (decision->rule == SPW_RULE_DOWN)
		fputs("; a lower level was enough for the whole hold time", out);
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
