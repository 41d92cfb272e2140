/* SPDX-License-Identifier: GPL-2.0-only */
#include "ban_spool_line.h"

#include <string.h>

enum { VERSION = 1 };

char *spw_spool_print(const json_t *request, const struct spw_spool_moment *moment)
{
	json_t *whole = json_pack("{s:s,s:i,s:s,s:I,s:f,s:O}", "spillway", "request", "version", VERSION, "boot_id",
				  moment->boot_id, "asked_ns", (json_int_t)moment->now_ns, "asked", moment->now,
				  "request", request);
	char *text = whole ? json_dumps(whole, JSON_COMPACT) : NULL;

	json_decref(whole);
	return text;
}

json_t *spw_spool_parse(const char *text, size_t length, const struct spw_spool_moment *moment, u64 *age_ns)
{
	json_t *whole = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
	const char *kind = json_string_value(json_object_get(whole, "spillway"));
	const char *boot_id = json_string_value(json_object_get(whole, "boot_id"));
	const json_t *asked_ns = json_object_get(whole, "asked_ns"), *asked = json_object_get(whole, "asked");
	json_t *request = json_object_get(whole, "request");
	double age;

	if (!kind || strcmp(kind, "request") || !boot_id || !json_is_integer(asked_ns) || !json_is_number(asked) ||
	    json_integer_value(json_object_get(whole, "version")) != VERSION || !json_is_object(request)) {
		json_decref(whole);
		return NULL;
	}
	if (*moment->boot_id && !strcmp(boot_id, moment->boot_id))
		age = (double)moment->now_ns - (double)json_integer_value(asked_ns);
	else
		age = (moment->now - json_number_value(asked)) * 1e9;
	*age_ns = !(age > 0) ? 0 : age < (double)SPW_SPOOL_AGE_NS_MAX ? (u64)age : SPW_SPOOL_AGE_NS_MAX;
	json_incref(request);
	json_decref(whole);
	return request;
}
