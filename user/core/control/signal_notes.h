/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where each signal comes from, or why it is absent: made by signals/, shown by `explain`, `doctor` and events. Not
 * part of the facts, since no decision uses it and the history does not keep it.
 */
#ifndef SPW_CORE_SIGNAL_NOTES_H
#define SPW_CORE_SIGNAL_NOTES_H

#include "facts.h"

struct spw_signal_note {
	bool present;
	const char *text; /* present: the source, as "tracepoint sk_data_ready"; else why it is absent. Never NULL */
};

struct spw_signal_notes {
	u32 services_count;
	struct spw_signal_note host[SPW_HOST_SIGNALS];
	struct spw_signal_note services[SPW_SERVICES_MAX][SPW_SERVICE_SIGNALS];
};

#endif
