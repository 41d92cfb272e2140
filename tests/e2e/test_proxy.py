#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# host only: proxies and files of the agent
"""Behind a balancer: the recipes of docs/operations.md with a real HAProxy and a real nginx, `export`, and what tells that few
sources bring most of the new work."""
import json
import os
import re
import stat

from world import CLASSES, ROOT, SPILLWAY, KeptAlive, connect, finish_blast, http_get, request, run, run_tests, wait_for

PAGE = (ROOT / "docs/operations.md").read_text()
# The balancer is world.client("balancer", 1), in the class of 198.18.1.0/24, which is never cut. Behind it:
PARTNER, DOMESTIC, ABROAD, ABROAD6, UNKNOWN = "198.18.1.77", "198.18.2.9", "198.18.3.9", "2001:db8:3::9", "203.0.113.9"
EVERYBODY = (PARTNER, DOMESTIC, ABROAD, ABROAD6, UNKNOWN)
OPEN, FULL = 200, 503
ALL_OPEN = [OPEN] * 5
AT_ORANGE = [OPEN, OPEN, FULL, FULL, FULL]
AT_RED = [OPEN, FULL, FULL, FULL, FULL]


def block(heading, language):
    return re.search(rf"### {heading}\n.*?```{language}\n(.*?)```", PAGE, re.S)[1]


class Site:
    """A shop behind a balancer, with an agent that runs the hook of a recipe."""

    def __init__(self, world, hook, proxy, places):
        self.shop, self.balancer, self.home = world.shop(), world.client("balancer", 1), world.client("home", 2)
        self.hooks = world.folder / "hooks.d"
        self.hooks.mkdir(mode=0o755)
        self.hooks.chmod(0o755)
        self.agent = world.agent(self.shop, CLASSES, hooks={"dir": str(self.hooks)})
        self.agent.state_dir.mkdir(mode=0o700)
        self.places = {"/var/lib/spillway": str(self.agent.state_dir), **places}
        for what, name in (("classes", f"{proxy}-classes"), ("level", f"{proxy}-level")):
            ending = "map" if proxy == "haproxy" else "conf"
            self.agent.cli("export", what, f"--{proxy}", "-o", self.agent.state_dir / f"{name}.{ending}")
        recipe = (ROOT / "packaging/hooks" / hook).read_text().replace('"SPILLWAY", "spillway"', f'"SPILLWAY", "{self.command()}"')
        self.hook = self.hooks / hook
        self.hook.write_text(self.placed(recipe.replace("spillway=spillway", f"spillway='{self.command()}'")))
        self.hook.chmod(0o755)

    def command(self):
        return f"{SPILLWAY} -c {self.agent.config}"

    def placed(self, text):
        for old, new in self.places.items():
            text = text.replace(old, new)
        return text

    def ask(self, forwarded, namespace=None, cookie=False):
        """The status for a visitor whom the balancer has seen as @forwarded."""
        client = connect(namespace or self.balancer)
        if not client:
            return None
        headers = {"X-Forwarded-For": forwarded, **({"Cookie": "visit=1"} if cookie else {})}
        with KeptAlive(client) as kept:
            return kept.get(headers=headers)[0]

    def answers(self):
        return [self.ask(source) for source in EVERYBODY]

    def becomes(self, tap, expected, name, seconds=10):
        got = []
        tap.becomes(lambda: got.append(self.answers()) or got[-1] == expected, seconds, f"{name}: {expected}")
        if got[-1] != expected:
            print(f"# {got[-1]}")


def levels(tap, site, proxy):
    """The same for both proxies."""
    agent = site.agent
    tap.equal(site.answers(), ALL_OPEN, f"{proxy}: everybody is served at green")
    agent.cli("level", "set", "orange")
    site.becomes(tap, AT_ORANGE, f"{proxy}: at orange by class, IPv6 too")
    tap.equal(site.ask(f"::ffff:{ABROAD}"), FULL, f"{proxy}: an IPv4-mapped address is the IPv4 address")
    tap.equal(site.ask(f"{PARTNER}, {ABROAD}"), FULL, f"{proxy}: what the visitor claims in the header does not count")
    tap.equal(site.ask(ABROAD, cookie=True), OPEN, f"{proxy}: who was served before is served")
    tap.equal(site.ask(ABROAD, namespace=site.home), OPEN, f"{proxy}: the header counts from the balancer only")
    agent.cli("level", "set", "red")
    site.becomes(tap, AT_RED, f"{proxy}: at red")
    agent.cli("level", "set", "orange")
    site.becomes(tap, AT_ORANGE, f"{proxy}: at orange again")
    # Lists change: run the hook by hand.
    agent.write(CLASSES.replace('[198.18.2.0/24, "2001:db8:2::/48"]', '[198.18.2.0/24, 198.18.3.0/24, "2001:db8:2::/48"]')
                .replace('[198.18.3.0/24, "2001:db8:3::/48"]', '["2001:db8:3::/48"]'))
    agent.cli("apply")
    site.shop.run(site.hook)
    site.becomes(tap, [OPEN, OPEN, OPEN, FULL, FULL], f"{proxy}: after apply and the hook, by the new lists")


def haproxy(world, change=lambda text: text):
    home = world.folder / "proxy"
    home.mkdir()
    site = Site(world, "40-haproxy-classes", "haproxy", {"/run/haproxy/admin.sock": str(home / "admin.sock")})
    text = change(site.placed(block("HAProxy sheds", "haproxy")))
    text += "\nfrontend application\n    bind 127.0.0.1:8080\n    http-request return status 200 content-type text/plain string open\n"
    (home / "haproxy.cfg").write_text(text)
    checked = run("haproxy", "-c", "-f", home / "haproxy.cfg", check=False)
    if checked.returncode:
        raise RuntimeError(checked.stdout + checked.stderr)
    site.agent.start()
    server = site.shop.start("haproxy", "-db", "-f", home / "haproxy.cfg", name="haproxy")
    wait_for(lambda: request(site.shop, "127.0.0.1") or not server.alive(), 10, "HAProxy answers")
    return site, server


def haproxy_sheds(tap, world):
    site, server = haproxy(world)
    _, headers, _ = http_get(site.home)
    tap.ok("visit=1" in headers.get("set-cookie", ""), "HAProxy: who is served gets the cookie", headers)
    levels(tap, site, "HAProxy")
    hooks = [event for event in map(json.loads, (site.agent.state_dir / "events.jsonl").read_text().splitlines())
             if event["event"] == "hook"]
    tap.equal([event["ok"] for event in hooks], [True] * 3, "HAProxy: the hook has run for each change of the level")
    tap.equal(len(run("pgrep", "-f", server.popen.args[-1], check=False).stdout.split()), 1, "HAProxy: without a reload")
    site.agent.process.kill()
    site.becomes(tap, ALL_OPEN, "HAProxy: everybody is served when the agent is dead")


def haproxy_by_proxy_protocol(tap, world):
    """The two lines of the page in place of those about X-Forwarded-For."""
    lines = re.search(r"With the PROXY protocol.*?\n\n(.*?)\n\n", PAGE, re.S)[1]

    def change(text):
        before, rest = text.split("    acl from_balancer", 1)
        return before + lines + "\n    http-request set-var(txn.class)" + rest.split("http-request set-var(txn.class)", 1)[1]

    site, _ = haproxy(world, change)

    def ask(source):
        client = connect(site.balancer)
        family, target = ("TCP6", "2001:db8::1") if ":" in source else ("TCP4", "198.18.0.1")
        with client:
            client.sendall(f"PROXY {family} {source} {target} 40000 80\r\nGET / HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n".encode())
            return int(client.recv(4096).split()[1])

    site.agent.cli("level", "set", "orange")
    tap.becomes(lambda: [ask(source) for source in EVERYBODY] == AT_ORANGE, 10, f"HAProxy by the PROXY protocol: {AT_ORANGE}")
    tap.equal(request(site.home), OPEN, "HAProxy: others need no such header")


def nginx_sheds(tap, world):
    home = world.folder / "web"
    home.mkdir()
    site = Site(world, "40-nginx-classes", "nginx", {"/run/nginx.pid": str(home / "nginx.pid")})
    temporary = "".join(f"{kind}_temp_path {home}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    text = site.placed(block("nginx sheds", "nginx")).replace("http {", f"""http {{ {temporary} access_log off;
server {{ listen 127.0.0.1:8080; location / {{ return 200 "open"; }} }}""", 1)
    (home / "nginx.conf").write_text(f"daemon off; worker_processes 1; error_log {home}/error.log; pid {home}/nginx.pid;\n"
                                     f"events {{ worker_connections 512; }}\n{text}")
    site.agent.start()
    server = site.shop.start("nginx", "-e", f"{home}/error.log", "-p", home, "-c", "nginx.conf")
    wait_for(lambda: request(site.shop, "127.0.0.1") or not server.alive(), 10, "nginx answers")
    levels(tap, site, "nginx")
    site.agent.process.kill()
    site.shop.run(site.hook)
    site.becomes(tap, ALL_OPEN, "nginx: everybody is served once the hook has run without an agent")
    tap.ok(server.alive(), "nginx ran on all the time", server.log())


# ---- export ----

def lines_of(done):
    return [line for line in done.stdout.splitlines() if not line.startswith("#")]


def exported(tap, world):
    shop = world.shop()
    agent = world.agent(shop, CLASSES)
    before = agent.cli("export", "--haproxy")
    tap.equal([line for line in lines_of(before) if "." in line],
              ["0.0.0.0/0 unknown", "198.18.1.0/24 partner", "198.18.2.0/24 domestic", "198.18.3.0/24 international"],
              "without an agent: the classes of the configuration")
    served = ["partner served", "domestic served", "international served", "unknown served"]
    tap.equal(lines_of(agent.cli("export", "level", "--haproxy")), served, "without an agent nothing is refused")
    at_red = ["partner served", "domestic sheds", "international cut_new", "unknown sheds"]
    tap.equal(lines_of(agent.cli("export", "level", "--haproxy", "--level", "red")), at_red, "unless a level is given")
    agent.start()
    tap.equal(agent.cli("export", "--haproxy").stdout, before.stdout, "the agent has the same, byte for byte")
    agent.cli("level", "set", "red")
    tap.becomes(lambda: lines_of(agent.cli("export", "level", "--haproxy")) == at_red, 5, "the level in force")
    tap.equal(json.loads(agent.cli("-j", "export").stdout)["level"], "red", "as JSON too")
    narrow = CLASSES.replace("198.18.3.0/24", "198.18.3.0/25")
    agent.write(narrow)
    tap.equal(agent.cli("export", "--haproxy").stdout, before.stdout, "what is not applied is not exported")
    agent.cli("apply")
    tap.ok("198.18.3.0/25 international" in lines_of(agent.cli("export", "--haproxy")), "what was just applied is")
    agent.write(CLASSES)
    agent.cli("apply", "--confirm", "60")
    unconfirmed = agent.cli("export", "--haproxy")
    tap.ok("198.18.3.0/25 international" in lines_of(unconfirmed) and "unconfirmed" in unconfirmed.stderr,
           "what is not confirmed is not, and it says so", unconfirmed.stderr)
    agent.cli("confirm")
    tap.equal(agent.cli("export", "--haproxy").stdout, before.stdout, "once it is confirmed it is")
    agent.config.write_text("classes: [")
    tap.equal(agent.cli("-c", agent.config, "export", "--haproxy", check=False).returncode, 1, "a file without folders: an error")
    agent.write(CLASSES + "broken: 1\n")
    tap.equal(agent.cli("export", "--haproxy").stdout, before.stdout, "a broken file does not matter while the agent runs")
    agent.write("mode: observe\n" + CLASSES)
    agent.cli("apply")
    tap.equal(lines_of(agent.cli("export", "level", "--haproxy")), served, "in mode observe nothing is refused")
    files(tap, world, agent)


def files(tap, world, agent):
    target = world.folder / "classes.map"
    target.write_text("old\n")
    target.chmod(0o600)
    was = target.stat().st_ino
    old = os.open(target, os.O_RDONLY)
    agent.cli("export", "--nginx", "-o", target)
    tap.ok(target.stat().st_ino != was and os.read(old, 9) == b"old\n" and target.read_text().startswith("#"),
           "-o replaces the file in one step")
    os.close(old)
    tap.equal(stat.S_IMODE(target.stat().st_mode), 0o644, "which everybody may read")
    tap.equal(list(world.folder.glob("classes.map?*")), [], "and leaves nothing behind")
    failed = agent.cli("export", "--nginx", "-o", world.folder / "none/classes.map", check=False)
    tap.equal((failed.returncode, "none/classes.map" in failed.stderr), (1, True), "a folder that is not there: an error")
    for words in (["export"], ["export", "--haproxy", "--nginx"], ["-j", "export", "--nginx"], ["export", "names", "--nginx"],
                  ["export", "level", "--nginx", "--level", "blue"], ["export", "classes", "level", "--nginx"]):
        tap.equal(agent.cli(*words, check=False).returncode, 2, f"not understood: {' '.join(words)}")
    agent.write(CLASSES.replace("name: domestic", "name: at home"))
    agent.cli("apply")
    refused = agent.cli("export", "--haproxy", check=False)
    tap.ok(refused.returncode == 1 and "'at home' has a blank" in refused.stderr, "a class that HAProxy cannot name", refused.stderr)
    tap.equal(agent.cli("export", "--nginx").returncode, 0, "nginx can")


# ---- few sources ----

def doctor(agent):
    checks = json.loads(agent.cli("-j", "doctor", check=False).stdout)["checks"]
    return next((each["outcome"], each["detail"]) for each in checks if each["check"] == "sources")


def few_sources(tap, world):
    shop = world.shop()
    flood = world.flood(shop)
    agent = world.agent(shop, CLASSES, interfaces=("eth0", "eth1"))
    agent.start()
    tap.equal(doctor(agent)[0], "ok", "no traffic: nothing to say")

    def share(kind):
        return agent.metrics().one("spillway_few_sources_new_work_share", kind=kind)

    crowd = world.blast(flood, "10.0.0.0", 4000, rate=300, extra=("--step", 997))
    tap.becomes(lambda: 0 < share("source") < 0.3, 10, "many sources: the heaviest eight have a small share")
    tap.equal(doctor(agent)[0], "ok", "doctor finds nothing")
    balancers = world.blast(flood, "198.18.1.0", 4, rate=1200)
    tap.becomes(lambda: share("source") > 0.5, 20, "four balancers beside them: most of it")
    outcome, detail = doctor(agent)
    tap.ok(outcome == "warn" and "198.18.1." in detail, "doctor says so and names them", detail)
    finish_blast(balancers, stop=True)
    finish_blast(crowd, stop=True)


if __name__ == "__main__":
    run_tests(exported, haproxy_sheds, haproxy_by_proxy_protocol, nginx_sheds, few_sources)
