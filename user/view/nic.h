/* SPDX-License-Identifier: GPL-2.0-only */
/* A forecast of native XDP (core/nic.h) in words, and the commands that remove the obstacles. */
#ifndef SPW_VIEW_NIC_H
#define SPW_VIEW_NIC_H

#include <stdio.h>

#include "core/nic.h"

/** spw_view_nic_why() - the obstacles: "LRO is on; MTU 9001 is above 3498". */
void spw_view_nic_why(FILE *out, const struct spw_nic *nic, const struct spw_nic_forecast *forecast);

/** spw_view_nic_remedy() - "ethtool -K eth0 lro off; ip link set dev eth0 mtu 3498"; nothing: there is none. */
void spw_view_nic_remedy(FILE *out, const char *name, const struct spw_nic_forecast *forecast);

#endif
