/* SPDX-License-Identifier: GPL-2.0-only */
/* What the forecast of core/nic.h is made from, and the devices below a VLAN or a bond. By ioctl(2). */
#ifndef SPW_NET_NIC_H
#define SPW_NET_NIC_H

#include <stddef.h>

#include "core/nic.h"

#define SPW_BELOW_MAX 16 /* devices of a bond */

/** spw_nic_look() - offloads, queues and bond mode of the device @name; what is not known stays zero. */
void spw_nic_look(const char *name, struct spw_nic *nic);

/** spw_devices_below() - the device that a VLAN is on, or those in a bond, in this namespace. Returns how many. */
size_t spw_devices_below(const char *name, const char *driver, char below[SPW_BELOW_MAX][16]);

#endif
