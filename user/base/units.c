/* SPDX-License-Identifier: GPL-2.0-only */
/* Whole numbers with a unit. Fractions are refused rather than rounded. */
#include "units.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define DIGITS_MAX 15 /* always below 2^64 */
#define YEAR_NS	   (365ULL * 24 * 3600 * 1000000000)

struct unit {
	const char *name;
	u64 factor;
};

/* Parse digits without sign or leading zeros. Returns the text after them; NULL: no number. */
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

/* Ascending; durations are formatted with units up to the hour. */
static const struct unit durations[] = {
	{"ms", SPW_MS_NS},	     {"s", SPW_SECOND_NS},	   {"m", 60 * SPW_SECOND_NS},
	{"h", 3600 * SPW_SECOND_NS}, {"d", 86400 * SPW_SECOND_NS}, {"w", 7 * 86400 * SPW_SECOND_NS},
};

#define DURATIONS	  (sizeof(durations) / sizeof(*durations))
#define DURATIONS_WRITTEN 4

/* The longest unit at @text; NULL: none. */
static const struct unit *find_duration(const char *text)
{
	const struct unit *found = NULL;

	for (size_t i = 0; i < DURATIONS; i++)
		if (!strncmp(text, durations[i].name, strlen(durations[i].name)) &&
		    (!found || strlen(durations[i].name) > strlen(found->name)))
			found = &durations[i];
	return found;
}

const char *spw_units_long_duration(const char *text, u64 *ns)
{
	static const char form[] = "write it as 20ms, 3s, 10m, 1h, 1h30m, 2d or 1w; a number alone is seconds";
	const struct unit *before = NULL;
	const char *at = text;

	*ns = 0;
	do {
		const struct unit *unit;
		u64 number;

		at = parse_number(at, &number);
		if (!at)
			return form;
		unit = !*at && !before ? &durations[1] : find_duration(at);
		if (!unit || (before && unit >= before))
			return form;
		at += *at ? strlen(unit->name) : 0;
		if (number > YEAR_NS / unit->factor || *ns > YEAR_NS || (*ns += number * unit->factor) > YEAR_NS)
			*ns = UINT64_MAX;
		before = unit;
	} while (*at);
	return NULL;
}

const char *spw_units_duration(const char *text, u64 *ns)
{
	const char *problem = spw_units_long_duration(text, ns);

	return problem ? problem : *ns == UINT64_MAX ? "it is longer than a year" : NULL;
}

const char *spw_units_duration_text(u64 ns, char text[SPW_DURATION_TEXT])
{
	const struct unit *unit = &durations[DURATIONS_WRITTEN - 1];

	while (unit > durations && (!ns || ns % unit->factor))
		unit--;
	snprintf(text, SPW_DURATION_TEXT, "%llu%s", (unsigned long long)(ns / unit->factor), unit->name);
	return text;
}

/* Common mistakes, and the unit meant. */
static const struct mistake {
	const char *unit, *problem;
} rate_mistakes[] = {
	{"", "did you mean the unit /s?"},	    {"k", "did you mean the unit k/s?"},
	{"K", "did you mean the unit k/s?"},	    {"K/s", "did you mean the unit k/s?"},
	{"M", "did you mean the unit M/s?"},	    {"m/s", "did you mean the unit M/s?"},
	{"g/s", "did you mean the unit G/s?"},	    {"/sec", "did you mean the unit /s?"},
	{"/second", "did you mean the unit /s?"},   {"pps", "did you mean the unit /s?"},
	{"kpps", "did you mean the unit k/s?"},	    {"Kpps", "did you mean the unit k/s?"},
	{"Mpps", "did you mean the unit M/s?"},	    {"/m", "did you mean the unit /min?"},
	{"/minute", "did you mean the unit /min?"}, {"/hour", "did you mean the unit /h?"},
	{"/day", "did you mean the unit /d?"},
};

static const struct mistake bit_rate_mistakes[] = {
	{"bps", "did you mean the unit bit/s?"},
	{"bits/s", "did you mean the unit bit/s?"},
	{"kbps", "did you mean the unit kbit/s?"},
	{"Kbps", "did you mean the unit kbit/s?"},
	{"Kbit/s", "did you mean the unit kbit/s?"},
	{"kbit", "did you mean the unit kbit/s?"},
	{"k/s", "did you mean the unit kbit/s?"},
	{"mbps", "did you mean the unit Mbit/s?"},
	{"Mbps", "did you mean the unit Mbit/s?"},
	{"mbit/s", "did you mean the unit Mbit/s?"},
	{"Mb/s", "did you mean the unit Mbit/s?"},
	{"mbit", "did you mean the unit Mbit/s?"},
	{"Mbit", "did you mean the unit Mbit/s?"},
	{"M/s", "did you mean the unit Mbit/s?"},
	{"gbps", "did you mean the unit Gbit/s?"},
	{"Gbps", "did you mean the unit Gbit/s?"},
	{"gbit/s", "did you mean the unit Gbit/s?"},
	{"Gb/s", "did you mean the unit Gbit/s?"},
	{"gbit", "did you mean the unit Gbit/s?"},
	{"Gbit", "did you mean the unit Gbit/s?"},
	{"G/s", "did you mean the unit Gbit/s?"},
	{"kB/s", "bits are meant, not bytes: 8 of them, in kbit/s"},
	{"MB/s", "bits are meant, not bytes: 8 of them, in Mbit/s"},
	{"GB/s", "bits are meant, not bytes: 8 of them, in Gbit/s"},
};

/* The correct form of @text, a number with a wrong unit; @form if unknown. */
static const char *explain_mistake(const char *text, const struct mistake *mistakes, size_t count, const char *form)
{
	u64 number;
	const char *rest = parse_number(text, &number);

	for (size_t i = 0; rest && i < count; i++)
		if (!strcmp(rest, mistakes[i].unit))
			return mistakes[i].problem;
	return form;
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
		return explain_mistake(text, rate_mistakes, sizeof(rate_mistakes) / sizeof(*rate_mistakes),
				       "write it as 10/s, 2k/s, 1M/s or 1G/s");
	}
}

const char *spw_units_slow_rate(const char *text, double *per_second)
{
	static const struct unit slow[] = {{"/min", 60}, {"/h", 3600}, {"/d", 86400}};
	const char *rest, *problem;
	u64 number;

	rest = parse_number(text, &number);
	for (size_t i = 0; rest && i < sizeof(slow) / sizeof(*slow); i++) {
		if (strcmp(rest, slow[i].name))
			continue;
		*per_second = (double)number / (double)slow[i].factor;
		return number ? *per_second <= (double)SPW_RATE_MAX ? NULL : "it is at most 1000G/s"
			      : "it is at least 1/d";
	}
	problem = spw_units_rate(text, &number);
	*per_second = (double)number;
	return problem && !strncmp(problem, "write", 5) ? "write it as 10/s, 2k/s, 1M/s, 1G/s, 10/min, 3/h or 1/d"
							: problem;
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
		return explain_mistake(text, bit_rate_mistakes, sizeof(bit_rate_mistakes) / sizeof(*bit_rate_mistakes),
				       "write it as 500bit/s, 64kbit/s, 50Mbit/s or 1Gbit/s");
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

const char *spw_units_ports(const char *text, u16 *first, u16 *last)
{
	const char *dash = strchr(text, '-');
	char lower[8];

	if (!dash) {
		const char *problem = spw_units_port(text, first);

		*last = *first;
		return problem;
	}
	if ((size_t)(dash - text) >= sizeof(lower))
		return "a range is written 27015-27050";
	memcpy(lower, text, (size_t)(dash - text));
	lower[dash - text] = 0;
	if (spw_units_port(lower, first) || spw_units_port(dash + 1, last))
		return "a range is written 27015-27050";
	return *first <= *last ? NULL : "the lower end of a range comes first";
}
