/* SPDX-License-Identifier: GPL-2.0-only */
#include "nic.h"

#include <linux/ethtool.h>
#include <linux/if_bonding.h>
#include <linux/if_vlan.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/cleanup.h"

#define FEATURES_MAX 256 /* the kernel has some 64 */

static int ask(int fd, const char *name, unsigned long request, void *data)
{
	struct ifreq ifreq = {0};

	snprintf(ifreq.ifr_name, sizeof(ifreq.ifr_name), "%s", name);
	ifreq.ifr_data = data;
	return ioctl(fd, request, &ifreq);
}

/* ---- offloads ---- */

static u32 count_features(int fd, const char *name)
{
	_cleanup_free_ struct ethtool_sset_info *info = calloc(1, sizeof(*info) + sizeof(info->data[0]));

	if (!info)
		return 0;
	info->cmd = ETHTOOL_GSSET_INFO;
	info->sset_mask = 1ull << ETH_SS_FEATURES;
	if (ask(fd, name, SIOCETHTOOL, info) || !info->sset_mask || info->data[0] > FEATURES_MAX)
		return 0;
	return info->data[0];
}

static enum spw_offload offload_state(const struct ethtool_gfeatures *features, u32 index)
{
	const struct ethtool_get_features_block *block = &features->features[index / 32];
	u32 bit = 1u << index % 32;

	if (!(block->active & bit))
		return SPW_OFFLOAD_OFF;
	return block->available & bit && !(block->never_changed & bit) ? SPW_OFFLOAD_ON : SPW_OFFLOAD_FIXED;
}

static void look_at_offloads(int fd, const char *name, struct spw_nic *nic)
{
	u32 count = count_features(fd, name), blocks = (count + 31) / 32;
	_cleanup_free_ struct ethtool_gstrings *names = calloc(1, sizeof(*names) + (size_t)count * ETH_GSTRING_LEN);
	_cleanup_free_ struct ethtool_gfeatures *features =
		calloc(1, sizeof(*features) + blocks * sizeof(features->features[0]));

	if (!count || !names || !features)
		return;
	*names = (struct ethtool_gstrings){.cmd = ETHTOOL_GSTRINGS, .string_set = ETH_SS_FEATURES, .len = count};
	*features = (struct ethtool_gfeatures){.cmd = ETHTOOL_GFEATURES, .size = blocks};
	if (ask(fd, name, SIOCETHTOOL, names) || ask(fd, name, SIOCETHTOOL, features))
		return;
	for (u32 i = 0; i < count; i++) {
		const char *feature = (const char *)names->data + (size_t)i * ETH_GSTRING_LEN;

		if (!strncmp(feature, "rx-lro", ETH_GSTRING_LEN))
			nic->lro = offload_state(features, i);
		else if (!strncmp(feature, "rx-gro-hw", ETH_GSTRING_LEN))
			nic->gro_hw = offload_state(features, i);
	}
}

/* ---- queues ---- */

static void look_at_channels(int fd, const char *name, struct spw_nic *nic)
{
	struct ethtool_channels channels = {.cmd = ETHTOOL_GCHANNELS};

	if (ask(fd, name, SIOCETHTOOL, &channels))
		return;
	nic->channels = (struct spw_channels){channels.rx_count, channels.tx_count, channels.combined_count};
	nic->most = (struct spw_channels){channels.max_rx, channels.max_tx, channels.max_combined};
}

void spw_nic_look(const char *name, struct spw_nic *nic)
{
	_cleanup_fd_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifbond bond = {0};

	look_at_offloads(fd, name, nic);
	look_at_channels(fd, name, nic);
	if (!strcmp(nic->driver, "bonding") && !ask(fd, name, SIOCBONDINFOQUERY, &bond))
		nic->bond_mode = (u32)bond.bond_mode;
}

/* ---- devices below ---- */

static size_t find_slaves(int fd, const char *name, char below[SPW_BELOW_MAX][16])
{
	struct ifbond bond = {0};
	size_t count = 0;

	if (ask(fd, name, SIOCBONDINFOQUERY, &bond))
		return 0;
	for (s32 i = 0; i < bond.num_slaves && count < SPW_BELOW_MAX; i++) {
		struct ifslave slave = {.slave_id = i};

		if (!ask(fd, name, SIOCBONDSLAVEINFOQUERY, &slave))
			snprintf(below[count++], 16, "%.15s", slave.slave_name);
	}
	return count;
}

static size_t find_vlan_device(int fd, const char *name, char below[16])
{
	struct vlan_ioctl_args request = {.cmd = GET_VLAN_REALDEV_NAME_CMD};

	snprintf(request.device1, sizeof(request.device1), "%s", name);
	if (ioctl(fd, SIOCGIFVLAN, &request))
		return 0;
	snprintf(below, 16, "%.15s", request.u.device2);
	return 1;
}

size_t spw_devices_below(const char *name, const char *driver, char below[SPW_BELOW_MAX][16])
{
	_cleanup_fd_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (!strcmp(driver, "bonding"))
		return find_slaves(fd, name, below);
	if (!strncmp(driver, "802.1Q VLAN", 11))
		return find_vlan_device(fd, name, below[0]);
	return 0;
}
