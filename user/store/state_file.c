/* SPDX-License-Identifier: GPL-2.0-only */
#include "state_file.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"

void spw_state_path(char path[SPW_STATE_PATH_BYTES], const char *state_dir, const char *name, const char *suffix)
{
	snprintf(path, SPW_STATE_PATH_BYTES, "%.4000s/%s%s", state_dir, name, suffix);
}

bool spw_state_put_aside(const char *state_dir, const char *name)
{
	char path[SPW_STATE_PATH_BYTES], aside[SPW_STATE_PATH_BYTES];

	spw_state_path(path, state_dir, name, "");
	spw_state_path(aside, state_dir, name, ".bad");
	return !rename(path, aside);
}

int spw_state_replace(const char *state_dir, const char *name, spw_writer *write, void *context)
{
	char path[SPW_STATE_PATH_BYTES];
	struct stat status;
	int err;

	spw_state_path(path, state_dir, name, "");
	err = spw_make_folder(state_dir, 0700);
	if (err)
		return err;
	if (!lstat(path, &status) && S_ISLNK(status.st_mode))
		return -ELOOP;
	return spw_replace_file(path, 0600, true, write, context);
}

void spw_boot_id(char id[SPW_BOOT_ID_BYTES])
{
	_cleanup_file_ FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");

	if (!file || !fgets(id, SPW_BOOT_ID_BYTES, file))
		*id = '\0';
	id[strcspn(id, "\n")] = '\0';
}
