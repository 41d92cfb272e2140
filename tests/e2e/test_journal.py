#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Reports of the agent's decisions: explain, events, hooks, the level file, replay; and operators' settings."""
import json
import signal
import time

from world import CLASSES, request, run_tests, wait_for

SERVICES = "services: { shop: { tcp: [80], capacity: 950/s } }\n"


def build(world, body=SERVICES + CLASSES):
    """A shop with a hook that records its arguments."""
    shop, client = world.shop(), world.client("abroad", 3)
    world.nginx(shop)
    hooks = world.folder / "hooks.d"
    hooks.mkdir(mode=0o755)
    notes = world.folder / "notes"
    (hooks / "10-note").write_text(f'#!/bin/sh\necho "$SPILLWAY_FORMER $SPILLWAY_LEVEL $SPILLWAY_LEVEL_NUMBER" >>{notes}\n')
    (hooks / "10-note").chmod(0o755)
    agent = world.agent(shop, f"hooks: {{ dir: {hooks} }}\n{body}")
    agent.start()
    return client, agent, notes


def events(agent):
    return [json.loads(line) for line in agent.cli("-j", "events").stdout.splitlines()]


def explained(agent):
    return json.loads(agent.cli("-j", "explain").stdout)


def told(tap, world):
    client, agent, notes = build(world)
    for _ in range(5):
        request(client)
    wait_for(lambda: "read-wait" in agent.cli("explain").stdout, 5, "the wait is known")
    tap.ok("GREEN" in agent.cli("explain").stdout, "explain begins with the level", agent.cli("explain").stdout)
    answer = agent.cli("level", "set", "orange")
    tap.ok(answer.stdout.startswith("orange"), "the level is in force when the answer comes", answer.stdout)
    tap.becomes(lambda: notes.exists() and notes.read_text() == "green orange 2\n", 5,
                "a hook ran with the level, its number and the former one")
    tap.equal((agent.run_dir / "level").read_text(), "orange\n", "the level file follows")
    agent.cli("level", "auto")
    wait_for(lambda: notes.read_text().splitlines() == ["green orange 2", "orange green 0"], 5, "the hook ran again")
    tap.equal((agent.run_dir / "level").read_text(), "green\n", "the level file follows back")
    wait_for(lambda: sum(event["event"] == "hook" and event["ok"] for event in events(agent)) == 2, 5, "hooks are events")
    levels = [(event["former"], event["level"]) for event in events(agent) if event["event"] == "level"]
    tap.equal(levels, [("green", "orange"), ("orange", "green")], "both changes are events")
    agent.write(f"nonsense: 1\n{CLASSES}")
    agent.cli("apply", check=False)
    agent.write(SERVICES + CLASSES)
    agent.cli("apply")
    tap.equal([event["ok"] for event in events(agent) if event["event"] == "reload"], [False, True],
              "reloads are events, refused ones too (fault 41)")
    agent.stop()
    dead = agent.cli("explain").stdout
    tap.ok("no agent" in dead and "GREEN" in dead, "without an agent explain tells the last decision, and says so", dead)
    replayed = json.loads(agent.cli("-j", "replay").stdout)
    tap.ok(isinstance(replayed, (dict, list)) and replayed, "replay reads the history of a real run", str(replayed)[:200])


def operators(tap, world):
    _, agent, _ = build(world)
    agent.cli("level", "bound", "yellow", "orange")
    wait_for(lambda: agent.status()["level"] == "yellow", 2, "the lower bound holds")
    tap.equal((agent.status()["least_level"], agent.status()["most_level"]), ("yellow", "orange"), "status shows the bounds")
    agent.cli("capacity", "shop", "500/s")
    wait_for(lambda: "500/s, set" in agent.cli("explain").stdout, 2, "the capacity that was said")
    agent.process.signal(signal.SIGKILL)
    agent.process.wait()
    agent.start()
    wait_for(lambda: agent.status()["level"] == "yellow", 2, "the bound is kept")
    tap.becomes(lambda: "500/s, set" in agent.cli("explain").stdout, 2, "bounds and capacity survive kill -9")
    agent.cli("level", "auto")
    agent.cli("capacity", "shop", "auto")
    tap.becomes(lambda: agent.status()["level"] == "green" and "950/s, set" in agent.cli("explain").stdout, 12,
                "both are given back")
    wrong = [agent.cli(*argv, check=False) for argv in (("capacity", "nosuch", "5/s"), ("capacity", "shop", "5"),
                                                        ("level", "bound", "red", "green"))]
    tap.equal([done.returncode for done in wrong], [1, 2, 2], "what makes no sense is refused")
    agent.stop()


def stopped_and_gone_on(tap, world):
    """23: SIGSTOP until the lease expires; after SIGCONT it decides from fresh readings, without a false red (34)."""
    client, agent, _ = build(world)
    request(client)
    agent.process.signal(signal.SIGSTOP)
    wait_for(lambda: agent.status()["lease_remaining_s"] == 0, 6, "the lease is over")
    for _ in range(5):
        request(client)
    agent.process.signal(signal.SIGCONT)
    wait_for(lambda: agent.status()["lease_remaining_s"] > 1, 3, "it renews the lease")
    time.sleep(0.5)
    tap.equal([event for event in events(agent) if event["event"] == "level"], [], "SIGCONT: no false alarm (faults 23, 34)")
    tap.equal(explained(agent)["level"], "green", "and the level is green")


run_tests(told, operators, stopped_and_gone_on)
