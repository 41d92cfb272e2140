/* SPDX-License-Identifier: GPL-2.0-only */
/* Facts about the host for `doctor`. Read-only: nothing is loaded, attached, mounted or written. */
#ifndef SPW_HOST_PROBE_H
#define SPW_HOST_PROBE_H

#include <stdbool.h>

#include "core/nic.h"
#include "kernel/links.h"
#include "maps/types.h"
#include "net/device.h"
#include "net/nic.h"

/* Capabilities of this process. */
struct spw_capabilities {
	bool known;
	bool net_admin;
	bool sys_admin;
	bool bpf;     /* or sys_admin, which implies it */
	bool perfmon; /* or sys_admin */
};

/* The bpffs of the pinned maps. */
struct spw_bpffs {
	char path[256]; /* nearest existing folder at or above pin_dir */
	bool is_bpffs;
	bool read_only;
	bool writable; /* by this process */
};

struct spw_interface {
	u32 ifindex; /* 0: no such interface; the rest is then empty */
	struct spw_device device;
	int xdp_err; /* 0: `attached` is known; -errno */
	struct spw_attached attached;
	struct spw_nic nic;
	char below[SPW_BELOW_MAX][16]; /* devices of a bond, or the one that a VLAN is on */
	size_t below_count;
};

void spw_probe_capabilities(struct spw_capabilities *capabilities);

/** spw_probe_kernel() - SPW_KERNEL() and the text of uname. */
u32 spw_probe_kernel(char release[65]);

bool spw_probe_btf(void);

/** spw_probe_jit() - net.core.bpf_jit_enable: 0, 1, 2; -1: not readable. */
int spw_probe_jit(void);

void spw_probe_bpffs(const char *pin_dir, struct spw_bpffs *bpffs);

void spw_probe_interface(const char *name, const char *pin_dir, struct spw_interface *interface);

#endif
