/* SPDX-License-Identifier: GPL-2.0-only */
/* The agent's log: standard error, with priority prefixes when it goes to the systemd journal (sd-daemon(3)). */
#ifndef SPW_BASE_LOG_H
#define SPW_BASE_LOG_H

#include <syslog.h>

/** spw_log() - one line; @priority as in syslog(3), LOG_ERR to LOG_DEBUG. Newlines inside become spaces. */
__attribute__((format(printf, 2, 3))) void spw_log(int priority, const char *format, ...);

/**
 * spw_log_fields() - one line with structured fields for the systemd journal (sd_journal_sendv(3)); without a journal,
 * the line alone as by spw_log().
 * @fields: "SPILLWAY_LEVEL=red" and so on, ended by NULL; at most SPW_LOG_FIELDS_MAX
 */
#define SPW_LOG_FIELDS_MAX 24
void spw_log_fields(int priority, const char *line, const char *const *fields);

#endif
