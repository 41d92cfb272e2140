#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# host only: hooks that talk to HTTP servers; hooks as such are tested in test_hooks.py
"""The hooks that tell people, by the agent's own way of running hooks, against a real HTTP server."""
import json
import os
import re
import shlex
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from world import ROOT, SLOW, run_tests

DRIVER = ROOT / "build/tests/e2e/hooks_driver"
HOOKS = ROOT / "packaging/hooks"
SECRET = "s3cr3t-0f-the-receiver"
# A service may have any name, and it is part of the reason.
HOSTILE = '''shop "x" \\ \\n $(reboot) `id` ${PATH} %s {"level": 1} </script>&amp; ü€: demand 5,200/s exceeds 950/s'''


class Receiver(ThreadingHTTPServer):
    """Keeps what it gets, and the command lines of the programs that run meanwhile; answers as told."""

    def __init__(self, world):
        super().__init__(("127.0.0.1", 0), Handler)
        self.got, self.lines, self.answers, self.delay_s = [], [], [], 0
        threading.Thread(target=self.serve_forever, daemon=True).start()
        world.on_exit(self.shutdown)

    def url(self, path="/hook"):
        return f"http://127.0.0.1:{self.server_port}{path}"


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):  # pylint: disable=invalid-name
        body = self.rfile.read(int(self.headers["Content-Length"]))
        for path in Path("/proc").glob("[0-9]*"):
            for name in ("cmdline", "environ"):
                try:
                    comm = (path / "comm").read_text().strip()
                    if comm in ("curl", "jq", "sh") or comm.startswith(("70-", "71-", "72-")):
                        self.server.lines.append((comm, name, (path / name).read_bytes()))
                except OSError:
                    pass
        self.server.got.append((self.path, dict(self.headers), body))
        time.sleep(self.server.delay_s)
        self.send_response(self.server.answers.pop(0) if self.server.answers else 202)
        self.end_headers()

    def log_message(self, *_arguments):  # pylint: disable=arguments-differ
        pass


def install(world, name, url):
    """The hook as it is but for its paths, with the files that it wants. Returns the folder of hooks."""
    folder, notify = world.folder / f"hooks-{name}", world.folder / f"notify-{name}"
    folder.mkdir(mode=0o755)
    notify.mkdir(mode=0o700)
    for file, text in (("webhook.curl", f'url = "{url}"\nheader = "Authorization: Bearer {SECRET}"\n'),
                       ("slack.curl", f'url = "{url}"\n'), ("pagerduty.key", SECRET + "\n")):
        (notify / file).write_text(text)
        (notify / file).chmod(0o600)
    script = (HOOKS / name).read_text()
    changed = script.replace("/etc/spillway/notify", str(notify)).replace("https://events.pagerduty.com/v2/enqueue", url)
    (folder / name).write_text(changed)
    (folder / name).chmod(0o755)
    return folder


def drive(folder, *lines, timeout_ms=10000):
    """Changes of the level in, what the hooks did out."""
    done = subprocess.run([DRIVER, folder, str(timeout_ms)], input="".join(line + "\n" for line in lines), capture_output=True,
                          text=True, timeout=60 * SLOW, check=False)
    return done.stdout + done.stderr


def hides_secrets(tap, receiver, name):
    tap.ok(any(comm == "curl" for comm, _, _ in receiver.lines), f"{name}: its processes were seen")
    tap.equal([(comm, kind) for comm, kind, text in receiver.lines if SECRET.encode() in text], [],
              f"{name}: no secret on a command line or in an environment")


def webhook(tap, world):
    receiver = Receiver(world)
    out = drive(install(world, "70-webhook", receiver.url()), f"red green {HOSTILE}")
    tap.ok(re.search(r"^70-webhook level=red ok=1", out, re.M), "the hook has run", out)
    path, headers, body = receiver.got[0]
    tap.equal((path, headers["Content-Type"], headers["Authorization"], len(receiver.got)),
              ("/hook", "application/json", f"Bearer {SECRET}", 1), "one POST, with the header of the file")
    told = json.loads(body)
    tap.equal({key: told[key] for key in ("host", "level", "level_number", "former", "reason")},
              {"host": os.uname().nodename, "level": "red", "level_number": 3, "former": "green", "reason": HOSTILE},
              "all values arrive as they were, whatever is in them")
    hides_secrets(tap, receiver, "webhook")


def slack(tap, world):
    receiver = Receiver(world)
    folder = install(world, "71-slack", receiver.url(f"/services/{SECRET}"))
    out = drive(folder, f"orange green {HOSTILE}")
    tap.ok(re.search(r"^71-slack level=orange ok=1", out, re.M), "the hook has run", out)
    text = json.loads(receiver.got[0][2])["text"]
    escaped = HOSTILE.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    tap.equal(text, f":warning: *{os.uname().nodename}*: orange, was green\n{escaped}", "the text, in the escapes of Slack")
    drive(folder, "green red it is over")
    tap.ok(json.loads(receiver.got[1][2])["text"].startswith(":white_check_mark:"), "and that it is over")
    hides_secrets(tap, receiver, "slack")


def pagerduty(tap, world):
    receiver = Receiver(world)
    folder, host = install(world, "72-pagerduty", receiver.url()), os.uname().nodename
    for change in (f"orange green {HOSTILE}", "red orange " + "x" * 1020, "yellow red calmer", "green yellow over"):
        out = drive(folder, change)
        tap.ok(re.search(r"^72-pagerduty .*ok=1", out, re.M), "the hook has run", out)
    events = [json.loads(body) for _, _, body in receiver.got]
    tap.equal([(event["event_action"], event["payload"]["severity"]) for event in events],
              [("trigger", "error"), ("trigger", "critical"), ("resolve", "warning"), ("resolve", "info")],
              "an incident from orange on, resolved below")
    tap.equal({(event["routing_key"], event["dedup_key"], event["payload"]["source"]) for event in events},
              {(SECRET, f"spillway {host}", host)}, "one incident a host, with the key of the file")
    tap.equal(events[0]["payload"]["summary"], f"{host} is orange: {HOSTILE}", "the summary as it was")
    tap.equal(len(events[1]["payload"]["summary"]), 1024, "a long one is cut where PagerDuty would refuse it")
    tap.equal(events[0]["payload"]["custom_details"], {"level": "orange", "former": "green", "service": "shop"}, "details")
    hides_secrets(tap, receiver, "pagerduty")


def receivers_that_fail(tap, world):
    """The hook says so, in bounded time; once is tried again."""
    receiver = Receiver(world)
    folder = install(world, "70-webhook", receiver.url())
    receiver.answers = [503]
    out = drive(folder, "red green x")
    tap.ok("ok=1" in out and len(receiver.got) == 2, "503, then 202: told at the second time", out)
    receiver.answers = [400]
    out = drive(folder, "red green x")
    tap.ok("ok=0" in out and SECRET not in out, "400: the hook fails", out)
    receiver.delay_s = 30
    begin = time.monotonic()
    out = drive(folder, "red green x")
    took = time.monotonic() - begin
    tap.ok("ok=0" in out and "timed_out=0" in out, "a receiver that hangs: the hook ends by itself, in its time", out)
    tap.ok(7 < took < 10 * SLOW, "after two attempts of 4 s", f"{took:.1f} s")
    for name in ("70-webhook", "71-slack", "72-pagerduty"):
        silent = install(world, name, "http://127.0.0.1:9/") if name != "70-webhook" else folder
        for file in (world.folder / f"notify-{name}").iterdir():
            file.unlink()
        out = drive(silent, "red green x")
        tap.ok("ok=0" in out, f"{name} without its file: it fails", out)


def the_agent_has_failed(tap, world):
    """What spillway-failed.service runs: each hook that tells people, also after one that could not."""
    receiver = Receiver(world)
    folder = install(world, "70-webhook", receiver.url())
    (folder / "69-other").write_text("#!/bin/sh\nexit 9\n")
    (folder / "71-fails").write_text("#!/bin/sh\nexit 3\n")
    (folder / "72-pagerduty").write_bytes((install(world, "72-pagerduty", receiver.url("/page")) / "72-pagerduty").read_bytes())
    for name in ("69-other", "71-fails", "72-pagerduty"):
        (folder / name).chmod(0o755)
    unit = (ROOT / "packaging/spillway-failed.service").read_text()
    variables = dict(word.split("=", 1) for line in re.findall(r"^Environment=(.*)$", unit, re.M) for word in shlex.split(line))
    command = re.search(r"^ExecStart=(.*)$", unit, re.M)[1].replace("$$", "$").replace("/etc/spillway/hooks.d", str(folder))
    done = subprocess.run(shlex.split(command), env={"PATH": os.environ["PATH"], **variables}, capture_output=True, text=True, check=False)
    told = [(path, json.loads(body)) for path, _, body in receiver.got]
    tap.equal([path for path, _ in told], ["/hook", "/page"], f"both receivers are told: {done.stdout}{done.stderr}")
    tap.equal((told[0][1]["level"], told[1][1]["event_action"], told[1][1]["payload"]["severity"]), ("failed", "trigger", "critical"),
              "that the agent has failed")


if __name__ == "__main__":
    run_tests(webhook, slack, pagerduty, receivers_that_fail, the_agent_has_failed)
