/* SPDX-License-Identifier: GPL-2.0-only */
#include "ban_label.h"

#include <string.h>

#include "base/text.h"

#define HAND	   "hand"
#define ELLIPSIS   "\xe2\x80\xa6"
#define OLD_NOTE   "fail2ban "
#define HASH_CHARS 9 /* '~' and eight digits */

size_t spw_ban_note_room(const char *owner)
{
	/* Two NULs, and the number of owners. A note by "hand" may use all of it. */
	return strcmp(owner, HAND) ? SPW_BAN_NOTE_MAX - 3 - strlen(owner) : SPW_BAN_NOTE_MAX - 1;
}

/* Bytes of the whole characters in the first @most bytes of @text. */
static size_t whole_characters(const char *text, size_t most)
{
	size_t length = strlen(text), bytes = 0, some;
	u32 rune;

	while (bytes < length && (some = spw_utf8_next(text + bytes, length - bytes, &rune)) && bytes + some <= most)
		bytes += some;
	return bytes;
}

bool spw_ban_cut_note(const char *text, size_t room, char note[SPW_BAN_NOTE_MAX])
{
	size_t length = strlen(text), bytes = length;

	memset(note, 0, SPW_BAN_NOTE_MAX);
	if (length > room)
		bytes = whole_characters(text, room - strlen(ELLIPSIS));
	memcpy(note, text, bytes);
	if (length > room)
		memcpy(note + bytes, ELLIPSIS, strlen(ELLIPSIS));
	return length > room;
}

/* FNV-1a. */
static u32 hash(const char *text)
{
	u32 value = 2166136261u;

	for (; *text; text++)
		value = (value ^ (u8)*text) * 16777619u;
	return value;
}

void spw_ban_shorten_owner(const char *name, char owner[SPW_BAN_OWNER_MAX])
{
	size_t length = strlen(name), bytes;

	memset(owner, 0, SPW_BAN_OWNER_MAX);
	if (length < SPW_BAN_OWNER_MAX) {
		memcpy(owner, name, length);
		return;
	}
	bytes = whole_characters(name, SPW_BAN_OWNER_MAX - 1 - HASH_CHARS);
	memcpy(owner, name, bytes);
	owner[bytes] = '~';
	for (u32 i = 0, value = hash(name); i < HASH_CHARS - 1; i++, value <<= 4)
		owner[bytes + 1 + i] = "0123456789abcdef"[value >> 28];
}

void spw_ban_pack_label(const struct spw_ban_label *label, char packed[SPW_BAN_NOTE_MAX])
{
	size_t note = strnlen(label->note, SPW_BAN_NOTE_MAX - 1), owner = strlen(label->owner);

	memset(packed, 0, SPW_BAN_NOTE_MAX);
	memcpy(packed, label->note, note);
	if (note + owner + 3 > SPW_BAN_NOTE_MAX)
		return;
	memcpy(packed + note + 1, label->owner, owner);
	packed[note + owner + 2] = (char)(label->owners < 127 ? label->owners : 127);
}

void spw_ban_guess_owner(const char *note, char owner[SPW_BAN_OWNER_MAX])
{
	const char *jail = note + strlen(OLD_NOTE);
	char name[SPW_BAN_NOTE_MAX];

	if (strncmp(note, OLD_NOTE, strlen(OLD_NOTE)) || !*jail || strchr(jail, ' ')) {
		memcpy(owner, HAND, sizeof(HAND));
		return;
	}
	memcpy(name, note, strlen(note) + 1);
	name[strlen(OLD_NOTE) - 1] = ':';
	spw_ban_shorten_owner(name, owner);
}

void spw_ban_unpack_label(const char packed[SPW_BAN_NOTE_MAX], struct spw_ban_label *label)
{
	size_t note = strnlen(packed, SPW_BAN_NOTE_MAX - 1), left = SPW_BAN_NOTE_MAX - 1 - note, owner;
	const char *tail = packed + note + 1;

	*label = (struct spw_ban_label){.owners = 1};
	memcpy(label->note, packed, note);
	owner = left ? strnlen(tail, left) : 0;
	if (!owner || owner >= SPW_BAN_OWNER_MAX || owner == left) {
		spw_ban_guess_owner(label->note, label->owner);
		return;
	}
	memcpy(label->owner, tail, owner);
	if (!spw_text_printable(label->owner)) {
		*label->owner = '\0';
		spw_ban_guess_owner(label->note, label->owner);
		return;
	}
	if (owner + 1 < left && tail[owner + 1] > 0)
		label->owners = (u8)tail[owner + 1];
}
