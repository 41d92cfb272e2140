/* SPDX-License-Identifier: GPL-2.0-only */
/* The words of `list`, one in each file; called by list.c alone. */
#ifndef SPW_CMD_LIST_H
#define SPW_CMD_LIST_H

#include <jansson.h>

#include "lists/lists.h"
#include "cmd.h"

/** spw_list_show() - lists, or one with its entries, from the pinned maps. @name: NULL: all. Returns enum spw_exit. */
int spw_list_show(const struct spw_call *call, const char *name);

/* Options of add and import, in the table of list.c. */
enum spw_list_option { SPW_LIST_FOR, SPW_LIST_NOTE, SPW_LIST_FORCE };

/** spw_list_add(), spw_list_import(), spw_list_remove() - argv[0] is their word. Return enum spw_exit. */
int spw_list_add(const struct spw_call *call, int argc, char **argv);
int spw_list_import(const struct spw_call *call, int argc, char **argv);
int spw_list_remove(const struct spw_call *call, int argc, char **argv);

/* What the agent is asked for. */
struct spw_list_request {
	const char *verb; /* of the control socket */
	const char *name; /* of the list */
	u64 for_ns;	  /* 0: until it is removed */
	const char *note; /* NULL: none */
	bool force;
};

/**
 * spw_list_send() - all prefixes in as many pieces as it takes, on one connection: all or nothing.
 * @print: shows the answer
 * Returns enum spw_exit; what was wrong is said on stderr.
 */
int spw_list_send(const struct spw_call *call, const struct spw_list_request *request, const struct spw_list *prefixes,
		  int (*print)(const struct spw_call *call, const struct spw_list_request *request,
			       const json_t *answer));

/** spw_list_read_words() - prefixes from the command line, @list freed by the caller; false: said on stderr. */
bool spw_list_read_words(int argc, char **argv, struct spw_list *list);

#endif
