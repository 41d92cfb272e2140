/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Limits on the page for Prometheus: fill of the meters, share of sources limited wrongly, current fair shares. What
 * the limits refuse is in metrics.c, as those counters are pinned.
 */
#include "config/policy.h"
#include "core/words.h"
#include "limiter.h"
#include "page.h"

static const char *const rows[SPW_ROWS] = {"0", "1"};

struct scene {
	const struct spw_meter_state *meters;
	const struct spw_named_policy *policy;
};

static void emit_used(struct spw_page *page, const void *values)
{
	const struct scene *scene = values;

	for (u32 table = 0; table < SPW_METER_TABLES; table++)
		for (u32 row = 0; row < SPW_ROWS && scene->meters->fill[table].scans; row++)
			spw_page_number(page, LABELS({"table", spw_scope_name(table)}, {"row", rows[row]}),
					scene->meters->fill[table].rows[row].used);
}

static void emit_over(struct spw_page *page, const void *values)
{
	const struct scene *scene = values;

	for (u32 table = 0; table < SPW_METER_TABLES; table++)
		for (u32 row = 0; row < SPW_ROWS && scene->meters->fill[table].scans; row++)
			spw_page_number(page, LABELS({"table", spw_scope_name(table)}, {"row", rows[row]}),
					scene->meters->fill[table].rows[row].over);
}

static void emit_wrong(struct spw_page *page, const void *values)
{
	const struct scene *scene = values;

	for (u32 table = 0; table < SPW_METER_TABLES; table++)
		if (scene->meters->fill[table].scans)
			spw_page_number(page, LABELS({"table", spw_scope_name(table)}),
					spw_fill_wrong(&scene->meters->fill[table], scene->meters->warming));
}

static void emit_cells(struct spw_page *page, const void *values)
{
	static const u64 cells[SPW_METER_TABLES] = {SPW_SOURCE_CELLS, SPW_PREFIX_CELLS};

	(void)values;
	for (u32 table = 0; table < SPW_METER_TABLES; table++)
		spw_page_count(page, LABELS({"table", spw_scope_name(table)}), cells[table] * SPW_ROWS);
}

static void emit_warming(struct spw_page *page, const void *values)
{
	const struct scene *scene = values;

	spw_page_count(page, NULL, scene->meters->warming[0] || scene->meters->warming[1]);
}

static void emit_reseeds(struct spw_page *page, const void *values)
{
	const struct scene *scene = values;

	spw_page_count(page, NULL, scene->meters->reseeds);
}

/* Only while a fair share is in force. */
static void emit_fair(struct spw_page *page, const void *values)
{
	const struct scene *scene = values;

	for (u32 rank = 0; rank < scene->meters->classes_count; rank++)
		if (scene->meters->fair_per_s[rank] > 0)
			spw_page_number(page, LABELS({"class", scene->policy->classes[rank]}),
					scene->meters->fair_per_s[rank]);
}

static void emit_scan(struct spw_page *page, const void *values)
{
	const struct scene *scene = values;

	spw_page_seconds(page, NULL, scene->meters->longest_scan_ns);
}

static void emit_sessions(struct spw_page *page, const void *values)
{
	const struct scene *scene = values;

	if (scene->meters->sessions.known)
		spw_page_count(page, NULL, scene->meters->sessions.sessions);
}

static const struct spw_family families[] = {
	{"spillway_meter_cells", "gauge", "Meter cells by table; a fixed number.", emit_cells},
	{"spillway_meter_used_ratio", "gauge", "Share of the cells of a row that are in use.", emit_used},
	{"spillway_meter_over_ratio", "gauge", "Share of the cells of a row above the smallest burst in force.",
	 emit_over},
	{"spillway_meter_wrong_ratio", "gauge",
	 "Expected share of sources (prefixes) that are limited because they share cells with others in every row.",
	 emit_wrong},
	{"spillway_meter_warming", "gauge", "1: a row has a new seed and is not used for verdicts yet.", emit_warming},
	{"spillway_meter_reseeds_total", "counter", "New seeds of rows since the agent was started.", emit_reseeds},
	{"spillway_meter_scan_seconds_max", "gauge", "Longest time that a tick spent on scanning the meters.",
	 emit_scan},
	{"spillway_class_fair_per_second", "gauge",
	 "New work per second that is allowed to one source or prefix of a class with fair: true.", emit_fair},
	{"spillway_udp_sessions", "gauge", "UDP sessions that are remembered.", emit_sessions},
};

void spw_view_meter_metrics(FILE *out, const struct spw_meter_state *meters, const struct spw_named_policy *policy)
{
	const struct scene scene = {meters, policy};

	spw_page_write(out, families, sizeof(families) / sizeof(*families), &scene);
}
