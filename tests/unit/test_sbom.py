#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# reads: packaging/make-sbom tests/unit/test_sbom.py
"""The bill of materials: what SPDX 2.3 requires, every library that the loader maps, the same bytes for the same program."""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
from tap import Tap  # noqa: E402

PROGRAM = shutil.which("bash")


def make(folder, program, name="out.json", **variables):
    output = Path(folder) / name
    done = subprocess.run([ROOT / "packaging/make-sbom", "1.2.3", program, output], capture_output=True, text=True, check=False, cwd=ROOT,
                          env={**os.environ, "SOURCE_DATE_EPOCH": "1700000000", **variables})
    return done, output.read_text() if done.returncode == 0 else ""


def test_sbom(tap):
    with tempfile.TemporaryDirectory() as folder:
        done, text = make(folder, PROGRAM)
        tap.equal((done.returncode, done.stderr), (0, ""), "it is made")
        tap.equal(make(folder, PROGRAM, "again.json")[1], text, "twice the same bytes")
        document = json.loads(text)
        tap.equal((document["spdxVersion"], document["dataLicense"], document["SPDXID"], document["creationInfo"]["created"]),
                  ("SPDX-2.3", "CC0-1.0", "SPDXRef-DOCUMENT", "2023-11-14T22:13:20Z"), "SPDX 2.3, at SOURCE_DATE_EPOCH")
        packages = {package["SPDXID"]: package for package in document["packages"]}
        tap.equal(len(packages), len(document["packages"]), "identifiers are unique")
        wrong = [name for name, package in packages.items() if not re.fullmatch(r"SPDXRef-[A-Za-z0-9.-]+", name)
                 or not {"name", "versionInfo", "downloadLocation", "filesAnalyzed", "licenseConcluded", "licenseDeclared"} <= set(package)]
        tap.equal(wrong, [], "each has the fields that it must have")
        linked = {one["relatedSpdxElement"] for one in document["relationships"] if one["relationshipType"] == "DYNAMIC_LINK"}
        tap.equal(linked, set(packages) - {"SPDXRef-spillway"}, "each library is linked by the program")
        mapped = {name for package in packages.values() for name in package.get("sourceInfo", "").partition("mapped: ")[2].split(", ")} - {""}
        loader = subprocess.run(["ldd", PROGRAM], capture_output=True, text=True, check=True).stdout
        wanted = {Path(word).name for word in re.findall(r"^\s+(\S+) ", loader, re.M)} - {"linux-vdso.so.1"}
        tap.equal(mapped, wanted, "they are those that the loader maps")
        version = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", "libc6"], capture_output=True, text=True, check=True).stdout
        tap.equal(packages["SPDXRef-deb-libc6"]["versionInfo"], version, "in the version of the package that is installed")
        copy = Path(folder) / "copy"
        copy.write_bytes(Path(PROGRAM).read_bytes() + b"x")
        copy.chmod(0o755)
        other = json.loads(make(folder, copy)[1])
        tap.ok(other["documentNamespace"] != document["documentNamespace"], "another program has another namespace")
        tap.ok(make(folder, Path(folder) / "none")[0].returncode, "without a program: it fails")


if __name__ == "__main__":
    if not shutil.which("dpkg-query") or not PROGRAM:
        print("1..0 # skip dpkg is not here")
        sys.exit(0)
    tap = Tap()
    tap.run(test_sbom)
    tap.done()
