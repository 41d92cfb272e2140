#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Some 20,000 random packets (faults 1-10, 13), reproducible: program and oracle must agree on every field.
SPILLWAY_TEST_SEED makes other ones."""
import collections
import os
import random
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import frames as f
import oracle
import simulate
from tap import Tap

SEED = int(os.environ.get("SPILLWAY_TEST_SEED", "20180716"))  # Prime Day
COUNT = 5000  # packets per policy

SOURCES4 = [f.PARTNER4, f.ABROAD4, f.HOSTILE4, f.NOBODY4]
SOURCES6 = [f.PARTNER6, f.ABROAD6, f.HOSTILE6, f.NOBODY6]
PORTS = (22, 53, 67, 68, 80, 443, 546, 547, 5353, 40000)
TYPES = (0x0800, 0x86DD, 0x0806, 0x88CC, 0x8100, 0x88A8, 0x9100, 0x8847, 0x0026)
BYTES = (0, 1, 2, 4, 5, 6, 8, 17, 43, 44, 45, 46, 50, 51, 58, 59, 60, 64, 67, 69, 127, 128, 135, 139, 140, 254, 255)

MANAGEMENT = {"management_prefixes": ["203.0.113.64/26", "2001:db8:3::/64"], "management_ports": [22, 443]}
RUNS = (
    ("red", "red", {}),
    ("yellow, malformed: drop", "yellow", {"malformed": "drop"}),
    ("red, management", "red", MANAGEMENT),
    ("orange, observe, malformed: drop", "orange", {"mode": "observe", "malformed": "drop", "management_ports": [53]}),
)


class Mutator:
    """Frames from a seeded generator: mutations of valid ones, random chains of headers, and noise."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.valid = list(f.valid().values())
        self.mutations = [
            self.flip_bit,
            self.set_byte,
            self.set_byte,
            self.set_word,
            self.set_type,
            self.set_port,
            self.set_version,
            self.add_tag,
            self.truncate,
            self.extend,
            self.splice,
        ]

    def frame(self):
        kind = self.random.random()
        if kind < 0.1:
            return self.noise()
        frame = self.assembled() if kind < 0.3 else self.random.choice(self.valid)
        for _ in range(self.random.choice((0, 1, 1, 1, 2, 3, 8))):
            frame = self.random.choice(self.mutations)(frame)
        return frame

    def noise(self):
        """Random bytes after a type for which they are parsed."""
        kind = self.random.choice(TYPES)
        first = {0x0800: 0x45, 0x86DD: 0x60}.get(kind, self.random.randrange(256))
        body = bytes([first]) + self.random.randbytes(self.random.randrange(120))
        return self.random.randbytes(12) + struct.pack(">H", kind) + body

    def assembled(self):
        """A well-formed IPv4 packet, or an IPv6 one with up to eleven extension headers, with a random transport."""
        transport, proto = self.transport()
        if self.random.random() < 0.3:
            options = bytes(4 * self.random.randrange(11))
            return self.ipv4(options, transport, proto)
        headers = [self.random.choice(oracle.EXTENSIONS) for _ in range(self.random.randrange(12))]
        sizes = [8 * self.random.choice((1, 1, 2, 3)) for _ in headers]
        return f.chain(headers, proto, transport, self.random.choice(SOURCES6), sizes, hlim=255)

    def transport(self):
        proto = self.random.choice((6, 6, 17, 17, 1, 58, 47, 132))
        sport, dport = self.random.choice(PORTS), self.random.choice(PORTS)
        if proto == 6:
            flags = self.random.choice((0x02, 0x02, 0x12, 0x10, self.random.randrange(256)))
            return struct.pack(">HHIIBBHHH", sport, dport, 1, 0, 0x50, flags, 65535, 0, 0), proto
        if proto == 17:
            payload = self.random.choice((f.QUIC_V1, f.QUIC_V2, b"", b"payload"))
            return struct.pack(">HHHH", sport, dport, 8 + len(payload), 0) + payload, proto
        return bytes([self.random.choice((8, 128, 133, 134, 135, 136, 137, 138))]) + bytes(23), proto

    def ipv4(self, options, transport, proto):
        source = oracle.socket.inet_aton(self.random.choice(SOURCES4))
        fragment = self.random.choice((0, 0, 0, 0x4000, 0x2000, 0x2001, 0x0001, 0x1FFF))
        total = 20 + len(options) + len(transport)
        header = struct.pack(">BBHHHBBH", 0x45 + len(options) // 4, 0, total, 1, fragment, 64, proto, 0)
        ethernet = bytes.fromhex("020000000001 020000000002 0800")
        return ethernet + header + source + bytes([198, 18, 0, 1]) + options + transport

    # Mutations: a frame in, a frame out.

    def place(self, frame, size=1):
        """An offset in the headers: everything relevant is in the first hundred bytes."""
        return self.random.randrange(12, max(13, min(len(frame), 110) - size + 1))

    def flip_bit(self, frame):
        at = self.place(frame)
        return f.patched(frame, at, bytes([frame[at] ^ 1 << self.random.randrange(8)])) if at < len(frame) else frame

    def set_byte(self, frame):
        return f.patched(frame, self.place(frame), bytes([self.random.choice(BYTES)]))

    def set_word(self, frame):
        """Change a 16-bit number, often a length: to about its value, or to about the right one."""
        at = self.place(frame, 2)
        old = int.from_bytes(frame[at : at + 2], "big")
        new = self.random.choice((0, 1, old - 1, old + 1, old + 8, len(frame) - 14, len(frame) - 34, 0x7FFF, 0xFFFF))
        return f.patched(frame, at, struct.pack(">H", new & 0xFFFF))

    def set_type(self, frame):
        return f.patched(frame, 12, struct.pack(">H", self.random.choice(TYPES)))

    def set_port(self, frame):
        at = self.random.choice((34, 36, 54, 56))
        return f.patched(frame, at, struct.pack(">H", self.random.choice(PORTS))) if at + 2 <= len(frame) else frame

    def set_version(self, frame):
        return f.patched(frame, 14, bytes([self.random.randrange(256)])) if len(frame) > 14 else frame

    def add_tag(self, frame):
        kind, vlan = self.random.choice(oracle.VLAN_TYPES), self.random.randrange(65536)
        return frame[:12] + struct.pack(">HH", kind, vlan) + frame[12:]

    def truncate(self, frame):
        return frame[: self.random.randrange(len(frame) + 1)]

    def extend(self, frame):
        return frame + self.random.randbytes(self.random.choice((1, 2, 8, 46, 1000)))

    def splice(self, frame):
        at = self.place(frame)
        return frame[:at] + self.random.choice(self.valid)[at:]


def test_random(tap, label, level, fields, mutator):
    policy = oracle.Policy(**f.POLICY, **fields)
    frames = [mutator.frame() for _ in range(simulate.scaled(COUNT))]
    simulate.agree(tap, f"{len(frames)} random packets: {label} (faults 1-10, 13)", frames, policy, level)


def test_spread(tap, mutator):
    """The random packets have good coverage: no reason and no anomaly of the oracle is rare."""
    packets = [oracle.parse(mutator.frame()) for _ in range(COUNT)]
    policy = oracle.Policy(**f.POLICY, **MANAGEMENT)
    count = collections.Counter(oracle.judge(packet, policy, "orange")["reason"] for packet in packets)
    for packet in packets:
        traits = ("malformed", "ext_limit", "fragment", "syn", "quic_initial")
        count.update(trait for trait in traits if getattr(packet, trait) and trait != "malformed")
        count.update({f"{len(packet.vlan)} tags": 1, f"ports in IPv{packet.family}": packet.dport is not None})
    wanted = "not_ip arp lldp neighbour dhcp multicast path_mtu malformed management cut established admitted".split()
    wanted += ["ext_limit", "fragment", "syn", "quic_initial", "1 tags", "2 tags", "ports in IPv4", "ports in IPv6"]
    rare = {name: count[name] for name in wanted if count[name] < COUNT / 500}
    tap.ok(not rare, "the random packets reach every rule", f"rare: {rare}\nall: {dict(count)}")


def main():
    simulate.need_root()
    tap = Tap()
    tap.run(test_spread, Mutator(SEED))
    for number, (label, level, fields) in enumerate(RUNS):
        tap.run(test_random, label, level, fields, Mutator(SEED + number))
    tap.done()


if __name__ == "__main__":
    main()
