/* SPDX-License-Identifier: GPL-2.0-only */
#include "attachment.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "net/device.h"

#define RETRY_NS 1000000000ull

static int attach(struct attachment *attachment, struct spw_link *link, enum spw_attach_mode mode, char *message)
{
	const struct in_force *in_force = attachment->in_force;
	const char *native;
	struct spw_device device;
	int err;

	/* By number, as it may have been renamed; by name, as it may have been recreated. */
	spw_device_look(link->ifindex, &device);
	if (!*device.name) {
		link->ifindex = spw_device_index(link->name);
		spw_device_look(link->ifindex, &device);
	}
	if (device.without_ethernet)
		return spw_message(message, -EMEDIUMTYPE,
				   "%s is not an Ethernet device, so its packets cannot be judged; list the Ethernet "
				   "interface that carries its traffic, or remove it from 'interfaces'",
				   link->name);
	err = spw_link_attach(link, in_force->pins->dir, in_force->datapath->program_fd, mode, message);
	native = link->native ? "native" : "generic";
	if (err)
		return err;
	link->alarmed = false;
	spw_log(LOG_INFO, "%s: attached in %s mode", link->now, native);
	if (*message)
		spw_log(LOG_WARNING, "%s", message);
	journal_event(attachment->journal, "attach", json_pack("{s:s,s:s}", "interface", link->now, "mode", native));
	return 0;
}

static struct spw_link *find_link(struct attachment *attachment, const char *name)
{
	for (size_t i = 0; i < attachment->count; i++)
		if (!strcmp(attachment->links[i].name, name))
			return &attachment->links[i];
	return NULL;
}

enum origin {
	KEPT,  /* was attached already */
	TAKEN, /* taken over from an earlier run */
	MADE,
};

static bool is_covered(const struct spw_link *links, size_t count, u32 ifindex)
{
	for (size_t i = 0; i < count; i++)
		if (links[i].ifindex == ifindex)
			return true;
	return false;
}

/*
 * An interface that was covered and has disappeared does not stop a reload. A renamed one is kept, unless another
 * interface has the configured name now.
 */
static int cover_one(struct attachment *attachment, const char *name, enum spw_attach_mode mode, struct spw_link *link,
		     enum origin *origin, char *message)
{
	struct spw_link *old = find_link(attachment, name);
	u32 ifindex = spw_device_index(name);
	int err;

	*link = (struct spw_link){.fd = -1};
	if (old && spw_link_alive(old) && (!ifindex || ifindex == old->ifindex)) {
		*link = *old;
		*origin = KEPT;
		return 0;
	}
	snprintf(link->name, sizeof(link->name), "%s", name);
	link->ifindex = ifindex;
	*origin = spw_link_pinned(attachment->in_force->pins->dir, ifindex) ? TAKEN : MADE;
	err = attach(attachment, link, mode, message);
	if (!err && old && old->fd >= 0 && old->ifindex != link->ifindex)
		spw_log(LOG_NOTICE, "%s: the name is of device %u now, was of %u (%s): followed", name, link->ifindex,
			old->ifindex, old->now);
	if (err == -ENODEV && old) {
		*link = *old;
		*origin = KEPT;
		err = 0;
	}
	return err;
}

static void take_back(struct attachment *attachment, struct spw_link *links, const enum origin *origins, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (origins[i] == MADE && links[i].fd >= 0)
			spw_link_drop(&links[i], attachment->in_force->pins->dir);
		else if (origins[i] == TAKEN)
			spw_link_close(&links[i]);
	}
}

static void close_unkept(struct attachment *attachment, const struct spw_link *links, const enum origin *origins,
			 size_t count)
{
	for (size_t i = 0; i < attachment->count; i++) {
		bool kept = false;

		for (size_t j = 0; j < count; j++)
			kept |= origins[j] == KEPT && links[j].fd == attachment->links[i].fd;
		if (!kept)
			spw_link_close(&attachment->links[i]);
	}
}

int attachment_cover(struct attachment *attachment, const struct spw_config *config, char message[SPW_MESSAGE_MAX])
{
	struct spw_link links[SPW_INTERFACES_MAX] = {0};
	enum origin origins[SPW_INTERFACES_MAX];
	size_t count = 0;
	int err = 0;

	for (; count < config->interfaces_count && !err; count++) {
		const char *name = config->interfaces[count].name;

		err = cover_one(attachment, name, config->attach, &links[count], &origins[count], message);
		if (!err && links[count].ifindex && is_covered(links, count, links[count].ifindex))
			err = spw_message(message, -EEXIST,
					  "interface '%s' is %s, which 'interfaces' has under another name too; "
					  "remove one of them",
					  name, links[count].now);
	}
	if (err) {
		take_back(attachment, links, origins, count);
		return err;
	}
	close_unkept(attachment, links, origins, count);
	memcpy(attachment->links, links, sizeof(links));
	for (size_t i = 0; i < count; i++)
		attachment->made[i] = origins[i] == MADE;
	attachment->count = count;
	return 0;
}

void attachment_detach_others(struct attachment *attachment)
{
	spw_links_detach_others(attachment->in_force->pins->dir, attachment->links, attachment->count);
}

int attachment_replace(struct attachment *attachment, int program_fd, int former_fd, char message[SPW_MESSAGE_MAX])
{
	struct spw_link *links = attachment->links;
	int err = 0;

	for (size_t i = 0; i < attachment->count && !err; i++)
		if (links[i].fd >= 0)
			err = spw_link_replace(&links[i], program_fd);
	if (!err)
		return 0;
	for (size_t i = 0; i < attachment->count; i++)
		if (links[i].fd >= 0)
			spw_link_replace(&links[i], former_fd);
	return spw_message(message, err, "cannot replace the program in a link: %s", strerror(-err));
}

static bool lose(struct attachment *attachment, struct spw_link *link, bool reattach)
{
	if (link->fd < 0)
		return false;
	spw_log(LOG_ALERT,
		"%s: our program is no longer attached: the interface went away or somebody detached it; its traffic "
		"passes uncounted%s",
		link->now, reattach ? "; trying to attach again" : "");
	journal_event(attachment->journal, "detach", json_pack("{s:s}", "interface", link->now));
	spw_link_drop(link, attachment->in_force->pins->dir);
	return true;
}

bool attachment_watch(struct attachment *attachment, u64 now_ns)
{
	const struct spw_config *config = attachment->in_force->config;
	bool changed = false, retry = now_ns - attachment->retried_ns >= RETRY_NS;
	char message[SPW_MESSAGE_MAX];

	if (retry)
		attachment->retried_ns = now_ns;
	for (size_t i = 0; i < attachment->count; i++) {
		struct spw_link *link = &attachment->links[i];
		bool lost;

		if (spw_link_alive(link))
			continue;
		lost = lose(attachment, link, config->reattach);
		changed |= lost;
		if (!config->reattach || !(lost || retry))
			continue;
		if (!attach(attachment, link, config->attach, message)) {
			changed = true;
		} else if (!link->alarmed) {
			spw_log(LOG_ALERT, "%s", message);
			link->alarmed = true;
		}
	}
	return changed;
}

bool attachment_is_whole(const struct attachment *attachment)
{
	for (size_t i = 0; i < attachment->count; i++)
		if (attachment->links[i].fd < 0)
			return false;
	return true;
}

void attachment_describe(const struct attachment *attachment, struct spw_interface_record records[SPW_INTERFACES_MAX])
{
	memset(records, 0, SPW_INTERFACES_MAX * sizeof(*records));
	for (size_t i = 0; i < attachment->count; i++) {
		const struct spw_link *link = &attachment->links[i];
		struct spw_interface_record *record = &records[i];

		snprintf(record->name, sizeof(record->name), "%.*s", (int)sizeof(record->name) - 1,
			 *link->now ? link->now : link->name);
		record->ifindex = link->ifindex ? link->ifindex : UINT32_MAX; /* 0 ends the table */
		record->attached = link->fd >= 0;
		record->native = link->native;
	}
}

void attachment_abandon(struct attachment *attachment)
{
	size_t left = 0;

	for (size_t i = 0; i < attachment->count; i++) {
		struct spw_link *link = &attachment->links[i];

		if (attachment->made[i] && link->fd >= 0)
			spw_link_drop(link, attachment->in_force->pins->dir);
		else
			attachment->links[left++] = *link;
	}
	attachment->count = left;
}

void attachment_close(struct attachment *attachment)
{
	for (size_t i = 0; i < attachment->count; i++)
		spw_link_close(&attachment->links[i]);
	attachment->count = 0;
}
