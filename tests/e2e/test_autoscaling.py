#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# host only: a script that reads /metrics; the number in it is tested in the sim ring
"""How many hosts are wanted: the metric of a real agent in overload, and the script for autoscalers that reads it."""
import json
import re
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from world import CLASSES, ROOT, finish_blast, run_tests

SCRIPT = ROOT / "packaging/autoscaling/spillway-hosts"
NAME = "spillway_service_hosts_wanted"


def ask(namespace, *argv, **options):
    done = namespace.run(SCRIPT, *argv, check=False, **options)
    return done.returncode, done.stdout, done.stderr


def of_a_real_agent(tap, world):
    shop = world.shop()
    flood = world.flood(shop)
    agent = world.agent(shop, "services: { shop: { tcp: [80], capacity: 200/s }, quiet: { tcp: [81] } }\n" + CLASSES,
                        interfaces=["eth0", "eth1"])
    agent.start()
    url = "http://127.0.0.1:10010/metrics"
    tap.equal(ask(shop, "shop", url)[:2], (1, ""), "before the window has passed: nothing, and exit status 1")
    stream = world.blast(flood, "198.18.3.0", 200, rate=400, extra=("--fresh",))
    tap.becomes(lambda: agent.metrics().all(NAME, service="shop") and agent.metrics().one(NAME, service="shop") > 2.7, 25,
                "demand of twice the capacity, most of it refused, needs more than two hosts")
    wanted = agent.metrics().one(NAME, service="shop")
    tap.ok(abs(wanted - 400 / 140) < 0.25, "it is demand over 70 % of the capacity", wanted)
    tap.ok(agent.metrics().one("spillway_level") > 0, "while the host sheds")
    tap.equal(ask(shop, "shop", url), (0, "3\n", ""), "the script says three hosts")
    tap.equal(ask(shop, "-m", "2", "shop", url)[1], "2\n", "and no more than its upper bound")
    tap.equal(ask(shop, "-n", "7", "shop", url)[1], "7\n", "and no fewer than its lower one")
    tap.equal(ask(shop, "shop", url, url)[1], "6\n", "hosts are summed")
    tap.equal(ask(shop, "shop", url, "http://127.0.0.1:9/metrics")[1], "6\n", "one that does not answer counts as the others")
    tap.equal(ask(shop, "quiet", url)[:2], (1, ""), "a service of unknown capacity has no number")
    service = [one for one in json.loads(agent.cli("-j", "explain").stdout)["services"] if one["name"] == "shop"][0]
    tap.ok(abs(service["hosts_wanted"] - wanted) < 0.3, "explain -j has the same number", service["hosts_wanted"])
    tap.ok(re.search(r"^  hosts +[23]\.\d\d like this one are wanted", agent.cli("explain").stdout, re.M), "explain says it")
    finish_blast(stream, stop=True)


class Pages(HTTPServer):
    """A server of metric pages by path, with what they say now."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Page)
        self.pages = {}
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def url(self, name, text):
        self.pages["/" + name] = text
        return f"http://127.0.0.1:{self.server_port}/{name}"


class Page(BaseHTTPRequestHandler):
    def do_GET(self):  # pylint: disable=invalid-name
        text = self.server.pages.get(self.path)
        self.send_response(200 if text is not None else 404)
        self.end_headers()
        self.wfile.write((text or "").encode())

    def log_message(self, *_arguments):  # pylint: disable=arguments-differ
        pass


def line(value, service="shop"):
    return f'# HELP {NAME} x\n{NAME}{{service="{service}x"}} 50\n{NAME}{{service="{service}"}} {value}\n'


def call(*argv):
    done = subprocess.run([SCRIPT, *argv], capture_output=True, text=True, timeout=20, check=False)
    return done.returncode, done.stdout.strip()


def arithmetic(tap, world):
    pages = Pages()
    world.on_exit(pages.shutdown)
    for values, expected in (((0,), "1"), ((1.05,), "1"), ((0.95,), "1"), ((1.2,), "2"), ((0.95, 0.95), "2"), ((0.5, 0.5), "1"),
                             ((0.91, 0.91, 0.91), "3"), ((1.5, 1.5, ""), "5"), ((2.0, 2.0), "4"), ((30, 90), "100"),
                             ((1e-3, 1e3), "100")):
        urls = [pages.url(f"{number}", line(value)) for number, value in enumerate(values)]
        tap.equal(call("shop", *urls), (0, expected), f"hosts that want {values}: {expected}")
    for name in ('a"b', "a\\b", "$(id)", "-f", ".*"):
        url = pages.url("odd", line(3, name.replace("\\", "\\\\").replace('"', '\\"')))
        tap.equal(call("--", name, url)[0], 1 if name in ('a"b', "a\\b") else 0, f"a service named {name!r} is read as text, or not")
    tap.equal(call("shop", pages.url("none", ""))[0], 1, "a page without the metric: exit status 1")
    for argv in ((), ("shop",), ("-n", "x", "shop", "u"), ("-q", "shop", "u")):
        tap.equal(call(*argv)[0], 2, f"arguments {argv}: exit status 2")


def the_highest_is_held(tap, world):
    pages, state = Pages(), world.folder / "state"
    world.on_exit(pages.shutdown)
    argv = ("-s", state, "shop")
    tap.equal(call(*argv, pages.url("a", line(3.5)))[1], "4", "four are wanted")
    tap.equal(call(*argv, pages.url("a", line(0.5)))[1], "4", "then one: four are held")
    tap.equal(call(*argv, pages.url("a", line(5.5)))[1], "6", "more come at once")
    lines = [entry.split() for entry in Path(state).read_text().splitlines()]
    tap.equal([value for _, value in lines], ["4", "1", "6"], "the answers are kept")
    Path(state).write_text("".join(f"{int(at) - 301} {value}\n" for at, value in lines) + "garbage\n99999999999 50\n")
    tap.equal(call(*argv, pages.url("a", line(0.5)))[1], "1", "after 300 s they are forgotten, and so is what is no entry")
    tap.equal(call("-d", "1000", *argv, pages.url("a", line(1.7)))[1], "2", "-d sets the time")


if __name__ == "__main__":
    run_tests(of_a_real_agent, arithmetic, the_highest_is_held)
