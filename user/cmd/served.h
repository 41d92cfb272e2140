/* SPDX-License-Identifier: GPL-2.0-only */
/* Compares the configuration with the sockets of this host, for `doctor`. */
#ifndef SPW_CMD_SERVED_H
#define SPW_CMD_SERVED_H

#include "config/config.h"

/**
 * spw_closed_ports() - the ports of @service that no socket listens on in its network namespaces.
 * @text: "TCP 80, 192.0.2.1:81, UDP 443"; empty: none; free() it
 * Returns 0, or -errno: the sockets cannot be read.
 */
int spw_closed_ports(const struct spw_config *config, const struct spw_config_service *service, char **text);

/**
 * spw_find_logins() - which management prefixes have a TCP connection to a management port, or to any if none is named.
 * @seen: by index of the prefix
 * Returns 0, or -errno: the sockets cannot be read.
 */
int spw_find_logins(const struct spw_config *config, bool seen[SPW_MANAGEMENT_PREFIXES_MAX]);

#endif
