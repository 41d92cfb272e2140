#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Capture files that are broken, hostile or unsupported: an exact message and exit status, and never a hang."""
import json
import os
import random
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import frames as f
import simulate
from oracle import Policy
from tap import Tap

# Supported link types are in test_link_types.py.
LINKTYPES = {105: "IEEE802_11", 127: "IEEE802_11_RADIO", 9: "PPP", 147: "USER0"}
MAGIC, MAGIC_NANO, MAGIC_NG = 0xA1B2C3D4, 0xA1B23C4D, 0x0A0D0D0A

FRAMES = [f.ip4(f.syn()), f.ip6(f.ack()), f.valid()["arp"]]


def pcap(frames=FRAMES, order="<", magic=MAGIC, snaplen=262144, linktype=1, caplen=None):
    """The bytes of a capture; @caplen lies about the length of each frame."""
    data = struct.pack(f"{order}IHHiIII", magic, 2, 4, 0, 0, snaplen, linktype)
    for frame in frames:
        size = len(frame) if caplen is None else caplen
        data += struct.pack(f"{order}IIII", 1, 0, size, size) + frame
    return data


def block(kind, body, length=None):
    body += bytes(-len(body) % 4)
    size = struct.pack("<I", 12 + len(body) if length is None else length)
    return struct.pack("<I", kind) + size + body + size


def pcapng(frames=FRAMES, linktypes=(1,)):
    """One section, an interface for each of @linktypes, all frames of the last one."""
    data = block(MAGIC_NG, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
    for linktype in linktypes:
        data += block(1, struct.pack("<HHI", linktype, 0, 262144))
    for frame in frames:
        data += block(6, struct.pack("<IIIII", len(linktypes) - 1, 0, 0, len(frame), len(frame)) + frame)
    return data


class Folder:
    """A folder with a configuration, for trying captures."""

    def __init__(self, path):
        self.capture = os.path.join(path, "capture.pcap")
        self.config = os.path.join(path, "spillway.yaml")
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(Policy(**f.POLICY).as_yaml())

    def simulate(self, data):
        """The finished process for a capture of these bytes."""
        with open(self.capture, "wb") as file:
            file.write(data)
        return self.simulate_path(self.capture)

    def simulate_path(self, path, *more):
        return simulate.run("simulate", path, "--level", "red", "-c", self.config, "-j", *more)


def lines_of(done):
    """The objects on stdout, or None if it is not one object per line."""
    try:
        return [json.loads(line) for line in done.stdout.splitlines()]
    except json.JSONDecodeError:
        return None


def told(done):
    return f"exit status {done.returncode}\nstdout: {done.stdout[:500]}\nstderr: {done.stderr[:500]}"


def refused(tap, name, done, *words):
    """One point: exit status 1, a message on stderr with one of @words, only whole lines on stdout."""
    named = not words or any(word.lower() in done.stderr.lower() for word in words)
    good = done.returncode == 1 and done.stderr.strip() and named and lines_of(done) is not None
    tap.ok(good, name, told(done))


def read(tap, name, done, count):
    """One point: exit status 0 and @count packets."""
    lines = lines_of(done)
    tap.ok(done.returncode == 0 and lines is not None and len(lines) == count, name, told(done))


def test_kinds(tap, folder):
    """Formats of captures."""
    read(tap, "little-endian pcap", folder.simulate(pcap()), 3)
    read(tap, "big-endian pcap", folder.simulate(pcap(order=">")), 3)
    read(tap, "pcap with nanoseconds", folder.simulate(pcap(magic=MAGIC_NANO)), 3)
    read(tap, "pcapng", folder.simulate(pcapng()), 3)
    read(tap, "a capture without packets", folder.simulate(pcap([])), 0)
    read(tap, "a packet of no bytes", folder.simulate(pcap([b"", FRAMES[0]])), 2)
    read(tap, "the largest snapshot length", folder.simulate(pcap(snaplen=0xFFFFFFFF)), 3)
    cut = folder.simulate(pcap([frame[:20] for frame in FRAMES]))
    read(tap, "frames that the snapshot length cut off", cut, 3)


def test_linktypes(tap, folder):
    """Captures with unsupported frames are refused with the name or number of their link type."""
    for number, name in LINKTYPES.items():
        done = folder.simulate(pcap(linktype=number))
        refused(tap, f"link type {number} ({name}) is refused and named", done, name, f"{number}")
    unknown = folder.simulate(pcap(linktype=60000))
    refused(tap, "link type 60000, unknown to libpcap, is refused and named", unknown, "60000")
    refused(tap, "pcapng of PPP is refused and named", folder.simulate(pcapng(linktypes=(9,))), "PPP")
    mixed = folder.simulate(pcapng(linktypes=(1, 113)))
    refused(tap, "pcapng with interfaces of two link types is refused", mixed)


def test_broken(tap, folder):
    whole = pcap()
    refused(tap, "an empty file", folder.simulate(b""))
    for size in (1, 3, 4, 23):
        refused(tap, f"a file header cut off after {size} bytes", folder.simulate(whole[:size]))
    refused(tap, "another magic number", folder.simulate(b"\x7fELF" + whole[4:]))
    refused(tap, "text", folder.simulate(b"interfaces: [lo]\n" * 100))
    refused(tap, "zeroes", folder.simulate(bytes(4096)))
    for size in (25, 41, len(whole) - 1):
        refused(tap, f"a capture cut off after {size} bytes", folder.simulate(whole[:size]))
    for caplen, snaplen in ((262145, 262144), (0x7FFFFFFF, 262144), (0xFFFFFFFF, 0xFFFFFFFF)):
        done = folder.simulate(pcap(caplen=caplen, snaplen=snaplen))
        refused(tap, f"a packet that claims {caplen} bytes, snapshot length {snaplen}", done)
    ng = pcapng()
    for size in (4, 28, len(ng) - 1):
        refused(tap, f"pcapng cut off after {size} bytes", folder.simulate(ng[:size]))
    for length in (0, 13, 0xFFFFFFFC):
        done = folder.simulate(ng[:28] + block(1, bytes(8), length))
        refused(tap, f"pcapng with a block of {length} bytes", done)


def test_random_bytes(tap, folder):
    """Random bytes, bare and after a valid file header, and mutated captures: always a complete answer."""
    chooser = random.Random(20180718)
    strange = []
    header = pcap([])
    for number in range(simulate.scaled(24)):
        noise = chooser.randbytes(chooser.randrange(1, 3000))
        whole = bytearray(pcap() if number % 2 else pcapng())
        for _ in range(chooser.randrange(1, 6)):
            whole[chooser.randrange(len(whole))] = chooser.randrange(256)
        data = (noise, header + noise, bytes(whole))[number % 3]
        done = folder.simulate(data)
        answered = done.returncode == 0 or done.returncode == 1 and done.stderr.strip()
        if not answered or lines_of(done) is None:
            strange.append(f"{told(done)}\n{data[:200].hex()}")
    tap.ok(not strange, "random bytes are read or refused", "\n".join(strange))


def test_size(tap, folder):
    """Frames that are too long for the kernel are reported, not skipped silently."""
    for size in (65535, 65549):
        frame = f.ip4(f.udp(53, bytes(65000)), f.PARTNER4)
        frame += bytes(size - len(frame))
        read(tap, f"a frame of {size} bytes (fault 12)", folder.simulate(pcap([frame, FRAMES[0]])), 2)
    for size in (100000, 262144):
        done = folder.simulate(pcap([FRAMES[0] + bytes(size - len(FRAMES[0])), FRAMES[1]]))
        lines = lines_of(done)
        judged = done.returncode == 0 and lines is not None and len(lines) == 2
        turned_away = done.returncode == 1 and done.stderr.strip()
        tap.ok(judged or turned_away, f"a frame of {size} bytes is judged or refused", told(done))


def test_paths(tap, folder):
    refused(tap, "no such file", folder.simulate_path("/nonexistent/capture.pcap"), "/nonexistent/capture.pcap")
    refused(tap, "a folder", folder.simulate_path("/"))
    refused(tap, "an endless file", folder.simulate_path("/dev/zero"))
    folder.simulate(pcap())
    done = simulate.run("simulate", folder.capture, "--level", "red", "-c", "/nonexistent/spillway.yaml", "-j")
    refused(tap, "no such configuration", done, "/nonexistent/spillway.yaml")
    for name, arguments in (
        ("no file", ["--level", "red"]),
        ("an unknown level", [folder.capture, "--level", "purple"]),
        ("an unknown option", [folder.capture, "--level", "red", "--frobnicate"]),
        ("two files", [folder.capture, folder.capture, "--level", "red"]),
    ):
        done = simulate.run("simulate", *arguments, "-c", folder.config, "-j")
        tap.ok(done.returncode == 2 and done.stderr.strip() and not done.stdout, f"{name}: exit status 2", told(done))
    done = simulate.run("simulate", folder.capture, "--level", "yellow", "-c", folder.config)
    good = done.returncode == 0 and done.stdout.strip() and "\033" not in done.stdout
    tap.ok(good, "for people: without -j, and without colour where there is no terminal", told(done))
    full = f"{simulate.SPILLWAY} simulate {folder.capture} --level red -c {folder.config} -j >/dev/full"
    done = subprocess.run(["sh", "-c", full], capture_output=True, text=True, timeout=simulate.TIMEOUT, check=False)
    refused(tap, "a full disk on stdout", done)


def main():
    simulate.need_root()
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="spillway-captures-") as path:
        folder = Folder(path)
        tap.run(test_kinds, folder)
        tap.run(test_linktypes, folder)
        tap.run(test_broken, folder)
        tap.run(test_random_bytes, folder)
        tap.run(test_size, folder)
        tap.run(test_paths, folder)
    tap.done()


if __name__ == "__main__":
    main()
