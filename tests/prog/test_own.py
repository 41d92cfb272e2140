#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""What is not for this host, in the real program (fault 56): passed or judged, counted apart, and nobody's demand."""
import os
import socket
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import frames as f
from budget import ALL_SHARE, Driver
from oracle import Class, Policy
from simulate import need_root
from tap import Tap

CLASSES = [
    Class("partner", ["partners"]),
    Class("enemy", ["hostile"], shed_from="yellow", cut_from="red", cut="all"),
    Class("unknown", shed_from="yellow", total={"new": "1M/s"}),
]
POLICY = {"services": {"shop": {"tcp": [443]}}, "lists": [f.LISTS[0], f.LISTS[2]], "classes": CLASSES}
STATION, OTHER = "02:00:00:00:00:01", "02:00:00:00:00:99"
OWN = ("198.18.0.1", "198.51.100.0/24", "2001:db8::1", "2001:db8:7::/48")
UNKNOWN = 2


def frame(target, source="203.0.113.66", mac=STATION, flags=2, tags=(), options=b"", family=4, seq=1):
    """TCP to port 443; @tags: VLAN identifiers; @options: of IPv4, or an extension header of IPv6."""
    ethernet = bytes.fromhex(mac.replace(":", "")) + bytes.fromhex("020000000002")
    ethernet += b"".join(struct.pack(">HH", 0x8100, tag) for tag in tags)
    tcp = struct.pack(">HHIIBBHHH", 40000, 443, seq, 0, 0x50, flags, 65535, 0, 0)
    if family == 4:
        addresses = socket.inet_aton(source) + socket.inet_aton(target)
        length = 20 + len(options)
        ip = struct.pack(">BBHHHBBH", 0x40 | length // 4, 0, length + 20, 1, 0, 64, 6, 0) + addresses + options
        return ethernet + b"\x08\x00" + ip + tcp
    addresses = socket.inet_pton(socket.AF_INET6, source) + socket.inet_pton(socket.AF_INET6, target)
    ip = struct.pack(">IHBB", 6 << 28, len(options) + 20, 60 if options else 6, 64) + addresses + options
    return ethernet + b"\x86\xdd" + ip + tcp


SIX = {"family": 6, "source": "2001:db8:3::66"}
TARGETS = [  # (options of the frame, own address, address of another host)
    ({}, "198.18.0.1", "198.18.0.2"),
    ({}, "198.51.100.200", "198.51.101.200"),
    ({"tags": (7,)}, "198.18.0.1", "198.18.0.2"),
    ({"tags": (7, 8)}, "198.51.100.200", "198.51.101.200"),
    ({"options": bytes(8)}, "198.18.0.1", "198.18.0.2"),
    (SIX, "2001:db8::1", "2001:db8::2"),
    (SIX, "2001:db8:7:1::9", "2001:db8:8:1::9"),
    ({**SIX, "tags": (7,)}, "2001:db8::1", "2001:db8::2"),
    ({**SIX, "options": bytes([6, 0, 1, 4, 0, 0, 0, 0])}, "2001:db8:7:1::9", "2001:db8:8:1::9"),
]


def test_kinds(tap):
    """Each path of the parser, both families, whole addresses and prefixes."""
    with Driver(Policy(**POLICY)) as driver:
        driver.control("red")
        run = lambda *words, **options: driver.run(frame(*words, **options))[0]
        tap.equal({run(target, **options) for options, *both in TARGETS for target in both}, {"cut"},
                  "without a table everything is for this host")
        driver.own(STATION, *OWN)
        for options, own, other in TARGETS:
            label = f"{own}, {'tags' if 'tags' in options else 'options' if 'options' in options else 'plain'}"
            tap.equal(run(own, **options), "cut", f"{label}: own, so it is cut")
            tap.equal(run(own, **options, flags=0x10), "cut", f"{label}: so is its established packet (cut: all)")
            tap.equal(run(other, **options), "forwarded", f"{label}: {other} is forwarded (fault 56)")
            tap.equal(run(other, **options, flags=0x10), "forwarded", f"{label}: so is an established packet")
            tap.equal(run(own, **options, mac=OTHER), "overheard", f"{label}: to another station: overheard (fault 56)")
            tap.equal(run(own, **options, mac="ff:ff:ff:ff:ff:ff"), "cut", f"{label}: broadcast is for this host")
        tap.equal(run("224.0.0.5", mac="01:00:5e:00:00:05"), "cut", "multicast is for this host")
        tap.equal(run("255.255.255.255"), "cut", "the broadcast address is")
        tap.equal(run("ff02::1", **SIX), "cut", "multicast of IPv6 is")
        tap.equal(run("fe80::1234", **SIX), "cut", "link-local IPv6 is never forwarded")
        driver.control("red", lease=False)
        tap.equal(run("198.18.0.2"), "forwarded", "without a lease it counts as forwarded too")
        driver.control("red", mode="observe")
        tap.equal(run("198.18.0.2"), "forwarded", "in mode observe too")
        driver.own(None)
        driver.control("red")
        tap.equal(run("198.18.0.2"), "cut", "the table out of use: everything is for this host")


def admit_none(driver):
    driver.admit({"interval": driver.per_second(10), "stay": 0, "salt": 1, "debt": 0,
                  "classes": [(0, ALL_SHARE), (0, ALL_SHARE), (0, 0)]})


def test_demand(tap):
    """Neither share nor budget refuse it, and it is no demand of the service."""
    with Driver(Policy(**POLICY)) as driver:
        driver.control("yellow")
        driver.own(STATION, *OWN)
        admit_none(driver)
        source = {"source": "198.18.5.5"}
        reasons = [driver.run(frame("198.18.0.2", **source, seq=number))[0] for number in range(20)]
        tap.equal(set(reasons), {"forwarded"}, "with a share of zero it passes (fault 56)")
        tap.equal(driver.work(3), [(0, 0, 0, 0)] * 3, "it is no new work of the service (fault 56)")
        tap.equal(driver.work(3, service=0), [(0, 0, 0, 0)] * 3, "nor of its class")
        tap.equal(driver.run(frame("198.18.0.1", **source))[0], "share", "for this host the share refuses it")
        tap.equal(driver.work(3)[UNKNOWN], (0, 1, 0, 0), "and it is demand")


def test_judged(tap):
    """forwarded: judge: cuts and limits, but no share and no budget."""
    with Driver(Policy(**POLICY, forwarded="judge")) as driver:
        driver.control("red")
        driver.own(STATION, *OWN)
        admit_none(driver)
        tap.equal(driver.run(frame("198.18.0.2"))[0], "cut", "a cut applies")
        tap.equal(driver.run(frame("198.18.0.1", mac=OTHER))[0], "cut", "to what is overheard too")
        source = {"source": "198.18.5.5"}
        tap.equal(driver.run(frame("198.18.0.2", **source))[0], "forwarded", "share and budget do not")
        tap.equal(driver.run(frame("198.18.0.2", **source, flags=0x10))[0], "forwarded", "nor to established packets")
        tap.equal(driver.work(3), [(0, 0, 0, 0)] * 3, "it is no new work of the service (fault 56)")
        tap.equal(driver.work(3, service=0)[UNKNOWN], (1, 0, 0, 0), "but new work of its class")
        driver.limit(UNKNOWN, "class", "new", 0.001, 3)
        reasons = [driver.run(frame("198.18.0.2", **source, seq=number + 9))[0] for number in range(9)]
        tap.ok("class_new" in reasons and reasons[0] == "forwarded", "limits do (rule 8)", reasons)
        tap.equal(driver.run(frame("198.18.0.2", **source, flags=0x10))[0], "forwarded", "of new work to new work only")
        driver.control("red", lease=False)
        tap.equal(driver.run(frame("198.18.0.2"))[0], "no_lease", "without a lease nothing is dropped")


def main():
    need_root()
    tap = Tap()
    for test in (test_kinds, test_demand, test_judged):
        tap.run(test)
    tap.done()


main()
