/* SPDX-License-Identifier: GPL-2.0-only */
#include "probe.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"

void spw_probe_capabilities(struct spw_capabilities *capabilities)
{
	_cleanup_file_ FILE *file = fopen("/proc/self/status", "re");
	unsigned long long effective = 0;
	char line[256];

	*capabilities = (struct spw_capabilities){0};
	while (file && !capabilities->known && fgets(line, sizeof(line), file))
		capabilities->known = sscanf(line, "CapEff: %llx", &effective) == 1;
	capabilities->net_admin = effective >> CAP_NET_ADMIN & 1;
	capabilities->sys_admin = effective >> CAP_SYS_ADMIN & 1;
	capabilities->bpf = (effective >> CAP_BPF & 1) || capabilities->sys_admin;
	capabilities->perfmon = (effective >> CAP_PERFMON & 1) || capabilities->sys_admin;
}

u32 spw_probe_kernel(char release[65])
{
	unsigned int major = 0, minor = 0;
	struct utsname name;

	release[0] = '\0';
	if (uname(&name))
		return 0;
	snprintf(release, 65, "%s", name.release);
	sscanf(release, "%u.%u", &major, &minor);
	return SPW_KERNEL(major, minor);
}

bool spw_probe_btf(void)
{
	return !access("/sys/kernel/btf/vmlinux", R_OK);
}

int spw_probe_jit(void)
{
	_cleanup_file_ FILE *file = fopen("/proc/sys/net/core/bpf_jit_enable", "re");
	int value;

	return file && fscanf(file, "%d", &value) == 1 ? value : -1;
}

/* Remove the last part of @path; false: only the root is left. */
static bool go_up(char *path)
{
	char *slash = strrchr(path, '/');

	if (!slash || !path[1])
		return false;
	slash[slash == path] = '\0';
	return true;
}

void spw_probe_bpffs(const char *pin_dir, struct spw_bpffs *bpffs)
{
	struct statvfs flags;
	struct statfs fs;

	*bpffs = (struct spw_bpffs){0};
	snprintf(bpffs->path, sizeof(bpffs->path), "%s", pin_dir);
	while (access(bpffs->path, F_OK) && errno == ENOENT && go_up(bpffs->path))
		;
	bpffs->is_bpffs = !statfs(bpffs->path, &fs) && (u32)fs.f_type == (u32)BPF_FS_MAGIC;
	bpffs->read_only = !statvfs(bpffs->path, &flags) && flags.f_flag & ST_RDONLY;
	bpffs->writable = !access(bpffs->path, W_OK | X_OK);
}

static void look_at_nic(struct spw_interface *interface)
{
	const struct spw_device *device = &interface->device;
	struct spw_nic *nic = &interface->nic;
	long cpus = sysconf(_SC_NPROCESSORS_CONF);
	char release[65];

	snprintf(nic->driver, sizeof(nic->driver), "%s", device->driver);
	nic->kernel = spw_probe_kernel(release);
	nic->mtu = device->mtu;
	nic->cpus = cpus > 0 ? (u32)cpus : 1;
	spw_nic_look(device->name, nic);
	interface->below_count = spw_devices_below(device->name, device->driver, interface->below);
}

void spw_probe_interface(const char *name, const char *pin_dir, struct spw_interface *interface)
{
	*interface = (struct spw_interface){.ifindex = spw_device_index(name)};
	if (!interface->ifindex)
		return;
	spw_device_look(interface->ifindex, &interface->device);
	look_at_nic(interface);
	interface->xdp_err = spw_link_look(pin_dir, interface->ifindex, &interface->attached);
}
