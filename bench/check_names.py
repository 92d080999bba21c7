#!/usr/bin/env python3
"""Every benchmark is named as bench/README.md says, once, each kind is there, and of each engine. usage: check_names.py FRCNN_BENCH"""
import collections
import re
import subprocess
import sys

ENGINES = "portable|fast|cuda-(?:exact|tf32|bf16|on-host)"
PRESET = "[a-z][a-z0-9_]*"
SHAPE = "[0-9][0-9a-z-]*"
KERNEL = "(winograd|direct|onednn_(direct|winograd|gemm|packed|bf16|bf16_kept)|product|openblas)"
KINDS = {
    "op": rf"op/[a-z][a-z0-9_]*/({ENGINES})/{SHAPE}",
    "stage": rf"stage/[a-z][a-z_]*/{PRESET}/({ENGINES})/[0-9]+x[0-9]+",
    "detect": rf"detect/{PRESET}/({ENGINES})/[0-9]+x[0-9]+",
    "detect_compressed": rf"detect_compressed/{PRESET}/({ENGINES})/[0-9]+x[0-9]+",
    "detect_batch": rf"detect_batch/{PRESET}/({ENGINES})/[0-9]+x[0-9]+x[0-9]+",
    "detect_regions": rf"detect_regions/{PRESET}/({ENGINES})/[0-9]+x[0-9]+x[0-9]+",
    "step": rf"step/{PRESET}/({ENGINES})/([0-9]+x)?[0-9]+x[0-9]+",
}
# Of the CPU's engine `fast` alone, where the build has it.
MORE = [
    rf"op/(conv2d_rule|winograd_total|linear_layout)/{KERNEL}/(forward|forward_train|backward_data|backward_weight)/{SHAPE}",
    rf"detect_(bf16|transforms)/{PRESET}/fast/[0-9]+x[0-9]+",
]

names = subprocess.run([sys.argv[1], "--benchmark_list_tests"], check=True, stdout=subprocess.PIPE, text=True).stdout.split("\n")[:-1]
wrong = [n for n in names if not any(re.fullmatch(pattern, n) for pattern in [*KINDS.values(), *MORE])]
engines = {}  # of each name without its engine
for n in names:
    for pattern in KINDS.values():
        if found := re.fullmatch(pattern, n):
            engines.setdefault(n.replace(f"/{found[1]}/", "/*/", 1), set()).add(found[1])
every = set().union(*engines.values())
wrong += [f"{n} (not for {', '.join(sorted(every - of))})" for n, of in engines.items() if of != every]
wrong += [f"{n} (twice)" for n, count in collections.Counter(names).items() if count > 1]
wrong += [f"{kind}/... (none)" for kind in KINDS if not any(n.startswith(kind + "/") for n in names)]
print(f"{len(names)} benchmarks, {len(wrong)} misnamed", *wrong, sep="\n  ")
sys.exit(bool(wrong))
