/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Light listeners, for light.bpf.c, which marks them, and signals.bpf.c, which so tells their connections from the
 * service's: the kernel copies the entry to each connection.
 */
#ifndef SPW_BPF_LIGHT_SOCKETS_BPF_H
#define SPW_BPF_LIGHT_SOCKETS_BPF_H

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
	__type(key, int);
	__type(value, u32);
} light_sockets SEC(".maps");

#endif
