# SPDX-License-Identifier: GPL-2.0-only
"""tshark's dissection of captures in spillway's terms: an independent opinion."""
import os
import subprocess
import tempfile
import xml.etree.ElementTree

# Everything above UDP and TCP, and every tunnel, stays opaque: inner packets must not be taken for the outer one.
LAYERS = (
    "frame eth ethertype vlan ieee8021ad ip ipv6 ipv6.hopopts ipv6.routing ipv6.dstopts ipv6.fraghdr ah mipv6 hip shim6"
    " tcp udp"
).split()
OPTIONS = ["-n", "-o", "ip.defragment:FALSE", "-o", "ipv6.defragment:FALSE", "-o", "tcp.desegment_tcp_streams:FALSE"]

TAGS = ("vlan.id", "ieee8021ad.id")
NEXT_HEADERS = {
    "ipv6.nxt",
    "ipv6.hopopts.nxt",
    "ipv6.routing.nxt",
    "ipv6.dstopts.nxt",
    "ipv6.fraghdr.nxt",
    "ah.next_header",
    "mip6.proto",
    "hip.proto",
    "shim6.nxt",
}
PORTS = {"tcp.srcport": "sport", "tcp.dstport": "dport", "udp.srcport": "sport", "udp.dstport": "dport"}


def dissect(capture):
    """A dictionary for each packet of @capture, with vlan, src, proto, sport, dport and fragment."""
    with tempfile.TemporaryDirectory(prefix="spillway-tshark-") as folder:
        disable_others(folder)
        command = ["tshark", *OPTIONS, "-r", capture, "-T", "pdml", "-J", " ".join(LAYERS)]
        done = run(command, folder)
    return [packet_facts(packet) for packet in xml.etree.ElementTree.fromstring(done).iter("packet")]


def disable_others(folder):
    known = [line.split("\t")[2] for line in run(["tshark", "-G", "protocols"], folder).splitlines()]
    kept = set(LAYERS)
    with open(os.path.join(folder, "disabled_protos"), "w", encoding="ascii") as file:
        file.writelines(f"{name}\n" for name in known if name not in kept and not name.startswith(("_ws.", "ipv6.")))


def run(command, folder):
    environment = dict(os.environ, WIRESHARK_CONFIG_DIR=folder, HOME=folder)
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


def packet_facts(packet):
    """Walk the layers from the outside in, and stop at the end of the outer packet."""
    facts = {"vlan": [], "src": None, "proto": None, "sport": None, "dport": None, "fragment": False}
    family = None
    for element in packet.iter():
        name, shown = element.get("name", ""), element.get("show")
        if element.tag == "proto" and name in ("ip", "ipv6"):
            if family:
                break  # a tunnel's inside
            family = name
        elif name in TAGS and not family:
            facts["vlan"].append(int(shown, 0))
        elif name in ("ip.src", "ipv6.src"):
            facts["src"] = shown
        elif name == "ip.proto":
            facts["proto"] = int(shown)
        elif name in NEXT_HEADERS:
            facts["proto"] = int(shown)
        elif name == "ip.flags.mf":
            facts["fragment"] |= shown in ("1", "True")
        elif name == "ip.frag_offset":
            facts["fragment"] |= int(shown) != 0
        elif element.tag == "proto" and name == "ipv6.fraghdr":
            facts["fragment"] = True
        elif name in PORTS:
            facts[PORTS[name]] = int(shown)
    return facts
