/* SPDX-License-Identifier: GPL-2.0-only */
/* Per-CPU values are summed over possible CPUs, not those online: hotplug loses no counts. */
#include "snapshot_reader.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "core/words.h"

/* Sum @words 64-bit words per value over @cpus, for @count values. */
static void add_up(const u64 *per_cpu, size_t count, size_t words, int cpus, u64 *sums)
{
	for (size_t i = 0; i < count; i++) {
		memset(&sums[i * words], 0, words * sizeof(u64));
		for (int cpu = 0; cpu < cpus; cpu++)
			for (size_t word = 0; word < words; word++)
				sums[i * words + word] += per_cpu[(i * (size_t)cpus + (size_t)cpu) * words + word];
	}
}

/* Sums of @count values from index @first on; each value is a structure of @bytes made of 64-bit counters. */
static int read_counters_from(int fd, u32 first, size_t count, size_t bytes, void *sums)
{
	int cpus = libbpf_num_possible_cpus();
	size_t words = bytes / sizeof(u64);
	_cleanup_free_ u64 *values = NULL;
	_cleanup_free_ u32 *keys = NULL;
	u32 got = (u32)count, before = first - 1, position;

	if (cpus < 0)
		return cpus;
	values = calloc(count * (size_t)cpus, bytes);
	keys = calloc(count, sizeof(*keys));
	if (!values || !keys)
		return -ENOMEM;
	if (bpf_map_lookup_batch(fd, first ? &before : NULL, &position, keys, values, &got, NULL) && errno != ENOENT) {
		/* This kernel cannot read the map type in batches: one by one. */
		for (u32 i = 0; i < count; i++) {
			u32 key = first + i;

			if (bpf_map_lookup_elem(fd, &key, &values[i * (size_t)cpus * words]))
				return -errno;
		}
	}
	add_up(values, count, words, cpus, sums);
	return 0;
}

static int read_counters(int fd, size_t count, size_t bytes, void *sums)
{
	return read_counters_from(fd, 0, count, bytes, sums);
}

static int read_array(int fd, size_t count, size_t bytes, void *values)
{
	_cleanup_free_ u32 *keys = calloc(count, sizeof(*keys));
	u32 got = (u32)count, position;

	if (!keys)
		return -ENOMEM;
	if (!bpf_map_lookup_batch(fd, NULL, &position, keys, values, &got, NULL) || errno == ENOENT)
		return 0;
	for (u32 i = 0; i < count; i++)
		if (bpf_map_lookup_elem(fd, &i, (char *)values + i * bytes))
			return -errno;
	return 0;
}

static void add_reasons(const struct spw_list_tally *tally, struct spw_sum *reasons)
{
	for (u32 reason = 0; reason < SPW_REASONS; reason++) {
		u32 named = reason == SPW_REASON_MALFORMED_DROP ? SPW_REASON_MALFORMED : reason;
		enum spw_verdict verdict = spw_reason_verdict(reason);

		reasons[named].packets[verdict] += tally->by_reason[reason].packets;
		reasons[named].bytes[verdict] += tally->by_reason[reason].bytes;
	}
}

/* A list's counts go to its current class. */
static void add_limited(const struct spw_list_tally *tally, u32 class_id, struct spw_snapshot *snapshot)
{
	for (u32 scope = 0; scope < SPW_SCOPES; scope++)
		for (u32 kind = 0; kind < SPW_KINDS; kind++)
			snapshot->limited[class_id % SPW_CLASSES_MAX][scope][kind] +=
				tally->by_reason[spw_limit_reason(scope, kind)].packets;
}

static struct spw_sum sum_up(const struct spw_list_tally *tally)
{
	struct spw_sum sum = {0};

	for (u32 reason = 0; reason < SPW_REASONS; reason++) {
		enum spw_verdict verdict = spw_reason_verdict(reason);

		if (!spw_reason_of_ip(reason))
			continue;
		sum.packets[verdict] += tally->by_reason[reason].packets;
		sum.bytes[verdict] += tally->by_reason[reason].bytes;
	}
	return sum;
}

static int read_lists(const struct spw_pins *pins, struct spw_snapshot *snapshot)
{
	_cleanup_free_ struct spw_list_record *records = calloc(SPW_LISTS_MAX, sizeof(*records));
	_cleanup_free_ struct spw_list_tally *tallies = calloc(SPW_LISTS_MAX, sizeof(*tallies));
	_cleanup_free_ struct spw_ban_totals *entries = calloc(SPW_LISTS_MAX, sizeof(*entries));
	int err;

	snapshot->lists = calloc(SPW_LISTS_MAX, sizeof(*snapshot->lists));
	if (!records || !tallies || !entries || !snapshot->lists)
		return -ENOMEM;
	err = read_array(pins->fds[SPW_PIN_LIST_REGISTRY], SPW_LISTS_MAX, sizeof(*records), records);
	if (!err)
		err = read_counters(pins->fds[SPW_PIN_LIST_COUNTERS], SPW_LISTS_MAX, sizeof(*tallies), tallies);
	if (!err)
		err = read_array(pins->fds[SPW_PIN_BAN_TOTALS], SPW_LISTS_MAX, sizeof(*entries), entries);
	for (u32 i = 0; i < SPW_LISTS_MAX && !err; i++) {
		add_reasons(&tallies[i], snapshot->reasons);
		records[i].name[SPW_NAME_MAX - 1] = '\0';
		if (records[i].state == SPW_RECORD_FREE)
			continue;
		add_limited(&tallies[i], records[i].class_id, snapshot);
		snapshot->lists[snapshot->lists_count++] = (struct spw_list_snapshot){
			.id = (u16)i, .record = records[i], .counter = sum_up(&tallies[i]), .entries = entries[i]};
	}
	return err;
}

static int compare_classes(const void *left_item, const void *right_item)
{
	const struct spw_class_snapshot *left = left_item, *right = right_item;

	if (left->record.state != right->record.state)
		return left->record.state < right->record.state ? -1 : 1;
	return left->record.rank < right->record.rank ? -1 : left->record.rank > right->record.rank;
}

static int read_classes(const struct spw_pins *pins, struct spw_snapshot *snapshot)
{
	struct spw_class_record records[SPW_CLASSES_MAX];
	struct spw_class_counter counters[SPW_CLASSES_MAX];
	int err = read_array(pins->fds[SPW_PIN_CLASS_REGISTRY], SPW_CLASSES_MAX, sizeof(*records), records);

	if (!err)
		err = read_counters(pins->fds[SPW_PIN_CLASS_COUNTERS], SPW_CLASSES_MAX, sizeof(*counters), counters);
	for (u32 i = 0; i < SPW_CLASSES_MAX && !err; i++) {
		records[i].name[SPW_NAME_MAX - 1] = '\0';
		if (records[i].state == SPW_RECORD_FREE)
			continue;
		snapshot->classes[snapshot->classes_count++] =
			(struct spw_class_snapshot){.id = (u8)i, .record = records[i], .counter = counters[i]};
	}
	qsort(snapshot->classes, snapshot->classes_count, sizeof(*snapshot->classes), compare_classes);
	return err;
}

static void add_work(const struct spw_work_counter *from, u64 *new_work)
{
	for (u32 verdict = 0; verdict < SPW_VERDICTS; verdict++)
		new_work[verdict] += from->fresh[verdict] + from->resent[verdict];
	new_work[SPW_DROP] += from->limited;
}

/* After read_classes(): sums the new work of classes over services. */
static int read_services(const struct spw_pins *pins, struct spw_snapshot *snapshot)
{
	struct spw_service_record records[SPW_SERVICE_IDENTITIES];
	_cleanup_free_ struct spw_work_counter *work = calloc(SPW_WORK_COUNTERS, sizeof(*work));
	_cleanup_free_ struct spw_light_counter *light = calloc(SPW_WORK_COUNTERS, sizeof(*light));
	int err;

	snapshot->services = calloc(SPW_SERVICE_IDENTITIES, sizeof(*snapshot->services));
	if (!work || !light || !snapshot->services)
		return -ENOMEM;
	err = read_array(pins->fds[SPW_PIN_SERVICE_REGISTRY], SPW_SERVICE_IDENTITIES, sizeof(*records), records);
	if (!err)
		err = read_counters(pins->fds[SPW_PIN_WORK_COUNTERS], SPW_WORK_COUNTERS, sizeof(*work), work);
	if (!err)
		err = read_counters(pins->fds[SPW_PIN_LIGHT_COUNTERS], SPW_WORK_COUNTERS, sizeof(*light), light);
	for (u32 i = 0; i < SPW_SERVICE_IDENTITIES && !err; i++) {
		struct spw_service_snapshot *service = &snapshot->services[snapshot->services_count];

		for (size_t j = 0; j < snapshot->classes_count; j++)
			add_work(&work[spw_work_index(i, snapshot->classes[j].id)], snapshot->classes[j].new_work);
		records[i].name[SPW_NAME_MAX - 1] = '\0';
		if (records[i].state == SPW_RECORD_FREE)
			continue;
		*service = (struct spw_service_snapshot){.id = (u8)i, .record = records[i]};
		memcpy(service->classes, &work[spw_work_index(i, 0)], sizeof(service->classes));
		memcpy(service->light, &light[spw_work_index(i, 0)], sizeof(service->light));
		snapshot->services_count++;
	}
	return err;
}

int spw_read_work(const struct spw_pins *pins, u32 service, u32 classes,
		  struct spw_work_counter counters[SPW_CLASSES_MAX])
{
	memset(counters, 0, SPW_CLASSES_MAX * sizeof(*counters));
	if (service >= SPW_SERVICE_IDENTITIES || classes > SPW_CLASSES_MAX)
		return -EINVAL;
	return read_counters_from(pins->fds[SPW_PIN_WORK_COUNTERS], spw_work_index(service, 0), classes,
				  sizeof(*counters), counters);
}

int spw_read_light(const struct spw_pins *pins, u32 service, struct spw_light_counter counters[SPW_CLASSES_MAX])
{
	memset(counters, 0, SPW_CLASSES_MAX * sizeof(*counters));
	if (service >= SPW_SERVICE_IDENTITIES)
		return -EINVAL;
	return read_counters_from(pins->fds[SPW_PIN_LIGHT_COUNTERS], spw_work_index(service, 0), SPW_CLASSES_MAX,
				  sizeof(*counters), counters);
}

int spw_read_sampling(const struct spw_pins *pins, struct spw_sampling *sampling)
{
	return read_counters(pins->fds[SPW_PIN_SAMPLING], 1, sizeof(*sampling), sampling);
}

int spw_snapshot_read(const struct spw_pins *pins, struct spw_snapshot *snapshot)
{
	const u32 key = 0;
	int err;

	*snapshot = (struct spw_snapshot){.now_ns = spw_monotonic_ns(), .wall_s = spw_wall_ns() / 1000000000};
	if (bpf_map_lookup_elem(pins->fds[SPW_PIN_CONTROL], &key, &snapshot->control) ||
	    bpf_map_lookup_elem(pins->fds[SPW_PIN_AGENT_REGISTRY], &key, &snapshot->agent))
		return -errno;
	snapshot->agent.version[sizeof(snapshot->agent.version) - 1] = '\0';
	snapshot->agent.config[sizeof(snapshot->agent.config) - 1] = '\0';
	/* A pid may have been reused, and a lease outlives a crash: check both. */
	snapshot->agent_alive = snapshot->agent.pid && (!kill((pid_t)snapshot->agent.pid, 0) || errno == EPERM) &&
				snapshot->control.lease_until_ns > snapshot->now_ns;
	err = read_lists(pins, snapshot);
	if (!err)
		err = read_classes(pins, snapshot);
	if (!err)
		err = read_services(pins, snapshot);
	if (!err)
		err = read_counters(pins->fds[SPW_PIN_ANOMALY_COUNTERS], SPW_ANOMALIES_MAX,
				    sizeof(struct spw_anomaly_counter), snapshot->anomalies);
	if (!err)
		err = spw_read_sampling(pins, &snapshot->sampling);
	if (err)
		spw_snapshot_free(snapshot);
	return err;
}
