/* SPDX-License-Identifier: GPL-2.0-only */
/* See numbers.h. */
#include "numbers.h"

#include <stdio.h>

#define NS_PER_S 1000000000ull

const char *spw_short_count(u64 count, char text[SPW_SHORT_TEXT])
{
	static const char units[] = "kMGTPE";
	size_t unit = 0;
	double scaled;

	if (count < 10000) {
		snprintf(text, SPW_SHORT_TEXT, "%u", (unsigned int)count);
		return text;
	}
	/* 999.5 would be shown as 1000 of this unit: use 1.0 of the next. */
	for (scaled = (double)count / 1000; scaled >= 999.5 && units[unit + 1]; unit++)
		scaled /= 1000;
	snprintf(text, SPW_SHORT_TEXT, scaled < 99.95 ? "%.1f%c" : "%.0f%c", scaled, units[unit]);
	return text;
}

const char *spw_long_count(u64 count, char text[SPW_SHORT_TEXT])
{
	char digits[SPW_SHORT_TEXT];
	int length = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)count);
	char *to = text;

	for (int i = 0; i < length; i++) {
		if (i && (length - i) % 3 == 0)
			*to++ = ',';
		*to++ = digits[i];
	}
	*to = '\0';
	return text;
}

const char *spw_short_time(u64 ns, char text[SPW_SHORT_TEXT])
{
	unsigned long long s = ns / NS_PER_S;

	if (ns < 1000000)
		snprintf(text, SPW_SHORT_TEXT, "%llu us", (unsigned long long)(ns / 1000));
	else if (ns < NS_PER_S)
		snprintf(text, SPW_SHORT_TEXT, "%llu ms", (unsigned long long)(ns / 1000000));
	else if (s < 10)
		snprintf(text, SPW_SHORT_TEXT, "%llu.%llu s", s, (unsigned long long)(ns % NS_PER_S / 100000000));
	else if (s < 120)
		snprintf(text, SPW_SHORT_TEXT, "%llu s", s);
	else if (s < 2 * 3600)
		snprintf(text, SPW_SHORT_TEXT, "%llum%02llus", s / 60, s % 60);
	else if (s < 48 * 3600)
		snprintf(text, SPW_SHORT_TEXT, "%lluh%02llum", s / 3600, s / 60 % 60);
	else
		snprintf(text, SPW_SHORT_TEXT, "%llud%lluh", s / 86400, s / 3600 % 24);
	return text;
}
