#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Limits by the agent: enforced, reported, counted, and kept over reload, kill -9 and another configuration."""
import time

from world import CLASSES, finish_blast, request, run_tests, scaled, wait_for

BURST = 12
# At this rate next to nothing drains during a test.
LIMITED = CLASSES.replace("cut_from: red }", "cut_from: red, per_source: { new: 1/s, burst: %d } }" % BURST) + """\
limits: { prefix: { ipv4: 16 } }
"""
TOTAL = CLASSES.replace("{ name: domestic,      lists: [home],   shed_from: red }",
                        "{ name: domestic, lists: [home], total: { packets: 1/s, burst: 40 }, fair: true }")


def build(world, body):
    shop = world.shop()
    clients = {name: world.client(name, number) for name, number in {"partners": 1, "home": 2, "abroad": 3}.items()}
    world.nginx(shop)
    agent = world.agent(shop, body)
    agent.start()
    return clients, agent


def passed(agent):
    """New work of the international class that was admitted."""
    return next(entry["new_work"]["pass"] for entry in agent.status()["classes"] if entry["name"] == "international")


def ask(client, times):
    return [request(client) for _ in range(times)].count(200)


def served_until_refused(agent, client):
    """Requests that are served before one is refused, and when that one began; on slow machines its resent SYN passes."""
    def refused():
        return agent.reasons().get("source_new", {"drop": 0})["drop"]

    before, served, begin = refused(), 0, time.monotonic()
    while served <= 3 * BURST:
        begin = time.monotonic()
        if request(client) != 200:
            break
        served += 1
        if time.monotonic() - begin > 0.5 and refused() > before:
            break
    return served, begin


def counted(agent, reason, **labels):
    """Whether the metric agrees with the reasons; refused SYNs are resent meanwhile."""
    before = agent.reasons()[reason]["drop"]
    metric = agent.metrics().sum("spillway_class_limited_packets_total", **labels)
    return before <= metric <= agent.reasons()[reason]["drop"]


def a_source_is_limited(tap, world):
    clients, agent = build(world, LIMITED)
    tap.ok("a source 1/s new (12 at once)" in agent.cli("check").stdout, "check tells the limits")
    begin = time.monotonic()
    served, _ = served_until_refused(agent, clients["abroad"])
    most = BURST + 3 + (time.monotonic() - begin)  # a resent SYN of a waiting request may pass
    tap.ok(BURST <= served <= most, "a source is served up to its burst", f"{served}, at most {most:.0f}")
    tap.equal(ask(clients["partners"], 20), 20, "another class is not limited")
    tap.ok(agent.reasons()["source_new"]["drop"] > 0, "status says why", agent.reasons()["source_new"])
    tap.ok("international: a source 1/s new (12 at once); " in agent.cli("status").stdout, "status tells the limits")
    metrics = agent.metrics()
    told = counted(agent, "source_new", **{"class": "international"}, scope="source", kind="new")
    tap.ok(told, "a metric counts it by class and kind")
    tap.equal(metrics.sum("spillway_meter_cells", table="source"), 2 << 20, "meters have a fixed size")

    def new_agent():
        agent.process.kill()
        agent.start()

    for change, what in ((agent.reload, "a reload hands out no second burst"), (new_agent, "nor does a new agent after kill -9")):
        _, empty = served_until_refused(agent, clients["abroad"])
        before = passed(agent)
        change()
        served_until_refused(agent, clients["abroad"])
        got, most = passed(agent) - before, time.monotonic() - empty + 2
        tap.ok(got <= most, what, f"{got}, at most {most:.1f}")
    agent.write(CLASSES)
    agent.reload()
    tap.equal(ask(clients["abroad"], 20), 20, "without limits everybody is served again")


def a_class_has_a_ceiling(tap, world):
    clients, agent = build(world, TOTAL)
    for _ in range(10):
        request(clients["home"])
    reasons = agent.reasons()
    tap.ok(reasons["class_packets"]["drop"] > 0, "the class's own ceiling holds (fault 21)", reasons["class_packets"])
    told = counted(agent, "class_packets", **{"class": "domestic"}, scope="class", kind="packets")
    tap.ok(told, "... and a metric shows it (fault 21)")
    tap.equal(ask(clients["abroad"], 20), 20, "... at nobody else's cost (fault 21)")


def demand(agent):
    """Demand and level; 0 for green."""
    page = agent.metrics()
    return page.one("spillway_service_demand_per_second", service="shop"), page.one("spillway_level")


def limits_hold_a_flood(tap, world):
    """What a limit refuses is no demand and does not change the level; what a fair share holds back does."""
    service = "services: { shop: { tcp: [80], capacity: 150/s } }\n"
    shop = world.shop()
    flood = world.flood(shop)
    world.nginx(shop)
    agent = world.agent(shop, service + LIMITED, interfaces=("eth0", "eth1"))
    agent.start()
    heavy = world.blast(flood, "198.18.3.9", 1, rate=scaled(10000), extra=("--fresh",))
    time.sleep(4)

    def refused():
        page = agent.metrics()
        limited = page.one("spillway_service_new_work_total", service="shop", kind="limited", verdict="drop",
                           **{"class": "international"})
        return limited > scaled(20000) and (page, limited)

    page, limited = tap.becomes(refused, 10, "what a limit refuses counts by itself")
    wanted, level = demand(agent)
    tap.ok(wanted < 60 and not level, "and is no demand: the level stays", (wanted, level))
    drops = page.one("spillway_class_new_work_total", verdict="drop", **{"class": "international"})
    tap.ok(drops >= limited, "the class's new work has it too", (drops, limited))
    agent.write(service + CLASSES.replace("cut_from: red }", "fair: true }"))
    agent.cli("apply")
    light = world.blast(flood, "198.18.3.100", 40, rate=40, extra=("--fresh",))
    wait_for(lambda: "spillway_class_fair_per_second{" in agent.metrics().text, 10, "a fair share is in force")

    def arrived():
        """New work so far, and when."""
        return agent.metrics().sum("spillway_class_new_work_total", **{"class": "international"}), time.monotonic()

    # Means of the same seconds: where the sender itself stood for a moment, demand falls with what arrives.
    time.sleep(2)
    before, begin = arrived()
    held = [demand(agent) for _ in range(40) if not time.sleep(0.1)]
    after, end = arrived()
    mean, least = sum(wanted for wanted, _ in held) / len(held), 0.6 * min(scaled(10000), (after - before) / (end - begin))
    tap.ok(mean > least, "what a fair share holds back is demand", (mean, least, held))
    tap.ok(all(level for _, level in held), "... and keeps the level", held)
    finish_blast(light, stop=True)
    finish_blast(heavy, stop=True)


if __name__ == "__main__":
    run_tests(a_source_is_limited, a_class_has_a_ceiling, limits_hold_a_flood)
