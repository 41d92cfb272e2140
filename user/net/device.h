/* SPDX-License-Identifier: GPL-2.0-only */
/* Properties of a network device in this network namespace, by ioctl(2); /sys may show another namespace. */
#ifndef SPW_NET_DEVICE_H
#define SPW_NET_DEVICE_H

#include <stdbool.h>

#include "maps/types.h"

struct spw_device {
	char name[16]; /* its own, no altname */
	bool up;
	bool carrier;
	bool without_ethernet; /* its frames begin with the IP header: tun, WireGuard, PPP, GRE */
	u32 mtu;
	char driver[32]; /* empty: not known */
	u64 bits_per_s;	 /* speed of the link; 0: unknown */
};

/** spw_device_index() - the number of the device with this name or altname; 0: none. */
u32 spw_device_index(const char *name);

/** spw_device_look() - of the device with this number; unknown values stay zero. */
void spw_device_look(u32 ifindex, struct spw_device *device);

#endif
