#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# reads: packaging/spillway.service packaging/spillway-failed.service packaging/crowdsec/spillway-crowdsec.service tests/unit/test_units.py
"""The units for systemd: they are valid, and each is confined: `systemd-analyze security` says 2.5 or less."""
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
from tap import Tap  # noqa: E402

UNITS = [ROOT / "packaging" / name for name in ("spillway.service", "spillway-failed.service", "crowdsec/spillway-crowdsec.service")]
MOST = 2.5


def analyze(*argv):
    return subprocess.run(["systemd-analyze", *argv], capture_output=True, text=True, check=False)


def installed(folder):
    """The units as `make install` writes them, with a program that is there."""
    program = Path(folder) / "sbin/spillway"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for unit in UNITS:
        (Path(folder) / unit.name).write_text(unit.read_text().replace("@PREFIX@", folder))
    return [Path(folder) / unit.name for unit in UNITS]


def exposure(unit, *options):
    done = analyze("security", "--offline=true", "--no-pager", *options, unit)
    return done, float((re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout) or [0, "99"])[1])


def test_units(tap):
    with tempfile.TemporaryDirectory() as folder:
        for unit in installed(folder):
            done = analyze("verify", "--man=no", unit)
            tap.equal((done.returncode, done.stderr), (0, ""), f"{unit.name}: systemd-analyze verify has no complaint")
            done, level = exposure(unit)
            tap.ok(level <= MOST, f"{unit.name}: exposure {level}, {MOST} or less", done.stdout + done.stderr)
        open_unit = Path(folder) / "open.service"
        open_unit.write_text(f"[Service]\nExecStart={folder}/sbin/spillway\n")
        tap.ok(exposure(open_unit)[1] > 9, "a unit without confinement is rated as such")


if __name__ == "__main__":
    if not shutil.which("systemd-analyze") or "--offline" not in analyze("--help").stdout:
        print("1..0 # skip no systemd-analyze with --offline")
        sys.exit(0)
    tap = Tap()
    tap.run(test_units)
    tap.done()
