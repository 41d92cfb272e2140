#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# host only: signals, descriptors and folders of the agent
"""Behaviour expected of any daemon: signals, descriptors, folders, and failing at start without side effects."""
import json
import os
import signal
import socket
import time
from pathlib import Path

from world import CLASSES, run_tests, wait_for

FOREIGN = ("SIGUSR1", "SIGUSR2", "SIGALRM", "SIGQUIT", "SIGVTALRM", "SIGPROF", "SIGIO", "SIGPWR", "SIGTSTP", "SIGTTIN", "SIGTTOU",
           "SIGXCPU", "SIGPIPE", "SIGWINCH", "SIGRTMIN", "SIGRTMAX")


def build(world, **options):
    shop = world.namespace("shop")
    world.flood(shop, "eth0")
    return world.agent(shop, CLASSES, **options)


def signals(tap, world):
    """Signals that logrotate or monitoring send by habit neither end nor stop the agent."""
    agent = build(world)
    agent.start()
    ended = []
    for name in FOREIGN:
        agent.process.signal(getattr(signal, name))
        time.sleep(0.05)
        if not agent.process.alive():
            ended.append(name)
            agent.start()
    tap.equal(ended, [], "foreign signals are ignored")
    tap.ok(agent.ticking(), "and the lease is renewed")
    time.sleep(1.1)
    agent.process.signal(signal.SIGUSR1)
    wait_for(lambda: agent.process.log().count("SIGUSR1") == 2, 2, "the log names the signal and says that it was ignored")
    tap.ok(agent.process.log().count("ignored") < len(FOREIGN), "one line a second at most")
    generation = agent.generation()
    agent.process.signal(signal.SIGHUP)
    wait_for(lambda: agent.generation() > generation, 5, "SIGHUP reads the configuration")
    tap.equal(agent.stop(), 0, "SIGTERM stops it")


def disposed_of(pid, number):
    """Whether the process blocks, ignores or handles a signal. Before main it cannot: the signal would kill it."""
    fields = dict(line.split(":\t") for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return any(int(fields.get(mask, "0"), 16) >> (number - 1) & 1 for mask in ("SigBlk", "SigIgn", "SigCgt"))


def early_signals(tap, world):
    """From main on, even while it compiles."""
    agent = build(world)
    process = agent.launch()
    for number in (signal.SIGUSR1, signal.SIGHUP) * 20:
        wait_for(lambda: not process.alive() or disposed_of(process.pid, number), 5, "it runs")
        process.signal(number)
        time.sleep(0.01)
    agent.wait_ready()
    tap.ok(agent.ticking(), "signals during the start do not end it", process.log())


def descriptors(tap, world):
    """With standard input, output and error closed, no other file gets their numbers."""
    agent = build(world)
    agent.start("sh", "-c", 'exec "$@" <&- >&- 2>&-', "_")
    wait_for(lambda: Path(f"/proc/{agent.process.pid}/comm").read_text() == "spillway\n", 5, "it runs")
    for number in range(3):
        tap.equal(os.readlink(f"/proc/{agent.process.pid}/fd/{number}"), "/dev/null", f"descriptor {number} is /dev/null")
    done = agent.namespace.run("sh", "-c", 'exec "$@" >&-', "_", agent.program, "-c", agent.config, "status", check=False)
    tap.ok(done.returncode == 1 and "cannot write the output" in done.stderr, "a verb with its output closed still fails",
           f"{done.returncode}: {done.stderr}")


def modes(tap, world):
    """Folders have the documented modes, whatever the umask."""
    agent = build(world)
    for mask in ("077", "0", "0277"):
        agent.start("sh", "-c", f'umask {mask}; exec "$@"', "_")
        got = {path.name.split(".")[-1]: oct(path.stat().st_mode & 0o777)
               for path in (agent.run_dir, agent.state_dir, agent.run_dir / "control.sock", agent.run_dir / "level")}
        tap.equal(got, {"run": "0o755", "state": "0o700", "sock": "0o600", "level": "0o644"}, f"umask {mask}")
        agent.stop()
        for folder in (agent.run_dir, agent.state_dir):
            for path in folder.iterdir():
                path.unlink()
            folder.rmdir()


def found(agent, check):
    """doctor's result of one check: (outcome, detail)."""
    checks = json.loads(agent.cli("-j", "doctor", check=False).stdout)["checks"]
    return [(each["outcome"], each["detail"]) for each in checks if each["check"] == check]


def refused_starts(tap, world):
    """doctor finds what makes a start fail, and a failed start leaves nothing attached or pinned."""
    agent = build(world, listen="off")
    plain = agent.run_dir
    tap.equal([found(agent, name)[0][0] for name in ("run_dir", "state_dir")], ["ok", "ok"], "all is well: doctor says so")

    agent.run_dir = world.folder / ("r" * 100)
    agent.write(CLASSES)
    done = agent.cli("check", check=False)
    tap.ok(done.returncode == 1 and "run_dir is longer than" in done.stderr, "check finds a run_dir that is too long", done.stderr)
    tap.equal(found(agent, "run_dir")[0][0], "fail", "and so does doctor")
    tap.equal((agent.launch().wait(), agent.mode()), (1, None), "run exits 1 and attaches nothing")

    # The control socket is made last.
    agent.run_dir = plain
    agent.write(CLASSES)
    (plain / "control.sock").mkdir(parents=True)
    tap.equal(found(agent, "run_dir")[0][0], "fail", "doctor finds what is in the way of the control socket")
    process = agent.launch()
    tap.equal(process.wait(), 1, "run exits 1 at its last step")
    tap.equal((agent.mode(), agent.pins.exists()), (None, False), "detaches what it had attached, and unpins its maps")
    (plain / "control.sock").rmdir()
    agent.start()
    agent.stop()
    pinned = {path.name for path in agent.pins.iterdir()}
    (plain / "control.sock").mkdir()
    tap.equal(agent.launch().wait(), 1, "where a former run has attached, run exits 1 too")
    tap.equal(agent.mode(), "native", "and what was attached stays")
    tap.equal({path.name for path in agent.pins.iterdir()}, pinned, "as do all pins")
    (plain / "control.sock").rmdir()


def refused_before_attaching(tap, world):
    """A start that fails while it compiles or attaches removes its pins and folders."""
    agent = build(world, listen="off")
    top = world.pins / "made"
    agent.pins = top / "by/run"
    agent.write(CLASSES.replace("198.18.3.0/24", "198.18.2.0/24"))
    tap.equal((agent.launch().wait(), top.exists()), (1, False), "two classes with one prefix: nothing stays pinned")
    agent.interfaces = ["nosuch0"]
    agent.write(CLASSES)
    tap.equal((agent.launch().wait(), top.exists()), (1, False), "no such interface: nothing stays pinned")
    top.mkdir()
    tap.equal((agent.launch().wait(), list(top.iterdir())), (1, []), "a folder that was there stays")


def folders_and_ports(tap, world):
    """Problems that do not stop a start, but disable something."""
    agent = build(world)
    agent.state_dir = world.folder / "no/such/folder"
    agent.write(CLASSES)
    outcome, detail = found(agent, "state_dir")[0]
    tap.ok(outcome == "warn" and "no/such" in detail, "doctor finds a state_dir that cannot be made", detail)
    agent.state_dir = world.folder / "file"
    agent.state_dir.write_text("")
    agent.write(CLASSES)
    tap.equal(found(agent, "state_dir")[0][0], "warn", "and one that is a file")
    agent.state_dir = world.folder / "state"
    agent.write(CLASSES)
    taken = agent.namespace.socket(socket.AF_INET)
    taken.bind(("127.0.0.1", 10010))
    taken.listen()
    outcome, detail = found(agent, "metrics")[0]
    tap.ok(outcome == "warn" and "10010" in detail, "doctor finds that the port of the metrics is taken", detail)
    taken.close()
    tap.equal(found(agent, "metrics")[0][0], "ok", "and that it is free")
    agent.start()
    tap.equal(found(agent, "metrics"), [], "while the agent runs, it has the port itself")
    rival = world.agent(agent.namespace, CLASSES, "rival", listen="off", pin_dir=str(agent.pins))
    tap.equal(found(rival, "agent")[0][0], "fail", "doctor finds that another agent lives from these pins")
    tap.equal(found(agent, "agent")[0][0], "ok", "and not that the agent itself does")


if __name__ == "__main__":
    run_tests(signals, early_signals, descriptors, modes, refused_starts, refused_before_attaching, folders_and_ports)
