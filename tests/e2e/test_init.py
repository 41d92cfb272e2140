#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# host only: init reads /proc and asks the kernel for nothing that differs
"""spillway init: what a host has becomes a configuration that neither check nor doctor has a complaint about."""
import json
import os
import re
import socket
import sys

from world import SPILLWAY, run_tests, wait_for

# A process with a name and listening sockets: NAME PROTOCOL:ADDRESS:PORT... It accepts and keeps connections.
LISTENER = """
import socket, sys
open("/proc/self/comm", "w").write(sys.argv[1])
held = []
for word in sys.argv[2:]:
    kind, address, port = word.split("/")
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    held.append(socket.socket(family, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM))
    held[-1].bind((address, int(port)))
    if kind == "tcp":
        held[-1].listen()
print("ready", flush=True)
sys.stdin.read() if sys.stdin.isatty() else __import__("time").sleep(600)
"""


def listener(namespace, name, *sockets):
    process = namespace.start(sys.executable, "-c", LISTENER, name, *sockets, name=name)
    wait_for(lambda: "ready" in process.log() or not process.alive(), 10, f"{name} listens")
    return process


def without_session(**more):
    """The environment without the tester's own SSH session; processes above this one may still have it."""
    return {**{key: value for key, value in os.environ.items() if key not in ("SSH_CONNECTION", "TZ")}, "TZ": "UTC", **more}


def init(namespace, *argv, check=True, **environment):
    return namespace.run(SPILLWAY, "init", *argv, check=check, env=without_session(**environment))


def found(namespace, *argv, **environment):
    return json.loads(namespace.run(SPILLWAY, "-j", "init", *argv, env=without_session(**environment)).stdout)


def own_state(world, path):
    """The configuration with folders of this test, as for doctor it must not meet an agent of the host."""
    path.write_text(path.read_text() + "".join(f"{key}: {world.folder}/{key}\n" for key in ("run_dir", "state_dir"))
                    + f"pin_dir: {world.pins}/init\n")


def a_web_server(tap, world):
    """nginx, an SSH server with a session, a database on loopback, DNS and QUIC; the default route is on eth0."""
    shop, admin = world.shop(), world.client("admin", 1)
    world.flood(shop, "eth1")
    shop.run("ip", "route", "add", "default", "via", "198.18.0.254", "dev", "eth0")
    world.nginx(shop)
    listener(shop, "sshd", "tcp/::/2222")
    listener(shop, "postgres", "tcp/127.0.0.1/5432", "tcp/::1/5432")
    listener(shop, "named", "tcp/198.18.0.1/53", "udp/198.18.0.1/53", "udp/127.0.0.1/53")
    listener(shop, "caddy", "udp/0.0.0.0/443", "tcp/0.0.0.0/443")
    listener(shop, "dhclient", "udp/0.0.0.0/68")
    listener(shop, "game", "udp/0.0.0.0/27015")
    session = admin.socket()
    session.connect(("198.18.0.1", 2222))
    path = world.folder / "etc" / "first.yaml"
    done = init(shop, path, "--country", "US,CA")
    tap.ok(str(path) in done.stdout and path.stat().st_mode & 0o777 == 0o644, "init writes the file and makes its folder", done.stdout)
    text = path.read_text()
    tap.ok("\ninterfaces: [eth0]\n" in text and "\nmode: observe\n" in text, "the interface of the default route, in observe mode", text)
    checked = json.loads(shop.run(SPILLWAY, "-c", path, "-j", "check").stdout)
    services = {each["name"]: (each["tcp"], each["quic"], each["udp"], each["udp_each"]) for each in checked["services"]}
    tap.equal(services, {"nginx": ([80], [], [], []), "named": ([53], [], [], [53]), "caddy": ([443], [443], [], []),
                         "game": ([], [], [27015], [])},
              "what listens for others is a service by its process")
    tap.equal(checked["management"], {"prefixes": ["198.18.1.0/24"], "ports": [2222]},
              "who is connected to the SSH server, and its port, are management")
    tap.equal([each["name"] for each in checked["classes"]], ["domestic", "international", "unknown"], "classes of home and abroad")
    tap.equal(checked["warnings"], [], "check has no complaint")
    for line in ("TCP 5432 (postgres): on loopback only", "UDP 68 (dhclient): a DHCP client", "TCP 2222 (sshd): management",
                 "Up, and not judged: eth1"):
        tap.ok(line in text, f"it says what it left out: {line}", text)
    own_state(world, path)
    doctor = json.loads(shop.run(SPILLWAY, "-c", path, "-j", "doctor", check=False).stdout)
    tap.equal([each for each in doctor["checks"] if each["outcome"] != "ok"], [], "doctor has no complaint")
    tap.equal([each["detail"] for each in doctor["checks"] if "note:" in each["detail"]], [], "and no note")
    agent = world.agent(shop, "classes: [{ name: all }]\n")
    agent.config = path
    agent.start()
    tap.equal(agent.status()["mode"], "observe", "the agent runs with it")
    session.close()


def the_session(tap, world):
    """SSH_CONNECTION, of this process or of a parent as under sudo, counts more than who else is connected."""
    shop, other = world.shop(), world.client("other", 3)
    listener(shop, "sshd", "tcp/0.0.0.0/22")
    stranger = other.socket()
    stranger.connect(("198.18.0.1", 22))
    given = found(shop, SSH_CONNECTION="198.18.2.7 50000 198.18.0.1 2200")["management"]
    tap.equal(given, {"prefixes": ["198.18.2.0/24"], "ports": [22, 2200], "by": "session"}, "SSH_CONNECTION")
    given = found(shop, SSH_CONNECTION="2001:db8:2::7 50000 2001:db8::1 22")["management"]
    tap.equal(given["prefixes"], ["2001:db8:2::/64"], "over IPv6")
    inner = f"env -u SSH_CONNECTION {SPILLWAY} -j init; true"
    done = shop.run("sh", "-c", inner, env=without_session(SSH_CONNECTION="198.18.2.7 50000 198.18.0.1 22"))
    tap.equal(json.loads(done.stdout)["management"]["prefixes"], ["198.18.2.0/24"], "that of a parent, as under sudo")
    for bad in ("", "x y z", "198.18.2.7", "198.18.2.7 1 198.18.0.1 70000", "[x]: 1 2 3"):
        given = found(shop, SSH_CONNECTION=bad)["management"]
        tap.equal((given["prefixes"], given["by"]), (["198.18.3.0/24"], "connections"), f"SSH_CONNECTION '{bad}': who is connected")
    stranger.close()


def nothing_there(tap, world):
    """A namespace with lo alone: examples in comments, notes, and files that stay as they are."""
    empty = world.namespace("empty")
    done = init(empty)
    for key in ("interfaces", "management", "services", "lists"):
        tap.ok(re.search(rf"^# {key}:", done.stdout, re.M) and f"\n{key}:" not in done.stdout, f"{key}: an example in a comment")
    tap.equal(len([line for line in done.stderr.splitlines() if line.startswith("note: ")]), 3, "and a note on each gap")
    path = world.folder / "first.yaml"
    path.write_text("precious\n")
    done = init(empty, path, check=False)
    tap.equal((done.returncode, path.read_text()), (1, "precious\n"), "an existing file stays")
    path.unlink()
    path.symlink_to(world.folder / "elsewhere")
    done = init(empty, path, check=False)
    tap.equal((done.returncode, (world.folder / "elsewhere").exists()), (1, False), "a dangling link is not followed")
    init(empty, path, "--force")
    tap.ok(not path.is_symlink() and "mode: observe" in path.read_text(), "--force replaces it")
    for argv in (["--country", "us"], ["--country", "US,"], ["a", "b"]):
        done = init(empty, *argv, check=False)
        tap.equal((done.returncode, done.stdout), (2, ""), f"usage: {' '.join(argv)}")


def fallbacks(tap, world):
    """Without a default route every interface that is up; a metrics port that is taken; a time zone; an unusual name."""
    shop = world.shop()
    world.flood(shop, "eth1")
    taken = listener(shop, "exporter", "tcp/127.0.0.1/10010")
    listener(shop, "-a b:c\n", "tcp/0.0.0.0/7000")
    given = found(shop, TZ="Europe/Oslo")
    tap.equal([each["name"] for each in given["interfaces"] if each["used"]], ["eth0", "eth1"], "without a default route all that are up")
    tap.equal(given["countries"]["home"], ["NO"], "the country of the time zone")
    tap.equal(given["metrics_port"], 10011, "the next port for metrics")
    tap.equal([each["name"] for each in given["services"]], ["a-b-c"], "a service's name has no odd characters")
    taken.stop()
    tap.equal(found(shop)["metrics_port"], 10010, "the usual port for metrics")
    shop.run("ip", "route", "add", "default", "dev", "eth1")
    given = found(shop)
    tap.equal([each["name"] for each in given["interfaces"] if each["used"]], ["eth1"], "a default route decides")
    shop.run("ip", "route", "del", "default")
    shop.run("ip", "-6", "route", "add", "default", "dev", "eth0")
    tap.equal([each["name"] for each in found(shop)["interfaces"] if each["used"]], ["eth0"], "of IPv6 too")
    held = shop.socket(socket.AF_INET, socket.SOCK_DGRAM)
    held.bind(("", 40000))
    tap.equal([each["name"] for each in found(shop)["services"]], ["a-b-c"], "a client's UDP socket is no service")
    held.close()


if __name__ == "__main__":
    run_tests(a_web_server, the_session, nothing_there, fallbacks)
