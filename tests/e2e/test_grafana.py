#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# host only: queries of Prometheus; the metrics are in test_metrics.py
"""The dashboard for Grafana, the recording rules and the alerts in a real Prometheus: no query is empty under load."""
import json
import math
import re
import time

from world import CLASSES, ROOT, finish_blast, http_get, promql, request, run_tests, scaled, wait_for

DASHBOARD = ROOT / "packaging/grafana/spillway.json"
RULES = [ROOT / "packaging/recording.yml", ROOT / "packaging/alerts.yml"]

# What is new is dropped by shedding and by a limit, which must be of a class that does not shed: shed work is not limited.
BODY = "services: { shop: { tcp: [80], capacity: 200/s } }\n" + CLASSES.replace(
    "name: domestic,", "per_source: { new: 1/s }, name: domestic,")


def dashboard():
    return json.loads(DASHBOARD.read_text())


def queries(board):
    """(panel, expression) of the dashboard, with its variables as Grafana fills them in."""
    found = [(panel["title"], target["expr"]) for panel in board["panels"] for target in panel.get("targets", [])]
    found += [(entry["name"], entry["expr"]) for entry in board["annotations"]["list"]]
    return [(title, expression.replace("$__rate_interval", "10s").replace("$instance", ".*").replace("$service", ".*"))
            for title, expression in found]


def imports_unedited(tap, _world):
    board = dashboard()
    uids = set(re.findall(r'"uid": "([^"]*)"', DASHBOARD.read_text()))
    tap.equal(uids, {"${datasource}", "spillway"}, "every panel and variable asks the data source that is chosen at the top")
    variables = {entry["name"]: entry for entry in board["templating"]["list"]}
    tap.equal(variables["datasource"]["type"], "datasource", "which is a variable")
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(board["panels"]))) - {"__rate_interval"}
    tap.equal(used, set(variables), "each variable is used, and no other is")
    tap.ok("__inputs" not in board and not board.get("id"), "nothing is asked at the import, and it has no number of another Grafana")
    tap.equal(len({panel["id"] for panel in board["panels"]}), len(board["panels"]), "panels have numbers of their own")
    taken = [(x, y) for panel in board["panels"] for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
             for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])]
    tap.ok(len(taken) == len(set(taken)) and max(x for x, _ in taken) < 24, "and do not overlap")


def under_load(tap, world):
    shop, client = world.shop(), world.client("partners", 1)
    flood = world.flood(shop)
    world.nginx(shop)
    agent = world.agent(shop, BODY, interfaces=["eth0", "eth1"])
    agent.start()
    world.prometheus(shop, rules=RULES)
    wait_for(lambda: promql(shop, 'up{job="spillway"} == 1'), 20, "Prometheus scrapes")
    # From a class that is shed, and from few sources of the class with a limit.
    rate = scaled(2000)
    streams = [world.blast(flood, source, sources, rate=rate, extra=("--fresh",))
               for source, sources in (("198.18.3.0", 200), ("198.18.2.0", 20))]
    end = time.monotonic() + 16
    while time.monotonic() < end:
        request(client)
        time.sleep(0.05)
    wait_for(lambda: promql(shop, "spillway_level > 0"), 20, "the level is up")

    def values(expression):
        return [value for _, value in promql(shop, expression) if not math.isnan(value)]

    for title, expression in queries(dashboard()):
        request(client)
        tap.becomes(lambda wanted=expression: values(wanted), 12, f"{title}: {expression}")
    for name, least in (("spillway_level", 1), ('sum(rate(spillway_packets_total{verdict="drop"}[10s]))', rate / 20),
                        ('sum(rate(spillway_class_limited_packets_total[10s]))', 1), ("sum(spillway_service_demand_per_second)", 200)):
        tap.becomes(lambda wanted=name, more=least: max(values(wanted), default=0) >= more, 10, f"it is load: {name} is {least} or more")
    for name in re.findall(r"record: (\S+)", RULES[0].read_text()):
        tap.becomes(lambda wanted=name: values(wanted), 30, f"recorded: {name}")
    for stream in streams:
        finish_blast(stream, stop=True)
    _, _, text = http_get(shop, "/api/v1/rules", address="127.0.0.1", port=9090)
    rules = [rule for group in json.loads(text)["data"]["groups"] for rule in group["rules"]]
    tap.equal([rule["name"] for rule in rules if rule["health"] != "ok"], [], f"all {len(rules)} rules and alerts can be evaluated")


if __name__ == "__main__":
    run_tests(imports_unedited, under_load)
