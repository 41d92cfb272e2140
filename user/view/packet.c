/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One packet and its judgement, for `simulate` and `events --drops`. Keys of the JSON and their sequence are an
 * interface.
 */
#include "packet.h"

#include "core/table/prefix.h"
#include "core/words.h"
#include "json.h"
#include "numbers.h"
#include "text.h"

const char *spw_protocol_text(u32 protocol, char text[SPW_SHORT_TEXT])
{
	static const struct {
		u32 number;
		const char *name;
	} known[] = {{1, "icmp"}, {6, "tcp"}, {17, "udp"}, {58, "icmp6"}};

	snprintf(text, SPW_SHORT_TEXT, "%u", protocol);
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (known[i].number == protocol)
			snprintf(text, SPW_SHORT_TEXT, "%s", known[i].name);
	return text;
}

/* For a frame too short to be run through the program. */
static const struct spw_trace nothing = {
	.packet = {.found = SPW_FOUND_MALFORMED},
	.verdict = SPW_PASS,
	.reason = SPW_REASON_MALFORMED,
};

static const struct spw_trace *trace_of(const struct spw_packet_view *view)
{
	return view->trace ? view->trace : &nothing;
}

static const char *source_text(const struct spw_packet *packet, char text[SPW_PREFIX_TEXT])
{
	struct spw_addr source = {packet->source_hi, packet->source_lo};

	return spw_addr_format(&source, packet->family, text);
}

static json_t *vlans_json(const struct spw_packet *packet)
{
	struct spw_json array = spw_json_array();

	for (u32 i = 0; i < packet->vlans && i < SPW_VLANS_MAX; i++)
		spw_json_add(&array, json_integer(packet->vlan[i]));
	return spw_json_finish(&array);
}

static json_t *number_or_null(bool found, u32 number)
{
	return found ? json_integer(number) : json_null();
}

static json_t *name_or_null(const char *name)
{
	return name ? spw_json_text(name) : json_null();
}

void spw_json_set_packet(struct spw_json *object, const struct spw_packet_view *view)
{
	const struct spw_trace *trace = trace_of(view);
	const struct spw_packet *packet = &trace->packet;
	bool ip = packet->found & SPW_FOUND_IP, ports = packet->found & SPW_FOUND_PORTS;
	char source[SPW_PREFIX_TEXT];

	spw_json_set(object, "n", spw_json_count(view->number));
	spw_json_set(object, "len", json_integer(view->length));
	spw_json_set(object, "vlan", vlans_json(packet));
	spw_json_set(object, "src", ip ? json_string(source_text(packet, source)) : json_null());
	spw_json_set(object, "proto", number_or_null(ip, packet->protocol));
	spw_json_set(object, "sport", number_or_null(ports, packet->sport));
	spw_json_set(object, "dport", number_or_null(ports, packet->dport));
	spw_json_set(object, "fragment", json_boolean(packet->found & SPW_FOUND_FRAGMENT));
	spw_json_set(object, "new", json_boolean(trace->new_work));
	spw_json_set(object, "class", name_or_null(view->class_name));
	spw_json_set(object, "list", name_or_null(view->list_name));
	spw_json_set(object, "verdict", json_string(spw_verdict_name(trace->verdict)));
	spw_json_set(object, "reason", json_string(spw_reason_name(trace->reason)));
}

int spw_view_packet_json(FILE *out, const struct spw_packet_view *view)
{
	struct spw_json object = spw_json_object();
	json_t *value;
	int err;

	spw_json_set_packet(&object, view);
	value = spw_json_finish(&object);
	err = value ? json_dumpf(value, out, JSON_COMPACT) : -1;
	json_decref(value);
	return !err && putc('\n', out) != EOF ? 0 : -1;
}

/* Source and destination as far as they were parsed: "192.0.2.7:40000 > 443 tcp". */
static void put_flow(FILE *out, const struct spw_packet *packet)
{
	char source[SPW_PREFIX_TEXT], protocol[SPW_SHORT_TEXT], ports[SPW_SHORT_TEXT] = "";
	const char *source_or_none = packet->found & SPW_FOUND_IP ? source_text(packet, source) : "-";

	if (packet->found & SPW_FOUND_PORTS)
		snprintf(ports, sizeof(ports), "%u > %u", packet->sport, packet->dport);
	fprintf(out, "  %-21s %-13s %-6s", source_or_none, ports,
		packet->found & SPW_FOUND_IP ? spw_protocol_text(packet->protocol, protocol) : "-");
}

void spw_view_packet(FILE *out, const struct spw_packet_view *view, struct spw_style style)
{
	const struct spw_trace *trace = trace_of(view);
	const struct spw_packet *packet = &trace->packet;
	char words[SPW_SHORT_TEXT];

	fprintf(out, "%8llu %5u", (unsigned long long)view->number, view->length);
	put_flow(out, packet);
	fprintf(out, " %-4s ", packet->found & SPW_FOUND_FRAGMENT ? "frag" : trace->new_work ? "new" : "");
	spw_put_cell(out, view->class_name ? view->class_name : "-", 14);
	putc(' ', out);
	spw_put_cell(out, view->list_name ? view->list_name : "-", 14);
	snprintf(words, sizeof(words), " %-4s ", spw_verdict_name(trace->verdict));
	if (trace->verdict == SPW_DROP)
		spw_put_coloured(out, style, SPW_COLOUR_RED, words);
	else
		fputs(words, out);
	fputs(spw_reason_name(trace->reason), out);
	for (u32 i = 0; i < packet->vlans && i < SPW_VLANS_MAX; i++)
		fprintf(out, i ? ".%u" : " vlan %u", packet->vlan[i]);
	putc('\n', out);
}
