#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# host only: a script that calls `list add`
"""FastNetMon's notify script, with FastNetMon's arguments and the details of an attack on its stdin, and called by
FastNetMon itself where it is installed."""
import json
import os
import shutil
import subprocess
import time

from world import ROOT, SLOW, SPILLWAY, finish_blast, run_tests, scaled, wait_for

BODY = """\
lists: { banned: {} }
classes:
  - { name: blocked, lists: [banned], cut_from: green, cut: all }
  - { name: unknown }
"""
SCRIPT = ROOT / "packaging/fastnetmon/spillway-notify"
# More than fits into a pipe: without reading all of it the script would break FastNetMon's pipe.
DETAILS = "IP: 198.18.3.7\nAttack type: udp_flood\n" + "2026-11-24 12:00:00 198.18.3.7:53 > 192.0.2.9:80 udp\n" * 4000


def build(world):
    agent = world.agent(world.shop(), BODY)
    agent.start()
    return agent


def entries(agent):
    shown = json.loads(agent.cli("-j", "list", "show", "banned").stdout)[0]["entries"]
    return {entry["prefix"]: entry for entry in shown}


def notify(agent, *words, details="", **settings):
    """(exit status, stderr, whether all details were read)"""
    environment = {**os.environ, "SPILLWAY": f"{SPILLWAY} -c {agent.config}",
                   **{f"SPILLWAY_{key.upper()}": value for key, value in settings.items()}}
    process = subprocess.Popen([SCRIPT, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               text=True, env=environment)
    whole = True
    try:
        process.stdin.write(details)
        process.stdin.close()
    except BrokenPipeError:
        whole = False
    process.stdin = None
    said = process.communicate(timeout=30 * SLOW)[1]
    return process.returncode, said, whole


def bans_and_unbans(tap, world):
    agent = build(world)
    for address, prefix in (("198.18.3.7", "198.18.3.7/32"), ("2001:db8:3::7", "2001:db8:3::7/128")):
        tap.equal(notify(agent, address, "outgoing", "25000", "ban", details=DETAILS), (0, "", True),
                  f"a ban of {address}, and its details are read")
        entry = entries(agent).get(prefix, {})
        tap.equal((entry.get("owner"), entry.get("note")), ("fastnetmon", "fastnetmon: outgoing, 25000 packets/s"),
                  "is in force, with owner and reason")
        tap.ok(86300 < entry.get("left_s", 0) <= 86400, "and ends by itself", entry)
    before = entries(agent)
    tap.equal(notify(agent, "198.18.3.7", "outgoing", "25000", "attack_details", details=DETAILS), (0, "", True),
              "attack_details: they are read")
    tap.equal(sorted(entries(agent)), sorted(before), "and change nothing")
    agent.cli("list", "add", "banned", "198.18.3.7", "--for", "1h")
    tap.equal(notify(agent, "198.18.3.7", "outgoing", "0", "unban")[:2], (0, ""), "an unban")
    left = entries(agent)
    tap.equal((sorted(left), left["198.18.3.7/32"]["owner"]), (sorted(before), "hand"), "lifts FastNetMon's ban alone")
    notify(agent, "2001:db8:3::7", "outgoing", "0", "unban")
    tap.equal((notify(agent, "2001:db8:3::7", "outgoing", "0", "unban")[:2], sorted(entries(agent))),
              ((0, ""), ["198.18.3.7/32"]), "an unban of what is not banned is no error")


def targets(tap, world):
    """spillway judges by source: the target of an attack is not banned unless configured."""
    agent = build(world)
    status, said, whole = notify(agent, "198.18.3.8", "incoming", "90000", "ban", details=DETAILS)
    tap.ok(status == 0 and whole and "target" in said and "198.18.3.8" in said, "the target is not banned, and this is reported",
           said)
    tap.equal(sorted(entries(agent)), [], "no ban")
    status, said, _ = notify(agent, "198.18.3.8", "incoming", "90000", "ban", details=DETAILS, incoming="ban")
    tap.equal((status, said, sorted(entries(agent))), (0, "", ["198.18.3.8/32"]), "unless it is set so")


def wrong_words(tap, world):
    agent = build(world)
    for words in ((), ("198.18.3.7", "outgoing", "1"), ("198.18.3.7", "outgoing", "1", "ban", "more"),
                  ("198.18.3.7", "sideways", "1", "ban"), ("198.18.3.7", "outgoing", "many", "ban"),
                  ("198.18.3.7", "outgoing", "1", "forgive"), ("198.18.3.0/24", "outgoing", "1", "ban"),
                  ("--force", "outgoing", "1", "ban"), ("", "outgoing", "1", "ban"), ("7", "outgoing", "1", "ban"),
                  ("$(id)", "outgoing", "1", "ban")):
        status, said, whole = notify(agent, *words, details=DETAILS)
        tap.ok(status == 2 and said.count("\n") == 1 and whole, f"{' '.join(words) or 'nothing'}: is refused in one line",
               (status, said, whole))
    for words, settings in ((("198.18.3.999", "outgoing", "1", "ban"), {}),
                            (("198.18.3.7", "outgoing", "1", "ban"), {"list": "nowhere"})):
        status, said, whole = notify(agent, *words, details=DETAILS, **settings)
        tap.ok(status == 1 and words[0] in said and whole, f"{words[0]} {settings}: what spillway refuses is a failure",
               (status, said, whole))
    tap.equal(sorted(entries(agent)), [], "and nothing is banned")


def no_agent(tap, world):
    agent = build(world)
    notify(agent, "198.18.3.7", "outgoing", "1000", "ban")
    agent.stop()
    began = time.monotonic()
    tap.equal([notify(agent, "198.18.3.9", "outgoing", "1000", "ban", details=DETAILS),
               notify(agent, "198.18.3.7", "outgoing", "1000", "unban")], [(0, "", True)] * 2,
              "while no agent runs, a ban and an unban are taken")
    tap.ok(time.monotonic() - began < 5 * SLOW, "at once", time.monotonic() - began)
    agent.start()
    tap.equal(sorted(entries(agent)), ["198.18.3.9/32"], "and both are in force when the next agent is ready")


def open_pipe(tap, world):
    """Called by hand, or with a pipe that is never closed."""
    agent = build(world)
    environment = {**os.environ, "SPILLWAY": f"{SPILLWAY} -c {agent.config}"}
    process = subprocess.Popen([SCRIPT, "198.18.3.7", "outgoing", "1", "ban"], stdin=subprocess.PIPE, env=environment)
    wait_for(lambda: "198.18.3.7/32" in entries(agent), 5, "the ban does not wait for the end of the details")
    tap.equal(process.wait(timeout=20 * SLOW), 0, "and a pipe that stays open holds it up for seconds at most")
    process.stdin.close()


def real_fastnetmon(tap, world):
    if not shutil.which("fastnetmon"):
        tap.skip("the real FastNetMon", "the package fastnetmon is not installed")
        return
    shop = world.shop()
    flood = world.flood(shop)
    agent = world.agent(shop, BODY, interfaces=("eth1",))
    agent.start()
    folder = world.folder / "fastnetmon"
    folder.mkdir()
    (folder / "networks").write_text("198.18.3.0/24\n")
    (folder / "none").touch()
    (folder / "notify").write_text(f"#!/bin/sh\necho $4 >>{folder}/calls\nSPILLWAY='{SPILLWAY} -c {agent.config}' {SCRIPT} \"$@\"\n")
    (folder / "notify").chmod(0o755)
    (folder / "conf").write_text(f"""\
disable_usage_report = on
enable_ban = on
process_incoming_traffic = on
process_outgoing_traffic = on
ban_time = 4
networks_list_path = {folder}/networks
white_list_path = {folder}/none
monitor_local_ip_addresses = off
check_period = 1
ban_for_pps = on
threshold_pps = {scaled(1000)}
mirror_afpacket = on
interfaces = eth1
average_calculation_time = 2
notify_script_path = {folder}/notify
cli_stats_file_path = {folder}/stats
cli_stats_ipv6_file_path = {folder}/stats6
""")
    # It writes reports into /var/log, which is hidden from it.
    shop.start("unshare", "--mount", "sh", "-c", "mount -t tmpfs tmpfs /var/log && exec fastnetmon --disable_pid_logic "
               f"--configuration_file {folder}/conf --log_file {folder}/log", name="fastnetmon")
    wait_for(lambda: (folder / "stats").exists(), 20, "FastNetMon counts")
    stream = world.blast(flood, "198.18.3.7", 1, target="192.0.2.1", rate=scaled(20_000), seconds=5)
    wait_for(lambda: "198.18.3.7/32" in entries(agent), 20, "a ban")
    entry = entries(agent)["198.18.3.7/32"]
    tap.ok(entry["owner"] == "fastnetmon" and entry["note"].startswith("fastnetmon: outgoing, "), "who attacks is banned", entry)
    tap.becomes(lambda: "attack_details" in (folder / "calls").read_text(), 20, "the details come")
    finish_blast(stream)
    tap.becomes(lambda: not entries(agent), 30, "and unbanned when that is over")


if __name__ == "__main__":
    run_tests(bans_and_unbans, targets, wrong_words, no_agent, open_pipe, real_fastnetmon)
