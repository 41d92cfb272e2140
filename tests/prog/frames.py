# SPDX-License-Identifier: GPL-2.0-only
"""Frames made by scapy, and by hand where scapy refuses to make what an attacker would send."""
import struct

from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.dhcp6 import DHCP6_Reply, DHCP6_Solicit
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption_Router_Alert, IPOption_RR
from scapy.layers.inet6 import (
    ICMPv6EchoRequest,
    ICMPv6MLQuery,
    ICMPv6MLReport2,
    ICMPv6ND_NA,
    ICMPv6ND_NS,
    ICMPv6ND_RA,
    ICMPv6ND_Redirect,
    ICMPv6ND_RS,
    ICMPv6PacketTooBig,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting,
    RouterAlert,
)
from scapy.layers.l2 import ARP, GRE, Dot1AD, Dot1Q, Ether
from scapy.layers.vxlan import VXLAN
from scapy.packet import Raw

import oracle

# Sources of the test networks, one of each list in POLICY below.
PARTNER4, PARTNER6 = "192.0.2.7", "2001:db8:1::7"
ABROAD4, ABROAD6 = "198.51.100.9", "2001:db8:2::9"
HOSTILE4, HOSTILE6 = "203.0.113.66", "2001:db8:3::66"
NOBODY4, NOBODY6 = "198.18.5.5", "2001:db8:ffff::5"
SERVER4, SERVER6 = "198.18.0.1", "2001:db8::1"

SHOP = {"shop": {"tcp": [80, 443], "quic": [443], "udp": [5353]}}
LISTS = [
    oracle.List("partners", inline=["192.0.2.0/24", "2001:db8:1::/48"]),
    oracle.List("abroad", inline=["198.51.100.0/24", "2001:db8:2::/48"]),
    oracle.List("hostile", inline=["203.0.113.0/24", "2001:db8:3::/48"]),
]
CLASSES = [
    oracle.Class("partner", ["partners"]),
    oracle.Class("international", ["abroad"], shed_from="orange", cut_from="red"),
    oracle.Class("enemy", ["hostile"], shed_from="yellow", cut_from="yellow", cut="all"),
    oracle.Class("unknown", shed_from="yellow", cut_from="orange", cut="new"),
]
POLICY = {"services": SHOP, "lists": LISTS, "classes": CLASSES}

QUIC_V1 = bytes.fromhex("c3 00000001 08 0011223344556677 00 00") + bytes(40)
QUIC_V2 = bytes.fromhex("d1 6b3343cf 08 0011223344556677 00 00") + bytes(40)

ETHER = Ether(src="02:00:00:00:00:02", dst="02:00:00:00:00:01")
LLDP = ETHER.copy()
LLDP.dst, LLDP.type = "01:80:c2:00:00:0e", 0x88CC


def ether(packet):
    """The bytes of @packet in an Ethernet frame."""
    return bytes(ETHER / packet)


def ip4(payload, source=NOBODY4, **fields):
    return ether(IP(src=source, dst=SERVER4, **fields) / payload)


def ip6(payload, source=NOBODY6, **fields):
    return ether(IPv6(src=source, dst=SERVER6, **fields) / payload)


def syn(dport=443, **fields):
    return TCP(sport=40000, dport=dport, flags="S", options=[("MSS", 1460), ("SAckOK", b"")], **fields)


def ack(dport=443, **fields):
    return TCP(sport=40000, dport=dport, flags="A", **fields) / b"more of it"


def udp(dport, payload=b"payload", sport=40000, **fields):
    return UDP(sport=sport, dport=dport, **fields) / Raw(payload)


def chain(headers, upper, payload=b"", source=NOBODY6, sizes=None, **fields):
    """An IPv6 packet with the extension headers of these numbers, all filled with padding, then protocol @upper.

    A Fragment header (44) in it is atomic. @sizes: bytes of each header, 8 by default.
    """
    data = b""
    for at, number in enumerate(headers):
        following = headers[at + 1] if at + 1 < len(headers) else upper
        data += extension(number, following, sizes[at] if sizes else 8)
    fields.setdefault("nh", headers[0] if headers else upper)
    return ip6(Raw(data + bytes(payload)), source, **fields)


def extension(number, following, size=8):
    """One extension header of @size bytes."""
    if number == oracle.FRAGMENT:
        return fragment_header(following)
    if number == oracle.AUTH:
        return struct.pack(">BB", following, size // 4 - 2) + bytes(size - 2)
    return struct.pack(">BB", following, size // 8 - 1) + bytes(size - 2)


def fragment_header(following, offset=0, more=False, identification=7):
    """@offset in units of 8 bytes."""
    return struct.pack(">BBHI", following, 0, offset << 3 | more, identification)


def patched(frame, at, value):
    """@frame with the bytes at offset @at replaced."""
    return frame[:at] + value + frame[at + len(value) :]


def bare(transport, source=NOBODY6):
    """The bytes of a transport header and what it carries, checksummed for IPv6."""
    return bytes(IPv6(src=source, dst=SERVER6) / transport)[40:]


# Offsets in an untagged frame.
AT_IP = 14
AT_TRANSPORT4 = 34
AT_TRANSPORT6 = 54


def valid():
    """One valid frame of each kind, by name: input of truncations and mutations."""
    inner = IP(src=PARTNER4, dst=SERVER4) / syn()
    every_extension = [0, 43, 60, 44, 51, 135, 139, 140]
    return {
        "tcp4 syn": ip4(syn(), ABROAD4),
        "tcp4 ack": ip4(ack(), HOSTILE4),
        "tcp4 options": ip4(ack(), PARTNER4, options=[IPOption_RR(length=39, routers=["192.0.2.1"] * 9)]),
        "udp4": ip4(udp(53), ABROAD4),
        "udp4 service": ip4(udp(5353), NOBODY4),
        "quic4 v1": ip4(udp(443, QUIC_V1), ABROAD4),
        "quic4 v2": ip4(udp(443, QUIC_V2), PARTNER4),
        "icmp4": ip4(ICMP() / b"ping", HOSTILE4),
        "fragment4 first": ip4(udp(443, QUIC_V1), ABROAD4, flags="MF"),
        "fragment4 later": ip4(Raw(bytes(24)), ABROAD4, frag=3, proto=17),
        "gre": ip4(GRE() / inner, ABROAD4),
        "ipip": ip4(inner, ABROAD4, proto=4),
        "vxlan": ip4(UDP(sport=40000, dport=4789) / VXLAN(vni=7) / ETHER / inner, ABROAD4),
        "esp": ip4(Raw(bytes(32)), ABROAD4, proto=50),
        "sctp": ip4(Raw(bytes(32)), ABROAD4, proto=132),
        "tcp6 syn": ip6(syn(), ABROAD6),
        "tcp6 ack": ip6(ack(), HOSTILE6),
        "udp6": ip6(udp(53), PARTNER6),
        "quic6 v1": ip6(udp(443, QUIC_V1), NOBODY6),
        "quic6 v2": ip6(udp(443, QUIC_V2), ABROAD6),
        "icmp6": ip6(ICMPv6EchoRequest(data=b"ping"), HOSTILE6),
        "extensions6": ip6(
            IPv6ExtHdrHopByHop() / IPv6ExtHdrRouting(addresses=[PARTNER6]) / IPv6ExtHdrDestOpt() / syn(), ABROAD6
        ),
        "every extension": chain(every_extension, 6, bare(syn()), ABROAD6),
        "nine extensions": chain(every_extension + [60], 6, bare(syn()), HOSTILE6),
        "fragment6 first": ip6(IPv6ExtHdrFragment(m=1) / udp(443, QUIC_V1), ABROAD6),
        "fragment6 later": ip6(IPv6ExtHdrFragment(offset=3, nh=17) / Raw(bytes(24)), ABROAD6),
        "sit": ip4(IPv6(src=PARTNER6, dst=SERVER6) / syn(), ABROAD4),
        "vlan": ether(Dot1Q(vlan=100) / IP(src=ABROAD4, dst=SERVER4) / syn()),
        "qinq": ether(Dot1AD(vlan=200) / Dot1Q(vlan=100, prio=5) / IPv6(src=ABROAD6, dst=SERVER6) / syn()),
        "three tags": ether(Dot1AD(vlan=1) / Dot1Q(vlan=2) / Dot1Q(vlan=3) / IP(src=HOSTILE4, dst=SERVER4) / syn()),
        "arp": ether(ARP(psrc=HOSTILE4, pdst=SERVER4)),
        "lldp": bytes(LLDP / Raw(bytes.fromhex("0207040200000000020403053100060200780000"))),
        **discovery(),
        **dhcp(),
        **groups(),
        **path_mtu(),
    }


def discovery(source=HOSTILE6):
    """Neighbour and router discovery, ICMPv6 types 133 to 137."""
    kinds = (
        ICMPv6ND_RS(),
        ICMPv6ND_RA(),
        ICMPv6ND_NS(tgt=SERVER6),
        ICMPv6ND_NA(tgt=source),
        ICMPv6ND_Redirect(tgt=source, dst=source),
    )
    return {f"nd {kind.type}": ip6(kind, source, hlim=255) for kind in kinds}


def dhcp():
    """What passes as DHCP: requests without an address, replies to this host, DHCPv6 on the link."""
    solicit = DHCP6_Solicit(trid=7)
    return {
        "dhcp request": ip4(UDP(sport=68, dport=67) / bootp(1, 2), "0.0.0.0"),
        "dhcp request, link-local": ip4(UDP(sport=68, dport=67) / bootp(1, 2), "169.254.3.4"),
        "dhcp reply": ip4(UDP(sport=67, dport=68) / bootp(2, 1), HOSTILE4),
        "dhcp reply to all": patched(ip4(UDP(sport=67, dport=68) / bootp(2, 7), HOSTILE4), 0, b"\xff" * 6),
        "dhcp6 request": ip6(UDP(sport=546, dport=547) / solicit, "fe80::2"),
        "dhcp6 reply": ip6(UDP(sport=547, dport=546) / DHCP6_Reply(trid=7), "fe80::1"),
    }


def nearly_dhcp():
    """DHCP ports, with anything else that a banned source could put into a datagram."""
    return {
        "request that came over routers": ip4(UDP(sport=68, dport=67) / bootp(1, 2), HOSTILE4),
        "request from a server's port": ip4(UDP(sport=67, dport=67) / bootp(1, 2), HOSTILE4),
        "reply to another station": ip4(UDP(sport=67, dport=68) / bootp(2, 7), HOSTILE4),
        "request to a client": ip4(UDP(sport=67, dport=68) / bootp(1, 1), HOSTILE4),
        "reply without the cookie": ip4(UDP(sport=67, dport=68) / bytes(bootp(2, 1))[:236], HOSTILE4),
        "any payload": ip4(udp(68, bytes(300), sport=67), HOSTILE4),
        "DHCPv6 from afar": ip6(UDP(sport=547, dport=546) / DHCP6_Reply(trid=7), HOSTILE6),
        "DHCPv6 relayed": ip6(UDP(sport=547, dport=547) / DHCP6_Solicit(trid=7), HOSTILE6),
    }


def bootp(operation, station):
    address = bytes((2, 0, 0, 0, 0, station))
    return BOOTP(op=operation, chaddr=address, xid=7) / DHCP(options=[("message-type", "discover"), "end"])


def groups():
    """IGMP and MLD on the link."""
    alert = IPv6ExtHdrHopByHop(options=[RouterAlert()])
    to_group = {"dst": "ff02::1", "hlim": 1}
    return {
        "IGMP query": ether(IP(src=HOSTILE4, dst="224.0.0.1", ttl=1, proto=2, options=[IPOption_Router_Alert()])
                            / Raw(b"\x11\x64\xee\x9b\0\0\0\0")),
        "IGMP report": ether(IP(src=HOSTILE4, dst="224.0.0.22", ttl=1, proto=2) / Raw(b"\x22" + bytes(15))),
        "MLD query": ether(IPv6(src="fe80::9", **to_group) / alert / ICMPv6MLQuery()),
        "MLDv2 report": ether(IPv6(src="::", **to_group) / alert / ICMPv6MLReport2()),
    }


def path_mtu(quoted4=SERVER4, quoted6=SERVER6):
    """Errors about a packet of the server's, or of another host's."""
    return {
        "fragmentation needed": ip4(ICMP(type=3, code=4, nexthopmtu=1400) / IP(src=quoted4, dst=PARTNER4) / syn(), HOSTILE4),
        "packet too big": ip6(ICMPv6PacketTooBig(mtu=1400) / IPv6(src=quoted6, dst=PARTNER6) / syn(), HOSTILE6),
    }
