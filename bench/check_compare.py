#!/usr/bin/env python3
"""The tables of compare.py and marks.py are what the runs say, of files that were cut short, too. usage: check_compare.py"""
import importlib.machinery
import importlib.util
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True
import compare

loader = importlib.machinery.SourceFileLoader("command", f"{HERE}/compare")
command = importlib.util.module_from_spec(importlib.util.spec_from_loader("command", loader))
loader.exec_module(command)

ROWS = ["op/softmax/*/300x21", "op/rows/*/1x36x20x26", "detect_batch/vgg16_tv/*/1x600x800", "detect_batch/vgg16_tv/*/4x600x800",
        "detect_regions/vgg16_tv/*/1x600x800", "step/vgg16_tv/*/600x800", "step/vgg16_tv/*/4x600x800"]


def run(engine, ms, waits=None, rows=ROWS, graphs=1, label=""):
    """Rows of `ms` milliseconds; the fifth, detection on given regions, of three quarters."""
    counted = {} if waits is None else {"waits": waits, "graphs": graphs, "label": label}
    return [{"name": r.replace("*", engine), "real_time": ms * (0.75 if "regions" in r else 1), "time_unit": "ms", **counted} for r in rows]


def write(path, benchmarks):
    with open(path, "w") as f:
        json.dump({"context": {"date": "today"}, "benchmarks": benchmarks}, f, indent=2)
    return path


def expect(what, found, expected):
    if found != expected:
        sys.exit(f"{what}: expected {expected!r}, found {found!r}")


with tempfile.TemporaryDirectory() as folder:
    failed = {"name": "op/lrn/fast/1", "error_occurred": True, "error_message": "wrong"}
    cpu = write(f"{folder}/cpu.json", run("fast", 100) + run("portable", 1000) + [failed])
    cuda = write(f"{folder}/cuda.json", run("cuda-tf32", 2, 0) + run("cuda-bf16", 1, 0))
    torch = write(f"{folder}/torch.json", run("torch", 4, rows=ROWS[:1] + ROWS[2:]))
    table = [line.split() for line in compare.side_by_side([cpu, cuda, torch], ["fast", "cuda-tf32", "torch"], "")]
    line = lambda name: next(words for words in table if words[:1] == [name])
    expect("a row", line("op/softmax/300x21"), "op/softmax/300x21 100 ms 50.00 2 ms 4 ms 2.00".split())
    expect("a row that torch has not", line("op/rows/1x36x20x26"), "op/rows/1x36x20x26 100 ms 50.00 2 ms - -".split())
    expect("what the RPN adds", line("rpn/vgg16_tv/1x600x800"), "rpn/vgg16_tv/1x600x800 25 ms 50.00 500 us 1 ms 2.00".split())
    expect("the mean of operations", [w for w in table if w[:1] == ["geometric"]][0], "geometric mean of 2 50.00 of 1 2.00".split())
    expect("failures", table[-1], "failed: op/lrn/fast/1: wrong".split())

    marks = lambda: subprocess.run([sys.executable, f"{HERE}/marks.py", cuda, torch], stdout=subprocess.PIPE, text=True)
    said = marks()
    slower = write(f"{folder}/slower.json", run("cuda-tf32", 8, 0) + run("cuda-bf16", 1, 0))
    slow = lambda: subprocess.run([sys.executable, f"{HERE}/marks.py", slower, torch], stdout=subprocess.PIPE, text=True).stdout
    expect("the marks' status", said.returncode, 0)
    expect("a figure above its mark", [w for w in said.stdout.splitlines() if w.startswith("what the RPN adds, TF32")],
           ["what the RPN adds, TF32                  0.50 ms      1.00 ms    2.00     0.3 ms       above the mark"])
    expect("a figure that is too near torchvision's", [w for w in said.stdout.splitlines() if w.startswith("detection, batch 1, TF32")],
           ["detection, batch 1, TF32                 2.00 ms      4.00 ms    2.00     2.5 ms, 4x   below 4 times torchvision's speed"])
    expect("a figure that torchvision has not", [w.split()[4:] for w in said.stdout.splitlines() if w.startswith("detection, batch 1, bf16")],
           ["1.00 ms - - 1.5 ms, 4x".split()])
    expect("both marks missed", [w.split("   ")[-1] for w in slow().splitlines() if w.startswith("joint training step")],
           ["above the mark, below 3 times torchvision's speed"])
    write(cuda, run("cuda-tf32", 2, 0.5) + run("cuda-bf16", 1, 0))
    expect("the status where the host waits", marks().returncode, 1)
    why = "cudaMalloc: expected calls that queue work, found one that allocates memory"
    write(cuda, run("cuda-tf32", 2, 0, ROWS[:-1]) + run("cuda-tf32", 2, 0, ROWS[-1:], 0, f"batch 4, no graph: {why}") + run("cuda-bf16", 1, 0, graphs=0.5))
    said = marks()
    expect("the status without a graph", said.returncode, 1)
    expect("rows without a graph", {w[:38].strip(): w.split("NO GRAPH: ")[1] for w in said.stdout.splitlines() if "NO GRAPH" in w},
           {"detection, batch 1, bf16": "0.5 launched in a run", "waits of the host, step, batch 4": f"0 launched in a run; {why}"})
    write(cuda, run("cuda-tf32", 2, 0))
    expect("the status where a figure is not there", marks().returncode, 1)

    text = open(cpu).read()
    for end, rows in ((len(text), 15), (len(text) - 3, 15), (text.index("portable"), 7), (text.index('"benchmarks"'), 0), (0, 0)):
        with open(f"{folder}/cut.json", "w") as f:
            f.write(text[:end])
        command.mend(f"{folder}/cut.json")
        expect(f"rows of a file that ends at {end}", len(json.load(open(f"{folder}/cut.json"))["benchmarks"]), rows)
print("compare, marks: as expected")
