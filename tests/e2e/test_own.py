#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""What is for this host and what is not (fault 56): a host that forwards, its addresses that come and go, frames of others."""
import json
import socket
import struct
import time

from world import (CLASSES, finish_blast, request, run_tests, scaled, wait_for, SHOP4)

BODY = "services: { shop: { tcp: [80], capacity: 5000/s } }\n" + CLASSES
BEHIND4 = "192.0.2.7"
VIP = "203.0.113.5"


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def syn(target, host, mac, port=80, family=4):
    """A SYN of source 198.18.3.@host or 2001:db8:3::@host, in a frame to @mac."""
    tcp = struct.pack("!HHIIBBHHH", 40000, port, host, 0, 0x50, 2, 65535, 0, 0)
    ether = bytes.fromhex(mac.replace(":", "")) + bytes.fromhex("020000000909")
    if family == 6:
        addresses = socket.inet_pton(socket.AF_INET6, f"2001:db8:3::{host:x}") + socket.inet_pton(socket.AF_INET6, target)
        return ether + b"\x86\xdd" + struct.pack("!IHBB", 6 << 28, 20, 6, 64) + addresses + tcp
    addresses = socket.inet_aton(f"198.18.3.{host}") + socket.inet_aton(target)
    head = struct.pack("!BBHHHBBH", 0x45, 0, 40, 1, 0, 64, 6, 0)
    head = head[:10] + struct.pack("!H", checksum(head + addresses))
    return ether + b"\x08\x00" + head + addresses + tcp


class Wire:
    """Sends frames into the shop's eth1, and tells how they were counted."""

    def __init__(self, world, shop, agent):
        self.flood = world.flood(shop)
        self.mac = shop.link("eth1")["address"]
        self.agent = agent
        self.socket = self.flood.socket(socket.AF_PACKET, socket.SOCK_RAW)
        with self.flood.entered():
            self.socket.bind(("flood0", 0))
        world.on_exit(self.socket.close)

    def send(self, target, count=5, mac=None, family=4):
        for host in range(1, count + 1):
            self.socket.send(syn(target, host, mac or self.mac, family=family))

    def kinds(self, target, count=5, **options):
        """{reason: packets} of @count SYNs to @target."""
        before = self.agent.reasons()
        self.send(target, count, **options)
        wait_for(lambda: sum(sum(after.values()) for after in self.agent.reasons().values()) >=
                 sum(sum(packets.values()) for packets in before.values()) + count, 2, "the frames are counted")
        after = self.agent.reasons()
        return {reason: sum(after[reason].values()) - sum(before[reason].values()) for reason in after
                if reason in ("forwarded", "bridged", "overheard", "admitted", "cut", "class_new", "share", "budget")
                and after[reason] != before[reason]}


def build(world, body=BODY, **options):
    """The shop with a second interface; the first one carries the customers."""
    shop = world.shop()
    agent = world.agent(shop, body, interfaces=["eth0", "eth1"], **options)
    wire = Wire(world, shop, agent)
    return shop, agent, wire


def explain(agent):
    return json.loads(agent.cli("-j", "explain").stdout)


def own(agent):
    """What `explain` says of the own addresses."""
    return explain(agent)["own"]


def soon(tap, condition, name, seconds=1.0):
    """@condition becomes true within a few ticks."""
    try:
        wait_for(condition, seconds, name)
        tap.ok(True, name)
    except TimeoutError as error:
        tap.ok(False, name, str(error))


def forwarded_is_no_demand(tap, world):
    """A router in front of other hosts, flooded for these: its own customers do not notice."""
    shop, agent, wire = build(world, BODY.replace("5000/s", "50/s"))
    client = world.client("abroad", 3)
    behind = world.namespace("behind")
    world.veth(shop, "lan0", behind, "eth0")
    shop.run("ip", "address", "add", "192.0.2.1/24", "dev", "lan0")
    behind.run("ip", "address", "add", f"{BEHIND4}/24", "dev", "eth0")
    behind.run("ip", "route", "add", "default", "via", "192.0.2.1")
    shop.sysctl("net/ipv4/ip_forward", 1)
    client.run("ip", "route", "add", "192.0.2.0/24", "via", SHOP4)
    world.nginx(shop)
    (world.folder / "nginx").rename(world.folder / "nginx-shop")
    world.nginx(behind)
    agent.start()
    tap.equal(request(client), 200, "a customer of this host is served")
    tap.equal(request(client, BEHIND4), 200, "and one of the host behind it")
    tap.ok(agent.metrics().sum("spillway_packets_total", reason="forwarded") >= 3, "which counts as forwarded")

    stream = world.blast(wire.flood, "198.18.64.0", 4096, target=BEHIND4, rate=scaled(300), seconds=5)
    answers = []
    for _ in range(20):  # some 10/s
        answers.append(request(client, timeout=0.5))
        time.sleep(0.1)
    explained = explain(agent)
    finish_blast(stream)
    tap.equal(answers, [200] * 20, "300 SYN/s for another host: own customers are served (fault 56)")
    tap.equal(explained["level"], "green", "and the level stays green")
    tap.ok(explained["services"][0]["demand_per_s"] < 50, "they are no demand", explained["services"][0]["demand_per_s"])
    tap.equal(agent.metrics().sum("spillway_packets_total", verdict="drop"), 0, "none of them is refused (fault 56)")

    agent.cli("level", "set", "red")
    wait_for(lambda: agent.status()["level"] == "red", 2, "red")
    tap.equal(request(client, timeout=0.5), None, "red cuts the class for this host")
    tap.equal(request(client, BEHIND4), 200, "and not for others")


def kinds(tap, world):
    """Forwarded, overheard, bridged; broadcast and multicast are for this host."""
    shop, agent, wire = build(world)
    agent.start()
    other = "02:aa:bb:cc:dd:ee"
    tap.equal(wire.kinds(SHOP4), {"admitted": 5}, "to an own address: admitted")
    tap.equal(wire.kinds("192.0.2.9"), {"forwarded": 5}, "to an address of others: forwarded")
    tap.equal(wire.kinds(SHOP4, mac=other), {"overheard": 5}, "in frames to another station: overheard")
    tap.equal(wire.kinds("2001:db8::1", family=6), {"admitted": 5}, "IPv6: admitted")
    tap.equal(wire.kinds("2001:db8::9", family=6), {"forwarded": 5}, "IPv6 of others: forwarded")
    tap.equal(wire.kinds("2001:db8::1", family=6, mac=other), {"overheard": 5}, "IPv6 to another station: overheard")
    tap.equal(wire.kinds(SHOP4, mac="ff:ff:ff:ff:ff:ff"), {"admitted": 5}, "broadcast frames are for this host")
    tap.equal(wire.kinds("224.0.0.251", mac="01:00:5e:00:00:fb"), {"admitted": 5}, "multicast is")
    tap.equal(wire.kinds("198.19.255.255"), {"admitted": 5}, "the broadcast address of its network is")
    tap.equal(wire.kinds(SHOP4, mac=shop.link("eth0")["address"]), {"admitted": 5},
              "in frames to the MAC address of another own interface: admitted")
    shop.run("ip", "link", "add", "br1", "type", "bridge")
    shop.run("ip", "link", "set", "eth1", "master", "br1")
    wait_for(lambda: wire.kinds(SHOP4, mac=other) == {"bridged": 5}, 2, "bridged")
    tap.equal(wire.kinds(SHOP4, mac=other), {"bridged": 5}, "to another station through a port of a bridge: bridged")
    tap.equal(wire.kinds(SHOP4, mac=shop.link("br1")["address"]), {"admitted": 5}, "to the bridge itself: admitted")


def addresses_come_and_go(tap, world):
    shop, agent, wire = build(world)
    agent.start()
    before = own(agent)["addresses"]
    tap.equal(wire.kinds(VIP), {"forwarded": 5}, "not an own address yet")
    for name, device, words in (
        ("a VIP on lo", "lo", (f"{VIP}/32",)),
        ("a further address of the interface", "eth1", (f"{VIP}/24",)),
    ):
        shop.run("ip", "address", "add", *words, "dev", device)
        soon(tap, lambda: wire.kinds(VIP) == {"admitted": 5}, f"{name}: own within a second (fault 56)")
        tap.ok(own(agent)["addresses"] > before, f"{name}: `explain` counts it")
        shop.run("ip", "address", "del", *words, "dev", device)
        soon(tap, lambda: wire.kinds(VIP) == {"forwarded": 5}, f"{name}: removed, no longer own")
    shop.run("ip", "route", "add", "local", "203.0.113.0/24", "dev", "lo")
    soon(tap, lambda: wire.kinds("203.0.113.77") == {"admitted": 5}, "a local route for a whole prefix: own")
    tap.equal(wire.kinds("203.0.114.77"), {"forwarded": 5}, "and not its neighbours")
    shop.run("ip", "route", "del", "local", "203.0.113.0/24", "dev", "lo")
    soon(tap, lambda: wire.kinds("203.0.113.77") == {"forwarded": 5}, "the route removed: no longer own")
    shop.run("ip", "-6", "address", "add", "2001:db8:5::5/128", "dev", "lo")
    soon(tap, lambda: wire.kinds("2001:db8:5::5", family=6) == {"admitted": 5}, "IPv6 on lo: own")
    shop.run("ip", "link", "add", "mv0", "link", "eth1", "type", "macvlan", "mode", "bridge")
    soon(tap, lambda: wire.kinds(SHOP4, mac=shop.link("mv0")["address"]) == {"admitted": 5},
         "the MAC address of a macvlan on the interface: own")


def also_mine_and_namespaces(tap, world):
    body = BODY + f'also_mine: [{VIP}, "2001:db8:5::/64"]\n'
    pod = world.namespace("pod")
    body = body.replace("capacity:", f"netns: [{pod.path}], capacity:")
    shop, agent, wire = build(world, body)
    world.veth(shop, "lan0", pod, "eth0")
    pod.run("ip", "address", "add", "192.0.2.7/24", "dev", "eth0")
    agent.start()
    tap.equal(wire.kinds(VIP), {"admitted": 5}, "also_mine: an address that the host does not have")
    tap.equal(wire.kinds("2001:db8:5::77", family=6), {"admitted": 5}, "also_mine: a prefix")
    tap.equal(wire.kinds("203.0.113.6"), {"forwarded": 5}, "and nothing else")
    tap.equal(wire.kinds("192.0.2.7"), {"admitted": 5}, "addresses in the namespace of a service are own")
    pod.run("ip", "address", "add", "192.0.2.8/24", "dev", "eth0")
    soon(tap, lambda: wire.kinds("192.0.2.8") == {"admitted": 5}, "also those that are added there")
    agent.write(BODY)
    agent.reload()
    tap.equal(wire.kinds(VIP), {"forwarded": 5}, "a reload without also_mine: no longer own")


def judged(tap, world):
    """Cuts and limits apply to others if so configured, and the budget never does."""
    shop, agent, wire = build(world, BODY + "forwarded: judge\n")
    agent.start()
    tap.equal(wire.kinds("192.0.2.9"), {"forwarded": 5}, "judge: passed by all rules, it counts as forwarded")
    agent.cli("level", "set", "red")
    wait_for(lambda: agent.status()["level"] == "red", 2, "red")
    tap.equal(wire.kinds("192.0.2.9"), {"cut": 5}, "judge: a cut applies to it")
    metrics = agent.metrics()
    tap.equal(metrics.sum("spillway_service_new_work_total"), 0, "judge: it is no new work of the service (fault 56)")
    tap.equal(metrics.one("spillway_own_table_in_use"), 1, "the table in use is a metric")
    agent.write(BODY + "forwarded: host\n")
    agent.reload()
    tap.equal(wire.kinds("192.0.2.9"), {"cut": 5}, "host: everything is for this host")
    tap.ok(agent.metrics().sum("spillway_service_new_work_total") >= 5, "host: and is demand")
    tap.equal(agent.metrics().one("spillway_own_table_in_use"), 0, "host: the table is not in use")
    tap.equal(own(agent)["wanted"], False, "host: `explain` says so")
    agent.write(BODY)
    agent.reload()
    tap.equal(wire.kinds("192.0.2.9"), {"forwarded": 5}, "pass: the table is in use again, and red cuts nobody else")


def too_many(tap, world):
    """More addresses than the table takes: everything is for this host, with a message, until they are fewer."""
    shop, agent, wire = build(world)
    agent.start()
    tap.equal(wire.kinds("192.0.2.9"), {"forwarded": 5}, "told apart")
    lines = "".join(f"address add 100.64.{number // 250}.{number % 250 + 1}/32 dev lo\n" for number in range(600))
    shop.run("ip", "-batch", "-", input=lines)
    soon(tap, lambda: wire.kinds("192.0.2.9") == {"admitted": 5}, "600 addresses: everything is for this host (fault 56)", 5)
    tap.ok("more addresses than" in agent.process.log(), "and the log says why", agent.process.log())
    tap.ok(not own(agent)["in_use"] and own(agent)["problem"], "`explain` too", own(agent))
    tap.ok("every packet counts as for this host" in agent.cli("explain").stdout, "in words")
    shop.run("ip", "-batch", "-", input=lines.replace("add 100", "del 100"))
    soon(tap, lambda: wire.kinds("192.0.2.9") == {"forwarded": 5}, "fewer again: told apart again", 5)
    tap.ok("are known again" in agent.process.log(), "and the log says so", agent.process.log())


def moved_away(tap, world):
    """An interface in another namespace is still covered; nobody knows the addresses there."""
    shop, agent, wire = build(world)
    agent.start()
    tap.equal(wire.kinds("192.0.2.9"), {"forwarded": 5}, "told apart")
    elsewhere = world.namespace("elsewhere")
    shop.run("ip", "link", "set", "eth1", "netns", elsewhere.name)
    elsewhere.run("ip", "link", "set", "eth1", "up")
    soon(tap, lambda: wire.kinds("192.0.2.9") == {"admitted": 5}, "moved away: everything is for this host (fault 56)", 3)
    tap.ok("another network namespace" in own(agent)["problem"], "`explain` says why", own(agent))


run_tests(forwarded_is_no_demand, kinds, addresses_come_and_go, also_mine_and_namespaces, judged, too_many, moved_away)
