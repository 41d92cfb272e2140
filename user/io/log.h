/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The agent's log: standard error, with the journal's priority prefixes when systemd reads it (sd-daemon(3)).
 */
#ifndef SPW_IO_LOG_H
#define SPW_IO_LOG_H

#include <syslog.h>

#include "../config/diagnostics.h"

/** spw_log() - one line; @priority as in syslog(3), LOG_ERR to LOG_DEBUG. Newlines inside become spaces. */
__attribute__((format(printf, 2, 3))) void spw_log(int priority, const char *format, ...);

/** spw_log_diagnostics() - one line each. */
void spw_log_diagnostics(const struct spw_diagnostics *diagnostics);

#endif
