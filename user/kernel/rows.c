/* SPDX-License-Identifier: GPL-2.0-only */
/* File format: number of rows of each family, IPv4 rows, IPv6 rows. */
#include "rows.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/write.h"

struct header {
	u64 count4;
	u64 count6;
};

int spw_rows_write(const struct spw_prefix_rows *rows)
{
	_cleanup_fd_ int fd = memfd_create("spillway-prefixes", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	const struct header header = {rows->count4, rows->count6};
	int err = fd < 0 ? -errno : spw_write_all(fd, &header, sizeof(header));

	if (!err)
		err = spw_write_all(fd, rows->rows4, rows->count4 * sizeof(*rows->rows4));
	if (!err)
		err = spw_write_all(fd, rows->rows6, rows->count6 * sizeof(*rows->rows6));
	if (!err && fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE))
		err = -errno;
	return err ? err : TAKE_FD(fd);
}

int spw_rows_map(int fd, struct spw_rows_mapping *mapping)
{
	const struct header *header;
	struct stat status;

	*mapping = (struct spw_rows_mapping){0};
	if (fstat(fd, &status))
		return -errno;
	if (status.st_size < (off_t)sizeof(*header))
		return -EPROTO;
	mapping->bytes = (size_t)status.st_size;
	mapping->memory = mmap(NULL, mapping->bytes, PROT_READ, MAP_SHARED, fd, 0);
	if (mapping->memory == MAP_FAILED) {
		mapping->memory = NULL;
		return -errno;
	}
	header = mapping->memory;
	mapping->rows = (struct spw_prefix_rows){.rows4 = (u64 *)(header + 1), .count4 = header->count4};
	mapping->rows.rows6 = (struct spw_prefix_row6 *)(mapping->rows.rows4 + header->count4);
	mapping->rows.count6 = header->count6;
	if (mapping->bytes == sizeof(*header) + header->count4 * sizeof(*mapping->rows.rows4) +
				      header->count6 * sizeof(*mapping->rows.rows6))
		return 0;
	spw_rows_unmap(mapping);
	return -EPROTO;
}

void spw_rows_unmap(struct spw_rows_mapping *mapping)
{
	if (mapping->memory)
		munmap(mapping->memory, mapping->bytes);
	*mapping = (struct spw_rows_mapping){0};
}

void spw_rows_rest(const struct spw_rows_mapping *mapping)
{
	if (mapping->memory)
		madvise(mapping->memory, mapping->bytes, MADV_DONTNEED);
}
