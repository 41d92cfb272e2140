/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Classes and level as maps of HAProxy and nginx, which see the visitors behind a balancer. Of equal input equal bytes.
 *
 * Classes: the prefixes of every class but the last one, which is the default. IPv4-mapped addresses are left out, as
 * proxies take them for IPv4; HAProxy only where no IPv6 prefix matches, not even ::/0.
 * Level: what happens to each class, as in `status`: served, sheds, cut_new, cut_all.
 */
#ifndef SPW_VIEW_PROXY_MAP_H
#define SPW_VIEW_PROXY_MAP_H

#include <jansson.h>
#include <stdio.h>

#include "core/table/ruleset.h"

enum spw_proxy {
	SPW_HAPROXY, /* map files for the converters map_ip and map */
	SPW_NGINX,   /* includes for geo and map blocks */
};

/**
 * spw_proxy_unfit() - a class whose name the maps of @proxy cannot hold.
 * @why: the reason, to follow the name
 * Returns its index; classes_count: there is none.
 */
size_t spw_proxy_unfit(const struct spw_ruleset_source *source, enum spw_proxy proxy, const char **why);

/** spw_view_proxy_classes() - the prefixes of each class, ascending, IPv4 first. Returns 0 or -ENOMEM. */
int spw_view_proxy_classes(FILE *out, const struct spw_ruleset_source *source, enum spw_proxy proxy);

/** spw_view_proxy_level() - what @level does to each class; SPW_LEVEL_NEVER: nothing is refused. */
void spw_view_proxy_level(FILE *out, const struct spw_ruleset_source *source, enum spw_proxy proxy, u32 level);

/** spw_view_proxy_json() - both, for other proxies. NULL: no memory. */
json_t *spw_view_proxy_json(const struct spw_ruleset_source *source, u32 level);

#endif
