/* SPDX-License-Identifier: GPL-2.0-only */
/* Address of the control socket. */
#ifndef SPW_NET_CONTROL_ADDRESS_H
#define SPW_NET_CONTROL_ADDRESS_H

#include <sys/un.h>

#include "base/error.h"

#define SPW_CONTROL_SOCKET  "control.sock"
#define SPW_CONTROL_CROWDED "too many connections" /* beginning of the refusal when all connections are taken */

/** spw_control_address() - of the socket in @run_dir. Returns 0, or -ENAMETOOLONG and @message. */
int spw_control_address(const char *run_dir, struct sockaddr_un *address, char message[SPW_MESSAGE_MAX]);

#endif
