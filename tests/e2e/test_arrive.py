#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# alone: keeps a schedule
"""The load generator of bench-loop reports correctly: checked by nginx's log, and by servers of known behaviour."""
import contextlib
import json
import math
import socket
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "loop"))
from loop import ARRIVE, CLASSES, Loop, Server, UPSTREAM, finish_arrive  # noqa: E402
from world import ROOT, SHOP4, SLOW, run, run_tests, scaled, wait_for  # noqa: E402

# A busy machine may delay the generator too. Its figures count from the scheduled arrivals, so they stay right; where a
# bound is on time, what the generator reports of its own lateness is added. lateness_and_nonsense() has the default.
LAG = ("--lag-most", 600 * SLOW * SLOW)


class Plain(Server):
    """nginx that answers at once, refuses, or asks an application that takes 300 ms; it logs its clients."""
    name = "plain"
    workers = 40

    def start(self, system):
        self.processes.append(self.loop.start_on_server(UPSTREAM, 8080, self.workers, 300))
        self.access = self.folder / "access.log"
        self.nginx(f"""\
    access_log {self.access} seen;
    location / {{ return 200 "open for business\\n"; }}
    location /closed {{ return 503; }}
    location /slow {{ proxy_pass http://127.0.0.1:8080; }}
    location /large {{ root {self.folder}; gzip on; gzip_types text/plain; }}
""", http='log_format seen "$remote_addr $connection $status";')

    def seen(self, least=0):
        """New log lines, without requests from the shop itself. nginx writes a line after its answer: wait for so many."""
        def look():
            lines = [line.split() for line in self.access.read_text().splitlines()]
            return [line for line in lines if not line[0].startswith("127.")]

        with contextlib.suppress(TimeoutError):
            wait_for(lambda: len(look()) >= least, 5, "the log")
        found = look()
        self.access.write_text("")
        return found


def counted_by_class(seen):
    """Log lines by the third number of the address, which is enough to tell the prefixes here."""
    found = dict.fromkeys(CLASSES, 0)
    for address, *_ in seen:
        for name, (prefix, _) in CLASSES.items():
            found[name] += 0 <= int(address.split(".")[2]) - int(prefix.split(".")[2]) < 16
    return found


def visitors_come_by_schedule(tap, loop, server):
    rate, seconds = scaled(400), 3
    server.seen()
    result = finish_arrive(loop.arrive(f"1:{rate} 1:{rate}-{2 * rate}* 1:{2 * rate}*", *LAG))
    expected = rate * (1 + 1.5 + 2)
    total = sum(second["offered"] for second in result["series"])
    seen = server.seen(total)
    tap.ok(abs(total - expected) < 5 * math.sqrt(expected), "as many arrive as the profile says", f"{total} of {expected}")
    tap.equal(len(seen), total, "each of them is in the server's log, once")
    tap.ok(abs(result["offered"] - rate * 3.5) < 5 * math.sqrt(rate * 3.5) and result["measured_s"] == 2,
           "the measured segments alone are counted", result["offered"])
    tap.equal((result["good"], result["answered"]), (result["offered"],) * 2, "nobody is lost, all is good")
    logged = counted_by_class(seen)
    in_series = {name: sum(second["class_good"][name] for second in result["series"]) for name in CLASSES}
    tap.equal(in_series, logged, "the classes are counted as the server saw their addresses")
    for name, (_, share) in CLASSES.items():
        sigma = math.sqrt(total * share * (1 - share))
        tap.ok(abs(logged[name] - total * share) < 5 * sigma, f"{name}: its share of the visitors", logged[name])
    addresses = len({address for address, *_ in seen})
    tap.ok(addresses > 0.9 * total, "they come from many addresses", f"{addresses} addresses, {total} visitors")
    even = finish_arrive(loop.arrive(f"{seconds}:{rate}", "--evenly", *LAG))
    tap.ok(abs(even["offered"] - seconds * rate) <= 1, "--evenly: exactly the rate", even["offered"])


def a_stalled_server_slows_nobody_down(tap, loop, server):
    """Open loop: while the server is stalled, arrivals go on, and their time counts from their arrival."""
    # What is answered at once when the server goes on fits into a veth's ring of 256 packets: a full one drops SYN/ACKs.
    rate, stalled = scaled(60), 2.0
    begin = time.monotonic() + 0.5
    arrive = loop.arrive(f"1:{rate} 4:{rate}*", "--evenly", *LAG, at=begin)
    time.sleep(begin + 1 - time.monotonic())
    server.pause()
    late_pause = time.monotonic() - begin - 1
    time.sleep(begin + 1 + stalled - time.monotonic())
    server.resume()
    stalled = time.monotonic() - begin - 1 - late_pause
    result = finish_arrive(arrive)
    offered = [second["offered"] for second in result["series"][:5]]
    tap.ok(all(abs(count - rate) <= 1 for count in offered), "each second brings as many", offered)
    late = result["offered"] - result["good"]
    tap.ok(0.8 * rate * (stalled - 1) < late < 1.5 * SLOW * rate * (stalled - 1),
           "those who would have waited more than 1 s are not good", f"{late} of {result['offered']}, {rate}/s")
    lag_ms = result["max_lag_ms"]
    tap.ok(abs(result["p99_ms"] - 1000 * stalled) < 200 * SLOW + lag_ms, "the longest wait is that of the first",
           (result["p99_ms"], stalled, lag_ms))
    tap.ok(result["first_broken_s"] is not None and result["first_broken_s"] < late_pause + 0.1 * SLOW,
           "the first broken promise is of the visitor who came as it stopped", (result["first_broken_s"], late_pause))
    tap.equal((result["answered"], result["first_drop_s"]), (result["offered"], None), "nobody was refused")


def refused_syns_are_repeated(tap, loop, _server):
    """International SYNs vanish; their kernel resends them, at 1, 2, 3 s since Linux 6.5, at 1, 3 s before."""
    prefix = CLASSES["international"][0]
    again = 3 if Path("/proc/sys/net/ipv4/tcp_syn_linear_timeouts").exists() else 2
    loop.shop.run("ip", "route", "replace", "blackhole", prefix)
    result = finish_arrive(loop.arrive(f"1:{scaled(200)}*", "--drain", 4, "--patience", 3.6, *LAG))
    loop.shop.run("ip", "route", "del", "blackhole", prefix)
    loop.shop.run("ip", "route", "replace", prefix, "via", "198.18.0.2")
    cut, others = result["classes"]["international"], [result["classes"][name] for name in CLASSES if name != "international"]
    tap.equal((cut["timeout"], cut["answered"]), (cut["offered"], 0), "a class whose SYNs vanish gives up")
    tap.equal(cut["syn_resent"], again * cut["offered"], f"each of its SYNs was sent again {again} times")
    tap.ok(cut["first_drop_s"] is not None and cut["first_broken_s"] is None, "that is a drop and no broken promise", cut)
    tap.ok(all(each["good"] == each["offered"] and not each["syn_resent"] for each in others), "the others notice nothing")


def answers_are_told_apart(tap, loop, server):
    rate = scaled(60)
    result = finish_arrive(loop.arrive(f"1:{rate}", "--path", "/slow", "--drain", 3, *LAG))
    tap.ok(295 < result["p50_ms"] < 300 + 50 * SLOW + result["max_lag_ms"], "an answer that takes 300 ms: the median says so",
           (result["p50_ms"], result["max_lag_ms"]))
    tap.equal((result["good"], result["under_250ms"]), (result["offered"], 0), "it is good, and not under 250 ms")
    result = finish_arrive(loop.arrive(f"1:{rate}", "--path", "/closed", *LAG))
    tap.equal((result["refused"], result["good"], result["answered"]), (result["offered"], 0, 0), "503 is no good answer")
    tap.ok(result["first_drop_s"] is not None and result["first_broken_s"] is None, "it is a refusal, though")
    (server.folder / "large").write_text("open for business, said the shop\n" * 20000)
    for options, what in (((), "one connection each"), (("--persistent", 10), "kept-alive connections")):
        result = finish_arrive(loop.arrive(f"1:{rate}", "--path", "/large", *options, *LAG))
        tap.equal(result["answered"], result["offered"], f"large compressed pages in chunks are read to the end: {what}")


def visits_of_several_requests(tap, loop, server):
    rate = scaled(50)
    server.seen()
    result = finish_arrive(loop.arrive(f"1:{rate}", "--page", 8, *LAG))
    seen = server.seen(8 * result["offered"])
    tap.equal((len(seen), result["good"]), (8 * result["offered"], result["offered"]), "--page: eight connections a visit")
    tap.equal(len({connection for _, connection, _ in seen}), len(seen), "each of its own")
    tap.equal(len({address for address, *_ in seen}), result["offered"], "from one address")
    result = finish_arrive(loop.arrive(f"1:{rate}", "--requests", 5, *LAG))
    seen = server.seen(5 * result["offered"])
    tap.equal((len(seen), len({connection for _, connection, _ in seen})), (5 * result["offered"], result["offered"]),
              "--requests: five on one connection")
    result = finish_arrive(loop.arrive(f"1:{10 * rate}", "--persistent", 40, *LAG))
    seen = server.seen(result["offered"])
    tap.equal((len(seen), result["good"]), (result["offered"],) * 2, "--persistent: each visit is a request")
    used = len({connection for _, connection, _ in seen})
    tap.ok(36 <= used <= 44, "over the connections that stand", f"{used} connections")


def broken_answers(tap, loop, _server):
    """Servers that close before their answer is complete, in several ways."""
    heads = [b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n",
             b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"HTTP/1.1 200", b"garbage\r\n\r\n", b"",
             b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0000000000000000000000000000000000000000001"]
    listener = loop.shop.socket()
    listener.bind((SHOP4, 81))
    listener.listen(512)
    listener.settimeout(0.2)
    over = threading.Event()

    def serve():
        served = 0
        while not over.is_set():
            try:
                client, _ = listener.accept()
            except socket.timeout:
                continue
            with client:
                client.recv(4096)
                client.sendall(heads[served % len(heads)])
            served += 1

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    result = finish_arrive(loop.arrive(f"1:{scaled(70)}", "--target", f"{SHOP4}:81", *LAG))
    over.set()
    thread.join()
    listener.close()
    tap.equal((result["broken"], result["answered"]), (result["offered"], 0), "an answer that is not whole is none")
    result = finish_arrive(loop.arrive(f"1:{scaled(70)}", "--target", f"{SHOP4}:82", *LAG))
    tap.equal(result["broken"], result["offered"], "a port where nobody listens: broken at once")


def lateness_and_nonsense(tap, loop, _server):
    arguments = ["--class", "one:198.18.16.0/20:1", "--target", f"{SHOP4}:80"]
    done = loop.visitors.run("prlimit", "--nofile=80:80", ARRIVE, *arguments, "--profile", "1:500", "--path", "/slow",
                             "--senders", 1, check=False)
    result = json.loads(done.stdout)
    tap.ok(done.returncode == 3 and result["void"] and result["unsent"] > 0,
           "no socket left for a visitor: void, exit status 3", f"exit {done.returncode}, {result['unsent']} unsent")
    done = loop.visitors.run(ARRIVE, *arguments, "--profile", "1:100", "--at", f"{time.monotonic() - 0.5:.3f}", check=False)
    result = json.loads(done.stdout)
    tap.ok(done.returncode == 3 and result["void"] and result["max_lag_ms"] > 400, "late on its own schedule: void",
           f"exit {done.returncode}, {result['max_lag_ms']} ms")
    for profile in ("", "5", "5:", "0:10", "5:x", "5:10-", "-1:10", "5:10 6", "5:1e9", "86400:1000000", "5:nan", "5:10**",
                    " ".join(["1:1"] * 65)):
        done = run(ARRIVE, *arguments, "--profile", profile, check=False, timeout=5)
        tap.ok(done.returncode == 2 and "--profile" in done.stderr, f"profile {profile[:20]!r}: a usage error", done.stderr)
    for kind in ("x", "x:198.18.0.0/20", "x:198.18.16.1/20:1", "x:198.18.16.0/33:1", "x:a/20:1", "x:198.18.16.0/20:0",
                 "x:198.18.16.0/20:1:2", "X:198.18.16.0/20:1"):
        done = run(ARRIVE, "--profile", "1:1", "--class", kind, check=False, timeout=5)
        tap.ok(done.returncode == 2 and "--class" in done.stderr, f"class {kind!r}: a usage error", done.stderr)


def generator(tap, world):
    run("make", "-s", "-C", ROOT, ARRIVE.relative_to(ROOT), UPSTREAM.relative_to(ROOT), timeout=60)
    loop = Loop(world)
    server = Plain(loop)
    with server.running():
        for part in (visitors_come_by_schedule, a_stalled_server_slows_nobody_down, refused_syns_are_repeated,
                     answers_are_told_apart, visits_of_several_requests, broken_answers, lateness_and_nonsense):
            part(tap, loop, server)


if __name__ == "__main__":
    if SLOW > 1:
        print("1..0 # skip the load generator is for machines that keep a schedule; this one is emulated")
        sys.exit(0)
    run_tests(generator)
