#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Who is served and who is refused, as seen by clients with real requests through native XDP to a real web server."""
import time

from world import (CLASSES, KeptAlive, connect, finish_blast, request, run_tests, scaled, wait_for, SHOP6, SLOW)

NAMES = {"partners": 1, "home": 2, "abroad": 3}


def build(world, body=CLASSES, **options):
    """The shop, its web server, a client of each named class, and a running agent."""
    shop = world.shop()
    clients = {name: world.client(name, number) for name, number in NAMES.items()}
    world.nginx(shop)
    agent = world.agent(shop, body, **options)
    agent.start()
    return shop, clients, agent


def served(clients, address=None):
    """Names of the clients whose request over a new connection is answered."""
    target = {"address": address} if address else {}
    return [name for name, client in clients.items() if request(client, **target) == 200]


def set_level(agent, level, *options):
    agent.cli("level", "set", level, *options)
    wait_for(lambda: agent.status()["level"] == level, 2, f"level {level}")


def red_cuts_international(tap, world):
    shop, clients, agent = build(world)
    tap.equal(agent.mode(), "native", "XDP is attached in native mode")
    tap.equal(served(clients), list(NAMES), "green: every class is served")
    tap.equal(served(clients, SHOP6), list(NAMES), "green: every class is served over IPv6")

    with KeptAlive(connect(clients["abroad"])) as kept, KeptAlive(connect(clients["abroad"], SHOP6)) as kept6:
        tap.equal(kept.get()[0], 200, "a connection of the international class is established")
        kept6.get()
        set_level(agent, "red")
        tap.equal(served(clients), ["partners", "home"], "red: new work of the international class is refused")
        tap.equal(served(clients, SHOP6), ["partners", "home"], "red: the same over IPv6")
        tap.equal([kept.get()[0] for _ in range(5)], [200] * 5, "red: its established connection goes on")
        tap.equal(kept6.get()[0], 200, "red: its established connection over IPv6 goes on")

        metrics = agent.metrics()
        cut = metrics.sum("spillway_list_packets_total", list="abroad", verdict="drop")
        tap.ok(cut >= 2, "the refused are counted by list", f"{cut} dropped")
        tap.equal(metrics.sum("spillway_packets_total", reason="cut", verdict="drop"), cut,
                  "the drops by reason `cut` are those of the list")
        tap.equal(metrics.sum("spillway_class_new_work_total", **{"class": "international"}, verdict="drop"), cut,
                  "what was dropped was new work, and all of it counts")
        tap.equal(metrics.sum("spillway_list_packets_total", verdict="drop"), cut, "nobody else lost a packet")
        tap.equal(metrics.one("spillway_level"), 3, "the level is a metric")

        set_level(agent, "orange")
        tap.equal(served(clients), list(NAMES), "orange: the international class is not cut, as configured")
        set_level(agent, "red")
        agent.cli("level", "auto")
        wait_for(lambda: agent.status()["level"] == "green", 2, "level auto")
        tap.equal(served(clients), list(NAMES), "level auto: everybody is served again")
        tap.equal(kept.get()[0], 200, "and the established connection has lived through it all")
    tap.equal(agent.stop(), 0, "SIGTERM: exit status 0")
    tap.equal(served(clients), list(NAMES), "without the agent everybody is served")
    tap.ok(agent.mode() == "native", "and the program is still attached")


def cut_all_packets(tap, world):
    _, clients, agent = build(world, CLASSES.replace("cut_from: red", "cut_from: orange, cut: all"))
    with KeptAlive(connect(clients["abroad"])) as kept:
        tap.equal(kept.get()[0], 200, "a connection is established")
        set_level(agent, "orange")
        kept.connection.sock.settimeout(0.7 * min(SLOW, 3))
        try:
            answer = kept.get()[0]
        except OSError:
            answer = None
        tap.equal(answer, None, "cut: all refuses the packets of an established connection too")
    tap.equal(served(clients), ["partners", "home"], "cut: all refuses new work")
    tap.equal(agent.metrics().sum("spillway_list_packets_total", verdict="drop", list="home"), 0,
              "cut: all leaves the others alone")


def observe_drops_nothing(tap, world):
    _, clients, agent = build(world, CLASSES, mode="observe")
    set_level(agent, "red")
    requests = 5
    tap.equal([request(clients["abroad"]) for _ in range(requests)], [200] * requests, "observe: red refuses nobody")
    metrics = agent.metrics()
    tap.equal(metrics.one("spillway_mode_observe"), 1, "the mode is a metric")
    tap.equal(metrics.sum("spillway_packets_total", verdict="drop"), 0, "observe: nothing is dropped")
    shadow = {"class": "international", "shadow": "enforced"}
    tap.equal(metrics.one("spillway_class_shadow_new_work_total", **shadow), requests,
              "observe: every request that would have been refused counts as shadow new work")
    tap.equal(metrics.one("spillway_class_shadow_packets_total", **shadow), requests,
              "observe: and as shadow packets, no more than these")
    tap.equal(metrics.sum("spillway_class_shadow_new_work_total", **{"class": "partner"}), 0,
              "observe: no shadow falls on other classes")


def next_level_is_counted(tap, world):
    _, clients, agent = build(world)
    set_level(agent, "orange")
    requests = 4
    tap.equal([request(clients["abroad"]) for _ in range(requests)], [200] * requests, "orange: served")
    request(clients["home"])
    metrics = agent.metrics()
    tap.equal(metrics.one("spillway_class_shadow_new_work_total", **{"class": "international"}, shadow="next_level"),
              requests, "orange: what red would have refused is counted")
    tap.equal(metrics.one("spillway_class_shadow_new_work_total", **{"class": "international"}, shadow="enforced"), 0,
              "orange: nothing of it would be refused now")
    tap.equal(metrics.sum("spillway_class_shadow_new_work_total", **{"class": "domestic"}), 0,
              "orange: red would not have refused the domestic class")


def a_level_for_a_time(tap, world):
    _, clients, agent = build(world)
    seconds = round(4 * min(SLOW, 3))
    start = time.monotonic()
    agent.cli("level", "set", "red", "--for", f"{seconds}s")
    tap.equal(request(clients["abroad"], timeout=0.3), None, f"level set red --for {seconds}s: refused at once")
    shown = agent.cli("level").stdout
    tap.ok("red" in shown, "`level` shows the level", shown)
    wait_for(lambda: agent.status()["level"] == "green", seconds + 3, "the level has expired")
    took = time.monotonic() - start
    tap.ok(seconds - 0.2 < took < seconds + 1.5 * SLOW, f"it expires after these {seconds} seconds", f"after {took:.2f} s")
    tap.equal(request(clients["abroad"]), 200, "then everybody is served")
    for wrong in (["set", "purple"], ["set"], ["set", "red", "--for", "soon"], ["down"]):
        done = agent.cli("level", *wrong, check=False)
        tap.ok(done.returncode in (1, 2) and done.stderr, f"level {' '.join(wrong)}: refused with a message",
               f"exit {done.returncode}: {done.stderr}")
    tap.equal(agent.status()["level"], "green", "and the level has not moved")


def counters_are_exact(tap, world):
    shop = world.namespace("shop")
    flood = world.flood(shop)
    agent = world.agent(shop, CLASSES + "services: { dns: { udp_each: [53] } }\n", interfaces=["eth1"])
    agent.start()
    set_level(agent, "red")
    each = scaled(200) * 256  # a whole number of rounds over the sources
    frame = 60

    def measured(name, each_list, **options):
        """Send, and compare the counters with what was sent and with the device's statistics."""
        before, judged, seen = agent.status(), agent.packets(), shop.received("eth1")
        sent = finish_blast(world.blast(flood, **options))
        wait_for(lambda: shop.received("eth1") - seen >= sent, 5, "the packets arrived")
        after = agent.status()
        old = {entry["name"]: entry for entry in before["lists"]}
        got = {}
        for entry in after["lists"]:
            for verdict in ("pass", "drop"):
                packets = entry["packets"][verdict] - old[entry["name"]]["packets"][verdict]
                size = entry["bytes"][verdict] - old[entry["name"]]["bytes"][verdict]
                if packets:
                    got[entry["name"], verdict] = (packets, size)
        tap.equal(got, each_list, f"{name}: {sent} packets and their bytes are counted by list and verdict, exactly")
        tap.equal((agent.packets() - judged, shop.received("eth1") - seen), (sent, sent),
                  f"{name}: the reasons sum up to what was sent and to what the veth took in")

    measured("IPv4 SYN of four lists", {
        ("none", "pass"): (each, each * frame), ("partners", "pass"): (each, each * frame),
        ("home", "pass"): (each, each * frame), ("abroad", "drop"): (each, each * frame),
    }, source="198.18.0.0", sources=1024, count=4 * each)
    measured("IPv6 SYN", {("abroad", "drop"): (each, each * 74)},
             source="2001:db8:3::", sources=65536, target="2001:db8::1", count=each)
    few = scaled(5000)
    measured("established TCP", {("abroad", "pass"): (few, few * frame)},
             source="198.18.3.0", sources=256, count=few, extra=["--ack"])
    measured("UDP to a port of no service", {("abroad", "pass"): (few, few * 900)},
             source="198.18.3.0", sources=256, count=few, extra=["--udp", "--port", 5353, "--length", 900])
    measured("UDP to a service where every packet is new work", {("abroad", "drop"): (few, few * 900)},
             source="198.18.3.0", sources=256, count=few, extra=["--udp", "--port", 53, "--length", 900])

    metrics, status = agent.metrics(), agent.status()
    for entry in status["lists"]:
        for verdict in ("pass", "drop"):
            if metrics.sum("spillway_list_packets_total", list=entry["name"], verdict=verdict) != \
                    entry["packets"][verdict]:
                tap.ok(False, f"{entry['name']} {verdict}: /metrics and status agree")
    tap.equal(metrics.sum("spillway_bytes_total"), metrics.sum("spillway_list_bytes_total"),
              "bytes by reason and bytes by list have the same sum")
    tap.equal(metrics.sum("spillway_class_new_work_total", **{"class": "international"}, verdict="drop"),
              2 * each + few, "new work of the class is what was dropped of it")


if __name__ == "__main__":
    run_tests(red_cuts_international, cut_all_packets, observe_drops_nothing, next_level_is_counted,
              a_level_for_a_time, counters_are_exact)
