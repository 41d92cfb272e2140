#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# host only: the bouncer and the bans of the agent; what the kernel does with bans is in test_bans.py
"""The bouncer for CrowdSec, with a simulated local API and, where it is installed, with CrowdSec itself."""
import json
import os
import re
import shutil
import time
from pathlib import Path

from lapi import KEY, Lapi
from world import ROOT, SLOW, SPILLWAY, run, run_tests, wait_for, waited_ns

BODY = """\
lists: { banned: {} }
management: { prefixes: [192.0.2.0/24], ports: [22] }
classes:
  - { name: blocked, lists: [banned], cut_from: green, cut: all }
  - { name: unknown }
"""
MANY = 50_000


class Bouncer:
    """spillway crowdsec beside an agent."""

    def __init__(self, world, agent):
        self.agent = agent
        self.key = world.folder / "crowdsec.key"
        self.key.write_text(KEY + "\n")
        self.key.chmod(0o600)
        self.process = None

    def words(self, *more):
        return ["crowdsec", "--key", self.key, "--every", "1s", *more]

    def start(self, *more):
        self.process = self.agent.namespace.start(SPILLWAY, "-c", self.agent.config, *self.words(*more), name="bouncer")

    def once(self, *more):
        return self.agent.cli(*self.words("--once", *more), check=False)

    def log(self):
        return self.process.log()

    def peak(self):
        """Peak resident memory in bytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) * 1024


def build(world):
    shop = world.shop()
    agent = world.agent(shop, BODY)
    agent.start()
    return shop, agent, Bouncer(world, agent)


def entries(agent):
    shown = json.loads(agent.cli("-j", "list", "show", "banned").stdout)[0]["entries"]
    return {entry["prefix"]: entry for entry in shown}


def decisions_become_bans(tap, world):
    shop, agent, bouncer = build(world)
    lapi = Lapi(world, shop)
    lapi.add("198.18.3.7", "3h59m50.2s")
    lapi.add("2001:db8:3::7", "1m30s")
    lapi.add("198.18.64.0/20", "167h59m59.999999999s", scope="Range")
    lapi.add("198.18.3.8", "-2.5s")
    lapi.add("198.18.3.9", kind="captcha")
    lapi.add("198.18.3.10", simulated=True)
    lapi.add("DE", scope="Country")
    lapi.add("198.18.3.300")
    bouncer.start()
    wait_for(lambda: len(entries(agent)) == 3, 10, "three bans")
    found = entries(agent)
    tap.equal({prefix: (entry["owner"], entry["note"]) for prefix, entry in found.items()},
              dict.fromkeys(("198.18.3.7/32", "2001:db8:3::7/128", "198.18.64.0/20"), ("crowdsec", "crowdsec")),
              "addresses and ranges are bans, in both families, with their owner")
    tap.ok(all(seconds - 20 < found[prefix]["left_s"] <= seconds * 1.032 for prefix, seconds in (
        ("198.18.3.7/32", 14390.2), ("2001:db8:3::7/128", 90), ("198.18.64.0/20", 604800))), "for as long", found)
    tap.becomes(lambda: all(word in bouncer.log() for word in ("Country DE", "198.18.3.9: captcha", "198.18.3.300")), 5,
                "what is skipped is named: another scope, another type, and no address")
    tap.equal(lapi.agents, {"spillway/" + agent.cli("version").stdout.split()[1]}, "it says who it is")

    agent.cli("list", "add", "banned", "198.18.3.7", "--for", "10m")
    lapi.add("198.18.3.11", "1h")
    lapi.delete("198.18.3.7")
    lapi.delete("198.18.64.0/20")
    tap.becomes(lambda: sorted(entries(agent)) == ["198.18.3.11/32", "198.18.3.7/32", "2001:db8:3::7/128"], 10,
                "new ones come and deleted ones go")
    tap.equal(entries(agent)["198.18.3.7/32"]["owner"], "hand", "but not the ban of another owner")
    lapi.delete("198.18.3.11")
    lapi.add("198.18.3.11", "2h")
    tap.becomes(lambda: entries(agent).get("198.18.3.11/32", {"left_s": 0})["left_s"] > 3700, 10,
                "deleted and added at once: it is banned")
    before = len(lapi.pulls)
    lapi.add("198.18.3.11", "1h")
    wait_for(lambda: len(lapi.pulls) > before + 1, 10, "it goes on asking")
    tap.ok(entries(agent)["198.18.3.11/32"]["left_s"] > 3700, "a second, shorter decision does not shorten the ban")
    tap.equal((lapi.pulls[0], set(lapi.pulls[1:])), ("true", {"false"}), "for everything at first, then for changes")
    tap.equal(bouncer.log().count("Country DE"), 1, "what is skipped is named once")
    bouncer.process.stop()
    tap.equal(len(entries(agent)), 3, "the bans stay when the bouncer stops")


def fifty_thousand(tap, world):
    """Each decision has its own end."""
    shop, agent, bouncer = build(world)
    lapi = Lapi(world, shop)
    for number in range(MANY):
        lapi.add(f"198.19.{number >> 8 & 255}.{number & 255}" if number % 2 else f"2001:db8:{number:x}::1",
                 f"{number % 4}h{10 + number * 31 % 50}m{number * 7 % 60}.{number % 1000:03}s")

    def waited():
        """Seconds for which both were runnable, but other programs had the CPU."""
        return (waited_ns(bouncer.process.pid) + waited_ns(agent.process.pid)) / 1e9

    sent = []  # of each answer: when, and what they had waited by then
    lapi.on_sent = lambda: sent.append((time.time(), waited()))
    bouncer.start("-j")
    wait_for(lambda: "in_force" in bouncer.log() or not bouncer.process.alive(), 30, "the first round is done")
    elsewhere = waited() - sent[0][1]
    took = bouncer.process.log_path.stat().st_mtime - sent[0][0] - elsewhere
    told = json.loads(bouncer.log().splitlines()[0])
    tap.ok(told["in_force"] == MANY and took < 1 * SLOW, "50,000 decisions are in force within 1 s of the answer",
           (told, took, elsewhere))
    print(f"# 50,000 decisions: in force {took:.3f} s behind the last byte of the answer, {elsewhere:.3f} s without a CPU apart; "
          f"{told['seconds']:.3f} s of it for the agent; peak memory {bouncer.peak() / 1e6:.0f} MB")
    tap.equal(len(entries(agent)), MANY, "all of them")
    tap.ok(bouncer.peak() < 64e6, "with bounded memory", bouncer.peak())
    gone = [value for number, value in enumerate(lapi.decisions) if number % 2]
    for value in gone:
        lapi.delete(value)
    tap.becomes(lambda: len(entries(agent)) == MANY - len(gone), 10, "and 25,000 are lifted when they are deleted")
    tap.ok(agent.ticking(), "the agent renews its lease meanwhile")


def api_away(tap, world):
    """Whatever the local API does, bans stay, and afterwards everything is requested again."""
    shop, agent, bouncer = build(world)
    agent.cli("list", "add", "banned", "198.18.3.1", "--owner", "crowdsec")
    bouncer.start()
    tap.becomes(lambda: "127.0.0.1:8080: " in bouncer.log() and "trying again" in bouncer.log(), 10, "no API: it says so")
    lapi = Lapi(world, shop)
    good = b'{"new":[{"duration":"4h","scope":"Ip","type":"ban","value":"198.18.3.2"}],"deleted":null}'

    def answers(status, body, length=None):
        return lambda handler: handler.reply(status, body, length)

    def endless(piece, start=b""):
        def answer(handler):
            handler.send_response(200)
            handler.end_headers()
            try:
                handler.wfile.write(start)
                for _ in range(100_000):
                    handler.wfile.write(piece)
            except OSError:
                pass
        return answer

    decision = good[8:-17] + b","
    for name, answer, word in (
            ("no JSON", answers(200, b"<html>"), "is refused"), ("nothing", answers(200, b""), "it is empty"),
            ("half of it", answers(200, good[:-30]), "cut off"), ("cut off", answers(200, good[:-30], 4000), "transfer closed"),
            ("other JSON", answers(200, b'{"message":"hello"}'), "neither"), ("an array", answers(200, b"[]"), "neither"),
            ("new twice", answers(200, b'{"new":null,' + good[1:]), "is refused"),
            ("no objects", answers(200, b'{"new":["198.18.3.2"],"deleted":null}'), "must be arrays"),
            ("garbage behind", answers(200, good + b"}"), "not JSON"),
            ("a bad decision", answers(200, good.replace(b'"4h"', b"4h")), "a decision in it is not JSON"),
            ("status 500", answers(500, good), "status 500"), ("status 302", answers(302, good), "status 302"),
            ("endless blanks", endless(b" " * 65536), "too large"),
            ("an endless decision", endless(b"x" * 65536, good[:60]), "longer than 64 KiB"),
            ("endless decisions", endless(decision * 1000, good[:8]), "too large"),
            ("endless nesting", endless(b"[" * 65536, good[:8]), "nested")):
        lapi.answer = answer
        done = bouncer.once()
        tap.ok(done.returncode == 1 and word in done.stderr and done.stderr.count("\n") == 1, f"{name}: is refused",
               done.stderr)
    tap.equal(sorted(entries(agent)), ["198.18.3.1/32"], "nothing of it was taken, and the bans of before are there")
    before = len(lapi.pulls)
    lapi.answer = endless(decision * 1000, good[:8])
    wait_for(lambda: len(lapi.pulls) > before and "too large" in bouncer.log(), 70, "the bouncer that runs meets such an answer")
    tap.ok(bouncer.peak() < 100e6, "in bounded memory", bouncer.peak())
    bouncer.process.stop()

    lapi.answer = None
    lapi.add("198.18.3.4")
    bouncer.start()
    wait_for(lambda: sorted(entries(agent)) == ["198.18.3.4/32"], 10, "what is not decided any more is lifted at a start")
    lapi.answer = answers(503, b"")
    wait_for(lambda: "status 503" in bouncer.log(), 10, "the API fails")
    lapi.add("198.18.3.5")
    lapi.delete("198.18.3.4")
    lapi.pull("false")  # reported, and lost
    lapi.answer = None
    tap.becomes(lambda: sorted(entries(agent)) == ["198.18.3.5/32"], 15, "after a failure everything is asked for")
    tap.becomes(lambda: "works again" in bouncer.log(), 5, "and this is reported")
    tap.equal(bouncer.log().count("status 503"), 1, "a failure that goes on is reported once")


def agent_away(tap, world):
    shop, agent, bouncer = build(world)
    lapi = Lapi(world, shop)
    lapi.add("198.18.3.1")
    lapi.add("198.18.3.2")
    bouncer.start()
    wait_for(lambda: len(entries(agent)) == 2, 10, "two bans")
    agent.stop()
    wait_for(lambda: "no agent listens" in bouncer.log(), 10, "the agent is away")
    lapi.add("198.18.3.3")
    lapi.delete("198.18.3.1")
    agent.start()
    tap.becomes(lambda: sorted(entries(agent)) == ["198.18.3.2/32", "198.18.3.3/32"], 10,
                "what came and went while no agent ran is in force")
    agent.process.kill()
    agent.cli("detach")
    shutil.rmtree(agent.state_dir)
    agent.start()
    tap.becomes(lambda: sorted(entries(agent)) == ["198.18.3.2/32", "198.18.3.3/32"], 10,
                "an agent that has lost its state gets everything")
    bouncer.process.kill()
    lapi.delete("198.18.3.2")
    lapi.pull("false")
    lapi.add("198.18.3.4")
    lapi.delete("198.18.3.4")
    agent.cli("list", "add", "banned", "198.18.3.4", "--owner", "crowdsec")
    for address in ("198.18.3.2", "198.18.3.3", "198.18.3.9"):
        agent.cli("list", "add", "banned", address, "--owner", "hand")
    bouncer.start()
    tap.becomes(lambda: {prefix: entry["owners"] for prefix, entry in entries(agent).items()} ==
                {"198.18.3.2/32": 1, "198.18.3.3/32": 2, "198.18.3.9/32": 1}, 10,
                "a new bouncer lifts what was deleted meanwhile, and its part of what others want too")


def refused_decisions(tap, world):
    """A decision that the agent refuses does not affect the others."""
    shop, agent, bouncer = build(world)
    lapi = Lapi(world, shop)
    for number in range(2000):
        lapi.add(f"198.19.{number >> 8}.{number & 255}", f"{3000 + number % 3}s")
    lapi.add("192.0.2.9", "3001s")
    lapi.add("0.0.0.0/0", "3000s", scope="Range")
    done = bouncer.once("-j")
    told = json.loads(done.stdout)
    tap.equal((done.returncode, told["in_force"], told["refused"], told["all"]), (0, 2000, 2, True),
              "all but a management address and everything")
    tap.ok("refuses 2 decisions" in done.stderr and "0.0.0.0/0" in done.stderr, "and this is reported", done.stderr)
    tap.equal(len(entries(agent)), 2000, "they are in force")
    done = bouncer.once("--list", "nowhere")
    tap.ok(done.returncode == 1 and "nowhere" in done.stderr, "a list that is not there is a failure", done.stderr)


def as_the_unit_runs_it(tap, world):
    """With the capabilities of spillway-crowdsec.service alone: those are enough to find what is to be lifted."""
    shop, agent, bouncer = build(world)
    unit = (ROOT / "packaging/crowdsec/spillway-crowdsec.service").read_text()
    kept = re.search(r"^CapabilityBoundingSet=(.*)$", unit, re.M)[1].lower().replace("cap_", "+").split()
    lapi = Lapi(world, shop)
    lapi.add("198.18.3.1")
    agent.cli("list", "add", "banned", "198.18.3.2", "--owner", "crowdsec")
    done = shop.run("setpriv", "--bounding-set", ",".join(["-all", *kept]), "--inh-caps", "-all", "--no-new-privs",
                    SPILLWAY, "-c", agent.config, *bouncer.words("--once"), check=False)
    tap.equal((done.returncode, sorted(entries(agent))), (0, ["198.18.3.1/32"]), f"{' '.join(kept)} is enough: {done.stderr}")


def keys_and_certificates(tap, world):
    shop, agent, bouncer = build(world)
    lapi = Lapi(world, shop)
    lapi.add("198.18.3.1")

    def refused(name, word, *words):
        done = bouncer.once(*words)
        tap.ok(done.returncode == (2 if word.startswith("--") else 1) and word in done.stderr and KEY not in done.stderr,
               name, done.stderr)

    bouncer.key.chmod(0o640)
    refused("a key that others can read is refused", "chmod 600")
    bouncer.key.chmod(0o600)
    os.chown(bouncer.key, 65534, 65534)
    refused("one of another user too", "belongs to root")
    os.chown(bouncer.key, 0, 0)
    refused("a folder", "must be a file", "--key", world.folder)
    refused("none", "No such file", "--key", world.folder / "nothing")
    for text, word in (("", "empty"), ("x" * 300, "too long"), ("two\nlines", "one line"), ("a\0b", "one line")):
        bouncer.key.write_text(text)
        refused(f"a key that is {word}", word)
    bouncer.key.write_text("another-key")
    refused("a key that the API does not know", "cscli bouncers add")
    bouncer.key.write_text(KEY)
    for words in (("--url", "ftp://127.0.0.1"), ("--url", "http://user:word@127.0.0.1"), ("--url", "http://h/?a=b"),
                  ("--every", "100ms"), ("--every", "2h"), ("--owner", "")):
        refused(f"{' '.join(words)} is no use", words[0], *words)
    tap.equal((lapi.pulls, sorted(entries(agent))), ([], []), "nothing was asked or banned so far")
    done = bouncer.once("--url", "http://192.0.2.1:8080/")
    tap.ok("unencrypted" in done.stderr, "a key over the net without TLS: a warning", done.stderr)
    tap.equal((bouncer.once("--url", "http://127.0.0.1:8080//").returncode, sorted(entries(agent))), (0, ["198.18.3.1/32"]),
              "slashes at the end of the URL are no matter")
    lapi.close()

    certificate, secret = world.folder / "lapi.pem", world.folder / "lapi.secret"
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1",
        "-subj", "/CN=lapi", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", secret, "-out", certificate)
    safe = Lapi(world, shop, (certificate, secret))
    safe.add("198.18.3.2")
    refused("a certificate that nobody vouches for is refused", "certificate", "--url", "https://127.0.0.1:8080")
    refused("one of another name too", "localhost", "--url", "https://localhost:8080", "--ca", certificate)
    tap.equal(safe.pulls, [], "before the key is sent")
    tap.equal((bouncer.once("--url", "https://127.0.0.1:8080", "--ca", certificate).returncode, sorted(entries(agent))),
              (0, ["198.18.3.2/32"]), "one that is trusted is taken")


class Crowdsec:
    """A CrowdSec of this test: only its local API, without network access."""

    def __init__(self, world, namespace):
        self.namespace, folder = namespace, world.folder / "crowdsec"
        for name in ("data", "hub", "notifications", "plugins"):
            (folder / name).mkdir(parents=True)
        shutil.copytree("/etc/crowdsec/patterns", folder / "patterns")
        for name in ("simulation.yaml", "profiles.yaml"):
            shutil.copy(f"/etc/crowdsec/{name}", folder)
        shutil.copy("/usr/share/crowdsec/hub/.index.json", folder / "hub")
        (folder / "login.yaml").touch()
        self.config = folder / "config.yaml"
        self.config.write_text(f"""\
common: {{ daemonize: false, log_media: stdout, log_level: info, log_dir: {folder}/, working_dir: . }}
config_paths: {{ config_dir: {folder}/, data_dir: {folder}/data/, simulation_path: {folder}/simulation.yaml,
  hub_dir: {folder}/hub/, index_path: {folder}/hub/.index.json, notification_dir: {folder}/notifications/,
  plugin_dir: {folder}/plugins/ }}
cscli: {{ output: raw }}
db_config: {{ log_level: info, type: sqlite, db_path: {folder}/data/crowdsec.db, use_wal: true }}
api:
  client: {{ credentials_path: {folder}/login.yaml }}
  server: {{ log_level: info, listen_uri: "127.0.0.1:8080", profiles_path: {folder}/profiles.yaml, trusted_ips: [127.0.0.1] }}
prometheus: {{ enabled: false }}
""")
        self.cscli("machines", "add", "test", "--password", "secret", "--force", "-f", folder / "login.yaml",
                   "-u", "http://127.0.0.1:8080")
        self.cscli("bouncers", "add", "spillway", "-k", KEY)
        self.server = namespace.start("crowdsec", "-c", self.config, "-no-cs", name="crowdsec")
        wait_for(lambda: self.cscli("decisions", "list", check=False).returncode == 0 or not self.server.alive(), 20,
                 "CrowdSec answers")
        if not self.server.alive():
            raise RuntimeError(self.server.log())

    def cscli(self, *words, **options):
        return self.namespace.run("cscli", "-c", self.config, *words, **options)


def real_crowdsec(tap, world):
    if not shutil.which("crowdsec") or not shutil.which("cscli"):
        tap.skip("the real CrowdSec", "the package crowdsec is not installed")
        return
    shop, agent, bouncer = build(world)
    crowdsec = Crowdsec(world, shop)
    crowdsec.cscli("decisions", "add", "--ip", "198.18.3.7", "--duration", "4h")
    crowdsec.cscli("decisions", "add", "--range", "2001:db8:3::/48", "--duration", "1h")
    bouncer.start()
    tap.becomes(lambda: sorted(entries(agent)) == ["198.18.3.7/32", "2001:db8:3::/48"], 10, "its decisions are bans")
    tap.ok(14400 - 60 * SLOW < entries(agent)["198.18.3.7/32"]["left_s"] < 14400 * 1.032, "for as long", entries(agent))
    crowdsec.cscli("decisions", "add", "--ip", "198.18.3.8", "--duration", f"{5 * SLOW:.0f}s")
    tap.becomes(lambda: "198.18.3.8/32" in entries(agent), 10, "another one")
    crowdsec.cscli("decisions", "add", "--ip", "198.18.3.7", "--duration", "1h")
    crowdsec.cscli("decisions", "add", "--scope", "Country", "--value", "DE")
    crowdsec.cscli("decisions", "delete", "--range", "2001:db8:3::/48")
    tap.becomes(lambda: sorted(entries(agent)) == ["198.18.3.7/32"], 10, "one ends, and one is deleted")
    tap.ok(entries(agent)["198.18.3.7/32"]["left_s"] > 3700, "a second, shorter decision does not shorten the first one",
           entries(agent))
    bouncer.process.stop()
    crowdsec.cscli("decisions", "delete", "--ip", "198.18.3.7")
    bouncer.start()
    tap.becomes(lambda: not entries(agent), 10, "one that is deleted while no bouncer runs is lifted by the next")
    crowdsec.cscli("bouncers", "delete", "spillway")
    tap.becomes(lambda: "cscli bouncers add" in bouncer.log(), 10, "a key that is deleted: it says what to do")


if __name__ == "__main__":
    run_tests(decisions_become_bans, fifty_thousand, api_away, agent_away, refused_decisions, as_the_unit_runs_it,
              keys_and_certificates, real_crowdsec)
