#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# host only: HTTP and JSON of the agent; what the kernel counts is in test_metrics.py
"""The status page and its JSON: headers, every value held against `status`, `explain` and /metrics, and no address in it.

tests/page/test_page looks at the page in a browser.
"""
import base64
import hashlib
import ipaddress
import json
import re
import time

from world import CLASSES, SLOW, Metrics, connect, request, run_tests, wait_for

SERVICE = "services: { shop: { tcp: [80], capacity: 500/s } }\n"
ADDRESS_KEYS = {"version"}


def texts(value):
    """All strings of a document, keys too."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            if key not in ADDRESS_KEYS:
                yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)
    elif isinstance(value, str):
        yield value


def addresses(value):
    found = []
    for text in texts(value):
        for part in re.split(r"[^0-9a-fA-F:.]+", text):
            if part.count(".") == 3 or part.count(":") > 1:
                try:
                    found.append(str(ipaddress.ip_address(part)))
                except ValueError:
                    pass
    return found


def document(agent, path):
    status, headers, text = agent.http(path, timeout=5)
    if status != 200:
        raise RuntimeError(f"{path}: {status} {text}")
    return json.loads(text), headers


def fresh(agent, path="/status.json"):
    """Newer than this call: documents are rendered at most every 0.2 s."""
    time.sleep(0.25)
    return document(agent, path)[0]


def build(world, more="", **options):
    shop, client = world.shop(), world.client("home", 2)
    world.nginx(shop)
    agent = world.agent(shop, more + SERVICE + CLASSES, **options)
    agent.start()
    return shop, client, agent


def raw(namespace, request_text):
    """Status and whole answer of a request that is written by hand."""
    client = connect(namespace, "127.0.0.1", 10010, timeout=2 * SLOW)
    client.sendall(request_text.encode())
    answer = b""
    while part := client.recv(65536):
        answer += part
    client.close()
    return int(answer.split()[1]), answer


def the_page(tap, world):
    shop, _, agent = build(world)
    status, headers, text = agent.http("/")
    tap.equal((status, headers.get("Content-Type")), (200, "text/html; charset=utf-8"), "/ is the page")
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    for tag, source in (("script", "script-src"), ("style", "style-src")):
        inside = re.findall(f"<{tag}>(.*?)</{tag}>", text, re.S)
        digest = base64.b64encode(hashlib.sha256("".join(inside).encode()).digest()).decode()
        tap.equal((len(inside), policy.get(source)), (1, f"'sha256-{digest}'"), f"the policy allows its one {tag}, and no other")
    tap.equal({key: policy.get(key) for key in ("default-src", "connect-src", "base-uri", "form-action", "frame-ancestors")},
              {"default-src": "'none'", "connect-src": "'self'", "base-uri": "'none'", "form-action": "'none'",
               "frame-ancestors": "'none'"}, "the policy allows nothing from elsewhere")
    tap.equal((headers.get("X-Content-Type-Options"), headers.get("Referrer-Policy"), headers.get("Cache-Control")),
              ("nosniff", "no-referrer", "no-store"), "it is not sniffed, not cached, and sends no referrer")
    outside = [url for url in re.findall(r"(?:src|href)=\"([^\"]*)\"", text) if not re.match(r"/[a-z]|#|data:,", url)]
    tap.equal(outside + re.findall(r"@import|url\(", text), [], "it refers to nothing elsewhere")
    tap.equal(re.findall(r"\son\w+=|innerHTML|insertAdjacent|document\.write|\beval\b", text), [],
              "its script writes no markup, and no attribute has a script")
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
        for path in ("/", "/status.json", "/history.json"):
            done, answer = raw(shop, f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")
            tap.ok(done == 405 and b"Allow: GET, HEAD" in answer, f"{method} {path}: 405", answer[:80])
    done, answer = raw(shop, "HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    tap.ok(done == 200 and answer.endswith(b"\r\n\r\n"), "HEAD: the head alone")
    for host, wanted in (("localhost:10010", 200), ("127.0.0.1:8080", 200), ("[::1]:10010", 200), ("evil.example", 403),
                         ("127.0.0.1.evil.example", 403), ("localhost.evil.example:10010", 403)):
        for path in ("/", "/status.json", "/history.json"):
            tap.equal(raw(shop, f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n")[0], wanted,
                      f"on 127.0.0.1, {path} as {host}: {wanted}, as a name may be another site's")
    tap.equal(raw(shop, "GET /metrics HTTP/1.1\r\nHost: evil.example\r\n\r\n")[0], 200, "/metrics has nothing private")


def values(tap, world):
    _, client, agent = build(world)
    for _ in range(20):
        request(client)
    agent.cli("level", "set", "orange", "--for", "10m")
    wait_for(lambda: json.loads(agent.cli("-j", "explain").stdout)["services"][0]["demand_per_s"] < 0.04, 60, "the demand is over")
    found, headers = document(agent, "/status.json")
    tap.equal(headers.get("Content-Type"), "application/json", "/status.json is JSON")
    found = fresh(agent)
    status, explained = agent.status(), json.loads(agent.cli("-j", "explain").stdout)
    metrics = Metrics(agent.http("/metrics")[2])

    moving = {"lease_remaining_s", "pinned_for_s", "agent", "ruleset", "reasons", "classes"}
    state = found["state"]
    tap.equal(set(status) - set(state), {"services", "lists", "anomalies"}, "its state is that of `status`, without what may be long")
    tap.equal([key for key in state if key not in moving and state[key] != status[key]], [], "every constant of it is the same")
    tap.ok(abs(state["pinned_for_s"] - status["pinned_for_s"]) < 5 * SLOW and 0 < state["lease_remaining_s"] <= 3, "and the times")
    tap.equal(set(status["agent"]) - set(state["agent"]), {"pid", "config"}, "process and files are not shown")
    tap.equal([[entry[key] for key in entry if key not in ("packets", "bytes")] for entry in state["classes"]],
              [[entry[key] for key in entry if key not in ("packets", "bytes")] for entry in status["classes"]],
              "every class, with its new work")
    for entry in state["classes"]:
        for verdict in ("pass", "drop"):
            tap.equal(entry["new_work"][verdict], metrics.sum("spillway_class_new_work_total", **{"class": entry["name"]}, verdict=verdict),
                      f"{entry['name']}: new work {verdict} as in /metrics")
    wanted = {entry["reason"]: entry for entry in status["reasons"]}
    tap.equal([entry["reason"] for entry in state["reasons"] if entry["packets"]["drop"] != wanted[entry["reason"]]["packets"]["drop"]],
              [], "every reason, with what was dropped for it")

    decision = found["decision"]
    tap.equal(set(explained) - set(decision), {"changes", "ok", "text"} & set(explained), "its decision is that of `explain`")
    tap.equal([decision[key] for key in ("level", "reason", "rule", "pinned", "since", "observing")],
              [explained[key] for key in ("level", "reason", "rule", "pinned", "since", "observing")], "level, reason and rule are the same")
    service, other = decision["services"][0], explained["services"][0]
    tap.equal([service[key] for key in ("name", "capacity_per_s", "capacity_origin", "level", "helpless")],
              [other[key] for key in ("name", "capacity_per_s", "capacity_origin", "level", "helpless")], "so is the service")
    tap.equal((service["capacity_per_s"], service["wait"]["target_seconds"]),
              (metrics.one("spillway_service_capacity_per_second", service="shop"),
               metrics.one("spillway_service_wait_target_seconds", service="shop")), "as in /metrics")
    tap.equal((metrics.one("spillway_level"), found["next"]["level"]), (2, "red"), "the next level is the one above")
    tap.equal({entry["class"]: (entry["now"], entry["then"]) for entry in found["next"]["classes"]},
              {"partner": ("served", "served"), "domestic": ("served", "sheds"), "international": ("sheds", "cut_new"),
               "unknown": ("sheds", "sheds")}, "what the next level does to each class")
    agent.cli("level", "set", "red")
    tap.equal((fresh(agent)["next"]["level"], {entry["then"] for entry in fresh(agent)["next"]["classes"]}), (None, {None}),
              "there is none above red")

    events = [json.loads(line) for line in agent.cli("-j", "events").stdout.splitlines()]
    shown = fresh(agent)["events"]
    tap.equal([(event["at"], event["event"]) for event in shown], [(event["at"], event["event"]) for event in reversed(events)],
              "the events are those of `events`, newest first")
    levels = [event for event in shown if event["event"] == "level"]
    tap.ok([event["level"] for event in levels[:2]] == ["red", "orange"] and levels[0]["reason"], "with level and reason", levels)


def history(tap, world):
    _, client, agent = build(world)
    end = time.monotonic() + 7
    while time.monotonic() < end:
        request(client)
        time.sleep(0.02)
    time.sleep(2.1)
    found = document(agent, "/history.json")[0]
    series = found["services"][0]
    lengths = {key: len(values) for key, values in series.items() if key != "name"}
    tap.equal((found["slot_s"], found["slots"], set(lengths.values()), len(found["level"])), (5, 180, {180}, 180), "15 minutes")
    tap.equal(found["level"][:100], [None] * 100, "nothing is known of the time before the start")
    tap.equal(found["level"][-1], "green", "the last slot has the level")
    metrics = agent.metrics()
    tap.ok(max(value or 0 for value in series["demand_per_s"]) > 5, "demand is in it", series["demand_per_s"][-4:])
    tap.equal(series["capacity_per_s"][-1], metrics.one("spillway_service_capacity_per_second", service="shop"), "the capacity is that of /metrics")
    tap.ok(max(value or 0 for value in series["admitted_per_s"]) > 5, "so is what was admitted")
    tap.ok(any(value is not None for value in series["wait_s"]) == bool(metrics.one("spillway_signal_present", signal="read_wait", service="shop")),
           "waits are known if there is a signal", series["wait_s"][-4:])
    before = [value for value in series["demand_per_s"] if value is not None]
    agent.reload()
    time.sleep(2.1)
    after = [value for value in document(agent, "/history.json")[0]["services"][0]["demand_per_s"] if value is not None]
    tap.ok(after[:len(before) - 1] == before[:-1], "a reload keeps it", (before, after))


def no_addresses(tap, world):
    """With traffic from many sources, a refused reload that names a prefix, and a probe with an address."""
    shop, client, agent = build(world)
    world.flood(shop)
    for _ in range(10):
        request(client)
    agent.write("page: { sources: false }\nservices: { shop: { tcp: [80], capacity: 500/s, probe: "
                "{ http: \"http://127.0.0.1:9/x\", limit: 1s } } }\n" + CLASSES)
    agent.reload()
    agent.write(SERVICE + CLASSES.replace("198.18.3.0/24", "198.18.2.0/24"))
    agent.cli("apply", check=False)
    wait_for(lambda: any(event["event"] == "reload" and not event["ok"] for event in fresh(agent)["events"]), 5, "the refusal is an event")
    found = fresh(agent)
    tap.equal((found["sources"], addresses(found)), (None, []), "no address is in /status.json")
    tap.equal(addresses(document(agent, "/history.json")[0]), [], "nor in /history.json")
    tap.ok(any(addresses(json.loads(line)) for line in agent.cli("-j", "events").stdout.splitlines()),
           "though the log of events has one: the test can see them")
    agent.write("page: { sources: true }\n" + SERVICE + CLASSES)
    agent.reload()

    def visited():
        request(client)
        return addresses(fresh(agent)["sources"] or [])

    tap.ok(client.addresses4[0] in wait_for(visited, 15, "a source is shown"), "page: { sources: true } shows them")
    agent.write("page: { sources: 1 }\n" + SERVICE + CLASSES)
    done = agent.cli("check", check=False)
    tap.ok(done.returncode == 1 and "true or false" in done.stderr, "anything else is refused", done.stderr)


def bounded(tap, world):
    """As many services as there can be: the documents stay small, are quick to make, and memory does not grow."""
    shop = world.shop()
    services = ", ".join(f'service-with-a-long-name-{number}: {{ tcp: [{2000 + number}] }}' for number in range(64))
    agent = world.agent(shop, f"services: {{ {services} }}\n{CLASSES}")
    agent.start()
    time.sleep(3)
    sizes = {path: len(agent.http(path, timeout=5)[2]) for path in ("/", "/status.json", "/history.json")}
    tap.ok(sizes["/"] < 100_000 and sizes["/status.json"] < 200_000 and sizes["/history.json"] < 700_000, "64 services: bounded", sizes)
    before = agent.resident()
    least = 9.0
    for _ in range(40):
        time.sleep(0.1)
        document(agent, "/status.json")
        document(agent, "/history.json")
        least = min(least, agent.status()["lease_remaining_s"])
    tap.ok(least > 1.5 / SLOW, "while they are read all the time, the lease is renewed", least)
    tap.ok(agent.resident() - before < 8 << 20, "and memory does not grow", (before, agent.resident()))
    silent = [shop.socket() for _ in range(40)]
    for client in silent:
        client.connect(("127.0.0.1", 10010))
        client.sendall(b"GET /history.json HTTP/1.1\r\nHost: localhost\r\n\r\n")
    tap.becomes(agent.ticking, 3, "40 readers that do not read: the lease is renewed (fault 43)")
    for client in silent:
        client.close()


if __name__ == "__main__":
    run_tests(the_page, values, history, no_addresses, bounded)
