/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * classes, highest priority first:
 *   - { name: NAME, lists: [NAME], shed_from: LEVEL, cut_from: LEVEL, cut: new, per_source: LIMITS, per_prefix: LIMITS
 * } Called when the lists have been read, as they are named here.
 */
#include "reader.h"

#include <string.h>

#include "text.h"
#include "units.h"

/* Limits while they are read: a burst says how much of what only when all rates are known. */
struct limits_reading {
	struct spw_config_limits *limits;
	u64 burst; /* 0: not given */
};

static void read_rate(struct spw_reader *reader, const struct spw_node *value, struct spw_config_rate *rate, bool bits)
{
	const char *text = spw_read_text(reader, value, bits ? "a rate such as 50Mbit/s" : "a rate such as 10/s");
	const char *problem;

	if (!text)
		return;
	rate->place = value->place;
	problem = bits ? spw_units_bit_rate(text, &rate->per_second) : spw_units_rate(text, &rate->per_second);
	if (problem)
		spw_error(reader->diagnostics, value->place, "'%.64s' is not a rate: %s", text, problem);
	rate->burst = rate->per_second; /* one second's worth */
}

static void read_new(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	read_rate(reader, value, &((struct limits_reading *)into)->limits->new_work, false);
}

static void read_packets(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	read_rate(reader, value, &((struct limits_reading *)into)->limits->packets, false);
}

static void read_bits(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	read_rate(reader, value, &((struct limits_reading *)into)->limits->bits, true);
}

static void read_burst(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	const char *text = spw_read_text(reader, value, "a count such as 30"), *problem;

	if (!text)
		return;
	problem = spw_units_count(text, &((struct limits_reading *)into)->burst);
	if (problem)
		spw_error(reader->diagnostics, value->place, "'%.64s' is not a burst: %s", text, problem);
}

/* A burst is new work, or, where that has no limit, of the one rate that is given. */
static struct spw_config_rate *burst_rate(struct spw_config_limits *limits)
{
	if (limits->new_work.place.line)
		return &limits->new_work;
	if (limits->packets.place.line && limits->bits.place.line)
		return NULL;
	if (limits->packets.place.line)
		return &limits->packets;
	return limits->bits.place.line ? &limits->bits : NULL;
}

static void read_limits(struct spw_reader *reader, const struct spw_node *value, struct spw_config_limits *limits)
{
	static const struct spw_key keys[] = {
		{"new", read_new},
		{"packets", read_packets},
		{"bits", read_bits},
		{"burst", read_burst},
	};
	const struct spw_node *found[COUNT_OF(keys)];
	struct limits_reading reading = {.limits = limits};
	struct spw_config_rate *rate;

	limits->given = true;
	limits->place = value->place;
	if (!spw_find_keys(reader, value, "limits such as { new: 10/s, burst: 30 }", keys, COUNT_OF(keys), found))
		return;
	spw_read_found(reader, keys, COUNT_OF(keys), found, &reading);
	rate = burst_rate(limits);
	if (rate && reading.burst)
		rate->burst = reading.burst;
	if (!rate && found[COUNT_OF(keys) - 1])
		spw_error(reader->diagnostics, found[COUNT_OF(keys) - 1]->place,
			  "a burst of what? it goes with new, or with packets or bits if one of them stands alone");
	if (!value->child)
		spw_error(reader->diagnostics, value->place, "no limit; write at least one of new, packets and bits");
	spw_warning(reader->diagnostics, value->place, "limits are read but not enforced by this version");
}

static void read_per_source(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	read_limits(reader, value, &((struct spw_config_class *)into)->per_source);
}

static void read_per_prefix(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	read_limits(reader, value, &((struct spw_config_class *)into)->per_prefix);
}

static void read_level(struct spw_reader *reader, const struct spw_node *value, u8 *level)
{
	const char *text = spw_read_text(reader, value, "a level such as red"), *problem;

	if (!text)
		return;
	problem = spw_units_level(text, level);
	if (problem)
		spw_error(reader->diagnostics, value->place, "'%.64s' is not a level: %s", text, problem);
}

static void read_shed_from(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	struct spw_config_class *class = into;

	class->shed_place = value->place;
	read_level(reader, value, &class->shed_from);
}

static void read_reserve(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	spw_read_percent(reader, value, 0, 0.95, "0% to 95%", &((struct spw_config_class *)into)->reserve);
}

static void read_cut_from(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	read_level(reader, value, &((struct spw_config_class *)into)->cut_from);
}

static void read_cut(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	static const char *const words[] = {"new", "all"};
	u32 index;

	if (spw_read_word(reader, value, words, COUNT_OF(words), "new or all", &index))
		((struct spw_config_class *)into)->cut_all = index;
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
	KEY_PER_SOURCE,
	KEY_PER_PREFIX,
	KEYS,
};

/* Every class but the last one names lists; which one is the last is known here alone. */
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
			  "the class names no list; only the last one takes what no list names");
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
		[KEY_PER_SOURCE] = {"per_source", read_per_source},
		[KEY_PER_PREFIX] = {"per_prefix", read_per_prefix},
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
		/* No class sheds later than one above it, unless it says so, which is an error (meaning.c). */
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
