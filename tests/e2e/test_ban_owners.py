#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# host only: the table and the files of the agent; what the kernel does with bans is in test_bans.py
"""Bans of several owners, and bans requested while no agent runs."""
import concurrent.futures
import json
import os
import signal
import stat
import time

from world import SLOW, finish_blast, run_tests, scaled, wait_for

BODY = """\
lists: { banned: {}, other: {} }
classes:
  - { name: blocked, lists: [banned, other], cut_from: green, cut: all }
  - { name: unknown }
"""
LIST = "banned"
SOURCE = "198.18.3.7"
LONGEST = 366 * 86400


def build(world):
    shop = world.namespace("shop")
    flood = world.flood(shop, "eth0")
    agent = world.agent(shop, BODY)
    agent.start()
    return flood, agent


def entries(agent, name=LIST):
    shown = json.loads(agent.cli("-j", "list", "show", name).stdout)[0]["entries"]
    return {entry["prefix"]: entry for entry in shown}


ADDED = []  # [(owner, seconds, when its command began, when it was done)]


def duration(owner, left_s, began, done):
    """How long the owner's ban was asked for that had this time left between two moments; what is left if none fits."""
    fits = [seconds for of, seconds, add_began, add_done in ADDED
            if of == owner and began - add_done - 0.1 <= seconds - left_s <= done - add_began + 0.1]
    return fits[-1] if fits else left_s


def state(agent, prefix=SOURCE + "/32"):
    """(owner, owners, note, duration in seconds, 0 for ever) of a ban; None: none."""
    began = time.monotonic()
    entry = entries(agent).get(prefix)
    return entry and (entry["owner"], entry["owners"], entry["note"],
                      duration(entry["owner"], entry["left_s"] or 0, began, time.monotonic()))


def add(agent, owner, seconds, *words, prefix=SOURCE):
    began = time.monotonic()
    done = agent.cli("list", "add", LIST, prefix, "--owner", owner, "--for", str(seconds), "--note", f"by {owner}", *words)
    ADDED.append((owner, seconds, began, time.monotonic()))
    return done


def remove(agent, *words):
    return agent.cli("list", "remove", LIST, SOURCE, *words).stdout.strip()


def owners(tap, world):
    """A ban holds until the end of its last owner."""
    _, agent = build(world)
    add(agent, "a", 600)
    said = add(agent, "b", 60).stdout
    tap.equal((state(agent), said), (("a", 2, "by a", 600), "banned: 0 added, 1 were there and have the new end and note, "
              "1 hold longer for other owners\n"), "a second, shorter owner does not shorten it, and is reported")
    add(agent, "c", 900)
    tap.equal(state(agent), ("c", 3, "by c", 900), "a longer one does lengthen it")
    began = time.monotonic()
    found = entries(agent)[SOURCE + "/32"]["others"]
    others = {other["owner"]: (other["note"], duration(other["owner"], other["left_s"], began, time.monotonic()))
              for other in found}
    tap.equal(others, {"a": ("by a", 600), "b": ("by b", 60)}, "list show names the others with end and note")
    shown = agent.cli("list", "show", LIST).stdout.splitlines()[-3:]
    tap.equal([line.split()[-3:] for line in shown], [[owner, "by", owner] for owner in "cba"] if "by b" in shown[1] else
              [[owner, "by", owner] for owner in "cab"], "as text too, the latest end first")
    tap.equal((remove(agent, "--owner", "c"), state(agent)), ("banned: 0 removed, 1 hold for other owners",
              ("a", 2, "by a", 600)), "an unban lifts its owner's alone, and end and note are the next one's")
    tap.equal((remove(agent, "--owner", "nobody"), state(agent)),
              ("banned: 0 removed, 1 were not there", ("a", 2, "by a", 600)), "who has no part in it lifts nothing")
    add(agent, "a", 30)
    tap.equal(state(agent), ("b", 2, "by b", 60), "an owner can shorten its own part")
    add(agent, "a", 10, "--extend")
    tap.equal(state(agent), ("b", 2, "by b", 60), "but not with --extend")
    remove(agent, "--owner", "b")
    tap.equal(state(agent), ("a", 1, "by a", 30), "so its first end is still there")
    agent.cli("list", "add", LIST, SOURCE)
    tap.equal(state(agent), ("hand", 2, "", 0), "by hand is an owner too, for ever here")
    tap.equal((remove(agent), state(agent)), ("banned: 1 removed", None), "remove without an owner lifts everybody's")

    add(agent, "a", 600)
    add(agent, "b", 2)
    time.sleep(2.5)
    tap.becomes(lambda: state(agent) == ("a", 1, "by a", 600), 5, "an owner's end lifts only its part")
    agent.cli("list", "add", "other", SOURCE, "--owner", "b")
    tap.equal((state(agent), entries(agent, "other")[SOURCE + "/32"]["owners"]), (None, 1),
              "in another list its owners begin anew")


def what_is_too_much(tap, world):
    """Times are capped, long notes are truncated visibly, long owners stay distinct."""
    _, agent = build(world)
    for words in (["--for", "10y"], ["--for", "1h30"]):
        tap.equal(agent.cli("list", "add", LIST, SOURCE, *words, check=False).returncode, 2, f"{words[1]} is no time")
    for text, seconds in (("90", 90), ("1h30m", 5400), ("1d", 86400), ("2w", 14 * 86400), ("315360000", LONGEST),
                          ("315360000s", LONGEST), ("999w", LONGEST)):
        done = agent.cli("list", "add", LIST, SOURCE, "--for", text)
        left = entries(agent)[SOURCE + "/32"]["left_s"]
        tap.ok(seconds - 10 < left <= seconds and ("366 days" in done.stderr) == (seconds == LONGEST),
               f"--for {text}, with a warning where it is cut", (left, done.stderr))
    done = agent.cli("list", "add", LIST, SOURCE, "--note", "ü" * 50)
    tap.equal((entries(agent)[SOURCE + "/32"]["note"], "cut to 63 bytes" in done.stderr), ("ü" * 30 + "…", True),
              "a long note is cut between characters")
    jail = "fail2ban:a-rather-long-jail-name-for-the-customers-of-our-"
    for name in ("mail", "web"):
        agent.cli("list", "add", LIST, SOURCE, "--owner", jail + name, "--note", "fail2ban " + jail, "--for", "1h")
    agent.cli("list", "remove", LIST, SOURCE, "--owner", "hand")
    owner, count, note, _ = state(agent)
    tap.ok(count == 2 and owner.startswith("fail2ban:a-rather-long~") and note.endswith("…"), "two long owners are two",
           state(agent))
    for name in ("mail", "web"):
        agent.cli("list", "remove", LIST, SOURCE, "--owner", jail + name)
    tap.equal(entries(agent), {}, "and each can lift its own")


def many(tap, world):
    """flush, remove --within and from a file, pages; 50,000 of one owner within a second."""
    _, agent = build(world)
    count = scaled(50_000)
    path = world.folder / "decisions.txt"
    path.write_text("".join(f"198.18.{n >> 8}.{n & 255}\n" for n in range(1, count + 1)))
    agent.cli("list", "add", LIST, SOURCE, "198.19.1.1", "--owner", "fail2ban:sshd", "--for", "1h")
    done = agent.timed("list", "import", LIST, path, "--owner", "crowdsec", "--for", "4h", "--extend")
    said, took = done.stdout, done.seconds
    tap.ok(took < 1 * SLOW and f"{count - 1} added, 1 were there" in said, f"{said.strip()} in {took:.2f} s",
           f"and waited for a CPU for {done.waited:.2f} s: {said}{done.stderr}")
    path.write_text("".join(f"198.18.{n >> 8}.{n & 255}\n" for n in range(1, 1001)))
    said = agent.cli("list", "remove", LIST, "--file", path, "--owner", "crowdsec").stdout
    tap.equal(said, "banned: 999 removed, 1 hold for other owners\n", "remove takes a file")
    said = agent.cli("list", "remove", LIST, "--file", "-", "--owner", "crowdsec", input="198.18.4.0\n198.18.0.1\n").stdout
    tap.equal(said, "banned: 1 removed, 1 were not there\n", "and standard input")
    said = agent.cli("list", "remove", LIST, "198.18.0.0/16", "198.19.0.0/16", "--within", "--owner", "nobody").stdout
    tap.equal(said, "banned: 0 removed\n", "of an owner without bans nothing is lifted")
    said = agent.cli("list", "remove", LIST, "198.18.16.0/20", "--within").stdout
    tap.equal((said, [p for p in entries(agent) if 16 <= int(p.split(".")[2]) < 32 and p.startswith("198.18")]),
              (f"banned: {min(count, 8191) - 4095} removed\n", []), "remove --within takes what lies in a prefix")

    every, after, pages = sorted(entries(agent)), [], []
    while not pages or pages[-1]["next"]:
        after = ["--after", pages[-1]["next"]] if pages else []
        pages.append(json.loads(agent.cli("-j", "list", "show", LIST, "--limit", "20k", *after).stdout)[0])
    tap.equal((len(pages), [len(page["entries"]) for page in pages[:-1]]),
              (-(-len(every) // 20000), [20000] * (len(pages) - 1)), "show comes in pages")
    tap.equal(sorted(entry["prefix"] for page in pages for entry in page["entries"]), every, "which are all, each once")
    tap.equal({page["entries_total"] for page in pages}, {len(every)}, "and say how many there are")

    done = agent.timed("list", "flush", LIST, "--owner", "crowdsec")
    tap.ok(done.stdout.startswith("banned: ") and done.seconds < 2 * SLOW, "flush takes all of an owner", done)
    tap.equal(sorted(entries(agent)), ["198.18.3.7/32", "198.19.1.1/32"], "and nobody else's")
    tap.equal(agent.cli("list", "flush", LIST).stdout, "banned: 2 removed\n", "without an owner everybody's")
    tap.equal(entries(agent), {}, "so none is left")
    tap.equal(agent.metrics().one("spillway_entries", list=LIST), 0, "and the metrics know it")


def survive(tap, world):
    """22: owners over restart, kill -9, reload and new pins; a file without owners."""
    _, agent = build(world)
    add(agent, "b", 60)
    add(agent, "a", 600)
    add(agent, "c", 300)
    expected = ("a", 3, "by a", 600)
    agent.stop()
    saved = agent.state_dir / "entries.jsonl"
    shared = [json.loads(line) for line in saved.read_text().splitlines() if '"shared":true' in line]
    tap.equal((len(shared), shared[-1]["owner"]), (3, "a"), "the last line has the latest end: older agents go by it")
    agent.start()
    tap.equal((state(agent), remove(agent, "--owner", "a"), state(agent)), (expected,
              "banned: 0 removed, 1 hold for other owners", ("c", 2, "by c", 300)), "over a restart")
    add(agent, "a", 600)
    wait_for(lambda: all(f'"by {owner}"' in saved.read_text() for owner in "abc"), 5, "saved")
    agent.process.kill()
    agent.start()
    tap.equal(state(agent), expected, "over kill -9")
    agent.reload()
    tap.equal((state(agent), remove(agent, "--owner", "a"), state(agent)), (expected,
              "banned: 0 removed, 1 hold for other owners", ("c", 2, "by c", 300)), "over a reload")
    agent.stop()
    agent.cli("detach")
    agent.start()
    tap.equal((state(agent), remove(agent, "--owner", "c"), state(agent)), (("c", 2, "by c", 300),
              "banned: 0 removed, 1 hold for other owners", ("b", 1, "by b", 60)), "over new pins, from the file")
    agent.stop()
    agent.cli("detach")
    boot = saved.read_text().splitlines()[0]
    saved.write_text(
        boot + '\n{"list":"banned","prefix":"198.18.3.7/32","until_ns":null,'
        '"until":null,"note":"fail2ban sshd","packets":5,"bytes":300}\n')
    agent.start()
    tap.equal((state(agent), entries(agent)[SOURCE + "/32"]["packets"]), (("fail2ban:sshd", 1, "fail2ban sshd", 0), 5),
              "a file of an older version is read, and fail2ban's bans are its own")


def queue(tap, world):
    """Requests while no agent runs are done before the next one is ready, in sequence; times count from the request."""
    flood, agent = build(world)
    add(agent, "a", 600, prefix="198.18.3.1")
    agent.stop()
    said = add(agent, "a", 60).stdout
    tap.equal(said, "banned: queued: no agent runs; the next one does it when it starts\n", "a ban is queued, and told")
    asked = time.monotonic()
    answer = json.loads(agent.cli("-j", "list", "add", LIST, "198.18.3.8", "--for", "3600").stdout)
    tap.equal(answer, {"ok": True, "queued": True, "agent": "absent"}, "in JSON too")
    agent.cli("list", "remove", LIST, "198.18.3.8")
    agent.cli("list", "remove", LIST, "198.18.3.1", "--owner", "a")
    agent.cli("list", "add", LIST, "198.18.3.9", "--for", "1")
    folder = agent.run_dir / "spool"
    files = sorted(path for path in folder.iterdir() if path.suffix == ".json")
    tap.equal((len(files), {stat.S_IMODE(path.stat().st_mode) for path in files}, stat.S_IMODE(folder.stat().st_mode)),
              (5, {0o600}, 0o700), "a file a request, for root alone")
    time.sleep(2)
    agent.start()
    looked = time.monotonic()
    shown = entries(agent)
    tap.equal(sorted(shown), [SOURCE + "/32"], "ban, unban and end, in their order")
    left = shown[SOURCE + "/32"]["left_s"]
    tap.ok(left < 60 - (looked - asked) + 1, "the time counts from when it was asked", left)
    tap.equal([path.name for path in folder.iterdir()], ["lock"], "the spool is empty again")
    sent = finish_blast(world.blast(flood, SOURCE, 1, count=300, rate=scaled(20_000)))
    tap.becomes(lambda: agent.counted("drop").get(LIST, 0) == sent, 5, "and the ban is in force")

    agent.process.kill()
    done = agent.cli("list", "add", "nosuch", "198.18.3.2", check=False)
    tap.equal(done.returncode, 0, "after kill -9 requests are queued too")
    agent.cli("list", "add", LIST, "198.18.3.3")
    (folder / "0000000003.json").write_text("garbage")
    (folder / "0000000004.json").symlink_to("/etc/passwd")
    agent.start()
    log = agent.process.log()
    tap.ok("a queued request was refused: list: 'nosuch'" in log and "2 queued requests are lost" in log,
           "what is wrong is reported", log)
    tap.ok("198.18.3.3/32" in entries(agent), "and keeps nothing else back")

    agent.stop()
    for number in range(1, 4097):
        (folder / f"{number:010}.json").write_text("")
    done = agent.cli("list", "add", LIST, "198.18.3.4", check=False)
    tap.ok(done.returncode == 1 and "no more can be queued" in done.stderr, "the spool is bounded", done.stderr)
    for path in folder.glob("*.json"):
        path.unlink()

    never = world.agent(agent.namespace, BODY, name="never")
    done = never.cli("list", "add", LIST, "198.18.3.4", check=False)
    tap.ok(done.returncode == 1 and "no agent listens" in done.stderr and not never.run_dir.exists(),
           "where there was never an agent nothing is queued", done.stderr)


def busy(tap, world):
    """Requests that an agent is too busy to answer are queued, and done as soon as possible, in sequence."""
    _, agent = build(world)
    agent.process.signal(signal.SIGSTOP)
    with concurrent.futures.ThreadPoolExecutor(100) as pool:
        futures = [pool.submit(agent.cli, "list", "add", LIST, f"198.18.3.{n}", "--owner", "f") for n in range(1, 100)]
        said = {future.result().stdout for future in futures}
    tap.equal(said, {"banned: queued: the agent is too busy to answer; it does it as soon as it can\n"},
              "of an agent that does not answer all is queued, however many ask")
    agent.process.signal(signal.SIGCONT)
    tap.becomes(lambda: len(entries(agent)) == 99, 5, "and done when it goes on, without a restart")
    tap.equal(agent.cli("list", "remove", LIST, "198.18.3.1", "--owner", "f").stdout, "banned: 1 removed\n", "once")
    spool = agent.run_dir / "spool"
    wait_for(lambda: [path.name for path in spool.iterdir()] == ["lock"], 5, "nothing is left in the spool")
    tap.ok("198.18.3.1/32" not in entries(agent), "an unban is not undone by the spool", entries(agent))


def foreign_files(tap, world):
    """Huge, foreign and damaged files in the spool cost an agent nothing, running or starting."""
    _, agent = build(world)
    agent.stop()
    add(agent, "a", 600)
    folder = agent.run_dir / "spool"
    (folder / "0000000002.json").write_text("[" * 1_000_000)
    with (folder / "0000000003.json").open("w") as file:
        file.truncate(1 << 40)
    os.mkfifo(folder / "0000000004.json")
    (folder / "0000000005.json").write_text((folder / "0000000001.json").read_text())
    os.chown(folder / "0000000005.json", 65534, 65534)
    (folder / "0000000006.json").mkdir()
    (folder / "notes.txt").write_text("mine")
    begin = time.monotonic()
    agent.start()
    log = agent.process.log()
    tap.ok("4 queued requests are lost; the last," in log and "it belongs to another user" in log,
           "files that are none are named at the start", log)
    tap.ok(time.monotonic() - begin < 10 * SLOW and list(entries(agent)) == [SOURCE + "/32"],
           "keep nobody waiting, and the right one is done")
    for text, why in (("{}", "it is not a request in JSON"), ("x" * ((8 << 20) + 1), "it is larger than 8 MiB")):
        (folder / "0000000009.json").write_text(text)
        tap.becomes(lambda why=why: why in agent.process.log(), 5, f"a running agent says: {why}")
    tap.equal(sorted(path.name for path in folder.iterdir()), ["0000000006.json", "damaged", "lock", "notes.txt"],
              "the last one is kept")
    tap.ok(agent.ticking(), "and the agent goes on")


def at_once(tap, world):
    """200 requests at once while the agent restarts: none fails, and none is lost."""
    _, agent = build(world)
    sources = [f"198.18.{n >> 7}.{n & 127}" for n in range(1, 201)]

    def ban(source):
        return agent.cli("list", "add", LIST, source, "--for", "1h", "--owner", "f", check=False)

    with concurrent.futures.ThreadPoolExecutor(200) as pool:
        done = list(pool.map(ban, sources))
    tap.equal({d.returncode for d in done}, {0}, "200 at once, none fails")
    tap.becomes(lambda: len(entries(agent)) == 200, 5, "and all are in force, those too that a busy agent had queued")
    agent.cli("list", "flush", LIST)
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        futures = [pool.submit(ban, source) for source in sources]
        for _ in range(3):
            agent.stop()
            time.sleep(0.2)
            agent.start()
        done = [future.result() for future in futures]
    queued = sum("queued" in d.stdout for d in done)
    tap.equal({d.returncode for d in done}, {0}, f"over three restarts none fails, {queued} were queued")
    tap.ok(queued, "some fell into a restart", [d.stdout for d in done[:3]])
    tap.becomes(lambda: len(entries(agent)) == 200, 5, "and none is lost")


def big_restart(tap, world):
    """100,000 bans of two owners: none is missing at any moment of a restart."""
    flood, agent = build(world)
    count = scaled(100_000)
    path = world.folder / "many.txt"
    path.write_text("".join(f"198.{18 + (n >> 16)}.{n >> 8 & 255}.{n & 255}\n" for n in range(4096, 4096 + count)))
    agent.cli("list", "import", LIST, path, "--owner", "crowdsec", "--for", "4h")
    agent.cli("list", "add", LIST, "198.18.16.0", "--owner", "f", "--for", "1h")
    for how in ("stop", "kill"):
        getattr(agent.process, how)()
        tap.equal(len(entries(agent)), count, f"{how}: without an agent all are there")
        agent.launch()
        least = count
        while True:
            least = min(least, len(entries(agent)))
            if agent.status(check=False) and agent.status()["lease_remaining_s"] > 2:
                break
        agent.wait_ready()
        before = agent.counted("drop")[LIST]
        sent = finish_blast(world.blast(flood, "198.18.16.0", 3000, count=3000, rate=scaled(20_000)))
        wait_for(lambda: agent.counted("drop")[LIST] >= before + sent, 5, "all are dropped")
        tap.equal((least, len(entries(agent)), entries(agent)["198.18.16.0/32"]["owners"]), (count, count, 2),
                  "none is missing at any moment, and each source is dropped at once when the agent is ready")


if __name__ == "__main__":
    assert os.geteuid() == 0
    run_tests(owners, what_is_too_much, many, survive, queue, busy, foreign_files, at_once, big_restart)
