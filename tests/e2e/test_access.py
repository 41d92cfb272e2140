#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Who may control the agent, and who is never locked out."""
import ctypes
import errno
import os
import socket
import stat
import threading
import time

from world import (CLASSES, SHOP4, SLOW, SPILLWAY, connect, request, run, run_tests, wait_for, waited_ns)

NOBODY = 65534


def as_nobody(function):
    """Call it in a child without privileges; returns its result (text)."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            os.write(writer, str(function()).encode())
        finally:
            os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with os.fdopen(reader) as answer:
        return answer.read()


def error_of(function, *arguments):
    """The name of the error of a call, or `done`."""
    try:
        function(*arguments)
        return "done"
    except OSError as error:
        return errno.errorcode[error.errno]


def open_pin(path):
    """BPF_OBJ_GET, as bpftool and libbpf open a pin."""
    class Attributes(ctypes.Structure):
        _fields_ = [("pathname", ctypes.c_uint64), ("fd", ctypes.c_uint32), ("flags", ctypes.c_uint32)]

    name = ctypes.create_string_buffer(str(path).encode())
    attributes = Attributes(ctypes.addressof(name), 0, 0)
    libc = ctypes.CDLL(None, use_errno=True)
    number = {"x86_64": 321, "aarch64": 280}[os.uname().machine]
    handle = libc.syscall(number, 7, ctypes.byref(attributes), ctypes.sizeof(attributes))
    if handle < 0:
        raise OSError(ctypes.get_errno(), "BPF_OBJ_GET")
    os.close(handle)


def unprivileged(tap, world):
    """46: an unprivileged user reaches neither the control socket nor the pins."""
    shop = world.namespace("shop")
    world.flood(shop, "eth0")
    agent = world.agent(shop, CLASSES)
    agent.start()
    control = agent.run_dir / "control.sock"
    tap.ok(stat.S_ISSOCK(control.stat().st_mode), "the control socket is there")

    def knock():
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(control))

    tap.equal(error_of(knock), "done", "root reaches the control socket")
    tap.equal(as_nobody(lambda: error_of(knock)), "EACCES", "nobody: the control socket is EACCES (fault 46)")
    tap.equal(as_nobody(lambda: error_of(os.listdir, agent.pins)), "EACCES",
              "nobody: the pins' folder is EACCES (fault 46)")
    for pin in ("control", "list_counters"):
        tap.equal(error_of(open_pin, agent.pins / pin), "done", f"root opens the pin {pin}")
        tap.ok(as_nobody(lambda path=agent.pins / pin: error_of(open_pin, path)) in ("EACCES", "EPERM"),
               f"nobody: the pin {pin} is refused (fault 46)")
    loose = [str(path) for path in [agent.pins, *agent.pins.iterdir()] if path.stat().st_mode & 0o077]
    tap.equal(loose, [], "no pin is open to group or others (fault 46)")

    # A copy that nobody may run, wherever the build folder is.
    agent.program = str(world.folder / "spillway")
    run("install", "-m", "755", SPILLWAY, agent.program)
    agent.config.chmod(0o644)
    drop = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    for verb in (["level", "set", "red"], ["apply"], ["status"], ["list", "show"], ["detach"]):
        done = shop.run(*drop, agent.program, "-c", agent.config, *verb, check=False)
        tap.ok(done.returncode == 1 and "ermission denied" in done.stderr,
               f"nobody: `{' '.join(verb)}` exits 1 and says permission denied (fault 46)",
               f"{done.returncode}: {done.stdout}{done.stderr}")
    done = shop.run(*drop, agent.program, "-c", agent.config, "run", check=False)
    tap.equal(done.returncode, 1, "nobody: `run` exits 1")
    status = agent.status()
    tap.equal((status["level"], agent.mode()), ("green", "native"), "and nothing has changed (fault 46)")


class Session:
    """
    Stands in for SSH: a TCP session on port 22 with a request every 20 ms; records the longest wait, but for what its own
    two threads waited for a CPU.
    """

    def __init__(self, shop, client):
        listener = shop.socket()
        listener.bind((SHOP4, 22))
        listener.listen()
        self.sockets = [listener]
        self.client = connect(client, port=22)
        self.sockets += [self.client, listener.accept()[0]]
        self.ended = threading.Event()
        self.asked, self.longest, self.error = 0, 0.0, None
        self.threads = [threading.Thread(target=self._answer), threading.Thread(target=self._ask)]
        for thread in self.threads:
            thread.start()

    def _answer(self):
        server = self.sockets[2]
        while question := server.recv(64):
            server.sendall(question)

    def _waited(self):
        return sum(waited_ns(f"self/task/{thread.native_id}") for thread in self.threads) / 1e9

    def _ask(self):
        self.client.settimeout(10 * SLOW)
        try:
            while not self.ended.wait(0.02):
                start, waited = time.monotonic(), self._waited()
                question = b"%16d" % self.asked
                self.client.sendall(question)
                if self.client.recv(64) != question:
                    raise OSError("another answer")
                self.asked += 1
                self.longest = max(self.longest, time.monotonic() - start - (self._waited() - waited))
        except OSError as error:
            self.error = error

    def close(self):
        self.ended.set()
        self.threads[1].join()
        self.client.shutdown(socket.SHUT_RDWR)
        self.threads[0].join()
        for each in self.sockets:
            each.close()


def never_locked_out(tap, world):
    """39: everybody but partners is cut completely, even the management prefix."""
    shop = world.shop()
    admin = world.client("admin", 9)
    other = world.client("other", 10)
    world.nginx(shop)
    body = ("management: { prefixes: [198.18.9.0/24], ports: [22] }\n"
            "lists:\n  partners: { inline: [198.18.1.0/24] }\n"
            "classes:\n  - { name: partner, lists: [partners] }\n"
            "  - { name: unknown, cut_from: yellow, cut: all }\n")
    agent = world.agent(shop, body)
    agent.start()
    session = Session(shop, admin)
    try:
        for level in ("green", "yellow", "orange", "red"):
            agent.cli("level", "set", level)
            wait_for(lambda want=level: agent.status()["level"] == want, 2, level)
            time.sleep(0.2)
            tap.ok(connect(admin, port=22), f"{level}: a new session from the management prefix (fault 39)")
        tap.equal((request(other), connect(other, port=22, timeout=0.5)), (None, None), "red: others are cut off")
        tap.equal(request(admin), None, "red: the management prefix is, too, on other ports")
        agent.reload("apply")
        agent.reload("SIGHUP")
        tap.ok(session.error is None, "it survives reloads (fault 39)", session.error)
        agent.process.kill()
        time.sleep(0.5)
        agent.start()
        tap.ok(session.error is None, "it survives kill -9 and the next start (fault 39)", session.error)
        agent.stop()
        upgraded = world.folder / "spillway-next"
        run("cp", agent.program, upgraded)
        agent.program = str(upgraded)
        agent.start()
        time.sleep(0.3)
        tap.equal(agent.status()["level"], "red", "after all that it is still red")
        asked = session.asked
        wait_for(lambda: session.asked > asked + 5 or session.error, 5, "the session goes on")
        tap.ok(session.error is None, "it survives an upgrade (fault 39)", session.error)
    finally:
        session.close()
    tap.ok(session.longest < 1 * SLOW, f"the longest wait for an answer in {session.asked} was {session.longest:.3f} s")


def lock_out_is_refused(tap, world):
    """38: prefixes that would cut off everybody or the management."""
    shop = world.namespace("shop")
    world.flood(shop, "eth0")
    for name, prefix in (("0.0.0.0/0", "0.0.0.0/0"), ("::/0", "::/0"), ("the management prefix", "198.18.9.0/24"),
                         ("a part of it", "198.18.9.128/25")):
        body = ("management: { prefixes: [198.18.9.0/24], ports: [22] }\n"
                f'lists:\n  wrong: {{ inline: ["{prefix}"] }}\n'
                "classes:\n  - { name: wrong, lists: [wrong], cut_from: red }\n  - { name: unknown }\n")
        agent = world.agent(shop, body, f"refused-{len(world.agents)}")
        done = agent.cli("check", check=False)
        tap.ok(done.returncode == 1 and f"{agent.config}:" in done.stderr,
               f"{name} in a class that is cut: check refuses it with its place (fault 38)",
               f"{done.returncode}: {done.stderr}")
        process = agent.launch()
        tap.equal(process.wait(), 1, f"{name} in a class that is cut: run refuses it (fault 38)")
        tap.equal(agent.mode(), None, f"{name} in a class that is cut: nothing is attached (fault 38)")


WARNING = "you may cut yourself off"
CUT = "classes: [{ name: unknown, cut_from: red }]\n"
EXEMPT = "management: { ports: [22] }\n" + CUT


def lock_out_is_told_once(tap, world):
    """A configuration that can cut everybody without exempting management: warned about once, not at each reload."""
    shop = world.namespace("shop")
    world.flood(shop, "eth0")
    agent = world.agent(shop, CUT)
    agent.start()

    def apply(config, body):
        agent.write(body)
        if config != agent.config:
            config.write_text(agent.config.read_text())
        return agent.cli("-c", config, "apply").stderr.count(WARNING)

    place = f"{agent.config}:{len(agent.text(CUT).splitlines())}:19: class 'unknown'"
    tap.equal(agent.process.log().count(f"{place} can be cut"), 1, "run tells it, with its place")
    tap.equal([apply(agent.config, CUT) for _ in range(2)], [0, 0], "apply does not tell it again")
    other = world.folder / "other.yaml"
    tap.equal([apply(other, CUT) for _ in range(2)], [1, 0], "of another file it does, once")
    tap.equal([apply(other, EXEMPT), apply(other, CUT)], [0, 1], "and once more after a configuration that exempts a port")
    tap.equal(agent.process.log().count(WARNING), 3, "the log has each of them once")


if __name__ == "__main__":
    run_tests(unprivileged, never_locked_out, lock_out_is_refused, lock_out_is_told_once)
