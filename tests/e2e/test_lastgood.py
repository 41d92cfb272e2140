#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# host only: files of the agent
"""Damaged, emptied and newly overlapping list files do not disable protection."""
import json
import os
import signal

from world import request, run_tests, wait_for

BODY = """\
lists: { bad: { file: bad.txt%s }, partners: { inline: [198.18.5.0/24] } }
classes:
  - { name: partner, lists: [partners] }
  - { name: blocked, lists: [bad], cut_from: green }
  - { name: rest }
"""


class Site:
    """A web server, a banned client, one that is not banned, and an agent with the list bad.txt."""

    def __init__(self, world, text="198.18.3.0/24\n", options=""):
        self.shop = world.shop()
        self.banned = world.client("banned", 3)
        self.other = world.client("other", 4)
        world.nginx(self.shop)
        self.list = world.folder / "bad.txt"
        self.list.write_text(text)
        self.agent = world.agent(self.shop, BODY % options)

    def served(self):
        """Answers to the banned client and to the other one; None: refused."""
        return request(self.banned), request(self.other)


def damaged_lines_are_skipped(tap, world):
    """on_error: skip: valid lines are used at a start and at a reload, and the others are counted."""
    site = Site(world, "198.18.3.0/24\n198.18.221.040\nfoo\n", ", on_error: skip")
    agent = site.agent
    agent.start()
    tap.equal(site.served(), (None, 200), "on_error: skip: a start with damaged lines takes the good ones (fault 60)")
    tap.equal(agent.metrics().one("spillway_list_skipped_lines", list="bad"), 2, "the skipped lines are a metric")
    tap.equal(agent.metrics().one("spillway_list_skipped_lines", list="partners"), 0, "of each list by itself")
    checked = agent.cli("check")
    tap.ok("2 lines skipped" in checked.stdout and "bad.txt:2:1" in checked.stderr,
           "check says how many, and where the first of them is", checked.stdout + checked.stderr)
    site.list.write_text("198.18.3.0/24\n198.18.9.0/24\n")
    agent.reload()
    tap.equal(agent.metrics().one("spillway_list_skipped_lines", list="bad"), 0, "a clean file sets the count back")


def events(site):
    """What the agent has recorded about reloads."""
    path = site.agent.state_dir / "events.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    return [event for event in map(json.loads, lines) if event["event"] == "reload"]


def last_good(site):
    return site.agent.state_dir / "last_good"


def said_of_a_start(agent):
    """What doctor says of the configuration: (outcome, detail) of the first finding."""
    checks = json.loads(agent.cli("-j", "doctor", check=False).stdout)["checks"]
    return next((check["outcome"], check["detail"]) for check in checks if check["check"] == "configuration")


def a_damaged_list_at_a_start(tap, world):
    """Case 08: what is kept is the content of that list; all else is as the files say."""
    site = Site(world)
    agent, kept = site.agent, last_good(site)
    site.list.write_text("198.18.3.0/24\n198.18.221.040\n")
    agent.launch()
    tap.equal(agent.process.wait(), 1, "a first start ever with a damaged list fails (fault 60)")
    tap.ok("bad.txt:2:1:" in agent.process.log(), "and says where", agent.process.log())
    outcome, detail = said_of_a_start(agent)
    tap.ok(outcome == "fail" and "a start would fail" in detail, "doctor foretells it", detail)
    site.list.write_text("198.18.3.0/24\n")
    agent.start()
    tap.equal(site.served(), (None, 200), "a good list: the banned client is refused")
    wait_for(kept.exists, 5, "the ruleset is kept")
    tap.equal((kept.stat().st_mode & 0o777, kept.stat().st_uid), (0o600, 0), "the kept ruleset is for root alone")
    tap.equal(agent.metrics().one("spillway_list_last_good", list="bad"), 0, "the metric says that the list was read")
    agent.stop()
    for what, text in (("a stray zero", "198.18.3.0/24\n198.18.221.040\n"), ("a web page", "<html>not found</html>\n"),
                       ("gone", None)):
        if text:
            site.list.write_text(text)
        else:
            site.list.unlink()
        agent.write((BODY % "").replace("name: rest", "name: others"))
        outcome, detail = said_of_a_start(agent)
        tap.ok(outcome == "warn" and "a start would use the last good content of the list, of " in detail and " ago" in detail,
               f"a start with {what}: doctor foretells it", (outcome, detail))
        agent.start()
        tap.equal(site.served(), (None, 200), f"a start with {what}: the last good content holds (fault 60)")
        log = agent.process.log()
        tap.ok("list 'bad' cannot be read now" in log and " ago" in log, f"{what}: the log says so, and how old it is", log)
        page = agent.metrics()
        tap.equal((page.one("spillway_list_last_good", list="bad"), page.one("spillway_list_last_good", list="partners"),
                   page.one("spillway_ruleset_last_good")), (1, 0, 0), f"{what}: a metric says which list")
        tap.equal(page.one("spillway_ruleset_prefixes", list="bad", family="4"), 1, f"{what}: with its prefixes")
        tap.ok("others" in agent.cli("status").stdout, f"{what}: the rest is as the configuration says now")
        tap.ok("last good content" in agent.cli("status").stdout, f"{what}: status says so")
        tap.ok("last good" in agent.cli("list", "show", "bad").stdout, f"{what}: list show says so")
        doctor = json.loads(agent.cli("-j", "doctor", check=False).stdout)["checks"]
        tap.ok(any(check["check"] == "ruleset" and check["outcome"] == "warn" and "bad" in check["detail"]
                   for check in doctor), f"{what}: doctor says so", doctor)
        tap.equal(agent.cli("apply", check=False).returncode, 1, f"{what}: apply goes on refusing it")
        agent.stop()
    site.list.write_text("198.18.4.0/24\n")
    agent.start()
    tap.equal(site.served(), (200, None), "a good list again: it is taken")
    tap.equal(agent.metrics().one("spillway_list_last_good", list="bad"), 0, "and the metric goes back")


def an_overlapping_list_at_a_start(tap, world):
    """Case 08: a ruleset that does not compile, or that check refuses: the last good one as a whole."""
    site = Site(world)
    agent = site.agent
    agent.start()
    wait_for(last_good(site).exists, 5, "the ruleset is kept")
    agent.stop()
    for what, text in (("a prefix that a partner has too", "198.18.3.0/24\n198.18.5.0/24\n"),
                       ("a prefix of the management", "198.18.3.0/24\n198.18.7.0/24\n")):
        site.list.write_text(text)
        agent.write((BODY % "") + "management: { prefixes: [198.18.7.0/28] }\n")
        outcome, detail = said_of_a_start(agent)
        tap.ok(outcome == "warn" and "a start would use the last good ruleset, of " in detail and " ago" in detail,
               f"{what}: doctor foretells it", (outcome, detail))
        agent.start()
        tap.equal(site.served(), (None, 200), f"{what}: the last good ruleset is in force (fault 60)")
        log = agent.process.log()
        tap.ok("the last good ruleset, of " in log and " ago, is in force" in log,
               f"{what}: the log says so, and how old it is", log)
        page = agent.metrics()
        tap.equal(page.one("spillway_ruleset_last_good"), 1, f"{what}: a metric says so")
        tap.ok(0 <= page.one("spillway_ruleset_last_good_age_seconds") < 600, f"{what}: and how old it is")
        tap.ok("the last good ruleset" in agent.cli("status").stdout, f"{what}: status says so")
        age = agent.status()["ruleset"]["last_good_age_s"]
        tap.ok(age is not None and 0 <= age < 600, f"{what}: in JSON too", age)
        doctor = json.loads(agent.cli("-j", "doctor", check=False).stdout)["checks"]
        tap.ok(any(check["check"] == "ruleset" and check["outcome"] == "warn" for check in doctor),
               f"{what}: doctor says so", doctor)
        wait_for(lambda: events(site) and not events(site)[-1]["ok"], 5, "the event")
        tap.ok("198.18." in events(site)[-1]["error"], f"{what}: the event says why", events(site)[-1])
        refused = agent.cli("apply", check=False)
        tap.ok(refused.returncode == 1 and "bad.txt:2:1" in refused.stderr, f"{what}: apply names the place",
               refused.stderr)
        agent.process.kill()
        agent.start()
        tap.equal(site.served(), (None, 200), f"{what}: and it is in force at the start after that")
        agent.stop()
    agent.write("overlap: higher\n" + BODY % "")
    site.list.write_text("198.18.3.0/24\n198.18.5.0/24\n")
    agent.start()
    tap.equal((site.served(), agent.metrics().one("spillway_ruleset_last_good")), ((None, 200), 0),
              "overlap: higher: the configuration is in force")
    tap.ok("bad.txt:2:1: 198.18.5.0/24 is in list 'bad'" in agent.process.log() and ".yaml:" in agent.process.log(),
           "overlap: higher: a warning names both places", agent.process.log())
    site.list.write_text("198.18.4.0/24\n")
    agent.reload()
    tap.equal(site.served(), (200, None), "and a good list is taken")


def a_damaged_last_good_ruleset(tap, world):
    """What is kept may be damaged too: it is said, no start fails for it, and the next ruleset replaces it."""
    site = Site(world)
    agent, kept = site.agent, last_good(site)
    agent.start()
    wait_for(kept.exists, 5, "the ruleset is kept")
    agent.stop()
    whole = kept.read_bytes()
    flipped = bytearray(whole)
    flipped[-3] ^= 1

    def damage(content):
        kept.unlink()
        if content is None:
            kept.mkdir()
        else:
            kept.write_bytes(content)
            kept.chmod(0o600)

    for what, content in (("a bit of it is wrong", bytes(flipped)), ("it is cut off", whole[:-1]), ("it is empty", b""),
                          ("it is another file", b"x" * 200)):
        damage(content)
        doctor = agent.cli("doctor", check=False).stdout
        tap.ok("last good" in doctor and "cannot be used" in doctor, f"{what}: doctor says so", doctor)
        site.list.write_text("damaged\n")
        agent.launch()
        tap.equal(agent.process.wait(), 1, f"{what}: with a damaged list there is nothing to fall back to")
        tap.ok("last_good, cannot be used: " in agent.process.log(), f"{what}: the log says so", agent.process.log())
        site.list.write_text("198.18.3.0/24\n")
        agent.start()
        tap.equal(site.served(), (None, 200), f"{what}: with a good list the agent starts")
        wait_for(lambda: kept.stat().st_size == len(whole), 5, "it is replaced")
        agent.stop()
        site.list.write_text("damaged\n")
        agent.start()
        tap.equal(site.served(), (None, 200), f"{what}: and the next start with a damaged list has one")
        agent.stop()
        site.list.write_text("198.18.3.0/24\n")
    kept.unlink()
    kept.mkdir()
    agent.start()
    tap.equal(site.served(), (None, 200), "a folder in its place: the agent starts")
    wait_for(lambda: "the last good ruleset could not be saved" in agent.process.log(), 5, "the log says so")
    agent.stop()
    kept.rmdir()
    os.symlink(world.folder / "elsewhere", kept)
    agent.start()
    tap.equal(site.served(), (None, 200), "a symbolic link in its place: the agent starts")
    wait_for(lambda: "last_good is a symbolic link" in agent.process.log(), 5, "the log says so")
    tap.ok(not (world.folder / "elsewhere").exists(), "the link is not followed")


def what_is_not_confirmed_is_not_kept(tap, world):
    """apply --confirm: only what is confirmed becomes the last good ruleset."""
    site = Site(world)
    agent, kept = site.agent, last_good(site)
    agent.start()
    wait_for(kept.exists, 5, "the ruleset is kept")
    before = kept.read_bytes()
    site.list.write_text("198.18.4.0/24\n")
    agent.cli("apply", "--confirm", "5")
    tap.equal(site.served(), (200, None), "apply --confirm: the new ruleset is in force")
    tap.equal(kept.read_bytes(), before, "until it is confirmed the one before is kept")
    wait_for(lambda: site.served() == (None, 200), 11, "it is taken back")
    tap.equal(kept.read_bytes(), before, "it was taken back: the one before is still kept")
    agent.cli("apply", "--confirm", "60")
    agent.cli("confirm")
    tap.becomes(lambda: kept.read_bytes() != before, 5, "it is confirmed: it is kept")


def emptied_and_shrunken_lists(tap, world):
    """Case 16: a list that was emptied, or has lost more than half, is kept back until somebody confirms it."""
    many = "".join(f"198.18.3.{host}\n" for host in range(100))
    site = Site(world, many)
    agent = site.agent
    agent.start()
    wait_for(last_good(site).exists, 5, "the ruleset is kept")
    for what, text in (("emptied", ""), ("cut off", "198.18.9.1\n" * 49)):
        site.list.write_text(text)
        refused = agent.cli("apply", check=False)
        tap.ok(refused.returncode == 1 and "list 'bad' went from 100 prefixes to" in refused.stderr
               and "spillway apply --shrunk" in refused.stderr, f"{what}: apply keeps it back, and says how to confirm "
               "(fault 49)", refused.stderr)
        tap.ok("list 'bad' has" in agent.cli("check").stderr, f"{what}: check says so")
        failed = agent.metrics().one("spillway_reloads_total", result="failed")
        agent.process.signal(signal.SIGHUP)
        wait_for(lambda before=failed: agent.metrics().one("spillway_reloads_total", result="failed") > before, 5,
                 "SIGHUP is refused")
        tap.equal(site.served(), (None, 200), f"{what}: the banned client is still refused (fault 49)")
        agent.stop()
        agent.start()
        tap.equal(site.served(), (None, 200), f"{what}: after a restart too (faults 49, 60)")
        tap.ok("is kept back" in agent.process.log() and "spillway apply --shrunk" in agent.process.log(),
               f"{what}: the log says so, and how to confirm", agent.process.log())
        tap.equal(agent.metrics().one("spillway_list_last_good", list="bad"), 1, f"{what}: a metric says so")
    agent.cli("apply", "--shrunk")
    tap.equal((site.served(), agent.metrics().one("spillway_ruleset_prefixes", list="bad", family="4")), ((200, 200), 49),
              "it is confirmed: it is in force")
    wait_for(lambda: last_good(site).stat().st_size < 2000, 5, "it is kept")
    agent.stop()
    agent.start()
    tap.equal((site.served(), agent.metrics().one("spillway_list_last_good", list="bad")), ((200, 200), 0),
              "and after a restart too")
    agent.write(BODY % ", on_shrink: take")
    agent.reload()
    site.list.write_text("198.18.3.1\n")
    agent.reload()
    tap.equal(site.served(), (None, 200), "on_shrink: take: what is there is taken")


if __name__ == "__main__":
    run_tests(damaged_lines_are_skipped, a_damaged_list_at_a_start, an_overlapping_list_at_a_start,
              a_damaged_last_good_ruleset, what_is_not_confirmed_is_not_kept, emptied_and_shrunken_lists)
