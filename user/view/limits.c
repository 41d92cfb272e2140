/* SPDX-License-Identifier: GPL-2.0-only */
/* The limits of a class, for `check` and `status`. */
#include "limits.h"

#include <string.h>

#include "core/words.h"
#include "json.h"
#include "numbers.h"

static const char *rate_text(const struct spw_rate *rate, u32 kind, char text[SPW_SHORT_TEXT])
{
	char number[SPW_SHORT_TEXT];
	const char *unit;
	double count;

	unit = spw_rate_unit(rate->per_s, &count);
	snprintf(text, SPW_SHORT_TEXT, "%.24s%s%s", spw_short_count((u64)(count + 0.5), number),
		 kind == SPW_KIND_BITS ? "bit" : "", unit);
	return text;
}

static bool has_limit(const struct spw_class_rates *class, u32 scope)
{
	for (u32 kind = 0; kind < SPW_KINDS; kind++)
		if (class->rates[scope][kind].per_s > 0)
			return true;
	return false;
}

static void put_scope(FILE *out, const struct spw_class_rates *class, u32 scope)
{
	static const char *const names[SPW_SCOPES] = {"a source", "a prefix", "all of it"};
	const char *separator = " ";
	char rate[SPW_SHORT_TEXT], burst[SPW_SHORT_TEXT];

	fputs(names[scope], out);
	for (u32 kind = 0; kind < SPW_KINDS; kind++) {
		const struct spw_rate *limit = &class->rates[scope][kind];

		if (!(limit->per_s > 0))
			continue;
		fprintf(out, "%s%s%s", separator, rate_text(limit, kind, rate), kind == SPW_KIND_NEW ? " new" : "");
		if (kind == SPW_KIND_PACKETS)
			fputs(" packets", out);
		if (limit->burst < limit->per_s || limit->burst > (limit->per_s > 1 ? limit->per_s : 1))
			fprintf(out, " (%s at once)", spw_short_count((u64)limit->burst, burst));
		separator = ", ";
	}
	if (class->from[scope] != SPW_GREEN)
		fprintf(out, " from %s", spw_level_name(class->from[scope]));
}

bool spw_put_limits(FILE *out, const struct spw_class_rates *class)
{
	bool begun = false;

	for (u32 scope = 0; scope < SPW_SCOPES; scope++) {
		if (!has_limit(class, scope))
			continue;
		if (begun)
			fputs("; ", out);
		put_scope(out, class, scope);
		begun = true;
	}
	if (class->fair)
		fprintf(out, "%sshed fairly", begun ? "; " : "");
	return begun || class->fair;
}

struct spw_class_rates spw_recorded_rates(const struct spw_class_record *record)
{
	struct spw_class_rates rates = {.fair = record->fair};

	memcpy(rates.from, record->limits_from, sizeof(rates.from));
	for (u32 scope = 0; scope < SPW_SCOPES; scope++)
		for (u32 kind = 0; kind < SPW_KINDS; kind++)
			rates.rates[scope][kind] =
				(struct spw_rate){spw_rate_recorded(record->limits[scope][kind].per_s),
						  (double)record->limits[scope][kind].burst};
	return rates;
}

static json_t *scope_json(const struct spw_class_rates *class, u32 scope)
{
	struct spw_json object = spw_json_object();

	for (u32 kind = 0; kind < SPW_KINDS; kind++) {
		const struct spw_rate *rate = &class->rates[scope][kind];
		struct spw_json limit;

		if (!(rate->per_s > 0))
			continue;
		limit = spw_json_object();
		spw_json_set(&limit, "per_s",
			     rate->per_s >= 1 ? json_integer((json_int_t)rate->per_s) : json_real(rate->per_s));
		spw_json_set(&limit, "burst", json_integer((json_int_t)rate->burst));
		spw_json_set(&object, spw_kind_name(kind), spw_json_finish(&limit));
	}
	spw_json_set(&object, "from", spw_json_level(class->from[scope]));
	return spw_json_finish(&object);
}

json_t *spw_json_limits(const struct spw_class_rates *class)
{
	struct spw_json object = spw_json_object();

	for (u32 scope = 0; scope < SPW_SCOPES; scope++)
		if (has_limit(class, scope))
			spw_json_set(&object, spw_scope_name(scope), scope_json(class, scope));
	spw_json_set(&object, "fair", json_boolean(class->fair));
	return spw_json_finish(&object);
}
