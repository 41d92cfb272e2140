/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * YAML -> a tree in which every node knows its place. Structure only; what keys and values mean is the readers' affair.
 * All text is kept as it was written: there are no types, so the country NO is never a boolean.
 *
 * What a configuration does not need is refused, as it is what hostile input is made of: anchors, aliases, tags,
 * directives, more than one document, keys that are no plain words, control characters, anything but UTF-8. The bounds
 * are below.
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
	char *text;		/* SCALAR: printable or white space, no NUL but the last */
	struct spw_node *child; /* SEQUENCE: the first item; MAPPING: the first key, behind each key stands its value */
	struct spw_node *next;
};

/**
 * spw_tree_parse() - read one document.
 * @file: for places; must outlive the tree
 * @root: the tree; free with spw_tree_free()
 * Returns 0, -EINVAL with an error in @diagnostics, or -ENOMEM without; then there is no tree.
 */
int spw_tree_parse(const char *text, size_t length, const char *file, struct spw_node **root,
		   struct spw_diagnostics *diagnostics);
void spw_tree_free(struct spw_node *node);

#endif
