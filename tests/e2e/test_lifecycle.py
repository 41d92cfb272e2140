#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Traffic and counters when the agent is stopped, killed, replaced, started twice or detached by others."""
import fcntl
import json
import os
import random
import signal
import struct
import threading
import time

from world import (BPFFS, CLASSES, SCALE, SLOW, finish_blast, foreign_program, run, run_tests, scaled, wait_for)

LEASE = 3.0
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000


def build(world, body=CLASSES, start=True, **options):
    """A shop whose only traffic comes from blast(), and an agent on it."""
    shop = world.namespace("shop")
    flood = world.flood(shop, "eth0")
    agent = world.agent(shop, body, **options)
    if start:
        agent.start()
    return shop, flood, agent


def red(agent):
    agent.cli("level", "set", "red")
    wait_for(lambda: agent.status()["level"] == "red", 2, "level red")


def judged(agent):
    """All packets on lists so far: passed, dropped."""
    lists = agent.status()["lists"]
    return tuple(sum(entry["packets"][verdict] for entry in lists) for verdict in ("pass", "drop"))


def fate(world, flood, agent, source="198.18.3.0", sources=256, step=1, count=None):
    """Send some new work from a range; returns the shares that passed and that were dropped."""
    before = judged(agent)
    count = count or scaled(500)
    finish_blast(world.blast(flood, source, sources, count=count, rate=20_000, extra=["--step", step]))

    def all_judged():
        now = judged(agent)
        return now if sum(now) - sum(before) >= count else None

    after = wait_for(all_judged, 5, "the packets are judged")
    return tuple((now - then) / count for then, now in zip(before, after))


ALL_PASS, ALL_DROP = (1.0, 0.0), (0.0, 1.0)


def silence(tap, world):
    """23: the agent hangs; 29 in small: without its lease everything passes."""
    _, flood, agent = build(world)
    red(agent)
    tap.equal(fate(world, flood, agent), ALL_DROP, "red: international new work is dropped")
    agent.process.signal(signal.SIGSTOP)
    time.sleep(LEASE + 0.3)
    tap.equal(fate(world, flood, agent), ALL_PASS, "SIGSTOP: once the lease is over everything passes (fault 23)")
    status = agent.status()
    tap.equal(status["lease_remaining_s"], 0, "SIGSTOP: status says that the lease is over (fault 23)")
    tap.ok(agent.reasons().get("no_lease", {}).get("pass", 0) > 0, "SIGSTOP: these packets count as `no_lease`",
           agent.reasons())
    agent.process.signal(signal.SIGCONT)
    wait_for(lambda: agent.status()["lease_remaining_s"] > 1, 2, "the lease is renewed after SIGCONT")
    tap.equal(fate(world, flood, agent), ALL_DROP, "SIGCONT: shedding resumes (fault 23)")
    tap.equal(agent.status()["level"], "red", "SIGCONT: at the level that was set (fault 23)")


def killed_at_red(tap, world):
    """The lease, timed: kill -9, and measure when the last packet is dropped."""
    _, flood, agent = build(world)
    red(agent)
    stream = world.blast(flood, "198.18.3.0", 256, rate=scaled(20_000))
    wait_for(lambda: agent.counted("drop")["abroad"] > 100, 5, "packets are dropped")
    agent.process.kill()
    start = time.monotonic()
    looks = []  # (when it began, drops so far, when it was done)
    while not looks or looks[-1][0] < LEASE + 1:
        asked = time.monotonic() - start
        looks.append((asked, agent.counted("drop")["abroad"], time.monotonic() - start))
        time.sleep(0.02)
    passed = agent.counted("pass")["abroad"]
    sent = finish_blast(stream, stop=True)
    # More drops in a look than in the one before it: one came after that one began, and before this one was done.
    earliest, latest = max((before[0], after[2]) for before, after in zip(looks, looks[1:]) if after[1] > before[1])
    tap.ok(latest > LEASE / 2 and earliest < LEASE + 0.2,
           "kill -9 at red: it sheds until its lease of 3 s is over, then everything passes",
           f"the last drop was {earliest:.2f} to {latest:.2f} s after the kill")
    tap.ok(sum(asked > LEASE + 0.2 for asked, _, _ in looks) > 1, "... and it was looked for behind that", looks[-3:])
    tap.ok(passed > 0, "kill -9 at red: then packets pass", passed)
    wait_for(lambda: sum(agent.counted().values()) >= sent, 5, "the packets are judged")
    tap.equal(sum(agent.counted().values()), sent, "kill -9 at red: not one packet is uncounted")
    status = agent.status()
    tap.equal((status["agent"]["alive"], status["level"]), (False, "red"),
              "status works without an agent, and says that it is dead")
    tap.ok("abroad" in agent.cli("list", "show").stdout, "list show works without an agent")
    agent.start()
    tap.equal(fate(world, flood, agent), ALL_DROP, "started again: the level that an operator had set is back")


def never_a_mixture(tap, world):
    """22: two opposite rulesets; whenever the agent is killed, one of them judges everything."""
    halves = {"low": "198.18", "high": "198.19"}
    # Each half is split, so that writing the table takes time.
    pieces = {name: ", ".join(f"{start}.{third}.{fourth}/26" for third in range(256) for fourth in (0, 64, 128, 192))
              for name, start in halves.items()}

    def body(cut, kept):
        return (f"lists:\n  cut: {{ inline: [{pieces[cut]}] }}\n  kept: {{ inline: [{pieces[kept]}] }}\n"
                "classes:\n  - { name: protected, lists: [kept] }\n"
                "  - { name: sheddable, lists: [cut], cut_from: yellow }\n  - { name: rest }\n")

    def fates():
        """The fate of each half; every piece is tested."""
        return {name: fate(world, flood, agent, f"{start}.0.1", 1024, 64, count=1024) for name, start in halves.items()}

    bodies = [body("low", "high"), body("high", "low")]
    expected = [{"low": ALL_DROP, "high": ALL_PASS}, {"low": ALL_PASS, "high": ALL_DROP}]
    _, flood, agent = build(world, bodies[0], lease="30s")  # time to look at what a killed agent left
    red(agent)
    tap.equal(fates(), expected[0], "the first ruleset judges as it says")
    chance = random.Random(22)
    mixed = []
    rounds = max(3, int(8 * SCALE))
    for number in range(1, rounds + 1):
        agent.write(bodies[number % 2])
        agent.process.signal(signal.SIGHUP)
        time.sleep(chance.uniform(0, 0.06) * SLOW)
        agent.process.kill()
        seen = fates()
        if seen not in expected:
            mixed.append((number, seen))
        agent.start()
        seen = fates()
        if seen != expected[number % 2]:
            mixed.append((number, "after the start", seen))
    tap.ok(not mixed, f"kill -9 during {rounds} updates: old or new ruleset, never a mixture (fault 22)", mixed)
    tap.equal((agent.counted("drop")["kept"], agent.counted()["none"]), (0, 0),
              "kill -9 during updates: a kept source was never dropped, none was unlisted (fault 22)")


def killed_while_compiling(tap, world):
    """22: kill -9 while a large list is compiled, and an immediate start: the dead agent leaves no obstacle."""
    (world.folder / "large.txt").write_text(
        "".join(f"2001:db8:{number >> 12:x}:{(number & 4095) << 4:x}::/64\n" for number in range(scaled(300_000))))
    _, flood, agent = build(world)
    red(agent)
    agent.write(CLASSES.replace('inline: [198.18.1.0/24, "2001:db8:1::/48"]', "file: large.txt"))
    for delay in (0.005, 0.05, 0.15):
        generation = agent.generation()
        agent.process.signal(signal.SIGHUP)
        time.sleep(delay)
        agent.process.kill()
        agent.start()
        tap.ok(agent.metrics().one("spillway_level") == 3 and agent.generation() > generation,
               f"kill -9 {delay * 1000:.0f} ms into a large reload, start at once: it runs, with metrics (fault 22)")
    tap.equal(fate(world, flood, agent), ALL_DROP, "and it sheds")


def nothing_is_lost(tap, world):
    """25: stop, start, kill, upgrade and downgrade under traffic; every packet is counted and no counter decreases."""
    _, flood, agent = build(world)
    red(agent)
    old, new = agent.program, str(world.folder / "spillway-next")
    run("cp", old, new)

    def loaded():
        """The file the agent runs from, and the id of the program on the interface."""
        return os.readlink(f"/proc/{agent.process.pid}/exe"), agent.namespace.link("eth0")["xdp"]["prog"]["id"]

    programs = {loaded()[1]}
    stream = world.blast(flood, "198.18.0.0", 1024, rate=scaled(100_000))
    went_back, looks, watching = [], [0], threading.Event()

    def watch():
        last = {}
        while not watching.is_set():
            now = {(entry["name"], verdict): entry["packets"][verdict]
                   for entry in agent.status(program=old)["lists"] for verdict in ("pass", "drop")}
            went_back.extend((key, last[key], now.get(key, 0)) for key in last if now.get(key, 0) < last[key])
            last = now
            looks[0] += 1

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        time.sleep(0.3)
        steps = [("stop", old), ("stop", new), ("stop", old), ("kill", new), ("kill", old)]
        for how, program in steps:
            if how == "stop":
                agent.stop()
            else:
                agent.process.kill()
            time.sleep(0.2)
            agent.program = program
            agent.start()
            time.sleep(0.2)
            programs.add(loaded()[1])
            if program == new:
                tap.equal(loaded()[0], new, f"upgrade after {how}: the new file runs (fault 25)")
    finally:
        watching.set()
        watcher.join()
        sent = finish_blast(stream, stop=True)
    wait_for(lambda: sum(agent.counted().values()) >= sent, 5, "the packets are judged")
    tap.equal(sum(agent.counted().values()), sent,
              f"stop, start, kill -9, upgrade and downgrade at {scaled(100_000)} packets/s: none lost (fault 25)")
    tap.equal(len(programs), 1 + len(steps), "each start put a program of its own into the link (fault 25)")
    tap.ok(not went_back and looks[0] > 5, f"counters are monotonic in {looks[0]} looks meanwhile (fault 25)",
           went_back)
    tap.equal(fate(world, flood, agent), ALL_DROP, "and it still sheds")


def stop_opens_the_gates(tap, world):
    shop, flood, agent = build(world)
    red(agent)
    status = agent.stop()
    tap.equal(status, 0, "SIGTERM: exit status 0")
    tap.equal(fate(world, flood, agent), ALL_PASS, "SIGTERM: the lease is ended at once, everything passes and counts")
    tap.equal(agent.mode(), "native", "SIGTERM: program and link stay")
    done = agent.cli("level", "set", "red", check=False)
    tap.ok(done.returncode == 1 and "agent" in done.stderr, "a level cannot be set without an agent, and that is reported",
           f"{done.returncode}: {done.stderr}")
    tap.ok((agent.pins / f"link_{shop.link('eth0')['ifindex']}").exists(), "SIGTERM: the link is pinned")
    agent.cli("detach")
    tap.equal((agent.mode(), agent.pins.exists() and sorted(agent.pins.iterdir())), (None, False),
              "detach removes links and pins")
    done = agent.cli("status", check=False)
    tap.ok(done.returncode == 1 and done.stderr, "status after that: exit 1 and a message", done)


def other_layout(tap, world):
    """26: pinned state of another layout."""
    _, _, agent = build(world, start=False)
    agent.pins.mkdir()
    control = agent.pins / "control"
    run("bpftool", "map", "create", control, "type", "array", "key", 4, "value", 96, "entries", 1, "name", "control")
    process = agent.launch()
    tap.equal(process.wait(), 1, "a pinned map of another size: run exits 1 (fault 26)")
    tap.ok("control" in process.log() and "layout" in process.log(),
           "a pinned map of another size: the message names it and its layout (fault 26)", process.log())
    shown = json.loads(run("bpftool", "-j", "map", "show", "pinned", control).stdout)
    tap.equal(shown["bytes_value"], 96, "a pinned map of another size: it stays as it is (fault 26)")
    tap.equal(agent.mode(), None, "a pinned map of another size: nothing is attached (fault 26)")
    control.unlink()

    agent.start()
    agent.stop()
    # struct spw_control: the layout number is the 32 bits after the magic, at byte 28.
    value = json.loads(run("bpftool", "-j", "map", "dump", "pinned", control).stdout)[0]["value"]
    value[28:32] = ["0x63", "0x00", "0x00", "0x00"]
    run("bpftool", "map", "update", "pinned", control, "key", "hex", "00", "00", "00", "00",
        "value", "hex", *[byte[2:] for byte in value])
    process = agent.launch()
    tap.equal(process.wait(), 1, "pins of layout 99: run exits 1 (fault 26)")
    tap.ok("layout" in process.log() and "99" in process.log(), "pins of layout 99: the message says so (fault 26)",
           process.log())
    done = agent.cli("status", check=False)
    tap.ok(done.returncode == 1 and "layout" in done.stderr,
           "pins of layout 99: status refuses to read them (fault 26)",
           f"exit {done.returncode}: {done.stdout}{done.stderr}")
    tap.equal(agent.mode(), "native", "pins of layout 99: the old attachment is untouched (fault 26)")


def two_agents(tap, world):
    """27"""
    _, flood, agent = build(world)
    red(agent)
    def state():
        status = agent.status()
        return status["ruleset"]["generation"], status["level"], status["interfaces"], status["agent"]["pid"]

    before = state()
    first = agent.process
    second = world.start(*agent.namespace.command(agent.program, "-c", agent.config, "run"), name="second")
    tap.equal(second.wait(), 1, "a second agent exits 1 (fault 27)")
    tap.ok(str(first.pid) in second.log() or "already" in second.log() or "another" in second.log(),
           "a second agent says that one is running (fault 27)", second.log())
    tap.equal(state(), before, "a second agent changes nothing (fault 27)")
    tap.ok(first.alive() and agent.healthy(), "the first one lives (fault 27)")

    # With its own run_dir the lock does not help; sharing pins must be refused.
    rival = world.agent(agent.namespace, CLASSES, "rival", listen="127.0.0.1:10011", pin_dir=str(agent.pins))
    rival.pins = agent.pins
    process = rival.launch()
    tap.equal(process.wait(), 1, "a second agent on the same pins with another run_dir exits 1 (fault 27)")
    tap.ok(agent.healthy(), "the first one still lives (fault 27)")
    # With its own pins it finds the first one's program on the interface.
    rival = world.agent(agent.namespace, CLASSES, "stranger", listen="127.0.0.1:10011")
    process = rival.launch()
    tap.equal(process.wait(), 1, "a second agent with pins of its own exits 1 (fault 27)")
    tap.ok("eth0" in process.log(), "and names the interface that is taken (fault 27)", process.log())
    tap.equal(fate(world, flood, agent), ALL_DROP, "after all that the first one sheds as before (fault 27)")


def other_program(tap, world):
    """28: another XDP program is never removed."""
    shop, _, agent = build(world, start=False)
    program = foreign_program(world)
    for mode in ("xdpdrv", "xdpgeneric"):
        shop.run("ip", "link", "set", "dev", "eth0", mode, "obj", program, "sec", "xdp")
        before = shop.link("eth0")["xdp"]
        process = agent.launch()
        tap.equal(process.wait(), 1, f"another program in {mode} mode: run exits 1 (fault 28)")
        tap.ok("foreign_xdp" in process.log() and "eth0" in process.log(),
               f"another program in {mode} mode: the message names it and the interface (fault 28)", process.log())
        tap.equal(shop.link("eth0")["xdp"], before, f"another program in {mode} mode: it stays (fault 28)")
        shop.run("ip", "link", "set", "dev", "eth0", mode, "off")
    agent.start()
    tap.equal(agent.mode(), "native", "once it is gone, ours is attached (fault 28)")
    done = shop.run("ip", "link", "set", "dev", "eth0", "xdpdrv", "obj", program, "sec", "xdp", check=False)
    tap.ok(done.returncode != 0 and agent.mode() == "native", "and can't be replaced by accident: it is a link")


def without_ethernet(tap, world):
    """A device whose frames begin with the IP header (tun, WireGuard, PPP) is refused, not covered without judging."""
    shop, _, agent = build(world, start=False)
    with shop.entered(), open("/dev/net/tun", "r+b", buffering=0) as tun:
        fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22s", b"tun0", IFF_TUN | IFF_NO_PI, b""))
        shop.run("ip", "link", "set", "tun0", "up")
        agent.interfaces = ["eth0", "tun0"]
        agent.write(CLASSES)
        process = agent.launch()
        tap.equal(process.wait(), 1, "a tun device: run exits 1")
        tap.ok("tun0" in process.log() and "Ethernet" in process.log(), "the message names it and says why",
               process.log())
        tap.equal(agent.mode(), None, "and eth0 is given back")
        checks = json.loads(agent.cli("-j", "doctor", check=False).stdout)["checks"]
        found = {check["outcome"] for check in checks if check["check"] == "tun0"}
        tap.ok("fail" in found, "doctor finds it before", checks)
        agent.interfaces = ["eth0"]
        agent.write(CLASSES)
        agent.start()
        agent.interfaces = ["eth0", "tun0"]
        agent.write(CLASSES)
        tap.ok(agent.cli("apply", check=False).returncode != 0, "a reload that adds it is refused")
        tap.equal(agent.mode(), "native", "and what was covered stays so")


def rob(agent):
    """Detach the agent's link like another tool would; returns its pin and the length of the log before."""
    pin = agent.pins / f"link_{agent.namespace.link('eth0')['ifindex']}"
    logged = len(agent.process.log())
    run("bpftool", "link", "detach", "pinned", pin)
    return pin, logged


def robbed_and_back(tap, world):
    """29: somebody detaches our link; reattach: true"""
    _, flood, agent = build(world, reattach=True)
    red(agent)
    pin, logged = rob(agent)
    wait_for(lambda: agent.mode() == "native", 2, "attached again")
    wait_for(lambda: agent.metrics().one("spillway_interface_attached", interface="eth0") == 1, 2, "the metric is 1")
    said = agent.process.log()[logged:]
    tap.ok("eth0" in said and "detached" in said, "detached: the log raises the alarm (fault 29)", said)
    tap.equal(fate(world, flood, agent), ALL_DROP, "detached: attached again, and it sheds (fault 29)")
    tap.ok(pin.exists(), "detached: the new link is pinned (fault 29)")
    agent.stop()
    agent.start()
    tap.equal(fate(world, flood, agent), ALL_DROP, "detached: the next start takes the new link over (fault 29)")


def robbed_and_left(tap, world):
    """29: somebody detaches our link; reattach: false"""
    _, _, agent = build(world, reattach=False)
    _, logged = rob(agent)
    wait_for(lambda: agent.metrics().one("spillway_interface_attached", interface="eth0") == 0, 2, "the metric is 0")
    said = agent.process.log()[logged:]
    tap.ok("eth0" in said and "detached" in said, "reattach: false: the log raises the alarm (fault 29)", said)
    tap.ok(not agent.status()["interfaces"][0]["attached"], "reattach: false: metric and status say so (fault 29)")
    time.sleep(1)
    tap.ok(agent.mode() is None and agent.process.alive(), "reattach: false: it stays off, the agent lives (fault 29)")
    logged = len(agent.process.log())
    time.sleep(1)
    tap.ok(agent.process.log()[logged:].count("eth0") <= 2, "reattach: false: the log is not flooded (fault 29)")


def hostile_host(tap, world):
    """30: one message says what is missing, and the host is unchanged."""
    _, _, agent = build(world, start=False)

    def refused(name, expected, *before):
        process = agent.launch(*before)
        status = process.wait()
        log = process.log()
        tap.equal(status, 1, f"{name}: run exits 1 (fault 30)")
        tap.ok(all(word in log for word in expected), f"{name}: the message says what is missing (fault 30)",
               f"expected {expected}; said: {log}")
        tap.equal((agent.mode(), sorted(agent.pins.glob("link_*"))), (None, []),
                  f"{name}: nothing is attached (fault 30)")

    def in_private_mounts(script):
        return ["unshare", "--mount", "sh", "-c", f'{script} && exec "$0" "$@"']

    refused("no capabilities", ["CAP_"], "setpriv", "--bounding-set=-all", "--inh-caps=-all")
    refused("without CAP_BPF and CAP_SYS_ADMIN", ["CAP_BPF"],
            "setpriv", "--bounding-set=-bpf,-sys_admin", "--inh-caps=-bpf,-sys_admin")
    refused("without CAP_NET_ADMIN and CAP_SYS_ADMIN", ["CAP_NET_ADMIN"],
            "setpriv", "--bounding-set=-net_admin,-sys_admin", "--inh-caps=-net_admin,-sys_admin")
    plain = agent.pins
    agent.pins = world.folder / "not-a-bpffs"
    agent.write(CLASSES)
    refused("pin_dir outside a bpffs", [str(agent.pins), "bpf"])
    agent.pins = BPFFS / f"{world.pins.name}-alone"  # the folder does not exist on a new bpffs
    agent.write(CLASSES)
    refused("bpffs read-only", [str(BPFFS), "ead-only"], *in_private_mounts(f"mount -t bpf -o ro bpf {BPFFS}"))
    agent.start(*in_private_mounts(f"umount {BPFFS}"))
    tap.equal(agent.mode(), "native", "no bpffs mounted: the agent mounts one (fault 30)")
    agent.stop()
    wait_for(lambda: agent.mode() is None, 2, "the link has gone with its bpffs")
    agent.pins = plain
    agent.interfaces = ["eth0", "nosuch0"]
    agent.write(CLASSES)
    refused("an interface that is not there", ["nosuch0"])


if __name__ == "__main__":
    run_tests(silence, killed_at_red, never_a_mixture, killed_while_compiling, nothing_is_lost, stop_opens_the_gates,
              other_layout, two_agents, other_program, without_ethernet, robbed_and_back, robbed_and_left, hostile_host)
