/* SPDX-License-Identifier: GPL-2.0-only */
/* The addresses of this host: messages of rtnetlink -> set -> table (core/own/), asked by the datapath's own code. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include "bpf/own.h"
#include "core/own/link_messages.h"

enum { INET = 2, INET6 = 10, SEQUENCE = 7, BYTES_MAX = 8192 };

#define MAC(last) (0x020000000000ull + (last))

struct world {
	struct spw_own_set *set, *other;
	struct spw_own_part *part;
	struct spw_space_facts *facts;
	u64 seed;
	u8 *bytes; /* of a datagram */
	size_t length;
	size_t message; /* where the last one begins */
};

static int setup(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	world->set = calloc(1, sizeof(*world->set));
	world->other = calloc(1, sizeof(*world->other));
	world->part = calloc(1, sizeof(*world->part));
	world->facts = calloc(1, sizeof(*world->facts));
	world->bytes = calloc(1, BYTES_MAX);
	world->seed = 4711;
	*state = world;
	return 0;
}

static int teardown(void **state)
{
	struct world *world = *state;

	free(world->set);
	free(world->other);
	free(world->part);
	free(world->facts);
	free(world->bytes);
	free(world);
	return 0;
}

static struct spw_prefix prefix(const char *text)
{
	struct spw_prefix prefix;

	assert_int_equal(spw_prefix_parse(text, strlen(text), &prefix), SPW_PREFIX_OK);
	return prefix;
}

static void add(struct spw_own_set *set, const char *text)
{
	struct spw_prefix added = prefix(text);

	spw_own_set_prefix(set, &added);
}

/* As find_owner() in bpf/own.bpf.h asks. */
static bool is_own(const struct spw_own_part *part, const char *text)
{
	struct spw_prefix asked = prefix(text);
	u64 hi = asked.addr.hi, lo = asked.addr.lo;

	return (asked.family == 4 ? spw_own_whole4(part, hi) : spw_own_whole6(part, hi, lo)) ||
	       spw_own_always(asked.family, hi) || spw_own_prefix(part, asked.family, hi, lo);
}

static void put_in_force(struct world *world)
{
	u32 count;
	int err = -EAGAIN;

	assert_int_equal(spw_own_set_finish(world->set, &count), 0);
	for (u32 i = 0; i < 1000 && err == -EAGAIN; i++)
		err = spw_own_fill(world->set, &world->seed, 64, world->part);
	assert_int_equal(err, 0);
}

/* ---- the set and the table ---- */

static void test_table(void **state)
{
	struct world *world = *state;

	add(world->set, "192.0.2.7");
	add(world->set, "198.51.100.0/24");
	add(world->set, "10.0.0.0/8");
	add(world->set, "2001:db8::7");
	add(world->set, "2001:db8:1::/48");
	spw_own_set_mac(world->set, MAC(1));
	put_in_force(world);
	assert_true(is_own(world->part, "192.0.2.7"));
	assert_false(is_own(world->part, "192.0.2.8"));
	assert_true(is_own(world->part, "198.51.100.255"));
	assert_false(is_own(world->part, "198.51.101.0"));
	assert_true(is_own(world->part, "10.200.3.4"));
	assert_true(is_own(world->part, "2001:db8::7"));
	assert_false(is_own(world->part, "2001:db8::8"));
	assert_false(is_own(world->part, "2001:db9::7"));
	assert_true(is_own(world->part, "2001:db8:1:ffff::1"));
	assert_false(is_own(world->part, "2001:db8:2::1"));
	assert_true(spw_own_station(world->part, MAC(1)));
	assert_false(spw_own_station(world->part, MAC(2)));
}

/* Never in the table, and never forwarded. */
static void test_always(void **state)
{
	static const char *const always[] = {"224.0.0.1", "239.255.255.250", "255.255.255.255",
					     "ff02::1",	  "fe80::1",	     "febf::1"};
	static const char *const others[] = {"223.255.255.255", "240.0.0.1", "fec0::1", "fe7f::1", "fd00::1"};
	struct world *world = *state;

	put_in_force(world);
	for (size_t i = 0; i < sizeof(always) / sizeof(*always); i++) {
		assert_true(is_own(world->part, always[i]));
		add(world->set, always[i]);
	}
	assert_int_equal(world->set->prefixes_count, 0);
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		assert_false(is_own(world->part, others[i]));
	assert_true(spw_own_station(world->part, 0xffffffffffff));
	assert_true(spw_own_station(world->part, 0x01005e000001));
	assert_true(spw_own_station(world->part, 0x333300000001));
	assert_false(spw_own_station(world->part, MAC(1)));
}

/* As many keys as fit: each is found, and nothing else. */
static void test_full(void **state)
{
	struct world *world = *state;
	u32 count;

	for (u32 i = 0; i < SPW_OWN_KEYS_MAX / 2; i++) {
		const struct spw_prefix own = {{(u64)(0xc0000200 + i * 2) << 32, 0}, 4, 32};

		spw_own_set_prefix(world->set, &own);
		spw_own_set_prefix(world->set, &own); /* twice: counts once */
		spw_own_set_mac(world->set, MAC(i * 2));
		spw_own_set_mac(world->set, MAC(i * 2));
	}
	put_in_force(world);
	for (u32 i = 0; i < SPW_OWN_KEYS_MAX; i++) {
		assert_int_equal(spw_own_whole4(world->part, (u64)(0xc0000200 + i) << 32), i % 2 == 0);
		assert_int_equal(spw_own_station(world->part, MAC(i)), i % 2 == 0);
	}
	spw_own_set_mac(world->set, MAC(SPW_OWN_KEYS_MAX * 4));
	assert_int_equal(spw_own_set_finish(world->set, &count), -E2BIG);
	assert_int_equal(count, SPW_OWN_KEYS_MAX + 1);
	assert_int_equal(spw_own_fill(world->set, &world->seed, 1, world->part), -E2BIG);
}

static void test_overflow(void **state)
{
	struct world *world = *state;
	u32 count;

	for (u32 i = 0; i <= SPW_OWN_RAW_MAX; i++)
		spw_own_set_mac(world->set, MAC(0));
	assert_int_equal(spw_own_set_finish(world->set, &count), -E2BIG);
	spw_own_set_clear(world->set);
	assert_int_equal(spw_own_set_finish(world->set, &count), 0);
	for (u32 length = 8; length < 8 + SPW_OWN_LENGTHS_MAX + 1; length++) {
		const struct spw_prefix own = {{10ull << 56, 0}, 4, (u8)length};

		spw_own_set_prefix(world->set, &own);
	}
	assert_int_equal(spw_own_set_finish(world->set, &count), 0);
	assert_int_equal(spw_own_fill(world->set, &world->seed, 64, world->part), -E2BIG);
}

static void test_same(void **state)
{
	struct world *world = *state;
	u32 count;

	add(world->set, "192.0.2.7");
	add(world->set, "192.0.2.9");
	add(world->other, "192.0.2.9");
	add(world->other, "192.0.2.7");
	add(world->other, "192.0.2.7");
	spw_own_set_finish(world->set, &count);
	spw_own_set_finish(world->other, &count);
	assert_true(spw_own_set_same(world->set, world->other));
	spw_own_set_mac(world->set, MAC(1));
	assert_false(spw_own_set_same(world->set, world->other));
	spw_own_set_mac(world->other, MAC(2));
	assert_false(spw_own_set_same(world->set, world->other));
	world->other->macs[0] = MAC(1);
	assert_true(spw_own_set_same(world->set, world->other));
	spw_own_set_port(world->other, 3);
	assert_false(spw_own_set_same(world->set, world->other));
	spw_own_set_port(world->set, 3);
	spw_own_set_port(world->set, 3);
	assert_true(spw_own_set_same(world->set, world->other));
	add(world->other, "192.0.2.0/24");
	add(world->set, "192.0.2.0/25");
	spw_own_set_finish(world->set, &count);
	spw_own_set_finish(world->other, &count);
	assert_false(spw_own_set_same(world->set, world->other));
}

/* ---- messages ---- */

static void append(struct world *world, const void *bytes, size_t length)
{
	assert_true(world->length + length <= BYTES_MAX);
	memcpy(world->bytes + world->length, bytes, length);
	world->length = NLMSG_ALIGN(world->length + length);
}

static void set_length(struct world *world)
{
	u32 length = (u32)(world->length - world->message);

	memcpy(world->bytes + world->message, &length, sizeof(length));
}

static void begin(struct world *world, u16 type, u16 flags, const void *body, size_t length)
{
	const struct nlmsghdr header = {.nlmsg_type = type, .nlmsg_flags = flags, .nlmsg_seq = SEQUENCE};

	world->message = world->length;
	append(world, &header, sizeof(header));
	append(world, body, length);
	set_length(world);
}

static void attribute(struct world *world, u16 type, const void *value, size_t length)
{
	const struct nlattr header = {.nla_len = (u16)(sizeof(header) + length), .nla_type = type};

	append(world, &header, sizeof(header));
	append(world, value, length);
	set_length(world);
}

static void link_message(struct world *world, u32 index, u8 mac, u32 lower, u32 master, const char *kind_of_port)
{
	const struct ifinfomsg body = {.ifi_index = (int)index};
	const u8 address[6] = {2, 0, 0, 0, 0, mac};

	begin(world, RTM_NEWLINK, NLM_F_MULTI, &body, sizeof(body));
	attribute(world, IFLA_ADDRESS, address, sizeof(address));
	if (lower)
		attribute(world, IFLA_LINK, &lower, sizeof(lower));
	if (master)
		attribute(world, IFLA_MASTER, &master, sizeof(master));
	if (kind_of_port) {
		u8 nested[64] = {0};
		struct nlattr header = {.nla_len = (u16)(sizeof(header) + strlen(kind_of_port) + 1),
					.nla_type = IFLA_INFO_SLAVE_KIND};

		memcpy(nested, &header, sizeof(header));
		memcpy(nested + sizeof(header), kind_of_port, strlen(kind_of_port) + 1);
		attribute(world, IFLA_LINKINFO | NLA_F_NESTED, nested, NLA_ALIGN(header.nla_len));
	}
}

static void address_message(struct world *world, u32 index, u8 scope, const char *local, const char *peer,
			    const char *broadcast)
{
	struct spw_prefix first = prefix(local ? local : peer);
	const struct ifaddrmsg body = {.ifa_family = first.family == 4 ? INET : INET6,
				       .ifa_prefixlen = 24,
				       .ifa_scope = scope,
				       .ifa_index = index};
	const struct {
		u16 type;
		const char *text;
	} parts[] = {{IFA_ADDRESS, peer}, {IFA_LOCAL, local}, {IFA_BROADCAST, broadcast}};

	begin(world, RTM_NEWADDR, NLM_F_MULTI, &body, sizeof(body));
	for (size_t i = 0; i < 3; i++) {
		struct spw_prefix value;
		u64 words[2];

		if (!parts[i].text)
			continue;
		value = prefix(parts[i].text);
		words[0] = __builtin_bswap64(value.addr.hi);
		words[1] = __builtin_bswap64(value.addr.lo);
		attribute(world, parts[i].type, words, value.family == 4 ? 4 : 16);
	}
}

static void route_message(struct world *world, u8 type, const char *text)
{
	struct spw_prefix to = prefix(text);
	const struct rtmsg body = {
		.rtm_family = to.family == 4 ? INET : INET6, .rtm_dst_len = to.len, .rtm_type = type};
	const u64 words[2] = {__builtin_bswap64(to.addr.hi), __builtin_bswap64(to.addr.lo)};

	begin(world, RTM_NEWROUTE, NLM_F_MULTI, &body, sizeof(body));
	attribute(world, RTA_DST, words, to.family == 4 ? 4 : 16);
}

static void neighbour_message(struct world *world, u8 flags, u8 mac)
{
	const struct ndmsg body = {.ndm_family = 7, .ndm_ifindex = 2, .ndm_flags = flags};
	const u8 address[6] = {2, 0, 0, 0, 0, mac};

	begin(world, RTM_NEWNEIGH, NLM_F_MULTI, &body, sizeof(body));
	attribute(world, NDA_LLADDR, address, sizeof(address));
}

static void done_message(struct world *world, int err)
{
	begin(world, NLMSG_DONE, NLM_F_MULTI, &err, sizeof(err));
}

static int read_all(struct world *world)
{
	return spw_link_messages_read(world->bytes, world->length, SEQUENCE, world->facts, world->set);
}

static void test_messages(void **state)
{
	const u32 interfaces[] = {2};
	struct world *world = *state;

	link_message(world, 1, 1, 0, 0, NULL);
	link_message(world, 2, 2, 0, 0, NULL);
	address_message(world, 2, RT_SCOPE_UNIVERSE, "192.0.2.7", "192.0.2.7", "192.0.2.255");
	address_message(world, 2, RT_SCOPE_UNIVERSE, "198.51.100.1", "198.51.100.2", NULL); /* point to point */
	address_message(world, 2, RT_SCOPE_UNIVERSE, NULL, "2001:db8::7", NULL);
	address_message(world, 2, RT_SCOPE_LINK, NULL, "fe80::7", NULL);
	route_message(world, RTN_LOCAL, "203.0.113.0/24");
	route_message(world, RTN_ANYCAST, "2001:db8::/128");
	route_message(world, RTN_UNICAST, "100.64.0.0/10");
	route_message(world, RTN_BLACKHOLE, "100.128.0.0/10");
	neighbour_message(world, NTF_SELF, 9);
	neighbour_message(world, NTF_MASTER, 10);
	assert_int_equal(read_all(world), 0);
	spw_space_stations(world->facts, interfaces, 1, world->set);
	put_in_force(world);
	assert_true(is_own(world->part, "192.0.2.7"));
	assert_true(is_own(world->part, "192.0.2.255"));
	assert_false(is_own(world->part, "192.0.2.8"));
	assert_true(is_own(world->part, "198.51.100.1"));
	assert_false(is_own(world->part, "198.51.100.2"));
	assert_true(is_own(world->part, "2001:db8::7"));
	assert_true(is_own(world->part, "2001:db8::"));
	assert_true(is_own(world->part, "203.0.113.200"));
	assert_false(is_own(world->part, "100.64.0.1"));
	assert_false(is_own(world->part, "100.128.0.1"));
	assert_true(spw_own_station(world->part, MAC(2)));
	assert_true(spw_own_station(world->part, MAC(9)));
	assert_false(spw_own_station(world->part, MAC(10)));
	assert_false(spw_own_station(world->part, MAC(1))); /* neither protected nor with an address */
}

/* eth0 (2), a VLAN on it (3) and a macvlan on that (4); eth1 (5), port of a bridge (6) beside a veth (7). */
static void test_stations(void **state)
{
	const u32 interfaces[] = {2, 5};
	struct world *world = *state;

	link_message(world, 2, 2, 0, 0, NULL);
	link_message(world, 3, 3, 2, 0, NULL);
	link_message(world, 4, 4, 3, 0, NULL);
	link_message(world, 5, 5, 0, 6, "bridge");
	link_message(world, 6, 6, 0, 0, NULL);
	link_message(world, 7, 7, 0, 6, "bridge");
	link_message(world, 8, 8, 0, 0, NULL);
	link_message(world, 9, 9, 0, 0, NULL);
	link_message(world, 10, 10, 2, 0, NULL);
	attribute(world, IFLA_LINK_NETNSID, &(u32){0}, 4); /* a veth: the other end is 2 in another namespace */
	address_message(world, 8, RT_SCOPE_UNIVERSE, "192.0.2.7", "192.0.2.7", NULL);
	address_message(world, 9, RT_SCOPE_LINK, NULL, "fe80::9", NULL);
	assert_int_equal(read_all(world), 0);
	spw_space_stations(world->facts, interfaces, 2, world->set);
	put_in_force(world);
	for (u32 mac = 2; mac <= 6; mac++)
		assert_true(spw_own_station(world->part, MAC(mac)));
	assert_false(spw_own_station(world->part, MAC(7)));
	assert_true(spw_own_station(world->part, MAC(8)));
	assert_false(spw_own_station(world->part, MAC(9)));
	assert_false(spw_own_station(world->part, MAC(10)));
	assert_int_equal(world->set->bridge_ports[0], 5);
	assert_int_equal(world->set->bridge_ports[1], 0);
}

/* The members of a bond that is protected receive for it. */
static void test_members(void **state)
{
	const u32 interfaces[] = {6};
	struct world *world = *state;

	link_message(world, 5, 5, 0, 6, "bond");
	link_message(world, 6, 6, 0, 0, NULL);
	assert_int_equal(read_all(world), 0);
	spw_space_stations(world->facts, interfaces, 1, world->set);
	put_in_force(world);
	assert_true(spw_own_station(world->part, MAC(5)));
	assert_int_equal(world->set->bridge_ports[0], 0);
}

static void test_ends(void **state)
{
	struct world *world = *state;
	int err = -EOPNOTSUPP;

	done_message(world, 0);
	assert_int_equal(read_all(world), 1);
	world->length = 0;
	done_message(world, -ENOMEM);
	assert_int_equal(read_all(world), -ENOMEM);
	world->length = 0;
	begin(world, NLMSG_ERROR, 0, &err, sizeof(err));
	assert_int_equal(read_all(world), -EOPNOTSUPP);
	world->length = 0;
	begin(world, NLMSG_DONE, NLM_F_DUMP_INTR, &(int){0}, sizeof(int));
	assert_int_equal(read_all(world), -EAGAIN);
	world->length = 0;
	begin(world, NLMSG_ERROR, 0, &(int){5}, sizeof(int)); /* not an error number */
	assert_int_equal(read_all(world), -EBADMSG);
	/* Of another dump: skipped, whatever it says. */
	world->length = 0;
	done_message(world, -ENOMEM);
	assert_int_equal(spw_link_messages_read(world->bytes, world->length, SEQUENCE + 1, world->facts, world->set),
			 0);
}

/* Cut off at every byte, in memory of exactly that size: no read beyond it, and an error unless between messages. */
static void test_truncated(void **state)
{
	struct world *world = *state;
	size_t ends[16], count = 0;

	link_message(world, 2, 2, 1, 3, "bridge");
	ends[count++] = world->length;
	address_message(world, 2, RT_SCOPE_UNIVERSE, "192.0.2.7", "192.0.2.7", "192.0.2.255");
	ends[count++] = world->length;
	route_message(world, RTN_LOCAL, "2001:db8::/32");
	ends[count++] = world->length;
	neighbour_message(world, NTF_SELF, 9);
	for (size_t length = 0; length < world->length; length++) {
		u8 *cut = malloc(length + 1);
		bool whole = length == 0;
		int err;

		for (size_t i = 0; i < count; i++)
			whole |= ends[i] == length;
		memcpy(cut, world->bytes, length);
		cut = realloc(cut, length ? length : 1);
		err = spw_link_messages_read(cut, length, SEQUENCE, world->facts, world->set);
		assert_int_equal(err, whole ? 0 : -EBADMSG);
		free(cut);
	}
}

/* Every byte changed to extreme values, one by one: lengths that lie must not lead outside. */
static void test_hostile(void **state)
{
	static const u8 values[] = {0, 1, 3, 4, 15, 0x7f, 0x80, 0xff};
	struct world *world = *state;

	link_message(world, 2, 2, 1, 3, "bridge");
	address_message(world, 2, RT_SCOPE_UNIVERSE, "192.0.2.7", "192.0.2.7", "192.0.2.255");
	route_message(world, RTN_LOCAL, "203.0.113.0/24");
	route_message(world, RTN_LOCAL, "2001:db8::/32");
	neighbour_message(world, NTF_SELF, 9);
	done_message(world, 0);
	for (size_t i = 0; i < world->length; i++) {
		for (size_t j = 0; j < sizeof(values); j++) {
			u8 *copy = malloc(world->length);

			memcpy(copy, world->bytes, world->length);
			copy[i] = values[j];
			spw_own_set_clear(world->set);
			world->facts->links_count = 0;
			spw_link_messages_read(copy, world->length, SEQUENCE, world->facts, world->set);
			for (u32 k = 0; k < world->set->prefixes_count; k++)
				assert_true(world->set->prefixes[k].len <=
					    (world->set->prefixes[k].family == 4 ? 32 : 128));
			free(copy);
		}
	}
}

static void test_too_many_links(void **state)
{
	struct world *world = *state;

	for (u32 i = 0; i <= SPW_LINKS_MAX; i++) {
		world->length = 0;
		link_message(world, i + 1, 1, 0, 0, NULL);
		assert_false(world->facts->overflown);
		assert_int_equal(read_all(world), 0);
	}
	assert_true(world->facts->overflown);
	assert_int_equal(world->facts->links_count, SPW_LINKS_MAX);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_table), TEST(test_always),	TEST(test_full),     TEST(test_overflow),
		TEST(test_same),  TEST(test_messages),	TEST(test_stations), TEST(test_members),
		TEST(test_ends),  TEST(test_truncated), TEST(test_hostile),  TEST(test_too_many_links),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
