/* SPDX-License-Identifier: GPL-2.0-only */
#include "history_format.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <zlib.h>

#include "base/text.h"

u32 spw_history_check(u8 kind, const void *bytes, size_t count)
{
	return (u32)crc32_z(0, bytes, count) ^ kind;
}

int spw_history_write_block(int fd, u8 kind, const void *bytes, size_t count)
{
	struct spw_history_block block = {
		SPW_BLOCK_MAGIC, kind, {0}, (u32)count, spw_history_check(kind, bytes, count)};
	struct iovec parts[] = {{&block, sizeof(block)}, {(void *)bytes, count}};
	ssize_t written = writev(fd, parts, 2);

	if (written == (ssize_t)(sizeof(block) + count))
		return 0;
	return written < 0 ? -errno : -ENOSPC;
}

const char *spw_history_path(const char *state_dir, u32 number, char path[SPW_SEGMENT_PATH_MAX])
{
	snprintf(path, SPW_SEGMENT_PATH_MAX, "%.4095s/history.%06u", state_dir, number);
	return path;
}

static int by_number(const void *one, const void *other)
{
	u32 a = *(const u32 *)one, b = *(const u32 *)other;

	return a < b ? -1 : a > b;
}

/* The number in "history.000012"; 0: not such a name. */
static u32 segment_number(const char *name)
{
	u64 number = 0;

	if (strncmp(name, "history.", 8) || !name[8])
		return 0;
	for (name += 8; *name >= '0' && *name <= '9' && number < UINT32_MAX; name++)
		number = number * 10 + (u64)(*name - '0');
	return *name || number >= UINT32_MAX ? 0 : (u32)number;
}

int spw_history_segments(const char *state_dir, u32 **numbers)
{
	DIR *folder = opendir(state_dir);
	struct dirent *entry;
	u32 *found = calloc(SPW_SEGMENTS_MAX + 1, sizeof(*found));
	int count = 0;

	*numbers = found;
	if (!folder || !found) {
		count = folder ? -ENOMEM : -errno;
		if (folder)
			closedir(folder);
		return count;
	}
	while ((entry = readdir(folder))) {
		found[count] = segment_number(entry->d_name);
		if (!found[count])
			continue;
		/* Keep the newest. */
		if (++count > SPW_SEGMENTS_MAX) {
			qsort(found, (size_t)count, sizeof(*found), by_number);
			memmove(found, found + 1, --count * sizeof(*found));
		}
	}
	closedir(folder);
	qsort(found, (size_t)count, sizeof(*found), by_number);
	return count;
}

void spw_history_copy(struct spw_record *to, const struct spw_record *from)
{
	u32 services = from->facts.services_count;

	to->override = from->override;
	memcpy(&to->facts, &from->facts, offsetof(struct spw_facts, services[services]));
	memcpy(&to->decision, &from->decision, offsetof(struct spw_decision, services[services]));
}

/* ---- the policy as JSON; texts are printable ---- */

static json_t *classes_json(const struct spw_named_policy *policy)
{
	json_t *array = json_array();

	for (u32 i = 0; i < policy->policy.classes_count; i++) {
		const struct spw_class_policy *class = &policy->policy.classes[i];

		json_array_append_new(array, json_pack("{s:s,s:i,s:i,s:i,s:f}", "name", policy->classes[i], "id",
						       class->id, "shed_from", class->shed_from, "cut_from",
						       class->cut_from, "reserve", class->reserve));
	}
	return array;
}

static json_t *services_json(const struct spw_history_policy *policy)
{
	const struct spw_policy *core = &policy->policy.policy;
	json_t *array = json_array();

	for (u32 i = 0; i < core->services_count; i++) {
		const struct spw_service_policy *service = &core->services[i];
		const struct spw_learned *learned = &policy->learned[i];

		json_array_append_new(
			array,
			json_pack("{s:s,s:i,s:f,s:I,s:I,s:f,s:b,s:f,s:f,s:f,s:f}", "name", policy->policy.services[i],
				  "id", service->id, "capacity_per_s", service->capacity_per_s, "wait_target_ns",
				  (json_int_t)service->wait_target_ns, "answer_target_ns",
				  (json_int_t)service->answer_target_ns, "probe_limit", service->probe_limit, "behind",
				  service->behind, "learned_capacity_per_s", learned->capacity_per_s,
				  "learned_served_peak_per_s", learned->served_peak_per_s, "learned_idle_wait_ns",
				  learned->idle_wait_ns, "learned_reads_per_work", learned->reads_per_work));
	}
	return array;
}

json_t *spw_history_policy_json(const struct spw_history_policy *policy)
{
	json_t *object = json_pack("{s:s,s:s,s:I,s:I,s:o,s:o}", "version", SPW_VERSION, "config",
				   spw_text_printable(policy->config) ? policy->config : "", "now_ns",
				   (json_int_t)policy->now_ns, "wall_ns", (json_int_t)policy->wall_ns, "classes",
				   classes_json(&policy->policy), "services", services_json(policy));
	const u8 *shedding = (const u8 *)&policy->policy.policy.shedding;

	for (size_t i = 0; i < SPW_PARAMETERS; i++) {
		const void *value = shedding + spw_parameters[i].offset;

		json_object_set_new(object, spw_parameters[i].field,
				    spw_parameters[i].is_time ? json_integer((json_int_t) * (const u64 *)value)
							      : json_real(*(const double *)value));
	}
	return object;
}

static bool get_number(const json_t *object, const char *name, double *number)
{
	const json_t *value = json_object_get(object, name);

	*number = json_number_value(value);
	return json_is_number(value) && isfinite(*number) && *number >= 0 && *number < 1e15;
}

/* Missing in files of earlier versions: 0. */
static bool get_newer_number(const json_t *object, const char *name, double *number)
{
	*number = 0;
	return !json_object_get(object, name) || get_number(object, name, number);
}

static bool get_time(const json_t *object, const char *name, u64 *time)
{
	const json_t *value = json_object_get(object, name);

	*time = (u64)json_integer_value(value);
	return json_is_integer(value) && json_integer_value(value) >= 0;
}

static bool get_newer_time(const json_t *object, const char *name, u64 *time)
{
	*time = 0;
	return !json_object_get(object, name) || get_time(object, name, time);
}

static bool get_small(const json_t *object, const char *name, u64 most, u8 *number)
{
	u64 value;
	bool there = get_time(object, name, &value) && value <= most;

	*number = there ? (u8)value : 0;
	return there;
}

static bool get_level(const json_t *object, const char *name, u8 *level)
{
	return get_small(object, name, SPW_LEVEL_NEVER, level) && (*level <= SPW_RED || *level == SPW_LEVEL_NEVER);
}

static bool get_name(const json_t *object, const char *key, char *name, size_t room)
{
	const char *text = json_string_value(json_object_get(object, key));
	bool right = text && strlen(text) < room && spw_text_printable(text);

	snprintf(name, room, "%s", right ? text : "");
	return right;
}

static bool get_class(const json_t *object, struct spw_class_policy *class, char *name)
{
	return get_name(object, "name", name, SPW_NAME_MAX) &&
	       get_small(object, "id", SPW_CLASSES_MAX - 1, &class->id) &&
	       get_level(object, "shed_from", &class->shed_from) && get_level(object, "cut_from", &class->cut_from) &&
	       get_number(object, "reserve", &class->reserve) && class->reserve <= 1;
}

static bool get_service(const json_t *object, struct spw_service_policy *service, struct spw_learned *learned,
			char *name)
{
	service->behind = json_is_true(json_object_get(object, "behind"));
	return get_name(object, "name", name, SPW_NAME_MAX) &&
	       get_small(object, "id", SPW_SERVICES_MAX, &service->id) &&
	       get_number(object, "capacity_per_s", &service->capacity_per_s) &&
	       get_time(object, "wait_target_ns", &service->wait_target_ns) &&
	       get_newer_time(object, "answer_target_ns", &service->answer_target_ns) &&
	       get_number(object, "probe_limit", &service->probe_limit) &&
	       get_number(object, "learned_capacity_per_s", &learned->capacity_per_s) &&
	       get_number(object, "learned_served_peak_per_s", &learned->served_peak_per_s) &&
	       get_number(object, "learned_idle_wait_ns", &learned->idle_wait_ns) &&
	       get_newer_number(object, "learned_reads_per_work", &learned->reads_per_work) &&
	       spw_learned_check(learned);
}

static bool get_parameters(const json_t *object, struct spw_policy *core)
{
	for (size_t i = 0; i < SPW_PARAMETERS; i++) {
		void *value = (u8 *)&core->shedding + spw_parameters[i].offset;

		if (spw_parameters[i].is_time ? !get_time(object, spw_parameters[i].field, value)
					      : !get_number(object, spw_parameters[i].field, value))
			return false;
	}
	return true;
}

static bool get_policy(const json_t *object, struct spw_history_policy *policy)
{
	const json_t *classes = json_object_get(object, "classes"), *services = json_object_get(object, "services");
	struct spw_policy *core = &policy->policy.policy;

	core->classes_count = (u32)json_array_size(classes);
	core->services_count = (u32)json_array_size(services);
	if (json_array_size(classes) > SPW_CLASSES_MAX || json_array_size(services) > SPW_SERVICES_MAX ||
	    !get_time(object, "now_ns", &policy->now_ns) || !get_time(object, "wall_ns", &policy->wall_ns) ||
	    !get_parameters(object, core))
		return false;
	get_name(object, "config", policy->config, sizeof(policy->config));
	for (u32 i = 0; i < core->classes_count; i++)
		if (!get_class(json_array_get(classes, i), &core->classes[i], policy->policy.classes[i]))
			return false;
	for (u32 i = 0; i < core->services_count; i++)
		if (!get_service(json_array_get(services, i), &core->services[i], &policy->learned[i],
				 policy->policy.services[i]))
			return false;
	return true;
}

int spw_history_policy_parse(const char *text, size_t bytes, struct spw_history_policy *policy)
{
	json_t *object = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, NULL);
	bool right;

	memset(policy, 0, sizeof(*policy));
	right = json_is_object(object) && get_policy(object, policy);
	json_decref(object);
	return right ? 0 : -EINVAL;
}
