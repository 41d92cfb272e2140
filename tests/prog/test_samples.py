#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Sampling in the real program: how many are drawn, content of a sample, and counting of lost ones (fault 45)."""
import math
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from budget import Driver
from simulate import need_root, scaled
from tap import Tap
from test_budget import POLICY, syn

ESTABLISHED, CUT, ADMITTED = 13, 9, 17
NAMES = ("taken", "taken_drop", "bounded", "bounded_drop", "full", "full_drop", "count", "packets", "packets_drop",
         "reason", "list", "class_id", "new", "shift", "length", "captured", "source", "sport", "dport", "strange")
RING = 2047  # samples that fit: one of 2,048 places stays free
PARTNER, ENEMY = 0, 2


def samples(driver):
    return dict(zip(NAMES, driver.ask("samples")))


def ack(frame):
    return frame[:47] + b"\x10" + frame[48:]


def test_one_in_n(tap):
    """Of both verdicts, on all CPUs at once."""
    with Driver(POLICY) as driver:
        driver.control("red")
        for name, frame, shifts, key in (("passed", ack(syn(PARTNER)), (12, -1), ""), ("dropped", syn(ENEMY), (-1, 11), "_drop")):
            shift = max(shifts)
            driver.ask("sampling", *shifts)
            before = samples(driver)
            thousands = max(200, scaled(600))
            driver.flood(frame, thousands, threads=2, kind=2)
            seen = samples(driver)
            expected = thousands * 2000 / 2**shift
            lost = seen["bounded" + key] + seen["full" + key] - before["bounded" + key] - before["full" + key]
            taken = seen["taken" + key] - before["taken" + key]
            tap.ok(abs(taken + lost - expected) <= 5 * math.sqrt(expected),
                   f"1 in {2 ** shift} of what is {name} is drawn", f"{taken} + {lost}, expected {expected}")
            tap.equal((seen["count"], seen["packets" + key]), (taken, taken << shift), f"{name}: all that were taken come out")
            other = "taken" if key else "taken_drop"
            tap.equal(seen[other], before[other], f"{name}: none of the others")


def test_what_it_says(tap):
    """A sample is the judged packet, byte by byte."""
    with Driver(POLICY) as driver:
        driver.control("red")
        driver.ask("sampling", 0, 0)
        long = ack(syn(PARTNER, host=7, sport=1234, dport=443)) + bytes(range(120))
        long = long[:16] + (len(long) - 14).to_bytes(2, "big") + long[18:]
        for title, frame, reason, verdict, new, host in (
            ("a SYN that is cut", syn(ENEMY, host=9, sport=1234), CUT, 1, 1, "203.0.113.9"),
            ("a SYN that passes", syn(PARTNER, host=7, sport=1234), ADMITTED, 0, 1, "192.0.2.7"),
            ("an established packet, longer than a sample", long, ESTABLISHED, 0, 0, "192.0.2.7"),
        ):
            samples(driver)
            driver.run(frame)
            seen = samples(driver)
            number = int.from_bytes(bytes(int(byte) for byte in host.split(".")), "big") << 32
            tap.equal((seen["count"], seen["packets"], seen["packets_drop"]), (1, 1 - verdict, verdict), f"{title}: one sample")
            tap.equal((seen["reason"], seen["new"], seen["shift"], seen["length"]), (reason, new, 0, len(frame)),
                      f"{title}: its judgement")
            tap.equal((seen["source"], seen["sport"], seen["dport"]), (number, 1234, 443), f"{title}: its source and ports")
            tap.equal((seen["captured"], seen["strange"]), (min(len(frame), 100), 0), f"{title}: its bytes")
        driver.ask("sampling", -1, -1)
        driver.flood(syn(ENEMY), 1000, threads=2)
        tap.equal(samples(driver)["count"], 0, "none where none is to be sampled")
        driver.control("red", lease=False)
        driver.ask("sampling", 0, 0)
        driver.flood(syn(ENEMY), 1000, threads=2)
        tap.equal(samples(driver)["count"], 0, "none without a lease: a dead agent costs nothing")


def test_full_ring(tap):
    """45: without a reader and with everything sampled, verdicts are unchanged, and losses are counted."""
    with Driver(POLICY) as driver:
        driver.control("red")
        driver.ask("sampling", 0, 0)
        thousands = max(1000, scaled(4000))
        for _ in range(6):
            seconds, _ = driver.flood(syn(ENEMY), thousands, threads=2, kind=2)
            passing, _ = driver.flood(syn(PARTNER, dport=8443), thousands // 4, threads=2, kind=2)
            if seconds + passing > 0.6:
                break
        frames = driver.work(3, service=0)[PARTNER], driver.work(3, service=1)[ENEMY]
        passed, dropped = sum(frames[0][::2]), sum(frames[1][1::2])
        tap.equal((sum(frames[0][1::2]), sum(frames[1][::2])), (0, 0), "no verdict changes while the ring is full")
        seen = samples(driver)
        tap.equal(seen["taken"] + seen["taken_drop"], RING, "the ring takes what it holds")
        tap.equal(seen["count"], RING, "and gives it all out")
        tap.ok(seen["full"] + seen["full_drop"] > 0, "what did not fit into the full ring buffer is counted", str(seen))
        tap.ok(seen["bounded"] + seen["bounded_drop"] > 0, "and so is what was above the bound", str(seen))
        tap.equal((sum(seen[key] for key in ("taken", "bounded", "full")),
                   sum(seen[key] for key in ("taken_drop", "bounded_drop", "full_drop"))), (passed, dropped),
                  "taken or lost, every packet is in one count")
        driver.run(syn(ENEMY, host=44))
        tap.equal(samples(driver)["count"], 1, "once it was read, samples come again")


def main():
    need_root()
    tap = Tap()
    tap.run(test_one_in_n)
    tap.run(test_what_it_says)
    tap.run(test_full_ring)
    tap.done()


if __name__ == "__main__":
    main()
