/* SPDX-License-Identifier: GPL-2.0-only */
/* decap: [{ from: [192.0.2.0/28], kinds: [ipip, gue] }]: balancers, whose tunnels are judged by their inner source. */
#include "reader.h"

#include <stdlib.h>

#include "core/words.h"

_Static_assert(SPW_BALANCERS_MAX == 32, "as a message says");

/* One item of the list. */
struct decap {
	struct spw_config_prefix *prefixes;
	size_t count;
	u32 tunnels;
};

static void read_from(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	static const struct spw_prefixes_bound bound = {SPW_BALANCERS_MAX, "more than 32 prefixes of balancers", false};
	struct decap *decap = into;

	spw_read_prefixes(reader, value, &bound, &decap->prefixes, &decap->count);
	for (size_t i = 0; i < decap->count; i++)
		if (!decap->prefixes[i].prefix.len)
			spw_error(
				reader->diagnostics, decap->prefixes[i].place,
				"everybody is no balancer: whoever may send tunnels chooses the source by which he is "
				"judged; write the prefixes of yours");
}

static void read_kinds(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	const char *words[SPW_TUNNELS];
	struct decap *decap = into;
	u32 index;

	for (u32 i = 0; i < SPW_TUNNELS; i++)
		words[i] = spw_tunnel_name(i);
	if (!spw_read_sequence(reader, value, "a list of kinds such as [ipip, gue]"))
		return;
	for (const struct spw_node *item = value->child; item; item = item->next)
		if (spw_read_word(reader, item, words, SPW_TUNNELS, "ipip, gue, geneve or vxlan", &index))
			decap->tunnels |= 1u << index;
}

static void append(struct spw_reader *reader, const struct spw_node *item, const struct decap *decap)
{
	struct spw_config *config = reader->config;

	for (size_t i = 0; i < decap->count; i++) {
		struct spw_config_balancer *grown;

		if (config->balancers_count == SPW_BALANCERS_MAX) {
			spw_error(reader->diagnostics, item->place, "more than 32 prefixes of balancers");
			return;
		}
		grown = spw_grow(reader, config->balancers, config->balancers_count, sizeof(*grown));
		if (!grown)
			return;
		config->balancers = grown;
		grown[config->balancers_count++] =
			(struct spw_config_balancer){decap->prefixes[i].prefix, decap->tunnels};
	}
}

void spw_read_decap(struct spw_reader *reader, const struct spw_node *value, void *config)
{
	static const struct spw_key keys[] = {{"from", read_from}, {"kinds", read_kinds}};
	static const char what[] = "balancers such as { from: [192.0.2.0/28], kinds: [ipip] }";
	const struct spw_node *found[COUNT_OF(keys)];

	(void)config;
	if (!spw_read_sequence(reader, value, "a list such as [{ from: [192.0.2.0/28], kinds: [ipip] }]"))
		return;
	for (const struct spw_node *item = value->child; item; item = item->next) {
		struct decap decap = {0};

		if (!spw_find_keys(reader, item, what, keys, COUNT_OF(keys), found))
			continue;
		spw_read_found(reader, keys, COUNT_OF(keys), found, &decap);
		if (!found[0] || !found[1])
			spw_error(reader->diagnostics, item->place,
				  "write both whose tunnels are judged by their inner source and which kinds: "
				  "{ from: [192.0.2.0/28], kinds: [ipip, gue, geneve, vxlan] }");
		append(reader, item, &decap);
		free(decap.prefixes);
	}
}
