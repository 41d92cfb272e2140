/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * apply --confirm: what was in force is kept among the pins (kernel/unconfirmed.h) before the new ruleset is published,
 * and comes back as it was, map and all, unless somebody confirms in time. Nothing is compiled again, as lists may have
 * changed meanwhile. An agent that was killed is followed by one that finds what is kept; that then stays in force over
 * restarts, until the next `apply`.
 */
#ifndef SPW_AGENT_CONFIRMATION_H
#define SPW_AGENT_CONFIRMATION_H

#include "publisher.h"

struct confirmation;

/** confirmation_new() - @publisher: borrowed. NULL: no memory. */
struct confirmation *confirmation_new(struct publisher *publisher);
void confirmation_free(struct confirmation *confirmation);

/**
 * confirmation_find() - at the start: what an earlier run has left to be taken back, as if it had just been compiled.
 * Returns a publication that the caller owns and must publish before the next call here; NULL: there is none.
 */
struct publication *confirmation_find(struct confirmation *confirmation);

/** confirmation_keep() - before a publication that is to be confirmed. Returns 0, or -errno and @message. */
int confirmation_keep(struct confirmation *confirmation, char message[SPW_MESSAGE_MAX]);

/** confirmation_published() - and behind it, or behind one that needs no confirmation (@confirm_ns 0). */
void confirmation_published(struct confirmation *confirmation, u64 confirm_ns);

/** confirmation_failed() - or it was kept, and the publication failed. */
void confirmation_failed(struct confirmation *confirmation);

/** confirmation_confirm() - an operator confirms. Returns why that cannot be; NULL: done. */
const char *confirmation_confirm(struct confirmation *confirmation);

/** confirmation_is_awaited() - whether what is in force waits to be confirmed; _is_due(): for too long. */
bool confirmation_is_awaited(const struct confirmation *confirmation);
bool confirmation_is_due(const struct confirmation *confirmation, u64 now_ns);

/** confirmation_take_back() - publish what is kept. An error is logged, and it is due again in 10 s. */
void confirmation_take_back(struct confirmation *confirmation);

#endif
