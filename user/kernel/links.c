/* SPDX-License-Identifier: GPL-2.0-only */
#include "links.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"

#define PIN_PREFIX "link_"

static void pin_path(const char *pin_dir, u32 ifindex, char path[256])
{
	snprintf(path, 256, "%.200s/" PIN_PREFIX "%u", pin_dir, ifindex);
}

/* "?" if unknown. */
static void program_name(u32 id, char name[64])
{
	struct bpf_prog_info info = {0};
	u32 length = sizeof(info);
	_cleanup_fd_ int fd = bpf_prog_get_fd_by_id(id);

	snprintf(name, 64, "?");
	if (fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &length))
		snprintf(name, 64, "%s", info.name);
}

/* @ifindex: of the interface that a link is attached to; 0: it is gone, or the link was detached. */
static int link_ifindex(int fd, u32 *ifindex, u32 *program_id)
{
	struct bpf_link_info info = {0};
	u32 length = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &length))
		return -errno;
	if (info.type != BPF_LINK_TYPE_XDP)
		return -EPROTO;
	*ifindex = info.xdp.ifindex;
	*program_id = info.prog_id;
	return 0;
}

static int query_mode(u32 ifindex, u32 *program_id, bool *native)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, query);
	int err = bpf_xdp_query((int)ifindex, 0, &query);

	if (err)
		return err;
	*native = query.attach_mode == XDP_ATTACHED_DRV || query.attach_mode == XDP_ATTACHED_HW;
	*program_id = query.prog_id	  ? query.prog_id
		      : query.drv_prog_id ? query.drv_prog_id
		      : query.skb_prog_id ? query.skb_prog_id
					  : query.hw_prog_id;
	return 0;
}

/* Replace the program of the link that an earlier run pinned. 1: there is none, or it is dead. */
static int take_over(struct spw_link *link, const char *pin_dir, int program_fd, char message[SPW_MESSAGE_MAX])
{
	char path[256];
	u32 ifindex = 0, program_id;
	_cleanup_fd_ int fd = -1;

	pin_path(pin_dir, link->ifindex, path);
	fd = bpf_obj_get(path);
	if (fd < 0)
		return 1;
	if (link_ifindex(fd, &ifindex, &program_id) || ifindex != link->ifindex) {
		unlink(path);
		return 1;
	}
	if (bpf_link_update(fd, program_fd, NULL)) {
		int err = errno;

		snprintf(message, SPW_MESSAGE_MAX, "cannot put the new program into the link on %s: %s", link->now,
			 strerror(err));
		return -err;
	}
	query_mode(link->ifindex, &program_id, &link->native);
	link->fd = TAKE_FD(fd);
	return 0;
}

static int create_link(const struct spw_link *link, int program_fd, u32 flags)
{
	LIBBPF_OPTS(bpf_link_create_opts, options, .flags = flags);
	int fd = bpf_link_create(program_fd, (int)link->ifindex, BPF_XDP, &options);

	return fd < 0 ? -errno : fd;
}

/* Is it another program on the interface, or an error of the driver? */
static int explain_failure(const struct spw_link *link, int err, char message[SPW_MESSAGE_MAX])
{
	u32 id = 0;
	bool native;
	char name[64];

	if (!query_mode(link->ifindex, &id, &native) && id) {
		program_name(id, name);
		snprintf(message, SPW_MESSAGE_MAX,
			 "another XDP program is attached to %s: '%s' (id %u, %s mode); it is left alone; end the "
			 "program that holds it, or detach it: ip link set dev %s xdp off (bpftool link detach where "
			 "a link holds it)",
			 link->now, name, id, native ? "native" : "generic", link->now);
		return -EBUSY;
	}
	snprintf(message, SPW_MESSAGE_MAX, "cannot attach to %s: %s%s", link->now, strerror(-err),
		 err == -EPERM	      ? "; this needs root, or CAP_BPF and CAP_NET_ADMIN"
		 : err == -EOPNOTSUPP ? "; its driver has no native XDP: 'attach: auto' would fall back to generic mode"
		 : err == -EINVAL || err == -ERANGE ? "; an MTU that the driver cannot do with XDP is the usual cause"
						    : "");
	return err;
}

static int attach_new(struct spw_link *link, const char *pin_dir, int program_fd, enum spw_attach_mode mode,
		      char message[SPW_MESSAGE_MAX])
{
	_cleanup_fd_ int fd = -1;
	int native_err = 0, err;
	char path[256];
	u32 id = 0;
	bool native;

	if (!query_mode(link->ifindex, &id, &native) && id)
		return explain_failure(link, -EBUSY, message);
	if (mode != SPW_ATTACH_GENERIC)
		native_err = fd = create_link(link, program_fd, XDP_FLAGS_DRV_MODE);
	link->native = fd >= 0;
	if (fd < 0 && (mode == SPW_ATTACH_GENERIC || (mode == SPW_ATTACH_AUTO && native_err != -EBUSY)))
		fd = create_link(link, program_fd, XDP_FLAGS_SKB_MODE);
	if (fd < 0)
		return explain_failure(link, mode == SPW_ATTACH_NATIVE ? native_err : fd, message);
	pin_path(pin_dir, link->ifindex, path);
	unlink(path);
	if (bpf_obj_pin(fd, path)) {
		err = -errno;
		snprintf(message, SPW_MESSAGE_MAX, "cannot pin the link of %s at %s: %s", link->now, path,
			 strerror(-err));
		return err;
	}
	link->fd = TAKE_FD(fd);
	if (!link->native)
		snprintf(message, SPW_MESSAGE_MAX,
			 "%s runs XDP in generic mode%s%s: each packet costs some 3 times as much; use a driver with "
			 "native XDP where floods are expected",
			 link->now, native_err ? ", its driver has refused native mode: " : "",
			 native_err ? strerror(-native_err) : "");
	return 0;
}

int spw_link_attach(struct spw_link *link, const char *pin_dir, int program_fd, enum spw_attach_mode mode,
		    char message[SPW_MESSAGE_MAX])
{
	int err;

	message[0] = '\0';
	if (!if_indextoname(link->ifindex, link->now)) {
		snprintf(message, SPW_MESSAGE_MAX, "there is no interface '%s'", link->name);
		link->ifindex = 0;
		return -ENODEV;
	}
	err = take_over(link, pin_dir, program_fd, message);
	return err <= 0 ? err : attach_new(link, pin_dir, program_fd, mode, message);
}

bool spw_link_pinned(const char *pin_dir, u32 wanted)
{
	u32 ifindex = 0, program_id;
	char path[256];
	_cleanup_fd_ int fd = -1;

	pin_path(pin_dir, wanted, path);
	fd = bpf_obj_get(path);
	return wanted && fd >= 0 && !link_ifindex(fd, &ifindex, &program_id) && ifindex == wanted;
}

int spw_link_look(const char *pin_dir, u32 ifindex, struct spw_attached *attached)
{
	libbpf_print_fn_t print = libbpf_set_print(NULL); /* the caller reports errors */
	u32 holds = 0, program_id = 0;
	_cleanup_fd_ int fd = -1;
	char path[256];
	int err;

	*attached = (struct spw_attached){0};
	err = query_mode(ifindex, &attached->program_id, &attached->native);
	if (!err && attached->program_id) {
		program_name(attached->program_id, attached->program);
		pin_path(pin_dir, ifindex, path);
		fd = bpf_obj_get(path);
		attached->ours = fd >= 0 && !link_ifindex(fd, &holds, &program_id) && holds == ifindex &&
				 program_id == attached->program_id;
	}
	libbpf_set_print(print);
	return err;
}

bool spw_link_alive(struct spw_link *link)
{
	u32 ifindex = 0, program_id;

	if (link->fd < 0 || link_ifindex(link->fd, &ifindex, &program_id) || !ifindex)
		return false;
	if_indextoname(ifindex, link->now); /* fails after a move to another namespace; it is still covered */
	return true;
}

int spw_link_replace(const struct spw_link *link, int program_fd)
{
	return bpf_link_update(link->fd, program_fd, NULL) ? -errno : 0;
}

void spw_link_close(struct spw_link *link)
{
	if (link->fd >= 0)
		close(link->fd);
	link->fd = -1;
}

void spw_link_drop(struct spw_link *link, const char *pin_dir)
{
	char path[256];

	spw_link_close(link);
	pin_path(pin_dir, link->ifindex, path);
	unlink(path);
}

/* Detach one pinned link; @line says what was done. */
static int detach_pin(const char *path, const char *name, char *line, size_t bytes)
{
	u32 ifindex = 0, program_id;
	_cleanup_fd_ int fd = bpf_obj_get(path);

	if (fd < 0)
		return fd;
	if (link_ifindex(fd, &ifindex, &program_id))
		return -EPROTO;
	if (bpf_link_detach(fd) && errno != EINVAL && errno != ENOLINK && ifindex)
		return -errno;
	/* By number: in this network namespace the name may be another interface's. */
	if (ifindex)
		snprintf(line, bytes, "%s: detached from interface number %u", name, ifindex);
	else
		snprintf(line, bytes, "%s: its interface was gone", name);
	return unlink(path) ? -errno : 0;
}

int spw_links_detach_all(const char *pin_dir, void (*each)(const char *line), char message[SPW_MESSAGE_MAX])
{
	DIR *dir = opendir(pin_dir);
	struct dirent *entry;
	int count = 0, err = 0;

	message[0] = '\0';
	if (!dir) {
		err = -errno;
		snprintf(message, SPW_MESSAGE_MAX, "cannot open %s: %s", pin_dir, strerror(-err));
		return err;
	}
	while ((entry = readdir(dir)) && !err) {
		char path[512], line[512];

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%.200s/%s", pin_dir, entry->d_name);
		if (!strncmp(entry->d_name, PIN_PREFIX, strlen(PIN_PREFIX))) {
			err = detach_pin(path, entry->d_name, line, sizeof(line));
			if (!err) {
				each(line);
				count++;
			}
		} else if (unlink(path)) {
			err = -errno;
		}
		if (err)
			snprintf(message, SPW_MESSAGE_MAX, "cannot remove %.300s: %s", path, strerror(-err));
	}
	closedir(dir);
	if (!err && rmdir(pin_dir)) {
		err = -errno;
		snprintf(message, SPW_MESSAGE_MAX, "cannot remove %s: %s", pin_dir, strerror(-err));
	}
	return err ? err : count;
}

int spw_links_detach_others(const char *pin_dir, const struct spw_link *keep, size_t keep_count)
{
	DIR *dir = opendir(pin_dir);
	struct dirent *entry;
	int count = 0;

	while (dir && (entry = readdir(dir))) {
		char path[512], line[512];
		u32 ifindex;
		bool kept = false;

		if (sscanf(entry->d_name, PIN_PREFIX "%u", &ifindex) != 1)
			continue;
		for (size_t i = 0; i < keep_count; i++)
			kept |= keep[i].ifindex == ifindex;
		snprintf(path, sizeof(path), "%.200s/%s", pin_dir, entry->d_name);
		if (!kept && !detach_pin(path, entry->d_name, line, sizeof(line)))
			count++;
	}
	if (dir)
		closedir(dir);
	return count;
}
