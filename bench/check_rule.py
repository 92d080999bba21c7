#!/usr/bin/env python3
"""Does the rule that chooses a convolution's kernel choose the fastest? Prints per shape what each kernel takes, and fails where the rule loses.

usage: check_rule.py RUN.json [--tolerance 0.10]

RUN.json: frcnn_bench --benchmark_filter='^op/(conv2d_rule|winograd_total|linear_layout)' --benchmark_out=RUN.json --benchmark_out_format=json,
with repetitions the median of each. The rule is the order of the lists in backend/cpu/fast/conv2d.hpp: the first kernel that accepts a shape has
the counter `rule` at 1. It loses where another that a layer could call is
faster by more than the tolerance. oneDNN's Winograd and its packed weights (layouts of their own, converted by no one), bf16 and shapes that
take under 50 us are printed only. Totals of VGG-16's Winograd layers follow, as shares of oneDNN's.
"""
import argparse
import json
import re
import statistics
import sys

NAME = re.compile(r"^op/(conv2d_rule|winograd_total|linear_layout)/([^/]+)/([^/]+)/([^/]+)$")
YARDSTICKS = {"onednn_winograd", "onednn_packed", "onednn_bf16", "onednn_bf16_kept"}
MILLISECONDS = {"ns": 1e-6, "us": 1e-3, "ms": 1.0, "s": 1e3}
SMALL = 0.05  # ms: less is the noise of waking threads


def read(path):
    """{(kind, pass, shape): {kernel: ms}}, {the same: the rule's kernel}, labels, failures"""
    times, rule, labels, failed = {}, {}, {}, []
    for b in json.load(open(path))["benchmarks"]:
        parts = NAME.match(b.get("run_name", b["name"]))
        if not parts or b.get("run_type") == "aggregate":
            continue
        kind, kernel, what, shape = parts.groups()
        if b.get("error_occurred"):
            failed.append(f"{b['name']}: {b['error_message']}")
            continue
        key = (kind, what, shape)
        times.setdefault(key, {}).setdefault(kernel, []).append(b["real_time"] * MILLISECONDS[b["time_unit"]])
        labels[key] = b.get("label", "")
        if b.get("rule") == 1:
            rule[key] = kernel
    return {k: {n: statistics.median(v) for n, v in t.items()} for k, t in times.items()}, rule, labels, failed


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("run", metavar="RUN.json")
    options.add_argument("--tolerance", type=float, default=0.10, help="by how much the rule may lose (0.10)")
    options = options.parse_args()
    times, rule, labels, failed = read(options.run)

    lost = []
    print(f"{'pass':16} {'shape':30} {'fastest':>15} {'ms':>9} {'the rule':>15} {'ms':>9} {'ratio':>6}  others, and what is only a yardstick (ms)")
    for key, by_kernel in times.items():
        if key[0] == "winograd_total":
            continue
        _, what, shape = key
        taken = rule.get(key)
        if taken not in by_kernel:
            failed.append(f"{'/'.join(key)}: the rule's kernel was not timed")
            continue
        fastest = min((k for k in by_kernel if k not in YARDSTICKS), key=by_kernel.get)
        ratio = by_kernel[taken] / by_kernel[fastest]
        loses = ratio > 1 + options.tolerance and by_kernel[taken] >= SMALL
        others = "  ".join(f"{k} {v:.3g}" for k, v in by_kernel.items() if k not in (fastest, taken))
        print(f"{what:16} {shape:30} {fastest:>15} {by_kernel[fastest]:9.3f} {taken:>15} {by_kernel[taken]:9.3f} {ratio:6.2f}"
              f"{' !' if loses else '  '} {others}  ({labels[key]})")
        if loses:
            lost.append(f"{what} {shape}: {taken} takes {ratio:.2f} of {fastest}")

    for (kind, what, shape), by_kernel in times.items():
        if kind == "winograd_total":
            ours = by_kernel.get("winograd")
            shares = ", ".join(f"{ours / v:.2f} of {k} ({v:.0f} ms)" for k, v in by_kernel.items() if k != "winograd") if ours else ""
            print(f"total of {what} at {shape}: winograd {ours or 0:.0f} ms{': ' if shares else ''}{shares}")
    for line in lost:
        print(f"the rule loses: {line}")
    for line in failed:
        print(f"failed: {line}")
    if not times:
        print("failed: nothing of this in the run")
    sys.exit(bool(lost or failed or not times))


if __name__ == "__main__":
    main()
