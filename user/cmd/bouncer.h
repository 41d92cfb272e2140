/* SPDX-License-Identifier: GPL-2.0-only */
/* Sends decisions of CrowdSec to the agent over its control socket; used by crowdsec.c. */
#ifndef SPW_CMD_BOUNCER_H
#define SPW_CMD_BOUNCER_H

#include <jansson.h>

#include "lists/crowdsec.h"

struct spw_bouncer {
	const char *run_dir;
	const char *pin_dir;
	const char *list;
	const char *owner;
};

struct spw_bounced {
	u32 in_force;		       /* new decisions that are bans now */
	u32 lifted;		       /* bans that this owner has given up */
	u32 refused;		       /* new decisions that the agent refused */
	char refusal[SPW_MESSAGE_MAX]; /* reason of the first; empty: none */
};

/** spw_bouncer_agent() - whether an agent answers. @pid: its process id. Returns 0, or -errno and @message. */
int spw_bouncer_agent(const char *run_dir, json_int_t *pid, char message[SPW_MESSAGE_MAX]);

/**
 * spw_bouncer_send() - put the new decisions into the list, and remove those that ended.
 * @whole: the answer is complete: lift this owner's other bans. False: lift those in answer->deleted
 * A refused decision, such as one for a management prefix, does not affect the others.
 * Returns 0; or -errno and @message: another error, and some decisions may be in force.
 */
int spw_bouncer_send(const struct spw_bouncer *bouncer, const struct spw_crowdsec_answer *answer, bool whole,
		     struct spw_bounced *bounced, char message[SPW_MESSAGE_MAX]);

#endif
