/* SPDX-License-Identifier: GPL-2.0-only */
#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#define JOURNAL_SOCKET "/run/systemd/journal/socket"

void spw_log(int priority, const char *format, ...)
{
	static const char *const words[] = {"", "", "", "error: ", "warning: ", "", "", ""};
	char line[2048];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	for (char *at = line; (at = strpbrk(at, "\n\r")); at++)
		*at = ' ';
	if (getenv("JOURNAL_STREAM"))
		fprintf(stderr, "<%d>%s\n", priority, line);
	else
		fprintf(stderr, "spillway: %s%s\n", words[priority & 7], line);
}

void spw_log_fields(int priority, const char *line, const char *const *fields)
{
	struct iovec parts[SPW_LOG_FIELDS_MAX + 2];
	char message[2048], level[32];
	int count = 0;

	snprintf(message, sizeof(message), "MESSAGE=%s", line);
	snprintf(level, sizeof(level), "PRIORITY=%d", priority);
	parts[count++] = (struct iovec){message, strlen(message)};
	parts[count++] = (struct iovec){level, strlen(level)};
	for (; *fields && count < SPW_LOG_FIELDS_MAX + 2; fields++)
		parts[count++] = (struct iovec){(char *)*fields, strlen(*fields)};
	/* sd_journal_sendv() reports success when there is no journal. */
	if (!getenv("JOURNAL_STREAM") || access(JOURNAL_SOCKET, F_OK) || sd_journal_sendv(parts, count))
		spw_log(priority, "%s", line);
}
