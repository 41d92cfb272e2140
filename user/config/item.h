/* SPDX-License-Identifier: GPL-2.0-only */
/* One item of a list file or inline list: a prefix, an address, or a range of addresses. */
#ifndef SPW_CONFIG_ITEM_H
#define SPW_CONFIG_ITEM_H

#include "core/table/prefix.h"

/* All three as a range; spw_range_next() turns it back into prefixes. */
struct spw_item {
	struct spw_addr first;
	struct spw_addr last;
	u8 family;
	bool masked; /* a prefix with host bits, which were cleared */
};

struct spw_item_error {
	size_t at; /* offset into the text */
	char text[320];
};

/**
 * spw_item_parse() - parse @text, without blanks around it; false with the problem in @error.
 * IPv4-mapped addresses become IPv4. Host bits are cleared, and item->masked is set.
 */
bool spw_item_parse(const char *text, size_t length, struct spw_item *item, struct spw_item_error *error);

/** spw_item_masked_text() - the message for such an item: "'192.0.2.7/24' has host bits set; ..."; in @error. */
void spw_item_masked_text(const char *text, size_t length, const struct spw_item *item, struct spw_item_error *error);

#endif
