/* SPDX-License-Identifier: GPL-2.0-only */
/* `explain` as text: level, reason, what would lower it, each service with its classes, signals, last changes. */
#include "explain.h"

#include <ctype.h>
#include <string.h>
#include <time.h>

#include "core/control/hosts.h"
#include "core/control/rules.h"
#include "core/words.h"
#include "numbers.h"
#include "row.h"
#include "text.h"

#define LABEL	     "  %-11s"
#define NS_PER_S     1000000000ull
#define OLD_NS	     (20 * 3600 * NS_PER_S) /* older times are shown with their date */
#define NAME_COLUMNS 20
#define NEARLY	     0.99 /* a set capacity within this is shown as set */

static void put_clock(FILE *out, const struct spw_explanation *explanation, u64 wall_ns)
{
	bool old = explanation->wall_ns > wall_ns && explanation->wall_ns - wall_ns > OLD_NS;
	time_t seconds = (time_t)(wall_ns / NS_PER_S);
	char text[40] = "?";
	struct tm parts;

	if (explanation->utc ? gmtime_r(&seconds, &parts) : localtime_r(&seconds, &parts))
		strftime(text, sizeof(text), old ? "%Y-%m-%d %H:%M:%S" : "%H:%M:%S", &parts);
	fputs(text, out);
}

static void put_level(FILE *out, const struct spw_explanation *explanation, struct spw_style style)
{
	const struct spw_decision *decision = explanation->decision;
	char name[16], reason[1024], time_text[SPW_SHORT_TEXT];

	snprintf(name, sizeof(name), "%s", spw_level_name(decision->level));
	for (char *at = name; *at; at++)
		*at = (char)toupper((unsigned char)*at);
	spw_put_coloured(out, style, spw_level_colour(decision->level), name);
	if (explanation->since_wall_ns && explanation->wall_ns >= explanation->since_wall_ns) {
		fputs(" since ", out);
		put_clock(out, explanation, explanation->since_wall_ns);
		fprintf(out, " (%s)", spw_short_time(explanation->wall_ns - explanation->since_wall_ns, time_text));
	}
	fprintf(out, ": %s.\n", spw_reason(explanation->policy, decision, reason, sizeof(reason)));
	if (spw_rule_text(decision->rule))
		fprintf(out, "Rule %u: %s.\n", decision->rule, spw_rule_text(decision->rule));
	if (explanation->observing)
		fputs("Mode observe: this is what would be done; nothing is refused.\n", out);
}

/* The next lower level and its condition. */
static void put_condition(FILE *out, const struct spw_explanation *explanation)
{
	const struct spw_decision *decision = explanation->decision;
	const struct spw_service_decision *service = &decision->services[decision->service];
	u32 next = decision->level - 1u;
	char rate[SPW_SHORT_TEXT], now[SPW_SHORT_TEXT];

	if (decision->blind || !*spw_deciding_service(explanation->policy, decision))
		return;
	fputs(", if ", out);
	spw_put_text(out, spw_deciding_service(explanation->policy, decision), SPW_FOR_TERMINAL);
	if (next == SPW_GREEN || !(service->sheddable_per_s[next] > 0)) {
		fprintf(out, "'s demand stays within sustainable %s (now %s)",
			spw_per_second(service->sustained_per_s, rate), spw_per_second(service->demand_per_s, now));
		return;
	}
	fprintf(out, "'s demand exceeds sustainable by no more than %s (now %s), which ",
		spw_per_second(service->sheddable_per_s[next], rate), spw_per_second(service->excess_per_s, now));
	spw_put_shedding_classes(out, explanation->policy, service, SPW_GREEN, next);
	fputs(" can shed", out);
}

static void put_outlook(FILE *out, const struct spw_explanation *explanation)
{
	const struct spw_decision *decision = explanation->decision;
	const struct spw_override *override = explanation->override;
	char time_text[SPW_SHORT_TEXT];

	if (decision->pinned < SPW_LEVELS) {
		fputs("It stays until the override expires, or until: spillway level auto\n", out);
		return;
	}
	if (override && (override->least > SPW_GREEN || override->most < SPW_RED))
		fprintf(out, "An operator, or an expected step of demand, keeps it between %s and %s.\n",
			spw_level_name(override->least), spw_level_name(override->most));
	if (decision->level == SPW_GREEN || (override && override->least >= decision->level))
		return;
	fprintf(out, "It goes down to %s", spw_level_name(decision->level - 1u));
	if (decision->hold_left_ns)
		fprintf(out, " in %s at the earliest", spw_short_time(decision->hold_left_ns, time_text));
	else
		fputs(" at once", out);
	put_condition(out, explanation);
	fputs(".\n", out);
}

static void put_capacity(FILE *out, const struct spw_service_policy *policy, const struct spw_service_decision *service)
{
	static const char *const origins[] = {
		[SPW_CAPACITY_UNKNOWN] = "unknown: there is no budget, everything passes",
		[SPW_CAPACITY_SET] = "set",
		[SPW_CAPACITY_LEARNED] = "learned",
		[SPW_CAPACITY_RESTORED] = "learned by an earlier run, not yet confirmed",
	};
	const char *origin = service->origin <= SPW_CAPACITY_RESTORED ? origins[service->origin] : "?";
	char rate[SPW_SHORT_TEXT], set[SPW_SHORT_TEXT];

	fprintf(out, LABEL, "capacity");
	if (service->origin == SPW_CAPACITY_SET && service->capacity_per_s < NEARLY * policy->capacity_per_s)
		fprintf(out,
			"%s for now; %s is set, but less is served while requests wait, or a probe or guard is "
			"above its limit\n",
			spw_per_second(service->capacity_per_s, rate), spw_per_second(policy->capacity_per_s, set));
	else if (service->capacity_per_s > 0)
		fprintf(out, "%s, %s\n", spw_per_second(service->capacity_per_s, rate), origin);
	else
		fprintf(out, "%s\n", origins[SPW_CAPACITY_UNKNOWN]);
	if (service->sustained_per_s > 0)
		fprintf(out, LABEL "%s, the rate that can be admitted continuously\n", "sustained",
			spw_per_second(service->sustained_per_s, rate));
	if (!(service->budget_per_s > 0))
		return;
	fprintf(out, LABEL "%s", "budget", spw_per_second(service->budget_per_s, rate));
	if (service->capacity_per_s > 0)
		fprintf(out, ", %.2f of the capacity", service->budget_per_s / service->capacity_per_s);
	if (service->armed)
		fputs("; a ceiling against sudden steps, as nothing is saturated", out);
	fputc('\n', out);
}

static void put_flow(FILE *out, const struct spw_service_decision *service)
{
	double refused = 0;
	char first[SPW_SHORT_TEXT], second[SPW_SHORT_TEXT];

	for (u32 i = 0; i < SPW_CLASSES_MAX; i++)
		refused += service->classes[i].refused_per_s;
	fprintf(out, LABEL "%s of new work, ", "demand", spw_per_second(service->demand_per_s, first));
	fprintf(out, "%s admitted, %s refused (including resent)", spw_per_second(service->admitted_per_s, first),
		spw_per_second(refused, second));
	if (service->served_per_s > 0)
		fprintf(out, ", %s served", spw_per_second(service->served_per_s, first));
	fputc('\n', out);
	if (service->hosts_known)
		fprintf(out, LABEL "%.2f like this one are wanted for this demand, at %.0f %% of their capacity\n",
			"hosts", service->hosts_wanted, 100 * SPW_HOSTS_SHARE);
}

/* Requests on established connections, and what is done about them. */
static void put_established(FILE *out, const struct spw_explanation *explanation, u32 index)
{
	const struct spw_established *established = explanation->established ? &explanation->established[index] : NULL;
	const struct spw_service_decision *service = &explanation->decision->services[index];
	unsigned long long endings[SPW_ENDING_REASONS] = {0};
	double withheld = 0;
	char rate[SPW_SHORT_TEXT];

	if (!established || !established->present)
		return;
	for (u32 rank = 0; rank < SPW_CLASSES_MAX; rank++) {
		withheld += established->classes[rank].withheld_per_s;
		for (u32 reason = 0; reason < SPW_ENDING_REASONS; reason++)
			endings[reason] += established->classes[rank].endings[reason];
	}
	fprintf(out, LABEL "%s of requests on established connections", "keep-alive",
		spw_per_second(established->per_s, rate));
	if (established->added)
		fprintf(out, ", part of the demand; ended connections would bring %s", spw_per_second(withheld, rate));
	else
		fputs(", which nothing holds back (established: keep)", out);
	if (endings[SPW_ENDING_SHARE] || endings[SPW_ENDING_PATIENCE])
		fprintf(out, "; ended: %llu outside their share, %llu after their patience", endings[SPW_ENDING_SHARE],
			endings[SPW_ENDING_PATIENCE]);
	fputc('\n', out);
	if (!established->added && service->saturated && established->per_s > service->admitted_per_s)
		fprintf(out,
			LABEL
			"They are most of the load, which refusing new work cannot lower; 'established: end' in a "
			"class ends\n" LABEL "its connections outside its share.\n",
			"", "");
}

static void put_wait(FILE *out, const struct spw_service_decision *service)
{
	static const char *const sources[] = {
		[SPW_WAIT_READ] = "read-wait",
		[SPW_WAIT_ACCEPT] = "accept wait",
		[SPW_WAIT_ANSWER] = "answer wait, above that of an idle server",
	};
	char first[SPW_SHORT_TEXT], second[SPW_SHORT_TEXT], third[SPW_SHORT_TEXT];

	fprintf(out, LABEL, "wait");
	if (service->wait_source == SPW_WAIT_NONE) {
		fputs("not known: this service has no signal, so it decides nothing\n", out);
		return;
	}
	fprintf(out, "%s against a target of %s, by %s", spw_short_time(service->wait_ns, first),
		spw_short_time(service->wait_target_ns, second),
		service->wait_source <= SPW_WAIT_ANSWER ? sources[service->wait_source] : "?");
	if (service->wait_p50_ns && service->wait_source != SPW_WAIT_ANSWER)
		fprintf(out, " (50 %% %s, 90 %% %s, 99 %% %s)", spw_short_time(service->wait_p50_ns, first),
			spw_short_time(service->wait_p90_ns, second), spw_short_time(service->wait_p99_ns, third));
	fprintf(out, "; %s\n", service->saturated ? "saturated" : "not saturated");
	if (service->helpless)
		fprintf(out,
			LABEL "shedding does not help: requests wait too long although less than the capacity is "
			      "admitted.\n" LABEL
			      "Established connections may be the load, or the application has become slower.\n",
			"helpless", "");
}

static void put_class(FILE *out, const struct spw_explanation *explanation, const struct spw_service_decision *service,
		      u32 rank)
{
	const struct spw_class_decision *class = &service->classes[rank];
	char rate[SPW_SHORT_TEXT];

	fputs("  ", out);
	spw_put_cell(out, explanation->policy->classes[rank], NAME_COLUMNS);
	fprintf(out, " %12s", spw_per_second(class->fresh_per_s, rate));
	fprintf(out, " %12s", spw_per_second(class->admitted_per_s, rate));
	fprintf(out, " %12s", spw_per_second(class->refused_per_s, rate));
	if (class->cut)
		fputs("      cut\n", out);
	else if (!class->sheds)
		fputs("        -\n", out);
	else
		fprintf(out, " %6.1f %%\n", class->share * 100);
}

/* Signals that are not configured are not shown as absent. */
static bool is_asked_for(const struct spw_explanation *explanation, u32 service, enum spw_service_signal signal)
{
	if (signal == SPW_SIGNAL_PROBE)
		return explanation->policy->policy.services[service].probe_limit > 0;
	return signal != SPW_SIGNAL_ANSWER_WAIT || explanation->notes->services[service][signal].present;
}

static void put_service_signals(FILE *out, const struct spw_explanation *explanation, u32 index)
{
	const struct spw_signal_notes *notes = explanation->notes;

	for (u32 i = 0; notes && index < notes->services_count && i < SPW_SERVICE_SIGNALS; i++) {
		const struct spw_signal_note *note = &notes->services[index][i];

		if (!is_asked_for(explanation, index, i))
			continue;
		fprintf(out, LABEL "%s: %s", note->present ? "signal" : "absent", spw_service_signal_name(i),
			note->present ? "from " : "");
		spw_put_text(out, note->text, SPW_FOR_TERMINAL);
		fputc('\n', out);
	}
}

static void put_service(FILE *out, const struct spw_explanation *explanation, u32 index)
{
	const struct spw_service_decision *service = &explanation->decision->services[index];

	fputs("\nservice ", out);
	spw_put_text(out, explanation->policy->services[index], SPW_FOR_TERMINAL);
	fprintf(out, ": asks for %s", spw_level_name(service->level));
	if (spw_rule_text(service->rule))
		fprintf(out, " (rule %u: %s)", service->rule, spw_rule_text(service->rule));
	fputc('\n', out);
	put_capacity(out, &explanation->policy->policy.services[index], service);
	put_flow(out, service);
	put_established(out, explanation, index);
	spw_view_light(out, explanation->light, explanation->policy->services[index], 11);
	put_wait(out, service);
	put_service_signals(out, explanation, index);
	fprintf(out, "  %-*s %12s %12s %12s %8s\n", NAME_COLUMNS, "class", "demand", "admitted", "refused", "share");
	for (u32 rank = 0; rank < explanation->policy->policy.classes_count; rank++)
		put_class(out, explanation, service, rank);
}

/* One line each with its reason; without reasons all names on one line. */
static void put_absent(FILE *out, const struct spw_explanation *explanation)
{
	struct spw_row row = {0};

	for (u32 i = 0; i < SPW_HOST_SIGNALS; i++) {
		if (explanation->decision->host[i].present)
			continue;
		if (!row.begun || explanation->notes)
			row = spw_row_begin(out, "absent", SPW_LABEL_COLUMNS);
		spw_row_next(&row, (int)strlen(spw_signal_name(i)));
		fputs(spw_signal_name(i), out);
		if (!explanation->notes)
			continue;
		fputs(": ", out);
		spw_put_text(out, explanation->notes->host[i].text, SPW_FOR_TERMINAL);
		fputc('\n', out);
	}
	if (!explanation->notes)
		fputc('\n', out);
}

static void put_signals(FILE *out, const struct spw_explanation *explanation)
{
	const struct spw_decision *decision = explanation->decision;
	struct spw_row row = spw_row_begin(out, "signals", SPW_LABEL_COLUMNS);
	char text[64];
	u32 absent = 0;

	for (u32 i = 0; i < SPW_HOST_SIGNALS; i++) {
		bool share = i != SPW_SIGNAL_SOFTNET_DROPS && i != SPW_SIGNAL_OVERFLOWS;

		absent += !decision->host[i].present;
		if (!decision->host[i].present)
			continue;
		snprintf(text, sizeof(text), share ? "%s %.2f" : "%s %.0f/s", spw_signal_name(i),
			 decision->host[i].value);
		spw_row_next(&row, (int)strlen(text));
		fputs(text, out);
	}
	if (absent == SPW_HOST_SIGNALS)
		fputs("none", out);
	fputc('\n', out);
	if (absent)
		put_absent(out, explanation);
}

/* What counts as for this host. */
static void put_own(FILE *out, const struct spw_explanation *explanation)
{
	const struct spw_own_state *own = explanation->own;

	if (!own)
		return;
	spw_put_cell(out, "addresses", SPW_LABEL_COLUMNS);
	if (!own->wanted)
		fputs("not asked for (forwarded: host): every packet counts as for this host", out);
	else if (!own->in_use)
		fprintf(out, "not known (%s): every packet counts as for this host", own->problem);
	else
		fprintf(out, "%u are its own; what is for other hosts is no demand%s", own->addresses,
			own->judged ? ", and is judged by cuts and limits only" : ", and passes");
	fputc('\n', out);
}

static void put_changes(FILE *out, const struct spw_explanation *explanation)
{
	const struct spw_changes *changes = explanation->changes;

	if (!changes || !changes->count)
		return;
	fputs("\nlast changes\n", out);
	for (u32 i = 0; i < changes->count; i++) {
		const struct spw_level_change *change = &changes->changes[i];

		fputs("  ", out);
		put_clock(out, explanation, change->wall_ns);
		fprintf(out, "  %s -> %s", spw_level_name(change->former), spw_level_name(change->level));
		fputs(": ", out);
		spw_put_text(out, change->reason, SPW_FOR_TERMINAL);
		fputc('\n', out);
	}
}

void spw_view_explain(FILE *out, const struct spw_explanation *explanation, struct spw_style style)
{
	if (explanation->note) {
		spw_put_text(out, explanation->note, SPW_FOR_TERMINAL);
		fputc('\n', out);
	}
	put_level(out, explanation, style);
	put_outlook(out, explanation);
	for (u32 i = 0; i < explanation->decision->services_count; i++)
		put_service(out, explanation, i);
	fputc('\n', out);
	put_signals(out, explanation);
	put_own(out, explanation);
	put_changes(out, explanation);
}

void spw_changes_add(struct spw_changes *changes, const struct spw_level_change *change)
{
	if (changes->count < SPW_CHANGES_KEPT)
		changes->count++;
	memmove(&changes->changes[1], &changes->changes[0], (changes->count - 1) * sizeof(changes->changes[0]));
	changes->changes[0] = *change;
}
