/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The maps that outlive the agent, pinned in one folder of a bpffs: counters, control and registries. The agent makes
 * them, every verb that looks opens them. Their layout is maps/; what does not fit is refused, never reinterpreted.
 */
#ifndef SPW_IO_PINS_H
#define SPW_IO_PINS_H

#include <stddef.h>

#include "maps/types.h"

#define SPW_PIN_DIR_DEFAULT "/sys/fs/bpf/spillway"
#define SPW_RUN_DIR_DEFAULT "/run/spillway"

enum spw_pin {
	SPW_PIN_CONTROL,
	SPW_PIN_LIST_COUNTERS,
	SPW_PIN_CLASS_COUNTERS,
	SPW_PIN_ANOMALY_COUNTERS,
	SPW_PIN_WORK_COUNTERS,
	SPW_PIN_ADMISSION,
	SPW_PIN_BUDGET_CELLS,
	SPW_PIN_FINGERPRINTS,
	SPW_PIN_LIMITS,
	SPW_PIN_METERS,
	SPW_PIN_SAMPLING,
	SPW_PIN_LIST_REGISTRY,
	SPW_PIN_CLASS_REGISTRY,
	SPW_PIN_SERVICE_REGISTRY,
	SPW_PIN_AGENT_REGISTRY,
	SPW_PIN_BANS,
	SPW_PIN_BAN_FILTER,
	SPW_PIN_BAN_COUNTS,
	SPW_PIN_BAN_TOTALS,
	SPW_PINS,
};

struct spw_pins {
	int fds[SPW_PINS]; /* owned */
	char dir[200];
};

/* Room for a message of the functions below. */
#define SPW_MESSAGE_MAX 512

/**
 * spw_pins_open() - open the pinned maps.
 * @dir: the folder
 * @create: make the folder (0700), mount a bpffs at /sys/fs/bpf if none is there, make and pin what is missing
 * @writable: open for writing too; verbs that only look do not
 * @message: what is wrong and what would be right, when the result is not 0
 *
 * Returns 0; -ENOENT: nothing is pinned (and @create is false); -EPROTO: pinned state of another layout; -EACCES;
 * -errno.
 */
int spw_pins_open(const char *dir, bool create, bool writable, struct spw_pins *pins, char message[SPW_MESSAGE_MAX]);
void spw_pins_close(struct spw_pins *pins);

/** spw_pin_name() - file name of a pin. */
const char *spw_pin_name(enum spw_pin pin);

#endif
