"""Every function of the vocabulary has the name of its build in its own (FRCNN_PER_BUILD), so that no two builds share one.

usage: symbols.py NM OBJECT...
Implicit members are excused: copies, moves, destructors, comparisons that the compiler writes; and box::as (geometry/box.hpp).
"""
import re
import subprocess
import sys

nm, *objects = sys.argv[1:]
INSIDE = re.compile(r"_ZN?K?5frcnn(\d+)(v\d+_\d+.*)")
OF_A_BUILD = re.compile(r"v\d+_\d+_\d+_[a-z]")
IMPLICIT = re.compile(r"(D[0-5]Ev|C[1-5]E(RKS\d*_|OS\d*_|v)|aSE(RKS\d*_|OS\d*_)|2asI\w+)$")


def of_vocabulary(name):  # _ZN5frcnn4v0_15checkE...: inside frcnn::v0_1
    inside = INSIDE.match(name)
    return inside and re.fullmatch(r"v\d+_\d+", inside[2][: int(inside[1])])


shared, seen = set(), 0
for path in objects:
    for line in subprocess.run([nm, "--defined-only", path], capture_output=True, text=True, check=True).stdout.splitlines():
        kind, name = line.split()[-2:]
        if kind not in "WwuT" or not of_vocabulary(name):
            continue
        seen += 1
        if not OF_A_BUILD.search(name) and not IMPLICIT.search(name):
            shared.add(name)
for name in sorted(shared):
    print(subprocess.run(["c++filt", name], capture_output=True, text=True).stdout.strip() or name)
print(f"{len(shared)} functions of the vocabulary that builds share, of {seen} in {len(objects)} objects")
sys.exit(bool(shared) or not seen)
