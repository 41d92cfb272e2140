/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * YAML -> a tree whose nodes know their location. Structure only; the readers interpret keys and values. All text is
 * kept as written: there are no types, so the country NO is never a boolean.
 *
 * Whatever a configuration does not need is refused, as hostile input is made of it: anchors, aliases, tags,
 * directives, several documents, keys that are not plain words, control characters, invalid UTF-8. Bounds: below.
 */
#ifndef SPW_CONFIG_TREE_H
#define SPW_CONFIG_TREE_H

#include "diagnostics.h"

#define SPW_TREE_DEPTH_MAX 8
#define SPW_TREE_NODES_MAX 200000

enum spw_node_kind {
	SPW_NODE_SCALAR,
	SPW_NODE_SEQUENCE,
	SPW_NODE_MAPPING,
};

struct spw_node {
	enum spw_node_kind kind;
	struct spw_place place;
	char *text;		/* SCALAR: printable or white space, NUL-terminated */
	struct spw_node *child; /* SEQUENCE: first item; MAPPING: first key, each followed by its value */
	struct spw_node *next;
};

/**
 * spw_tree_parse() - read one document.
 * @file: for locations; must outlive the tree
 * @root: the tree; free with spw_tree_free()
 * Returns 0, -EINVAL with an error in @diagnostics, or -ENOMEM without; on errors there is no tree.
 */
int spw_tree_parse(const char *text, size_t length, const char *file, struct spw_node **root,
		   struct spw_diagnostics *diagnostics);
void spw_tree_free(struct spw_node *node);

#endif
