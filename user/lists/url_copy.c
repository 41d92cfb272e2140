/* SPDX-License-Identifier: GPL-2.0-only */
#include "url_copy.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/file.h"

#define JSON_BYTES_MAX 16384

static bool take_text(const json_t *object, const char *key, char *text, size_t bytes)
{
	const char *value = json_string_value(json_object_get(object, key));

	return value && (size_t)snprintf(text, bytes, "%s", value) < bytes;
}

static u64 take_time(const json_t *object, const char *key)
{
	json_int_t value = json_integer_value(json_object_get(object, key));

	return value > 0 ? (u64)value : 0;
}

static int take(const json_t *object, const char *list, const char *url, struct spw_url_copy *copy, char *problem)
{
	char slot[2], name[SPW_URL_BYTES];

	if (json_integer_value(json_object_get(object, "version")) != SPW_URL_COPY_VERSION)
		return spw_message(problem, -EBADMSG, "it is damaged, or of another version");
	if (!take_text(object, "list", name, sizeof(name)) || strcmp(name, list) ||
	    !take_text(object, "url", name, sizeof(name)) || strcmp(name, url))
		return spw_message(problem, -ENOENT, "it is of another URL");
	if (!take_text(object, "slot", slot, sizeof(slot)) || (*slot != 'a' && *slot != 'b') ||
	    !take_text(object, "etag", copy->etag, sizeof(copy->etag)) ||
	    !take_text(object, "last_modified", copy->last_modified, sizeof(copy->last_modified)) ||
	    !take_text(object, "sha256", copy->sha256, sizeof(copy->sha256)))
		return spw_message(problem, -EBADMSG, "it is damaged");
	copy->slot = *slot;
	copy->fetched_s = take_time(object, "fetched_s");
	copy->confirmed_s = take_time(object, "confirmed_s");
	return 0;
}

/* The mode is checked by spw_file_read(). */
static int check_owner(const char *path, char *problem)
{
	struct stat status;

	if (lstat(path, &status))
		return spw_message(problem, -errno, "%m");
	if (!S_ISREG(status.st_mode))
		return spw_message(problem, -EINVAL, "%s is not a regular file", path);
	if (status.st_uid && status.st_uid != geteuid())
		return spw_message(problem, -EPERM, "%s belongs to user %u", path, status.st_uid);
	return 0;
}

int spw_url_copy_read(const char *state_dir, const char *list, const char *url, struct spw_url_copy *copy,
		      char problem[SPW_MESSAGE_MAX])
{
	char path[SPW_URL_COPY_PATH];
	struct spw_file file = {0};
	json_t *object = NULL;
	int err;

	*copy = (struct spw_url_copy){0};
	*problem = '\0';
	spw_url_copy_path(path, state_dir, list, ".json");
	err = check_owner(path, problem);
	if (!err) {
		err = spw_file_read(path, JSON_BYTES_MAX, true, &file);
		if (err)
			spw_message(problem, err, "%s", file.problem);
	}
	if (!err) {
		object = json_loadb(file.text, file.length, JSON_REJECT_DUPLICATES, NULL);
		err = take(object, list, url, copy, problem);
	}
	if (err)
		*copy = (struct spw_url_copy){0};
	json_decref(object);
	spw_file_free(&file);
	return err;
}
