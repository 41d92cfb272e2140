/* SPDX-License-Identifier: GPL-2.0-only */
#include "light.h"

#include <string.h>

#include "numbers.h"
#include "reason.h"
#include "page.h"

static const struct spw_light_service_state *find(const struct spw_light_state *state, const char *service)
{
	for (size_t i = 0; state && i < state->count; i++)
		if (!strcmp(state->services[i].service, service))
			return &state->services[i];
	return NULL;
}

void spw_view_light(FILE *out, const struct spw_light_state *state, const char *service, int label_columns)
{
	const struct spw_light_service_state *light = find(state, service);
	static const char *const ready[] = {
		[0] = "nobody listens on ",
		[SPW_LIGHT_IPV4] = "a listener for IPv4 only on ",
		[SPW_LIGHT_IPV6] = "a listener for IPv6 only on ",
		[SPW_LIGHT_IPV4 | SPW_LIGHT_IPV6] = "listens on ",
	};
	char rate[SPW_SHORT_TEXT], answered[SPW_SHORT_TEXT], over[SPW_SHORT_TEXT];

	if (!light)
		return;
	fprintf(out, "  %-*s%s", label_columns, "light", ready[light->ready & (SPW_LIGHT_IPV4 | SPW_LIGHT_IPV6)]);
	for (size_t i = 0; i < light->ports_count; i++)
		fprintf(out, i ? ", %u" : "%u", light->ports[i]);
	if (!light->ready)
		fprintf(out, ", so what is refused is dropped");
	if (*state->problem)
		fprintf(out, " (%s)", state->problem);
	fprintf(out, "; up to %s; %s answered, %s beyond that and dropped\n",
		spw_per_second((double)light->per_s, rate), spw_long_count(light->answered, answered),
		spw_long_count(light->over, over));
}

json_t *spw_view_light_json(const struct spw_light_state *state, const char *service)
{
	const struct spw_light_service_state *light = find(state, service);
	struct spw_json object, ports;

	if (!light)
		return json_null();
	object = spw_json_object();
	ports = spw_json_array();
	for (size_t i = 0; i < light->ports_count; i++)
		spw_json_add(&ports, json_integer(light->ports[i]));
	spw_json_set(&object, "tcp", spw_json_finish(&ports));
	spw_json_set(&object, "per_second", spw_json_count(light->per_s));
	spw_json_set(&object, "ready_ipv4", json_boolean(light->ready & SPW_LIGHT_IPV4));
	spw_json_set(&object, "ready_ipv6", json_boolean(light->ready & SPW_LIGHT_IPV6));
	spw_json_set(&object, "answered", spw_json_count(light->answered));
	spw_json_set(&object, "over", spw_json_count(light->over));
	spw_json_set(&object, "problem", spw_json_text_or_null(state->problem));
	return spw_json_finish(&object);
}

static void emit_ready(struct spw_page *page, const void *values)
{
	const struct spw_light_state *state = values;

	for (size_t i = 0; i < state->count; i++) {
		spw_page_count(page, LABELS({"service", state->services[i].service}, {"family", "4"}),
			       !!(state->services[i].ready & SPW_LIGHT_IPV4));
		spw_page_count(page, LABELS({"service", state->services[i].service}, {"family", "6"}),
			       !!(state->services[i].ready & SPW_LIGHT_IPV6));
	}
}

static void emit_orphans(struct spw_page *page, const void *values)
{
	const struct spw_light_state *state = values;

	if (state->count)
		spw_page_count(page, NULL, state->orphans);
}

static const struct spw_family families[] = {
	{"spillway_light_ready", "gauge", "1: the light listeners of the service take connections.", emit_ready},
	{"spillway_light_orphans_total", "counter",
	 "Packets for a light listener that were refused as it had just gone.", emit_orphans},
};

void spw_view_light_metrics(FILE *out, const struct spw_light_state *state)
{
	spw_page_write(out, families, sizeof(families) / sizeof(*families), state);
}
