/* SPDX-License-Identifier: GPL-2.0-only */
/* libyaml's events -> nodes. */
#include "tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/text.h"

/* An open collection. */
struct open_node {
	struct spw_node *node;
	struct spw_node **tail; /* where its next child is linked */
	size_t children;
};

struct builder {
	const char *text;
	size_t length;
	const char *file;
	struct spw_diagnostics *diagnostics;
	yaml_parser_t parser;
	struct spw_node *root;
	struct open_node open[SPW_TREE_DEPTH_MAX];
	size_t depth;
	size_t nodes;
	bool started; /* the document */
	bool done;    /* the stream */
};

static struct spw_place place_of(const struct builder *builder, yaml_mark_t mark)
{
	return (struct spw_place){builder->file, (u32)mark.line + 1, (u32)mark.column + 1};
}

/* Checked before libyaml, whose messages have no line here: printable UTF-8 without directives. */
static int check_characters(const struct builder *builder)
{
	struct spw_place place = {builder->file, 1, 1};
	u32 rune = 0, before;
	size_t bytes;

	for (size_t i = 0; i < builder->length; i += bytes) {
		before = rune;
		bytes = spw_utf8_next(builder->text + i, builder->length - i, &rune);
		if (!bytes) {
			spw_error(builder->diagnostics, place, "not UTF-8: byte 0x%02x", (u8)builder->text[i]);
			return -EINVAL;
		}
		if (rune == '\n' || rune == '\r') {
			place.line += !(rune == '\n' && before == '\r');
			place.column = 1;
			continue;
		}
		if (rune == '%' && place.column == 1) { /* libyaml spends seconds on a megabyte of them */
			spw_error(builder->diagnostics, place, "directives (%%) are not allowed");
			return -EINVAL;
		}
		if (rune != '\t' && !spw_rune_printable(rune)) {
			spw_error(builder->diagnostics, place, "character U+%04X is not allowed here", rune);
			return -EINVAL;
		}
		place.column++;
	}
	return 0;
}

/* The character at @mark, which counts characters. */
static char character_at(const struct builder *builder, yaml_mark_t mark)
{
	size_t at = 0, bytes;
	u32 rune;

	for (size_t i = 0; i < mark.index && at < builder->length; i++) {
		bytes = spw_utf8_next(builder->text + at, builder->length - at, &rune);
		at += bytes ? bytes : 1;
	}
	return at < builder->length ? builder->text[at] : 0;
}

/* The most likely remedy, where libyaml only says what failed. */
static const char *hint_of(const struct builder *builder)
{
	const yaml_parser_t *parser = &builder->parser;
	char at = character_at(builder, parser->problem_mark);

	if (parser->problem && !strncmp(parser->problem, "mapping values", 14))
		return "; is the line indented as it should be? text with ': ' in it must stand in quotes";
	if (parser->context && !strcmp(parser->context, "while scanning a tag"))
		at = '!';
	if (at == '\t')
		return "; indent with spaces, not with tabs";
	if (at && strchr("!?:&*@`%|>", at))
		return "; text that begins with one of ! ? : & * @ ` % | > must stand in quotes";
	return "";
}

static int report_yaml(struct builder *builder)
{
	const yaml_parser_t *parser = &builder->parser;

	if (parser->error == YAML_MEMORY_ERROR)
		return -ENOMEM;
	spw_error(builder->diagnostics, place_of(builder, parser->problem_mark), "not valid YAML: %s%s%s%s",
		  parser->problem ? parser->problem : "unknown error", parser->context ? " " : "",
		  parser->context ? parser->context : "", hint_of(builder));
	return -EINVAL;
}

static int refuse(struct builder *builder, yaml_mark_t mark, const char *message)
{
	spw_error(builder->diagnostics, place_of(builder, mark), "%s", message);
	return -EINVAL;
}

/* Add a node to the tree. */
static int add_node(struct builder *builder, enum spw_node_kind kind, yaml_mark_t mark, struct spw_node **added)
{
	struct open_node *parent = builder->depth ? &builder->open[builder->depth - 1] : NULL;
	struct spw_node *node;

	if (parent && parent->node->kind == SPW_NODE_MAPPING && parent->children % 2 == 0 && kind != SPW_NODE_SCALAR)
		return refuse(builder, mark,
			      kind == SPW_NODE_SEQUENCE
				      ? "a key must be a plain word, not a list; an IPv6 address with "
					"its port stands in quotes: \"[2001:db8::2]:443\""
				      : "a key must be a plain word, not a mapping");
	if (++builder->nodes > SPW_TREE_NODES_MAX) {
		spw_error(builder->diagnostics, place_of(builder, mark),
			  "more than %d values; put long lists of prefixes into files", SPW_TREE_NODES_MAX);
		return -EINVAL;
	}
	node = calloc(1, sizeof(*node));
	if (!node)
		return -ENOMEM;
	node->kind = kind;
	node->place = place_of(builder, mark);
	if (parent) {
		*parent->tail = node;
		parent->tail = &node->next;
		parent->children++;
	} else {
		builder->root = node;
	}
	*added = node;
	return 0;
}

static int check_properties(struct builder *builder, yaml_mark_t mark, const yaml_char_t *anchor,
			    const yaml_char_t *tag)
{
	if (anchor) {
		spw_error(builder->diagnostics, place_of(builder, mark),
			  "anchors are not allowed ('&%s'); write the value where it is needed", (const char *)anchor);
		return -EINVAL;
	}
	if (tag) {
		spw_error(builder->diagnostics, place_of(builder, mark),
			  "tags are not allowed ('%s'); text that begins with ! must stand in quotes",
			  (const char *)tag);
		return -EINVAL;
	}
	return 0;
}

/* Escapes ("\x07") may yield characters that check_characters() refuses. */
static int check_text(struct builder *builder, yaml_mark_t mark, const char *text, size_t length)
{
	u32 rune = 0;
	size_t bytes;

	for (size_t i = 0; i < length; i += bytes) {
		bytes = spw_utf8_next(text + i, length - i, &rune);
		if (!bytes || (rune != '\t' && rune != '\n' && !spw_rune_printable(rune))) {
			spw_error(builder->diagnostics, place_of(builder, mark), "character U+%04X is not allowed here",
				  rune);
			return -EINVAL;
		}
	}
	return 0;
}

static int add_scalar(struct builder *builder, const yaml_event_t *event)
{
	const char *text = (const char *)event->data.scalar.value;
	size_t length = event->data.scalar.length;
	struct spw_node *node;
	int err;

	err = check_properties(builder, event->start_mark, event->data.scalar.anchor, event->data.scalar.tag);
	if (!err)
		err = check_text(builder, event->start_mark, text, length);
	if (!err)
		err = add_node(builder, SPW_NODE_SCALAR, event->start_mark, &node);
	if (err)
		return err;
	node->text = strndup(text, length);
	return node->text ? 0 : -ENOMEM;
}

static int open_collection(struct builder *builder, enum spw_node_kind kind, const yaml_event_t *event,
			   const yaml_char_t *anchor, const yaml_char_t *tag)
{
	struct spw_node *node;
	int err = check_properties(builder, event->start_mark, anchor, tag);

	if (err)
		return err;
	if (builder->depth == SPW_TREE_DEPTH_MAX) {
		spw_error(builder->diagnostics, place_of(builder, event->start_mark), "nested deeper than %d levels",
			  SPW_TREE_DEPTH_MAX);
		return -EINVAL;
	}
	err = add_node(builder, kind, event->start_mark, &node);
	if (!err)
		builder->open[builder->depth++] = (struct open_node){node, &node->child, 0};
	return err;
}

static int start_document(struct builder *builder, const yaml_event_t *event)
{
	if (builder->started)
		return refuse(builder, event->start_mark, "a second document; a configuration has only one");
	builder->started = true;
	return 0;
}

static int take_event(struct builder *builder, const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		return start_document(builder, event);
	case YAML_ALIAS_EVENT:
		return refuse(builder, event->start_mark,
			      "aliases are not allowed; write the value out, or quote text that begins with *");
	case YAML_SCALAR_EVENT:
		return add_scalar(builder, event);
	case YAML_SEQUENCE_START_EVENT:
		return open_collection(builder, SPW_NODE_SEQUENCE, event, event->data.sequence_start.anchor,
				       event->data.sequence_start.tag);
	case YAML_MAPPING_START_EVENT:
		return open_collection(builder, SPW_NODE_MAPPING, event, event->data.mapping_start.anchor,
				       event->data.mapping_start.tag);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		builder->depth--;
		return 0;
	case YAML_STREAM_END_EVENT:
		builder->done = true;
		return 0;
	default:
		return 0;
	}
}

static int build(struct builder *builder)
{
	int err = 0;

	yaml_parser_set_encoding(&builder->parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&builder->parser, (const unsigned char *)builder->text, builder->length);
	while (!builder->done && !err) {
		yaml_event_t event;

		if (!yaml_parser_parse(&builder->parser, &event)) {
			err = report_yaml(builder);
			break;
		}
		err = take_event(builder, &event);
		yaml_event_delete(&event);
	}
	if (!err && !builder->root)
		err = refuse(builder, (yaml_mark_t){0}, "the configuration is empty");
	return err;
}

int spw_tree_parse(const char *text, size_t length, const char *file, struct spw_node **root,
		   struct spw_diagnostics *diagnostics)
{
	struct builder builder = {.text = text, .length = length, .file = file, .diagnostics = diagnostics};
	int err;

	*root = NULL;
	if (length >= 3 && !memcmp(text, "\xef\xbb\xbf", 3)) { /* a byte order mark, as some editors write */
		builder.text += 3;
		builder.length -= 3;
	}
	err = check_characters(&builder);
	if (err)
		return err;
	if (!yaml_parser_initialize(&builder.parser))
		return -ENOMEM;
	err = build(&builder);
	yaml_parser_delete(&builder.parser);
	if (err)
		spw_tree_free(builder.root);
	else
		*root = builder.root;
	return err;
}

void spw_tree_free(struct spw_node *node)
{
	while (node) {
		struct spw_node *next = node->next;

		spw_tree_free(node->child); /* depth is at most SPW_TREE_DEPTH_MAX */
		free(node->text);
		free(node);
		node = next;
	}
}
