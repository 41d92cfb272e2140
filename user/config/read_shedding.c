/* SPDX-License-Identifier: GPL-2.0-only */
/* shedding: { PARAMETER: VALUE }; parameters are in core/control/parameters.h. */
#include "reader.h"

#include <stdio.h>

#include "base/units.h"

static void read_time(struct spw_reader *reader, const struct spw_node *value, const struct spw_parameter *parameter,
		      u64 *ns)
{
	u64 least = (u64)parameter->least, most = (u64)parameter->most;
	char least_text[SPW_DURATION_TEXT], most_text[SPW_DURATION_TEXT], bounds[2 * SPW_DURATION_TEXT + 8];

	snprintf(bounds, sizeof(bounds), "%s to %s", spw_units_duration_text(least, least_text),
		 spw_units_duration_text(most, most_text));
	spw_read_duration(reader, value, least, most, bounds, ns);
}

static void read_share(struct spw_reader *reader, const struct spw_node *value, const struct spw_parameter *parameter,
		       double *share)
{
	char bounds[32];

	snprintf(bounds, sizeof(bounds), "%g%% to %g%%", 100 * parameter->least, 100 * parameter->most);
	spw_read_percent(reader, value, parameter->least, parameter->most, bounds, share);
}

void spw_read_shedding(struct spw_reader *reader, const struct spw_node *value, void *config)
{
	u8 *shedding = (u8 *)&((struct spw_config *)config)->shedding;
	const struct spw_node *found[SPW_PARAMETERS];
	struct spw_key keys[SPW_PARAMETERS];

	for (size_t i = 0; i < SPW_PARAMETERS; i++)
		keys[i] = (struct spw_key){spw_parameters[i].key, NULL};
	if (!spw_find_keys(reader, value, "parameters such as { hold: 5s }", keys, SPW_PARAMETERS, found))
		return;
	for (size_t i = 0; i < SPW_PARAMETERS; i++) {
		const struct spw_parameter *parameter = &spw_parameters[i];
		void *into = shedding + parameter->offset;

		if (found[i] && parameter->is_time)
			read_time(reader, found[i]->next, parameter, into);
		else if (found[i])
			read_share(reader, found[i]->next, parameter, into);
	}
}
