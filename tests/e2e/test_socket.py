#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The control socket against arbitrary input: one JSON answer per line, in time, and the agent keeps running."""
import json
import random
import socket
import threading
import time

from world import CLASSES, SLOW, run_tests, scaled, wait_for

REQUESTS = [
    {"verb": "ping"},
    {"verb": "level"},
    {"verb": "level", "level": "orange", "for_s": 3.5},
    {"verb": "level", "least": "green", "most": "red"},
    {"verb": "level", "level": "auto"},
    {"verb": "capacity", "service": "shop", "capacity_per_s": 300},
    {"verb": "explain", "colour": True},
    {"verb": "confirm"},
    {"verb": "top", "by": "packets", "most": 5},
    {"verb": "list-add", "list": "abroad", "prefixes": ["198.18.3.7", "2001:db8:3::/64"], "for_s": 60, "note": "größer"},
    {"verb": "list-add", "list": "abroad", "prefixes": ["198.18.3.0/30"], "more": True},
    {"verb": "list-remove", "list": "abroad", "prefixes": ["198.18.3.4-198.18.3.8"]},
    {"verb": "apply", "config": "/nowhere/spillway.yaml", "confirm_s": 5},
    {"verb": "drops", "follow": False, "reason": "cut", "class": "international"},
]


class Client:
    """A connection that is renewed when the agent has closed it."""

    def __init__(self, agent):
        self.path = str(agent.run_dir / "control.sock")
        self.stream = None

    def ask(self, line):
        """The answer to a line of bytes; b"" if the connection was closed without one, or none came in time."""
        if not self.stream:
            connection = socket.socket(socket.AF_UNIX)
            connection.settimeout(5 * SLOW)
            connection.connect(self.path)
            self.stream = connection.makefile("rwb")
            connection.close()  # the stream has it
        try:
            self.stream.write(line)
            self.stream.flush()
            answer = self.stream.readline()
        except (BrokenPipeError, ConnectionResetError, TimeoutError):
            answer = b""
        if not answer:
            self.close()
        return answer

    def close(self):
        if self.stream:
            self.stream.close()
        self.stream = None


def build(world):
    shop = world.namespace("shop")
    world.flood(shop, "eth0")
    agent = world.agent(shop, "services: { shop: { tcp: [80] } }\n" + CLASSES)
    agent.start()
    wait_for(lambda: agent.cli("explain", check=False).returncode == 0, 5, "something was decided")
    return agent


def trouble_of(answer):
    """Why it is not a valid answer; None: it is."""
    try:
        told = json.loads(answer)
    except ValueError as error:
        return f"{error}: {answer[:200]!r}"
    if not isinstance(told, dict) or not isinstance(told.get("ok"), bool) or (not told["ok"] and not told.get("error")):
        return f"neither yes nor no: {answer[:200]!r}"
    return None


def damage(chance, line):
    """Some bytes changed, dropped, doubled or inserted; still one line."""
    text = bytearray(line)
    for _ in range(chance.choice((1, 1, 2, 5, 20))):
        at, kind = chance.randrange(len(text) + 1), chance.randrange(5)
        if kind == 0 and at < len(text):
            text[at] = chance.randrange(256)
        elif kind == 1:
            del text[at:at + chance.randrange(1, 8)]
        elif kind == 2:
            text[at:at] = text[at:at + chance.randrange(1, 40)]
        elif kind == 3:
            text[at:at] = chance.choice((b"\0", b"\xff", b"\xc3", b'"', b"{", b"[" * 300, b"1e400", b"-0", b"null", b"\\u0000",
                                         b"\\ud800", "ä".encode() * 60, b"9" * 40))
        else:
            other = json.dumps(chance.choice(REQUESTS)).encode()
            text[at:at] = other[chance.randrange(len(other)):]
    return bytes(text).replace(b"\n", b" ") + b"\n"


def damaged_lines(tap, world):
    agent = build(world)
    chance, client, wrong = random.Random(7), Client(agent), []
    for request in REQUESTS:
        answer = client.ask(json.dumps(request).encode() + b"\n")
        if trouble_of(answer) and request["verb"] != "drops":
            wrong.append((request, trouble_of(answer)))
        client.close()
    tap.ok(not wrong, "each request is answered", wrong)
    before, refused = agent.resident(), 0
    count = scaled(3000, 300)
    for _ in range(count):
        line = damage(chance, json.dumps(chance.choice(REQUESTS)).encode())
        if b"drops" in line:
            continue  # the answer may be a stream of lines
        answer = client.ask(line)
        trouble = trouble_of(answer)
        if trouble:
            wrong.append((line, trouble))
            client.close()
        else:
            refused += not json.loads(answer)["ok"]
        if not agent.process.alive():
            break
    client.close()
    tap.ok(not wrong, f"each of {count} damaged lines is answered, and so is the one behind it (fault 41)", wrong[:5])
    tap.ok(refused > count / 2, "most of them with what is wrong", refused)
    tap.ok(agent.process.alive() and agent.ticking(), "the agent goes on", agent.process.log()[-2000:])
    grown = agent.resident() - before
    tap.ok(grown < 4096 << 10, "and is no larger than before", f"{grown >> 10} kB more")


def quoted_names(tap, world):
    """An error that quotes a long name is cut at a character boundary, or it would be invalid JSON."""
    agent = build(world)
    client = Client(agent)
    for shift in range(3):
        name = "x" * shift + "€" * 200
        for request in ({"verb": "list-add", "list": name, "prefixes": []},
                        {"verb": "list-add", "list": "abroad", "prefixes": [name]},
                        {"verb": "apply", "config": f"/nowhere/{name}"}):
            answer = client.ask(json.dumps(request, ensure_ascii=False).encode() + b"\n")
            trouble = trouble_of(answer)
            tap.ok(not trouble and not json.loads(answer)["ok"],
                   f"{request['verb']}: a name of {len(name.encode())} bytes is refused in JSON", trouble or answer)
    client.close()


def bounds(tap, world):
    """The limits in docs/control-socket.md on size and number."""
    agent = build(world)
    client = Client(agent)
    answer = client.ask(b'{"verb":"ping","filling":"' + b"x" * 65_500 + b'"}\n')
    tap.equal(json.loads(answer)["ok"], True, "a request of just below 64 KiB is answered")
    client.close()
    answer = client.ask(b"x" * 65_536)
    tap.ok(b"at most 64 KiB" in answer, "a longer one is refused with a reason", answer)
    tap.equal(client.ask(b""), b"", "and the connection is closed")


class Crowd:
    """Connections that send requests without a pause, so that none is silent."""

    def __init__(self, agent, count):
        self.ended, self.wrong = threading.Event(), []
        self.clients = [Client(agent) for _ in range(count)]
        for client in self.clients:
            self.ask(client)
        self.threads = [threading.Thread(target=self.keep_asking, args=(client,)) for client in self.clients]
        for thread in self.threads:
            thread.start()

    def ask(self, client):
        trouble = trouble_of(client.ask(b'{"verb":"ping"}\n'))
        if trouble:
            self.wrong.append(trouble)

    def keep_asking(self, client):
        while not self.ended.wait(0.1):
            self.ask(client)

    def close(self):
        self.ended.set()
        for thread in self.threads:
            thread.join()
        for client in self.clients:
            client.close()


def crowded(tap, world):
    """Connections taken by others: silent ones are replaced, and an operator gets in even if none is silent."""
    agent = build(world)
    crowd = Crowd(agent, 16)
    client = Client(agent)
    try:
        answer = client.ask(b'{"verb":"explain"}\n')
        tap.ok(b"too many connections" in answer and b"ss -xp" in answer, "16 that are in use: the 17th is refused with a reason", answer)
        tap.equal(client.ask(b""), b"", "and its connection is closed")
        client.close()
        for number in range(20):
            answer = client.ask(b'{"verb":"level"}\n')
            client.close()
            if trouble_of(answer) or not json.loads(answer)["ok"]:
                tap.ok(False, f"level, time {number}", answer)
        done = agent.cli("level", "set", "green", check=False)
        tap.equal((done.returncode, done.stderr), (0, ""), "`level set` gets in")
    finally:
        crowd.close()
    tap.equal(crowd.wrong, [], "and none of the 16 is closed for it")

    idle = [Client(agent) for _ in range(40)]
    answers = []
    for each in idle:
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(each.path)
        each.stream = connection.makefile("rwb")
        connection.close()
    for number in range(10):
        done = agent.cli("level", "set", "green" if number % 2 else "yellow", check=False)
        answers += [done.stderr] if done.returncode else []
    tap.equal(answers, [], "40 that say nothing: each `level set` gets in at once")
    time.sleep(1.2)
    done = agent.cli("explain", check=False)
    tap.equal((done.returncode, done.stderr), (0, ""), "when they have been silent for a second, every verb gets in")
    for each in idle:
        each.close()


if __name__ == "__main__":
    run_tests(damaged_lines, quoted_names, bounds, crowded)
