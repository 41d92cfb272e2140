# SPDX-License-Identifier: GPL-2.0-only
"""A small internet for tests, built from network namespaces and always removed again.

    with World() as world:
        shop = world.shop()                       # namespace with nginx's host; eth0 has 198.18.0.1 and 2001:db8::1
        abroad = world.client("abroad", 3)        # 198.18.3.1, ... and 2001:db8:3::1, ...; same wire as the shop
        world.nginx(shop)
        agent = world.agent(shop, CLASSES)        # writes a configuration
        agent.start()                             # and runs build/spillway on it, in native XDP mode on eth0
        agent.cli("level", "set", "red")
        assert request(abroad) is None

    wire:  shop eth0 --- veth --- bridge --- veth --- eth0 of every client
    flood: shop eth1 --- veth --- flood0: nothing in between, for exact packet streams (blast.c)

Everything is named after this process, in one temporary folder, with its own pins; processes are stopped by their pid.
Commands enter a namespace by nsenter and not by `ip netns exec`, which would hide bpffs. SPILLWAY_TEST_SCALE (1) multiplies
counts and rates, SPILLWAY_TEST_SLOW (1) multiplies timeouts.
"""
import contextlib
import ctypes
import functools
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
from tap import Tap  # noqa: E402

SPILLWAY = os.environ.get("SPILLWAY", str(ROOT / "build/spillway"))
BLAST = ROOT / "build/tests/blast"
SCALE = float(os.environ.get("SPILLWAY_TEST_SCALE", "1"))
SLOW = float(os.environ.get("SPILLWAY_TEST_SLOW", "1"))
BPFFS = Path("/sys/fs/bpf")

os.environ["PATH"] += ":/usr/local/sbin:/usr/sbin:/sbin"
os.environ["NO_COLOR"] = "1"

BLAST_MAC = "02:00:00:00:ff:fe"
SHOP4, SHOP6 = "198.18.0.1", "2001:db8::1"

# Four classes as in the manual, over the prefixes of world.client(role, 1..3).
CLASSES = """\
lists:
  partners: { inline: [198.18.1.0/24, "2001:db8:1::/48"] }
  home:     { inline: [198.18.2.0/24, "2001:db8:2::/48"] }
  abroad:   { inline: [198.18.3.0/24, "2001:db8:3::/48"] }
classes:
  - { name: partner,       lists: [partners] }
  - { name: domestic,      lists: [home],   shed_from: red }
  - { name: international, lists: [abroad], shed_from: orange, cut_from: red }
  - { name: unknown,       shed_from: yellow }
"""

_libc = ctypes.CDLL(None, use_errno=True)


def scaled(number, least=1):
    """A count or rate, reduced on slow machines."""
    return max(least, int(number * SCALE))


def wait_for(condition, seconds, what):
    """Call @condition() every 20 ms until its result is true, and return that."""
    end = time.monotonic() + seconds * SLOW
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise TimeoutError(f"not within {seconds * SLOW:.0f} s: {what}")
        time.sleep(0.02)


def run(*argv, check=True, timeout=30, **options):
    """Run a command; its output is text. @check: an exit status other than 0 is an error that shows the output."""
    done = subprocess.run([str(word) for word in argv], capture_output=True, text=True, errors="replace", check=False,
                          timeout=timeout * SLOW, **options)
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(map(str, argv))}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done


class Process:
    """A program in the background. Its output goes to a file; only this object stops it."""

    def __init__(self, argv, log, **options):
        self.log_path = Path(log)
        with open(log, "ab") as output:
            self.popen = subprocess.Popen([str(word) for word in argv], stdin=subprocess.DEVNULL, stdout=output,
                                          stderr=output, start_new_session=True, preexec_fn=_die_with_parent, **options)
        self.pid = self.popen.pid

    def signal(self, number):
        if self.alive():
            self.popen.send_signal(number)

    def alive(self):
        return self.popen.poll() is None

    def log(self):
        return self.log_path.read_text(errors="replace")

    def wait(self, seconds=10):
        return self.popen.wait(seconds * SLOW)

    def stop(self, seconds=20):
        """SIGTERM, then SIGKILL if it does not end; returns the exit status."""
        self.signal(signal.SIGTERM)
        self.signal(signal.SIGCONT)
        try:
            return self.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def kill(self):
        """kill -9"""
        self.signal(signal.SIGKILL)
        return self.popen.wait()


def _die_with_parent():
    _libc.prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG: no process survives, even after a kill -9 of the test


class Namespace:
    """A network namespace in which sockets and programs can be started."""

    def __init__(self, world, role):
        self.world = world
        self.role = role
        self.name = f"spw{os.getpid()}-{role}"
        self.path = f"/run/netns/{self.name}"
        world.on_exit(self._delete)
        run("ip", "netns", "add", self.name)
        self.run("ip", "link", "set", "lo", "up")
        for key, value in (("accept_dad", 0), ("router_solicitations", 0), ("accept_ra", 0)):
            self.sysctl(f"net/ipv6/conf/default/{key}", value)

    def _delete(self):
        if os.path.exists(self.path):
            run("ip", "netns", "del", self.name)

    def command(self, *argv):
        return ["nsenter", f"--net={self.path}", *argv]

    def run(self, *argv, **options):
        return run(*self.command(*argv), **options)

    def start(self, *argv, name=None, **options):
        return self.world.start(*self.command(*argv), name=name or Path(str(argv[0])).name, **options)

    @contextlib.contextmanager
    def entered(self):
        """Run this thread in the namespace; sockets made meanwhile stay in it."""
        with open("/proc/thread-self/ns/net", "rb") as home, open(self.path, "rb") as there:
            _set_namespace(there)
            try:
                yield
            finally:
                _set_namespace(home)

    def socket(self, family=socket.AF_INET, kind=socket.SOCK_STREAM, protocol=0):
        with self.entered():
            return socket.socket(family, kind, protocol)

    def sysctl(self, key, value):
        with self.entered():
            Path("/proc/sys", key).write_text(str(value))

    def link(self, device):
        """Output of `ip` about a device, or None."""
        found = self.run("ip", "-j", "-s", "-d", "link", "show", "dev", device, check=False)
        return json.loads(found.stdout)[0] if found.returncode == 0 else None

    def received(self, device):
        """Packets received by the device, whatever became of them. On a veth XDP sees exactly these."""
        return self.link(device)["stats64"]["rx"]["packets"]


def _set_namespace(handle):
    if _libc.setns(handle.fileno(), 0x40000000):  # CLONE_NEWNET
        raise OSError(ctypes.get_errno(), "setns")


class World:
    """Namespaces, programs and files of one test."""

    def __init__(self):
        self._exit = contextlib.ExitStack()
        self.folder = Path(tempfile.mkdtemp(prefix="spillway-test-"))
        self._exit.callback(shutil.rmtree, self.folder, ignore_errors=True)
        self.folder.chmod(0o755)  # so that a test as nobody fails for the intended reason
        self.pins = BPFFS / f"spillway-test-{os.getpid()}"
        self.wire = None
        self.agents = []
        self.timed = 0
        self._logs = 0
        mount_bpffs()
        self.on_exit(shutil.rmtree, self.pins)
        self.pins.mkdir()

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        before = [(number, signal.signal(number, signal.SIG_IGN)) for number in (signal.SIGINT, signal.SIGTERM)]
        self._exit.close()
        for number, handler in before:
            signal.signal(number, handler)

    def on_exit(self, function, *arguments, **options):
        """Call this at the end of the world, last one first; failures are reported and do not stop the rest."""
        self._exit.callback(_try, function, *arguments, **options)

    def _remove_pins(self):
        for path in sorted(BPFFS.glob(f"{self.pins.name}*"), reverse=True):
            shutil.rmtree(path)

    def start(self, *argv, name, **options):
        """A program in the background that ends with the world."""
        self._logs += 1
        process = Process(argv, self.folder / f"{name}.{self._logs}.log", **options)
        self.on_exit(process.stop)
        return process

    def namespace(self, role):
        return Namespace(self, role)

    def veth(self, left, left_name, right, right_name, mtu=1500):
        """A veth pair between two namespaces."""
        run("ip", "link", "add", left_name, "mtu", mtu, "netns", left.name, "type", "veth",
            "peer", "name", right_name, "mtu", mtu, "netns", right.name)
        for namespace, device in ((left, left_name), (right, right_name)):
            namespace.run("ip", "link", "set", device, "up")

    def plug(self, namespace, device="eth0", mtu=1500):
        """Connect the namespace to the common wire."""
        if not self.wire:
            self.wire = self.namespace("wire")
            self.wire.run("ip", "link", "add", "br0", "mtu", mtu, "type", "bridge", "mcast_snooping", "0")
            self.wire.run("ip", "link", "set", "br0", "up")
        port = f"{namespace.role[:9]}-{device}"[:15]
        self.veth(namespace, device, self.wire, port, mtu)
        self.wire.run("ip", "link", "set", port, "master", "br0")

    def shop(self, mtu=1500):
        """The host to protect: eth0 on the wire."""
        shop = self.namespace("shop")
        self.plug(shop, mtu=mtu)
        give_addresses(shop, "eth0", [SHOP4], [SHOP6])
        return shop

    def client(self, role, number, addresses=4, mtu=1500):
        """A client on the wire with some addresses: 198.18.@number.1 and so on, 2001:db8:@number::1 and so on."""
        client = self.namespace(role)
        self.plug(client, mtu=mtu)
        client.addresses4 = [f"198.18.{number}.{host}" for host in range(1, addresses + 1)]
        client.addresses6 = [f"2001:db8:{number}::{host:x}" for host in range(1, addresses + 1)]
        give_addresses(client, "eth0", client.addresses4, client.addresses6)
        return client

    def flood(self, shop, device="eth1", mtu=1500):
        """A second, direct link into the shop, for streams of blast()."""
        flood = self.namespace(f"flood-{device}")
        self.veth(shop, device, flood, "flood0", mtu)
        for namespace, name in ((shop, device), (flood, "flood0")):
            namespace.sysctl(f"net/ipv6/conf/{name}/disable_ipv6", 1)  # quiet: only the stream is on this link
        expect_blast(shop, device)
        return flood

    def nginx(self, namespace):
        """A real web server on port 80, with keep-alive."""
        folder = self.folder / "nginx"
        folder.mkdir()
        temporary = "\n".join(f"  {kind}_temp_path {folder}/{kind};"
                              for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        (folder / "nginx.conf").write_text(f"""\
daemon off;
worker_processes 1;
error_log {folder}/error.log;
pid {folder}/nginx.pid;
events {{ worker_connections 2048; }}
http {{
{temporary}
  access_log off;
  keepalive_timeout 300s;
  keepalive_requests 1000000;
  server {{
    listen 80 backlog=1024;
    listen [::]:80 backlog=1024;
    location / {{ return 200 "open for business\\n"; }}
  }}
}}
""")
        server = namespace.start("nginx", "-e", f"{folder}/error.log", "-p", folder, "-c", "nginx.conf")
        wait_for(lambda: request(namespace, address="127.0.0.1") == 200 or not server.alive(), 10, "nginx answers")
        if not server.alive():
            raise RuntimeError(f"nginx: {server.log()}")
        return server

    def prometheus(self, namespace, target="127.0.0.1:10010", interval="1s", rules=()):
        """A real Prometheus beside the agent; query it with promql(). Its first scrape comes some 5 s after its start."""
        folder = self.folder / "prometheus"
        folder.mkdir()
        (folder / "prometheus.yml").write_text(f"""\
global: {{ scrape_interval: {interval}, scrape_timeout: {interval}, evaluation_interval: {interval} }}
rule_files: {json.dumps([str(path) for path in rules])}
scrape_configs:
  - job_name: spillway
    static_configs: [{{ targets: ["{target}"] }}]
""")
        return namespace.start("prometheus", f"--config.file={folder}/prometheus.yml", "--log.level=warn",
                               f"--storage.tsdb.path={folder}/data", "--web.listen-address=127.0.0.1:9090")

    def agent(self, namespace, body, name="spillway", **options):
        """An agent with its own configuration, not yet running; see Agent."""
        agent = Agent(self, namespace, body, name, **options)
        self.agents.append(agent)
        return agent

    def blast(self, namespace, source, sources, target="198.18.0.1", rate=None, count=None, seconds=None, extra=()):
        """Start a stream of packets from flood0; finish_blast() ends it and returns how many were sent."""
        argv = [blast_program(self.folder), "--interface", "flood0", "--source", source, "--sources", sources,
                "--target", target, "--rate", rate or scaled(100_000), *extra]
        if count is not None:
            argv += ["--count", count]
        if seconds is not None:
            argv += ["--seconds", seconds]
        stream = namespace.start(*argv, name="blast")
        wait_for(lambda: not stream.alive() or _catches(stream.pid, signal.SIGTERM), 5, "the sender runs")
        return stream


def _try(function, *arguments, **options):
    try:
        function(*arguments, **options)
    except Exception as error:  # pylint: disable=broad-except
        print(f"# cleaning up: {error}", file=sys.stderr)


def _catches(pid, number):
    """Whether the process has come to where it handles the signal, which nsenter does not."""
    try:
        caught = re.search(r"^SigCgt:\s*(\w+)", Path(f"/proc/{pid}/status").read_text(), re.M)
        return bool(caught and int(caught[1], 16) >> (number - 1) & 1)
    except OSError:
        return False


def give_addresses(namespace, device, addresses4, addresses6):
    """All of 198.18.0.0/15 and 2001:db8::/32 is on the one wire: no routing."""
    lines = [f"address add {address}/15 dev {device}" for address in addresses4]
    lines += [f"address add {address}/32 dev {device} nodad" for address in addresses6]
    namespace.run("ip", "-batch", "-", input="\n".join(lines) + "\n")


def expect_blast(namespace, device):
    """Make the destination of blast() the namespace's own: spillway judges its frames, and the kernel still drops them."""
    namespace.run("bridge", "fdb", "add", BLAST_MAC, "dev", device, "self")
    own = namespace.run("ip", "-o", "address").stdout
    for address, length in ((SHOP4, 32), (SHOP6, 128)):
        if f" {address}/" not in own:
            namespace.run("ip", "address", "add", f"{address}/{length}", "dev", "lo")


def mount_bpffs():
    """Like the agent: mount it if missing, permanently."""
    if run("stat", "-f", "-c", "%T", BPFFS).stdout.strip() != "bpf_fs":
        run("mount", "-t", "bpf", "bpf", BPFFS)


def blast_program(folder):
    """The sender; built here if the Makefile has not."""
    source, built = ROOT / "tests/e2e/blast.c", folder / "blast"
    if BLAST.exists() and BLAST.stat().st_mtime >= source.stat().st_mtime:
        return BLAST
    if not built.exists():
        run("cc", "-std=gnu11", "-D_GNU_SOURCE", "-O2", "-o", built, source)
    return built


def finish_blast(stream, stop=False):
    """Number of packets of a stream, when it is done or (@stop) now."""
    if stop:
        stream.signal(signal.SIGTERM)
    status = stream.wait(60)
    if status:
        raise RuntimeError(f"blast: exit {status}: {stream.log()}")
    return json.loads(stream.log())["sent"]


def waited_ns(pid):
    """How long the main thread of a process, even of one that ended and was not reaped, was runnable without a CPU."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1])
    except (OSError, IndexError):  # reaped, or a kernel without scheduler statistics
        return 0


def children_of(pid):
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


class Stopwatch:
    """
    The @seconds that something takes, without those @waited, for which an agent, its children and @commands (pids) were
    runnable, but other programs had the CPU.
    """

    def __init__(self, pid):
        self.pid, self.commands, self.seconds, self.waited = pid, [], 0.0, 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._waits = {}

    def _sample(self):
        for pid in (*self.commands, *children_of(self.pid)):
            self._waits[pid] = max(waited_ns(pid), self._waits.get(pid, 0))

    def _look(self):
        while not self._over.wait(0.005):
            self._sample()

    def __enter__(self):
        self._begin, self._before = time.monotonic(), waited_ns(self.pid)
        self._thread.start()
        return self

    def __exit__(self, *_exception):
        took = time.monotonic() - self._begin
        self._over.set()
        self._thread.join()
        self._sample()
        self.waited = (sum(self._waits.values()) + waited_ns(self.pid) - self._before) / 1e9
        self.seconds = took - self.waited


class Agent:
    """One spillway with its configuration, pins, lock and socket. The attributes may be changed before start()."""

    def __init__(self, world, namespace, body, name, interfaces=("eth0",), listen="127.0.0.1:10010", **top):
        self.world = world
        self.namespace = namespace
        self.program = SPILLWAY
        self.pins = world.pins / name
        self.run_dir = world.folder / f"{name}.run"
        self.state_dir = world.folder / f"{name}.state"
        self.config = world.folder / f"{name}.yaml"
        self.listen = listen
        self.interfaces = list(interfaces)
        self.top = top
        self.process = None
        self.write(body)

    def text(self, body):
        """A complete configuration: settings of this agent, then @body."""
        top = {"interfaces": self.interfaces, "pin_dir": str(self.pins), "run_dir": str(self.run_dir),
               "state_dir": str(self.state_dir), **self.top}
        lines = [f"{key}: {json.dumps(value)}" for key, value in top.items()]
        return "\n".join([*lines, f'metrics: {{ listen: "{self.listen}" }}', body])

    def write(self, body):
        """Replace the configuration atomically."""
        temporary = self.config.with_suffix(".new")
        temporary.write_text(self.text(body))
        temporary.rename(self.config)

    def launch(self, *before):
        """Start the program without waiting. @before: a command prefix."""
        self.process = self.namespace.start(*before, self.program, "-c", self.config, "run", name="agent")
        return self.process

    def start(self, *before):
        self.launch(*before)
        self.wait_ready()
        return self.process

    def wait_ready(self):
        """Wait until the lease is renewed; an agent that dies is an error."""
        wait_for(lambda: not self.process.alive() or self.healthy(), 10, "the agent renews its lease")
        if not self.process.alive():
            raise RuntimeError(f"the agent ended: {self.process.log()}")

    def healthy(self):
        """Whether it renews its lease and covers its interfaces."""
        if self.listen != "off":
            return self.http("/healthz")[0] == 200
        status = self.status(check=False)
        return bool(status) and status["agent"]["alive"] and status["lease_remaining_s"] > 0

    def stop(self):
        return self.process.stop()

    def resident(self):
        """Resident memory in bytes."""
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def ticking(self):
        """Whether it renews its lease, according to the pinned state."""
        return self.process.alive() and self.status()["lease_remaining_s"] > 1

    def cli(self, *argv, check=True, **options):
        return self.namespace.run(self.program, "-c", self.config, *argv, check=check, **options)

    def timed(self, *argv):
        """
        Like cli(). The result has the @seconds that it took, without those @waited, for which the command, the agent and
        the agent's children waited for a CPU: other programs had it.
        """
        self.world.timed += 1
        out, err = (self.world.folder / f"timed.{self.world.timed}.{kind}" for kind in ("out", "err"))
        with Stopwatch(self.process.pid) as watch, open(out, "wb") as stdout, open(err, "wb") as stderr:
            command = subprocess.Popen([str(word) for word in self.namespace.command(self.program, "-c", self.config, *argv)],
                                       stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr)
            watch.commands.append(command.pid)
            os.waitid(os.P_PID, command.pid, os.WEXITED | os.WNOWAIT)
        result = subprocess.CompletedProcess(command.args, command.wait(), out.read_text(), err.read_text())
        result.seconds, result.waited = watch.seconds, watch.waited
        return result

    def status(self, check=True, program=None):
        done = self.namespace.run(program or self.program, "-c", self.config, "-j", "status", check=check)
        return json.loads(done.stdout) if done.returncode == 0 else None

    def generation(self):
        return self.status()["ruleset"]["generation"]

    def reload(self, by="apply"):
        """Publish the current configuration, by `apply` or by SIGHUP."""
        if by == "apply":
            return self.cli("apply")
        before = self.generation()
        self.process.signal(signal.SIGHUP)
        return wait_for(lambda: self.generation() > before, 20, "a new generation after SIGHUP")

    def counted(self, verdict=None):
        """Packets by list name, from the pinned maps: works without an agent."""
        return {entry["name"]: entry["packets"][verdict] if verdict else sum(entry["packets"].values())
                for entry in self.status()["lists"]}

    def reasons(self):
        """Packets by reason and verdict, from the pinned maps."""
        return {entry["reason"]: entry["packets"] for entry in self.status()["reasons"]}

    def packets(self):
        """All packets ever judged."""
        return sum(sum(packets.values()) for packets in self.reasons().values())

    def http(self, path, **options):
        host, port = self.listen.rsplit(":", 1)
        return http_get(self.namespace, path, address=host, port=int(port), host=host, **options)

    def metrics(self):
        """The page of /metrics, newer than this call: the agent renders it at most every 0.2 s."""
        time.sleep(0.21)
        status, _, body = self.http("/metrics", timeout=5)
        if status != 200:
            raise RuntimeError(f"/metrics: {status}")
        return Metrics(body)

    def mode(self, device="eth0"):
        """How an XDP program is attached to the device, according to the kernel: native, generic, or None."""
        xdp = (self.namespace.link(device) or {}).get("xdp")
        return {1: "native", 2: "generic", 3: "offload"}.get(xdp["mode"], str(xdp["mode"])) if xdp else None


class Metrics:
    """A page of the Prometheus text format."""

    SAMPLE = re.compile(r'^([a-zA-Z_:][\w:]*)(?:\{((?:[^"}]|"(?:[^"\\]|\\.)*")*)\})? (\S+)$')
    LABEL = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"')

    def __init__(self, text):
        self.text = text
        self.samples = []
        for line in text.split("\n"):
            if not line or line.startswith("#"):
                continue
            found = self.SAMPLE.match(line)
            if not found:
                raise ValueError(f"not a sample: {line!r}")
            labels = {name: re.sub(r"\\(.)", lambda escape: {"n": "\n"}.get(escape[1], escape[1]), value)
                      for name, value in self.LABEL.findall(found[2] or "")}
            self.samples.append((found[1], labels, float(found[3])))

    def all(self, name, **labels):
        return [(found, value) for sample, found, value in self.samples
                if sample == name and labels.items() <= found.items()]

    def sum(self, name, **labels):
        return sum(value for _, value in self.all(name, **labels))

    def one(self, name, **labels):
        found = self.all(name, **labels)
        if len(found) != 1:
            raise KeyError(f"{len(found)} samples of {name} {labels}")
        return found[0][1]


def connect(namespace, address=SHOP4, port=80, source=None, timeout=None):
    """
    A TCP connection from a namespace, or None if nobody answers in time. @timeout: also of all that follows on it; None:
    1 s for the connection, as a refusal is silence, and 10 s for answers, as a busy server is not one that refuses.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    client = namespace.socket(family)
    try:
        if source:
            client.bind((source, 0))
        client.settimeout((timeout or 1.0) * min(SLOW, 3))  # a refusal always takes all of it
        client.connect((address, port))
        if timeout is None:
            client.settimeout(10 * SLOW)
        return client
    except OSError:
        client.close()
        return None


def http_get(namespace, path="/", address=SHOP4, port=80, source=None, timeout=None, host="shop"):
    """One request over a new connection: status, headers, body; (None, {}, "") when refused."""
    client = connect(namespace, address, port, source, timeout)
    if not client:
        return None, {}, ""
    with KeptAlive(client, host) as kept:
        try:
            return kept.get(path)
        except OSError:
            return None, {}, ""


def request(namespace, address=SHOP4, source=None, timeout=None):
    """The status of one request to the shop over a new connection, None when refused."""
    return http_get(namespace, "/", address, 80, source, timeout)[0]


def workers(server):
    """Process numbers of a server's workers."""
    return [int(pid) for pid in run("pgrep", "-P", server.pid).stdout.split()]


@contextlib.contextmanager
def stopped(server):
    """The server's workers do nothing meanwhile."""
    pids = workers(server)
    try:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


class KeptAlive:
    """An HTTP connection for several requests."""

    def __init__(self, client, host="shop"):
        self.connection = http.client.HTTPConnection(host)
        self.connection.sock = client
        self.connection.auto_open = 0

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        self.connection.close()

    def get(self, path="/", headers=None):
        try:
            self.connection.request("GET", path, headers=headers or {})
            answer = self.connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read().decode(errors="replace")
        except http.client.HTTPException as error:
            raise OSError(str(error)) from error


def promql(namespace, query):
    """Query Prometheus: a list of ({labels}, value)."""
    status, _, body = http_get(namespace, f"/api/v1/query?{urllib.parse.urlencode({'query': query})}",
                               address="127.0.0.1", port=9090, timeout=2)
    if status != 200:
        return []
    return [(found["metric"], float(found["value"][1])) for found in json.loads(body)["data"]["result"]]


def foreign_program(world, name="foreign_xdp"):
    """An object file with an XDP program that passes everything and is not ours."""
    built = world.folder / f"{name}.o"
    source = f"""\
__attribute__((section("xdp"), used)) int {name}(void *context) {{ return 2; }}
char _license[] __attribute__((section("license"), used)) = "GPL";
"""
    run("clang", "-O2", "-g", "-target", "bpf", "-x", "c", "-c", "-o", built, "-", input=source)
    return built


class KernelLog:
    """Kernel messages during a test: a splat fails it."""

    SPLAT = re.compile(r"WARNING:|BUG:|Oops|general protection|lockup|rcu.*stall|Call Trace|KASAN|refcount_t")

    def __init__(self):
        try:
            self.handle = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)
            os.lseek(self.handle, 0, os.SEEK_END)
        except OSError:
            self.handle = None

    def splats(self):
        lines = []
        while self.handle is not None:
            try:
                lines.append(os.read(self.handle, 8192).decode(errors="replace").rstrip())
            except BlockingIOError:
                break
            except OSError:  # overwritten before it was read: go on with the next
                continue
        return [line for line in lines if self.SPLAT.search(line)]


def _with_world(function):
    """Give a test function its own world, and show its agents' logs if it fails."""
    @functools.wraps(function)
    def wrapper(tap):
        failed = tap.failed
        with World() as world:
            done = False
            try:
                function(tap, world)
                done = True
            finally:
                if not done or tap.failed > failed:
                    for agent in world.agents:
                        if agent.process:
                            for line in agent.process.log().splitlines()[-15:]:
                                print(f"# agent: {line}")
    return wrapper


def end_by_signals():
    """SIGINT and SIGTERM become exceptions, so that every world is removed."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def run_tests(*functions):
    """Main program of a test file: runs each function(tap, world) in its own world."""
    end_by_signals()
    tap = Tap()
    missing = [tool for tool in ("ip", "nsenter", "nginx", "prometheus", "promtool", "bpftool", "clang", "setpriv")
               if not shutil.which(tool)]
    if os.geteuid() or missing or not os.access(SPILLWAY, os.X_OK):
        tap.ok(False, "root, the program and the tools are there", f"missing tools: {missing}; program: {SPILLWAY}")
        tap.done()
    kernel = KernelLog()
    for function in functions:
        if len(sys.argv) < 2 or any(word in function.__name__ for word in sys.argv[1:]):
            tap.run(_with_world(function))
    if kernel.handle is None:
        tap.skip("no kernel splat meanwhile (fault 50)", "the kernel's log can't be read")
    else:
        splats = kernel.splats()
        tap.ok(not splats, "no kernel splat meanwhile (fault 50)", "\n".join(splats))
    tap.done()
