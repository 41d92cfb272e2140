/* SPDX-License-Identifier: GPL-2.0-only */
/* What clients ask of the component bans. */
#ifndef SPW_AGENT_BAN_VERB_H
#define SPW_AGENT_BAN_VERB_H

enum bans_verb {
	BANS_ADD,
	BANS_REMOVE,
	BANS_FLUSH,
};

#endif
