/* SPDX-License-Identifier: GPL-2.0-only */
/* Interfaces: our program in a pinned link each, watched at every tick. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "state.h"

static int attach(struct agent *agent, struct spw_link *link, enum spw_attach_mode mode, char *message)
{
	int err = spw_link_attach(link, agent->pins.dir, agent->datapath.program_fd, mode, message);

	if (err)
		return err;
	link->alarmed = false;
	spw_log(LOG_INFO, "%s: attached in %s mode", link->now, link->native ? "native" : "generic");
	if (*message)
		spw_log(LOG_WARNING, "%s", message);
	agent_tell(agent, "attach",
		   json_pack("{s:s,s:s}", "interface", link->now, "mode", link->native ? "native" : "generic"));
	return 0;
}

static struct spw_link *find_link(struct agent *agent, const char *name)
{
	for (size_t i = 0; i < agent->links_count; i++)
		if (!strcmp(agent->links[i].name, name))
			return &agent->links[i];
	return NULL;
}

/* What agent_attach_all() came to for one interface. */
enum origin {
	KEPT,  /* a link that stands already */
	TAKEN, /* one that an earlier run has left */
	MADE,
};

/* One interface of a configuration. One that was covered and went away does not stand in the way of a reload. */
static int attach_one(struct agent *agent, const char *name, enum spw_attach_mode mode, struct spw_link *link,
		      enum origin *origin, char *message)
{
	struct spw_link *old = find_link(agent, name);
	int err;

	*link = (struct spw_link){.fd = -1};
	if (old && spw_link_alive(old)) {
		*link = *old;
		*origin = KEPT;
		return 0;
	}
	snprintf(link->name, sizeof(link->name), "%s", name);
	*origin = spw_link_pinned(agent->pins.dir, name) ? TAKEN : MADE;
	err = attach(agent, link, mode, message);
	if (err == -ENODEV && old) {
		*link = *old;
		*origin = KEPT;
		err = 0;
	}
	return err;
}

/* Attach to every interface of @config: links that stand are kept. All or none. */
int agent_attach_all(struct agent *agent, const struct spw_config *config, char *message)
{
	struct spw_link links[SPW_INTERFACES_MAX] = {0};
	enum origin origins[SPW_INTERFACES_MAX];
	size_t count = 0;
	int err = 0;

	for (; count < config->interfaces_count && !err; count++)
		err = attach_one(agent, config->interfaces[count].name, config->attach, &links[count], &origins[count],
				 message);
	for (size_t i = 0; i < count && err; i++) {
		if (origins[i] == MADE && links[i].fd >= 0)
			spw_link_drop(&links[i], agent->pins.dir);
		else if (origins[i] == TAKEN)
			spw_link_close(&links[i]);
	}
	if (err)
		return err;
	for (size_t i = 0; i < agent->links_count; i++) {
		bool kept = false;

		for (size_t j = 0; j < count; j++)
			kept |= origins[j] == KEPT && links[j].fd == agent->links[i].fd;
		if (!kept)
			spw_link_close(&agent->links[i]);
	}
	memcpy(agent->links, links, sizeof(links));
	agent->links_count = count;
	return 0;
}

/* A link that lost its interface, or that somebody detached: said once, and tried again each second if so configured.
 */
void agent_watch_links(struct agent *agent)
{
	char message[SPW_MESSAGE_MAX];
	bool changed = false;

	for (size_t i = 0; i < agent->links_count; i++) {
		struct spw_link *link = &agent->links[i];
		bool first = link->fd >= 0;

		if (spw_link_alive(link))
			continue;
		if (first) {
			spw_log(LOG_ALERT,
				"%s: our program is no longer attached: the interface went away or somebody detached it; "
				"its traffic passes uncounted%s",
				link->now, agent->config.reattach ? "; trying to attach again" : "");
			agent_tell(agent, "detach", json_pack("{s:s}", "interface", link->now));
			spw_link_drop(link, agent->pins.dir);
			changed = true;
		}
		if (!agent->config.reattach || (!first && agent->ticks % TICKS_A_SECOND))
			continue;
		if (!attach(agent, link, agent->config.attach, message)) {
			changed = true;
		} else if (!link->alarmed) {
			spw_log(LOG_ALERT, "%s", message);
			link->alarmed = true;
		}
	}
	if (changed)
		agent_write_record(agent);
}
