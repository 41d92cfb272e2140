#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""What README, manuals and pages say, held to the program: each command is understood, each example of a configuration is
valid, each limit is the one that is enforced.

Commands run as they are written, without an agent and on pins of their own. `run`, `top` and `crowdsec`, which would not end, and what
is named within a line, perhaps without its words, get a --help. Exit status 2 means that the program did not
understand; 1, as where no agent listens, is no fault of the page.
"""
import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
from tap import Tap  # noqa: E402

SPILLWAY = os.environ.get("SPILLWAY", str(ROOT / "build/spillway"))
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
MANUALS = sorted((ROOT / "docs").glob("*.[58]"))
ENDLESS = {"run", "top", "crowdsec"}
KEYS = set(re.findall(r'^\t(?:\[\w+\] = )?\{"(\w+)", (?:spw_)?read_\w+\},$',
                      (ROOT / "user/config/read.c").read_text().split("root_keys[] = {")[1].split("};")[0], re.M))


def plain(line):
    """A line of mdoc as it is shown."""
    line = re.sub(r"^\.Dl ", "", line)
    if line.startswith('"') and line.endswith('"'):
        line = line[1:-1]
    return line.replace(r"\(dq", '"').replace(r"\-", "-").replace(r"\e", "\\").replace(r"\&", "")


def manual_blocks(text):
    """Literal blocks, and runs of lines that stand for themselves."""
    blocks = [[plain(line) for line in block.splitlines()]
              for block in re.findall(r"^\.Bd -literal[^\n]*\n(.*?)^\.Ed", text, re.M | re.S)]
    blocks += [[plain(line) for line in run.splitlines()] for run in re.findall(r"(?:^\.Dl [^\n]*\n)+", text, re.M)]
    return blocks


def page_blocks(text):
    """Fenced blocks, indented blocks, and code within a line."""
    fenced = re.findall(r"^```\w*\n(.*?)^```", text, re.M | re.S)
    rest = re.sub(r"^```\w*\n.*?^```", "", text, flags=re.M | re.S)
    indented = re.findall(r"(?:^    [^\n]*\n)+", rest, re.M)
    spans = re.findall(r"`([^`\n]+)`", rest)
    return [block.splitlines() for block in fenced] + [[line[4:] for line in block.splitlines()] for block in indented] \
        + [[span] for span in spans]


def all_blocks():
    for path in PAGES:
        for block in page_blocks(path.read_text()):
            yield path, block
    for path in MANUALS:
        for block in manual_blocks(path.read_text()):
            yield path, block


def commands_of(line):
    """The commands of the program in a line of shell: words behind its name."""
    line = re.sub(r"\s+#.*", "", line.strip())
    for part in re.split(r"&&|\|\||\||;", re.sub(r"[<>]+ ?\S+", "", line)):
        try:
            words = shlex.split(part)
        except ValueError:
            continue
        while words and words[0] in ("sudo", "#", "$"):
            words = words[1:]
        # Behind two blanks stands a picture of the screen, and a colon ends the beginning of a message.
        if words and words[0] == "spillway" and len(words) > 1 and not re.search(r"[{}\[\]]|\.\.\.$|spillway  |: ", part):
            yield words[1:]


class Place:
    """A folder with whatever files the pages name, and pins that nothing is in."""

    def __init__(self, folder):
        self.folder = Path(folder)
        (self.folder / "partners.txt").write_text("198.51.100.0/24\n")
        self.top = (f"pin_dir: /sys/fs/bpf/test-manuals-{os.getpid()}\nrun_dir: {folder}/run\nstate_dir: {folder}/state\n")
        self.config = self.write("spillway.yaml", self.top + "interfaces: [lo]\nmetrics: { listen: off }\n"
                                 "lists: { banned: {} }\nclasses: [{ name: b, lists: [banned] }, { name: rest }]\n")

    def write(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return path

    def run(self, words, timeout=3):
        """(exit status, what it said); None where it goes on."""
        words = [word.replace("~", str(self.folder)) for word in words]
        for index, word in enumerate(words):
            if word in ("-c", "--config") and index + 1 < len(words):
                words[index + 1] = str(self.write(Path(words[index + 1]).name, self.config.read_text()))
        for word in words:
            if word == "FILE":
                self.write("FILE", "198.51.100.7\n")
        try:
            done = subprocess.run([SPILLWAY, "-c", self.config, *words], capture_output=True, text=True, errors="replace",
                                  check=False, timeout=timeout, cwd=self.folder, stdin=subprocess.DEVNULL)
        except subprocess.TimeoutExpired:
            return None, "it goes on"
        return done.returncode, (done.stdout + done.stderr)[-500:]

    def check(self, text):
        path = self.write("checked.yaml", text)
        done = subprocess.run([SPILLWAY, "-c", path, "check", "--force"], capture_output=True, text=True, check=False,
                              timeout=60, cwd=self.folder)
        return done.returncode, done.stderr


def test_commands(tap, place):
    seen, wrong = set(), []
    for path, block in all_blocks():
        for line in block:
            for words in commands_of(line):
                if tuple(words) in seen:
                    continue
                seen.add(tuple(words))
                verbs = [word for word in words if not word.startswith("-")]
                within = line.startswith("spillway ") and block == [line]
                status, said = place.run([*words, "--help"] if within or ENDLESS & set(verbs) else words)
                if status not in (0, 1, None):
                    wrong.append(f"{path.relative_to(ROOT)}: spillway {' '.join(words)}: {said}")
    tap.ok(len(seen) > 30, "the commands are found", len(seen))
    tap.equal(wrong, [], f"all of {len(seen)} commands are understood")


def completed(text):
    """A part of a configuration, with what a whole one needs."""
    keys = set(re.findall(r"^(\w+):", text, re.M))
    if "lists" not in keys and "classes" in keys:
        names = {name.strip() for found in re.findall(r"\blists: \[([^\]]*)\]", text) for name in found.split(",")}
        text += "".join(["lists:\n", *(f"  {name}: {{}}\n" for name in sorted(names))]) if names else ""
    text += "" if "classes" in keys else "classes: [{ name: everybody }]\n"
    return text + ("" if "interfaces" in keys else "interfaces: [eth0]\n")


def test_configurations(tap, place):
    """Tables that this host does not have are no fault of the example."""
    seen, wrong = set(), []
    examples = list(all_blocks()) + [(ROOT / "packaging/spillway.yaml",
                                      (ROOT / "packaging/spillway.yaml").read_text().splitlines())]
    for path, block in examples:
        text = "\n".join(block) + "\n"
        keys = set(re.findall(r"^(\w+):(?= |$)", text, re.M))
        if not keys or not keys <= KEYS or "..." in text or re.search(r"\b[A-Z]{4,}\b", text) or text in seen:
            continue
        seen.add(text)
        status, said = place.check(completed(text))
        errors = [line for line in said.splitlines() if not line.startswith("warning:")
                  and "No such file" not in line and "there is no interface" not in line]
        if status and errors:
            wrong.append(f"{path.relative_to(ROOT)}: {text}{errors}")
    tap.ok(len(KEYS) > 12 and len(seen) > 20, "the examples are found", f"{len(KEYS)} keys, {len(seen)} examples")
    tap.equal(wrong, [], f"all of {len(seen)} examples are valid")


# What a manual says (a regular expression with the number), and a configuration with so many of it.
LIMITS = [
    (r"Cm services :.*?At most ([\d,]+);", lambda n: "services:\n" + "".join(f"  s{i}: {{ tcp: [{i + 1}] }}\n" for i in range(n))),
    (r"Cm lists :.*?At most ([\d,]+);", lambda n: "lists:\n" + "".join(f"  l{i}: {{}}\n" for i in range(n))),
    (r"At most ([\d,]+) prefixes \(a range",
     lambda n: "management: { prefixes: [" + ", ".join(f"192.0.2.{i}" for i in range(n)) + "] }\n"),
    (r"prefixes it comes to\) and ([\d,]+) ports",
     lambda n: "management: { ports: [" + ", ".join(str(i + 1) for i in range(n)) + "] }\n"),
    (r"Announced steps of demand.*?at most ([\d,]+)\.",
     lambda n: "expect:\n" + "".join(f'  - {{ at: "20{30 + i}-11-27T12:00", for: 30m, demand: 5x }}\n' for i in range(n))),
    (r"bpffs, at most ([\d,]+) bytes long", lambda n: "pin_dir: /sys/fs/bpf/" + "p" * (n - 12) + "\n"),
    (r"Its path is at most ([\d,]+) bytes long", lambda n: "run_dir: /" + "r" * (n - 1) + "\n"),
    (r"at most ([\d,]+) per list; one without a prefix",
     lambda n: "lists: { a: { mmdb: /nowhere, asns: [" + ", ".join(str(i + 1) for i in range(n)) + "] } }\n"),
]


def test_limits(tap, place):
    manual = (ROOT / "docs/spillway.yaml.5").read_text()
    for pattern, make in LIMITS:
        found = re.search(pattern, manual, re.S)
        if not tap.ok(found, f"the manual says: {pattern}"):
            continue
        number = int(found[1].replace(",", ""))
        said = [place.check(completed(make(count)))[1] for count in (number, number + 1)]
        refused = [[line for line in text.splitlines() if re.search(r"more than|longer than", line)] for text in said]
        tap.ok(not refused[0] and refused[1], f"{number}, and not one more: {pattern}", f"{refused} {said[1][:300]}")


def test_wrong_values(tap, place):
    """A value that is wrong is answered in a line, and not with the whole usage."""
    for words in (["level", "set", "purple"], ["level", "set", "red", "--for", "1x"], ["capacity", "shop", "abc"],
                  ["list", "add", "banned", "192.0.2.7", "--for", "x"], ["apply", "--confirm", "x"], ["nonsense"], ["check", "--nonsense"]):
        status, said = place.run(words)
        tap.ok(status == 2 and len(said.splitlines()) == 1 and "--help" in said, f"spillway {' '.join(words)}", f"{status}: {said}")


def main():
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="spillway-manuals-") as folder:
        place = Place(folder)
        for test in (test_commands, test_configurations, test_limits, test_wrong_values):
            tap.run(test, place)
    tap.done()


main()
