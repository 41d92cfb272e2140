# SPDX-License-Identifier: GPL-2.0-only
"""Send frames through the real program, `spillway simulate`, and compare with the oracle."""
import json
import os
import struct
import subprocess
import sys
import tempfile

import oracle

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SPILLWAY = os.environ.get("SPILLWAY", os.path.join(REPOSITORY, "build/spillway"))

# Scales the number of random cases, for slow machines: 0.1 makes a tenth.
SCALE = float(os.environ.get("SPILLWAY_TEST_SCALE", "1.0"))

# Upper bound for a single run.
TIMEOUT = 60 / min(SCALE, 1.0)

LINKTYPE_ETHERNET = 1
SHOWN_MAX = 8  # disagreements printed per point
SHOWN_BYTES = 128  # of each


def scaled(count):
    return max(1, round(count * SCALE))


def need_root():
    """TEST_RUN of XDP programs needs root; without it skip everything."""
    if os.geteuid() != 0:
        print("1..0 # SKIP needs root, for BPF_PROG_TEST_RUN")
        sys.exit(0)


def write_pcap(path, frames, linktype=LINKTYPE_ETHERNET, snaplen=262144):
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, snaplen, linktype))
        for number, frame in enumerate(frames):
            file.write(struct.pack("<IIII", number, 0, len(frame), len(frame)))
            file.write(frame)


def run(*arguments):
    """The finished process of `spillway` with these arguments; output as text."""
    return subprocess.run([SPILLWAY, *arguments], capture_output=True, text=True, timeout=TIMEOUT, check=False)


def simulate_file(capture, policy, level):
    """The program's output for each packet of a capture file, as a list of dictionaries."""
    with tempfile.TemporaryDirectory(prefix="spillway-prog-") as folder:
        config = os.path.join(folder, "spillway.yaml")
        with open(config, "w", encoding="utf-8") as file:
            file.write(policy.as_yaml())
        done = run("simulate", capture, "--level", level, "-c", config, "-j")
        if done.returncode != 0:
            raise RuntimeError(f"spillway simulate exited {done.returncode}: {done.stderr.strip()}")
        return [json.loads(line) for line in done.stdout.splitlines()]


def simulate(frames, policy, level="green"):
    """The program's output for each frame."""
    with tempfile.TemporaryDirectory(prefix="spillway-prog-") as folder:
        capture = os.path.join(folder, "frames.pcap")
        write_pcap(capture, frames)
        return simulate_file(capture, policy, level)


def differences(got, expected):
    """Text for each expected field that is missing or different in the program's line."""
    return [
        f"{name}: program says {got.get(name, '(absent)')!r}, expected {value!r}"
        for name, value in expected.items()
        if name not in got or got[name] != value
    ]


def compare(tap, name, frames, got, expected):
    """One test point: the program's lines @got are the @expected ones, in every field."""
    if len(got) != len(expected):
        return tap.ok(False, name, f"{len(got)} lines for {len(expected)} frames")
    wrong = []
    for frame, got_line, expected_line in zip(frames, got, expected):
        texts = differences(got_line, expected_line)
        if texts:
            wrong.append(f"packet {got_line.get('n')}: {'; '.join(texts)}\n    {frame[:SHOWN_BYTES].hex()}")
    why = f"{len(wrong)} of {len(frames)} packets differ\n" + "\n".join(wrong[:SHOWN_MAX])
    return tap.ok(not wrong, name, why)


def expectations(frames, policy, level):
    """The oracle's output for each frame, numbered as in a capture."""
    lines = [oracle.judge(oracle.parse(frame), policy, level) for frame in frames]
    return [{"n": number, **line} for number, line in enumerate(lines, start=1)]


def agree(tap, name, frames, policy, level="green"):
    """One test point: program and oracle agree on all @frames."""
    compare(tap, name, frames, simulate(frames, policy, level), expectations(frames, policy, level))


class Cases:
    """Frames with expectations. They go through the program together, and each is a test point: program and oracle agree in
    every field, and both match the fields written beside the frame."""

    def __init__(self):
        self.cases = []  # (name, frames, fields, whether the oracle is asked)

    def add(self, name, frames, asked=True, **fields):
        """@frames: one, or several with the same expectation. @asked: False if the oracle can't know."""
        frames = [frames] if isinstance(frames, bytes) else list(frames)
        self.cases.append((name, frames, fields, asked))

    def check(self, tap, policy, level="green", label=""):
        """A test point for each case; @label distinguishes several runs of the same cases."""
        frames = [frame for _, some, _, _ in self.cases for frame in some]
        got = simulate(frames, policy, level)
        expected = expectations(frames, policy, level)
        if len(got) != len(frames):
            tap.ok(False, "a line for every frame", f"{len(got)} lines for {len(frames)} frames")
            return
        at = 0
        for name, some, fields, asked in self.cases:
            name += f" [{label}]" if label else ""
            part = slice(at, at + len(some))
            at += len(some)
            astray = [line for line in expected[part] if asked and differences(line, fields)]
            if astray:
                tap.ok(False, name, f"the oracle itself says {astray[0]}, expected {fields}")
            else:
                compare(tap, name, some, got[part], expected[part] if asked else [fields] * len(some))
