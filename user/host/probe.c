/* SPDX-License-Identifier: GPL-2.0-only */
/* Facts about the host. */
#include "probe.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/capability.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/magic.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <sys/vfs.h>

#include "base/cleanup.h"
#include "kernel/links.h"

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

/* Cuts the last part off @path; false when only the root is left. */
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

/* What the kernel's socket calls know of an interface, in this network namespace; /sys may show another one. */
static void probe_device(const char *name, struct spw_interface *interface)
{
	_cleanup_fd_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ethtool_drvinfo driver = {.cmd = ETHTOOL_GDRVINFO};
	struct ifreq request = {0};

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (!ioctl(fd, SIOCGIFFLAGS, &request)) {
		interface->up = request.ifr_flags & IFF_UP;
		interface->carrier = request.ifr_flags & IFF_RUNNING;
	}
	if (!ioctl(fd, SIOCGIFMTU, &request))
		interface->mtu = (u32)request.ifr_mtu;
	request.ifr_data = (char *)&driver;
	if (!ioctl(fd, SIOCETHTOOL, &request))
		snprintf(interface->driver, sizeof(interface->driver), "%.31s", driver.driver);
}

/* Whether the link that links.c has pinned for this interface holds the program that is attached. */
static bool is_ours(const char *pin_dir, u32 ifindex, u32 program_id)
{
	struct bpf_link_info info = {0};
	u32 length = sizeof(info);
	_cleanup_fd_ int fd = -1;
	char path[256];

	snprintf(path, sizeof(path), "%.200s/link_%u", pin_dir, ifindex);
	fd = bpf_obj_get(path);
	return fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &length) && info.type == BPF_LINK_TYPE_XDP &&
	       info.xdp.ifindex == ifindex && info.prog_id == program_id;
}

static int probe_xdp(const char *pin_dir, struct spw_interface *interface)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, query);
	int err = bpf_xdp_query((int)interface->ifindex, 0, &query);

	if (err)
		return err;
	interface->native = query.drv_prog_id || query.hw_prog_id;
	interface->program_id = query.drv_prog_id   ? query.drv_prog_id
				: query.hw_prog_id  ? query.hw_prog_id
				: query.skb_prog_id ? query.skb_prog_id
						    : query.prog_id;
	if (interface->program_id) {
		spw_xdp_program_name(interface->program_id, interface->program);
		interface->ours = is_ours(pin_dir, interface->ifindex, interface->program_id);
	}
	return 0;
}

void spw_probe_interface(const char *name, const char *pin_dir, struct spw_interface *interface)
{
	libbpf_print_fn_t print = libbpf_set_print(NULL); /* what it cannot do is said once, by who asked */

	*interface = (struct spw_interface){.ifindex = if_nametoindex(name)};
	if (interface->ifindex) {
		probe_device(name, interface);
		interface->xdp_err = probe_xdp(pin_dir, interface);
	}
	libbpf_set_print(print);
}
