#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""What documents and comments say about the tree: faults that tests cite, files, names and targets that they cite."""
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


def cited(text):
    """Files (by a suffix), and names of the product and functions that a comment or a page cites; no placeholders."""
    files = re.findall(r"(?<![\w./*<:-])[\w./-]*\w\.(?:c|h|py|md)\b(?![\w(/])", text)
    names = re.findall(r"\b(?:spw|SPW)_\w*[A-Za-z0-9]\b(?!_?\*)", text)
    functions = re.findall(r"(?<![\w.>-])([a-z]\w+_\w+)\(\)", text)
    return [cite for cite in files + names + functions if not re.search(r"NAME|^[abx]\.[ch]$|^linux/", cite)]


def parted(source):
    """(code, comments) of a C source."""
    token = re.compile(r"""("(?:\\.|[^"\\\n])*")|(/\*.*?\*/|//[^\n]*)""", re.S)
    comments = [match[2] for match in token.finditer(source) if match[2]]
    return token.sub(lambda match: match[1] or " ", source), "\n".join(comments)


def test_citations(tap):
    """A file is cited by the end of its path; a name of the product or a function is cited as code has it."""
    outside = {"pcap.h", "dev_valid_name"}  # of libpcap, of the kernel
    files = [path for top in ("user", "bpf", "maps", "tests", "vmlinux", "docs", "packaging")
             for path in (ROOT / top).rglob("*")]
    places = [f"/{path.relative_to(ROOT)}" for path in [*files, *PAGES]]
    texts, words = {page: page.read_text() for page in PAGES}, set()
    for path in files:
        if path.suffix in (".c", ".h"):
            code, texts[path] = parted(path.read_text())
            words.update(re.findall(r"\w+", code))
    missing = [f"{path.relative_to(ROOT)}: {cite}" for path, text in texts.items() for cite in cited(text)
               if cite not in words | outside and not any(place.endswith(f"/{cite}") for place in places)]
    tap.ok(len(texts) > 200, "the comments are found", len(texts))
    tap.equal(missing, [], "comments and pages cite only files and names that are there")


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


def kernel(text):
    """SPW_KERNEL(6, 4) as the page has it."""
    numbers = re.findall(r"\d+", text)
    return ".".join(numbers) if len(numbers) == 2 else ""


def test_nics(tap):
    """The table of drivers in docs/nics.md is that of user/core/nic.c."""
    version = r"(0|SPW_KERNEL\(\d+, \d+\))"
    table = (ROOT / "user/core/nic.c").read_text().split("drivers[] = {")[1].split("\n};")[0]
    rows = re.findall(rf'\{{"([^"]+)",\s*{version},\s*(\d+),\s*{version},[^"]*"([^"]+), Linux ([\d.]+)"', table)
    expected = [(name, kernel(since) or "none", (mtu if mtu != "0" else "any") if since != "0" else "", kernel(frags), f"linux/{path}, {read}")
                for name, since, mtu, frags, path, read in rows]
    page = (ROOT / "docs/nics.md").read_text()
    told = re.findall(r"^\| `([^`]+)` \| (\S+) \| (\w*)(?:; any from ([\d.]+) on)? \| [^|]* \| (\S+, \S+) \|$", page, re.M)
    tap.ok(len(rows) > 20, "the drivers are found", rows)
    tap.equal(told, expected, "docs/nics.md has each driver as it is looked at")


def main():
    tap = Tap()
    for test in (test_faults, test_files, test_citations, test_targets, test_metrics, test_nics):
        tap.run(test)
    tap.done()


main()
