/* SPDX-License-Identifier: GPL-2.0-only */
#include "socket_owners.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

static int compare(const void *left, const void *right)
{
	const struct spw_socket_owner *one = left, *other = right;

	return (one->inode > other->inode) - (one->inode < other->inode);
}

static void read_name(unsigned int pid, char name[16])
{
	_cleanup_file_ FILE *file = NULL;
	char path[32];

	snprintf(path, sizeof(path), "/proc/%u/comm", pid);
	file = fopen(path, "re");
	if (!file || !fgets(name, 16, file))
		*name = '\0';
	name[strcspn(name, "\n")] = '\0';
}

/* @link: "socket:[4711]" */
static void note_link(struct spw_socket_owner *owners, size_t count, unsigned int pid, const char *link)
{
	struct spw_socket_owner key = {0}, *owner;
	unsigned long long inode;

	if (sscanf(link, "socket:[%llu]", &inode) != 1)
		return;
	key.inode = inode;
	owner = bsearch(&key, owners, count, sizeof(*owners), compare);
	if (owner && !*owner->process)
		read_name(pid, owner->process);
}

static void read_process(struct spw_socket_owner *owners, size_t count, unsigned int pid)
{
	char path[64], link[64];
	struct dirent *entry;
	DIR *folder;

	snprintf(path, sizeof(path), "/proc/%u/fd", pid);
	folder = opendir(path);
	while (folder && (entry = readdir(folder))) {
		ssize_t length = readlinkat(dirfd(folder), entry->d_name, link, sizeof(link) - 1);

		if (length <= 0)
			continue;
		link[length] = '\0';
		note_link(owners, count, pid, link);
	}
	if (folder)
		closedir(folder);
}

void spw_socket_owners_find(struct spw_socket_owner *owners, size_t count)
{
	DIR *processes = opendir("/proc");
	struct dirent *entry;

	while (processes && (entry = readdir(processes))) {
		unsigned long pid = strtoul(entry->d_name, NULL, 10);

		if (pid > 1)
			read_process(owners, count, (unsigned int)pid);
	}
	if (processes)
		closedir(processes);
}
