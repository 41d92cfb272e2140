#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""A game over UDP with a capacity of joins a second: who plays is not interrupted, newcomers are refused (fault 57)."""
import socket
import threading
import time

from world import finish_blast, run_tests, scaled, wait_for

GAME = 27015
BODY = """\
services: { game: { udp: [%d], capacity: 50/s } }
lists: { vip: { inline: [198.18.3.0/24] } }
classes: [ { name: vip, lists: [vip], shed_from: red }, { name: rest, shed_from: yellow } ]
""" % GAME


class Game:
    """Answers every datagram."""

    def __init__(self, shop):
        self.socket = shop.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("0.0.0.0", GAME))
        self.socket.settimeout(0.2)
        self.open = True
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while self.open:
            try:
                data, player = self.socket.recvfrom(2000)
                self.socket.sendto(data, player)
            except OSError:
                pass

    def close(self):
        self.open = False
        self.thread.join()
        self.socket.close()


class Player:
    def __init__(self, client, address):
        self.socket = client.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((address, 0))
        self.socket.setblocking(False)
        self.sent = self.answered = 0

    def play(self):
        try:
            self.socket.sendto(b"move", ("198.18.0.1", GAME))
            self.sent += 1
        except OSError:
            pass

    def collect(self):
        try:
            while self.socket.recv(99):
                self.answered += 1
        except OSError:
            pass


def play(players, seconds, per_second=30):
    """Answers per datagram of each player in this time."""
    before = [(player.sent, player.answered) for player in players]
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for player in players:
            player.play()
        time.sleep(1 / per_second)
        for player in players:
            player.collect()
    time.sleep(0.2)
    for player in players:
        player.collect()
    return [round((player.answered - answered) / (player.sent - sent), 3)
            for player, (sent, answered) in zip(players, before)]


def build(world):
    shop = world.shop()
    clients = [world.client("vip", 3), world.client("rest", 9)]
    flood = world.flood(shop)
    game = Game(shop)
    world.on_exit(game.close)
    agent = world.agent(shop, BODY, interfaces=("eth0", "eth1"))
    agent.start()
    players = [Player(client, address) for client in clients for address in client.addresses4]
    return agent, clients, players, flood


def players_stay(tap, world):
    agent, clients, players, flood = build(world)
    shares = play(players, 6)
    tap.ok(len(players) == 8 and min(shares) >= 0.98, "8 players at 30/s play below 50 joins a second (fault 57)", shares)
    page = agent.metrics()
    joins = page.sum("spillway_service_new_work_total", service="game")
    tap.ok(8 <= joins <= 40, "only their first datagrams are new work", joins)
    tap.ok(page.one("spillway_level") == 0, "and the level is green")
    wait_for(lambda: agent.metrics().sum("spillway_udp_sessions") == 8, 20, "a metric tells the 8 sessions")

    rush = world.blast(flood, "198.18.128.0", 30000, rate=scaled(5000), extra=("--udp", "--port", GAME))
    time.sleep(2)
    newcomers = [Player(clients[1], clients[1].addresses4[0]) for _ in range(8)]
    shares, refused = play(players, 3), play(newcomers, 1)
    tap.ok(min(shares) >= 0.98, "they play on while newcomers rush in at 100 times the capacity (fault 57)", shares)
    tap.ok(sum(refused) / 8 < 0.9, "newcomers are refused", refused)
    tap.ok(page.sum("spillway_service_new_work_total", service="game", verdict="drop") <
           agent.metrics().sum("spillway_service_new_work_total", service="game", verdict="drop"), "and counted")

    agent.reload()
    tap.ok(min(play(players, 2)) >= 0.98, "a reload interrupts nobody (fault 57)")
    agent.process.kill()
    agent.start()
    tap.ok(min(play(players, 2)) >= 0.98, "nor does a new agent after kill -9 (fault 57)")
    agent.write(BODY.replace("lists: [vip], shed_from: red", "lists: [vip], cut_from: red, cut: all"))
    agent.reload()
    agent.cli("level", "set", "red")
    tap.equal(set(play(players[:4], 1)), {0}, "cut: all ends the sessions of a class")
    finish_blast(rush, stop=True)


if __name__ == "__main__":
    run_tests(players_stay)
