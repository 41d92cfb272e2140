/* SPDX-License-Identifier: GPL-2.0-only */
/* See talkers.h. */
#include "talkers.h"

#include <stdlib.h>
#include <string.h>

#include "core/words.h"
#include "json.h"
#include "page.h"

static const char *const orders[SPW_TALKER_ORDERS] = {
	[SPW_BY_PACKETS] = "packets",
	[SPW_BY_BYTES] = "bytes",
	[SPW_BY_NEW] = "new",
	[SPW_BY_DROPPED] = "dropped",
};

const char *spw_talker_order_name(u32 order)
{
	return order < SPW_TALKER_ORDERS ? orders[order] : "?";
}

int spw_talker_order_parse(const char *name)
{
	for (int order = 0; order < SPW_TALKER_ORDERS; order++)
		if (!strcmp(orders[order], name))
			return order;
	return -1;
}

/* ---- JSON ---- */

/* To a thousandth: rates are no more exact. */
static json_t *rate_json(double rate)
{
	return json_real((double)(u64)(rate * 1000 + 0.5) / 1000);
}

static const char *talker_text(const struct spw_talker *talker, char text[SPW_PREFIX_TEXT])
{
	const struct spw_prefix prefix = {{talker->source_hi, 0}, talker->family, talker->length};

	if (talker->family == 4 && talker->length == 32)
		return spw_addr_format(&prefix.addr, 4, text);
	return spw_prefix_format(&prefix, text);
}

static json_t *name_json(const char *name, u32 state)
{
	return state != SPW_RECORD_FREE ? spw_json_text(name) : json_null();
}

static json_t *talker_json(const struct spw_talkers_view *view, const struct spw_talker *talker)
{
	const struct spw_class_record *class = &view->registry->classes[talker->class_id % SPW_CLASSES_MAX];
	const struct spw_list_record *list = &view->registry->lists[talker->list % SPW_LISTS_MAX];
	struct spw_json object = spw_json_object();
	char text[SPW_PREFIX_TEXT];

	spw_json_set(&object, "source", json_string(talker_text(talker, text)));
	spw_json_set(&object, "class", name_json(class->name, class->state));
	spw_json_set(&object, "list", talker->list ? name_json(list->name, list->state) : json_null());
	spw_json_set(&object, "packets_per_s", rate_json(talker->packets_per_s));
	spw_json_set(&object, "bytes_per_s", rate_json(talker->bytes_per_s));
	spw_json_set(&object, "new_per_s", rate_json(talker->new_per_s));
	spw_json_set(&object, "dropped_per_s", rate_json(talker->dropped_per_s));
	spw_json_set(&object, "error_per_s", rate_json(talker->error_per_s));
	spw_json_set(&object, "margin_per_s", rate_json(talker->margin_per_s));
	return spw_json_finish(&object);
}

static json_t *table_json(const struct spw_talkers_view *view, enum spw_talker_kind kind, enum spw_talker_order order,
			  u32 most)
{
	struct spw_talker *top = calloc(most ? most : 1, sizeof(*top));
	struct spw_json array = spw_json_array();
	u32 count = top ? spw_talkers_top(view->talkers, kind, order, most, top) : 0;

	for (u32 i = 0; i < count; i++)
		spw_json_add(&array, talker_json(view, &top[i]));
	free(top);
	return spw_json_finish(&array);
}

static json_t *service_json(const char *name, const struct spw_service_decision *service)
{
	struct spw_json object = spw_json_object();

	spw_json_set(&object, "service", spw_json_text(name));
	spw_json_set(&object, "demand_per_s", rate_json(service->demand_per_s));
	spw_json_set(&object, "admitted_per_s", rate_json(service->admitted_per_s));
	spw_json_set(&object, "capacity_per_s",
		     service->capacity_per_s > 0 ? rate_json(service->capacity_per_s) : json_null());
	spw_json_set(&object, "budget_per_s",
		     service->budget_per_s > 0 ? rate_json(service->budget_per_s) : json_null());
	spw_json_set(&object, "wait_s",
		     service->wait_source != SPW_WAIT_NONE ? spw_json_seconds(service->wait_ns) : json_null());
	spw_json_set(&object, "wait_target_s", spw_json_seconds(service->wait_target_ns));
	spw_json_set(&object, "saturated", json_boolean(service->saturated));
	return spw_json_finish(&object);
}

static json_t *services_json(const struct spw_talkers_view *view)
{
	struct spw_json array = spw_json_array();

	for (u32 i = 0; view->decision && i < view->decision->services_count; i++)
		spw_json_add(&array, service_json(view->policy->services[i], &view->decision->services[i]));
	return spw_json_finish(&array);
}

/* Share of its sources at the service that admits the fewest. */
static double least_share(const struct spw_decision *decision, u32 rank)
{
	double least = 1;

	for (u32 i = 0; i < decision->services_count; i++)
		if (decision->services[i].classes[rank].share < least)
			least = decision->services[i].classes[rank].share;
	return least;
}

static json_t *shares_json(const struct spw_talkers_view *view)
{
	struct spw_json object = spw_json_object();

	for (u32 rank = 0; view->decision && rank < view->decision->classes_count; rank++)
		spw_json_set(&object, view->policy->classes[rank], rate_json(least_share(view->decision, rank)));
	return spw_json_finish(&object);
}

static json_t *host_json(const struct spw_talkers_view *view)
{
	struct spw_json object = spw_json_object();

	for (u32 signal = 0; view->decision && signal < SPW_HOST_SIGNALS; signal++)
		spw_json_set(&object, spw_signal_name(signal),
			     view->decision->host[signal].present ? rate_json(view->decision->host[signal].value)
								  : json_null());
	return spw_json_finish(&object);
}

static json_t *one_in_json(const struct spw_talkers_view *view)
{
	struct spw_json object = spw_json_object();

	for (u32 verdict = 0; verdict < SPW_VERDICTS; verdict++)
		spw_json_set(&object, spw_verdict_name(verdict), json_integer(1 << view->choices[verdict].shift));
	return spw_json_finish(&object);
}

static json_t *few_json(const struct spw_talkers_view *view)
{
	double new_per_s = spw_talkers_total(view->origins);
	double sources = spw_talkers_few(view->origins, SPW_TALKER_SOURCE);
	double prefixes = spw_talkers_few(view->origins, SPW_TALKER_PREFIX);
	struct spw_json object = spw_json_object();

	spw_json_set(&object, "new_per_s", rate_json(new_per_s));
	spw_json_set(&object, "sources_share", rate_json(sources));
	spw_json_set(&object, "prefixes_share", rate_json(prefixes));
	spw_json_set(&object, "most",
		     json_boolean(new_per_s >= SPW_FEW_PER_S &&
				  (sources > SPW_FEW_SOURCE_SHARE || prefixes > SPW_FEW_PREFIX_SHARE)));
	return spw_json_finish(&object);
}

json_t *spw_view_talkers_json(const struct spw_talkers_view *view, enum spw_talker_order order, u32 most)
{
	struct spw_json object = spw_json_object();

	spw_json_set(&object, "ok", json_true());
	spw_json_set(&object, "by", json_string(spw_talker_order_name(order)));
	spw_json_set(&object, "one_in", one_in_json(view));
	spw_json_set(&object, "host", host_json(view));
	spw_json_set(&object, "services", services_json(view));
	spw_json_set(&object, "shares", shares_json(view));
	spw_json_set(&object, "few", few_json(view));
	spw_json_set(&object, "sources", table_json(view, SPW_TALKER_SOURCE, order, most));
	spw_json_set(&object, "prefixes", table_json(view, SPW_TALKER_PREFIX, order, most));
	return spw_json_finish(&object);
}

/* ---- metrics ---- */

static const char *const kinds[SPW_TALKER_KINDS] = {[SPW_TALKER_SOURCE] = "source", [SPW_TALKER_PREFIX] = "prefix"};

static void emit_one_in(struct spw_page *page, const void *values)
{
	const struct spw_talkers_view *view = values;

	for (u32 verdict = 0; verdict < SPW_VERDICTS; verdict++)
		spw_page_count(page, LABELS({"verdict", spw_verdict_name(verdict)}),
			       1ull << view->choices[verdict].shift);
}

static void emit_talkers(struct spw_page *page, const void *values)
{
	const struct spw_talkers_view *view = values;

	for (u32 kind = 0; kind < SPW_TALKER_KINDS; kind++)
		spw_page_count(page, LABELS({"kind", kinds[kind]}), spw_talkers_count(view->talkers, kind));
}

static void emit_bound(struct spw_page *page, const void *values)
{
	const struct spw_talkers_view *view = values;

	for (u32 kind = 0; kind < SPW_TALKER_KINDS; kind++)
		spw_page_number(page, LABELS({"kind", kinds[kind]}), spw_talkers_bound(view->talkers, kind));
}

static void emit_heaviest(struct spw_page *page, const void *values)
{
	const struct spw_talkers_view *view = values;

	for (u32 kind = 0; kind < SPW_TALKER_KINDS; kind++) {
		struct spw_talker top = {0};

		spw_talkers_top(view->talkers, kind, SPW_BY_PACKETS, 1, &top);
		spw_page_number(page, LABELS({"kind", kinds[kind]}), top.packets_per_s);
	}
}

static void emit_few(struct spw_page *page, const void *values)
{
	const struct spw_talkers_view *view = values;

	for (u32 kind = 0; kind < SPW_TALKER_KINDS; kind++)
		spw_page_number(page, LABELS({"kind", kinds[kind]}), spw_talkers_few(view->origins, kind));
}

static void emit_odd_sources(struct spw_page *page, const void *values)
{
	const struct spw_talkers_view *view = values;

	for (u32 kind = SPW_SOURCE_ORDINARY + 1; kind < SPW_SOURCE_KINDS; kind++)
		spw_page_count(page, LABELS({"kind", spw_source_kind_name(kind)}), view->kinds[kind]);
}

static void emit_streams(struct spw_page *page, const void *values)
{
	const struct spw_talkers_view *view = values;

	spw_page_count(page, NULL, view->streams);
}

static void emit_streams_lost(struct spw_page *page, const void *values)
{
	const struct spw_talkers_view *view = values;

	spw_page_count(page, NULL, view->streams_lost);
}

static const struct spw_family families[] = {
	{"spillway_sampling_one_in", "gauge", "One packet in this many is sampled, by verdict.", emit_one_in},
	{"spillway_talkers", "gauge", "Sources and prefixes in the tables of talkers.", emit_talkers},
	{"spillway_talkers_error_packets_per_second", "gauge",
	 "Upper bound of the rate of a source or prefix outside the table, and of the error of those in it.",
	 emit_bound},
	{"spillway_talkers_heaviest_packets_per_second", "gauge",
	 "Estimated rate of the heaviest source and of the heaviest prefix.", emit_heaviest},
	{"spillway_few_sources_new_work_share", "gauge",
	 "Share of new work, over minutes, from the 8 heaviest sources and from the 8 heaviest prefixes.", emit_few},
	{"spillway_odd_source_packets_total", "counter",
	 "Packets from bogons (sources that no client can have), estimated from samples since the agent's start.",
	 emit_odd_sources},
	{"spillway_drop_followers", "gauge", "Connections to the control socket that follow the sampled drops.",
	 emit_streams},
	{"spillway_drop_followers_lost_total", "counter", "Sampled drops that slow followers missed.",
	 emit_streams_lost},
};

void spw_view_talkers_metrics(FILE *out, const struct spw_talkers_view *view)
{
	spw_page_write(out, families, sizeof(families) / sizeof(*families), view);
}
