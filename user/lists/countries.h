/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A folder with tor's country tables -> every list that names it, in one reading. Inside lists/ only.
 */
#ifndef SPW_LISTS_COUNTRIES_H
#define SPW_LISTS_COUNTRIES_H

#include "lists.h"

/**
 * spw_countries_load() - fill all lists of countries in folder @folder from its geoip and geoip6.
 * @folder: config->lists[].path, of the first such list
 * Returns 0, or -errno with errors in @diagnostics.
 */
int spw_countries_load(const struct spw_config *config, const char *folder, struct spw_lists *lists,
		       struct spw_diagnostics *diagnostics);

#endif
