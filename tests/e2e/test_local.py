#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""One port on several addresses as several services: demand, waits, accept queues, doctor and check on a real host."""
import contextlib
import json
import socket

from test_signals import Watch, reads, send_to
from world import CLASSES, SHOP4, SHOP6, give_addresses, request, run_tests

TWO4, TWO6 = "198.18.0.2", "2001:db8::2"
SERVICES = """\
  rest: {{ tcp: [80], {netns} }}
  two: {{ tcp: ["{TWO4}:80", "[{TWO6}]:80"], {netns} }}
"""
REST, TWO = 0, 1


def two_addresses(world):
    shop, client = world.shop(), world.client("home", 2)
    give_addresses(shop, "eth0", [TWO4], [TWO6])
    return shop, client


@contextlib.contextmanager
def listening(namespace, address, ipv6_only=False, backlog=8):
    """A socket that nobody accepts from unless this test does."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with namespace.socket(family) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)  # or none could listen beside 0.0.0.0
        if family == socket.AF_INET6:
            server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, ipv6_only)
        server.bind((address, 80))
        server.listen(backlog)
        server.settimeout(5)
        yield server


def read_all(server, count):
    """Accept and read @count connections."""
    for _ in range(count):
        with server.accept()[0] as connection:
            connection.recv(4096)


def queues(watch):
    return [service["queue"] for service in watch.fresh()["services"]]


def waits_follow_the_address(tap, world):
    """One socket for all addresses: waits are told apart, its queue counts for both services."""
    shop, client = two_addresses(world)
    watch = Watch(world, SERVICES.format(TWO4=TWO4, TWO6=TWO6, netns=f"netns: [{shop.path}]"))
    with listening(shop, "::") as server:
        made = [send_to(client, address=address) for address in (SHOP4, TWO4, TWO6, TWO4)]
        tap.becomes(lambda: queues(watch) == [[4, 8], [4, 8]], 5, "a queue of four is waited in by both services")
        states = watch.fresh()["services"]
        tap.ok(min(state["oldest_ms"] for state in states) > 0, "both have unread data", states)
        read_all(server, 4)
        tap.becomes(lambda: [reads(state) for state in watch.fresh()["services"]] == [1, 3], 5,
                    "reads count for the service of the local address, IPv4 in an IPv6 socket too")
        tap.equal([state["first_reads"] for state in watch.fresh()["services"]], [1, 3], "and so does served work")
        for each in made:
            each.close()


def queues_follow_the_listener(tap, world):
    """A socket on an address of its own takes its connections from the one that listens on all."""
    shop, client = two_addresses(world)
    watch = Watch(world, SERVICES.format(TWO4=TWO4, TWO6=TWO6, netns=f"netns: [{shop.path}]"))
    with contextlib.ExitStack() as stack:
        stack.enter_context(listening(shop, "0.0.0.0", backlog=8))
        made = [send_to(client, address=address) for address in (SHOP4, TWO4)]
        tap.becomes(lambda: queues(watch) == [[2, 8], [2, 8]], 5, "0.0.0.0 takes connections of both")
        stack.enter_context(listening(shop, TWO4, backlog=16))
        made += [send_to(client, address=address) for address in (SHOP4, TWO4, TWO4)]
        tap.becomes(lambda: queues(watch) == [[3, 8], [2, 16]], 5, "one on the address alone counts for its service")
        stack.enter_context(listening(shop, "::", ipv6_only=True, backlog=32))
        made.append(send_to(client, address=TWO6))
        tap.becomes(lambda: queues(watch) == [[4, 40], [3, 48]], 5, "[::] for IPv6 alone counts where there is an IPv6 address")
        stack.enter_context(listening(shop, TWO6, backlog=64))
        made += [send_to(client, address=address) for address in (TWO6, SHOP6)]
        tap.becomes(lambda: queues(watch) == [[5, 40], [3, 80]], 5, "until that has a socket of its own, too")
        for each in made:
            each.close()


def demand_follows_the_address(tap, world):
    """The datapath counts new work for the service of its destination."""
    shop, client = two_addresses(world)
    world.nginx(shop)
    services = SERVICES.format(TWO4=TWO4, TWO6=TWO6, netns="capacity: learn")
    agent = world.agent(shop, f"services:\n{services}{CLASSES}")
    agent.start()
    for address in (SHOP4, SHOP6, TWO4, TWO4, TWO6):
        tap.equal(request(client, address=address), 200, f"{address} answers")
    page = agent.metrics()
    new = {name: page.sum("spillway_service_new_work_total", service=name) for name in ("rest", "two")}
    tap.equal(new, {"rest": 2, "two": 3}, "new work by service")


def said(tap, world):
    """doctor and check name the address."""
    shop, _ = two_addresses(world)
    agent = world.agent(shop, f"services:\n{SERVICES.format(TWO4=TWO4, TWO6=TWO6, netns='capacity: learn')}{CLASSES}")

    def found():
        checks = json.loads(agent.cli("-j", "doctor", check=False).stdout)["checks"]
        return [each["detail"].split("': ")[-1] for each in checks if each["check"] == "services"]

    tap.equal(found(), ["nobody listens on TCP 80", f"nobody listens on TCP {TWO4}:80, [{TWO6}]:80"], "nobody listens")
    with listening(shop, "0.0.0.0"):
        tap.equal(found(), [f"nobody listens on TCP [{TWO6}]:80"], "0.0.0.0 is all of IPv4")
        with listening(shop, TWO6):
            tap.equal(found(), ["every port of every service has a socket"], "one on the address is enough")
    with listening(shop, SHOP4):
        tap.equal(found(), [f"nobody listens on TCP {TWO4}:80, [{TWO6}]:80"], "one on another address is not")
    with listening(shop, "::"):
        tap.equal(found(), ["every port of every service has a socket"], "[::] is everything")
    check = json.loads(agent.cli("-j", "check").stdout)
    tap.equal([service["tcp"] for service in check["services"]], [[80], [f"{TWO4}:80", f"[{TWO6}]:80"]],
              "check -j: a number, or text with the address")


if __name__ == "__main__":
    run_tests(waits_follow_the_address, queues_follow_the_listener, demand_follows_the_address, said)
