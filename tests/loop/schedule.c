// SPDX-License-Identifier: GPL-2.0-only
/* The schedule of arrivals. Pure: text and a seed in, arrivals out. */
#include "schedule.h"

#include <arpa/inet.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RATE_MAX    1e6
#define SECONDS_MAX 86400

static bool read_number(const char **at, double most, double *number)
{
	char *end;

	*number = strtod(*at, &end);
	if (end == *at || !(*number >= 0 && *number <= most))
		return false;
	*at = end;
	return true;
}

static const char *read_segment(const char **at, struct loop_segment *segment)
{
	if (!read_number(at, SECONDS_MAX, &segment->seconds) || segment->seconds <= 0 || *(*at)++ != ':')
		return "a segment is SECONDS:RATE or SECONDS:FROM-TO, as in 15:2000";
	if (!read_number(at, RATE_MAX, &segment->from_per_s))
		return "a rate is a number of arrivals per second up to 1000000";
	segment->to_per_s = segment->from_per_s;
	if (**at == '-') {
		++*at;
		if (!read_number(at, RATE_MAX, &segment->to_per_s))
			return "after FROM- comes another rate";
	}
	segment->measured = **at == '*';
	*at += segment->measured;
	return NULL;
}

const char *loop_read_profile(struct loop_profile *profile, const char *text)
{
	bool measured = false;
	const char *problem;

	for (const char *at = text + strspn(text, " "); *at; at += strspn(at, " ")) {
		if (profile->segments_count == LOOP_SEGMENTS_MAX)
			return "too many segments, 64 at most";
		problem = read_segment(&at, &profile->segments[profile->segments_count]);
		if (problem)
			return problem;
		if (*at && *at != ' ')
			return "segments are separated by spaces";
		measured |= profile->segments[profile->segments_count++].measured;
	}
	if (!profile->segments_count)
		return "it has no segment";
	for (size_t i = 0; !measured && i < profile->segments_count; i++)
		profile->segments[i].measured = true;
	return loop_count_most(profile) > LOOP_ARRIVALS_MAX ? "it comes to more than 20 million arrivals" : NULL;
}

const char *loop_read_class(struct loop_profile *profile, const char *text)
{
	static const char *const form = "a class is NAME:PREFIX:SHARE, as in partner:198.18.16.0/20:0.07";
	struct loop_class *class = &profile->classes[profile->classes_count];
	char address[16], rest;
	struct in_addr base;
	unsigned int length;

	if (profile->classes_count == LOOP_CLASSES_MAX)
		return "too many classes, 16 at most";
	if (sscanf(text, "%31[a-z0-9_]:%15[0-9.]/%u:%lf%c", class->name, address, &length, &class->share, &rest) != 4)
		return form;
	if (inet_pton(AF_INET, address, &base) != 1 || length < 8 || length > 32 || !(class->share > 0))
		return form;
	class->base = ntohl(base.s_addr);
	class->count = 1U << (32 - length);
	if (class->base % class->count)
		return "the prefix has host bits set";
	profile->classes_count++;
	return NULL;
}

double loop_seconds(const struct loop_profile *profile)
{
	double seconds = 0;

	for (size_t i = 0; i < profile->segments_count; i++)
		seconds += profile->segments[i].seconds;
	return seconds;
}

size_t loop_count_most(const struct loop_profile *profile)
{
	double count = 0;

	for (size_t i = 0; i < profile->segments_count; i++)
		count += profile->segments[i].seconds *
			 (profile->segments[i].from_per_s + profile->segments[i].to_per_s) / 2;
	return (size_t)(count + 10 * sqrt(count) + 100);
}

/* splitmix64 (Steele, Lea, Flood 2014) */
static uint64_t draw(uint64_t *state)
{
	uint64_t mixed = *state += 0x9e3779b97f4a7c15;

	mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
	mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
	return mixed ^ (mixed >> 31);
}

/* Uniform in [0, 1). */
static double draw_fraction(uint64_t *state)
{
	return (double)(draw(state) >> 11) * 0x1p-53;
}

/* The time in the segment when @count arrivals are due. Infinite: later. */
static double time_of(const struct loop_segment *segment, double count)
{
	double slope = (segment->to_per_s - segment->from_per_s) / segment->seconds, from = segment->from_per_s;
	double under = from * from + 2 * slope * count;

	if (count > segment->seconds * (segment->from_per_s + segment->to_per_s) / 2 || under < 0)
		return INFINITY;
	if (fabs(slope) < 1e-9)
		return from > 0 ? count / from : INFINITY;
	return (sqrt(under) - from) / slope;
}

static size_t pick_class(const struct loop_profile *profile, double fraction)
{
	size_t class = 0;

	while (class + 1 < profile->classes_count && fraction >= profile->classes[class].share)
		fraction -= profile->classes[class ++].share;
	return class;
}

static void scale_shares(struct loop_profile *profile)
{
	double sum = 0;

	for (size_t i = 0; i < profile->classes_count; i++)
		sum += profile->classes[i].share;
	for (size_t i = 0; i < profile->classes_count; i++)
		profile->classes[i].share /= sum;
}

static double gap(const struct loop_profile *profile, uint64_t *state)
{
	return profile->evenly ? 1 : -log(1 - draw_fraction(state));
}

size_t loop_schedule(struct loop_profile *profile, struct loop_arrival *arrivals, size_t most)
{
	uint64_t when = profile->seed, who = ~profile->seed;
	double begin = 0, due = gap(profile, &when); /* of the rate's integral until the next arrival */
	size_t count = 0;

	scale_shares(profile);
	for (size_t i = 0; i < profile->segments_count; i++) {
		const struct loop_segment *segment = &profile->segments[i];
		double at;

		for (; count < most && isfinite(at = time_of(segment, due)); due += gap(profile, &when)) {
			size_t class = pick_class(profile, draw_fraction(&who));

			arrivals[count++] = (struct loop_arrival){
				.due_ns = (uint64_t)((begin + at) * 1e9),
				.class = (uint8_t) class,
				.segment = (uint8_t)i,
				.source = profile->classes[class].base +
					  (uint32_t)(draw(&who) % profile->classes[class].count),
			};
		}
		due -= segment->seconds * (segment->from_per_s + segment->to_per_s) / 2;
		begin += segment->seconds;
	}
	return count;
}
