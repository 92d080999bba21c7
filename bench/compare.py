#!/usr/bin/env python3
"""Runs of frcnn_bench side by side, with ratios.

usage: compare.py BEFORE.json AFTER.json [--filter REGEX]      the same engine, two builds
       compare.py RUN.json [RUN.json] --engines A B            two engines, of one run or of two
       compare.py RUN.json... --engines A B C                  a column for each engine, from whichever run has it: the CPU's, a GPU's, torch's

JSON comes from frcnn_bench or frcnn_bench_cuda --benchmark_out=FILE.json --benchmark_out_format=json, or from peers/torch_ops.py. Times are
wall clock; with repetitions the median counts. ratio = first / second: above 1 the second is faster. Names of one side only are counted in
the last line, failures are named. With three engines and more the rows are the second's, as ops, stages, detect and step, each other column
has its ratio to the second's, and what the RPN adds to detect_regions is a row of its own.
"""
import argparse
import json
import math
import re
import statistics
import sys

ENGINE = re.compile(r"^(op/[^/]+|stage/[^/]+/[^/]+|detect[a-z0-9_]*/[^/]+|step/[^/]+)/([^/]+)/([^/]+)$")
UNITS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0}
SECTIONS = {"op": "ops", "stage": "stages", "detect": "detect", "rpn": "what the RPN adds: detect_batch - detect_regions", "step": "step"}


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


def mean(ratios):
    return math.exp(statistics.fmean(map(math.log, ratios)))


def with_rpn(seconds):
    """And what the RPN takes, where both of what it is the difference of were measured."""
    added = {}
    for name, whole in seconds.items():
        given = seconds.get(name.replace("detect_batch/", "detect_regions/")) if name.startswith("detect_batch/") else None
        if given and whole > given:
            added[name.replace("detect_batch/", "rpn/")] = whole - given
    return {**seconds, **added}


def side_by_side(runs, engines, pattern):
    """The table of three engines and more, as lines."""
    columns, failed = [], []
    for engine in engines:
        seconds = {}
        for run in runs:
            some, more = read(run, engine)
            seconds.update(some)
            failed += more
        columns.append(with_rpn(seconds))
    names = [n for n in columns[1] if re.search(pattern, n)]
    width = max([len(n) for n in names] + [len("geometric mean of 000")])
    lines = [f"{'benchmark':{width}}" + "".join(f"  {e:>13}" + ("" if i == 1 else f"  {'/ ' + engines[1]:>12}") for i, e in enumerate(engines))]
    for kind, title in SECTIONS.items():
        some = [n for n in names if re.match(kind + "[a-z0-9_]*/", n)]
        if not some:
            continue
        lines += ["", f"-- {title}"]
        for n in some:
            line = f"{n:{width}}"
            for i, column in enumerate(columns):
                line += f"  {text(column[n]) if n in column else '-':>13}"
                if i != 1:
                    line += f"  {format(column[n] / columns[1][n], '.2f') if n in column else '-':>12}"
            lines.append(line.rstrip())
        if kind == "rpn":
            continue
        line = f"{'geometric mean of ' + str(len(some)):{width}}"
        for i, column in enumerate(columns):
            shared = [column[n] / columns[1][n] for n in some if n in column]
            line += f"  {f'of {len(shared)}' if 0 < len(shared) < len(some) else '':>13}"
            if i != 1:
                line += f"  {format(mean(shared), '.2f') if shared else '-':>12}"
        lines.append(line.rstrip())
    lines += ["", "only in: " + ", ".join(f"{e} {len(c.keys() - set().union(*(d for d in columns if d is not c)))}" for e, c in zip(engines, columns))]
    return lines + [f"failed: {f}" for f in sorted(set(failed))]


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("runs", nargs="+", metavar="RUN.json")
    options.add_argument("--engines", nargs="+", default=(None, None), metavar="ENGINE")
    options.add_argument("--filter", default="", help="names that contain this regular expression")
    options = options.parse_args()
    if len(options.engines) > 2:
        return print("\n".join(side_by_side(options.runs, options.engines, options.filter)))
    if len(options.engines) < 2:
        sys.exit("--engines: expected two or more, found one")
    if len(options.runs) > 2 or (len(options.runs) == 1 and not options.engines[0]):
        sys.exit("expected two runs, or one with --engines")
    (a, failed_a), (b, failed_b) = (read(p, e) for p, e in zip((options.runs * 2)[:2] if len(options.runs) == 1 else options.runs, options.engines))

    names = [n for n in a if n in b and re.search(options.filter, n)]
    width = max([len(n) for n in names] + [9])
    print(f"{'benchmark':{width}}  {options.engines[0] or 'first':>10}  {options.engines[1] or 'second':>10}  ratio")
    for n in names:
        print(f"{n:{width}}  {text(a[n]):>10}  {text(b[n]):>10}  {a[n] / b[n]:5.2f}")
    if names:
        print(f"{'geometric mean of ' + str(len(names)):{width}}  {'':>10}  {'':>10}  {mean(a[n] / b[n] for n in names):5.2f}")
    print(f"only in the first: {len(a.keys() - b.keys())}, only in the second: {len(b.keys() - a.keys())}")
    for failure in sorted(set(failed_a + failed_b)):
        print(f"failed: {failure}")


if __name__ == "__main__":
    main()
