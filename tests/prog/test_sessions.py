#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# alone: sends at rates, and a million flows from all CPUs
"""Rule 7 for UDP sessions in the real program: which datagrams are new work (faults 14, 57)."""
import os
import random
import socket
import struct
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import frames as f
from budget import ALL_SHARE, ALL_TOLERANCE, Driver
from oracle import Class, Policy
from simulate import need_root, scaled
from tap import SLOW, Tap

GAME, DNS, QUIC = 27015, 53, 443
POLICY = Policy(
    services={"game": {"udp": [GAME], "udp_each": [DNS], "quic": [QUIC]}},
    lists=f.LISTS,
    classes=[
        Class("partner", ["partners"]),
        Class("international", ["abroad"], shed_from="orange", cut_from="orange", cut="new"),
        Class("enemy", ["hostile"], shed_from="yellow", cut_from="red", cut="all"),
        Class("unknown", shed_from="yellow", per_source={"new": "1M/s"}),  # so that limits are looked up at all
    ],
)
PREFIXES = ["192.0.2.", "198.51.100.", "203.0.113.", "198.18.5."]  # by class
IDLE_S, PER_S, BURST = 120, 1000, 1000  # as the agent sets them (user/core/limits/limits.c)


def datagram(class_id=3, host=1, sport=40000, dport=GAME):
    """From one of 254 sources of a class."""
    addresses = socket.inet_aton(f"{PREFIXES[class_id]}{host}") + socket.inet_aton(f.SERVER4)
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 32, 1, 0, 64, 17, 0) + addresses
    return bytes.fromhex("020000000001 020000000002 0800") + ip + struct.pack(">HHHH", sport, dport, 12, 0) + b"move"


def budget(driver, per_second, depth):
    """The same for all classes; @depth: burst tolerance in seconds, None: never refused."""
    ticks = ALL_TOLERANCE if depth is None else driver.seconds(depth)
    driver.admit({"interval": driver.per_second(per_second), "stay": 0, "salt": 1, "debt": driver.seconds(1),
                  "classes": [(ticks, ALL_SHARE)] * 4})


def use_up(driver):
    """Nothing is left of the budget for a long time: one unit an hour, and that is taken."""
    ticks = driver.hz * (1 << 24)
    driver.admit({"interval": 3600 * ticks, "stay": 0, "salt": 1, "debt": 7200 * ticks, "classes": [(0, ALL_SHARE)] * 4})
    while driver.run(datagram(0, 250, 1))[0] == "budget":  # what was admitted before drains
        time.sleep(0.01)


def shut(driver):
    """Nobody's new work is admitted."""
    driver.admit({"interval": 1 << 40, "stay": 0, "salt": 1, "debt": 0, "classes": [(0, 0)] * 4})


def reasons(driver, frames):
    return [driver.run(frame)[0] for frame in frames]


def players(count, class_id=3, first=0):
    return [datagram(class_id, 1 + (first + n) % 250, 40000 + first + n) for n in range(count)]


def test_budget_used_up(tap):
    """Fault 57: who is in stays in when the budget is used up; who is not stays out."""
    with Driver(POLICY) as driver:
        driver.control()
        budget(driver, 100, 1)
        old, new = players(20), players(20, first=100)
        tap.equal(reasons(driver, old), ["admitted"] * 20, "UDP: the first datagram of each flow is admitted new work")
        use_up(driver)
        tap.equal(set(reasons(driver, new)), {"budget"}, "UDP: new flows are refused when the budget is used up")
        seen = [reason for _ in range(30) for reason in reasons(driver, old)]
        tap.equal(seen, ["established"] * 600, "UDP: admitted flows are not interrupted (fault 57)")
        tap.equal(set(reasons(driver, new * 3)), {"budget"}, "UDP: a refused flow that goes on sending stays refused")
        rows = driver.work(4)
        tap.equal(rows[3], (20, 80, 0, 0), "UDP: only what began a session, or would have, is counted as new work")


def test_what_is_a_flow(tap):
    """Another address or port is another flow, whatever headers the frame has; other ports are as before."""
    with Driver(POLICY) as driver:
        driver.control()
        budget(driver, 1_000_000, None)
        v6 = f.ip6(f.udp(GAME, sport=4000), f.NOBODY6)
        tagged = datagram(3, 9, 4000)[:12] + bytes.fromhex("81000007") + datagram(3, 9, 4000)[12:]
        for frame, title in ((datagram(), "IPv4"), (v6, "IPv6"), (tagged, "a VLAN tag")):
            tap.equal(reasons(driver, [frame] * 3), ["admitted", "established", "established"], f"UDP: a session: {title}")
        tap.equal(driver.run(datagram(3, 9, 4000))[0], "established", "UDP: the same flow without its VLAN tag")
        shut(driver)
        others = [datagram(3, 2), datagram(3, 1, 40001), datagram(1), f.ip6(f.udp(GAME, sport=4001), f.NOBODY6)]
        others += [datagram()[:33] + b"\x02" + datagram()[34:]]  # to another address of the host
        tap.equal(reasons(driver, others), ["share"] * 5, "UDP: another address or port is another flow")
        budget(driver, 1_000_000, None)
        tap.equal(reasons(driver, [datagram(dport=DNS)] * 3), ["admitted"] * 3, "UDP: udp_each: every datagram is new work")
        initial = f.ip4(f.udp(QUIC, f.QUIC_V1, sport=3000), f.NOBODY4)
        tap.equal(driver.run(initial)[0], "admitted", "UDP: a QUIC Initial begins a handshake, not a session")
        shut(driver)
        tap.equal(driver.run(datagram(dport=DNS))[0], "share", "UDP: udp_each: and has no session")
        tap.equal(reasons(driver, [initial] * 8), ["admitted"] * 6 + ["share"] * 2, "UDP: QUIC handshakes are as ever")
        late = f.ip4(f.udp(GAME, f.QUIC_V1, sport=5000), f.NOBODY4)
        tap.equal(driver.run(late)[0], "share", "UDP: what looks like QUIC to a udp port is an ordinary datagram")
        budget(driver, 1_000_000, None)
        tap.equal(reasons(driver, [late, late]), ["admitted", "established"], "UDP: and begins a session")
        tap.equal(driver.work(4)[3], (8, 7, 6, 1), "UDP: counts of all of these")


def test_other_rules(tap):
    """Sessions are exempt from nothing but being new work."""
    with Driver(POLICY) as driver:
        driver.control()
        budget(driver, 1_000_000, None)
        enemy, abroad, anybody = datagram(2), datagram(1), datagram(3)
        reasons(driver, [enemy, abroad, anybody] * 2)
        driver.control("orange")
        tap.equal(reasons(driver, [abroad, datagram(1, 2)]), ["established", "cut"], "UDP: cut: new refuses new flows only")
        driver.control("red")
        tap.equal(driver.run(enemy)[0], "cut", "UDP: cut: all ends sessions (rule 5)")
        driver.control("green")
        driver.limit(3, "source", "packets", 1, 10)
        seen = reasons(driver, [anybody] * 30)
        tap.ok(9 <= seen.count("established") <= 14 and seen.count("source_packets") >= 16,
               "UDP: a limit of packets applies to sessions (rule 6)", seen)
        driver.limit(3, "source", "packets", 0)
        driver.limit(3, "source", "new", 1, 1)
        seen = reasons(driver, [datagram(3, 77, 50000 + n) for n in range(10)])
        tap.ok(seen.count("source_new") >= 8, "UDP: a limit of new work applies to flows (rule 8)", seen)
        tap.equal(set(reasons(driver, [datagram(3, 77, 50000)] * 20)), {"established"}, "UDP: and not to what follows")
        tap.equal(set(reasons(driver, [datagram(3, 77, 50009)] * 3)), {"source_new"}, "UDP: a flow that a limit refused is out")


def test_modes(tap):
    """What begins a session in mode observe and without a lease."""
    with Driver(POLICY) as driver:
        driver.control("red", mode="observe")
        budget(driver, 1_000_000, None)
        inside, cut = datagram(0), datagram(1)
        reasons(driver, [inside, cut])
        shut(driver)
        refused = datagram(0, 2)
        driver.run(refused)
        driver.control("green")
        tap.equal(reasons(driver, [inside, refused, cut]), ["established", "share", "share"],
                  "UDP: observe: sessions begin as if enforced")
        driver.control("red", lease=False)
        free = datagram(1, 3)
        tap.equal(driver.run(free)[0], "no_lease", "UDP: without a lease everything passes")
        driver.control("green")
        tap.equal(driver.run(free)[0], "established", "UDP: and what has passed is not interrupted when the agent is back")
        tap.equal(driver.ask("publish"), [], "UDP: a reload...")
        tap.equal(reasons(driver, [inside, free]), ["established"] * 2, "UDP: ... ends no session")


def test_end(tap):
    """A session ends after its idle time, counted from its last datagram; a refused datagram begins none."""
    with Driver(POLICY) as driver:
        driver.control()
        idle = driver.hz  # 1 s
        driver.ask("sessions", idle, PER_S, BURST)
        budget(driver, 1_000_000, None)
        busy, silent = datagram(0), datagram(0, 2)
        reasons(driver, [busy, silent] * 2)
        shut(driver)
        lost, begin = 0, time.monotonic()
        while time.monotonic() - begin < 2.5:
            lost += driver.run(busy)[0] != "established"
            time.sleep(0.05)
        tap.equal(lost, 0, "UDP: a session lasts while it sends")
        tap.equal(driver.run(silent)[0], "share", "UDP: a session ends by silence")
        time.sleep(0.5)
        tap.equal(driver.run(busy)[0], "established", "UDP: a pause shorter than the idle time does not end it")
        time.sleep(1.2)
        tap.equal(driver.run(busy)[0], "share", "UDP: a longer one does")
        driver.ask("sessions", 0, PER_S, BURST)
        budget(driver, 1_000_000, None)
        tap.equal(reasons(driver, [silent] * 3), ["admitted"] * 3, "UDP: before the agent has set limits there are no sessions")


def test_rate(tap):
    """An admitted flow is no ticket for a flood: beyond its rate its datagrams are new work again."""
    with Driver(POLICY) as driver:
        driver.control()
        budget(driver, 1_000_000, None)
        one, other = datagram(3), datagram(3, 2)
        reasons(driver, [one, other] * 2)
        shut(driver)
        before = driver.reasons()
        seconds, jiffies = driver.flood(one, scaled(4000), kind=6)
        after = driver.reasons()
        passed, refused = (after[reason] - before[reason] for reason in ("established", "share"))
        bound = 1.01 * (BURST + PER_S * (jiffies + 1) / driver.hz) + 2
        tap.equal(passed + refused, scaled(4000) * 1000, "UDP: every datagram of a flood is counted")
        tap.ok(BURST <= passed <= bound, "UDP: a flood over an admitted flow gets its rate and burst, no more",
               f"{passed} passed in {seconds} s, {bound} at most")
        tap.equal(driver.run(other)[0], "established", "UDP: another session does not notice")
        time.sleep(1.2)
        tap.equal(driver.run(one)[0], "established", "UDP: and the flow is in again after the flood")


def test_million_flows(tap):
    """Fault 14: a million spoofed flows take no memory, and take no session from whom sends."""
    with Driver(POLICY) as driver:
        driver.control()
        budget(driver, 1_000_000, None)  # the worst case: each is admitted
        active, memory = players(2000), driver.ask("memory")
        reasons(driver, active * 2)
        count = scaled(1_000_000)
        seconds, _ = driver.flood(datagram(), count, kind=5)
        shut(driver)
        tap.equal(driver.ask("memory"), memory, "UDP: a million flows take no memory (fault 14)")
        kept = reasons(driver, active).count("established")
        tap.ok(kept == len(active), "UDP: no session is lost to a million admitted flows of one datagram (faults 14, 57)",
               f"{kept} of {len(active)} after {seconds} s")
        # Their newest are remembered, so newcomers can still get in.
        budget(driver, 1_000_000, None)
        fresh = players(500, first=9000)
        reasons(driver, fresh)
        shut(driver)
        kept = reasons(driver, fresh).count("established")
        tap.ok(kept >= 495, "UDP: and behind them new sessions begin", f"{kept} of {len(fresh)}")


def test_full(tap):
    """More sessions than a set holds: who sends stays, and ended ones make place."""
    with Driver(POLICY) as driver:
        driver.control()
        # 8 s; a confirmed one may be replaced after 1 s of silence
        driver.ask("sessions", round(8 * SLOW * driver.hz), PER_S, BURST)
        budget(driver, 1_000_000, None)
        chance = random.Random(5)
        crowd = [datagram(chance.randrange(4), chance.randrange(1, 255), port) for port in range(1024, 1024 + scaled(32000))]
        silent, senders = crowd[: len(crowd) // 2], crowd[len(crowd) // 2 :]
        reasons(driver, silent)
        reasons(driver, silent)
        first = driver.work(4)
        reasons(driver, senders)
        reasons(driver, senders)
        shut(driver)
        kept = reasons(driver, senders).count("established")
        tap.ok(kept >= 0.97 * len(senders), "UDP: with 32,000 sessions at once, few find no place", f"{kept} of {len(senders)}")
        tap.ok(sum(row[0] for row in first) >= len(silent), "UDP: each of them was new work", first)
        kept = [frame for frame in senders if driver.run(frame)[0] == "established"]
        tap.equal(reasons(driver, kept), ["established"] * len(kept), "UDP: those that have one keep it (fault 57)")


def main():
    need_root()
    tap = Tap()
    tests = (test_budget_used_up, test_what_is_a_flow, test_other_rules, test_modes, test_end, test_rate)
    for test in tests + (test_million_flows, test_full):
        tap.run(test)
    tap.done()


if __name__ == "__main__":
    main()
