/* SPDX-License-Identifier: GPL-2.0-only */
#include "surroundings.h"

#include <limits.h>
#include <linux/route.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

#define PARENTS_MAX   32
#define ENVIRON_BYTES 65536

/* ---- default routes ---- */

static size_t add_name(char names[][16], size_t count, size_t max, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(names[i], name))
			return count;
	if (count == max)
		return count;
	snprintf(names[count], 16, "%s", name);
	return count + 1;
}

static bool is_route(unsigned int flags)
{
	return flags & RTF_UP && !(flags & RTF_REJECT);
}

size_t spw_default_routes(char names[][16], size_t max)
{
	_cleanup_file_ FILE *routes4 = fopen("/proc/net/route", "re");
	_cleanup_file_ FILE *routes6 = fopen("/proc/net/ipv6_route", "re");
	unsigned int destination, flags, mask, length;
	char line[512], name[16], address[33];
	size_t count = 0;

	while (routes4 && fgets(line, sizeof(line), routes4))
		if (sscanf(line, "%15s %x %*x %x %*u %*u %*u %x", name, &destination, &flags, &mask) == 4 &&
		    !destination && !mask && is_route(flags))
			count = add_name(names, count, max, name);
	while (routes6 && fgets(line, sizeof(line), routes6))
		if (sscanf(line, "%32[0-9a-f] %x %*x %*x %*x %*x %*x %*x %x %15s", address, &length, &flags, name) ==
			    4 &&
		    !length && strspn(address, "0") == 32 && is_route(flags) && strcmp(name, "lo") != 0)
			count = add_name(names, count, max, name);
	return count;
}

/* ---- the session ---- */

/* "198.51.100.7 50000 192.0.2.1 22" */
static bool parse_connection(const char *text, struct spw_prefix *address, u16 *port)
{
	char from[64];
	unsigned int server_port;

	if (sscanf(text, "%63s %*u %*s %u", from, &server_port) != 2 || !server_port || server_port > 65535)
		return false;
	from[strcspn(from, "%")] = '\0'; /* a link-local address has a scope */
	if (spw_prefix_parse(from, strlen(from), address) != SPW_PREFIX_OK)
		return false;
	*port = (u16)server_port;
	return true;
}

/* The parent of a process; 0: unknown. The name, in parentheses, may contain anything. */
static unsigned int parent_of(unsigned int pid)
{
	_cleanup_file_ FILE *file = NULL;
	char path[32], line[512], *after;
	unsigned int parent;

	snprintf(path, sizeof(path), "/proc/%u/stat", pid);
	file = fopen(path, "re");
	if (!file || !fgets(line, sizeof(line), file))
		return 0;
	after = strrchr(line, ')');
	return after && sscanf(after, ") %*c %u", &parent) == 1 ? parent : 0;
}

static bool read_environment(unsigned int pid, struct spw_prefix *address, u16 *port)
{
	static const char key[] = "SSH_CONNECTION=";
	_cleanup_free_ char *text = calloc(1, ENVIRON_BYTES + 1);
	_cleanup_file_ FILE *file = NULL;
	char path[32];
	size_t length;

	snprintf(path, sizeof(path), "/proc/%u/environ", pid);
	file = fopen(path, "re");
	if (!file || !text)
		return false;
	length = fread(text, 1, ENVIRON_BYTES, file);
	for (size_t at = 0; at < length; at += strlen(text + at) + 1)
		if (!strncmp(text + at, key, strlen(key)))
			return parse_connection(text + at + strlen(key), address, port);
	return false;
}

bool spw_session_login(struct spw_prefix *address, u16 *port)
{
	const char *own = getenv("SSH_CONNECTION");
	unsigned int pid = (unsigned int)getppid();

	if (own)
		return parse_connection(own, address, port);
	for (int i = 0; i < PARENTS_MAX && pid > 1; i++, pid = parent_of(pid))
		if (read_environment(pid, address, port))
			return true;
	return false;
}

/* ---- the country ---- */

static bool read_zone(char zone[64])
{
	static const char folder[] = "/zoneinfo/";
	const char *given = getenv("TZ"), *name;
	char target[PATH_MAX];
	ssize_t length;

	if (given && *given) {
		snprintf(zone, 64, "%s", *given == ':' ? given + 1 : given);
		return true;
	}
	length = readlink("/etc/localtime", target, sizeof(target) - 1);
	target[length > 0 ? length : 0] = '\0';
	name = strstr(target, folder);
	if (!name)
		return false;
	snprintf(zone, 64, "%s", name + strlen(folder));
	return true;
}

bool spw_local_country(char zone[64], char country[3])
{
	_cleanup_file_ FILE *table = fopen("/usr/share/zoneinfo/zone.tab", "re");
	char line[512], code[3], name[64];

	if (!table || !read_zone(zone))
		return false;
	while (fgets(line, sizeof(line), table)) {
		if (sscanf(line, "%2[A-Z] %*s %63s", code, name) != 2 || strcmp(name, zone) != 0)
			continue;
		memcpy(country, code, sizeof(code));
		return true;
	}
	return false;
}
