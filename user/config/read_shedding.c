/* SPDX-License-Identifier: GPL-2.0-only */
/* shedding: the parameters of the decision. Nobody has to touch them; docs/spillway.yaml.5 says what they do. */
#include "reader.h"

#define SECOND_NS 1000000000ULL
#define MS_NS	  1000000ULL

static void read_target(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	spw_read_percent(reader, value, 0.5, 1, "50% to 100%", &((struct spw_config_shedding *)into)->eta);
}

static void read_floor(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	spw_read_percent(reader, value, 0.05, 0.9, "5% to 90%", &((struct spw_config_shedding *)into)->floor);
}

static void read_ceiling(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	spw_read_percent(reader, value, 1, 3, "100% to 300%", &((struct spw_config_shedding *)into)->ceiling);
}

static void read_probe_rate(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	spw_read_percent(reader, value, 0, 0.2, "0% to 20%", &((struct spw_config_shedding *)into)->probe_per_s);
}

static void read_cpu_limit(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	spw_read_percent(reader, value, 0.5, 1, "50% to 100%", &((struct spw_config_shedding *)into)->cpu_limit);
}

static void read_drain(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	spw_read_duration(reader, value, 100 * MS_NS, 2 * SECOND_NS, "100ms to 2s",
			  &((struct spw_config_shedding *)into)->drain_ns);
}

static void read_depth(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	spw_read_duration(reader, value, 20 * MS_NS, SECOND_NS, "20ms to 1s",
			  &((struct spw_config_shedding *)into)->depth_ns);
}

static void read_hold(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	spw_read_duration(reader, value, SECOND_NS, 600 * SECOND_NS, "1s to 10m",
			  &((struct spw_config_shedding *)into)->hold_ns);
}

static void read_stay(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	spw_read_duration(reader, value, 10 * SECOND_NS, 86400 * SECOND_NS, "10s to 24h",
			  &((struct spw_config_shedding *)into)->stay_ns);
}

void spw_read_shedding(struct spw_reader *reader, const struct spw_node *value, void *config)
{
	static const struct spw_key keys[] = {
		{"target", read_target},    {"floor", read_floor},	   {"ceiling", read_ceiling},
		{"probe", read_probe_rate}, {"cpu_limit", read_cpu_limit}, {"drain", read_drain},
		{"depth", read_depth},	    {"hold", read_hold},	   {"stay", read_stay},
	};
	const struct spw_node *found[COUNT_OF(keys)];

	if (spw_find_keys(reader, value, "parameters such as { hold: 5s }", keys, COUNT_OF(keys), found))
		spw_read_found(reader, keys, COUNT_OF(keys), found, &((struct spw_config *)config)->shedding);
}
