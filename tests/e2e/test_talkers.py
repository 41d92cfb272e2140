#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Who takes what: top over real traffic, sampled drops as lines and as a capture, and those who cannot be a client (fault 11)."""
import json
import signal
import socket
import subprocess
import time

from world import CLASSES, Process, finish_blast, run, run_tests, scaled, wait_for

SERVICES = "services: { shop: { tcp: [80], capacity: 950/s } }\n"
HEAVY, FORGED = "198.18.3.9", ("127.0.0.1", "198.18.0.1", "240.1.2.3")


def build(world):
    shop = world.shop()
    flood = world.flood(shop)
    agent = world.agent(shop, SERVICES + CLASSES, interfaces=("eth0", "eth1"))
    agent.start()
    agent.cli("level", "set", "red")
    return shop, flood, agent


def top(agent, *argv):
    return json.loads(agent.cli("-j", "top", *argv).stdout)


def ranked(tap, world):
    """One heavy source that is cut, two hundred light ones that pass."""
    _, flood, agent = build(world)
    rate = scaled(8000)
    heavy = world.blast(flood, HEAVY, 1, rate=rate)
    light = world.blast(flood, "198.18.2.0", 200, rate=rate // 2, extra=("--ack",))
    forged = [world.blast(flood, source, 1, rate=rate // 10) for source in FORGED]
    time.sleep(2)
    counted, begin = agent.counted(), time.monotonic()
    time.sleep(10)
    seen = top(agent, "--by", "packets")
    now, end = agent.counted(), time.monotonic()
    # What arrived, not what was to be sent: a busy machine may send less.
    rates = {name: (count - counted[name]) / (end - begin) for name, count in now.items()}
    text = agent.cli("top").stdout
    plain = agent.cli("top", "--once", "--prefixes", "--by", "dropped").stdout
    page = agent.metrics()
    finish_blast(heavy, stop=True)
    finish_blast(light, stop=True)
    forged_sent = sum(finish_blast(stream, stop=True) for stream in forged)

    true_rate = rates["abroad"]
    first, second = seen["agent"]["sources"][:2]
    tap.equal((first["source"], first["class"], first["list"]), (HEAVY, "international", "abroad"), "the heavy source is first")
    error = first["error_per_s"] + 2 * first["margin_per_s"] + 0.05 * true_rate
    tap.ok(abs(first["packets_per_s"] - true_rate) <= error, "its rate is within the reported error",
           f"{first}, true {true_rate:.0f}")
    tap.ok(first["margin_per_s"] < 0.2 * true_rate, "and that error is small", str(first))
    tap.ok(first["dropped_per_s"] > 0.99 * first["packets_per_s"] and first["new_per_s"] > 0.99 * first["packets_per_s"],
           "all of it is new work, and dropped", str(first))
    tap.ok(second["source"].startswith("198.18.2.") and second["packets_per_s"] < first["packets_per_s"] / 20
           and not second["dropped_per_s"], "a light one is second", str(second))
    prefixes = [entry["source"] for entry in seen["agent"]["prefixes"]]
    tap.equal(prefixes, ["198.18.3.0/24", "198.18.2.0/24"], "prefixes sum up their sources")
    around = seen["agent"]["prefixes"][1]
    tap.ok(abs(around["packets_per_s"] - rates["home"]) < 2 * around["margin_per_s"] + 0.05 * true_rate, "the light prefix too",
           (around, rates["home"]))
    everybody = {entry["source"] for entry in seen["agent"]["sources"]}
    tap.equal(everybody & set(FORGED), set(), "who cannot be a client is not ranked (fault 11)")
    kinds = {kind: page.one("spillway_odd_source_packets_total", kind=kind) for kind in ("loopback", "own", "martian", "link_local")}
    total = sum(kinds.values())
    tap.ok(all(kinds[kind] > 0.15 * forged_sent for kind in ("loopback", "own", "martian")) and total < 1.5 * forged_sent,
           "but counted, by kind", f"{kinds}, sent {forged_sent}")
    international = next(entry for entry in seen["classes"] if entry["name"] == "international")
    tap.ok(abs(international["refused_per_s"] - true_rate) < 0.2 * true_rate and not international["new_per_s"],
           "classes have exact rates", str(international))
    lines = text.splitlines()
    tap.ok("RED" in lines[0] and all(len(line) <= 80 for line in lines), "as text it fits 80 columns", text)
    tap.ok(any(line.startswith(HEAVY) and line.endswith("100%") for line in lines), "and has the source", text)
    tap.ok("198.18.3.0/24" in plain and "198.18.2.0/24" not in plain, "prefixes by drops leave out who has none", plain)
    tap.ok(page.one("spillway_samples_total", verdict="drop") > 0 and page.one("spillway_samples_lost_total", why="ring_full",
           verdict="drop") == 0, "samples are counted, none is lost")
    checked = subprocess.run(["promtool", "check", "metrics"], input=page.text, text=True, capture_output=True, check=False)
    tap.equal((checked.returncode, checked.stdout + checked.stderr), (0, ""), "promtool has nothing to say")
    tap.ok(not any(HEAVY in line for line in page.text.splitlines()), "no address is a label")
    agent.process.signal(signal.SIGKILL)
    agent.process.wait()
    alone = agent.cli("top")
    tap.ok("no agent listens" in alone.stdout and "international" in alone.stdout and "RED" in alone.stdout,
           "without an agent the maps still speak, and it says so", alone.stdout)


def captured(tap, world):
    """Drops as lines, and as a file that tshark and simulate read."""
    _, flood, agent = build(world)
    stream = world.blast(flood, HEAVY, 1, rate=scaled(3000))
    wait_for(lambda: agent.cli("events", "--drops").stdout, 5, "drops are sampled")
    drop = json.loads(agent.cli("-j", "events", "--drops").stdout.splitlines()[-1])
    wanted = {"src": HEAVY, "dport": 80, "proto": 6, "class": "international", "list": "abroad", "reason": "cut",
              "verdict": "drop", "new": True, "len": 60}
    tap.equal({key: drop[key] for key in wanted}, wanted, "a drop says what it was")
    tap.ok(abs(time.time() - drop["at_ns"] / 1e9) < 5, "and when", str(drop))
    tap.equal(bytes.fromhex(drop["header"])[26:30], socket.inet_aton(HEAVY), "with the bytes of its frame")
    line = agent.cli("events", "--drops").stdout.splitlines()[-1]
    tap.ok(all(word in line for word in (HEAVY, "> 80", "tcp", "international", "abroad", "cut", "1 in ")), "for people too", line)

    path = world.folder / "drops.pcapng"
    done = agent.cli("capture", "-w", path, "--count", 100, "--reason", "cut", "--class", "international")
    tap.ok("100 drops" in done.stderr, "capture ends with the count", done.stderr)
    fields = run("tshark", "-r", path, "-T", "fields", "-e", "frame.comment", "-e", "ip.src", "-e", "frame.len",
                 "-e", "frame.time_epoch").stdout.splitlines()
    rows = [row.split("\t") for row in fields]
    tap.equal(len(rows), 100, "tshark reads them all")
    tap.ok(all(row[0].startswith("cut: class international, list abroad, 1 in ") and row[1:3] == [HEAVY, "60"] for row in rows),
           "with the reason as comment", str(rows[0]))
    tap.ok(all(abs(time.time() - float(row[3])) < 60 for row in rows), "and its time", str(rows[0]))
    for level, said in (("red", "0 passed, 100 dropped"), ("green", "100 passed, 0 dropped")):
        told = agent.cli("simulate", path, "--level", level, "-q").stdout
        tap.ok(said in told, f"simulate reads it, level {level}", told)

    agent.write((SERVICES + CLASSES).replace("cut_from: red", "cut_from: red, cut: all"))
    agent.cli("apply")
    large = world.blast(flood, "198.18.3.10", 1, rate=scaled(1000), extra=("--ack", "--length", "1000"))
    long = world.folder / "long.pcapng"
    agent.cli("capture", "-w", long, "--count", 2000, "--seconds", 2, "--reason", "cut")
    rows = run("tshark", "-r", long, "-Y", "ip.src == 198.18.3.10", "-T", "fields", "-e", "frame.len", "-e", "frame.cap_len").stdout.split()
    tap.equal(set(rows), {"1000", "100"}, "of long frames the first bytes, and how long they were")
    told = agent.cli("simulate", long, "--level", "red", "-q")
    tap.ok(" 0 passed" in told.stdout and "malformed" not in told.stdout and "cut short" in told.stderr,
           "simulate judges them as long as they were", told.stdout + told.stderr)
    finish_blast(large, stop=True)

    endless = world.folder / "endless.pcapng"
    capture = Process(agent.namespace.command(agent.program, "-c", agent.config, "capture", "-w", endless), world.folder / "capture.log")
    world.on_exit(capture.stop)
    wait_for(lambda: endless.exists() and endless.stat().st_size > 5000, 5, "it captures")
    capture.signal(signal.SIGINT)
    tap.equal(capture.wait(), 0, "Ctrl-C ends it well")
    count = int(capture.log().split()[0])
    tap.equal(len(run("tshark", "-r", endless).stdout.splitlines()), count, "and the file is whole")
    finish_blast(stream, stop=True)
    wrong = [agent.cli("capture", *argv, check=False) for argv in ((), ("-w", path, "--count", "0"), ("-w", path, "--reason", "admitted"),
             ("-w", path, "--class", "nosuch"), ("-w", world.folder / "no" / "where"))]
    tap.equal([done.returncode for done in wrong], [2, 2, 1, 1, 1], "what makes no sense is refused")


def ask(agent, line):
    """One line to the control socket, and the first one back."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.connect(str(agent.run_dir / "control.sock"))
        client.sendall(line + b"\n")
        client.shutdown(socket.SHUT_WR)
        return json.loads(client.makefile().readline())


def slow_reader(tap, world):
    """43, 45: who does not read what it asked for misses drops, learns how many, and holds up nobody."""
    _, flood, agent = build(world)
    hostile = (b'{"verb":"drops","reason":5}', b'{"verb":"drops","reason":"admitted"}', b'{"verb":"drops","class":"\\u0000"}',
               b'{"verb":"drops","class":[]}', b'{"verb":"drops","follow":"yes"}', b'{"verb":"top","by":"name"}',
               b'{"verb":"top","by":1}', b'{"verb":"top","most":-1}', b'{"verb":"top","most":1e9}', b'{"verb":"top","most":101}')
    tap.equal([bool(ask(agent, line).get("error")) for line in hostile], [True] * len(hostile), "what is wrong is refused (fault 41)")
    stream = world.blast(flood, HEAVY, 1, rate=scaled(20000))
    readers = [socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) for _ in range(5)]
    for reader in readers:
        reader.connect(str(agent.run_dir / "control.sock"))
        reader.sendall(b'{"verb":"drops","follow":true}\n')
    refused = json.loads(readers[4].makefile().readline())
    tap.ok(not refused["ok"] and "four" in refused["error"], "a fifth is refused", str(refused))
    wait_for(lambda: agent.metrics().one("spillway_drop_followers_lost_total") > 100, 20, "the slow ones miss drops")
    page = agent.metrics()
    tap.equal(page.one("spillway_drop_followers"), 4, "four follow")
    tap.ok(page.one("spillway_decision_longest_seconds") < 0.5 and agent.ticking(), "the agent goes on")
    text = readers[0].makefile()
    numbers, lost = [], 0
    while not lost:
        line = json.loads(text.readline())
        lost = line.get("lost", 0)
        numbers += [line["n"]] if "n" in line else []
    after = json.loads(text.readline())["n"]
    tap.equal(numbers, list(range(numbers[0], numbers[0] + len(numbers))), "up to there nothing is missing")
    tap.equal(after, numbers[-1] + lost + 1, "what is missing is reported, to the one")
    for reader in (text, *readers):
        reader.close()
    tap.becomes(lambda: agent.metrics().one("spillway_drop_followers") == 0, 5, "a follower that has gone is forgotten")
    finish_blast(stream, stop=True)


run_tests(ranked, captured, slow_reader)
