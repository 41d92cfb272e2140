# SPDX-License-Identifier: GPL-2.0-only
"""A shop in overload, on the real kernel: servers, ways to protect them, visitors who arrive on schedule.

    with World() as world:
        loop = Loop(world)
        server = NginxPages(loop)
        server.calibrate()                                     # a page that costs enough
        capacity = loop.capacity(server)
        result = loop.case(server, Spillway(loop), SCENARIOS["step-5"], capacity)
        result["classes"]["partner"]["under_250ms"]            # see arrive.c for its content

Called by tests/loop/bench and by tests/e2e. For a fair comparison:
- the same XDP attachment in every condition: spillway's program is attached from the start and passes everything unless
  its agent runs, as attaching any program disables some offloads of a veth;
- the server and its protection run on one CPU, the visitors on another; each end of the link is served by its own thread at
  real-time priority, so that no packets are lost by late polling;
- visitors arrive on schedule (arrive.c), and their kernel resends SYNs; a run whose generator was late is void;
- every case starts with a fresh server.
"""
import contextlib
import copy
import json
import os
import random
import resource
import shutil
import signal
import statistics
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
from world import ROOT, Metrics, http_get, run, wait_for  # noqa: E402

ARRIVE = ROOT / "build/tests/arrive"
UPSTREAM = ROOT / "build/tests/upstream"
POOL = ROOT / "build/tests/pool"
ASYNCIO = Path(__file__).resolve().parent / "asyncio_server.py"

SHOP, VISITORS = "198.18.0.1", "198.18.0.2"
SECOND, SECOND_VISITORS = "198.18.0.5", "198.18.0.6"  # of a host that is added to the shop

# The classes, highest first: prefix and share of the visitors.
CLASSES = {
    "partner": ("198.18.16.0/20", 0.07),
    "domestic": ("198.18.32.0/20", 0.43),
    "international": ("198.18.48.0/20", 0.35),
    "unknown": ("198.18.64.0/20", 0.15),
}
# A plausible manual allotment of 0.9 of the capacity: partners get three times what they need.
ALLOTTED = {"partner": 0.20, "domestic": 0.40, "international": 0.22, "unknown": 0.08}
# Target capacity of a server in new connections a second: pages of some ms each. On a veth each packet wakes a thread
# and takes some 20 us of the server's CPU, against 1 us on a NIC: at 900/s, a flood of ten times that with its retries
# would take half of the CPU before anything has judged it.
WANTED = 300
LIMIT = 0.9      # of the capacity, for a limit without classes
MISTUNED = 1.3   # error of limit or capacity in the mistuned cases
BURST_S = 0.1    # of each limit's rate

# Metrics read from the agent's page; the first name found is used, none is no error.
METRICS = {
    "level": ["spillway_level"],
    "level_changes": ["spillway_level_changes_total"],
    "new_work": ["spillway_class_new_work_total"],
    "capacity": ["spillway_service_capacity_per_second"],
    "no_help": ["spillway_service_shedding_does_not_help"],
    "hosts": ["spillway_service_hosts_wanted"],
}

SPILLWAY_CLASSES = """\
lists:
  partners: { inline: [%s] }
  home:     { inline: [%s] }
  abroad:   { inline: [%s] }
classes:
  - { name: partner,       lists: [partners] }
  - { name: domestic,      lists: [home],   shed_from: red%%(established)s }
  - { name: international, lists: [abroad], shed_from: orange%%(established)s }
  - { name: unknown,       shed_from: yellow%%(established)s }
""" % tuple(CLASSES[name][0] for name in ("partner", "domestic", "international"))


class Void(Exception):
    """The generator could not keep its schedule, so the figures say nothing about the server."""


class Loop:
    """The namespaces of shop and visitors, with a link between them."""

    def __init__(self, world, server_cpu=1, client_cpu=0, patience_s=10.0):
        self.world = world
        self.server_cpu, self.client_cpu, self.patience_s = server_cpu, client_cpu, patience_s
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        os.sched_setaffinity(0, {client_cpu})
        self.device = f"s{os.getpid()}"  # unique, as threads are named after it
        self.shop = world.namespace("shop")
        self.visitors = world.namespace("visitors")
        world.veth(self.shop, self.device, self.visitors, "v" + self.device)
        for prefix, _ in CLASSES.values():
            self.visitors.run("ip", "route", "add", "local", prefix, "dev", "lo")
        self.visitors.sysctl("net/ipv4/ip_local_port_range", "1024 65000")
        self._addresses(SHOP, VISITORS)
        self._second = None
        self.agent = world.agent(self.shop, self.configuration("learn"), interfaces=[self.device])
        self.agent.start()  # attaches the program, which stays
        self.agent.stop()
        self.napi = self._poll_by_threads()
        self.bpf_stats = False

    def second(self):
        """Another host like the shop, with an agent of its own; balance() sends visitors there."""
        if not self._second:
            other = self._second = copy.copy(self)
            other.device = f"t{os.getpid()}"
            other.shop = self.world.namespace("second")
            self.world.veth(other.shop, other.device, self.visitors, "v" + other.device)
            other._addresses(SECOND, SECOND_VISITORS)
            other.agent = self.world.agent(other.shop, other.configuration("learn"), name="second", interfaces=[other.device])
            other.agent.start()
            other.agent.stop()
            other.napi = other._poll_by_threads()
        return self._second

    def balance(self, hosts):
        """New connections go to so many hosts in turn, connection by connection; 0: there is no balancer."""
        turns = f"numgen inc mod {hosts} map {{ " + ", ".join(f"{i} : {host}" for i, host in enumerate((SHOP, SECOND)[:hosts])) + " }"
        rules = ("table ip balancer {\n  chain out { type nat hook output priority -100; }\n}\n" + (
            f"flush chain ip balancer out\nadd rule ip balancer out ip daddr {SHOP} tcp dport 80 dnat to {turns}\n"
            if hosts else "delete table ip balancer\n"))
        self.visitors.run("nft", "-f", "-", input=rules)

    def _addresses(self, host, beyond):
        shop, visitors = self.shop, self.visitors
        for namespace, device, address, other in ((shop, self.device, host, beyond),
                                                  (visitors, "v" + self.device, beyond, host)):
            namespace.sysctl(f"net/ipv6/conf/{device}/disable_ipv6", 1)
            namespace.sysctl("net/ipv4/tcp_no_metrics_save", 1)
            namespace.run("ip", "address", "add", f"{address}/30", "dev", device)
            hardware = (visitors if namespace is shop else shop).link(
                "v" + self.device if namespace is shop else self.device)["address"]
            namespace.run("ip", "neigh", "replace", other, "lladdr", hardware, "dev", device, "nud", "permanent")
        for prefix, _ in CLASSES.values():
            shop.run("ip", "route", "add", prefix, "via", beyond)

    def _poll_by_threads(self):
        """Each end of the link is served by a thread on its side's CPU. The visitors' end polls because of GRO."""
        self.visitors.run("ethtool", "-K", "v" + self.device, "gro", "on")
        return [self.poll_by_thread(self.shop, self.device, self.server_cpu),
                self.poll_by_thread(self.visitors, "v" + self.device, self.client_cpu)]

    @staticmethod
    def poll_by_thread(namespace, device, cpu):
        """Pids of the threads; the device's name must be unique over namespaces."""
        # /sys as the namespace sees it, which nsenter does not show
        run("ip", "netns", "exec", namespace.name, "sh", "-c", f"echo 1 >/sys/class/net/{device}/threaded")
        found = [int(path.parent.name) for path in Path("/proc").glob("[0-9]*/comm")
                 if _read(path).startswith(f"napi/{device}-")]
        if not found:
            raise RuntimeError(f"{device}: no thread polls it")
        for pid in found:
            run("taskset", "-p", "-c", cpu, pid)
            run("chrt", "-f", "-p", "20", pid)
        return found

    def configuration(self, capacity, wait_at=(), ends=False, patience=False):
        """Configuration of the agent; @capacity: "learn" or new connections per second; @wait_at: see Server; @ends, @patience:
        see Spillway."""
        rate = capacity if capacity == "learn" else f"{round(capacity)}/s"
        behind = f"wait_at: {list(wait_at)}, " if wait_at else ""
        waits = ", patience: 1s" if patience else ""
        return (f"services:\n  shop: {{ tcp: [80], {behind}capacity: {rate}, wait_target: 20ms{waits} }}\n" +
                SPILLWAY_CLASSES % {"established": ", established: end" if ends else ""})

    def start_on_server(self, *argv, name=None, **options):
        process = self.shop.start("taskset", "-c", self.server_cpu, *argv, name=name or Path(str(argv[0])).name, **options)
        favour(process)
        return process

    def arrive(self, profile, *options, at=None):
        """Start the generator; finish_arrive() ends it."""
        argv = [ARRIVE, "--profile", profile, "--target", f"{SHOP}:80", "--patience", self.patience_s,
                "--drain", 1.5, "--cpu", self.client_cpu, *options]
        for name, (prefix, share) in CLASSES.items():
            argv += ["--class", f"{name}:{prefix}:{share}"]
        if at:
            argv += ["--at", f"{at:.6f}"]
        return self.visitors.start("chrt", "-r", 10, *argv, name="arrive")  # not delayed by others

    def climb(self, server, expected, steps=8, step_s=1.5, seed=1):
        """Increase the load up to 1.6 times the expectation; returns the best rate of answers of any step, whatever their age.

        Under saturation the served rate is the capacity. If even the last step was served, continue from there.
        """
        rates = [expected * (0.6 + step / (steps - 1)) for step in range(steps)]
        with server.running():
            profile = " ".join(f"{step_s:g}:{rate:.0f}" for rate in rates)
            result = finish_arrive(self.arrive(profile, "--drain", 0.5, "--seed", seed))
        best = max(segment["served_per_s"] for segment in result["segments"])
        return self.climb(server, best * 1.5, steps, step_s, seed) if best > 0.9 * rates[-1] else best

    def capacity(self, server, expected=float(WANTED)):
        """The capacity of the server: new connections per second; median of three climbs."""
        return statistics.median(self.climb(server, expected, seed=seed) for seed in (1, 2, 3))

    def case(self, server, system, scenario, capacity, seed=1, seconds=15.0):
        """One run. Returns the generator's result, plus measurements at the shop (key "shop")."""
        if scenario.scales:
            seconds = max(seconds, SCALING_S)
        profile, events, options = scenario.plan(self, server, system, capacity, seconds)
        if system.cut_after_s is not None:
            events = [*events, (system.cut_after_s, lambda: system.cut(self))]
        ahead = sum(float(part.split(":")[0]) for part in profile.split() if not part.endswith("*"))
        total = sum(float(part.split(":")[0]) for part in profile.split())
        scaler = Autoscaler(self, server, system, capacity) if scenario.scales else contextlib.nullcontext()
        with server.running(system), system.protecting(server, capacity), scaler:
            begin = time.monotonic() + 0.5
            if scenario.scales:
                scaler.watch(begin + ahead)
            arrive = self.arrive(profile, "--seed", seed, *options, at=begin)
            with Watch(self, server, system, begin + ahead, begin + total) as watch, server.undone():
                for after_s, action in sorted(events, key=lambda event: event[0]):
                    time.sleep(max(0.0, begin + ahead + after_s - time.monotonic()))
                    action()
                result = finish_arrive(arrive, total + 60)
        result["shop"] = watch.seen
        if scenario.back:
            result["recovered"] = recovered(result, scenario.back(seconds) + 2)
        if scenario.scales:
            result["scaled"] = scaler.seen
            result["recovered"] = recovered(result, (scaler.seen["added_s"] or seconds - 12) + 2)
        return result


def recovered(result, from_s):
    """What was good of those who came @from_s after the measured part began, and later."""
    seen = [second for second in result["series"] if second["s"] >= from_s and second["offered"]][:-1]
    partners = sum(second["class_offered"]["partner"] for second in seen)
    return {"good_per_s": sum(second["good"] for second in seen) / max(1, len(seen)),
            "offered_per_s": sum(second["offered"] for second in seen) / max(1, len(seen)),
            "partner": sum(second["class_good"]["partner"] for second in seen) / max(1, partners)}


def favour(process):
    """Raise the priority of the session of a program above the rest of the machine. All programs of a run are treated alike."""
    with contextlib.suppress(OSError):  # a kernel without groups of sessions
        Path(f"/proc/{process.pid}/autogroup").write_text("-20")


def finish_arrive(arrive, timeout_s=300):
    """The results of a finished generator."""
    status = arrive.wait(timeout_s)
    if status == 3:
        result = json.loads(arrive.log())
        raise Void(f"up to {result['max_lag_ms']} ms late, {result['unsent']} never sent")
    if status:
        raise RuntimeError(f"arrive: exit {status}: {arrive.log()}")
    return json.loads(arrive.log())


def _read(path):
    try:
        return Path(path).read_text(errors="replace")
    except OSError:
        return ""


def cpu_ns(pid):
    """CPU time of a process with all its threads."""
    return sum(int((_read(task / "schedstat") or "0").split()[0]) for task in Path(f"/proc/{pid}/task").glob("*"))


def busy_ns(cpu):
    """Time that a CPU was busy, including time taken by the hypervisor."""
    fields = next(line.split()[1:] for line in _read("/proc/stat").splitlines() if line.startswith(f"cpu{cpu} "))
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, fields[:8])
    return (user + nice + system + irq + softirq + steal) * 1_000_000_000 // os.sysconf("SC_CLK_TCK")


def session_of(pid):
    """The processes of a session, itself first."""
    found = [pid]
    for path in Path("/proc").glob("[0-9]*/stat"):
        fields = _read(path).rpartition(")")[2].split()
        if len(fields) > 3 and int(fields[3]) == pid and int(path.parent.name) != pid:
            found.append(int(path.parent.name))
    return found


class Watch(threading.Thread):
    """Measures the shop's side during the measured part."""

    def __init__(self, loop, server, system, begin, end):
        super().__init__(daemon=True)
        self.loop, self.agent = loop, loop.agent if system.name == "spillway" else None
        self.begin, self.end, self.over = begin, end, threading.Event()
        self.seen = {"level_changes": None, "level_highest": None, "agent_cpu": None, "napi_cpu": None,
                     "server_cpu": None, "others_cpu": None, "no_help": None, "new_work": None, "xdp_ns": None,
                     "xdp_cpu": None}
        self.server = server

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, kind, *_exception):
        if kind:
            self.over.set()
        self.join()

    def _page(self):
        try:
            status, _, body = self.agent.http("/metrics", timeout=1)
        except OSError:
            return None
        return Metrics(body) if status == 200 else None

    def _cpu(self):
        pids = {"napi_cpu": self.loop.napi[0], "server_cpu": self.server.pids()}
        if self.agent:
            pids["agent_cpu"] = [self.agent.process.pid]
        spent = {name: sum(cpu_ns(pid) for pid in found) for name, found in pids.items()}
        # Other load on the server's CPU or on the whole machine makes results doubtful.
        spent["others_cpu"] = busy_ns(self.loop.server_cpu) - sum(spent.values())
        return spent

    def _xdp(self):
        """Packets and run time of the program, if the kernel counts them."""
        if not self.loop.bpf_stats:
            return 0, 0
        number = self.loop.shop.link(self.loop.device)["xdp"]["prog"]["id"]
        state = json.loads(run("bpftool", "-j", "prog", "show", "id", number).stdout)
        return state.get("run_cnt", 0), state.get("run_time_ns", 0)

    def run(self):
        self.over.wait(max(0.0, self.begin - time.monotonic()))
        begin, cpu, xdp = time.monotonic(), self._cpu(), self._xdp()
        levels, pages = [], []
        while not self.over.is_set() and time.monotonic() < self.end:
            page = self._page() if self.agent else None
            if page:
                pages.append(page)
                levels.append(first_metric(page, "level"))
            self.over.wait(min(0.25, max(0.0, self.end - time.monotonic())))
        span_ns = (time.monotonic() - begin) * 1e9
        for name, before in cpu.items():
            self.seen[name] = (self._cpu()[name] - before) / span_ns
        count, spent = (after - before for after, before in zip(self._xdp(), xdp))
        if count:
            self.seen.update(xdp_ns=spent / count, xdp_cpu=spent / span_ns)
        if pages:
            self._judge(levels, pages)

    def _judge(self, levels, pages):
        seen = sum(one != other for one, other in zip(levels, levels[1:]))
        counted = [first_metric(page, "level_changes") for page in (pages[0], pages[-1])]
        self.seen["level_changes"] = int(counted[1] - counted[0]) if None not in counted else seen
        self.seen["level_highest"] = max(levels, default=None)
        self.seen["no_help"] = max((first_metric(page, "no_help") or 0 for page in pages), default=None)
        self.seen["capacity"] = first_metric(pages[-1], "capacity")
        self.seen["new_work"] = {name: {verdict: self._grown(pages, name, verdict) for verdict in ("pass", "drop")}
                                 for name in CLASSES}

    @staticmethod
    def _grown(pages, name, verdict):
        labels = {"class": name, "verdict": verdict}
        return int(first_metric(pages[-1], "new_work", **labels) or 0) - int(first_metric(pages[0], "new_work", **labels) or 0)


def first_metric(page, what, **labels):
    """The value of the first of METRICS[what] on the page, or None."""
    for name in METRICS[what]:
        if page.all(name, **labels):
            return page.sum(name, **labels)
    return None


class Autoscaler(threading.Thread):
    """Adds a second host DELAY_S after a signal of the first one has said so: the metric of hosts wanted, or CPU use over 10 s."""
    DELAY_S, LEAD_S = 20.0, 3.0  # the host is started LEAD_S before it gets visitors
    MORE = 1.1                   # hosts wanted above this: another one, as an HPA's tolerance says
    CPU, CPU_S = 0.7, 10.0

    def __init__(self, loop, server, system, capacity):
        super().__init__(daemon=True)
        self.loop, self.server, self.system, self.capacity = loop, server, system, capacity
        self.over, self.held, self.begin = threading.Event(), contextlib.ExitStack(), 0.0
        self.seen = {"by": system.scale_by, "signal_s": None, "added_s": None, "value": None, "failed": None}

    def __enter__(self):
        second = self.loop.second()
        self.other = copy.copy(self.system)
        self.other.loop = second
        self.twin = type(self.server.name, (type(self.server),), {"name": f"second-{self.server.name}-{id(self)}"})(second)
        self.loop.balance(1)
        self.spent = []
        return self

    def __exit__(self, *_exception):
        self.over.set()
        if self.is_alive():
            self.join()
        self.held.close()
        self.loop.balance(0)
        if self.seen["failed"]:
            raise RuntimeError(f"the second host: {self.seen['failed']}")

    def watch(self, begin):
        """From @begin on, of the monotonic clock."""
        self.begin = begin
        self.start()

    def _cpu(self):
        """Use of the host's CPU by its programs and its network in the last CPU_S; None: not for so long yet."""
        pids = [self.loop.napi[0], *self.server.pids(), *([self.loop.agent.process.pid] if self.system.protects else [])]
        self.spent.append((time.monotonic(), sum(cpu_ns(pid) for pid in pids)))
        while len(self.spent) > 1 and self.spent[1][0] <= self.spent[-1][0] - self.CPU_S:
            del self.spent[0]
        (before, then), (now, total) = self.spent[0], self.spent[-1]
        return (total - then) / 1e9 / (now - before) if now - before >= self.CPU_S else None

    def _hosts(self):
        try:
            status, _, body = self.loop.agent.http("/metrics", timeout=1)
        except OSError:
            return None
        return first_metric(Metrics(body), "hosts") if status == 200 else None

    def run(self):
        try:
            self._scale()
        except Exception as error:  # pylint: disable=broad-except
            self.seen["failed"] = str(error)

    def _scale(self):
        self.over.wait(max(0.0, self.begin - time.monotonic()))
        read, limit = (self._hosts, self.MORE) if self.system.scale_by == "hosts" else (self._cpu, self.CPU)
        while not self.over.wait(0.5):
            value = read()
            self.seen["value"] = max(value or 0, self.seen["value"] or 0)
            if (value or 0) > limit:
                break
        else:
            return
        signalled = time.monotonic()
        self.seen["signal_s"] = signalled - self.begin
        if self.over.wait(self.DELAY_S - self.LEAD_S):
            return
        self.held.enter_context(self.twin.running(self.other))
        self.held.enter_context(self.other.protecting(self.twin, self.capacity))
        if not self.over.wait(max(0.0, signalled + self.DELAY_S - time.monotonic())):
            self.loop.balance(2)
            self.seen["added_s"] = time.monotonic() - self.begin
            self.over.wait()  # the programs end with the thread that started them


# ---- servers ----

class Server:
    """Programs on the shop's CPU that answer on port 80. Subclasses start them."""
    name = ""
    wait_at = ()          # where requests wait, behind a proxy
    limits_in_nginx = True

    def __init__(self, loop):
        self.loop = loop
        self.folder = loop.world.folder / self.name
        self.folder.mkdir()
        self.processes = []
        self.hog = None

    def start(self, system):
        raise NotImplementedError

    def calibrate(self, wanted_per_s=WANTED):
        """Adjust the server's capacity, if possible."""

    @contextlib.contextmanager
    def running(self, system=None):
        """A fresh server, ready to answer."""
        try:
            self.start(system)
            wait_for(lambda: self.answers() or not self.alive(), 10, f"{self.name} answers")
            if not self.alive():
                raise RuntimeError(f"{self.name}: {''.join(process.log() for process in self.processes)}")
            yield self
        finally:
            for process in self.processes:
                _signal_group(process, signal.SIGCONT)
                process.stop(10)
            self.processes = []

    def answers(self):
        return http_get(self.loop.shop, "/", address="127.0.0.1", timeout=1)[0] in (200, 503)

    def alive(self):
        return all(process.alive() for process in self.processes)

    def pids(self):
        """Pids of everything that runs for this server, or against it."""
        programs = [*self.processes, *([self.hog] if self.hog else [])]
        return [pid for process in programs for pid in session_of(process.pid)]

    def pause(self):
        """An outage: nothing is answered, connections pile up."""
        for process in self.processes:
            _signal_group(process, signal.SIGSTOP)

    def resume(self):
        for process in self.processes:
            _signal_group(process, signal.SIGCONT)

    def lose_half(self):
        """Half the capacity is lost: another process uses the same CPU."""
        self.hog = self.loop.start_on_server("sh", "-c", "while :; do :; done", name="hog")

    def regain(self):
        if self.hog:
            self.hog.stop()
            self.hog = None

    @contextlib.contextmanager
    def undone(self):
        """Undo at the end whatever a scenario does to the server."""
        try:
            yield
        finally:
            self.resume()
            self.regain()

    def nginx(self, body, limits=None, port=80, http=""):
        """An nginx with one worker; @limits: requests per second by class, or None; @http: further lines for that block."""
        folder = self.folder / f"nginx-{port}"
        folder.mkdir(exist_ok=True)
        zones, uses = nginx_limits(limits) if limits else ("", "")
        temporary = "\n".join(f"  {kind}_temp_path {folder}/{kind};"
                              for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        (folder / "nginx.conf").write_text(f"""\
daemon off;
worker_processes 1;
error_log {folder}/error.log crit;
pid {folder}/nginx.pid;
events {{ worker_connections 19000; }}
http {{
{temporary}
  access_log off;
  keepalive_timeout 300s;
  keepalive_requests 1000000;
{http}
{zones}
  server {{
    listen {port} backlog=4096 sndbuf=256k;  # a page in one go: no hundreds of half-sent ones
{uses}
{body}
  }}
}}
""")
        self.processes.append(self.loop.start_on_server("nginx", "-e", f"{folder}/error.log", "-p", folder,
                                                        "-c", "nginx.conf"))


class NginxPages(Server):
    """nginx that compresses pages for each request: CPU-bound."""
    name = "nginx"
    page_bytes = 64 << 10

    def __init__(self, loop):
        super().__init__(loop)
        self.pages = self.folder / "pages"
        self.pages.mkdir()
        self.write_page()

    def write_page(self):
        """A page of a shop: the same markup around different words."""
        draw = random.Random(3)
        words = ["".join(draw.choice("aeioubcdfgklmnprst") for _ in range(draw.randint(3, 9))) for _ in range(400)]
        lines, size = ["<!doctype html><title>shop</title>"], 0
        while size < self.page_bytes:
            lines.append(f'<article class="offer"><h2>{draw.choice(words)} {draw.choice(words)}</h2>'
                         f'<p class="price">{draw.randint(1, 9999) / 100:.2f}</p></article>')
            size += len(lines[-1]) + 1
        (self.pages / "index.html").write_text("\n".join(lines))

    def calibrate(self, wanted_per_s=WANTED):
        """Choose the page's size for about @wanted_per_s; the fixed cost of a request is taken as 0.15 ms."""
        for _ in range(2):
            got = self.loop.climb(self, wanted_per_s, steps=6, step_s=1)
            self.page_bytes = int(self.page_bytes * (1 / wanted_per_s - 150e-6) / max(1 / got - 150e-6, 100e-6))
            self.page_bytes = min(max(self.page_bytes, 8 << 10), 1 << 20)
            self.write_page()

    def body(self):
        return (f"    gzip on; gzip_types text/html; gzip_comp_level 6;\n"
                f"    location / {{ root {self.pages}; }}")

    def start(self, system):
        self.nginx(self.body(), system.nginx_limits() if system else None)


class NginxUpstream(Server):
    """nginx in front of an application with a few blocking workers: the workers are the limit, not the CPU."""
    name = "nginx-upstream"
    wait_at = (8080,)
    workers, wait_ms = 12, 40

    def start(self, system):
        self.application = self.loop.start_on_server(UPSTREAM, 8080, self.workers, self.wait_ms)
        self.processes.append(self.application)
        self.nginx("    location / { proxy_pass http://127.0.0.1:8080; }", system.nginx_limits() if system else None)

    def lose_half(self):
        self.application.signal(signal.SIGUSR1)

    def regain(self):
        self.application.signal(signal.SIGUSR2)


class HaproxyNginx(NginxPages):
    """HAProxy in front of nginx, both on the same CPU."""
    name = "haproxy-nginx"
    wait_at = (8080,)
    limits_in_nginx = False

    def start(self, system):
        server, backend, frontend = (system.haproxy() if system else None) or ("", "", "")
        self.nginx(self.body(), port=8080)
        configuration = self.folder / "haproxy.cfg"
        configuration.write_text(f"""\
global
  nbthread 1
  maxconn 9000
defaults
  mode http
  timeout connect 10s
  timeout client 60s
  timeout server 60s
  {backend}
frontend shop
  bind :80 backlog 4096
  {frontend}
  default_backend pages
backend pages
  server nginx 127.0.0.1:8080 {server}
""")
        self.processes.append(self.loop.start_on_server("haproxy", "-db", "-f", configuration))


class Pool(Server):
    """An application that reads at once and queues inside, as Go and Node do: bound by its workers."""
    name = "pool"
    limits_in_nginx = False
    workers, wait_ms, habit = 12, 40, ()

    def start(self, system):
        self.processes.append(self.loop.start_on_server(POOL, 80, self.workers, self.wait_ms, *self.habit))


class PoolMixed(Pool):
    """The same, where one request in ten takes ten times as long."""
    name = "pool-mixed"
    habit = ("mixed",)


class PoolEarly(Pool):
    """The same, which sends the head of its answer at once: its queue can't be seen from outside."""
    name = "pool-early"
    habit = ("early",)


class Asyncio(Pool):
    """The same in Python's asyncio."""
    name = "asyncio"

    def start(self, system):
        self.processes.append(self.loop.start_on_server("python3", ASYNCIO, 80, self.workers, self.wait_ms))


SERVERS = {server.name: server for server in (NginxPages, NginxUpstream, HaproxyNginx, Asyncio, Pool, PoolMixed, PoolEarly)}


def _signal_group(process, number):
    """Send a signal to a program and its children, which share its session."""
    with contextlib.suppress(ProcessLookupError):
        if process.alive():
            os.killpg(process.pid, number)


def nginx_limits(limits):
    """limit_req by class: zones, and their use. A zone ignores requests with an empty key."""
    zones = ["  geo $class {", "    default unknown;"]
    zones += [f"    {prefix} {name};" for name, (prefix, _) in CLASSES.items()]
    zones.append("  }")
    uses = ["    limit_req_status 503;"]
    for name, rate in limits.items():
        zones.append(f'  map $class ${name}_key {{ {name} 1; default ""; }}')
        zones.append(f"  limit_req_zone ${name}_key zone={name}:1m rate={max(1, round(rate))}r/s;")
        uses.append(f"    limit_req zone={name} burst={max(1, round(rate * BURST_S))} nodelay;")
    return "\n".join(zones), "\n".join(uses)


# ---- systems: ways to protect a server ----

class System:
    """No protection, and base class of the others. Tuned for @capacity, or (@wrong) for 30 % more than there is."""
    name = "none"
    cut_after_s = None
    protects = False  # by an agent
    scale_by = "cpu"  # the signal of an autoscaler: CPU use, or "hosts", the metric of spillway

    def __init__(self, loop, capacity=None, wrong=False):
        self.loop, self.wrong = loop, wrong
        self.capacity = (capacity or 0) * (MISTUNED if wrong else 1)

    def fits(self, _server):
        return True

    def nginx_limits(self):
        return None

    def haproxy(self):
        return None

    @contextlib.contextmanager
    def protecting(self, _server, _capacity):
        yield

    @contextlib.contextmanager
    def _nft(self, rules):
        text = ["table inet guard {"]
        text += [f"  set {name} {{ type ipv4_addr; flags interval; elements = {{ {prefix} }}; }}"
                 for name, (prefix, _) in CLASSES.items()]
        text += ["  chain new { type filter hook prerouting priority raw; policy accept;", *rules, "  }", "}"]
        self.loop.shop.run("nft", "-f", "-", input="\n".join(text) + "\n")
        try:
            yield
        finally:
            self.loop.shop.run("nft", "delete", "table", "inet", "guard", check=False)


NEW = "tcp dport 80 tcp flags & (syn | ack) == syn"


def nft_limit(match, rate):
    return f"    {NEW} {match} limit rate over {round(rate)}/second burst {max(1, round(rate * BURST_S))} packets counter drop"


class NftBlind(System):
    """nftables: a rate of SYNs for everybody together."""
    name = "nft-blind"

    def protecting(self, _server, _capacity):
        return self._nft([nft_limit("", LIMIT * self.capacity)])


class NftClass(System):
    """nftables: a rate of SYNs for each class."""
    name = "nft-class"

    def protecting(self, _server, _capacity):
        return self._nft([nft_limit(f"ip saddr @{name}", share * self.capacity) for name, share in ALLOTTED.items()])


class NginxLimit(System):
    """nginx's limit_req for each class; the excess gets a 503."""
    name = "nginx"

    def fits(self, server):
        return server.limits_in_nginx

    def nginx_limits(self):
        return {name: share * self.capacity for name, share in ALLOTTED.items()}


class HaproxyQueue(System):
    """HAProxy admits few concurrent requests; the others queue, higher classes first, and time out."""
    name = "haproxy"

    def fits(self, server):
        return isinstance(server, HaproxyNginx)

    def haproxy(self):
        wrong = MISTUNED if self.wrong else 1
        priorities = [f"http-request set-priority-class int({number * 100 - 200}) if {{ src {prefix} }}"
                      for number, (prefix, _) in enumerate(CLASSES.values())]
        return (f"maxconn {round(10 * wrong)}", f"timeout queue {round(800 * wrong)}ms", "\n  ".join(priorities))


class ManualCut(System):
    """An operator who notices and cuts off international traffic after 10 s."""
    name = "manual-cut"
    cut_after_s = 10.0

    def protecting(self, _server, _capacity):
        return self._nft([])

    @staticmethod
    def cut(loop):
        loop.shop.run("nft", "add", "rule", "inet", "guard", "new", "ip", "saddr", "@international", "drop")


class Spillway(System):
    """The agent. @learn: it has to learn the capacity; @ends: connections of those who are refused are ended;
    @patience: so are those that have waited for more than a second."""
    name = "spillway"
    protects = True

    def __init__(self, loop, capacity=None, wrong=False, learn=False, ends=False, patience=False, scale_by="hosts"):
        super().__init__(loop, capacity, wrong)
        self.scale_by = scale_by
        self.learn, self.ends, self.patience = learn or not capacity, ends, patience

    @contextlib.contextmanager
    def protecting(self, server, _capacity):
        agent = self.loop.agent
        agent.write(self.loop.configuration("learn" if self.learn else self.capacity, server.wait_at, self.ends,
                                            self.patience))
        shutil.rmtree(agent.state_dir, ignore_errors=True)  # every run starts without earlier learned values
        favour(agent.start("taskset", "-c", self.loop.server_cpu))
        try:
            yield
        finally:
            agent.stop()


SYSTEMS = {system.name: system for system in (System, NftBlind, NftClass, NginxLimit, HaproxyQueue, ManualCut, Spillway)}


# ---- scenarios ----

CALM = "2:{0:.0f}"                     # before each scenario, at half the capacity
TAUGHT = "2:{0:.0f} 3:{1:.0f} 18:{0:.0f}"  # or with a surge of twice the capacity before it, and time to come back to green
STALL_PERIOD = 3.0
SCALING_S = 50.0  # with an autoscaler: until its signal, 20 s, and what comes then


class Scenario:
    """@load: the highest, in capacities. @shape(capacity, seconds): the measured part of the profile. @taught: the agent has seen
    an overload before. @page: connections a visit. @back(seconds): when the server serves again, since the measured part began;
    what is good from 2 s after it is told apart. @scales: an autoscaler adds a second host after its signal; so is then what is
    good from 2 s after that (without a signal: in the last 10 s)."""

    def __init__(self, load, shape, events=None, options=(), taught=False, page=1, back=None, scales=False):
        self.load, self.shape, self.events, self.options = load, shape, events, options
        self.taught, self.page, self.back, self.scales = taught, page, back, scales

    def plan(self, _loop, server, _system, capacity, seconds):
        """The profile, what happens when (seconds after the measured part began), and options of the generator."""
        visits = capacity / self.page
        before = (TAUGHT if self.taught else CALM).format(visits / 2, visits * 2)
        options = (*self.options, "--page", self.page) if self.page > 1 else self.options
        return (" ".join([before, self.shape(capacity, seconds)]), self.events(server, seconds) if self.events else [], options)


def _step(load, **more):
    return Scenario(load, lambda capacity, seconds: f"{seconds:g}:{load * capacity:.0f}*", **more)


def _sawtooth(capacity, seconds):
    return " ".join([f"{seconds / 4:g}:{0.8 * capacity:.0f}-{1.2 * capacity:.0f}*"] * 4)


def _stall(load, lengths, at_s, again=False, **more):
    """The server stops for one of so many seconds, @at_s after the measured part began (before it: in the calm); @again: every
    3 s, with each of the lengths in turn, and with time left to see what came of the last one."""
    def events(server, seconds):
        found, at, number = [], at_s, 0
        while not number or (again and at + STALL_PERIOD <= seconds):
            found += [(at, server.pause), (at + lengths[number % len(lengths)], server.resume)]
            at, number = at + STALL_PERIOD, number + 1
        return found
    return _step(load, events=events, **more)


SCENARIOS = {
    "steady": _step(0.9),
    "steady-low": _step(0.6),
    "step-2": _step(2),
    "step-5": _step(5),
    "step-10": _step(10),
    "ramp": Scenario(2.5, lambda capacity, seconds: f"{seconds:g}:{capacity / 2:.0f}-{2.5 * capacity:.0f}*"),
    "sawtooth": Scenario(1.2, _sawtooth),
    "capacity-drop": _step(0.9, events=lambda server, seconds: [(seconds * 0.2, server.lose_half),
                                                                (seconds * 0.7, server.regain)]),
    "herd": _step(0.8, events=lambda server, seconds: [(0, server.pause), (seconds / 3, server.resume)],
                  back=lambda seconds: seconds / 3),
    "stall-200": _stall(0.65, [0.2], 1),
    "stall-400": _stall(0.65, [0.4], 1),
    "stall-again": _stall(0.65, [0.2, 0.4], 1, again=True),
    "stall-learned": _stall(0.65, [0.2, 0.4], 1, again=True, taught=True),
    "stall-then-2": _stall(2, [0.3], -1.2),
    "stall-then-5": _stall(5, [0.3], -1.2),
    "stall-then-10": _stall(10, [0.3], -1.2),
    "keep-alive": _step(2, options=("--persistent", 400)),
    "keep-alive-5": _step(5, options=("--persistent", 400)),
    "pages": Scenario(2, lambda capacity, seconds: f"{seconds:g}:{capacity / 4:.0f}*", page=8),
    "autoscale": _step(1.6, scales=True),
    "async": _step(2),
    "async-5": _step(5),
}
