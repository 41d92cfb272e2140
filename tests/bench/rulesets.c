/* SPDX-License-Identifier: GPL-2.0-only */
/* Makes the rulesets: a configuration text for each, then the agent's code. */
#include "rulesets.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/config/file.h"
#include "util.h"

#define SYNTHETIC_PREFIXES 1000000u
#define SYNTHETIC_LISTS	   250u
#define COUNTRIES_MAX	   512u

static const char *const names[BENCH_RULESETS] = {"one", "synthetic-1m", "geo", "home-abroad"};

static struct {
	const char *geo_dir;
	char synthetic_dir[64];
	char codes[COUNTRIES_MAX][3];
	u32 codes_count;
} common;

const char *bench_ruleset_name(enum bench_ruleset_kind kind)
{
	return names[kind];
}

/* ---- once ---- */

static void add_range(struct bench_ranges *ranges, struct spw_addr first, struct spw_addr last)
{
	if (ranges->count == ranges->capacity) {
		ranges->capacity = ranges->capacity ? 2 * ranges->capacity : 1024;
		ranges->items = bench_realloc(ranges->items, ranges->capacity * sizeof(*ranges->items));
	}
	ranges->items[ranges->count++] = (struct bench_range){first, last};
}

/* Only the codes: the lists are read again for every ruleset. */
static int visit_code(void *context, u8 family, const struct spw_addr *first, const struct spw_addr *last,
		      const char code[3], u32 line)
{
	u32 i;

	(void)context, (void)family, (void)first, (void)last, (void)line;
	for (i = 0; i < common.codes_count && strcmp(common.codes[i], code); i++)
		;
	if (i == COUNTRIES_MAX)
		return -1;
	if (i == common.codes_count)
		memcpy(common.codes[common.codes_count++], code, 3);
	return 0;
}

static int visit_range(void *context, u8 family, const struct spw_addr *first, const struct spw_addr *last,
		       const char code[3], u32 line)
{
	struct bench_ruleset *ruleset = context;

	(void)code, (void)line;
	add_range(&ruleset->ranges[bench_side(family)], *first, *last);
	return 0;
}

static void read_geo(u8 family, spw_geo_visit *visit, void *context)
{
	struct spw_diagnostics diagnostics = {0};
	struct spw_file file;
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", common.geo_dir, family == 4 ? "geoip" : "geoip6");
	if (spw_file_read(path, SPW_LIST_FILE_BYTES_MAX, false, &file))
		errx(1, "cannot read %s (of Debian's package tor-geoipdb): %s", path, file.problem);
	if (spw_list_parse_geo(file.text, file.length, family, path, visit, context, &diagnostics))
		errx(1, "%s", diagnostics.count ? diagnostics.items[0].text : "too many countries");
	spw_file_free(&file);
	spw_diagnostics_free(&diagnostics);
}

static void synthetic_path(u32 list, char path[128])
{
	snprintf(path, 128, "%s/%u", common.synthetic_dir, list);
}

static void write_prefix(FILE **files, struct bench_random *random, const struct spw_prefix *prefix)
{
	char text[SPW_PREFIX_TEXT];

	fprintf(files[(bench_next(random) >> 32) % SYNTHETIC_LISTS], "%s\n", spw_prefix_format(prefix, text));
}

/*
 * All distinct: two lists may not name one prefix. The 2^45 of IPv6 contain a million, with a counter in the last bits.
 */
static void write_prefixes(FILE **files)
{
	struct bench_random random = bench_random(1);
	u8 *seen = calloc(1 << 21, 1);

	if (!seen)
		errx(1, "out of memory");
	for (u32 i = 0; i < SYNTHETIC_PREFIXES;) {
		u64 net = bench_next(&random) >> 40;
		struct spw_prefix prefix = {.addr = {net << 40, 0}, .family = 4, .len = 24};

		if (seen[net >> 3] & 1 << (net & 7))
			continue;
		seen[net >> 3] |= (u8)(1 << (net & 7));
		write_prefix(files, &random, &prefix);
		i++;
	}
	free(seen);
	for (u32 i = 0; i < SYNTHETIC_PREFIXES; i++) {
		/* An odd multiplier keeps different numbers distinct. */
		u64 net = (i * 0x9e3779b97f4a7c15ULL ^ 0x5bd1e995) & ((1ULL << 45) - 1);
		struct spw_prefix prefix = {.addr = {(1ULL << 45 | net) << 16, 0}, .family = 6, .len = 48};

		write_prefix(files, &random, &prefix);
	}
}

static void write_synthetic(void)
{
	FILE *files[SYNTHETIC_LISTS];
	char path[128];

	snprintf(common.synthetic_dir, sizeof(common.synthetic_dir), "/tmp/spillway-bench.XXXXXX");
	if (!mkdtemp(common.synthetic_dir))
		err(1, "cannot make a folder under /tmp");
	for (u32 i = 0; i < SYNTHETIC_LISTS; i++) {
		synthetic_path(i, path);
		files[i] = fopen(path, "we");
		if (!files[i])
			err(1, "%s", path);
	}
	write_prefixes(files);
	for (u32 i = 0; i < SYNTHETIC_LISTS; i++)
		if (fclose(files[i]))
			err(1, "cannot write %s/%u", common.synthetic_dir, i);
	usleep(100000); /* the agent refuses a file younger than a tick of the file system's clock */
}

void bench_rulesets_setup(const char *dir)
{
	common.geo_dir = dir;
	read_geo(4, visit_code, NULL);
	read_geo(6, visit_code, NULL);
	write_synthetic();
}

void bench_rulesets_cleanup(void)
{
	char path[128];

	for (u32 i = 0; *common.synthetic_dir && i < SYNTHETIC_LISTS; i++) {
		synthetic_path(i, path);
		unlink(path);
	}
	if (*common.synthetic_dir)
		rmdir(common.synthetic_dir);
	*common.synthetic_dir = '\0';
}

/* ---- configurations ---- */

static void write_geo_list(FILE *out, u32 list, const char *country)
{
	fprintf(out, "  l%u: { geo: \"%s\", countries: [\"%s\"] }\n", list, common.geo_dir, country);
}

/* Returns the number of lists; their names are l0, l1, ... */
static u32 write_lists(FILE *out, enum bench_ruleset_kind kind)
{
	char path[128];

	switch (kind) {
	case BENCH_ONE:
		fprintf(out, "  l0: { inline: [10.0.0.0/8, \"3fff::/20\"] }\n");
		return 1;
	case BENCH_SYNTHETIC:
		for (u32 i = 0; i < SYNTHETIC_LISTS; i++) {
			synthetic_path(i, path);
			fprintf(out, "  l%u: { file: \"%s\" }\n", i, path);
		}
		return SYNTHETIC_LISTS;
	case BENCH_GEO:
		for (u32 i = 0; i < common.codes_count; i++)
			write_geo_list(out, i, common.codes[i]);
		return common.codes_count;
	default:
		write_geo_list(out, 0, "US");
		write_geo_list(out, 1, "!US");
		return 2;
	}
}

static const char *limits_text(enum bench_limits limits)
{
	switch (limits) {
	case BENCH_WITHIN_LIMITS:
		return ", per_source: { new: 1M/s, packets: 1M/s }, per_prefix: { new: 10M/s, packets: 10M/s }";
	case BENCH_BEYOND_LIMITS:
		return ", per_source: { new: 1M/s, packets: 1/s }, per_prefix: { new: 10M/s, packets: 10M/s }";
	default:
		return "";
	}
}

/* Both classes are cut from red on, so one ruleset serves the pass path and the cut path. */
static char *write_config(enum bench_ruleset_kind kind, enum bench_limits limits, size_t *length)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, length);
	u32 lists;

	if (!out)
		errx(1, "out of memory");
	fprintf(out, "interfaces: [bench0]\n"
		     "management: { prefixes: [192.0.2.0/28], ports: [22] }\n"
		     "services:\n  shop: { tcp: [80, 443], quic: [443] }\n"
		     "lists:\n");
	lists = write_lists(out, kind);
	fprintf(out, "classes:\n- { name: listed, shed_from: orange, cut_from: red, cut: all, lists: [");
	for (u32 i = 0; i < lists; i++)
		fprintf(out, "%sl%u", i ? ", " : "", i);
	fprintf(out, "]%s }\n- { name: rest, shed_from: yellow, cut_from: red, cut: all%s }\n", limits_text(limits),
		limits_text(limits));
	if (fclose(out))
		errx(1, "out of memory");
	return text;
}

static void check(int result, const char *what, const struct spw_diagnostics *diagnostics)
{
	if (result)
		errx(1, "%s: %s", what, diagnostics->count ? diagnostics->items[0].text : strerror(-result));
}

void bench_ruleset_configure(enum bench_ruleset_kind kind, enum bench_limits limits, struct bench_ruleset *ruleset)
{
	struct spw_diagnostics diagnostics = {0};
	size_t length;
	char *text = write_config(kind, limits, &length);

	*ruleset = (struct bench_ruleset){.name = names[kind], .limits = limits};
	check(spw_config_parse(text, length, names[kind], &ruleset->config, &diagnostics), "the bench's configuration",
	      &diagnostics);
	spw_diagnostics_free(&diagnostics);
	free(text);
}

void bench_ruleset_compile(struct bench_ruleset *ruleset)
{
	struct spw_diagnostics diagnostics = {0};
	struct spw_ruleset_error error;
	u64 begin = bench_clock_ns();

	check(spw_lists_load(&ruleset->config, &ruleset->lists, &diagnostics), "lists", &diagnostics);
	ruleset->read_ns = bench_clock_ns() - begin;
	begin = bench_clock_ns();
	check(spw_assemble(&ruleset->config, &ruleset->lists, NULL, &ruleset->assembly), "assembly", &diagnostics);
	if (spw_ruleset_compile(&ruleset->assembly.source, 0, &ruleset->image, &error))
		errx(1, "ruleset %s does not compile (kind %d)", ruleset->name, error.kind);
	ruleset->compile_ns = bench_clock_ns() - begin;
	spw_diagnostics_free(&diagnostics);
}

/* ---- for drawing and checking ---- */

static void make_intervals(struct bench_ruleset *ruleset, u8 family)
{
	const struct spw_ruleset_source *source = &ruleset->assembly.source;
	struct spw_intervals *intervals = &ruleset->intervals[bench_side(family)];
	struct spw_span *spans;
	size_t count = 1;

	for (size_t i = 0; i < source->lists_count; i++)
		count += source->lists[i].count;
	spans = bench_realloc(NULL, count * sizeof(*spans));
	count = 0;
	for (size_t i = 0; i < source->lists_count; i++)
		for (size_t j = 0; j < source->lists[i].count; j++) {
			const struct spw_prefix *prefix = &source->lists[i].entries[j].prefix;

			if (prefix->family == family)
				spans[count++] = (struct spw_span){prefix->addr, source->lists[i].id, prefix->len};
		}
	if (spw_intervals_make(spans, count, family, intervals))
		errx(1, "out of memory");
	for (size_t i = 0; i < intervals->count; i++)
		if (intervals->items[i].owner == SPW_NOBODY)
			intervals->items[i].owner = 0;
	free(spans);
}

static void collect_ranges(struct bench_ruleset *ruleset)
{
	const struct spw_ruleset_source *source = &ruleset->assembly.source;

	for (size_t i = 0; i < source->lists_count; i++)
		for (size_t j = 0; j < source->lists[i].count; j++) {
			const struct spw_prefix *prefix = &source->lists[i].entries[j].prefix;

			add_range(&ruleset->ranges[bench_side(prefix->family)], prefix->addr, spw_prefix_last(prefix));
		}
}

/* Ranges of countries as in the files: on average a range is 1.7 prefixes. */
void bench_ruleset_prepare(enum bench_ruleset_kind kind, struct bench_ruleset *ruleset)
{
	make_intervals(ruleset, 4);
	make_intervals(ruleset, 6);
	if (kind == BENCH_ONE || kind == BENCH_SYNTHETIC) {
		collect_ranges(ruleset);
		return;
	}
	read_geo(4, visit_range, ruleset);
	read_geo(6, visit_range, ruleset);
}

void bench_ruleset_free(struct bench_ruleset *ruleset)
{
	for (int side = 0; side < 2; side++) {
		free(ruleset->ranges[side].items);
		spw_intervals_free(&ruleset->intervals[side]);
	}
	spw_ruleset_free(&ruleset->image);
	spw_assembly_free(&ruleset->assembly);
	spw_lists_free(&ruleset->lists);
	spw_config_free(&ruleset->config);
}
