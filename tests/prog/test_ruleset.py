#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The compiled prefix table against a plain longest match, at and around every boundary (fault 13): nests, neighbours,
ranges, long lists, and real countries."""
import itertools
import os
import random
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import frames as f
import simulate
from oracle import WIDTH, Class, GeoTable, List, Packet, Policy, address_text, prefixes_of
from tap import Tap

SEED = 20180717
PREFIXES = 3000  # of each family in a random set
GEO_RANGES = 6000  # of each family, whose edges are tested
TOR = "/usr/share/tor"

TEMPLATE = {4: (f.ip4(f.ack()), 26), 6: (f.ip6(f.ack()), 22)}  # a frame and the offset of its source


def frame_from(family, address):
    frame, at = TEMPLATE[family]
    return f.patched(frame, at, address.to_bytes(WIDTH[family] // 8, "big"))


def check_sources(tap, name, sources, policy, level="red"):
    """One point: each (family, address) of @sources is in the reference's list and class."""
    frames, expected = [], []
    for number, (family, address) in enumerate(sources, start=1):
        list_, class_ = policy.classify(Packet(0, family=family, source=address))
        verdict = "drop" if class_.refuses(level, new=False) else "pass"
        seen = {"n": number, "src": address_text(family, address), "list": list_, "class": class_.name}
        expected.append({**seen, "verdict": verdict})
        frames.append(frame_from(family, address))
    simulate.compare(tap, f"{name}: {len(frames)} sources", frames, simulate.simulate(frames, policy, level), expected)


def edges(family, first, last):
    """The first and last address of a range, and their neighbours on both sides."""
    top = (1 << WIDTH[family]) - 1
    near = {first - 1, first, first + 1, (first + last) // 2, last - 1, last, last + 1}
    return [(family, address) for address in sorted(near) if 0 <= address <= top]


def edges_of(prefixes):
    """The same for many (family, start, length)."""
    found = set()
    for family, start, length in prefixes:
        found.update(edges(family, start, start | (1 << (WIDTH[family] - length)) - 1))
    return found


# ---------------------------------------------------------------------------------------------------------------
# Random sets of prefixes


class Prefixes:
    """A set under construction: {(family, start, length): list}, so that no prefix is named twice."""

    def __init__(self, seed, names):
        self.random = random.Random(seed)
        self.names = names
        self.of = {}

    def add(self, family, address, length, name=None):
        shift = WIDTH[family] - length
        self.of[family, address >> shift << shift, length] = name or self.random.choice(self.names)

    def anywhere(self, family):
        return self.random.getrandbits(WIDTH[family])

    # Contents of a set.

    def everything(self):
        """/0 of both families, in a list that is never cut: the configuration refuses it elsewhere."""
        for family in (4, 6):
            self.add(family, 0, 0, self.names[0])

    def nests(self, count):
        """One prefix of every length around an address, lists alternating."""
        for family, _ in itertools.product((4, 6), range(count)):
            address = self.anywhere(family)
            for length in range(1, WIDTH[family] + 1):
                self.add(family, address, length, self.names[length % len(self.names)])

    def gaps(self, count):
        """Nests with missing lengths."""
        for family, _ in itertools.product((4, 6), range(count)):
            address = self.anywhere(family)
            for length in self.random.sample(range(1, WIDTH[family] + 1), 8):
                self.add(family, address, length)

    def crowd(self, count):
        """Prefixes of all lengths under a few short ones, so that they nest and touch."""
        roots = {family: [self.anywhere(family) for _ in range(4)] for family in (4, 6)}
        for family, _ in itertools.product((4, 6), range(count)):
            width, root = WIDTH[family], self.random.choice(roots[family])
            kept = self.random.choice((8, 12, 16, 20))
            below = self.anywhere(family) & (1 << (width - kept)) - 1
            address = root >> (width - kept) << (width - kept) | below
            self.add(family, address, self.random.randint(kept, width))

    def strides(self):
        """Every length on both sides of typical strides: 16, 17, 18, 24, 64 and the ends."""
        lengths = {
            4: (15, 16, 17, 18, 23, 24, 25, 31, 32),
            6: (15, 16, 17, 31, 32, 33, 47, 48, 49, *range(62, 67), 78, 79, 80, 95, 96, 97, 111, 112, 126, 127, 128),
        }
        for family in (4, 6):
            for length, _ in itertools.product(lengths[family], range(20)):
                self.add(family, self.anywhere(family), length)

    def rows(self, count):
        """Gapless neighbours of one length, lists alternating: merging errors would show."""
        for family, lengths in ((4, (20, 24, 30, 32)), (6, (32, 48, 63, 64, 65, 96, 128))):
            for length in lengths:
                shift = WIDTH[family] - length
                start = self.anywhere(family) >> shift
                for step in range(count):
                    name = self.names[step // 2 % len(self.names)]
                    self.add(family, (start + step) % (1 << length) << shift, length, name)

    def ends(self):
        """The first and the last addresses of each family."""
        for family in (4, 6):
            for length in range(1, WIDTH[family] + 1, 3):
                self.add(family, 0, length)
                self.add(family, (1 << WIDTH[family]) - 1, length)

    # Results.

    def sources(self):
        """At and around the edges of each prefix, inside it and anywhere."""
        found = edges_of(self.of)
        for family, start, length in self.of:
            within = self.random.getrandbits(WIDTH[family] - length)
            found.add((family, start | within))
        found.update((family, self.anywhere(family)) for family in (4, 6) for _ in range(200))
        return sorted(found)

    def policy(self, folder):
        """Half of the lists in files, the others in the configuration."""
        texts = {name: [] for name in self.names}
        for (family, start, length), name in self.of.items():
            texts[name].append(f"{address_text(family, start)}/{length}")
        lists = []
        for number, (name, of_list) in enumerate(texts.items()):
            self.random.shuffle(of_list)
            if number % 2 == 0 or len(of_list) > 1000:
                path = os.path.join(folder, f"{name}.txt")
                with open(path, "w", encoding="ascii") as file:
                    file.write(f"# {name}\n" + "".join(f"{text}\n" for text in of_list))
                lists.append(List(name, file=path))
            else:
                lists.append(List(name, inline=of_list))
        return Policy(lists=lists, classes=classes_of([list_.name for list_ in lists]))


def classes_of(names):
    """Classes of one or two lists each; the first, which may contain /0, is never cut."""
    classes = [Class("first", names[:1])]
    for number, name in enumerate(names[1:], start=1):
        if number % 3 == 0:
            classes[-1].lists.append(name)
        else:
            classes.append(Class(f"class{number}", [name], cut_from="red", cut="all" if number % 2 else None))
    return [*classes, Class("rest", cut_from="orange", cut="all")]


def test_random_sets(tap):
    names = [f"list{number}" for number in range(6)]
    count = simulate.scaled(PREFIXES)
    few = max(1, simulate.scaled(5))
    for number, (title, build) in enumerate(
        {
            "nests of every length": lambda p: p.nests(few),
            "nests of every length under /0": lambda p: (p.everything(), p.nests(few), p.gaps(10 * few)),
            "rows of neighbours": lambda p: p.rows(10 * few),
            "both sides of every stride, and the ends": lambda p: (p.strides(), p.ends()),
            "a crowd": lambda p: p.crowd(count),
            "everything at once": lambda p: (
                p.everything(), p.crowd(count // 2), p.nests(few), p.rows(2 * few), p.strides(), p.ends()
            ),
        }.items()
    ):
        prefixes = Prefixes(SEED + number, names)
        build(prefixes)
        with tempfile.TemporaryDirectory(prefix="spillway-lists-") as folder:
            policy = prefixes.policy(folder)
            check_sources(tap, f"{title}, {len(prefixes.of)} prefixes", prefixes.sources(), policy)


def test_many_entries(tap):
    """Tens of thousands of hosts and networks in one list, with holes from another."""
    source = random.Random(SEED)
    many, holes, ranges = [], [], []
    for _ in range(simulate.scaled(20000)):
        many.append((4, source.getrandbits(32), 32))
        many.append((6, 0x20010DB8 << 96 | source.getrandbits(96), 128))
    for number in range(0, 256, 2):
        ranges.append((4, 10 << 24 | number << 16, 16))
        holes.append((4, 10 << 24 | number << 16 | 0x8000, 24))
    with tempfile.TemporaryDirectory(prefix="spillway-lists-") as folder:
        paths = []
        for name, prefixes in (("many", sorted(set(many)) + ranges), ("holes", holes)):
            paths.append(os.path.join(folder, name))
            with open(paths[-1], "w", encoding="ascii") as file:
                file.writelines(f"{address_text(family, start)}/{length}\n" for family, start, length in prefixes)
        policy = Policy(
            lists=[List("many", file=paths[0]), List("holes", file=paths[1])],
            classes=[Class("holes", ["holes"]), Class("many", ["many"], cut_from="red", cut="all"), Class("rest")],
        )
        sources = edges_of([*many[: simulate.scaled(8000)], *ranges, *holes])
        check_sources(tap, f"{len(many) + len(ranges)} entries with {len(holes)} holes", sorted(sources), policy)


def test_many_lists(tap):
    """The maximum number of lists (SPW_LISTS_MAX less one), and more slots than lists: some of their sources are
    management too."""
    count = 511
    lists, sources = [], set()
    for number in range(count):
        texts = [f"10.{number >> 8}.{number & 255}.0/24", f"2001:db8:{number:x}::/48"]
        lists.append(List(f"list{number}", inline=texts))
        for family, start, length in (prefix for text in texts for prefix in prefixes_of(text)):
            last = start | (1 << (WIDTH[family] - length)) - 1
            sources.update(((family, start), (family, last)))
    classes = [Class(f"class{number}", [list_.name for list_ in lists[number::31]]) for number in range(31)]
    management = ["10.1.0.0/16", "10.2.7.128/25", "2001:db8:100::/40", "2001:db8:200:8000::/49"]
    policy = Policy(lists=lists, classes=[*classes, Class("rest")], management_prefixes=management)
    check_sources(tap, f"{count} lists in {len(classes)} classes", sorted(sources), policy)


def test_ranges(tap):
    """start-end ranges: single addresses, touching neighbours, and ends that are no prefix boundaries."""
    texts = {
        "odd": [
            "192.0.2.1-192.0.2.6", "192.0.2.9-192.0.2.9", "198.51.100.255-198.51.101.0", "2001:db8::1-2001:db8::ffff",
        ],
        "touching": ["192.0.2.7-192.0.2.8", "192.0.2.10-192.0.2.127", "2001:db8::1:0-2001:db8:0:0:1::"],
        "wide": [
            "0.0.0.1-127.255.255.254", "128.0.0.1-191.255.255.255",
            "2001:db8:8000::-2001:db8:ffff:ffff:ffff:ffff:ffff:fffe",
        ],
        "ends": ["255.255.255.254-255.255.255.255", "ffff::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
    }
    with tempfile.TemporaryDirectory(prefix="spillway-lists-") as folder:
        lists = []
        for name, of_list in texts.items():
            path = os.path.join(folder, name)
            with open(path, "w", encoding="ascii") as file:
                file.write("".join(f"{text}  # a range\n" for text in of_list))
            lists.append(List(name, file=path))
        policy = Policy(lists=lists, classes=classes_of(list(texts)))
        check_sources(tap, "ranges", sorted(edges_of(policy.written_prefixes())), policy)


# ---------------------------------------------------------------------------------------------------------------
# Countries

GEOIP = """# a comment
0,0,AA
1,255,BB
256,1023,AA
1024,1535,BB
1536,1536,CC
3221225985,3221226239,AA
3221226240,3221226495,AA
3221226496,3221227007,BB
3325256704,3325256959,CC
3325256960,3325257215,??
4294967295,4294967295,CC
"""  # 192.0.2.1 is 3221225985, 198.51.100.0 is 3325256704

GEOIP6 = """# another
::,::ff,AA
2001:db8::,2001:db8:0:ffff:ffff:ffff:ffff:ffff,AA
2001:db8:1::,2001:db8:1:ffff:ffff:ffff:ffff:ffff,BB
2001:db8:2::1,2001:db8:2::fffe,CC
2001:db8:4::,2001:db8:7:ffff:ffff:ffff:ffff:ffff,??
ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff,ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff,BB
"""


def test_small_countries(tap):
    """A few ranges, with written prefixes shorter, equal to and longer than the ranges' CIDR blocks."""
    written = {
        "none": ["233.252.0.0/24"],
        "longer": ["0.0.4.128/25", "192.0.3.7/32", "2001:db8:1:8000::/49", "2001:db8:2::8/128"],
        "equal": ["0.0.4.0/23", "192.0.3.0/24", "198.51.100.0/24", "2001:db8:1::/48", "2001:db8:4::/46"],
        "shorter": ["0.0.0.0/20", "192.0.0.0/22", "198.51.100.0/23", "2001:db8::/46", "::/120"],
    }
    world = {"a": ["AA"], "b": ["BB"], "c": ["CC", "??"]}
    both = {"home": ["AA", "CC"], "abroad": ["!AA", "!CC"]}
    with tempfile.TemporaryDirectory(prefix="spillway-geo-") as folder:
        for name, text in (("geoip", GEOIP), ("geoip6", GEOIP6)):
            with open(os.path.join(folder, name), "w", encoding="ascii") as file:
                file.write(text)
        ranges = GeoTable(folder).ranges
        sources = set()
        for family in (4, 6):
            sources.update(edge for first, last, _ in ranges[family] for edge in edges(family, first, last))
        for (title, texts), (names, countries) in itertools.product(
            written.items(), (("each country", world), ("home and abroad", both))
        ):
            lists = [List("written", inline=texts)]
            lists += [List(name, geo=folder, countries=codes) for name, codes in countries.items()]
            policy = Policy(lists=lists, classes=classes_of([list_.name for list_ in lists]))
            around = sources | edges_of(policy.written_prefixes())
            check_sources(tap, f"{names}, written prefixes: {title}", sorted(around), policy)


def test_world(tap):
    """All of tor-geoipdb: home against abroad, and every country as its own list."""
    if not all(os.path.exists(os.path.join(TOR, name)) for name in ("geoip", "geoip6")):
        tap.skip("the real world's countries", f"no {TOR}/geoip (package tor-geoipdb)")
        return
    chooser = random.Random(SEED)
    table = GeoTable(TOR)
    sources = set()
    for family in (4, 6):
        some = chooser.sample(table.ranges[family], simulate.scaled(GEO_RANGES))
        sources.update(edge for first, last, _ in some for edge in edges(family, first, last))
    sources = sorted(sources)

    home = [List("home", geo=TOR, countries=["US"]), List("abroad", geo=TOR, countries=["!US"])]
    classes = [
        Class("domestic", ["home"]),
        Class("international", ["abroad"], cut_from="red", cut="all"),
        Class("rest", cut_from="yellow", cut="all"),
    ]
    check_sources(tap, "home and abroad", sources, Policy(lists=home, classes=classes))

    lists = [List(f"in-{code.replace('??', 'nowhere')}", geo=TOR, countries=[code]) for code in sorted(table.countries)]
    classes = [Class(f"class{number}", [list_.name for list_ in lists[number::30]]) for number in range(30)]
    policy = Policy(lists=lists, classes=[*classes, Class("rest", cut_from="red", cut="all")])
    check_sources(tap, f"{len(lists)} countries, each its own list", sources, policy)

    written = List("written", inline=["198.18.0.0/15", "203.0.0.0/10", "8.8.8.8/32", "2001:db8::/32", "2000::/6"])
    classes = [Class("written", ["written"]), *classes_of(["home", "abroad"])]
    policy = Policy(lists=[written, *home], classes=classes)
    check_sources(tap, "home and abroad under written prefixes", sources, policy)


def main():
    simulate.need_root()
    tap = Tap()
    tap.run(test_random_sets)
    tap.run(test_many_entries)
    tap.run(test_many_lists)
    tap.run(test_ranges)
    tap.run(test_small_countries)
    tap.run(test_world)
    tap.done()


if __name__ == "__main__":
    main()
