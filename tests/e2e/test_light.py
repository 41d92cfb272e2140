#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""refuse: light: who is refused by share or budget gets the page of another nginx, with TLS and SYN cookies (issue 14)."""
import http.client
import json
import ssl
import threading
import time

from world import SHOP4, SHOP6, SLOW, connect, finish_blast, give_addresses, run, run_tests, scaled, wait_for

BODY = """\
services:
  shop: { tcp: [80, 443], capacity: 20/s, light: { tcp: [8080, 8443], rate: %s } }
lists: { vip: { inline: [198.18.1.0/24, "2001:db8:1::/48"] } }
classes: [ { name: vip, lists: [vip], shed_from: red }, { name: rest, shed_from: yellow, refuse: light } ]
"""
SERVER = """\
  server {
    listen 80; listen [::]:80; listen 443 ssl; listen [::]:443 ssl;
    location / { return 200 "open for business\\n"; }
  }
"""
# As in docs/operations.md.
LIGHT = """\
  server {
    listen 127.0.0.1:8080; listen [::1]:8080; listen 127.0.0.1:8443 ssl; listen [::1]:8443 ssl;
    keepalive_timeout 0;
    add_header Retry-After 30 always;
    add_header Cache-Control no-store always;
    location / { return 503 "we are full\\n"; }
  }
"""


def certificate(world):
    path = world.folder / "site.pem"
    if not path.exists():
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
            "-subj", "/CN=shop", "-keyout", path, "-out", world.folder / "crt.pem")
        path.write_text(path.read_text() + (world.folder / "crt.pem").read_text())
    return path


def nginx(world, namespace, name, server, port):
    folder = world.folder / f"{name}-{time.monotonic_ns()}"
    folder.mkdir()
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    paths = "\n".join(f"  {kind}_temp_path {folder}/{kind};" for kind in kinds)
    (folder / "nginx.conf").write_text(f"""\
daemon off; worker_processes 1; error_log {folder}/error.log; pid {folder}/nginx.pid;
events {{ worker_connections 2048; }}
http {{
{paths}
  access_log off;
  ssl_certificate {certificate(world)}; ssl_certificate_key {certificate(world)};
{server}}}
""")
    process = namespace.start("nginx", "-e", f"{folder}/error.log", "-p", folder, "-c", "nginx.conf", name=name)
    wait_for(lambda: not process.alive() or connect(namespace, "127.0.0.1", port), 10, f"{name} listens")
    if not process.alive():
        raise RuntimeError(process.log())
    return process


def get(namespace, address=SHOP4, tls=True, source=None, timeout=None):
    """Status, Retry-After and body; "reset" or None: no connection."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    client = connect(namespace, address, 443 if tls else 80, source, timeout)
    if not client:
        return None, None, ""
    try:
        connection = http.client.HTTPConnection("shop")
        connection.sock = context.wrap_socket(client, server_hostname="shop") if tls else client
        connection.request("GET", "/")
        answer = connection.getresponse()
        return answer.status, answer.getheader("Retry-After"), answer.read().decode()
    finally:
        client.close()


def light_page(namespace, address=SHOP4, **options):
    """Whether a light page came within some attempts, each of another source: the share is for some, who stay in it."""
    for source in namespace.addresses6 if ":" in address else namespace.addresses4:
        answer = get(namespace, address=address, source=source, **options)
        if answer == (503, "30", "we are full\n"):
            return True
    return answer


def silence(namespace):
    """Nobody gets a light page; some, who are in the share, are served by the shop."""
    statuses = [get(namespace, source=source, timeout=0.3)[0] for source in namespace.addresses4]
    return None in statuses and 503 not in statuses


def shop_serves(tap, namespace, count, name):
    """In time: while red, the budget may refuse a SYN of a class above too, which comes again after a second."""
    got = []
    tap.becomes(lambda: got.append([get(namespace)[0] for _ in range(count)]) or got[-1] == [200] * count, 20, name)
    tap.ok(all(status in (200, None) for tries in got for status in tries), "... and the light listener never", got)


def answers(agent, result="answered"):
    return agent.metrics().sum("spillway_light_answers_total", result=result, service="shop", **{"class": "rest"})


def explained(agent):
    return json.loads(agent.cli("-j", "explain").stdout)["services"][0]["light"]


def build(world, rate="50k/s", cookies=1):
    shop = world.shop()
    vip, rest = world.client("vip", 1), world.client("rest", 9, addresses=8)
    rest.addresses6 = [f"2001:db8:9:{number:x}::1" for number in range(1, 9)]  # IPv6 sources are /64s
    give_addresses(rest, "eth0", [], rest.addresses6)
    flood = world.flood(shop)
    shop.sysctl("net/ipv4/tcp_syncookies", cookies)
    nginx(world, shop, "shop", SERVER, 443)
    agent = world.agent(shop, BODY % rate, interfaces=("eth0", "eth1"))
    return shop, vip, rest, flood, agent


def rush(world, agent, flood):
    """Far more than the shop can serve; what is let through of it reaches no socket."""
    stream = world.blast(flood, "198.18.128.0", 30000, rate=scaled(3000), extra=("--fresh", "--port", 443))
    agent.cli("level", "set", "red")
    wait_for(lambda: agent.reasons().get("share", {}).get("drop") or agent.reasons().get("light", {}).get("pass"), 20,
             "new work is refused")
    return stream


def page_while_red(tap, world):
    shop, vip, rest, flood, agent = build(world)
    nginx(world, shop, "light", LIGHT, 8443)
    agent.start()
    tap.equal(get(rest)[0], 200, "green: the shop answers")
    stream = rush(world, agent, flood)
    tap.equal(light_page(rest), True, "red: the light page over TLS, with Retry-After")
    tap.equal(light_page(rest, tls=False), True, "red: and over plain HTTP, by the second listener")
    tap.equal(light_page(rest, address=SHOP6), True, "red: over IPv6")
    shop_serves(tap, vip, 5, "red: the class above is served by the shop")
    times = []
    for _ in range(40):
        begin = time.monotonic()
        get(rest)
        times.append(time.monotonic() - begin)
    times.sort()
    tap.ok(times[-2] < 0.5 * SLOW, "a page comes at once", f"{times[20] * 1000:.1f} ms, {times[-2] * 1000:.1f} ms")
    metrics = agent.metrics()
    tap.ok(answers(agent) > 40, "light answers are counted by service and class", answers(agent))
    tap.equal([metrics.one("spillway_light_ready", service="shop", family=family) for family in "46"], [1, 1],
              "the listeners are a metric")
    passed = metrics.one("spillway_packets_total", reason="light", verdict="pass")
    tap.ok(passed > 40, "the reason is light", passed)
    dropped = metrics.sum("spillway_service_new_work_total", service="shop", verdict="drop", **{"class": "rest"})
    tap.ok(dropped >= passed, "new work given to the light listener counts as refused", (dropped, passed))
    light = explained(agent)
    tap.ok(light["ready_ipv4"] and light["ready_ipv6"] and light["answered"] > 40 and light["tcp"] == [8080, 8443],
           "explain tells the listeners", light)
    tap.ok("listens on 8080, 8443" in agent.cli("explain").stdout, "and in words")
    finish_blast(stream, stop=True)
    agent.cli("level", "auto")
    wait_for(lambda: agent.status()["level"] == "green", 60, "green again")
    tap.equal([get(rest)[0] for _ in range(5)], [200] * 5, "afterwards the shop answers again")


def syn_cookies(tap, world):
    """The final ACK is looked up once more, and has to find the same listener."""
    shop, vip, rest, flood, agent = build(world, cookies=2)
    nginx(world, shop, "light", LIGHT, 8443)
    agent.start()
    stream = rush(world, agent, flood)
    tap.equal([light_page(rest) for _ in range(5)], [True] * 5, "SYN cookies: the light page")
    tap.equal(light_page(rest, address=SHOP6), True, "SYN cookies: over IPv6")
    shop_serves(tap, vip, 5, "SYN cookies: others reach the shop")
    finish_blast(stream, stop=True)


def signals_leave_it_out(tap, world):
    """Connections of the light listener have the port of the shop, and are not its work."""
    shop, _, rest, _, agent = build(world)
    agent.write((BODY % "50k/s").replace("20/s", "2/s"))
    nginx(world, shop, "light", LIGHT, 8443)
    agent.start()
    agent.cli("level", "set", "red")
    served, statuses, begin = [], [], time.monotonic()

    def visit():
        while time.monotonic() - begin < 8:
            statuses.append(get(rest)[0])

    visitor = threading.Thread(target=visit)
    visitor.start()
    while visitor.is_alive():
        served.append(agent.metrics().one("spillway_service_served_per_second", service="shop"))
    per_s, counted = statuses.count(503) / (time.monotonic() - begin), sum(served) / len(served)
    tap.ok(per_s > 6, "more light pages than the shop may serve", (per_s, statuses.count(200)))
    tap.ok(counted < per_s / 2, "they are not work that the shop served", (counted, per_s, served))


def listener_gone(tap, world):
    shop, vip, rest, flood, agent = build(world)
    light = nginx(world, shop, "light", LIGHT, 8443)
    agent.start()
    stream = rush(world, agent, flood)
    tap.equal(light_page(rest), True, "the light page")
    light.stop()
    tap.ok(all(get(rest, timeout=0.3)[0] != 503 for _ in range(2)), "listener gone: no page")
    wait_for(lambda: not explained(agent)["ready_ipv4"], 5, "the agent notices")
    tap.ok("nobody listens on 8080, 8443" in agent.cli("explain").stdout, "listener gone: explain says so")
    before = answers(agent)
    tap.ok(silence(rest), "listener gone: refused by silence, as without it (fault 71)")
    tap.equal(answers(agent), before, "listener gone: nothing is let through for it")
    shop_serves(tap, vip, 1, "listener gone: the shop is as before")
    nginx(world, shop, "light", LIGHT, 8443)
    wait_for(lambda: explained(agent)["ready_ipv6"], 5, "the agent finds the new one")
    tap.equal(light_page(rest), True, "started again: in use within a second")

    agent.process.kill()
    wait_for(lambda: [get(rest, timeout=1)[0] for _ in range(4)] == [200] * 4, 10, "everybody reaches the shop")
    tap.ok(list(agent.pins.glob("light_[0-9]*")), "kill -9 leaves the program attached until then (fault 71)")
    agent.start()
    tap.equal(len(list(agent.pins.glob("light_[0-9]*"))), 1, "a new agent replaces it")
    agent.cli("level", "set", "red")
    tap.equal(light_page(rest), True, "and gives pages again")
    agent.write(BODY.replace(", refuse: light", "").replace(", light: { tcp: [8080, 8443], rate: %s }", ""))
    agent.reload()
    tap.equal(list(agent.pins.glob("light_[0-9]*")), [], "a reload without it detaches the program")
    tap.ok(silence(rest), "and refuses by silence")
    finish_blast(stream, stop=True)


def budget_used_up(tap, world):
    shop, vip, rest, flood, agent = build(world, rate="10/s")
    nginx(world, shop, "light", LIGHT, 8443)
    agent.start()
    stream = rush(world, agent, flood)
    time.sleep(3)
    begin, before, over = time.monotonic(), answers(agent), answers(agent, "over")
    statuses = [get(rest, source=source, timeout=0.2)[0] for source in rest.addresses4 + rest.addresses4[:2]]
    time.sleep(2)
    now = answers(agent)
    seconds = time.monotonic() - begin
    tap.ok(None in statuses and statuses.count(503) <= 2, "budget of light answers used up: the rest is dropped (fault 72)", statuses)
    tap.ok(0 < now - before <= 10 * seconds + 10, "and no more than the rate is let through", (now - before, seconds))
    tap.ok(answers(agent, "over") > over + 100, "what was beyond is counted")
    shop_serves(tap, vip, 1, "the class above is served")
    finish_blast(stream, stop=True)


def other_namespace(tap, world):
    """A service in another network namespace than the agent and the interface."""
    shop, vip, rest, flood, agent = build(world)
    pod = world.namespace("pod")
    world.veth(shop, "lan0", pod, "eth0")
    shop.run("ip", "address", "add", "192.0.2.1/24", "dev", "lan0")
    pod.run("ip", "address", "add", "192.0.2.7/24", "dev", "eth0")
    pod.run("ip", "route", "add", "default", "via", "192.0.2.1")
    shop.sysctl("net/ipv4/ip_forward", 1)
    for client in (vip, rest):
        client.run("ip", "route", "add", "192.0.2.0/24", "via", SHOP4)
    nginx(world, pod, "pod", SERVER, 443)
    nginx(world, pod, "podlight", LIGHT, 8443)
    agent.write((BODY % "50k/s").replace("capacity:", f"netns: [{pod.path}], capacity:"))
    agent.start()
    tap.equal(get(rest, address="192.0.2.7")[0], 200, "namespace: green")
    stream = rush(world, agent, flood)
    tap.equal(light_page(rest, address="192.0.2.7"), True, "namespace: the light page from inside")
    tap.equal(get(vip, address="192.0.2.7")[0], 200, "namespace: the class above is served")
    finish_blast(stream, stop=True)


if __name__ == "__main__":
    # A machine that takes a second for a page cannot ask for more of them than the shop may serve.
    timed = (signals_leave_it_out,) if SLOW == 1 else ()
    run_tests(page_while_red, syn_cookies, *timed, listener_gone, budget_used_up, other_namespace)
