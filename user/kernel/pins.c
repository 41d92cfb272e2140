/* SPDX-License-Identifier: GPL-2.0-only */
#include "pins.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "config/config.h"
#include "base/cleanup.h"

#define BPFFS "/sys/fs/bpf"

/* Expected properties of each pinned map. */
#define DESCRIBE(identifier, pin, file, writer, kind, key, value, count, map_flags)                                    \
	[SPW_PIN_##pin] = {.name = (file),                                                                             \
			   .type = BPF_MAP_TYPE_##kind,                                                                \
			   .key_bytes = sizeof(key),                                                                   \
			   .value_bytes = sizeof(value),                                                               \
			   .entries = (count),                                                                         \
			   .flags = (map_flags)},

static const struct {
	const char *name;
	enum bpf_map_type type;
	u32 key_bytes;
	u32 value_bytes;
	u32 entries;
	u32 flags;
} maps[SPW_PINS] = {SPW_PINNED_MAPS(DESCRIBE, DESCRIBE)};

/* What the agent writes is read-only to programs, or (ban_filter) mapped by the agent. */
#define PROTECTED_AGENT(map_flags)    ((map_flags) & (BPF_F_RDONLY_PROG | BPF_F_MMAPABLE))
#define PROTECTED_DATAPATH(map_flags) 1
#define CHECK_WRITER(identifier, pin, file, writer, kind, key, value, count, map_flags)                                \
	_Static_assert(PROTECTED_##writer(map_flags), file ": the datapath must not write what the agent writes");
SPW_PINNED_MAPS(CHECK_WRITER, CHECK_WRITER)

const char *spw_pin_name(enum spw_pin pin)
{
	return maps[pin].name;
}

static bool on_bpffs(const char *path)
{
	struct statfs fs;

	return !statfs(path, &fs) && (u32)fs.f_type == (u32)BPF_FS_MAGIC;
}

_Static_assert(sizeof(((struct spw_pins *)0)->dir) == SPW_PIN_DIR_BYTES_MAX + 1,
	       "as the reader of the configuration checks");

static void note_made(struct spw_pins *pins, const char *folder)
{
	if (!pins->made_dir)
		pins->made_dir = strlen(folder);
}

/* Make the folder. A bpffs is mounted at /sys/fs/bpf if needed, but nowhere else. */
static int make_dir(struct spw_pins *pins, char *message)
{
	const char *dir = pins->dir;
	size_t length = strlen(BPFFS);

	if (!strncmp(dir, BPFFS, length) && !on_bpffs(BPFFS) && mount("bpf", BPFFS, "bpf", 0, "mode=0700"))
		return spw_message(message, -errno, "no bpffs at %s and it cannot be mounted: %m; mount -t bpf bpf %s",
				   BPFFS, BPFFS);
	for (const char *slash = strchr(dir + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		char parent[200];

		snprintf(parent, sizeof(parent), "%.*s", (int)(slash - dir), dir);
		if (!mkdir(parent, 0700))
			note_made(pins, parent);
		else if (errno != EEXIST && errno != EROFS)
			return spw_message(message, -errno, "cannot make %s: %m; is its bpffs mounted and writable?",
					   parent);
	}
	if (!mkdir(dir, 0700))
		note_made(pins, dir);
	else if (errno != EEXIST)
		return spw_message(message, -errno, "cannot make %s: %m; is the bpffs at %s mounted and writable?", dir,
				   BPFFS);
	if (!on_bpffs(dir))
		return spw_message(message, -ENODEV, "%s is not on a bpffs; set pin_dir to a folder below %s", dir,
				   BPFFS);
	if (chmod(dir, 0700))
		return spw_message(message, -errno, "cannot set the mode of %s: %m", dir);
	return 0;
}

static int check_map(const char *path, enum spw_pin pin, int fd, char *message)
{
	struct bpf_map_info info = {0};
	u32 length = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &length))
		return spw_message(message, -errno, "%s is not a map, or may not be read: %m", path);
	if (info.type != maps[pin].type || info.key_size != maps[pin].key_bytes ||
	    info.value_size != maps[pin].value_bytes || info.max_entries != maps[pin].entries ||
	    info.map_flags != maps[pin].flags)
		return spw_message(
			message, -EPROTO,
			"%s has another layout (type %u, values of %u bytes, %u entries) than this version (type %u, "
			"%u bytes, %u entries): it was made by another version of spillway; run that one, or "
			"'spillway detach' to start over, which loses the counters",
			path, info.type, info.value_size, info.max_entries, maps[pin].type, maps[pin].value_bytes,
			maps[pin].entries);
	return 0;
}

static void pin_path(const struct spw_pins *pins, enum spw_pin pin, char path[256])
{
	snprintf(path, 256, "%s/%s", pins->dir, maps[pin].name);
}

static int open_map(const char *path, bool writable)
{
	LIBBPF_OPTS(bpf_obj_get_opts, options, .file_flags = writable ? 0 : BPF_F_RDONLY);

	return bpf_obj_get_opts(path, &options);
}

static int create_map(const char *path, enum spw_pin pin, char *message)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = maps[pin].flags);
	_cleanup_fd_ int fd = bpf_map_create(maps[pin].type, maps[pin].name, maps[pin].key_bytes, maps[pin].value_bytes,
					     maps[pin].entries, &options);

	if (fd < 0)
		return spw_message(message, fd, "cannot make the map %s: %s%s", maps[pin].name, strerror(-fd),
				   fd == -EPERM ? "; this needs root, or CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON" : "");
	if (bpf_obj_pin(fd, path))
		return spw_message(message, -errno, "cannot pin %s: %m", path);
	return TAKE_FD(fd);
}

static int open_pin(struct spw_pins *pins, enum spw_pin pin, bool create, bool writable, char *message)
{
	char path[256];
	int fd;

	pin_path(pins, pin, path);
	fd = open_map(path, writable);
	if (fd == -ENOENT && create) {
		fd = create_map(path, pin, message);
		pins->made[pin] = fd >= 0;
	} else if (fd < 0) {
		return spw_message(message, fd, "cannot open %s: %s%s", path, strerror(-fd),
				   fd == -EACCES || fd == -EPERM ? "; this needs root" : "");
	}
	if (fd < 0)
		return fd;
	pins->fds[pin] = fd;
	return check_map(path, pin, fd, message);
}

/* The layout's number catches a changed meaning with unchanged sizes. A new map, all zero, gets it here. */
static int check_layout(const struct spw_pins *pins, bool create, char *message)
{
	struct spw_control control;
	const u32 key = 0;

	if (bpf_map_lookup_elem(pins->fds[SPW_PIN_CONTROL], &key, &control))
		return spw_message(message, -errno, "cannot read %s/control: %m", pins->dir);
	if (!control.magic && create) {
		control = (struct spw_control){.magic = SPW_CONTROL_MAGIC,
					       .layout = SPW_LAYOUT,
					       .pinned_level = SPW_LEVEL_NEVER,
					       .most_level = SPW_RED};
		if (getrandom(&control.seed, sizeof(control.seed), 0) != sizeof(control.seed))
			return spw_message(message, -errno, "cannot get a random number: %m");
		if (bpf_map_update_elem(pins->fds[SPW_PIN_CONTROL], &key, &control, BPF_ANY))
			return spw_message(message, -errno, "cannot write %s/control: %m", pins->dir);
	}
	if (control.magic != SPW_CONTROL_MAGIC || control.layout != SPW_LAYOUT)
		return spw_message(
			message, -EPROTO,
			"%s holds layout %u, this version knows %u: run the version that made it, or 'spillway "
			"detach' to start over, which loses the counters",
			pins->dir, control.layout, SPW_LAYOUT);
	return 0;
}

int spw_pins_open(const char *dir, bool create, bool writable, struct spw_pins *pins, char message[SPW_MESSAGE_MAX])
{
	int err = 0;

	message[0] = '\0';
	*pins = (struct spw_pins){0};
	memset(pins->fds, -1, sizeof(pins->fds));
	if (snprintf(pins->dir, sizeof(pins->dir), "%s", dir) >= (int)sizeof(pins->dir))
		return spw_message(message, -ENAMETOOLONG, "pin_dir is longer than %zu bytes", sizeof(pins->dir) - 1);
	if (create)
		err = make_dir(pins, message);
	for (int i = 0; i < SPW_PINS && !err; i++)
		err = open_pin(pins, i, create, writable, message);
	if (!err)
		err = check_layout(pins, create, message);
	if (err) {
		spw_pins_undo(pins);
		spw_pins_close(pins);
	}
	return err;
}

void spw_pins_undo(const struct spw_pins *pins)
{
	char path[256];

	for (int i = 0; i < SPW_PINS; i++) {
		if (!pins->made[i])
			continue;
		pin_path(pins, i, path);
		unlink(path);
	}
	snprintf(path, sizeof(path), "%s", pins->dir);
	for (char *end = path + strlen(path); pins->made_dir && end; end = strrchr(path, '/')) {
		*end = '\0';
		if (strlen(path) < pins->made_dir || rmdir(path))
			break;
	}
}

void spw_pins_close(struct spw_pins *pins)
{
	for (int i = 0; i < SPW_PINS; i++) {
		if (pins->fds[i] >= 0)
			close(pins->fds[i]);
		pins->fds[i] = -1;
	}
}
