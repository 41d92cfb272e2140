/* SPDX-License-Identifier: GPL-2.0-only */
#include "recent_events.h"

#include "store/events.h"

/* Only these are shown: words and names of the configuration, numbers, and sentences made of them. */
static const char *const shown[] = {
	"level",     "former",	 "service",   "reason",	 "observing", "ok",	"generation",
	"interface", "mode",	 "hook",      "exit",	 "seconds",   "signal", "source",
	"present",   "helpless", "timed_out", "version", "ending",    "ended",	"class",
};

void recent_events_add(struct recent_events *recent, u64 wall_ns, const char *event, const json_t *fields)
{
	char at[32];
	json_t *copy = json_pack("{s:s,s:s}", "at", spw_events_time(wall_ns, at), "event", event);

	for (size_t i = 0; copy && i < sizeof(shown) / sizeof(*shown); i++) {
		json_t *value = json_object_get(fields, shown[i]);

		if (value)
			json_object_set(copy, shown[i], value);
	}
	json_decref(recent->events[recent->next]);
	recent->events[recent->next] = copy;
	recent->next = (recent->next + 1) % RECENT_EVENTS_MAX;
}

json_t *recent_events_json(const struct recent_events *recent)
{
	json_t *array = json_array();

	for (u32 age = 1; array && age <= RECENT_EVENTS_MAX; age++) {
		json_t *event = recent->events[(recent->next + RECENT_EVENTS_MAX - age) % RECENT_EVENTS_MAX];

		if (event)
			json_array_append(array, event);
	}
	return array;
}

void recent_events_free(struct recent_events *recent)
{
	for (u32 i = 0; i < RECENT_EVENTS_MAX; i++)
		json_decref(recent->events[i]);
}
