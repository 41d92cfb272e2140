/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Text of a ban in the map: its note and, after the note's NUL, the owner and the number of owners. So the owner
 * survives a crash of the agent, and `list show` needs no agent. Older agents read only the note.
 */
#ifndef SPW_STORE_BAN_LABEL_H
#define SPW_STORE_BAN_LABEL_H

#include <stdbool.h>
#include <stddef.h>

#include "maps/ban.h"

struct spw_ban_label {
	char note[SPW_BAN_NOTE_MAX];
	char owner[SPW_BAN_OWNER_MAX];
	u32 owners; /* as far as known; 1 or more */
};

/** spw_ban_note_room() - bytes of a note, without its NUL, that fit beside @owner. */
size_t spw_ban_note_room(const char *owner);

/** spw_ban_cut_note() - truncate @text, valid UTF-8, to @room bytes; a cut one ends in '…'. True: it was cut. */
bool spw_ban_cut_note(const char *text, size_t room, char note[SPW_BAN_NOTE_MAX]);

/**
 * spw_ban_shorten_owner() - names that are too long end in '~' and a hash of the whole, so that they stay distinct.
 * @name: valid UTF-8
 */
void spw_ban_shorten_owner(const char *name, char owner[SPW_BAN_OWNER_MAX]);

/** spw_ban_pack_label(), spw_ban_unpack_label() - the field `note` of struct spw_ban_value; any bytes can be unpacked. */
void spw_ban_pack_label(const struct spw_ban_label *label, char packed[SPW_BAN_NOTE_MAX]);
void spw_ban_unpack_label(const char packed[SPW_BAN_NOTE_MAX], struct spw_ban_label *label);

/** spw_ban_guess_owner() - for bans of agents without owners: the action for fail2ban wrote its jail into the note. */
void spw_ban_guess_owner(const char *note, char owner[SPW_BAN_OWNER_MAX]);

#endif
