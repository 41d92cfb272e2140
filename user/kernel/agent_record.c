/* SPDX-License-Identifier: GPL-2.0-only */
#include "agent_record.h"

#include <bpf/bpf.h>
#include <errno.h>

int spw_agent_record_read(const struct spw_pins *pins, struct spw_agent_record *record)
{
	const u32 key = 0;

	return bpf_map_lookup_elem(pins->fds[SPW_PIN_AGENT_REGISTRY], &key, record) ? -errno : 0;
}

int spw_agent_record_write(const struct spw_pins *pins, const struct spw_agent_record *record)
{
	const u32 key = 0;

	return bpf_map_update_elem(pins->fds[SPW_PIN_AGENT_REGISTRY], &key, record, BPF_ANY) ? -errno : 0;
}
