/* SPDX-License-Identifier: GPL-2.0-only */
/* What a configuration means: the ranking of classes, what each level takes from whom, what is never touched. */
#include <string.h>

#include "config/ports.h"
#include "core/words.h"
#include "json.h"
#include "limits.h"
#include "numbers.h"
#include "reason.h"
#include "row.h"
#include "state.h"
#include "text.h"

#define NAME_COLUMNS_MIN 10
#define NAME_COLUMNS_MAX 32
#define LEVEL_COLUMNS	 10

/* @name comes from the configuration, @rest from us. */
static void put_word(struct spw_row *row, const char *name, const char *rest)
{
	spw_row_next(row, spw_text_width(name) + (int)strlen(rest));
	spw_put_text(row->out, name, SPW_FOR_TERMINAL);
	fputs(rest, row->out);
}

static u32 cut_all_from(const struct spw_config_class *class)
{
	return class->cut_all ? class->cut_from : SPW_LEVEL_NEVER;
}

static int class_columns(const struct spw_config *config)
{
	int columns = NAME_COLUMNS_MIN;

	for (size_t i = 0; i < config->classes_count; i++) {
		int width = spw_text_width(config->classes[i].name);

		columns = width > columns ? width : columns;
	}
	return columns < NAME_COLUMNS_MAX ? columns : NAME_COLUMNS_MAX;
}

static u64 list_prefixes(const struct spw_meaning *meaning, size_t list)
{
	return meaning->prefixes4[list] + meaning->prefixes6[list];
}

static u64 list_skipped(const struct spw_meaning *meaning, size_t list)
{
	return meaning->skipped ? meaning->skipped[list] : 0;
}

static const char *list_format(const struct spw_meaning *meaning, size_t list)
{
	return meaning->formats ? meaning->formats[list] : NULL;
}

#define SKIPPED_TEXT (SPW_SHORT_TEXT + 20)

static const char *skipped_text(u64 lines, char text[SKIPPED_TEXT])
{
	char count[SPW_SHORT_TEXT];

	*text = 0;
	if (lines)
		snprintf(text, SKIPPED_TEXT, ", %s line%s skipped", spw_long_count(lines, count),
			 lines == 1 ? "" : "s");
	return text;
}

static void put_class(FILE *out, const struct spw_meaning *meaning, size_t index, int columns)
{
	const struct spw_config_class *class = &meaning->config->classes[index];
	char count[SPW_SHORT_TEXT], skipped[SKIPPED_TEXT], rest[SPW_SHORT_TEXT + SKIPPED_TEXT + 48];
	struct spw_row row;

	fprintf(out, "%3zu  ", index + 1);
	spw_put_cell(out, class->name, columns);
	fputs("  ", out);
	row = (struct spw_row){.out = out, .indent = columns + 7, .column = columns + 7};
	for (size_t i = 0; i < class->lists_count; i++) {
		u64 prefixes = list_prefixes(meaning, class->lists[i]);
		const char *unit = prefixes == 1 ? " prefix" : " prefixes",
			   *format = list_format(meaning, class->lists[i]);

		snprintf(rest, sizeof(rest), " (%s%s%s%s%s)", spw_long_count(prefixes, count), i ? "" : unit,
			 format ? ", " : "", format ? format : "",
			 skipped_text(list_skipped(meaning, class->lists[i]), skipped));
		put_word(&row, meaning->config->lists[class->lists[i]].name, rest);
	}
	if (index + 1 == meaning->config->classes_count)
		put_word(&row, "everything that no list names", "");
	else if (!class->lists_count)
		put_word(&row, "nobody: it has no list", "");
	putc('\n', out);
}

static void put_unused(FILE *out, const struct spw_config *config)
{
	struct spw_row row = {0};

	for (size_t i = 0; i < config->lists_count; i++) {
		if (spw_config_list_class(config, i))
			continue;
		if (!row.out)
			row = spw_row_begin(out, "in no class, so without effect: ", 32);
		put_word(&row, config->lists[i].name, "");
	}
	if (row.out)
		putc('\n', out);
}

static void put_classes(FILE *out, const struct spw_meaning *meaning)
{
	int columns = class_columns(meaning->config);

	fputs("classes, highest priority first\n", out);
	for (size_t i = 0; i < meaning->config->classes_count; i++)
		put_class(out, meaning, i, columns);
	put_unused(out, meaning->config);
}

static void put_levels(FILE *out, const struct spw_config *config, struct spw_style style)
{
	int columns = class_columns(config);
	char text[SPW_SHORT_TEXT];

	fprintf(out, "\n%-*s", columns + 7, "at level");
	for (u32 level = 0; level < SPW_LEVELS; level++) {
		snprintf(text, sizeof(text), "%-*s", LEVEL_COLUMNS, spw_level_name(level));
		spw_put_coloured(out, style, spw_level_colour(level), text);
	}
	fputs("shed from\n", out);
	for (size_t i = 0; i < config->classes_count; i++) {
		const struct spw_config_class *class = &config->classes[i];

		fputs("     ", out);
		spw_put_cell(out, class->name, columns + 2);
		for (u32 level = 0; level < SPW_LEVELS; level++) {
			enum spw_treatment treatment =
				spw_treatment(class->shed_from, class->cut_from, cut_all_from(class), level);

			snprintf(text, sizeof(text), "%-*s", LEVEL_COLUMNS, spw_treatment_text(treatment));
			if (treatment == SPW_SERVED)
				fputs(text, out);
			else
				spw_put_coloured(out, style, SPW_COLOUR_STRONG, text);
		}
		fprintf(out, "%s\n", spw_level_name(class->shed_from));
	}
	for (size_t i = 0; i < config->classes_count; i++)
		if (config->classes[i].gives_up) {
			fputs("established: end (while it sheds and more requests come on established connections than "
			      "can be\nserved, those outside its share are ended): ",
			      out);
			spw_put_text(out, config->classes[i].name, SPW_FOR_TERMINAL);
			fputc('\n', out);
		}
	for (size_t i = 0; i < config->classes_count; i++)
		if (config->classes[i].light) {
			fputs("refuse: light (TCP connections that the budget refuses go to the light listener): ",
			      out);
			spw_put_text(out, config->classes[i].name, SPW_FOR_TERMINAL);
			fputc('\n', out);
		}
	for (size_t i = 0; i < config->classes_count; i++)
		if (config->classes[i].reset) {
			fputs("refuse: reset (TCP connections that the budget refuses are reset): ", out);
			spw_put_text(out, config->classes[i].name, SPW_FOR_TERMINAL);
			fputc('\n', out);
		}
	fputs("sheds: new work lives under the budget of its service; cut new: new work is refused; both leave\n"
	      "established connections alone; cut all: every packet is refused\n",
	      out);
}

static void put_limits(FILE *out, const struct spw_config *config)
{
	bool begun = false;

	for (size_t i = 0; i < config->classes_count; i++) {
		if (!spw_class_is_limited(&config->classes[i].limits))
			continue;
		fprintf(out, "%-*s", SPW_LABEL_COLUMNS, begun ? "" : "limits");
		spw_put_text(out, config->classes[i].name, SPW_FOR_TERMINAL);
		fputs(": ", out);
		spw_put_limits(out, &config->classes[i].limits);
		putc('\n', out);
		begun = true;
	}
	if (begun)
		fprintf(out, "%*sa source: an IPv4 /%u, an IPv6 /%u; a prefix: a /%u, a /%u\n", SPW_LABEL_COLUMNS, "",
			config->source_bits[0], config->source_bits[1], config->prefix_bits[0], config->prefix_bits[1]);
}

static void put_management(FILE *out, const struct spw_config *config)
{
	struct spw_row row = spw_row_begin(out, "management", SPW_LABEL_COLUMNS);
	char text[SPW_PREFIX_TEXT];

	if (!config->management_prefixes_count && !config->management_ports_count) {
		fputs("nobody is exempt: a level can lock you out too\n", out);
		return;
	}
	for (size_t i = 0; i < config->management_prefixes_count; i++)
		put_word(&row, spw_prefix_format(&config->management_prefixes[i].prefix, text), "");
	if (!config->management_prefixes_count)
		put_word(&row, "everybody", "");
	fputs(config->management_ports_count ? " to port " : " to every port", out);
	for (size_t i = 0; i < config->management_ports_count; i++)
		fprintf(out, i ? ", %u" : "%u", config->management_ports[i]);
	fputs(": passes at every level\n", out);
}

static void put_ports(struct spw_row *row, const char *kind, const struct spw_config *config,
		      const struct spw_config_port *ports, size_t count)
{
	char text[SPW_PORT_TEXT + 8], port[SPW_PORT_TEXT];

	for (size_t i = 0; i < count; i++) {
		snprintf(text, sizeof(text), "%s %s", kind, spw_config_port_format(config, &ports[i], port));
		put_word(row, text, "");
	}
}

static void put_services(FILE *out, const struct spw_config *config)
{
	for (size_t i = 0; i < config->services_count; i++) {
		const struct spw_config_service *service = &config->services[i];
		char text[SPW_SHORT_TEXT];
		struct spw_row row = spw_row_begin(out, i ? "" : "services", SPW_LABEL_COLUMNS);

		spw_put_text(out, service->name, SPW_FOR_TERMINAL);
		row.column += spw_text_width(service->name) + fprintf(out, ": ");
		put_ports(&row, "tcp", config, service->tcp, service->tcp_count);
		put_ports(&row, "quic", config, service->quic, service->quic_count);
		put_ports(&row, "udp", config, service->udp, service->udp_count);
		put_ports(&row, "udp_each", config, service->udp_each, service->udp_each_count);
		if (service->light_ports_count)
			fprintf(out, "; light listeners on %u%s, up to %s", service->light_ports[0],
				service->light_ports_count > 1 ? ", ..." : "",
				spw_per_second((double)service->light_per_s, text));
		if (service->patience_ns)
			fprintf(out, "; patience %s", spw_short_time(service->patience_ns, text));
		putc('\n', out);
	}
}

static void put_balancers(FILE *out, const struct spw_config *config)
{
	struct spw_row row;
	char text[SPW_PREFIX_TEXT];

	if (!config->balancers_count)
		return;
	row = spw_row_begin(out, "decap", SPW_LABEL_COLUMNS);
	for (size_t i = 0; i < config->balancers_count; i++) {
		put_word(&row, spw_prefix_format(&config->balancers[i].prefix, text), "");
		for (u32 tunnel = 0; tunnel < SPW_TUNNELS; tunnel++)
			if (config->balancers[i].tunnels & 1u << tunnel)
				row.column += fprintf(out, " %s", spw_tunnel_name(tunnel));
	}
	fputs(": tunnels from there are judged by their inner source\n", out);
}

static void put_ruleset(FILE *out, const struct spw_meaning *meaning)
{
	char first[SPW_SHORT_TEXT], second[SPW_SHORT_TEXT], third[SPW_SHORT_TEXT];

	fprintf(out, "%-*s%s IPv4 and %s IPv6 intervals in %sB of memory", SPW_LABEL_COLUMNS, "ruleset",
		spw_long_count(meaning->intervals4, first), spw_long_count(meaning->intervals6, second),
		spw_short_count(meaning->ruleset_bytes, third));
	fprintf(out, "; lists read in %.3f s, compiled in %.3f s\n", meaning->read_seconds, meaning->compile_seconds);
}

static void put_interfaces(FILE *out, const struct spw_config *config)
{
	struct spw_row row = spw_row_begin(out, "interfaces", SPW_LABEL_COLUMNS);

	for (size_t i = 0; i < config->interfaces_count; i++)
		put_word(&row, config->interfaces[i].name, "");
	if (!config->interfaces_count)
		fputs("none", out);
	fprintf(out, "\n%-*s%s%s\n", SPW_LABEL_COLUMNS, "mode", spw_mode_name(config->mode),
		config->mode == SPW_OBSERVE ? ": everything passes, and is counted" : "");
}

void spw_view_meaning(FILE *out, const struct spw_meaning *meaning, struct spw_style style)
{
	put_classes(out, meaning);
	put_levels(out, meaning->config, style);
	putc('\n', out);
	put_interfaces(out, meaning->config);
	put_management(out, meaning->config);
	put_services(out, meaning->config);
	put_balancers(out, meaning->config);
	put_limits(out, meaning->config);
	put_ruleset(out, meaning);
}

/* ---- JSON ---- */

static json_t *treatments_json(const struct spw_config_class *class)
{
	struct spw_json object = spw_json_object();

	for (u32 level = 0; level < SPW_LEVELS; level++) {
		enum spw_treatment treatment =
			spw_treatment(class->shed_from, class->cut_from, cut_all_from(class), level);

		spw_json_set(&object, spw_level_name(level), json_string(spw_treatment_name(treatment)));
	}
	return spw_json_finish(&object);
}

static json_t *class_lists_json(const struct spw_config *config, const struct spw_config_class *class)
{
	struct spw_json array = spw_json_array();

	for (size_t i = 0; i < class->lists_count; i++)
		spw_json_add(&array, spw_json_text(config->lists[class->lists[i]].name));
	return spw_json_finish(&array);
}

static json_t *cut_json(const struct spw_config_class *class)
{
	if (class->cut_from >= SPW_LEVELS)
		return json_null();
	return json_string(class->cut_all ? "all" : "new");
}

static json_t *class_json(const struct spw_config *config, size_t index)
{
	const struct spw_config_class *class = &config->classes[index];
	struct spw_json object = spw_json_object();

	spw_json_set(&object, "name", spw_json_text(class->name));
	spw_json_set(&object, "rank", json_integer((json_int_t)index));
	spw_json_set(&object, "shed_from", spw_json_level(class->shed_from));
	spw_json_set(&object, "cut_from", spw_json_level(class->cut_from));
	spw_json_set(&object, "cut", cut_json(class));
	spw_json_set(&object, "established", json_string(class->gives_up ? "end" : "keep"));
	spw_json_set(&object, "refuse", json_string(class->light ? "light" : class->reset ? "reset" : "drop"));
	spw_json_set(&object, "takes_the_rest", json_boolean(index + 1 == config->classes_count));
	spw_json_set(&object, "lists", class_lists_json(config, class));
	spw_json_set(&object, "limits", spw_json_limits(&class->limits));
	spw_json_set(&object, "levels", treatments_json(class));
	return spw_json_finish(&object);
}

static json_t *classes_json(const struct spw_config *config)
{
	struct spw_json array = spw_json_array();

	for (size_t i = 0; i < config->classes_count; i++)
		spw_json_add(&array, class_json(config, i));
	return spw_json_finish(&array);
}

static json_t *lists_json(const struct spw_meaning *meaning)
{
	static const char *const kinds[] = {
		[SPW_LIST_FILE] = "file", [SPW_LIST_GEO] = "geo",	[SPW_LIST_MMDB] = "mmdb",
		[SPW_LIST_URL] = "url",	  [SPW_LIST_INLINE] = "inline", [SPW_LIST_ENTRIES] = "entries"};
	const struct spw_config *config = meaning->config;
	struct spw_json array = spw_json_array();

	for (size_t i = 0; i < config->lists_count; i++) {
		const struct spw_config_class *class = spw_config_list_class(config, i);
		struct spw_json object = spw_json_object();

		spw_json_set(&object, "name", spw_json_text(config->lists[i].name));
		spw_json_set(&object, "class", class ? spw_json_text(class->name) : json_null());
		spw_json_set(&object, "kind", json_string(kinds[config->lists[i].kind]));
		if (list_format(meaning, i))
			spw_json_set(&object, "format", json_string(list_format(meaning, i)));
		spw_json_set(&object, "prefixes4", spw_json_count(meaning->prefixes4[i]));
		spw_json_set(&object, "prefixes6", spw_json_count(meaning->prefixes6[i]));
		spw_json_set(&object, "skipped_lines", spw_json_count(list_skipped(meaning, i)));
		spw_json_add(&array, spw_json_finish(&object));
	}
	return spw_json_finish(&array);
}

/* Numbers; text such as "192.0.2.1:443" where the port is that of an address. */
static json_t *ports_json(const struct spw_config *config, const struct spw_config_port *ports, size_t count)
{
	struct spw_json array = spw_json_array();
	char text[SPW_PORT_TEXT];

	for (size_t i = 0; i < count; i++)
		spw_json_add(&array, ports[i].local ? json_string(spw_config_port_format(config, &ports[i], text))
						    : json_integer(ports[i].port));
	return spw_json_finish(&array);
}

static json_t *management_json(const struct spw_config *config)
{
	struct spw_json object = spw_json_object(), prefixes = spw_json_array(), ports = spw_json_array();
	char text[SPW_PREFIX_TEXT];

	for (size_t i = 0; i < config->management_prefixes_count; i++)
		spw_json_add(&prefixes, json_string(spw_prefix_format(&config->management_prefixes[i].prefix, text)));
	spw_json_set(&object, "prefixes", spw_json_finish(&prefixes));
	for (size_t i = 0; i < config->management_ports_count; i++)
		spw_json_add(&ports, json_integer(config->management_ports[i]));
	spw_json_set(&object, "ports", spw_json_finish(&ports));
	return spw_json_finish(&object);
}

static json_t *light_json(const struct spw_config_service *service)
{
	struct spw_json object, ports;

	if (!service->light_ports_count)
		return json_null();
	object = spw_json_object();
	ports = spw_json_array();
	for (size_t i = 0; i < service->light_ports_count; i++)
		spw_json_add(&ports, json_integer(service->light_ports[i]));
	spw_json_set(&object, "tcp", spw_json_finish(&ports));
	spw_json_set(&object, "per_second", spw_json_count(service->light_per_s));
	return spw_json_finish(&object);
}

static json_t *services_json(const struct spw_config *config)
{
	struct spw_json array = spw_json_array();

	for (size_t i = 0; i < config->services_count; i++) {
		const struct spw_config_service *service = &config->services[i];
		struct spw_json object = spw_json_object();

		spw_json_set(&object, "name", spw_json_text(service->name));
		spw_json_set(&object, "tcp", ports_json(config, service->tcp, service->tcp_count));
		spw_json_set(&object, "quic", ports_json(config, service->quic, service->quic_count));
		spw_json_set(&object, "udp", ports_json(config, service->udp, service->udp_count));
		spw_json_set(&object, "udp_each", ports_json(config, service->udp_each, service->udp_each_count));
		spw_json_set(&object, "light", light_json(service));
		spw_json_add(&array, spw_json_finish(&object));
	}
	return spw_json_finish(&array);
}

static json_t *balancers_json(const struct spw_config *config)
{
	struct spw_json array = spw_json_array();
	char text[SPW_PREFIX_TEXT];

	for (size_t i = 0; i < config->balancers_count; i++) {
		struct spw_json object = spw_json_object(), kinds = spw_json_array();

		spw_json_set(&object, "from", json_string(spw_prefix_format(&config->balancers[i].prefix, text)));
		for (u32 tunnel = 0; tunnel < SPW_TUNNELS; tunnel++)
			if (config->balancers[i].tunnels & 1u << tunnel)
				spw_json_add(&kinds, json_string(spw_tunnel_name(tunnel)));
		spw_json_set(&object, "kinds", spw_json_finish(&kinds));
		spw_json_add(&array, spw_json_finish(&object));
	}
	return spw_json_finish(&array);
}

static json_t *interfaces_json(const struct spw_config *config)
{
	struct spw_json array = spw_json_array();

	for (size_t i = 0; i < config->interfaces_count; i++)
		spw_json_add(&array, spw_json_text(config->interfaces[i].name));
	return spw_json_finish(&array);
}

static json_t *ruleset_json(const struct spw_meaning *meaning)
{
	struct spw_json object = spw_json_object();

	spw_json_set(&object, "bytes", spw_json_count(meaning->ruleset_bytes));
	spw_json_set(&object, "intervals4", json_integer(meaning->intervals4));
	spw_json_set(&object, "intervals6", json_integer(meaning->intervals6));
	spw_json_set(&object, "read_seconds", json_real(meaning->read_seconds));
	spw_json_set(&object, "compile_seconds", json_real(meaning->compile_seconds));
	return spw_json_finish(&object);
}

static json_t *warnings_json(const struct spw_diagnostics *warnings)
{
	struct spw_json array = spw_json_array();

	for (size_t i = 0; warnings && i < warnings->count; i++) {
		const struct spw_diagnostic *warning = &warnings->items[i];
		struct spw_json object;

		if (warning->severity != SPW_WARNING)
			continue;
		object = spw_json_object();
		spw_json_set(&object, "line", json_integer(warning->line));
		spw_json_set(&object, "column", json_integer(warning->column));
		spw_json_set(&object, "text", spw_json_text(warning->text));
		spw_json_add(&array, spw_json_finish(&object));
	}
	return spw_json_finish(&array);
}

json_t *spw_view_meaning_json(const struct spw_meaning *meaning)
{
	const struct spw_config *config = meaning->config;
	struct spw_json object = spw_json_object();

	spw_json_set(&object, "mode", json_string(spw_mode_name(config->mode)));
	spw_json_set(&object, "interfaces", interfaces_json(config));
	spw_json_set(&object, "classes", classes_json(config));
	spw_json_set(&object, "lists", lists_json(meaning));
	spw_json_set(&object, "management", management_json(config));
	spw_json_set(&object, "services", services_json(config));
	spw_json_set(&object, "decap", balancers_json(config));
	spw_json_set(&object, "ruleset", ruleset_json(meaning));
	spw_json_set(&object, "warnings", warnings_json(meaning->warnings));
	return spw_json_finish(&object);
}
