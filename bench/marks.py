#!/usr/bin/env python3
"""The figures that the CUDA backend is held to, beside torchvision's and their marks. usage: marks.py FRCNN.json [TORCH.json...]

FRCNN.json is of frcnn_bench_cuda, the others of peers/torch_ops.py, all on one GPU. The marks are for an H200: a time at most, and how many
times torchvision's speed at least; what misses its mark is told and is no failure. A figure that is not there is one, and so are a wait of the
host in detection or in a training step, and a run of either that launched no graph, with the reason where the program knew one: status 1.
"""
import json
import statistics
import sys

UNITS = {"ns": 1e-6, "us": 1e-3, "ms": 1.0, "s": 1e3}
SHAPE = "600x800"
# What, rows (the second is subtracted), engine, torch's engines, mark in ms, torchvision's time in ours at least (None: no mark).
TIMES = [
    ("detection, batch 1, TF32", ("detect_batch", f"1x{SHAPE}"), None, "cuda-tf32", ("torch", "torch-channels-last"), 2.5, 4),
    ("detection, batch 1, bf16", ("detect_batch", f"1x{SHAPE}"), None, "cuda-bf16", ("torch-bf16", "torch-bf16-channels-last"), 1.5, 4),
    ("what the RPN adds, TF32", ("detect_batch", f"1x{SHAPE}"), ("detect_regions", f"1x{SHAPE}"), "cuda-tf32", ("torch", "torch-channels-last"), 0.3, None),
    ("joint training step, batch 1, TF32", ("step", SHAPE), None, "cuda-tf32", ("torch", "torch-channels-last"), 6.0, 3),
]
WAITS = [("detect_batch", f"1x{SHAPE}"), ("detect_batch", f"4x{SHAPE}"), ("step", SHAPE), ("step", f"4x{SHAPE}")]


def rows(paths):
    """{name: (ms, waits, graphs, label)}, and the failures."""
    found, failed = {}, []
    for path in paths:
        for b in json.load(open(path))["benchmarks"]:
            name = b.get("run_name", b["name"])
            if b.get("error_occurred"):
                failed.append(f"{name}: {b['error_message']}")
            elif b.get("run_type") != "aggregate":
                found.setdefault(name, []).append((b["real_time"] * UNITS[b["time_unit"]], b.get("waits"), b.get("graphs", 0), b.get("label", "")))
    return {n: (statistics.median(r[0] for r in v), v[0][1], *min((r[2:] for r in v), key=lambda r: r[0])) for n, v in found.items()}, failed


def without_graph(row):
    """[why the row's figures are not those of a replayed graph], or nothing."""
    _, _, graphs, label = row
    why = label.partition("no graph: ")[2]
    return [] if graphs >= 1 else [f"NO GRAPH: {graphs:g} launched in a run" + (f"; {why}" if why else "")]


def main():
    found, failed = rows(sys.argv[1:])
    name = lambda of, engine: f"{of[0]}/vgg16_tv/{engine}/{of[1]}"

    def ms(of, less, engine):
        whole, part = found.get(name(of, engine)), found.get(name(less, engine)) if less else (0.0,)
        return whole[0] - part[0] if whole and part else None

    text = lambda v: "-" if v is None else f"{v:.2f} ms"
    print(f"{'vgg16_tv, 600x800':38}{'frcnn':>10}{'torchvision':>13}{'ratio':>8}{'marks':>15}")
    status = bool(failed)
    for what, of, less, engine, theirs, mark, least in TIMES:
        ours, peer = ms(of, less, engine), min((v for e in theirs if (v := ms(of, less, e)) is not None), default=None)
        ratio = peer / ours if ours and peer is not None else None
        verdicts = ["not measured"] if ours is None else ["above the mark"] if ours > mark else []
        if least and ratio is not None and ratio < least:
            verdicts.append(f"below {least} times torchvision's speed")
        graphless = [v for row in (of, less) if row and (r := found.get(name(row, engine))) for v in without_graph(r)]
        verdicts += graphless
        status |= ours is None or bool(graphless)
        ratio_text, marks = "-" if ratio is None else f"{ratio:.2f}", f"{mark:.1f} ms" + (f", {least}x" if least else "    ")
        print(f"{what:38}{text(ours):>10}{text(peer):>13}{ratio_text:>8}{marks:>15}   {', '.join(verdicts)}".rstrip())
    for of in WAITS:
        row = found.get(name(of, "cuda-tf32"), (0, None, 1, ""))
        waits, graphless = row[1], without_graph(row)
        verdict = ", ".join((["not measured"] if waits is None else [] if waits == 0 else ["WAITS"]) + graphless)
        status |= waits != 0 or bool(graphless)
        what = f"waits of the host, {of[0].split('_')[0]}, batch {of[1].split('x')[0] if of[1] != SHAPE else 1}"
        print(f"{what:38}{'-' if waits is None else f'{waits:g}':>10}{'':>21}{'0    ':>15}   {verdict}".rstrip())
    print("torchvision: the faster of its two layouts, with TF32 allowed and cudnn.benchmark on")
    for f in failed:
        print(f"failed: {f}")
    return int(status)


if __name__ == "__main__":
    sys.exit(main())
