/* SPDX-License-Identifier: GPL-2.0-only */
/* Loads the alternative tables, one program each, and checks their results. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>

#include "bpf/classify.h"
#include "systems.h"
#include "tables.h"
#include "util.h"
#include "lpm.skel.h"
#include "rivals.skel.h"

static const char *const names[BENCH_RIVALS] = {"read", "line", "poptrie16", "poptrie18", "flat24", "lpm-only"};

const char *bench_rival_name(enum bench_rival kind)
{
	return names[kind];
}

/* Size of a map before the load, and its content afterwards. */
static void size_map(struct bench_rival_table *table, struct bpf_map *map, size_t bytes)
{
	if (bpf_map__set_value_size(map, (u32)bytes))
		errx(1, "cannot size a map");
	table->bytes += bytes;
}

static void fill_map(const struct bpf_map *map, const void *value)
{
	const u32 key = 0;

	if (bpf_map_update_elem(bpf_map__fd(map), &key, value, BPF_ANY))
		err(1, "cannot fill the map %s", bpf_map__name(map));
}

/* The next power of two, so that a mask keeps an index inside. */
static u32 round_up(size_t count)
{
	u32 rounded = 4;

	while (rounded < count)
		rounded *= 2;
	return rounded;
}

/* Load only this program, as the maps of the others have no size. */
static void choose_program(struct bench_rival_table *table, struct bpf_program *chosen)
{
	struct bpf_program *program;

	bpf_object__for_each_program(program, table->skeleton->obj)
		bpf_program__set_autoload(program, program == chosen);
}

static void load(struct bench_rival_table *table, const struct bpf_program *chosen)
{
	if (rivals_bpf__load(table->skeleton))
		err(1, "cannot load the table %s", names[table->kind]);
	table->program_fd = bpf_program__fd(chosen);
	table->found = &table->skeleton->bss->found;
}

static void load_read(struct bench_rival_table *table)
{
	struct bpf_program *program = table->family == 4 ? table->skeleton->progs.read4 : table->skeleton->progs.read6;

	choose_program(table, program);
	load(table, program);
}

static void load_line(struct bench_rival_table *table, const struct spw_ruleset_image *image)
{
	struct rivals_bpf *skeleton = table->skeleton;
	struct bpf_program *program = table->family == 4 ? skeleton->progs.line4 : skeleton->progs.line6;

	choose_program(table, program);
	skeleton->rodata->unit_mask = image->ruleset->units_capacity - 1;
	size_map(table, skeleton->maps.line, image->bytes);
	load(table, program);
	fill_map(skeleton->maps.line, image->ruleset);
}

static void load_poptrie(struct bench_rival_table *table, const struct spw_intervals *intervals, u32 direct_bits)
{
	struct rivals_bpf *skeleton = table->skeleton;
	struct bpf_program *program = table->family == 4 ? skeleton->progs.poptrie4 : skeleton->progs.poptrie6;
	struct bench_poptrie poptrie;
	u32 nodes, leaves;

	bench_poptrie_make(intervals, direct_bits, &poptrie);
	nodes = round_up(poptrie.nodes_count);
	leaves = round_up(poptrie.leaves_count);
	poptrie.nodes = bench_realloc(poptrie.nodes, nodes * sizeof(*poptrie.nodes));
	poptrie.leaves = bench_realloc(poptrie.leaves, leaves * sizeof(*poptrie.leaves));
	choose_program(table, program);
	skeleton->rodata->direct_bits = direct_bits;
	skeleton->rodata->nodes_mask = nodes - 1;
	skeleton->rodata->leaves_mask = leaves - 1;
	size_map(table, skeleton->maps.direct, sizeof(u32) << direct_bits);
	size_map(table, skeleton->maps.nodes, nodes * sizeof(*poptrie.nodes));
	size_map(table, skeleton->maps.leaves, leaves * sizeof(*poptrie.leaves));
	load(table, program);
	fill_map(skeleton->maps.direct, poptrie.direct);
	fill_map(skeleton->maps.nodes, poptrie.nodes);
	fill_map(skeleton->maps.leaves, poptrie.leaves);
	table->bytes = (sizeof(u32) << direct_bits) + poptrie.nodes_count * sizeof(*poptrie.nodes) +
		       poptrie.leaves_count * sizeof(*poptrie.leaves);
	bench_poptrie_free(&poptrie);
}

static bool load_flat(struct bench_rival_table *table, const struct spw_intervals *intervals)
{
	struct rivals_bpf *skeleton = table->skeleton;
	struct bench_flat flat;
	bool fits = bench_flat_make(intervals, &flat);
	u32 blocks = round_up(flat.blocks_count);

	if (fits) {
		choose_program(table, skeleton->progs.flat4);
		skeleton->rodata->blocks_mask = blocks * 256 - 1;
		size_map(table, skeleton->maps.flat, sizeof(u16) << 24);
		size_map(table, skeleton->maps.blocks, (size_t)blocks * 256 * sizeof(u16));
		load(table, skeleton->progs.flat4);
		fill_map(skeleton->maps.flat, flat.entries);
		fill_map(skeleton->maps.blocks, flat.blocks);
	}
	bench_flat_free(&flat);
	return fits;
}

bool bench_rival_load(enum bench_rival kind, const struct bench_ruleset *ruleset, u8 family, struct lpm_bpf *lpm,
		      struct bench_rival_table *table)
{
	const struct spw_intervals *intervals = &ruleset->intervals[bench_side(family)];

	*table = (struct bench_rival_table){.kind = kind, .family = family};
	if (kind == BENCH_LPM_ONLY) {
		table->program_fd = bpf_program__fd(family == 4 ? lpm->progs.lpm_only4 : lpm->progs.lpm_only6);
		table->found = &lpm->bss->found;
		return true;
	}
	if (kind == BENCH_FLAT24 && family != 4)
		return false;
	table->skeleton = rivals_bpf__open();
	if (!table->skeleton)
		err(1, "cannot open the rival tables");
	if (kind == BENCH_READ)
		load_read(table);
	else if (kind == BENCH_LINE)
		load_line(table, &ruleset->image);
	else if (kind == BENCH_POPTRIE16 || kind == BENCH_POPTRIE18)
		load_poptrie(table, intervals, kind == BENCH_POPTRIE16 ? 16 : 18);
	else if (!load_flat(table, intervals)) {
		bench_rival_free(table);
		return false;
	}
	return true;
}

void bench_rival_free(struct bench_rival_table *table)
{
	rivals_bpf__destroy(table->skeleton);
	*table = (struct bench_rival_table){0};
}

/* Leaves of the line table are slots, which name the list; those of the others are lists. */
u64 bench_rival_expect(const struct bench_rival_table *table, const struct bench_ruleset *ruleset,
		       const struct bench_sources *sources, u32 count)
{
	const struct spw_ruleset *rules = ruleset->image.ruleset;
	u64 sum = 0;

	for (u32 i = 0; i < count; i++) {
		struct spw_addr addr = bench_source(sources, table->family, i);
		u32 list = bench_list_of(ruleset, table->family, addr), slot;

		if (table->kind == BENCH_READ) {
			sum += table->family == 4 ? addr.hi >> 32 & 1 : (addr.hi ^ addr.lo) & 1;
			continue;
		}
		if (table->kind != BENCH_LINE) {
			sum += list;
			continue;
		}
		slot = table->family == 4 ? spw_find4(rules, rules->units_capacity - 1, addr.hi)
					  : spw_find6(rules, rules->units_capacity - 1, addr.hi, addr.lo);
		if (rules->slots[slot].list != list)
			errx(1, "the table of %s names list %u where %u is right", ruleset->name,
			     rules->slots[slot].list, list);
		sum += slot;
	}
	return sum;
}
