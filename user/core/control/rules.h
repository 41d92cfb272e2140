/* SPDX-License-Identifier: GPL-2.0-only */
/* The numbered rules of decide.c, each as a sentence for `explain` and the manual. */
#ifndef SPW_CORE_RULES_H
#define SPW_CORE_RULES_H

#include "maps/types.h"

/** spw_rule_text() - the sentence of rule @rule, without a full stop; NULL: there is no such rule. */
const char *spw_rule_text(u32 rule);

#endif
