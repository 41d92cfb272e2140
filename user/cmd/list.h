/* SPDX-License-Identifier: GPL-2.0-only */
/* The subcommands of `list`. */
#ifndef SPW_CMD_LIST_H
#define SPW_CMD_LIST_H

#include <jansson.h>

#include "lists/lists.h"
#include "view/view.h"
#include "cmd.h"

/* Options, in the table of list.c. */
enum spw_list_option {
	SPW_LIST_FOR,
	SPW_LIST_NOTE,
	SPW_LIST_FORCE,
	SPW_LIST_OWNER,
	SPW_LIST_EXTEND,
	SPW_LIST_FROM_FILE,
	SPW_LIST_WITHIN,
	SPW_LIST_LIMIT,
	SPW_LIST_AFTER,
};

/* argv[0] is the subcommand. All return enum spw_exit. */

/** spw_list_show() - lists, or one with its bans, from the pinned maps. */
int spw_list_show(const struct spw_call *call, int argc, char **argv);

/** spw_list_add(), spw_list_import(), spw_list_remove(), spw_list_flush() - ask the agent. */
int spw_list_add(const struct spw_call *call, int argc, char **argv);
int spw_list_import(const struct spw_call *call, int argc, char **argv);
int spw_list_remove(const struct spw_call *call, int argc, char **argv);
int spw_list_flush(const struct spw_call *call, int argc, char **argv);

/* A request to the agent. */
struct spw_list_request {
	const char *verb;  /* of the control socket */
	const char *name;  /* of the list */
	double for_s;	   /* 0: permanent */
	const char *note;  /* NULL: none */
	const char *owner; /* NULL: "hand"; for a removal: all */
	bool force, extend, within;
};

/* Prefixes that are members of the items of an array. */
struct spw_list_prefixes {
	const void *first; /* the first item's */
	size_t stride;	   /* bytes from one item to the next */
	size_t count;
};

/**
 * spw_list_exchange() - send all @prefixes on a connection, in pieces of one request.
 * Returns the answer to the last piece, or to the first refused one; NULL: @message.
 */
json_t *spw_list_exchange(int fd, const struct spw_list_request *request, const struct spw_list_prefixes *prefixes,
			  int seconds, char message[SPW_MESSAGE_MAX]);

/**
 * spw_list_send() - send all prefixes, in pieces on one connection: all or nothing. Without an agent the request is
 * queued for the next one (store/ban_spool.h), if there has ever been one.
 * @print: shows the answer
 * Returns enum spw_exit; errors are printed on stderr.
 */
int spw_list_send(const struct spw_call *call, const struct spw_list_request *request, const struct spw_list *prefixes,
		  int (*print)(const struct spw_call *call, const struct spw_list_request *request,
			       const json_t *answer));

/**
 * spw_list_ask_owners() - fill in the other owners of bans of @list that have several; nothing if no agent answers.
 * @bans: their `others` are freed by the caller
 */
void spw_list_ask_owners(const char *run_dir, const char *list, struct spw_ban_view *bans, size_t count);

/** spw_list_ask_fetches() - what the agent says of lists by URL: an object by name. NULL: no agent answers. */
json_t *spw_list_ask_fetches(const char *run_dir);

/** spw_list_read_file() - prefixes from a file; "-": standard input. The caller frees @list. False: error on stderr. */
bool spw_list_read_file(const char *path, struct spw_list *list);

/** spw_list_read_words() - prefixes from the command line, @list freed by the caller; false: said on stderr. */
bool spw_list_read_words(int argc, char **argv, struct spw_list *list);

#endif
