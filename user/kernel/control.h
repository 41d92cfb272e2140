/* SPDX-License-Identifier: GPL-2.0-only */
/* The pinned map `control`: lease, level and mode as the datapath reads them. Called by the agent, its only writer. */
#ifndef SPW_KERNEL_CONTROL_H
#define SPW_KERNEL_CONTROL_H

#include "maps/control.h"
#include "pins.h"

/** spw_control_read() - 0 or -errno. */
int spw_control_read(const struct spw_pins *pins, struct spw_control *control);

/** spw_control_write() - in force with the next packet. Returns 0 or -errno: the former value stands. */
int spw_control_write(const struct spw_pins *pins, const struct spw_control *control);

#endif
