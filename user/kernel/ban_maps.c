/* SPDX-License-Identifier: GPL-2.0-only */
/* The agent is the only writer of these maps, so read-modify-write needs no lock. */
#include "ban_maps.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

#include "base/cleanup.h"

#define READ_AT_ONCE 4096

/* mmap(2) works in whole pages. */
static size_t page_up(size_t bytes)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (bytes + page - 1) / page * page;
}

static const size_t counts_bytes = SPW_BAN_COUNTS * sizeof(struct spw_ban_count);

int spw_ban_maps_open(const struct spw_pins *pins, bool writable, struct spw_ban_maps *maps)
{
	void *filter, *counts;

	*maps = (struct spw_ban_maps){.bans_fd = pins->fds[SPW_PIN_BANS],
				      .totals_fd = pins->fds[SPW_PIN_BAN_TOTALS],
				      .counts_fd = pins->fds[SPW_PIN_BAN_COUNTS]};
	if (!writable)
		return 0;
	counts = mmap(NULL, page_up(counts_bytes), PROT_READ, MAP_SHARED, maps->counts_fd, 0);
	if (counts == MAP_FAILED)
		return -errno;
	maps->counts = counts;
	filter = mmap(NULL, page_up(sizeof(*maps->filter)), PROT_READ | PROT_WRITE, MAP_SHARED,
		      pins->fds[SPW_PIN_BAN_FILTER], 0);
	if (filter == MAP_FAILED) {
		int err = -errno;

		spw_ban_maps_close(maps);
		return err;
	}
	maps->filter = filter;
	return 0;
}

void spw_ban_maps_close(struct spw_ban_maps *maps)
{
	if (maps->counts)
		munmap((void *)maps->counts, page_up(counts_bytes));
	if (maps->filter)
		munmap(maps->filter, page_up(sizeof(*maps->filter)));
	maps->counts = NULL;
	maps->filter = NULL;
}

int spw_ban_maps_seed(struct spw_ban_maps *maps)
{
	struct spw_ban_filter *filter = maps->filter;

	if (filter->magic == SPW_BAN_MAGIC)
		return 0;
	if (getrandom(filter->seed, sizeof(filter->seed), 0) != sizeof(filter->seed))
		return -errno;
	filter->seed[0] |= 1;
	filter->seed[1] |= 1;
	filter->magic = SPW_BAN_MAGIC;
	return 0;
}

int spw_ban_maps_read_total(const struct spw_ban_maps *maps, u32 list, struct spw_ban_totals *total)
{
	return bpf_map_lookup_elem(maps->totals_fd, &list, total) ? -errno : 0;
}

int spw_ban_maps_write_total(const struct spw_ban_maps *maps, u32 list, const struct spw_ban_totals *total)
{
	return bpf_map_update_elem(maps->totals_fd, &list, total, BPF_ANY) ? -errno : 0;
}

void spw_ban_maps_publish(struct spw_ban_maps *maps, const struct spw_ban_set *set)
{
	u32 active = spw_ban_filter_make(maps->filter, set);

	__atomic_store_n(&maps->filter->active, active, __ATOMIC_SEQ_CST);
}

static int read_value(const struct spw_ban_maps *maps, const struct spw_ban_key *key, struct spw_ban_value *value)
{
	return bpf_map_lookup_elem(maps->bans_fd, key, value) ? -errno : 0;
}

static struct spw_ban_count read_count(const struct spw_ban_maps *maps, u32 counter)
{
	return (struct spw_ban_count){__atomic_load_n(&maps->counts[counter].packets, __ATOMIC_RELAXED),
				      __atomic_load_n(&maps->counts[counter].bytes, __ATOMIC_RELAXED)};
}

/* The initial value of a ban's counts. */
static struct spw_ban_value begin_value(const struct spw_ban_maps *maps, u32 counter)
{
	struct spw_ban_count before = read_count(maps, counter);

	return (struct spw_ban_value){
		.counter = counter, .packets_before = before.packets, .bytes_before = before.bytes};
}

static void fill_value(struct spw_ban_value *value, const struct spw_ban *ban, const struct spw_ban_clock *clock,
		       const char label[SPW_BAN_NOTE_MAX])
{
	value->list = ban->list;
	value->hole = ban->hole;
	value->until_ns = ban->until_ns;
	value->until_jiffies = spw_ban_jiffies(clock, ban->until_ns);
	memcpy(value->note, label, sizeof(value->note));
}

int spw_ban_maps_write(const struct spw_ban_maps *maps, const struct spw_ban *ban, const struct spw_ban_clock *clock,
		       const char label[SPW_BAN_NOTE_MAX], const struct spw_ban_count *carried)
{
	struct spw_prefix prefix = spw_ban_prefix(ban);
	struct spw_ban_key key = spw_ban_key(&prefix);
	struct spw_ban_value value = {0};

	if (read_value(maps, &key, &value) || !value.list || value.counter != ban->counter) {
		value = begin_value(maps, ban->counter);
		value.packets_before -= carried ? carried->packets : 0;
		value.bytes_before -= carried ? carried->bytes : 0;
	}
	fill_value(&value, ban, clock, label);
	return bpf_map_update_elem(maps->bans_fd, &key, &value, BPF_ANY) ? -errno : 0;
}

int spw_ban_maps_label(const struct spw_ban_maps *maps, const struct spw_ban *ban, char label[SPW_BAN_NOTE_MAX])
{
	struct spw_prefix prefix = spw_ban_prefix(ban);
	struct spw_ban_key key = spw_ban_key(&prefix);
	struct spw_ban_value value;
	int err = read_value(maps, &key, &value);

	if (!err)
		memcpy(label, value.note, sizeof(value.note));
	return err;
}

void spw_ban_batch_add(const struct spw_ban_maps *maps, struct spw_ban_batch *batch, const struct spw_ban *ban,
		       const struct spw_ban_clock *clock, const char label[SPW_BAN_NOTE_MAX])
{
	struct spw_prefix prefix = spw_ban_prefix(ban);

	batch->keys[batch->count] = spw_ban_key(&prefix);
	batch->values[batch->count] = begin_value(maps, ban->counter);
	fill_value(&batch->values[batch->count++], ban, clock, label);
}

int spw_ban_batch_write(const struct spw_ban_maps *maps, struct spw_ban_batch *batch)
{
	u32 count = batch->count;

	batch->count = 0;
	if (!count)
		return 0;
	return bpf_map_update_batch(maps->bans_fd, batch->keys, batch->values, &count, NULL) ? -errno : 0;
}

int spw_ban_maps_mark(const struct spw_ban_maps *maps, const struct spw_ban *ban)
{
	struct spw_prefix prefix = spw_ban_prefix(ban);
	struct spw_ban_key key = spw_ban_key(&prefix);
	struct spw_ban_value value = {0};

	if (ban->list) {
		/* A ban not written yet begins as a hole. */
		int err = read_value(maps, &key, &value);

		if (err && err != -ENOENT)
			return err;
	}
	value.hole = ban->hole;
	return bpf_map_update_elem(maps->bans_fd, &key, &value, BPF_ANY) ? -errno : 0;
}

int spw_ban_maps_remove(const struct spw_ban_maps *maps, const struct spw_ban *ban)
{
	struct spw_prefix prefix = spw_ban_prefix(ban);
	struct spw_ban_key key = spw_ban_key(&prefix);

	return bpf_map_delete_elem(maps->bans_fd, &key) && errno != ENOENT ? -errno : 0;
}

int spw_ban_maps_read(const struct spw_ban_maps *maps, spw_ban_visit *visit, void *context)
{
	_cleanup_free_ struct spw_ban_key *keys = calloc(READ_AT_ONCE, sizeof(*keys));
	_cleanup_free_ struct spw_ban_value *values = calloc(READ_AT_ONCE, sizeof(*values));
	u32 position = 0;
	bool begun = false, more = true;

	if (!keys || !values)
		return -ENOMEM;
	while (more) {
		u32 got = READ_AT_ONCE;

		if (bpf_map_lookup_batch(maps->bans_fd, begun ? &position : NULL, &position, keys, values, &got,
					 NULL)) {
			if (errno != ENOENT)
				return -errno;
			more = false;
		}
		begun = true;
		for (u32 i = 0; i < got; i++) {
			int err = visit(context, &keys[i], &values[i]);

			if (err)
				return err;
		}
	}
	return 0;
}

struct spw_ban_count spw_ban_counted(const struct spw_ban_maps *maps, const struct spw_ban_value *value)
{
	struct spw_ban_count count = {0};
	u32 counter = value->counter % SPW_BAN_COUNTS;

	if (maps->counts)
		count = read_count(maps, counter);
	else if (bpf_map_lookup_elem(maps->counts_fd, &counter, &count))
		return (struct spw_ban_count){0};
	return (struct spw_ban_count){count.packets - value->packets_before, count.bytes - value->bytes_before};
}
