/* SPDX-License-Identifier: GPL-2.0-only */
/* replay: what a different configuration would have decided over a recorded history. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/words.h"
#include "base/cleanup.h"
#include "store/events.h"
#include "store/history_reader.h"
#include "view/numbers.h"
#include "cmd.h"

#define NS_PER_S 1000000000ull
#define GAP_NS	 NS_PER_S /* after a longer gap nothing is compared (rule 1 of decide.c) */

static const char caveat[] =
	"The recorded facts depend on what was admitted: refused clients retry, and waits are those of the admitted "
	"load. So this shows how another configuration would have judged the same facts, not what would have happened.";

/* Maps a recorded tick to the new configuration. */
struct mapping {
	int services[SPW_SERVICES_MAX]; /* by new index: recorded index; -1: not recorded */
	u32 classes[SPW_CLASSES_MAX];	/* by recorded rank: new rank */
	u32 lost_classes;		/* recorded classes that the new configuration lacks: they go to its last */
	u32 lost_services;		/* new services that were not recorded */
};

/* Totals of the replay. */
struct totals {
	u64 ticks;
	u64 different; /* ticks with different levels */
	double recorded_s[SPW_LEVELS];
	double replayed_s[SPW_LEVELS];
	u64 recorded_changes;
	u64 replayed_changes;
	u64 begins; /* runs and reloads in the history */
	u64 from_ns;
	u64 to_ns;
};

struct replay {
	const struct spw_call *call;
	struct spw_named_policy policy; /* the new one */
	struct mapping mapping;
	struct spw_memory *memory;
	struct spw_facts facts;
	struct spw_decision decision;
	struct totals totals;
	u64 last_ns; /* of the tick before, by the recorded clock; 0: none */
	u8 last_recorded;
	u8 last_replayed;
	u8 shown_recorded;
	u8 shown_replayed;
	bool shown;
	json_t *rows; /* for -j */
	bool headed;
};

static void map_names(struct replay *replay, const struct spw_named_policy *recorded)
{
	struct mapping *mapping = &replay->mapping;

	memset(mapping, 0, sizeof(*mapping));
	for (u32 i = 0; i < replay->policy.policy.services_count; i++) {
		mapping->services[i] = spw_policy_service(recorded, replay->policy.services[i]);
		mapping->lost_services += mapping->services[i] < 0;
	}
	for (u32 rank = 0; rank < recorded->policy.classes_count; rank++) {
		int other = spw_policy_class(&replay->policy, recorded->classes[rank]);

		mapping->lost_classes += other < 0;
		mapping->classes[rank] = other < 0 ? replay->policy.policy.classes_count - 1 : (u32)other;
	}
}

/* The recorded facts, indexed for the new configuration. */
static void map_facts(struct replay *replay, const struct spw_record *record, u32 recorded_classes)
{
	struct spw_facts *facts = &replay->facts;

	facts->now_ns = record->facts.now_ns;
	memcpy(facts->host, record->facts.host, sizeof(facts->host));
	facts->services_count = replay->policy.policy.services_count;
	for (u32 i = 0; i < facts->services_count; i++) {
		struct spw_service_facts *to = &facts->services[i];
		const struct spw_service_facts *from;

		memset(to, 0, sizeof(*to));
		if (replay->mapping.services[i] < 0)
			continue;
		from = &record->facts.services[replay->mapping.services[i]];
		*to = *from;
		memset(to->fresh, 0, sizeof(to->fresh));
		memset(to->resent, 0, sizeof(to->resent));
		memset(to->crowded, 0, sizeof(to->crowded));
		for (u32 rank = 0; rank < recorded_classes; rank++) {
			for (u32 verdict = 0; verdict < SPW_VERDICTS; verdict++) {
				to->fresh[replay->mapping.classes[rank]][verdict] += from->fresh[rank][verdict];
				to->resent[replay->mapping.classes[rank]][verdict] += from->resent[rank][verdict];
			}
			to->crowded[replay->mapping.classes[rank]] += from->crowded[rank];
		}
	}
}

/* Another run, or a reload: start with what was known then. */
static int begin(struct replay *replay, const struct spw_history_tick *tick)
{
	map_names(replay, tick->policy);
	spw_memory_free(replay->memory);
	replay->memory = spw_memory_new();
	if (!replay->memory)
		return -1;
	for (u32 i = 0; i < replay->policy.policy.services_count; i++)
		if (replay->mapping.services[i] >= 0)
			*spw_memory_learned(replay->memory, i) = tick->learned[replay->mapping.services[i]];
	replay->totals.begins++;
	replay->last_ns = 0;
	return 0;
}

static void count_time(struct replay *replay, const struct spw_history_tick *tick)
{
	struct totals *totals = &replay->totals;
	u64 now = tick->record->facts.now_ns;

	if (replay->last_ns && now > replay->last_ns && now - replay->last_ns <= GAP_NS) {
		double seconds = (double)(now - replay->last_ns) / NS_PER_S;

		totals->recorded_s[replay->last_recorded] += seconds;
		totals->replayed_s[replay->last_replayed] += seconds;
		totals->recorded_changes += tick->record->decision.level != replay->last_recorded;
		totals->replayed_changes += replay->decision.level != replay->last_replayed;
	}
	totals->ticks++;
	totals->different += tick->record->decision.level != replay->decision.level;
	if (!totals->from_ns)
		totals->from_ns = tick->wall_ns;
	totals->to_ns = tick->wall_ns;
	replay->last_ns = now;
	replay->last_recorded = tick->record->decision.level;
	replay->last_replayed = replay->decision.level;
}

/* The budget of the service that decided the level. */
static double budget_of(const struct spw_decision *decision)
{
	return decision->service < decision->services_count ? decision->services[decision->service].budget_per_s : 0;
}

static double demand_of(const struct spw_decision *decision)
{
	return decision->service < decision->services_count ? decision->services[decision->service].demand_per_s : 0;
}

static void put_row_json(struct replay *replay, const struct spw_history_tick *tick)
{
	const struct spw_decision *was = &tick->record->decision, *would = &replay->decision;
	char at[32];

	json_array_append_new(replay->rows,
			      json_pack("{s:s,s:{s:s,s:f,s:i},s:{s:s,s:f,s:i},s:f}", "at",
					spw_events_time(tick->wall_ns, at), "recorded", "level",
					spw_level_name(was->level), "budget_per_s", budget_of(was), "rule", was->rule,
					"replayed", "level", spw_level_name(would->level), "budget_per_s",
					budget_of(would), "rule", would->rule, "demand_per_s", demand_of(would)));
}

static void put_row_text(struct replay *replay, const struct spw_history_tick *tick)
{
	const struct spw_decision *was = &tick->record->decision, *would = &replay->decision;
	time_t seconds = (time_t)(tick->wall_ns / NS_PER_S);
	char at[40] = "?", number[SPW_SHORT_TEXT];
	struct tm parts;

	if (localtime_r(&seconds, &parts))
		strftime(at, sizeof(at), "%Y-%m-%d %H:%M:%S", &parts);
	if (!replay->headed)
		printf("%-19s %12s  %-8s %12s  %-8s %12s\n", "time", "demand/s", "recorded", "budget/s", "replayed",
		       "budget/s");
	replay->headed = true;
	printf("%-19s %12s", at, spw_long_count((u64)demand_of(would), number));
	printf("  %-8s %12s", spw_level_name(was->level), spw_long_count((u64)budget_of(was), number));
	printf("  %-8s %12s%s\n", spw_level_name(would->level), spw_long_count((u64)budget_of(would), number),
	       was->level != would->level ? "  *" : "");
}

/* Print a row if either level changed. */
static void show(struct replay *replay, const struct spw_history_tick *tick)
{
	u8 was = tick->record->decision.level, would = replay->decision.level;

	if (replay->shown && was == replay->shown_recorded && would == replay->shown_replayed)
		return;
	replay->shown = true;
	replay->shown_recorded = was;
	replay->shown_replayed = would;
	if (replay->call->json)
		put_row_json(replay, tick);
	else
		put_row_text(replay, tick);
}

static int replay_tick(struct replay *replay, const struct spw_history_tick *tick)
{
	if (tick->begins && begin(replay, tick))
		return -1;
	if (tick->after_gap && !tick->begins)
		spw_memory_forget_rates(replay->memory);
	map_facts(replay, tick->record, tick->policy->policy.classes_count);
	spw_decide(replay->memory, &replay->policy.policy, &tick->record->override, &replay->facts, &replay->decision);
	count_time(replay, tick);
	show(replay, tick);
	return 0;
}

static void warn(const struct replay *replay, const struct spw_history_reader *reader)
{
	if (*spw_history_damage(reader))
		fprintf(stderr, "spillway: warning: %s\n", spw_history_damage(reader));
	if (replay->mapping.lost_classes)
		fprintf(stderr,
			"spillway: warning: %u recorded classes are not in this configuration; their traffic "
			"counts in the last class\n",
			replay->mapping.lost_classes);
	if (replay->mapping.lost_services)
		fprintf(stderr, "spillway: warning: %u services were not recorded\n", replay->mapping.lost_services);
}

static int print_totals_json(struct replay *replay)
{
	struct totals *totals = &replay->totals;
	json_t *recorded = json_object(), *replayed = json_object();
	char from[32], to[32];
	json_t *object;

	for (u32 level = 0; level < SPW_LEVELS; level++) {
		json_object_set_new(recorded, spw_level_name(level), json_real(totals->recorded_s[level]));
		json_object_set_new(replayed, spw_level_name(level), json_real(totals->replayed_s[level]));
	}
	object = json_pack("{s:s,s:s,s:I,s:I,s:I,s:{s:I,s:o},s:{s:I,s:o},s:s,s:O}", "from",
			   spw_events_time(totals->from_ns, from), "to", spw_events_time(totals->to_ns, to), "ticks",
			   (json_int_t)totals->ticks, "ticks_with_another_level", (json_int_t)totals->different, "runs",
			   (json_int_t)totals->begins, "recorded", "changes", (json_int_t)totals->recorded_changes,
			   "seconds", recorded, "replayed", "changes", (json_int_t)totals->replayed_changes, "seconds",
			   replayed, "caveat", caveat, "rows", replay->rows);
	if (!object || json_dumpf(object, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(9)))
		return spw_fail("out of memory");
	putchar('\n');
	json_decref(object);
	return SPW_EXIT_DONE;
}

static int print_totals(struct replay *replay)
{
	const struct totals *totals = &replay->totals;

	if (replay->call->json)
		return print_totals_json(replay);
	printf("\n%-19s", "seconds at level");
	for (u32 level = 0; level < SPW_LEVELS; level++)
		printf(" %10s", spw_level_name(level));
	printf(" %10s\n%-19s", "changes", "recorded");
	for (u32 level = 0; level < SPW_LEVELS; level++)
		printf(" %10.1f", totals->recorded_s[level]);
	printf(" %10llu\n%-19s", (unsigned long long)totals->recorded_changes, "replayed");
	for (u32 level = 0; level < SPW_LEVELS; level++)
		printf(" %10.1f", totals->replayed_s[level]);
	printf(" %10llu\n\n%llu of %llu ticks would have had another level.\n%s\n",
	       (unsigned long long)totals->replayed_changes, (unsigned long long)totals->different,
	       (unsigned long long)totals->ticks, caveat);
	return SPW_EXIT_DONE;
}

static int replay_history(struct replay *replay, const char *path)
{
	struct spw_history_reader *reader;
	char message[SPW_MESSAGE_MAX];
	struct spw_history_tick tick;
	int got = 1, status = SPW_EXIT_DONE;

	if (spw_history_read(path, &reader, message))
		return spw_fail("%s", message);
	while (status == SPW_EXIT_DONE && (got = spw_history_next(reader, &tick)) == 1)
		if (replay_tick(replay, &tick))
			status = spw_fail("out of memory");
	warn(replay, reader);
	spw_history_read_end(reader);
	if (got < 0)
		status = spw_fail("cannot read the history at %s to its end: %s", path, strerror(-got));
	if (status == SPW_EXIT_DONE && !replay->totals.ticks)
		return spw_fail("the history at %s holds no decision", path);
	return status == SPW_EXIT_DONE ? print_totals(replay) : status;
}

static int run(const struct spw_call *call, int argc, char **argv)
{
	struct replay *replay = calloc(1, sizeof(*replay));
	struct spw_diagnostics diagnostics = {0};
	struct spw_config config;
	const char *path;
	int status;

	if (!replay)
		return spw_fail("out of memory");
	if (argc > 2) {
		free(replay);
		return spw_usage(&spw_verb_replay, "unexpected '%s'", argv[2]);
	}
	status = spw_config_load(call->config_path, &config, &diagnostics) ? SPW_EXIT_FAILED : SPW_EXIT_DONE;
	if (status != SPW_EXIT_DONE)
		spw_print_diagnostics(&diagnostics);
	path = argc == 2 ? argv[1] : config.state_dir;
	if (status == SPW_EXIT_DONE && !config.services_count)
		status = spw_fail("%s: no services, so there is nothing to decide", call->config_path);
	if (status == SPW_EXIT_DONE) {
		replay->call = call;
		replay->rows = json_array();
		spw_policy_make(&config, NULL, NULL, &replay->policy);
		status = replay_history(replay, path);
		json_decref(replay->rows);
		spw_memory_free(replay->memory);
	}
	spw_diagnostics_free(&diagnostics);
	spw_config_free(&config);
	free(replay);
	return status;
}

const struct spw_verb spw_verb_replay = {
	.name = "replay",
	.usage = "[HISTORY]",
	.summary = "Show what a configuration would have decided over the recorded history",
	.help = "  spillway -c NEW.yaml replay                      over the history in its state_dir\n"
		"  spillway -c NEW.yaml replay /var/lib/spillway    over the history in another folder\n"
		"  spillway replay FILE                             over one segment of it\n\n"
		"Decides again from what was known at each tick. Prints each change of the recorded or the replayed level, with *\n"
		"where they differ, then the time at each level. Classes and services are matched by name.\n"
		"This is no forecast: the recorded figures depend on what was admitted at the time.\n",
	.run = run,
};
