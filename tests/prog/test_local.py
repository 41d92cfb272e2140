#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""One port on several addresses as several services: whose new work a packet is, in the real program."""
import itertools
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import frames as f
from budget import Driver
from oracle import Policy
from scapy.layers.inet import IP, IPOption_RR
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment
from scapy.layers.l2 import Dot1AD, Dot1Q
from simulate import need_root
from tap import Tap

ONE4, TWO4, OTHER4 = "192.0.2.1", "192.0.2.2", "192.0.2.3"
ONE6, TWO6, OTHER6 = "2001:db8::1", "2001:db8::2", "2001:db8::3"
SERVICES = {
    "rest": {"tcp": [443], "udp": [9000]},
    "one": {"tcp": [f"{ONE4}:443", f"[{ONE6}]:443"], "quic": [f"{ONE4}:443"], "udp": [f"{ONE4}:27015-27050"]},
    "two": {"tcp": [f"[::ffff:{TWO4}]:443", f"[{TWO6}]:443", f"{TWO4}:8443"], "udp": [f"{TWO4}:443", f"[{TWO6}]:9000"]},
    "all": {"quic": [443], "tcp": [80], "udp": [5353]},
}
NAMES = [None, *SERVICES]
# As an attacker could write 192.0.2.1 left aligned in 128 bits, or mapped.
ALIGNED, MAPPED = "c000:201::", f"::ffff:{ONE4}"


def plain(address, transport):
    return f.ether((IPv6(src=f.PARTNER6, dst=address) if ":" in address else IP(src=f.PARTNER4, dst=address)) / transport)


def shapes(address, transports):
    """One packet in each shape that is parsed in another way, of one transport header each."""
    transports = iter(transports)
    if ":" in address:
        packet = IPv6(src=f.PARTNER6, dst=address)
        odd, first = packet / IPv6ExtHdrDestOpt(), packet / IPv6ExtHdrFragment(m=1)
    else:
        packet = IP(src=f.PARTNER4, dst=address)
        odd = IP(src=f.PARTNER4, dst=address, options=[IPOption_RR(length=39, routers=["192.0.2.9"] * 9)])
        first = IP(src=f.PARTNER4, dst=address, flags="MF")
    return {
        "plain": f.ether(packet / next(transports)),
        "options": f.ether(odd / next(transports)),
        "first fragment": f.ether(first / next(transports)),
        "tag": f.ether(Dot1Q(vlan=100) / packet / next(transports)),
        "two tags": f.ether(Dot1AD(vlan=200) / Dot1Q(vlan=100) / odd / next(transports)),
    }


class Counted:
    """Which service's new work a frame was counted as."""

    def __init__(self, driver):
        self.driver = driver
        self.before = self.read()

    def read(self):
        return [sum(self.driver.ask("work", service, len(f.CLASSES))) for service in range(len(NAMES))]

    def run(self, frame):
        """A name; None: no service's; "established": no new work."""
        self.driver.run(frame)
        now = self.read()
        grown = [service for service, (old, new) in enumerate(zip(self.before, now)) if new > old]
        self.before = now
        assert len(grown) <= 1
        return NAMES[grown[0]] if grown else "established"


# (transport, port, by address: service)
CASES = [
    ("syn", 443, {ONE4: "one", ONE6: "one", TWO4: "two", TWO6: "two", OTHER4: "rest", OTHER6: "rest",
                  ALIGNED: "rest", MAPPED: "one"}),
    ("syn", 8443, {TWO4: "two", TWO6: None, ONE4: None, OTHER4: None}),
    ("syn", 80, {ONE4: "all", TWO6: "all", OTHER4: "all"}),
    ("syn", 27015, {ONE4: None, OTHER6: None}),
    ("quic", 443, {ONE4: "one", ONE6: "all", TWO4: "two", TWO6: "all", OTHER4: "all", OTHER6: "all"}),
    ("udp", 443, {ONE4: "established", TWO4: "two", TWO6: "established", OTHER4: "established"}),
    ("udp", 27015, {ONE4: "one", ONE6: "established", TWO4: "established", OTHER4: "established"}),
    ("udp", 27050, {ONE4: "one", OTHER4: "established"}),
    ("udp", 27051, {ONE4: "established"}),
    ("udp", 9000, {TWO6: "two", TWO4: "rest", ONE6: "rest", OTHER4: "rest"}),
    ("udp", 5353, {ONE4: "all", TWO6: "all"}),
    ("ack", 443, {ONE4: "established", TWO6: "established"}),
]


def transport(kind, port, sport):
    """From a port of its own: each datagram to a `udp` port begins a session."""
    make = {"syn": f.syn, "ack": f.ack, "udp": f.udp, "quic": lambda port: f.udp(port, f.QUIC_V1)}[kind]
    made = make(port)
    made.sport = sport
    return made


def test_services(tap):
    """Each address in each shape of packet, of both families."""
    with Driver(Policy(services=SERVICES, lists=f.LISTS, classes=f.CLASSES)) as driver:
        driver.control()
        counted, sports = Counted(driver), itertools.count(40000)
        for kind, port, services in CASES:
            for address, expected in services.items():
                transports = (transport(kind, port, sport) for sport in sports)
                found = {shape: counted.run(frame) for shape, frame in shapes(address, transports).items()}
                wrong = {shape: service for shape, service in found.items() if service != expected}
                tap.equal(wrong, {}, f"{kind} to port {port} of {address}: new work of {expected}")


def test_budget(tap):
    """The budget of one address refuses nothing at another."""
    with Driver(Policy(services=SERVICES, lists=f.LISTS, classes=f.CLASSES)) as driver:
        driver.control()
        classes = [(0, 0)] * len(f.CLASSES)  # no share: everything is refused
        admission = {"interval": driver.per_second(1), "stay": 0, "salt": 1, "debt": 0, "classes": classes}
        driver.admit(admission, service=NAMES.index("one"))
        for address, reason in ((ONE4, "share"), (ONE6, "share"), (TWO4, "admitted"), (TWO6, "admitted"), (OTHER4, "admitted")):
            tap.equal(driver.run(plain(address, f.syn()))[0], reason, f"a budget of service one, SYN to {address}: {reason}")


def main():
    need_root()
    tap = Tap()
    for test in (test_services, test_budget):
        tap.run(test)
    tap.done()


if __name__ == "__main__":
    main()
