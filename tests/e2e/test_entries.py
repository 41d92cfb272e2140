#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Entries by hand or by machine: in at once, out at their end, exact counts, kept over whatever happens to the agent."""
import json
import os
import signal
import socket
import time

from world import (SCALE, SLOW, finish_blast, run, run_tests, scaled, wait_for)

BODY = """\
management: { prefixes: [198.18.9.0/24], ports: [22] }
lists:
  banned:   {}
  partners: { inline: [198.18.1.0/28] }
  extra:    {}
classes:
  - { name: partner, lists: [partners] }
  - { name: blocked, lists: [banned], cut_from: green, cut: all }
  - { name: favour,  lists: [extra] }
  - { name: unknown, shed_from: yellow }
"""


def build(world, body=BODY, **options):
    shop = world.namespace("shop")
    flood = world.flood(shop, "eth0")
    agent = world.agent(shop, body, **options)
    agent.start()
    return shop, flood, agent


def entries(agent, name="banned"):
    """The entries of a list by prefix, as the pinned maps say."""
    shown = json.loads(agent.cli("-j", "list", "show", name).stdout)[0]["entries"]
    return {entry["prefix"]: entry for entry in shown}


def send(world, flood, source, count, sources=1):
    return finish_blast(world.blast(flood, source, sources, count=count, rate=scaled(20_000)))


def ask(agent, *requests):
    """The socket itself: one connection, one answer a request."""
    answers = []
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10 * SLOW)
        connection.connect(str(agent.run_dir / "control.sock"))
        with connection.makefile("rw") as stream:
            for request in requests:
                stream.write(json.dumps(request) + "\n")
                stream.flush()
                answers.append(json.loads(stream.readline()))
    return answers


def add_count_remove(tap, world):
    """An entry is in force at once, counts exactly, ends by itself, and the most specific prefix wins."""
    _, flood, agent = build(world)
    said = agent.cli("list", "add", "banned", "198.18.3.7", "198.18.4.0/24", "--for", "1h", "--note", 'a "note"').stdout
    tap.equal(said, "banned: 2 added\n", "list add says what it did")
    sent = send(world, flood, "198.18.3.7", 500)
    send(world, flood, "198.18.3.8", 300)
    shown = wait_for(lambda: entries(agent)["198.18.3.7/32"]["packets"] == sent and entries(agent), 5, "counted")
    tap.equal(shown["198.18.3.7/32"]["packets"], sent, "the entry counts each packet of its source")
    tap.equal(shown["198.18.4.0/24"]["packets"], 0, "and no other does")
    tap.equal(agent.counted("drop")["banned"], sent, "they are dropped as the list's class is")
    tap.ok(3500 < shown["198.18.3.7/32"]["left_s"] <= 3600 and shown["198.18.3.7/32"]["note"] == 'a "note"',
           "time left and note are shown", shown)
    text = agent.cli("list", "show", "banned").stdout
    tap.ok(f"{sent:,}" in text and "59m" in text and 'a "note"' in text, "list show says so to people", text)

    said = agent.cli("list", "add", "banned", "198.18.3.7", "--for", "2s", "--note", "shorter").stdout
    tap.ok("1 were there" in said, "adding again changes end and note", said)
    tap.equal(entries(agent)["198.18.3.7/32"]["packets"], sent, "and keeps the counts")
    time.sleep(2.2)
    passed = agent.counted("pass")["none"]
    sent = send(world, flood, "198.18.3.7", 200)
    wait_for(lambda: agent.counted("pass")["none"] == passed + sent, 5, "packets pass again behind its end")
    tap.equal(sorted(entries(agent)), ["198.18.4.0/24"], "an entry that ended is not shown")

    agent.cli("list", "remove", "banned", "198.18.4.0/24")
    passed = agent.counted("pass")["none"]
    sent = send(world, flood, "198.18.4.9", 200)
    wait_for(lambda: agent.counted("pass")["none"] == passed + sent, 5, "packets pass again behind a removal")
    said = agent.cli("list", "remove", "banned", "198.18.4.0/24").stdout
    tap.equal(said, "banned: 0 removed, 1 were not there\n", "what is not there is no error")
    metrics = agent.metrics()
    tap.equal([metrics.one(f"spillway_entries{end}", list="banned")
               for end in ("", "_added_total", "_expired_total", "_removed_total")], [0, 2, 1, 1], "metrics tell of it")


if __name__ == "__main__":
    run_tests(add_count_remove)
