#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Tunnels of balancers (`decap`) in the real program: judged by what is inside; all others by their outer source."""
import ipaddress
import os
import struct
import sys

from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt
from scapy.layers.l2 import Dot1Q, Ether
from scapy.layers.vxlan import VXLAN
from scapy.packet import Raw

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import frames as f
from budget import ALL_SHARE, Driver
from oracle import Class, Policy
from simulate import differences, need_root, simulate
from tap import Tap

LB4, LB6, ONE_KIND = "198.18.7.1", "2001:db8:7::1", "198.18.8.1"
ALL = ["ipip", "gue", "geneve", "vxlan"]
DECAP = [{"from": ["198.18.7.0/28", "2001:db8:7::/64"], "kinds": ALL}, {"from": [ONE_KIND], "kinds": ["gue"]}]
CLASSES = [
    Class("partner", ["partners"]),
    Class("enemy", ["hostile"], shed_from="yellow", cut_from="yellow", cut="all"),
    Class("unknown", shed_from="yellow", per_source={"new": "1M/s"}),
]
SERVICES = {"shop": {"tcp": [80, 443], "quic": [443], "udp": [27015]}}
POLICY = {"services": SERVICES, "lists": [f.LISTS[0], f.LISTS[2]], "classes": CLASSES}
UNKNOWN = 2


def inner4(source=f.HOSTILE4, payload=None, target=f.SERVER4, **fields):
    return IP(src=source, dst=target, **fields) / (payload or f.syn())


def inner6(source=f.HOSTILE6, payload=None):
    return IPv6(src=source, dst=f.SERVER6) / (payload or f.syn())


def gue(packet, hlen=0, control=0, protocol=None):
    protocol = protocol or (4 if packet.version == 4 else 41)
    header = struct.pack(">BBH", control << 5 | hlen, protocol, 0) + bytes(4 * hlen)
    return UDP(sport=50000, dport=6080) / Raw(header + bytes(packet))


def gue1(packet):
    return UDP(sport=50000, dport=6080) / Raw(bytes(packet))


def geneve(packet, options=0, frame=False, flags=0, version=0):
    kind = 0x6558 if frame else 0x0800 if packet.version == 4 else 0x86DD
    header = struct.pack(">BBHI", version << 6 | options, flags, kind, 7 << 8) + bytes(4 * options)
    return UDP(sport=50000, dport=6081) / Raw(header + bytes(f.ETHER / packet if frame else packet))


def vxlan(packet):
    return UDP(sport=50000, dport=4789) / VXLAN(vni=7) / f.ETHER / packet


def from4(tunnel, source=LB4, **fields):
    return f.ip4(tunnel, source, **fields)


def from6(tunnel, source=LB6):
    return f.ip6(tunnel, source)


WRAPS = {
    "ipip": lambda packet: packet,
    "gue": gue,
    "gue with options": lambda packet: gue(packet, hlen=3),
    "gue version 1": gue1,
    "geneve": geneve,
    "geneve with options": lambda packet: geneve(packet, options=8),
    "geneve with a frame": lambda packet: geneve(packet, options=2, frame=True),
    "vxlan": vxlan,
}


def upper(address):
    """As in struct spw_packet: left aligned, the upper half."""
    number = ipaddress.ip_address(address)
    return int(number) << 32 if number.version == 4 else int(number) >> 64


class Frames:
    """Frames with a title and what is expected of each; they go through the program together, as each run loads it anew."""

    def __init__(self, policy, level="yellow"):
        self.policy, self.level, self.rows = policy, level, []

    def add(self, name, frames, **fields):
        """@fields: of the program's output for each of @frames"""
        self.rows += [(name, frame, fields) for frame in ([frames] if isinstance(frames, bytes) else frames)]

    def check(self, tap):
        wrong, names = {}, {name: None for name, _, _ in self.rows}
        for line, (name, frame, fields) in zip(simulate([row[1] for row in self.rows], self.policy, self.level), self.rows):
            wrong.setdefault(name, []).extend(f"{text}; {frame.hex()}" for text in differences(line, fields))
        for name in names:
            tap.ok(name in wrong and not wrong[name], name, "\n".join(wrong.get(name, ["no output"])))


def test_kinds(tap):
    """Each kind, both families outside and inside."""
    frames = Frames(Policy(**POLICY, decap=DECAP))
    tcp = {"proto": 6, "sport": 40000, "dport": 443}
    for name, wrap in WRAPS.items():
        for outer in (from4, from6):
            title = f"{name}: judged by the inner source and ports"
            frames.add(title, outer(wrap(inner4())), src=f.HOSTILE4, reason="cut", **tcp)
            frames.add(title, outer(wrap(inner6())), src=f.HOSTILE6, reason="cut", **tcp)
            title = f"{name}: a partner inside passes"
            frames.add(title, outer(wrap(inner4(f.PARTNER4))), src=f.PARTNER4, reason="admitted", **tcp)
            frames.add(title, outer(wrap(inner6(f.PARTNER6))), src=f.PARTNER6, reason="admitted", **tcp)
        tagged = Ether(src=f.ETHER.src, dst=f.ETHER.dst) / Dot1Q(vlan=5) / IP(src=LB4, dst=f.SERVER4) / wrap(inner4())
        frames.add("VLAN tags outside are followed", bytes(tagged), src=f.HOSTILE4, reason="cut", vlan=[5], **tcp)
        options = inner4(options=[f.IPOption_RR(length=39, routers=["192.0.2.1"] * 9)])
        frames.add("options inside", from4(wrap(options)), src=f.HOSTILE4, reason="cut", **tcp)
        extension = IPv6(src=f.HOSTILE6, dst=f.SERVER6) / IPv6ExtHdrDestOpt() / f.syn()
        frames.add("extension headers inside", from4(wrap(extension)), src=f.HOSTILE6, reason="cut", **tcp)
    frames.add("an outer extension header (the encapsulation limit of Linux) is followed",
               from6(IPv6ExtHdrDestOpt(nh=41) / inner6()), src=f.HOSTILE6, reason="cut", **tcp)
    frames.check(tap)


def strange_tunnels():
    """Tunnels from a balancer that are not followed."""
    return {
        "a fragment": from4(inner4(), flags="MF"),
        "a later fragment": from4(Raw(bytes(40)), frag=3, proto=4),
        "a control message of GUE": from4(gue(inner4(), control=1)),
        "another protocol in GUE": from4(gue(inner4(), protocol=58)),
        "GUE version 2": from4(gue(inner4(), control=4)),
        "a control message of Geneve": from4(geneve(inner4(), flags=0x80)),
        "another version of Geneve": from4(geneve(inner4(), version=1)),
        "options beyond the limit": from4(geneve(inner4(), options=63)),
        "VXLAN without a network": from4(UDP(sport=5, dport=4789) / Raw(bytes(8) + bytes(f.ETHER / inner4()))),
        "ARP in VXLAN": from4(vxlan(f.ARP())),
        "a VLAN tag inside": from4(vxlan(Dot1Q(vlan=0, prio=2) / inner4())),
        "an inner header cut off": from4(Raw(bytes(inner4())[:19]), proto=4),
        "no IP inside": from4(Raw(b"\x15" + bytes(39)), proto=4),
        "ESP": from4(Raw(bytes(40)), proto=50),
        "the port of a tunnel as the source's": from4(UDP(sport=6080, dport=53) / Raw(bytes(inner4()))),
    }


def test_not_followed(tap):
    """Everything that is judged by its outer source, which no list names."""
    frames = Frames(Policy(**POLICY, decap=DECAP))
    for name, wrap in WRAPS.items():
        frames.add("tunnels from anybody else (fault 9)", from4(wrap(inner4()), f.NOBODY4), src=f.NOBODY4)
        frames.add("only the kinds that a balancer is configured for", from4(wrap(inner4()), ONE_KIND),
                   src=f.HOSTILE4 if "gue" in name else ONE_KIND)
    for name, frame in strange_tunnels().items():
        frames.add(name, frame, src=LB4)
    nested = IP(src=f.PARTNER4, dst=f.SERVER4) / inner4()
    frames.add("a tunnel in a tunnel: by the first inner source", from4(nested), src=f.PARTNER4, proto=4)
    nested = IP(src=LB4, dst=f.SERVER4) / inner4()
    frames.add("also if that is a balancer's", from4(nested), src=LB4, proto=4)
    whole = from4(inner4())
    for length in range(34, len(whole)):
        frames.add("cut off anywhere: malformed, of the balancer", whole[:length], src=LB4, reason="malformed")
    bad = f.patched(whole, 34, b"\x44")  # header length below 5
    frames.add("a malformed inner header: of its source", bad, src=f.HOSTILE4, new=False, dport=None)
    frames.add("discovery from inside is not what the link needs",
               from6(IPv6(src=f.HOSTILE6, dst=f.SERVER6, hlim=255) / f.ICMPv6ND_NS(tgt=f.SERVER6)), reason="cut")
    frames.check(tap)
    frames = Frames(Policy(**POLICY))
    for wrap in WRAPS.values():
        frames.add("without decap (fault 9)", from4(wrap(inner4())), src=LB4)
    frames.check(tap)


def test_state(tap):
    """Budgets, fingerprints, limits, sessions and samples know the inner flow; what is inside may not be for this host."""
    with Driver(Policy(**POLICY, decap=DECAP)) as driver:
        driver.control("yellow")
        driver.admit({"interval": driver.per_second(10), "stay": 0, "salt": 1, "debt": 0,
                      "classes": [(0, ALL_SHARE), (0, 0), (1 << 62, ALL_SHARE)]})
        first = from4(gue(inner4(f.NOBODY4, f.syn(seq=7))))
        tap.equal(driver.run(first)[0], "admitted", "new work inside is charged to the budget")
        tap.equal(driver.work(3)[UNKNOWN], (1, 0, 0, 0), "and counts as fresh")
        driver.run(first)
        tap.equal(driver.work(3)[UNKNOWN], (1, 0, 1, 0), "sent again: known by its inner flow")
        driver.run(from4(vxlan(inner4(f.NOBODY4, f.syn(seq=7))), "198.18.7.2"))
        tap.equal(driver.work(3)[UNKNOWN], (1, 0, 2, 0), "through another balancer and tunnel, too")
        driver.run(from4(gue(inner4(f.NOBODY4, f.syn(seq=8)))))
        tap.equal(driver.work(3)[UNKNOWN], (2, 0, 2, 0), "another initial sequence number is fresh")
        driver.ask("sessions", 10 * driver.hz, 1000, 100)
        game = lambda port: from4(geneve(inner4(f.NOBODY4, f.udp(27015, sport=port))))
        seen = [driver.run(game(port))[0] for port in (1, 1, 2, 1)]
        tap.equal(seen, ["admitted", "established", "admitted", "established"], "sessions over UDP are those inside")
        driver.limit(UNKNOWN, "source", "new", 0.001, 1)
        seen = [driver.run(from4(inner4(source, f.syn(seq=number))))[0]
                for source in ("198.18.9.1", "198.18.9.2") for number in range(9)]
        tap.ok(seen[0] == seen[9] == "admitted" and seen[8] == seen[17] == "source_new",
               "limits are those of the inner source", seen)
        driver.own(f.ETHER.dst, f.SERVER4)
        tap.equal(driver.run(from4(gue(inner4(target="198.18.0.2"))))[0], "forwarded", "inside for another host: forwarded")
        tap.equal(driver.run(from4(gue(inner4())))[0], "cut", "inside for this host: judged")
        outside = bytes(f.ETHER / IP(src=LB4, dst="198.18.0.2") / gue(inner4()))
        tap.equal(driver.run(outside)[0], "forwarded", "the tunnel itself for another host: passed by")
    names = ("reason", "list", "class_id", "new", "shift", "length", "captured", "source", "sport", "dport", "strange")
    with Driver(Policy(**POLICY, decap=DECAP)) as driver:
        driver.control("yellow")
        driver.ask("sampling", 0, 0)
        for name, wrap in WRAPS.items():
            for inner, source in ((inner4(), f.HOSTILE4), (inner6(), f.HOSTILE6)):
                frame = from6(wrap(inner))
                driver.run(frame)
                sample = dict(zip(names, driver.ask("samples")[9:]))
                tap.equal((sample["source"], sample["sport"], sample["dport"], sample["length"]),
                          (upper(source), 40000, 443, len(frame)), f"{name}: a sample has what is inside")


def main():
    need_root()
    tap = Tap()
    for test in (test_kinds, test_not_followed, test_state):
        tap.run(test)
    tap.done()


main()
