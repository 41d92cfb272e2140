#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Captures of others, many of them hostile, against tshark's dissection and the oracle (faults 1-9). The folder is
$SPILLWAY_PCAPS or ../shared/pcaps beside the repository; without it, or without tshark, there is nothing to do."""
import collections
import contextlib
import glob
import json
import os
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from scapy.utils import RawPcapReader

import frames as f
import oracle
import simulate
import tshark
from tap import Tap

FOLDER = os.environ.get("SPILLWAY_PCAPS", os.path.join(simulate.REPOSITORY, "..", "shared", "pcaps"))
RAW_IP = (12, 14, 101, 228, 229)  # link types
VERSION_OF = {228: 4, 229: 6}  # these say which IP; otherwise the packet does

FRAME_MAX = 65557  # the longest IP packet, with Ethernet and two tags

FIELDS = ("vlan", "src", "proto", "sport", "dport", "fragment")

# Where tshark and spillway differ by definition: (why, fields, captures). Nothing else may differ, and only in packets
# that spillway calls malformed.
READS_ON = (
    "spillway stops reading where a length contradicts the frame and judges by the source; tshark reads on",
    {"sport", "dport"},
    """babel_update_oobr.pcap beep-oobr.pcap bgp-bgp_capabilities_print-oobr-1.pcap bgp_mp_reach_nlri-oobr.pcap
    bgp_mvpn_6_and_7_oobr.pcap bgp_pmsi_tunnel-oobr.pcap bootp_asan-2.pcap cve-2014-8769-AODV.pcap
    dns_udp_2.pcap heapoverflow-tcp_print.pcap hncp_dhcpv4data-oobr.pcap hoobr_aodv_extension.pcap
    hoobr_nfs_xid_map_enter.pcap hoobr_ripng_print.pcap isakmp-rfc3948-oobr.pcap kday4.pcap kday7.pcap
    kh-timed-001-oobr.pcap kh-timed-002-oobr.pcap ldp_tlv_print-oobr.pcap lisp_invalid.pcap lisp_invalid_length.pcap
    nbns-valgrind.pcap nfs-attr-oobr.pcap nfs_large_credentials_length.pcap of10_inv_OFPST_FLOW.pcap
    radius_attr_asan.pcap rpki-rtr-oobr.pcap rsvp_uni-oobr-3.pcap snmp-heapoverflow-1.pcap tcp-auth-heapoverflow.pcap
    udp-length-heapoverflow.pcap vqp-oobr.pcap""",
)
EXCEPTIONS = (
    READS_ON,
    (
        "IPv4 total length 0 is no length; tshark takes it for segmentation offload, of which a NIC knows nothing",
        {"sport", "dport"},
        "bigtcp-ipv4.pcap",
    ),
    (
        "an extension header that is cut off has no next header for spillway; tshark shows the number it finds",
        {"proto"},
        """erspan-type-iii-pb-1.pcap hoobr_rt6_print.pcap ipv6-next-header-oobr-2.pcap ipv6-rthdr-oobr.pcap
        ipv6-srh-tlv-pad1-padn-5-trunc.pcap""",
    ),
    (
        "62 was the mobility header's number in a draft only; tshark still follows it",
        {"proto"},
        """mobility_opt_asan.pcap mobility_opt_asan_3.pcap mobility_opt_asan_5.pcap mobility_opt_asan_6.pcap
        mobility_opt_asan_7.pcap""",
    ),
    (
        "total length below the header's: tshark stops before the source, which is there",
        {"src", "proto"},
        "ipv4_invalid_total_length_2.pcap",
    ),
    (
        "an IPv6 header that ends in its destination address: tshark shows the source, spillway wants all of it",
        {"src", "proto"},
        "ipv6_invalid_length.pcap",
    ),
)


def captures():
    paths = glob.glob(os.path.join(FOLDER, "*.pcap")) + glob.glob(os.path.join(FOLDER, "*.pcapng"))
    return {os.path.basename(path): path for path in sorted(paths)}


def read_frames(path):
    """The frames of a capture, raw IP packets in a made-up Ethernet header; and whether it is Ethernet throughout."""
    frames, ethernet = [], True
    with contextlib.closing(RawPcapReader(path)) as reader:
        for data, metadata in reader:
            linktype = getattr(metadata, "linktype", None)
            linktype = reader.linktype if linktype is None else linktype
            if linktype & 0xFFFF in RAW_IP:  # above are bits about the frame check sequence
                version = VERSION_OF.get(linktype & 0xFFFF, data[0] >> 4)
                data = bytes(f.ETHER)[:12] + (b"\x86\xdd" if version == 6 else b"\x08\0") + data
                ethernet = False
            frames.append(data)
    return frames, ethernet


def whole_frames(path, frames):
    """@frames of a capture, with zeros for what its snapshot length cut off, as simulate reads them: up to FRAME_MAX."""
    with contextlib.closing(RawPcapReader(path)) as reader:
        missing = [max(0, metadata.wirelen - len(data)) for data, metadata in reader]
    return [frame + bytes(some if len(frame) + some <= FRAME_MAX else 0) for frame, some in zip(frames, missing)]


def allowed(name):
    """The fields in which packets of a capture may differ from tshark's."""
    return {field for _, fields, names in EXCEPTIONS if name in names.split() for field in fields}


def test_dissection(tap, frames_of):
    """All captures in one, as starting tshark takes longer than its work."""
    names = [name for name, frames in frames_of.items() for _ in frames]
    frames = [frame for some in frames_of.values() for frame in some]
    policy = oracle.Policy(**f.POLICY)
    with tempfile.TemporaryDirectory(prefix="spillway-pcaps-") as folder:
        merged = os.path.join(folder, "merged.pcap")
        simulate.write_pcap(merged, frames)
        program = simulate.simulate_file(merged, policy, "red")
        dissected = tshark.dissect(merged)
    expected = simulate.expectations(frames, policy, "red")
    simulate.compare(tap, f"program and oracle agree on {len(frames)} captured packets", frames, program, expected)
    if not tap.ok(len(dissected) == len(frames) == len(program), "tshark and spillway see the same number of packets"):
        return

    wrong, used = collections.defaultdict(list), collections.defaultdict(set)
    for number, (name, frame, line, facts) in enumerate(zip(names, frames, program, dissected)):
        differing = {field for field in FIELDS if line[field] != facts[field]}
        if line["reason"] == "malformed":
            used[name] |= differing & allowed(name)
            differing -= allowed(name)
        for field in sorted(differing):
            texts = f"{field}: spillway says {line[field]!r}, tshark {facts[field]!r}"
            wrong[name].append(f"packet {number - names.index(name) + 1}: {texts}\n    {frame[:96].hex()}")
    for name in frames_of:
        tap.ok(not wrong[name], f"tshark agrees: {name}", "\n".join(wrong[name][:6]))
    unused = [name for name in frames_of if allowed(name) != used[name]]
    tap.ok(not unused, "every exception is needed", unused)


def test_files(tap, paths, frames_of, ethernet):
    """The capture files themselves, as spillway reads them. Starting it takes a while, so these are a selection."""
    pcapng = [name for name in paths if name.endswith(".pcapng")]
    raw = [name for name in paths if not ethernet[name]]
    others = [name for name in paths if name not in raw + pcapng]
    step = len(others) // simulate.scaled(10) + 1
    for name in pcapng[: simulate.scaled(6)] + raw + others[::step]:
        with tempfile.TemporaryDirectory(prefix="spillway-pcaps-") as folder:
            config = os.path.join(folder, "spillway.yaml")
            with open(config, "w", encoding="utf-8") as file:
                file.write(oracle.Policy(**f.POLICY).as_yaml())
            done = simulate.run("simulate", paths[name], "--level", "red", "-c", config, "-j")
        good = done.returncode == 0 and len(done.stdout.splitlines()) == len(frames_of[name])
        tap.ok(good, f"read as it is: {name}", f"exit status {done.returncode}: {done.stderr}")
        if not ethernet[name]:
            lines = [json.loads(line) for line in done.stdout.splitlines()]
            frames = whole_frames(paths[name], frames_of[name])
            expected = simulate.expectations(frames, oracle.Policy(**f.POLICY), "red")
            simulate.compare(tap, f"judged as in Ethernet frames: {name}", frames, lines, expected)


def main():
    simulate.need_root()
    tap = Tap()
    paths = captures()
    if not paths:
        tap.skip("captures against tshark", f"no captures in {FOLDER}")
        tap.done()
    if not shutil.which("tshark"):
        tap.skip("captures against tshark", "no tshark")
        tap.done()
    frames_of, ethernet = {}, {}
    for name, path in paths.items():
        frames_of[name], ethernet[name] = read_frames(path)
    tap.run(test_dissection, frames_of)
    tap.run(test_files, paths, frames_of, ethernet)
    tap.done()


if __name__ == "__main__":
    main()
