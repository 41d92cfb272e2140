/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Addresses and prefixes: parsing, formatting, arithmetic. Not by libc: inet_pton() needs a NUL-terminated copy of each
 * of half a million lines.
 */
#include "prefix.h"

#include <string.h>

typedef unsigned __int128 u128;

#define GROUPS	    8
#define MAPPED_BITS 96 /* ::ffff:0:0/96 */

static u32 family_width(u8 family)
{
	return family == 4 ? 32 : 128;
}

/* The address as a number of its family's width. */
static u128 to_number(const struct spw_addr *addr, u32 width)
{
	return ((u128)addr->hi << 64 | addr->lo) >> (128 - width);
}

static struct spw_addr from_number(u128 number, u32 width)
{
	number <<= 128 - width;
	return (struct spw_addr){(u64)(number >> 64), (u64)number};
}

/* Ones after the first @len of 128 bits. */
static struct spw_addr host_mask(u32 len)
{
	struct spw_addr mask = {0, 0};

	if (len < 64)
		mask.hi = ~0ULL >> len;
	if (len <= 64)
		mask.lo = ~0ULL;
	else if (len < 128)
		mask.lo = ~0ULL >> (len - 64);
	return mask;
}

static struct spw_addr mask_off(struct spw_addr addr, u32 len)
{
	struct spw_addr mask = host_mask(len);

	return (struct spw_addr){addr.hi & ~mask.hi, addr.lo & ~mask.lo};
}

/* A decimal number without leading zeros, at most @max; returns what follows it, NULL if there is none. */
static const char *parse_decimal(const char *at, const char *end, u32 max, u32 *value)
{
	const char *first = at;

	*value = 0;
	for (; at < end && *at >= '0' && *at <= '9'; at++) {
		*value = *value * 10 + (u32)(*at - '0');
		if (*value > max || (at > first && *first == '0'))
			return NULL;
	}
	return at > first ? at : NULL;
}

static bool parse_quad(const char *at, const char *end, u32 *value)
{
	u32 byte;

	*value = 0;
	for (int i = 0; i < 4; i++) {
		if (i && (at == end || *at++ != '.'))
			return false;
		at = parse_decimal(at, end, 255, &byte);
		if (!at)
			return false;
		*value = *value << 8 | byte;
	}
	return at == end;
}

/* 0 to 15, or 16: not a hexadecimal digit. */
static u32 hex_digit(char digit)
{
	if (digit >= '0' && digit <= '9')
		return (u32)(digit - '0');
	digit |= 0x20; /* to lower case */
	return digit >= 'a' && digit <= 'f' ? (u32)(digit - 'a') + 10 : 16;
}

/* One to four hexadecimal digits; returns what follows them, NULL if there are none or too many. */
static const char *parse_group(const char *at, const char *end, u16 *value)
{
	const char *first = at;
	u32 number = 0, digit;

	for (; at < end && (digit = hex_digit(*at)) < 16; at++)
		number = number << 4 | digit;
	*value = (u16)number;
	return at > first && at - first <= 4 ? at : NULL;
}

static struct spw_addr join_groups(const u16 groups[GROUPS])
{
	struct spw_addr addr = {0, 0};

	for (int i = 0; i < GROUPS / 2; i++) {
		addr.hi = addr.hi << 16 | groups[i];
		addr.lo = addr.lo << 16 | groups[i + GROUPS / 2];
	}
	return addr;
}

/* An IPv6 address being parsed: the groups so far, and how many came before the "::". */
struct groups {
	u16 value[GROUPS];
	int count;
	int gap; /* -1: no "::" yet */
};

/* The next group, or the final dotted quad; returns what follows, NULL if it is neither. */
static const char *parse_part(const char *at, const char *end, struct groups *groups)
{
	const char *next;
	u32 quad;

	if (groups->count == GROUPS)
		return NULL;
	next = parse_group(at, end, &groups->value[groups->count]);
	if (next && (next == end || *next != '.')) {
		groups->count++;
		return next;
	}
	if (groups->count > GROUPS - 2 || !parse_quad(at, end, &quad))
		return NULL;
	groups->value[groups->count++] = (u16)(quad >> 16);
	groups->value[groups->count++] = (u16)quad;
	return end;
}

/* "::" stands for one or more zero groups. */
static bool fill_gap(struct groups *groups)
{
	int behind = groups->count - groups->gap, missing = GROUPS - groups->count;

	if (groups->gap < 0)
		return missing == 0;
	if (missing < 1)
		return false;
	memmove(&groups->value[GROUPS - behind], &groups->value[groups->gap], (size_t)behind * sizeof(u16));
	memset(&groups->value[groups->gap], 0, (size_t)missing * sizeof(u16));
	return true;
}

static bool parse_ipv6(const char *at, const char *end, struct spw_addr *addr)
{
	struct groups groups = {.count = 0, .gap = -1};

	if (end - at >= 2 && at[0] == ':' && at[1] == ':') {
		groups.gap = 0;
		at += 2;
	}
	while (at < end) {
		at = parse_part(at, end, &groups);
		if (!at)
			return false;
		if (at == end)
			break;
		if (*at++ != ':' || at == end)
			return false;
		if (*at != ':')
			continue;
		if (groups.gap >= 0)
			return false;
		groups.gap = groups.count;
		at++;
	}
	if (!fill_gap(&groups))
		return false;
	*addr = join_groups(groups.value);
	return true;
}

bool spw_addr_parse(const char *text, size_t length, struct spw_addr *addr, u8 *family)
{
	const char *end = text + length;
	u32 quad;

	/* A group has at most four digits, so the first colon comes early. */
	for (size_t i = 0; i < length && i < 5; i++) {
		if (text[i] != ':')
			continue;
		*family = 6;
		return parse_ipv6(text, end, addr);
	}
	if (!parse_quad(text, end, &quad))
		return false;
	*family = 4;
	*addr = (struct spw_addr){(u64)quad << 32, 0};
	return true;
}

bool spw_addr_unmap(struct spw_addr *addr)
{
	if (addr->hi || addr->lo >> 32 != 0xffff)
		return false;
	*addr = (struct spw_addr){addr->lo << 32, 0};
	return true;
}

enum spw_prefix_error spw_prefix_parse(const char *text, size_t length, struct spw_prefix *prefix)
{
	size_t slash = 0;
	struct spw_addr network;
	u32 len, width;

	while (slash < length && text[slash] != '/')
		slash++;
	if (!spw_addr_parse(text, slash, &prefix->addr, &prefix->family))
		return SPW_PREFIX_NOT_AN_ADDRESS;
	width = len = family_width(prefix->family);
	prefix->len = (u8)width;
	if (slash < length && parse_decimal(text + slash + 1, text + length, width, &len) != text + length)
		return SPW_PREFIX_BAD_LENGTH;
	if (prefix->family == 6 && len > MAPPED_BITS && spw_addr_unmap(&prefix->addr)) {
		prefix->family = 4;
		len -= MAPPED_BITS;
	}
	prefix->len = (u8)len;
	network = mask_off(prefix->addr, len);
	if (!spw_addr_compare(&network, &prefix->addr))
		return SPW_PREFIX_OK;
	prefix->addr = network;
	return SPW_PREFIX_HOST_BITS;
}

static char *put_decimal(char *out, u32 value)
{
	char digits[10];
	int count = 0;

	do
		digits[count++] = (char)('0' + value % 10);
	while (value /= 10);
	while (count)
		*out++ = digits[--count];
	return out;
}

static char *put_quad(char *out, u32 quad)
{
	for (int shift = 24; shift >= 0; shift -= 8) {
		out = put_decimal(out, quad >> shift & 255);
		if (shift)
			*out++ = '.';
	}
	return out;
}

static char *put_group(char *out, u16 group)
{
	int shift = 12;

	while (shift && !(group >> shift))
		shift -= 4;
	for (; shift >= 0; shift -= 4)
		*out++ = "0123456789abcdef"[group >> shift & 15];
	return out;
}

/* RFC 5952, 4.2: the longest run of two or more zero groups, the first of equal ones. @start is GROUPS if there is
 * none. */
static void find_gap(const u16 groups[GROUPS], int *start, int *length)
{
	*start = GROUPS;
	*length = 1;
	for (int i = 0; i < GROUPS; i++) {
		int run = 0;

		while (i + run < GROUPS && !groups[i + run])
			run++;
		if (run > *length) {
			*start = i;
			*length = run;
		}
	}
}

static char *put_ipv6(char *out, const struct spw_addr *addr)
{
	u16 groups[GROUPS];
	int gap, gap_length;

	for (int i = 0; i < GROUPS / 2; i++) {
		groups[i] = (u16)(addr->hi >> (48 - 16 * i));
		groups[i + GROUPS / 2] = (u16)(addr->lo >> (48 - 16 * i));
	}
	if (!addr->hi && addr->lo >> 32 == 0xffff) { /* IPv4-mapped: section 5 recommends the mixed form */
		memcpy(out, "::ffff:", 7);
		return put_quad(out + 7, (u32)addr->lo);
	}
	find_gap(groups, &gap, &gap_length);
	for (int i = 0; i < GROUPS; i++) {
		if (i == gap) {
			*out++ = ':';
			*out++ = ':';
			i += gap_length - 1;
			continue;
		}
		if (i && i != gap + gap_length)
			*out++ = ':';
		out = put_group(out, groups[i]);
	}
	return out;
}

static char *put_addr(char *out, const struct spw_addr *addr, u8 family)
{
	return family == 4 ? put_quad(out, (u32)(addr->hi >> 32)) : put_ipv6(out, addr);
}

const char *spw_addr_format(const struct spw_addr *addr, u8 family, char text[SPW_PREFIX_TEXT])
{
	*put_addr(text, addr, family) = 0;
	return text;
}

const char *spw_prefix_format(const struct spw_prefix *prefix, char text[SPW_PREFIX_TEXT])
{
	char *out = put_addr(text, &prefix->addr, prefix->family);

	*out++ = '/';
	*put_decimal(out, prefix->len) = 0;
	return text;
}

int spw_addr_compare(const struct spw_addr *left, const struct spw_addr *right)
{
	if (left->hi != right->hi)
		return left->hi < right->hi ? -1 : 1;
	return left->lo < right->lo ? -1 : left->lo > right->lo;
}

struct spw_addr spw_prefix_last(const struct spw_prefix *prefix)
{
	struct spw_addr mask = host_mask(prefix->len);

	if (prefix->family == 4)
		return (struct spw_addr){prefix->addr.hi | (mask.hi & ~0ULL << 32), 0};
	return (struct spw_addr){prefix->addr.hi | mask.hi, prefix->addr.lo | mask.lo};
}

bool spw_prefix_contains(const struct spw_prefix *outer, const struct spw_prefix *inner)
{
	struct spw_addr network = mask_off(inner->addr, outer->len);

	return outer->family == inner->family && outer->len <= inner->len && !spw_addr_compare(&network, &outer->addr);
}

/* Number of low zero bits of @number, at most @width. */
static u32 trailing_zeros(u128 number, u32 width)
{
	u32 count = width;

	if ((u64)number)
		count = (u32)__builtin_ctzll((u64)number);
	else if ((u64)(number >> 64))
		count = 64 + (u32)__builtin_ctzll((u64)(number >> 64));
	return count < width ? count : width;
}

/* Position of the highest bit set; @number is not zero. */
static u32 highest_bit(u128 number)
{
	u64 upper = (u64)(number >> 64);

	return upper ? 127 - (u32)__builtin_clzll(upper) : 63 - (u32)__builtin_clzll((u64)number);
}

bool spw_range_next(struct spw_addr *first, const struct spw_addr *last, u8 family, bool *ended,
		    struct spw_prefix *prefix)
{
	u32 width = family_width(family), bits, fitting;
	u128 from, span;

	if (*ended || spw_addr_compare(first, last) > 0)
		return false;
	from = to_number(first, width);
	span = to_number(last, width) - from; /* addresses less one, so that all of them fit into 128 bits */
	bits = trailing_zeros(from, width);
	fitting = bits == 128 && span == ~(u128)0 ? 128 : highest_bit(span + 1);
	if (bits > fitting)
		bits = fitting;
	*prefix = (struct spw_prefix){*first, family, (u8)(width - bits)};
	/* Compare the rest: there is no address after the last one. */
	*ended = bits == 128 || span >> bits == 0;
	if (!*ended)
		*first = from_number(from + ((u128)1 << bits), width);
	return true;
}
