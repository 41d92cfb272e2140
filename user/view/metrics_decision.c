/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The agent's part of the page for Prometheus: decision, signals, duration. One row of the table per family;
 * docs/metrics.md documents each.
 */
#include "core/words.h"
#include "governance.h"
#include "page.h"
#include "view.h"

/* Emitter of a family with one series per service: a field of its decision. */
#define EMIT_OF_SERVICES(emitter, put, field)                                                                          \
	static void emitter(struct spw_page *page, const void *values)                                                 \
	{                                                                                                              \
		const struct spw_governance *governance = values;                                                      \
                                                                                                                       \
		for (u32 i = 0; i < governance->decision->services_count; i++)                                         \
			put(page, LABELS({"service", governance->policy->services[i]}),                                \
			    governance->decision->services[i].field);                                                  \
	}

EMIT_OF_SERVICES(emit_service_level, spw_page_count, level)
EMIT_OF_SERVICES(emit_demand, spw_page_number, demand_per_s)
EMIT_OF_SERVICES(emit_served, spw_page_number, served_per_s)
EMIT_OF_SERVICES(emit_capacity, spw_page_number, capacity_per_s)
EMIT_OF_SERVICES(emit_budget, spw_page_number, budget_per_s)
EMIT_OF_SERVICES(emit_wait, spw_page_seconds, wait_ns)
EMIT_OF_SERVICES(emit_wait_target, spw_page_seconds, wait_target_ns)
EMIT_OF_SERVICES(emit_saturated, spw_page_count, saturated)
EMIT_OF_SERVICES(emit_helpless, spw_page_count, helpless)

/* Emitter of a family with a single series. */
#define EMIT_ONE(emitter, put, field)                                                                                  \
	static void emitter(struct spw_page *page, const void *values)                                                 \
	{                                                                                                              \
		put(page, NULL, ((const struct spw_governance *)values)->field);                                       \
	}

EMIT_ONE(emit_blind, spw_page_count, decision->blind)
EMIT_ONE(emit_decisions, spw_page_count, pace->decisions)
EMIT_ONE(emit_decision_seconds, spw_page_seconds, pace->total_ns)
EMIT_ONE(emit_decision_longest, spw_page_seconds, pace->longest_ns)
EMIT_ONE(emit_history_bytes, spw_page_count, history.bytes)

static void emit_capacity_origin(struct spw_page *page, const void *values)
{
	const struct spw_governance *governance = values;
	static const char *const names[] = {
		[SPW_CAPACITY_UNKNOWN] = "unknown",
		[SPW_CAPACITY_SET] = "set",
		[SPW_CAPACITY_LEARNED] = "learned",
		[SPW_CAPACITY_RESTORED] = "restored",
	};

	for (u32 i = 0; i < governance->decision->services_count; i++)
		for (u32 origin = 0; origin < sizeof(names) / sizeof(*names); origin++)
			spw_page_count(page,
				       LABELS({"service", governance->policy->services[i]}, {"origin", names[origin]}),
				       governance->decision->services[i].origin == origin);
}

/* Absent while unknown: an autoscaler must not take that for "none". */
static void emit_hosts_wanted(struct spw_page *page, const void *values)
{
	const struct spw_governance *governance = values;

	for (u32 i = 0; i < governance->decision->services_count; i++)
		if (governance->decision->services[i].hosts_known)
			spw_page_number(page, LABELS({"service", governance->policy->services[i]}),
					governance->decision->services[i].hosts_wanted);
}

static void emit_share(struct spw_page *page, const void *values)
{
	const struct spw_governance *governance = values;

	for (u32 i = 0; i < governance->decision->services_count; i++)
		for (u32 rank = 0; rank < governance->policy->policy.classes_count; rank++)
			spw_page_number(page,
					LABELS({"service", governance->policy->services[i]},
					       {"class", governance->policy->classes[rank]}),
					governance->decision->services[i].classes[rank].share);
}

static void emit_established(struct spw_page *page, const void *values)
{
	const struct spw_governance *governance = values;

	for (u32 i = 0; governance->established && i < governance->decision->services_count; i++)
		for (u32 rank = 0; rank < governance->policy->policy.classes_count; rank++)
			if (governance->established[i].present)
				spw_page_count(page,
					       LABELS({"service", governance->policy->services[i]},
						      {"class", governance->policy->classes[rank]}),
					       governance->established[i].classes[rank].requests);
}

static void emit_withheld(struct spw_page *page, const void *values)
{
	const struct spw_governance *governance = values;

	for (u32 i = 0; governance->established && i < governance->decision->services_count; i++)
		for (u32 rank = 0; rank < governance->policy->policy.classes_count; rank++)
			if (governance->established[i].added)
				spw_page_number(page,
						LABELS({"service", governance->policy->services[i]},
						       {"class", governance->policy->classes[rank]}),
						governance->established[i].classes[rank].withheld_per_s);
}

static void emit_ended(struct spw_page *page, const void *values)
{
	static const char *const reasons[] = {[SPW_ENDING_SHARE] = "share", [SPW_ENDING_PATIENCE] = "patience"};
	const struct spw_governance *governance = values;

	for (u32 i = 0; governance->established && i < governance->decision->services_count; i++)
		for (u32 rank = 0; rank < governance->policy->policy.classes_count; rank++)
			for (u32 reason = SPW_ENDING_SHARE; reason < SPW_ENDING_REASONS; reason++)
				spw_page_count(page,
					       LABELS({"service", governance->policy->services[i]},
						      {"class", governance->policy->classes[rank]},
						      {"reason", reasons[reason]}),
					       governance->established[i].classes[rank].endings[reason]);
}

/* The kernel's histogram has four buckets per octave; every fourth is enough here. */
static void emit_read_wait(struct spw_page *page, const void *values)
{
	const struct spw_governance *governance = values;

	for (u32 i = 0; i < governance->decision->services_count; i++) {
		const struct spw_service_facts *facts = &governance->facts->services[i];
		const char *name = governance->policy->services[i];
		u64 count = 0;
		double seconds = 0;
		char limit[32];

		if (!facts->waits_present)
			continue;
		for (u32 bucket = 0; bucket < SPW_WAIT_BUCKETS; bucket++) {
			double end = (double)spw_wait_bucket_end_ns(bucket) / 1e9;

			count += facts->waits[bucket];
			seconds += (double)facts->waits[bucket] * end * 0.9; /* about its middle */
			if (bucket % SPW_WAIT_OCTAVE != SPW_WAIT_OCTAVE - 1 || bucket == SPW_WAIT_BUCKETS - 1)
				continue;
			snprintf(limit, sizeof(limit), "%.9g", end);
			spw_page_series(page, "_bucket", LABELS({"service", name}, {"le", limit}));
			fprintf(page->out, "%llu\n", (unsigned long long)count);
		}
		spw_page_series(page, "_bucket", LABELS({"service", name}, {"le", "+Inf"}));
		fprintf(page->out, "%llu\n", (unsigned long long)count);
		spw_page_series(page, "_sum", LABELS({"service", name}));
		fprintf(page->out, "%.9g\n", seconds);
		spw_page_series(page, "_count", LABELS({"service", name}));
		fprintf(page->out, "%llu\n", (unsigned long long)count);
	}
}

static void emit_queue(struct spw_page *page, const void *values)
{
	const struct spw_governance *governance = values;

	for (u32 i = 0; i < governance->decision->services_count; i++)
		if (governance->facts->services[i].queue_present)
			spw_page_count(page, LABELS({"service", governance->policy->services[i]}),
				       governance->facts->services[i].queue);
}

static void emit_signal_present(struct spw_page *page, const void *values)
{
	const struct spw_governance *governance = values;

	for (u32 i = 0; i < SPW_HOST_SIGNALS; i++)
		spw_page_count(page, LABELS({"signal", spw_signal_name(i)}, {"service", ""}),
			       governance->decision->host[i].present);
	for (u32 i = 0; i < governance->decision->services_count; i++) {
		const struct spw_service_facts *facts = &governance->facts->services[i];
		const char *name = governance->policy->services[i];

		spw_page_count(page, LABELS({"signal", "read_wait"}, {"service", name}), facts->waits_present);
		spw_page_count(page, LABELS({"signal", "accept_queue"}, {"service", name}), facts->queue_present);
		if (governance->policy->policy.services[i].probe_limit > 0)
			spw_page_count(page, LABELS({"signal", "probe"}, {"service", name}), facts->probe.present);
	}
}

static void emit_signal_value(struct spw_page *page, const void *values)
{
	const struct spw_governance *governance = values;

	for (u32 i = 0; i < SPW_HOST_SIGNALS; i++)
		if (governance->decision->host[i].present)
			spw_page_number(page, LABELS({"signal", spw_signal_name(i)}, {"service", ""}),
					governance->decision->host[i].value);
	for (u32 i = 0; i < governance->decision->services_count; i++)
		if (governance->facts->services[i].probe.present)
			spw_page_number(page, LABELS({"signal", "probe"}, {"service", governance->policy->services[i]}),
					governance->facts->services[i].probe.value);
}

static void emit_level_changes(struct spw_page *page, const void *values)
{
	const struct spw_governance *governance = values;

	for (u32 level = 0; level < SPW_LEVELS; level++)
		spw_page_count(page, LABELS({"level", spw_level_name(level)}), governance->pace->transitions[level]);
}

static void emit_history_ticks(struct spw_page *page, const void *values)
{
	const struct spw_governance *governance = values;

	spw_page_count(page, LABELS({"result", "kept"}), governance->history.ticks_kept);
	spw_page_count(page, LABELS({"result", "lost"}), governance->history.ticks_lost);
}

static const struct spw_family families[] = {
	{"spillway_service_level", "gauge", "Level that this service asks for; the level of the host is the highest.",
	 emit_service_level},
	{"spillway_service_demand_per_second", "gauge", "Fresh new work per second.", emit_demand},
	{"spillway_service_served_per_second", "gauge", "New work per second that the application serves; 0: unknown.",
	 emit_served},
	{"spillway_service_capacity_per_second", "gauge", "New work per second that the service can serve; 0: unknown.",
	 emit_capacity},
	{"spillway_service_capacity_origin", "gauge", "1 for the origin of the capacity.", emit_capacity_origin},
	{"spillway_service_budget_per_second", "gauge",
	 "New work per second that may pass now; 0: no budget, everything passes.", emit_budget},
	{"spillway_service_hosts_wanted", "gauge",
	 "Hosts like this one that the demand here needs, at 70 % of their capacity.", emit_hosts_wanted},
	{"spillway_service_wait_seconds", "gauge", "Wait that the decision uses: the median of the last tick.",
	 emit_wait},
	{"spillway_service_wait_target_seconds", "gauge", "Highest wait that the service should have.",
	 emit_wait_target},
	{"spillway_service_saturated", "gauge", "1: waits are above target.", emit_saturated},
	{"spillway_service_shedding_does_not_help", "gauge",
	 "1: waits stay above target although less than half of the capacity is admitted.", emit_helpless},
	{"spillway_class_share_ratio", "gauge", "Share of the class's sources that is admitted.", emit_share},
	{"spillway_established_requests_total", "counter",
	 "Requests on connections of which something was read before.", emit_established},
	{"spillway_established_withheld_per_second", "gauge", "Requests a second that ended connections would bring.",
	 emit_withheld},
	{"spillway_connections_ended_total", "counter", "Established connections that were ended.", emit_ended},
	{"spillway_read_wait_seconds", "histogram",
	 "Time from data ready to the application's read; the sum is an estimate.", emit_read_wait},
	{"spillway_accept_queue_connections", "gauge", "Connections that wait to be accepted.", emit_queue},
	{"spillway_signal_present", "gauge", "1: the signal is present; 0: it is absent and not used.",
	 emit_signal_present},
	{"spillway_signal_value", "gauge", "Signals of the host, and probes in the unit of their limit.",
	 emit_signal_value},
	{"spillway_blind", "gauge", "1: no service has any signal; the level decays to green.", emit_blind},
	{"spillway_level_changes_total", "counter", "Changes of the level, by the new level.", emit_level_changes},
	{"spillway_decisions_total", "counter", "Decisions; usually ten per second.", emit_decisions},
	{"spillway_decision_seconds_total", "counter",
	 "Time that decisions took, from reading the first fact to writing the admission.", emit_decision_seconds},
	{"spillway_decision_longest_seconds", "gauge", "Time of the longest decision since the agent was started.",
	 emit_decision_longest},
	{"spillway_history_ticks_total", "counter",
	 "Decisions kept in the history on disk, and lost because writing failed.", emit_history_ticks},
	{"spillway_history_bytes", "gauge", "Size of the history on disk.", emit_history_bytes},
};

void spw_view_governance_metrics(FILE *out, const struct spw_governance *governance)
{
	spw_page_write(out, families, sizeof(families) / sizeof(*families), governance);
	spw_view_meter_metrics(out, governance->meters, governance->policy);
}
