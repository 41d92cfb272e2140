#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Bans: effective at once, ended in time, exact counts, kept whatever happens to the agent."""
import json
import signal
import socket
import threading
import time

from world import SLOW, finish_blast, run, run_tests, scaled, wait_for, waited_ns

BODY = """\
management: { prefixes: [198.18.9.0/24], ports: [22] }
lists:
  banned:   {}
  partners: { inline: [198.18.1.0/28] }
  extra:    {}
classes:
  - { name: partner, lists: [partners] }
  - { name: blocked, lists: [banned], cut_from: green, cut: all }
  - { name: favour,  lists: [extra] }
  - { name: unknown, shed_from: yellow }
"""


def build(world, body=BODY, **options):
    shop = world.namespace("shop")
    flood = world.flood(shop, "eth0")
    agent = world.agent(shop, body, **options)
    agent.start()
    return shop, flood, agent


def entries(agent, name="banned"):
    """The bans of a list by prefix, from the pinned maps."""
    shown = json.loads(agent.cli("-j", "list", "show", name).stdout)[0]["entries"]
    return {entry["prefix"]: entry for entry in shown}


def send(world, flood, source, count, sources=1):
    return finish_blast(world.blast(flood, source, sources, count=count, rate=scaled(20_000)))


def ask(agent, *requests):
    """The socket itself: one connection, one answer per request."""
    answers = []
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10 * SLOW)
        connection.connect(str(agent.run_dir / "control.sock"))
        with connection.makefile("rw") as stream:
            for request in requests:
                stream.write(json.dumps(request) + "\n")
                stream.flush()
                answers.append(json.loads(stream.readline()))
    return answers


def add_count_remove(tap, world):
    """A ban is in force at once, counts exactly, ends by itself, and the most specific prefix wins."""
    _, flood, agent = build(world)
    said = agent.cli("list", "add", "banned", "198.18.3.7", "198.18.4.0/24", "--for", "1h", "--note", 'a "note"').stdout
    tap.equal(said, "banned: 2 added\n", "list add says what it did")
    sent = send(world, flood, "198.18.3.7", 500)
    send(world, flood, "198.18.3.8", 300)
    shown = wait_for(lambda: entries(agent)["198.18.3.7/32"]["packets"] == sent and entries(agent), 5, "counted")
    tap.equal(shown["198.18.3.7/32"]["packets"], sent, "the entry counts each packet of its source")
    tap.equal(shown["198.18.4.0/24"]["packets"], 0, "and no other does")
    tap.equal(agent.counted("drop")["banned"], sent, "they are dropped as the list's class is")
    tap.ok(3500 < shown["198.18.3.7/32"]["left_s"] <= 3600 and shown["198.18.3.7/32"]["note"] == 'a "note"',
           "time left and note are shown", shown)
    text = agent.cli("list", "show", "banned").stdout
    tap.ok(f"{sent:,}" in text and "59m" in text and 'a "note"' in text, "list show says so to people", text)

    said = agent.cli("list", "add", "banned", "198.18.3.7", "--for", "5s", "--note", "shorter").stdout
    tap.ok("1 were there" in said, "adding again changes end and note", said)
    tap.equal(entries(agent)["198.18.3.7/32"]["packets"], sent, "and keeps the counts")
    time.sleep(5.2)
    passed = agent.counted("pass")["none"]
    sent = send(world, flood, "198.18.3.7", 200)
    wait_for(lambda: agent.counted("pass")["none"] == passed + sent, 5, "packets pass again behind its end")
    tap.equal(sorted(entries(agent)), ["198.18.4.0/24"], "an entry that ended is not shown")

    agent.cli("list", "remove", "banned", "198.18.4.0/24")
    passed = agent.counted("pass")["none"]
    sent = send(world, flood, "198.18.4.9", 200)
    wait_for(lambda: agent.counted("pass")["none"] == passed + sent, 5, "packets pass again behind a removal")
    said = agent.cli("list", "remove", "banned", "198.18.4.0/24").stdout
    tap.equal(said, "banned: 0 removed, 1 were not there\n", "what is not there is no error")
    metrics = agent.metrics()
    tap.equal([metrics.one(f"spillway_entries{end}", list="banned")
               for end in ("", "_added_total", "_expired_total", "_removed_total")], [0, 2, 1, 1], "metrics tell of it")


def what_is_refused(tap, world):
    """38, 41: prefixes that would lock everybody out, and invalid ones; one bad prefix, and nothing is changed."""
    _, _, agent = build(world)
    for what, prefixes, says in (
            ("0.0.0.0/0", ["198.18.3.1", "0.0.0.0/0"], "would cut everything"),
            ("a management prefix", ["198.18.9.7"], "lies in the management prefix 198.18.9.0/24"),
            ("what holds one", ["198.18.0.0/15"], "holds the management prefix"),
            ("/33", ["198.18.3.1/33"], "33"),
            ("no prefix", ["198.18.3.1", "nonsense"], "nonsense")):
        done = agent.cli("list", "add", "banned", *prefixes, check=False)
        tap.ok(done.returncode == 1 and says in done.stderr, f"{what} is refused", done.stderr)
    tap.equal(entries(agent), {}, "and nothing was added")
    agent.cli("list", "add", "banned", "198.18.9.7", "--force")
    tap.equal(list(entries(agent)), ["198.18.9.7/32"], "--force adds it")
    agent.cli("list", "add", "banned", "198.18.3.1/24", "::ffff:198.18.4.4", "2001:db8:3::7/64")
    tap.equal(sorted(entries(agent)), ["198.18.3.0/24", "198.18.4.4/32", "198.18.9.7/32", "2001:db8:3::/64"],
              "host bits are cleared, and an IPv4-mapped address is IPv4")
    agent.cli("list", "remove", "banned", "198.18.3.0/24", "198.18.4.4", "2001:db8:3::/64")
    tap.equal(agent.cli("list", "add", "extra", "0.0.0.0/0").stdout, "extra: 1 added\n",
              "a class that is never cut takes everything")
    for words, status in ((["nosuch", "198.18.3.1"], 1), (["banned"], 2), (["banned", "198.18.3.1", "--for", "soon"], 2),
                          (["banned", "198.18.3.1", "--owner", "two\nlines"], 1), (["banned", "198.18.3.1", "--owner", ""], 2),
                          (["banned", "198.18.3.1", "--within"], 2),
                          (["banned", "198.18.3.1", "--note", "two\nlines"], 1)):
        done = agent.cli("list", "add", *words, check=False)
        tap.ok(done.returncode == status and done.stderr, f"list add {' '.join(words)[:60]!r} is refused", done.stderr)

    path = world.folder / "import.txt"
    path.write_text("198.18.5.0/24 # a net\n\n198.18.6.1-198.18.6.2\n198.18.7.1/33\n")
    done = agent.cli("list", "import", "banned", path, check=False)
    tap.ok(done.returncode == 1 and f"{path}:4:" in done.stderr, "a bad line of a file is reported with its location", done.stderr)
    tap.equal(len(entries(agent)), 1, "and nothing of the file is added")
    path.write_text("198.18.5.0/24 # a net\n\n198.18.6.1-198.18.6.2\n")
    said = agent.cli("list", "import", "banned", path, "--note", "from a file").stdout
    tap.equal(said, "banned: 3 added\n", "list import takes prefixes and ranges")
    said = agent.cli("list", "import", "banned", "-", input="2001:db8:7::/48\n").stdout
    tap.equal(said, "banned: 1 added\n", "and standard input")

    answers = ask(agent, {"verb": "list-add", "list": "banned", "prefixes": ["198.18.8.1"], "more": True},
                  {"verb": "list-add", "list": "banned", "prefixes": ["oops"]},
                  {"verb": "list-add", "list": "banned", "prefixes": [7]},
                  {"verb": "list-add", "list": "banned", "prefixes": "198.18.8.1"},
                  {"verb": "list-add", "list": "banned", "prefixes": ["198.18.8.1"], "for_s": -1},
                  {"verb": "list-add", "list": "banned", "prefixes": ["198.18.8.1"], "for_s": "1h"},
                  {"verb": "list-add", "list": "banned", "prefixes": ["198.18.8.1"], "owner": ""},
                  {"verb": "list-add", "list": "banned", "prefixes": ["198.18.8.1"], "extend": "yes"},
                  {"verb": "list-remove", "list": "banned", "prefixes": [], "within": True},
                  {"verb": "list-flush", "list": "nosuch"},
                  {"verb": "list-add", "prefixes": []}, {"verb": "list-remove", "list": "banned", "prefixes": None},
                  {"verb": "ping"})
    tap.equal([answer["ok"] for answer in answers], [True] + [False] * 11 + [True], "bad requests are refused one by one")
    tap.ok("198.18.8.1/32" not in entries(agent), "a bad piece takes those before it with it")


def survive(tap, world):
    """22: bans and their counts after restart and kill -9; after a reboot from the file; a damaged file; a full disk."""
    _, flood, agent = build(world)
    agent.cli("list", "add", "banned", "198.18.3.7", "--for", "1h", "--note", "kept")
    agent.cli("list", "add", "banned", "198.18.3.9")
    sent = send(world, flood, "198.18.3.7", 400)
    wait_for(lambda: entries(agent)["198.18.3.7/32"]["packets"] == sent, 5, "counted")
    agent.process.kill()
    more = send(world, flood, "198.18.3.7", 100)
    wait_for(lambda: entries(agent)["198.18.3.7/32"]["packets"] == sent + more, 5, "without an agent entries go on counting")
    tap.ok(entries(agent)["198.18.3.7/32"]["left_s"] > 3500, "list show works without an agent")
    agent.start()
    shown = entries(agent)["198.18.3.7/32"]
    tap.equal((shown["packets"], shown["note"]), (sent + more, "kept"), "after kill -9 entry, counts and note are there")
    tap.ok("1 were there" in agent.cli("list", "add", "banned", "198.18.3.7", "--for", "1h").stdout,
           "and the new agent knows it")
    agent.stop()
    saved = (agent.state_dir / "entries.jsonl").read_text()
    tap.equal(len(saved.splitlines()), 3, "they are on disk when the agent has stopped")

    def detach_and_start(text=None):
        agent.stop()
        agent.cli("detach")
        if text is not None:
            (agent.state_dir / "entries.jsonl").write_text(text)
        agent.start()

    agent.start()
    detach_and_start()
    shown = entries(agent)
    tap.equal((shown["198.18.3.7/32"]["packets"], sorted(shown)), (sent + more, ["198.18.3.7/32", "198.18.3.9/32"]),
              "from new pins they come back out of the file, with their counts")
    boot = json.loads(saved.splitlines()[0])["boot_id"]
    detach_and_start(saved.replace(boot, "another boot"))
    left = entries(agent)["198.18.3.7/32"]["left_s"]
    tap.ok(3400 < left <= 3600, "after a reboot the wall clock says how much time is left", left)
    lines = saved.splitlines()
    detach_and_start("\n".join([lines[0], "garbage", lines[1][:40], *lines[1:]]) + "\n")
    tap.equal(len(entries(agent)), 2, "of a damaged file what can be read is used")
    tap.ok("2 lines are damaged, the first is line 2" in agent.process.log() and
           (agent.state_dir / "entries.jsonl.bad").exists(), "and it is reported, and kept beside", agent.process.log())
    detach_and_start("\0\1\2")
    tap.ok("is not used" in agent.process.log() and entries(agent) == {}, "what is no such file is not used")

    full = world.folder / "full"
    full.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=16k", "none", full)
    world.on_exit(run, "umount", full)
    agent.stop()
    (full / "entries.jsonl").write_text(saved)
    agent.state_dir = full
    agent.write(BODY)
    (full / "filler").write_bytes(b"x" * (12 << 10))
    agent.start()
    agent.cli("list", "add", "banned", *[f"198.18.4.{number}" for number in range(1, 201)])
    wait_for(lambda: "bans could not be saved" in agent.process.log(), 5, "a full disk is reported")
    tap.equal((full / "entries.jsonl").read_text(), saved, "31: on a full disk the old file is intact")
    tap.equal(len(entries(agent)), 200, "and the entries hold")


HOLES = """\
lists:
  banned: {}
  nested: { inline: [%s] }
classes:
  - { name: nested,  lists: [nested] }
  - { name: blocked, lists: [banned], cut_from: green, cut: all }
  - { name: unknown }
"""


def most_specific(tap, world):
    """Prefixes of lists inside a ban win, also those added by a reload; bans of retired lists have no effect."""
    _, flood, agent = build(world, HOLES % "198.18.3.64/26")
    agent.cli("list", "add", "banned", "198.18.3.0/24", "198.18.3.65")

    def verdicts(*hosts):
        found = {}
        for host in hosts:
            before = agent.counted("drop")["banned"]
            all_before = sum(agent.counted().values())
            sent = send(world, flood, f"198.18.3.{host}", 20)
            wait_for(lambda: sum(agent.counted().values()) >= all_before + sent, 5, "judged")
            found[host] = agent.counted("drop")["banned"] - before == sent
        return found

    tap.equal(verdicts(1, 64, 65, 127, 128), {1: True, 64: False, 65: True, 127: False, 128: True},
              "the list's /26 wins over the entry's /24, the entry's /32 over that")
    agent.write(HOLES % "198.18.3.128/25")
    agent.reload()
    wait_for(lambda: verdicts(64, 128) == {64: True, 128: False}, 5, "a reload changes what wins")
    tap.equal(verdicts(1, 65, 255), {1: True, 65: True, 255: False}, "and nothing else")
    agent.cli("list", "remove", "banned", "198.18.3.0/24")
    tap.equal(verdicts(1, 65, 255), {1: False, 65: True, 255: False}, "with the entry its holes go")
    agent.cli("list", "add", "banned", "198.18.3.0/24")
    agent.write(HOLES.replace("banned: {}", "other: {}").replace("[banned]", "[other]") % "198.18.3.128/25")
    agent.reload()
    tap.equal(verdicts(1, 65), {1: False, 65: False}, "entries of a list that a reload has removed rest")
    tap.ok("bans of list 'banned' have no effect" in agent.process.log(), "and it is reported", agent.process.log())
    agent.write(HOLES % "198.18.3.128/25")
    agent.reload("SIGHUP")
    wait_for(lambda: verdicts(1, 65, 255) == {1: True, 65: True, 255: False}, 5, "they are back with their list")
    for _ in range(100):
        agent.process.signal(signal.SIGHUP)
    agent.cli("list", "add", "banned", "198.18.3.129")
    tap.equal(verdicts(129, 130), {129: True, 130: False}, "42: an entry in the midst of many reloads")
    names = ", ".join(f"10.{number >> 8}.{number & 255}.0/24" for number in range(4100))
    agent.write(HOLES % names)
    agent.reload()
    wait_for(lambda: "lie in it" in agent.cli("list", "add", "banned", "10.0.0.0/8", check=False).stderr, 5,
             "an entry that more than 4096 prefixes lie in is refused")
    agent.cli("list", "add", "banned", "10.0.0.0/12")


def hundred_thousand(tap, world):
    """100,000 bans in one request within a second, then with the same end soon; no tick is late."""
    count = scaled(100_000)
    _, flood, agent = build(world)
    path = world.folder / "many.txt"
    path.write_text("".join(f"198.{18 + (n >> 16)}.{n >> 8 & 255}.{n & 255}\n" for n in range(4096, 4096 + count)
                            if (n >> 8 & 255) != 9 or n >> 16))
    late, over = [0.0], threading.Event()

    def watch():
        """How late the lease was renewed, but for what the agent waited for a CPU, although it has real-time priority."""
        waited = waited_ns(agent.process.pid)
        while not over.wait(0.2):
            remaining = agent.status()["lease_remaining_s"]
            before, waited = waited, waited_ns(agent.process.pid)
            late.append(3.0 - remaining - 0.1 - (waited - before) / 1e9)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        done = agent.timed("list", "import", "banned", path, "--for", "1h", "--note", "many")
        said = done.stdout
        tap.ok(done.seconds < 1 * SLOW, f"{said.strip()} in {done.seconds:.2f} s",
               f"and waited for a CPU for {done.waited:.2f} s: {said}{done.stderr}")
        shown = len(json.loads(agent.cli("-j", "list", "show", "banned").stdout)[0]["entries"])
        tap.ok(shown >= count - 1024, "all are there", shown)
        sent = send(world, flood, "198.18.16.0", 3000, 3000)
        wait_for(lambda: agent.counted("drop")["banned"] + agent.counted("pass")["none"] >= sent, 5, "all are judged")
        tap.ok(agent.counted("drop")["banned"] >= sent - 300, "and hold", agent.counted("drop"))
        agent.cli("list", "import", "banned", path, "--for", "8s", "--note", "many")
        time.sleep(8.1)
        passed = agent.counted("pass")["none"]
        dropped = agent.counted("drop")["banned"]
        sent = send(world, flood, "198.18.16.0", 3000, 3000)
        wait_for(lambda: agent.counted("pass")["none"] >= passed + sent, 5, "all pass")
        tap.equal(agent.counted("drop")["banned"], dropped, "at their end none is in force, however many")
        wait_for(lambda: agent.metrics().one("spillway_entries", list="banned") == 0, 15, "they are removed")
    finally:
        over.set()
        watcher.join()
    tap.ok(max(late) < 0.1 * SLOW, f"the lease was never renewed more than {max(late) * 1000:.0f} ms late", sorted(late)[-5:])
    resident = agent.resident()
    tap.ok(resident < 64 << 20, f"the agent is resident with {resident >> 20} MiB")


def control(tap, world):
    """46: the socket belongs to root; several requests on one connection, each answered."""
    _, _, agent = build(world)
    answers = ask(agent, {"verb": "list-add", "list": "banned", "prefixes": ["198.18.3.1", "2001:db8:3::/48"], "for_s": 60},
                  {"verb": "list-add", "list": "extra", "prefixes": ["198.18.3.1"]},
                  {"verb": "list-remove", "list": "banned", "prefixes": ["198.18.3.1", "2001:db8:3::/48"]}, {"verb": "ping"})
    tap.equal(answers[:3], [{"ok": True, "added": 2, "changed": 0, "moved": 0, "held": 0},
                             {"ok": True, "added": 0, "changed": 0, "moved": 1, "held": 0},
                             {"ok": True, "removed": 1, "absent": 1, "kept": 0}], "one connection, one answer a request")
    tap.ok(answers[3]["ok"], "and it goes on")
    done = agent.namespace.run("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", agent.program, "-c",
                               agent.config, "list", "add", "banned", "198.18.3.1", check=False)
    tap.ok(done.returncode == 1 and "root" in done.stderr, "46: others than root are refused", done.stderr)
    tap.equal(entries(agent), {}, "and change nothing")


if __name__ == "__main__":
    run_tests(add_count_remove, what_is_refused, survive, most_specific, hundred_thousand, control)
