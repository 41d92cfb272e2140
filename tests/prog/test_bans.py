#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Bans beside the table: for any source the longest prefix of both wins, as by a plain search."""
import ipaddress
import os
import random
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
import simulate  # noqa: E402
from tap import Tap  # noqa: E402

SEED = int(os.environ.get("SPILLWAY_TEST_SEED", "20260701"))
LISTS = ("one", "two", "three", "banned")
BANNED = LISTS.index("banned") + 1
MANAGEMENT = (4, 0xC6120900, 24)  # 198.18.9.0/24
WIDTH = {4: 32, 6: 128}


def text(prefix):
    family, address, length = prefix
    kind = ipaddress.IPv4Address if family == 4 else ipaddress.IPv6Address
    return f"{kind(address)}/{length}"


def holds(prefix, family, address):
    return prefix[0] == family and address >> (WIDTH[family] - prefix[2]) == prefix[1] >> (WIDTH[family] - prefix[2])


def frame(family, source, port=80):
    tcp = struct.pack("!HHIIBBHHH", 4000, port, 1, 1, 0x50, 0x10, 1000, 0, 0)
    if family == 4:
        header = struct.pack("!BBHHHBBHII", 0x45, 0, 40, 0, 0, 64, 6, 0, source, 0xC6120001)
    else:
        header = struct.pack("!IHBB", 0x60000000, 20, 6, 64) + source.to_bytes(16, "big") + bytes(16)
    return (bytes(12) + struct.pack("!H", 0x0800 if family == 4 else 0x86DD) + header + tcp).hex()


class Driver:
    def __init__(self, folder, listed):
        lines = []
        for name in LISTS:
            prefixes = ", ".join(f'"{text(prefix)}"' for prefix, of in listed.items() if of == name)
            lines.append(f"  {name}: {{ inline: [{prefixes}] }}" if prefixes else f"  {name}: {{}}")
        config = Path(folder, "entries.yaml")
        config.write_text("interfaces: [lo]\n" f"management: {{ prefixes: [{text(MANAGEMENT)}], ports: [22] }}\n"
                          "lists:\n" + "\n".join(lines) + "\nclasses:\n"
                          "  - { name: kept, lists: [one] }\n  - { name: other, lists: [two, three] }\n"
                          "  - { name: blocked, lists: [banned], cut_from: green, cut: all }\n  - { name: rest }\n")
        self.process = subprocess.Popen([ROOT / "build/tests/bans_driver", config], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().split()
        if not answer:
            raise RuntimeError(f"the driver died at: {line}")
        return [int(word) if word.lstrip("-").isdigit() else word for word in answer]

    def close(self):
        self.process.stdin.close()
        self.process.wait(20)


class Chooser(random.Random):
    """Prefixes that nest and coincide: few roots, any length."""

    ROOTS = {4: (0xC6120000, 0xC6130000, 0xCB007100), 6: (0x20010DB8 << 96, 0x20010DB8F000 << 80)}

    def prefix(self):
        family = self.choice((4, 6))
        length = self.randint(6, WIDTH[family]) if self.random() < 0.7 else WIDTH[family]
        spread = self.choice((4, 8, 16)) if family == 4 else self.choice((8, 64, 80))
        address = self.choice(self.ROOTS[family]) | self.getrandbits(spread)
        shift = WIDTH[family] - length
        return family, address >> shift << shift, length


def expected(family, address, listed, entries):
    """The list number; a ban wins over a list's prefix of the same length."""
    best, number = -1, 0
    for prefix, name in listed.items():
        if prefix[2] > best and holds(prefix, family, address):
            best, number = prefix[2], LISTS.index(name) + 1
    for prefix, of in entries.items():
        if prefix[2] >= best and holds(prefix, family, address):
            best, number = prefix[2], of
    return number


def sources(chooser, prefixes, count):
    for prefix in chooser.choices(prefixes, k=count):
        family, start, length = prefix
        last = start | (1 << (WIDTH[family] - length)) - 1
        for address in (start, last, start - 1, last + 1, start | chooser.getrandbits(WIDTH[family] - length)):
            if 0 <= address < 1 << WIDTH[family]:
                yield family, address


def test_longest_wins(tap):
    """Random lists; bans are added, moved and removed; after each step every source is in the list that the search finds."""
    for seed in range(SEED, SEED + max(1, simulate.scaled(6))):
        chooser = Chooser(seed)
        listed = {chooser.prefix(): chooser.choice(LISTS[:3]) for _ in range(60)}
        entries, wrong, asked, counts = {}, [], 0, {}
        with tempfile.TemporaryDirectory(prefix="spillway-entries-") as folder:
            driver = Driver(folder, listed)
            for _ in range(12):
                for _ in range(12):
                    prefix = chooser.choice(list(entries) + list(listed) + [chooser.prefix()] * 60)
                    if prefix in entries and chooser.random() < 0.6:
                        driver.ask(f"release {text(prefix)}")
                        del entries[prefix]
                        counts.pop(prefix, None)
                    else:
                        of = chooser.randint(1, 4)
                        if entries.get(prefix) != of:
                            counts[prefix] = 0
                        driver.ask(f"hold {of} {text(prefix)} 0")
                        entries[prefix] = of
                for family, address in sources(chooser, list(entries) + list(listed), 30):
                    asked += 1
                    got, want = driver.ask(f"whose {frame(family, address)}")[0], expected(family, address, listed, entries)
                    if got != want:
                        wrong.append((text((family, address, WIDTH[family])), got, want))
                    inside = [entry for entry in entries if holds(entry, family, address)]
                    longest = max(inside, key=lambda entry: entry[2], default=None)
                    beaten = longest and any(other[2] > longest[2] and holds(other, family, address) for other in listed)
                    if longest and not beaten:
                        counts[longest] += 1
            counted = {prefix: driver.ask(f"counted {text(prefix)}")[0] for prefix in entries}
            tap.ok(not wrong, f"{asked} sources, {len(entries)} entries, {len(listed)} prefixes: the longest wins", wrong[:5])
            tap.equal(counted, counts, "each packet counts on its entry, and on no other")
            for prefix in entries:
                driver.ask(f"release {text(prefix)}")
            tap.equal(driver.ask("size"), [0, 0], "with the last entry the last hole goes")
            driver.close()


def test_ends(tap):
    """An expired ban gives way at once to the ban around it, or to the table if it was a hole too."""
    listed = {(4, 0xC6120340, 26): "one", (4, 0xC6120000, 16): "two"}
    with tempfile.TemporaryDirectory(prefix="spillway-entries-") as folder:
        driver = Driver(folder, listed)
        driver.ask(f"hold {BANNED} 198.18.3.0/24 0")
        driver.ask(f"hold {BANNED} 198.18.3.64/26 3000")
        driver.ask("hold 3 198.18.3.7/32 3000")
        inside, alone = frame(4, 0xC6120341), frame(4, 0xC6120307)
        tap.equal((driver.ask(f"whose {inside}")[0], driver.ask(f"whose {alone}")[0]), (BANNED, 3), "before its end")
        time.sleep(3.05)
        tap.equal((driver.ask(f"whose {inside}")[0], driver.ask(f"whose {alone}")[0]), (1, BANNED),
                  "behind it, and nobody has removed anything")
        driver.close()


def test_management(tap):
    """38: rule 3 uses the table: management passes on its ports whatever ban covers it."""
    with tempfile.TemporaryDirectory(prefix="spillway-entries-") as folder:
        driver = Driver(folder, {})
        driver.ask(f"hold {BANNED} 198.18.9.0/24 0")
        driver.ask(f"hold {BANNED} 198.18.9.1/32 0")
        management, other = driver.ask(f"whose {frame(4, 0xC6120901, 22)}"), driver.ask(f"whose {frame(4, 0xC6120901)}")
        tap.equal(management, [BANNED, 0, 6], "to a management port it passes as management")
        tap.equal(other[:2], [BANNED, 1], "to others the entry drops it")
        driver.close()


def main():
    simulate.need_root()
    tap = Tap()
    tap.run(test_longest_wins)
    tap.run(test_ends)
    tap.run(test_management)
    tap.done()


if __name__ == "__main__":
    main()
