#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Hooks, and the recipes of docs/recipes.md with a real nginx and a real HAProxy."""
import array
import fcntl
import os
import re
import subprocess
import termios
import time
from pathlib import Path

from world import ROOT, SLOW, KeptAlive, connect, http_get, request, run, run_tests, wait_for

DRIVER = ROOT / "build/tests/e2e/hooks_driver"


def hook(folder, name, body, mode=0o755):
    path = folder / name
    path.write_text(body)
    path.chmod(mode)
    return path


def folder_of(world, name="hooks.d"):
    folder = world.folder / name
    folder.mkdir()
    folder.chmod(0o755)
    return folder


def unread_bytes(pipe):
    found = array.array("i", [0])
    fcntl.ioctl(pipe, termios.FIONREAD, found)
    return found[0]


def drive(folder, lines, timeout_ms=10000, **options):
    """Level changes in, results out; a function among the lines is waited for once the changes before it have been read."""
    driver = subprocess.Popen([DRIVER, folder, str(timeout_ms)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, **options)
    try:
        for line in lines:
            if callable(line):
                wait_for(lambda: not unread_bytes(driver.stdin), 10, "the changes are read")
                wait_for(line, 10, "what is to happen between changes")
            else:
                driver.stdin.write(line + "\n")
                driver.stdin.flush()
        out, err = driver.communicate(timeout=60 * SLOW)
    finally:
        if driver.poll() is None:
            driver.kill()
            driver.wait()
    return out, err


def they_run_in_order_and_clean(tap, world):
    folder, seen = folder_of(world), world.folder / "seen"
    for name in ("20-second", "10-first"):
        hook(folder, name, f"#!/bin/sh\necho {name} >>{seen}\nenv | sort >>{seen}\nls -l /proc/self/fd >>{seen}\n")
    hook(folder, "README", "no hook", 0o644)
    hook(folder, "10-first.dpkg-old", "#!/bin/sh\necho leftover\n")
    out, err = drive(folder, ["red green shop: demand 5,200/s exceeds sustainable 950/s"], env={**os.environ, "SECRET": "x"})
    tap.equal(re.findall(r"^(\S+) level=red ok=1 exit=0", out, re.M), ["10-first", "20-second"],
              "hooks run in the order of their names; leftovers and what is not executable do not")
    text = seen.read_text()
    first = text.split("20-second")[0]
    variables = dict(line.split("=", 1) for line in first.splitlines() if re.match(r"\w+=", line))
    for extra in ("PWD", "SHLVL", "_", "OLDPWD"):
        variables.pop(extra, None)  # set by the shell
    tap.equal({name: value for name, value in variables.items() if name != "PATH"}, {
        "SPILLWAY_LEVEL": "red", "SPILLWAY_FORMER": "green", "SPILLWAY_LEVEL_NUMBER": "3", "SPILLWAY_SERVICE": "shop",
        "SPILLWAY_REASON": "shop: demand 5,200/s exceeds sustainable 950/s",
    }, "the environment holds what is documented and nothing else")
    tap.ok("/etc/hostname" not in text and "/dev/null" in text, "nothing that the agent has open is open in a hook", text)


def what_is_not_safe_is_refused(tap, world):
    folder = folder_of(world)
    hook(folder, "10-writable", "#!/bin/sh\n", 0o775)
    os.chown(hook(folder, "20-foreign", "#!/bin/sh\n"), 65534, -1)
    (folder / "30-link").symlink_to("/bin/true")
    hook(folder, "40-right", "#!/bin/sh\necho ran\n")
    hook(folder, "50-no-program", "neither a script nor a program")
    out, err = drive(folder, ["red green x"])
    refused = dict(re.findall(r"^(\S+) .* refused=(.+?) output=", out, re.M))
    tap.ok("writable for others" in refused["10-writable"], "a hook that others may write is refused", out)
    tap.ok("not belong to root" in refused["20-foreign"], "a hook that is not root's is refused", out)
    tap.ok("symbolic link" in refused["30-link"], "a symbolic link is refused", out)
    tap.equal(refused["40-right"], "-", "the others run")
    tap.ok("Exec format" in refused["50-no-program"], "what cannot be run is reported", out)
    tap.equal(err.count("was not run"), 4, "each refusal is logged")
    folder.chmod(0o777)
    out, err = drive(folder, ["red green x"])
    tap.ok("ran" not in out and "writable for others" in err, "a folder that others may write is refused whole", out + err)


def longest_ms(out):
    return float(re.search(r"longest_ms=(\S+)", out)[1])


def they_are_bounded(tap, world):
    folder, pids = folder_of(world), world.folder / "pids"
    hook(folder, "10-sleeper", f"#!/bin/sh\necho $$ >{pids}\nsleep 97 &\necho $! >>{pids}\ntrap '' TERM\nwhile :; do sleep 1; done\n")
    start = time.monotonic()
    out, err = drive(folder, ["red green x"], timeout_ms=1000)
    took = time.monotonic() - start
    longest = [longest_ms(out)]
    tap.ok(re.search(r"^10-sleeper .*ok=0 .*signal=9 timed_out=1", out, re.M) and "took more than 1 s" in err,
           "a hook that ignores SIGTERM is killed, and it is reported", out + err)
    tap.ok(2.5 < took < 8 * SLOW, "2 s after its time", f"{took:.1f} s")
    left = [pid for pid in pids.read_text().split() if os.path.exists(f"/proc/{pid}") and
            "State:\tZ" not in open(f"/proc/{pid}/status").read()]
    tap.equal(left, [], "what it has started went with it")
    (folder / "10-sleeper").unlink()
    hook(folder, "20-loud", "#!/bin/sh\nyes 0123456789 | head -c 3000000\n")
    hook(folder, "30-failing", "#!/bin/sh\necho because >&2\nexit 7\n")
    out, err = drive(folder, ["red green x"])
    longest.append(longest_ms(out))
    tap.ok(re.search(r"^20-loud .*ok=1 exit=0 .* bytes=4096 ", out, re.M), "of much output 4 KiB are kept", out)
    tap.ok(re.search(r"^30-failing .*ok=0 exit=7 .*output=because", out, re.M), "exit status and both streams are reported", out)
    tap.ok(max(longest) < 100 * SLOW, "the loop is not kept by any of it", f"{longest} ms")


def a_flapping_level_runs_one_at_a_time(tap, world):
    folder, seen, gate = folder_of(world), world.folder / "seen", world.folder / "gate"
    seen.touch()
    hook(folder, "10-slow", f'#!/bin/sh\necho "$SPILLWAY_FORMER-$SPILLWAY_LEVEL" >>{seen}\n'
                            f'until [ -e {gate}-$SPILLWAY_LEVEL ]; do sleep 0.02; done\n')

    def begun(count):
        return lambda: len(seen.read_text().split()) >= count

    def ends(level):
        return lambda: Path(f"{gate}-{level}").touch() or True

    drive(folder, ["orange green x", begun(1)] + ["red orange x", "orange red x"] * 50 + ["red orange x", ends("orange")] +
          [begun(2), "orange red x", "red orange x", ends("red")])
    tap.equal(seen.read_text().split(), ["green-orange", "orange-red"],
              "of 104 changes those hooks run that tell where it began and where it ended up (faults 42, 47)")


def nginx_serves_the_light_page(tap, world):
    shop, folder, light = world.shop(), folder_of(world), world.folder / "light"
    recipe = (ROOT / "packaging/hooks/50-nginx-light").read_text()
    hook(folder, "50-nginx-light", recipe.replace("/run/spillway/light", str(light)))
    site = re.search(r"```nginx\n(.*?)```", (ROOT / "docs/recipes.md").read_text(), re.S)[1]
    home, pages = world.folder / "web", world.folder / "web/pages"
    pages.mkdir(parents=True)
    (pages / "light.html").write_text("light page\n")
    for path in (home, pages):
        path.chmod(0o755)
    site = site.replace("/run/spillway/light", str(light)).replace("/var/www/shop", str(pages))
    temporary = "".join(f"{kind}_temp_path {home}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (home / "nginx.conf").write_text(f"""daemon off; worker_processes 1; error_log {home}/error.log; pid {home}/nginx.pid;
events {{ worker_connections 512; }}
http {{ {temporary} access_log off;
server {{ listen 127.0.0.1:8080; location / {{ return 200 "full page\\n"; }} }}
{site} }}
""")
    server = shop.start("nginx", "-e", f"{home}/error.log", "-p", home, "-c", "nginx.conf")
    wait_for(lambda: request(shop, "127.0.0.1") or not server.alive(), 10, "nginx answers")

    def page(path="/"):
        return http_get(shop, path, "127.0.0.1")[2].strip()

    def after(*changes):
        out, err = drive(folder, changes)
        tap.ok("ok=1" in out, f"the hook has run: {changes}", out + err)
        return page()

    tap.equal(page(), "full page", "nginx: the full page at green")
    tap.equal(after("yellow green x"), "full page", "nginx: still at yellow")
    tap.equal(after("orange yellow x"), "light page", "nginx: the light page at orange, without a reload")
    tap.equal(page("/basket"), "full page", "nginx: other pages go on")
    tap.equal(page("/light.html").count("light page"), 0, "nginx: the light page cannot be asked for")
    tap.equal(after("red orange x"), "light page", "nginx: and at red")
    tap.equal(after("green yellow x"), "full page", "nginx: the full page again at green")


def nginx_drops_keep_alive(tap, world):
    """Hook and recipe of docs/recipes.md: no connection outlives its answer from orange on."""
    shop, folder, home = world.shop(), folder_of(world), world.folder / "kept"
    home.mkdir()
    recipe = (ROOT / "packaging/hooks/60-nginx-no-keepalive").read_text()
    site = re.search(r"### nginx\n.*?no-keepalive.*?```nginx\nhttp \{\n(.*?)\n\}\n```", (ROOT / "docs/recipes.md").read_text(), re.S)[1]
    recipe = recipe.replace("/run/nginx.pid", f"{home}/nginx.pid").replace("/run/spillway", str(home))
    hook(folder, "60-nginx-no-keepalive", recipe)
    temporary = "".join(f"{kind}_temp_path {home}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (home / "nginx.conf").write_text(f"""daemon off; worker_processes 1; error_log {home}/error.log; pid {home}/nginx.pid;
events {{ worker_connections 512; }}
http {{ {temporary} access_log off;
{site.replace("/run/spillway", str(home))}
server {{ listen 127.0.0.1:80; location / {{ return 200 "page\\n"; }} }} }}
""")
    server = shop.start("nginx", "-e", f"{home}/error.log", "-p", home, "-c", "nginx.conf")
    wait_for(lambda: request(shop, "127.0.0.1") or not server.alive(), 10, "nginx answers")

    def said(kept):
        """What the answer says of the connection, or "gone"."""
        try:
            return kept.get()[1].get("Connection")
        except OSError:
            return "gone"

    def of_new():
        with KeptAlive(connect(shop, "127.0.0.1")) as kept:
            return said(kept)

    def settled(expected):
        """The former worker may still accept for a moment after a reload."""
        return wait_for(lambda: [of_new() for _ in range(10)] == [expected] * 10, 10, expected)

    def change(line):
        out, err = drive(folder, [line])
        tap.ok("ok=1" in out, f"the hook has run: {line}", out + err)

    with KeptAlive(connect(shop, "127.0.0.1")) as idle:
        tap.equal([said(idle), said(idle)], ["keep-alive"] * 2, "nginx at green: a connection serves one request after the other")
        change("yellow green x")
        tap.equal([said(idle), of_new()], ["keep-alive"] * 2, "nginx at yellow: still")
        change("orange yellow x")
        tap.ok(settled("close"), "nginx at orange: a connection ends behind its answer")
        tap.ok(wait_for(lambda: said(idle) == "gone", 10, "closed"), "nginx at orange: an idle connection is closed")
    change("red orange x")
    tap.ok(settled("close"), "nginx at red: still")
    change("green red x")
    tap.ok(settled("keep-alive"), "nginx at green again: the answer says so")
    with KeptAlive(connect(shop, "127.0.0.1")) as kept:
        tap.equal([said(kept), said(kept)], ["keep-alive"] * 2, "nginx at green again: connections are kept")
    tap.ok(server.alive(), "nginx ran on all the time", server.log())


def haproxy_chooses_the_backend(tap, world):
    shop, folder, home = world.shop(), folder_of(world), world.folder / "proxy"
    home.mkdir()
    recipe = (ROOT / "packaging/hooks/50-haproxy-light").read_text()
    control, pages, map_file = home / "admin.sock", home / "light.html", home / "light.map"
    places = {"/run/haproxy/admin.sock": str(control), "/etc/haproxy/light.map": str(map_file),
              "/etc/haproxy/light.html": str(pages)}
    site = re.search(r"```haproxy\n(.*?)```", (ROOT / "docs/recipes.md").read_text(), re.S)[1]
    for old, new in places.items():
        recipe, site = recipe.replace(old, new), site.replace(old, new)
    hook(folder, "50-haproxy-light", recipe)
    map_file.write_text("page full\n")
    pages.write_text("light page\n")
    timeouts = "defaults\n    timeout connect 2s\n    timeout client 5s\n    timeout server 5s\n"
    application = '\nfrontend application\n    mode http\n    bind 127.0.0.1:8080\n    http-request return status 200 ' \
        'content-type text/plain string "full page"\n'
    (home / "haproxy.cfg").write_text(site.replace("frontend shop", timeouts + "frontend shop", 1) + application)
    checked = run("haproxy", "-c", "-f", home / "haproxy.cfg", check=False)
    tap.ok(checked.returncode == 0, "HAProxy takes the configuration of the recipe", checked.stdout + checked.stderr)
    server = shop.start("haproxy", "-db", "-f", home / "haproxy.cfg", name="haproxy")
    wait_for(lambda: request(shop, "127.0.0.1") or not server.alive(), 10, "HAProxy answers")

    def page():
        return http_get(shop, "/", "127.0.0.1")[2].strip()

    def after(*changes):
        out, err = drive(folder, changes)
        tap.ok("ok=1" in out, f"the hook has run: {changes}", out + err)
        return page()

    tap.equal(page(), "full page", "HAProxy: the full page at green")
    tap.equal(after("orange green x"), "light page", "HAProxy: the light page at orange, without a reload")
    tap.equal(after("yellow orange x"), "full page", "HAProxy: the full page again at yellow")
    server.stop()
    out, err = drive(folder, ["red yellow x"])
    tap.ok("ok=0" in out, "HAProxy is gone: the hook fails, and it is reported", out + err)


if __name__ == "__main__":
    run_tests(they_run_in_order_and_clean, what_is_not_safe_is_refused, they_are_bounded,
              a_flapping_level_runs_one_at_a_time, nginx_serves_the_light_page, nginx_drops_keep_alive,
              haproxy_chooses_the_backend)
