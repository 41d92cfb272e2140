/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The maps of maps/pinned.h in one folder of a bpffs. The agent creates them, verbs open them. Maps of another layout
 * are refused, never reinterpreted.
 */
#ifndef SPW_KERNEL_PINS_H
#define SPW_KERNEL_PINS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "maps/pinned.h"

#define SPW_PIN_ENUMERATE(identifier, pin, ...) SPW_PIN_##pin,

enum spw_pin { SPW_PINNED_MAPS(SPW_PIN_ENUMERATE, SPW_PIN_ENUMERATE) SPW_PINS };

struct spw_pins {
	int fds[SPW_PINS]; /* owned */
	char dir[200];
	bool made[SPW_PINS]; /* created by spw_pins_open() */
	size_t made_dir;     /* length in `dir` of the topmost folder that it made; 0: none */
};

/**
 * spw_pins_open() - open the pinned maps.
 * @dir: the folder
 * @create: make the folder (0700), mount a bpffs at /sys/fs/bpf if missing, make and pin missing maps
 * @writable: open for writing too
 * @message: what is wrong and what to do, on an error
 *
 * Returns 0; -ENOENT: nothing is pinned (and @create is false); -EPROTO: pinned state of another layout; -EACCES;
 * -errno. After an error nothing is pinned that was not before.
 */
int spw_pins_open(const char *dir, bool create, bool writable, struct spw_pins *pins, char message[SPW_MESSAGE_MAX]);
void spw_pins_close(struct spw_pins *pins);

/** spw_pins_undo() - remove the maps and folders that spw_pins_open() made; what was there before stays. */
void spw_pins_undo(const struct spw_pins *pins);

/** spw_pin_name() - file name of a pin. */
const char *spw_pin_name(enum spw_pin pin);

#endif
