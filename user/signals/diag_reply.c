/* SPDX-License-Identifier: GPL-2.0-only */
#include "diag_reply.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>

struct spw_diag_reply spw_diag_reply(const void *reply, size_t length, u32 sequence)
{
	return (struct spw_diag_reply){.next = reply, .left = (u32)length, .sequence = sequence, .result = 1};
}

static int error_of(const struct nlmsghdr *header)
{
	const struct nlmsgerr *error = NLMSG_DATA(header);

	return header->nlmsg_len >= NLMSG_LENGTH(sizeof(*error)) && error->error ? error->error : -EPROTO;
}

const struct nlmsghdr *spw_diag_next(struct spw_diag_reply *reply)
{
	while (NLMSG_OK(reply->next, reply->left)) {
		const struct nlmsghdr *header = reply->next;

		reply->next = NLMSG_NEXT(header, reply->left);
		if (header->nlmsg_seq != reply->sequence)
			continue;
		if (header->nlmsg_type == NLMSG_DONE || header->nlmsg_type == NLMSG_ERROR) {
			reply->result = header->nlmsg_type == NLMSG_DONE ? 0 : error_of(header);
			return NULL;
		}
		if (header->nlmsg_type == SOCK_DIAG_BY_FAMILY &&
		    header->nlmsg_len >= NLMSG_LENGTH(sizeof(struct inet_diag_msg)))
			return header;
	}
	return NULL;
}
