/* SPDX-License-Identifier: GPL-2.0-only */
/* What is in force: read by every component, written by the publisher alone. */
#ifndef SPW_AGENT_IN_FORCE_H
#define SPW_AGENT_IN_FORCE_H

#include "kernel/datapath.h"
#include "kernel/registry.h"

/*
 * Lives as long as the agent, so components keep a pointer to it. Its fields change only at a publication, which is
 * announced to every component (on_in_force()).
 */
struct in_force {
	const struct spw_pins *pins;
	const struct spw_datapath *datapath;	 /* not loaded before the first publication */
	const struct spw_config *config;	 /* NULL before the first publication */
	const struct spw_registry *registry;	 /* names of lists, classes and services */
	const struct spw_identities *identities; /* of the names in `config` */
	int rows_file;				 /* prefixes of the ruleset, see kernel/rows.h; -1: not known */
};

#endif
