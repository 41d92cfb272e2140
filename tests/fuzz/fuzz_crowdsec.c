/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Arbitrary bytes as an answer of CrowdSec's local API, the first one as the size of pieces. Accepted decisions are
 * sorted, canonical, have time left, and do not depend on the pieces; a refused answer yields nothing.
 */
#include <string.h>

#include "fuzz.h"
#include "maps/ban.h"
#include "user/base/text.h"
#include "user/lists/crowdsec.h"

static struct spw_crowdsec_reader *read_pieces(const char *text, size_t length, size_t piece)
{
	struct spw_crowdsec_reader *reader = spw_crowdsec_open();

	require(reader);
	for (size_t at = 0; at < length; at += piece)
		if (spw_crowdsec_feed(reader, text + at, length - at < piece ? length - at : piece))
			break;
	return reader;
}

static void check(const struct spw_crowdsec_bans *bans, bool timed)
{
	char before[SPW_PREFIX_TEXT] = "";

	for (size_t i = 0; i < bans->count; i++) {
		const struct spw_crowdsec_ban *ban = &bans->items[i];
		struct spw_prefix again;
		char text[SPW_PREFIX_TEXT];

		spw_prefix_format(&ban->prefix, text);
		require(spw_prefix_parse(text, strlen(text), &again) == SPW_PREFIX_OK);
		require(again.family == ban->prefix.family && again.len == ban->prefix.len);
		require(!spw_addr_compare(&again.addr, &ban->prefix.addr));
		require(timed ? ban->for_s && ban->for_s <= SPW_BAN_SECONDS_MAX : !ban->for_s);
		require(spw_crowdsec_have(bans, &ban->prefix));
		require(strcmp(before, text));
		memcpy(before, text, sizeof(before));
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct spw_crowdsec_reader *whole, *pieces;
	const struct spw_crowdsec_answer *left, *right;

	if (!size)
		return 0;
	whole = read_pieces((const char *)data + 1, size - 1, size);
	pieces = read_pieces((const char *)data + 1, size - 1, 1u + *data);
	left = spw_crowdsec_end(whole);
	right = spw_crowdsec_end(pieces);
	require(!strcmp(left->error, right->error));
	require(left->fresh.count == right->fresh.count && left->deleted.count == right->deleted.count);
	require(!*left->error || !(left->fresh.count + left->deleted.count));
	for (int i = 0; i < SPW_CROWDSEC_SKIPS; i++)
		require(left->skipped[i] == right->skipped[i] && spw_text_printable(left->example[i]));
	check(&left->fresh, true);
	check(&left->deleted, false);
	spw_crowdsec_close(whole);
	spw_crowdsec_close(pieces);
	return 0;
}
