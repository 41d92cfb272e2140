/* SPDX-License-Identifier: GPL-2.0-only */
/* Numbers with units. Whole ones only: what a fraction of a unit would be rounded to is nobody's business to guess. */
#include "units.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define DIGITS_MAX 15 /* below 2^64 whatever the digits */
#define YEAR_NS	   (365ULL * 24 * 3600 * 1000000000)

struct unit {
	const char *name;
	u64 factor;
};

/* A whole number without sign and leading zeros; returns what follows, NULL if there is none. */
static const char *parse_number(const char *text, u64 *number)
{
	const char *at = text;

	*number = 0;
	for (; *at >= '0' && *at <= '9'; at++) {
		if (at - text >= DIGITS_MAX || (at > text && *text == '0'))
			return NULL;
		*number = *number * 10 + (u64)(*at - '0');
	}
	return at > text ? at : NULL;
}

enum fit {
	FITS,
	WRONG_FORM,
	TOO_LARGE,
};

static enum fit parse_with_unit(const char *text, const struct unit *units, size_t count, u64 max, u64 *value)
{
	const char *rest = parse_number(text, value);

	for (size_t i = 0; rest && i < count; i++) {
		if (strcmp(rest, units[i].name))
			continue;
		if (*value > max / units[i].factor)
			return TOO_LARGE;
		*value *= units[i].factor;
		return FITS;
	}
	return WRONG_FORM;
}

static const struct unit durations[] = {
	{"ms", SPW_MS_NS},
	{"s", SPW_SECOND_NS},
	{"m", 60 * SPW_SECOND_NS},
	{"h", 3600 * SPW_SECOND_NS},
};

#define DURATIONS (sizeof(durations) / sizeof(*durations))

const char *spw_units_duration(const char *text, u64 *ns)
{
	switch (parse_with_unit(text, durations, DURATIONS, YEAR_NS, ns)) {
	case FITS:
		return NULL;
	case TOO_LARGE:
		return "it is longer than a year";
	default:
		return "write it as 20ms, 3s, 10m or 1h";
	}
}

const char *spw_units_duration_text(u64 ns, char text[SPW_DURATION_TEXT])
{
	const struct unit *unit = &durations[DURATIONS - 1];

	while (unit > durations && (!ns || ns % unit->factor))
		unit--;
	snprintf(text, SPW_DURATION_TEXT, "%llu%s", (unsigned long long)(ns / unit->factor), unit->name);
	return text;
}

const char *spw_units_rate(const char *text, u64 *per_second)
{
	static const struct unit units[] = {{"/s", 1}, {"k/s", 1000}, {"M/s", 1000000}, {"G/s", 1000000000}};

	switch (parse_with_unit(text, units, sizeof(units) / sizeof(*units), SPW_RATE_MAX, per_second)) {
	case FITS:
		return *per_second ? NULL : "it is at least 1/s";
	case TOO_LARGE:
		return "it is at most 1000G/s";
	default:
		return "write it as 10/s, 2k/s, 1M/s or 1G/s";
	}
}

const char *spw_units_bit_rate(const char *text, u64 *per_second)
{
	static const struct unit units[] = {
		{"bit/s", 1},
		{"kbit/s", 1000},
		{"Mbit/s", 1000000},
		{"Gbit/s", 1000000000},
	};

	switch (parse_with_unit(text, units, sizeof(units) / sizeof(*units), SPW_RATE_MAX, per_second)) {
	case FITS:
		return *per_second ? NULL : "it is at least 1bit/s";
	case TOO_LARGE:
		return "it is at most 1000Gbit/s";
	default:
		return "write it as 500bit/s, 64kbit/s, 50Mbit/s or 1Gbit/s";
	}
}

const char *spw_units_count(const char *text, u64 *count)
{
	static const struct unit units[] = {{"", 1}, {"k", 1000}, {"M", 1000000}, {"G", 1000000000}};

	switch (parse_with_unit(text, units, sizeof(units) / sizeof(*units), SPW_RATE_MAX, count)) {
	case FITS:
		return *count ? NULL : "it is at least 1";
	case TOO_LARGE:
		return "it is at most 1000G";
	default:
		return "write it as 30, 2k, 1M or 1G";
	}
}

const char *spw_units_percent(const char *text, double *share)
{
	u64 number;
	const char *rest = parse_number(text, &number);

	if (!rest || strcmp(rest, "%") || number > 1000)
		return "write it as 95%; whole, and at most 1000%";
	*share = (double)number / 100;
	return NULL;
}

const char *spw_units_port(const char *text, u16 *port)
{
	u64 number;
	const char *rest = parse_number(text, &number);

	if (!rest || *rest || !number || number > 65535)
		return "it is a number from 1 to 65535";
	*port = (u16)number;
	return NULL;
}
