/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lists by URL: when each is fetched, by a process of its own (host/download_job.h), and what becomes of it:
 *
 *   waits -> is fetched -> content is written -> is tried, by a reload -> is described: now it is the copy -> waits
 *
 * So content comes into force before it replaces the copy, and content that is refused, by the process or by the reload,
 * replaces nothing. A tick starts, looks and writes to memory; it waits for nothing.
 */
#ifndef SPW_AGENT_DOWNLOADS_H
#define SPW_AGENT_DOWNLOADS_H

#include <systemd/sd-event.h>

#include "publisher.h"
#include "reloader.h"
#include "view/downloads.h"

struct downloads;

/** downloads_new() - all is borrowed. NULL: no memory. Free with downloads_free() before the reloader. */
struct downloads *downloads_new(sd_event *loop, const struct publisher *publisher, struct reloader *reloader);

/** downloads_free() - kills running processes and waits for the disk. */
void downloads_free(struct downloads *downloads);

/** downloads_follow() - a configuration is in force; lists whose last fetch failed are fetched again at once. */
void downloads_follow(struct downloads *downloads);

void downloads_tick(struct downloads *downloads, u64 now_ns);

/** downloads_may_shrink() - an operator accepts lists that have shrunk: fetch those that were kept back, at once. */
void downloads_may_shrink(struct downloads *downloads);

/** downloads_view() - texts are valid until the next tick; free() the items. */
struct spw_downloads_view downloads_view(const struct downloads *downloads);

#endif
