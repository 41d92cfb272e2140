/* SPDX-License-Identifier: GPL-2.0-only */
/* Reading the pinned maps. */
#include "look.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kernel/snapshot_reader.h"

static int explain(const struct spw_pins *pins, int err, const char *message)
{
	char control[256];

	snprintf(control, sizeof(control), "%s/%s", pins->dir, spw_pin_name(SPW_PIN_CONTROL));
	if (err == -ENOENT && access(control, F_OK) && errno == ENOENT)
		return spw_fail("spillway is not running here: nothing is pinned in %s (start it with: spillway run)",
				pins->dir);
	return spw_fail("%s", message);
}

static int look_into(const char *pin_dir, struct spw_snapshot *snapshot)
{
	char message[SPW_MESSAGE_MAX];
	struct spw_pins pins;
	int err = spw_pins_open(pin_dir, false, false, &pins, message);

	if (err)
		return explain(&pins, err, message);
	err = spw_snapshot_read(&pins, snapshot);
	spw_pins_close(&pins);
	return err ? spw_fail("cannot read the maps in %s: %s", pin_dir, strerror(-err)) : SPW_EXIT_DONE;
}

int spw_look(const struct spw_call *call, struct spw_snapshot *snapshot)
{
	struct spw_config config;
	int status = spw_where(call, &config);

	*snapshot = (struct spw_snapshot){0};
	if (status == SPW_EXIT_DONE)
		status = look_into(config.pin_dir, snapshot);
	spw_config_free(&config);
	return status;
}

int spw_print_json(json_t *value)
{
	int err;

	if (!value)
		return spw_fail("out of memory");
	/* 15 digits are exact in a double; jansson's 17 would show 0.21 as 0.20999999999999999. */
	err = json_dumpf(value, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(15));
	json_decref(value);
	return !err && putchar('\n') != EOF ? SPW_EXIT_DONE : SPW_EXIT_FAILED;
}
