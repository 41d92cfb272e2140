# SPDX-License-Identifier: GPL-2.0-only
"""What spillway should make of a frame: a plain reference, written from the description only.

    parse(frame)                   what stands in the frame            -> Packet
    Policy(...).classify(packet)   the list and the class of a source  -> (list, class)
    judge(packet, policy, level)   the rules                           -> the object that `simulate -j` prints

It is slow and obvious where the program is fast and clever; nothing here may be copied from the C code. Rules are numbered
as in bpf/verdict.h and docs/spillway.8.

Decisions where the description is ambiguous:
  - A source counts as parsed if the fixed part of the IP header is there and its version is right. So IHL < 5 or a
    wrong total length still leaves a source to judge by; a header that is cut off or of another version does not.
  - Without a source a packet is not management, in no class, and never cut.
  - Parsing stops at the first contradiction; earlier results stay: `proto` is the last protocol number seen, and ports
    are there if the transport header's fixed part was.
  - A header cut off in a fragment, even an extension header, is no fault: no ports, nothing more. Nor is a UDP or TCP
    length that points past the end of a first fragment.
  - A datagram ends where its UDP length says, so a QUIC Initial behind that is none.
  - The fixed part of an ICMPv6 header is eight bytes, as the kernel wants it.
  - Rule 1 accepts only sound headers of DHCP and neighbour discovery; malformed ones are judged as malformed.
  - A tiny first fragment (without the fixed part of its transport header) has no ports, which gains it nothing.
  - An IPv6 Fragment header makes a fragment, also with offset 0 and no more to come (an "atomic" one).
"""
import bisect
import functools
import ipaddress
import json
import os
import socket
import struct
from dataclasses import dataclass, field

LEVELS = ("green", "yellow", "orange", "red")

ETH_HEADER = 14
VLAN_TYPES = (0x8100, 0x88A8, 0x9100)
VLANS_MAX = 2
TYPE_IPV4, TYPE_IPV6, TYPE_ARP, TYPE_LLDP = 0x0800, 0x86DD, 0x0806, 0x88CC

ICMP, TCP, UDP, ICMPV6 = 1, 6, 17, 58
HOP_BY_HOP, ROUTING, FRAGMENT, AUTH, DEST_OPTIONS, MOBILITY, HIP, SHIM6 = 0, 43, 44, 51, 60, 135, 139, 140
EXTENSIONS = (HOP_BY_HOP, ROUTING, FRAGMENT, AUTH, DEST_OPTIONS, MOBILITY, HIP, SHIM6)
EXTENSIONS_MAX = 8

TRANSPORT_HEADER = {(4, TCP): 20, (6, TCP): 20, (4, UDP): 8, (6, UDP): 8, (4, ICMP): 8, (6, ICMPV6): 8}
NEIGHBOUR_TYPES = range(133, 138)
MLD_TYPES = (130, 131, 132, 143)
IGMP = 2
BOOTP_FIXED, DHCP_COOKIE = 236, bytes.fromhex("63825363")
QUIC_INITIAL = {0x00000001: 0xC0, 0x6B3343CF: 0xD0}  # version: the first byte's upper half

# ---------------------------------------------------------------------------------------------------------------
# Content of the frame


@dataclass
class Packet:
    """What was parsed of one frame. None: not there, or not reached."""

    length: int
    vlan: list = field(default_factory=list)  # identifiers, outer first
    outside: str = None  # rule 1's reason, if the packet is exempt
    family: int = None  # 4, 6; None: no source
    source: int = None
    proto: int = None
    sport: int = None
    dport: int = None
    fragment: bool = False
    malformed: bool = False
    ext_limit: bool = False
    syn: bool = False  # TCP with SYN and without ACK
    quic_initial: bool = False  # looks like one, on whatever port
    station: bytes = None  # the frame's destination address
    destination: int = None

    def source_text(self):
        if self.family is None:
            return None
        return address_text(self.family, self.source)


def parse(frame):
    """Ethernet and VLAN tags; what they carry is read by the functions below."""
    packet = Packet(length=len(frame), station=frame[:6])
    if len(frame) < ETH_HEADER:
        packet.malformed = True
        return packet
    kind = u16(frame, 12)
    rest = frame[ETH_HEADER:]
    while kind in VLAN_TYPES:
        if len(packet.vlan) == VLANS_MAX:
            packet.outside = "not_ip"  # a third tag: counted and passed
            return packet
        if len(rest) < 4:
            packet.malformed = True
            return packet
        packet.vlan.append(u16(rest, 0) & 0xFFF)
        kind, rest = u16(rest, 2), rest[4:]
    if kind == TYPE_IPV4:
        parse_ipv4(packet, rest)
    elif kind == TYPE_IPV6:
        parse_ipv6(packet, rest)
    else:
        packet.outside = {TYPE_ARP: "arp", TYPE_LLDP: "lldp"}.get(kind, "not_ip")
    return packet


def parse_ipv4(packet, data):
    if len(data) < 20 or data[0] >> 4 != 4:
        packet.malformed = True
        return
    header, total = (data[0] & 15) * 4, u16(data, 2)
    flags_offset = u16(data, 6)
    packet.family, packet.source, packet.proto = 4, u32(data, 12), data[9]
    packet.destination = u32(data, 16)
    packet.fragment = flags_offset & 0x3FFF != 0  # more fragments, or an offset
    if header < 20 or total < header or total > len(data):
        packet.malformed = True
        return
    if flags_offset & 0x1FFF == 0:
        parse_transport(packet, data[header:total], data[8])


def parse_ipv6(packet, data):
    if len(data) < 40 or data[0] >> 4 != 6:
        packet.malformed = True
        return
    length, packet.proto, hop_limit = u16(data, 4), data[6], data[7]
    packet.family, packet.source = 6, int.from_bytes(data[8:24], "big")
    packet.destination = int.from_bytes(data[24:40], "big")
    payload = data[40:]
    if length == 0 and packet.proto == HOP_BY_HOP:
        pass  # a jumbogram: the rest of the frame
    elif length > len(payload):
        packet.malformed = True
        return
    else:
        payload = payload[:length]
    followed = 0
    while packet.proto in EXTENSIONS:
        if followed == EXTENSIONS_MAX:
            packet.ext_limit = True
            return
        followed += 1
        size = extension_size(packet.proto, payload)
        if size is None or size > len(payload):
            packet.malformed = not packet.fragment
            return
        later = False
        if packet.proto == FRAGMENT:
            packet.fragment = True
            later = u16(payload, 2) >> 3 != 0
        packet.proto, payload = payload[0], payload[size:]
        if later:
            return
    parse_transport(packet, payload, hop_limit)


def extension_size(proto, data):
    """Bytes of the extension header @proto at the front of @data; None when that can't be read."""
    if len(data) < 8:
        return None
    if proto == FRAGMENT:
        return 8
    if proto == AUTH:
        return (data[1] + 2) * 4
    return (data[1] + 1) * 8


def parse_transport(packet, data, hop_limit):
    """TCP, UDP, ICMP and IGMP at the front of @data, the whole of the IP payload: packets and first fragments come here."""
    needed = TRANSPORT_HEADER.get((packet.family, packet.proto), 0)
    if len(data) < needed:
        packet.malformed = not packet.fragment
        return
    if (packet.family, packet.proto) in ((4, ICMP), (6, ICMPV6), (4, IGMP)):
        packet.outside = None if packet.fragment else link_reason(packet, data, hop_limit)
    elif packet.proto == TCP:
        packet.sport, packet.dport = u16(data, 0), u16(data, 2)
        header = (data[12] >> 4) * 4
        packet.syn = data[13] & 0x12 == 0x02
        packet.malformed = header < 20 or header > len(data) and not packet.fragment
    elif packet.proto == UDP:
        packet.sport, packet.dport = u16(data, 0), u16(data, 2)
        length = u16(data, 4)
        if length == 0 and packet.family == 6:
            length = len(data)  # a jumbogram's
        packet.malformed = length < 8 or length > len(data) and not packet.fragment
        packet.quic_initial = is_quic_initial(data[8:length])
        if not packet.malformed and is_dhcp(packet, data[8:length]):
            packet.outside = "dhcp"


def link_reason(packet, data, hop_limit):
    """Rule 1 of ICMP, ICMPv6 and IGMP: what the link needs, and errors that tell a path's MTU."""
    if packet.proto == IGMP:
        return "multicast" if len(data) >= 8 and hop_limit == 1 and is_group(packet) else None
    if packet.family == 6 and data[0] in NEIGHBOUR_TYPES and hop_limit == 255:
        return "neighbour"
    if packet.family == 6 and data[0] in MLD_TYPES and hop_limit == 1 and is_group(packet) and is_of_link(packet):
        return "multicast"
    quoted = data[8:]
    if packet.family == 4 and data[:2] == b"\3\4" and len(quoted) >= 20 and quoted[0] >> 4 == 4:
        return "path_mtu" if u32(quoted, 12) == packet.destination else None
    if packet.family == 6 and data[0] == 2 and len(quoted) >= 40 and quoted[0] >> 4 == 6:
        return "path_mtu" if int.from_bytes(quoted[8:24], "big") == packet.destination else None
    return None


def is_group(packet):
    """Is it sent to a multicast address?"""
    return packet.destination >> 28 == 0xE if packet.family == 4 else packet.destination >> 120 == 0xFF


def is_of_link(packet):
    """Has it a source that no router forwards: none, or a link-local one?"""
    if packet.family == 4:
        return packet.source == 0 or packet.source >> 16 == 0xA9FE
    return packet.source == 0 or packet.source >> 118 == 0xFE80 >> 6


def is_dhcp(packet, payload):
    """A request from a client without an address, a reply to the station that the frame is for, or DHCPv6 of the link."""
    ports = (packet.sport, packet.dport)
    if packet.family == 6:
        return ports in ((546, 547), (547, 546)) and is_of_link(packet) and len(payload) >= 4 and 1 <= payload[0] <= 11
    if payload[BOOTP_FIXED : BOOTP_FIXED + 4] != DHCP_COOKIE or payload[1:3] != b"\1\6":
        return False
    if ports == (68, 67):
        return payload[0] == 1 and is_of_link(packet)
    to_all = packet.station[0] & 1
    return ports == (67, 68) and payload[0] == 2 and bool(to_all or payload[28:34] == packet.station)


def is_quic_initial(payload):
    """RFC 9000 17.2.2 and RFC 9369 3.2: a long header of the type Initial, in a version that is known."""
    return len(payload) >= 5 and QUIC_INITIAL.get(u32(payload, 1)) == payload[0] & 0xF0


def u16(data, at):
    return struct.unpack_from(">H", data, at)[0]


def u32(data, at):
    return struct.unpack_from(">I", data, at)[0]


# ---------------------------------------------------------------------------------------------------------------
# The policy


@dataclass
class List:
    """A named set of prefixes: `inline` texts, or those of a `file`, or ranges of `countries` in a `geo` folder."""

    name: str
    inline: list = None
    file: str = None
    geo: str = None
    countries: list = None

    def as_configured(self):
        if self.geo:
            return {"geo": self.geo, "countries": self.countries}
        return {"file": self.file} if self.file else {"inline": self.inline}


@dataclass
class Class:
    name: str
    lists: list = None  # the last class has none: it takes the rest
    shed_from: str = None
    cut_from: str = None
    cut: str = None  # "new" is the default, or "all"
    per_source: dict = None  # limits, which this oracle does not judge (test_limits.py does)
    per_prefix: dict = None
    total: dict = None
    fair: bool = None

    def as_configured(self):
        keys = ("name", "lists", "shed_from", "cut_from", "cut", "per_source", "per_prefix", "total", "fair")
        return {key: getattr(self, key) for key in keys if getattr(self, key) is not None}

    def refuses(self, level, new):
        """Rule 5."""
        if self.cut_from is None or LEVELS.index(level) < LEVELS.index(self.cut_from):
            return False
        return new or self.cut == "all"


@dataclass
class Policy:
    """A configuration, as far as the datapath goes."""

    mode: str = "enforce"
    malformed: str = "pass"
    forwarded: str = "pass"
    decap: list = field(default_factory=list)  # the oracle knows nothing of it
    management_prefixes: list = field(default_factory=list)
    management_ports: list = field(default_factory=list)
    services: dict = field(default_factory=dict)
    lists: list = field(default_factory=list)
    classes: list = field(default_factory=lambda: [Class("rest")])

    def __post_init__(self):
        self._table = PrefixTable()
        self._geo = {}
        class_of_list = {name: class_ for class_ in self.classes for name in class_.lists or ()}
        self._class = lambda name: class_of_list.get(name, self.classes[-1])
        for list_ in self.lists:
            if list_.geo:
                if list_.geo not in self._geo:
                    self._geo[list_.geo] = GeoTable(list_.geo)
                self._geo[list_.geo].select(list_.name, list_.countries)
            for text in list_.inline or (read_cidr_file(list_.file) if list_.file else ()):
                for family, start, length in prefixes_of(text):
                    self._table.add(family, start, length, list_.name)
        self._management = PrefixTable()
        for text in self.management_prefixes:
            for family, start, length in prefixes_of(text):
                self._management.add(family, start, length, "management")

    def as_yaml(self):
        """Its text. JSON is YAML, too."""
        config = {
            "interfaces": ["lo"],
            "mode": self.mode,
            "malformed": self.malformed,
            "forwarded": self.forwarded,
            "metrics": {"listen": "off"},
            "lists": {list_.name: list_.as_configured() for list_ in self.lists},
            "classes": [class_.as_configured() for class_ in self.classes],
        }
        management = {"prefixes": self.management_prefixes, "ports": self.management_ports}
        management = {key: value for key, value in management.items() if value}
        if management:
            config["management"] = management
        if self.decap:
            config["decap"] = self.decap
        if self.services:
            config["services"] = self.services
        if not self.lists:
            del config["lists"]
        return json.dumps(config, indent=1)

    def written_prefixes(self):
        """(family, start, length) of each written prefix, in the configuration or in a file."""
        return self._table.prefixes()

    def classify(self, packet):
        """(list or None, class): the most specific prefix; at equal length written ones win over a country's."""
        best, name = self._table.lookup(packet.family, packet.source)
        for table in self._geo.values():
            length, country_list = table.lookup(packet.family, packet.source)
            if length > best:
                best, name = length, country_list
        return name, self._class(name)

    def is_management(self, packet):
        """Rule 3: both prefix and port if both are given, else the one that is."""
        if packet.family is None or not self.management_prefixes and not self.management_ports:
            return False
        if self.management_prefixes and self._management.lookup(packet.family, packet.source)[0] < 0:
            return False
        return not self.management_ports or packet.dport in self.management_ports

    def is_new_work(self, packet):
        if packet.malformed or packet.dport is None:
            return False
        if packet.proto == TCP:
            return packet.syn
        for service in self.services.values():
            if packet.dport in (*service.get("udp", ()), *service.get("udp_each", ())):
                return True
            if packet.dport in service.get("quic", ()) and packet.quic_initial:
                return True
        return False


# ---------------------------------------------------------------------------------------------------------------
# The rules


def judge(packet, policy, level):
    """The object that `simulate -j` should print, without its number."""
    new = list_ = class_ = None
    if packet.family is not None:
        new = policy.is_new_work(packet)
        list_, class_ = policy.classify(packet)
    verdict, reason = order_of_judgement(packet, policy, level, new, class_)
    return {
        "len": packet.length,
        "vlan": packet.vlan,
        "src": packet.source_text(),
        "proto": packet.proto,
        "sport": packet.sport,
        "dport": packet.dport,
        "fragment": packet.fragment,
        "new": bool(new),
        "class": class_.name if class_ else None,
        "list": list_,
        "verdict": verdict,
        "reason": reason,
    }


def order_of_judgement(packet, policy, level, new, class_):
    """(verdict, reason), for an agent that holds its lease, as in simulate."""
    enforce = policy.mode == "enforce"
    # 0. too short for Ethernet: never reaches the program
    if packet.length < ETH_HEADER:
        return "pass", "malformed"
    # 1. exempt
    if packet.outside:
        return "pass", packet.outside
    # 2. malformed
    if packet.malformed and policy.malformed == "drop" and enforce:
        return "drop", "malformed"
    # 3. never lock out the operator
    if policy.is_management(packet):
        return "pass", "management"
    # 4. mode observe
    if not enforce:
        return "pass", "observe"
    # 5. the class is cut at this level
    if class_ and class_.refuses(level, new):
        return "drop", "cut"
    # 6. packet limits: not in this oracle
    if packet.malformed:
        return "pass", "malformed"
    # 7. not new work
    if not new:
        return "pass", "established"
    # 8., 9. and 10. limits, share and budget: not in this oracle
    return "pass", "admitted"


# ---------------------------------------------------------------------------------------------------------------
# Prefixes

WIDTH = {4: 32, 6: 128}


def address_text(family, number):
    """RFC 5952: among IPv6 addresses only IPv4-mapped ones are written with dots."""
    if family == 4:
        return str(ipaddress.IPv4Address(number))
    if number >> 32 == 0xFFFF:
        return f"::ffff:{ipaddress.IPv4Address(number & 0xFFFFFFFF)}"
    return str(ipaddress.IPv6Address(number))


def prefixes_of(text):
    """(family, start, length) of each prefix of "CIDR", "address" or "start-end"."""
    if "-" in text:
        first, last = (ipaddress.ip_address(end.strip()) for end in text.split("-"))
        networks = ipaddress.summarize_address_range(first, last)
    else:
        networks = [ipaddress.ip_network(text)]
    return [(net.version, int(net.network_address), net.prefixlen) for net in networks]


def read_cidr_file(path):
    with open(path, encoding="utf-8") as lines:
        texts = (line.partition("#")[0].strip() for line in lines)
        return [text for text in texts if text]


class PrefixTable:
    """Longest match by trying every length, longest first."""

    def __init__(self):
        self.by_length = {4: {}, 6: {}}

    def add(self, family, start, length, name):
        lengths = self.by_length[family]
        if length not in lengths:
            lengths[length] = {}
            self.by_length[family] = lengths = dict(sorted(lengths.items(), reverse=True))
        lengths[length][start >> (WIDTH[family] - length)] = name

    def prefixes(self):
        for family, lengths in self.by_length.items():
            for length, starts in lengths.items():
                for start in starts:
                    yield family, start << (WIDTH[family] - length), length

    def lookup(self, family, address):
        """(length, name); length -1 when nothing matches."""
        for length, starts in self.by_length[family].items():
            name = starts.get(address >> (WIDTH[family] - length))
            if name is not None:
                return length, name
        return -1, None


class GeoTable:
    """The country ranges of one folder, of which each belongs to at most one list."""

    def __init__(self, folder):
        self.ranges = {family: geo_ranges(folder, family) for family in (4, 6)}
        self.firsts = {family: [first for first, _, _ in ranges] for family, ranges in self.ranges.items()}
        self.countries = {country for ranges in self.ranges.values() for _, _, country in ranges}
        self.list_of = {}  # country: list

    def select(self, name, selection):
        """@selection is ["US", "CA"], or ["!US"] for all the others."""
        wanted = {code for code in selection if code[0] != "!"}
        unwanted = {code[1:] for code in selection if code[0] == "!"}
        for country in self.countries:
            if country in wanted or unwanted and country not in unwanted:
                self.list_of[country] = name

    def lookup(self, family, address):
        """(length, name); the length is that of the range's CIDR block around this address."""
        at = bisect.bisect_right(self.firsts[family], address) - 1
        if at < 0:
            return -1, None
        first, last, country = self.ranges[family][at]
        name = self.list_of.get(country)
        if address > last or name is None:
            return -1, None
        return block_length(family, address, first, last), name


@functools.lru_cache(maxsize=4)
def geo_ranges(folder, family):
    """(first, last, country) of each line of tor's geoip or geoip6, ascending; the ranges are disjoint."""
    path = os.path.join(folder, {4: "geoip", 6: "geoip6"}[family])
    number = {4: int, 6: lambda text: int.from_bytes(socket.inet_pton(socket.AF_INET6, text), "big")}[family]
    with open(path, encoding="ascii") as lines:
        rows = [line.rstrip("\n").split(",") for line in lines if line.strip() and line[0] != "#"]
    return sorted((number(first), number(last), country) for first, last, country in rows)


def block_length(family, address, first, last):
    """A range splits into the largest aligned blocks that fit; the length of the one around @address."""
    longest = (last - first + 1).bit_length() - 1
    for length in range(WIDTH[family] - longest, WIDTH[family] + 1):
        shift = WIDTH[family] - length
        start = address >> shift << shift
        if first <= start and start + (1 << shift) - 1 <= last:
            return length
    raise ValueError("the address lies outside of the range")
