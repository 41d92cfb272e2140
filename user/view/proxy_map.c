/* SPDX-License-Identifier: GPL-2.0-only */
/* See proxy_map.h. */
#include "proxy_map.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "core/table/intervals.h"
#include "json.h"
#include "state.h"

static const char heading[] = "# Written by 'spillway export'; changes are lost.\n";

static const struct spw_addr mapped_first = {0, SPW_IPV4_MAPPED}, mapped_last = {0, SPW_IPV4_MAPPED | 0xffffffff};

/* ---- names ---- */

/* Keys of HAProxy's map files end at the first blank. */
static const char *haproxy_refuses(const char *name)
{
	if (*name == '#')
		return "begins with '#', as comments of HAProxy's map files do";
	return strpbrk(name, " \t") ? "has a blank, which no key of HAProxy's map files can have" : NULL;
}

static const char *nginx_refuses(const struct spw_ruleset_source *source, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (!strcasecmp(source->classes[i].name, source->classes[index].name))
			return "is the name of another class too, as nginx ignores case in maps";
	return NULL;
}

size_t spw_proxy_unfit(const struct spw_ruleset_source *source, enum spw_proxy proxy, const char **why)
{
	for (size_t i = 0; i < source->classes_count; i++) {
		*why = proxy == SPW_HAPROXY ? haproxy_refuses(source->classes[i].name) : nginx_refuses(source, i);
		if (*why)
			return i;
	}
	return source->classes_count;
}

static void put_quoted(FILE *out, const char *text)
{
	for (; *text; text++)
		fprintf(out, "%s%c", strchr("\"\\", *text) ? "\\" : "", *text);
}

/* nginx's map: a backslash before a word keeps it from being a directive or a regular expression. */
static bool is_special_key(const char *name)
{
	return *name == '~' || *name == '\\' || !strcmp(name, "default") || !strcmp(name, "include");
}

/* ---- prefixes ---- */

/* What to do with each prefix. */
typedef void put_prefix(void *context, const struct spw_prefix *prefix, u32 class_index);

struct walk {
	put_prefix *put;
	void *context;
	u8 family;
};

static struct spw_addr last_of(u8 family)
{
	return spw_prefix_last(&(struct spw_prefix){{0, 0}, family, 0});
}

/* The address before @addr, which is not the first one. */
static struct spw_addr before(struct spw_addr addr, u8 family)
{
	if (family == 4)
		return (struct spw_addr){addr.hi - (1ull << 32), 0};
	return (struct spw_addr){addr.hi - !addr.lo, addr.lo - 1};
}

static void put_range(const struct walk *walk, struct spw_addr first, struct spw_addr last, u32 class_index)
{
	struct spw_prefix prefix;
	bool ended = false;

	while (spw_range_next(&first, &last, walk->family, &ended, &prefix))
		walk->put(walk->context, &prefix, class_index);
}

/* All but the IPv4-mapped addresses. */
static void put_interval(const struct walk *walk, struct spw_addr first, struct spw_addr last, u32 class_index)
{
	if (walk->family == 4 || spw_addr_compare(&last, &mapped_first) < 0 ||
	    spw_addr_compare(&first, &mapped_last) > 0) {
		put_range(walk, first, last, class_index);
		return;
	}
	if (spw_addr_compare(&first, &mapped_first) < 0)
		put_range(walk, first, before(mapped_first, 6), class_index);
	if (spw_addr_compare(&last, &mapped_last) > 0)
		put_range(walk, (struct spw_addr){0, mapped_last.lo + 1}, last, class_index);
}

struct rest {
	const struct walk *walk;
	const struct spw_intervals *classes;
};

static struct spw_addr last_address(const struct spw_intervals *classes, size_t index, u8 family)
{
	return index + 1 < classes->count ? before(classes->items[index + 1].first, family) : last_of(family);
}

/* A prefix for the last class, unless all of it is in other classes: one of theirs may be the same. */
static void put_rest(void *context, const struct spw_prefix *prefix, u32 class_index)
{
	const struct rest *rest = context;
	const struct spw_intervals *classes = rest->classes;
	struct spw_addr last = spw_prefix_last(prefix), end;

	for (size_t i = 0; i < classes->count; i++) {
		end = last_address(classes, i, prefix->family);
		if (classes->items[i].owner == class_index && spw_addr_compare(&classes->items[i].first, &last) <= 0 &&
		    spw_addr_compare(&end, &prefix->addr) >= 0) {
			rest->walk->put(rest->walk->context, prefix, class_index);
			return;
		}
	}
}

/* All but the last class's; with @whole that one has the whole family, before all others: the longest prefix wins. */
static int walk_family(const struct walk *walk, const struct spw_ruleset_source *source, bool whole)
{
	u32 last_class = (u32)source->classes_count - 1;
	struct spw_intervals classes;
	struct rest rest = {walk, &classes};
	const struct walk outer = {put_rest, &rest, walk->family};
	int err = spw_ruleset_classes(source, walk->family, &classes);

	if (!err && whole)
		put_interval(&outer, (struct spw_addr){0, 0}, last_of(walk->family), last_class);
	for (size_t i = 0; !err && i < classes.count; i++)
		if (classes.items[i].owner != last_class)
			put_interval(walk, classes.items[i].first, last_address(&classes, i, walk->family),
				     classes.items[i].owner);
	spw_intervals_free(&classes);
	return err;
}

/* ---- map files ---- */

struct file {
	FILE *out;
	const struct spw_ruleset_source *source;
};

static void put_haproxy(void *context, const struct spw_prefix *prefix, u32 class_index)
{
	const struct file *file = context;
	char text[SPW_PREFIX_TEXT];

	fprintf(file->out, "%s %s\n", spw_prefix_format(prefix, text), file->source->classes[class_index].name);
}

static void put_nginx(void *context, const struct spw_prefix *prefix, u32 class_index)
{
	const struct file *file = context;
	char text[SPW_PREFIX_TEXT];

	fprintf(file->out, "%s \"", spw_prefix_format(prefix, text));
	put_quoted(file->out, file->source->classes[class_index].name);
	fputs("\";\n", file->out);
}

int spw_view_proxy_classes(FILE *out, const struct spw_ruleset_source *source, enum spw_proxy proxy)
{
	struct file file = {out, source};
	int err = 0;

	fputs(heading, out);
	if (proxy == SPW_NGINX) {
		fputs("default \"", out);
		put_quoted(out, source->classes[source->classes_count - 1].name);
		fputs("\";\n", out);
	}
	for (u8 family = 4; !err && family <= 6; family += 2) {
		const struct walk walk = {
			.put = proxy == SPW_HAPROXY ? put_haproxy : put_nginx,
			.context = &file,
			.family = family,
		};

		err = walk_family(&walk, source, proxy == SPW_HAPROXY);
	}
	return err;
}

static const char *treatment(const struct spw_ruleset_class *class, u32 level)
{
	if (level >= SPW_LEVELS)
		return spw_treatment_name(SPW_SERVED);
	return spw_treatment_name(spw_treatment(class->shed_from, class->cut_new_from, class->cut_all_from, level));
}

void spw_view_proxy_level(FILE *out, const struct spw_ruleset_source *source, enum spw_proxy proxy, u32 level)
{
	fputs(heading, out);
	if (proxy == SPW_NGINX)
		fprintf(out, "default %s;\n", spw_treatment_name(SPW_SERVED));
	for (size_t i = 0; i < source->classes_count; i++) {
		const struct spw_ruleset_class *class = &source->classes[i];

		if (proxy == SPW_HAPROXY) {
			fprintf(out, "%s %s\n", class->name, treatment(class, level));
			continue;
		}
		fprintf(out, "\"%s", is_special_key(class->name) ? "\\\\" : "");
		put_quoted(out, class->name);
		fprintf(out, "\" %s;\n", treatment(class, level));
	}
}

/* ---- JSON ---- */

static void put_json(void *context, const struct spw_prefix *prefix, u32 class_index)
{
	struct spw_json *prefixes = context;
	char text[SPW_PREFIX_TEXT];

	spw_json_add(&prefixes[class_index], json_string(spw_prefix_format(prefix, text)));
}

json_t *spw_view_proxy_json(const struct spw_ruleset_source *source, u32 level)
{
	struct spw_json object = spw_json_object(), classes = spw_json_array(), prefixes[SPW_CLASSES_MAX];
	int err = 0;

	for (size_t i = 0; i < source->classes_count; i++)
		prefixes[i] = spw_json_array();
	for (u8 family = 4; !err && family <= 6; family += 2)
		err = walk_family(&(struct walk){.put = put_json, .context = prefixes, .family = family}, source,
				  false);
	for (size_t i = 0; i < source->classes_count; i++) {
		struct spw_json class = spw_json_object();

		spw_json_set(&class, "class", spw_json_text(source->classes[i].name));
		spw_json_set(&class, "treatment", json_string(treatment(&source->classes[i], level)));
		spw_json_set(&class, "prefixes", spw_json_finish(&prefixes[i]));
		spw_json_add(&classes, spw_json_finish(&class));
	}
	spw_json_set(&object, "level", spw_json_level(level));
	spw_json_set(&object, "default", spw_json_text(source->classes[source->classes_count - 1].name));
	spw_json_set(&object, "classes", spw_json_finish(&classes));
	object.failed |= err;
	return spw_json_finish(&object);
}
