/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * classes, highest priority first:
 *   - { name: NAME, lists: [NAME], shed_from: LEVEL, cut_from: LEVEL, cut: new, established: keep, refuse: drop, per_source: LIMITS, per_prefix: LIMITS,
 *       total: LIMITS, fair: true }
 * Read after the lists, which they name; limits are in read_limits.c.
 */
#include "reader.h"

#include <string.h>

#include "base/text.h"

static void read_shed_from(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	struct spw_config_class *class = into;

	class->shed_place = value->place;
	spw_read_level(reader, value, &class->shed_from);
}

static void read_reserve(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	spw_read_percent(reader, value, 0, 0.95, "0% to 95%", &((struct spw_config_class *)into)->reserve);
}

static void read_cut_from(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	spw_read_level(reader, value, &((struct spw_config_class *)into)->cut_from);
}

static void read_limits(struct spw_reader *reader, const struct spw_node *value, struct spw_config_class *class,
			enum spw_limit_scope scope,
			void (*read)(struct spw_reader *reader, const struct spw_node *value, void *rates))
{
	class->limit_places[scope] = value->place;
	read(reader, value, &class->limits);
}

static void read_per_source(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	read_limits(reader, value, into, SPW_SCOPE_SOURCE, spw_read_per_source);
}

static void read_per_prefix(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	read_limits(reader, value, into, SPW_SCOPE_PREFIX, spw_read_per_prefix);
}

static void read_total(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	read_limits(reader, value, into, SPW_SCOPE_CLASS, spw_read_total);
}

static void read_fair(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	spw_read_fair(reader, value, &((struct spw_config_class *)into)->limits);
}

static void read_cut(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	static const char *const words[] = {"new", "all"};
	u32 index;

	if (spw_read_word(reader, value, words, COUNT_OF(words), "new or all", &index))
		((struct spw_config_class *)into)->cut_all = index;
}

static void read_established(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	static const char *const words[] = {"keep", "end"};
	u32 index;

	if (spw_read_word(reader, value, words, COUNT_OF(words), "keep or end", &index))
		((struct spw_config_class *)into)->gives_up = index;
}

static void read_refuse(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	static const char *const words[] = {"drop", "light", "reset"};
	struct spw_config_class *class = into;
	u32 index;

	class->refuse_place = value->place;
	if (!spw_read_word(reader, value, words, COUNT_OF(words), "drop, light or reset", &index))
		return;
	class->light = index == 1;
	class->reset = index == 2;
}

static void read_name(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	const struct spw_config *config = reader->config;
	struct spw_config_class *class = into;

	if (!spw_read_text(reader, value, "a name") || !spw_check_name(reader, value, "class") ||
	    !spw_check_reserved(reader, value, "class"))
		return;
	class->place = value->place;
	for (size_t i = 0; i + 1 < config->classes_count; i++) {
		if (!config->classes[i].name || strcmp(config->classes[i].name, value->text))
			continue;
		spw_error(reader->diagnostics, value->place, "duplicate class '%s', first given at line %u",
			  value->text, config->classes[i].place.line);
		return;
	}
	spw_replace_text(reader, &class->name, NULL, value->text);
}

static bool find_list(struct spw_reader *reader, const struct spw_node *node, const char *name, size_t *index)
{
	const struct spw_config *config = reader->config;
	struct spw_nearest nearest = {.word = name};
	const char *near;

	for (size_t i = 0; i < config->lists_count; i++) {
		if (!config->lists[i].name)
			continue;
		if (!strcmp(config->lists[i].name, name)) {
			*index = i;
			return true;
		}
		spw_nearest_offer(&nearest, config->lists[i].name);
	}
	if (reader->lists_incomplete)
		return false;
	near = spw_nearest_take(&nearest);
	if (near)
		spw_error(reader->diagnostics, node->place, "unknown list '%.64s'; did you mean '%s'?", name, near);
	else
		spw_error(reader->diagnostics, node->place, "unknown list '%.64s'; it must stand under lists", name);
	return false;
}

static void append_list(struct spw_reader *reader, const struct spw_node *node, size_t list,
			struct spw_config_class *class)
{
	struct spw_place *places;
	size_t *lists;

	lists = spw_grow(reader, class->lists, class->lists_count, sizeof(*lists));
	if (!lists)
		return;
	class->lists = lists;
	places = spw_grow(reader, class->list_places, class->lists_count, sizeof(*places));
	if (!places)
		return;
	class->list_places = places;
	lists[class->lists_count] = list;
	places[class->lists_count++] = node->place;
}

static void read_class_lists(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	if (!spw_read_sequence(reader, value, "a list of lists such as [partners]"))
		return;
	for (const struct spw_node *item = value->child; item; item = item->next) {
		const char *name = spw_read_text(reader, item, "the name of a list");
		size_t list;

		if (name && find_list(reader, item, name, &list))
			append_list(reader, item, list, into);
	}
}

enum {
	KEY_NAME,
	KEY_LISTS,
	KEY_SHED_FROM,
	KEY_CUT_FROM,
	KEY_CUT,
	KEY_RESERVE,
	KEY_ESTABLISHED,
	KEY_REFUSE,
	KEY_PER_SOURCE,
	KEY_PER_PREFIX,
	KEY_TOTAL,
	KEY_FAIR,
	KEYS,
};

/* Every class but the last one names lists; only here it is known which one is the last. */
static void check_class(struct spw_reader *reader, const struct spw_node *node, const struct spw_node *const *found)
{
	const struct spw_node *lists = found[KEY_LISTS];
	bool names_any = lists && (lists->next->kind != SPW_NODE_SEQUENCE || lists->next->child);

	if (!found[KEY_NAME])
		spw_error(reader->diagnostics, node->place, "the class has no name; write { name: NAME }");
	if (!node->next && names_any)
		spw_error(reader->diagnostics, lists->place,
			  "the last class takes what no list names, so it cannot name "
			  "lists; put another class behind it");
	if (node->next && !names_any)
		spw_error(reader->diagnostics, node->place,
			  "the class names no list; only the last one takes sources that no list names");
	if (found[KEY_CUT] && !found[KEY_CUT_FROM])
		spw_warning(reader->diagnostics, found[KEY_CUT]->place, "'cut' has no effect without 'cut_from'");
}

static void read_class(struct spw_reader *reader, const struct spw_node *node)
{
	static const struct spw_key keys[KEYS] = {
		[KEY_NAME] = {"name", read_name},
		[KEY_LISTS] = {"lists", read_class_lists},
		[KEY_SHED_FROM] = {"shed_from", read_shed_from},
		[KEY_CUT_FROM] = {"cut_from", read_cut_from},
		[KEY_CUT] = {"cut", read_cut},
		[KEY_RESERVE] = {"reserve", read_reserve},
		[KEY_ESTABLISHED] = {"established", read_established},
		[KEY_REFUSE] = {"refuse", read_refuse},
		[KEY_PER_SOURCE] = {"per_source", read_per_source},
		[KEY_PER_PREFIX] = {"per_prefix", read_per_prefix},
		[KEY_TOTAL] = {"total", read_total},
		[KEY_FAIR] = {"fair", read_fair},
	};
	const struct spw_node *found[KEYS];
	struct spw_config *config = reader->config;
	struct spw_config_class *class = spw_grow(reader, config->classes, config->classes_count, sizeof(*class));

	if (!class)
		return;
	config->classes = class;
	class += config->classes_count++;
	*class = (struct spw_config_class){
		.place = node->place,
		.shed_place = node->place,
		.reserve = -1,
		/* Defaults to the class above. A class that sheds later is an error (meaning.c). */
		.shed_from = config->classes_count > 1 ? class[-1].shed_from : SPW_LEVEL_NEVER,
		.cut_from = SPW_LEVEL_NEVER,
	};
	if (!spw_find_keys(reader, node, "a class such as { name: domestic, lists: [home] }", keys, KEYS, found))
		return;
	check_class(reader, node, found);
	spw_read_found(reader, keys, KEYS, found, class);
}

void spw_read_classes(struct spw_reader *reader, const struct spw_node *value, void *config)
{
	(void)config;
	if (!spw_read_sequence(reader, value, "a list of classes, highest priority first"))
		return;
	if (!value->child)
		spw_error(reader->diagnostics, value->place,
			  "no class; write at least one, which takes everybody: [{ name: everybody }]");
	for (const struct spw_node *node = value->child; node; node = node->next) {
		if (reader->config->classes_count == SPW_CLASSES_MAX) {
			spw_error(reader->diagnostics, node->place, "more than %u classes", SPW_CLASSES_MAX);
			return;
		}
		read_class(reader, node);
	}
}
