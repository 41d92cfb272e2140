/* SPDX-License-Identifier: GPL-2.0-only */
#include "first_config.h"

#include <ctype.h>
#include <string.h>

#include "json.h"
#include "text.h"

#define COMMENT_COLUMNS 118

/* A text of this host as a YAML scalar: plain if it is harmless, otherwise in double quotes. */
static void put_scalar(FILE *out, const char *text)
{
	static const char harmless[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-";
	bool plain = (isalnum((unsigned char)*text) || *text == '/') && text[strspn(text, harmless)] == '\0';

	if (!plain)
		putc('"', out);
	if (plain)
		fputs(text, out);
	else
		spw_put_text(out, text, SPW_FOR_JSON); /* JSON's escapes are YAML's */
	if (!plain)
		putc('"', out);
}

static void put_ports(FILE *out, const u16 *ports, size_t count)
{
	putc('[', out);
	for (size_t i = 0; i < count; i++) {
		size_t last = i;

		while (last + 1 < count && ports[last + 1] == ports[last] + 1)
			last++;
		fprintf(out, i ? ", %u" : "%u", ports[i]);
		if (last > i + 1) { /* a range of three or more */
			fprintf(out, "-%u", ports[last]);
			i = last;
		}
	}
	putc(']', out);
}

/* ---- comments made of a list of words ---- */

struct comment {
	FILE *out;
	int column; /* 0: not begun */
	int words;
};

/* @text, after "@begin" for the first word and after a comma for others; continued on a new line where it is full. */
static void put_comment(struct comment *comment, const char *begin, const char *text)
{
	int width = spw_text_width(text);

	if (!comment->words++) {
		comment->column = fprintf(comment->out, "# %s", begin);
	} else if (comment->column + width + 2 > COMMENT_COLUMNS) {
		comment->column = fprintf(comment->out, ",\n#   ") - 2;
	} else {
		comment->column += fprintf(comment->out, ", ");
	}
	spw_put_text(comment->out, text, SPW_FOR_TERMINAL);
	comment->column += width;
}

static void end_comment(const struct comment *comment, const char *end)
{
	if (comment->words)
		fprintf(comment->out, "%s\n", end);
}

/* ---- parts ---- */

static void put_head(FILE *out)
{
	fputs("# The first configuration of spillway, from what 'spillway init' found on this host. It starts in observe "
	      "mode:\n"
	      "# packets are judged and counted, and none is dropped. Read each part, then:\n"
	      "#\n"
	      "#   spillway check      errors, or what this means\n"
	      "#   spillway doctor     what this host supports\n"
	      "#   systemctl enable --now spillway\n"
	      "#\n"
	      "# All keys: spillway.yaml(5). From here to the busiest day: docs/operations.md.\n\n",
	      out);
}

static const char *why_used(const struct spw_site_interface *interface)
{
	return interface->default_route ? "has a default route" : "is up; no interface has a default route";
}

static void put_interfaces(FILE *out, const struct spw_site *found)
{
	struct comment others = {.out = out};
	size_t used = 0;

	fputs("# All packets that arrive on these interfaces are judged.\n", out);
	for (size_t i = 0; i < found->interfaces_count; i++) {
		const struct spw_site_interface *interface = &found->interfaces[i];

		if (!interface->used)
			continue;
		fputs("#   ", out);
		spw_put_text(out, interface->name, SPW_FOR_TERMINAL);
		fprintf(out, ": %s%s%s\n", why_used(interface), *interface->driver ? "; driver " : "",
			interface->driver);
		used++;
	}
	for (size_t i = 0; i < found->interfaces_count; i++) {
		const struct spw_site_interface *interface = &found->interfaces[i];
		char text[64];

		if (interface->used)
			continue;
		snprintf(text, sizeof(text), "%s%s", interface->name,
			 interface->without_ethernet ? " (no Ethernet: cannot be judged)" : "");
		put_comment(&others, "Up, and not judged: ", text);
	}
	end_comment(&others, ". Add those that visitors arrive on.");
	if (!used)
		fputs("# None was found that is up. Remove the '#' and name yours:\n# ", out);
	fputs("interfaces: [", out);
	for (size_t i = 0, put = 0; i < found->interfaces_count; i++) {
		if (!found->interfaces[i].used)
			continue;
		fputs(put++ ? ", " : "", out);
		put_scalar(out, found->interfaces[i].name);
	}
	fputs(used ? "]\n\n" : "eth0]\n\n", out);
}

static void put_mode(FILE *out)
{
	fputs("# observe: judge and count, drop nothing. When a few days have shown that the classes are right: enforce, "
	      "then\n"
	      "# run: spillway apply\n"
	      "mode: observe\n\n",
	      out);
}

/* IPv4 /24, IPv6 /64, as addresses change. */
static struct spw_prefix network_of(const struct spw_prefix *login)
{
	struct spw_prefix network = *login;

	if (network.family == 4 && network.len > 24) {
		network.len = 24;
		network.addr.hi &= 0xffffff00ull << 32;
	} else if (network.family == 6 && network.len > 64) {
		network.len = 64;
		network.addr.lo = 0;
	}
	return network;
}

/* Of several logins from one network, the first. */
static bool is_first_of_network(const struct spw_site *found, size_t index)
{
	struct spw_prefix network = network_of(&found->logins[index]);

	for (size_t i = 0; i < index; i++)
		if (spw_prefix_contains(&network, &found->logins[i]))
			return false;
	return true;
}

static void put_logins(FILE *out, const struct spw_site *found)
{
	struct comment logins = {.out = out};
	char text[SPW_PREFIX_TEXT];

	for (size_t i = 0; i < found->logins_count; i++)
		put_comment(&logins,
			    found->logins_by == SPW_SITE_BY_SESSION ? "You are logged in from "
								    : "Connected to the SSH server now: ",
			    spw_addr_format(&found->logins[i].addr, found->logins[i].family, text));
	end_comment(&logins,
		    found->logins_by == SPW_SITE_BY_SESSION ? "." : ". Remove strangers: they may only try passwords.");
}

static void put_management(FILE *out, const struct spw_site *found)
{
	const char *off = found->logins_count ? "" : "# ";
	char text[SPW_PREFIX_TEXT];
	size_t put = 0;

	fputs("# Packets from these prefixes to these ports pass at every level: your logins and your monitoring.\n",
	      out);
	put_logins(out, found);
	if (found->logins_count)
		fputs("# The network around each address is exempt (IPv4 /24, IPv6 /64), as addresses change.\n", out);
	else
		fputs("# No SSH session was found, so nobody is exempt. Remove the '#' and name your networks:\n", out);
	fprintf(out, "%smanagement:\n%s  prefixes: [", off, off);
	for (size_t i = 0; i < found->logins_count; i++) {
		struct spw_prefix network = network_of(&found->logins[i]);

		if (!is_first_of_network(found, i))
			continue;
		fputs(put++ ? ", " : "", out);
		spw_prefix_format(&network, text);
		fprintf(out, network.family == 6 ? "\"%s\"" : "%s", text);
	}
	fprintf(out, "%s]\n%s  ports: ", put ? "" : "192.0.2.0/24, \"2001:db8::/48\"", off);
	if (found->login_ports_count)
		put_ports(out, found->login_ports, found->login_ports_count);
	else
		fputs("[22]", out);
	fputs("\n\n", out);
}

static void put_kind(FILE *out, const char *key, const struct spw_site_ports *ports, bool *put)
{
	if (!ports->count)
		return;
	fprintf(out, "%s%s: ", *put ? ", " : "", key);
	put_ports(out, ports->ports, ports->count);
	*put = true;
}

static void put_service(FILE *out, const struct spw_site_service *service)
{
	bool put = false;

	fputs("  ", out);
	put_scalar(out, service->name);
	fputs(": { ", out);
	put_kind(out, "tcp", &service->tcp, &put);
	put_kind(out, "quic", &service->quic, &put);
	put_kind(out, "udp", &service->udp, &put);
	put_kind(out, "udp_each", &service->udp_each, &put);
	fputs(" }", out);
	if (*service->process) {
		fputs("  # process ", out);
		spw_put_text(out, service->process, SPW_FOR_TERMINAL);
	} else {
		fputs("  # the process cannot be seen", out);
	}
	putc('\n', out);
}

static void put_left_out(FILE *out, const struct spw_site *found)
{
	for (size_t i = 0; i < found->left_out_count; i++) {
		const struct spw_site_left_out *port = &found->left_out[i];

		if (!i)
			fputs("# Not among them:\n", out);
		fprintf(out, "#   %s %u", port->udp ? "UDP" : "TCP", port->port);
		if (*port->process) {
			fputs(" (", out);
			spw_put_text(out, port->process, SPW_FOR_TERMINAL);
			putc(')', out);
		}
		fprintf(out, ": %s\n", port->why);
	}
	if (found->left_out_more)
		fprintf(out, "#   and %zu more\n", found->left_out_more);
}

static void put_services(FILE *out, const struct spw_site *found)
{
	fputs("# What listens here for others, by process. New work: SYNs to 'tcp', QUIC Initials to 'quic', the first\n"
	      "# datagram of a session to 'udp' (games, calls), every datagram to 'udp_each' (DNS).\n"
	      "# The capacity of each service is learned, or set: capacity: 950/s. Remove what is not to be protected.\n",
	      out);
	if (!found->services_count)
		fputs("# Nothing was found. Remove the '#' and name your ports:\n"
		      "# services:\n"
		      "#   shop: { tcp: [80, 443], quic: [443] }\n",
		      out);
	else
		fputs("services:\n", out);
	for (size_t i = 0; i < found->services_count; i++)
		put_service(out, &found->services[i]);
	put_left_out(out, found);
	for (size_t i = 0; i < found->left_out_count; i++)
		if (strstr(found->left_out[i].why, "loopback")) {
			fputs("# If a service above is a proxy for one of these on loopback, add its port: wait_at: [8080]\n",
			      out);
			break;
		}
	putc('\n', out);
}

/* The first table of countries, or of AS numbers. */
static const struct spw_site_table *find_table(const struct spw_site *found, bool asns)
{
	for (size_t i = 0; i < found->tables_count; i++)
		if (found->tables[i].asns == asns)
			return &found->tables[i];
	return NULL;
}

/* "{ geo: /usr/share/tor, countries: [US, CA] }"; with "!" before each for the others. */
static void put_countries(FILE *out, const struct spw_site_table *table, const struct spw_site *found, bool others)
{
	fprintf(out, "{ %s: ", table && table->mmdb ? "mmdb" : "geo");
	put_scalar(out, table ? table->path : "/usr/share/tor");
	fputs(", countries: [", out);
	for (size_t i = 0; i < found->home_count; i++)
		fprintf(out, others ? "%s\"!%s\"" : "%s%s", i ? ", " : "", found->home[i]);
	if (!found->home_count)
		fputs(others ? "\"!US\"" : "US", out);
	fputs("] }\n", out);
}

static void put_country_notes(FILE *out, const struct spw_site *found, const struct spw_site_table *countries)
{
	struct comment tables = {.out = out};

	for (size_t i = 0; i < found->tables_count; i++)
		if (&found->tables[i] != countries)
			put_comment(&tables, "Also found: ", found->tables[i].path);
	end_comment(&tables, ".");
	if (!countries)
		fputs("# No table of countries was found (Debian: package tor-geoipdb; or a MaxMind database).\n", out);
	else if (!found->home_count)
		fputs("# Which country is home could not be guessed (UTC): set it below and remove the '#', or use "
		      "init --country.\n",
		      out);
	else if (*found->time_zone) {
		fputs("# Home is guessed from the time zone, ", out);
		spw_put_text(out, found->time_zone, SPW_FOR_TERMINAL);
		fputs(".\n", out);
	}
}

static void put_lists(FILE *out, const struct spw_site *found)
{
	const struct spw_site_table *countries = find_table(found, false), *asns = find_table(found, true);
	const char *off = countries && found->home_count ? "" : "# ";

	fputs("# Lists of sources. The most specific prefix that covers a source decides.\n", out);
	put_country_notes(out, found, countries);
	fprintf(out, "%slists:\n", off);
	fputs("#   partners: { inline: [198.51.100.0/24, \"2001:db8:1::/48\"] }   # or { file: partners.txt }\n", out);
	if (asns) {
		fputs("#   hosters: { mmdb: ", out);
		put_scalar(out, asns->path);
		fputs(", asns: [64500] }   # networks by AS number\n", out);
	}
	fprintf(out, "%s  home: ", off);
	put_countries(out, countries, found, false);
	fprintf(out, "%s  abroad: ", off);
	put_countries(out, countries, found, true);
	fputs("\n"
	      "# Classes of visitors, highest priority first; shed_from: the level from which a class is subject to the "
	      "budget.\n"
	      "# The last one has no lists and takes everybody who is in none.\n"
	      "classes:\n"
	      "#   - { name: partner, lists: [partners] }   # never shed\n",
	      out);
	fprintf(out, "%s  - { name: domestic, lists: [home], shed_from: red }\n", off);
	fprintf(out, "%s  - { name: international, lists: [abroad], shed_from: orange }\n", off);
	fputs("  - { name: unknown, shed_from: yellow }\n\n", out);
}

static void put_metrics(FILE *out, const struct spw_site *found)
{
	if (found->metrics_port)
		fprintf(out,
			"# Prometheus scrapes http://127.0.0.1:%u/metrics.\n"
			"metrics: { listen: \"127.0.0.1:%u\" }\n",
			found->metrics_port, found->metrics_port);
	else
		fputs("# The usual ports of /metrics are taken; choose another one: { listen: \"127.0.0.1:10010\" }\n"
		      "metrics: { listen: off }\n",
		      out);
}

void spw_view_first_config(FILE *out, const struct spw_site *found)
{
	put_head(out);
	put_interfaces(out, found);
	put_mode(out);
	put_management(out, found);
	put_services(out, found);
	put_lists(out, found);
	put_metrics(out, found);
}

/* ---- JSON ---- */

static json_t *interfaces_json(const struct spw_site *found)
{
	struct spw_json array = spw_json_array();

	for (size_t i = 0; i < found->interfaces_count; i++) {
		const struct spw_site_interface *interface = &found->interfaces[i];
		struct spw_json object = spw_json_object();

		spw_json_set(&object, "name", spw_json_text(interface->name));
		spw_json_set(&object, "used", json_boolean(interface->used));
		spw_json_set(&object, "default_route", json_boolean(interface->default_route));
		spw_json_set(&object, "driver", spw_json_text_or_null(interface->driver));
		spw_json_add(&array, spw_json_finish(&object));
	}
	return spw_json_finish(&array);
}

static json_t *ports_json(const u16 *ports, size_t count)
{
	struct spw_json array = spw_json_array();

	for (size_t i = 0; i < count; i++)
		spw_json_add(&array, json_integer(ports[i]));
	return spw_json_finish(&array);
}

static json_t *management_json(const struct spw_site *found)
{
	static const char *const by[] = {[SPW_SITE_NO_LOGIN] = NULL,
					 [SPW_SITE_BY_SESSION] = "session",
					 [SPW_SITE_BY_CONNECTIONS] = "connections"};
	struct spw_json object = spw_json_object(), prefixes = spw_json_array();
	char text[SPW_PREFIX_TEXT];

	for (size_t i = 0; i < found->logins_count; i++) {
		struct spw_prefix network = network_of(&found->logins[i]);

		if (is_first_of_network(found, i))
			spw_json_add(&prefixes, json_string(spw_prefix_format(&network, text)));
	}
	spw_json_set(&object, "prefixes", spw_json_finish(&prefixes));
	spw_json_set(&object, "ports", ports_json(found->login_ports, found->login_ports_count));
	spw_json_set(&object, "by", by[found->logins_by] ? json_string(by[found->logins_by]) : json_null());
	return spw_json_finish(&object);
}

static json_t *services_json(const struct spw_site *found)
{
	struct spw_json array = spw_json_array();

	for (size_t i = 0; i < found->services_count; i++) {
		const struct spw_site_service *service = &found->services[i];
		struct spw_json object = spw_json_object();

		spw_json_set(&object, "name", spw_json_text(service->name));
		spw_json_set(&object, "process", spw_json_text_or_null(service->process));
		spw_json_set(&object, "tcp", ports_json(service->tcp.ports, service->tcp.count));
		spw_json_set(&object, "quic", ports_json(service->quic.ports, service->quic.count));
		spw_json_set(&object, "udp", ports_json(service->udp.ports, service->udp.count));
		spw_json_set(&object, "udp_each", ports_json(service->udp_each.ports, service->udp_each.count));
		spw_json_add(&array, spw_json_finish(&object));
	}
	return spw_json_finish(&array);
}

static json_t *left_out_json(const struct spw_site *found)
{
	struct spw_json array = spw_json_array();

	for (size_t i = 0; i < found->left_out_count; i++) {
		const struct spw_site_left_out *port = &found->left_out[i];
		struct spw_json object = spw_json_object();

		spw_json_set(&object, "protocol", json_string(port->udp ? "udp" : "tcp"));
		spw_json_set(&object, "port", json_integer(port->port));
		spw_json_set(&object, "process", spw_json_text_or_null(port->process));
		spw_json_set(&object, "why", json_string(port->why));
		spw_json_add(&array, spw_json_finish(&object));
	}
	return spw_json_finish(&array);
}

static json_t *countries_json(const struct spw_site *found)
{
	struct spw_json object = spw_json_object(), home = spw_json_array(), tables = spw_json_array();

	for (size_t i = 0; i < found->home_count; i++)
		spw_json_add(&home, json_string(found->home[i]));
	for (size_t i = 0; i < found->tables_count; i++)
		spw_json_add(&tables, spw_json_text(found->tables[i].path));
	spw_json_set(&object, "home", spw_json_finish(&home));
	spw_json_set(&object, "time_zone", spw_json_text_or_null(found->time_zone));
	spw_json_set(&object, "tables", spw_json_finish(&tables));
	return spw_json_finish(&object);
}

json_t *spw_view_first_config_json(const struct spw_site *found, const char *file, const char *text)
{
	struct spw_json object = spw_json_object();

	spw_json_set(&object, "file", file ? spw_json_text(file) : json_null());
	spw_json_set(&object, "interfaces", interfaces_json(found));
	spw_json_set(&object, "management", management_json(found));
	spw_json_set(&object, "services", services_json(found));
	spw_json_set(&object, "left_out", left_out_json(found));
	spw_json_set(&object, "countries", countries_json(found));
	spw_json_set(&object, "metrics_port", found->metrics_port ? json_integer(found->metrics_port) : json_null());
	spw_json_set(&object, "text", spw_json_text(text));
	return spw_json_finish(&object);
}
