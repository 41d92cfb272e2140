/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The datapath's parser on the host, under AddressSanitizer: frames are at the very end of their allocation, so that
 * any overread is found. The prog tests check the fields, with an independent oracle.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bpf/parse.h"

#define ETH4	  "\x02\0\0\0\0\1\x02\0\0\0\0\2\x08\x00"
#define ETH6	  "\x02\0\0\0\0\1\x02\0\0\0\0\2\x86\xdd"
#define VLAN2	  "\x02\0\0\0\0\1\x02\0\0\0\0\2\x88\xa8\0\x64\x81\x00\0\xc8\x08\x00"
#define SYN	  "\x9c\x40\x01\xbb\0\0\0\1\0\0\0\0\x50\x02\xff\xff\0\0\0\0"
#define ACK	  "\x9c\x40\x01\xbb\0\0\0\1\0\0\0\1\x50\x10\xff\xff\0\0\0\0"
#define ADDR4	  "\xc6\x12\x00\x07\xc6\x12\x00\x01"
#define ADDR6	  "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\7\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1"
#define EXT(next) next "\0\1\4\0\0\0\0"
#define LINK6	  "\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\2\xff\2\0\0\0\0\0\0\0\0\0\0\0\0\0\1"
#define MLD	  "\x82\0\0\0\x27\x10\0\0" ZERO16
#define IGMP	  "\x11\x64\xee\x9b\0\0\0\0"
#define ZERO16	  "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define ZERO64	  ZERO16 ZERO16 ZERO16 ZERO16
#define QUOTE4(h) "\x45\0\5\xdc\0\0\x40\0\x40\6\0\0\xc6\x12\0" h "\xc6\x12\1\1"
#define QUOTE6(h) "\x60\0\0\0\5\xc8\6\x40\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0" h ZERO16
/* The frames of ETH4 are for 02:00:00:00:00:01. */
#define BOOTP(op, station)                                                                                             \
	op "\1\6\0" ZERO16 "\0\0\0\0\0\0\0\0\2\0\0\0\0" station ZERO64 ZERO64 ZERO64                                   \
	   "\0\0\0\0\0\0\0\0\0\0\x63\x82\x53\x63"

struct sample {
	const char *name;
	const char *bytes;
	size_t length;
	u32 found;
	u32 sport;
};

#define SAMPLE(name, bytes, found, sport)                                                                              \
	{                                                                                                              \
		name, bytes, sizeof(bytes) - 1, found, sport                                                           \
	}

static const struct sample samples[] = {
	SAMPLE("SYN over IPv4", ETH4 "\x45\0\0\x28\0\0\x40\0\x40\6\0\0" ADDR4 SYN,
	       SPW_FOUND_IP | SPW_FOUND_PORTS | SPW_FOUND_SYN, 40000),
	SAMPLE("SYN over IPv6", ETH6 "\x60\0\0\0\0\x14\6\x40" ADDR6 SYN, SPW_FOUND_IP | SPW_FOUND_PORTS | SPW_FOUND_SYN,
	       40000),
	SAMPLE("ACK with data", ETH4 "\x45\0\0\x2a\0\0\x40\0\x40\6\0\0" ADDR4 ACK "xy", SPW_FOUND_IP | SPW_FOUND_PORTS,
	       40000),
	SAMPLE("fault 3: options", ETH4 "\x47\0\0\x30\0\0\x40\0\x40\6\0\0" ADDR4 "\1\1\1\1\1\1\1\0" SYN,
	       SPW_FOUND_IP | SPW_FOUND_PORTS | SPW_FOUND_SYN, 40000),
	SAMPLE("fault 8: two tags", VLAN2 "\x45\0\0\x28\0\0\x40\0\x40\6\0\0" ADDR4 SYN,
	       SPW_FOUND_IP | SPW_FOUND_PORTS | SPW_FOUND_SYN, 40000),
	SAMPLE("fault 6: IPv6 with three extension headers",
	       ETH6 "\x60\0\0\0\0\x2c\0\x40" ADDR6 EXT("\x3c") EXT("\x2b") EXT("\x06") SYN,
	       SPW_FOUND_IP | SPW_FOUND_PORTS | SPW_FOUND_SYN, 40000),
	SAMPLE("fault 7: fragment header in mid chain, first fragment",
	       ETH6 "\x60\0\0\0\0\x24\0\x40" ADDR6 EXT("\x2c") "\x06\0\0\1\0\0\0\5" SYN,
	       SPW_FOUND_IP | SPW_FOUND_PORTS | SPW_FOUND_SYN | SPW_FOUND_FRAGMENT, 40000),
	SAMPLE("fault 4: later fragment", ETH4 "\x45\0\0\x28\0\0\x20\x10\x40\6\0\0" ADDR4 SYN,
	       SPW_FOUND_IP | SPW_FOUND_FRAGMENT, 0),
	SAMPLE("fault 2: IHL below 5", ETH4 "\x44\0\0\x28\0\0\x40\0\x40\6\0\0" ADDR4 SYN,
	       SPW_FOUND_IP | SPW_FOUND_MALFORMED, 0),
	SAMPLE("QUIC Initial",
	       ETH4 "\x45\0\0\x24\0\0\x40\0\x40\x11\0\0" ADDR4 "\x9c\x40\x01\xbb\0\x10\0\0\xc0\0\0\0\1\0\0\0",
	       SPW_FOUND_IP | SPW_FOUND_PORTS | SPW_FOUND_QUIC_INITIAL, 40000),
	SAMPLE("QUIC Initial of a usual length",
	       ETH6 "\x60\0\0\0\0\x18\x11\x40" ADDR6 "\x9c\x40\x01\xbb\0\x18\0\0\xc0\0\0\0\1\0\0\0"
		    "01234567",
	       SPW_FOUND_IP | SPW_FOUND_PORTS | SPW_FOUND_QUIC_INITIAL, 40000),
	SAMPLE("fault 10: DHCP, a reply to this station",
	       ETH4 "\x45\0\1\x0c\0\0\x40\0\x40\x11\0\0" ADDR4 "\0\x43\0\x44\0\xf8\0\0" BOOTP("\2", "\1"),
	       SPW_FOUND_IP | SPW_FOUND_PORTS | SPW_FOUND_DHCP, 67),
	SAMPLE("DHCP, a reply to another station",
	       ETH4 "\x45\0\1\x0c\0\0\x40\0\x40\x11\0\0" ADDR4 "\0\x43\0\x44\0\xf8\0\0" BOOTP("\2", "\7"),
	       SPW_FOUND_IP | SPW_FOUND_PORTS, 67),
	SAMPLE("fault 10: DHCP, a request without an address",
	       ETH4
	       "\x45\0\1\x0c\0\0\x40\0\x40\x11\0\0\0\0\0\0\xff\xff\xff\xff\0\x44\0\x43\0\xf8\0\0" BOOTP("\1", "\7"),
	       SPW_FOUND_IP | SPW_FOUND_PORTS | SPW_FOUND_DHCP, 68),
	SAMPLE("DHCP, a request that came over routers",
	       ETH4 "\x45\0\1\x0c\0\0\x40\0\x40\x11\0\0" ADDR4 "\0\x44\0\x43\0\xf8\0\0" BOOTP("\1", "\7"),
	       SPW_FOUND_IP | SPW_FOUND_PORTS, 68),
	SAMPLE("the ports of DHCP and nothing else of it",
	       ETH4 "\x45\0\0\x28\0\0\x40\0\x40\x11\0\0\0\0\0\0\xff\xff\xff\xff\0\x44\0\x43\0\x14\0\0"
		    "012345678901",
	       SPW_FOUND_IP | SPW_FOUND_PORTS, 68),
	SAMPLE("fault 10: DHCPv6 of the link", ETH6 "\x60\0\0\0\0\x0c\x11\1" LINK6 "\2\x22\2\x23\0\x0c\0\0\1\0\0\7",
	       SPW_FOUND_IP | SPW_FOUND_PORTS | SPW_FOUND_DHCP, 546),
	SAMPLE("DHCPv6 from afar", ETH6 "\x60\0\0\0\0\x0c\x11\1" ADDR6 "\2\x22\2\x23\0\x0c\0\0\1\0\0\7",
	       SPW_FOUND_IP | SPW_FOUND_PORTS, 546),
	SAMPLE("MLD query of the link", ETH6 "\x60\0\0\0\0\x20\0\1" LINK6 "\x3a\0\5\2\0\0\1\0" MLD,
	       SPW_FOUND_IP | SPW_FOUND_MULTICAST, 0),
	SAMPLE("MLD over routers", ETH6 "\x60\0\0\0\0\x20\0\2" LINK6 "\x3a\0\5\2\0\0\1\0" MLD, SPW_FOUND_IP, 0),
	SAMPLE("MLD from afar", ETH6 "\x60\0\0\0\0\x20\0\1" ADDR6 "\x3a\0\5\2\0\0\1\0" MLD, SPW_FOUND_IP, 0),
	SAMPLE("IGMP query", ETH4 "\x46\0\0\x20\0\0\0\0\1\2\0\0\xc6\x12\x09\x09\xe0\0\0\1\x94\4\0\0" IGMP,
	       SPW_FOUND_IP | SPW_FOUND_MULTICAST, 0),
	SAMPLE("IGMP to one host", ETH4 "\x46\0\0\x20\0\0\0\0\1\2\0\0" ADDR4 "\x94\4\0\0" IGMP, SPW_FOUND_IP, 0),
	SAMPLE("IGMP over routers", ETH4 "\x46\0\0\x20\0\0\0\0\2\2\0\0\xc6\x12\x09\x09\xe0\0\0\1\x94\4\0\0" IGMP,
	       SPW_FOUND_IP, 0),
	SAMPLE("fragmentation needed, of this host's packet",
	       ETH4 "\x45\0\0\x38\0\0\0\0\x40\1\0\0" ADDR4 "\3\4\0\0\0\0\5\x78" QUOTE4("\1") "01234567",
	       SPW_FOUND_IP | SPW_FOUND_PATH_MTU, 0),
	SAMPLE("fragmentation needed, of somebody else's packet",
	       ETH4 "\x45\0\0\x38\0\0\0\0\x40\1\0\0" ADDR4 "\3\4\0\0\0\0\5\x78" QUOTE4("\2") "01234567", SPW_FOUND_IP,
	       0),
	SAMPLE("host unreachable",
	       ETH4 "\x45\0\0\x38\0\0\0\0\x40\1\0\0" ADDR4 "\3\1\0\0\0\0\5\x78" QUOTE4("\1") "01234567", SPW_FOUND_IP,
	       0),
	SAMPLE("packet too big, of this host's packet",
	       ETH6 "\x60\0\0\0\0\x30\x3a\x40" ADDR6 "\2\0\0\0\0\0\5\x78" QUOTE6("\1"),
	       SPW_FOUND_IP | SPW_FOUND_PATH_MTU, 0),
	SAMPLE("packet too big, of somebody else's packet",
	       ETH6 "\x60\0\0\0\0\x30\x3a\x40" ADDR6 "\2\0\0\0\0\0\5\x78" QUOTE6("\2"), SPW_FOUND_IP, 0),
	SAMPLE("fault 10: neighbour solicitation", ETH6 "\x60\0\0\0\0\x08\x3a\xff" ADDR6 "\x87\0\0\0\0\0\0\0",
	       SPW_FOUND_IP | SPW_FOUND_NEIGHBOUR, 0),
	SAMPLE("fault 10: ARP", "\x02\0\0\0\0\1\x02\0\0\0\0\2\x08\x06\0\1", SPW_FOUND_ARP, 0),
};

#define SAMPLES (sizeof(samples) / sizeof(*samples))

static u32 usual_frames;

/* The fast path finds what the general path finds, or nothing. */
static void check_usual(const u8 *frame, size_t length, const struct spw_packet *packet,
			const struct spw_cursor *cursor)
{
	struct spw_packet usual = {0};
	struct spw_cursor at = {0};

	if (!spw_parse_usual4(frame, frame + length, (u32)length, &at, &usual) &&
	    !spw_parse_usual6(frame, frame + length, (u32)length, &at, &usual)) {
		assert_memory_equal(&usual, &(struct spw_packet){0}, sizeof(usual));
		return;
	}
	usual_frames++;
	assert_memory_equal(&usual, packet, sizeof(usual));
	assert_memory_equal(&at, cursor, sizeof(at));
}

static struct spw_packet parse(const u8 *bytes, size_t length)
{
	struct spw_packet packet = {0};
	struct spw_cursor cursor;
	u8 *copy = malloc(length ? length : 1);

	memcpy(copy, bytes, length);
	spw_parse(copy, copy + length, (u32)length, &cursor, &packet);
	check_usual(copy, length, &packet, &cursor);
	free(copy);
	return packet;
}

static void test_samples(void **state)
{
	(void)state;
	for (size_t i = 0; i < SAMPLES; i++) {
		struct spw_packet packet = parse((const u8 *)samples[i].bytes, samples[i].length);

		if (packet.found != samples[i].found || packet.sport != samples[i].sport)
			fail_msg("%s: found %#x, sport %u", samples[i].name, packet.found, packet.sport);
	}
	assert_int_equal(usual_frames, 4);
}

/* Fault 1: truncated frames are malformed, or fragments; they never gain ports or a SYN that are not there. */
static void test_truncations(void **state)
{
	(void)state;
	for (size_t i = 0; i < SAMPLES; i++)
		for (size_t length = 0; length < samples[i].length; length++) {
			struct spw_packet packet = parse((const u8 *)samples[i].bytes, length);

			assert_int_equal(packet.length, length);
			assert_int_equal(packet.found & (SPW_FOUND_PORTS | SPW_FOUND_SYN | SPW_FOUND_QUIC_INITIAL) &
						 ~samples[i].found,
					 0);
			if (samples[i].found & SPW_FOUND_PORTS)
				assert_true(packet.found & SPW_FOUND_MALFORMED);
		}
}

/* Fault 6: eight extension headers are followed, the ninth is the limit. */
static void test_extension_limit(void **state)
{
	(void)state;
	for (u32 headers = 1; headers <= 12; headers++) {
		u8 frame[14 + 40 + 12 * 8 + 20] = {0};
		u32 length = 14 + 40 + headers * 8 + 20;
		struct spw_packet packet;

		memcpy(frame, ETH6 "\x60\0\0\0\0\0\x3c\x40" ADDR6, 54);
		frame[19] = (u8)(headers * 8 + 20);
		for (u32 i = 0; i < headers; i++)
			frame[54 + i * 8] = i + 1 == headers ? SPW_IP_TCP : SPW_IP_DESTINATION;
		memcpy(frame + 54 + headers * 8, SYN, 20);
		packet = parse(frame, length);
		assert_int_equal(packet.found, headers <= SPW_EXT_HEADERS_MAX
						       ? (SPW_FOUND_IP | SPW_FOUND_PORTS | SPW_FOUND_SYN)
						       : (SPW_FOUND_IP | SPW_FOUND_EXT_LIMIT));
		assert_int_equal(packet.source_lo, 7);
	}
}

/* Random bytes and random damage; AddressSanitizer and UBSan are the judges. */
static void test_damage(void **state)
{
	u64 random = 0x9e3779b97f4a7c15ULL;

	(void)state;
	for (int i = 0; i < 200000; i++) {
		const struct sample *sample = &samples[i % SAMPLES];
		u8 frame[320] = {0};
		size_t length;

		random = random * 6364136223846793005ULL + 1442695040888963407ULL;
		length = 14 + (random >> 33) % 100;
		memcpy(frame, sample->bytes, sample->length < sizeof(frame) ? sample->length : sizeof(frame));
		for (u32 bit = 0; bit < (random >> 60) + 1; bit++) {
			random = random * 6364136223846793005ULL + 1442695040888963407ULL;
			frame[12 + (random >> 40) % 80] ^= (u8)(1 << ((random >> 33) & 7));
		}
		parse(frame, length);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_samples),
		cmocka_unit_test(test_truncations),
		cmocka_unit_test(test_extension_limit),
		cmocka_unit_test(test_damage),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
