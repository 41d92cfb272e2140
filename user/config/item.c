/* SPDX-License-Identifier: GPL-2.0-only */
/* Prefixes, addresses and ranges, with explanations. */
#include "item.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Longest piece of text that a message quotes. */
#define SHOWN_MAX 60

struct span {
	const char *at;
	size_t length;
};

static int shown(struct span span)
{
	return (int)(span.length < SHOWN_MAX ? span.length : SHOWN_MAX);
}

__attribute__((format(printf, 3, 4))) static bool fail(struct spw_item_error *error, size_t at, const char *format, ...)
{
	va_list args;

	error->at = at;
	va_start(args, format);
	vsnprintf(error->text, sizeof(error->text), format, args);
	va_end(args);
	return false;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static struct span trim(struct span span)
{
	while (span.length && is_blank(*span.at)) {
		span.at++;
		span.length--;
	}
	while (span.length && is_blank(span.at[span.length - 1]))
		span.length--;
	return span;
}

/* Offset of the first blank in @span, or its length. */
static size_t find_blank(struct span span)
{
	size_t i = 0;

	while (i < span.length && !is_blank(span.at[i]))
		i++;
	return i;
}

static bool parse_end(const char *text, struct span span, struct spw_addr *addr, u8 *family,
		      struct spw_item_error *error)
{
	if (spw_addr_parse(span.at, span.length, addr, family))
		return true;
	return fail(error, (size_t)(span.at - text), "'%.*s' is not an address; write a range as 192.0.2.1-192.0.2.9",
		    shown(span), span.at);
}

static bool is_mapped(const struct spw_addr *addr)
{
	struct spw_addr copy = *addr;

	return spw_addr_unmap(&copy);
}

static bool parse_range(const char *text, size_t length, size_t dash, struct spw_item *item,
			struct spw_item_error *error)
{
	struct span left = trim((struct span){text, dash});
	struct span right = trim((struct span){text + dash + 1, length - dash - 1});
	u8 family;

	if (!parse_end(text, left, &item->first, &item->family, error) ||
	    !parse_end(text, right, &item->last, &family, error))
		return false;
	item->masked = false;
	if (item->family == 6 && family == 6 && is_mapped(&item->first) && is_mapped(&item->last)) {
		spw_addr_unmap(&item->first);
		spw_addr_unmap(&item->last);
		item->family = family = 4;
	}
	if (family != item->family)
		return fail(error, (size_t)(right.at - text), "a range goes from IPv4 to IPv4 or from IPv6 to IPv6");
	if (spw_addr_compare(&item->first, &item->last) > 0)
		return fail(error, (size_t)(left.at - text),
			    "'%.*s' is above '%.*s'; write the lower end of a range first", shown(left), left.at,
			    shown(right), right.at);
	return true;
}

static bool parse_prefix(struct span text, struct spw_item *item, struct spw_item_error *error)
{
	const char *slash = memchr(text.at, '/', text.length);
	struct span length = {slash, slash ? text.length - (size_t)(slash - text.at) : 0};
	enum spw_prefix_error result;
	struct spw_prefix prefix;

	result = spw_prefix_parse(text.at, text.length, &prefix);
	switch (result) {
	case SPW_PREFIX_OK:
	case SPW_PREFIX_HOST_BITS:
		*item = (struct spw_item){prefix.addr, spw_prefix_last(&prefix), prefix.family,
					  result == SPW_PREFIX_HOST_BITS};
		return true;
	case SPW_PREFIX_BAD_LENGTH:
		return fail(error, (size_t)(slash - text.at), "'%.*s' is not a prefix length; IPv%u has /0 to /%u",
			    shown(length), length.at, prefix.family, prefix.family == 4 ? 32 : 128);
	default:
		return fail(error, 0,
			    "'%.*s' is not a prefix, address or range; write 192.0.2.0/24, 2001:db8::/32, 192.0.2.7 "
			    "or 192.0.2.1-192.0.2.9",
			    shown(text), text.at);
	}
}

void spw_item_masked_text(const char *text, size_t length, const struct spw_item *item, struct spw_item_error *error)
{
	struct spw_addr first = item->first;
	char network[SPW_PREFIX_TEXT];
	struct spw_prefix prefix;
	bool ended = false;

	spw_range_next(&first, &item->last, item->family, &ended, &prefix);
	fail(error, 0, "'%.*s' has host bits set; the network is %s", shown((struct span){text, length}), text,
	     spw_prefix_format(&prefix, network));
}

bool spw_item_parse(const char *text, size_t length, struct spw_item *item, struct spw_item_error *error)
{
	struct span word = {text, length};
	const char *dash = memchr(text, '-', length);
	size_t blank;

	if (dash)
		return parse_range(text, length, (size_t)(dash - text), item, error);
	blank = find_blank(word);
	if (blank < length) {
		struct span rest = trim((struct span){text + blank, length - blank});

		return fail(error, (size_t)(rest.at - text),
			    "one prefix, address or range at a time; '%.*s' is too much", shown(rest), rest.at);
	}
	return parse_prefix(word, item, error);
}
