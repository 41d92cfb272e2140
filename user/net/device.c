/* SPDX-License-Identifier: GPL-2.0-only */
#include "device.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/cleanup.h"

void spw_device_look(const char *name, struct spw_device *device)
{
	_cleanup_fd_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ethtool_drvinfo driver = {.cmd = ETHTOOL_GDRVINFO};
	struct ifreq request = {0};

	*device = (struct spw_device){0};
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
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
}
