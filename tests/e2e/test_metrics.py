#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The page for Prometheus: contents, format, limits, and a real Prometheus that scrapes it."""
import ipaddress
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time

from world import (CLASSES, SLOW, KeptAlive, Metrics, connect, http_get, promql, request, run, run_tests, wait_for)

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
OPEN = "application/openmetrics-text"
# As Prometheus 2.42 asks.
PROMETHEUS = f"{OPEN};version=1.0.0,{OPEN};version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"

PROMISED = """
spillway_list_packets_total spillway_list_bytes_total spillway_class_new_work_total
spillway_class_shadow_packets_total spillway_class_shadow_new_work_total spillway_packets_total spillway_bytes_total
spillway_anomalies_total spillway_level spillway_mode_observe spillway_lease_remaining_seconds
spillway_interface_attached spillway_ruleset_generation spillway_ruleset_prefixes spillway_ruleset_compile_seconds
spillway_ruleset_publish_seconds spillway_ruleset_bytes spillway_reloads_total spillway_build_info
""".split()


def build(world, body=CLASSES, **options):
    shop = world.shop()
    client = world.client("home", 2)
    world.nginx(shop)
    agent = world.agent(shop, body, **options)
    agent.start()
    return shop, client, agent


def promtool(world, agent, text):
    """The result of `promtool check metrics`; no output is best."""
    done = agent.namespace.run("promtool", "check", "metrics", input=text, check=False)
    return (done.returncode, done.stdout + done.stderr)


def the_page(tap, world):
    _, client, agent = build(world)
    for _ in range(3):
        request(client)
    status, headers, text = agent.http("/metrics")
    tap.equal(status, 200, "/metrics answers")
    tap.equal(headers.get("Content-Type"), CONTENT_TYPE, "its Content-Type is that of the text format, exactly")
    tap.equal(promtool(world, agent, text), (0, ""), "promtool check metrics is clean")

    metrics = Metrics(text)
    names = {name for name, _, _ in metrics.samples}
    tap.equal([name for name in PROMISED if name not in names], [], "every promised metric is there")
    helped, typed = (set(re.findall(rf"^# {word} (\S+) \S", text, re.M)) for word in ("HELP", "TYPE"))
    tap.equal((names - helped, names - typed), (set(), set()), "every metric has HELP and TYPE")
    tap.equal((helped - names, typed - names), (set(), set()), "there is no HELP or TYPE without a metric")
    wrong = [name for name in names if name.endswith("_total") != (f"# TYPE {name} counter" in text)]
    tap.equal(wrong, [], "what ends in _total is a counter, and nothing else is")
    tap.ok(text.endswith("\n"), "the page ends in a newline")
    keys = [(name, tuple(sorted(labels.items()))) for name, labels, _ in metrics.samples]
    tap.equal(len(keys), len(set(keys)), "no series is there twice")
    tap.equal(metrics.one("spillway_interface_attached", interface="eth0", mode="native"), 1,
              "the interface is a metric")
    tap.ok(0 < metrics.one("spillway_lease_remaining_seconds") <= 3, "the lease is a metric")
    tap.equal(metrics.one("spillway_ruleset_prefixes", list="home", family="4"), 1, "the lists' sizes are metrics")
    tap.ok(metrics.sum("spillway_class_new_work_total", **{"class": "domestic"}, verdict="pass") >= 3,
           "requests are counted as new work")

    def is_address(value):
        for part in [value, *re.split(r"[^0-9a-fA-F:.]+", value)]:
            try:
                ipaddress.ip_address(part.strip("[]").split("/")[0])
                return "." in part or ":" in part
            except ValueError:
                pass
        return False

    tap.equal([value for _, labels, _ in metrics.samples for value in labels.values() if is_address(value)], [],
              "no address stands in any label")

    tap.equal(agent.http("/healthz")[0], 200, "/healthz: 200 while the lease is renewed")
    tap.equal(agent.http("/nothing")[0], 404, "an unknown path: 404")
    tap.ok((agent.http("/" + "x" * 100_000)[0] or 400) >= 400, "a path of 100 kB: refused")
    client = agent.namespace.socket()
    client.settimeout(2 * SLOW)
    client.connect(("127.0.0.1", 10010))
    client.sendall(b"POST /metrics HTTP/1.1\r\nHost: shop\r\nContent-Length: 0\r\n\r\n")
    tap.ok(client.recv(100).split()[1] == b"405", "POST: 405")
    client.close()
    tap.equal(client_sees_metrics(world, agent), False, "nobody outside reaches 127.0.0.1:10010")

    agent.process.signal(signal.SIGSTOP)
    tap.equal(agent.http("/healthz", timeout=0.5)[0], None, "a stopped agent does not say that it is well")
    agent.process.signal(signal.SIGCONT)
    tap.becomes(agent.healthy, 3, "SIGCONT: healthy again")


def open_metrics(tap, world):
    """The same page in the OpenMetrics format, for those who ask for it by Accept."""
    shop, client, agent = build(world)
    for _ in range(3):
        request(client)

    def ask(accept):
        with KeptAlive(connect(shop, "127.0.0.1", 10010, timeout=5), "localhost") as kept:
            return kept.get("/metrics", {"Accept": accept} if accept else {})

    for accept in (None, "*/*", "text/plain", "application/openmetrics-text;version=0.0.1", OPEN + ";q=0.2,text/plain;q=0.5"):
        tap.equal(ask(accept)[1]["Content-Type"], CONTENT_TYPE, f"Accept {accept}: the text format")
    status, headers, text = ask(PROMETHEUS)
    tap.equal((status, headers["Content-Type"], headers["Vary"]), (200, OPEN + "; version=1.0.0; charset=utf-8", "Accept"),
              "Prometheus gets OpenMetrics")
    tap.ok(text.endswith("\n# EOF\n") and text.count("# EOF") == 1, "it ends in # EOF")
    types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M))
    tap.equal([name for name in types if name.endswith("_total")], [], "no family is called _total")
    strange = []
    for name, _, _ in Metrics(text).samples:
        family = next((name[:-len(end)] for end in ("_total", "_bucket", "_sum", "_count")
                       if name.endswith(end) and name[:-len(end)] in types), name)
        suffix, kind = name[len(family):], types.get(family)
        if (suffix, kind) not in (("_total", "counter"), ("", "gauge"), ("_bucket", "histogram"), ("_sum", "histogram"), ("_count", "histogram")):
            strange.append(name)
    tap.equal(strange, [], "each sample has the suffix of its family's type")
    tap.equal([line for line in text.splitlines() if " # {" in line], [], "there are no exemplars")

    def series(accept):
        return {(name, tuple(sorted(labels.items()))) for name, labels, _ in Metrics(ask(accept)[2]).samples}

    # Rates of signals are not there after a tick that came late.
    tap.becomes(lambda: series(PROMETHEUS) == series(None), 5, "the series are those of the text format")


def another_locale(tap, world):
    """Numbers have a point and no groups, whatever the locale: in /metrics, in JSON and on the command line."""
    have = agent_locale(world)
    if not have:
        tap.skip("numbers in a locale with a decimal comma", "localedef cannot make de_DE.UTF-8 here")
        return
    tap.equal(run("bash", "-c", 'printf "%.1f" 1', env={**os.environ, **have}).stdout, "1,0",
              "the locale has a decimal comma: the test can see it")
    shop, client, agent = build(world, "services: { shop: { tcp: [80], capacity: 500/s } }\n" + CLASSES)
    agent.stop()
    os.environ.update(have)
    try:
        agent.start()
        for _ in range(5):
            request(client)
        time.sleep(0.5)
        text = agent.http("/metrics")[2]
        tap.equal(promtool(world, agent, text), (0, ""), "promtool check metrics is clean")
        values = Metrics(text)
        tap.ok(values.one("spillway_service_wait_target_seconds", service="shop") % 1 > 0, "with a fraction among the numbers")
        for path in ("/status.json", "/history.json"):
            tap.ok(json.loads(agent.http(path)[2]), f"{path} is valid JSON")
        for verb in (["-j", "status"], ["-j", "explain"], ["-j", "check"], ["-j", "top", "--once"]):
            tap.ok(json.loads(agent.cli(*verb).stdout), f"{' '.join(verb)}: valid JSON")
        tap.ok(not re.search(r"\d,\d{1,2}(?!\d)", agent.cli("status").stdout + agent.cli("explain").stdout), "no text has a decimal comma")
    finally:
        for name in have:
            del os.environ[name]


def agent_locale(world):
    """The environment of a locale with a decimal comma, made for this test; None: it cannot be made."""
    folder = world.folder / "locale"
    folder.mkdir()
    done = subprocess.run(["localedef", "--no-archive", "-i", "de_DE", "-f", "UTF-8", folder / "de_DE.UTF-8"], capture_output=True, check=False) \
        if shutil.which("localedef") else None
    return {"LOCPATH": str(folder), "LC_ALL": "de_DE.UTF-8"} if done and not done.returncode else None


def client_sees_metrics(world, agent):
    outside = world.client("outside", 9)
    return http_get(outside, "/metrics", port=10010, timeout=0.5)[0] == 200


def hostile_names(tap, world):
    """44: names with quotes, backslashes, newlines and UTF-8 in labels."""
    shop = world.namespace("shop")
    flood = world.namespace("flood")
    device = 'q"\\é{}'
    world.veth(shop, device, flood, "flood0")
    agent = world.agent(shop, CLASSES, interfaces=[device])
    agent.launch()
    wait_for(lambda: not agent.process.alive() or agent.healthy(), 10, "the agent is up or has refused")
    if agent.process.alive():
        _, _, text = agent.http("/metrics")
        tap.equal(promtool(world, agent, text), (0, ""),
                  "an interface named in quotes and UTF-8: promtool passes (fault 44)")
        tap.equal(Metrics(text).one("spillway_interface_attached", interface=device), 1,
                  "an interface named in quotes and UTF-8: its label reads back the same (fault 44)")
        agent.stop()
    else:
        tap.ok(str(agent.config) in agent.process.log(),
               "an interface named in quotes: refused with its place (fault 44)", agent.process.log())
    agent.interfaces = []
    for number, name in enumerate(['say \\"cheese\\"', "two\\nlines", "back\\\\slash", "grün", "}{,=", "x" * 63]):
        agent.interfaces = [device]
        agent.write(CLASSES.replace("partners:", f'"{name}":').replace("[partners]", f'["{name}"]')
                    .replace("name: partner,", f'name: "{name}",'))
        done = agent.cli("check", check=False)
        if done.returncode:
            tap.ok(re.search(rf"{re.escape(str(agent.config))}:\d+:\d+: ", done.stderr),
                   f"hostile name {number}: refused with its place (fault 44)", done.stderr)
            continue
        agent.start()
        _, _, text = agent.http("/metrics")
        plain = name.replace('\\"', '"').replace("\\n", "\n").replace("\\\\", "\\")
        tap.equal(promtool(world, agent, text), (0, ""), f"hostile name {number}: promtool passes (fault 44)")
        tap.ok(Metrics(text).all("spillway_list_packets_total", list=plain),
               f"hostile name {number}: reads back the same")
        agent.stop()


def slow_clients(tap, world):
    """43 in small: many clients that send little or nothing delay no tick."""
    _, _, agent = build(world)
    shop = agent.namespace
    attackers = []
    for number in range(400):
        client = shop.socket()
        client.settimeout(0.2)
        try:
            client.connect(("127.0.0.1", 10010))
            client.sendall((b"GET /metrics HTTP/1.1\r\n", b"", b"GET /met", b"X: " + b"a" * 500)[number % 4])
        except OSError:
            pass  # bounded: it may refuse
        attackers.append(client)
    leases, slowest = [], []
    end = time.monotonic() + 2
    while time.monotonic() < end:
        for client in attackers[:50]:  # a byte now and then
            try:
                client.send(b"z")
            except OSError:
                pass
        slowest.append(agent.timed("level", "set", "yellow").seconds)
        leases.append(agent.status()["lease_remaining_s"])
    tap.ok(min(leases) > 1.5 / SLOW, "400 slow clients: the lease is renewed at every tick (fault 43)", min(leases))
    tap.ok(max(slowest) < 1 * SLOW, "400 slow clients: the control socket answers (fault 43)", f"{max(slowest):.2f} s")
    memory = agent.resident() >> 10
    tap.ok(memory < 64 << 10, "400 slow clients: memory is bounded (fault 43)", f"{memory} kB")
    for client in attackers:
        client.close()
    tap.becomes(lambda: agent.http("/metrics")[0] == 200, 10, "after they are gone /metrics is served (fault 43)")

    silent = shop.socket()
    silent.connect(("127.0.0.1", 10010))
    silent.sendall(b"GET /metrics HTTP/1.1\r\n")
    silent.settimeout(30 * SLOW)
    start = time.monotonic()
    try:
        rest = silent.recv(4096)
    except (ConnectionResetError, socket.timeout) as error:
        rest = b"" if isinstance(error, ConnectionResetError) else None
    tap.ok(rest is not None and not rest.startswith(b"HTTP/1.1 200"),
           "a request that never ends is closed in time (fault 43)",
           f"after {time.monotonic() - start:.0f} s: {rest}")


def a_real_prometheus(tap, world):
    shop = world.shop()
    world.prometheus(shop)
    client = world.client("home", 2)
    world.nginx(shop)
    agent = world.agent(shop, CLASSES)
    agent.start()
    tap.becomes(lambda: promql(shop, 'up{job="spillway"} == 1'), 20, "a real Prometheus scrapes the agent")
    for _ in range(5):
        request(client)
    agent.cli("level", "set", "orange")
    wanted = agent.metrics().sum("spillway_class_new_work_total", **{"class": "domestic"}, verdict="pass")
    wait_for(lambda: promql(shop, f'spillway_class_new_work_total{{class="domestic",verdict="pass"}} >= {wanted}'), 10,
             "Prometheus has the new work")
    tap.ok(wanted >= 5, "its API returns the new work that clients made", wanted)
    tap.becomes(lambda: [value for _, value in promql(shop, "spillway_level")] == [2.0], 10, "its API returns the level")

    def missing():
        """At a scrape that a busy machine misses, all of them are stale."""
        names = {labels["__name__"] for labels, _ in promql(shop, '{__name__=~"spillway_.*"}')}
        return [name for name in PROMISED if name not in names]

    tap.becomes(lambda: not missing(), 10, "every promised metric is stored")
    tap.becomes(lambda: promql(shop, 'rate(spillway_packets_total{verdict="pass"}[1m])'), 10, "rates can be computed")
    _, _, told = http_get(shop, "/api/v1/targets/metadata?metric=spillway_packets", address="127.0.0.1", port=9090)
    tap.equal([entry["type"] for entry in json.loads(told)["data"]], ["counter"],
              "it read OpenMetrics: its metadata calls the counter by the family's name")


def no_page(tap, world):
    shop = world.namespace("shop")
    world.flood(shop, "eth0")
    agent = world.agent(shop, CLASSES, listen="off")
    agent.start()
    tap.ok("10010" not in shop.run("ss", "-Hltn").stdout, "metrics: off listens nowhere")
    agent.stop()
    taken = shop.socket()
    taken.bind(("127.0.0.1", 10010))
    taken.listen()
    agent.listen = "127.0.0.1:10010"
    agent.write(CLASSES)
    agent.launch()
    wait_for(lambda: agent.mode() == "native" and agent.status()["lease_remaining_s"] > 0, 10, "the agent runs")
    wait_for(lambda: "10010" in agent.process.log(), 2, "it comes to its metrics, which it does once all is attached")
    tap.ok("10010" in agent.process.log(), "the port is taken: said in the log, the host is protected all the same",
           agent.process.log())
    taken.close()


if __name__ == "__main__":
    run_tests(the_page, open_metrics, another_locale, hostile_names, slow_clients, a_real_prometheus, no_page)
