/* SPDX-License-Identifier: GPL-2.0-only */
#include "level_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/replace.h"
#include "core/words.h"

enum { PATH_BYTES = 4096 };

static int write_name(FILE *out, void *name)
{
	return fprintf(out, "%s\n", (const char *)name) < 0 ? -EIO : 0;
}

int spw_level_file_write(const char *run_dir, u8 level)
{
	char path[PATH_BYTES];

	snprintf(path, sizeof(path), "%.4000s/level", run_dir);
	return spw_replace_file(path, 0644, false, write_name, (void *)spw_level_name(level));
}

u8 spw_level_file_read(const char *run_dir)
{
	char path[PATH_BYTES], text[16] = "";
	_cleanup_fd_ int fd = -1;
	int level;

	snprintf(path, sizeof(path), "%.4000s/level", run_dir);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		return SPW_GREEN;
	text[strcspn(text, "\n")] = '\0';
	level = spw_level_parse(text);
	return level < 0 ? SPW_GREEN : (u8)level;
}
