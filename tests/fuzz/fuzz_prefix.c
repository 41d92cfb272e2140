/* SPDX-License-Identifier: GPL-2.0-only */
/* Arbitrary bytes as an address and a prefix, with inet_pton() as the oracle. */
#include <arpa/inet.h>
#include <string.h>

#include "fuzz.h"
#include "user/core/table/prefix.h"

/* The family according to libc, or 0. */
static u8 parse_libc(const char *text, size_t length, struct spw_addr *addr)
{
	u8 family = strchr(text, ':') ? 6 : 4, bytes[16] = {0};

	*addr = (struct spw_addr){0, 0};
	if (strlen(text) != length || inet_pton(family == 4 ? AF_INET : AF_INET6, text, bytes) != 1)
		return 0;
	for (int i = 0; i < 8; i++) {
		addr->hi = addr->hi << 8 | bytes[i];
		addr->lo = addr->lo << 8 | bytes[i + 8];
	}
	return family;
}

static void check_addr(const char *text, size_t length)
{
	struct spw_addr addr = {0, 0}, expected, again;
	u8 family = 0, again_family, expected_family = parse_libc(text, length, &expected);
	bool parsed = spw_addr_parse(text, length, &addr, &family);
	char out[SPW_PREFIX_TEXT];

	require(parsed == (expected_family != 0));
	if (!parsed)
		return;
	require(family == expected_family && !spw_addr_compare(&addr, &expected));
	spw_addr_format(&addr, family, out);
	require(spw_addr_parse(out, strlen(out), &again, &again_family));
	require(again_family == family && !spw_addr_compare(&addr, &again));
}

static void check_prefix(const char *text, size_t length)
{
	enum spw_prefix_error error;
	struct spw_prefix prefix, again;
	char out[SPW_PREFIX_TEXT];

	error = spw_prefix_parse(text, length, &prefix);
	if (error != SPW_PREFIX_OK && error != SPW_PREFIX_HOST_BITS)
		return;
	spw_prefix_format(&prefix, out);
	require(spw_prefix_parse(out, strlen(out), &again) == SPW_PREFIX_OK);
	require(again.len == prefix.len && again.family == prefix.family &&
		!spw_addr_compare(&again.addr, &prefix.addr));
	require(spw_prefix_contains(&prefix, &again));
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	char text[128];

	if (size >= sizeof(text))
		return 0;
	memcpy(text, data, size);
	text[size] = 0;
	check_addr(text, size);
	check_prefix((const char *)data, size);
	return 0;
}
