/* SPDX-License-Identifier: GPL-2.0-only */
/* Descriptors are sent with a byte of their own (SCM_RIGHTS, unix(7)). */
#include "handover.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#define FDS_BYTES (SPW_HANDOVER_FDS * sizeof(int))

union ancillary {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(FDS_BYTES)];
};

int spw_handover_open(int ends[2])
{
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) ? -errno : 0;
}

int spw_handover_send(int socket, const void *bytes, size_t count)
{
	const char *at = bytes;

	while (count) {
		ssize_t sent = send(socket, at, count, MSG_NOSIGNAL);

		if (sent < 0)
			return -errno;
		at += sent;
		count -= (size_t)sent;
	}
	return 0;
}

int spw_handover_send_fds(int socket, const int fds[SPW_HANDOVER_FDS])
{
	union ancillary ancillary = {0};
	char byte = 0;
	struct iovec vector = {&byte, 1};
	struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
	size_t count = 0;

	while (count < SPW_HANDOVER_FDS && fds[count] >= 0)
		count++;
	if (count) {
		message.msg_control = ancillary.bytes;
		message.msg_controllen = CMSG_SPACE(count * sizeof(*fds));
		ancillary.header = (struct cmsghdr){
			.cmsg_len = CMSG_LEN(count * sizeof(*fds)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
		memcpy(CMSG_DATA(&ancillary.header), fds, count * sizeof(*fds));
	}
	return sendmsg(socket, &message, MSG_NOSIGNAL) == 1 ? 0 : -errno;
}

bool spw_handover_receive(int socket, void *bytes, size_t count)
{
	return recv(socket, bytes, count, MSG_WAITALL) == (ssize_t)count;
}

bool spw_handover_receive_fds(int socket, int fds[SPW_HANDOVER_FDS])
{
	union ancillary ancillary;
	char byte;
	struct iovec vector = {&byte, 1};
	struct msghdr message = {.msg_iov = &vector,
				 .msg_iovlen = 1,
				 .msg_control = ancillary.bytes,
				 .msg_controllen = sizeof(ancillary.bytes)};
	const struct cmsghdr *header;

	for (int i = 0; i < SPW_HANDOVER_FDS; i++)
		fds[i] = -1;
	if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) != 1)
		return false;
	header = CMSG_FIRSTHDR(&message);
	if (header && header->cmsg_type == SCM_RIGHTS && header->cmsg_len >= CMSG_LEN(0) &&
	    header->cmsg_len <= CMSG_LEN(FDS_BYTES))
		memcpy(fds, CMSG_DATA(header), header->cmsg_len - CMSG_LEN(0));
	return true;
}
