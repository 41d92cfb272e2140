/* SPDX-License-Identifier: GPL-2.0-only */
#include "own.h"

#include "page.h"

static void emit_in_use(struct spw_page *page, const void *values)
{
	spw_page_count(page, NULL, ((const struct spw_own_state *)values)->in_use);
}

static void emit_addresses(struct spw_page *page, const void *values)
{
	spw_page_count(page, NULL, ((const struct spw_own_state *)values)->addresses);
}

static const struct spw_family families[] = {
	{"spillway_own_table_in_use", "gauge",
	 "1: packets that are not for this host are told apart; 0: every packet counts as for this host.", emit_in_use},
	{"spillway_own_addresses", "gauge", "Addresses and prefixes that count as this host's own.", emit_addresses},
};

void spw_view_own_metrics(FILE *out, const struct spw_own_state *state)
{
	spw_page_write(out, families, sizeof(families) / sizeof(*families), state);
}
