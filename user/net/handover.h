/* SPDX-License-Identifier: GPL-2.0-only */
/* A connected socket pair over which a child process sends bytes and descriptors to its parent (compile job). */
#ifndef SPW_NET_HANDOVER_H
#define SPW_NET_HANDOVER_H

#include <stdbool.h>
#include <stddef.h>

#define SPW_HANDOVER_FDS 3

/** spw_handover_open() - both ends, owned by the caller, close-on-exec. Returns 0 or -errno. */
int spw_handover_open(int ends[2]);

/** spw_handover_send() - all of @bytes; blocks. Returns 0 or -errno. */
int spw_handover_send(int socket, const void *bytes, size_t count);

/** spw_handover_send_fds() - duplicates of @fds up to the first negative one, possibly none. Returns 0 or -errno. */
int spw_handover_send_fds(int socket, const int fds[SPW_HANDOVER_FDS]);

/** spw_handover_receive() - exactly @count bytes; blocks. False: the other end closed or sent less. */
bool spw_handover_receive(int socket, void *bytes, size_t count);

/** spw_handover_receive_fds() - owned by the caller; -1: that one was not sent. False: nothing came. */
bool spw_handover_receive_fds(int socket, int fds[SPW_HANDOVER_FDS]);

#endif
