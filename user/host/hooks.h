/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hooks: programs of the operator that run when the level changes. Called by the agent.
 *
 * They run one at a time, in the order of their names, each in a session of its own with a clean environment
 * (SPILLWAY_*, PATH), no inherited descriptors and standard input from /dev/null. The loop never waits for them. While
 * they run, only the newest change is kept; hooks then run for it with the level of the last run as SPILLWAY_FORMER, or
 * not at all if the level is back there.
 */
#ifndef SPW_HOST_HOOKS_H
#define SPW_HOST_HOOKS_H

#include <systemd/sd-event.h>

#include "maps/types.h"

#define SPW_HOOK_TIMEOUT_NS 10000000000ull
#define SPW_HOOK_OUTPUT_MAX 4096 /* bytes of output that are kept; the rest is discarded */
#define SPW_HOOKS_MAX	    64	 /* in the folder; more are refused */
#define SPW_REASON_TEXT_MAX 1024 /* bytes of a sentence, with its NUL */

struct spw_hooks;

struct spw_hook_result {
	const char *name;
	u8 level;
	bool ok;
	bool timed_out;
	int exit_status; /* -1: ended by a signal, or not started */
	int signal;
	u64 took_ns;
	const char *output;  /* stdout and stderr, with control characters */
	const char *refused; /* why it was not run; NULL: it was run */
};

/** A hook has ended or was refused; already logged. */
typedef void spw_hook_done(void *context, const struct spw_hook_result *result);

/** spw_hooks_new() - with no folder yet. @done: may be NULL. Returns 0 or -errno. */
int spw_hooks_new(sd_event *loop, spw_hook_done *done, void *context, struct spw_hooks **hooks);

/** spw_hooks_set() - the folder (NULL: none) and the time that one hook may take (0: SPW_HOOK_TIMEOUT_NS). */
void spw_hooks_set(struct spw_hooks *hooks, const char *folder, u64 timeout_ns);

/* What happened. */
struct spw_hook_occasion {
	u8 level;
	u8 former;
	const char *service; /* that demanded the level; NULL or "": none */
	const char *reason;  /* one sentence */
};

/**
 * spw_hooks_level() - the level changed: start the first hook, or wait until running ones have ended.
 * The folder and each hook must belong to root and not be writable by others; a hook must not be a symbolic link. Hooks
 * that are refused are logged; files that are not executable are skipped.
 */
void spw_hooks_level(struct spw_hooks *hooks, const struct spw_hook_occasion *occasion);

/** spw_hooks_free() - kills a running hook. */
void spw_hooks_free(struct spw_hooks *hooks);

#endif
