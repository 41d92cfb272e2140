/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Arbitrary bytes as a segment of the history, and as blocks of one: these get magic and checksum from the harness, so
 * that the code behind them is reached. Format of the latter: 'b', then per block a byte for its kind, two for its
 * length, its bytes. What is read must be valid for a run, and can be decided again (`replay`).
 */
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"
#include "user/base/text.h"
#include "user/store/history_format.h"
#include "user/store/history_reader.h"

#define DECIDED_MAX 4 /* ticks per input that are decided again; more would only take longer */

static char path[] = "/tmp/spillway-fuzz-XXXXXX";
static int segment = -1;

static void remove_segment(void)
{
	unlink(path);
}

static void open_segment(void)
{
	if (segment < 0) {
		segment = mkstemp(path);
		require(segment >= 0 && !atexit(remove_segment));
	}
	require(!ftruncate(segment, 0) && !lseek(segment, 0, SEEK_SET));
}

static void write_blocks(const u8 *data, size_t size)
{
	const struct spw_history_file head = {.magic = SPW_HISTORY_MAGIC, .version = SPW_HISTORY_VERSION};

	require(write(segment, &head, sizeof(head)) == sizeof(head));
	while (size > 3) {
		size_t bytes = data[1] | (size_t)data[2] << 8;

		if (bytes > size - 3)
			bytes = size - 3;
		require(!spw_history_write_block(segment, data[0], data + 3, bytes));
		data += 3 + bytes;
		size -= 3 + bytes;
	}
}

static void check_name(const char *name)
{
	require(strlen(name) < SPW_NAME_MAX && spw_text_printable(name));
}

static void check_policy(const struct spw_named_policy *policy)
{
	require(policy->policy.classes_count <= SPW_CLASSES_MAX && policy->policy.services_count <= SPW_SERVICES_MAX);
	for (u32 i = 0; i < policy->policy.classes_count; i++) {
		const struct spw_class_policy *class = &policy->policy.classes[i];

		check_name(policy->classes[i]);
		require(class->id < SPW_CLASSES_MAX);
		require(class->shed_from <= SPW_RED || class->shed_from == SPW_LEVEL_NEVER);
		require(class->cut_from <= SPW_RED || class->cut_from == SPW_LEVEL_NEVER);
	}
	for (u32 i = 0; i < policy->policy.services_count; i++) {
		check_name(policy->services[i]);
		require(policy->policy.services[i].id <= SPW_SERVICES_MAX);
	}
}

static void check_decision(const struct spw_decision *decision, const struct spw_policy *policy)
{
	require(decision->level <= SPW_RED && decision->former <= SPW_RED);
	require(decision->service < SPW_SERVICES_MAX);
	require(decision->pinned <= SPW_RED || decision->pinned == SPW_LEVEL_NEVER);
	require(decision->classes_count == policy->classes_count);
	require(decision->services_count == policy->services_count);
	for (u32 i = 0; i < decision->services_count; i++) {
		const struct spw_service_decision *service = &decision->services[i];

		require(service->level <= SPW_RED && service->origin <= SPW_CAPACITY_RESTORED);
		require(service->wait_source <= SPW_WAIT_ANSWER);
		require(isfinite(service->budget_per_s) && service->budget_per_s >= 0);
		require(isfinite(service->capacity_per_s) && service->capacity_per_s >= 0);
	}
}

static void read_all(void)
{
	static struct spw_decision again;
	struct spw_history_reader *reader;
	struct spw_history_tick tick;
	struct spw_memory *memory;
	char message[SPW_MESSAGE_MAX] = "";
	u32 decided = 0;
	int more;

	if (spw_history_read(path, &reader, message)) {
		require(*message);
		return;
	}
	memory = spw_memory_new();
	while ((more = spw_history_next(reader, &tick)) == 1) {
		check_policy(tick.policy);
		check_decision(&tick.record->decision, &tick.policy->policy);
		require(tick.record->override.pinned <= SPW_RED || tick.record->override.pinned == SPW_LEVEL_NEVER);
		if (decided++ >= DECIDED_MAX)
			continue;
		if (tick.begins)
			spw_memory_forget_rates(memory);
		spw_decide(memory, &tick.policy->policy, &tick.record->override, &tick.record->facts, &again);
		check_decision(&again, &tick.policy->policy);
	}
	require(!more);
	require(strlen(spw_history_damage(reader)) < 2048);
	spw_memory_free(memory);
	spw_history_read_end(reader);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	open_segment();
	if (size && *data == 'b')
		write_blocks(data + 1, size - 1);
	else
		require(write(segment, data, size) == (ssize_t)size);
	read_all();
	return 0;
}
