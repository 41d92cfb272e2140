/* SPDX-License-Identifier: GPL-2.0-only */
#include "last_good.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#include "base/write.h"

#define MAGIC	     "spwgood"
#define VERSION	     1u
#define BUFFER_BYTES 65536

struct header {
	char magic[8];
	u32 version;
	u32 check; /* CRC-32 of the whole file, this being 0 */
	u64 saved_s;
	u32 path_bytes;
	u32 text_bytes;
	u32 lists;
	u32 reserved;
};

/* Followed by count4 prefixes of 5 bytes and count6 of 17: address and length. */
struct record {
	char name[SPW_NAME_MAX];
	u64 read_s;
	u32 count4;
	u32 count6;
	u32 skipped;
	u32 reserved;
};

#define BYTES4 5
#define BYTES6 17

/* ---- writing ---- */

struct writer {
	int fd;
	int err;
	u32 check;
	size_t used;
	size_t total;
	u8 buffer[BUFFER_BYTES];
};

static void flush(struct writer *writer)
{
	writer->check = (u32)crc32_z(writer->check, writer->buffer, writer->used);
	if (!writer->err)
		writer->err = spw_write_all(writer->fd, writer->buffer, writer->used);
	writer->used = 0;
}

static void put(struct writer *writer, const void *bytes, size_t count)
{
	const u8 *at = bytes;

	writer->total += count;
	if (writer->total > SPW_LAST_GOOD_BYTES_MAX && !writer->err)
		writer->err = -EFBIG;
	while (count && !writer->err) {
		size_t part = BUFFER_BYTES - writer->used < count ? BUFFER_BYTES - writer->used : count;

		memcpy(writer->buffer + writer->used, at, part);
		writer->used += part;
		at += part;
		count -= part;
		if (writer->used == BUFFER_BYTES)
			flush(writer);
	}
}

static void put_prefixes(struct writer *writer, const struct spw_list *list, u8 family)
{
	for (size_t i = 0; i < list->count && !writer->err; i++) {
		const struct spw_prefix *prefix = &list->entries[i].prefix;
		u8 bytes[BYTES6];
		u32 addr4 = (u32)(prefix->addr.hi >> 32);

		if (prefix->family != family)
			continue;
		if (family == 4) {
			memcpy(bytes, &addr4, sizeof(addr4));
			bytes[BYTES4 - 1] = prefix->len;
		} else {
			memcpy(bytes, &prefix->addr.hi, 8);
			memcpy(bytes + 8, &prefix->addr.lo, 8);
			bytes[BYTES6 - 1] = prefix->len;
		}
		put(writer, bytes, family == 4 ? BYTES4 : BYTES6);
	}
}

static void put_list(struct writer *writer, const struct spw_config_list *named, const struct spw_list *list, u64 now_s)
{
	struct record record = {
		.read_s = list->kept_s ? list->kept_s : now_s,
		.count4 = (u32)list->count4,
		.count6 = (u32)list->count6,
		.skipped = list->skipped < UINT32_MAX ? (u32)list->skipped : UINT32_MAX,
	};

	snprintf(record.name, sizeof(record.name), "%s", named->name);
	put(writer, &record, sizeof(record));
	put_prefixes(writer, list, 4);
	put_prefixes(writer, list, 6);
}

int spw_last_good_write(int fd, const struct spw_config *config, const struct spw_lists *lists, u64 now_s)
{
	struct header header = {
		.magic = MAGIC,
		.version = VERSION,
		.saved_s = now_s,
		.path_bytes = (u32)strlen(config->path),
		.text_bytes = (u32)config->text_bytes,
		.lists = (u32)lists->count,
	};
	struct writer *writer = malloc(sizeof(*writer));
	int err;

	if (!writer)
		return -ENOMEM;
	writer->fd = fd;
	writer->err = 0;
	writer->check = 0;
	writer->used = writer->total = 0;
	put(writer, &header, sizeof(header));
	put(writer, config->path, header.path_bytes);
	put(writer, config->text, header.text_bytes);
	for (size_t i = 0; i < lists->count; i++)
		put_list(writer, &config->lists[i], &lists->lists[i], now_s);
	flush(writer);
	header.check = writer->check;
	err = writer->err;
	if (!err && pwrite(fd, &header, sizeof(header), 0) != sizeof(header))
		err = errno ? -errno : -EIO;
	free(writer);
	return err;
}

/* ---- reading ---- */

/* The next @count bytes; NULL: there are fewer. */
static const void *take(const u8 **at, const u8 *end, u64 count)
{
	const u8 *taken = *at;

	if (count > (u64)(end - taken))
		return NULL;
	*at += count;
	return taken;
}

static bool check_prefixes(const u8 *bytes, size_t count, size_t each)
{
	for (size_t i = 0; i < count; i++)
		if (bytes[i * each + each - 1] > (each == BYTES4 ? 32 : 128))
			return false;
	return true;
}

static bool take_list(const u8 **at, const u8 *end, struct spw_last_good_list *list)
{
	struct record record;
	const void *found = take(at, end, sizeof(record));

	if (!found)
		return false;
	memcpy(&record, found, sizeof(record));
	if (!memchr(record.name, 0, sizeof(record.name)))
		return false;
	*list = (struct spw_last_good_list){
		.read_s = record.read_s,
		.count4 = record.count4,
		.count6 = record.count6,
		.skipped = record.skipped,
	};
	memcpy(list->name, record.name, sizeof(list->name));
	list->prefixes = take(at, end, (u64)record.count4 * BYTES4 + (u64)record.count6 * BYTES6);
	return list->prefixes && check_prefixes(list->prefixes, record.count4, BYTES4) &&
	       check_prefixes(list->prefixes + (size_t)record.count4 * BYTES4, record.count6, BYTES6);
}

/* Returns what is wrong with it; NULL: nothing. */
static const char *take_head(struct spw_file *file, struct header *header)
{
	if (file->length < sizeof(*header))
		return "it is cut off";
	memcpy(header, file->text, sizeof(*header));
	if (memcmp(header->magic, MAGIC, sizeof(header->magic)))
		return "it is another kind of file";
	if (header->version != VERSION)
		return "it is of another version";
	memset(file->text + offsetof(struct header, check), 0, sizeof(header->check));
	if ((u32)crc32_z(0, (const u8 *)file->text, file->length) != header->check)
		return "it is damaged";
	return NULL;
}

static int parse_config(struct spw_last_good *good, char *problem)
{
	struct spw_diagnostics diagnostics = {0};
	int err = spw_config_parse(good->text, good->text_bytes, good->config_path, &good->config, &diagnostics);

	if (err)
		spw_message(problem, err, "this version refuses the configuration in it: %.300s",
			    diagnostics.count ? diagnostics.items[0].text : strerror(-err));
	spw_diagnostics_free(&diagnostics);
	return err;
}

int spw_last_good_parse(struct spw_file *file, struct spw_last_good *good, char problem[SPW_MESSAGE_MAX])
{
	const u8 *at = (const u8 *)file->text, *end = at + file->length;
	const char *wrong, *path, *text;
	struct header header;

	*good = (struct spw_last_good){.file = *file};
	*file = (struct spw_file){0};
	wrong = take_head(&good->file, &header);
	if (wrong)
		return spw_message(problem, -EBADMSG, "%s", wrong);
	at += sizeof(header);
	path = take(&at, end, header.path_bytes);
	text = path ? take(&at, end, header.text_bytes) : NULL;
	if (!text || header.path_bytes >= PATH_MAX || header.lists >= SPW_LISTS_MAX)
		return spw_message(problem, -EBADMSG, "it is damaged");
	good->saved_s = header.saved_s;
	good->config_path = strndup(path, header.path_bytes);
	good->text = strndup(text, header.text_bytes);
	good->text_bytes = good->text ? strlen(good->text) : 0;
	good->lists = calloc(header.lists + 1, sizeof(*good->lists));
	if (!good->config_path || !good->text || !good->lists)
		return spw_message(problem, -ENOMEM, "out of memory");
	for (; good->lists_count < header.lists; good->lists_count++)
		if (!take_list(&at, end, &good->lists[good->lists_count]))
			return spw_message(problem, -EBADMSG, "it is damaged");
	return parse_config(good, problem);
}

int spw_last_good_read(const char *state_dir, struct spw_last_good *good, char problem[SPW_MESSAGE_MAX])
{
	struct spw_file file = {0};
	char path[PATH_MAX];
	int err;

	*problem = '\0';
	*good = (struct spw_last_good){0};
	snprintf(path, sizeof(path), "%.4000s/" SPW_LAST_GOOD_FILE, state_dir);
	err = spw_file_read(path, SPW_LAST_GOOD_BYTES_MAX, true, &file);
	if (err)
		spw_message(problem, err, "%s", file.problem);
	else
		err = spw_last_good_parse(&file, good, problem);
	spw_file_free(&file);
	return err;
}

void spw_last_good_free(struct spw_last_good *good)
{
	spw_config_free(&good->config);
	spw_file_free(&good->file);
	free(good->config_path);
	free(good->text);
	free(good->lists);
	*good = (struct spw_last_good){0};
}

/* ---- using ---- */

const struct spw_last_good_list *spw_last_good_find(const struct spw_last_good *good,
						    const struct spw_config_list *list)
{
	size_t at = 0;

	while (at < good->config.lists_count && !spw_config_same_source(&good->config.lists[at], list))
		at++;
	if (at == good->config.lists_count)
		return NULL;
	for (size_t i = 0; i < good->lists_count; i++)
		if (!strcmp(good->lists[i].name, list->name))
			return &good->lists[i];
	return NULL;
}

int spw_last_good_take(const struct spw_last_good_list *kept, const struct spw_config_list *named,
		       struct spw_list *list)
{
	const u8 *at = kept->prefixes;
	int err = 0;

	list->file = named->place.file;
	list->kept_s = kept->read_s;
	list->skipped = kept->skipped;
	for (u32 i = 0; i < kept->count4 && !err; i++, at += BYTES4) {
		struct spw_prefix prefix = {.family = 4, .len = at[BYTES4 - 1]};
		u32 addr4;

		memcpy(&addr4, at, sizeof(addr4));
		prefix.addr.hi = (u64)addr4 << 32;
		err = spw_list_append(list, &prefix, 0, 0);
	}
	for (u32 i = 0; i < kept->count6 && !err; i++, at += BYTES6) {
		struct spw_prefix prefix = {.family = 6, .len = at[BYTES6 - 1]};

		memcpy(&prefix.addr.hi, at, 8);
		memcpy(&prefix.addr.lo, at + 8, 8);
		err = spw_list_append(list, &prefix, 0, 0);
	}
	return err;
}

const char *spw_last_good_when(u64 then_s, u64 now_s, char text[SPW_LAST_GOOD_WHEN])
{
	u64 age_s = now_s > then_s ? now_s - then_s : 0;
	time_t then = (time_t)then_s;
	char at[32] = "?";
	struct tm parts;

	if (gmtime_r(&then, &parts))
		strftime(at, sizeof(at), "%Y-%m-%dT%H:%M:%SZ", &parts);
	if (age_s < 120)
		snprintf(text, SPW_LAST_GOOD_WHEN, "%s, %llu s ago", at, (unsigned long long)age_s);
	else if (age_s < 2 * 3600)
		snprintf(text, SPW_LAST_GOOD_WHEN, "%s, %llu min ago", at, (unsigned long long)age_s / 60);
	else if (age_s < 2 * 86400)
		snprintf(text, SPW_LAST_GOOD_WHEN, "%s, %llu h ago", at, (unsigned long long)age_s / 3600);
	else
		snprintf(text, SPW_LAST_GOOD_WHEN, "%s, %llu d ago", at, (unsigned long long)age_s / 86400);
	return text;
}
