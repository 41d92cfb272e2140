#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The rules, one by one (faults 4, 10, 39), and each class at each level in each mode."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from scapy.layers.inet import ICMP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, ICMPv6ND_NS, ICMPv6Unknown, IPv6, IPv6ExtHdrHopByHop
from scapy.layers.l2 import Dot1Q
from scapy.packet import Raw

import frames as f
import simulate
from oracle import LEVELS, Class, List, Policy
from tap import Tap

# Everything is cut: what passes was passed by an earlier rule.
CLOSED = {
    "services": f.SHOP,
    "lists": f.LISTS,
    "classes": [
        Class("listed", ["partners", "abroad", "hostile"], cut_from="green", cut="all"),
        Class("others", cut_from="green", cut="all"),
    ],
}
CUT = {"verdict": "drop", "reason": "cut"}


def passed(reason):
    return {"verdict": "pass", "reason": reason}


def malformed(make, source, dport=443):
    """A SYN whose data offset is too small: it has a source and ports."""
    at = f.AT_TRANSPORT4 if make is f.ip4 else f.AT_TRANSPORT6
    return f.patched(make(f.syn(dport), source), at + 12, b"\x40")


# ---------------------------------------------------------------------------------------------------------------
# Rule 1


def test_always_passed(tap):
    """Fault 10: what the link needs passes at red with every class cut."""
    valid = f.valid()
    cases = simulate.Cases()
    cases.add("rule 1: ARP passes (fault 10)", valid["arp"], **passed("arp"))
    cases.add("rule 1: LLDP passes (fault 10)", valid["lldp"], **passed("lldp"))
    for name, frame in f.discovery().items():
        cases.add(f"rule 1: {name} passes (fault 10)", frame, **passed("neighbour"))
    for name, frame in f.dhcp().items():
        cases.add(f"rule 1: {name} passes (fault 10)", frame, **passed("dhcp"))
    for name, frame in f.groups().items():
        cases.add(f"rule 1: {name} passes", frame, **passed("multicast"))
    for name, frame in f.path_mtu().items():
        cases.add(f"rule 1: {name} passes", frame, **passed("path_mtu"))
    behind = f.ip6(IPv6ExtHdrHopByHop() / ICMPv6ND_NS(), f.HOSTILE6, hlim=255)
    cases.add("rule 1: ND behind a hop-by-hop header passes (fault 10)", behind, **passed("neighbour"))
    for name in ("arp", "nd 135", "dhcp request", "dhcp6 request"):
        frame = valid[name]
        tagged = frame[:12] + bytes.fromhex("81000064") + frame[12:]
        cases.add(f"rule 1: {name} in a VLAN passes (faults 8, 10)", tagged, verdict="pass", vlan=[100])
    for name, kind in (("MPLS", 0x8847), ("PPPoE", 0x8864), ("802.1X", 0x888E), ("MACsec", 0x88E5), ("LLC", 0x0026)):
        frame = f.patched(f.ip4(f.syn(), f.HOSTILE4), 12, kind.to_bytes(2, "big"))
        cases.add(f"rule 1: {name} passes", frame, src=None, **passed("not_ip"))
    cases.add("rule 1: three VLAN tags pass (fault 8)", valid["three tags"], **passed("not_ip"))
    first = f.dhcp()["dhcp reply"]
    first = f.patched(first, f.AT_IP + 6, b"\x20\0")
    cases.add("rule 1: a first fragment of DHCP passes (faults 4, 10)", first, fragment=True, **passed("dhcp"))
    for label, fields in (
        ("red", {}),
        ("red, observe", {"mode": "observe"}),
        ("red, management, malformed: drop", {"malformed": "drop", "management_prefixes": ["203.0.113.0/24"]}),
    ):
        cases.check(tap, Policy(**CLOSED, **fields), "red", label)


def test_nearly_passed(tap):
    """Imitations get no privilege."""
    cases = simulate.Cases()
    for kind in (0, 1, 128, 129, 130, 132, 138, 143, 255):
        frame = f.ip6(ICMPv6Unknown(type=kind), f.HOSTILE6, hlim=255)
        cases.add(f"rule 1: ICMPv6 type {kind} has no privilege (fault 10)", frame, **CUT)
    for name, frame in f.discovery().items():
        for hops in (0, 1, 64, 254):
            routed = f.patched(frame, f.AT_IP + 7, bytes([hops]))
            cases.add(f"rule 1: {name} with hop limit {hops} has come from afar (fault 10)", routed, **CUT)
        fragment = f.ip6(Raw(f.fragment_header(58) + frame[f.AT_TRANSPORT6 :]), f.HOSTILE6, nh=44, hlim=255)
        cases.add(f"rule 1: {name} in a fragment (RFC 6980, fault 10)", fragment, fragment=True, **CUT)
        in_ipv4 = f.ip4(Raw(frame[f.AT_TRANSPORT6 :]), f.HOSTILE4, proto=58, ttl=255)
        cases.add(f"rule 1: {name} over IPv4 (fault 10)", in_ipv4, **CUT)
    for name, frame in f.nearly_dhcp().items():
        cases.add(f"rule 1: a {name} is no DHCP", frame, **CUT)
    for name, frame in f.path_mtu(f.PARTNER4, f.PARTNER6).items():
        cases.add(f"rule 1: {name} of somebody else's packet", frame, **CUT)
    other_error = f.patched(f.path_mtu()["fragmentation needed"], f.AT_TRANSPORT4 + 1, b"\1")
    cases.add("rule 1: host unreachable is no path MTU error", other_error, **CUT)
    query = f.patched(f.groups()["IGMP query"], f.AT_IP + 8, b"\2")
    cases.add("rule 1: IGMP that a router may forward", query, **CUT)
    query = f.patched(f.groups()["IGMP query"], f.AT_IP + 16, bytes((198, 18, 0, 1)))
    cases.add("rule 1: IGMP to one host", query, **CUT)
    for sport, dport in ((68, 68), (67, 53), (53, 67), (68, 443), (546, 547), (547, 547)):
        frame = f.ip4(f.udp(dport, sport=sport), f.HOSTILE4)
        cases.add(f"rule 1: IPv4 UDP {sport} to {dport} is no DHCP", frame, **CUT)
    for sport, dport in ((546, 546), (547, 53), (53, 547), (67, 68), (67, 67)):
        frame = f.ip6(f.udp(dport, sport=sport), f.HOSTILE6)
        cases.add(f"rule 1: IPv6 UDP {sport} to {dport} is no DHCP", frame, **CUT)
    for make, source, sport, dport in ((f.ip4, f.HOSTILE4, 68, 67), (f.ip6, f.HOSTILE6, 546, 547)):
        frame = make(TCP(sport=sport, dport=dport, flags="S"), source)
        cases.add(f"rule 1: TCP {sport} to {dport} is no DHCP", frame, **CUT)
    later = f.ip4(Raw(bytes(UDP(sport=68, dport=67))), f.HOSTILE4, proto=17, frag=1)
    cases.add("rule 1: a later fragment is no DHCP (faults 4, 10)", later, fragment=True, **CUT)
    wrong_length = f.patched(f.dhcp()["dhcp reply"], f.AT_TRANSPORT4 + 4, b"\0\7")
    cases.add("rule 1: DHCP of a wrong UDP length is malformed", wrong_length, **CUT)
    cut_off = [f.patched(frame, f.AT_IP + 4, b"\0\3")[: f.AT_TRANSPORT6 + 3] for frame in f.discovery().values()]
    cases.add("rule 1: ND without its ICMPv6 header is malformed", cut_off, **CUT)
    cases.check(tap, Policy(**CLOSED), "red")


# ---------------------------------------------------------------------------------------------------------------
# Rules 2, 3 and 4


def test_malformed(tap):
    """Rule 2, and that it precedes the others."""
    sourceless = [f.ip4(f.syn())[:30], f.ip6(f.syn())[:50], f.valid()["vlan"][:16]]
    partners = [malformed(f.ip4, f.PARTNER4), malformed(f.ip6, f.PARTNER6)]
    enemies = [malformed(f.ip4, f.HOSTILE4, 22), malformed(f.ip6, f.HOSTILE6, 22)]
    dropped = {"verdict": "drop", "reason": "malformed", "new": False}
    for title, fields, seen_partner, seen_enemy in (
        ("malformed: pass", {}, passed("malformed"), CUT),
        ("malformed: drop", {"malformed": "drop"}, dropped, dropped),
        ("management, pass", {"management_ports": [22]}, passed("malformed"), passed("management")),
        ("management, drop", {"management_ports": [22], "malformed": "drop"}, dropped, dropped),
        ("observe, pass", {"mode": "observe"}, passed("observe"), passed("observe")),
        ("observe, drop", {"mode": "observe", "malformed": "drop"}, passed("observe"), passed("observe")),
    ):
        cases = simulate.Cases()
        seen = {**seen_partner, "class": "partner", "new": False}
        cases.add(f"rule 2: {title}, a partner's (fault 2)", partners, **seen)
        seen = {**seen_enemy, "class": "enemy", "new": False}
        cases.add(f"rule 2: {title}, a cut source's (fault 2)", enemies, **seen)
        nobody = {**seen_partner, "src": None, "class": None, "new": False}
        cases.add(f"rule 2: {title}, without a source (fault 1)", sourceless, **nobody)
        cases.add(f"rule 2: {title}, too short for Ethernet (fault 1)", b"short", **passed("malformed"))
        cases.check(tap, Policy(**f.POLICY, **fields), "red")


def test_management(tap):
    """Rule 3, fault 39: management passes at every level where everything else is cut."""
    prefixes, ports = ["203.0.113.0/28", "2001:db8:3::/64"], [22, 10010]
    sources = {True: ("203.0.113.5", "2001:db8:3::5"), False: ("203.0.113.200", "2001:db8:3:1::5")}

    def frames(dport, inside):
        source4, source6 = sources[inside]
        transports = (f.syn(dport), f.ack(dport), f.udp(dport))
        return [f.ip4(each, source4) for each in transports] + [f.ip6(each, source6) for each in transports]

    def portless(inside):
        source4, source6 = sources[inside]
        later = f.ip4(Raw(bytes(f.syn(22))), source4, proto=6, frag=1)
        other = f.ip4(Raw(bytes(40)), source4, proto=132)
        return [f.ip4(ICMP(), source4), f.ip6(ICMPv6EchoRequest(), source6), later, other]

    for title, given_prefixes, given_ports, by_prefix, by_port in (
        ("prefixes and ports", prefixes, ports, True, True),
        ("only prefixes", prefixes, [], True, False),
        ("only ports", [], ports, False, True),
        ("nothing given", [], [], None, None),
    ):
        given = {"management_prefixes": given_prefixes, "management_ports": given_ports}

        def seen(inside, right_port, by_prefix=by_prefix, by_port=by_port):
            if by_prefix is None or by_prefix and not inside or by_port and not right_port:
                return CUT
            return passed("management")

        cases = simulate.Cases()
        for inside in (True, False):
            where = "inside" if inside else "outside"
            for port in ports:
                name = f"rule 3: {title}: port {port} from {where} (fault 39)"
                cases.add(name, frames(port, inside), **seen(inside, True))
            for port in (21, 23, 443, 5353, 65535):
                cases.add(f"rule 3: {title}: port {port} from {where}", frames(port, inside), **seen(inside, False))
            cases.add(f"rule 3: {title}: no port, from {where}", portless(inside), **seen(inside, False))
        from_port = f.ip4(TCP(sport=22, dport=40000, flags="A"), sources[True][0])
        cases.add(f"rule 3: {title}: the source port says nothing", from_port, **seen(True, False))
        # Each run costs a quarter of a second for the verifier: where levels can't matter, test one.
        for level in LEVELS if title == "prefixes and ports" else ("red",):
            cases.check(tap, Policy(**CLOSED, **given), level, level)


def test_management_edges(tap):
    """The management prefix has exact edges, whatever the lists around it contain."""
    policy = Policy(
        management_prefixes=["198.18.4.0/22", "2001:db8:ff00::/40"],
        management_ports=[22],
        lists=[List("wide", inline=["198.18.0.0/16", "198.18.6.0/24", "2001:db8::/32", "2001:db8:ff80::/41"])],
        classes=[Class("wide", ["wide"], cut_from="green", cut="all"), Class("rest", cut_from="green", cut="all")],
    )
    cases = simulate.Cases()
    for text in ("198.18.4.0", "198.18.5.255", "198.18.6.0", "198.18.6.255", "198.18.7.255"):
        cases.add(f"rule 3: {text} is inside (fault 39)", f.ip4(f.syn(22), text), **passed("management"))
    for text in ("198.18.3.255", "198.18.8.0", "198.19.4.1"):
        cases.add(f"rule 3: {text} is outside", f.ip4(f.syn(22), text), **CUT)
    last = "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"
    for text in ("2001:db8:ff00::", "2001:db8:ff7f:ffff::1", "2001:db8:ff80::1", last):
        cases.add(f"rule 3: {text} is inside (fault 39)", f.ip6(f.syn(22), text), **passed("management"))
    for text in ("2001:db8:feff:ffff:ffff:ffff:ffff:ffff", "2001:db9::"):
        cases.add(f"rule 3: {text} is outside", f.ip6(f.syn(22), text), **CUT)
    cases.check(tap, policy, "red")


# ---------------------------------------------------------------------------------------------------------------
# Rules 5, 7 and 10


def cut_classes():
    """Lists and classes of every kind of cut, and a source of each family for each."""
    kinds = [(None, None)] + [(level, cut) for level in LEVELS for cut in ("new", "all")]
    lists, classes, sources = [], [], []
    for number, (cut_from, cut) in enumerate(kinds):
        name = f"{cut} from {cut_from}" if cut_from else "never cut"
        word = f"list{number}"
        lists.append(List(word, inline=[f"198.51.{number}.0/24", f"2001:db8:{number:x}::/48"]))
        classes.append(Class(f"class{number}", [word], cut_from=cut_from, cut=cut))
        sources.append((name, f"198.51.{number}.1", f"2001:db8:{number:x}::1", cut_from, cut))
    return lists, classes, sources


def workload(source4, source6):
    """(new work, not new work) of both families."""
    new, old = [], []
    for make, source in ((f.ip4, source4), (f.ip6, source6)):
        new += [make(f.syn(), source), make(f.syn(22), source)]
        new += [make(f.udp(443, f.QUIC_V1), source), make(f.udp(443, f.QUIC_V2), source), make(f.udp(5353), source)]
        old += [make(f.ack(), source), make(f.udp(443), source), make(f.udp(53), source)]
        old += [make(f.udp(8443, f.QUIC_V1), source)]
        old += [make(TCP(sport=40000, dport=443, flags=flags), source) for flags in ("SA", "R", "FA", "")]
        old += [make(Raw(bytes(40)), source, **{"proto" if make is f.ip4 else "nh": 50})]
    new += [f.ip4(f.syn(), source4, flags="MF"), f.ether(Dot1Q(vlan=9) / IPv6(src=source6, dst=f.SERVER6) / f.syn())]
    old += [f.ip4(ICMP(), source4), f.ip6(ICMPv6EchoRequest(), source6)]
    old += [f.ip4(Raw(bytes(20)), source4, proto=6, frag=2)]
    old += [f.chain([60] * 9, 6, f.bare(f.syn()), source6)]
    return new, old


def test_levels(tap):
    """Rules 5, 7 and 10: each class at each level, new work and everything else, in both modes."""
    lists, classes, sources = cut_classes()
    for mode, rest, levels in (
        ("enforce", Class("rest", cut_from="orange", cut="new"), LEVELS),
        ("enforce", Class("rest", cut_from="red", cut="all"), ("orange", "red")),
        ("observe", Class("rest", cut_from="green", cut="all"), ("green", "red")),
    ):
        policy = Policy(mode=mode, services=f.SHOP, lists=lists, classes=[*classes, rest])
        unlisted = (f"unlisted, {rest.cut} from {rest.cut_from}", f.NOBODY4, f.NOBODY6, rest.cut_from, rest.cut)
        for level in levels:
            cases = simulate.Cases()
            for name, source4, source6, cut_from, cut in [*sources, unlisted]:
                new, old = workload(source4, source6)
                reached = cut_from and LEVELS.index(level) >= LEVELS.index(cut_from)
                seen_new, seen_old = passed("admitted"), passed("established")
                if reached:
                    seen_new = CUT
                    seen_old = CUT if cut == "all" else seen_old
                bad, seen_bad = [malformed(f.ip4, source4), malformed(f.ip6, source6)], passed("malformed")
                if reached and cut == "all":
                    seen_bad = CUT
                if mode == "observe":
                    seen_new = seen_old = seen_bad = passed("observe")
                title = f"{mode}, {level}: class {name}"
                cases.add(f"rules 5, 10: {title}, new work", new, **{"new": True, **seen_new})
                cases.add(f"rules 5, 7: {title}, established", old, **{"new": False, **seen_old})
                cases.add(f"rule 5: {title}, malformed", bad, **{"new": False, **seen_bad})
            cases.check(tap, policy, level)


def test_new_work(tap):
    """A port's meaning is that of its service, and UDP and TCP ports are kept apart."""
    services = {
        "shop": {"tcp": [80, 443], "quic": [443], "udp": [5353]},
        "voice": {"udp": [1, 5060], "udp_each": [65535], "quic": [8443]},
        "names": {"tcp": [53, 22]},
    }
    cases = simulate.Cases()
    for make, source in ((f.ip4, f.PARTNER4), (f.ip6, f.PARTNER6)):
        for port in (1, 5060, 5353, 65535):
            cases.add(f"any UDP to {port} is new work", make(f.udp(port), source), new=True, **passed("admitted"))
        for port in (0, 2, 22, 53, 80, 443, 5352, 5354, 8443, 65534):
            cases.add(f"any UDP to {port} is not", make(f.udp(port), source), new=False, **passed("established"))
        for port in (443, 8443):
            cases.add(f"QUIC to {port} is new work", make(f.udp(port, f.QUIC_V1), source), new=True)
        for port in (80, 22, 4433):
            cases.add(f"QUIC to {port} is not", make(f.udp(port, f.QUIC_V1), source), new=False)
        for port in (0, 1, 22, 443, 5353, 65535):
            cases.add(f"a SYN to {port} is new work", make(f.syn(port), source), new=True, **passed("admitted"))
            cases.add(f"an ACK to {port} is not", make(f.ack(port), source), new=False, **passed("established"))
        reply = make(UDP(sport=5353, dport=40000) / b"reply", source)
        cases.add("a source port makes no new work", reply, new=False)
    cases.check(tap, Policy(**{**f.POLICY, "services": services}), "green")

    cases = simulate.Cases()
    cases.add("without services a SYN is new work", f.ip4(f.syn()), new=True)
    cases.add("without services UDP is not", [f.ip4(f.udp(443, f.QUIC_V1)), f.ip6(f.udp(5353))], new=False)
    cases.check(tap, Policy(), "red")


def main():
    simulate.need_root()
    tap = Tap()
    tap.run(test_always_passed)
    tap.run(test_nearly_passed)
    tap.run(test_malformed)
    tap.run(test_management)
    tap.run(test_management_edges)
    tap.run(test_levels)
    tap.run(test_new_work)
    tap.done()


if __name__ == "__main__":
    main()
