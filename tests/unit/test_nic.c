/* SPDX-License-Identifier: GPL-2.0-only */
/* Forecast of native XDP: devices as clouds and servers have them, and the commands that make it work. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "user/core/nic.h"
#include "user/view/nic.h"

#define LINUX_6_1  SPW_KERNEL(6, 1)
#define LINUX_6_12 SPW_KERNEL(6, 12)

#define NIC(name, version, bytes, count) .driver = name, .kernel = version, .mtu = bytes, .cpus = count

struct sample {
	struct spw_nic nic;
	u32 obstacles;
	const char *why, *remedy; /* "": nothing */
};

static const struct sample samples[] = {
	/* ena: an MTU of jumbo frames and all queues in use, as instances have by default */
	{{NIC("ena", LINUX_6_12, 9001, 8), .channels = {.combined = 8}, .most = {.combined = 8}},
	 SPW_NIC_MTU | SPW_NIC_CHANNELS,
	 "MTU 9001 is above 3498; XDP needs as many transmit queues again, and as many for receiving as for sending",
	 "ethtool -L eth0 combined 4; ip link set dev eth0 mtu 3498"},
	{{NIC("ena", LINUX_6_12, 3498, 8), .channels = {.combined = 4}, .most = {.combined = 8}}, 0, "", ""},
	{{NIC("ena", LINUX_6_12, 1500, 8), .channels = {.combined = 5}, .most = {.combined = 9}},
	 SPW_NIC_CHANNELS,
	 "XDP needs as many transmit queues again, and as many for receiving as for sending",
	 "ethtool -L eth0 combined 4"},
	/* A single queue pair cannot be halved. */
	{{NIC("ena", LINUX_6_12, 1500, 1), .channels = {.combined = 1}, .most = {.combined = 1}},
	 SPW_NIC_CHANNELS,
	 "XDP needs as many transmit queues again, and as many for receiving as for sending",
	 ""},
	/* gve: separate queues; the MTU of its network */
	{{NIC("gve", LINUX_6_12, 1460, 4), .channels = {4, 4, 0}, .most = {8, 8, 0}}, 0, "", ""},
	{{NIC("gve", LINUX_6_12, 1460, 4), .channels = {8, 4, 0}, .most = {8, 8, 0}},
	 SPW_NIC_CHANNELS,
	 "XDP needs as many transmit queues again, and as many for receiving as for sending",
	 "ethtool -L eth0 rx 4 tx 4"},
	{{NIC("gve", LINUX_6_12, 8896, 4), .lro = SPW_OFFLOAD_ON, .channels = {8, 8, 0}, .most = {8, 8, 0}},
	 SPW_NIC_MTU | SPW_NIC_LRO | SPW_NIC_CHANNELS,
	 "MTU 8896 is above 2032; LRO is on; XDP needs as many transmit queues again, and as many for receiving as for "
	 "sending",
	 "ethtool -K eth0 lro off; ethtool -L eth0 rx 4 tx 4; ip link set dev eth0 mtu 2032"},
	{{NIC("gve", LINUX_6_1, 1460, 4)}, SPW_NIC_OLD_KERNEL, "the driver has native XDP from Linux 6.4 on", ""},
	/* virtio_net: fragments from 6.3 on; GRO that the guest can turn off is no obstacle, as the driver does it */
	{{NIC("virtio_net", LINUX_6_1, 9000, 2)},
	 SPW_NIC_MTU,
	 "MTU 9000 is above 3506",
	 "ip link set dev eth0 mtu 3506"},
	{{NIC("virtio_net", LINUX_6_12, 9000, 2), .gro_hw = SPW_OFFLOAD_ON}, 0, "", ""},
	{{NIC("virtio_net", LINUX_6_12, 1500, 2), .gro_hw = SPW_OFFLOAD_FIXED},
	 SPW_NIC_HOST,
	 "the hypervisor merges packets (GRO) and does not let the guest turn it off",
	 "in the hypervisor: guest_tso4=off,guest_tso6=off,guest_ecn=off,guest_ufo=off,guest_csum=off, or "
	 "ctrl_guest_offloads=on (QEMU's virtio-net)"},
	/* hv_netvsc */
	{{NIC("hv_netvsc", LINUX_6_12, 1500, 4), .lro = SPW_OFFLOAD_ON},
	 SPW_NIC_LRO,
	 "LRO is on",
	 "ethtool -K eth0 lro off"},
	{{NIC("hv_netvsc", LINUX_6_12, 3507, 4)},
	 SPW_NIC_MTU,
	 "MTU 3507 is above 3506",
	 "ip link set dev eth0 mtu 3506"},
	/* mlx5: LRO and hardware GRO; fragments from 6.4 on */
	{{NIC("mlx5_core", LINUX_6_1, 9000, 64), .lro = SPW_OFFLOAD_ON, .gro_hw = SPW_OFFLOAD_ON},
	 SPW_NIC_MTU | SPW_NIC_LRO | SPW_NIC_GRO_HW,
	 "MTU 9000 is above 3498; LRO is on; hardware GRO is on",
	 "ethtool -K eth0 lro off; ethtool -K eth0 rx-gro-hw off; ip link set dev eth0 mtu 3498"},
	{{NIC("mlx5_core", LINUX_6_12, 9000, 64)}, 0, "", ""},
	/* Intel */
	{{NIC("ixgbe", LINUX_6_12, 3051, 16), .lro = SPW_OFFLOAD_ON},
	 SPW_NIC_MTU | SPW_NIC_LRO,
	 "MTU 3051 is above 3050; LRO is on",
	 "ethtool -K eth0 lro off; ip link set dev eth0 mtu 3050"},
	{{NIC("ixgbe", LINUX_6_12, 1500, 129)}, SPW_NIC_CPUS, "there are too many CPUs for its queues", ""},
	{{NIC("ixgbe", LINUX_6_12, 1500, 128)}, 0, "", ""},
	{{NIC("i40e", LINUX_6_1, 9000, 16)}, SPW_NIC_MTU, "MTU 9000 is above 3046", "ip link set dev eth0 mtu 3046"},
	{{NIC("i40e", LINUX_6_12, 9000, 256)}, 0, "", ""},
	{{NIC("ice", LINUX_6_12, 9000, 16), .lro = SPW_OFFLOAD_ON}, 0, "", ""},
	{{NIC("igc", LINUX_6_12, 1501, 4)}, SPW_NIC_MTU, "MTU 1501 is above 1500", "ip link set dev eth0 mtu 1500"},
	/* bnxt */
	{{NIC("bnxt_en", LINUX_6_12, 9000, 16), .channels = {8, 8, 0}, .most = {8, 8, 8}},
	 SPW_NIC_COMBINED,
	 "receive and transmit queues are not combined",
	 "ethtool -L eth0 rx 0 tx 0 combined N"},
	{{NIC("bnxt_en", LINUX_6_12, 9000, 16), .channels = {.combined = 8}, .most = {8, 8, 8}}, 0, "", ""},
	/* devices over devices */
	{{NIC("bonding", LINUX_6_12, 1500, 4), .bond_mode = 1}, 0, "", ""},
	{{NIC("bonding", LINUX_6_12, 1500, 4), .bond_mode = 4}, 0, "", ""},
	{{NIC("bonding", LINUX_6_12, 1500, 4), .bond_mode = 6},
	 SPW_NIC_BOND_MODE,
	 "bond mode 6 has no native XDP",
	 "use balance-rr, active-backup, balance-xor or 802.3ad, or list the devices below in 'interfaces'"},
	{{NIC("802.1Q VLAN Support", LINUX_6_12, 1500, 4)}, SPW_NIC_NO_XDP, "the driver has no native XDP", ""},
	{{NIC("bridge", LINUX_6_12, 1500, 4)}, SPW_NIC_NO_XDP, "the driver has no native XDP", ""},
	{{NIC("r8169", LINUX_6_12, 9000, 4), .lro = SPW_OFFLOAD_ON},
	 SPW_NIC_NO_XDP,
	 "the driver has no native XDP",
	 ""},
	{{NIC("veth", LINUX_6_12, 9000, 4), .gro_hw = SPW_OFFLOAD_ON}, 0, "", ""},
};

/* To be freed. */
static char *why_of(const struct spw_nic *nic, const struct spw_nic_forecast *forecast)
{
	char *text;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	spw_view_nic_why(out, nic, forecast);
	fclose(out);
	return text;
}

/* Not inlined: GCC 12 takes a pointer into the text for one to @text. */
static __attribute__((noinline)) char *remedy_of(const struct spw_nic_forecast *forecast)
{
	char *text;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	spw_view_nic_remedy(out, "eth0", forecast);
	fclose(out);
	return text;
}

static void obstacles_and_remedies(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(samples) / sizeof(*samples); i++) {
		const struct sample *sample = &samples[i];
		struct spw_nic_forecast forecast = spw_nic_forecast(&sample->nic);
		char *why = why_of(&sample->nic, &forecast), *remedy = remedy_of(&forecast);

		if (!forecast.driver || forecast.obstacles != sample->obstacles || strcmp(why, sample->why) != 0 ||
		    strcmp(remedy, sample->remedy) != 0)
			fail_msg("%zu, %s: 0x%x '%s' '%s'", i, sample->nic.driver, forecast.obstacles, why, remedy);
		free(why);
		free(remedy);
	}
}

/* Whoever follows the remedy has no obstacle left. */
static void remedies_suffice(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(samples) / sizeof(*samples); i++) {
		struct spw_nic nic = samples[i].nic;
		struct spw_nic_forecast forecast = spw_nic_forecast(&nic);
		char *remedy = remedy_of(&forecast);
		const char *mtu;

		if (strstr(remedy, "lro off"))
			nic.lro = SPW_OFFLOAD_OFF;
		if (strstr(remedy, "rx-gro-hw off") || strstr(remedy, "hypervisor"))
			nic.gro_hw = SPW_OFFLOAD_OFF;
		if (strstr(remedy, "ethtool -L"))
			nic.channels = forecast.obstacles & SPW_NIC_COMBINED ? (struct spw_channels){.combined = 8}
									     : forecast.channels;
		if (strstr(remedy, "balance-rr"))
			nic.bond_mode = 0;
		mtu = strstr(remedy, " mtu ");
		if (mtu)
			nic.mtu = (u32)strtoul(mtu + 5, NULL, 10);
		if (*remedy && spw_nic_forecast(&nic).obstacles)
			fail_msg("%zu, %s: '%s' leaves 0x%x", i, nic.driver, remedy, spw_nic_forecast(&nic).obstacles);
		free(remedy);
	}
}

static void unknown_drivers(void **state)
{
	const struct spw_nic nic = {.driver = "mystery", .kernel = LINUX_6_12, .mtu = 9000},
			     none = {.kernel = LINUX_6_12};

	(void)state;
	assert_null(spw_nic_forecast(&nic).driver);
	assert_int_equal(spw_nic_forecast(&nic).obstacles, 0);
	assert_null(spw_nic_forecast(&none).driver);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(obstacles_and_remedies),
		cmocka_unit_test(remedies_suffice),
		cmocka_unit_test(unknown_drivers),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
