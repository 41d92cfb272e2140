#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Parsing (faults 1-9, 12, 13): every header that is followed, every way to truncate it or to make it contradict itself."""
import os
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption_NOP, IPOption_RR
from scapy.layers.inet6 import (
    ICMPv6EchoRequest,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrHopByHop,
)
from scapy.layers.l2 import GRE, Dot1AD, Dot1Q
from scapy.layers.vxlan import VXLAN
from scapy.packet import Raw

import frames as f
import simulate
from oracle import Class, List, Policy
from tap import Tap

# At yellow all of HOSTILE is cut: its frames that pass were judged by another rule.
LEVEL = "yellow"
MALFORMED = {"verdict": "pass", "reason": "malformed", "new": False}
NO_PORTS = {"sport": None, "dport": None}
NO_SOURCE = {"src": None, "proto": None, "class": None, "list": None, **NO_PORTS}
PORTS = {"sport": 40000, "dport": 443}
CUT = {"verdict": "drop", "reason": "cut", "class": "enemy", "list": "hostile"}
PARTNER = {"verdict": "pass", "class": "partner", "list": "partners"}


def add_plain(cases):
    for name, frame in f.valid().items():
        cases.add(f"a valid frame of each kind: {name}", frame)
    cases.add("TCP SYN is new work on any port", f.ip4(f.syn(9), f.PARTNER4), new=True, dport=9, reason="admitted")
    for flags, new in {"S": True, "SEC": True, "SA": False, "A": False, "R": False, "F": False, "": False}.items():
        tcp = TCP(sport=40000, dport=443, flags=flags)
        cases.add(f"TCP flags '{flags}': {'new' if new else 'not new'}", [f.ip4(tcp), f.ip6(tcp)], new=new, **PORTS)
    frame = f.ip4(f.ack())
    every_flag = [f.patched(frame, f.AT_TRANSPORT4 + 13, bytes([flags])) for flags in range(256)]
    cases.add("every combination of TCP flags", every_flag)
    for name, protocol in (("SCTP", 132), ("ESP", 50), ("OSPF", 89), ("an unknown protocol", 253)):
        frames = [f.ip4(Raw(bytes(40)), f.PARTNER4, proto=protocol), f.ip6(Raw(bytes(40)), f.PARTNER6, nh=protocol)]
        cases.add(f"{name} has no ports", frames, proto=protocol, reason="established", **NO_PORTS, **PARTNER)


def add_quic(cases):
    """A QUIC Initial is new work on a port that serves QUIC, and nowhere else."""
    for kind, source, make in (("IPv4", f.PARTNER4, f.ip4), ("IPv6", f.PARTNER6, f.ip6)):
        for version, payload in ((1, f.QUIC_V1), (2, f.QUIC_V2)):
            initial = make(f.udp(443, payload), source)
            cases.add(f"QUIC version {version}, {kind}: an Initial is new work", initial, new=True, reason="admitted")
            elsewhere = make(f.udp(8443, payload), source)
            cases.add(f"QUIC version {version}, {kind}: on another port it is none", elsewhere, new=False)
            every_first = [make(f.udp(443, bytes([first]) + payload[1:]), source) for first in range(256)]
            cases.add(f"QUIC version {version}, {kind}: every first byte", every_first)
            cut_off = [make(f.udp(443, payload[:size]), source) for size in range(8)]
            cases.add(f"QUIC version {version}, {kind}: payloads of 0 to 7 bytes", cut_off)
            short = [make(f.udp(443, payload, len=8 + size), source) for size in range(8)]
            cases.add(f"QUIC version {version}, {kind}: nothing behind the UDP length is read", short)
        if make is f.ip6:
            empty = make(f.udp(443, b"", len=0), source)
        else:
            empty = make(f.udp(443, b"", len=48), source, flags="MF")
        cases.add(f"QUIC, {kind}: nothing behind the IP length is read", empty + f.QUIC_V1, new=False, **PORTS)
        for name, version in (("0", 0), ("3", 3), ("a grease version", 0x0A0A0A0A)):
            other = f.QUIC_V1[:1] + struct.pack(">I", version) + f.QUIC_V1[5:]
            cases.add(f"QUIC version {name}, {kind}: not new", make(f.udp(443, other), source), new=False)


def truncations(frame, start=0):
    return [frame[:size] for size in range(start, len(frame))]


def add_truncated(cases):
    """Fault 1."""
    for name, frame in f.valid().items():
        cases.add(f"every truncation of: {name} (fault 1)", truncations(frame))
    cases.add("frames of 0 to 13 bytes (fault 1)", [bytes(n) for n in range(14)], **MALFORMED, **NO_SOURCE)
    for name, byte in (("zeroes", b"\0"), ("ones", b"\xff")):
        some = [byte * n for n in range(14, 65)]
        cases.add(f"frames of 14 to 64 {name} (fault 1)", some, verdict="pass", reason="not_ip", **NO_SOURCE)
    for kind, frame, header in (("IPv4", f.ip4(f.syn(), f.HOSTILE4), 20), ("IPv6", f.ip6(f.syn(), f.HOSTILE6), 40)):
        cut = truncations(frame[: f.AT_IP + header], f.AT_IP)
        cases.add(f"{kind} header cut off: no source (fault 1)", cut, **MALFORMED, **NO_SOURCE)
        cut = truncations(frame, f.AT_IP + header)
        cases.add(f"{kind} payload cut off: judged by its source (fault 1)", cut, new=False, **CUT)


def add_ipv4(cases):
    good, at = f.ip4(f.syn(), f.PARTNER4), f.AT_IP
    for words in range(5):
        frame = f.patched(good, at, bytes([0x40 | words]))
        cases.add(f"IHL {words} (fault 2)", frame, src=f.PARTNER4, **MALFORMED, **NO_PORTS)
    for version in (0, 3, 5, 6, 15):
        frame = f.patched(good, at, bytes([version << 4 | 5]))
        cases.add(f"version {version} in an IPv4 packet (fault 2)", frame, **MALFORMED, **NO_SOURCE)
    whole = len(good) - at
    for total in (0, 1, 19, whole + 1, 1500, 65535):
        frame = f.patched(good, at + 2, struct.pack(">H", total))
        cases.add(f"total length {total} of {whole} (fault 2)", frame, src=f.PARTNER4, **MALFORMED, **NO_PORTS)
    every_total = [f.patched(good, at + 2, struct.pack(">H", total)) for total in range(whole + 8)]
    cases.add("every total length (fault 2)", every_total)
    cases.add("Ethernet padding is not read", good + bytes(30), new=True, **PORTS, **PARTNER)
    hidden = f.patched(good, at + 2, struct.pack(">H", 20))
    cases.add("a TCP header behind the total length is not read (fault 2)", hidden, **MALFORMED, **NO_PORTS)

    for count in range(1, 41):
        frame = f.ip4(f.syn(), f.PARTNER4, options=[IPOption_NOP()] * count)
        name = f"{count} bytes of options: the ports are behind them (fault 3)"
        cases.add(name, frame, new=True, **PORTS, **PARTNER)
    route = f.ip4(f.udp(53), f.HOSTILE4, options=[IPOption_RR(length=39, routers=[f.PARTNER4] * 9)])
    cases.add("the source is not in the options (fault 3)", route, dport=53, **CUT)
    for words in range(6, 16):
        frame = f.patched(good, at, bytes([0x40 | words]))
        cases.add(f"IHL {words} makes options of the transport header (fault 3)", frame)
    every_first = [f.patched(good, at, bytes([first])) for first in range(256)]
    cases.add("every version and IHL (faults 2, 3)", every_first)


def add_transport(cases):
    for kind, make, source, at in (
        ("IPv4", f.ip4, f.PARTNER4, f.AT_TRANSPORT4),
        ("IPv6", f.ip6, f.PARTNER6, f.AT_TRANSPORT6),
    ):
        tcp, udp = make(f.syn(), source), make(f.udp(5353), source)
        for words in range(16):
            frame = f.patched(tcp, at + 12, bytes([words << 4]))
            fields = {"new": True, **PARTNER} if words in (5, 6, 7) else MALFORMED  # SYN with 8 bytes of options
            cases.add(f"{kind}: TCP data offset {words} (fault 2)", frame, **PORTS, **fields)
        whole = len(udp) - at
        lengths = [f.patched(udp, at + 4, struct.pack(">H", length)) for length in range(whole + 8)]
        zero_is_right = {4: MALFORMED, 6: {"new": True, **PARTNER}}[4 if kind == "IPv4" else 6]
        cases.add(f"{kind}: UDP length 0 (fault 2)", lengths[0], **zero_is_right)
        cases.add(f"{kind}: UDP length 1-7 (fault 2)", lengths[1:8], **MALFORMED)
        cases.add(f"{kind}: UDP length 8 to the end", lengths[8 : whole + 1], new=True, **PARTNER)
        cases.add(f"{kind}: UDP length beyond the end (fault 2)", lengths[whole + 1 :], **MALFORMED)
        for name, transport, size in (("TCP", TCP(), 20), ("UDP", UDP(), 8)):
            proto = 6 if name == "TCP" else 17
            key = {"proto": proto} if kind == "IPv4" else {"nh": proto}
            cut = [make(Raw(f.bare(transport)[:n]), source, **key) for n in range(size)]
            cases.add(f"{kind}: {name} header cut off by the IP length (fault 1)", cut, **MALFORMED, **NO_PORTS)
    cut = [f.ip4(Raw(bytes(ICMP())[:n]), f.PARTNER4, proto=1) for n in range(8)]
    cases.add("ICMP header cut off (fault 1)", cut, proto=1, **MALFORMED)
    cut = [f.ip6(Raw(f.bare(ICMPv6EchoRequest())[:n]), f.PARTNER6, nh=58) for n in range(8)]
    cases.add("ICMPv6 header cut off (fault 1)", cut, proto=58, **MALFORMED)


def fragment4(data, proto, offset=0, more=False):
    return f.ip4(Raw(data), f.PARTNER4, proto=proto, frag=offset, flags="MF" if more else 0)


def fragment6(data, proto, offset=0, more=False):
    return f.ip6(Raw(f.fragment_header(proto, offset, more) + data), f.PARTNER6, nh=44)


def add_fragments(cases):
    """Faults 4 and 5: sources of all fragments are judged, ports only of first ones; being a fragment is no reason to drop."""
    seen = {"fragment": True, "reason": "established", "new": False, **PARTNER}
    header, long = f.bare(f.syn()), f.bare(f.udp(5353, len=4000))
    for kind, fragment in (("IPv4", fragment4), ("IPv6", fragment6)):
        first = fragment(header, 6, more=True)
        cases.add(f"{kind}: first fragment of a SYN is new (fault 4)", first, fragment=True, new=True, **PORTS)
        first = fragment(f.bare(f.ack()), 6, more=True)
        cases.add(f"{kind}: first fragment of an ACK (fault 4)", first, **seen, **PORTS)
        first = fragment(long, 17, more=True)
        cases.add(f"{kind}: first fragment of a long datagram (fault 4)", first, new=True, dport=5353)
        first = fragment(header[:20], 6, more=True)
        cases.add(f"{kind}: TCP options in the second fragment (fault 4)", first, new=True, **PORTS)
        for name, proto, data in (("TCP", 6, header[:20]), ("UDP", 17, long[:8]), ("ICMP", 1, bytes(8))):
            tiny = [fragment(data[:size], proto, more=True) for size in range(len(data))]
            cases.add(f"{kind}: tiny first fragments of {name} have no ports (fault 5)", tiny, **seen, **NO_PORTS)
        later = [fragment(header, 6, offset, more) for offset in (1, 2, 3, 185, 8191) for more in (False, True)]
        cases.add(f"{kind}: later fragments (fault 4)", later, **seen, **NO_PORTS)
        overlap = fragment(header[8:] + header, 6, offset=1)
        cases.add(f"{kind}: a second fragment over the first one's flags (fault 5)", overlap, **seen, **NO_PORTS)
        cases.add(f"{kind}: an empty later fragment (fault 5)", fragment(b"", 6, offset=1), **seen, **NO_PORTS)
        wrong = [fragment(f.patched(header, 12, bytes([words << 4])), 6, more=True) for words in range(5)]
        cases.add(f"{kind}: a first fragment with a data offset below 5 (fault 5)", wrong, fragment=True, **MALFORMED)
    enemies = [f.ip4(Raw(bytes(8)), f.HOSTILE4, frag=1), f.ip4(f.ack(), f.HOSTILE4, flags="MF")]
    enemies += [f.chain([44], 17, f.bare(f.udp(53)), f.HOSTILE6)]
    cases.add("fragments of a source that is cut are cut (fault 4)", enemies, fragment=True, **CUT)
    plain = f.ip4(f.syn(), f.PARTNER4)
    cases.add("DF makes no fragment", f.patched(plain, f.AT_IP + 6, b"\x40\0"), fragment=False, new=True)
    cases.add("the reserved bit makes no fragment", f.patched(plain, f.AT_IP + 6, b"\x80\0"), fragment=False, new=True)
    cases.add("IPv6 atomic fragment", f.chain([44], 6, header, f.PARTNER6), fragment=True, new=True, **PORTS)


def add_extensions(cases):
    """Faults 6 and 7."""
    header = f.bare(f.syn())
    kinds = {"hop-by-hop": 0, "routing": 43, "AH": 51, "destination options": 60, "mobility": 135, "HIP": 139}
    kinds["shim6"] = 140
    for name, number in kinds.items():
        for size in (8, 16, 40, 264):
            cases.add(
                f"{name} header of {size} bytes (fault 6)",
                f.chain([number], 6, header, f.PARTNER6, sizes=[size]),
                proto=6, new=True, **PORTS, **PARTNER,
            )
    for size in (12, 20, 24, 28, 44):
        frame = f.chain([51], 6, header, f.PARTNER6, sizes=[size])
        cases.add(f"AH of {size} bytes counts in words of four (fault 6)", frame, proto=6, new=True, **PORTS, **PARTNER)
    for count in range(1, 9):
        frame = f.chain([60] * count, 6, header, f.PARTNER6)
        cases.add(f"{count} extension headers (fault 6)", frame, proto=6, new=True, **PORTS, **PARTNER)
    for count in (9, 10, 20, 100):
        beyond = {"sport": None, "dport": None, "new": False}
        for source, seen in ((f.PARTNER6, {"reason": "established", **PARTNER}), (f.HOSTILE6, CUT)):
            frame = f.chain([60] * count, 6, header, source)
            cases.add(f"{count} extension headers: judged by its source (fault 6)", frame, **beyond, **seen)
    for at in range(8):
        headers = [60] * at + [44] + [60] * (7 - at)
        frame = f.chain(headers, 6, header, f.PARTNER6)
        cases.add(f"fragment header at place {at + 1} of 8 (fault 7)", frame, fragment=True, proto=6, new=True, **PORTS)
        later = b"".join(f.extension(60, 60 if n + 1 < at else 44) for n in range(at))
        later += f.fragment_header(6, offset=5) + header
        frame = f.ip6(Raw(later), f.PARTNER6, nh=60 if at else 44)
        seen = {"fragment": True, "proto": 6, "new": False, "reason": "established"}
        cases.add(f"later fragment behind {at} headers (fault 7)", frame, **seen, **NO_PORTS)
    for name, number in (("no next header", 59), ("ESP", 50), ("an unknown protocol", 253)):
        frame = f.chain([0, 60], number, bytes(20), f.PARTNER6)
        cases.add(f"{name} ends a chain", frame, proto=number, reason="established", **NO_PORTS, **PARTNER)
    for name, number in {**kinds, "fragment": 44}.items():
        cut = [f.ip6(Raw(f.extension(number, 6)[:size]), f.PARTNER6, nh=number) for size in range(1, 8)]
        cases.add(f"{name} header cut off (fault 1)", cut, **MALFORMED, **NO_PORTS)
        if number != 44:
            frame = f.ip6(Raw(f.patched(f.extension(number, 6), 1, b"\xff") + header), f.PARTNER6, nh=number)
            cases.add(f"{name} header longer than the packet (fault 1)", frame, **MALFORMED, **NO_PORTS)
    numbers = (43, 44, 51, 60, 135)
    in_ipv4 = [f.ip4(Raw(f.extension(number, 6) + header), f.PARTNER4, proto=number) for number in numbers]
    cases.add("IPv4 has no extension headers: they are protocols there", in_ipv4, **NO_PORTS, **PARTNER)


def add_ipv6(cases):
    good, at = f.ip6(f.syn(), f.PARTNER6), f.AT_IP
    for version in (0, 4, 5, 7, 15):
        frame = f.patched(good, at, bytes([version << 4]))
        cases.add(f"version {version} in an IPv6 packet (fault 1)", frame, **MALFORMED, **NO_SOURCE)
    whole = len(good) - at - 40
    lengths = [f.patched(good, at + 4, struct.pack(">H", length)) for length in range(whole + 8)]
    cases.add("payload length 0 is an empty payload (fault 1)", lengths[0], proto=6, **MALFORMED, **NO_PORTS)
    cases.add("payload length shorter than the TCP header (fault 1)", lengths[:whole], **MALFORMED)
    beyond = lengths[whole + 1 :]
    cases.add("payload length beyond the frame (fault 1)", beyond, src=f.PARTNER6, **MALFORMED, **NO_PORTS)
    cases.add("Ethernet padding is not read", good + bytes(30), new=True, **PORTS, **PARTNER)
    jumbogram = f.ip6(IPv6ExtHdrHopByHop() / f.syn(), f.PARTNER6, plen=0)
    name = "payload length 0 with a hop-by-hop header: the rest of the frame"
    cases.add(name, jumbogram, new=True, **PORTS, **PARTNER)
    other = f.ip6(IPv6ExtHdrDestOpt() / f.syn(), f.PARTNER6, plen=0)
    cases.add("payload length 0 with another header is empty", other, **MALFORMED, **NO_PORTS)


def add_vlan(cases):
    """Fault 8."""
    for kind, ip in (("IPv4", IP(src=f.HOSTILE4, dst=f.SERVER4)), ("IPv6", IPv6(src=f.HOSTILE6, dst=f.SERVER6))):
        inside = ip / f.syn()
        cases.add(f"no tag, {kind} (fault 8)", f.ether(inside), vlan=[], **CUT)
        for name, tag in (("802.1Q", Dot1Q), ("802.1ad", Dot1AD)):
            cases.add(f"{name}, {kind} (fault 8)", f.ether(tag(vlan=100) / inside), vlan=[100], **PORTS, **CUT)
        ids = (0, 1, 4094, 4095)
        for vlan in ids:
            cases.add(f"VLAN {vlan} (fault 8)", f.ether(Dot1Q(vlan=vlan) / inside), vlan=[vlan], **CUT)
        priority = f.ether(Dot1Q(vlan=5, prio=7, id=1) / inside)
        cases.add(f"priority is no part of the identifier, {kind} (fault 8)", priority, vlan=[5], **CUT)
        double = f.ether(Dot1AD(vlan=200) / Dot1Q(vlan=100) / inside)
        cases.add(f"QinQ, outer first, {kind} (fault 8)", double, vlan=[200, 100], **PORTS, **CUT)
        old = f.patched(double, 12, b"\x91\0")
        cases.add(f"QinQ by 0x9100, {kind} (fault 8)", old, vlan=[200, 100], **PORTS, **CUT)
        for tags in (3, 4, 5):
            stack = inside
            for vlan in range(tags, 0, -1):
                stack = Dot1Q(vlan=vlan) / stack
            seen = {"verdict": "pass", "reason": "not_ip", **NO_SOURCE}
            cases.add(f"{tags} tags pass, {kind} (fault 8)", f.ether(stack), vlan=[1, 2], **seen)
    arp = f.ether(Dot1Q(vlan=7) / Raw(f.valid()["arp"][14:]))
    cases.add("ARP in a VLAN (faults 8, 10)", f.patched(arp, 16, b"\x08\x06"), vlan=[7], reason="arp")


def add_tunnels(cases):
    """Fault 9: judged by the outer source, whatever is inside."""
    friend, enemy = IP(src=f.PARTNER4, dst=f.SERVER4) / f.syn(), IP(src=f.HOSTILE4, dst=f.SERVER4) / f.syn()
    friend6, enemy6 = IPv6(src=f.PARTNER6, dst=f.SERVER6) / f.syn(), IPv6(src=f.HOSTILE6, dst=f.SERVER6) / f.syn()
    established = {"reason": "established", "new": False}
    for name, tunnel, proto, ports in (
        ("GRE", lambda inner: GRE() / inner, 47, NO_PORTS),
        ("IPIP", lambda inner: inner, 4, NO_PORTS),
        ("VXLAN", lambda inner: UDP(sport=40000, dport=4789) / VXLAN(vni=1) / f.ETHER / inner, 17, {"dport": 4789}),
    ):
        good = f.ip4(tunnel(enemy), f.PARTNER4, proto=proto)
        cases.add(f"{name}: a partner's (fault 9)", good, proto=proto, **ports, **PARTNER, **established)
        bad = f.ip4(tunnel(friend), f.HOSTILE4, proto=proto)
        cases.add(f"{name}: an enemy's (fault 9)", bad, proto=proto, **ports, **CUT)
    for name, inner, number in (("IPv6 in IPv6", friend6, 41), ("IPv4 in IPv6", friend, 4)):
        cases.add(f"{name} (fault 9)", f.ip6(inner, f.HOSTILE6, nh=number), proto=number, **NO_PORTS, **CUT)
    cases.add("IPv6 in IPv4 (fault 9)", f.ip4(enemy6, f.PARTNER4, proto=41), proto=41, **NO_PORTS, **PARTNER)


def add_large(cases):
    """Fault 12: frames larger than a page, including headers that reach beyond the first buffer."""
    for size in (1500, 3000, 3500, 4096, 9000, 65535):
        for kind, make, source, overhead in (("IPv4", f.ip4, f.PARTNER4, 40), ("IPv6", f.ip6, f.PARTNER6, 60)):
            frame = make(TCP(sport=40000, dport=443, flags="S") / bytes(size - overhead), source)
            cases.add(f"{kind} packet of {size} bytes (fault 12)", frame, len=size + 14, new=True, **PORTS, **PARTNER)
    around = [f.ip4(f.udp(5353, bytes(n)), f.PARTNER4) for n in range(3300, 4200, 37)]
    cases.add("frames of sizes around a page (fault 12)", around, new=True, dport=5353, **PARTNER)
    for sizes in ([1400], [2048], [2048, 1024]):
        frame = f.chain([60] * len(sizes), 6, f.bare(f.syn()), f.PARTNER6, sizes=sizes)
        name = f"TCP header behind {sum(sizes)} bytes of extension headers (faults 6, 12)"
        cases.add(name, frame, proto=6, new=True, **PORTS, **PARTNER)
    # The driver decides how much of a large frame the program can see without copying; anything beyond counts like
    # exceeding the maximum of extension headers.
    for source, seen in ((f.PARTNER6, PARTNER), (f.HOSTILE6, CUT)):
        for sizes in ([2048] * 2, [2048] * 4, [2048] * 8):
            frame = f.chain([60] * len(sizes), 6, f.bare(f.syn()), source, sizes=sizes)
            name = f"TCP header behind {sum(sizes)} bytes: judged by its source (faults 6, 12)"
            cases.add(name, frame, asked=False, src=source, fragment=False, **seen)
        sizes = [[2048, size] for size in range(1200, 1600, 8)]
        across = [f.chain([60, 60], 6, f.bare(f.syn()), source, sizes=pair) for pair in sizes]
        name = "TCP headers across the end of the first buffer: judged by their source (fault 12)"
        cases.add(name, across, asked=False, src=source, **seen)


def add_families(cases):
    """Fault 13: IPv4-mapped, translated and embedding IPv6 addresses are IPv6, whatever the IPv4 lists say."""
    nobody = {"list": None, "class": "unknown", "verdict": "pass"}
    for text in ("::ffff:203.0.113.66", "::203.0.113.66", "64:ff9b::203.0.113.66", "2002:cb00:7142::1"):
        cases.add(f"{text} is in no IPv4 list (fault 13)", f.ip6(f.ack(), text), **nobody)
    in_bits = f.ip6(f.ack(), "cb00:7142::")
    cases.add("IPv6 cb00:7142:: has the bits of 203.0.113.66 (fault 13)", in_bits, **nobody)
    back = f.ip4(f.ack(), "32.1.13.184")
    cases.add("IPv4 32.1.13.184 has the bits of 2001:db8:: (fault 13)", back, **nobody)


def add_text(cases):
    """Addresses are shown in the one form that RFC 5952 allows."""
    for text in (
        "2001:db8::1", "2001:db8:0:1:1:1:1:1", "2001:0:0:1::1", "2001:db8::1:0:0:1", "::1", "::", "fe80::",
        "2001:db8:aaaa:bbbb:cccc:dddd:eeee:1", "::ffff:192.0.2.1", "::c000:201", "64:ff9b::c000:201",
        "::ffff:0:c000:201", "1:0:1:0:1:0:1:0", "0:1::", "ff02::1:ff00:1",
    ):
        cases.add(f"source {text}", f.ip6(f.ack(), text), src=text)
    for text in ("0.0.0.0", "255.255.255.255", "127.0.0.1", "192.0.2.7"):
        cases.add(f"source {text}", f.ip4(f.ack(), text), src=text)


PARTS = (
    add_plain, add_quic, add_truncated, add_ipv4, add_transport, add_fragments, add_extensions, add_ipv6, add_vlan,
    add_tunnels, add_large, add_families, add_text,
)


def test_parsed(tap):
    """All of the above in one run: it takes the verifier a quarter of a second to let the program start."""
    cases = simulate.Cases()
    for add in PARTS:
        add(cases)
    cases.check(tap, Policy(**f.POLICY), LEVEL)


# ---------------------------------------------------------------------------------------------------------------
# What needs a configuration of its own


def test_truncated_dropped(tap):
    """Fault 1, with `malformed: drop`."""
    cases = simulate.Cases()
    dropped = {"verdict": "drop", "reason": "malformed", "new": False}
    for name, frame in f.valid().items():
        cases.add(f"malformed dropped: every truncation of: {name} (fault 1)", truncations(frame))
    for kind, frame in (("IPv4", f.ip4(f.syn(), f.PARTNER4)), ("IPv6", f.ip6(f.syn(), f.PARTNER6))):
        cases.add(f"malformed dropped: {kind}, cut off anywhere (fault 1)", truncations(frame, f.AT_IP), **dropped)
    cases.add("malformed dropped: a tag cut off (fault 1)", truncations(f.valid()["vlan"][:18], 14), **dropped)
    cases.check(tap, Policy(**f.POLICY, malformed="drop"), LEVEL)


def test_management_fragments(tap):
    """Fault 5: what depends on a port is not to be had without one."""
    cases = simulate.Cases()
    ssh = f.bare(f.ack(22))
    cases.add("SSH from there is management", f.ip4(f.ack(22), f.HOSTILE4), reason="management", dport=22)
    tiny = [f.ip4(Raw(ssh[:size]), f.HOSTILE4, proto=6, flags="MF") for size in (0, 4, 8, 16)]
    cases.add("a tiny first fragment of it is not (fault 5)", tiny, **NO_PORTS, **CUT)
    later = [f.ip4(Raw(ssh), f.HOSTILE4, proto=6, frag=n) for n in (1, 2, 100)]
    cases.add("a later fragment is not (fault 5)", later, **NO_PORTS, **CUT)
    cases.check(tap, Policy(**f.POLICY, management_ports=[22]), LEVEL)


def test_mapped_list(tap):
    cases = simulate.Cases()
    seen = {"list": "mapped", "verdict": "drop"}
    cases.add("a list of IPv4-mapped addresses holds IPv6 (fault 13)", f.ip6(f.ack(), "::ffff:203.0.113.66"), **seen)
    cases.add("and no IPv4 (fault 13)", f.ip4(f.ack(), "203.0.113.66"), **{"list": None, "verdict": "pass"})
    mapped = [List("mapped", inline=["::ffff:0.0.0.0/96"])]
    classes = [Class("translated", ["mapped"], cut_from="yellow", cut="all"), Class("rest")]
    cases.check(tap, Policy(lists=mapped, classes=classes), LEVEL)


def main():
    simulate.need_root()
    tap = Tap()
    tap.run(test_parsed)
    tap.run(test_truncated_dropped)
    tap.run(test_management_fragments)
    tap.run(test_mapped_list)
    tap.done()


if __name__ == "__main__":
    main()
