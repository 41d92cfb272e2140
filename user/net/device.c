/* SPDX-License-Identifier: GPL-2.0-only */
#include "device.h"

#include <linux/ethtool.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/cleanup.h"

#define NAME_BYTES_MAX 128 /* of an altname, with its NUL: ALTIFNAMSIZ */
#define MBIT	       1000000ull

/* By netlink, for names too long for ioctl(2). */
static u32 find_altname(const char *name)
{
	_cleanup_fd_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	struct {
		struct nlmsghdr header;
		struct ifinfomsg link;
		struct rtattr attribute;
		char name[NAME_BYTES_MAX];
	} request = {
		.header = {.nlmsg_type = RTM_GETLINK, .nlmsg_flags = NLM_F_REQUEST},
		.link = {.ifi_family = AF_UNSPEC},
		.attribute = {.rta_type = IFLA_ALT_IFNAME, .rta_len = (u16)RTA_LENGTH(strlen(name) + 1)},
	};
	struct {
		struct nlmsghdr header;
		struct ifinfomsg link;
		char rest[32768];
	} answer;
	ssize_t got;

	snprintf(request.name, sizeof(request.name), "%s", name);
	request.header.nlmsg_len = NLMSG_LENGTH(sizeof(request.link)) + RTA_ALIGN(request.attribute.rta_len);
	if (send(fd, &request, request.header.nlmsg_len, 0) < 0)
		return 0;
	got = recv(fd, &answer, sizeof(answer), 0);
	if (got < (ssize_t)NLMSG_LENGTH(sizeof(answer.link)) || answer.header.nlmsg_type != RTM_NEWLINK)
		return 0;
	return (u32)answer.link.ifi_index;
}

u32 spw_device_index(const char *name)
{
	size_t length = strlen(name);

	if (length < IFNAMSIZ)
		return if_nametoindex(name); /* the kernel looks among altnames too */
	return length < NAME_BYTES_MAX ? find_altname(name) : 0;
}

static u64 read_speed(int fd, struct ifreq *request)
{
	struct ethtool_cmd link = {.cmd = ETHTOOL_GSET};
	u32 speed;

	request->ifr_data = (char *)&link;
	if (ioctl(fd, SIOCETHTOOL, request))
		return 0;
	speed = ethtool_cmd_speed(&link);
	return speed == (u32)SPEED_UNKNOWN ? 0 : speed * MBIT;
}

void spw_device_look(u32 ifindex, struct spw_device *device)
{
	_cleanup_fd_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ethtool_drvinfo driver = {.cmd = ETHTOOL_GDRVINFO};
	struct ifreq request = {0};

	*device = (struct spw_device){0};
	if (!if_indextoname(ifindex, device->name))
		return;
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", device->name);
	if (!ioctl(fd, SIOCGIFFLAGS, &request)) {
		device->up = request.ifr_flags & IFF_UP;
		device->carrier = request.ifr_flags & IFF_RUNNING;
	}
	if (!ioctl(fd, SIOCGIFMTU, &request))
		device->mtu = (u32)request.ifr_mtu;
	if (!ioctl(fd, SIOCGIFHWADDR, &request))
		device->without_ethernet = request.ifr_hwaddr.sa_family != ARPHRD_ETHER &&
					   request.ifr_hwaddr.sa_family != ARPHRD_LOOPBACK;
	request.ifr_data = (char *)&driver;
	if (!ioctl(fd, SIOCETHTOOL, &request))
		snprintf(device->driver, sizeof(device->driver), "%.31s", driver.driver);
	device->bits_per_s = read_speed(fd, &request);
}
