/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * libmaxminddb opens files by name only, and maps them: a file that shrinks meanwhile would kill the process. So it
 * gets a copy in memory, read like every other list.
 */
#include "mmdb.h"

#include <errno.h>
#include <maxminddb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "base/write.h"
#include "config/file.h"

/*
 * A tree visits each node once, two passes over it twice. Shared branches make it larger than its nodes: allow for
 * some, but not for a few nodes that unfold without end.
 */
#define VISITS_PER_NODE 4
#define VISITS_MORE	65536

#define CACHE_SIZE 4096

/* A record of a node: the next node, the data of a network, or nothing. */
struct branch {
	u64 value;
	MMDB_entry_s entry;
	u8 type;
	u32 depth; /* number of bits in @at */
	unsigned __int128 at;
};

struct walk {
	MMDB_s db;
	u8 family;
	u32 width;
	u64 skipped; /* node of the IPv4 part, while IPv6 is walked; UINT64_MAX: none */
	u64 visits;
	/* Records by offset: a country has many networks and one record. */
	struct {
		u32 offset;
		bool filled;
		struct spw_mmdb_record record;
	} cache[CACHE_SIZE];
	/* The pending range, which the next networks may extend. */
	bool pending;
	struct spw_addr first, last;
	struct spw_mmdb_record record;
	spw_mmdb_visit *visit;
	void *context;
	struct spw_mmdb *mmdb;
};

static int fail(struct spw_mmdb *mmdb, int err, const char *problem)
{
	snprintf(mmdb->problem, sizeof(mmdb->problem), "%s", problem);
	return err;
}

static bool get_text(MMDB_entry_s *entry, const char *const *path, char *text, size_t size)
{
	MMDB_entry_data_s data;

	if (MMDB_aget_value(entry, &data, path) != MMDB_SUCCESS || !data.has_data ||
	    data.type != MMDB_DATA_TYPE_UTF8_STRING || data.data_size >= size)
		return false;
	memcpy(text, data.utf8_string, data.data_size);
	text[data.data_size] = 0;
	return true;
}

static bool is_code(const char *text)
{
	for (int i = 0; i < 2; i++)
		if (!((text[i] >= 'A' && text[i] <= 'Z') || (text[i] >= '0' && text[i] <= '9')))
			return false;
	return !text[2];
}

/* MaxMind and DB-IP: country.iso_code; others: country_code, or country itself. */
static void get_country(MMDB_entry_s *entry, char country[3])
{
	static const char *const paths[][3] = {{"country", "iso_code"}, {"country_code"}, {"country"}};
	char text[8];

	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		if (!get_text(entry, paths[i], text, sizeof(text)) || !is_code(text))
			continue;
		memcpy(country, text, 3);
		return;
	}
	memcpy(country, "??", 3);
}

/* "AS64500" or "64500"; 0: neither. */
static u32 parse_asn(const char *text)
{
	u64 number = 0;

	if (!strncmp(text, "AS", 2))
		text += 2;
	if (!*text || strlen(text) > 10)
		return 0;
	for (; *text >= '0' && *text <= '9'; text++)
		number = number * 10 + (u64)(*text - '0');
	return *text || number > UINT32_MAX ? 0 : (u32)number;
}

/* MaxMind and DB-IP: autonomous_system_number; others: asn, as a number or as text. */
static u32 get_asn(MMDB_entry_s *entry)
{
	static const char *const paths[][2] = {{"autonomous_system_number"}, {"asn"}};
	char text[16];

	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		MMDB_entry_data_s data;

		if (MMDB_aget_value(entry, &data, paths[i]) != MMDB_SUCCESS || !data.has_data)
			continue;
		if (data.type == MMDB_DATA_TYPE_UINT32)
			return data.uint32;
		if (data.type == MMDB_DATA_TYPE_UINT16)
			return data.uint16;
		if (get_text(entry, paths[i], text, sizeof(text)))
			return parse_asn(text);
	}
	return 0;
}

static const struct spw_mmdb_record *get_record(struct walk *walk, MMDB_entry_s *entry)
{
	u32 at = entry->offset * 2654435761u >> 20;

	_Static_assert(CACHE_SIZE == 1 << (32 - 20), "as the shift above");
	if (!walk->cache[at].filled || walk->cache[at].offset != entry->offset) {
		walk->cache[at].filled = true;
		walk->cache[at].offset = entry->offset;
		get_country(entry, walk->cache[at].record.country);
		walk->cache[at].record.asn = get_asn(entry);
	}
	return &walk->cache[at].record;
}

static int hand_over(struct walk *walk)
{
	if (!walk->pending)
		return 0;
	walk->pending = false;
	walk->mmdb->countries += strcmp(walk->record.country, "??") != 0;
	walk->mmdb->asns += walk->record.asn != 0;
	return walk->visit(walk->context, walk->family, &walk->first, &walk->last, &walk->record);
}

static struct spw_addr to_addr(unsigned __int128 at)
{
	return (struct spw_addr){(u64)(at >> 64), (u64)at};
}

/* The address after @addr; zero after the last one. */
static struct spw_addr next_addr(const struct spw_addr *addr, u8 family)
{
	if (family == 4)
		return (struct spw_addr){addr->hi + (1ull << 32), 0};
	return (struct spw_addr){addr->hi + (addr->lo == UINT64_MAX), addr->lo + 1};
}

static int take_network(struct walk *walk, struct branch *branch)
{
	struct spw_prefix prefix = {to_addr(branch->at), walk->family, (u8)branch->depth};
	const struct spw_mmdb_record *record = get_record(walk, &branch->entry);
	struct spw_addr last = spw_prefix_last(&prefix), next;
	int err;

	if (walk->pending) {
		next = next_addr(&walk->last, walk->family);
		if (!spw_addr_compare(&next, &prefix.addr) && walk->record.asn == record->asn &&
		    !strcmp(walk->record.country, record->country)) {
			walk->last = last;
			return 0;
		}
		err = hand_over(walk);
		if (err)
			return err;
	}
	walk->pending = true;
	walk->first = prefix.addr;
	walk->last = last;
	walk->record = *record;
	return 0;
}

static bool read_node(const struct walk *walk, const struct branch *branch, struct branch children[2])
{
	MMDB_search_node_s node;

	if (branch->depth >= walk->width || MMDB_read_node(&walk->db, (u32)branch->value, &node) != MMDB_SUCCESS)
		return false;
	children[0] = (struct branch){node.left_record, node.left_record_entry, node.left_record_type,
				      branch->depth + 1, branch->at};
	children[1] = (struct branch){node.right_record, node.right_record_entry, node.right_record_type,
				      branch->depth + 1, branch->at | (unsigned __int128)1 << (127 - branch->depth)};
	return true;
}

/* Visit all networks below @root, by address. */
static int walk_tree(struct walk *walk, const struct branch *root)
{
	struct branch stack[129 + 1] = {*root};
	u64 visits_max = (u64)walk->db.metadata.node_count * VISITS_PER_NODE + VISITS_MORE;
	u32 count = 1;
	int err = 0;

	while (count && !err) {
		struct branch branch = stack[--count], children[2];

		if (branch.type == MMDB_RECORD_TYPE_DATA) {
			err = take_network(walk, &branch);
		} else if (branch.type == MMDB_RECORD_TYPE_SEARCH_NODE && branch.value != walk->skipped) {
			if (++walk->visits > visits_max)
				return fail(walk->mmdb, -EINVAL, "it is damaged: its search tree repeats itself");
			if (!read_node(walk, &branch, children))
				return fail(walk->mmdb, -EINVAL, "it is damaged: its search tree is invalid");
			stack[count++] = children[1];
			stack[count++] = children[0];
		} else if (branch.type == MMDB_RECORD_TYPE_INVALID) {
			return fail(walk->mmdb, -EINVAL, "it is damaged: its search tree is invalid");
		}
	}
	return err ? err : hand_over(walk);
}

/* In a tree of IPv6 addresses, IPv4 is at ::/96. */
static bool find_ipv4(const struct walk *walk, const struct branch *root, struct branch *ipv4)
{
	*ipv4 = *root;
	while (walk->db.metadata.ip_version == 6 && ipv4->depth < 96 && ipv4->type == MMDB_RECORD_TYPE_SEARCH_NODE) {
		struct branch children[2];

		if (!read_node(walk, ipv4, children))
			return false;
		*ipv4 = children[0];
	}
	ipv4->depth = 0;
	return true;
}

static int walk_families(struct walk *walk)
{
	struct branch root = {.type = MMDB_RECORD_TYPE_SEARCH_NODE}, ipv4;
	int err;

	walk->width = 128;
	walk->skipped = UINT64_MAX;
	if (!find_ipv4(walk, &root, &ipv4))
		return fail(walk->mmdb, -EINVAL, "it is damaged: its search tree is invalid");
	walk->family = 4;
	walk->width = 32;
	err = walk_tree(walk, &ipv4);
	if (err || walk->db.metadata.ip_version != 6)
		return err;
	if (ipv4.type == MMDB_RECORD_TYPE_SEARCH_NODE)
		walk->skipped = ipv4.value;
	walk->family = 6;
	walk->width = 128;
	return walk_tree(walk, &root);
}

/* A memfd with a name that libmaxminddb can open. Returns a descriptor, or -1. */
static int copy_to_memory(const char *bytes, size_t length, char name[32])
{
	_cleanup_fd_ int fd = memfd_create("mmdb", MFD_CLOEXEC);

	if (fd < 0 || spw_write_all(fd, bytes, length))
		return -1;
	snprintf(name, 32, "/proc/self/fd/%d", fd);
	return TAKE_FD(fd);
}

static int open_copy(const char *bytes, size_t length, struct walk *walk)
{
	char name[32];
	_cleanup_fd_ int fd = copy_to_memory(bytes, length, name);
	int status;

	if (fd < 0)
		return fail(walk->mmdb, -ENOMEM, "out of memory");
	status = MMDB_open(name, MMDB_MODE_MMAP, &walk->db);
	switch (status) {
	case MMDB_SUCCESS:
		snprintf(walk->mmdb->type, sizeof(walk->mmdb->type), "%s", walk->db.metadata.database_type);
		return 0;
	case MMDB_OUT_OF_MEMORY_ERROR:
		return fail(walk->mmdb, -ENOMEM, "out of memory");
	case MMDB_INVALID_METADATA_ERROR:
	case MMDB_IO_ERROR: /* an empty file */
		return fail(walk->mmdb, -EINVAL, "it is not a MaxMind database (MMDB), or incomplete");
	default:
		snprintf(walk->mmdb->problem, sizeof(walk->mmdb->problem),
			 "it is not a usable MaxMind database (MMDB): %s", MMDB_strerror(status));
		return -EINVAL;
	}
}

/* libmaxminddb 1.7 multiplies in 32 bits, and reads beyond the file where that wraps. */
static bool fits(const struct walk *walk, size_t length)
{
	u64 node_bytes = walk->db.metadata.record_size * 2 / 8;

	return walk->db.metadata.node_count * node_bytes <= length;
}

int spw_mmdb_parse(const char *bytes, size_t length, spw_mmdb_visit *visit, void *context, struct spw_mmdb *mmdb)
{
	_cleanup_free_ struct walk *walk = calloc(1, sizeof(*walk));
	int err;

	*mmdb = (struct spw_mmdb){0};
	if (!walk)
		return fail(mmdb, -ENOMEM, "out of memory");
	walk->visit = visit;
	walk->context = context;
	walk->mmdb = mmdb;
	err = open_copy(bytes, length, walk);
	if (err)
		return err;
	err = fits(walk, length) ? walk_families(walk)
				 : fail(mmdb, -EINVAL, "it is damaged: its search tree is larger than the file");
	MMDB_close(&walk->db);
	return err;
}

int spw_mmdb_read(const struct spw_config_list *list, spw_mmdb_visit *visit, void *context, struct spw_mmdb *mmdb,
		  struct spw_diagnostics *diagnostics)
{
	struct spw_file file;
	int err = spw_file_read(list->path, SPW_LIST_FILE_BYTES_MAX, true, &file);

	*mmdb = (struct spw_mmdb){0};
	if (err) {
		spw_error(diagnostics, list->path_place, "cannot read '%s': %s", list->path, file.problem);
	} else {
		err = spw_mmdb_parse(file.text, file.length, visit, context, mmdb);
		if (mmdb->problem[0])
			spw_error(diagnostics, list->path_place, "cannot read '%s': %s", list->path, mmdb->problem);
	}
	spw_file_free(&file);
	return err;
}
