/* SPDX-License-Identifier: GPL-2.0-only */
/* The pinned maps: made once, opened by everybody, checked against the layouts of maps/ each time. */
#include "pins.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "maps/control.h"
#include "maps/counters.h"
#include "maps/ban.h"
#include "maps/fingerprint.h"
#include "maps/limit.h"
#include "maps/admission.h"
#include "maps/registry.h"
#include "maps/sample.h"
#include "base/cleanup.h"

#define BPFFS "/sys/fs/bpf"

/* What each pinned map has to be; the datapath's own declaration (maps.bpf.h) is held against it when it is loaded. */
static const struct {
	const char *name;
	enum bpf_map_type type;
	u32 value_bytes;
	u32 entries;
	u32 flags;
	u32 key_bytes; /* 0: those of an index */
} maps[SPW_PINS] = {
	[SPW_PIN_CONTROL] = {"control", BPF_MAP_TYPE_ARRAY, sizeof(struct spw_control), 1, BPF_F_RDONLY_PROG},
	[SPW_PIN_LIST_COUNTERS] = {"list_counters", BPF_MAP_TYPE_PERCPU_ARRAY, sizeof(struct spw_list_tally),
				   SPW_LISTS_MAX, 0},
	[SPW_PIN_CLASS_COUNTERS] = {"class_counters", BPF_MAP_TYPE_PERCPU_ARRAY, sizeof(struct spw_class_counter),
				    SPW_CLASSES_MAX, 0},
	[SPW_PIN_ANOMALY_COUNTERS] = {"anomaly_counters", BPF_MAP_TYPE_PERCPU_ARRAY, sizeof(struct spw_anomaly_counter),
				      SPW_ANOMALIES_MAX, 0},
	[SPW_PIN_WORK_COUNTERS] = {"work_counters", BPF_MAP_TYPE_PERCPU_ARRAY, sizeof(struct spw_work_counter),
				   SPW_WORK_COUNTERS, 0},
	[SPW_PIN_ADMISSION] = {"orders", BPF_MAP_TYPE_ARRAY, sizeof(struct spw_service_admission),
			       SPW_SERVICE_IDENTITIES, BPF_F_RDONLY_PROG},
	[SPW_PIN_BUDGET_CELLS] = {"budget_cells", BPF_MAP_TYPE_ARRAY, sizeof(struct spw_budget_cell),
				  SPW_SERVICE_IDENTITIES, 0},
	[SPW_PIN_FINGERPRINTS] = {"fingerprints", BPF_MAP_TYPE_ARRAY, sizeof(struct spw_fingerprints), 1, 0},
	[SPW_PIN_LIMITS] = {"limits", BPF_MAP_TYPE_ARRAY, sizeof(struct spw_limits), 1,
			    BPF_F_MMAPABLE | BPF_F_RDONLY_PROG},
	[SPW_PIN_METERS] = {"meters", BPF_MAP_TYPE_ARRAY, sizeof(struct spw_meters), 1, BPF_F_MMAPABLE},
	[SPW_PIN_SAMPLING] = {"sampling", BPF_MAP_TYPE_PERCPU_ARRAY, sizeof(struct spw_sampling), 1, 0},
	[SPW_PIN_LIST_REGISTRY] = {"list_registry", BPF_MAP_TYPE_ARRAY, sizeof(struct spw_list_record), SPW_LISTS_MAX,
				   BPF_F_RDONLY_PROG},
	[SPW_PIN_CLASS_REGISTRY] = {"class_registry", BPF_MAP_TYPE_ARRAY, sizeof(struct spw_class_record),
				    SPW_CLASSES_MAX, BPF_F_RDONLY_PROG},
	[SPW_PIN_SERVICE_REGISTRY] = {"service_registry", BPF_MAP_TYPE_ARRAY, sizeof(struct spw_service_record),
				      SPW_SERVICE_IDENTITIES, BPF_F_RDONLY_PROG},
	[SPW_PIN_AGENT_REGISTRY] = {"agent_registry", BPF_MAP_TYPE_ARRAY, sizeof(struct spw_agent_record), 1,
				    BPF_F_RDONLY_PROG},
	[SPW_PIN_BANS] = {"entries", BPF_MAP_TYPE_HASH, sizeof(struct spw_ban_value), SPW_BANS_MAX,
			  BPF_F_NO_PREALLOC | BPF_F_RDONLY_PROG, sizeof(struct spw_ban_key)},
	[SPW_PIN_BAN_FILTER] = {"entry_filter", BPF_MAP_TYPE_ARRAY, sizeof(struct spw_ban_filter), 1, BPF_F_MMAPABLE},
	[SPW_PIN_BAN_COUNTS] = {"entry_counts", BPF_MAP_TYPE_ARRAY, sizeof(struct spw_ban_count), SPW_BAN_COUNTS,
				BPF_F_MMAPABLE},
	[SPW_PIN_BAN_TOTALS] = {"entry_totals", BPF_MAP_TYPE_ARRAY, sizeof(struct spw_ban_totals), SPW_LISTS_MAX,
				BPF_F_RDONLY_PROG},
};

static u32 key_bytes(enum spw_pin pin)
{
	return maps[pin].key_bytes ? maps[pin].key_bytes : sizeof(u32);
}

const char *spw_pin_name(enum spw_pin pin)
{
	return maps[pin].name;
}

/* Puts the reason into words; returns -err, so that callers can return what it returns. */
__attribute__((format(printf, 3, 4))) static int say(char *message, int err, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(message, SPW_MESSAGE_MAX, format, arguments);
	va_end(arguments);
	return -err;
}

static bool on_bpffs(const char *path)
{
	struct statfs fs;

	return !statfs(path, &fs) && (u32)fs.f_type == (u32)BPF_FS_MAGIC;
}

/* The folder, and a bpffs below it. A folder elsewhere than under /sys/fs/bpf needs a bpffs that is mounted already. */
static int make_dir(const char *dir, char *message)
{
	size_t length = strlen(BPFFS);

	if (!strncmp(dir, BPFFS, length) && !on_bpffs(BPFFS) && mount("bpf", BPFFS, "bpf", 0, "mode=0700"))
		return say(message, errno, "no bpffs at %s and it cannot be mounted: %m; mount -t bpf bpf %s", BPFFS,
			   BPFFS);
	for (const char *slash = strchr(dir + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		char parent[200];

		snprintf(parent, sizeof(parent), "%.*s", (int)(slash - dir), dir);
		if (mkdir(parent, 0700) && errno != EEXIST && errno != EROFS)
			return say(message, errno, "cannot make %s: %m; is its bpffs mounted and writable?", parent);
	}
	if (mkdir(dir, 0700) && errno != EEXIST)
		return say(message, errno, "cannot make %s: %m; is the bpffs at %s mounted and writable?", dir, BPFFS);
	if (!on_bpffs(dir))
		return say(message, ENODEV, "%s is not on a bpffs; set pin_dir to a folder below %s", dir, BPFFS);
	if (chmod(dir, 0700))
		return say(message, errno, "cannot set the mode of %s: %m", dir);
	return 0;
}

static int check_map(const char *path, enum spw_pin pin, int fd, char *message)
{
	struct bpf_map_info info = {0};
	u32 length = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &length))
		return say(message, errno, "%s is not a map that this program may look at: %m", path);
	if (info.type != maps[pin].type || info.key_size != key_bytes(pin) ||
	    info.value_size != maps[pin].value_bytes || info.max_entries != maps[pin].entries ||
	    info.map_flags != maps[pin].flags)
		return say(
			message, EPROTO,
			"%s has another layout (type %u, values of %u bytes, %u entries) than this version (type %u, %u bytes, "
			"%u entries): it was made by another version of spillway; run that one, or 'spillway detach' to "
			"begin anew, which gives up the counters",
			path, info.type, info.value_size, info.max_entries, maps[pin].type, maps[pin].value_bytes,
			maps[pin].entries);
	return 0;
}

static int open_map(const char *path, bool writable)
{
	LIBBPF_OPTS(bpf_obj_get_opts, options, .file_flags = writable ? 0 : BPF_F_RDONLY);

	return bpf_obj_get_opts(path, &options);
}

static int create_map(const char *path, enum spw_pin pin, char *message)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = maps[pin].flags);
	_cleanup_fd_ int fd = bpf_map_create(maps[pin].type, maps[pin].name, key_bytes(pin), maps[pin].value_bytes,
					     maps[pin].entries, &options);

	if (fd < 0)
		return say(message, -fd, "cannot make the map %s: %s%s", maps[pin].name, strerror(-fd),
			   fd == -EPERM ? "; this needs root, or CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON" : "");
	if (bpf_obj_pin(fd, path))
		return say(message, errno, "cannot pin %s: %m", path);
	return TAKE_FD(fd);
}

static int open_pin(const char *dir, enum spw_pin pin, bool create, bool writable, int *result, char *message)
{
	char path[256];
	int fd, err;

	snprintf(path, sizeof(path), "%s/%s", dir, maps[pin].name);
	fd = open_map(path, writable);
	if (fd == -ENOENT && create)
		fd = create_map(path, pin, message);
	else if (fd < 0)
		return say(message, -fd, "cannot open %s: %s%s", path, strerror(-fd),
			   fd == -EACCES || fd == -EPERM ? "; this needs root" : "");
	if (fd < 0)
		return fd;
	*result = fd;
	err = check_map(path, pin, fd, message);
	return err;
}

/* Layout numbers inside: the sizes may fit while the meaning has changed. A new map, all zero, is given its number. */
static int check_layout(const struct spw_pins *pins, bool create, char *message)
{
	struct spw_control control;
	const u32 key = 0;

	if (bpf_map_lookup_elem(pins->fds[SPW_PIN_CONTROL], &key, &control))
		return say(message, errno, "cannot read %s/control: %m", pins->dir);
	if (!control.magic && create) {
		control = (struct spw_control){.magic = SPW_CONTROL_MAGIC,
					       .layout = SPW_LAYOUT,
					       .pinned_level = SPW_LEVEL_NEVER,
					       .most_level = SPW_RED};
		if (getrandom(&control.seed, sizeof(control.seed), 0) != sizeof(control.seed))
			return say(message, errno, "cannot draw a random number: %m");
		if (bpf_map_update_elem(pins->fds[SPW_PIN_CONTROL], &key, &control, BPF_ANY))
			return say(message, errno, "cannot write %s/control: %m", pins->dir);
	}
	if (control.magic != SPW_CONTROL_MAGIC || control.layout != SPW_LAYOUT)
		return say(
			message, EPROTO,
			"%s holds layout %u, this version knows %u: run the version that made it, or 'spillway detach' to "
			"begin anew, which gives up the counters",
			pins->dir, control.layout, SPW_LAYOUT);
	return 0;
}

int spw_pins_open(const char *dir, bool create, bool writable, struct spw_pins *pins, char message[SPW_MESSAGE_MAX])
{
	int err = 0;

	message[0] = '\0';
	for (int i = 0; i < SPW_PINS; i++)
		pins->fds[i] = -1;
	if (snprintf(pins->dir, sizeof(pins->dir), "%s", dir) >= (int)sizeof(pins->dir))
		return say(message, ENAMETOOLONG, "pin_dir is longer than %zu bytes", sizeof(pins->dir) - 1);
	if (create)
		err = make_dir(dir, message);
	for (int i = 0; i < SPW_PINS && !err; i++)
		err = open_pin(dir, i, create, writable, &pins->fds[i], message);
	if (!err)
		err = check_layout(pins, create, message);
	if (err)
		spw_pins_close(pins);
	return err;
}

void spw_pins_close(struct spw_pins *pins)
{
	for (int i = 0; i < SPW_PINS; i++) {
		if (pins->fds[i] >= 0)
			close(pins->fds[i]);
		pins->fds[i] = -1;
	}
}
