/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The configuration: the meaning of valid ones, and for every kind of error the exact message with its location. Rows
 * are a text and its complete diagnostics.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "maps/decap.h"
#include "user/base/units.h"
#include "user/config/config.h"

#define NO_CLASS ", so it has no effect; name it in the lists of a class, or remove it\n"

#define BYTES_16  "abcdefghijklmnop"
#define BYTES_64  BYTES_16 BYTES_16 BYTES_16 BYTES_16
#define BYTES_127 BYTES_64 BYTES_16 BYTES_16 BYTES_16 "abcdefghijklmno"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* The example of the manual. */
static const char example[] =
	"interfaces: [eth0]\n"
	"mode: enforce                      # or observe\n"
	"management: { prefixes: [192.0.2.0/28, \"2001:db8::/48\"], ports: [22] }\n"
	"services:\n"
	"  shop: { tcp: [80, 443], quic: [443], capacity: learn, wait_target: 20ms }\n"
	"lists:\n"
	"  partners: { file: partners.txt }\n"
	"  home:     { geo: /usr/share/tor, countries: [US] }\n"
	"  abroad:   { geo: /usr/share/tor, countries: [\"!US\"] }\n"
	"classes:                           # highest priority first; the last one takes the rest\n"
	"  - { name: partner,       lists: [partners] }\n"
	"  - { name: domestic,      lists: [home],   shed_from: red }\n"
	"  - { name: international, lists: [abroad], shed_from: orange, cut_from: red, per_source: { new: 10/s, burst: "
	"30 } }\n"
	"  - { name: unknown,       shed_from: yellow, per_source: { new: 5/s, packets: 2k/s }, per_prefix: { packets: "
	"20k/s } }\n"
	"metrics: { listen: \"127.0.0.1:10010\" }\n"
	"hooks: { dir: /etc/spillway/hooks.d }\n";

/* A parsed configuration; its text is in an allocation of its own, so that overreads are found. */
struct parsed {
	struct spw_config config;
	struct spw_diagnostics diagnostics;
	int err;
};

static void parse_as(struct parsed *parsed, const char *text, size_t length, const char *name)
{
	char *copy = malloc(length + !length);

	assert_non_null(copy);
	memcpy(copy, text, length);
	*parsed = (struct parsed){0};
	parsed->err = spw_config_parse(copy, length, name, &parsed->config, &parsed->diagnostics);
	free(copy);
}

static void parse(struct parsed *parsed, const char *text)
{
	parse_as(parsed, text, strlen(text), "f");
}

static void release(struct parsed *parsed)
{
	spw_config_free(&parsed->config);
	spw_diagnostics_free(&parsed->diagnostics);
}

/* All diagnostics, one per line; warnings begin with "warning: ". */
static const char *told(const struct spw_diagnostics *diagnostics)
{
	static char text[65536];
	size_t length = 0;

	text[0] = 0;
	for (size_t i = 0; i < diagnostics->count; i++)
		length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%s\n",
					   diagnostics->items[i].severity == SPW_WARNING ? "warning: " : "",
					   diagnostics->items[i].text);
	return text;
}

static void check_error(const struct parsed *parsed)
{
	assert_int_equal(parsed->err, parsed->diagnostics.errors ? -EINVAL : 0);
}

struct row {
	const char *text;
	const char *expected;
};

static void check_rows(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct parsed parsed;

		parse(&parsed, rows[i].text);
		check_error(&parsed);
		if (strcmp(told(&parsed.diagnostics), rows[i].expected))
			fail_msg("row %zu:\n%s\nsaid:\n%s\nexpected:\n%s", i, rows[i].text, told(&parsed.diagnostics),
				 rows[i].expected);
		release(&parsed);
	}
}

/* The rest of a valid configuration: one line before the tested text, which is therefore line 2. */
#define GOOD  "{interfaces: [e], classes: [{name: all}],\n"
#define TOP   "interfaces: [e]\n"
#define ALL   "classes: [{name: all}]\n"
#define LIGHT "classes: [{name: a, refuse: light}]\n"

static void test_example(void **state)
{
	struct parsed parsed;
	const struct spw_config *config = &parsed.config;

	(void)state;
	parse_as(&parsed, example, strlen(example), "/etc/spillway/spillway.yaml");
	assert_string_equal(told(&parsed.diagnostics), "");
	assert_int_equal(parsed.err, 0);
	assert_string_equal(config->path, "/etc/spillway/spillway.yaml");
	assert_int_equal(config->interfaces_count, 1);
	assert_string_equal(config->interfaces[0].name, "eth0");
	assert_int_equal(config->mode, SPW_ENFORCE);
	assert_int_equal(config->management_prefixes_count, 2);
	assert_int_equal(config->management_prefixes[1].prefix.family, 6);
	assert_int_equal(config->management_prefixes[1].prefix.len, 48);
	assert_int_equal(config->management_prefixes[1].place.line, 3);
	assert_int_equal(config->management_prefixes[1].place.column, 40);
	assert_int_equal(config->management_ports_count, 1);
	assert_int_equal(config->management_ports[0], 22);
	assert_int_equal(config->services_count, 1);
	assert_string_equal(config->services[0].name, "shop");
	assert_int_equal(config->services[0].tcp_count, 2);
	assert_int_equal(config->services[0].tcp[1].port, 443);
	assert_int_equal(config->services[0].quic_count, 1);
	assert_int_equal(config->services[0].udp_count, 0);
	assert_int_equal(config->services[0].capacity_per_s, 0);
	assert_int_equal(config->services[0].wait_target_ns, 20000000);
	assert_string_equal(config->metrics_host, "127.0.0.1");
	assert_int_equal(config->metrics_port, 10010);
	assert_string_equal(config->hooks_dir, "/etc/spillway/hooks.d");
	release(&parsed);
}

static void test_example_policy(void **state)
{
	struct parsed parsed;
	const struct spw_config *config = &parsed.config;

	(void)state;
	parse_as(&parsed, example, strlen(example), "/etc/spillway/spillway.yaml");
	assert_int_equal(config->lists_count, 3);
	assert_string_equal(config->lists[0].name, "partners");
	assert_int_equal(config->lists[0].kind, SPW_LIST_FILE);
	assert_string_equal(config->lists[0].paths[0].text, "/etc/spillway/partners.txt");
	assert_int_equal(config->lists[1].kind, SPW_LIST_GEO);
	assert_string_equal(config->lists[1].path, "/usr/share/tor");
	assert_int_equal(config->lists[2].countries_count, 1);
	assert_string_equal(config->lists[2].countries[0].code, "US");
	assert_true(config->lists[2].countries[0].negated);
	assert_int_equal(config->classes_count, 4);
	assert_int_equal(config->classes[0].shed_from, SPW_LEVEL_NEVER);
	assert_int_equal(config->classes[0].cut_from, SPW_LEVEL_NEVER);
	assert_int_equal(config->classes[2].shed_from, SPW_ORANGE);
	assert_int_equal(config->classes[2].cut_from, SPW_RED);
	assert_false(config->classes[2].cut_all);
	assert_int_equal(config->classes[2].lists_count, 1);
	assert_int_equal(config->classes[2].lists[0], 2);
	assert_int_equal(config->classes[2].list_places[0].column, 36);
	assert_int_equal(config->classes[2].limits.rates[SPW_SCOPE_SOURCE][SPW_KIND_NEW].per_s, 10);
	assert_int_equal(config->classes[2].limits.rates[SPW_SCOPE_SOURCE][SPW_KIND_NEW].burst, 30);
	assert_int_equal(config->classes[3].limits.rates[SPW_SCOPE_SOURCE][SPW_KIND_PACKETS].per_s, 2000);
	assert_int_equal(config->classes[3].limits.rates[SPW_SCOPE_SOURCE][SPW_KIND_PACKETS].burst, 2000);
	assert_int_equal(config->classes[3].limits.rates[SPW_SCOPE_SOURCE][SPW_KIND_BITS].per_s, 0);
	assert_int_equal(config->classes[3].limits.rates[SPW_SCOPE_PREFIX][SPW_KIND_PACKETS].per_s, 20000);
	assert_int_equal(config->classes[3].lists_count, 0);
	release(&parsed);
}

static void test_defaults(void **state)
{
	struct parsed parsed;
	const struct spw_config *config = &parsed.config;

	(void)state;
	parse(&parsed, TOP "classes: [{name: all}]");
	assert_string_equal(told(&parsed.diagnostics), "");
	assert_int_equal(config->mode, SPW_ENFORCE);
	assert_false(config->malformed_drop);
	assert_int_equal(config->forwarded, SPW_FORWARDED_PASS);
	assert_int_equal(config->also_mine_count, 0);
	assert_false(config->overlap_higher);
	assert_int_equal(config->attach, SPW_ATTACH_AUTO);
	assert_true(config->reattach);
	assert_int_equal(config->lease_ns, 3000000000);
	assert_string_equal(config->metrics_host, "127.0.0.1");
	assert_int_equal(config->metrics_port, 10010);
	assert_null(config->hooks_dir);
	assert_string_equal(config->pin_dir, "/sys/fs/bpf/spillway");
	assert_string_equal(config->run_dir, "/run/spillway");
	release(&parsed);
}

static void test_everything_else(void **state)
{
	struct parsed parsed;
	const struct spw_config *config = &parsed.config;

	(void)state;
	parse(&parsed,
	      "\xef\xbb\xbf# a byte order mark, carriage returns, comments\r\n"
	      "interfaces: [e, 'wan0']\r\n"
	      "mode: observe\r\nmalformed: drop\r\nforwarded: judge\r\n"
	      "also_mine: [192.0.2.1, 2001:db8::/64, 10.0.0.1-10.0.0.4]\r\n"
	      "decap: [{from: [192.0.2.9, 2001:db8:9::/64], kinds: [vxlan, ipip]}]\noverlap: higher\r\nattach: native\r\nreattach: false\r\nlease: 60s\r\n"
	      "metrics: {listen: '[::1]:80'}\npin_dir: /p\nrun_dir: \"/r\\u00fcn\"\n"
	      "services: {dns: {udp: [53], capacity: 12k/s, wait_target: 1m, patience: 1s, netns: [/run/netns/a],\n"
	      "  probe: {metrics: 'http://127.0.0.1:9/m', sample: q, limit: 80, interval: 2s, timeout: 10ms}}}\n"
	      "lists: {'\xe2\x82\xac \"quoted\"': {inline: [192.0.2.7, 2001:DB8::/32, 10.0.0.1-10.0.0.4]},\n"
	      "  north: {geo: tor, countries: [NO, \"?\?\"]}}\n"
	      "classes: [{name: a, lists: ['\xe2\x82\xac \"quoted\"', north], shed_from: green, cut_from: "
	      "never, cut: all, established: end},\n"
	      "  {name: rest, cut_from: yellow, cut: all, reserve: 7%}]\n"
	      "management: {ports: [22]}\nstate_dir: /s\nhooks: {dir: /h, timeout: 3s}\n"
	      "shedding: {target: 90%, floor: 20%, ceiling: 150%, probe: 1%, cpu_limit: 80%, drain: 1s, depth: 50ms,\n"
	      "  hold: 1m, stay: 1h}\n");
	assert_string_equal(told(&parsed.diagnostics), "");
	assert_int_equal(config->interfaces_count, 2);
	assert_int_equal(config->mode, SPW_OBSERVE);
	assert_true(config->malformed_drop);
	assert_int_equal(config->forwarded, SPW_FORWARDED_JUDGE);
	assert_int_equal(config->balancers_count, 2);
	assert_int_equal(config->balancers[1].prefix.len, 64);
	assert_int_equal(config->balancers[1].tunnels, SPW_TUNNEL_IPIP | SPW_TUNNEL_VXLAN);
	assert_int_equal(config->also_mine_count, 5); /* the range is a /32, a /31 and a /32 */
	assert_int_equal(config->also_mine[1].prefix.len, 64);
	assert_true(config->overlap_higher);
	assert_int_equal(config->attach, SPW_ATTACH_NATIVE);
	assert_false(config->reattach);
	assert_int_equal(config->lease_ns, 60000000000);
	assert_string_equal(config->metrics_host, "::1");
	assert_int_equal(config->metrics_port, 80);
	assert_string_equal(config->run_dir, "/r\xc3\xbcn");
	assert_int_equal(config->services[0].capacity_per_s, 12000);
	assert_int_equal(config->services[0].wait_target_ns, 60000000000);
	assert_int_equal(config->services[0].patience_ns, 1000000000);
	assert_true(config->classes[0].gives_up);
	assert_false(config->classes[1].gives_up);
	assert_int_equal(config->lists[0].prefixes_count, 5); /* the range is a /32, a /31 and a /32 */
	assert_int_equal(config->lists[0].prefixes[0].prefix.len, 32);
	assert_int_equal(config->lists[0].prefixes[3].prefix.len, 31);
	assert_string_equal(config->lists[1].path, "tor");
	assert_string_equal(config->lists[1].countries[0].code, "NO");
	assert_string_equal(config->lists[1].countries[1].code, "??");
	assert_int_equal(config->classes[0].shed_from, SPW_GREEN);
	assert_true(config->classes[1].cut_all);
	assert_string_equal(config->state_dir, "/s");
	assert_int_equal(config->hooks_timeout_ns, 3000000000);
	assert_float_equal(config->shedding.eta, 0.9, 1e-9);
	assert_float_equal(config->shedding.floor, 0.2, 1e-9);
	assert_float_equal(config->shedding.ceiling, 1.5, 1e-9);
	assert_float_equal(config->shedding.probe_per_s, 0.01, 1e-9);
	assert_float_equal(config->shedding.cpu_limit, 0.8, 1e-9);
	assert_int_equal(config->shedding.drain_ns, 1000000000);
	assert_int_equal(config->shedding.depth_ns, 50000000);
	assert_int_equal(config->shedding.hold_ns, 60000000000);
	assert_int_equal(config->shedding.stay_ns, 3600000000000);
	assert_int_equal(config->classes[1].shed_from, SPW_GREEN); /* as the class above */
	assert_true(config->classes[0].reserve < 0);
	assert_float_equal(config->classes[1].reserve, 0.07, 1e-9);
	assert_int_equal(config->services[0].netns_count, 1);
	assert_string_equal(config->services[0].netns[0], "/run/netns/a");
	assert_int_equal(config->services[0].probe.kind, SPW_PROBE_METRICS);
	assert_string_equal(config->services[0].probe.target, "http://127.0.0.1:9/m");
	assert_string_equal(config->services[0].probe.sample, "q");
	assert_float_equal(config->services[0].probe.limit, 80, 1e-9);
	assert_int_equal(config->services[0].probe.interval_ns, 2000000000);
	assert_int_equal(config->services[0].probe.timeout_ns, 10000000);
	release(&parsed);
}

static void test_listen_off_and_rates(void **state)
{
	struct parsed parsed;
	const struct spw_config *config = &parsed.config;

	(void)state;
	parse(&parsed, TOP "metrics: {listen: off}\nclasses: [{name: all, per_source: {bits: 50Mbit/s, burst: 2M}, "
			   "per_prefix: {new: 1M/s, packets: 1G/s, bits: 1000Gbit/s, burst: 1}}]\n");
	assert_int_equal(parsed.err, 0);
	assert_null(config->metrics_host);
	assert_int_equal(config->classes[0].limits.rates[SPW_SCOPE_SOURCE][SPW_KIND_BITS].per_s, 50000000);
	assert_int_equal(config->classes[0].limits.rates[SPW_SCOPE_SOURCE][SPW_KIND_BITS].burst, 2000000);
	assert_int_equal(config->classes[0].limits.rates[SPW_SCOPE_SOURCE][SPW_KIND_NEW].per_s, 0);
	assert_int_equal(config->classes[0].limits.rates[SPW_SCOPE_PREFIX][SPW_KIND_NEW].burst, 1);
	assert_int_equal(config->classes[0].limits.rates[SPW_SCOPE_PREFIX][SPW_KIND_PACKETS].burst, 1000000000);
	assert_int_equal(config->classes[0].limits.rates[SPW_SCOPE_PREFIX][SPW_KIND_BITS].per_s, 1000000000000);
	release(&parsed);
}

static const struct row key_rows[] = {
	{TOP ALL "clases: []\n", "f:3:1: unknown key 'clases'; did you mean 'classes'?\n"},
	{TOP ALL "foo: 1\n",
	 "f:3:1: unknown key 'foo'; keys here are: interfaces, lists, classes, mode, management, "
	 "services, malformed, overlap, forwarded, also_mine, decap, attach, reattach, lease, metrics, page, hooks, shedding, expect, "
	 "limits, pin_dir, run_dir, state_dir\n"},
	{TOP ALL "mode: observe\nlease: 2s\nmode: enforce\n", "f:5:1: duplicate key 'mode', first given at line 3\n"},
	{"mode: observe\n", "f:1:1: 'interfaces' is missing; write interfaces: [eth0]\n"
			    "f:1:1: 'classes' is missing; write at least one, which takes everybody: "
			    "classes: [{ name: everybody }]\n"},
	{"[interfaces]", "f:1:1: expected a mapping such as interfaces: [eth0], found a list\n"},
	{"interfaces", "f:1:1: expected a mapping such as interfaces: [eth0], found text\n"},
	{ALL "interfaces: eth0\n", "f:2:13: expected a list of interfaces such as [eth0], found text\n"},
	{ALL "interfaces:\n", "f:2:12: expected a list of interfaces such as [eth0], found nothing\n"},
	{ALL "interfaces: []\n", "f:2:13: no interface; write at least one, such as [eth0]\n"},
	{ALL "interfaces: [a, {}]\n", "f:2:17: expected the name of an interface, found a mapping\n"},
	{ALL "interfaces: [a, b, a]\n", "f:2:20: interface 'a': it is given twice\n"},
	{ALL "interfaces: [abcdefghijklmnop]\n", ""},
	{ALL "interfaces: [" BYTES_127 "]\n", ""},
	{ALL "interfaces: [" BYTES_127 "x]\n", "f:2:14: interface '" BYTES_64 "': it is longer than 127 bytes\n"},
	{ALL "interfaces: [eth0@if3]\n", "f:2:14: interface 'eth0@if3': write 'eth0', without '@if3'\n"},
	{ALL "interfaces: [a/b]\n", "f:2:14: interface 'a/b': it contains a slash, colon or blank, or is a dot\n"},
	{ALL "interfaces: [..]\n", "f:2:14: interface '..': it contains a slash, colon or blank, or is a dot\n"},
	{ALL "interfaces: [a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q]\n",
	 "f:2:46: interface 'q': more than 16 are not supported\n"},
	{TOP ALL "mode: enfroce\n", "f:3:7: 'enfroce' is not allowed here; write enforce or observe\n"},
	{TOP ALL "mode: [enforce]\n", "f:3:7: expected enforce or observe, found a list\n"},
	{TOP ALL "malformed: reject\n", "f:3:12: 'reject' is not allowed here; write pass or drop\n"},
	{TOP ALL "forwarded: drop\n", "f:3:12: 'drop' is not allowed here; write pass, judge or host\n"},
	{TOP ALL "also_mine: [here]\n",
	 "f:3:13: 'here' is not a prefix, address or range; write 192.0.2.0/24, 2001:db8::/32, 192.0.2.7 or "
	 "192.0.2.1-192.0.2.9\n"},
	{TOP ALL "forwarded: host\nalso_mine: [192.0.2.1]\n",
	 "warning: f:4:13: also_mine has no effect with forwarded: host, which counts every address as this host's own; "
	 "remove one of them\n"},
	{TOP ALL "decap: [{from: [192.0.2.1], kinds: [gre]}]\n",
	 "f:3:37: 'gre' is not allowed here; write ipip, gue, geneve or vxlan\n"},
	{TOP ALL "decap: [{from: [0.0.0.0/0], kinds: [ipip]}]\n",
	 "f:3:17: everybody is no balancer: whoever may send tunnels chooses the source by which he is judged; write the "
	 "prefixes of yours\n"},
	{TOP ALL "decap: [{kinds: [ipip]}]\n",
	 "f:3:9: write both whose tunnels are judged by their inner source and which kinds: { from: [192.0.2.0/28], "
	 "kinds: [ipip, gue, geneve, vxlan] }\n"},
	{TOP ALL "decap: [{from: [192.0.2.0-192.0.2.18, 10.0.0.1-10.0.0.254, 10.1.0.1-10.1.0.254], kinds: [ipip]},\n"
		 " {from: [192.0.2.1, 192.0.2.2], kinds: [gue]}]\n",
	 "f:4:2: more than 32 prefixes of balancers\n"},
	{TOP ALL "decap: here\n",
	 "f:3:8: expected a list such as [{ from: [192.0.2.0/28], kinds: [ipip] }], found text\n"},
	{TOP ALL "overlap: lower\n", "f:3:10: 'lower' is not allowed here; write error or higher\n"},
	{TOP ALL "attach: skb\n", "f:3:9: 'skb' is not allowed here; write auto, native or generic\n"},
	{TOP ALL "reattach: yes\n", "f:3:11: 'yes' is not allowed here; write true or false\n"},
	{TOP ALL "lease: 61\n", "f:3:8: '61' is out of bounds, which are 1s to 60s\n"},
	{TOP ALL "lease: 30s1m\n",
	 "f:3:8: '30s1m' is not a duration: write it as 20ms, 3s, 10m, 1h, 1h30m, 2d or 1w; a number alone is seconds\n"},
	{TOP ALL "lease: 1m1m\n",
	 "f:3:8: '1m1m' is not a duration: write it as 20ms, 3s, 10m, 1h, 1h30m, 2d or 1w; a number alone is seconds\n"},
	{TOP ALL "lease: 1m30\n",
	 "f:3:8: '1m30' is not a duration: write it as 20ms, 3s, 10m, 1h, 1h30m, 2d or 1w; a number alone is seconds\n"},
	{TOP ALL "lease: 53w\n", "f:3:8: '53w' is not a duration: it is longer than a year\n"},
	{TOP ALL "lease: 52w2d\n", "f:3:8: '52w2d' is not a duration: it is longer than a year\n"},
	{TOP ALL "lease: 61s\n", "f:3:8: '61s' is out of bounds, which are 1s to 60s\n"},
	{TOP ALL "lease: 999ms\n", "f:3:8: '999ms' is out of bounds, which are 1s to 60s\n"},
	{TOP ALL "lease: 8761h\n", "f:3:8: '8761h' is not a duration: it is longer than a year\n"},
	{TOP ALL "lease: -3s\n",
	 "f:3:8: '-3s' is not a duration: write it as 20ms, 3s, 10m, 1h, 1h30m, 2d or 1w; a number alone is seconds\n"},
	{TOP ALL "lease: 03s\n",
	 "f:3:8: '03s' is not a duration: write it as 20ms, 3s, 10m, 1h, 1h30m, 2d or 1w; a number alone is seconds\n"},
	{TOP ALL "lease: 3 s\n",
	 "f:3:8: '3 s' is not a duration: write it as 20ms, 3s, 10m, 1h, 1h30m, 2d or 1w; a number alone is seconds\n"},
	{TOP ALL "lease: 99999999999999999999s\n",
	 "f:3:8: '99999999999999999999s' is not a duration: write it as 20ms, 3s, 10m, 1h, 1h30m, 2d or 1w; a number alone is seconds\n"},
	{TOP ALL "lease: ''\n", "f:3:8: expected a duration such as 20ms or 3s, found nothing\n"},
	{TOP ALL "metrics: {listen: 10010}\n",
	 "f:3:19: '10010' has no address; write 127.0.0.1:10010 for this host alone, 0.0.0.0:10010 for all its IPv4 addresses, "
	 "[::]:10010 for all of both kinds\n"},
	{TOP ALL "metrics: {listen: 'example.org:80'}\n", "f:3:19: 'example.org:80' is not an address to listen "
							  "on; write "
							  "127.0.0.1:10010, [::1]:10010, localhost:10010 or off\n"},
	{TOP ALL "metrics: {listen: '::1:80'}\n",
	 "f:3:19: '::1:80' is not an address to listen on; write 127.0.0.1:10010, [::1]:10010, localhost:10010 "
	 "or off\n"},
	{TOP ALL "metrics: {listen: '[127.0.0.1]:80'}\n", "f:3:19: '[127.0.0.1]:80' is not an address to listen "
							  "on; write "
							  "127.0.0.1:10010, [::1]:10010, localhost:10010 or off\n"},
	{TOP ALL "metrics: {listen: '127.0.0.1:0'}\n",
	 "f:3:19: '127.0.0.1:0' is not an address to listen on; write 127.0.0.1:10010, [::1]:10010, "
	 "localhost:10010 or off\n"},
	{TOP ALL "metrics: {listen: ':80'}\n",
	 "f:3:19: ':80' has no address; write 127.0.0.1:80 for this host alone, 0.0.0.0:80 for all its IPv4 addresses, "
	 "[::]:80 for all of both kinds\n"},
	{TOP ALL "metrics: {listen: '[:80'}\n",
	 "f:3:19: '[:80' is not an address to listen on; write 127.0.0.1:10010, [::1]:10010, localhost:10010 or off\n"},
	{TOP ALL "metrics: off\n", "f:3:10: expected { listen: \"127.0.0.1:10010\" }, found text\n"},
	{TOP ALL "metrics: {listen: {}}\n",
	 "f:3:19: expected an address such as 127.0.0.1:10010, or off, found a mapping\n"},
	{TOP ALL "hooks: {dir: hooks.d}\n", "f:3:14: 'hooks.d' is not an absolute path; it begins with /\n"},
	{TOP ALL "hooks: /hooks.d\n", "f:3:8: expected { dir: /etc/spillway/hooks.d }, found text\n"},
	{TOP ALL "pin_dir: pins\n", "f:3:10: 'pins' is not an absolute path; it begins with /\n"},
	{TOP ALL "run_dir: []\n", "f:3:10: expected an absolute path, found a list\n"},
};

static void test_keys(void **state)
{
	(void)state;
	check_rows(key_rows, COUNT(key_rows));
}

static const struct row service_rows[] = {
	{TOP ALL "services: [shop]\n", "f:3:11: expected a mapping of service names, found a list\n"},
	{TOP ALL "services:\n  a: {tcp: [1]}\n  a: {tcp: [2]}\n",
	 "f:5:3: duplicate service 'a', first given at line 4\n"},
	{TOP ALL "services:\n  a: [80]\n", "f:4:6: expected a service such as { tcp: [80, 443] }, found a list\n"},
	{TOP ALL "services:\n  a: {}\n", "f:4:3: service 'a' has no ports; write tcp, quic, udp or udp_each: [443]\n"},
	{TOP ALL "services:\n  a: {udp: [53], udp_each: [53]}\n",
	 "f:4:29: UDP port 53 is given twice, first at line 4\n"},
	{TOP ALL "services:\n  '': {tcp: [1]}\n", "f:4:3: '' cannot be the name of a service: it is empty\n"},
	{TOP ALL "services:\n  ' a': {tcp: [1]}\n",
	 "f:4:3: ' a' cannot be the name of a service: it begins or ends with a space\n"},
	{TOP ALL "services:\n  \"a\\tb\": {tcp: [1]}\n",
	 "f:4:3: 'a\\x09b' cannot be the name of a service: it contains a tab or a line break\n"},
	{TOP ALL "services:\n  "
		 "x123456789012345678901234567890123456789012345678901234567890123: {tcp: [1]}\n",
	 "f:4:3: 'x123456789012345678901234567890123456789012345678901234567890123' cannot be the name of a service: "
	 "it is longer than 63 bytes\n"},
	{TOP ALL "services:\n  a: {tcp: 80}\n", "f:4:12: expected a list of ports such as [80, 443], found text\n"},
	{TOP ALL "services:\n  a: {tcp: [65536]}\n", "f:4:13: '65536' is not a port: it is a number from 1 to 65535\n"},
	{TOP ALL "services:\n  a: {tcp: [0]}\n", "f:4:13: '0' is not a port: it is a number from 1 to 65535\n"},
	{TOP ALL "services:\n  a: {tcp: [90-80]}\n",
	 "f:4:13: '90-80' is not a port: the lower end of a range comes first\n"},
	{TOP ALL "services:\n  a: {tcp: [0-80]}\n", "f:4:13: '0-80' is not a port: a range is written 27015-27050\n"},
	{TOP ALL "services:\n  a: {tcp: [80-90, 85]}\n", "f:4:20: TCP port 85 is given twice, first at line 4\n"},
	{TOP ALL "services:\n  a: {udp: [53]}\n  b: {udp: [1-65535]}\n",
	 "f:5:13: UDP port 53 belongs to service 'a' already (f:4:13); if they differ by address, write "
	 "\"192.0.2.1:53\"\n"},
	{TOP ALL "services:\n  a: {tcp: [[80]]}\n", "f:4:13: expected a port, found a list\n"},
	{TOP ALL "services:\n  a: {tcp: [80, 80]}\n", "f:4:17: TCP port 80 is given twice, first at line 4\n"},
	{TOP ALL "services:\n  a: {quic: [80], tcp: [80], udp: [80]}\n",
	 "f:4:36: UDP port 80 is given twice, first at line 4\n"},
	{TOP ALL "services:\n  a: {tcp: [80]}\n  b: {tcp: [80]}\n",
	 "f:5:13: TCP port 80 belongs to service 'a' already (f:4:13); if they differ by address, write "
	 "\"192.0.2.1:80\"\n"},
	{TOP ALL "services:\n  a: {quic: [443]}\n  b: {udp: [443]}\n",
	 "f:5:13: UDP port 443 belongs to service 'a' already (f:4:14); if they differ by address, write "
	 "\"192.0.2.1:443\"\n"},
	{TOP ALL "services:\n  a: {tcp: [80], capacity: 900}\n",
	 "f:4:28: '900' is not a capacity: did you mean the unit /s?, or learn\n"},
	{TOP ALL "services:\n  a: {tcp: [80], capacity: 0/s}\n",
	 "f:4:28: '0/s' is not a capacity: it is at least 1/s, or learn\n"},
	{TOP ALL "services:\n  a: {tcp: [80], wait_target: 0ms}\n",
	 "f:4:31: '0ms' is out of bounds, which are 1ms to 60s\n"},
	{TOP ALL "services:\n  a: {tcp: [80], wait_target: 2m}\n",
	 "f:4:31: '2m' is out of bounds, which are 1ms to 60s\n"},
	{TOP ALL "services:\n  a: {tcp: [80], patience: 50ms}\n",
	 "f:4:28: '50ms' is out of bounds, which are 100ms to 10m\n"},
	{TOP "classes: [{name: a, established: drop}]\n", "f:2:34: 'drop' is not allowed here; write keep or end\n"},
	{TOP "classes: [{name: a, refuse: slow}]\n",
	 "f:2:29: 'slow' is not allowed here; write drop, light or reset\n"},
	{TOP "services: {s: {tcp: [80]}}\nclasses: [{name: a, refuse: light}]\n",
	 "f:3:29: class 'a' has 'refuse: light', but no service has a light listener; write services: { NAME: { tcp: "
	 "[443], light: { tcp: [8443], rate: 2k/s } } }\n"},
	{TOP LIGHT "services: {s: {tcp: [80, 443], light: {tcp: [8080, 8443], rate: 2k/s}}}\n", ""},
	{TOP "classes: [{name: a, refuse: reset}]\n", ""},
	{TOP "classes: [{name: a, refuse: drop}]\n", ""},
	{TOP LIGHT "services: {s: {tcp: [5000-5003], light: {tcp: [6000-6003], rate: 1/s}}}\n", ""},
	{TOP ALL "services: {s: {tcp: [80], light: {tcp: [8080], rate: 2k/s}}}\n",
	 "warning: f:3:34: 'light' has no effect: no class has 'refuse: light'\n"},
	{TOP LIGHT "services: {s: {tcp: [80, 443], light: {tcp: [8443], rate: 2k/s}}}\n",
	 "f:3:39: service 's' has 2 TCP ports and 1 of light listeners; write one for each, in the same sequence\n"},
	{TOP LIGHT "services: {s: {tcp: [80], light: {tcp: [81], rate: 2k/s}}, t: {tcp: [81]}}\n",
	 "f:3:34: port 81 of a light listener belongs to service 't'; write a port of its own\n"},
	{TOP LIGHT "services: {s: {tcp: [80], light: {tcp: [8080]}}}\n",
	 "f:3:34: a light listener needs 'tcp' and 'rate'\n"},
	{TOP LIGHT "services: {s: {tcp: [80], light: {tcp: [8080], rate: 2}}}\n",
	 "f:3:54: '2' is not a rate: did you mean the unit /s?\n"},
	{TOP LIGHT "services: {s: {tcp: [5000-5099], light: {tcp: [6000-6099], rate: 2/s}}}\n",
	 "f:3:48: more than 64 ports of light listeners\n"},
	{TOP ALL "services:\n  a: {tpc: [80]}\n", "f:4:3: service 'a' has no ports; write tcp, quic, udp or "
						  "udp_each: [443]\nf:4:7: unknown key 'tpc'; did you mean 'tcp'?\n"},
};

static void test_services(void **state)
{
	struct parsed parsed;

	(void)state;
	parse(&parsed, TOP ALL
	      "services:\n  a: {udp: [27015-27050, 53], udp_each: [123], tcp: [65534-65535]}\nmanagement: {ports: [22-24]}\n"
	      "lease: 59\nhooks: {dir: /h, timeout: 1m}\n");
	assert_string_equal(told(&parsed.diagnostics), "");
	assert_int_equal(parsed.config.services[0].udp_count, 37);
	assert_int_equal(parsed.config.services[0].udp[35].port, 27050);
	assert_int_equal(parsed.config.services[0].udp[36].port, 53);
	assert_int_equal(parsed.config.services[0].udp_each_count, 1);
	assert_int_equal(parsed.config.services[0].udp_each[0].port, 123);
	assert_int_equal(parsed.config.services[0].tcp_count, 2);
	assert_int_equal(parsed.config.services[0].tcp[1].port, 65535);
	assert_int_equal(parsed.config.management_ports_count, 3);
	assert_int_equal(parsed.config.lease_ns, 59000000000);
	release(&parsed);
	check_rows(service_rows, COUNT(service_rows));
}

/* 64 addresses, and 64 groups of ports: one more than there may be. */
static const char *too_many(bool groups)
{
	static char text[16384];
	size_t length = (size_t)snprintf(text, sizeof(text), TOP ALL "services:\n");

	for (u32 i = 0; i < 64; i++)
		length += (size_t)snprintf(text + length, sizeof(text) - length, "  s%u: {tcp: [\"192.0.2.%u:%u\"]}\n",
					   i, groups ? i % 8 + 1 : i + 1, groups ? i + 1 : 443);
	return text;
}

static const struct row local_rows[] = {
	{TOP ALL "services:\n  a: {tcp: [\"192.0.2.1:443\"]}\n  b: {tcp: [192.0.2.2:443, \"[2001:db8::2]:443\"]}\n"
		 "  c: {tcp: [443]}\n",
	 ""},
	{TOP ALL "services:\n  a: {udp: [192.0.2.1:27015-27050]}\n  b: {quic: [\"192.0.2.1:27050-27051\"]}\n",
	 "f:5:14: UDP port 192.0.2.1:27050 belongs to service 'a' already (f:4:13)\n"},
	{TOP ALL "services:\n  a: {tcp: [192.0.2.1:443]}\n  b: {tcp: [\"[::ffff:192.0.2.1]:443\"]}\n",
	 "f:5:13: TCP port 192.0.2.1:443 belongs to service 'a' already (f:4:13)\n"},
	{TOP ALL "services:\n  a: {tcp: [\"[2001:DB8::2]:443\", \"[2001:db8:0::2]:443\"]}\n",
	 "f:4:34: TCP port [2001:db8::2]:443 is given twice, first at line 4\n"},
	{TOP ALL "services:\n  a: {tcp: [192.0.2.1]}\n",
	 "f:4:13: '192.0.2.1' is not a port: it is an address; write \"192.0.2.1:443\"\n"},
	{TOP ALL "services:\n  a: {tcp: [192.0.2.1:0]}\n",
	 "f:4:13: '0' is not a port: it is a number from 1 to 65535\n"},
	{TOP ALL "services:\n  a: {tcp: [192.0.2.0/24:443]}\n",
	 "f:4:13: '192.0.2.0/24:443' is not a port: a port is given for single addresses, not prefixes; write each as "
	 "\"192.0.2.1:443\"\n"},
	{TOP ALL "services:\n  a: {tcp: [\"fe80::1%eth0:443\"]}\n",
	 "f:4:13: 'fe80::1%eth0:443' is not a port: an address is given without its interface: \"[fe80::1]:443\"\n"},
	{TOP ALL "services:\n  a: {tcp: [\"2001:db8::2:443\"]}\n",
	 "f:4:13: '2001:db8::2:443' is not a port: write \"[2001:db8::2]:443\", or with its port: "
	 "\"[2001:db8::2:443]:443\"\n"},
	{TOP ALL "services:\n  a: {tcp: [\"2001:db8::2\"]}\n",
	 "f:4:13: '2001:db8::2' is not a port: the port is missing; write \"[2001:db8::2]:443\"\n"},
	{TOP ALL "services:\n  a: {tcp: [[2001:db8::2]:443]}\n", "f:4:13: a key must be a plain word, not a list; an "
								 "IPv6 address with its port stands in quotes: "
								 "\"[2001:db8::2]:443\"\n"},
	{TOP ALL "services:\n  a: {tcp: [\"[192.0.2.1]:443\", \"localhost:443\"]}\n",
	 "f:4:13: '[192.0.2.1]:443' is not a port: write 443, \"192.0.2.1:443\" or \"[2001:db8::2]:443\"\n"
	 "f:4:32: 'localhost:443' is not a port: write 443, \"192.0.2.1:443\" or \"[2001:db8::2]:443\"\n"},
	{TOP ALL "services:\n  a: {udp: [239.1.2.3:5000, \"[ff02::1]:5000\", 255.255.255.255:67]}\n",
	 "f:4:13: no connection comes to 239.1.2.3: it is a multicast address; write an address of this host\n"
	 "f:4:29: no connection comes to ff02::1: it is a multicast address; write an address of this host\n"
	 "f:4:47: no connection comes to 255.255.255.255: it is a broadcast or reserved address; write an address of "
	 "this host\n"},
	{TOP ALL "services:\n  a: {tcp: [0.0.0.0:443, \"[::]:80\"]}\n",
	 "f:4:13: no connection comes to 0.0.0.0: it stands for every address; write the port alone\n"
	 "f:4:26: no connection comes to ::: it stands for every address; write the port alone\n"},
	{TOP ALL "management: {ports: [192.0.2.1:22]}\n",
	 "f:3:22: '192.0.2.1:22' is not a port: it is a number from 1 to 65535\n"},
	{TOP ALL "services:\n  a: {tcp: [192.0.2.1:443], wait_at: [192.0.2.1:443, 127.0.0.1:8080]}\n"
		 "  b: {tcp: [127.0.0.1:8080, 8080]}\n",
	 "f:5:13: TCP port 127.0.0.1:8080 belongs to service 'a' already (f:4:54)\n"},
};

/* Fault: a port of one address is that of every address. */
static void test_local_ports(void **state)
{
	struct parsed parsed;
	const struct spw_config_service *services;

	(void)state;
	parse(&parsed, TOP ALL "services:\n  a: {tcp: [80, 192.0.2.1:443-444]}\n"
			       "  b: {quic: [\"[2001:db8::2]:443\", \"[::ffff:192.0.2.1]:443\"]}\n");
	assert_string_equal(told(&parsed.diagnostics), "");
	services = parsed.config.services;
	assert_int_equal(parsed.config.locals_count, 2);
	assert_true(parsed.config.locals[0].hi == 0 && parsed.config.locals[0].lo == 0xffffc0000201);
	assert_true(parsed.config.locals[1].hi == 0x20010db800000000 && parsed.config.locals[1].lo == 2);
	assert_int_equal(services[0].tcp_count, 3);
	assert_int_equal(services[0].tcp[0].local, 0);
	assert_int_equal(services[0].tcp[2].port, 444);
	assert_int_equal(services[0].tcp[2].local, 1);
	assert_int_equal(services[1].quic[0].local, 2);
	assert_int_equal(services[1].quic[1].local, 1);
	release(&parsed);
	check_rows(local_rows, COUNT(local_rows));
	parse(&parsed, too_many(false));
	assert_string_equal(told(&parsed.diagnostics),
			    "f:67:15: more than 63 addresses in the ports of all services; a "
			    "port alone is that of every address\n");
	release(&parsed);
	parse(&parsed, too_many(true));
	assert_string_equal(told(&parsed.diagnostics),
			    "f:4:3: more than 63 kinds of ports that differ by address; ports "
			    "with the same services at the same addresses count once\n");
	release(&parsed);
}

static const struct row management_rows[] = {
	{TOP ALL "management: [22]\n", "f:3:13: expected { prefixes: [192.0.2.0/28], ports: [22] }, found a list\n"},
	{TOP ALL "management: {ports: 22}\n", "f:3:21: expected a list of ports such as [22], found text\n"},
	{TOP ALL "management: {ports: [22, ssh]}\n", "f:3:26: 'ssh' is not a port: it is a number from 1 to 65535\n"},
	{TOP ALL "management: {ports: [22, 23, 22]}\n", "f:3:30: port 22 is given twice\n"},
	{TOP ALL "management: {ports: [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]}\n",
	 "f:3:61: more than 16 management ports\n"},
	{TOP ALL "management: {prefixes: 192.0.2.0/28}\n",
	 "f:3:24: expected a list of prefixes such as [192.0.2.0/24, \"2001:db8::/32\"], found text\n"},
	{TOP ALL "management: {prefixes: [10.0.0.0/33]}\n",
	 "f:3:25: '/33' is not a prefix length; IPv4 has /0 to /32\n"},
	{TOP ALL "management: {prefixes: ['::/129']}\n",
	 "f:3:25: '/129' is not a prefix length; IPv6 has /0 to /128\n"},
	{TOP ALL "management: {prefixes: [10.0.0.0/]}\n", "f:3:25: '/' is not a prefix length; IPv4 has /0 to /32\n"},
	{TOP ALL "management: {prefixes: [10.0.0]}\n",
	 "f:3:25: '10.0.0' is not a prefix, address or range; write 192.0.2.0/24, 2001:db8::/32, 192.0.2.7 or "
	 "192.0.2.1-192.0.2.9\n"},
	{TOP ALL "management: {prefixes: [{}]}\n", "f:3:25: expected a prefix, address or range, found a mapping\n"},
	{TOP ALL "management: {prefixes: [0.0.0.1-255.255.255.254, '::1-::3']}\n", ""},
	{TOP ALL "management: {prefixes: [0.0.0.1-255.255.255.254, '::1-::3', '::9']}\n",
	 "f:3:61: more than 64 management prefixes\n"},
};

static void test_management(void **state)
{
	struct parsed parsed;

	(void)state;
	check_rows(management_rows, COUNT(management_rows));
	parse(&parsed, TOP ALL "management: {prefixes: [10.0.0.1/8, '2001:db8::1/32', '::ffff:192.0.2.7']}\n");
	assert_string_equal(
		told(&parsed.diagnostics),
		"warning: f:3:25: '10.0.0.1/8' has host bits set; the network is 10.0.0.0/8; they were cleared\n"
		"warning: f:3:37: '2001:db8::1/32' has host bits set; the network is 2001:db8::/32; they were "
		"cleared\n");
	assert_int_equal(parsed.config.management_prefixes_count, 3);
	assert_int_equal(parsed.config.management_prefixes[0].prefix.len, 8);
	assert_int_equal(parsed.config.management_prefixes[0].prefix.addr.hi, 0x0a00000000000000);
	assert_int_equal(parsed.config.management_prefixes[2].prefix.family, 4);
	release(&parsed);
}

/* One list, in a class, from line 2 on; its own text begins at 2:12. */
#define LIST(text) TOP "lists: {a: " text "}\nclasses: [{name: a, lists: [a]}, {name: b}]\n"

static const struct row list_rows[] = {
	{TOP ALL "lists: []\n", "f:3:8: expected a mapping of list names, found a list\n"},
	{LIST("[]"), "f:2:12: expected a list such as { file: partners.txt }, found a list\n"},
	{LIST("{}"), ""},
	{LIST("{file: ''}"), "f:2:19: expected a path, found nothing\n"},
	{LIST("{file: b, inline: []}"), "f:2:22: list 'a' already has 'file'; a list has one source\n"},
	{LIST("{file: b, countries: [US]}"), "f:2:22: 'countries' needs 'geo' or 'mmdb' beside it\n"},
	{LIST("{geo: b}"), "f:2:13: list 'a' has no countries; write countries: [US] beside geo\n"},
	{LIST("{geo: b, countries: US}"),
	 "f:2:32: expected a list of countries such as [US, CA] or [\"!US\"], found text\n"},
	{LIST("{geo: b, countries: []}"), "f:2:32: no country; write at least one, such as [US]\n"},
	{LIST("{geo: b, countries: [us]}"), "f:2:33: 'us' is not a country; did you mean 'US'?\n"},
	{LIST("{geo: b, countries: ['!Us']}"), "f:2:33: '!Us' is not a country; did you mean '!US'?\n"},
	{LIST("{geo: b, countries: [USA]}"),
	 "f:2:33: 'USA' is not a country; write two letters such as US, or ?? for addresses without a country\n"},
	{LIST("{geo: b, countries: ['?']}"),
	 "f:2:33: '?' is not a country; write two letters such as US, or ?? for addresses without a country\n"},
	{LIST("{geo: b, countries: ['!']}"),
	 "f:2:33: '!' is not a country; write two letters such as US, or ?? for addresses without a country\n"},
	{LIST("{geo: b, countries: [[]]}"), "f:2:33: expected a country such as US, found a list\n"},
	{LIST("{geo: b, countries: [US, US]}"), "f:2:37: country US is given twice, first at line 2\n"},
	{LIST("{geo: b, countries: [US, '!US']}"), "f:2:37: country US is given twice, first at line 2\n"},
	{LIST("{geo: b, countries: [US, '!DE']}"),
	 "warning: f:2:37: '!DE' has no effect, as other countries are named\n"},
	{LIST("{inline: 10.0.0.0/8}"),
	 "f:2:21: expected a list of prefixes such as [192.0.2.0/24, \"2001:db8::/32\"], found text\n"},
	{LIST("{inline: [10.0.0.9-10.0.0.1]}"),
	 "f:2:22: '10.0.0.9' is above '10.0.0.1'; write the lower end of a range first\n"},
	{LIST("{inline: [10.0.0.9-::1]}"), "f:2:22: a range goes from IPv4 to IPv4 or from IPv6 to IPv6\n"},
	{LIST("{inline: [10.0.0.0/8-11.0.0.0]}"),
	 "f:2:22: '10.0.0.0/8' is not an address; write a range as 192.0.2.1-192.0.2.9\n"},
	{LIST("{inline: [10.0.0.0 - ]}"), "f:2:22: '' is not an address; write a range as 192.0.2.1-192.0.2.9\n"},
	{LIST("{inline: [10.0.0.0 10.0.0.1]}"),
	 "f:2:22: one prefix, address or range at a time; '10.0.0.1' is too much\n"},
	{LIST("{url: 'https://l.example/a'}"), ""},
	{LIST("{url: 'http://l.example/a'}"),
	 "warning: f:2:18: whoever is on the way can change what http:// brings; write "
	 "https://\n"},
	{LIST("{url: 'file:///etc/passwd'}"),
	 "f:2:18: 'file:///etc/passwd' cannot be fetched: it must begin with http:// or https://\n"},
	{LIST("{url: 'l.example/a'}"), "f:2:18: 'l.example/a' cannot be fetched: Bad scheme\n"},
	{LIST("{url: 'https://u:p@l.example/a'}"),
	 "f:2:18: 'https://u:p@l.example/a' cannot be fetched: it must not contain a user name or password\n"},
	{LIST("{url: 'https://l.example/a', file: b}"), "f:2:13: list 'a' already has 'file'; a list has one source\n"},
	{LIST("{file: b, every: 1h}"), "f:2:22: 'every' needs 'url' beside it\n"},
	{LIST("{url: 'https://l.example/a', every: 1ms}"), "f:2:48: '1ms' is out of bounds, which are 1s to 30d\n"},
	{LIST("{url: 'https://l.example/a', every: 2h, max_age: 1h}"),
	 "f:2:61: max_age is shorter than every, so the list would always be reported as too old\n"},
	{LIST("{url: 'https://l.example/a', min: few}"),
	 "f:2:46: 'few' is not a number of prefixes: write it as 30, 2k, 1M or 1G\n"},
	{LIST("{url: 'https://l.example/a', timeout: 1h}"), "f:2:50: '1h' is out of bounds, which are 1s to 10m\n"},
	{LIST("{url: 'https://l.example/a', sha256_url: 'ftp://l.example/b'}"),
	 "f:2:53: 'ftp://l.example/b' cannot be fetched: it must begin with http:// or https://\n"},
	{LIST("{url: 'https://l.example/a', ca: c.pem}"),
	 "f:2:45: 'c.pem' is not an absolute path; it begins with /\n"},
	{LIST("{url: 'https://l.example/a', on_error: skip, on_shrink: take, strict: true, min: 0}"), ""},
	{LIST("{inlin: []}"),
	 "f:2:9: list 'a' has no source; write file, url, geo, mmdb or inline\nf:2:13: unknown key 'inlin'; "
	 "did you mean 'inline'?\n"},
	{TOP ALL "lists: {none: {inline: []}}\n",
	 "f:3:9: 'none' cannot be the name of a list: it stands for what no list names\n"},
	{TOP ALL "lists: {a: {inline: []},\n a: {inline: []}}\n",
	 "warning: f:3:9: list 'a' is in no class" NO_CLASS "f:4:2: duplicate list 'a', first given at line 3\n"},
	{TOP "lists: {a: {inline: []}}\nclasses: [{name: b, lists: [a]},\n  {name: c, lists: [a]}, {name: d}]\n",
	 "f:4:21: list 'a' is in class 'b' already (f:3:29); a list can be in one class only\n"},
	{TOP "lists: {a: {inline: []}}\nclasses: [{name: b, lists: [a, a]}, {name: d}]\n",
	 "f:3:32: list 'a' is named twice, first at line 3\n"},
};

static void test_lists(void **state)
{
	(void)state;
	check_rows(list_rows, COUNT(list_rows));
}

/* The values of a list by URL, with and without its keys. */
static void test_list_by_url(void **state)
{
	const struct spw_config_url *url;
	struct parsed parsed;

	(void)state;
	parse(&parsed, TOP
	      "lists: {a: {url: 'https://l.example/a', every: 12h}, b: {min: 2k, max_age: 3d, timeout: 5s, ca: /c,\n"
	      "sha256_url: 'https://l.example/b', url: 'https://l.example/c', on_shrink: take}}\n"
	      "classes: [{name: a, lists: [a, b]}, {name: z}]\n");
	assert_string_equal(told(&parsed.diagnostics), "");
	assert_int_equal(parsed.config.lists[0].kind, SPW_LIST_URL);
	url = &parsed.config.lists[0].url;
	assert_string_equal(url->text, "https://l.example/a");
	assert_null(url->sha256);
	assert_null(url->ca);
	assert_int_equal(url->every_ns, 12 * 3600 * SPW_SECOND_NS);
	assert_int_equal(url->max_age_ns, 48 * 3600 * SPW_SECOND_NS);
	assert_int_equal(url->timeout_ns, 60 * SPW_SECOND_NS);
	assert_int_equal(url->min, 1);
	url = &parsed.config.lists[1].url;
	assert_string_equal(url->text, "https://l.example/c");
	assert_string_equal(url->sha256, "https://l.example/b");
	assert_string_equal(url->ca, "/c");
	assert_int_equal(url->every_ns, 3600 * SPW_SECOND_NS);
	assert_int_equal(url->max_age_ns, 72 * 3600 * SPW_SECOND_NS);
	assert_int_equal(url->timeout_ns, 5 * SPW_SECOND_NS);
	assert_int_equal(url->min, 2000);
	assert_true(parsed.config.lists[1].may_shrink);
	assert_true(spw_config_same_source(&parsed.config.lists[0], &parsed.config.lists[0]));
	url->text[18]++; /* other URL, same name */
	parsed.config.lists[1].name[0] = 'a';
	assert_false(spw_config_same_source(&parsed.config.lists[0], &parsed.config.lists[1]));
	release(&parsed);
}

/* Two lists of countries, in two classes. */
#define COUNTRIES(first, second)                                                                                       \
	TOP "lists:\n  a: {geo: t, countries: [" first "]}\n  b: {geo: t, countries: [" second "]}\n"                  \
	    "classes: [{name: a, lists: [a]}, {name: b, lists: [b]}, {name: c}]\n"

static const struct row country_rows[] = {
	{COUNTRIES("US", "'!US'"), ""},
	{COUNTRIES("US, DE", "FR, \"?\?\""), ""},
	{COUNTRIES("US, DE", "FR, DE"),
	 "f:4:31: country DE is in list 'a' (line 3) and in list 'b' (line 4), which are in "
	 "different classes\n"},
	{COUNTRIES("US, \"?\?\"", "'!US'"),
	 "f:3:31: country ?? is in list 'a' (line 3) and in list 'b' (line 4), which are in "
	 "different classes\n"},
	{COUNTRIES("'!US'", "US, FR"),
	 "f:4:31: country FR is in list 'a' (line 3) and in list 'b' (line 4), which are in "
	 "different classes\n"},
	{COUNTRIES("'!US'", "'!FR'"), "f:4:3: lists 'a' (line 3) and 'b' are in different classes and both take all "
				      "countries that they do not exclude\n"},
};

static void test_countries_of_two_classes(void **state)
{
	(void)state;
	check_rows(country_rows, COUNT(country_rows));
}

#define ONE_COUNTRY(code)                                                                                              \
	TOP "lists: {a: {geo: t, countries: [" code "]}}\nclasses: [{name: a, lists: [a]}, {name: z}]\n"

/* Codes that look like a country's, and the one that is meant. A code that ISO 3166-1 has assigned is never among them. */
static void test_country_mistakes(void **state)
{
	static const char mistakes[][2][3] = {
		{"UK", "GB"}, {"EL", "GR"}, {"BU", "MM"}, {"DD", "DE"}, {"FX", "FR"}, {"SU", "RU"},
		{"TP", "TL"}, {"ZR", "CD"}, {"CS", "CZ"}, {"DA", "DK"}, {"EN", "GB"}, {"JA", "JP"},
		{"KO", "KR"}, {"UR", "PK"}, {"PO", "PL"}, {"SP", "ES"}, {"SW", "SE"}, {"TU", "TR"},
	};
	static const char assigned[] =
		"AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ "
		"CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO "
		"FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE "
		"JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO "
		"MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW "
		"PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM "
		"TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW";
	char text[256], messages[256];

	(void)state;
	for (size_t i = 0; i < COUNT(mistakes); i++) {
		snprintf(text, sizeof(text), ONE_COUNTRY("%s"), mistakes[i][0]);
		snprintf(messages, sizeof(messages),
			 "warning: f:2:33: '%s' is not an assigned country code, so few addresses are listed "
			 "under it; did "
			 "you mean '%s'?\n",
			 mistakes[i][0], mistakes[i][1]);
		check_rows(&(struct row){text, messages}, 1);
	}
	for (const char *at = assigned; at < assigned + sizeof(assigned); at += 3) {
		snprintf(text, sizeof(text), ONE_COUNTRY("%.2s"), at);
		check_rows(&(struct row){text, ""}, 1);
	}
}

#define LISTS TOP "lists: {home: {inline: []}, abroad: {inline: []}}\n"
#define UNUSED                                                                                                         \
	"warning: f:2:9: list 'home' is in no class" NO_CLASS "warning: f:2:29: list 'abroad' is in no class" NO_CLASS

static const struct row class_rows[] = {
	{TOP "classes: {}\n", "f:2:10: expected a list of classes, highest priority first, found a mapping\n"},
	{TOP "classes: []\n", "f:2:10: no class; write at least one, which takes everybody: [{ name: everybody }]\n"},
	{TOP "classes: [a]\n", "f:2:11: expected a class such as { name: domestic, lists: [home] }, found text\n"},
	{TOP "classes: [{}]\n", "f:2:11: the class has no name; write { name: NAME }\n"},
	{TOP "classes: [{name: none}]\n",
	 "f:2:18: 'none' cannot be the name of a class: it stands for what no list names\n"},
	{TOP "classes: [{name: ''}]\n", "f:2:18: expected a name, found nothing\n"},
	{TOP "classes: [{name: [a]}]\n", "f:2:18: expected a name, found a list\n"},
	{LISTS "classes: [{name: a, lists: [home]}, {name: b, lists: [abroad]},\n  {name: a}]\n",
	 "f:4:10: duplicate class 'a', first given at line 3\n"},
	{LISTS "classes:\n  - {name: a}\n  - {name: b}\n",
	 UNUSED "f:4:5: the class names no list; only the last one takes sources that no list names\n"},
	{LISTS "classes:\n  - {name: a, lists: []}\n  - {name: b}\n",
	 UNUSED "f:4:5: the class names no list; only the last one takes sources that no list names\n"},
	{LISTS "classes:\n  - {name: a, lists: [home, abroad]}\n  - {name: b, lists: []}\n", ""},
	{LISTS "classes:\n  - {name: a, lists: [home, abroad]}\n",
	 "f:4:15: the last class takes what no list names, so it "
	 "cannot name lists; put another class behind it\n"},
	{LISTS "classes:\n  - {name: a, lists: [home, abrod]}\n  - {name: b}\n",
	 "warning: f:2:29: list 'abroad' is in no class" NO_CLASS
	 "f:4:29: unknown list 'abrod'; did you mean 'abroad'?\n"},
	{LISTS "classes:\n  - {name: a, lists: [home, abroad, moon]}\n  - {name: b}\n",
	 "f:4:37: unknown list 'moon'; it must stand under lists\n"},
	{LISTS "classes:\n  - {name: a, lists: home}\n  - {name: b}\n",
	 UNUSED "f:4:22: expected a list of lists such as [partners], found text\n"},
	{LISTS "classes:\n  - {name: a, lists: [home, abroad, {}]}\n  - {name: b}\n",
	 "f:4:37: expected the name of a list, found a mapping\n"},
	{TOP "classes: [{name: a, shed_from: blue}]\n",
	 "f:2:32: 'blue' is not a level: it is green, yellow, orange, red or never\n"},
	{TOP "classes: [{name: a, cut_from: RED}]\n",
	 "f:2:31: 'RED' is not a level: it is green, yellow, orange, red or never\n"},
	{TOP "classes: [{name: a, cut_from: []}]\n", "f:2:31: expected a level such as red, found a list\n"},
	{TOP "classes: [{name: a, cut_from: red, cut: both}]\n",
	 "warning: f:2:18: class 'a' can be cut and there is no management prefix or port: you may cut yourself off; "
	 "write management: { prefixes: [...], ports: [22] }\n"
	 "f:2:41: 'both' is not allowed here; write new or all\n"},
	{TOP "management: {ports: [22]}\nclasses: [{name: a, cut_from: red}]\n", ""},
	{TOP "lists: {home: {inline: []}}\n"
	     "classes:\n  - {name: a, lists: [home], shed_from: orange}\n  - {name: b, shed_from: red}\n",
	 "f:5:26: class 'b' stands below 'a', which sheds from orange on, and would shed only from red; write "
	 "shed_from: orange, or an earlier level\n"},
	{TOP "lists: {home: {inline: []}}\n"
	     "classes:\n  - {name: a, lists: [home], shed_from: orange}\n  - {name: b, shed_from: never}\n",
	 "f:5:26: class 'b' stands below 'a', which sheds from orange on, and would shed never; write shed_from: "
	 "orange, or an earlier level\n"},
	{TOP "management: {ports: [22]}\nclasses: [{name: a, shed_from: red, cut_from: yellow, reserve: 40%}]\n", ""},
	{TOP "classes: [{name: a, reserve: 0.4}]\n",
	 "f:2:30: '0.4' is not a share: write it as 95%; whole, and at most 1000%\n"},
	{TOP "classes: [{name: a, reserve: 100%}]\n", "f:2:30: '100%' is out of bounds, which are 0% to 95%\n"},
	{TOP "classes: [{name: a, cut: all}]\n", "warning: f:2:21: 'cut' has no effect without 'cut_from'\n"},
	{TOP "classes: [{name: a, shedfrom: red}]\n", "f:2:21: unknown key 'shedfrom'; did you mean 'shed_from'?\n"},
};

static const struct row probe_rows[] = {
	{TOP ALL "services: {s: {tcp: [80], wait_at: [8080, 80]}}\n", ""},
	{TOP ALL "services: {s: {tcp: [80]}, t: {tcp: [81], wait_at: [80]}}\n",
	 "f:3:53: TCP port 80 belongs to service 's' already (f:3:22); if they differ by address, write "
	 "\"192.0.2.1:80\"\n"},
	{TOP ALL "services: {s: {tcp: [80], probe: {http: 'http://127.0.0.1/', limit: 200ms}}}\n", ""},
	{TOP ALL "services: {s: {tcp: [80], probe: {file: /f, limit: 80}}}\n", ""},
	{TOP ALL "services: {s: {tcp: [80], probe: {http: 'http://127.0.0.1/', limit: 80}}}\n",
	 "f:3:69: '80' is out of bounds, which are 1ms to 60s\n"},
	{TOP ALL "services: {s: {tcp: [80], probe: {http: 'https://127.0.0.1/', limit: 200ms}}}\n", ""},
	{TOP ALL "services: {s: {tcp: [80], probe: {http: 'ftp://127.0.0.1/', limit: 200ms}}}\n",
	 "f:3:41: 'ftp://127.0.0.1/' cannot be probed: it must begin with http:// or https://\n"},
	{TOP ALL "services: {s: {tcp: [80], probe: {metrics: 'http://shop:9100/m', sample: q, limit: 1}}}\n", ""},
	{TOP ALL "services: {s: {tcp: [80], probe: {file: f, limit: 80}}}\n",
	 "f:3:41: 'f' is not an absolute path; it begins with /\n"},
	{TOP ALL "services: {s: {tcp: [80], probe: {file: /f}}}\n",
	 "f:3:34: the probe has no limit; write limit: 80\n"},
	{TOP ALL "services: {s: {tcp: [80], probe: {limit: 80}}}\n",
	 "f:3:34: the probe has no target; write one of http, file and metrics\n"},
	{TOP ALL "services: {s: {tcp: [80], probe: {file: /f, http: 'http://127.0.0.1/', limit: 1s}}}\n",
	 "f:3:41: a probe has one of http, file and metrics, not two\n"},
	{TOP ALL "services: {s: {tcp: [80], probe: {metrics: 'http://127.0.0.1/', limit: 1}}}\n",
	 "f:3:34: metrics and sample go together: which page, and which of its samples\n"},
	{TOP ALL "shedding: {hold: 1ms}\n", "f:3:18: '1ms' is out of bounds, which are 1s to 10m\n"},
	{TOP ALL "shedding: {holt: 1s}\n", "f:3:12: unknown key 'holt'; did you mean 'hold'?\n"},
};

static void test_probes(void **state)
{
	(void)state;
	check_rows(probe_rows, COUNT(probe_rows));
}

/* URLs as YAML, and whether a probe can use them. */
static const struct {
	const char *url;
	bool good;
} urls[] = {
	{"http://127.0.0.1/", true},
	{"http://127.0.0.1", true},
	{"http://198.18.0.1:8080/a/b?c=d#e", true},
	{"http://localhost:1?x", true},
	{"http://[::1]:65535/", true},
	{"https://shop.example/health", true},
	{"HTTPS://shop.example/health", true},
	{"http://shop.example", true},
	{"127.0.0.1", false},
	{"ftp://127.0.0.1/", false},
	{"file:///etc/passwd", false},
	{"gopher://127.0.0.1/", false},
	{"http://", false},
	{"http://:80/", false},
	{"http://::1/", false},
	{"http://[::1/", false},
	{"http://[shop]/", false},
	{"http://me@127.0.0.1/", false},
	{"http://me:secret@127.0.0.1/", false},
	{"http://127.0.0.1:65536/", false},
	{"http://127.0.0.1:+80/", false},
	{"http://[::1]:x/", false},
	{"http://127.0.0.1/a b", false},
	{"http://127.0.0.1/\\r\\nX: y", false},
	{"http://127.0.0.1/\\x01", false},
};

static bool can_ask(const char *url)
{
	struct parsed parsed;
	char text[1024];
	bool good;

	snprintf(text, sizeof(text), TOP ALL "services: {s: {tcp: [80], probe: {http: \"%s\", limit: 1s}}}\n", url);
	parse(&parsed, text);
	good = !parsed.err;
	if (!good && !strstr(told(&parsed.diagnostics), "f:3:41: "))
		fail_msg("%s: %s", url, told(&parsed.diagnostics));
	release(&parsed);
	return good;
}

static void test_urls(void **state)
{
	char longest[513];

	(void)state;
	for (size_t i = 0; i < COUNT(urls); i++)
		if (can_ask(urls[i].url) != urls[i].good)
			fail_msg("%s: %s", urls[i].url, urls[i].good ? "cannot be asked" : "can be asked");
	memset(longest, 'a', sizeof(longest));
	memcpy(longest, "http://127.0.0.1/", 17);
	longest[512] = '\0';
	assert_false(can_ask(longest));
	longest[511] = '\0';
	assert_true(can_ask(longest));
}

static void test_classes(void **state)
{
	(void)state;
	check_rows(class_rows, COUNT(class_rows));
}

#define LIMITS(text) TOP "classes: [{name: a, per_source: " text "}]\n"

/* Slow rates, and durations as verbs accept them. */
static void test_units(void **state)
{
	static const struct {
		const char *text;
		u64 seconds;
	} rows[] = {{"90", 90},		{"1d", 86400},	  {"2w", 1209600},    {"1h30m", 5400},
		    {"1h30m15s", 5415}, {"1w1d", 691200}, {"365d", 31536000}, {"0s", 0}};
	struct parsed parsed;
	const struct spw_rate *rate;
	u64 ns;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_null(spw_units_duration(rows[i].text, &ns));
		assert_int_equal(ns, rows[i].seconds * 1000000000);
	}
	assert_null(spw_units_duration("1m20ms", &ns));
	assert_int_equal(ns, 60020000000);
	assert_non_null(spw_units_duration("", &ns));
	parse(&parsed,
	      TOP "classes: [{name: a, per_source: {new: 10/min}, per_prefix: {new: 3/h, burst: 5}, total: {packets: "
		  "120/min}}]\n");
	assert_string_equal(told(&parsed.diagnostics), "");
	rate = &parsed.config.classes[0].limits.rates[SPW_SCOPE_SOURCE][SPW_KIND_NEW];
	assert_float_equal(rate->per_s, 10.0 / 60, 1e-12);
	assert_float_equal(rate->burst, 1, 1e-12);
	rate = &parsed.config.classes[0].limits.rates[SPW_SCOPE_PREFIX][SPW_KIND_NEW];
	assert_float_equal(rate->per_s, 3.0 / 3600, 1e-12);
	assert_float_equal(rate->burst, 5, 1e-12);
	rate = &parsed.config.classes[0].limits.rates[SPW_SCOPE_CLASS][SPW_KIND_PACKETS];
	assert_float_equal(rate->per_s, 2, 1e-12);
	assert_float_equal(rate->burst, 2, 1e-12);
	release(&parsed);
}

static const struct row limit_rows[] = {
	{LIMITS("{new: 10/s}"), ""},
	{LIMITS("10/s"), "f:2:33: expected limits such as { new: 10/s, burst: 30 }, found text\n"},
	{LIMITS("{}"), "f:2:33: no limit; write at least one of new, packets and bits\n"},
	{LIMITS("{new: 10}"), "f:2:39: '10' is not a rate: did you mean the unit /s?\n"},
	{LIMITS("{new: ten}"), "f:2:39: 'ten' is not a rate: write it as 10/s, 2k/s, 1M/s, 1G/s, 10/min, 3/h or 1/d\n"},
	{LIMITS("{new: 0/h}"), "f:2:39: '0/h' is not a rate: it is at least 1/d\n"},
	{LIMITS("{new: 10/hour}"), "f:2:39: '10/hour' is not a rate: did you mean the unit /h?\n"},
	{LIMITS("{bits: 10mbit/s}"), "f:2:40: '10mbit/s' is not a rate: did you mean the unit Mbit/s?\n"},
	{LIMITS("{bits: 10MB/s}"), "f:2:40: '10MB/s' is not a rate: bits are meant, not bytes: 8 of them, in Mbit/s\n"},
	{LIMITS("{new: []}"), "f:2:39: expected a rate such as 10/s, found a list\n"},
	{LIMITS("{new: 0/s}"), "f:2:39: '0/s' is not a rate: it is at least 1/s\n"},
	{LIMITS("{packets: 1001G/s}"), "f:2:43: '1001G/s' is not a rate: it is at most 1000G/s\n"},
	{LIMITS("{packets: 10K/s}"), "f:2:43: '10K/s' is not a rate: did you mean the unit k/s?\n"},
	{LIMITS("{bits: 10M/s}"), "f:2:40: '10M/s' is not a rate: did you mean the unit Mbit/s?\n"},
	{LIMITS("{bits: 0bit/s}"), "f:2:40: '0bit/s' is not a rate: it is at least 1bit/s\n"},
	{LIMITS("{bits: 1001Gbit/s}"), "f:2:40: '1001Gbit/s' is not a rate: it is at most 1000Gbit/s\n"},
	{LIMITS("{bits: {}}"), "f:2:40: expected a rate such as 50Mbit/s, found a mapping\n"},
	{LIMITS("{new: 1/s, burst: 0}"), "f:2:51: '0' is not a burst: it is at least 1\n"},
	{LIMITS("{new: 1/s, burst: 3/s}"), "f:2:51: '3/s' is not a burst: write it as 30, 2k, 1M or 1G\n"},
	{LIMITS("{new: 1/s, burst: 2000G}"), "f:2:51: '2000G' is not a burst: it is at most 1000G\n"},
	{LIMITS("{new: 1/s, burst: {}}"), "f:2:51: expected a count such as 30, found a mapping\n"},
	{LIMITS("{burst: 3}"), "f:2:34: a burst of what? it applies to new, or to packets or bits if only one "
			       "of them is given\n"},
	{LIMITS("{packets: 1/s, bits: 1bit/s, burst: 3}"),
	 "f:2:62: a burst of what? it applies to new, or to packets or bits if only one of them is given\n"},
	{LIMITS("{rate: 1/s}"), "f:2:34: unknown key 'rate'; keys here are: new, packets, bits, burst, from\n"},
	{LIMITS("{from: red}"), "f:2:33: no limit; write at least one of new, packets and bits\n"},
	{LIMITS("{new: 1/s, from: never}"),
	 "warning: f:2:44: limits that apply from level never are never in force; write a level, or remove them\n"},
	{LIMITS("{new: 1/s, from: blue}"),
	 "f:2:50: 'blue' is not a level: it is green, yellow, orange, red or never\n"},
	{TOP "classes: [{name: a, total: {bits: 1Gbit/s, from: red}, fair: true}]\n", ""},
	{TOP "classes: [{name: a, fair: 1}]\n", "f:2:27: '1' is not allowed here; write true or false\n"},
	{TOP ALL "limits: {source: {ipv4: 28, ipv6: 56}, prefix: {ipv4: 16}}\n", ""},
	{TOP ALL "limits: {prefix: {ipv4: 33}}\n",
	 "f:3:25: '33' is not a prefix length: it is a number from 1 to 32\n"},
	{TOP ALL "limits: {source: {ipv6: 65}}\n",
	 "f:3:25: '65' is not a prefix length: it is a number from 1 to 64\n"},
	{TOP ALL "limits: {prefix: {ipv4: 0}}\n", "f:3:25: '0' is not a prefix length: it is a number from 1 to 32\n"},
	{TOP ALL "limits: {source: {ipv4: 16}}\n",
	 "f:3:9: the prefix (/24) is longer than the source (/16); it must contain it\n"},
};

static void test_limits(void **state)
{
	(void)state;
	check_rows(limit_rows, COUNT(limit_rows));
}

#define QUOTES "; text that begins with one of ! ? : & * @ ` % | > must stand in quotes\n"

static const struct row yaml_rows[] = {
	{"", "f:1:1: the configuration is empty\n"},
	{"# nothing\n", "f:1:1: the configuration is empty\n"},
	{TOP "mode: \x01\n", "f:2:7: character U+0001 is not allowed here\n"},
	{TOP "m\xc3\xb6"
	     "de: \x7f\n",
	 "f:2:7: character U+007F is not allowed here\n"},
	{TOP "mode: \xe2\x80\xae\n", "f:2:7: character U+202E is not allowed here\n"},
	{TOP "mode: \xff\n", "f:2:7: not UTF-8: byte 0xff\n"},
	{TOP "mode: \xc3", "f:2:7: not UTF-8: byte 0xc3\n"},
	{TOP "mode: \xed\xa0\x80\n", "f:2:7: not UTF-8: byte 0xed\n"},
	{TOP "mode: \xc0\x80\n", "f:2:7: not UTF-8: byte 0xc0\n"},
	{TOP "mode: \xf4\x90\x80\x80\n", "f:2:7: not UTF-8: byte 0xf4\n"},
	{"\xff\xfei\0", "f:1:1: not UTF-8: byte 0xff\n"},
	{TOP "mode: \"a\\0b\"\n", "f:2:7: character U+0000 is not allowed here\n"},
	{TOP "mode: \"a\\eb\"\n", "f:2:7: character U+001B is not allowed here\n"},
	{TOP "mode: &a x\n", "f:2:7: anchors are not allowed ('&a'); write the value where it is needed\n"},
	{TOP "lists: &a {}\n", "f:2:8: anchors are not allowed ('&a'); write the value where it is needed\n"},
	{TOP "mode: *a\n", "f:2:7: aliases are not allowed; write the value out, or quote text that begins with *\n"},
	{TOP "mode: !!str x\n",
	 "f:2:7: tags are not allowed ('tag:yaml.org,2002:str'); text that begins with ! must stand in quotes\n"},
	{TOP "classes: !a []\n", "f:2:10: tags are not allowed ('!a'); text that begins with ! must stand in quotes\n"},
	{TOP "mode: [!US]\n",
	 "f:2:11: not valid YAML: did not find expected whitespace or line break while scanning a tag" QUOTES},
	{TOP "mode: [??]\n",
	 "f:2:9: not valid YAML: did not find expected node content while parsing a flow node" QUOTES},
	{TOP "m\xc3\xb6: [::/0]\n",
	 "f:2:6: not valid YAML: did not find expected node content while parsing a flow node" QUOTES},
	{TOP "mode: @a\n",
	 "f:2:7: not valid YAML: found character that cannot start any token while scanning for the next "
	 "token" QUOTES},
	{TOP "lists:\n\ta: 1\n",
	 "f:3:1: not valid YAML: found character that cannot start any token while scanning for the "
	 "next token; indent with spaces, not with tabs\n"},
	{TOP "mode: a: b\n",
	 "f:2:8: not valid YAML: mapping values are not allowed in this context; is the line indented as "
	 "it should be? text with ': ' in it must stand in quotes\n"},
	{TOP "mode: [a\n", "f:3:1: not valid YAML: did not find expected ',' or ']' while parsing a flow sequence\n"},
	{TOP "mode: \"a\n", "f:3:1: not valid YAML: found unexpected end of stream while scanning a quoted scalar\n"},
	{TOP "---\nmode: a\n", "f:2:1: a second document; a configuration has only one\n"},
	{TOP "...\n---\n", "f:3:1: a second document; a configuration has only one\n"},
	{"%YAML 1.1\n---\n" TOP, "f:1:1: directives (%) are not allowed\n"},
	{TOP "[a]: b\n",
	 "f:2:1: a key must be a plain word, not a list; an IPv6 address with its port stands in quotes: "
	 "\"[2001:db8::2]:443\"\n"},
	{TOP "? {a: b}\n: c\n", "f:2:3: a key must be a plain word, not a mapping\n"},
	{TOP "mode: [[[[[[[[a]]]]]]]]\n", "f:2:14: nested deeper than 8 levels\n"},
	{TOP "mode: [[[[[[{a: {b: c}}]]]]]]\n", "f:2:17: nested deeper than 8 levels\n"},
};

static void test_yaml(void **state)
{
	(void)state;
	check_rows(yaml_rows, COUNT(yaml_rows));
}

/* Messages are sorted by position, whatever was read first. */
static void test_order(void **state)
{
	static const struct row rows[] = {
		{"mode: a\nclasses: [{name: b, shed_from: c}]\nfoo_bar_baz: 1\nlists: {d: {inline: [e]}}\ninterfaces: "
		 "[f, f]\n",
		 "f:1:7: 'a' is not allowed here; write enforce or observe\n"
		 "f:2:32: 'c' is not a level: it is green, yellow, orange, red or never\n"
		 "f:3:1: unknown key 'foo_bar_baz'; keys here are: interfaces, lists, classes, mode, management, "
		 "services, "
		 "malformed, overlap, forwarded, also_mine, decap, attach, reattach, lease, metrics, page, hooks, shedding, expect, "
		 "limits, pin_dir, run_dir, state_dir\n"
		 "warning: f:4:9: list 'd' is in no class" NO_CLASS
		 "f:4:22: 'e' is not a prefix, address or range; write 192.0.2.0/24, 2001:db8::/32, 192.0.2.7 or "
		 "192.0.2.1-192.0.2.9\n"
		 "f:5:17: interface 'f': it is given twice\n"},
	};

	(void)state;
	check_rows(rows, COUNT(rows));
}

/* NUL bytes in the text, which no row can hold. */
static void test_nul_bytes(void **state)
{
	static const char text[] = TOP ALL "mode: enf\0orce\n";
	struct parsed parsed;

	(void)state;
	parse_as(&parsed, text, sizeof(text) - 1, "f");
	assert_int_equal(parsed.err, -EINVAL);
	assert_string_equal(told(&parsed.diagnostics), "f:3:10: character U+0000 is not allowed here\n");
	release(&parsed);
	parse_as(&parsed, "\0", 1, "f");
	assert_string_equal(told(&parsed.diagnostics), "f:1:1: character U+0000 is not allowed here\n");
	release(&parsed);
}

/* @count times @piece between @before and @behind. */
static char *repeat(const char *before, const char *piece, size_t count, const char *behind)
{
	size_t length = strlen(piece);
	char *text = malloc(strlen(before) + count * length + strlen(behind) + 1), *at = text;

	assert_non_null(text);
	at = stpcpy(at, before);
	for (size_t i = 0; i < count; i++)
		at = stpcpy(at, piece);
	stpcpy(at, behind);
	return text;
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Megabytes that choke parsers: one message, quickly. */
static void test_bombs(void **state)
{
	static const struct {
		const char *before, *piece;
		size_t count;
		const char *behind, *expected;
	} rows[] = {
		{"", "[", 1000000, "", "f:1:9: nested deeper than 8 levels\n"},
		{"", "[\n", 500000, "", "f:9:1: nested deeper than 8 levels\n"},
		{"", "- ", 500000, "", "f:1:17: nested deeper than 8 levels\n"},
		{"", "{a: ", 250000, "", "f:1:33: nested deeper than 8 levels\n"},
		{"", "? ", 500000, "", "f:1:3: a key must be a plain word, not a mapping\n"},
		{"a: &a [x,x]\n", "b: [*a,*a]\n", 50000, "",
		 "f:1:4: anchors are not allowed ('&a'); write the value where it is "
		 "needed\n"},
		{"a: [", "*a,", 300000, "]",
		 "f:1:5: aliases are not allowed; write the value out, or quote text that begins with *\n"},
		{"[", "a,", 300000, "]",
		 "f:1:400000: more than 200000 values; put long lists of prefixes into files\n"},
		{"", "%TAG !a! b\n", 90000, "", "f:1:1: directives (%) are not allowed\n"},
		{"a: \"", "x", 1000000, "",
		 "f:1:1000005: not valid YAML: found unexpected end of stream while scanning a quoted "
		 "scalar\n"},
		{"", "x", 1048577, "", "f:1:1: it has 1048577 bytes; the maximum is 1048576\n"},
		{"", "---\n", 200000, "", "f:2:1: a second document; a configuration has only one\n"},
		{TOP ALL "lists: {a: {inline: [", "\"1::1-f::e\",", 3000, "]}}",
		 "warning: f:3:9: list 'a' is in no class" NO_CLASS
		 "f:3:26014: more than 262144 inline prefixes in the configuration; put long lists into files\n"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char *text = repeat(rows[i].before, rows[i].piece, rows[i].count, rows[i].behind);
		double before = seconds();
		struct parsed parsed;

		parse(&parsed, text);
		check_error(&parsed);
		assert_string_equal(told(&parsed.diagnostics), rows[i].expected);
		assert_true(seconds() - before < 5); /* usually a hundredth of that, even under AddressSanitizer */
		release(&parsed);
		free(text);
	}
}

/* More errors than are shown: all are counted, and errors replace warnings. */
static void test_many_errors(void **state)
{
	char *text = repeat(TOP "lists:\n  a: {inline: []}\nclasses: [{name: all, cut: all}]\nmanagement: {prefixes: [",
			    "foo, ", 1000, "]}\n");
	struct parsed parsed;

	(void)state;
	parse(&parsed, text);
	assert_int_equal(parsed.err, -EINVAL);
	assert_int_equal(parsed.diagnostics.errors, 1000);
	assert_int_equal(parsed.diagnostics.warnings, 2);
	assert_int_equal(parsed.diagnostics.count, SPW_DIAGNOSTICS_MAX);
	for (size_t i = 0; i < parsed.diagnostics.count; i++)
		assert_int_equal(parsed.diagnostics.items[i].severity, SPW_ERROR);
	release(&parsed);
	free(text);
}

/* @count lines, each from @format with its number twice. */
static void check_too_many(const char *before, const char *format, u32 count, const char *behind, const char *expected)
{
	char *text = calloc(1, 1 << 17), *at;
	struct parsed parsed;

	assert_non_null(text);
	at = stpcpy(text, before);
	for (u32 i = 1; i <= count; i++)
		at += sprintf(at, format, i, i);
	stpcpy(at, behind);
	parse(&parsed, text);
	assert_int_equal(parsed.err, -EINVAL);
	if (!strstr(told(&parsed.diagnostics), expected))
		fail_msg("'%s' is not in:\n%s", expected, told(&parsed.diagnostics));
	release(&parsed);
	free(text);
}

static void test_too_many(void **state)
{
	char expected[64];

	(void)state;
	snprintf(expected, sizeof(expected), "f:%u:3: more than %u services\n", 4 + SPW_SERVICES_MAX, SPW_SERVICES_MAX);
	check_too_many(TOP ALL "services:\n", "  s%u: {tcp: [%u]}\n", SPW_SERVICES_MAX + 1, "", expected);
	snprintf(expected, sizeof(expected), "f:%u:3: more than %u lists\n", 3 + SPW_LISTS_MAX, SPW_LISTS_MAX - 1);
	check_too_many(TOP ALL "lists:\n", "  l%u: {file: '%u'}\n", SPW_LISTS_MAX, "", expected);
	snprintf(expected, sizeof(expected), "f:%u:3: more than %u classes\n", 3 + SPW_CLASSES_MAX, SPW_CLASSES_MAX);
	check_too_many(TOP "classes:\n", "- {name: c%u, lists: [l%u]}\n", SPW_CLASSES_MAX, "- {name: z}\n", expected);
}

/* References to a refused list are not reported as errors. */
static void test_consequences_are_silent(void **state)
{
	static const char refused_name[] = TOP "lists:\n  'a\\tb': {}\n  b: {}\n"
					       "classes:\n  - {name: a, lists: [\"a\\tb\", b]}\n  - {name: z}\n";
	char *text = calloc(1, 1 << 17), *at;
	char expected[64];
	struct parsed parsed;

	(void)state;
	assert_non_null(text);
	at = stpcpy(text, TOP "lists:\n");
	for (u32 i = 0; i < 600; i++)
		at += sprintf(at, "  l%u: {}\n", i);
	at = stpcpy(at, "classes:\n  - name: all\n    lists: [");
	for (u32 i = 0; i < 600; i++)
		at += sprintf(at, "%sl%u", i ? ", " : "", i);
	stpcpy(at, "]\n  - {name: rest}\n");
	parse(&parsed, text);
	snprintf(expected, sizeof(expected), "f:%u:3: more than %u lists\n", 2 + SPW_LISTS_MAX, SPW_LISTS_MAX - 1);
	assert_string_equal(told(&parsed.diagnostics), expected);
	release(&parsed);
	free(text);

	parse(&parsed, refused_name);
	assert_int_equal(parsed.diagnostics.errors, 1);
	release(&parsed);
}

/* Every message is one line without terminal controls, whatever the content or name of the file. */
static void test_hostile_text_is_escaped(void **state)
{
	static const char expected[] = "f\\x1b[2J\\x0a\\xff:3:1: unknown key 'a\\x0ab'; keys";
	struct parsed parsed;

	(void)state;
	parse_as(&parsed, TOP ALL "\"a\\nb\": 1\n", strlen(TOP ALL "\"a\\nb\": 1\n"), "f\x1b[2J\n\xff");
	assert_int_equal(parsed.err, -EINVAL);
	assert_memory_equal(told(&parsed.diagnostics), expected, strlen(expected));
	release(&parsed);
}

/* Whether the text begins with "f:LINE:COLUMN: " and a message. */
static bool has_place(const char *text)
{
	u32 line, column;
	int length = 0;

	return sscanf(text, "f:%u:%u: %n", &line, &column, &length) == 2 && length && text[length] && line && column;
}

static u64 chance_state = 0x5b1115a7;

static u64 chance(void)
{
	chance_state ^= chance_state >> 12;
	chance_state ^= chance_state << 25;
	chance_state ^= chance_state >> 27;
	return chance_state * 0x2545f4914f6cdd1dULL;
}

/* Damage @text, which has space for twice its length, in a typical way. */
static void damage(char *text, size_t *length)
{
	size_t at = chance() % *length, count = 1 + chance() % 20;

	if (count > *length - at)
		count = *length - at;
	switch (chance() % 6) {
	case 0: /* another character, probably a significant one */
		text[at] = "{}[]:,#&*!|>'\"%@`-? \n\t\\a0\x80\xff\0"[chance() % 29];
		break;
	case 1:
		text[at] = (char)(text[at] ^ 1 << chance() % 8);
		break;
	case 2: /* something is missing */
		memmove(text + at, text + at + count, *length - at - count);
		*length -= count;
		break;
	case 3: /* something is duplicated */
		memmove(text + at + count, text + at, *length - at);
		*length += count;
		break;
	case 4: { /* two pieces are swapped: often still valid YAML */
		char swap[20], *other = text + chance() % (*length - count + 1);

		memcpy(swap, text + at, count);
		memmove(text + at, other, count);
		memcpy(other, swap, count);
		break;
	}
	default: /* the end is missing */
		if (chance() % 8 == 0)
			*length = at + 1;
	}
}

static void test_mutations(void **state)
{
	static char text[4 * sizeof(example)];
	u32 good = 0;

	(void)state;
	for (int i = 0; i < 10000; i++) {
		size_t length = strlen(example);
		struct parsed parsed;

		memcpy(text, example, length);
		for (u64 left = 1 + chance() % 4; left && length; left--)
			damage(text, &length);
		parse_as(&parsed, text, length, "f");
		check_error(&parsed);
		good += !parsed.err;
		for (size_t j = 0; j < parsed.diagnostics.count; j++)
			if (!has_place(parsed.diagnostics.items[j].text))
				fail_msg("no place: '%s'", parsed.diagnostics.items[j].text);
		release(&parsed);
	}
	assert_true(good > 100 && good < 9000); /* neither everything nor nothing is accepted */
}

/* Paths that are no readable files: reported at 1:1, without blocking. */
static void test_files(void **state)
{
	char folder[] = "/tmp/spillway-config-XXXXXX", path[64], huge[64], fifo[64], expected[256];
	struct {
		const char *path, *problem;
		int err;
	} rows[] = {
		{"/nonexistent/spillway.yaml", "open: No such file or directory", -ENOENT},
		{"/dev/zero", "it is not a regular file", -EINVAL},
		{folder, "it is not a regular file", -EISDIR},
		{fifo, "it is not a regular file", -EINVAL},
		{huge, "it has 1073741824 bytes; the maximum is 1048576", -EFBIG},
	};
	struct parsed parsed = {0};
	int fd;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/good", folder);
	snprintf(huge, sizeof(huge), "%s/huge", folder);
	snprintf(fifo, sizeof(fifo), "%s/fifo", folder);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	fd = open(huge, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_int_equal(ftruncate(fd, 1 << 30), 0);
	close(fd);
	for (size_t i = 0; i < COUNT(rows); i++) {
		parsed.err = spw_config_load(rows[i].path, &parsed.config, &parsed.diagnostics);
		assert_int_equal(parsed.err, rows[i].err);
		snprintf(expected, sizeof(expected), "%s:1:1: cannot read this file: %s\n", rows[i].path,
			 rows[i].problem);
		assert_string_equal(told(&parsed.diagnostics), expected);
		release(&parsed);
	}
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, example, strlen(example)), strlen(example));
	close(fd);
	assert_int_equal(spw_config_load(path, &parsed.config, &parsed.diagnostics), 0);
	assert_int_equal(parsed.config.classes_count, 4);
	snprintf(expected, sizeof(expected), "%s/partners.txt", folder);
	assert_string_equal(parsed.config.lists[0].paths[0].text, expected);
	release(&parsed);
	unlink(path);
	unlink(huge);
	unlink(fifo);
	rmdir(folder);
}

#define NAMED(name, test)                                                                                              \
	{                                                                                                              \
		name, test, NULL, NULL, NULL                                                                           \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_example),
		cmocka_unit_test(test_example_policy),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_everything_else),
		cmocka_unit_test(test_listen_off_and_rates),
		NAMED("fault 41: unknown and duplicate keys, wrong values", test_keys),
		cmocka_unit_test(test_services),
		cmocka_unit_test(test_local_ports),
		NAMED("fault 41: /33, host bits set", test_management),
		NAMED("slow rates, durations", test_units),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_list_by_url),
		cmocka_unit_test(test_countries_of_two_classes),
		cmocka_unit_test(test_country_mistakes),
		cmocka_unit_test(test_probes),
		cmocka_unit_test(test_urls),
		cmocka_unit_test(test_classes),
		cmocka_unit_test(test_limits),
		NAMED("fault 41: what is no YAML, or more YAML than is needed", test_yaml),
		cmocka_unit_test(test_order),
		NAMED("fault 41: NUL bytes", test_nul_bytes),
		NAMED("fault 41: deep nesting, aliases bomb, size", test_bombs),
		cmocka_unit_test(test_many_errors),
		cmocka_unit_test(test_consequences_are_silent),
		cmocka_unit_test(test_too_many),
		NAMED("fault 44: hostile text is escaped in messages", test_hostile_text_is_escaped),
		NAMED("fault 41: 10000 damaged configurations: taken, or told with a place", test_mutations),
		NAMED("fault 41: a FIFO, a device, a folder, 1 GB", test_files),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
