#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Journal entries of level changes: a line, and fields for filters and alerts.

The journal is a datagram socket of the test, mounted over the real one in the agent's own mount namespace."""
import socket
import struct

from world import CLASSES, run_tests, wait_for

SERVICES = "services: { shop: { tcp: [80], capacity: 950/s } }\n"
# All of /run is hidden, so that nothing has to be created on hosts without systemd. (TMPDIR is elsewhere.)
LAY_OVER = ('mount -t tmpfs none /run && mkdir -p /run/systemd/journal && mount --bind "$0" /run/systemd/journal && '
            'export JOURNAL_STREAM=1:1 && exec "$@"')


class Journal:
    def __init__(self, world):
        self.folder = world.folder / "journal"
        self.folder.mkdir(mode=0o755)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        world.on_exit(self.socket.close)
        self.socket.bind(str(self.folder / "socket"))
        self.socket.setblocking(False)
        self.entries = []

    def before(self):
        """Command prefix that makes this the program's journal."""
        return ("unshare", "--mount", "--propagation", "private", "sh", "-c", LAY_OVER, self.folder)

    def read(self):
        """All entries so far."""
        while True:
            try:
                self.entries.append(parse(self.socket.recv(1 << 16)))
            except BlockingIOError:
                return self.entries

    def changes(self):
        return [entry for entry in self.read() if "SPILLWAY_LEVEL" in entry]


def parse(datagram):
    """The journal's protocol: NAME=VALUE and a newline, or NAME, a newline, the length in 8 bytes, VALUE, a newline."""
    fields = {}
    while datagram:
        line, _, rest = datagram.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if not equals:
            length = struct.unpack_from("<Q", rest)[0]
            value, rest = rest[8:8 + length], rest[8 + length + 1:]
        fields[name.decode()] = value.decode()
        datagram = rest
    return fields


def fields_of_a_change(tap, world):
    shop = world.shop()
    world.nginx(shop)
    journal = Journal(world)
    agent = world.agent(shop, SERVICES + CLASSES)
    agent.start(*journal.before())
    tap.equal(journal.changes(), [], "no change of the level, no entry")
    agent.cli("level", "set", "orange")
    wait_for(journal.changes, 5, "an entry of the change")
    entry = journal.changes()[0]
    tap.equal({name: entry.get(name) for name in ("PRIORITY", "SPILLWAY_LEVEL", "SPILLWAY_FORMER", "SPILLWAY_LEVEL_NUMBER",
                                                  "SPILLWAY_RULE", "SPILLWAY_SERVICE", "SPILLWAY_CAPACITY")},
              {"PRIORITY": "5", "SPILLWAY_LEVEL": "orange", "SPILLWAY_FORMER": "green", "SPILLWAY_LEVEL_NUMBER": "2",
               "SPILLWAY_RULE": "10", "SPILLWAY_SERVICE": "", "SPILLWAY_CAPACITY": "950.0"}, "what changed, from what, by whom")
    tap.ok(all(float(entry[f"SPILLWAY_{name}"]) >= 0 for name in ("DEMAND", "BUDGET", "EXCESS")), "its numbers are numbers", entry)
    tap.equal(entry["MESSAGE"], f"level orange, was green: {entry['SPILLWAY_REASON']}", "the line says the same to people")
    tap.ok("level orange" not in agent.process.log(), "and is not said twice")
    agent.cli("level", "auto")
    wait_for(lambda: len(journal.changes()) == 2, 5, "an entry of the way back")
    entry = journal.changes()[1]
    tap.equal((entry["SPILLWAY_LEVEL"], entry["SPILLWAY_FORMER"]), ("green", "orange"), "so is the way back")
    agent.stop()
    tap.ok("<6>" in agent.process.log() or "<5>" in agent.process.log(), "all other lines carry their priority",
           agent.process.log())


def journal_that_is_gone(tap, world):
    """A journal that refuses everything: the line goes to the normal log, and the agent continues."""
    shop = world.shop()
    journal = Journal(world)
    agent = world.agent(shop, SERVICES + CLASSES)
    agent.start(*journal.before())
    journal.socket.close()
    (journal.folder / "socket").unlink()
    agent.cli("level", "set", "red")
    wait_for(lambda: "<5>level red, was green" in agent.process.log(), 5, "the line in the log")
    tap.ok(agent.ticking(), "without a journal the line is in the log, and the agent goes on")
    agent.stop()


run_tests(fields_of_a_change, journal_that_is_gone)
