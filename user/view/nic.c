/* SPDX-License-Identifier: GPL-2.0-only */
/* See nic.h. */
#include "nic.h"

static void put_obstacle(FILE *out, const struct spw_nic *nic, const struct spw_nic_driver *driver, u32 obstacle)
{
	switch (obstacle) {
	case SPW_NIC_NO_XDP:
		fputs("the driver has no native XDP", out);
		break;
	case SPW_NIC_OLD_KERNEL:
		fprintf(out, "the driver has native XDP from Linux %u.%u on", driver->since >> 16,
			driver->since & 0xffff);
		break;
	case SPW_NIC_MTU:
		fprintf(out, "MTU %u is above %u", nic->mtu, driver->mtu_most);
		break;
	case SPW_NIC_LRO:
		fputs("LRO is on", out);
		break;
	case SPW_NIC_GRO_HW:
		fputs("hardware GRO is on", out);
		break;
	case SPW_NIC_CHANNELS:
		fputs("XDP needs as many transmit queues again, and as many for receiving as for sending", out);
		break;
	case SPW_NIC_COMBINED:
		fputs("receive and transmit queues are not combined", out);
		break;
	case SPW_NIC_CPUS:
		fputs("there are too many CPUs for its queues", out);
		break;
	case SPW_NIC_BOND_MODE:
		fprintf(out, "bond mode %u has no native XDP", nic->bond_mode);
		break;
	case SPW_NIC_HOST:
		fputs("the hypervisor merges packets (GRO) and does not let the guest turn it off", out);
		break;
	default:
		break;
	}
}

void spw_view_nic_why(FILE *out, const struct spw_nic *nic, const struct spw_nic_forecast *forecast)
{
	const char *between = "";

	for (u32 i = 0; i < SPW_NIC_OBSTACLES; i++) {
		if (!(forecast->obstacles & 1u << i))
			continue;
		fputs(between, out);
		put_obstacle(out, nic, forecast->driver, 1u << i);
		between = "; ";
	}
}

/* Begin one more command. */
static void next(FILE *out, const char **between)
{
	fputs(*between, out);
	*between = "; ";
}

static void put_channels(FILE *out, const char *name, const struct spw_channels *channels)
{
	if (channels->combined)
		fprintf(out, "ethtool -L %s combined %u", name, channels->combined);
	else
		fprintf(out, "ethtool -L %s rx %u tx %u", name, channels->rx, channels->tx);
}

void spw_view_nic_remedy(FILE *out, const char *name, const struct spw_nic_forecast *forecast)
{
	u32 obstacles = forecast->obstacles;
	const char *between = "";

	if (obstacles & SPW_NIC_LRO) {
		next(out, &between);
		fprintf(out, "ethtool -K %s lro off", name);
	}
	if (obstacles & SPW_NIC_GRO_HW) {
		next(out, &between);
		fprintf(out, "ethtool -K %s rx-gro-hw off", name);
	}
	if (obstacles & SPW_NIC_CHANNELS && (forecast->channels.combined || forecast->channels.rx)) {
		next(out, &between);
		put_channels(out, name, &forecast->channels);
	}
	if (obstacles & SPW_NIC_COMBINED) {
		next(out, &between);
		fprintf(out, "ethtool -L %s rx 0 tx 0 combined N", name);
	}
	if (obstacles & SPW_NIC_MTU) {
		next(out, &between);
		fprintf(out, "ip link set dev %s mtu %u", name, forecast->driver->mtu_most);
	}
	if (obstacles & SPW_NIC_HOST) {
		next(out, &between);
		fputs("in the hypervisor: guest_tso4=off,guest_tso6=off,guest_ecn=off,guest_ufo=off,guest_csum=off, or "
		      "ctrl_guest_offloads=on (QEMU's virtio-net)",
		      out);
	}
	if (obstacles & SPW_NIC_BOND_MODE) {
		next(out, &between);
		fputs("use balance-rr, active-backup, balance-xor or 802.3ad, or list the devices below in 'interfaces'",
		      out);
	}
}
