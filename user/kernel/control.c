/* SPDX-License-Identifier: GPL-2.0-only */
#include "control.h"

#include <bpf/bpf.h>
#include <errno.h>

int spw_control_read(const struct spw_pins *pins, struct spw_control *control)
{
	const u32 key = 0;

	return bpf_map_lookup_elem(pins->fds[SPW_PIN_CONTROL], &key, control) ? -errno : 0;
}

int spw_control_write(const struct spw_pins *pins, const struct spw_control *control)
{
	const u32 key = 0;

	return bpf_map_update_elem(pins->fds[SPW_PIN_CONTROL], &key, control, BPF_ANY) ? -errno : 0;
}
