/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Configuration and lists -> input of the ruleset compiler, and its errors -> locations. Used by the agent's compile
 * job, check and simulate.
 */
#ifndef SPW_LISTS_ASSEMBLE_H
#define SPW_LISTS_ASSEMBLE_H

#include "lists.h"

/* The counter of each name; the agent keeps them over reloads, so that a name keeps its counters. */
struct spw_identities {
	u16 lists[SPW_LISTS_MAX];      /* by index into spw_config.lists */
	u8 classes[SPW_CLASSES_MAX];   /* by index into spw_config.classes */
	u8 services[SPW_SERVICES_MAX]; /* by index into spw_config.services */
};

struct spw_assembly {
	struct spw_ruleset_source source;
	struct spw_ruleset_list *lists; /* owned, like all below */
	struct spw_ruleset_class *classes;
	struct spw_prefix *management;
	struct spw_port *tcp_ports;
	struct spw_port *udp_ports;
	struct spw_locals *locals;
	struct spw_balancers *balancers;
	size_t *config_lists; /* index into the configuration's lists, by index into source.lists */
};

/**
 * spw_assemble() - fill in the compiler's input. Lists that no class uses are left out.
 * @identities: NULL: numbered in the sequence of the configuration
 * @assembly: borrows from @config and @lists, which must outlive it; free with spw_assembly_free()
 * Returns 0, -ENOMEM, or -E2BIG (more lists, classes or services than there are identities).
 */
int spw_assemble(const struct spw_config *config, const struct spw_lists *lists,
		 const struct spw_identities *identities, struct spw_assembly *assembly);
void spw_assembly_free(struct spw_assembly *assembly);

/** spw_report_overruling() - warn where country tables split a prefix that a person wrote; see spw_ruleset_image. */
void spw_report_overruling(const struct spw_config *config, const struct spw_assembly *assembly,
			   const struct spw_ruleset_image *image, struct spw_diagnostics *diagnostics);

/** spw_report_overlaps() - warn about prefixes that two classes name (overlap: higher), with both locations. */
void spw_report_overlaps(const struct spw_config *config, const struct spw_lists *lists,
			 const struct spw_assembly *assembly, const struct spw_ruleset_image *image,
			 struct spw_diagnostics *diagnostics);

/** spw_report_unmatched() - warn about lists, and a last class, that can match no address: others cover all of it. */
void spw_report_unmatched(const struct spw_config *config, const struct spw_lists *lists,
			  const struct spw_assembly *assembly, const struct spw_ruleset_image *image,
			  struct spw_diagnostics *diagnostics);

/** spw_report_ruleset_error() - say what kept the compiler, with both places where two classes name one prefix. */
void spw_report_ruleset_error(const struct spw_config *config, const struct spw_lists *lists,
			      const struct spw_assembly *assembly, const struct spw_ruleset_error *error,
			      struct spw_diagnostics *diagnostics);

#endif
