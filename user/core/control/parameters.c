/* SPDX-License-Identifier: GPL-2.0-only */
/* The table of shedding parameters. */
#include "parameters.h"

enum {
	SHARE,
	TIME,
};

#define ROW(unit, key, field, standard, least, most, doc)                                                              \
	{#key,                                                                                                         \
	 #field,                                                                                                       \
	 offsetof(struct spw_shedding, field),                                                                         \
	 unit == TIME,                                                                                                 \
	 (double)(standard),                                                                                           \
	 (double)(least),                                                                                              \
	 (double)(most),                                                                                               \
	 doc},

const struct spw_parameter spw_parameters[SPW_PARAMETERS] = {SPW_SHEDDING_PARAMETERS(ROW)};

#define SET_DEFAULT(unit, key, field, standard, least, most, doc) shedding->field = (standard);

void spw_shedding_defaults(struct spw_shedding *shedding)
{
	SPW_SHEDDING_PARAMETERS(SET_DEFAULT)
}
