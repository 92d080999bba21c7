#!/usr/bin/env python3
"""Every benchmark is named as bench/README.md says, once, and each kind is there. usage: check_names.py FRCNN_BENCH"""
import collections
import re
import subprocess
import sys

ENGINES = "portable|onednn|cuda"
PRESET = "[a-z][a-z0-9_]*"
KINDS = {
    "op": rf"op/[a-z][a-z0-9_]*/({ENGINES})/[0-9][0-9a-z-]*",
    "stage": rf"stage/[a-z][a-z_]*/{PRESET}/({ENGINES})/[0-9]+x[0-9]+",
    "detect": rf"detect/{PRESET}/({ENGINES})/[0-9]+x[0-9]+",
    "step": rf"step/{PRESET}/({ENGINES})/[0-9]+x[0-9]+",
}

names = subprocess.run([sys.argv[1], "--benchmark_list_tests"], check=True, stdout=subprocess.PIPE, text=True).stdout.split("\n")[:-1]
wrong = [n for n in names if not any(re.fullmatch(pattern, n) for pattern in KINDS.values())]
wrong += [f"{n} (twice)" for n, count in collections.Counter(names).items() if count > 1]
wrong += [f"{kind}/... (none)" for kind in KINDS if not any(n.startswith(kind + "/") for n in names)]
print(f"{len(names)} benchmarks, {len(wrong)} misnamed", *wrong, sep="\n  ")
sys.exit(bool(wrong))
