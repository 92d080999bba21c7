"""train_memory: images that never were in a file train a detector, which finds them; its length is what the page promises."""
import os
import pathlib
import re

from common import check, run

result = run("train_memory", "memory.safetensors", env=os.environ | {"OMP_NUM_THREADS": "1"})
check(result.returncode == 0, result)
losses = [float(x) for x in re.findall(r"^step +\d+  loss (\S+)$", result.stdout, re.M)]
check(len(losses) == 200 and sum(losses[-10:]) < sum(losses[:10]) / 2, result)

# The first image's square is at 0 0 40 40.
boxes = [[float(x) for x in line.split()[3:]] for line in result.stdout.splitlines() if line.startswith("square ")]
check(any(all(abs(a - b) < 8 for a, b in zip(box, (0, 0, 40, 40))) for box in boxes), result)
check(pathlib.Path("memory.safetensors").stat().st_size > 1_000_000, "the model is saved")

for wrong in (["--help"], ["a", "b"]):
    result = run("train_memory", *wrong)
    check(result.returncode == 2 and "usage: train_memory [MODEL]" in result.stdout and not pathlib.Path("--help").exists(), result)

root = pathlib.Path(__file__).parents[2]
source = (root / "examples/train_memory.cpp").read_text()
check(len([line for line in source.splitlines() if line and "usage:" not in line]) <= 30, "a training on images from memory takes 30 lines")
check(f"```cpp\n{source}```\n" in (root / "docs/own-data.md").read_text(), "the page shows the program, letter by letter")
