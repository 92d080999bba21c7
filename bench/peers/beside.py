"""What compare_vgg16 and compare_resnet share: a preset of ours beside torchvision, ONNX Runtime and OpenVINO. Their heads say what is done."""
import argparse
import dataclasses
import hashlib
import json
import os
import statistics
import sys

import common

HERE = common.HERE


@dataclasses.dataclass
class Subject:
    """A preset, and what its sides are."""
    command: str  # the script that compares, and the program of ours, and torch's
    ours: str
    torch: str
    preset: str
    size: str  # HxW
    proposals: int  # live ones of each image
    folder: str
    says: str  # of the work, for the page
    ours_reads_torch: bool  # our model file is made by ours (prepare) of torch's


JOBS = {"detect": "Detection, f32", "bf16": "Detection, bf16", "train": "Training step, f32", "cold": "Start of the process to first detection, f32"}


def contenders(subject, options, engines):
    """{job: {name: command}}; ours are those whose name begins with frcnn."""
    common_options = ["--dir", options.dir, "--threads", str(options.threads)]
    sized = ["--size", subject.size]
    torch = [options.peer, os.path.join(HERE, subject.torch), *sized]
    onnx = [options.peer, os.path.join(HERE, "onnx_model.py"), *sized]
    last = {"torch, channels_last": torch + ["--channels-last"]}
    runtimes = {"ONNX Runtime": onnx + ["--runtime", "onnxruntime"], "OpenVINO": onnx + ["--runtime", "openvino"]}
    ours = {f"frcnn, {e}": [options.ours, "--engine", e] for e in engines}
    fast = {name: command for name, command in ours.items() if name != "frcnn, portable"}
    per_call = {f"{name}, transforms per call": command + ["--transforms", "per-call"] for name, command in fast.items()}
    who = {
        "detect": {"torch": torch, **last, **runtimes, **ours, **per_call},
        "bf16": {"torch": torch, **last, "OpenVINO": runtimes["OpenVINO"], **fast},
        "train": {"torch": torch, **last, **ours},
        "cold": {"torch": torch, **runtimes, **ours},
    }
    what = {"detect": ["detect"], "bf16": ["detect", "--precision", "bf16"], "train": ["train"], "cold": ["cold"]}
    return {job: {name: command + what[job] + common_options for name, command in who[job].items()} for job in JOBS}


def is_ours(name):
    return name.startswith("frcnn")


def prepare(subject, options):
    """The model's files, once for each way of making them."""
    recipe = hashlib.sha256(common.versions(options.peer, ["torch", "torchvision", "onnx"]).encode())
    for name in sorted({subject.torch, "torch_vgg16.py", "contender.py"}):
        recipe.update(open(os.path.join(HERE, name), "rb").read())
    made = os.path.join(options.dir, "recipe")
    if not os.path.exists(made) or open(made).read() != recipe.hexdigest():
        print(f"making weights, images and ONNX in {options.dir}", file=sys.stderr)
        common.write(made, "begun")
        told = ["prepare", "--dir", options.dir, "--threads", str(options.threads)]
        common.watch([options.peer, os.path.join(HERE, subject.torch), *told, "--size", subject.size], options.threads)
        if subject.ours_reads_torch:
            common.watch([options.ours, *told], options.threads)
        common.write(made, recipe.hexdigest())


def compare(subject, options, name, command, job):
    """What our job compare says of a contender's detections beside torch's in f32, and "proposals", how many lived in each image."""
    path = lambda name, job: os.path.join(options.dir, f"found-{job}-" + "".join(c if c.isalnum() else "-" for c in name) + ".json")
    print(f"checking {job}, {name}", file=sys.stderr)
    said = json.loads(common.watch(command + ["--warmup", "0", "--runs", "0", "--json", path(name, job)], options.threads).last_line)
    beside = [options.ours, "compare", "--found", path(name, job), "--expected", path("torch", "detect")]
    found = {"proposals": said.get("proposals", []), **json.loads(common.watch(beside, options.threads).last_line)}
    found["moved"] = score_changes(path(name, job), path("torch", "detect"))
    if any(n != subject.proposals for n in found["proposals"]):
        sys.exit(f"{name}: expected {subject.proposals} live proposals of each image, found {found['proposals']}; nothing is timed")
    return found


def overlap(a, b):
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    both = max(width, 0) * max(height, 0)
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both) if both else 0


def score_changes(found, expected):
    """For each box of `expected` that has one of its label at its place: how far the scores of the nearest one lie apart."""
    changes = []
    for theirs, ours in zip(*(json.load(open(path)) for path in (expected, found))):
        for e in theirs:
            near = [(overlap(e["box"], f["box"]), abs(e["score"] - f["score"])) for f in ours if f["label"] == e["label"]]
            best = max(near, default=(0, 0), key=lambda n: n[0])
            if best[0] >= 0.8:
                changes.append(best[1])
    return changes or [float("inf")]


def check_f32(subject, options, who):
    """A table of who finds torch's boxes; ends the program when ours does not."""
    rows = []
    for name, command in who.items():
        found = compare(subject, options, name, command, "detect")
        rows.append([name, " ".join(map(str, found["proposals"])) or "-", *(str(n) for n in (found["boxes"], len(found["excused"]), len(found["failures"])))])
        for sentence in found["excused"] + found["failures"]:
            print(f"  {sentence}", file=sys.stderr)
        if is_ours(name) and not found["ok"]:
            sys.exit(f"{name}: expected torch's boxes, found others; nothing is timed")
    return common.table(["beside torch's detections", "live proposals of each image", "boxes", "excused", "lines that differ"], rows)


def check_bf16(subject, options, who):
    """How many of torch's boxes in f32 are nearly there; ends the program when ours loses more than the peers."""
    alike = {}
    rows = []
    for name, command in who.items():
        found = compare(subject, options, name, command, "bf16")
        alike[name] = found["alike"]
        moved = found["moved"]
        rows.append([name, f"{found['alike']} of {found['boxes']}", *(f"{v:.4f}" for v in (statistics.mean(moved), max(moved)))])
    least = min(n for name, n in alike.items() if not is_ours(name))
    for name in filter(is_ours, alike):
        if alike[name] < 0.9 * least:
            sys.exit(f"{name}, bf16: expected nine tenths of the {least} boxes that every peer keeps, found {alike[name]}; nothing is timed")
    return common.table(["bf16 beside torch's detections in f32", "same label, IoU of .8, score within .05", "mean change of score, same label, IoU of .8", "largest"], rows)


def warm_page_cache(folder):
    for name in ("model.safetensors", "model.pth", "model.onnx", "images.rgb"):
        with open(os.path.join(folder, name), "rb") as f:
            while f.read(1 << 24):
                pass


def measure(options, job, who, states):
    """{state: {name: (milliseconds of each round, MiB of each round)}}"""
    told = [] if job == "cold" else ["--warmup", str(options.warmup), "--runs", str(options.runs)]
    found = {state: {name: ([], []) for name in who} for state in states}
    losses = {name: [] for name in who}
    for n, (name, state) in common.turns(options.rounds, [(name, state) for name in who for state in states]):
        if job == "cold":
            warm_page_cache(options.dir)
        with common.busy(states[state]):
            seen = common.watch(who[name] + told, options.threads)
        said = json.loads(seen.last_line)
        ms = 1e3 * seen.seconds if job == "cold" else statistics.median(said["ms"])
        found[state][name][0].append(ms)
        found[state][name][1].append(seen.peak_mib)
        losses[name].append(said.get("loss", 0))
        print(f"round {n + 1}: {job}, {name}, {state}: {ms:.0f} ms, {seen.peak_mib:.0f} MiB{', first loss %.2f' % said['loss'] if 'loss' in said else ''}", file=sys.stderr)
    # Samples and masks are drawn, so losses of a step agree only so far.
    for name in filter(is_ours, losses):
        ours, theirs = (statistics.median(losses[who]) for who in (name, "torch"))
        if abs(ours - theirs) > 0.25 * theirs:
            sys.exit(f"{name}: expected torch's first loss of {theirs:.2f} within a quarter, found {ours:.2f}")
    return found


def summary(found):
    """A row for each contender; ratios to the peer of the smallest median, round by round."""
    fastest = min((name for name in found if not is_ours(name)), key=lambda name: statistics.median(found[name][0]))
    rows = []
    for name, (ms, mib) in found.items():
        rows.append([name, f"{statistics.median(ms):.0f}", f"{min(ms):.0f} to {max(ms):.0f}", " ".join(f"{v:.0f}" for v in ms),
                     f"{common.ratio(found[fastest][0], ms):.2f}", f"{max(mib):.0f}"])
    return common.table(["", "median, ms", "smallest to largest", "each round", f"times as fast as {fastest}", "peak memory, MiB"], rows)


def lost(found):
    """A row for each contender: how many times as long it takes on the busy machine, round by round."""
    rows = [[name, f"{statistics.median(found['quiet'][name][0]):.0f}", f"{statistics.median(ms):.0f}",
             f"{common.ratio(ms, found['quiet'][name][0]):.2f}"] for name, (ms, _) in found["busy"].items()]
    return common.table(["", "quiet, ms", "busy, ms", "busy / quiet, median of the rounds"], rows)


def about(subject, options, engines):
    told = [f"--{key} {getattr(options, key)}" for key in ("jobs", "rounds", "runs", "warmup", "threads") + (("busy",) if options.busy else ())]
    us = json.loads(common.watch([options.ours, "about"], 1).last_line)
    ours = [f"frcnn {us['frcnn']} ({common.commit()}), {us['compiler']}", us.get("blas", ""), f"oneDNN {us['onednn']}" if "onednn" in us else ""]
    return (f"{common.machine()}; {options.threads} threads. {'; '.join(filter(None, ours))}; "
            f"{common.versions(options.peer, ['torch', 'torchvision', 'onnxruntime', 'openvino', 'numpy'])}. {common.today()}.\n\n"
            f"{subject.says} Rounds: {options.rounds}; in each a process for each line, which warms up with {options.warmup} and takes the "
            f"median of {options.runs}. Ratios are medians of the rounds' ratios.\n\n"
            f"    bench/peers/{subject.command} {' '.join(told)} --engines {','.join(engines)}\n")


def main(subject, description):
    options = argparse.ArgumentParser(description=description.splitlines()[0])
    options.add_argument("--peer", help="a Python that has torch, torchvision, onnx, onnxruntime and openvino")
    options.add_argument("--ours", default=os.path.join(common.ROOT, "build", "release", "bench", subject.ours), help=f"the program {subject.ours}")
    options.add_argument("--jobs", default=",".join(JOBS), help="of " + ", ".join(JOBS))
    options.add_argument("--engines", help="of ours; all that the program has")
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--runs", type=int, default=3)
    options.add_argument("--warmup", type=int, default=2)
    options.add_argument("--threads", type=int, default=2)
    options.add_argument("--busy", type=int, default=0, help="measure beside so many endless loops, too")
    options.add_argument("--dir", default=os.path.join(common.ROOT, "build", "peers", subject.folder), help="folder for the model's files")
    options.add_argument("--out", help="Markdown file")
    options = options.parse_args()
    jobs = options.jobs.split(",")
    if not set(jobs) <= set(JOBS):
        sys.exit(f"--jobs: expected some of {', '.join(JOBS)}, found {options.jobs}")
    if not os.path.exists(options.ours):
        sys.exit(f"{options.ours}: build it first (cmake --build --preset release --target {subject.ours}), or name it with --ours")
    states = common.states(options)
    options.peer = common.peer_python(options.peer)
    engines = options.engines.split(",") if options.engines else json.loads(common.watch([options.ours, "about"], 1).last_line)["engines"]

    prepare(subject, options)
    who = contenders(subject, options, engines)
    parts = [about(subject, options, engines), "## The same detections\n\n" + check_f32(subject, options, who["detect"])]
    if "bf16" in jobs:
        parts.append(check_bf16(subject, options, who["bf16"]))
    for job in jobs:
        found = measure(options, job, who[job], states)
        parts.append(f"## {JOBS[job]}\n\n" + summary(found["quiet"]))
        if "busy" in found:
            parts.append(f"Beside {options.busy} endless loops on the same {options.threads} cores:\n\n" + summary(found["busy"]) + "\n" + lost(found))
    text = f"# Preset `{subject.preset}` beside its peers\n\n" + "\n".join(parts) + (
        f"\nMade by `bench/peers/{subject.command}`; what is timed is said in `bench/peers/jobs.hpp`.\n")
    print(text, end="")
    if options.out:
        common.write(options.out, text)

