/* SPDX-License-Identifier: GPL-2.0-only */
/* Looks around on this host, for `init`. Changes nothing. */
#ifndef SPW_CMD_SURVEY_H
#define SPW_CMD_SURVEY_H

#include "view/first_config.h"

/**
 * spw_survey() - what a first configuration needs to know.
 * @found: filled in; what cannot be read is missing there. The home country is left to the caller if it is set already.
 * Returns 0, or -errno: the sockets cannot be read.
 */
int spw_survey(struct spw_site *found);

#endif
