/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Names of levels, modes, verdicts, reasons and anomalies: one table for command line, metrics, JSON and configuration.
 */
#ifndef SPW_CORE_WORDS_H
#define SPW_CORE_WORDS_H

#include "maps/counters.h"
#include "maps/decap.h"
#include "maps/limit.h"
#include "maps/types.h"

/** Names; "?" for a number out of range. A level may also be SPW_LEVEL_NEVER: "never". */
const char *spw_level_name(u32 level);
const char *spw_mode_name(u32 mode);
const char *spw_verdict_name(u32 verdict);
const char *spw_reason_name(u32 reason);
const char *spw_anomaly_name(u32 anomaly);
const char *spw_shadow_name(u32 shadow);
const char *spw_tunnel_name(u32 tunnel);	 /* number of its bit in enum spw_tunnel */
const char *spw_signal_name(u32 signal);	 /* enum spw_host_signal */
const char *spw_service_signal_name(u32 signal); /* enum spw_service_signal */
const char *spw_scope_name(u32 scope);		 /* enum spw_limit_scope */
const char *spw_kind_name(u32 kind);		 /* enum spw_limit_kind */

/** spw_reason_rule() - the number of its rule, 1 to 10. */
u32 spw_reason_rule(u32 reason);

/** spw_reason_verdict() - its verdict; two reasons are named "malformed", one for each. */
enum spw_verdict spw_reason_verdict(u32 reason);

/** spw_reason_of_ip() - whether such packets have an IP source, and so belong to a list. */
bool spw_reason_of_ip(u32 reason);

/** spw_reason_in_turn() - the reasons sorted by rule: @place counts from 0 to SPW_REASONS - 1. */
u32 spw_reason_in_turn(u32 place);

/** spw_limit_reason() - the reason if a limit refuses. */
u32 spw_limit_reason(u32 scope, u32 kind);

/** spw_level_parse() - the level of a name; -1: none has that name. */
int spw_level_parse(const char *name);

#endif
