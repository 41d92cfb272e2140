/* SPDX-License-Identifier: GPL-2.0-only */
/* Filling the kernel's LPM tries. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <string.h>

#include "systems.h"
#include "util.h"
#include "lpm.skel.h"

union lpm_key {
	struct bench_lpm4_key v4;
	struct bench_lpm6_key v6;
};

size_t bench_lpm_key(u8 *at, const struct spw_prefix *prefix)
{
	u64 hi = __builtin_bswap64(prefix->addr.hi), lo = __builtin_bswap64(prefix->addr.lo);
	union lpm_key key = {.v6 = {.len = prefix->len}};

	memcpy(key.v6.addr, &hi, sizeof(hi));
	memcpy(key.v6.addr + 8, &lo, sizeof(lo));
	memcpy(at, &key, prefix->family == 4 ? sizeof(key.v4) : sizeof(key.v6));
	return prefix->family == 4 ? sizeof(key.v4) : sizeof(key.v6);
}

static size_t count_entries(const struct spw_ruleset_source *source)
{
	size_t entries = 0;

	for (size_t i = 0; i < source->lists_count; i++)
		entries += source->lists[i].count;
	return entries;
}

static void fill(int map, const struct bench_ruleset *ruleset, u8 family)
{
	const struct spw_ruleset_source *source = &ruleset->assembly.source;
	size_t entries = count_entries(source);
	u32 *values = bench_realloc(NULL, entries * sizeof(*values)), count = 0;
	u8 *keys = bench_realloc(NULL, entries * sizeof(union lpm_key)), *at = keys;
	LIBBPF_OPTS(bpf_map_batch_opts, options);

	for (size_t i = 0; i < source->lists_count; i++)
		for (size_t j = 0; j < source->lists[i].count; j++) {
			const struct spw_prefix *prefix = &source->lists[i].entries[j].prefix;

			if (prefix->family != family)
				continue;
			at += bench_lpm_key(at, prefix);
			values[count++] = source->lists[i].id;
		}
	if (count && bpf_map_update_batch(map, keys, values, &count, &options))
		err(1, "cannot fill an LPM trie of %s", ruleset->name);
	free(values);
	free(keys);
}

struct lpm_bpf *bench_lpm_load(const struct bench_ruleset *ruleset)
{
	struct lpm_bpf *lpm = lpm_bpf__open();

	if (!lpm || bpf_map__set_max_entries(lpm->maps.trie4, (u32)bench_prefixes(ruleset, 4) + 1) ||
	    bpf_map__set_max_entries(lpm->maps.trie6, (u32)bench_prefixes(ruleset, 6) + 1) || lpm_bpf__load(lpm))
		err(1, "cannot load the LPM program");
	fill(bpf_map__fd(lpm->maps.trie4), ruleset, 4);
	fill(bpf_map__fd(lpm->maps.trie6), ruleset, 6);
	return lpm;
}

u64 bench_lpm_count(const struct lpm_bpf *lpm)
{
	return bench_tallies_sum(bpf_map__fd(lpm->maps.list_counters), SPW_REASON_CUT);
}
