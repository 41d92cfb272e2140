/* SPDX-License-Identifier: GPL-2.0-only */
#include "url_copy.h"

#include <stdio.h>

static bool is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

const char *spw_url_copy_name(char name[SPW_URL_COPY_NAME], const char *list, const char *suffix)
{
	size_t at = 0;

	/* At most 63 bytes, so that there is space for the suffix. */
	for (; *list && at < SPW_URL_COPY_NAME - 16; list++)
		at += (size_t)snprintf(name + at, SPW_URL_COPY_NAME - at, is_plain(*list) ? "%c" : "%%%02X",
				       (unsigned char)*list);
	snprintf(name + at, SPW_URL_COPY_NAME - at, "%s", suffix);
	return name;
}

const char *spw_url_copy_path(char path[SPW_URL_COPY_PATH], const char *state_dir, const char *list, const char *suffix)
{
	char name[SPW_URL_COPY_NAME];

	snprintf(path, SPW_URL_COPY_PATH, "%.3800s/" SPW_URL_COPY_FOLDER "/%s", state_dir,
		 spw_url_copy_name(name, list, suffix));
	return path;
}

const char *spw_url_copy_suffix(const struct spw_url_copy *copy, bool spare)
{
	return (copy->slot == 'a') != spare ? ".a" : ".b";
}
