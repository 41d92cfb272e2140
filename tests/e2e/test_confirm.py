#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""apply --confirm: without confirmation the former state comes back exactly, whatever happens meanwhile (fault 40)."""
from world import SLOW, request, run_tests, wait_for

SECONDS = int(8 * SLOW)  # until it is rolled back

BODY = """\
lists:
  cut: {{ file: cut.txt }}
classes:
  - {{ name: kept, lists: [cut], cut_from: {level} }}
  - {{ name: rest }}
{more}"""


def build(world):
    """A shop and a client whose prefix is in a file; the new configuration cuts its class at red, the old one never."""
    shop, client = world.shop(), world.client("abroad", 3)
    world.nginx(shop)
    (world.folder / "cut.txt").write_text("198.18.3.0/24\n192.0.2.0/24\n")
    agent = world.agent(shop, BODY.format(level="never", more=""))
    agent.start()
    agent.cli("level", "set", "red")
    wait_for(lambda: agent.status()["level"] == "red", 2, "level red")
    return client, agent


def ruleset(agent):
    """What a rollback must restore: numbers of the ruleset, names, the effect of the level."""
    status = agent.status()
    return ({key: status["ruleset"][key] for key in ("generation", "prefixes4", "prefixes6", "bytes")},
            [(entry["name"], entry["cut_from"]) for entry in status["classes"] if entry.get("active", True)])


def change(world, agent):
    """Change configuration and list, then `apply --confirm`."""
    agent.write(BODY.format(level="red", more="mode: enforce\n"))
    (world.folder / "cut.txt").write_text("198.18.3.0/24\n")
    return agent.cli("apply", "--confirm", SECONDS)


def taken_back_in_time(tap, world):
    client, agent = build(world)
    before = ruleset(agent)
    tap.equal(request(client), 200, "before: served")
    done = change(world, agent)
    tap.ok("spillway confirm" in done.stdout, "apply says what to do", done.stdout)
    tap.equal(request(client, timeout=0.6), None, "unconfirmed: cut by the new ruleset")
    tap.ok(0 < agent.status()["ruleset"]["unconfirmed_for_s"] <= SECONDS, "status says how long it has")
    (world.folder / "cut.txt").unlink()  # a rollback must not read it again
    plain = agent.cli("apply", check=False)
    tap.ok(plain.returncode == 1 and "confirm" in plain.stderr, "a plain apply is refused meanwhile", plain.stderr)
    wait_for(lambda: agent.status()["ruleset"]["taken_back"], SECONDS + 3, "it is taken back")
    tap.equal(ruleset(agent), before, "exactly the previous ruleset (fault 40)")
    tap.equal(request(client), 200, "and it judges as before (fault 40)")
    late = agent.cli("confirm", check=False)
    tap.ok(late.returncode == 1 and "too late" in late.stderr, "confirm comes too late", late.stderr)
    agent.stop()
    agent.start()
    tap.equal(ruleset(agent), before, "a restart does not bring the refused one back (fault 40)")
    (world.folder / "cut.txt").write_text("198.18.3.0/24\n")
    agent.cli("apply")
    tap.equal(request(client, timeout=0.6), None, "the next apply takes the new one")
    tap.equal(agent.status()["ruleset"]["taken_back"], False, "and nothing waits any more")


def killed_in_between(tap, world):
    client, agent = build(world)
    before = ruleset(agent)
    change(world, agent)
    tap.equal(request(client, timeout=0.6), None, "unconfirmed: cut by the new ruleset")
    agent.process.kill()
    (world.folder / "cut.txt").unlink()
    agent.start()
    tap.equal(ruleset(agent), before, "kill -9, started anew: exactly the previous ruleset (fault 40)")
    tap.equal(request(client), 200, "and it judges as before (fault 40)")


def confirmed(tap, world):
    client, agent = build(world)
    nothing = agent.cli("confirm", check=False)
    tap.ok(nothing.returncode == 1 and "nothing to confirm" in nothing.stderr, "nothing to confirm: an error", nothing.stderr)
    change(world, agent)
    first = ruleset(agent)
    agent.cli("confirm")
    tap.equal(agent.status()["ruleset"]["unconfirmed_for_s"], None, "confirmed: nothing waits")
    wait_for(lambda: agent.status()["lease_remaining_s"] > 0, 1, "it ticks on")
    agent.process.kill()
    agent.start()
    tap.equal(ruleset(agent)[1], first[1], "confirmed, killed, started anew: the new one (fault 40)")
    tap.equal(request(client, timeout=0.6), None, "and it cuts")


run_tests(taken_back_in_time, killed_in_between, confirmed)
