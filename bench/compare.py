#!/usr/bin/env python3
"""Two runs of frcnn_bench side by side, with ratios.

usage: compare.py BEFORE.json AFTER.json [--filter REGEX]      the same engine, two builds
       compare.py RUN.json [RUN.json] --engines A B            two engines, of one run or of two

JSON comes from frcnn_bench --benchmark_out=FILE.json --benchmark_out_format=json. Times are wall clock; with repetitions the median
counts. ratio = first / second: above 1 the second is faster. Names of one side only are counted in the last line, failures are named.
"""
import argparse
import json
import math
import re
import statistics
import sys

ENGINE = re.compile(r"^(op/[^/]+|stage/[^/]+/[^/]+|detect[a-z0-9_]*/[^/]+|step/[^/]+)/([^/]+)/([^/]+)$")
UNITS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0}


def read(path, engine):
    """{name: seconds}, and the failures. With an engine: its benchmarks only, by their names without it."""
    seconds, failed = {}, []
    for b in json.load(open(path))["benchmarks"]:
        name = b.get("run_name", b["name"])
        parts = ENGINE.match(name)
        if b.get("run_type") == "aggregate" or (engine and not (parts and parts[2] == engine)):
            continue
        key = f"{parts[1]}/{parts[3]}" if engine else name
        if b.get("error_occurred"):
            failed.append(f"{name}: {b['error_message']}")
        else:
            seconds.setdefault(key, []).append(b["real_time"] * UNITS[b["time_unit"]])
    return {k: statistics.median(v) for k, v in seconds.items()}, failed


def text(seconds):
    unit = next((u for u in ("s", "ms", "us") if seconds >= UNITS[u]), "ns")
    return f"{seconds / UNITS[unit]:.3g} {unit}"


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("runs", nargs="+", metavar="RUN.json")
    options.add_argument("--engines", nargs=2, default=(None, None), metavar=("A", "B"))
    options.add_argument("--filter", default="", help="names that contain this regular expression")
    options = options.parse_args()
    if len(options.runs) > 2 or (len(options.runs) == 1 and not options.engines[0]):
        sys.exit("expected two runs, or one with --engines")
    (a, failed_a), (b, failed_b) = (read(p, e) for p, e in zip((options.runs * 2)[:2] if len(options.runs) == 1 else options.runs, options.engines))

    names = [n for n in a if n in b and re.search(options.filter, n)]
    width = max([len(n) for n in names] + [9])
    print(f"{'benchmark':{width}}  {options.engines[0] or 'first':>10}  {options.engines[1] or 'second':>10}  ratio")
    for n in names:
        print(f"{n:{width}}  {text(a[n]):>10}  {text(b[n]):>10}  {a[n] / b[n]:5.2f}")
    if names:
        mean = math.exp(statistics.fmean(math.log(a[n] / b[n]) for n in names))
        print(f"{'geometric mean of ' + str(len(names)):{width}}  {'':>10}  {'':>10}  {mean:5.2f}")
    print(f"only in the first: {len(a.keys() - b.keys())}, only in the second: {len(b.keys() - a.keys())}")
    for failure in sorted(set(failed_a + failed_b)):
        print(f"failed: {failure}")


if __name__ == "__main__":
    main()
