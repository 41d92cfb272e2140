#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Names of interfaces that are not what they seem: altnames, and names that moved to another card."""
import json

from world import CLASSES, run_tests

LONG = "enx0242ac110002-in-the-rack-next-to-the-window"


def rename(namespace, former, name):
    """The kernel renames only what is down."""
    namespace.run("ip", "link", "set", former, "down")
    namespace.run("ip", "link", "set", former, "name", name)
    namespace.run("ip", "link", "set", name, "up")



def found(agent, check):
    checks = json.loads(agent.cli("-j", "doctor", check=False).stdout)["checks"]
    return [each["outcome"] for each in checks if each["check"] == check]


def two_names_of_one_card(tap, world):
    """An altname and the name are one interface: named twice is refused, with the place."""
    shop = world.namespace("shop")
    world.flood(shop, "eth0")
    for name in ("enp0s31f6", LONG):
        shop.run("ip", "link", "property", "add", "dev", "eth0", "altname", name)
    agent = world.agent(shop, CLASSES, interfaces=("eth0",))
    agent.start()
    for other in ("enp0s31f6", LONG):
        agent.interfaces = ["eth0", other]
        agent.write(CLASSES)
        place = f"{agent.config}:1:{len('interfaces: [') + len(json.dumps('eth0')) + 3}: interface '{other}': it is given twice"
        for verb in ("check", "apply"):
            done = agent.cli(verb, check=False)
            tap.ok(done.returncode == 1 and place in done.stderr and "'eth0'" in done.stderr,
                   f"[eth0, {other}]: {verb} refuses it, naming both", f"{done.returncode}: {done.stderr}")
        tap.equal(found(agent, "configuration")[0], "fail", "as does doctor")
    tap.equal(agent.mode(), "native", "what was covered stays so")
    agent.stop()
    process = agent.launch()
    tap.ok(process.wait() == 1 and "given twice" in process.log(), "and run", process.log())


def long_altname(tap, world):
    """An altname has up to 127 bytes."""
    shop = world.namespace("shop")
    world.flood(shop, "eth0")
    shop.run("ip", "link", "property", "add", "dev", "eth0", "altname", LONG)
    agent = world.agent(shop, CLASSES, interfaces=(LONG,))
    tap.ok(all(outcome == "ok" for outcome in found(agent, LONG)), "doctor finds it")
    agent.start()
    tap.equal(agent.mode(), "native", "run attaches")
    tap.equal([each["name"] for each in agent.status()["interfaces"]], ["eth0"], "status shows the device's own name")
    agent.reload()
    tap.equal(agent.mode(), "native", "apply keeps it")


def moved_name(tap, world):
    """A name that moved to another card is followed at apply; a card that was only renamed is kept."""
    shop = world.namespace("shop")
    world.flood(shop, "eth0")
    world.flood(shop, "eth1")
    agent = world.agent(shop, CLASSES, interfaces=("eth0",))
    agent.start()
    rename(shop, "eth0", "spare0")
    agent.reload()
    tap.equal((agent.mode("spare0"), agent.mode("eth1")), ("native", None), "renamed, and nothing else has the name: kept")
    rename(shop, "eth1", "eth0")
    tap.equal(found(agent, "eth0")[-1], "warn", "another card has the name: doctor says that the agent is elsewhere")
    tap.equal((agent.mode("spare0"), agent.mode("eth0")), ("native", None), "and until apply nothing changes")
    agent.reload()
    tap.equal((agent.mode("spare0"), agent.mode("eth0")), (None, "native"), "apply follows the name")
    tap.ok("eth0: the name is of device" in agent.process.log(), "and the log says so", agent.process.log())
    tap.ok("warn" not in found(agent, "eth0"), "doctor is content")
    agent.reload()
    tap.equal((agent.mode("spare0"), agent.mode("eth0")), (None, "native"), "and another apply changes nothing")


def swapped_names(tap, world):
    """Two covered cards change their names: both stay covered, and which of them is which is right afterwards."""
    shop = world.namespace("shop")
    world.flood(shop, "eth0")
    world.flood(shop, "eth1")
    agent = world.agent(shop, CLASSES, interfaces=("eth0", "eth1"))
    agent.start()
    rename(shop, "eth0", "spare0")
    rename(shop, "eth1", "eth0")
    done = agent.cli("apply", check=False)
    tap.ok(done.returncode == 1 and "'eth1'" in done.stderr, "eth1 is gone and eth0 is what was eth1: apply refuses",
           f"{done.returncode}: {done.stderr}")
    tap.equal((agent.mode("spare0"), agent.mode("eth0")), ("native", "native"), "and changes nothing")
    rename(shop, "spare0", "eth1")
    agent.reload()
    tap.equal((agent.mode("eth0"), agent.mode("eth1")), ("native", "native"), "swapped: both stay covered")
    agent.interfaces = ["eth0"]
    agent.write(CLASSES)
    agent.reload()
    tap.equal((agent.mode("eth0"), agent.mode("eth1")), ("native", None), "the one that is given up is the right one")


if __name__ == "__main__":
    run_tests(two_names_of_one_card, long_altname, moved_name, swapped_names)
