/* SPDX-License-Identifier: GPL-2.0-only */
/* A network device in this network namespace, by ioctl(2); /sys may be that of another namespace. */
#ifndef SPW_NET_DEVICE_H
#define SPW_NET_DEVICE_H

#include <stdbool.h>

#include "maps/types.h"

struct spw_device {
	bool up;
	bool carrier;
	bool without_ethernet; /* its frames begin with the IP header: tun, WireGuard, PPP, GRE */
	u32 mtu;
	char driver[32]; /* empty: not known */
};

/** spw_device_look() - of the device @name; what cannot be found out stays zero. */
void spw_device_look(const char *name, struct spw_device *device);

#endif
