/* SPDX-License-Identifier: GPL-2.0-only */
/* The root of a configuration and its small parts. Services, lists and classes have their own files. */
#include "reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"

_Static_assert(SPW_INTERFACES_MAX == 16 && SPW_MANAGEMENT_PREFIXES_MAX == 64 && SPW_INTERFACE_NAME_BYTES == 128 &&
		       SPW_ALSO_MINE_MAX == 128,
	       "as messages say");

/* What the kernel takes for a name (dev_valid_name()), or for an altname. */
static bool check_interface(struct spw_reader *reader, const struct spw_node *node, const char *name)
{
	const char *problem = NULL;

	/* As `ip link` shows a veth: "eth0@if3". */
	if (strchr(name, '@')) {
		spw_error(reader->diagnostics, node->place, "interface '%.64s': write '%.*s', without '%.32s'", name,
			  (int)strcspn(name, "@"), name, strchr(name, '@'));
		return false;
	}
	if (strlen(name) >= SPW_INTERFACE_NAME_BYTES)
		problem = "it is longer than 127 bytes";
	else if (strpbrk(name, "/: \t\n") || !strcmp(name, ".") || !strcmp(name, ".."))
		problem = "it contains a slash, colon or blank, or is a dot";
	for (size_t i = 0; !problem && i < reader->config->interfaces_count; i++)
		if (!strcmp(reader->config->interfaces[i].name, name))
			problem = "it is given twice";
	if (!problem && reader->config->interfaces_count == SPW_INTERFACES_MAX)
		problem = "more than 16 are not supported";
	if (problem)
		spw_error(reader->diagnostics, node->place, "interface '%.64s': %s", name, problem);
	return !problem;
}

static void read_interfaces(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	struct spw_config *config = into;

	if (!spw_read_sequence(reader, value, "a list of interfaces such as [eth0]"))
		return;
	if (!value->child)
		spw_error(reader->diagnostics, value->place, "no interface; write at least one, such as [eth0]");
	for (const struct spw_node *item = value->child; item; item = item->next) {
		const char *name = spw_read_text(reader, item, "the name of an interface");
		void *grown;

		if (!name || !check_interface(reader, item, name))
			continue;
		grown = spw_grow(reader, config->interfaces, config->interfaces_count, sizeof(*config->interfaces));
		if (!grown)
			return;
		config->interfaces = grown;
		config->interfaces[config->interfaces_count].place = item->place;
		config->interfaces[config->interfaces_count].name = NULL;
		if (!spw_replace_text(reader, &config->interfaces[config->interfaces_count++].name, NULL, name))
			return;
	}
}

static void read_mode(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	static const char *const words[] = {[SPW_ENFORCE] = "enforce", [SPW_OBSERVE] = "observe"};
	struct spw_config *config = into;
	u32 index;

	if (spw_read_word(reader, value, words, COUNT_OF(words), "enforce or observe", &index))
		config->mode = (u8)index;
}

static void read_malformed(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	static const char *const words[] = {"pass", "drop"};
	struct spw_config *config = into;
	u32 index;

	if (spw_read_word(reader, value, words, COUNT_OF(words), "pass or drop", &index))
		config->malformed_drop = index;
}

static void read_forwarded(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	static const char *const words[] = {
		[SPW_FORWARDED_PASS] = "pass",
		[SPW_FORWARDED_JUDGE] = "judge",
		[SPW_FORWARDED_HOST] = "host",
	};
	struct spw_config *config = into;
	u32 index;

	if (spw_read_word(reader, value, words, COUNT_OF(words), "pass, judge or host", &index))
		config->forwarded = (enum spw_config_forwarded)index;
}

static void read_also_mine(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	static const struct spw_prefixes_bound bound = {SPW_ALSO_MINE_MAX, "more than 128 prefixes", false};
	struct spw_config *config = into;

	spw_read_prefixes(reader, value, &bound, &config->also_mine, &config->also_mine_count);
}

static void read_overlap(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	static const char *const words[] = {"error", "higher"};
	struct spw_config *config = into;
	u32 index;

	if (spw_read_word(reader, value, words, COUNT_OF(words), "error or higher", &index))
		config->overlap_higher = index;
}

static void read_attach(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	static const char *const words[] = {
		[SPW_ATTACH_AUTO] = "auto",
		[SPW_ATTACH_NATIVE] = "native",
		[SPW_ATTACH_GENERIC] = "generic",
	};
	struct spw_config *config = into;
	u32 index;

	if (spw_read_word(reader, value, words, COUNT_OF(words), "auto, native or generic", &index))
		config->attach = (enum spw_attach_mode)index;
}

static void read_reattach(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	static const char *const words[] = {"false", "true"};
	struct spw_config *config = into;
	u32 index;

	if (spw_read_word(reader, value, words, COUNT_OF(words), "true or false", &index))
		config->reattach = index;
}

static void read_lease(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	struct spw_config *config = into;

	spw_read_duration(reader, value, SPW_SECOND_NS, 60 * SPW_SECOND_NS, "1s to 60s", &config->lease_ns);
}

static void read_management_prefixes(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	static const struct spw_prefixes_bound bound = {SPW_MANAGEMENT_PREFIXES_MAX, "more than 64 management prefixes",
							false};
	struct spw_config *config = into;

	spw_read_prefixes(reader, value, &bound, &config->management_prefixes, &config->management_prefixes_count);
}

/* False: no more ports are accepted. */
static bool append_management_port(struct spw_reader *reader, const struct spw_node *item, u16 port,
				   struct spw_config *config)
{
	u16 *grown;

	if (spw_config_is_management_port(config, port)) {
		spw_error(reader->diagnostics, item->place, "port %u is given twice", port);
		return true;
	}
	if (config->management_ports_count == SPW_MANAGEMENT_PORTS_MAX) {
		spw_error(reader->diagnostics, item->place, "more than %u management ports", SPW_MANAGEMENT_PORTS_MAX);
		return false;
	}
	grown = spw_grow(reader, config->management_ports, config->management_ports_count, sizeof(*grown));
	if (!grown)
		return false;
	config->management_ports = grown;
	grown[config->management_ports_count++] = port;
	return true;
}

static void read_management_ports(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	u16 first, last;

	if (!spw_read_sequence(reader, value, "a list of ports such as [22]"))
		return;
	for (const struct spw_node *item = value->child; item; item = item->next) {
		if (!spw_read_ports(reader, item, &first, &last))
			continue;
		for (u32 port = first; port <= last; port++)
			if (!append_management_port(reader, item, (u16)port, into))
				return;
	}
}

static void read_management(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	static const struct spw_key keys[] = {
		{"prefixes", read_management_prefixes},
		{"ports", read_management_ports},
	};
	const struct spw_node *found[COUNT_OF(keys)];
	struct spw_config *config = into;

	config->management_place = value->place;
	if (spw_find_keys(reader, value, "{ prefixes: [192.0.2.0/28], ports: [22] }", keys, COUNT_OF(keys), found))
		spw_read_found(reader, keys, COUNT_OF(keys), found, into);
}

/* Suggest a replacement for @text. */
static void report_listen(struct spw_reader *reader, const struct spw_node *value, const char *text)
{
	u16 port;
	bool all = *text == ':' || !strncmp(text, "*:", 2) || !strchr(text, ':');
	const char *digits = text + (*text == '*') + (text[*text == '*'] == ':');

	if (all && !spw_units_port(digits, &port))
		spw_error(reader->diagnostics, value->place,
			  "'%.64s' has no address; write 127.0.0.1:%u for this host alone, 0.0.0.0:%u for all its IPv4 "
			  "addresses, [::]:%u for all of both kinds",
			  text, port, port, port);
	else
		spw_error(reader->diagnostics, value->place,
			  "'%.64s' is not an address to listen on; write 127.0.0.1:10010, [::1]:10010, "
			  "localhost:10010 or off",
			  text);
}

/* Split "host:port" or "[IPv6]:port"; NULL: it is neither. */
static char *split_listen(const char *text, u16 *port)
{
	const char *colon = strrchr(text, ':'), *host = text, *host_end = colon;
	struct spw_addr addr;
	bool bracket = *text == '[';
	u8 family = 0;

	if (!colon || spw_units_port(colon + 1, port))
		return NULL;
	if (bracket) {
		host++;
		host_end--;
		if (host_end <= host || *host_end != ']')
			return NULL;
	}
	if (spw_addr_parse(host, (size_t)(host_end - host), &addr, &family)
		    ? family != (bracket ? 6 : 4)
		    : bracket || strncmp(text, "localhost:", 10) || colon != text + 9)
		return NULL;
	return strndup(host, (size_t)(host_end - host));
}

static void read_listen(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	const char *text = spw_read_text(reader, value, "an address such as 127.0.0.1:10010, or off");
	struct spw_config *config = into;
	char *host = NULL;
	u16 port = 0;

	if (!text)
		return;
	config->metrics_place = value->place;
	if (strcmp(text, "off")) {
		host = split_listen(text, &port);
		if (!host) {
			report_listen(reader, value, text);
			return;
		}
	}
	free(config->metrics_host);
	config->metrics_host = host;
	config->metrics_port = port;
}

static void read_metrics(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	static const struct spw_key keys[] = {{"listen", read_listen}};
	const struct spw_node *found[COUNT_OF(keys)];

	if (spw_find_keys(reader, value, "{ listen: \"127.0.0.1:10010\" }", keys, COUNT_OF(keys), found))
		spw_read_found(reader, keys, COUNT_OF(keys), found, into);
}

static void read_page_sources(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	static const char *const words[] = {"false", "true"};
	struct spw_config *config = into;
	u32 index;

	if (spw_read_word(reader, value, words, COUNT_OF(words), "true or false", &index))
		config->page_sources = index;
}

static void read_page(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	static const struct spw_key keys[] = {{"sources", read_page_sources}};
	const struct spw_node *found[COUNT_OF(keys)];

	if (spw_find_keys(reader, value, "{ sources: true }", keys, COUNT_OF(keys), found))
		spw_read_found(reader, keys, COUNT_OF(keys), found, into);
}

static void read_hooks_dir(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	spw_read_path(reader, value, &((struct spw_config *)into)->hooks_dir);
}

static void read_hooks_timeout(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	spw_read_duration(reader, value, SPW_SECOND_NS, 60 * SPW_SECOND_NS, "1s to 60s",
			  &((struct spw_config *)into)->hooks_timeout_ns);
}

static void read_pin_dir(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	struct spw_config *config = into;

	if (spw_read_path(reader, value, &config->pin_dir) && strlen(config->pin_dir) > SPW_PIN_DIR_BYTES_MAX)
		spw_error(reader->diagnostics, value->place, "pin_dir is longer than %d bytes", SPW_PIN_DIR_BYTES_MAX);
}

static void read_state_dir(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	spw_read_path(reader, value, &((struct spw_config *)into)->state_dir);
}

static void read_run_dir(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	struct spw_config *config = into;

	if (spw_read_path(reader, value, &config->run_dir) && strlen(config->run_dir) > SPW_RUN_DIR_BYTES_MAX)
		spw_error(reader->diagnostics, value->place,
			  "run_dir is longer than %d bytes, too long for the control socket in it",
			  SPW_RUN_DIR_BYTES_MAX);
}

static void read_hooks(struct spw_reader *reader, const struct spw_node *value, void *into)
{
	static const struct spw_key keys[] = {{"dir", read_hooks_dir}, {"timeout", read_hooks_timeout}};
	const struct spw_node *found[COUNT_OF(keys)];

	if (spw_find_keys(reader, value, "{ dir: /etc/spillway/hooks.d }", keys, COUNT_OF(keys), found))
		spw_read_found(reader, keys, COUNT_OF(keys), found, into);
}

/* Sequence of reading: classes name lists. Messages are sorted by position at the end. */
enum {
	KEY_INTERFACES,
	KEY_LISTS,
	KEY_CLASSES,
};

static const struct spw_key root_keys[] = {
	[KEY_INTERFACES] = {"interfaces", read_interfaces},
	[KEY_LISTS] = {"lists", spw_read_lists},
	[KEY_CLASSES] = {"classes", spw_read_classes},
	{"mode", read_mode},
	{"management", read_management},
	{"services", spw_read_services},
	{"malformed", read_malformed},
	{"overlap", read_overlap},
	{"forwarded", read_forwarded},
	{"also_mine", read_also_mine},
	{"decap", spw_read_decap},
	{"attach", read_attach},
	{"reattach", read_reattach},
	{"lease", read_lease},
	{"metrics", read_metrics},
	{"page", read_page},
	{"hooks", read_hooks},
	{"shedding", spw_read_shedding},
	{"expect", spw_read_expect},
	{"limits", spw_read_limits},
	{"pin_dir", read_pin_dir},
	{"run_dir", read_run_dir},
	{"state_dir", read_state_dir},
};

void spw_read_config(struct spw_reader *reader, const struct spw_node *root)
{
	const struct spw_node *found[COUNT_OF(root_keys)];

	if (!spw_find_keys(reader, root, "a mapping such as interfaces: [eth0]", root_keys, COUNT_OF(root_keys), found))
		return;
	if (!found[KEY_INTERFACES])
		spw_error(reader->diagnostics, root->place, "'interfaces' is missing; write interfaces: [eth0]");
	if (!found[KEY_CLASSES])
		spw_error(reader->diagnostics, root->place,
			  "'classes' is missing; write at least one, which takes "
			  "everybody: classes: [{ name: everybody }]");
	spw_read_found(reader, root_keys, COUNT_OF(root_keys), found, reader->config);
}
