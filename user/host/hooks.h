/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hooks: the operator's programs, run when the level changes.
 *
 * They run one at a time, sorted by name, each in its own session with a clean environment (SPILLWAY_*, PATH), no
 * inherited descriptors and standard input from /dev/null. The loop never waits for them. While they run, only the
 * newest change is kept; hooks then run for it with the level of the last run as SPILLWAY_FORMER, or not at all if the
 * level is back there.
 */
#ifndef SPW_HOST_HOOKS_H
#define SPW_HOST_HOOKS_H

#include <systemd/sd-event.h>

#include "maps/types.h"

#define SPW_HOOK_TIMEOUT_NS 10000000000ull
#define SPW_HOOK_OUTPUT_MAX 4096 /* bytes of output kept; the rest is discarded */
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
	const char *refused; /* why it did not run; NULL: it ran */
};

/** A hook has ended or was refused; already logged. */
typedef void spw_hook_done(void *context, const struct spw_hook_result *result);

/** spw_hooks_new() - without a folder. @done: may be NULL. Returns 0 or -errno. */
int spw_hooks_new(sd_event *loop, spw_hook_done *done, void *context, struct spw_hooks **hooks);

/** spw_hooks_set() - the folder (NULL: none) and the timeout of a hook (0: SPW_HOOK_TIMEOUT_NS). */
void spw_hooks_set(struct spw_hooks *hooks, const char *folder, u64 timeout_ns);

/* A change of the level. */
struct spw_hook_occasion {
	u8 level;
	u8 former;
	const char *service; /* that asked for the level; NULL or "": none */
	const char *reason;  /* one sentence */
};

/**
 * spw_hooks_level() - the level changed: start the first hook, or wait for running ones.
 * The folder and each hook must belong to root and not be writable by others; a hook must not be a symbolic link.
 * Refused hooks are logged; files that are not executable are skipped.
 */
void spw_hooks_level(struct spw_hooks *hooks, const struct spw_hook_occasion *occasion);

/** spw_hooks_free() - kills a running hook. */
void spw_hooks_free(struct spw_hooks *hooks);

#endif
