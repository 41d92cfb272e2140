/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hooks: programs of the operator that run when the level changes. Called by the agent.
 *
 * They run one after the other, in the order of their names, each in a session of its own with a clean environment
 * (SPILLWAY_*, PATH), nothing of the agent's open, standard input from /dev/null. The loop never waits for them. While
 * they run, only the newest change is kept; it then comes with the level of the last run as SPILLWAY_FORMER, and not at
 * all if it has come back to it. So a flapping level runs one hook at a time at the most.
 */
#ifndef SPW_HOST_HOOKS_H
#define SPW_HOST_HOOKS_H

#include <systemd/sd-event.h>

#include "maps/types.h"

#define SPW_HOOK_TIMEOUT_NS 10000000000ull
#define SPW_HOOK_OUTPUT_MAX 4096 /* bytes of output that are kept; more is read and thrown away */
#define SPW_HOOKS_MAX	    64	 /* files in the folder that are looked at */
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
	const char *output;  /* of both streams; control characters and all: it is for JSON */
	const char *refused; /* why it was not run; NULL: it was */
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
	const char *service; /* that asked for the level; NULL or "": none */
	const char *reason;  /* one sentence */
};

/**
 * spw_hooks_level() - the level changed. Starts the first hook, or keeps the change until those that run are done.
 * The folder and each hook must be root's and not writable for group or others, and a hook no symbolic link; what is
 * not executable is no hook. What is refused is said.
 */
void spw_hooks_level(struct spw_hooks *hooks, const struct spw_hook_occasion *occasion);

/** spw_hooks_free() - those that run are killed. */
void spw_hooks_free(struct spw_hooks *hooks);

#endif
