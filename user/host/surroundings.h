/* SPDX-License-Identifier: GPL-2.0-only */
/* What else `init` wants to know of a host: default routes, the operator's session, the country. */
#ifndef SPW_HOST_SURROUNDINGS_H
#define SPW_HOST_SURROUNDINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"

/** spw_default_routes() - names of interfaces that have a default route, IPv4 or IPv6. Returns how many of @max. */
size_t spw_default_routes(char names[][16], size_t max);

/**
 * spw_session_login() - where this session was logged in from, by SSH_CONNECTION of this process or, as sudo(8) removes
 * it, of the nearest parent that has it.
 * @address: of the operator
 * @port: of the SSH server
 */
bool spw_session_login(struct spw_prefix *address, u16 *port);

/**
 * spw_local_country() - the country of the time zone: $TZ or /etc/localtime, looked up in zone.tab.
 * @zone: its name, such as Europe/Berlin
 * False: unknown, as for UTC.
 */
bool spw_local_country(char zone[64], char country[3]);

#endif
