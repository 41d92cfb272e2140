/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sends packets with rotating sources at a fixed rate, and reports how many, for comparison with counters. Needs
 * CAP_NET_RAW; runs in the namespace of its interface. Stops at --count, --seconds, SIGTERM or SIGINT, and then prints
 * one line of JSON: {"sent":N,"seconds":S}.
 *
 *   blast --interface eth0 --source 198.18.0.0 --sources 65536 --target 198.18.0.1 --rate 100000 --count 500000
 *
 * Frames are valid except for a transport checksum of zero: they are to be judged at the NIC. Their destination MAC
 * address does not exist, so that what passes is discarded early and cheaply.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	BATCH = 32, /* packets per system call; also the longest burst at full speed */
	FRAME_MAX = 9018,
	BUFFERED_FRAMES = 100, /* well below a veth's queue of 256: a full queue blocks the sender */
	TICK_NS = 1000000,
};

#define SECOND_NS 1000000000ull

struct options {
	const char *interface;
	int family; /* AF_INET or AF_INET6 */
	uint8_t source[16];
	uint8_t target[16];
	uint64_t sources;
	uint64_t step;	/* between sources */
	uint64_t count; /* 0: no limit */
	uint64_t rate;	/* packets a second */
	double seconds; /* 0: no limit */
	int protocol;	/* IPPROTO_TCP: a SYN; IPPROTO_UDP */
	bool ack;	/* TCP: ACK in place of SYN */
	bool fresh;	/* TCP: each packet with a different sequence number, so that none is a retransmission */
	uint16_t port;
	size_t length; /* of the frame */
};

static volatile sig_atomic_t stopped;

static void stop(int signal_number)
{
	(void)signal_number;
	stopped = 1;
}

static void fail(const char *what)
{
	fprintf(stderr, "blast: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void usage(const char *why)
{
	fprintf(stderr,
		"blast: %s\n"
		"usage: blast --interface NAME --source ADDRESS --target ADDRESS [--sources N] [--step N]\n"
		"             [--rate PPS] [--count N] [--seconds S] [--udp | --ack | --fresh] [--port N] [--length BYTES]\n",
		why);
	exit(2);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * SECOND_NS + now.tv_nsec;
}

static void sleep_until(uint64_t when_ns)
{
	struct timespec when = {.tv_sec = when_ns / SECOND_NS, .tv_nsec = when_ns % SECOND_NS};

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, NULL); /* a signal ends it early, which is intended */
}

static uint16_t checksum(const void *data, size_t length)
{
	const uint8_t *bytes = data;
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < length; i += 2)
		sum += bytes[i] << 8 | bytes[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons(~sum & 0xffff);
}

/* Fill in all but the source. */
static void make_frame(uint8_t *frame, const struct options *options)
{
	static const uint8_t nobody[ETH_ALEN] = {0x02, 0, 0, 0, 0xff, 0xfe},
			     sender[ETH_ALEN] = {0x02, 0, 0, 0, 0xff, 0xff};
	struct ether_header *ethernet = (struct ether_header *)frame;
	uint8_t *transport;
	size_t left;

	memset(frame, 0, FRAME_MAX);
	memcpy(ethernet->ether_dhost, nobody, ETH_ALEN);
	memcpy(ethernet->ether_shost, sender, ETH_ALEN);
	if (options->family == AF_INET) {
		struct iphdr *ip = (struct iphdr *)(ethernet + 1);

		ethernet->ether_type = htons(ETHERTYPE_IP);
		ip->version = 4;
		ip->ihl = 5;
		ip->ttl = 64;
		ip->protocol = options->protocol;
		ip->tot_len = htons(options->length - sizeof(*ethernet));
		memcpy(&ip->daddr, options->target, sizeof(ip->daddr));
		transport = (uint8_t *)(ip + 1);
	} else {
		struct ip6_hdr *ip = (struct ip6_hdr *)(ethernet + 1);

		ethernet->ether_type = htons(ETHERTYPE_IPV6);
		ip->ip6_flow = htonl(6u << 28);
		ip->ip6_hlim = 64;
		ip->ip6_nxt = options->protocol;
		ip->ip6_plen = htons(options->length - sizeof(*ethernet) - sizeof(*ip));
		memcpy(&ip->ip6_dst, options->target, sizeof(ip->ip6_dst));
		transport = (uint8_t *)(ip + 1);
	}
	left = options->length - (transport - frame);
	if (options->protocol == IPPROTO_TCP) {
		struct tcphdr *tcp = (struct tcphdr *)transport;

		tcp->source = htons(40000);
		tcp->dest = htons(options->port);
		tcp->doff = 5;
		tcp->syn = !options->ack;
		tcp->ack = options->ack;
		tcp->window = htons(65535);
	} else {
		struct udphdr *udp = (struct udphdr *)transport;

		udp->source = htons(40000);
		udp->dest = htons(options->port);
		udp->len = htons(left);
	}
}

/* Source number @index: that many steps after the first; only the lower 64 bits of an IPv6 address change. */
static void set_source(uint8_t *frame, const struct options *options, uint64_t index)
{
	if (options->family == AF_INET) {
		struct iphdr *ip = (struct iphdr *)(frame + sizeof(struct ether_header));
		uint32_t first;

		memcpy(&first, options->source, sizeof(first));
		ip->saddr = htonl(ntohl(first) + (uint32_t)(index * options->step));
		ip->check = 0;
		ip->check = checksum(ip, sizeof(*ip));
	} else {
		struct ip6_hdr *ip = (struct ip6_hdr *)(frame + sizeof(struct ether_header));
		uint64_t low = 0;

		for (int i = 8; i < 16; i++)
			low = low << 8 | options->source[i];
		low += index * options->step;
		memcpy(&ip->ip6_src, options->source, 8);
		for (int i = 15; i >= 8; i--, low >>= 8)
			ip->ip6_src.s6_addr[i] = low;
	}
}

static void set_sequence(uint8_t *frame, const struct options *options, uint64_t number)
{
	size_t ip = options->family == AF_INET ? sizeof(struct iphdr) : sizeof(struct ip6_hdr);
	struct tcphdr *tcp = (struct tcphdr *)(frame + sizeof(struct ether_header) + ip);

	tcp->seq = htonl((uint32_t)number);
}

static int open_socket(const struct options *options)
{
	struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_ifindex = if_nametoindex(options->interface)};
	/* The kernel doubles the value and charges some 512 bytes per frame in addition to its data. */
	int buffer = (512 + options->length) * BUFFERED_FRAMES / 2;
	int fd;

	if (!address.sll_ifindex)
		fail(options->interface);
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0); /* protocol 0: it receives nothing */
	if (fd < 0)
		fail("socket");
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer)))
		fail("SO_SNDBUF");
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)))
		fail("bind");
	return fd;
}

/* Send up to @want packets, starting with number @sent; returns how many were sent. */
static uint64_t send_batch(int fd, uint8_t (*frames)[FRAME_MAX], const struct options *options, uint64_t sent,
			   uint64_t want)
{
	struct mmsghdr messages[BATCH] = {};
	struct iovec vectors[BATCH];
	int done;

	if (want > BATCH)
		want = BATCH;
	for (uint64_t i = 0; i < want; i++) {
		set_source(frames[i], options, (sent + i) % options->sources);
		if (options->fresh)
			set_sequence(frames[i], options, sent + i);
		vectors[i] = (struct iovec){.iov_base = frames[i], .iov_len = options->length};
		messages[i].msg_hdr.msg_iov = &vectors[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	done = sendmmsg(fd, messages, want, 0);
	if (done < 0 && errno != EINTR && errno != ENOBUFS && errno != EAGAIN)
		fail("sendmmsg");
	return done < 0 ? 0 : done;
}

static void blast(const struct options *options)
{
	static uint8_t frames[BATCH][FRAME_MAX];
	uint64_t start = now_ns(), sent = 0, tick = start, end;
	int fd = open_socket(options);

	for (int i = 0; i < BATCH; i++)
		make_frame(frames[i], options);
	end = options->seconds > 0 ? start + (uint64_t)(options->seconds * SECOND_NS) : UINT64_MAX;
	while (!stopped && (!options->count || sent < options->count)) {
		uint64_t now = now_ns(), due;

		if (now >= end)
			break;
		/* A delayed sender continues at its rate; it does not catch up in one burst. */
		if (now > tick + 50 * TICK_NS) {
			start += now - tick;
		}
		due = (uint64_t)((double)(now - start) * options->rate / SECOND_NS) + 1;
		if (options->count && due > options->count)
			due = options->count;
		if (sent < due) {
			sent += send_batch(fd, frames, options, sent, due - sent);
		} else {
			sleep_until(now + TICK_NS);
		}
		tick = now;
	}
	close(fd);
	printf("{\"sent\":%llu,\"seconds\":%.6f}\n", (unsigned long long)sent, (now_ns() - start) / 1e9);
}

static void read_address(const char *text, uint8_t *address, int *family)
{
	int found = strchr(text, ':') ? AF_INET6 : AF_INET;

	if (inet_pton(found, text, address) != 1)
		usage("an address is none");
	if (*family && *family != found)
		usage("the addresses are of two families");
	*family = found;
}

static void read_options(int argc, char **argv, struct options *options)
{
	static const struct option table[] = {
		{"interface", required_argument, NULL, 'i'},
		{"source", required_argument, NULL, 's'},
		{"sources", required_argument, NULL, 'n'},
		{"step", required_argument, NULL, 'x'},
		{"target", required_argument, NULL, 't'},
		{"rate", required_argument, NULL, 'r'},
		{"count", required_argument, NULL, 'c'},
		{"seconds", required_argument, NULL, 'e'},
		{"udp", no_argument, NULL, 'u'},
		{"ack", no_argument, NULL, 'a'},
		{"fresh", no_argument, NULL, 'f'},
		{"port", required_argument, NULL, 'p'},
		{"length", required_argument, NULL, 'l'},
		{},
	};
	const char *source = NULL, *target = NULL;
	int option;

	while ((option = getopt_long(argc, argv, "", table, NULL)) != -1) {
		switch (option) {
		case 'i':
			options->interface = optarg;
			break;
		case 's':
			source = optarg;
			break;
		case 'n':
			options->sources = strtoull(optarg, NULL, 10);
			break;
		case 'x':
			options->step = strtoull(optarg, NULL, 10);
			break;
		case 't':
			target = optarg;
			break;
		case 'r':
			options->rate = strtoull(optarg, NULL, 10);
			break;
		case 'c':
			options->count = strtoull(optarg, NULL, 10);
			break;
		case 'e':
			options->seconds = strtod(optarg, NULL);
			break;
		case 'u':
			options->protocol = IPPROTO_UDP;
			break;
		case 'a':
			options->ack = true;
			break;
		case 'f':
			options->fresh = true;
			break;
		case 'p':
			options->port = strtoul(optarg, NULL, 10);
			break;
		case 'l':
			options->length = strtoul(optarg, NULL, 10);
			break;
		default:
			usage("unknown option");
		}
	}
	if (optind != argc || !options->interface || !source || !target || !options->sources || !options->rate)
		usage("interface, source and target are needed; sources and rate are above zero");
	if (options->fresh && options->protocol != IPPROTO_TCP)
		usage("--fresh is for TCP");
	read_address(source, options->source, &options->family);
	read_address(target, options->target, &options->family);
}

/* Default: the shortest frame that holds all headers and is allowed on a wire. */
static void choose_length(struct options *options)
{
	size_t least = sizeof(struct ether_header);

	least += options->family == AF_INET ? sizeof(struct iphdr) : sizeof(struct ip6_hdr);
	least += options->protocol == IPPROTO_TCP ? sizeof(struct tcphdr) : sizeof(struct udphdr);
	if (!options->length)
		options->length = least > ETH_ZLEN ? least : ETH_ZLEN;
	if (options->length < least || options->length > FRAME_MAX)
		usage("a frame of this length is not possible");
}

int main(int argc, char **argv)
{
	struct options options = {.sources = 1, .step = 1, .rate = 10000, .protocol = IPPROTO_TCP, .port = 80};
	struct sigaction action = {.sa_handler = stop}; /* no SA_RESTART: a signal ends a sleep */

	read_options(argc, argv, &options);
	choose_length(&options);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	blast(&options);
	return 0;
}
