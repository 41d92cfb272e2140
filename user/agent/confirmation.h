/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * apply --confirm: before the new ruleset is published, the one in force is kept among the pins (kernel/unconfirmed.h).
 * It comes back unchanged, map included, unless somebody confirms in time. Nothing is recompiled, as lists may have
 * changed meanwhile. If the agent is killed, the next one finds what is kept and restores it; it then stays in force
 * over restarts, until the next `apply`.
 */
#ifndef SPW_AGENT_CONFIRMATION_H
#define SPW_AGENT_CONFIRMATION_H

#include "publisher.h"

struct confirmation;

/** confirmation_new() - @publisher: borrowed. NULL: no memory. */
struct confirmation *confirmation_new(struct publisher *publisher);
void confirmation_free(struct confirmation *confirmation);

/**
 * confirmation_find() - at start: what an earlier run left to be rolled back, as if it had just been compiled.
 * Returns a publication that the caller owns and must publish before the next call here; NULL: none.
 */
struct publication *confirmation_find(struct confirmation *confirmation);

/** confirmation_keep() - call before a publication that is to be confirmed. Returns 0, or -errno and @message. */
int confirmation_keep(struct confirmation *confirmation, char message[SPW_MESSAGE_MAX]);

/** confirmation_published() - call after it, or after one that needs no confirmation (@confirm_ns 0). */
void confirmation_published(struct confirmation *confirmation, u64 confirm_ns);

/** confirmation_failed() - call if the publication failed after confirmation_keep(). */
void confirmation_failed(struct confirmation *confirmation);

/** confirmation_confirm() - an operator confirms. Returns why that is impossible; NULL: done. */
const char *confirmation_confirm(struct confirmation *confirmation);

/** confirmation_is_awaited() - whether what is in force awaits confirmation; _is_due(): the time is over. */
bool confirmation_is_awaited(const struct confirmation *confirmation);
bool confirmation_is_due(const struct confirmation *confirmation, u64 now_ns);

/** confirmation_take_back() - publish what is kept. An error is logged, and retried in 10 s. */
void confirmation_take_back(struct confirmation *confirmation);

#endif
