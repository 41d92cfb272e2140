#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# host only: an action that calls `list add`; what the kernel does with bans is in test_bans.py
"""The real fail2ban with spillway's action: an address is banned as long as any jail bans it."""
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


IP, PREFIX = "198.18.3.7", "198.18.3.7/32"


class Fail2ban:
    """A fail2ban with its own configuration, socket, pid file and log in the test's folder."""

    def __init__(self, world, agent, bantime, **jails):
        """@jails: name -> (bantime, further lines); without any: one, shop."""
        self.folder = world.folder / "fail2ban"
        self.logs = {}
        for name in ("action.d", "filter.d"):
            (self.folder / name).mkdir(parents=True)
        shutil.copy(ROOT / "packaging/fail2ban/spillway.conf", self.folder / "action.d")
        (self.folder / "filter.d/shop.conf").write_text("[Definition]\nfailregex = ^\\s*refused <HOST>$\n")
        (self.folder / "fail2ban.conf").write_text(
            f"[Definition]\nloglevel = INFO\nlogtarget = {self.folder}/log\nsyslogsocket = auto\nallowipv6 = auto\n"
            f"socket = {self.folder}/socket\npidfile = {self.folder}/pid\ndbfile = {self.folder}/database\n"
            "dbpurgeage = 1d\n"
            "[Thread]\nstacksize = 0\n")
        text = ""
        for name, (seconds, more) in (jails or {"shop": (bantime, "")}).items():
            self.logs[name] = world.folder / f"{name}.log"
            self.logs[name].write_text("")
            text += (f"[{name}]\nenabled = true\nfilter = shop\nlogpath = {self.logs[name]}\nbackend = polling\n"
                     f"maxretry = 2\nfindtime = 600\nbantime = {seconds}\nignoreself = false\nusedns = no\n{more}"
                     f'action = spillway[list=banned, name={name}, spillway="{SPILLWAY} -c {agent.config}"]\n')
        (self.folder / "jail.conf").write_text(text)
        self.words = ["-c", self.folder, "-s", self.folder / "socket", "-p", self.folder / "pid"]
        self.world = world
        self.start()

    def start(self):
        """Ready when its log says so: asking earlier logs an error for each jail."""
        log = self.folder / "log"
        seen = log.stat().st_size if log.exists() else 0
        self.server = self.world.start("fail2ban-server", *self.words, "-xf", "start", name="fail2ban")
        wait_for(lambda: not self.server.alive() or (log.exists() and all(
            f"Jail '{jail}' started" in log.read_text()[seen:] for jail in self.logs)), 20, "fail2ban watches")
        if not self.server.alive():
            raise RuntimeError(self.server.log())

    def client(self, *words, **options):
        return run("fail2ban-client", *self.words, *words, **options)

    def fail(self, address, jail="shop"):
        with self.logs[jail].open("a") as log:
            log.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} refused {address}\n" * 2)

    def banned(self, jail):
        return self.client("get", jail, "banip").stdout.split()

    def errors(self):
        return [line for line in (self.folder / "log").read_text().splitlines() if "ERROR" in line]


def build(world):
    agent = world.agent(world.shop(), BODY)
    agent.start()

    def entries():
        shown = json.loads(agent.cli("-j", "list", "show", "banned").stdout)[0]["entries"]
        return {entry["prefix"]: entry for entry in shown}

    return agent, entries


def bans_become_entries(tap, world):
    agent, entries = build(world)
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
    agent, _ = build(world)
    fail2ban = Fail2ban(world, agent, -1)
    fail2ban.client("set", "shop", "banip", "198.18.3.9")
    shown = wait_for(lambda: json.loads(agent.cli("-j", "list", "show", "banned").stdout)[0]["entries"], 10, "banned")
    tap.equal([(entry["prefix"], entry["left_s"]) for entry in shown], [("198.18.3.9/32", None)],
              "a ban without an end is an entry without one")
    fail2ban.server.stop()


def two_jails(tap, world):
    """An address is banned while any jail bans it; stopping a jail lifts its own bans."""
    agent, entries = build(world)
    fail2ban = Fail2ban(world, agent, 0, long=(600, ""), short=(5, ""))
    fail2ban.fail(IP, "long")
    wait_for(entries, 20, "banned")
    fail2ban.fail(IP, "short")
    wait_for(lambda: entries()[PREFIX]["owners"] == 2, 20, "by both jails")
    tap.ok(entries()[PREFIX]["left_s"] > 500, "a second, shorter jail does not shorten the ban", entries())
    wait_for(lambda: not fail2ban.banned("short") and entries()[PREFIX]["owners"] == 1, 30, "the short one is over")
    tap.ok(entries()[PREFIX]["left_s"] > 500 and entries()[PREFIX]["owner"] == "fail2ban:long",
           "when it is over the long one holds", entries())
    agent.cli("list", "add", "banned", "198.18.3.99", "--owner", "crowdsec")
    fail2ban.fail("198.18.3.8", "long")
    wait_for(lambda: len(entries()) == 3, 20, "one more")
    fail2ban.client("unban", "--all")
    tap.becomes(lambda: list(entries()) == ["198.18.3.99/32"], 10, "unban --all lifts all of fail2ban's, and no other's")
    tap.equal(fail2ban.errors(), [], "without an error")
    fail2ban.server.stop()


def increment(tap, world):
    """A ban that fail2ban extends later lasts as long as fail2ban says."""
    agent, entries = build(world)
    fail2ban = Fail2ban(world, agent, 0, shop=(4, "bantime.increment = true\nbantime.factor = 20\n"))
    fail2ban.fail(IP)
    wait_for(entries, 20, "banned")
    wait_for(lambda: not fail2ban.banned("shop") and not entries(), 30, "over")
    fail2ban.fail(IP)
    wait_for(entries, 20, "banned again")
    missing = 0
    while entries().get(PREFIX, {"left_s": 0})["left_s"] < 60 and missing < 100:
        missing += PREFIX not in entries()
        time.sleep(0.2)
    tap.equal(missing, 0, "the ban holds until fail2ban prolongs it")
    tap.becomes(lambda: entries().get(PREFIX, {"left_s": 0})["left_s"] > 60, 20, "the ban is prolonged")
    tap.equal(fail2ban.banned("shop"), [IP], "as fail2ban says")
    fail2ban.server.stop()


def while_it_restarts(tap, world):
    """Bans and unbans while no agent runs are in force when the next one is ready."""
    agent, entries = build(world)
    fail2ban = Fail2ban(world, agent, 600)
    fail2ban.fail("198.18.3.8")
    wait_for(entries, 20, "banned")
    agent.stop()
    fail2ban.fail(IP)
    wait_for(lambda: IP in fail2ban.banned("shop"), 20, "fail2ban believes that it has banned")
    fail2ban.client("set", "shop", "unbanip", "198.18.3.8")
    wait_for(lambda: len(list((agent.run_dir / "spool").glob("*.json"))) == 2, 10, "both are queued")
    agent.start()
    tap.equal(list(entries()), [PREFIX], "both are done when the agent is ready")
    tap.equal(fail2ban.errors(), [], "and fail2ban saw no error")
    fail2ban.server.stop()


def long_ones(tap, world):
    """A bantime of ten years, and a jail with too long a name, still ban."""
    agent, entries = build(world)
    name = "a-rather-long-jail-name-for-the-customers-of-our-mail-platform"
    fail2ban = Fail2ban(world, agent, 0, ever=(315360000, ""), **{name: (600, "")})
    fail2ban.fail(IP, "ever")
    fail2ban.fail("198.18.3.9", name)
    wait_for(lambda: len(entries()) == 2, 20, "both are banned")
    tap.ok(entries()[PREFIX]["left_s"] > 365 * 86400, "ten years are the longest time there is", entries())
    tap.ok(entries()["198.18.3.9/32"]["note"].endswith("…"), "the note of a long jail is cut, visibly", entries())
    fail2ban.client("set", name, "unbanip", "198.18.3.9")
    tap.becomes(lambda: list(entries()) == [PREFIX], 10, "and its unban finds its ban")
    fail2ban.server.stop()


if __name__ == "__main__":
    run_tests(bans_become_entries, for_ever, two_jails, increment, while_it_restarts, long_ones)
