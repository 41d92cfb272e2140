#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# reads: packaging/alerts.yml packaging/recording.yml packaging/autoscaling docs/operations.md tests/unit/test_alerts.py
"""Alerts and recording rules by `promtool test rules`: each alert fires on the host that is bad, not before its time, and on no other.

Series of a case are written for `bad` and for hosts that look similar and are well. Values: (value, samples) or (value, samples, step).
"""
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
from tap import Tap  # noqa: E402

ALERTS, RECORDING = ROOT / "packaging/alerts.yml", ROOT / "packaging/recording.yml"
AUTOSCALING = ROOT / "packaging/autoscaling"
HOSTS = "service:spillway_hosts_wanted:sum"


FEW = "spillway_few_sources_new_work_share"


def up(value, samples):
    return {"up": [(1, 6), (value, samples)]}


def few_sources(source, prefix, per_s):
    """From 5 min on: shares of the heaviest, and new work a second (samples are 30 s apart)."""
    return {f'{FEW}{{kind="source"}}': [(0.1, 10), (source, 70)], f'{FEW}{{kind="prefix"}}': [(0.1, 10), (prefix, 70)],
            'spillway_class_new_work_total{class="a",verdict="pass"}': [(0, 80, per_s * 15)],
            'spillway_class_new_work_total{class="b",verdict="drop"}': [(0, 80, per_s * 15)]}


# alert: (interval, when it must not fire yet, when it must, {host: {series: values}}); those that must fire are called bad.
CASES = {
    "SpillwayGone": ("10s", "80s", "3m", {"bad": up(0, 60), "good": up(1, 60)}),
    "SpillwayLeaseOver": ("10s", "60s", "3m", {
        "bad": {"spillway_lease_remaining_seconds": [(3, 6), (0, 60)]},
        "good": {"spillway_lease_remaining_seconds": [(0, 6), (0.05, 60)]}}),
    "SpillwayNotCovering": ("10s", "60s", "3m", {
        "bad": {'spillway_interface_attached{interface="eth0",mode="none"}': [(1, 6), (0, 60)]},
        "good": {'spillway_interface_attached{interface="eth0",mode="generic"}': [(1, 60)]}}),
    "SpillwayRestarting": ("10s", "4m50s", "8m", {
        "bad": {"spillway_agent_uptime_seconds": [(10, 10, 10)] * 3 + [(10, 30, 10)]},
        "good": {"spillway_agent_uptime_seconds": [(10, 10, 10)] * 2 + [(10, 40, 10)]}}),
    "SpillwayReloadFailed": ("10s", "90s", "3m", {
        "bad": {'spillway_reloads_total{result="failed"}': [(4, 10), (5, 60)]},
        "good": {'spillway_reloads_total{result="failed"}': [(4, 70)], 'spillway_reloads_total{result="done"}': [(1, 70, 1)]}}),
    "SpillwayLastGood": ("10s", "50s", "3m", {
        "bad": {"spillway_ruleset_last_good": [(0, 6), (1, 60)]},
        "bad-list": {"spillway_ruleset_last_good": [(0, 66)], 'spillway_list_last_good{list="a"}': [(0, 6), (1, 60)],
                     'spillway_list_last_good{list="b"}': [(0, 66)]},
        "good": {"spillway_ruleset_last_good": [(0, 66)], 'spillway_list_last_good{list="a"}': [(0, 66)]}}),
    "SpillwayListOld": ("1m", "16m", "24m", {
        "bad": {'spillway_list_age_seconds{list="drop"}': [(0, 60, 60)], 'spillway_list_max_age_seconds{list="drop"}': [(900, 60)],
                'spillway_list_age_seconds{list="fresh"}': [(0, 60)], 'spillway_list_max_age_seconds{list="fresh"}': [(900, 60)]},
        "never-fetched": {'spillway_list_age_seconds{list="new"}': [(0, 60, 30)], 'spillway_list_max_age_seconds{list="new"}': [(900, 60)]},
        "good": {'spillway_list_age_seconds{list="drop"}': [(0, 10, 60)] * 6, 'spillway_list_max_age_seconds{list="drop"}': [(900, 60)]}}),
    "SpillwayGenericMode": ("1m", "4m", "7m", {
        "bad": {'spillway_interface_attached{interface="eth0",mode="generic"}': [(1, 20)]},
        "good": {'spillway_interface_attached{interface="eth0",mode="native"}': [(1, 20)]}}),
    "SpillwayListShrank": ("5m", "24h", "25h", {
        "bad": {'spillway_ruleset_prefixes{list="home",family="4"}': [(1000, 288), (490, 30)],
                'spillway_ruleset_prefixes{list="home",family="6"}': [(100, 288), (0, 30)]},
        "good": {'spillway_ruleset_prefixes{list="home",family="4"}': [(1000, 288), (510, 30)],
                 'spillway_ruleset_prefixes{list="home",family="6"}': [(100, 318)]}}),
    "SpillwayLightGone": ("10s", "50s", "3m", {
        "bad": {'spillway_light_ready{service="shop",family="4"}': [(0, 66)], 'spillway_light_ready{service="shop",family="6"}': [(0, 66)]},
        "good": {'spillway_light_ready{service="shop",family="4"}': [(1, 66)], 'spillway_light_ready{service="shop",family="6"}': [(0, 66)]}}),
    "SpillwayForgottenLevel": ("5m", "3h55m", "4h30m", {
        "bad": {"spillway_level_pinned": [(1, 80)], "spillway_level": [(1, 80)]},
        "good": {"spillway_level_pinned": [(1, 80)], "spillway_level": [(0, 80)]},
        "not-by-hand": {"spillway_level_pinned": [(0, 80)], "spillway_level": [(3, 80)]}}),
    "SpillwayRedForLong": ("1m", "29m", "35m", {
        "bad": {"spillway_level": [(3, 60)], "spillway_enforcing": [(1, 60)]},
        "observing": {"spillway_level": [(3, 60)], "spillway_enforcing": [(0, 60)]},
        "good": {"spillway_level": [(2, 60)], "spillway_enforcing": [(1, 60)]}}),
    "SpillwayDoesNotHelp": ("10s", "80s", "3m", {
        "bad": {'spillway_service_shedding_does_not_help{service="shop"}': [(0, 6), (1, 60)]},
        "good": {'spillway_service_shedding_does_not_help{service="shop"}': [(0, 66)]}}),
    "SpillwayBlind": ("10s", "100s", "4m", {
        "bad": {"spillway_blind": [(0, 6), (1, 60)]}, "good": {"spillway_blind": [(0, 66)]}}),
    "SpillwayFewSources": ("30s", "15m", "25m", {
        "bad": few_sources(0.6, 0.7, 20), "bad-prefixes": few_sources(0.2, 0.9, 20), "good": few_sources(0.4, 0.7, 20),
        "idle": few_sources(1, 1, 5), "short": {**few_sources(0.6, 0.7, 20), f'{FEW}{{kind="source"}}': [(0.1, 25), (0.9, 8), (0.1, 40)]}}),
    "SpillwayHistoryLost": ("10s", "90s", "3m", {
        "bad": {'spillway_history_ticks_total{result="lost"}': [(7, 10), (8, 60)]},
        "good": {'spillway_history_ticks_total{result="lost"}': [(7, 70)], 'spillway_history_ticks_total{result="kept"}': [(0, 70, 100)]}}),
    "SpillwayMalformedSurge": ("10s", "60s", "9m", {
        "bad": {'spillway_anomalies_total{kind="malformed"}': [(0, 90, 2000)], 'spillway_packets_total{reason="admitted"}': [(0, 90, 100000)]},
        "few": {'spillway_anomalies_total{kind="malformed"}': [(0, 90, 500)], 'spillway_packets_total{reason="admitted"}': [(0, 90, 600)]},
        "good": {'spillway_anomalies_total{kind="malformed"}': [(0, 90, 2000)], 'spillway_packets_total{reason="admitted"}': [(0, 90, 1000000)]},
        "other": {'spillway_anomalies_total{kind="fragment"}': [(0, 90, 2000)], 'spillway_packets_total{reason="admitted"}': [(0, 90, 2000)]}}),
}

# record: ({series: values}, {labels: value at 5m}); all on one host.
RECORDS = {
    "class:spillway_new_work:rate1m": (
        {'spillway_class_new_work_total{class="a",verdict="pass"}': [(0, 60, 50)], 'spillway_class_new_work_total{class="a",verdict="drop"}': [(0, 60, 150)]},
        {'class="a",verdict="pass"': 5, 'class="a",verdict="drop"': 15}),
    "class:spillway_refused:ratio_rate1m": (
        {'spillway_class_new_work_total{class="a",verdict="pass"}': [(0, 60, 50)], 'spillway_class_new_work_total{class="a",verdict="drop"}': [(0, 60, 150)],
         'spillway_class_new_work_total{class="idle",verdict="pass"}': [(9, 60)], 'spillway_class_new_work_total{class="idle",verdict="drop"}': [(9, 60)]},
        {'class="a"': 0.75}),
    "reason:spillway_dropped_packets:rate1m": (
        {'spillway_packets_total{reason="share",verdict="drop"}': [(0, 60, 20)], 'spillway_packets_total{reason="admitted",verdict="pass"}': [(0, 60, 20)]},
        {'reason="share"': 2}),
    "instance:spillway_dropped_bits:rate1m": (
        {'spillway_bytes_total{reason="share",verdict="drop"}': [(0, 60, 100)], 'spillway_bytes_total{reason="budget",verdict="drop"}': [(0, 60, 100)],
         'spillway_bytes_total{reason="admitted",verdict="pass"}': [(0, 60, 1000)]}, {"": 160}),
    "service:spillway_demand_per_capacity:ratio": (
        {'spillway_service_demand_per_second{service="shop"}': [(150, 60)], 'spillway_service_capacity_per_second{service="shop"}': [(100, 60)],
         'spillway_service_demand_per_second{service="new"}': [(150, 60)], 'spillway_service_capacity_per_second{service="new"}': [(0, 60)]},
        {'service="shop"': 1.5}),
    "service:spillway_read_wait_seconds:p99_rate1m": (
        {'spillway_read_wait_seconds_bucket{service="shop",le="0.1"}': [(0, 60, 98)], 'spillway_read_wait_seconds_bucket{service="shop",le="0.2"}': [(0, 60, 100)],
         'spillway_read_wait_seconds_bucket{service="shop",le="+Inf"}': [(0, 60, 100)]}, {'service="shop"': 0.15}),
}


def series(name, host, values):
    """One of promtool's input series; N samples are a value and N - 1 steps."""
    labels = f'job="spillway",instance="{host}"'
    name, _, rest = name.partition("{")
    written = " ".join(f"{value}+{step[0] if step else 0}x{count - 1}" for value, count, *step in values)
    return {"series": f"{name}{{{labels}{',' + rest[:-1] if rest else ''}}}", "values": written}


def promtool(test, rules):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "test.yml"  # JSON is YAML
        path.write_text(json.dumps({"rule_files": [str(rules)], "evaluation_interval": test["interval"], "tests": [test]}))
        return subprocess.run(["promtool", "test", "rules", path], capture_output=True, text=True, check=False)


def expect(expression, at, samples):
    return {"expr": expression, "eval_time": at, "exp_samples": [{"labels": labels, "value": value} for labels, value in samples]}


def test_alerts(tap):
    names = re.findall(r"^ +- alert: (\w+)$", ALERTS.read_text(), re.M)
    tap.equal(sorted(names), sorted(CASES), "each alert has a case")
    told = re.findall(r"^\| (Spillway\w+) \|", (ROOT / "docs/operations.md").read_text(), re.M)
    tap.equal(sorted(names), sorted(told), "docs/operations.md says what to do about each")
    for name, (interval, early, late, hosts) in CASES.items():
        firing = f'sum by (instance) (ALERTS{{alertname="{name}",alertstate="firing"}})'
        fires = [(f'{{instance="{host}"}}', 1) for host in hosts if host.startswith("bad")]
        test = {"interval": interval, "input_series": [series(key, host, values) for host, found in hosts.items() for key, values in found.items()],
                "promql_expr_test": [expect(firing, early, []), expect(firing, late, fires)]}
        done = promtool(test, ALERTS)
        tap.ok(done.returncode == 0, f"{name}: fires in time, and only where it should", done.stdout + done.stderr)
        never = {**test, "promql_expr_test": [expect(firing, late, [])]}
        tap.ok(promtool(never, ALERTS).returncode, f"{name}: this test can fail")


def test_recording(tap):
    names = re.findall(r"^ +- record: (\S+)$", RECORDING.read_text(), re.M)
    tap.equal(sorted(names), sorted([*RECORDS, HOSTS]), "each recording rule has a case")
    for name, (inputs, wanted) in RECORDS.items():
        samples = [(f'{{job="spillway",instance="a"{"," if labels else ""}{labels}}}', value) for labels, value in wanted.items()]
        test = {"interval": "10s", "input_series": [series(key, "a", values) for key, values in inputs.items()],
                "promql_expr_test": [expect(f"round({name}, 0.001)", "5m", samples)]}
        done = promtool(test, RECORDING)
        tap.ok(done.returncode == 0, f"{name}: its value", done.stdout + done.stderr)


def test_hosts(tap):
    """The number of hosts of a service: the sum, where those without a value count as the mean of the others."""
    inputs = {"a": {'spillway_service_hosts_wanted{service="shop"}': [(1.5, 60)], 'spillway_service_demand_per_second{service="shop"}': [(0, 60)]},
              "b": {'spillway_service_hosts_wanted{service="shop"}': [(0.5, 60)], 'spillway_service_demand_per_second{service="shop"}': [(0, 60)]},
              "new": {'spillway_service_demand_per_second{service="shop"}': [(900, 60)], 'spillway_service_demand_per_second{service="mail"}': [(9, 60)]}}
    test = {"interval": "10s", "input_series": [series(key, host, values) for host, found in inputs.items() for key, values in found.items()],
            "promql_expr_test": [expect(HOSTS, "5m", [(f'{HOSTS}{{job="spillway",service="shop"}}', 3)])]}
    done = promtool(test, RECORDING)
    tap.ok(done.returncode == 0, f"{HOSTS}: its value, and none for a service of which no host knows", done.stdout + done.stderr)


def test_autoscaling(tap):
    """The examples for autoscalers parse, ask for the same number as the recording rule, and do not take absent for zero."""
    rule = re.search(rf"record: {HOSTS}\n +expr: \|\n((?: {{10}}.*\n)+)", RECORDING.read_text())[1]
    wanted = " ".join(re.sub(r"\bsum by \(job, service\) |\bcount by \(job, service\) ", lambda match: match[0].split()[0] + " ", rule).split())

    def plain(query):
        return " ".join(re.sub(r"\{.*?\}", "", query).replace("sum(", "sum (").replace("count(", "count (").split())

    documents = {path.stem: yaml.safe_load(path.read_text()) for path in AUTOSCALING.glob("*.yaml")}
    tap.equal(sorted(documents), ["hpa", "keda", "prometheus-adapter"], "there are three")
    rule, trigger = documents["prometheus-adapter"]["externalRules"][0], documents["keda"]["spec"]["triggers"][0]["metadata"]
    tap.equal((plain(rule["metricsQuery"]), plain(trigger["query"])), (wanted, wanted), "all ask for the same")
    metric = documents["hpa"]["spec"]["metrics"][0]["external"]
    tap.equal((metric["metric"]["name"], metric["target"]), (rule["name"]["as"], {"type": "AverageValue", "averageValue": "1"}),
              "the HPA asks for what the adapter makes, one per host")
    tap.equal((trigger["threshold"], trigger["ignoreNullValues"]), ("1", "false"), "KEDA: one per host; absent is not zero")
    tap.equal([(one["apiVersion"], one["kind"]) for one in (documents["hpa"], documents["keda"])],
              [("autoscaling/v2", "HorizontalPodAutoscaler"), ("keda.sh/v1alpha1", "ScaledObject")], "of the kinds that they are for")
    for query in (trigger["query"], re.sub("<<.*?>>", 'service="shop"', rule["metricsQuery"])):
        done = subprocess.run(["promtool", "query", "instant", "http://127.0.0.1:9", query], capture_output=True, text=True, check=False)
        tap.ok("parse error" not in done.stderr and "invalid" not in done.stderr, "its query is one", done.stderr)


if __name__ == "__main__":
    if not shutil.which("promtool"):
        print("1..0 # skip promtool is not installed")
        sys.exit(0)
    tap = Tap()
    for function in (test_alerts, test_recording, test_hosts, test_autoscaling):
        tap.run(function)
    tap.done()
