/* SPDX-License-Identifier: GPL-2.0-only */
#include "confirmation.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "kernel/unconfirmed.h"

#define AGAIN_NS 10000000000ull

struct confirmation {
	struct publisher *publisher;
	const struct in_force *in_force;
	struct spw_unconfirmed *found; /* owned; what our last publication restores */
	int rows_file;		       /* prefixes of the kept ruleset; -1: unknown */
};

struct confirmation *confirmation_new(struct publisher *publisher)
{
	struct confirmation *confirmation = calloc(1, sizeof(*confirmation));

	if (!confirmation)
		return NULL;
	confirmation->publisher = publisher;
	confirmation->in_force = publisher_in_force(publisher);
	confirmation->rows_file = -1;
	return confirmation;
}

void confirmation_free(struct confirmation *confirmation)
{
	if (!confirmation)
		return;
	spw_close_fd(&confirmation->rows_file);
	free(confirmation->found);
	free(confirmation);
}

static int copy_fd(int fd)
{
	return fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

static u64 until_ns(const struct confirmation *confirmation)
{
	return publisher_record(confirmation->publisher)->unconfirmed_until_ns;
}

bool confirmation_is_awaited(const struct confirmation *confirmation)
{
	return until_ns(confirmation) && until_ns(confirmation) != SPW_TAKEN_BACK;
}

bool confirmation_is_due(const struct confirmation *confirmation, u64 now_ns)
{
	return confirmation_is_awaited(confirmation) && now_ns >= until_ns(confirmation);
}

/* ---- keep and confirm ---- */

int confirmation_keep(struct confirmation *confirmation, char message[SPW_MESSAGE_MAX])
{
	_cleanup_free_ struct spw_unconfirmed *kept = calloc(1, sizeof(*kept));
	const struct in_force *in_force = confirmation->in_force;
	const struct spw_config *config = in_force->config;
	int err;

	if (!kept)
		return spw_message(message, -ENOMEM, "out of memory");
	kept->units_capacity = in_force->datapath->units_capacity;
	kept->text_bytes = (u32)config->text_bytes;
	kept->record = *publisher_record(confirmation->publisher);
	kept->registry = *in_force->registry;
	if (snprintf(kept->config_path, sizeof(kept->config_path), "%s", config->path) >=
	    (int)sizeof(kept->config_path))
		return spw_message(message, -ENAMETOOLONG, "the path of the configuration is longer than %zu bytes",
				   sizeof(kept->config_path) - 1);
	err = spw_unconfirmed_keep(in_force->pins, kept, config->text, in_force->datapath->published_fd, message);
	/* What is in force is unconfirmed too: keep what was before it. */
	if (err == -EEXIST)
		return 0;
	if (err)
		return err;
	spw_close_fd(&confirmation->rows_file);
	confirmation->rows_file = copy_fd(in_force->rows_file);
	return 0;
}

void confirmation_published(struct confirmation *confirmation, u64 confirm_ns)
{
	if (confirm_ns)
		spw_log(LOG_NOTICE, "rolled back in %llu s unless you run: spillway confirm",
			(unsigned long long)confirm_ns / 1000000000);
	else
		spw_unconfirmed_forget(confirmation->in_force->pins);
}

void confirmation_failed(struct confirmation *confirmation)
{
	if (!until_ns(confirmation))
		spw_unconfirmed_forget(confirmation->in_force->pins);
}

const char *confirmation_confirm(struct confirmation *confirmation)
{
	if (until_ns(confirmation) == SPW_TAKEN_BACK)
		return "too late: it was rolled back, and the ruleset before it is in force";
	if (!until_ns(confirmation))
		return "there is nothing to confirm";
	spw_unconfirmed_forget(confirmation->in_force->pins);
	publisher_await(confirmation->publisher, 0);
	spw_log(LOG_NOTICE, "ruleset %llu is confirmed",
		(unsigned long long)publisher_record(confirmation->publisher)->generation);
	return NULL;
}

/* ---- take back ---- */

static int parse_kept(const struct spw_unconfirmed *kept, struct spw_config *config)
{
	struct spw_diagnostics diagnostics = {0};
	int err = spw_config_parse(kept->text, kept->text_bytes, kept->config_path, config, &diagnostics);

	if (err)
		spw_log_diagnostics(&diagnostics);
	spw_diagnostics_free(&diagnostics);
	return err;
}

/* The kept configuration, as if it had just been read and compiled. */
static int read_kept(struct confirmation *confirmation, struct publication *publication)
{
	const struct in_force *in_force = confirmation->in_force;
	struct spw_unconfirmed *kept = NULL;
	char message[SPW_MESSAGE_MAX];
	int err = spw_unconfirmed_find(in_force->pins, &kept, &publication->report.ruleset_map);

	if (err)
		return err;
	free(confirmation->found);
	confirmation->found = kept;
	publication->taken_back = kept;
	publication->report.result.units_capacity = kept->units_capacity;
	publication->report.rows_file = copy_fd(confirmation->rows_file);
	err = parse_kept(kept, &publication->config);
	if (err)
		return err;
	spw_registry_restore(in_force->registry, &kept->registry, &publication->registry);
	return spw_registry_assign(&publication->registry, &publication->config, &publication->identities, message);
}

void confirmation_take_back(struct confirmation *confirmation)
{
	u64 refused = publisher_record(confirmation->publisher)->generation;
	struct publication *publication = publication_new();
	char message[SPW_MESSAGE_MAX] = "";
	int err = publication ? read_kept(confirmation, publication) : -ENOMEM;

	if (!err)
		err = publisher_publish(confirmation->publisher, publication, message);
	if (err) {
		spw_log(LOG_ALERT,
			"ruleset %llu was not confirmed and cannot be rolled back (%s); trying again in 10 s",
			(unsigned long long)refused, *message ? message : strerror(-err));
		publisher_await(confirmation->publisher, spw_monotonic_ns() + AGAIN_NS);
	} else {
		spw_log(LOG_ALERT, "ruleset %llu was not confirmed: rolled back, ruleset %llu is in force",
			(unsigned long long)refused, (unsigned long long)confirmation->found->record.generation);
	}
	publication_free(publication);
}

struct publication *confirmation_find(struct confirmation *confirmation)
{
	struct publication *publication = publication_new();
	int err = publication ? read_kept(confirmation, publication) : -ENOMEM;

	if (!err) {
		spw_log(LOG_ALERT,
			"the last 'apply --confirm' was not confirmed: rolled back, ruleset %llu is in force until "
			"the next 'apply'",
			(unsigned long long)confirmation->found->record.generation);
		return publication;
	}
	publication_free(publication);
	if (err != -ENOENT)
		spw_log(LOG_ERR,
			"cannot restore the ruleset kept by 'apply --confirm' (%s); using the configuration file",
			strerror(-err));
	spw_unconfirmed_forget(confirmation->in_force->pins);
	return NULL;
}
