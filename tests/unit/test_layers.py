#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# reads: tests/layers
"""tests/layers finds what it is there to find: a copy of the sources is broken in one place at a time."""
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
from tap import Tap  # noqa: E402

OBJECTS = [f"build/obj/{path.relative_to(ROOT).with_suffix('.o')}" for path in sorted((ROOT / "user").rglob("*.c"))]
# One of each folder, where calls are not in question.
FEW = list({Path(name).parent: name for name in OBJECTS}.values())


class Copy:
    """The sources in a folder of their own, with the objects of the build in reach."""

    def __init__(self, folder):
        self.root = Path(folder)
        for name in ("user", "bpf", "maps"):
            shutil.copytree(ROOT / name, self.root / name)
        (self.root / "build").symlink_to(ROOT / "build")

    def complaints(self, objects=()):
        done = subprocess.run([ROOT / "tests/layers", *(objects or FEW)], cwd=self.root, capture_output=True,
                              text=True, check=False)
        lines = done.stderr.splitlines()
        assert (done.returncode != 0) == bool(lines), done
        return lines

    def with_include(self, path, name):
        """Complaints when @path has one include more."""
        file = self.root / path
        text = file.read_text()
        file.write_text(f'#include "{name}"\n{text}')
        lines = self.complaints()
        file.write_text(text)
        return lines

    def with_object(self, source, text, objects):
        """Complaints when there is an object of @source, made of @text, beside @objects."""
        place = self.root / "objects" / Path(source).with_suffix(".o")
        place.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["gcc", "-x", "c", "-c", "-o", place, "-"], check=True, text=True, input=text)
        return self.complaints([*objects, str(place.relative_to(self.root))])

    def with_call(self, source, symbol):
        """Complaints when there is an object of @source that calls @symbol."""
        return self.with_object(
            source, f"int {symbol}(void);\nint call(void);\nint call(void) {{ return {symbol}(); }}\n", FEW)


def test_includes(tap, copy):
    for path, name in (("user/core/words.c", "kernel/pins.h"), ("user/base/log.h", "config/config.h"),
                       ("user/net/device.c", "agent/agent.h"), ("maps/ban.h", "bpf/mix.h"),
                       ("user/kernel/pins.h", "signals/scope.h"), ("user/core/table/prefix.h", "core/words.h")):
        tap.ok(any("must not include" in line and path in line for line in copy.with_include(path, name)),
               f"{path} must not include {name}")
    tap.ok(copy.with_include("user/core/words.c", "../kernel/pins.h"), "nor by a way round")
    tap.ok(copy.with_include("user/core/words.c", "no_such_file.h"), "an include that is not found is reported")


def test_circles(tap, copy):
    for path, name in (("user/store/history_format.h", "history.h"), ("user/kernel/pins.h", "links.h"),
                       ("user/config/tree.c", "reader.h"), ("maps/types.h", "control.h")):
        tap.ok(any("circle" in line for line in copy.with_include(path, name)), f"{path} -> {name} is a circle")


def test_calls(tap, copy):
    for source, symbol in (("user/cmd/status.c", "bpf_map_lookup_elem"), ("user/agent/agent.c", "ring_buffer__poll"),
                           ("user/host/hooks.c", "socket"), ("user/kernel/links.c", "connect"),
                           ("user/view/view.c", "curl_easy_init"), ("user/signals/scope.c", "MHD_run"),
                           ("user/core/words.c", "libbpf_set_print")):
        tap.ok(any(f"{source}: calls {symbol}()" in line for line in copy.with_call(source, symbol)),
               f"{source} must not call {symbol}()")
    for source, symbol in (("user/net/device.c", "socket"), ("user/kernel/links.c", "bpf_obj_get"),
                           ("user/signals/fetch.c", "curl_easy_init"), ("user/agent/agent.c", "bpfish")):
        tap.equal(copy.with_call(source, symbol), [], f"{source} may call {symbol}()")


def test_uncalled(tap, copy):
    lines = copy.with_object("user/base/more.c", "int spw_more(void) { return 1; }", OBJECTS)
    tap.ok(any("user/base/more.c: spw_more is used by no other file" in line for line in lines),
           "a function that nobody else calls is reported")
    tap.equal(copy.with_object("user/base/more.c", "static int more(void) { return 1; }", OBJECTS), [],
              "a static one is not")


def test_guards(tap, copy):
    header = copy.root / "user/base/more.h"
    header.write_text("#ifndef SPW_BASE_MOVED_H\n#define SPW_BASE_MOVED_H\n#endif\n")
    tap.ok(any("SPW_BASE_MORE_H" in line for line in copy.complaints()), "a guard is named after its file")
    header.unlink()


def test_tags(tap, copy):
    header = copy.root / "user/base/more.h"
    header.write_text("struct spw_control {\n\tint more;\n};\n")
    tap.ok(any("spw_control" in line for line in copy.complaints()), "the name of a struct is given once")
    header.unlink()


def test_nothing(tap, copy):
    done = subprocess.run([ROOT / "tests/layers", *OBJECTS[:3]], cwd=copy.root, capture_output=True, text=True,
                          check=False)
    tap.ok(done.returncode and "nothing was proved" in done.stderr, "objects that are missing are reported")


def test_page(tap, _):
    table = subprocess.run([ROOT / "tests/layers", "--table"], capture_output=True, text=True, check=True).stdout
    tap.ok(table in (ROOT / "docs/architecture.md").read_text(), "docs/architecture.md has the same table")


def main():
    tap = Tap()
    with tempfile.TemporaryDirectory() as folder:
        copy = Copy(folder)
        tap.equal(copy.complaints(OBJECTS), [], "the tree keeps its layers")
        for test in (test_includes, test_circles, test_calls, test_uncalled, test_guards, test_tags, test_nothing, test_page):
            tap.run(test, copy)
    tap.done()


main()
