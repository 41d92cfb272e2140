# SPDX-License-Identifier: GPL-2.0-only
"""Rules 9 and 10 in another language, written from their description, and a client of tests/prog/driver.c."""
import json
import os
import subprocess
import tempfile

from simulate import REPOSITORY

DRIVER = os.path.join(REPOSITORY, "build/tests/driver")
REASONS = {
    5: "malformed", 6: "management", 7: "no_lease", 8: "observe", 9: "cut", 10: "source_packets", 11: "prefix_packets",
    12: "class_packets", 13: "established", 14: "source_new", 15: "share", 16: "budget", 17: "admitted", 19: "prefix_new",
    26: "forwarded", 27: "bridged", 28: "overheard", 29: "light", 20: "class_new", 21: "source_bits", 22: "prefix_bits", 23: "class_bits",
}
TICKS = 1 << 24  # of a jiffy
ALL_TOLERANCE = (1 << 64) - 1
ALL_SHARE = (1 << 32) - 1
WORD = (1 << 64) - 1


def mix(value):
    """The finaliser of SplitMix64."""
    value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9 & WORD
    value = (value ^ value >> 27) * 0x94D049BB133111EB & WORD
    return value ^ value >> 31


def place(source64, admission, now):
    """From 0 to 2^32 - 1."""
    mixed = mix(source64 ^ admission["salt"])
    if admission["stay"]:
        mixed = mix(mixed ^ (now + (mixed % 2**32 * admission["stay"] >> 32)) // admission["stay"])
    return mixed >> 32


class Cell:
    """A leaky bucket: the plain form of the meter, kept as backlog and the time when it was computed."""

    def __init__(self):
        self.backlog, self.at = 0, 0

    def drain(self, now_ticks):
        if now_ticks > self.at:
            self.backlog = max(0, self.backlog - (now_ticks - self.at))
            self.at = now_ticks

    def judge(self, admission, class_id, source64, now, continuing=False, resent=False):
        """The reason, for new work at jiffy @now."""
        tolerance, share = admission["classes"][class_id]
        if resent:
            tolerance -= tolerance // 256 * admission.get("withheld", 0)
        if continuing:
            tolerance, share = ALL_TOLERANCE, ALL_SHARE
        if share != ALL_SHARE and place(source64, admission, now) >= share:
            return "share"
        self.drain(now * TICKS)
        if tolerance == ALL_TOLERANCE:
            grown = self.backlog + admission["interval"]
            self.backlog = grown if not admission["debt"] else max(self.backlog, min(grown, admission["debt"]))
            return "admitted"
        if self.backlog > tolerance:
            return "budget"
        self.backlog += admission["interval"]
        return "admitted"


class Driver:
    """The program under a policy; see tests/prog/driver.c."""

    def __init__(self, policy):
        with tempfile.NamedTemporaryFile("w", suffix=".yaml", prefix="spillway-prog-") as file:
            file.write(policy.as_yaml())
            file.flush()
            self.process = subprocess.Popen(  # pylint: disable=consider-using-with
                [DRIVER, file.name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            self.hz = self.ask("hello")[0]
        self.forget_gaps()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(30)

    def ask(self, *words):
        self.process.stdin.write(" ".join(str(word) for word in words) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the driver died of {json.dumps(words)[:80]}")
        return [int(word) for word in line.split() if word != "ok"]

    def control(self, level="green", mode="enforce", lease=True):
        levels = ("green", "yellow", "orange", "red")
        self.ask("control", levels.index(level), int(mode == "observe"), int(lease))

    def admit(self, admission, service=1):
        pairs = [number for pair in admission["classes"] for number in pair]
        self.ask("admission", service, admission["interval"], admission["stay"], admission["salt"], admission["debt"],
                 admission.get("withheld", 0), *pairs)

    def run(self, frame):
        """(reason, jiffies before, jiffies after, arrival time of the budget cell of service 1)"""
        _, reason, before, after, arrival = self.ask("run", frame.hex())
        return REASONS.get(reason, reason), before, after, arrival

    def flood(self, frame, count, threads=1, kind=0):
        """(seconds, jiffies)"""
        seconds, before, after = self.flood_span(frame, count, threads, kind)
        return seconds, after - before

    def flood_span(self, frame, count, threads=1, kind=0):
        """(seconds, jiffies before, jiffies after)"""
        ns, before, after, first, *gaps = self.ask("flood", frame.hex(), count, threads, kind)
        self.add_gap(before, first / 1e9)
        self.gaps += [gap / 1e9 for gap in gaps]
        self.sent_until = after
        return ns / 1e9, before, after

    def forget_gaps(self):
        self.gaps, self.sent_until = [], None  # seconds in which no flood sent; the jiffy in which the last one ended

    def add_gap(self, jiffy, more=0.0):
        """From the end of the last flood to @more seconds behind @jiffy nothing was sent."""
        before = 0.0 if self.sent_until is None else (jiffy - self.sent_until) / self.hz
        self.gaps.append(before + more)

    def lost(self, tolerance):
        """Seconds for which nothing was sent with the whole burst tolerance (seconds) unused: their share of a rate is lost."""
        return sum(max(0, gap - tolerance) for gap in self.gaps)

    def work(self, classes, service=1):
        """[(fresh passed, fresh dropped, resent passed, resent dropped)] by class."""
        numbers = self.ask("work", service, classes)
        return [tuple(numbers[at : at + 4]) for at in range(0, len(numbers), 5)]

    def limited_work(self, classes, service=1):
        """New work that limits dropped, which is neither fresh nor resent, by class."""
        return self.ask("work", service, classes)[4::5]

    def limit(self, class_id, scope, kind, rate, burst=None, level="green"):
        levels = ("green", "yellow", "orange", "red")
        scope, kind = ("source", "prefix", "class").index(scope), ("new", "packets", "bits").index(kind)
        self.ask("limit", class_id, scope, kind, rate, rate if burst is None else burst, levels.index(level))

    def seeds(self, first, second, warming=None):
        """@warming: the row that warms."""
        self.ask("seeds", int(warming == 0), first, int(warming == 1), second)

    def own(self, mac, *prefixes):
        """What is for this host from now on; without a MAC address: everything."""
        self.ask("own", mac or "-", *prefixes)

    def reasons(self):
        """Packets by name of reason."""
        numbers = self.ask("reasons")
        return {REASONS.get(reason, str(reason)): count for reason, count in enumerate(numbers)}

    def per_second(self, rate):
        """The emission interval in ticks."""
        return self.hz * TICKS // rate

    def seconds(self, span):
        """A burst tolerance in ticks."""
        return int(span * self.hz * TICKS)
