# SPDX-License-Identifier: GPL-2.0-only
"""Test points in the Test Anything Protocol, for the rings that are written in Python.

    tap = Tap()
    tap.ok(value == 3, "three packets were dropped (fault 7)", f"value is {value}")
    tap.done()
"""
import os
import sys
import time
import traceback

SLOW = float(os.environ.get("SPILLWAY_TEST_SLOW", 1))  # what waits are multiplied by, as in an emulated guest


class Tap:
    def __init__(self):
        self.count = 0
        self.failed = 0

    def ok(self, good, name, why=""):
        """One test point; @why is shown when it failed."""
        self.count += 1
        if not good:
            self.failed += 1
        print(f"{'ok' if good else 'not ok'} {self.count} - {name}")
        if not good and why:
            for line in str(why).splitlines()[:40]:
                print(f"# {line}")
        sys.stdout.flush()
        return bool(good)

    def equal(self, got, expected, name):
        return self.ok(got == expected, name, f"got      {got!r}\nexpected {expected!r}")

    def becomes(self, condition, seconds, name):
        """The point holds if @condition() gives something true within @seconds. Returns the last thing that it gave."""
        end = time.monotonic() + seconds * SLOW
        value = condition()
        while not value and time.monotonic() < end:
            time.sleep(0.02)
            value = condition()
        self.ok(value, name, f"not within {seconds * SLOW:.0f} s")
        return value

    def skip(self, name, why):
        self.count += 1
        print(f"ok {self.count} - {name} # SKIP {why}")
        sys.stdout.flush()

    def run(self, function, *arguments):
        """Call a test function; an exception is a failed point, not the end."""
        try:
            function(self, *arguments)
        except Exception:  # pylint: disable=broad-except
            self.ok(False, f"{function.__name__} runs to its end", traceback.format_exc())

    def done(self):
        print(f"1..{self.count}")
        sys.exit(1 if self.failed or not self.count else 0)
