/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * See nic.h. Our program has xdp.frags, so a bound of the MTU matters only where the driver does not know fragments.
 * Bounds are for pages of 4 KiB and round down where a driver's headroom differs between versions.
 */
#include "nic.h"

#include <stddef.h>
#include <string.h>

#define IXGBE_CPUS_MOST 128 /* twice IXGBE_MAX_XDP_QS */

static const struct spw_nic_driver drivers[] = {
	{"ena", SPW_KERNEL(5, 6), 3498, 0, SPW_NIC_CHANNELS, "drivers/net/ethernet/amazon/ena/ena_xdp.h, Linux 6.8",
	 NULL},
	{"gve", SPW_KERNEL(6, 4), 2032, 0, SPW_NIC_LRO | SPW_NIC_CHANNELS,
	 "drivers/net/ethernet/google/gve/gve_main.c, Linux 6.8", "before Linux 6.16 in the queue format GQI-QPL only"},
	{"virtio_net", SPW_KERNEL(4, 10), 3506, SPW_KERNEL(6, 3), SPW_NIC_HOST, "drivers/net/virtio_net.c, Linux 6.5",
	 NULL},
	{"hv_netvsc", SPW_KERNEL(5, 6), 3506, 0, SPW_NIC_LRO, "drivers/net/hyperv/netvsc_bpf.c, Linux 5.19",
	 "with accelerated networking the driver of the virtual function must accept it, too"},
	{"mlx5_core", SPW_KERNEL(4, 9), 3498, SPW_KERNEL(6, 4), SPW_NIC_LRO | SPW_NIC_GRO_HW,
	 "drivers/net/ethernet/mellanox/mlx5/core/en_main.c, Linux 6.4", NULL},
	{"mlx4_en", SPW_KERNEL(4, 8), 3498, 0, 0, "drivers/net/ethernet/mellanox/mlx4/en_netdev.c, Linux 6.1", NULL},
	{"ixgbe", SPW_KERNEL(4, 12), 3050, 0, SPW_NIC_LRO | SPW_NIC_CPUS,
	 "drivers/net/ethernet/intel/ixgbe/ixgbe_main.c, Linux 6.1", "not together with SR-IOV or DCB"},
	{"ixgbevf", SPW_KERNEL(4, 17), 3050, 0, 0, "drivers/net/ethernet/intel/ixgbevf/ixgbevf_main.c, Linux 6.1",
	 NULL},
	{"i40e", SPW_KERNEL(4, 13), 3046, SPW_KERNEL(6, 4), 0, "drivers/net/ethernet/intel/i40e/i40e_main.c, Linux 6.9",
	 NULL},
	{"ice", SPW_KERNEL(5, 5), 3046, SPW_KERNEL(6, 3), 0, "drivers/net/ethernet/intel/ice/ice_main.c, Linux 6.6",
	 NULL},
	{"igb", SPW_KERNEL(5, 10), 3046, 0, 0, "drivers/net/ethernet/intel/igb/igb_main.c, Linux 6.1", NULL},
	{"igc", SPW_KERNEL(5, 13), 1500, 0, 0, "drivers/net/ethernet/intel/igc/igc_xdp.c, Linux 6.1", NULL},
	{"bnxt_en", SPW_KERNEL(4, 11), 3500, SPW_KERNEL(5, 19), SPW_NIC_COMBINED,
	 "drivers/net/ethernet/broadcom/bnxt/bnxt_xdp.c, Linux 6.5",
	 "it needs a free transmit ring for each receive ring"},
	{"veth", SPW_KERNEL(4, 19), 3506, SPW_KERNEL(5, 18), 0, "drivers/net/veth.c, Linux 6.1",
	 "it needs as many receive queues as its peer has transmit queues"},
	{"tun", SPW_KERNEL(4, 14), 0, 0, 0, "drivers/net/tun.c, Linux 6.1", NULL},
	{"bonding", SPW_KERNEL(5, 15), 0, 0, SPW_NIC_BOND_MODE, "drivers/net/bonding/bond_main.c, Linux 6.14",
	 "every device below must accept it, too"},
	{"802.1Q VLAN Support", 0, 0, 0, 0, "net/8021q/vlan_dev.c, Linux 6.12",
	 "list the device that it is on in 'interfaces' instead"},
	{"bridge", 0, 0, 0, 0, "net/bridge/br_device.c, Linux 6.12", "list its ports in 'interfaces' instead"},
	{"macvlan", 0, 0, 0, 0, "drivers/net/macvlan.c, Linux 6.12",
	 "list the device that it is on in 'interfaces' instead"},
	{"e1000", 0, 0, 0, 0, "drivers/net/ethernet/intel/e1000/e1000_main.c, Linux 6.12", NULL},
	{"e1000e", 0, 0, 0, 0, "drivers/net/ethernet/intel/e1000e/netdev.c, Linux 6.12", NULL},
	{"r8169", 0, 0, 0, 0, "drivers/net/ethernet/realtek/r8169_main.c, Linux 6.12", NULL},
	{"tg3", 0, 0, 0, 0, "drivers/net/ethernet/broadcom/tg3.c, Linux 6.12", NULL},
	{"bnx2x", 0, 0, 0, 0, "drivers/net/ethernet/broadcom/bnx2x/bnx2x_main.c, Linux 6.12", NULL},
};

static const struct spw_nic_driver *find_driver(const char *name)
{
	for (size_t i = 0; i < sizeof(drivers) / sizeof(*drivers); i++)
		if (!strcmp(drivers[i].name, name))
			return &drivers[i];
	return NULL;
}

static u32 smaller(u32 one, u32 other)
{
	return one < other ? one : other;
}

/* Queues for XDP to transmit on take as many again: half of the most, for receiving as for sending. */
static u32 check_channels(const struct spw_nic *nic, struct spw_channels *wanted)
{
	const struct spw_channels *now = &nic->channels, *most = &nic->most;
	u32 pairs = smaller(now->rx, now->tx), half = most->tx / 2;

	if (most->combined) {
		if (now->combined * 2 <= most->combined)
			return 0;
		wanted->combined = most->combined / 2;
		return SPW_NIC_CHANNELS;
	}
	if (!most->tx || (now->rx == now->tx && now->tx <= half))
		return 0;
	wanted->rx = wanted->tx = smaller(pairs, half);
	return SPW_NIC_CHANNELS;
}

/* Modes with native XDP: balance-rr, active-backup, balance-xor, 802.3ad. */
static bool has_good_mode(const struct spw_nic *nic)
{
	return nic->bond_mode <= 2 || nic->bond_mode == 4;
}

struct spw_nic_forecast spw_nic_forecast(const struct spw_nic *nic)
{
	struct spw_nic_forecast forecast = {0};
	const struct spw_nic_driver *driver = find_driver(nic->driver);
	u32 found = 0;

	forecast.driver = driver;
	if (!driver)
		return forecast;
	if (!driver->since || nic->kernel < driver->since) {
		forecast.obstacles = driver->since ? SPW_NIC_OLD_KERNEL : SPW_NIC_NO_XDP;
		return forecast;
	}
	if (driver->mtu_most && nic->mtu > driver->mtu_most &&
	    (!driver->frags_since || nic->kernel < driver->frags_since))
		found |= SPW_NIC_MTU;
	if (nic->lro)
		found |= SPW_NIC_LRO;
	if (nic->gro_hw)
		found |= SPW_NIC_GRO_HW;
	if (nic->lro == SPW_OFFLOAD_FIXED || nic->gro_hw == SPW_OFFLOAD_FIXED)
		found |= SPW_NIC_HOST;
	if (nic->cpus > IXGBE_CPUS_MOST)
		found |= SPW_NIC_CPUS;
	if (!nic->channels.combined && nic->channels.rx)
		found |= SPW_NIC_COMBINED;
	if (!has_good_mode(nic))
		found |= SPW_NIC_BOND_MODE;
	if (driver->needs & SPW_NIC_CHANNELS)
		found |= check_channels(nic, &forecast.channels);
	forecast.obstacles = found & (driver->needs | SPW_NIC_MTU);
	return forecast;
}
