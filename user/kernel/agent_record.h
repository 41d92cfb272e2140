/* SPDX-License-Identifier: GPL-2.0-only */
/* The pinned map `agent_registry`: the agent's record for `status` and other read-only verbs. Written by the agent. */
#ifndef SPW_KERNEL_AGENT_RECORD_H
#define SPW_KERNEL_AGENT_RECORD_H

#include "maps/registry.h"
#include "pins.h"

/** spw_agent_record_read(), spw_agent_record_write() - 0 or -errno. */
int spw_agent_record_read(const struct spw_pins *pins, struct spw_agent_record *record);
int spw_agent_record_write(const struct spw_pins *pins, const struct spw_agent_record *record);

#endif
