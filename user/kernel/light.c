/* SPDX-License-Identifier: GPL-2.0-only */
#include "light.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "libbpf_log.h"
#include "light.skel.h"

#define PIN_PREFIX "light_"

struct spw_light_space {
	struct light_bpf *skeleton;
	int link_fd;
	char pin[256];
};

static int share_maps(struct light_bpf *skeleton, const struct spw_light_place *place)
{
	int err = bpf_map__reuse_fd(skeleton->maps.control, place->pins->fds[SPW_PIN_CONTROL]);

	if (!err)
		err = bpf_map__reuse_fd(skeleton->maps.light, place->pins->fds[SPW_PIN_LIGHT]);
	if (!err && place->sockets_fd >= 0)
		err = bpf_map__reuse_fd(skeleton->maps.light_sockets, place->sockets_fd);
	return err;
}

/* The link of an earlier agent stays until the new one is there. */
static int attach(struct spw_light_space *space, const struct spw_light_place *place)
{
	int program = bpf_program__fd(space->skeleton->progs.give_to_listener);

	space->link_fd = bpf_link_create(program, place->netns_fd, BPF_SK_LOOKUP, NULL);
	if (space->link_fd < 0)
		return -errno;
	unlink(space->pin);
	return bpf_obj_pin(space->link_fd, space->pin) ? -errno : 0;
}

int spw_light_open(const struct spw_light_place *place, struct spw_light_space **opened, char message[SPW_MESSAGE_MAX])
{
	struct spw_light_space *space = calloc(1, sizeof(*space));
	const char *what = "load", *words;
	int err = -ENOMEM;

	if (!space)
		return spw_message(message, err, "out of memory");
	space->link_fd = -1;
	snprintf(space->pin, sizeof(space->pin), "%.200s/" PIN_PREFIX "%u", place->pins->dir, place->netns_inode);
	spw_libbpf_listen();
	space->skeleton = light_bpf__open();
	if (space->skeleton) {
		space->skeleton->rodata->light_stay_jiffies = place->stay_jiffies;
		err = share_maps(space->skeleton, place);
	}
	if (!err)
		err = light_bpf__load(space->skeleton);
	if (!err) {
		what = "attach";
		err = attach(space, place);
	}
	if (!err) {
		*opened = space;
		return 0;
	}
	words = spw_libbpf_words();
	spw_light_close(space, true);
	return spw_message(message, err, "cannot %s the program for light listeners: %s%s%.300s%s", what,
			   strerror(-err), *words ? " (" : "", words, *words ? ")" : "");
}

void spw_light_find(const struct spw_light_space *space, struct spw_light_search *search)
{
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = search, .data_size_in = sizeof(*search), .repeat = 1);

	search->found = !bpf_prog_test_run_opts(bpf_program__fd(space->skeleton->progs.find_listener), &options) &&
			options.retval;
}

u64 spw_light_orphans(const struct spw_light_space *space)
{
	return __atomic_load_n(&space->skeleton->bss->light_orphans, __ATOMIC_RELAXED);
}

void spw_light_close(struct spw_light_space *space, bool detach)
{
	if (!space)
		return;
	if (detach && space->link_fd >= 0)
		unlink(space->pin);
	spw_close_fd(&space->link_fd);
	light_bpf__destroy(space->skeleton);
	free(space);
}

void spw_light_detach_others(const char *pin_dir, const u32 *inodes, size_t count)
{
	DIR *dir = opendir(pin_dir);
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		char path[512];
		bool kept = false;
		u32 inode;

		if (sscanf(entry->d_name, PIN_PREFIX "%u", &inode) != 1)
			continue;
		for (size_t i = 0; i < count; i++)
			kept |= inodes[i] == inode;
		snprintf(path, sizeof(path), "%.200s/%s", pin_dir, entry->d_name);
		if (!kept)
			unlink(path);
	}
	if (dir)
		closedir(dir);
}
