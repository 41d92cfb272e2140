#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""New configurations under traffic: all or nothing, no loss; the old one stays if the new one is bad."""
import os
import re
import signal
import threading
import time
from pathlib import Path

from world import (CLASSES, SCALE, SLOW, Stopwatch, finish_blast, run, run_tests, scaled, wait_for)

GEO = "/usr/share/tor"  # the world's country ranges: Debian's package tor-geoipdb
FIRST4, ALL4 = "198.18.0.0", 131072  # every address of 198.18.0.0/15


def build(world, body=CLASSES, **options):
    """A shop whose only traffic comes from blast(), and an agent on it."""
    shop = world.namespace("shop")
    flood = world.flood(shop, "eth0")
    agent = world.agent(shop, body, **options)
    agent.start()
    agent.cli("level", "set", "red")
    wait_for(lambda: agent.status()["level"] == "red", 2, "level red")
    return shop, flood, agent


def address4(number):
    return f"198.{18 + (number >> 16)}.{number >> 8 & 255}.{number & 255}"


def no_packet_sees_two(tap, world):
    """
    Sources come in pairs, even and odd address. In generation A the even ones are on the list `cut` and the odd ones on
    `kept`, in generation B vice versa, among other lists, so that every number inside the rulesets differs. Whichever
    generation judges a packet, `cut` is dropped and `kept` passes; a packet judged by a mixture would be dropped as
    `kept`, pass as `cut`, or count on another list. One of each pair is dropped, except in a pair during a flip. Both
    generations contain the world's country table.
    """
    for name, odd in (("even", 0), ("odd", 1)):
        (world.folder / f"{name}.txt").write_text("".join(f"{address4(n)}\n" for n in range(odd, ALL4, 2)))

    def body(cut, kept, beside):
        lists = "".join(f'  beside{number}: {{ inline: ["2001:db8:{number + 256:x}::/48"] }}\n' for number in beside)
        names = ", ".join(f"beside{number}" for number in beside)
        lists += f'  world: {{ geo: {GEO}, countries: ["!US"] }}\n'
        swap = [f"  kept: {{ file: {kept}.txt }}\n", f"  cut: {{ file: {cut}.txt }}\n"]
        classes = ["  - { name: protected, lists: [kept] }\n",
                   "  - { name: sheddable, lists: [cut], cut_from: yellow }\n",
                   f"  - {{ name: beside, lists: [world, {names}], cut_from: orange }}\n"]
        if cut == "odd":
            swap.reverse()
            classes.reverse()
        return f"lists:\n{lists}{''.join(swap)}classes:\n{''.join(classes)}  - {{ name: rest, cut_from: yellow }}\n"

    bodies = [body("even", "odd", range(0, 5)), body("odd", "even", range(3, 40))]
    _, flood, agent = build(world, bodies[0])
    stream = world.blast(flood, FIRST4, ALL4, rate=scaled(100_000))
    reloads, took = max(4, int(12 * SCALE)), []
    for number in range(1, reloads + 1):
        agent.write(bodies[number % 2])
        with Stopwatch(agent.process.pid) as watch:
            agent.reload("apply" if number % 4 < 2 else "SIGHUP")
        took.append(watch.seconds)
    sent = finish_blast(stream, stop=True)
    wait_for(lambda: sum(agent.counted().values()) >= sent, 5, "the packets are judged")
    passed, dropped = agent.counted("pass"), agent.counted("drop")
    metrics = agent.metrics()
    prefixes = int(metrics.sum("spillway_ruleset_prefixes"))
    tap.equal(sum(agent.counted().values()), sent,
              f"{reloads} reloads of {prefixes} prefixes at {scaled(100_000)} packets/s: none lost, none counted twice")
    tap.equal((dropped["kept"], passed["cut"]), (0, 0), "no packet was judged by a mixture of two rulesets")
    beside = {name: count for name, count in agent.counted().items() if count and name not in ("cut", "kept")}
    tap.equal(beside, {}, "no packet was counted on a list beside")
    tap.ok(abs(dropped["cut"] - sent / 2) <= reloads / 2 + 1, "one of each pair of packets was dropped",
           f"{dropped['cut']} of {sent} with {reloads} flips")
    tap.equal(metrics.one("spillway_reloads_total", result="done"), reloads, "each reload is counted")
    tap.ok(max(took) < 5 * SLOW, f"a reload takes {max(took):.2f} s at most")


def a_million_prefixes(tap, world):
    """19: 1 M prefixes loaded, replaced and removed under traffic."""
    million = scaled(1_000_000 - ALL4, 1000)

    def prefixes(shift):
        """Every IPv4 address on the wire, plus IPv6 prefixes up to a million; @shift changes the IPv6 ones."""
        yield from (f"{address4(number)}/32\n" for number in range(ALL4))
        yield from (f"2001:db8:{number >> 12:x}:{(number & 4095) << 4 | shift:x}::/64\n" for number in range(million))

    for shift in (0, 1):
        with open(world.folder / f"million{shift}.txt", "w", encoding="ascii") as out:
            out.writelines(prefixes(shift))
    small = ("lists: { some: { inline: [198.18.0.0/15] } }\n"
             "classes:\n  - { name: some, lists: [some], cut_from: red }\n  - { name: rest }\n")
    bodies = [("loaded", small.replace("inline: [198.18.0.0/15]", "file: million0.txt")),
              ("replaced", small.replace("inline: [198.18.0.0/15]", "file: million1.txt")), ("removed", small)]
    _, flood, agent = build(world, small)
    stream = world.blast(flood, FIRST4, ALL4, rate=scaled(100_000))
    leases, watching = [], threading.Event()

    def watch():
        while not watching.wait(0.05):
            leases.append(agent.status()["lease_remaining_s"])

    watcher = threading.Thread(target=watch)
    watcher.start()
    took, reported, measured = {}, {}, {}
    try:
        for name, body in bodies:
            agent.write(body)
            done = agent.timed("apply")
            said, took[name] = done.stdout, round(done.seconds, 2)
            metrics = agent.metrics()
            reported[name] = [metrics.one(f"spillway_ruleset_{step}_seconds") for step in ("compile", "publish")]
            measured[name] = [max(1e-6, seconds - done.waited) if seconds else 0 for seconds in reported[name]]
            if name == "loaded":
                tap.equal((metrics.one("spillway_ruleset_prefixes", list="some", family="4"),
                           metrics.one("spillway_ruleset_prefixes", list="some", family="6")), (ALL4, million),
                          f"{ALL4 + million} prefixes are loaded (fault 19)")
                tap.ok(re.search(r"\d", said), "apply says what was published", said)
                tap.ok(metrics.one("spillway_ruleset_bytes") > 0, "the ruleset's memory is a metric")
    finally:
        watching.set()
        watcher.join()
        sent = finish_blast(stream, stop=True)
    wait_for(lambda: agent.packets() >= sent, 5, "the packets are judged")
    tap.equal(agent.counted("drop")["some"], sent,
              f"{ALL4 + million} prefixes loaded, replaced and removed at {scaled(100_000)} packets/s: every packet is "
              "judged alike, none lost (fault 19)")
    tap.ok(all(0 < seconds < 5 * SLOW for steps in measured.values() for seconds in steps),
           f"the times are reported (fault 19): apply took {took} s", (reported, "without waiting for a CPU", measured))
    tap.ok(min(leases) > 1, "the lease was renewed all the time (fault 19)", min(leases))


def out_of_memory(tap, world):
    """20: a reload that needs more memory than the agent may use fails without changes."""
    _, flood, agent = build(world)
    before = agent.generation()
    with open(world.folder / "many.txt", "w", encoding="ascii") as out:
        out.writelines(f"2001:db8:{number >> 12:x}:{(number & 4095) << 4:x}::/64\n" for number in range(400_000))
    many = CLASSES.replace('inline: [198.18.1.0/24, "2001:db8:1::/48"]', "file: many.txt")
    with open(f"/proc/{agent.process.pid}/statm", encoding="ascii") as statm:
        size = int(statm.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    run("prlimit", f"--pid={agent.process.pid}", f"--as={size + (4 << 20)}:unlimited")
    agent.write(many)
    done = agent.cli("apply", check=False, timeout=60)
    tap.equal(done.returncode, 1, "out of memory: apply exits 1 (fault 20)")
    tap.ok("memory" in done.stderr, "out of memory: apply says so (fault 20)", done.stderr)
    tap.ok("memory" in agent.process.log(), "out of memory: the log says so (fault 20)")
    tap.equal((agent.generation(), agent.status()["level"]), (before, "red"),
              "out of memory: the old ruleset stays active (fault 20)")
    tap.equal(agent.metrics().one("spillway_reloads_total", result="failed"), 1, "out of memory: counted (fault 20)")
    dropped = agent.counted("drop")["abroad"]
    sent = finish_blast(world.blast(flood, "198.18.3.0", 256, count=1000))
    wait_for(lambda: agent.counted("drop")["abroad"] - dropped >= sent, 5, "out of memory: it still sheds")
    run("prlimit", f"--pid={agent.process.pid}", "--as=unlimited:unlimited")
    agent.reload()
    tap.equal(agent.metrics().sum("spillway_ruleset_prefixes", list="partners", family="6"), 400_000,
              "with memory again the same reload succeeds (fault 20)")


def compiler_killed(tap, world):
    """20: the compiler is a separate process; when the kernel runs out of memory, it is killed instead of the agent."""
    _, flood, agent = build(world)
    generation = agent.generation()
    with open(world.folder / "many.txt", "w", encoding="ascii") as out:
        out.writelines(f"2001:db8:{number >> 12:x}:{(number & 4095) << 4:x}::/64\n" for number in range(400_000))
    agent.write(CLASSES.replace('inline: [198.18.1.0/24, "2001:db8:1::/48"]', "file: many.txt"))
    children = Path(f"/proc/{agent.process.pid}/task/{agent.process.pid}/children")
    apply = agent.namespace.start(agent.program, "-c", agent.config, "apply", name="apply")
    child = wait_for(lambda: children.read_text().split(), 5, "something compiles")
    os.kill(int(child[0]), signal.SIGKILL)
    tap.equal(apply.wait(), 1, "the compiling process is killed: apply exits 1 (fault 20)")
    tap.ok("memory" in apply.log(), "the compiling process is killed: apply says what may have happened (fault 20)",
           apply.log())
    tap.equal((agent.generation(), agent.metrics().one("spillway_reloads_total", result="failed")), (generation, 1),
              "the compiling process is killed: the old ruleset stays, the failure is counted (fault 20)")
    dropped = agent.counted("drop")["abroad"]
    sent = finish_blast(world.blast(flood, "198.18.3.0", 256, count=1000))
    wait_for(lambda: agent.counted("drop")["abroad"] - dropped >= sent, 5, "it still sheds")
    agent.reload()
    tap.ok(agent.generation() > generation, "the compiling process is killed: the next reload is fine (fault 20)")


def hostile_configurations(tap, world):
    """41: errors are reported with their location, the policy stays, memory is bounded."""
    _, _, agent = build(world)
    generation = agent.generation()
    good = agent.text(CLASSES)
    deep = "deep: " + "[" * 20_000 + "]" * 20_000 + "\n"
    bomb = "a: &a [x, x, x, x, x, x, x, x]\n" + "".join(
        f"{name}: &{name} [{', '.join('*' + before for _ in range(9))}]\n"
        for before, name in zip("abcdefgh", "bcdefghi"))
    cases = [
        ("a NUL byte", good.replace("partner,", "part\0ner,"), None),
        ("a file of 1 GB", None, None),
        ("deep nesting", good + deep, None),
        ("an aliases bomb", good + bomb, None),
        ("a duplicate key", good + "mode: enforce\nmode: observe\n", "mode"),
        ("a prefix length of /33", good.replace("198.18.1.0/24", "198.18.1.0/33"), "33"),
        ("host bits set in a strict list",
         good.replace('[198.18.1.0/24, "2001:db8:1::/48"]', '[198.18.1.7/24], strict: true'), "198.18.1.0/24"),
        ("an unknown key", good + "colour: red\n", "colour"),
        ("an unknown key in a class", good.replace("shed_from: yellow", "shed_form: yellow"), "shed_form"),
        ("a value of a wrong type", good + "mode: [enforce]\n", None),
        ("a list that is not there", good.replace("lists: [home]", "lists: [hone]"), "hone"),
        ("one prefix in two classes", good.replace("198.18.2.0/24", "198.18.1.0/24"), "198.18.1.0/24"),
        ("a country that is none",
         good.replace("home:     {", f"home:     {{ geo: {GEO}, countries: [XQX] }}\n  x: {{"), "XQX"),
        ("an empty file", "", None),
        ("no YAML at all", "\x7fELF\x02\x01" + "\0" * 100, None),
        ("bytes that are not UTF-8", b"\xff\xfe mode: \xc3\x28\n", None),
    ]
    memory = agent.resident()
    for name, text, word in cases:
        if text is None:
            with open(agent.config, "wb") as out:
                out.truncate(1 << 30)
        else:
            agent.config.write_bytes(text if isinstance(text, bytes) else text.encode())

        def right(said, expected=word):
            return re.search(rf"{re.escape(str(agent.config))}:\d+:\d+: .", said) and (not expected or expected in said)

        done = agent.timed("apply")
        tap.ok(done.returncode == 1 and right(done.stderr) and done.seconds < 3 * SLOW,
               f"{name}: apply exits 1, soon, and says file:line:column: message (fault 41)",
               f"{done.returncode} after {done.seconds:.1f} s: {done.stderr[:500]}")
        failed = agent.metrics().one("spillway_reloads_total", result="failed")
        logged = len(agent.process.log())
        agent.process.signal(signal.SIGHUP)
        wait_for(lambda before=failed: agent.metrics().one("spillway_reloads_total", result="failed") > before, 5,
                 "SIGHUP is counted as failed")
        tap.ok(right(agent.process.log()[logged:]),
               f"{name}: SIGHUP: counted as failed, its place is in the log (fault 41)",
               agent.process.log()[logged:][:500])
    grown = agent.resident() - memory
    tap.ok(grown < 16 << 20, "memory stays bounded (fault 41)", f"{grown >> 20} MiB more")
    agent.write(CLASSES)
    tap.equal((agent.generation(), agent.status()["level"]), (generation, "red"),
              "the running policy is kept (fault 41)")
    agent.reload()
    tap.ok(agent.generation() > generation, "a good configuration is taken again")


def a_thousand_hangups(tap, world):
    """42: SIGHUP x 1000, with `apply` in between; the last valid configuration wins."""
    _, flood, agent = build(world)
    stream = world.blast(flood, "198.18.0.0", 1024, rate=scaled(50_000))
    enforce = agent.text(CLASSES)
    observe = enforce + "mode: observe\n"
    texts = [enforce, observe, "mode: [\n"]
    done = threading.Event()

    def change():
        number = 0
        while not done.is_set():
            temporary = agent.config.with_suffix(".new")
            temporary.write_text(texts[number % 3])
            temporary.rename(agent.config)
            number += 1
            time.sleep(0.005)

    changer = threading.Thread(target=change)
    changer.start()
    applied = []
    for number in range(1000):
        agent.process.signal(signal.SIGHUP)
        if number % 100 == 50:
            applied.append(agent.cli("apply", check=False).returncode)
        time.sleep(0.0005)
    done.set()
    changer.join()
    agent.config.write_text(observe)
    agent.process.signal(signal.SIGHUP)
    tap.becomes(lambda: agent.status()["mode"] == "observe", 30, "SIGHUP x 1000: the last valid configuration wins (fault 42)")
    tap.ok(set(applied) <= {0, 1}, "apply in between is answered every time (fault 42)", applied)
    agent.write(CLASSES)
    agent.reload()
    tap.equal(agent.status()["mode"], "enforce", "and apply after that is obeyed (fault 42)")
    tap.ok(agent.process.alive() and agent.status()["level"] == "red", "the agent lives, its level is kept (fault 42)")
    sent = finish_blast(stream, stop=True)
    wait_for(lambda: sum(agent.counted().values()) >= sent, 5, "the packets are judged")
    tap.equal(sum(agent.counted().values()), sent, "SIGHUP x 1000 under traffic: no packet lost (fault 42)")


def unsafe_lists(tap, world):
    """48: lists that others can change are refused."""
    _, _, agent = build(world)
    generation = agent.generation()
    listed = world.folder / "listed.txt"
    outside = world.folder / "elsewhere"
    outside.mkdir()
    (outside / "target.txt").write_text("198.18.1.0/24\n")
    body = CLASSES.replace('inline: [198.18.1.0/24, "2001:db8:1::/48"]', "file: listed.txt")

    def refused(name, word=""):
        agent.write(body)
        done = agent.cli("apply", check=False)
        tap.ok(done.returncode == 1 and "listed.txt" in done.stderr and word in done.stderr,
               f"{name}: refused, naming the file (fault 48)", f"{done.returncode}: {done.stdout}{done.stderr}")
        tap.equal(agent.generation(), generation, f"{name}: the old ruleset stays (fault 48)")

    listed.symlink_to("elsewhere/target.txt")
    os.chown(listed, 65534, 65534, follow_symlinks=False)
    refused("somebody else's symlink out of its folder", "symbolic link")
    listed.unlink()
    listed.symlink_to("listed.txt")
    refused("a symlink to itself")
    listed.unlink()
    listed.write_text("198.18.1.0/24\n")
    listed.chmod(0o666)
    refused("a world-writable file", "write")
    listed.unlink()
    os.mkfifo(listed)
    refused("a FIFO")
    listed.unlink()
    listed.mkdir()
    refused("a folder")
    listed.rmdir()
    refused("a file that is not there")
    listed.write_text("198.18.1.0/24\n198.18.1.256\n")
    refused("a list with an error in its second line", ":2:1:")

    listed.unlink()
    (world.folder / "beside.txt").write_text("198.18.1.0/24\n")
    listed.symlink_to("beside.txt")
    tap.equal(agent.cli("apply", check=False).returncode, 0, "a symlink inside its folder is fine (fault 48)")
    listed.unlink()

    # Two versions alternate under the same name: one of them is read, never a mixture.
    versions = ["".join(f"{address4(n)}\n" for n in range(0, count, 2)) for count in (40_000, 65_536)]
    sizes = {20_000, 32_768}
    listed.write_text(versions[0])
    done = threading.Event()

    def replace():
        number = 0
        while not done.wait(0.002):
            number += 1
            temporary = world.folder / "listed.new"
            temporary.write_text(versions[number % 2])
            temporary.rename(listed)

    writer = threading.Thread(target=replace)
    writer.start()
    taken, refusals, torn = 0, 0, []
    try:
        for _ in range(max(5, int(20 * SCALE))):
            answer = agent.cli("apply", check=False)
            if answer.returncode:
                refusals += 1
                continue
            taken += 1
            size = agent.metrics().one("spillway_ruleset_prefixes", list="partners", family="4")
            if size not in sizes:
                torn.append(size)
    finally:
        done.set()
        writer.join()
    tap.ok(not torn, f"replaced in mid-read: one version ({taken} times) or an error ({refusals} times) (fault 48)",
           torn)


if __name__ == "__main__":
    run_tests(no_packet_sees_two, a_million_prefixes, out_of_memory, compiler_killed, hostile_configurations,
              a_thousand_hangups, unsafe_lists)
