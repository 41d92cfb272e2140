#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# alone: takes a CPU offline
"""Changes of interfaces and CPUs while the agent runs."""
import os
import socket
import time
from pathlib import Path

from world import (CLASSES, SHOP4, SLOW, expect_blast, finish_blast, http_get, request, run_tests, scaled, wait_for)


def build(world, devices=("eth0",), body=CLASSES, start=True, **options):
    """A shop with a direct link to a sender for each device."""
    shop = world.namespace("shop")
    floods = {device: world.flood(shop, device) for device in devices}
    agent = world.agent(shop, body, interfaces=devices, **options)
    if start:
        agent.start()
        agent.cli("level", "set", "red")
        wait_for(lambda: agent.status()["level"] == "red", 2, "level red")
    return shop, floods, agent


def sheds(world, flood, agent, source="198.18.3.0"):
    """Whether all of some new work of the international class is dropped, and counted so."""
    before = agent.counted("drop")["abroad"]
    sent = finish_blast(world.blast(flood, source, 256, count=scaled(500), rate=20_000))
    try:
        wait_for(lambda: agent.counted("drop")["abroad"] - before >= sent, 5, "dropped")
    except TimeoutError:
        pass
    return agent.counted("drop")["abroad"] - before == sent


def attached(agent, device):
    """The interface in /metrics: 1, 0, or None if absent."""
    found = agent.metrics().all("spillway_interface_attached", interface=device)
    return max(value for _, value in found) if found else None


def down_up_renamed(tap, world):
    """32: an interface goes down and up, and is renamed."""
    shop, floods, agent = build(world)
    shop.run("ip", "link", "set", "eth0", "down")
    time.sleep(0.3)
    shop.run("ip", "link", "set", "eth0", "up")
    tap.ok(sheds(world, floods["eth0"], agent), "down and up: it sheds as before (fault 32)")
    tap.equal(attached(agent, "eth0"), 1, "down and up: the metric says attached (fault 32)")
    shop.run("ip", "link", "set", "eth0", "down")
    shop.run("ip", "link", "set", "eth0", "name", "lan0")
    shop.run("ip", "link", "set", "lan0", "up")
    tap.ok(sheds(world, floods["eth0"], agent), "renamed: it sheds as before, the interface is followed (fault 32)")
    tap.equal(agent.mode("lan0"), "native", "renamed: the program is on it (fault 32)")
    tap.becomes(lambda: [value for _, value in agent.metrics().all("spillway_interface_attached")] == [1.0], 2,
                "renamed: one interface, attached (fault 32)")


def deleted_recreated(tap, world):
    """32: an interface disappears, and one of the same name appears."""
    shop, floods, agent = build(world, reattach=True)
    tap.ok(sheds(world, floods["eth0"], agent), "it sheds")
    counted = agent.counted()["abroad"]
    shop.run("ip", "link", "del", "eth0")
    wait_for(lambda: attached(agent, "eth0") == 0, 2, "the loss is a metric")
    tap.ok(not agent.status()["interfaces"][0]["attached"], "deleted: metric and status say that it is gone (fault 32)")
    tap.ok(agent.ticking(), "deleted: the agent lives and renews its lease (fault 32)")
    tap.equal(agent.http("/healthz")[0], 503, "deleted: /healthz says 503 (fault 32)")
    world.veth(shop, "eth0", floods["eth0"], "flood0")
    expect_blast(shop, "eth0")
    wait_for(lambda: attached(agent, "eth0") == 1, 5, "attached again")
    tap.equal(agent.mode(), "native", "recreated: attached again (fault 32)")
    tap.ok(sheds(world, floods["eth0"], agent), "recreated: it sheds again (fault 32)")
    tap.ok(agent.counted()["abroad"] >= 2 * counted, "recreated: the counters went on (fault 32)")
    links = [path.name for path in agent.pins.iterdir() if path.name.startswith("link_")]
    tap.equal(links, [f"link_{shop.link('eth0')['ifindex']}"],
              "recreated: no pin of the old interface is left (fault 32)")


def moved_away(tap, world):
    """32: an interface moves to another namespace; the kernel decides whether the program moves with it."""
    shop, floods, agent = build(world)
    elsewhere = world.namespace("elsewhere")
    shop.run("ip", "link", "set", "eth0", "netns", elsewhere.name)
    elsewhere.run("ip", "link", "set", "eth0", "up")
    time.sleep(1)
    covered = "xdp" in elsewhere.link("eth0")
    tap.becomes(lambda: attached(agent, "eth0") == float(covered), 2, f"moved away: the metric tells the truth: {covered} (fault 32)")
    if covered:
        tap.ok(sheds(world, floods["eth0"], agent), "moved away: it sheds there as before (fault 32)")
    tap.ok(agent.ticking(), "moved away: the agent lives and renews its lease (fault 32)")


def several_interfaces(tap, world):
    shop, floods, agent = build(world, ("eth0", "eth1", "eth2"))
    tap.equal([agent.mode(device) for device in floods], ["native"] * 3, "three interfaces: attached to each")
    tap.ok(all(sheds(world, flood, agent) for flood in floods.values()), "three interfaces: one level sheds on each")
    tap.equal([attached(agent, device) for device in floods], [1.0] * 3, "three interfaces: each is a metric")
    agent.interfaces = ["eth0", "eth2"]
    agent.write(CLASSES)
    done = agent.cli("apply", check=False)
    if done.returncode == 0:
        wait_for(lambda: agent.mode("eth1") is None, 2, "eth1 is let go")
        tap.equal([agent.mode(device) for device in floods], ["native", None, "native"],
                  "apply with an interface less lets go of it")
        agent.interfaces.append("eth1")
        agent.write(CLASSES)
        agent.reload()
        tap.equal(agent.mode("eth1"), "native", "and takes it again when it is named again")
    else:
        tap.ok("interfaces" in done.stderr, "apply with other interfaces: says that it takes a restart", done.stderr)
    agent.stop()
    tap.equal(agent.cli("detach").returncode, 0, "detach with several interfaces")
    tap.equal([agent.mode(device) for device in floods], [None] * 3, "detach: nothing is left on any of them")


def generic_fallback(tap, world):
    """A bridge has no native XDP: auto falls back to generic with a warning; native fails."""
    shop = world.namespace("shop")
    client = world.namespace("abroad")
    shop.run("ip", "link", "add", "br0", "type", "bridge")
    world.veth(shop, "port0", client, "eth0")
    shop.run("ip", "link", "set", "port0", "master", "br0")
    shop.run("ip", "link", "set", "br0", "up")
    shop.run("ip", "address", "add", f"{SHOP4}/15", "dev", "br0")
    client.run("ip", "address", "add", "198.18.3.1/15", "dev", "eth0")
    world.nginx(shop)
    agent = world.agent(shop, CLASSES, interfaces=["br0"], attach="native")
    process = agent.launch()
    tap.equal(process.wait(), 1, "attach: native where there is none: run exits 1")
    tap.ok("br0" in process.log() and "native" in process.log(), "attach: native: the message says why", process.log())
    agent.top["attach"] = "auto"
    agent.write(CLASSES)
    agent.start()
    tap.equal(agent.mode("br0"), "generic", "attach: auto falls back to generic mode")
    tap.ok("generic" in agent.process.log() and "br0" in agent.process.log(), "and warns of it", agent.process.log())
    tap.equal(agent.metrics().all("spillway_interface_attached")[0][0].get("mode"), "generic",
              "the mode is in the metric")
    tap.equal(request(client), 200, "generic: served at green")
    agent.cli("level", "set", "red")
    tap.equal(request(client), None, "generic: refused at red")
    tap.ok(agent.counted("drop")["abroad"] > 0, "generic: counted")
    agent.stop()
    agent.cli("detach")
    agent.interfaces = ["port0"]
    agent.top["attach"] = "generic"
    agent.write(CLASSES)
    agent.start()
    tap.equal(agent.mode("port0"), "generic", "attach: generic is obeyed where native is possible")


def jumbo_frames(tap, world):
    """12: an MTU of 9000: XDP with fragments, or a clear message."""
    shop = world.shop(mtu=9000)
    client = world.client("abroad", 3, mtu=9000)
    world.nginx(shop)
    agent = world.agent(shop, CLASSES)
    agent.launch()
    wait_for(lambda: not agent.process.alive() or agent.healthy(), 10, "the agent is up or has refused")
    if not agent.process.alive():
        tap.ok("MTU" in agent.process.log() and "eth0" in agent.process.log(), "MTU 9000: refused with a clear message "
               "(fault 12)", agent.process.log())
        return
    tap.equal(agent.mode(), "native", "MTU 9000: native mode with fragments (fault 12)")
    tap.equal(request(client), 200, "MTU 9000: requests are served (fault 12)")
    seen = [-1, agent.counted()["abroad"]]
    while seen[-1] != seen[-2]:  # the last packets of that connection
        time.sleep(0.3)
        seen.append(agent.counted()["abroad"])
    sender = client.socket(kind=socket.SOCK_DGRAM)
    before = {entry["name"]: entry for entry in agent.status()["lists"]}["abroad"]
    payload, count = 8900, 50
    for _ in range(count):
        sender.sendto(b"x" * payload, (SHOP4, 9))
    # The client does not answer "port unreachable", so only these frames arrive.
    wait_for(lambda: agent.counted()["abroad"] - sum(before["packets"].values()) >= count, 3,
             "jumbo frames are counted")
    after = {entry["name"]: entry for entry in agent.status()["lists"]}["abroad"]
    tap.equal(after["packets"]["pass"] - before["packets"]["pass"], count,
              "MTU 9000: jumbo frames are counted (fault 12)")
    tap.equal(after["bytes"]["pass"] - before["bytes"]["pass"], count * (payload + 14 + 20 + 8),
              "MTU 9000: with all their bytes (fault 12)")
    agent.cli("level", "set", "red")
    tap.equal(request(client), None, "MTU 9000: red refuses (fault 12)")
    agent.cli("level", "auto")
    # Larger than a page: the web server receives a long header in full-sized frames.
    answer = http_get(client, "/?" + "y" * 7000, timeout=3)[0]
    tap.ok(answer in (200, 414), "MTU 9000: a request in a jumbo frame arrives whole (fault 12)", answer)


def processors(tap, world):
    """33: a CPU goes offline and comes back; sums never decrease."""
    switch = Path("/sys/devices/system/cpu/cpu1/online")
    if not os.access(switch, os.W_OK):
        tap.skip("processor off and on: counters never decrease (fault 33)", "no processor can be switched off here")
        return
    _, floods, agent = build(world)
    stream = world.blast(floods["eth0"], "198.18.0.0", 1024, rate=scaled(50_000))
    sums, went_back = [0], []

    def look(seconds):
        end = time.monotonic() + seconds * SLOW
        while time.monotonic() < end:
            now = sum(agent.counted().values())
            if now < sums[-1]:
                went_back.append((sums[-1], now))
            sums.append(now)

    look(0.3)
    try:
        try:
            switch.write_text("0")
        except OSError as error:
            tap.skip("processor off and on: counters never decrease (fault 33)", f"refused by the kernel: {error}")
            return
        look(0.6)
    finally:
        switch.write_text("1")
    look(0.3)
    sent = finish_blast(stream, stop=True)
    wait_for(lambda: sum(agent.counted().values()) >= sent, 3, "the packets are judged")
    tap.ok(not went_back, f"processor off and on: counters never decrease in {len(sums)} looks (fault 33)", went_back)
    tap.equal(sum(agent.counted().values()), sent, "processor off and on: no packet is uncounted (fault 33)")
    tap.ok(sheds(world, floods["eth0"], agent), "processor off and on: it sheds as before (fault 33)")


if __name__ == "__main__":
    run_tests(down_up_renamed, deleted_recreated, moved_away, several_interfaces, generic_fallback, jumbo_frames,
              processors)
