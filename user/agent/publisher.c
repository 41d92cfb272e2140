/* SPDX-License-Identifier: GPL-2.0-only */
#include "publisher.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#include "attachment.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "kernel/agent_record.h"
#include "kernel/unconfirmed.h"

struct publisher {
	struct in_force in_force;
	struct spw_config config;
	struct spw_registry registry;
	struct spw_identities identities;
	struct spw_datapath datapath;
	struct spw_pins pins;
	int pins_lock; /* two run directories must not share a pin_dir */
	struct attachment attachment;
	struct spw_agent_record record;
	on_in_force *on_in_force;
	void *context;
};

/* ---- publications ---- */

struct publication *publication_new(void)
{
	struct publication *publication = calloc(1, sizeof(*publication));

	if (publication)
		publication->report = (struct spw_compile_report){.ruleset_map = -1, .rows_file = -1, .last_good = -1};
	return publication;
}

void publication_free(struct publication *publication)
{
	if (!publication)
		return;
	spw_config_free(&publication->config);
	spw_compile_report_free(&publication->report);
	free(publication);
}

/* ---- open and close ---- */

static int open_pins(struct publisher *publisher, const char *pin_dir, char *message)
{
	struct spw_pins *pins = &publisher->pins;
	int err = spw_pins_open(pin_dir, true, true, pins, message);

	if (err)
		return err;
	publisher->pins_lock = open(pins->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (publisher->pins_lock < 0 || flock(publisher->pins_lock, LOCK_EX | LOCK_NB))
		return spw_message(message, -EBUSY, "another agent uses the pins in %s; give this one its own pin_dir",
				   pin_dir);
	err = spw_registry_read(pins, &publisher->registry);
	if (!err)
		err = spw_agent_record_read(pins, &publisher->record);
	return err ? spw_message(message, err, "cannot read the pinned state in %s: %s", pins->dir, strerror(-err)) : 0;
}

int publisher_new(const char *pin_dir, struct journal *journal, on_in_force *on_in_force, void *context,
		  struct publisher **result, char message[SPW_MESSAGE_MAX])
{
	struct publisher *publisher = calloc(1, sizeof(*publisher));
	int err;

	if (!publisher)
		return spw_message(message, -ENOMEM, "out of memory");
	publisher->in_force = (struct in_force){
		.pins = &publisher->pins,
		.datapath = &publisher->datapath,
		.registry = &publisher->registry,
		.identities = &publisher->identities,
		.rows_file = -1,
	};
	publisher->attachment = (struct attachment){.in_force = &publisher->in_force, .journal = journal};
	publisher->on_in_force = on_in_force;
	publisher->context = context;
	publisher->pins_lock = -1;
	memset(publisher->pins.fds, -1, sizeof(publisher->pins.fds));
	err = open_pins(publisher, pin_dir, message);
	if (err) {
		publisher_abandon(publisher);
		publisher_free(publisher);
		return err;
	}
	publisher->record.layout = SPW_LAYOUT;
	publisher->record.pid = (u32)getpid();
	publisher->record.started_ns = spw_monotonic_ns();
	snprintf(publisher->record.version, sizeof(publisher->record.version), "%s", SPW_VERSION);
	*result = publisher;
	return 0;
}

void publisher_free(struct publisher *publisher)
{
	if (!publisher)
		return;
	attachment_close(&publisher->attachment);
	spw_datapath_free(&publisher->datapath);
	spw_pins_close(&publisher->pins);
	spw_config_free(&publisher->config);
	spw_close_fd(&publisher->in_force.rows_file);
	spw_close_fd(&publisher->pins_lock);
	free(publisher);
}

const struct in_force *publisher_in_force(const struct publisher *publisher)
{
	return &publisher->in_force;
}

/* ---- the record ---- */

const struct spw_agent_record *publisher_record(const struct publisher *publisher)
{
	return &publisher->record;
}

static void write_record(struct publisher *publisher)
{
	int err;

	attachment_describe(&publisher->attachment, publisher->record.interfaces);
	err = spw_agent_record_write(&publisher->pins, &publisher->record);
	if (err)
		spw_log(LOG_ERR, "cannot write %s/agent_registry: %s", publisher->pins.dir, strerror(-err));
}

void publisher_refused(struct publisher *publisher)
{
	publisher->record.reloads_failed++;
	write_record(publisher);
}

void publisher_await(struct publisher *publisher, u64 until_ns)
{
	publisher->record.unconfirmed_until_ns = until_ns;
	write_record(publisher);
}

void publisher_abandon(struct publisher *publisher)
{
	if (!publisher)
		return;
	attachment_abandon(&publisher->attachment);
	spw_pins_undo(&publisher->pins);
}

void publisher_stop(struct publisher *publisher)
{
	if (!publisher || !publisher->in_force.config)
		return;
	publisher->record.pid = 0;
	write_record(publisher);
	if (publisher->attachment.count)
		spw_log(LOG_INFO,
			"stopped: the program stays attached and passes everything; 'spillway run' takes over, "
			"'spillway detach' removes it");
}

static void note_new(struct spw_agent_record *record, const struct spw_config *config,
		     const struct spw_compile_result *result)
{
	snprintf(record->config, sizeof(record->config), "%s", config->path);
	record->generation++;
	record->ruleset_prefixes4 = (u32)result->prefixes4;
	record->ruleset_prefixes6 = result->prefixes6;
	record->ruleset_bytes = result->bytes;
	record->compile_ns = result->compile_ns;
	spw_log(LOG_NOTICE,
		"ruleset %llu published: %llu IPv4 and %llu IPv6 prefixes, %llu MiB; read in %llu ms, compiled in "
		"%llu ms, published in %llu ms",
		(unsigned long long)record->generation, (unsigned long long)result->prefixes4,
		(unsigned long long)result->prefixes6, (unsigned long long)result->bytes >> 20,
		(unsigned long long)result->read_ns / 1000000, (unsigned long long)result->compile_ns / 1000000,
		(unsigned long long)record->publish_ns / 1000000);
}

/* Fields that describe the ruleset are restored; those that count or describe this run stay. */
static void note_taken_back(struct spw_agent_record *record, const struct spw_agent_record *kept)
{
	memcpy(record->config, kept->config, sizeof(record->config));
	record->generation = kept->generation;
	record->ruleset_prefixes4 = kept->ruleset_prefixes4;
	record->ruleset_prefixes6 = kept->ruleset_prefixes6;
	record->ruleset_kept_s = kept->ruleset_kept_s;
	record->ruleset_bytes = kept->ruleset_bytes;
	record->compile_ns = kept->compile_ns;
	record->publish_ns = kept->publish_ns;
}

/* @publish_ns: how long the publication took. */
static void note_publication(struct publisher *publisher, const struct publication *publication, u64 publish_ns)
{
	struct spw_agent_record *record = &publisher->record;
	u64 now_ns = spw_monotonic_ns();

	record->published_ns = now_ns;
	if (publication->taken_back) {
		note_taken_back(record, &publication->taken_back->record);
		record->unconfirmed_until_ns = SPW_TAKEN_BACK;
	} else {
		record->publish_ns = publication->report.result.fill_ns + publish_ns;
		record->unconfirmed_until_ns = publication->confirm_ns ? now_ns + publication->confirm_ns : 0;
		record->ruleset_kept_s = (u32)publication->kept_s;
		note_new(record, &publisher->config, &publication->report.result);
	}
	write_record(publisher);
}

/* ---- publishing ---- */

/* `list show` and the metrics find the counts of a list in the registry. */
static void note_prefixes(struct publication *publication)
{
	const struct spw_compile_result *result = &publication->report.result;

	for (size_t i = 0; i < publication->config.lists_count && !publication->taken_back; i++) {
		struct spw_list_record *list = &publication->registry.lists[publication->identities.lists[i]];

		list->prefixes4 = (u32)result->list_prefixes[i][0];
		list->prefixes6 = (u32)result->list_prefixes[i][1];
		list->skipped = result->list_skipped[i];
		list->kept_s = (u32)result->list_kept_s[i];
	}
}

static int write_registry(struct publisher *publisher, const struct spw_registry *registry, char *message)
{
	int err = spw_registry_write(&publisher->pins, registry);

	return err ? spw_message(message, err, "cannot write the registries: %s", strerror(-err)) : 0;
}

/* Takes ownership of the content of @publication. Returns as on_in_force. */
static const char *adopt(struct publisher *publisher, struct publication *publication)
{
	spw_config_free(&publisher->config);
	publisher->config = publication->config;
	publication->config = (struct spw_config){0};
	publisher->registry = publication->registry;
	publisher->identities = publication->identities;
	publisher->in_force.config = &publisher->config;
	spw_close_fd(&publisher->in_force.rows_file);
	publisher->in_force.rows_file = TAKE_FD(publication->report.rows_file);
	return publisher->on_in_force(publisher->context, &publisher->in_force);
}

int publisher_start(struct publisher *publisher, struct publication *publication, char message[SPW_MESSAGE_MAX])
{
	const struct spw_compile_report *report = &publication->report;
	u64 begin = spw_monotonic_ns();
	int err = spw_datapath_load(&publisher->pins, report->ruleset_map, report->result.units_capacity, false,
				    &publisher->datapath, message);

	if (err)
		return err;
	spw_log(LOG_INFO, "program loaded in %llu ms", (unsigned long long)(spw_monotonic_ns() - begin) / 1000000);
	begin = spw_monotonic_ns();
	note_prefixes(publication);
	err = write_registry(publisher, &publication->registry, message);
	if (err)
		return err;
	adopt(publisher, publication);
	err = attachment_cover(&publisher->attachment, &publisher->config, message);
	if (!err)
		note_publication(publisher, publication, spw_monotonic_ns() - begin);
	return err;
}

void publisher_settle(struct publisher *publisher)
{
	write_record(publisher);
	attachment_detach_others(&publisher->attachment);
}

/* A ruleset that outgrew the loaded program needs a larger one, which replaces it in the links without a gap. */
static int outgrow(struct publisher *publisher, const struct spw_compile_report *report, char *message)
{
	struct spw_datapath larger, former = publisher->datapath;
	int err = spw_datapath_load(&publisher->pins, report->ruleset_map, report->result.units_capacity, false,
				    &larger, message);

	if (err)
		return err;
	err = attachment_replace(&publisher->attachment, larger.program_fd, former.program_fd, message);
	if (err) {
		spw_datapath_free(&larger);
		return err;
	}
	publisher->datapath = larger;
	spw_log(LOG_INFO, "the table has room for %u MiB now, was %u MiB", larger.units_capacity >> 14,
		former.units_capacity >> 14);
	spw_datapath_free(&former);
	return 0;
}

static int replace_ruleset(struct publisher *publisher, const struct publication *publication, char *message)
{
	const struct spw_compile_report *report = &publication->report;
	int err = write_registry(publisher, &publication->registry, message);

	if (err)
		return err;
	if (report->result.units_capacity != publisher->datapath.units_capacity) {
		err = outgrow(publisher, report, message);
	} else {
		err = spw_datapath_publish(&publisher->datapath, report->ruleset_map);
		if (err)
			spw_message(message, err, "cannot publish the ruleset: %s", strerror(-err));
	}
	if (err)
		spw_registry_write(&publisher->pins, &publisher->registry);
	return err;
}

/* Detach from interfaces that only the refused configuration named. */
static void restore_links(struct publisher *publisher)
{
	char message[SPW_MESSAGE_MAX];

	if (!attachment_cover(&publisher->attachment, &publisher->config, message))
		attachment_detach_others(&publisher->attachment);
}

int publisher_publish(struct publisher *publisher, struct publication *publication, char message[SPW_MESSAGE_MAX])
{
	const char *warning;
	u64 begin, took_ns;
	int err;

	/* New interfaces first, with the former ruleset: if one fails, nothing has changed. */
	err = attachment_cover(&publisher->attachment, &publication->config, message);
	if (err)
		return err;
	begin = spw_monotonic_ns();
	note_prefixes(publication);
	err = replace_ruleset(publisher, publication, message);
	if (err) {
		restore_links(publisher);
		return err;
	}
	took_ns = spw_monotonic_ns() - begin;
	warning = adopt(publisher, publication);
	snprintf(message, SPW_MESSAGE_MAX, "%s", warning ? warning : "");
	attachment_detach_others(&publisher->attachment);
	if (!publication->taken_back)
		publisher->record.reloads_done++;
	note_publication(publisher, publication, took_ns);
	return 0;
}

int publisher_set_capacity(struct publisher *publisher, u32 service, u64 per_s)
{
	struct spw_service_record *record = &publisher->registry.services[service];
	u64 former = record->operator_capacity_per_s;
	int err;

	record->operator_capacity_per_s = per_s;
	err = spw_registry_write(&publisher->pins, &publisher->registry);
	if (err)
		record->operator_capacity_per_s = former;
	return err;
}

void publisher_watch(struct publisher *publisher, u64 now_ns)
{
	if (attachment_watch(&publisher->attachment, now_ns))
		write_record(publisher);
}

bool publisher_is_attached(const struct publisher *publisher)
{
	return attachment_is_whole(&publisher->attachment);
}
