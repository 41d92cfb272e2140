#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""What the documents say about the tree: faults that tests cite, files and targets that are named."""
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
from tap import Tap  # noqa: E402

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
NAMED = re.compile(r"`((?:user|bpf|maps|tests|packaging|vmlinux|docs)/[\w./-]+)`")


def test_faults(tap):
    done = subprocess.run([ROOT / "tests/faults"], capture_output=True, text=True, check=False)
    tap.equal((done.returncode, done.stdout), (0, ""), "docs/faults.md has each fault that a test cites")


def test_files(tap):
    placeholders = re.compile(r"\b(NAME|FORMAT)\b|_FORMAT")
    for page in PAGES:
        text = page.read_text()
        links = re.findall(r"\]\(([\w./-]+)(?:#[\w-]+)?\)", text)
        missing = [name for name in NAMED.findall(text) if not (ROOT / name).exists() and not placeholders.search(name)]
        missing += [name for name in links if not (page.parent / name).exists()]
        tap.equal(missing, [], f"{page.relative_to(ROOT)}: the files that it names are there")


def test_targets(tap):
    known = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    for page in PAGES:
        named = set(re.findall(r"`(?:sudo )?make ([a-z-]+)", page.read_text()))
        tap.equal(sorted(named - known), [], f"{page.relative_to(ROOT)}: the make targets that it names are there")


def test_metrics(tap):
    """Families by their names in view/; series of a histogram have the name of their family."""
    page = (ROOT / "docs/metrics.md").read_text()
    told = set(re.findall(r"^\| `(spillway_\w+)`", page, re.M))
    written = {name for path in (ROOT / "user/view").glob("*.c") for name in re.findall(r'"(spillway_\w+)"', path.read_text())}
    tap.ok(len(written) > 50, "the metrics are found", sorted(written))
    tap.equal(sorted(written - told), [], "docs/metrics.md has each metric")
    tap.equal(sorted(told - written), [], "docs/metrics.md has no other metric")


def main():
    tap = Tap()
    for test in (test_faults, test_files, test_targets, test_metrics):
        tap.run(test)
    tap.done()


main()
