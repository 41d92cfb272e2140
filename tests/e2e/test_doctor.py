#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""What check and doctor say of a configuration that does not fit its host: nobody listens, nobody logs in, no such speed."""
import json
import socket

from world import CLASSES, run_tests

LIMITED = "classes: [{{ name: all, per_source: {{ {kind}: {rate} }}, total: {{ bits: 2Gbit/s }} }}]\n"


def found(agent, check):
    """What doctor says of one check: [(outcome, detail)]."""
    checks = json.loads(agent.cli("-j", "doctor", check=False).stdout)["checks"]
    return [(each["outcome"], each["detail"]) for each in checks if each["check"] == check]


def listener(namespace, port, family=socket.AF_INET, kind=socket.SOCK_STREAM):
    server = namespace.socket(family, kind)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(("", port))
    if kind == socket.SOCK_STREAM:
        server.listen()
    return server


def nobody_listens(tap, world):
    """A port of a service without a socket, of any family, in the namespaces that the service names."""
    shop, inner = world.shop(), world.namespace("inner")
    services = "services: { shop: { tcp: [80, 8443], quic: [443], udp: [5000] }, game: { udp: [27015] } }\n"
    agent = world.agent(shop, services + CLASSES)
    line = len(agent.text(services).splitlines())
    shop_place, game_place = f"{agent.config}:{line}:13: service 'shop'", f"{agent.config}:{line}:66: service 'game'"
    held = [listener(shop, 80), listener(shop, 5000, kind=socket.SOCK_DGRAM)]
    tap.equal(found(agent, "services"), [("warn", f"{shop_place}: nobody listens on TCP 8443, UDP 443"),
                                         ("warn", f"{game_place}: nobody listens on UDP 27015")], "doctor names the ports")
    held += [listener(shop, 8443, socket.AF_INET6), listener(shop, 443, socket.AF_INET6, socket.SOCK_DGRAM)]
    held.append(listener(inner, 27015, kind=socket.SOCK_DGRAM))
    tap.equal(found(agent, "services"), [("warn", f"{game_place}: nobody listens on UDP 27015")],
              "IPv6 sockets count, those of other namespaces do not")
    agent.write(services.replace("[27015] }", f'[27015], netns: ["{inner.path}"] }}') + CLASSES)
    tap.equal(found(agent, "services"), [("ok", "every port of every service has a socket")], "unless the service names them")
    for each in held:
        each.close()
    agent.write("services: { shop: { tcp: [8000-8999] } }\n" + CLASSES)
    tap.equal(found(agent, "services"), [("warn", f"{shop_place}: nobody listens on TCP 8000, 8001, 8002, 8003, ... (1000 ports)")],
              "of a range the first ports are named")


def nobody_logs_in(tap, world):
    """A management prefix without a connection to a management port gets a note, with its place."""
    shop, admin = world.shop(), world.client("admin", 1)
    held = [listener(shop, 22, socket.AF_INET6), listener(shop, 80)]
    agent = world.agent(shop, 'management: { prefixes: [198.18.1.0/24, "2001:db8:1::/48"], ports: [22] }\n' + CLASSES)
    line = len(agent.text("").splitlines())
    place4, place6 = f"{agent.config}:{line + 1}:26", f"{agent.config}:{line + 1}:41"

    def noted():
        return [(outcome, detail.split(": ")[0]) for outcome, detail in found(agent, "management") if "nobody" in detail]

    tap.equal(noted(), [("ok", place4), ("ok", place6)], "nobody is logged in: a note for each prefix")
    web = admin.socket()
    web.connect(("198.18.0.1", 80))
    tap.equal(len(noted()), 2, "a connection to another port is no login")
    ssh = admin.socket()
    ssh.connect(("198.18.0.1", 22))
    tap.becomes(lambda: noted() == [("ok", place6)], 5,
                "a connection to a management port is one, also over a socket of both families")
    for each in (web, ssh, *held):
        each.close()


def more_than_the_link(tap, world):
    """A limit above the speed of the link: a veth pair reports 10 Gbit/s, lo none."""
    shop = world.namespace("shop")
    world.flood(shop, "eth0")
    agent = world.agent(shop, CLASSES)
    for kind, rate, over in (("bits", "20Gbit/s", True), ("bits", "10Gbit/s", False), ("packets", "20M/s", True),
                             ("new", "14M/s", False)):
        agent.write(LIMITED.format(kind=kind, rate=rate))
        place = f"{agent.config}:{len(agent.text('x').splitlines())}:36: class 'all': per_source.{kind} "
        warnings = [each["text"] for each in json.loads(agent.cli("-j", "check").stdout)["warnings"]]
        tap.equal([text.startswith(place) for text in warnings], [True] * over, f"{kind} {rate}: check {'warns' if over else 'is silent'}")
        tap.equal([outcome for outcome, _ in found(agent, "configuration")], ["warn" if over else "ok"], "as does doctor")
    agent.interfaces = ["eth0", "lo"]
    agent.write(LIMITED.format(kind="bits", rate="20Gbit/s"))
    tap.equal(json.loads(agent.cli("-j", "check").stdout)["warnings"], [], "the speed of one link is not known: silent")


def native_mode(tap, world):
    """What doctor foretells of native mode is what happens."""
    shop = world.shop()
    shop.run("ip", "link", "add", "br0", "type", "bridge")
    shop.run("ip", "link", "set", "br0", "up")
    agent = world.agent(shop, CLASSES, interfaces=("eth0", "br0"))
    (_, eth0), (outcome, br0) = found(agent, "eth0")[1], found(agent, "br0")[1]
    tap.ok("native mode should work, by drivers/net/veth.c" in eth0, "veth: should work", eth0)
    tap.ok(outcome == "warn" and "native mode would be refused" in br0 and "no native XDP" in br0, "bridge: would be refused", br0)
    agent.start()
    tap.equal([agent.mode("eth0"), agent.mode("br0")], ["native", "generic"], "so it is")
    outcome, br0 = found(agent, "br0")[1]
    tap.ok(outcome == "warn" and "generic mode" in br0 and "the driver has no native XDP" in br0, "doctor says why", br0)
    agent.stop()
    agent.cli("detach")
    agent.top["attach"] = "native"
    agent.write(CLASSES)
    tap.equal(found(agent, "br0")[1][0], "fail", "attach: native: a start would fail")
    agent.launch()
    tap.equal(agent.process.wait(), 1, "so it does")


def devices_below(tap, world):
    """A VLAN and a bond: the devices below them are looked at; where the kernel has them."""
    shop = world.shop()
    agent = world.agent(shop, CLASSES, interfaces=("eth0.7",))
    if shop.run("ip", "link", "add", "link", "eth0", "name", "eth0.7", "type", "vlan", "id", "7", check=False).returncode:
        tap.skip("a VLAN", "this kernel has none")
    else:
        shop.run("ip", "link", "set", "eth0.7", "up")
        told = found(agent, "eth0.7")
        tap.equal([outcome for outcome, _ in told], ["ok", "warn", "warn"], "a VLAN has no native mode")
        tap.ok("is a VLAN on eth0" in told[2][1], "doctor names the device below", told)
        tap.ok("should work" in found(agent, "eth0")[0][1], "and says what to expect of it")
    if shop.run("ip", "link", "add", "bond0", "type", "bond", "mode", "balance-tlb", check=False).returncode:
        tap.skip("a bond", "this kernel has none")
        return
    world.flood(shop, "eth1")
    for words in (("eth1", "down"), ("eth1", "master", "bond0"), ("bond0", "up")):
        shop.run("ip", "link", "set", *words)
    agent.interfaces = ["bond0"]
    agent.write(CLASSES)
    outcome, detail = found(agent, "bond0")[1]
    tap.ok(outcome == "warn" and "bond mode 5 has no native XDP" in detail, "a bond: its mode counts", detail)
    tap.ok("should work" in found(agent, "eth1")[0][1], "and its devices are looked at")


if __name__ == "__main__":
    run_tests(native_mode, devices_below, nobody_listens, nobody_logs_in, more_than_the_link)
