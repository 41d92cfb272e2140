/* SPDX-License-Identifier: GPL-2.0-only */
/* One pass over a table for all lists that name it. Private to lists/. */
#ifndef SPW_LISTS_COUNTRIES_H
#define SPW_LISTS_COUNTRIES_H

#include "lists.h"

/**
 * spw_countries_load() - fill all country lists with the same source as @source, the first of them: tor's geoip and
 * geoip6 in a folder, or a MaxMind database.
 * Returns 0, or -errno with errors in @diagnostics.
 */
int spw_countries_load(const struct spw_config *config, const struct spw_config_list *source, struct spw_lists *lists,
		       struct spw_diagnostics *diagnostics);

/** spw_asns_load() - the same for lists of AS numbers of a MaxMind database. */
int spw_asns_load(const struct spw_config *config, const struct spw_config_list *source, struct spw_lists *lists,
		  struct spw_diagnostics *diagnostics);

#endif
