#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Damaged, emptied and newly overlapping list files do not disable protection."""
from world import request, run_tests

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


if __name__ == "__main__":
    run_tests(damaged_lines_are_skipped)
