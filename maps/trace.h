/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Map trace: how one packet was parsed and judged. Written only if the program was loaded with `spw_trace` set, for
 * `simulate`; otherwise the verifier removes the code.
 */
#ifndef SPW_MAPS_TRACE_H
#define SPW_MAPS_TRACE_H

#include "packet.h"

struct spw_trace {
	struct spw_packet packet;
	u16 list;
	u8 class_id;
	u8 classified; /* 1: list and class_id are valid */
	u8 new_work;
	u8 verdict; /* enum spw_verdict */
	u8 reason;  /* enum spw_reason */
	u8 reserved;
	u64 generation; /* of the ruleset that judged */
};

#endif
