/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Addresses and prefixes as values. Left aligned in 128 bits for both families, so that one comparison and one shift
 * serve both: IPv4 is in the upper 32 bits of `hi`. The family is always kept beside it, so an IPv6 packet with an
 * IPv4-mapped source never matches an IPv4 list. Pure.
 */
#ifndef SPW_CORE_PREFIX_H
#define SPW_CORE_PREFIX_H

#include <stdbool.h>
#include <stddef.h>

#include "maps/types.h"

struct spw_addr {
	u64 hi;
	u64 lo;
};

/* Bits beyond `len` are zero. `len` is at most 32 (family 4) or 128 (family 6). */
struct spw_prefix {
	struct spw_addr addr;
	u8 family; /* 4 or 6 */
	u8 len;
};

/* Longest text of a prefix or an address, with its final NUL. */
#define SPW_PREFIX_TEXT 64

enum spw_prefix_error {
	SPW_PREFIX_OK = 0,
	SPW_PREFIX_NOT_AN_ADDRESS,
	SPW_PREFIX_BAD_LENGTH, /* not a number, or beyond 32 or 128 */
	SPW_PREFIX_HOST_BITS,  /* bits beyond the length are set; *prefix holds the corrected network */
};

/**
 * spw_prefix_parse() - parse "192.0.2.0/24", "2001:db8::/32" or a bare address (full length). IPv4-mapped ones, as
 * dual-stack servers log them, are IPv4: "::ffff:192.0.2.7" is 192.0.2.7/32. ::ffff:0:0/96 itself stays IPv6.
 * @text: need not end in NUL
 * @length: bytes of @text
 * @prefix: the result
 */
enum spw_prefix_error spw_prefix_parse(const char *text, size_t length, struct spw_prefix *prefix);

/** spw_addr_unmap() - convert an IPv4-mapped address to IPv4; false: it is none, and *addr is unchanged. */
bool spw_addr_unmap(struct spw_addr *addr);

/** spw_addr_parse() - parse one bare address as written; false if it is none. @family becomes 4 or 6. */
bool spw_addr_parse(const char *text, size_t length, struct spw_addr *addr, u8 *family);

/** spw_prefix_format() - canonical text (RFC 5952 for IPv6), with "/len". Returns @text. */
const char *spw_prefix_format(const struct spw_prefix *prefix, char text[SPW_PREFIX_TEXT]);

/** spw_addr_format() - canonical text of an address. Returns @text. */
const char *spw_addr_format(const struct spw_addr *addr, u8 family, char text[SPW_PREFIX_TEXT]);

/** spw_addr_compare() - below, equal to or above zero, like memcmp. */
int spw_addr_compare(const struct spw_addr *left, const struct spw_addr *right);

/** spw_prefix_last() - the last address of @prefix; bits beyond the family's width are zero. */
struct spw_addr spw_prefix_last(const struct spw_prefix *prefix);

/** spw_prefix_contains() - whether @inner lies in @outer; false for different families. */
bool spw_prefix_contains(const struct spw_prefix *outer, const struct spw_prefix *inner);

/**
 * spw_range_next() - cut the largest prefix off the front of the range @first..@last.
 * @first: advanced past the prefix
 * @prefix: the prefix
 *
 * Call until it returns false; the prefixes are the range's shortest CIDR decomposition, in ascending order.
 * A range with @first above @last gives none.
 */
bool spw_range_next(struct spw_addr *first, const struct spw_addr *last, u8 family, bool *ended,
		    struct spw_prefix *prefix);

#endif
