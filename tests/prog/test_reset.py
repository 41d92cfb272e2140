#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# alone: sends at rates
"""refuse: reset in the real program: every byte of the answer, who gets one, and how many (fault 73)."""
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import frames as f
from budget import ALL_SHARE, Driver
from scapy.layers.inet import IP, TCP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Dot1AD, Dot1Q, Ether
from simulate import need_root
from tap import Tap
from test_light import POLICY, UNKNOWN, shares

DROP, PASS, TX = 1, 2, 3
MACS = {"src": "02:00:00:00:00:02", "dst": "02:00:00:00:00:01"}
TAGS = {"": lambda packet: packet, "VLAN tag": lambda packet: Dot1Q(vlan=7, prio=3) / packet,
        "two VLAN tags": lambda packet: Dot1AD(vlan=5) / Dot1Q(vlan=9) / packet}
OPTIONS = [("MSS", 1460), ("SAckOK", b""), ("Timestamp", (1, 0)), ("NOP", None), ("WScale", 7)]


def syn(seq=1000, sport=40000, **fields):
    return TCP(sport=sport, dport=443, flags="S", seq=seq, **fields)


def expected(tag, back, forth, seq, sport=40000):
    """What a host answers, written by scapy, with its checksums."""
    rst = TCP(sport=443, dport=sport, flags="RA", seq=0, ack=(seq + 1) % 2**32, window=0)
    return bytes(Ether(src=MACS["dst"], dst=MACS["src"]) / tag(back(src=f.SERVER4 if back is IP else f.SERVER6, dst=forth,
                 **({"flags": "DF", "id": 0, "ttl": 64} if back is IP else {"hlim": 64})) / rst))


def answer(driver, packet):
    action, *frame = driver.ask("answer", bytes(packet).hex())
    return action, bytes(frame)


def test_bytes(tap):
    with Driver(POLICY) as driver:
        driver.control()
        shares(driver, 0)
        driver.ask("resets", UNKNOWN)
        for name, tag in TAGS.items():
            for seq in (0, 1000, 0x89ABCDEF, 2**32 - 1):
                plain4 = Ether(**MACS) / tag(IP(src=f.NOBODY4, dst=f.SERVER4, tos=8, id=77, ttl=3) / syn(seq, options=OPTIONS))
                plain6 = Ether(**MACS) / tag(IPv6(src=f.NOBODY6, dst=f.SERVER6, tc=8, fl=77, hlim=3) / syn(seq, options=OPTIONS))
                tap.equal(answer(driver, plain4), (TX, expected(tag, IP, f.NOBODY4, seq)), f"reset: IPv4 {name} {seq}")
                tap.equal(answer(driver, plain6), (TX, expected(tag, IPv6, f.NOBODY6, seq)), f"reset: IPv6 {name} {seq}")
        odd = [Ether(**MACS) / IP(src=f.NOBODY4, dst=f.SERVER4, options=b"\x07\x07\x04\x00\x00\x00\x00\x01") / syn(5),
               Ether(**MACS) / IP(src=f.NOBODY4, dst=f.SERVER4) / syn(5) / (b"x" * 77),
               bytes(Ether(**MACS) / IP(src=f.NOBODY4, dst=f.SERVER4) / syn(5)) + bytes(6)]
        for packet, name in zip(odd, ("IP options", "data", "padding")):
            tap.equal(answer(driver, packet), (TX, expected(TAGS[""], IP, f.NOBODY4, 5)), f"reset: a SYN with {name}")
        ports = {sport: answer(driver, Ether(**MACS) / IP(src=f.NOBODY4, dst=f.SERVER4) / syn(9, sport)) for sport in range(1, 60000, 1999)}
        tap.equal(ports, {sport: (TX, expected(TAGS[""], IP, f.NOBODY4, 9, sport)) for sport in ports}, "reset: every port")
        tap.equal(driver.ask("reset", 3)[1], 0, "reset: all were within the rate")
        tap.equal(sum(driver.work(4)[3][::2]), 0, "reset: they count as refused new work")


def test_nobody_else(tap):
    with Driver(POLICY) as driver:
        driver.control()
        shares(driver, 0)
        driver.ask("resets", UNKNOWN)
        cases = {
            "another class": Ether(**MACS) / IP(src=f.PARTNER4, dst=f.SERVER4) / syn(),
            "QUIC": f.ip4(f.udp(443, f.QUIC_V1)),
            "IPv6 with an extension header": f.chain([60], 6, bytes(TCP(sport=1, dport=443, flags="S"))),
            "a frame to many": Ether(src=MACS["src"], dst="01:00:5e:00:00:01") / IP(src=f.NOBODY4, dst=f.SERVER4) / syn(),
        }
        for name, packet in cases.items():
            tap.equal(answer(driver, packet), (DROP, bytes(packet)), f"reset: none for {name}, whose frame stays")
        plain = Ether(**MACS) / IP(src=f.NOBODY4, dst=f.SERVER4) / syn()
        shares(driver, ALL_SHARE)
        tap.equal(answer(driver, plain)[0], PASS, "reset: none for what is admitted")
        driver.limit(3, "source", "new", 1, 1)
        got = [answer(driver, plain)[0] for _ in range(9)]
        tap.equal(got[3:], [DROP] * 6, "reset: none for limits")
        driver.limit(3, "source", "new", 0)
        shares(driver, 0)
        for level, mode, lease, want in (("green", "observe", True, PASS), ("green", "enforce", False, PASS)):
            driver.control(level, mode, lease)
            tap.equal(answer(driver, plain)[0], want, f"reset: none in mode {mode}, lease {lease}")
        driver.control("orange")
        driver.ask("resets", 15)
        cut = Ether(**MACS) / IP(src=f.ABROAD4, dst=f.SERVER4) / syn()
        tap.equal(answer(driver, cut)[0], DROP, "reset: none for what is cut")
        before = driver.ask("reset", 3)
        tap.equal(before[0], 0, "reset: and none is counted")


def test_rate(tap):
    """A flood gets no more than its rate (fault 73)."""
    with Driver(POLICY) as driver:
        driver.control()
        shares(driver, 0)
        driver.ask("resets", UNKNOWN)
        begin = time.monotonic()
        driver.flood(bytes(Ether(**MACS) / IP(src=f.NOBODY4, dst=f.SERVER4) / syn()), 20000)
        seconds = time.monotonic() - begin
        sent, not_sent = driver.ask("reset", 3)
        cpus = os.cpu_count()
        tap.equal(sent + not_sent, 20000, "reset: each SYN is counted")
        tap.ok(100 <= sent <= cpus * (1000 * seconds + 102), "reset: 1,000 a second and CPU, and a burst of 100", (sent, seconds))
        tap.ok(not_sent > 0, "reset: the rest is dropped in silence", not_sent)


def main():
    need_root()
    tap = Tap()
    for test in (test_bytes, test_nobody_else, test_rate):
        tap.run(test)
    tap.done()


if __name__ == "__main__":
    main()
