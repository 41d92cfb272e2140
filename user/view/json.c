/* SPDX-License-Identifier: GPL-2.0-only */
/* See json.h. */
#include "json.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "core/words.h"
#include "text.h"

struct spw_json spw_json_object(void)
{
	return (struct spw_json){.value = json_object()};
}

struct spw_json spw_json_array(void)
{
	return (struct spw_json){.value = json_array()};
}

void spw_json_set(struct spw_json *object, const char *key, json_t *value)
{
	if (json_object_set_new(object->value, key, value))
		object->failed = true;
}

void spw_json_add(struct spw_json *array, json_t *value)
{
	if (json_array_append_new(array->value, value))
		array->failed = true;
}

json_t *spw_json_finish(struct spw_json *json)
{
	if (!json->failed)
		return json->value;
	json_decref(json->value);
	return NULL;
}

json_t *spw_json_text(const char *text)
{
	_cleanup_free_ char *buffer = NULL;
	size_t length = 0;
	json_t *valid = json_string(text);
	FILE *out = valid ? NULL : open_memstream(&buffer, &length);

	if (!out)
		return valid;
	spw_put_text(out, text, SPW_FOR_LIBRARY);
	if (fclose(out))
		return NULL;
	return json_stringn(buffer, length);
}

json_t *spw_json_text_or_null(const char *text)
{
	return *text ? spw_json_text(text) : json_null();
}

json_t *spw_json_count(u64 count)
{
	return json_integer(count > INT64_MAX ? INT64_MAX : (json_int_t)count);
}

json_t *spw_json_seconds(u64 ns)
{
	/* To the microsecond, so that the decimal has few digits. */
	return json_real((double)(ns / 1000) / 1e6);
}

json_t *spw_json_level(u32 level)
{
	return level < SPW_LEVELS ? json_string(spw_level_name(level)) : json_null();
}

json_t *spw_json_verdicts(const u64 counts[SPW_VERDICTS])
{
	struct spw_json object = spw_json_object();

	for (u32 verdict = 0; verdict < SPW_VERDICTS; verdict++)
		spw_json_set(&object, spw_verdict_name(verdict), spw_json_count(counts[verdict]));
	return spw_json_finish(&object);
}
