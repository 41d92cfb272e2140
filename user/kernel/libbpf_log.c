/* SPDX-License-Identifier: GPL-2.0-only */
#include "libbpf_log.h"

#include <bpf/libbpf.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

static char words[300];
static bool verifier_refused;

/* The line before the verifier's final statistics. */
static void keep_verifier_line(char *log, char *end)
{
	char *line;

	*end = '\0';
	line = strrchr(log, '\n');
	snprintf(words, sizeof(words), "%s", line ? line + 1 : log);
	verifier_refused = true;
}

static int keep(enum libbpf_print_level level, const char *format, va_list arguments)
{
	_cleanup_free_ char *text = NULL;
	char *end;

	/* The limit on locked memory only matters before Linux 5.11. */
	if (level != LIBBPF_WARN || strstr(format, "Failed to bump") || vasprintf(&text, format, arguments) < 0)
		return 0;
	end = strstr(text, "\nprocessed ");
	if (end && strstr(text, "BEGIN PROG LOAD LOG")) {
		keep_verifier_line(text, end);
	} else if (!*words) {
		text[strcspn(text, "\n")] = '\0';
		snprintf(words, sizeof(words), "%s", text);
	}
	return 0;
}

void spw_libbpf_listen(void)
{
	*words = '\0';
	verifier_refused = false;
	libbpf_set_print(keep);
}

const char *spw_libbpf_words(void)
{
	return words;
}

bool spw_libbpf_verifier_refused(void)
{
	return verifier_refused;
}
