/* SPDX-License-Identifier: GPL-2.0-only */
/* A packet and its judgement, shared by `simulate` and the sampled drops. */
#ifndef SPW_VIEW_PACKET_H
#define SPW_VIEW_PACKET_H

#include "json.h"
#include "numbers.h"
#include "view.h"

/** spw_json_set_packet() - the members of a packet and its judgement. */
void spw_json_set_packet(struct spw_json *object, const struct spw_packet_view *view);

/** spw_protocol_text() - "tcp", or the number of an unknown protocol. Returns @text. */
const char *spw_protocol_text(u32 protocol, char text[SPW_SHORT_TEXT]);

#endif
