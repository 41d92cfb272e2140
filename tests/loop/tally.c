// SPDX-License-Identifier: GPL-2.0-only
/*
 * Converts outcomes of visits to figures at the end of a run. Rates, shares and quantiles are of visits that began in
 * measured segments; times in seconds count from the beginning of the first of these.
 */
#include "tally.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define QUICK_MS 250

/* Sums over visits. */
struct sums {
	size_t offered, good, answered, quick, refused, broken, timeout, unsent;
	size_t resent; /* SYNs */
	double first_drop_s, first_broken_s, first_failure_s;
	float *latency_ms; /* of the answered; space for @offered */
};

static const struct sums no_sums = {.first_drop_s = NAN, .first_broken_s = NAN, .first_failure_s = NAN};

static void note_first(double *first, double at)
{
	if (isnan(*first) || at < *first)
		*first = at;
}

static bool is_good(const struct loop_run *run, const struct loop_arrival *arrival)
{
	return arrival->outcome == LOOP_ANSWERED && arrival->latency_us <= run->good_ms * 1000;
}

/*
 * A drop is a SYN without an answer within its first second, or a refusal. A broken promise is a visitor who was
 * admitted at the first SYN, and then not served in time.
 */
static void note_times(const struct loop_run *run, struct sums *sums, const struct loop_arrival *arrival, double at)
{
	double end = at + arrival->latency_us / 1e6;

	if (arrival->resent || (!arrival->connected && arrival->latency_us > 900000))
		note_first(&sums->first_drop_s, at);
	if (arrival->outcome == LOOP_REFUSED)
		note_first(&sums->first_drop_s, end);
	if (!is_good(run, arrival))
		note_first(&sums->first_failure_s, at);
	if (arrival->connected && !arrival->resent && arrival->outcome != LOOP_REFUSED && !is_good(run, arrival))
		note_first(&sums->first_broken_s, at);
}

static void add(const struct loop_run *run, struct sums *sums, const struct loop_arrival *arrival, double at)
{
	sums->offered++;
	sums->resent += arrival->resent;
	sums->good += is_good(run, arrival);
	sums->refused += arrival->outcome == LOOP_REFUSED;
	sums->broken += arrival->outcome == LOOP_BROKEN;
	sums->timeout += arrival->outcome == LOOP_TIMEOUT;
	sums->unsent += arrival->outcome == LOOP_UNSENT || arrival->outcome == LOOP_PENDING;
	if (arrival->outcome == LOOP_ANSWERED) {
		if (sums->latency_ms)
			sums->latency_ms[sums->answered] = (float)arrival->latency_us / 1000;
		sums->answered++;
		sums->quick += arrival->latency_us <= QUICK_MS * 1000;
	}
	note_times(run, sums, arrival, at);
}

static int compare(const void *left, const void *right)
{
	float a = *(const float *)left, b = *(const float *)right;

	return (a > b) - (a < b);
}

/* The smallest value not exceeded by @part of all. */
static double quantile(const struct sums *sums, double part)
{
	size_t rank = (size_t)ceil(part * (double)sums->answered);

	return sums->answered ? sums->latency_ms[rank ? rank - 1 : 0] : NAN;
}

static void print_number(FILE *file, const char *name, double number)
{
	if (isnan(number))
		fprintf(file, ", \"%s\": null", name);
	else
		fprintf(file, ", \"%s\": %.4g", name, number);
}

static void print_sums(FILE *file, struct sums *sums, double seconds)
{
	if (sums->answered)
		qsort(sums->latency_ms, sums->answered, sizeof(*sums->latency_ms), compare);
	fprintf(file, "\"offered\": %zu, \"good\": %zu, \"answered\": %zu, \"refused\": %zu, \"broken\": %zu, ",
		sums->offered, sums->good, sums->answered, sums->refused, sums->broken);
	fprintf(file, "\"timeout\": %zu, \"unsent\": %zu, \"syn_resent\": %zu", sums->timeout, sums->unsent,
		sums->resent);
	fprintf(file, ", \"offered_per_s\": %.1f, \"good_per_s\": %.1f, \"answered_per_s\": %.1f",
		(double)sums->offered / seconds, (double)sums->good / seconds, (double)sums->answered / seconds);
	print_number(file, "p50_ms", quantile(sums, 0.5));
	print_number(file, "p99_ms", quantile(sums, 0.99));
	fprintf(file, ", \"under_250ms\": %.5f", sums->offered ? (double)sums->quick / (double)sums->offered : 0);
	print_number(file, "first_drop_s", sums->first_drop_s);
	print_number(file, "first_broken_s", sums->first_broken_s);
	print_number(file, "first_failure_s", sums->first_failure_s);
}

static double measured_seconds(const struct loop_profile *profile)
{
	double seconds = 0;

	for (size_t i = 0; i < profile->segments_count; i++)
		seconds += profile->segments[i].measured ? profile->segments[i].seconds : 0;
	return seconds;
}

/* When the first measured segment begins. */
static double measured_from(const struct loop_profile *profile)
{
	double at = 0;

	for (size_t i = 0; i < profile->segments_count && !profile->segments[i].measured; i++)
		at += profile->segments[i].seconds;
	return at;
}

/* The measured visits of one class, or (-1) of all, as members of a JSON object. */
static bool print_measured(const struct loop_run *run, FILE *file, int class)
{
	double from = measured_from(run->profile);
	struct sums sums = no_sums;

	sums.latency_ms = malloc((run->arrivals_count + 1) * sizeof(*sums.latency_ms));
	if (!sums.latency_ms)
		return false;
	for (size_t i = 0; i < run->arrivals_count; i++) {
		const struct loop_arrival *arrival = &run->arrivals[i];

		if (run->profile->segments[arrival->segment].measured && (class < 0 || arrival->class == class))
			add(run, &sums, arrival, (double)arrival->due_ns / 1e9 - from);
	}
	print_sums(file, &sums, measured_seconds(run->profile));
	free(sums.latency_ms);
	return true;
}

static double ended_s(const struct loop_arrival *arrival)
{
	return (double)arrival->due_ns / 1e9 + (arrival->lag_us + (double)arrival->latency_us) / 1e6;
}

static void print_segments(const struct loop_run *run, FILE *file)
{
	double begin = 0, end;

	for (size_t i = 0; i < run->profile->segments_count; i++, begin = end) {
		const struct loop_segment *segment = &run->profile->segments[i];
		size_t offered = 0, good = 0, served = 0;

		end = begin + segment->seconds;
		for (size_t j = 0; j < run->arrivals_count; j++) {
			const struct loop_arrival *arrival = &run->arrivals[j];

			offered += arrival->segment == i;
			good += arrival->segment == i && is_good(run, arrival);
			served += arrival->outcome == LOOP_ANSWERED && ended_s(arrival) >= begin &&
				  ended_s(arrival) < end;
		}
		fprintf(file, "%s\n  {\"from_s\": %.3f, \"seconds\": %.3f, \"measured\": %s, ", i ? "," : "", begin,
			segment->seconds, segment->measured ? "true" : "false");
		fprintf(file, "\"offered_per_s\": %.1f, \"good_per_s\": %.1f, \"served_per_s\": %.1f}",
			(double)offered / segment->seconds, (double)good / segment->seconds,
			(double)served / segment->seconds);
	}
}

/* One second of the run: visits by when they began, served ones by when they ended. */
struct second {
	size_t offered, good, served;
	size_t class_offered[LOOP_CLASSES_MAX], class_good[LOOP_CLASSES_MAX];
};

static void print_by_class(const struct loop_profile *profile, FILE *file, const char *name, const size_t *counts)
{
	fprintf(file, ", \"%s\": {", name);
	for (size_t i = 0; i < profile->classes_count; i++)
		fprintf(file, "%s\"%s\": %zu", i ? ", " : "", profile->classes[i].name, counts[i]);
	fprintf(file, "}");
}

static bool print_series(const struct loop_run *run, FILE *file)
{
	size_t count = (size_t)ceil(loop_seconds(run->profile) + run->drain_s) + 1;
	struct second *seconds = calloc(count, sizeof(*seconds));
	double from = measured_from(run->profile);

	if (!seconds)
		return false;
	for (size_t i = 0; i < run->arrivals_count; i++) {
		const struct loop_arrival *arrival = &run->arrivals[i];
		struct second *second = &seconds[arrival->due_ns / 1000000000];
		size_t ended = (size_t)ended_s(arrival);

		second->offered++;
		second->class_offered[arrival->class]++;
		second->good += is_good(run, arrival);
		second->class_good[arrival->class] += is_good(run, arrival);
		if (arrival->outcome == LOOP_ANSWERED && ended < count)
			seconds[ended].served++;
	}
	for (size_t i = 0; i + 1 < count; i++) {
		fprintf(file, "%s\n  {\"s\": %.3f, \"offered\": %zu, \"good\": %zu, \"served\": %zu", i ? "," : "",
			(double)i - from, seconds[i].offered, seconds[i].good, seconds[i].served);
		print_by_class(run->profile, file, "class_offered", seconds[i].class_offered);
		print_by_class(run->profile, file, "class_good", seconds[i].class_good);
		fprintf(file, "}");
	}
	free(seconds);
	return true;
}

/* Whether the generator kept its schedule. A late one waits instead of loading, which hides overload. */
static bool print_schedule(const struct loop_run *run, FILE *file)
{
	uint32_t most_us = 0;
	size_t unsent = 0;
	bool kept;

	for (size_t i = 0; i < run->arrivals_count; i++) {
		const struct loop_arrival *arrival = &run->arrivals[i];

		most_us = arrival->lag_us > most_us ? arrival->lag_us : most_us;
		unsent += arrival->outcome == LOOP_UNSENT || arrival->outcome == LOOP_PENDING;
	}
	kept = !unsent && most_us <= run->lag_most_ms * 1000;
	fprintf(file, "\"void\": %s, \"max_lag_ms\": %.1f, \"senders\": %u, \"measured_s\": %.3f",
		kept ? "false" : "true", most_us / 1000.0, run->senders, measured_seconds(run->profile));
	return kept;
}

int loop_print(const struct loop_run *run, FILE *file)
{
	bool kept;

	fprintf(file, "{");
	kept = print_schedule(run, file);
	fprintf(file, ",\n ");
	if (!print_measured(run, file, -1))
		return ENOMEM;
	fprintf(file, ",\n \"classes\": {");
	for (size_t i = 0; i < run->profile->classes_count; i++) {
		fprintf(file, "%s\n  \"%s\": {", i ? "," : "", run->profile->classes[i].name);
		if (!print_measured(run, file, (int)i))
			return ENOMEM;
		fprintf(file, "}");
	}
	fprintf(file, "},\n \"segments\": [");
	print_segments(run, file);
	fprintf(file, "],\n \"series\": [");
	if (!print_series(run, file))
		return ENOMEM;
	fprintf(file, "]}\n");
	return kept ? 0 : -1;
}
