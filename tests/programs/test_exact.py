"""Exact joint training: its model file says that regions are warped, every program runs it, and a run keeps its scheme."""
import json
import pathlib
import struct

from common import TINY, check, demo_data, refused, run


def pooler(model):
    with open(model, "rb") as f:
        header = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
    return json.loads(header["__metadata__"]["spec"])["pooler"]


data = demo_data(images=15)
arguments = ["--data", data, "--data", f"{data}:test", *TINY]
trained = run("train_voc", *arguments, "--scheme", "exact", "--out", "exact")
check(trained.returncode == 0 and "mAP50" in trained.stdout, trained)
model = "exact/model.safetensors"
check(pooler(model) == "RoIWarp", pooler(model))
losses = [json.loads(line) for line in pathlib.Path("exact/metrics.jsonl").read_text().splitlines()]
check(len(losses) == 6 and all(0 < m["loss"] < 20 for m in losses), losses)

# the same seed under the other scheme is another run
joint = run("train_voc", *arguments, "--no-test", "--out", "joint")
check(joint.returncode == 0 and pooler("joint/model.safetensors") == "RoIAlign", joint)
other = [json.loads(line) for line in pathlib.Path("joint/metrics.jsonl").read_text().splitlines()]
check(other[0]["objectness"] == losses[0]["objectness"] and other[-1]["rpn_box"] != losses[-1]["rpn_box"], other, losses)

# the bound of what proposals move is the run's: another one is another training, from the second step on
bound = run("train_voc", *arguments, "--scheme", "exact", "--no-test", "--proposal-gradient", "1e-6", "--out", "bound")
check(bound.returncode == 0, bound)
bounded = [json.loads(line) for line in pathlib.Path("bound/metrics.jsonl").read_text().splitlines()]
check(bounded[0]["loss"] == losses[0]["loss"] and bounded[-1]["rpn_box"] != losses[-1]["rpn_box"], bounded, losses)
refused(run("train_voc", *arguments, "--scheme", "exact", "--no-test", "--out", "bound", "--resume"), "--proposal-gradient 1e-06")
refused(run("train_voc", *arguments, "--no-test", "--proposal-gradient", "2", "--out", "none"), "--proposal-gradient", "--scheme exact", "joint")

# every program runs the file
check(run("evaluate", "--model", model, "--test", data).stdout == trained.stdout, "evaluate")
image = sorted((data / "JPEGImages").iterdir())[0]
check(run("detect", "--model", model, "--threshold", "0.0001", "--json", "boxes.json", image).returncode == 0, "detect")
smaller = run("compress", "--model", model, "--out", "small.safetensors", "--fc6-rank", 64, "--fc7-rank", 32, "--threads", 1)
check(smaller.returncode == 0 and pooler("small.safetensors") == "RoIWarp", smaller)

# a run keeps its scheme, and a model that warps goes on warping
refused(run("train_voc", *arguments, "--scheme", "joint", "--no-test", "--out", "exact", "--resume"), "--scheme", "exact")
tuned = run("train_voc", *arguments, "--iterations", "1", "--init", model, "--no-test", "--out", "tuned")
check(tuned.returncode == 0 and pooler("tuned/model.safetensors") == "RoIWarp", tuned)
