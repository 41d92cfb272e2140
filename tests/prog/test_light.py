#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# alone: sends at rates
"""refuse: light in the real program: which SYNs it lets through, and what it counts (faults 71, 72)."""
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import frames as f
from budget import ALL_SHARE, ALL_TOLERANCE, Driver
from oracle import Class, Policy
from scapy.layers.inet import TCP
from simulate import need_root
from tap import Tap

POLICY = Policy(
    services={"shop": {"tcp": [443], "quic": [443]}},
    lists=f.LISTS,
    classes=[
        Class("partner", ["partners"]),
        Class("international", ["abroad"], shed_from="orange", cut_from="orange", cut="new"),
        Class("enemy", ["hostile"], shed_from="yellow", cut_from="red", cut="all"),
        Class("unknown", shed_from="yellow", per_source={"new": "1M/s"}),
    ],
)
IPV4, IPV6, BOTH = 1, 2, 3
UNKNOWN, INTERNATIONAL = 1 << 3, 1 << 1


def syn(source=f.NOBODY4, sport=40000, seq=1, dport=443):
    return f.ip4(TCP(sport=sport, dport=dport, flags="S", seq=seq), source)


def syn6(sport=40000, seq=1):
    return f.ip6(TCP(sport=sport, dport=443, flags="S", seq=seq))


def tagged(frame):
    return frame[:12] + bytes.fromhex("88a80005 81000007") + frame[12:]


def shares(driver, share):
    driver.admit({"interval": driver.per_second(1_000_000), "stay": 0, "salt": 1, "debt": 0,
                  "classes": [(ALL_TOLERANCE, share)] * 4})


def reasons(driver, frames):
    return [driver.run(frame)[0] for frame in frames]


def test_which(tap):
    with Driver(POLICY) as driver:
        driver.control()
        shares(driver, 0)
        tap.equal(driver.run(syn())[0], "share", "light: without a listener what is refused is dropped")
        driver.ask("light", UNKNOWN, 1000, 1000, BOTH)
        options = f.ip4(TCP(sport=40009, dport=443, flags="S"), options=b"\x07\x07\x04\x00\x00\x00\x00\x01")
        cases = {"IPv4": syn(), "IPv6": syn6(), "two VLAN tags": tagged(syn(sport=40002)),
                 "IPv6 with two VLAN tags": tagged(syn6(40003)), "IP options": options}
        for name, frame in cases.items():
            tap.equal(reasons(driver, [frame] * 2), ["light"] * 2, f"light: given to the listener, and sent again: {name}")
        answered, over, marks = driver.ask("lights", 4)[6:]
        tap.equal((answered, over, marks), (10, 0, 5), "light: counted by class; a flow is marked once, whatever its frame")
        fresh = driver.work(4)[3]
        tap.equal((fresh[0], fresh[2]), (0, 0), "light: counts as refused new work")
        tap.equal(sum(fresh), 11, "light: and all of it counts")
        others = {"another class": (syn(f.PARTNER4), "share"), "a port of no service": (syn(dport=444), "admitted"),
                  "QUIC": (f.ip4(f.udp(443, f.QUIC_V1)), "share"), "an ACK": (f.ip4(f.ack()), "established"),
                  "IPv6 with an extension header": (f.chain([60], 6, bytes(TCP(sport=1, dport=443, flags="S"))), "share")}
        for name, (frame, reason) in others.items():
            tap.equal(driver.run(frame)[0], reason, f"light: not for {name}")
        driver.ask("light", UNKNOWN, 1000, 1000, IPV6)
        tap.equal(reasons(driver, [syn(), syn6()]), ["share", "light"], "light: a listener for IPv6 only (fault 71)")
        driver.ask("light", UNKNOWN, 1000, 1000, 0)
        tap.equal(reasons(driver, [syn(), syn6()]), ["share", "share"], "light: no listener (fault 71)")


def test_other_rules(tap):
    with Driver(POLICY) as driver:
        driver.control("orange")
        shares(driver, 0)
        driver.ask("light", UNKNOWN | INTERNATIONAL, 1000, 1000, BOTH)
        tap.equal(driver.run(syn(f.ABROAD4))[0], "cut", "light: what is cut is not answered")
        driver.limit(3, "source", "new", 1, 1)
        shares(driver, ALL_SHARE)
        tap.equal(reasons(driver, [syn(sport=50000 + n) for n in range(4)])[2:], ["source_new"] * 2,
                  "light: nor what a limit refuses")
        driver.limit(3, "source", "new", 0)
        shares(driver, 0)
        driver.control("red", mode="observe")
        tap.equal(driver.run(syn())[0], "observe", "light: observe: it passes to the service")
        driver.control("red", lease=False)
        tap.equal(driver.run(syn())[0], "no_lease", "light: without a lease the same")
        tap.equal(driver.ask("lights", 4)[-1], 0, "light: none of these is marked")


def test_admitted_after_all(tap):
    """The mark goes when a SYN of the flow passes to the service; only that of its flow."""
    with Driver(POLICY) as driver:
        driver.control()
        shares(driver, 0)
        driver.ask("light", UNKNOWN, 1000, 1000, BOTH)
        reasons(driver, [syn(sport=sport) for sport in range(1000, 1020)])
        shares(driver, ALL_SHARE)
        tap.equal(driver.run(syn(sport=1003))[0], "admitted", "light: the SYN sent again is admitted")
        tap.equal(driver.ask("lights", 4)[-1], 19, "light: and its mark is gone")
        driver.control("green", mode="observe")
        driver.run(syn(sport=1004))
        driver.control("green", lease=False)
        driver.run(syn(sport=1005))
        tap.equal(driver.ask("lights", 4)[-1], 17, "light: so are those of SYNs that pass in mode observe and without a lease")


def test_budget(tap):
    with Driver(POLICY) as driver:
        driver.control()
        shares(driver, 0)
        driver.ask("light", UNKNOWN, 2000, 20, BOTH)
        driver.forget_gaps()
        seconds, begin, end = driver.flood_span(syn(), 30000)
        answered, over, _ = driver.ask("lights", 4)[6:]
        tap.equal(answered + over, 30000, "light: each SYN is answered or over")
        tap.ok(over > 100 and answered <= 2000 * (end - begin + 1) / driver.hz + 21,
               "light: answers keep to their rate and burst (fault 72)", (answered, over, seconds))
        tap.ok(answered >= 2000 * (seconds - driver.lost(20 / 2000)) * 0.95, "light: and use it", (answered, driver.gaps))
        time.sleep(0.2)
        tap.equal(driver.run(syn(seq=7))[0], "light", "light: and go on when there is room")


def main():
    need_root()
    tap = Tap()
    for test in (test_which, test_other_rules, test_admitted_after_all, test_budget):
        tap.run(test)
    tap.done()


if __name__ == "__main__":
    main()
