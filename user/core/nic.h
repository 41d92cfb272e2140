/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Would a network device accept our program in native XDP mode? A table of drivers, from their sources; docs/nics.md
 * shows it. Pure: what is known about the device in, obstacles out. A forecast: only attaching tells.
 */
#ifndef SPW_CORE_NIC_H
#define SPW_CORE_NIC_H

#include <stdbool.h>

#include "maps/types.h"

#define SPW_KERNEL(major, minor) ((u32)(major) << 16 | (u32)(minor))

/* An offload of a device. */
enum spw_offload {
	SPW_OFFLOAD_OFF, /* or not known */
	SPW_OFFLOAD_ON,
	SPW_OFFLOAD_FIXED, /* on, and cannot be turned off here */
};

/* How many queues; 0: not known, or none of this kind. */
struct spw_channels {
	u32 rx;
	u32 tx;
	u32 combined;
};

struct spw_nic {
	char driver[32];
	u32 kernel; /* SPW_KERNEL() */
	u32 mtu;
	u32 cpus; /* that the kernel may have */
	enum spw_offload lro;
	enum spw_offload gro_hw;
	struct spw_channels channels;
	struct spw_channels most; /* that it can have */
	u32 bond_mode;		  /* of a bond: BOND_MODE_* of linux/if_bonding.h */
};

/* What keeps a driver from native mode. */
enum spw_nic_obstacle {
	SPW_NIC_NO_XDP = 1 << 0,     /* it has none */
	SPW_NIC_OLD_KERNEL = 1 << 1, /* it has, in newer kernels */
	SPW_NIC_MTU = 1 << 2,
	SPW_NIC_LRO = 1 << 3,
	SPW_NIC_GRO_HW = 1 << 4,
	SPW_NIC_CHANNELS = 1 << 5, /* no free queues for XDP, or not as many for receiving as for sending */
	SPW_NIC_COMBINED = 1 << 6, /* separate receive and transmit queues */
	SPW_NIC_CPUS = 1 << 7,	   /* too many */
	SPW_NIC_BOND_MODE = 1 << 8,
	SPW_NIC_HOST = 1 << 9, /* an offload that only the hypervisor can turn off */
	SPW_NIC_OBSTACLES = 10,
};

/* A row of the table. */
struct spw_nic_driver {
	const char *name;
	u32 since;	 /* kernel with native XDP; 0: no kernel has it */
	u32 mtu_most;	 /* with pages of 4 KiB; 0: no bound */
	u32 frags_since; /* kernel from which the bound is not for programs with fragments (xdp.frags), as ours; 0: none */
	u32 needs;	 /* enum spw_nic_obstacle: what is to be looked at besides */
	const char *source; /* in the kernel's tree */
	const char *note;   /* what cannot be seen from here, or without native XDP what to do; NULL: nothing */
};

struct spw_nic_forecast {
	const struct spw_nic_driver *driver; /* NULL: not in the table */
	u32 obstacles;			     /* enum spw_nic_obstacle */
	struct spw_channels channels;	     /* to be set: 0: as they are */
};

/** spw_nic_forecast() - look @nic up in the table. */
struct spw_nic_forecast spw_nic_forecast(const struct spw_nic *nic);

#endif
