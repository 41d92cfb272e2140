#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# reads: Makefile packaging tests
"""What the Makefile promises: each target builds the programs that its scripts start, help is true, install is whole.

A script names a program as "build/NAME" in a string. Modules of tests/ that it imports count as part of it.
"""
import ast
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
from tap import Tap  # noqa: E402

MODULES = {path.stem: path for path in ROOT.glob("tests/**/*.py") if not path.stem.startswith("test_")}
MAKEFILE = (ROOT / "Makefile").read_text()
PROGRAM = re.compile(r"\bbuild/[\w/.-]*\w")


def make(*argv):
    """Run make as a user would: not as a part of the make that runs this test."""
    clean = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "BUILD")}
    return subprocess.run(["make", "-s", "--no-print-directory", *argv], cwd=ROOT, env=clean, capture_output=True, text=True,
                          check=False, timeout=60)


def lists_of(targets):
    """Of each target, the programs that it builds and the scripts that it runs."""
    names = [name for target in targets for name in (target.upper().replace("-", "_"), target.upper().replace("-", "_") + "_SCRIPTS")]
    lines = [set(line.split()) for line in make(*(f"print-{name}" for name in names)).stdout.split("\n")]
    return {target: (lines[2 * i], lines[2 * i + 1]) for i, target in enumerate(targets)}


def python_words(path):
    """Strings of a Python file but its documentation, and the modules of tests/ that it imports."""
    tree = ast.parse(path.read_text())
    docs, texts, modules = set(), [], set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            docs.add(node.value)
        elif isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            modules.add(node.module)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in docs:
            texts.append(node.value)
    return texts, {MODULES[name] for name in modules if name in MODULES}


def shell_words(path):
    return [line for line in path.read_text().splitlines() if not line.lstrip().startswith("#")], set()


def programs_of(script, seen=None):
    """Programs below build/ that a script starts, itself or by what it imports."""
    seen = seen if seen is not None else set()
    if script in seen:
        return set()
    seen.add(script)
    is_python = script.suffix == ".py" or "python" in script.read_text().split("\n", 1)[0]
    texts, modules = python_words(script) if is_python else shell_words(script)
    found = {name for text in texts for name in PROGRAM.findall(text) if not name.endswith((".json", ".log"))}
    for module in modules:
        found |= programs_of(module, seen)
    return found


def recipes():
    """The lines of each target's recipe that does not make a file."""
    found = {}
    for target, lines in re.findall(r"^([a-z-]+):[^\n=]*\n((?:\t.*\n)+)", MAKEFILE, re.M):
        found[target] = lines
    return found


def test_programs(tap):
    starts = {target: recipe for target, recipe in recipes().items()
              if re.search(r"^\t@?(tests/|\$\(BUILD\)/)", recipe, re.M) and target != "check"}
    tap.ok({"demo", "test", "vmtest", "bench", "bench-loop"} <= set(starts), "the targets are found", sorted(starts))
    for target, (listed, scripts) in lists_of(list(starts)).items():
        needed = set().union(*(programs_of(ROOT / script) for script in scripts))
        tap.ok(listed and f"$({target.upper().replace('-', '_')})" in starts[target], f"make {target} builds a list of programs")
        tap.equal(sorted(needed - listed), [], f"make {target} builds all that its scripts start")
        started = set(re.findall(r"\btests/[\w/]+", starts[target])) - {"tests/run"}
        tap.equal(sorted(started - scripts), [], f"make {target} lists the scripts that it runs")


def test_help(tap):
    told = make("help").stdout.splitlines()
    targets = {line.split()[0] for line in told if line.strip()}
    known = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.M))
    tap.equal(sorted(targets - known), [], "help names no target that is not there")
    tap.ok({"all", "demo", "test", "lint", "install"} <= targets, "help names the usual targets", sorted(targets))


def test_install(tap):
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        options = (f"DESTDIR={place}", "PREFIX=/usr", "-o", "build/spillway")
        done = make("install", *options)
        tap.equal((done.returncode, done.stderr), (0, ""), "make install DESTDIR=... works")
        files = {str(path.relative_to(place)): path for path in place.rglob("*") if path.is_file()}
        wanted = {"usr/sbin/spillway", "usr/share/man/man8/spillway.8", "usr/share/man/man5/spillway.yaml.5",
                  "usr/lib/systemd/system/spillway.service", "usr/share/bash-completion/completions/spillway",
                  "usr/share/doc/spillway/README.md"}
        tap.equal(sorted(wanted - set(files)), [], "program, manuals, unit, completion and README are installed")
        tap.equal([name for name, path in files.items() if not path.stat().st_size], [], "no file is empty")
        unit = files["usr/lib/systemd/system/spillway.service"].read_text()
        tap.ok("/usr/sbin/spillway" in unit and "@PREFIX@" not in unit, "the unit starts what was installed", unit)
        make("uninstall", *options)
        tap.equal([str(path) for path in place.rglob("*") if path.is_file()], [], "make uninstall removes all of it")


def test_fuzz(tap):
    targets = {path.stem.removeprefix("fuzz_") for path in ROOT.glob("tests/fuzz/fuzz_*.c")}
    corpora = {path.name for path in (ROOT / "tests/fuzz/corpus").iterdir()}
    tap.equal(targets, corpora, "each fuzz target has a corpus, and each corpus a target")


def main():
    tap = Tap()
    for test in (test_programs, test_help, test_install, test_fuzz):
        tap.run(test)
    tap.done()


main()
