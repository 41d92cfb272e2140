/* SPDX-License-Identifier: GPL-2.0-only */
/* Fills the textbook program's tries, sets its rate, reads its counters. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "systems.h"
#include "textbook.h"
#include "util.h"
#include "textbook.skel.h"

static bool is_allowed(size_t list)
{
	return list % 2 == 0;
}

static u32 count_prefixes(const struct bench_ruleset *ruleset, u8 family, bool allowed)
{
	const struct spw_ruleset_source *source = &ruleset->assembly.source;
	u32 count = 1;

	for (size_t i = 0; i < source->lists_count; i++)
		for (size_t j = 0; is_allowed(i) == allowed && j < source->lists[i].count; j++)
			count += source->lists[i].entries[j].prefix.family == family;
	return count;
}

static void fill(struct bpf_map *map, const struct bench_ruleset *ruleset, u8 family, bool allowed)
{
	const struct spw_ruleset_source *source = &ruleset->assembly.source;
	u32 most = count_prefixes(ruleset, family, allowed), count = 0;
	struct bench_textbook_rule *rules = bench_realloc(NULL, most * sizeof(*rules));
	u8 *keys = bench_realloc(NULL, most * sizeof(struct bench_lpm6_key)), *at = keys;
	LIBBPF_OPTS(bpf_map_batch_opts, options);

	for (size_t i = 0; i < source->lists_count; i++) {
		if (is_allowed(i) != allowed)
			continue;
		for (size_t j = 0; j < source->lists[i].count; j++) {
			const struct spw_prefix *prefix = &source->lists[i].entries[j].prefix;

			if (prefix->family != family)
				continue;
			at += bench_lpm_key(at, prefix);
			rules[count++] = (struct bench_textbook_rule){
				.len = prefix->len,
				.class_id = (u8)(source->lists[i].id % BENCH_TEXTBOOK_CLASSES),
			};
		}
	}
	if (count && bpf_map_update_batch(bpf_map__fd(map), keys, rules, &count, &options))
		err(1, "cannot fill a trie of the textbook program with %s", ruleset->name);
	free(rules);
	free(keys);
}

static void size_trie(struct bpf_map *map, const struct bench_ruleset *ruleset, u8 family, bool allowed)
{
	if (bpf_map__set_max_entries(map, count_prefixes(ruleset, family, allowed)))
		errx(1, "cannot size a trie of the textbook program");
}

struct textbook_bpf *bench_textbook_load(const struct bench_ruleset *ruleset)
{
	struct textbook_bpf *textbook = textbook_bpf__open();

	if (!textbook)
		err(1, "cannot open the textbook program");
	size_trie(textbook->maps.allow4, ruleset, 4, true);
	size_trie(textbook->maps.deny4, ruleset, 4, false);
	size_trie(textbook->maps.allow6, ruleset, 6, true);
	size_trie(textbook->maps.deny6, ruleset, 6, false);
	if (textbook_bpf__load(textbook))
		err(1, "cannot load the textbook program");
	fill(textbook->maps.allow4, ruleset, 4, true);
	fill(textbook->maps.deny4, ruleset, 4, false);
	fill(textbook->maps.allow6, ruleset, 6, true);
	fill(textbook->maps.deny6, ruleset, 6, false);
	bench_textbook_rate(textbook, true);
	return textbook;
}

void bench_textbook_rate(struct textbook_bpf *textbook, bool admitting)
{
	/* 2^-20 of a token per ns are 954 a second. Ten times that, with an inexhaustible burst; or nothing. */
	textbook->bss->tokens_per_ns = admitting ? 10 : 0;
	textbook->bss->tokens_most = admitting ? 1ull << 60 : 0;
}

u64 bench_textbook_count(const struct textbook_bpf *textbook, enum bench_textbook_count which)
{
	int cpus = libbpf_num_possible_cpus();
	struct bench_textbook_tally tallies[cpus];
	u64 sum = 0;

	for (u32 class_id = 0; class_id < BENCH_TEXTBOOK_CLASSES; class_id++) {
		if (bpf_map_lookup_elem(bpf_map__fd(textbook->maps.tallies), &class_id, tallies))
			err(1, "cannot read counters");
		for (int cpu = 0; cpu < cpus; cpu++)
			sum += tallies[cpu].packets[which];
	}
	return sum;
}
