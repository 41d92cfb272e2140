/* SPDX-License-Identifier: GPL-2.0-only */
/* Two pins: first the ruleset, then everything else. Only both together are valid. */
#include "unconfirmed.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define MAGIC 0x73707775u /* "spwu" */

static void pin_path(const struct spw_pins *pins, const char *name, char path[256])
{
	snprintf(path, 256, "%.200s/%s", pins->dir, name);
}

static int pin(const struct spw_pins *pins, const char *name, int fd)
{
	char path[256];

	pin_path(pins, name, path);
	return bpf_obj_pin(fd, path) ? -errno : 0;
}

static int open_pin(const struct spw_pins *pins, const char *name)
{
	char path[256];
	int fd;

	pin_path(pins, name, path);
	fd = bpf_obj_get(path);
	return fd < 0 ? -errno : fd;
}

static void remove_pin(const struct spw_pins *pins, const char *name)
{
	char path[256];

	pin_path(pins, name, path);
	unlink(path);
}

static int make_map(const struct spw_unconfirmed *kept, const char *text)
{
	size_t bytes = sizeof(*kept) + kept->text_bytes;
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_RDONLY_PROG);
	_cleanup_free_ struct spw_unconfirmed *value = malloc(bytes);
	_cleanup_fd_ int fd = -1;
	const u32 key = 0;

	if (!value)
		return -ENOMEM;
	*value = *kept;
	value->magic = MAGIC;
	value->layout = SPW_LAYOUT;
	memcpy(value->text, text, kept->text_bytes);
	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "spw_unconfirmed", sizeof(u32), (u32)bytes, 1, &options);
	if (fd < 0)
		return fd;
	return bpf_map_update_elem(fd, &key, value, BPF_ANY) ? -errno : TAKE_FD(fd);
}

int spw_unconfirmed_keep(const struct spw_pins *pins, const struct spw_unconfirmed *kept, const char *text,
			 int ruleset_map, char message[SPW_MESSAGE_MAX])
{
	_cleanup_fd_ int there = open_pin(pins, "unconfirmed"), fd = -1;
	int err;

	if (there >= 0)
		return -EEXIST;
	fd = make_map(kept, text);
	err = fd < 0 ? fd : 0;
	remove_pin(pins, "unconfirmed_ruleset"); /* left by an agent killed between the two */
	if (!err)
		err = pin(pins, "unconfirmed_ruleset", ruleset_map);
	if (!err)
		err = pin(pins, "unconfirmed", fd);
	if (err) {
		remove_pin(pins, "unconfirmed_ruleset");
		snprintf(message, SPW_MESSAGE_MAX, "cannot keep the ruleset in force in %s for a rollback: %s",
			 pins->dir, strerror(-err));
	}
	return err;
}

int spw_unconfirmed_find(const struct spw_pins *pins, struct spw_unconfirmed **kept, int *ruleset_map)
{
	_cleanup_fd_ int fd = open_pin(pins, "unconfirmed"), ruleset = open_pin(pins, "unconfirmed_ruleset");
	_cleanup_free_ struct spw_unconfirmed *value = NULL;
	struct bpf_map_info info = {0};
	u32 length = sizeof(info);
	const u32 key = 0;

	if (fd < 0 || ruleset < 0)
		return fd == -ENOENT || ruleset == -ENOENT ? -ENOENT : fd < 0 ? fd : ruleset;
	if (bpf_obj_get_info_by_fd(fd, &info, &length))
		return -errno;
	if (info.type != BPF_MAP_TYPE_ARRAY || info.value_size < sizeof(*value))
		return -EPROTO;
	/* The kernel copies values rounded up to 8 bytes. */
	value = calloc(1, (size_t)info.value_size + sizeof(u64));
	if (!value)
		return -ENOMEM;
	if (bpf_map_lookup_elem(fd, &key, value))
		return -errno;
	if (value->magic != MAGIC || value->layout != SPW_LAYOUT ||
	    !memchr(value->config_path, 0, SPW_UNCONFIRMED_PATH_MAX) ||
	    value->text_bytes != info.value_size - sizeof(*value))
		return -EPROTO;
	*kept = value;
	value = NULL;
	*ruleset_map = TAKE_FD(ruleset);
	return 0;
}

void spw_unconfirmed_forget(const struct spw_pins *pins)
{
	remove_pin(pins, "unconfirmed");
	remove_pin(pins, "unconfirmed_ruleset");
}
