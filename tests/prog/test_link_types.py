#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# host only: what simulate makes of captures; that the datapath judges them alike is in test_pcaps.py
"""Captures without Ethernet headers: `tcpdump -i any`, tunnels, loopbacks. Each packet must be judged like the same packet
in an Ethernet frame. Headers of other link types come from scapy and dumpcap, not from our own code."""
import json
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from scapy.layers.inet import TCP, UDP
from scapy.layers.l2 import CookedLinux, CookedLinuxV2
from scapy.utils import RawPcapReader

import frames as f
import simulate
from oracle import Policy
from tap import Tap

NULL, RAW, LOOP, SLL, IPV4, IPV6, SLL2 = 0, 101, 108, 113, 228, 229, 276
IP4, IP6 = b"\x08\x00", b"\x86\xdd"
NETLINK, OUTGOING = 824, 4
MACS = bytes(12)  # what simulate fills in
LEVEL = "red"
FIRST_BYTES = 20  # enough for every header here


def is_ip(frame):
    return frame[12:14] in (IP4, IP6)


def payload_of(frame):
    return frame[14:]


def sll(frame, **fields):
    return bytes(CookedLinux(proto=struct.unpack(">H", frame[12:14])[0], **fields)) + payload_of(frame)


def sll2(frame, **fields):
    return bytes(CookedLinuxV2(proto=struct.unpack(">H", frame[12:14])[0], **fields)) + payload_of(frame)


def with_family(order, inet6):
    """@order: "<" or ">"; @inet6: AF_INET6 of the capturing system."""
    return lambda frame: struct.pack(f"{order}I", 2 if frame[12:14] == IP4 else inet6) + payload_of(frame)


# name: link type, which frames it can carry, how the packet is made from the frame
LINKS = {
    "RAW": (RAW, is_ip, payload_of),
    "RAW as 12": (12, is_ip, payload_of),
    "RAW as 14": (14, is_ip, payload_of),
    "IPV4": (IPV4, lambda frame: frame[12:14] == IP4, payload_of),
    "IPV6": (IPV6, lambda frame: frame[12:14] == IP6, payload_of),
    "LINUX_SLL": (SLL, lambda frame: True, sll),
    "LINUX_SLL2": (SLL2, lambda frame: True, sll2),
    "NULL, little-endian, FreeBSD": (NULL, is_ip, with_family("<", 28)),
    "NULL, big-endian, Darwin": (NULL, is_ip, with_family(">", 30)),
    "LOOP, NetBSD": (LOOP, is_ip, with_family(">", 24)),
}


class Folder:
    def __init__(self, path):
        self.path = path
        self.capture = os.path.join(path, "capture.pcap")
        self.config = os.path.join(path, "spillway.yaml")
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(Policy(**f.POLICY).as_yaml())

    def simulate(self, packets, linktype):
        simulate.write_pcap(self.capture, packets, linktype)
        return self.simulate_path(self.capture)

    def simulate_path(self, path):
        return simulate.run("simulate", path, "--level", LEVEL, "-c", self.config, "-j")


def told(done):
    return f"exit status {done.returncode}\nstdout: {done.stdout[:300]}\nstderr: {done.stderr[:500]}"


def same(tap, name, got, expected):
    """One point: two runs judged the same packets alike."""
    wrong = [f"{left}\n{right}" for left, right in zip(got.stdout.splitlines(), expected.stdout.splitlines()) if left != right]
    counts = len(got.stdout.splitlines()), len(expected.stdout.splitlines())
    good = got.returncode == 0 and expected.returncode == 0 and counts[0] == counts[1] > 0 and not wrong
    tap.ok(good, name, "\n".join([f"{counts[0]} and {counts[1]} lines", *wrong[:6], told(got), told(expected)]))


def sources():
    """Valid frames and as many damaged ones, random but reproducible."""
    chooser = random.Random(228)
    valid = list(f.valid().values())
    damaged = []
    for frame in valid:
        frame = bytearray(frame)
        frame[14 + chooser.randrange(len(frame) - 14)] ^= 1 << chooser.randrange(8)
        damaged.append(bytes(frame[: chooser.randrange(15, len(frame) + 1)]))
    return valid + damaged


def test_judged_alike(tap, folder):
    frames = [MACS + frame[12:] for frame in sources()]
    dropped = set()
    for name, (linktype, carried, make) in LINKS.items():
        some = [frame for frame in frames if carried(frame)]
        done = folder.simulate([make(frame) for frame in some], linktype)
        same(tap, f"{name}: {len(some)} packets are judged as in Ethernet frames", done, folder.simulate(some, 1))
        notes = [line for line in done.stderr.splitlines() if "Ethernet header" in line]
        tap.ok(len(notes) == 1 and name.split()[0].rstrip(",") in notes[0], f"{name}: told once", done.stderr)
        dropped.update(json.loads(line)["verdict"] for line in done.stdout.splitlines())
    tap.equal(dropped, {"pass", "drop"}, "some are dropped and some pass")
    done = folder.simulate(frames, 1)
    tap.ok(done.returncode == 0 and "Ethernet header" not in done.stderr, "no note about an Ethernet capture", told(done))


def test_not_ip(tap, folder):
    """Without an ethertype it is no IP packet, and passes."""
    packet = f.ip4(f.syn(), f.HOSTILE4)
    rows = (
        ("netlink messages", SLL, sll(packet, lladdrtype=NETLINK)),
        ("netlink messages", SLL2, sll2(packet, lladdrtype=NETLINK)),
        ("802.3 without an ethertype", SLL, bytes(CookedLinux(proto=4)) + payload_of(packet)),
        ("an unknown address family", NULL, struct.pack("<I", 7) + payload_of(packet)),
    )
    for name, linktype, packet in rows:
        done = folder.simulate([packet], linktype)
        line = json.loads(done.stdout or "{}")
        tap.ok(line.get("src", "") is None and line.get("verdict") == "pass", f"{name}, link type {linktype}", told(done))


def test_damaged_headers(tap, folder):
    """Packets that end within their header are malformed; the rest of the capture is judged normally."""
    packet = f.ip4(f.syn(), f.HOSTILE4)
    for name, (linktype, _, make) in LINKS.items():
        whole = make(packet)
        done = folder.simulate([whole[:size] for size in range(FIRST_BYTES)] + [whole], linktype)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        cut = [line for line in lines[:-1] if line["reason"] == "malformed" or line["src"] is None]
        good = done.returncode == 0 and len(lines) == FIRST_BYTES + 1 and len(cut) == FIRST_BYTES
        whole_is_judged = lines and (lines[-1]["verdict"] == "drop" or linktype == IPV6)
        tap.ok(good and whole_is_judged, f"{name}: packets of 0 to {FIRST_BYTES - 1} bytes", told(done))


def test_noise(tap, folder):
    chooser = random.Random(276)
    for name, (linktype, _, _) in LINKS.items():
        packets = [chooser.randbytes(chooser.randrange(200)) for _ in range(simulate.scaled(300))]
        done = folder.simulate(packets, linktype)
        tap.ok(done.returncode == 0 and len(done.stdout.splitlines()) == len(packets), f"{name}: noise", told(done))


def test_outgoing(tap, folder):
    """Packets sent by the capturing host never reach XDP; the totals are marked as including them."""
    packet = f.ip4(f.syn(), f.HOSTILE4)
    for linktype, make in ((SLL, sll), (SLL2, sll2)):
        both = folder.simulate([make(packet, pkttype=OUTGOING), make(packet, pkttype=0), make(packet, pkttype=OUTGOING)], linktype)
        tap.ok("note: 2 packets were sent" in both.stderr, f"link type {linktype}: outgoing packets are counted", told(both))
        none = folder.simulate([make(packet, pkttype=0)], linktype)
        tap.ok("were sent" not in none.stderr, f"link type {linktype}: no note if there are none", told(none))


def test_pcapng(tap, folder):
    if not shutil.which("editcap"):
        tap.skip("pcapng", "no editcap")
        return
    frames = [MACS + frame[12:] for frame in f.valid().values() if is_ip(frame)]
    for name in ("RAW", "LINUX_SLL", "LINUX_SLL2"):
        linktype, _, make = LINKS[name]
        simulate.write_pcap(folder.capture, [make(frame) for frame in frames], linktype)
        path = os.path.join(folder.path, "capture.pcapng")
        subprocess.run(["editcap", "-F", "pcapng", folder.capture, path], check=True, timeout=30)
        same(tap, f"{name} in pcapng", folder.simulate_path(path), folder.simulate(frames, 1))


# In its own network namespace: a server on a shop port, clients with addresses of two lists, all on "lo".
TALK = """
set -e
ip link set lo up
ip addr add 198.51.100.9/32 dev lo
ip addr add 203.0.113.66/32 dev lo
ip addr add 192.0.2.7/32 dev lo
dumpcap -q -i any -y "$1" -w "$2" -a duration:20 -c 30 2>"$2.log" &
for i in $(seq 100); do grep -q "^File:" "$2.log" && break; sleep 0.1; done
python3 - "$2.log" <<'END'
import socket, sys, time
server = socket.create_server(("0.0.0.0", 443))
for turn in range(50):
    for source in ("198.51.100.9", "203.0.113.66", "192.0.2.7"):
        with socket.create_connection(("192.0.2.7", 443), source_address=(source, 0)):
            server.accept()[0].close()
    time.sleep(0.1)
    with open(sys.argv[1]) as log:
        if "captured" in log.read():
            break
END
wait
"""


def capture_any(folder, name):
    """A capture of a conversation in a namespace, by dumpcap on "any"."""
    path = os.path.join(folder.path, f"{name}.pcapng")
    done = subprocess.run(
        ["unshare", "--net", "sh", "-c", TALK, "sh", name, path], capture_output=True, text=True, timeout=60, check=False
    )
    return path, done.stdout + done.stderr


def test_captured(tap, folder):
    """Real captures on "any" against Ethernet frames made by scapy from them."""
    if not shutil.which("dumpcap"):
        tap.skip("captures on 'any'", "no dumpcap")
        return
    for name, layer in (("LINUX_SLL", CookedLinux), ("LINUX_SLL2", CookedLinuxV2)):
        path, output = capture_any(folder, name)
        if not os.path.exists(path):
            tap.ok(False, f"dumpcap -i any -y {name}", output)
            continue
        packets = [layer(data) for data, _ in RawPcapReader(path)]
        frames = [MACS + struct.pack(">H", packet.proto) + bytes(packet.payload) for packet in packets]
        flows = {type(part) for packet in packets for part in (TCP, UDP) if packet.haslayer(part)}
        tap.ok(len(packets) == 30 and flows, f"dumpcap -i any -y {name}: {len(packets)} packets", output)
        done = folder.simulate_path(path)
        same(tap, f"{name}: a real capture is judged as Ethernet", done, folder.simulate(frames, 1))
        verdicts = {json.loads(line)["verdict"] for line in done.stdout.splitlines()}
        tap.equal(verdicts, {"pass", "drop"}, f"{name}: some packets are dropped and some pass")


def test_without_configuration(tap, folder):
    """The first command of a new user, on a host without a configuration."""
    # An empty folder hides this host's configuration.
    alone = ["unshare", "--mount", "sh", "-c", 'mkdir -p /etc/spillway && mount -t tmpfs none /etc/spillway && exec "$0" "$@"']
    simulate.write_pcap(folder.capture, [f.ip4(f.syn(), "198.18.5.5"), f.ip4(f.syn(), "10.0.0.5"), f.ip4(f.ack(), "198.18.5.5")])

    def run(*arguments):
        command = [*alone, simulate.SPILLWAY, *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=simulate.TIMEOUT, check=False)

    done = run("simulate", folder.capture, "-j", "--level=red")
    verdicts = [json.loads(line)["verdict"] for line in done.stdout.splitlines()]
    tap.ok(done.returncode == 0 and verdicts == ["drop", "pass", "pass"], "simulate: new work of public sources, at red", told(done))
    tap.ok(done.stderr.count("built-in configuration") == 1, "simulate tells once of its configuration", done.stderr)
    done = run("doctor", "-j")
    checks = {check["check"]: check for check in json.loads(done.stdout)["checks"]}
    good = done.returncode == 0 and done.stderr.count("built-in configuration") == 1
    tap.ok(good and checks["configuration"]["outcome"] == "warn", "doctor: a warning, exit status 0", told(done))
    tap.ok(run("version").returncode == 0, "version")
    for verb in ("simulate", "doctor"):
        done = run(verb, *([folder.capture] if verb == "simulate" else []), "-c", "/nonexistent.yaml")
        said = "/nonexistent.yaml" in done.stdout + done.stderr and "built-in" not in done.stderr
        tap.ok(done.returncode == 1 and said, f"{verb}: a missing file named with -c is an error", told(done))
    done = run("check")
    tap.ok(done.returncode == 1 and "/etc/spillway/spillway.yaml" in done.stderr, "check needs a configuration", told(done))


def main():
    simulate.need_root()
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="spillway-links-") as path:
        folder = Folder(path)
        tap.run(test_judged_alike, folder)
        tap.run(test_not_ip, folder)
        tap.run(test_damaged_headers, folder)
        tap.run(test_noise, folder)
        tap.run(test_outgoing, folder)
        tap.run(test_pcapng, folder)
        tap.run(test_captured, folder)
        tap.run(test_without_configuration, folder)
    tap.done()


if __name__ == "__main__":
    main()
