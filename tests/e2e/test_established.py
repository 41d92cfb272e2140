#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Whose established connections are ended, and whose never: real clients on kept-alive connections to a real web server.

The capacity is set far below what the server can serve, so that what is asked decides, and not how fast this machine is.
"""
import contextlib
import json
import select
import socket
import time

from world import SHOP4, SHOP6, SLOW, KeptAlive, connect, run_tests, stopped, wait_for

CAPACITY = 40
ROUND_S = 0.25 * min(SLOW, 3)  # 116 requests a second, which a busy machine serves too
BOSS = "198.18.3.1"  # management, within the class that sheds first

BODY = """\
management: { prefixes: [%s/32] }
services: { shop: { tcp: [80], capacity: %d/s%s } }
lists:
  partners: { inline: [198.18.1.0/24, "2001:db8:1::/48"] }
  home:     { inline: [198.18.2.0/24, "2001:db8:2::/48"] }
  abroad:   { inline: [198.18.3.0/24, "2001:db8:3::/48"] }
classes:
  - { name: partner,       lists: [partners], established: end }
  - { name: domestic,      lists: [home],   shed_from: red%s }
  - { name: international, lists: [abroad], shed_from: orange%s }
  - { name: unknown,       shed_from: yellow }
"""


def body(ends=True, patience=""):
    end = ", established: end" if ends else ""
    return BODY % (BOSS, round(CAPACITY / min(SLOW, 3)), patience, end, end)


class Visitor:
    """A connection that stands, and asks again and again. Once it is ended, its visitor comes back, once."""

    def __init__(self, client, source, address=SHOP4):
        self.client, self.source, self.address = client, source, address
        self.kept = KeptAlive(connect(client, address, source=source, timeout=10))
        self.answers = 0
        self.ended = self.let_in = False
        self.back = None

    def ask(self):
        if self.ended:
            self.look_back()
            return
        try:
            self.answers += self.kept.get()[0] == 200
        except TimeoutError:
            raise
        except OSError:
            self.ended = True
            self.come_back()

    def come_back(self):
        self.back = self.client.socket(socket.AF_INET6 if ":" in self.source else socket.AF_INET)
        self.back.bind((self.source, 0))
        self.back.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            self.back.connect((self.address, 80))
        self.came_back = time.monotonic()

    def look_back(self):
        """Whether it was let in, before its SYN is sent again after a second, when the share may have grown."""
        if self.back and time.monotonic() - self.came_back > 0.45:
            self.let_in = bool(select.select([], [self.back], [], 0)[1])
            self.back.close()
            self.back = None


class Visitors:
    """Visitors of all classes, each from an address of its own; the boss is one of them."""

    def __init__(self, world):
        self.clients = {name: world.client(name, number, addresses=16)
                        for number, name in enumerate(("partners", "home", "abroad"), 1)}
        self.all = {"partners": [self.visitor("partners", 1, number) for number in range(1, 4)],
                    "home": [self.visitor("home", 2, number) for number in range(1, 17)],
                    "abroad": [self.visitor("abroad", 3, number) for number in range(2, 10)] +
                              [Visitor(self.clients["abroad"], "2001:db8:3::1", SHOP6)],
                    "boss": [self.visitor("abroad", 3, 1)]}

    def visitor(self, name, net, number):
        return Visitor(self.clients[name], f"198.18.{net}.{number}")

    def ask(self, rounds, until=lambda: False):
        """Everybody asks four times a second; True: @until came true."""
        for _ in range(rounds):
            begin = time.monotonic()
            for visitors in self.all.values():
                for visitor in visitors:
                    visitor.ask()
            if until():
                return True
            time.sleep(max(0, ROUND_S - (time.monotonic() - begin)))
        return until()

    def ended(self, name):
        return sum(visitor.ended for visitor in self.all[name])

    def let_in(self, name):
        return sum(visitor.let_in for visitor in self.all[name])


def build(world, text, **options):
    shop = world.shop()
    server = world.nginx(shop)
    agent = world.agent(shop, text, **options)
    agent.start()
    return shop, server, agent


def ending_events(agent):
    return [event for line in (agent.state_dir / "events.jsonl").read_text().splitlines()
            if (event := json.loads(line))["event"] == "ending"]


def ended_by_class(agent, reason="share"):
    metrics = agent.metrics()
    return {name: metrics.one("spillway_connections_ended_total", **{"class": name}, reason=reason)
            for name in ("partner", "domestic", "international", "unknown")}


def connections_outside_the_share_are_ended(tap, world):
    _, _, agent = build(world, body())
    visitors = Visitors(world)
    came = visitors.ask(80, lambda: visitors.ended("abroad") == len(visitors.all["abroad"]))
    tap.ok(came, "the class that has no share loses every connection, IPv6 too (fault 52)",
           f"{visitors.ended('abroad')} of {len(visitors.all['abroad'])}; {agent.cli('explain').stdout}")
    visitors.ask(8)
    back = visitors.let_in("abroad")
    # Shares grow in real time, and where this machine is slow, visitors come back over more of it.
    tap.ok(back <= 2 * min(SLOW, 3), "what comes back is new work, and refused but for whom a growing share admits", f"{back} of 9")
    tap.equal(visitors.ended("boss"), 0, "management in the midst of that class does not")
    tap.equal(visitors.ended("partners"), 0, "nor does a class that does not shed at this level, although it says `end`")
    stay = len(visitors.all["home"]) - visitors.ended("home")
    tap.ok(0 < stay < len(visitors.all["home"]),
           "of the class in the middle those within its share stay, and the others do not", f"{stay} stay")
    # Who came back and was let in may have been ended once more.
    counted, seen = ended_by_class(agent), {"partner": "partners", "domestic": "home", "international": "abroad"}
    tap.ok(all(visitors.ended(name) <= counted[of_class] <= visitors.ended(name) + visitors.let_in(name)
               for of_class, name in seen.items()) and not counted["unknown"],
           "each that was ended is counted by class, and no other", counted)
    tap.equal(sum(ended_by_class(agent, "patience").values()), 0, "none for patience")
    metrics = agent.metrics()
    served = {name: metrics.one("spillway_established_requests_total", **{"class": name}, service="shop")
              for name in ("partner", "domestic", "international")}
    tap.ok(all(count > 0 for count in served.values()), "requests are counted by class", served)
    explained = agent.cli("explain").stdout
    tap.ok("part of the demand" in explained and "outside their share" in explained, "`explain` tells it", explained)
    told = json.loads(agent.cli("-j", "explain").stdout)["services"][0]["established"]
    tap.ok(told["in_demand"] and told["requests_per_s"] > 0 and
           [each["ended_share"] > 0 for each in told["classes"]] == [False, visitors.ended("home") > 0, True, False],
           "and in JSON", told)
    tap.ok("connections are being ended, the first of class international" in agent.process.log(), "and the log, once",
           agent.process.log()[-2000:])
    log = agent.process.log()
    begun, over = log.count("connections are being ended"), log.count("are no longer ended")  # on slow machines twice
    tap.ok(begun - over in (0, 1) and begun < sum(counted.values()) / 2, "not for each", log[-2000:])
    events = ending_events(agent)
    tap.equal([events[0][key] for key in ("ending", "service", "class", "reason")],
              [True, "shop", "international", "share"], "and an event")
    tap.equal([event["ending"] for event in events], [number % 2 == 0 for number in range(len(events))],
              "each begin is followed by an end")
    before = [visitor.answers for visitor in visitors.all["partners"]]
    visitors.ask(10)
    tap.equal([visitor.answers - then for visitor, then in zip(visitors.all["partners"], before)], [10] * 3,
              "the partners go on")
    counted = sum(ended_by_class(agent).values())
    agent.stop()
    tap.equal([(each["ending"], each["service"], each["ended"]) for each in ending_events(agent)[1:]],
              [(False, "shop", counted)], "that no more are ended is an event too, with their number")


def nobody_is_ended(tap, world, text, why, **options):
    _, _, agent = build(world, text, **options)
    visitors = Visitors(world)
    visitors.ask(24)
    tap.equal({name: visitors.ended(name) for name in visitors.all}, dict.fromkeys(visitors.all, 0),
              f"{why}: nobody's connection is ended")
    tap.equal(sum(ended_by_class(agent).values()), 0, f"{why}: and none is told")
    return agent


def observe_ends_nothing(tap, world):
    agent = nobody_is_ended(tap, world, body(), "observe", mode="observe")
    tap.ok("level red" in agent.process.log(), "observe: the level was red all the same", agent.process.log())


def keep_ends_nothing(tap, world):
    agent = nobody_is_ended(tap, world, body(ends=False).replace(", established: end", ""), "keep")
    explained = agent.cli("explain").stdout
    tap.ok("which nothing holds back (established: keep)" in explained, "keep: `explain` says so", explained)
    total = agent.metrics().sum("spillway_established_requests_total", service="shop")
    tap.ok(total > 100, "keep: requests are counted all the same", total)


def outcome(made, timeout):
    """What comes on a connection: the status line's code, "reset", or "nothing"."""
    made.settimeout(timeout)
    try:
        return made.recv(4096)[9:12].decode() or "closed"
    except ConnectionError:
        return "reset"
    except TimeoutError:
        return "nothing"


GET = b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n"


def sent(client, source, payload=GET):
    made = connect(client, source=source, timeout=3)
    if payload:
        made.sendall(payload)
    return made


def those_who_wait_too_long_are_ended(tap, world):
    patience = 1.0 * min(SLOW, 3)
    _, server, agent = build(world, body(patience=f", patience: {round(patience * 1000)}ms"))
    clients = {name: world.client(name, number) for number, name in enumerate(("partners", "home", "abroad"), 1)}
    kept = Visitor(clients["home"], "198.18.2.2")
    kept.ask()
    with stopped(server):
        old = [sent(clients["partners"], "198.18.1.1"), sent(clients["home"], "198.18.2.1")]
        kept.kept.connection.sock.sendall(GET)
        silent = sent(clients["home"], "198.18.2.3", None)
        boss = sent(clients["abroad"], BOSS)
        time.sleep(patience * 0.6)
        tap.equal([outcome(made, 0.01) for made in [*old, kept.kept.connection.sock, silent]], ["nothing"] * 4,
                  "within their patience nobody is ended")
        young = sent(clients["partners"], "198.18.1.2")
        tap.equal([outcome(made, patience) for made in old], ["reset"] * 2,
                  "behind it those whose data nobody has read are, of every class")
        tap.equal(outcome(kept.kept.connection.sock, patience), "reset", "also on a connection that was served before")
        tap.equal(outcome(silent, patience), "reset", "and one that nobody has accepted, without data")
        tap.equal(outcome(boss, 0.01), "nothing", "management is not")
    tap.equal(outcome(boss, 3), "200", "and is served when the server goes on")
    tap.equal(outcome(young, 3), "200", "as is who came later")
    idle = Visitor(clients["home"], "198.18.2.2")
    idle.ask()
    time.sleep(2 * patience)
    idle.ask()
    tap.equal((idle.ended, idle.answers), (False, 2), "an idle connection waits for nobody")
    tap.equal(sum(ended_by_class(agent, "patience").values()), 4, "four were ended, and are told")
    tap.equal(sum(ended_by_class(agent).values()), 0, "none of them for its share")
    wait_for(lambda: len(ending_events(agent)) > 1, 20, "the event that no more are ended")
    tap.equal([(each["ending"], each.get("reason"), each.get("ended")) for each in ending_events(agent)],
              [(True, "patience", None), (False, None, 4)], "begin and end of it are events")


def without_patience_they_wait(tap, world):
    _, server, agent = build(world, body(patience=", patience: 200ms"), mode="observe")
    client = world.client("home", 2)
    with stopped(server):
        made = sent(client, "198.18.2.1")
        tap.equal(outcome(made, 1.5 * min(SLOW, 3)), "nothing", "observe: patience ends nobody")
    tap.equal(outcome(made, 3), "200", "observe: and the answer comes")
    agent.stop()
    agent.top.pop("mode")
    agent.write(body())
    agent.start()
    with stopped(server):
        made = sent(client, "198.18.2.1")
        tap.equal(outcome(made, 1.5 * min(SLOW, 3)), "nothing", "without `patience` nobody is ended")
    tap.equal(outcome(made, 3), "200", "and the answer comes")


if __name__ == "__main__":
    run_tests(connections_outside_the_share_are_ended, observe_ends_nothing, keep_ends_nothing,
              those_who_wait_too_long_are_ended, without_patience_they_wait)
