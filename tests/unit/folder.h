/* SPDX-License-Identifier: GPL-2.0-only */
/* A folder of a test's own, which is the current one meanwhile. For tests that read files. */
#ifndef SPW_TESTS_FOLDER_H
#define SPW_TESTS_FOLDER_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/config/diagnostics.h"

static char folder[64]; /* empty: none */

/* Set up and tear down a test. */
static inline int enter_folder(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/spillway-unit-XXXXXX");
	umask(022);
	return mkdtemp(folder) && !chdir(folder) ? 0 : -1;
}

static inline int leave_folder(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	folder[0] = 0;
	return chdir("/") || system(command);
}

static inline void write_bytes(const char *name, const void *from, size_t length)
{
	FILE *file = fopen(name, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(from, 1, length, file), length);
	assert_int_equal(fclose(file), 0);
}

static inline void write_file(const char *name, const char *text)
{
	write_bytes(name, text, strlen(text));
}

/* Diagnostics, one per line; paths are relative to the folder, and warnings begin with "warning: ". */
static inline const char *told(const struct spw_diagnostics *diagnostics)
{
	static char text[65536];
	char *out = text;

	*out = 0;
	for (size_t i = 0; i < diagnostics->count; i++) {
		const char *from = diagnostics->items[i].text, *found;

		if (diagnostics->items[i].severity == SPW_WARNING)
			out = stpcpy(out, "warning: ");
		for (; *folder && (found = strstr(from, folder)); from = found + strlen(folder) + 1)
			out = mempcpy(out, from, (size_t)(found - from));
		out = stpcpy(stpcpy(out, from), "\n");
	}
	return text;
}

#endif
