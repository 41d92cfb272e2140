/* SPDX-License-Identifier: GPL-2.0-only */
/* The URLs that can be asked. */
#include "url.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/units.h"

static const char scheme[] = "http://";

/* @host: between brackets where it is IPv6; the brackets are taken away. */
static bool read_address(char *host, u16 port, struct spw_url *url)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)&url->address;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&url->address;
	size_t length = strlen(host);

	if (*host == '[' && host[length - 1] == ']') {
		host[length - 1] = '\0';
		*v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(port)};
		url->address_bytes = sizeof(*v6);
		return inet_pton(AF_INET6, host + 1, &v6->sin6_addr) == 1;
	}
	*v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
	url->address_bytes = sizeof(*v4);
	return inet_pton(AF_INET, strcmp(host, "localhost") ? host : "127.0.0.1", &v4->sin_addr) == 1;
}

static const char *read_host(const char *text, size_t length, struct spw_url *url)
{
	char host[sizeof(url->host)] = "", *colon;
	u16 port = 80;

	if (length < sizeof(host))
		memcpy(host, text, length);
	memcpy(url->host, host, sizeof(host));
	colon = strrchr(host, ':');
	/* IPv6 has colons of its own, which belong between brackets. */
	if (colon && !strchr(colon, ']') && (*host == '[' || strchr(host, ':') == colon)) {
		if (spw_units_port(colon + 1, &port))
			return "its port is not a number from 1 to 65535";
		*colon = '\0';
	}
	if (!read_address(host, port, url))
		return "names are not looked up; write http://ADDRESS:PORT/PATH, with an address of this host such as "
		       "127.0.0.1 or [::1], or localhost";
	return NULL;
}

const char *spw_url_read(const char *text, struct spw_url *url)
{
	size_t length;

	memset(url, 0, sizeof(*url));
	if (strncmp(text, scheme, strlen(scheme)))
		return "it begins with http://";
	if (strlen(text) >= SPW_URL_MAX)
		return "it has at most 511 bytes";
	for (const char *byte = text; *byte; byte++)
		if ((unsigned char)*byte <= ' ' || *byte == 0x7f)
			return "it has no blanks or control characters; write a blank as %20";
	text += strlen(scheme);
	length = strcspn(text, "/?#");
	snprintf(url->path, sizeof(url->path), "%s%.*s", text[length] == '/' ? "" : "/",
		 (int)strcspn(text + length, "#"), text + length);
	return read_host(text, length, url);
}
