#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# host only: files and processes of the agent
"""Lists by URL: fetched, confirmed, checked and kept; whatever a server does, what is in force stays."""
import hashlib
import http.server
import json
import os
import re
import shutil
import ssl
import threading
import time
from pathlib import Path

from world import ROOT, SLOW, children_of, request, run, run_tests, wait_for  # noqa: F401

PORT = 8088
URL = f"http://127.0.0.1:{PORT}/drop.txt"
BODY = """\
lists: { bad: { url: "%s", every: 1s%s }, partners: { inline: [198.18.5.0/24] } }
classes:
  - { name: partner, lists: [partners] }
  - { name: blocked, lists: [bad], cut_from: green }
  - { name: rest }
"""
BANNED, OTHER = "198.18.3.0/24\n", "198.18.4.0/24\n"


class Server:
    """A web server with one list. `answer` may be a function(handler) that answers instead."""

    def __init__(self, world, namespace, text=BANNED, certificate=None, port=PORT):
        self.text, self.etag, self.dated = text, '"1"', True
        self.asked = []  # (time, path, headers)
        self.answer = None
        self.closed = threading.Event()
        with namespace.entered():
            self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # a client that refuses a certificate
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        world.on_exit(self.close)

    def close(self):
        if not self.closed.is_set():
            self.closed.set()
            self.server.shutdown()
            self.server.server_close()

    def put(self, text):
        self.text, self.etag = text, f'"{int(self.etag.strip(chr(34))) + 1}"'

    def misbehave(self, answer):
        """Until the next call, and until one fetch more has come."""
        self.answer = answer
        before = len(self.asked)
        if answer:
            wait_for(lambda: len(self.asked) > before, 10, "the list is asked for")

    def _handler(server):  # pylint: disable=no-self-argument
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def send(self, status, body=b"", **headers):
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name.replace("_", "-"), value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):  # pylint: disable=invalid-name
                server.asked.append((time.monotonic(), self.path, dict(self.headers)))
                self.close_connection = True
                try:
                    if server.answer:
                        server.answer(self)
                    elif self.headers.get("If-None-Match") == server.etag:
                        self.send(304)
                    else:
                        dates = {"Last_Modified": "Sun, 29 Nov 2026 10:00:00 GMT"} if server.dated else {}
                        self.send(200, server.text.encode(), ETag=server.etag, **dates)
                except OSError:  # the client has gone
                    pass

            def log_message(self, *_arguments):
                pass

        return Handler


class Site:
    """A shop, a banned client, one that is not, a server of lists, an agent with the list `bad` by URL."""

    def __init__(self, world, options="", url=URL, **server):
        self.shop = world.shop()
        self.banned = world.client("banned", 3)
        self.other = world.client("other", 4)
        world.nginx(self.shop)
        self.server = Server(world, self.shop, **server)
        self.agent = world.agent(self.shop, BODY % (url, options))

    def served(self):
        """Answers to the banned client and to the other one; None: refused."""
        return request(self.banned), request(self.other)

    def fetch(self):
        """What `list show` says of the list."""
        return json.loads(self.agent.cli("-j", "list", "show", "bad").stdout)[0]["fetch"]

    def prefixes(self):
        return self.agent.metrics().one("spillway_ruleset_prefixes", list="bad", family="4")

    def copy(self, suffix=".json"):
        return self.agent.state_dir / "lists" / f"bad{suffix}"

    def fetched(self, result, count=1):
        """Wait until so many more fetches had this result."""
        before = self.fetch()["fetches"][result]
        wait_for(lambda: self.fetch()["fetches"][result] >= before + count, 20, f"{count} fetches: {result}")

    def doctor(self, check="fetch"):
        checks = json.loads(self.agent.cli("-j", "doctor", check=False).stdout)["checks"]
        return [(found["outcome"], found["detail"]) for found in checks if found["check"] == check]


def fetched_confirmed_and_replaced(tap, world):
    """The first content, 304 by ETag and by date, other content, and a file of the configuration that is half edited."""
    site = Site(world)
    agent = site.agent
    agent.start()
    tap.becomes(lambda: site.prefixes() == 1, 10, "the list comes into force after the start")
    tap.equal(site.served(), (None, 200), "and its source is cut")
    wait_for(lambda: site.copy().exists(), 5, "the copy is described")
    copy = json.loads(site.copy().read_text())
    tap.equal((copy["url"], copy["sha256"], copy["etag"]), (URL, hashlib.sha256(BANNED.encode()).hexdigest(), '"1"'),
              "the copy says what it is")
    tap.equal((site.copy(f".{copy['slot']}").read_text(), site.copy().stat().st_mode & 0o777,
               site.copy().parent.stat().st_mode & 0o777), (BANNED, 0o600, 0o700), "it is the content, for root alone")
    site.fetched("unchanged", 2)
    asked = site.server.asked[-1][2]
    tap.equal((asked.get("If-None-Match"), asked.get("If-Modified-Since"), asked.get("Accept-Encoding")),
              ('"1"', "Sun, 29 Nov 2026 10:00:00 GMT", None), "it is asked for if it has changed, and uncompressed")
    page = agent.metrics()
    tap.ok(page.one("spillway_list_fetches_total", list="bad", result="changed") == 1
           and page.one("spillway_list_fetches_total", list="bad", result="unchanged") >= 2
           and page.one("spillway_list_fetches_total", list="bad", result="failed") == 0, "304s are counted as unchanged")
    tap.equal((page.one("spillway_list_max_age_seconds", list="bad"), page.one("spillway_list_failures", list="bad")), (86400, 0),
              "bounds and failures are metrics")
    tap.ok(0 <= page.one("spillway_list_age_seconds", list="bad") < 10 * SLOW, "and so is the age")
    tap.equal(agent.generation(), 2, "unchanged content makes no reload")
    tap.ok(site.doctor()[0][0] == "ok", "doctor is content", site.doctor())
    files = len(os.listdir(f"/proc/{agent.process.pid}/fd"))
    site.server.answer = lambda handler: handler.send(200, BANNED.encode())
    site.fetched("unchanged", 4)
    tap.equal((agent.generation(), len(os.listdir(f"/proc/{agent.process.pid}/fd")) - files <= 3), (2, True),
              "the same content without ETag or date: no reload, and no descriptor is left open")
    site.server.answer = None
    shown = agent.cli("list", "show", "bad").stdout
    tap.ok(URL in shown and "confirmed by its server" in shown and "next in" in shown, "list show says so", shown)
    tap.ok("bad: confirmed by its server" in agent.cli("list", "show").stdout, "and among all lists too")
    agent.config.write_text(agent.text("mode: observe\n" + BODY % (URL, "")))
    site.server.put(BANNED + OTHER)
    tap.becomes(lambda: site.prefixes() == 2, 10, "other content comes into force")
    tap.equal((site.served(), agent.status()["mode"]), ((None, None), "enforce"),
              "and nothing else: the file, which somebody is editing, is not read")
    agent.reload()
    tap.equal((agent.status()["mode"], site.prefixes()), ("observe", 2), "an apply reads it, and the copy")


def what_servers_do(tap, world):
    """Garbage, a wrong hash, an endless or cut body, redirects, errors: what is in force stays, and ticks go on."""
    sums = {"text": None}

    def answer_sum(handler):
        if handler.path.startswith("/sum"):
            return handler.send(200, sums["text"].encode())
        return handler.send(200, site.server.text.encode(), ETag=site.server.etag)

    site = Site(world, f', min: 2, sha256_url: "http://127.0.0.1:{PORT}/sum", timeout: 3s',
                text=BANNED + "198.18.9.0/24\n")
    agent = site.agent
    sums["text"] = f"{'0' * 64}  other.txt\n{hashlib.sha256(site.server.text.encode()).hexdigest()}  drop.txt\n"
    site.server.answer = answer_sum
    agent.start()
    tap.becomes(lambda: site.prefixes() == 2, 10, "a list with the right SHA-256 comes into force")
    generation = agent.generation()

    def endless(handler):
        handler.send_response(200)
        handler.end_headers()
        while not site.server.closed.is_set():
            handler.wfile.write(b"198.18.3.0/24\n" * 65536)

    def cut_off(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        handler.wfile.write(b"198.18.4.0/24\n198.18.9.0/24\n")

    def stalls(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        site.server.closed.wait(20)

    def silent(_handler):
        site.server.closed.wait(20)

    def headers(handler):
        handler.send_response(200)
        for number in range(2000):
            handler.send_header(f"X-{number}", "x" * 100)
        handler.end_headers()

    def redirects(handler):
        handler.send(302, Location=f"{URL}?{time.monotonic()}")

    def status(number, **more):
        return lambda handler: handler.send(number, b"busy", **more)

    def content(body, digest=None, **more):
        """Content with its SHA-256, or with a wrong one."""
        digest = digest or hashlib.sha256(body).hexdigest()
        return lambda handler: handler.send(200, digest.encode(), **more) if handler.path.startswith("/sum") else \
            handler.send(200, body, **more)

    two = b"198.18.4.0/24\n198.18.9.0/24\n"
    for what, answer, said in (
            ("a web page", content(b"<html>not found</html>"), "web page"),
            ("gzip", content(b"\x1f\x8b\x08\x00" + bytes(200), Content_Encoding="gzip"), "it is a gzip file"),
            ("lines that are no prefixes", content(b"198.18.4.0/24\nfoo\n198.18.9.0/24\n"), "foo"),
            ("a wrong hash", content(two, "0" * 64), "sha256_url says 000000000000"),
            ("no hash", lambda handler: handler.send(200 if "drop" in handler.path else 404, two), "its SHA-256 cannot be fetched"),
            ("text instead of a hash", content(two, "foo"), "no SHA-256 for 'drop.txt'"),
            ("too few prefixes", content(b"198.18.4.0/24\n"), "1 prefixes, and min is 2"),
            ("nothing", content(b""), "0 prefixes, and min is 2"),
            ("an endless body", endless, "65536 KiB"),
            ("a cut body", cut_off, "bytes"),
            ("a body that stalls", stalls, "timed out"),
            ("no answer", silent, "timed out"),
            ("too many headers", headers, "headers"),
            ("redirects in a circle", redirects, "redirects"),
            ("a redirect to a file", status(302, Location="file:///etc/hostname"), "file"),
            ("status 503", status(503, Retry_After="1"), "status 503")):
        failed = site.fetch()["fetches"]["failed"]
        site.server.misbehave(answer)
        agent.cli("apply")
        wait_for(lambda before=failed: site.fetch()["fetches"]["failed"] > before + 1, 25, f"{what}: it fails")
        fetch = site.fetch()
        tap.ok(said in fetch["failure"] and fetch["failures"], f"{what}: list show says what", fetch["failure"])
        tap.ok(agent.ticking(), f"{what}: the lease is renewed")
        tap.equal((site.served(), site.prefixes()), ((None, 200), 2), f"{what}: what was in force stays (fault 69)")
    tap.ok(site.doctor()[0][0] == "warn" and "failed" in site.doctor()[0][1], "doctor says so", site.doctor())
    tap.equal(agent.generation() - generation, 16, "and only each apply made a generation")
    tap.ok("could not be fetched" in agent.process.log(), "the log says so, once for a row of failures")
    site.server.answer = answer_sum
    agent.cli("apply")
    tap.becomes(lambda: not site.fetch()["failures"], 10, "a good answer again: it is confirmed")
    tap.ok("was fetched from" in agent.process.log(), "and the log says so")


def nobody_waits(tap, world):
    """A server that accepts and says nothing: start and apply are as fast as without it; the process has no rights."""
    site = Site(world)
    agent = site.agent
    site.server.answer = lambda handler: site.server.closed.wait(60)
    begin = time.monotonic()
    agent.start()
    tap.ok(time.monotonic() - begin < 5 * SLOW, "the start does not wait for the server")
    tap.equal(site.served(), (200, 200), "without a copy the list is empty")
    tap.ok("was not fetched from this URL yet" in agent.process.log(), "the log says so")
    tap.ok(site.doctor()[0][0] == "warn" and "not fetched" in site.doctor()[0][1], "doctor says so", site.doctor())
    child = wait_for(lambda: children_of(agent.process.pid), 10, "a process fetches")[0]
    wait_for(lambda: site.server.asked, 10, "and asks")
    status = dict(line.split(":\t", 1) for line in Path(f"/proc/{child}/status").read_text().splitlines() if ":\t" in line)
    tap.equal((set(status["Uid"].split()), set(status["Gid"].split()), status.get("Groups", "").split()),
              ({"65534"}, {"65534"}, []), "it is nobody")
    tap.equal([int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")], [0] * 5,
              "it has no capabilities")
    tap.equal((status["NoNewPrivs"], status["Seccomp"]), ("1", "2"), "it gains none by exec, and calls are filtered")
    limits = Path(f"/proc/{child}/limits").read_text()
    tap.ok(all(f"{name} {most} " in " ".join(limits.split()) + " " for name, most in
               (("Max cpu time", 60), ("Max file size", 64 << 20), ("Max address space", 1536 << 20), ("Max core file size", 0))),
           "memory, time and files are bounded", limits)
    files = {int(name) for name in os.listdir(f"/proc/{child}/fd")}
    locks = [path for path in (os.readlink(f"/proc/{child}/fd/{number}") for number in files) if "lock" in path or "bpf" in path]
    tap.equal(locks, [], "it has no descriptor of the agent's")
    tap.ok(agent.timed("apply").seconds < 3, "an apply does not wait for the server (fault 69)")
    tap.ok(agent.ticking(), "the lease is renewed")
    agent.process.kill()
    wait_for(lambda: not Path(f"/proc/{child}").exists() or "Z" in Path(f"/proc/{child}/stat").read_text().split()[2], 5,
             "the process ends with the agent")
    tap.ok(True, "the process ends with the agent")
    agent.start()
    child = wait_for(lambda: children_of(agent.process.pid), 10, "a process fetches")[0]
    begin = time.monotonic()
    agent.stop()
    tap.ok(time.monotonic() - begin < 5 * SLOW and not Path(f"/proc/{child}").exists(), "a stop does not wait for it")


def as_a_service(tap, world):
    """With the capabilities of the unit the process keeps its user, but no capability; with three more it is nobody."""
    unit = (ROOT / "packaging/spillway.service").read_text()
    kept = re.search(r"^CapabilityBoundingSet=(.*)$", unit, re.M)[1].lower().replace("cap_", "+").split()
    site = Site(world)
    agent = site.agent
    site.server.answer = lambda handler: site.server.closed.wait(60)
    for what, more, user in (("as a service", [], 0), ("with CAP_SETUID", ["+setuid", "+setgid", "+kill"], 65534)):
        asked = len(site.server.asked)
        agent.start("setpriv", "--bounding-set", ",".join(["-all", *kept, *more]), "--inh-caps", "-all", "--no-new-privs")
        child = wait_for(lambda: children_of(agent.process.pid), 10, "a process fetches")[0]
        wait_for(lambda before=asked: len(site.server.asked) > before, 10, "and asks")
        status = Path(f"/proc/{child}/status").read_text()
        tap.ok(f"\nUid:\t{user}\t{user}\t{user}\t{user}\n" in status and "\nCapPrm:\t0000000000000000\n" in status
               and "\nCapEff:\t0000000000000000\n" in status and "\nSeccomp:\t2\n" in status,
               f"{what}: it is user {user} without capabilities, and calls are filtered", status)
        begin = time.monotonic()
        agent.stop()
        tap.ok(time.monotonic() - begin < 5 * SLOW and not Path(f"/proc/{child}").exists(), f"{what}: it is killed at the end")


def starts_without_the_server(tap, world):
    """The copy is used at a start, if it is whole and nobody else could have written it; else the last good content."""
    site = Site(world)
    agent = site.agent
    agent.start()
    tap.becomes(lambda: site.prefixes() == 1, 10, "the list comes into force")
    wait_for(lambda: site.copy().exists(), 5, "the copy is described")
    wait_for((agent.state_dir / "last_good").exists, 5, "the ruleset is kept")
    agent.stop()
    site.server.close()
    tap.ok("was confirmed by its server at" in site.doctor()[0][1], "doctor without an agent: how old the copy is", site.doctor())
    agent.start()
    tap.equal((site.served(), agent.metrics().one("spillway_list_last_good", list="bad")), ((None, 200), 0),
              "a start without the server uses the copy (fault 70)")
    tap.becomes(lambda: site.fetch()["failures"] > 0, 10, "the failure is told")
    tap.ok(site.fetch()["held"] and site.fetch()["age_s"] < 100, "with the age of the copy", site.fetch())
    agent.stop()
    shutil.copytree(agent.state_dir / "lists", world.folder / "whole")
    slot = json.loads(site.copy().read_text())["slot"]
    for what, damage in (("content of others", lambda: site.copy(f".{slot}").write_text(OTHER)),
                         ("cut content", lambda: site.copy(f".{slot}").write_text("")),
                         ("no content", lambda: site.copy(f".{slot}").unlink()),
                         ("content for all to write", lambda: site.copy(f".{slot}").chmod(0o666)),
                         ("a description for all to write", lambda: site.copy().chmod(0o666)),
                         ("a description of another user", lambda: os.chown(site.copy(), 65534, 65534)),
                         ("a damaged description", lambda: site.copy().write_text("{")),
                         ("no description", lambda: site.copy().unlink())):
        damage()
        agent.start()
        tap.equal((site.served(), agent.metrics().one("spillway_list_last_good", list="bad")), ((None, 200), 1),
                  f"{what}: it is not used; the last good content stands (fault 70)")
        agent.stop()
        shutil.rmtree(agent.state_dir / "lists")
        shutil.copytree(world.folder / "whole", agent.state_dir / "lists")
        run("chown", "-R", "0:0", agent.state_dir / "lists")
    site.server = Server(world, site.shop)
    site.copy(f".{slot}").write_text("")
    agent.start()
    tap.becomes(lambda: site.copy().exists() and agent.metrics().one("spillway_list_last_good", list="bad") == 0, 10,
                "a damaged copy is fetched again, though its ETag is known")
    agent.write(BODY % (URL + "?other", ""))
    agent.cli("apply", check=False)
    tap.becomes(lambda: any("other" in path for _, path, _ in site.server.asked), 10, "another URL is fetched at once")
    tap.becomes(lambda: json.loads(site.copy().read_text())["url"] == URL + "?other" and site.served() == (None, 200), 10,
                "and replaces the copy")


def shrunk_and_refused(tap, world):
    """Content that has shrunk, or that no ruleset can be made of, replaces nothing; an operator's apply goes on."""
    site = Site(world, text="".join(f"198.18.3.{host}\n" for host in range(100)))
    agent = site.agent
    agent.start()
    tap.becomes(lambda: site.prefixes() == 100, 10, "100 prefixes")
    site.server.put("".join(f"198.18.9.{host}\n" for host in range(49)))
    site.fetched("failed")
    tap.ok("from 100 prefixes to 49 and is kept back" in site.fetch()["failure"], "a shrunk list is kept back (fault 49)", site.fetch())
    tap.equal((site.served(), site.prefixes()), ((None, 200), 100), "what was there stays")
    agent.reload()
    tap.equal(site.prefixes(), 100, "an apply goes on")
    agent.cli("apply", "--shrunk")
    tap.becomes(lambda: site.prefixes() == 49, 10, "apply --shrunk: it is fetched again and taken")
    tap.equal(site.served(), (200, 200), "and is in force")
    site.server.put("".join(f"198.18.3.{host}\n" for host in range(60)) + "198.18.5.0/24\n")
    before = len(site.server.asked)
    site.fetched("failed", 2)
    tap.ok("198.18.5.0/24" in site.fetch()["failure"], "a prefix of another class is refused by the reload", site.fetch())
    failed = agent.metrics().one("spillway_reloads_total", result="failed")
    tap.equal((failed, site.prefixes()), (1, 49), "once, and what was there stays (fault 69)")
    tap.ok(len(site.server.asked) >= before + 2, "though it was served more than once")
    agent.reload()
    tap.equal(site.prefixes(), 49, "an operator's apply goes on")
    agent.stop()
    agent.start()
    tap.equal((site.prefixes(), agent.metrics().one("spillway_list_last_good", list="bad")), (49, 0), "and so does a start")
    agent.write("overlap: higher\n" + BODY % (URL, ""))
    agent.reload()
    tap.becomes(lambda: site.prefixes() == 61, 15, "overlap: higher: now it is taken")
    agent.cli("apply", "--confirm", "4")
    site.server.put("".join(f"198.18.3.{host}\n" for host in range(62)))
    time.sleep(2)
    tap.equal(site.prefixes(), 61, "while a ruleset awaits confirmation, content waits")
    agent.cli("confirm")
    tap.becomes(lambda: site.prefixes() == 62, 10, "and comes into force after it")


def certificates(tap, world):
    """https: an unknown, an expired and a good certificate, and no way back to http."""
    def certificate(name, *validity):
        files = [world.folder / f"{name}.{kind}" for kind in ("crt", "key")]
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=lists",
            "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", files[1], "-out", files[0], *validity)
        return files

    good = certificate("good", "-days", "2")
    expired = [world.folder / f"expired.{kind}" for kind in ("crt", "key")]
    expired[1].write_text(good[1].read_text())
    run("openssl", "req", "-new", "-key", good[1], "-subj", "/CN=lists", "-out", world.folder / "expired.csr")
    (world.folder / "san").write_text("subjectAltName=IP:127.0.0.1\n")
    run("openssl", "x509", "-req", "-in", world.folder / "expired.csr", "-signkey", good[1], "-days", "-1", "-extfile",
        world.folder / "san", "-out", expired[0])
    good[0].chmod(0o600)
    site = Site(world)
    agent = site.agent
    Server(world, site.shop, certificate=good, port=8443).answer = None
    hidden = Server(world, site.shop, certificate=expired, port=8444)
    back = Server(world, site.shop, certificate=good, port=8445)
    back.answer = lambda handler: handler.send(302, Location=URL)
    url = "https://127.0.0.1:%d/drop.txt"
    agent.write(BODY % (url % 8443, f", ca: {good[0]}"))
    agent.start()
    tap.becomes(lambda: site.prefixes() == 1, 10, "ca: a private certificate is trusted, though nobody else may read the file")
    for what, port, options, said in (("without ca", 8443, "", "certificate"), ("an expired certificate", 8444, f", ca: {expired[0]}", "expired"),
                                      ("a redirect to http", 8445, f", ca: {good[0]}", "http")):
        agent.write(BODY % (url % port, options))
        asked = len(site.server.asked)
        agent.cli("apply", "--shrunk")
        tap.becomes(lambda: site.fetch()["failures"] > 0, 10, f"{what}: it fails")
        tap.ok(said in site.fetch()["failure"], f"{what}: list show says what", site.fetch()["failure"])
        tap.equal(len(site.server.asked), asked, f"{what}: nothing else is asked")
    tap.ok(hidden.closed is not None, "the servers ran")


def jitter(tap, world):
    """Fetches come at 90 % to 110 % of the interval, and not in step. The server has a name, which a thread resolves."""
    site = Site(world)
    agent = site.agent
    agent.write(BODY.replace("every: 1s", "every: 2s") % (URL.replace("127.0.0.1", "localhost"), ""))
    agent.start()
    tap.becomes(lambda: site.prefixes() == 1, 10, "a server by its name: the list comes into force")
    wait_for(lambda: len(site.server.asked) >= 9, 40, "9 fetches")
    times = [at for at, _, _ in site.server.asked]
    waits = [after - before for before, after in zip(times[1:], times[2:])]
    tap.ok(all(1.8 <= wait < 2.2 + 0.8 * SLOW for wait in waits), "each is within the interval and a tenth, and the time of a fetch", waits)
    tap.ok(max(waits) - min(waits) > 0.02, "no two are in step", waits)


if __name__ == "__main__":
    run_tests(fetched_confirmed_and_replaced, what_servers_do, nobody_waits, as_a_service, starts_without_the_server, shrunk_and_refused,
              certificates, jitter)
