#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The real fail2ban with the action that comes with spillway: bans and unbans become entries."""
import json
import shutil
import time

from world import ROOT, SPILLWAY, run, run_tests, wait_for

BODY = """\
lists: { banned: {} }
classes:
  - { name: blocked, lists: [banned], cut_from: green, cut: all }
  - { name: unknown }
"""


class Fail2ban:
    """A fail2ban of this test's own: configuration, socket, pid file and log in its folder, no database."""

    def __init__(self, world, agent, bantime):
        self.folder = world.folder / "fail2ban"
        self.log = world.folder / "shop.log"
        self.log.write_text("")
        for name in ("action.d", "filter.d"):
            (self.folder / name).mkdir(parents=True)
        shutil.copy(ROOT / "packaging/fail2ban/spillway.conf", self.folder / "action.d")
        (self.folder / "filter.d/shop.conf").write_text("[Definition]\nfailregex = ^\\s*refused <HOST>$\n")
        (self.folder / "fail2ban.conf").write_text(
            f"[Definition]\nloglevel = INFO\nlogtarget = {self.folder}/log\nsyslogsocket = auto\nallowipv6 = auto\n"
            f"socket = {self.folder}/socket\npidfile = {self.folder}/pid\ndbfile = None\ndbpurgeage = 1d\n"
            "[Thread]\nstacksize = 0\n")
        (self.folder / "jail.conf").write_text(
            f"[shop]\nenabled = true\nfilter = shop\nlogpath = {self.log}\nbackend = polling\nmaxretry = 2\n"
            f"findtime = 600\nbantime = {bantime}\nignoreself = false\nusedns = no\n"
            f'action = spillway[list=banned, name=shop, bantime={bantime}, spillway="{SPILLWAY} -c {agent.config}"]\n')
        self.words = ["-c", self.folder, "-s", self.folder / "socket", "-p", self.folder / "pid"]
        self.server = world.start("fail2ban-server", *self.words, "-xf", "start", name="fail2ban")
        wait_for(lambda: self.client("status", "shop", check=False).returncode == 0 or not self.server.alive(), 20,
                 "fail2ban watches")
        if not self.server.alive():
            raise RuntimeError(self.server.log())

    def client(self, *words, **options):
        return run("fail2ban-client", *self.words, *words, **options)

    def fail(self, address):
        with self.log.open("a") as log:
            log.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} refused {address}\n" * 2)


def bans_become_entries(tap, world):
    shop = world.shop()
    agent = world.agent(shop, BODY)
    agent.start()

    def entries():
        shown = json.loads(agent.cli("-j", "list", "show", "banned").stdout)[0]["entries"]
        return {entry["prefix"]: entry for entry in shown}

    fail2ban = Fail2ban(world, agent, 600)
    fail2ban.fail("198.18.3.7")
    fail2ban.fail("2001:db8:3::7")
    wait_for(lambda: len(entries()) == 2, 20, "both are banned")
    found = entries()
    tap.equal(sorted(found), ["198.18.3.7/32", "2001:db8:3::7/128"], "who failed is an entry, in both families")
    tap.ok(all(500 < entry["left_s"] <= 600 for entry in found.values()), "for as long as the ban", found)
    tap.equal({entry["note"] for entry in found.values()}, {"fail2ban shop"}, "with the jail in the note")
    fail2ban.client("set", "shop", "unbanip", "198.18.3.7")
    tap.becomes(lambda: sorted(entries()) == ["2001:db8:3::7/128"], 10, "an unban removes the entry")
    agent.cli("list", "remove", "banned", "2001:db8:3::7")
    fail2ban.client("set", "shop", "unbanip", "2001:db8:3::7")
    log = (fail2ban.folder / "log").read_text()
    tap.ok("ERROR" not in log, "an unban of what is gone already is no error", log[-600:])
    fail2ban.server.stop()


def for_ever(tap, world):
    shop = world.shop()
    agent = world.agent(shop, BODY)
    agent.start()
    fail2ban = Fail2ban(world, agent, -1)
    fail2ban.client("set", "shop", "banip", "198.18.3.9")
    shown = wait_for(lambda: json.loads(agent.cli("-j", "list", "show", "banned").stdout)[0]["entries"], 10, "banned")
    tap.equal([(entry["prefix"], entry["left_s"]) for entry in shown], [("198.18.3.9/32", None)],
              "a ban without an end is an entry without one")
    fail2ban.server.stop()


if __name__ == "__main__":
    run_tests(bans_become_entries, for_ever)
