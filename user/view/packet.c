/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One packet of a capture and its judgement, as `simulate` shows it. Captures have millions of packets, so this writes
 * straight to the stream; the keys of the JSON and their order are an interface, docs and tests rely on them.
 */
#include "core/table/prefix.h"
#include "core/words.h"
#include "parts.h"

/* Nothing was read of a frame that could not go through the program; it passes, as the kernel never showed it. */
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

static void put_name_json(FILE *out, const char *key, const char *name)
{
	if (!name) {
		fprintf(out, ",\"%s\":null", key);
		return;
	}
	fprintf(out, ",\"%s\":\"", key);
	spw_put_text(out, name, SPW_FOR_JSON);
	putc('"', out);
}

static void put_vlans_json(FILE *out, const struct spw_packet *packet)
{
	fputs(",\"vlan\":[", out);
	for (u32 i = 0; i < packet->vlans && i < SPW_VLANS_MAX; i++)
		fprintf(out, i ? ",%u" : "%u", packet->vlan[i]);
	putc(']', out);
}

void spw_view_packet_members(FILE *out, const struct spw_packet_view *view)
{
	const struct spw_trace *trace = trace_of(view);
	const struct spw_packet *packet = &trace->packet;
	char source[SPW_PREFIX_TEXT];

	fprintf(out, "\"n\":%llu,\"len\":%u", (unsigned long long)view->number, view->length);
	put_vlans_json(out, packet);
	if (packet->found & SPW_FOUND_IP)
		fprintf(out, ",\"src\":\"%s\",\"proto\":%u", source_text(packet, source), packet->protocol);
	else
		fputs(",\"src\":null,\"proto\":null", out);
	if (packet->found & SPW_FOUND_PORTS)
		fprintf(out, ",\"sport\":%u,\"dport\":%u", packet->sport, packet->dport);
	else
		fputs(",\"sport\":null,\"dport\":null", out);
	fprintf(out, ",\"fragment\":%s,\"new\":%s", packet->found & SPW_FOUND_FRAGMENT ? "true" : "false",
		trace->new_work ? "true" : "false");
	put_name_json(out, "class", view->class_name);
	put_name_json(out, "list", view->list_name);
	fprintf(out, ",\"verdict\":\"%s\",\"reason\":\"%s\"", spw_verdict_name(trace->verdict),
		spw_reason_name(trace->reason));
}

void spw_view_packet_json(FILE *out, const struct spw_packet_view *view)
{
	putc('{', out);
	spw_view_packet_members(out, view);
	fputs("}\n", out);
}

/* Where it comes from and goes to, as far as it was read: "192.0.2.7:40000 > 443 tcp". */
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
