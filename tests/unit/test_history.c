/* SPDX-License-Identifier: GPL-2.0-only */
/* History and learned values on disk: round trips, bounds, torn and damaged files, a full disk (faults 22, 31, 41). */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "user/store/history.h"
#include "user/store/history_format.h"
#include "user/store/history_reader.h"
#include "user/store/learned.h"
#include "user/store/thinning.h"

#define S    1000000000ull
#define TICK (S / 10)

static char folder[] = "/tmp/spw-history-XXXXXX";
static char message[SPW_MESSAGE_MAX];

/* ---- generating a run ---- */

static u64 seed = 12345;

static u64 draw(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	return seed ^= seed << 17;
}

static void make_policy(struct spw_named_policy *policy)
{
	static const char *const classes[] = {"partner", "domestic", "international", "unknown"};

	memset(policy, 0, sizeof(*policy));
	spw_shedding_defaults(&policy->policy.shedding);
	policy->policy.classes_count = 4;
	for (u32 i = 0; i < 4; i++) {
		snprintf(policy->classes[i], SPW_NAME_MAX, "%s", classes[i]);
		policy->policy.classes[i] = (struct spw_class_policy){(u8)i, i ? (u8)(4 - i) : SPW_LEVEL_NEVER,
								      SPW_LEVEL_NEVER, spw_default_reserve(i, 4)};
	}
	policy->policy.services_count = 1;
	snprintf(policy->services[0], SPW_NAME_MAX, "shop");
	policy->policy.services[0] =
		(struct spw_service_policy){.id = 1, .capacity_per_s = 950, .wait_target_ns = 20000000};
}

/* One tick of a shop with @load new connections a second. */
static void advance(struct spw_facts *facts, double load)
{
	struct spw_service_facts *service = &facts->services[0];

	facts->now_ns += TICK + draw() % 1000;
	facts->services_count = 1;
	facts->host[SPW_SIGNAL_CPU] = (struct spw_reading){load / 1000 * (double)(draw() % 1000) / 1000, true};
	facts->host[SPW_SIGNAL_SOFTNET_DROPS] = (struct spw_reading){0, true};
	service->waits_present = true;
	for (u32 rank = 0; rank < 4; rank++)
		service->fresh[rank][SPW_PASS] += (u64)(load / 40) + draw() % 2;
	for (u32 i = 0; i < (u32)(load / 10); i++)
		service->waits[20 + draw() % 8]++;
	service->first_reads += (u64)(load / 10);
	service->oldest_unread_ns = draw() % 1000000;
}

/* @records: copies for a comparison; NULL: none */
static void run_ticks(struct spw_history *history, const struct spw_named_policy *policy, u32 count, double load,
		      struct spw_memory *memory, struct spw_facts *facts, struct spw_record *records)
{
	static const struct spw_override override = {SPW_LEVEL_NEVER, SPW_GREEN, SPW_RED};
	static struct spw_decision decision;

	for (u32 i = 0; i < count; i++) {
		advance(facts, load);
		spw_decide(memory, &policy->policy, &override, facts, &decision);
		spw_history_tick(history, &override, facts, &decision);
		if (records)
			records[i] = (struct spw_record){override, *facts, decision};
	}
}

static int make_folder(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/spw-history-XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	DIR *open_folder = opendir(folder);
	struct dirent *entry;
	char path[600];

	(void)state;
	while (open_folder && (entry = readdir(open_folder))) {
		snprintf(path, sizeof(path), "%s/%.255s", folder, entry->d_name);
		unlink(path);
	}
	if (open_folder)
		closedir(open_folder);
	return rmdir(folder);
}

static const char *segment(u32 number, char path[SPW_SEGMENT_PATH_MAX])
{
	return spw_history_path(folder, number, path);
}

static off_t size_of(const char *path)
{
	struct stat status;

	return stat(path, &status) ? -1 : status.st_size;
}

/* ---- history ---- */

/* Parse the policy block of @policy with @from replaced by @to. NULL: unchanged. Returns the parser's result. */
static int reread(const struct spw_history_policy *policy, const char *from, const char *to,
		  struct spw_history_policy *read)
{
	json_t *json = spw_history_policy_json(policy);
	char *text = json_dumps(json, JSON_COMPACT), *changed = NULL, *at = NULL;
	int err;

	assert_non_null(text);
	if (from) {
		at = strstr(text, from);
		assert_non_null(at);
		*at = '\0';
	}
	assert_true(asprintf(&changed, "%s%s%s", text, from ? to : "", from ? at + strlen(from) : "") > 0);
	err = spw_history_policy_parse(changed, strlen(changed), read);
	free(changed);
	free(text);
	json_decref(json);
	return err;
}

/* Numbers of a policy are used as indices, and its names are shown. */
static void a_policy_comes_back_or_is_refused(void **state)
{
	static const struct {
		const char *from, *to;
	} wrong[] = {
		{"\"id\":3", "\"id\":255"},
		{"\"id\":3", "\"id\":32"},
		{"\"id\":3", "\"id\":-1"},
		{"\"shop\",\"id\":1", "\"shop\",\"id\":255"},
		{"\"shed_from\":3", "\"shed_from\":4"},
		{"\"cut_from\":255", "\"cut_from\":254"},
		{"\"reserve\":0.0", "\"reserve\":1.5"},
		{"\"shop\"", "\"sh\\u001b[2Jop\""},
		{"\"shop\"", "\"a name of more than sixty-three bytes, which nobody could have given to it\""},
		{"\"name\":\"shop\",", ""},
		{"\"hold_ns\":5000000000", "\"hold_ns\":-1"},
	};
	static struct spw_history_policy policy, read;

	(void)state;
	make_policy(&policy.policy);
	snprintf(policy.config, sizeof(policy.config), "/etc/caf\xc3\xa9.yaml");
	assert_int_equal(reread(&policy, NULL, NULL, &read), 0);
	assert_memory_equal(&read, &policy, sizeof(read));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		if (!reread(&policy, wrong[i].from, wrong[i].to, &read))
			fail_msg("%s was taken", wrong[i].to);
	/* A path may have any bytes, JSON may not: it is left out, and the rest is kept. */
	snprintf(policy.config, sizeof(policy.config), "/etc/caf\xe9.yaml");
	assert_int_equal(reread(&policy, NULL, NULL, &read), 0);
	assert_string_equal(read.config, "");
	assert_string_equal(read.policy.services[0], "shop");
}

/* Written by 9ecb0f2, before answer waits. */
static void former_records_are_read(void **state)
{
	static const u8 bytes[] = {0x03, 0x80, 0xc8, 0xaf, 0xa0, 0x25, 0x0e, 0x9a, 0x01, 0x05, 0x01, 0x09, 0x18, 0x56,
				   0x16, 0x01, 0x01, 0x00, 0x06, 0x01, 0x01, 0x00, 0xbf, 0xa0, 0x03, 0x00, 0x80, 0xc8,
				   0xaf, 0xa0, 0x25, 0x00, 0x04, 0x17, 0x02, 0x03, 0xa0, 0xff, 0x5d, 0x15};
	static struct spw_record read;
	const struct spw_service_facts *facts = &read.facts.services[0];

	(void)state;
	assert_int_equal(spw_record_get(&read, 1, 1, 1, bytes, sizeof(bytes)), sizeof(bytes));
	assert_int_equal(read.facts.now_ns, 5000000000ull);
	assert_int_equal(facts->fresh[0][SPW_PASS], 77);
	assert_true(facts->waits_present && facts->queue_present && facts->probe.present);
	assert_int_equal(facts->waits[9], 12);
	assert_int_equal(facts->first_reads, 11);
	assert_int_equal(facts->queue, 3);
	assert_true(facts->probe.value == 0.25);
	assert_false(facts->answers_present);
	assert_int_equal(read.decision.level, SPW_ORANGE);
	assert_int_equal(read.decision.services[0].wait_source, SPW_WAIT_READ);
	assert_true(read.decision.services[0].demand_per_s == 770);
	/* Not valid in the current version. */
	memset(&read, 0, sizeof(read));
	assert_int_equal(spw_record_get(&read, SPW_RECORD_VERSION, 1, 1, bytes, sizeof(bytes)), 0);
	memset(&read, 0, sizeof(read));
	assert_int_equal(spw_record_get(&read, SPW_RECORD_VERSION + 1, 1, 1, bytes, sizeof(bytes)), 0);
}

/* A valid checksum does not make a record valid. */
static void impossible_records_are_refused(void **state)
{
	static struct spw_record zero, record, read;
	static u8 bytes[4096];
	size_t used;

	(void)state;
	for (u32 i = 0; i < 8; i++) {
		u8 *fields[] = {&record.decision.level,
				&record.decision.former,
				&record.decision.service,
				&record.override.least,
				&record.decision.services[0].level,
				&record.override.pinned,
				&record.decision.pinned};

		record = zero;
		record.override.pinned = record.decision.pinned = SPW_LEVEL_NEVER;
		if (i < 7)
			*fields[i] = i < 5 ? SPW_LEVEL_NEVER : SPW_RED + 1;
		used = spw_record_put(&record, &zero, 1, 1, bytes, sizeof(bytes));
		assert_true(used > 0);
		read = zero;
		assert_int_equal(spw_record_get(&read, SPW_RECORD_VERSION, 1, 1, bytes, used), i < 7 ? 0 : used);
	}
	assert_int_equal(read.override.pinned, SPW_LEVEL_NEVER);
}

static void assert_facts_same(const struct spw_record *read, const struct spw_record *written)
{
	assert_memory_equal(&read->override, &written->override, sizeof(read->override));
	assert_int_equal(read->facts.now_ns, written->facts.now_ns);
	for (u32 i = 0; i < SPW_HOST_SIGNALS; i++) {
		assert_int_equal(read->facts.host[i].present, written->facts.host[i].present);
		assert_memory_equal(&read->facts.host[i].value, &written->facts.host[i].value, sizeof(double));
	}
	assert_memory_equal(read->facts.services[0].fresh, written->facts.services[0].fresh,
			    sizeof(read->facts.services[0].fresh));
	assert_memory_equal(read->facts.services[0].waits, written->facts.services[0].waits,
			    sizeof(read->facts.services[0].waits));
	assert_int_equal(read->facts.services[0].oldest_unread_ns, written->facts.services[0].oldest_unread_ns);
}

static void facts_come_back_exactly(void **state)
{
	struct spw_named_policy policy;
	const struct spw_learned learned = {901.25, 950, 120000, 1.5};
	struct spw_memory *memory = spw_memory_new();
	struct spw_facts *facts = calloc(1, sizeof(*facts));
	struct spw_history_reader *reader;
	struct spw_history_tick tick;
	struct spw_history *history;
	struct spw_record *calm = calloc(45, sizeof(*calm)), *flood = calloc(500, sizeof(*flood));
	u32 count = 0;

	(void)state;
	facts->now_ns = 1000 * S;
	make_policy(&policy);
	assert_int_equal(spw_history_open(folder, 0, &history, message), 0);
	spw_history_policy(history, &policy, &learned, "/etc/x.yaml", 1000 * S, 1700000000 * S);
	run_ticks(history, &policy, 45, 500, memory, facts, calm);
	run_ticks(history, &policy, 500, 5000, memory, facts, flood);
	assert_int_equal(flood[499].decision.level, SPW_RED);
	spw_history_close(history);

	assert_int_equal(spw_history_read(folder, &reader, message), 0);
	for (; spw_history_next(reader, &tick) == 1; count++) {
		const struct spw_record *written = count < 45 ? &calm[count] : &flood[count - 45];

		assert_facts_same(tick.record, written);
		assert_int_equal(tick.begins, count == 0);
		assert_false(tick.after_gap);
		assert_int_equal(tick.record->decision.level, written->decision.level);
		assert_int_equal(tick.record->decision.rule, written->decision.rule);
		assert_true(fabs(tick.record->decision.services[0].budget_per_s -
				 written->decision.services[0].budget_per_s) <= 0.001);
		assert_int_equal(tick.wall_ns, 1700000000 * S + written->facts.now_ns - 1000 * S);
		assert_string_equal(tick.policy->classes[2], "international");
		assert_true(tick.policy->policy.services[0].capacity_per_s == 950); /* NOLINT */
		assert_true(tick.learned[0].capacity_per_s == 901.25);
	}
	assert_int_equal(count, 545);
	assert_string_equal(spw_history_damage(reader), "");
	spw_history_read_end(reader);
	print_message("# a tick takes %.0f bytes\n",
		      (double)size_of(segment(1, (char[SPW_SEGMENT_PATH_MAX]){0})) / 545);
	free(calm);
	free(flood);
	free(facts);
	spw_memory_free(memory);
}

/* The purpose of replay: the same policy over the same facts decides the same. */
static void deciding_again_is_the_same(void **state)
{
	const struct spw_override override = {SPW_LEVEL_NEVER, SPW_GREEN, SPW_RED};
	struct spw_memory *memory = spw_memory_new(), *again = spw_memory_new();
	struct spw_facts *facts = calloc(1, sizeof(*facts));
	struct spw_decision *decision = calloc(1, sizeof(*decision));
	struct spw_named_policy policy;
	struct spw_history_reader *reader;
	struct spw_history_tick tick;
	struct spw_history *history;
	struct spw_record *records = calloc(200, sizeof(*records));
	u32 count = 0;

	(void)state;
	facts->now_ns = 5 * S;
	make_policy(&policy);
	assert_int_equal(spw_history_open(folder, 0, &history, message), 0);
	spw_history_policy(history, &policy, NULL, "", 5 * S, 1700000000 * S);
	run_ticks(history, &policy, 100, 600, memory, facts, NULL);
	run_ticks(history, &policy, 200, 3000, memory, facts, records);
	run_ticks(history, &policy, 300, 200, memory, facts, NULL);
	spw_history_close(history);
	assert_int_equal(spw_history_read(folder, &reader, message), 0);
	for (; spw_history_next(reader, &tick) == 1; count++) {
		spw_decide(again, &tick.policy->policy, &override, &tick.record->facts, decision);
		assert_int_equal(decision->level, tick.record->decision.level);
		assert_int_equal(decision->rule, tick.record->decision.rule);
		if (count >= 100 && count < 300)
			assert_memory_equal(&decision->services[0], &records[count - 100].decision.services[0],
					    sizeof(decision->services[0]));
	}
	assert_int_equal(count, 600);
	spw_history_read_end(reader);
	free(records);
	free(facts);
	free(decision);
	spw_memory_free(memory);
	spw_memory_free(again);
}

static u8 *load(const char *path, size_t *bytes)
{
	FILE *file = fopen(path, "rb");
	long size = size_of(path);
	u8 *content;

	assert_non_null(file);
	assert_true(size > 0);
	*bytes = (size_t)size;
	content = malloc(*bytes);
	assert_int_equal(fread(content, 1, *bytes, file), *bytes);
	fclose(file);
	return content;
}

static void store(const char *path, const u8 *content, size_t bytes)
{
	FILE *file = fopen(path, "wb");

	assert_non_null(file);
	assert_int_equal(fwrite(content, 1, bytes, file), bytes);
	fclose(file);
}

static u32 count_ticks(const char *path, bool *damaged)
{
	struct spw_history_reader *reader;
	struct spw_history_tick tick;
	u32 count = 0;
	u64 last = 0;

	*damaged = true;
	if (spw_history_read(path, &reader, message))
		return 0;
	for (; spw_history_next(reader, &tick) == 1; count++) {
		assert_true(tick.record->facts.now_ns > last); /* never out of sequence, never invented */
		assert_in_range(tick.record->facts.now_ns, 7 * S, 200 * S);
		last = tick.record->facts.now_ns;
	}
	*damaged = *spw_history_damage(reader);
	spw_history_read_end(reader);
	return count;
}

static u8 *record_a_while(u32 ticks, size_t *bytes)
{
	struct spw_memory *memory = spw_memory_new();
	struct spw_facts *facts = calloc(1, sizeof(*facts));
	struct spw_named_policy policy;
	struct spw_history *history;
	char path[SPW_SEGMENT_PATH_MAX];

	facts->now_ns = 7 * S;
	make_policy(&policy);
	assert_int_equal(spw_history_open(folder, 0, &history, message), 0);
	spw_history_policy(history, &policy, NULL, "", 7 * S, 1700000000 * S);
	run_ticks(history, &policy, ticks, 900, memory, facts, NULL);
	spw_history_close(history);
	free(facts);
	spw_memory_free(memory);
	return load(segment(1, path), bytes);
}

/* Fault 22: killed in the middle of a write, at every byte. */
static void a_torn_history_is_read_up_to_the_tear(void **state)
{
	char path[SPW_SEGMENT_PATH_MAX];
	size_t bytes;
	u8 *content = record_a_while(60, &bytes);
	u32 last = 0, whole;
	bool damaged;

	(void)state;
	segment(1, path);
	whole = count_ticks(path, &damaged);
	assert_int_equal(whole, 60);
	assert_false(damaged);
	for (size_t cut = 0; cut < bytes; cut += cut < 40 ? 1 : 37) {
		u32 count;

		store(path, content, cut);
		count = count_ticks(path, &damaged);
		assert_true(count >= last && count < whole);
		last = count;
	}
	assert_int_equal(last, 50); /* all but the last second */
	free(content);
}

static void damage_costs_what_it_hits(void **state)
{
	char path[SPW_SEGMENT_PATH_MAX];
	size_t bytes;
	u8 *content = record_a_while(1000, &bytes);
	u32 fewest = 1000;
	bool damaged;

	(void)state;
	segment(1, path);
	for (u32 round = 0; round < 30; round++) {
		size_t at = 2000 + draw() % (bytes - 2000);
		u8 was = content[at];
		u32 count;

		content[at] ^= (u8)(1 + draw() % 255);
		store(path, content, bytes);
		count = count_ticks(path, &damaged);
		assert_true(damaged);
		fewest = count < fewest ? count : fewest;
		content[at] = was;
	}
	/* At most up to the next full tick, 30 blocks later. */
	assert_in_range(fewest, 1000 - 320, 999);
	free(content);
}

/* Garbage with valid checksums, as in a foreign or hostile file. */
/* The check value of CRC-32/ISO-HDLC in catalogues of CRCs; files of earlier versions depend on it. */
static void blocks_are_checked_by_crc32(void **state)
{
	static const char digits[] = "123456789";
	struct spw_history_block block;
	FILE *file = tmpfile();

	(void)state;
	assert_int_equal(spw_history_write_block(fileno(file), SPW_BLOCK_TICKS, digits, 9), 0);
	rewind(file);
	assert_int_equal(fread(&block, sizeof(block), 1, file), 1);
	assert_int_equal(block.check, 0xcbf43926 ^ SPW_BLOCK_TICKS);
	assert_int_equal(block.bytes, 9);
	fclose(file);
	assert_int_equal(spw_history_check(0, "", 0), 0);
}

static void rubbish_is_refused(void **state)
{
	struct spw_history_file head = {SPW_HISTORY_MAGIC, SPW_HISTORY_VERSION, 0};
	char path[SPW_SEGMENT_PATH_MAX], text[40];
	size_t bytes;
	u8 *content = record_a_while(40, &bytes), *rubbish = malloc(4096);
	bool damaged;

	(void)state;
	segment(1, path);
	for (u32 round = 0; round < 300; round++) {
		struct spw_history_block block;
		size_t count = 16 + draw() % 200;
		FILE *file = fopen(path, "wb");

		for (size_t i = 0; i < count; i++)
			rubbish[i] = (u8)(draw() >> 32) & (draw() % 3 ? 0xff : 0x0f);
		block = (struct spw_history_block){SPW_BLOCK_MAGIC,
						   (u8)(1 + round % 3),
						   {0},
						   (u32)count,
						   spw_history_check((u8)(1 + round % 3), rubbish, count)};
		if (round % 2) /* preceded by a valid policy */
			fwrite(content, 1,
			       sizeof(head) + sizeof(block) + ((struct spw_history_block *)(content + 16))->bytes,
			       file);
		else
			fwrite(&head, 1, sizeof(head), file);
		fwrite(&block, 1, sizeof(block), file);
		fwrite(rubbish, 1, count, file);
		fclose(file);
		{
			struct spw_history_reader *reader;
			struct spw_history_tick tick;

			assert_int_equal(spw_history_read(path, &reader, message), 0);
			for (u32 ticks = 0; spw_history_next(reader, &tick) == 1; ticks++)
				assert_true(ticks < 5000 && tick.record->decision.level < SPW_LEVELS);
			spw_history_read_end(reader);
		}
	}
	head.version = SPW_HISTORY_VERSION + 1;
	store(path, (const u8 *)&head, sizeof(head));
	assert_int_equal(spw_history_read(path, &(struct spw_history_reader *){0}, message), -EINVAL);
	snprintf(text, sizeof(text), "version %u of the format", SPW_HISTORY_VERSION + 1);
	assert_non_null(strstr(message, text));
	store(path, (const u8 *)"hello, this is no history", 25);
	assert_int_equal(count_ticks(path, &damaged), 0);
	free(content);
	free(rubbish);
}

static u64 bytes_of_all(u32 *count)
{
	u32 *numbers;
	char path[SPW_SEGMENT_PATH_MAX];
	u64 sum = 0;

	*count = (u32)spw_history_segments(folder, &numbers);
	for (u32 i = 0; i < *count; i++)
		sum += (u64)size_of(segment(numbers[i], path));
	free(numbers);
	return sum;
}

static void the_history_is_bounded_and_thinned(void **state)
{
	enum { BYTES = 1200000 };
	struct spw_memory *memory = spw_memory_new();
	struct spw_facts *facts = calloc(1, sizeof(*facts));
	struct spw_named_policy policy;
	struct spw_history_reader *reader;
	struct spw_history_tick tick;
	struct spw_history *history;
	u64 last = 0, change = 0;
	u32 segments, thinned = 0, gaps = 0;

	(void)state;
	facts->now_ns = 7 * S;
	make_policy(&policy);
	assert_int_equal(spw_history_open(folder, BYTES, &history, message), 0);
	spw_history_policy(history, &policy, NULL, "", 7 * S, 1700000000 * S);
	for (u32 round = 0; round < 22; round++) {
		run_ticks(history, &policy, 950, round < 11 || round == 17 ? 5000 : 300, memory, facts, NULL);
		assert_in_range(bytes_of_all(&segments), 0, BYTES);
	}
	assert_in_range(segments, 6, 40);
	spw_history_close(history);

	assert_int_equal(spw_history_read(folder, &reader, message), 0);
	while (spw_history_next(reader, &tick) == 1) {
		u64 now = tick.record->facts.now_ns;

		assert_true(now > last);
		if (last && now - last > 2 * TICK)
			thinned++;
		gaps += last && now - last >= S; /* a replay would take it for a gap */
		if (last && now - last > 2 * TICK && change)
			assert_true(now - change > 60 * S);
		if (tick.record->decision.level != tick.record->decision.former)
			change = now;
		last = now;
	}
	assert_string_equal(spw_history_damage(reader), "");
	assert_int_equal(gaps, 0);
	assert_true(thinned > 500);
	assert_true(change);
	assert_int_equal(last, facts->now_ns);
	spw_history_read_end(reader);
	free(facts);
	spw_memory_free(memory);
}

/* Fault 31, on a file system of 256 KiB. */
static void a_full_disk_stops_the_history_and_not_the_agent(void **state)
{
	struct spw_memory *memory = spw_memory_new();
	struct spw_facts *facts = calloc(1, sizeof(*facts));
	struct spw_named_policy policy;
	static const u8 ballast[220000];
	struct spw_history_state now;
	struct spw_history *history;
	char path[600];
	bool damaged;
	u32 count;

	(void)state;
	if (mount("tmpfs", folder, "tmpfs", 0, "size=256k")) {
		print_message("# not root: nothing can be mounted\n");
		free(facts);
		spw_memory_free(memory);
		skip();
	}
	facts->now_ns = 7 * S;
	make_policy(&policy);
	assert_int_equal(spw_history_open(folder, 0, &history, message), 0);
	spw_history_policy(history, &policy, NULL, "", 7 * S, 1700000000 * S);
	snprintf(path, sizeof(path), "%s/ballast", folder);
	run_ticks(history, &policy, 100, 900, memory, facts, NULL);
	store(path, ballast, sizeof(ballast));
	run_ticks(history, &policy, 600, 900, memory, facts, NULL);
	now = spw_history_state(history);
	assert_false(now.writing);
	assert_true(now.ticks_lost > 100);
	unlink(path);
	run_ticks(history, &policy, 200, 900, memory, facts, NULL);
	now = spw_history_state(history);
	assert_true(now.writing);
	spw_history_close(history);
	count = count_ticks(folder, &damaged);
	assert_false(damaged);
	assert_int_equal(count, 900 - now.ticks_lost);
	umount(folder);
	free(facts);
	spw_memory_free(memory);
}

/* ---- what was learned ---- */

static struct spw_learned_all two_services(void)
{
	struct spw_learned_all all = {.count = 2};

	strcpy(all.services[0].name, "shop");
	all.services[0].learned = (struct spw_learned){950.5, 990, 120000, 2.25};
	strcpy(all.services[1].name, "caf\xc3\xa9 \"x\"");
	all.services[1].learned = (struct spw_learned){10, 12, 1, 0};
	return all;
}

static void what_was_learned_comes_back(void **state)
{
	struct spw_learned_all all = two_services(), back;
	char path[600];
	struct stat status;

	(void)state;
	assert_int_equal(spw_learned_load(folder, &back, message), 0); /* none yet */
	assert_string_equal(message, "");
	assert_int_equal(spw_learned_save(folder, &all, message), 0);
	assert_int_equal(spw_learned_load(folder, &back, message), 0);
	assert_string_equal(message, "");
	assert_int_equal(back.count, 2);
	assert_true(spw_learned_find(&back, "shop")->capacity_per_s == 950.5);
	assert_non_null(spw_learned_find(&back, "caf\xc3\xa9 \"x\""));
	assert_null(spw_learned_find(&back, "other"));
	snprintf(path, sizeof(path), "%s/learned.json", folder);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
}

static void put_learned(const char *text, size_t bytes)
{
	char path[600];

	snprintf(path, sizeof(path), "%s/learned.json", folder);
	store(path, (const u8 *)text, bytes);
}

static void damaged_numbers_are_left_out(void **state)
{
	static const char text[] = "{\"version\":1,\"services\":{"
				   "\"good\":{\"capacity_per_s\":5,\"served_peak_per_s\":6,\"idle_wait_ns\":7},"
				   "\"pushed\":{\"capacity_per_s\":50000,\"served_peak_per_s\":600,\"idle_wait_ns\":7},"
				   "\"huge\":{\"capacity_per_s\":1e300,\"served_peak_per_s\":6,\"idle_wait_ns\":7},"
				   "\"negative\":{\"capacity_per_s\":-5,\"served_peak_per_s\":6,\"idle_wait_ns\":7},"
				   "\"text\":{\"capacity_per_s\":\"5\",\"served_peak_per_s\":6,\"idle_wait_ns\":7},"
				   "\"short\":{\"capacity_per_s\":5}}}";
	struct spw_learned_all back;

	(void)state;
	put_learned(text, strlen(text));
	assert_int_equal(spw_learned_load(folder, &back, message), 0);
	assert_int_equal(back.count, 2);
	assert_non_null(spw_learned_find(&back, "good"));
	assert_true(spw_learned_find(&back, "pushed")->capacity_per_s == 1200); /* twice what was ever served */
	assert_non_null(strstr(message, "4 services"));
}

static void a_file_that_is_none_is_put_aside(void **state)
{
	static const char *const texts[] = {"",
					    "{",
					    "[]",
					    "{\"version\":2,\"services\":{}}",
					    "{\"version\":1}",
					    "\0\1\2",
					    "{\"version\":1,\"version\":1,\"services\":{}}"};
	struct spw_learned_all back;
	char bad[600], path[600], *large = calloc(1, 1 << 20);

	(void)state;
	snprintf(bad, sizeof(bad), "%s/learned.json.bad", folder);
	snprintf(path, sizeof(path), "%s/learned.json", folder);
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		unlink(bad);
		put_learned(texts[i], i == 5 ? 3 : strlen(texts[i]));
		assert_int_equal(spw_learned_load(folder, &back, message), -EINVAL);
		assert_int_equal(back.count, 0);
		assert_non_null(strstr(message, "is not used"));
		assert_int_equal(access(bad, F_OK), 0);
		assert_int_equal(access(path, F_OK), -1);
	}
	memset(large, ' ', 1 << 20);
	put_learned(large, 1 << 20);
	assert_int_equal(spw_learned_load(folder, &back, message), -EINVAL);
	assert_non_null(strstr(message, "too large"));
	free(large);
	/* A symbolic link is neither followed nor replaced. */
	assert_int_equal(symlink("/etc/hostname", path), 0);
	assert_true(spw_learned_load(folder, &back, message) < 0);
	assert_non_null(strstr(message, "symbolic link"));
	assert_int_equal(spw_learned_save(folder, &back, message), -ELOOP);
}

/* Any truncation yields all or nothing. */
static void a_truncated_file_is_whole_or_nothing(void **state)
{
	struct spw_learned_all all = two_services(), back;
	char path[600];
	size_t bytes;
	u8 *content;

	(void)state;
	assert_int_equal(spw_learned_save(folder, &all, message), 0);
	snprintf(path, sizeof(path), "%s/learned.json", folder);
	content = load(path, &bytes);
	for (size_t cut = 0; cut < bytes; cut++) {
		store(path, content, cut);
		assert_int_equal(spw_learned_load(folder, &back, message), -EINVAL);
		assert_int_equal(back.count, 0);
	}
	free(content);
}

/* Fault 31. */
static void a_full_disk_leaves_the_old_file(void **state)
{
	struct spw_learned_all all = two_services(), back;
	char path[600];
	int file;

	(void)state;
	if (mount("tmpfs", folder, "tmpfs", 0, "size=16k")) {
		print_message("# not root: nothing can be mounted\n");
		skip();
	}
	assert_int_equal(spw_learned_save(folder, &all, message), 0);
	snprintf(path, sizeof(path), "%s/ballast", folder);
	file = open(path, O_CREAT | O_WRONLY, 0600);
	while (write(file, message, sizeof(message)) > 0)
		;
	close(file);
	all.services[0].learned.capacity_per_s = 1;
	assert_int_equal(spw_learned_save(folder, &all, message), -ENOSPC);
	assert_non_null(strstr(message, "No space left"));
	assert_int_equal(spw_learned_load(folder, &back, message), 0);
	assert_true(spw_learned_find(&back, "shop")->capacity_per_s == 950.5);
	snprintf(path, sizeof(path), "%s/learned.json.new", folder);
	assert_int_equal(access(path, F_OK), -1);
	umount(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_policy_comes_back_or_is_refused),
		cmocka_unit_test(former_records_are_read),
		cmocka_unit_test(impossible_records_are_refused),
		cmocka_unit_test_setup_teardown(facts_come_back_exactly, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(deciding_again_is_the_same, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(a_torn_history_is_read_up_to_the_tear, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(damage_costs_what_it_hits, make_folder, remove_folder),
		cmocka_unit_test(blocks_are_checked_by_crc32),
		cmocka_unit_test_setup_teardown(rubbish_is_refused, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(the_history_is_bounded_and_thinned, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(a_full_disk_stops_the_history_and_not_the_agent, make_folder,
						remove_folder),
		cmocka_unit_test_setup_teardown(what_was_learned_comes_back, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(damaged_numbers_are_left_out, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(a_file_that_is_none_is_put_aside, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(a_truncated_file_is_whole_or_nothing, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(a_full_disk_leaves_the_old_file, make_folder, remove_folder),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
