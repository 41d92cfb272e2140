/* SPDX-License-Identifier: GPL-2.0-only */
#include "control_address.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

int spw_control_address(const char *run_dir, struct sockaddr_un *address, char message[SPW_MESSAGE_MAX])
{
	const int room = sizeof(address->sun_path);

	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (snprintf(address->sun_path, sizeof(address->sun_path), "%s/" SPW_CONTROL_SOCKET, run_dir) >= room)
		return spw_message(message, -ENAMETOOLONG, "run_dir '%s' is too long for a socket in it", run_dir);
	return 0;
}
