"""train_voc --scheme alternating and unshared: what they leave, the same bytes after a kill in each step, and what is refused."""
import json
import os
import pathlib
import shutil
import signal
import struct
import subprocess
import time

from common import PROGRAMS, TINY, bytes_of, check, demo_data, refused, run

data = demo_data(images=10)
options = ["--data", data, *TINY, "--iterations", "5,4", "--checkpoint-every", "2", "--no-test", "--scheme", "alternating"]


def metrics_of(out):
    path = pathlib.Path(out, "metrics.jsonl")
    return [json.loads(line) for line in path.read_text().splitlines(True) if line.endswith("\n")] if path.exists() else []


whole = run("train_voc", *options, "--out", "whole")
check(whole.returncode == 0 and "step 3" in whole.stderr and "proposals of image" in whole.stderr, whole)
lines = metrics_of("whole")
check([l["step"] for l in lines] == list(range(1, 19)), lines)
check([l["stage"] for l in lines] == [0] * 5 + [1] * 4 + [2] * 5 + [3] * 4, lines)
for l in lines:
    check(("objectness" in l) == (l["stage"] % 2 == 0) and ("class" in l) == (l["stage"] % 2 == 1), l)

# kill -9 in each step, then Ctrl-C in each; the proposals of the step are made anew
for number, out in ((signal.SIGKILL, "killed"), (signal.SIGINT, "stopped")):
    for stage in range(4):
        process = subprocess.Popen([PROGRAMS / "train_voc", *map(str, options), "--out", out, "--resume"], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE, text=True)
        deadline = time.time() + 120
        while time.time() < deadline and process.poll() is None and not any(l["stage"] == stage for l in metrics_of(out)):
            time.sleep(0.005)
        process.send_signal(number)
        _, errors = process.communicate(timeout=120)
        check(process.returncode in (0, -number, 128 + number), process.returncode, errors)
        check(any(l["stage"] == stage for l in metrics_of(out)), f"stopped before stage {stage}", errors)
    resumed = run("train_voc", *options, "--out", out, "--resume")
    check(resumed.returncode == 0, resumed)
    for name in ("model.safetensors", "unshared.safetensors", "metrics.jsonl"):
        check(bytes_of(f"{out}/{name}") == bytes_of(f"whole/{name}"), f"{name} differs after signals {number}")

# feature maps that are kept, on the disk or not at all, change nothing and leave nothing
for budget in ("0", "0,64"):
    kept = run("train_voc", *options, "--maps-mb", budget, "--out", f"maps{budget}")
    check(kept.returncode == 0 and bytes_of(f"maps{budget}/model.safetensors") == bytes_of("whole/model.safetensors"), kept)
    check(sorted(os.listdir(f"maps{budget}")) == sorted(os.listdir("whole")), os.listdir(f"maps{budget}"))

# without shared features: the model after step 2, and every program takes it
watched = [*options, "--scheme", "unshared", "--eval-every", "2", "--val", f"{data}:test"]
alone = run("train_voc", *watched, "--out", "alone")
check(alone.returncode == 0 and "is the best model" in alone.stderr.splitlines()[-1], alone)
check([l["step"] for l in metrics_of("alone") if "val_loss" in l] == [7, 9], metrics_of("alone"))
check(run("detect", "--model", "alone/best/model.safetensors", next((data / "JPEGImages").iterdir())).returncode == 0, "detect, the best model")
check(bytes_of("alone/model.safetensors") == bytes_of("whole/unshared.safetensors"), "unshared is alternating after step 2")
model = "alone/model.safetensors"
check(run("train_voc", *watched, "--out", "alone", "--resume").returncode == 0, "it is through")
scored = run("evaluate", "--model", model, "--test", data, "--recall")
check(scored.returncode == 0 and "recall@300" in scored.stdout and "mAP50" in scored.stdout, scored)
image = next((data / "JPEGImages").iterdir())
check(run("detect", "--model", model, "--json", "boxes.json", image).returncode == 0, "detect")
check(run("compress", "--model", model, "--out", "c.safetensors", "--fc6-rank", 8, "--fc7-rank", 8, "--threads", 1).returncode == 0, "compress")
check(run("detect", "--model", "c.safetensors", image).returncode == 0, "detect, compressed")

# rounds, and a start from a trained model
rounds = run("train_voc", *options, "--iterations", "2,1", "--rounds", "2", "--new-predictors", "--init", "whole/model.safetensors", "--eval-every", "9e", "--out", "rounds")
check(rounds.returncode == 0 and "round 2, step 1" in rounds.stderr, rounds)
check([l.get("stage", "validation") for l in metrics_of("rounds")] == [0, 0, 1, 2, 2, 3, 4, 4, 5, "validation"], metrics_of("rounds"))

# empirical targets: statistics of each class in the model file, whatever the scheme, measured once and not again by a resumed run
def tensor(path, name):
    blob = bytes_of(path)
    length = int.from_bytes(blob[:8], "little")
    first, last = json.loads(blob[8:8 + length])[name]["data_offsets"]
    return struct.unpack(f"<{(last - first) // 4}f", blob[8 + length + first:8 + length + last])


check(run("propose", "--model", "whole/model.safetensors", "--data", data, "--out", "p.txt").returncode == 0, "propose")
measured = {}
for way in (["--scheme", "joint"], ["--scheme", "exact"], ["--scheme", "alternating", "--iterations", "5,4"], ["--proposals", "p.txt"]):
    out = f"empirical-{way[1]}"
    command = ["train_voc", "--data", data, *TINY, "--checkpoint-every", "4", "--no-test", "--targets", "empirical", *way, "--out", out]
    result = run(*command)
    check(result.returncode == 0, result)
    mean, deviation = (tensor(f"{out}/model.safetensors", f"roi_heads.box_predictor.target_{what}") for what in ("mean", "deviation"))
    check(mean[:4] == (0,) * 4 and deviation[:4] == (1,) * 4 and 1 not in deviation[4:8] and min(deviation) > 0, out, mean, deviation)
    measured[way[1]] = deviation
    trained = bytes_of(f"{out}/model.safetensors")
    shutil.rmtree(sorted(pathlib.Path(out, "checkpoint").iterdir())[-1])  # as if killed after the one before it
    pathlib.Path(out, "model.safetensors").unlink()
    again = run(*command, "--resume")
    check(again.returncode == 0 and "going on from step" in again.stderr and bytes_of(f"{out}/model.safetensors") == trained, again)
check(measured["joint"] == measured["exact"] and len({*measured.values()}) == 3, "of anchors, of step 1's proposals, of the file's", measured)
check(run("evaluate", "--model", "empirical-joint/model.safetensors", "--test", data).returncode == 0, "evaluate")
tuned = ["train_voc", "--data", data, *TINY, "--no-test", "--out", "tuned", "--init"]
refused(run(*tuned, "whole/model.safetensors", "--targets", "empirical"), "--targets: expected those of whole/model.safetensors, fixed, found empirical")
check(run(*tuned, "empirical-joint/model.safetensors").returncode == 0, "statistics of a file are gone on with")
check(tensor("tuned/model.safetensors", "roi_heads.box_predictor.target_deviation") == measured["joint"], "the same")

# what is refused
fresh = ["--data", data, *TINY, "--no-test", "--out", "fresh"]
refused(run("train_voc", *fresh, "--scheme", "alternating"), "--iterations: expected two numbers, RPN,FASTRCNN, with --scheme alternating, found 6")
refused(run("train_voc", *fresh, "--iterations", "3,4"), "--iterations: expected one number with --scheme joint, found 3,4")
refused(run("train_voc", *fresh, "--iterations", "3,4,5", "--scheme", "unshared"), "--iterations: expected at most 2 numbers, found '3,4,5'")
refused(run("train_voc", *fresh, "--iterations", "3,", "--scheme", "unshared"), "--iterations: expected a whole number from 1")
refused(run("train_voc", *fresh, "--rounds", "2"), "--rounds: expected --scheme alternating or unshared, found joint")
refused(run("train_voc", *fresh, "--rounds", "0"), "--rounds: expected a whole number from 1")
refused(run("train_voc", *fresh, "--maps-mb", "1,2"), "--maps-mb: expected --scheme alternating, found joint")
refused(run("train_voc", *fresh, "--maps-mb", "1,x", "--scheme", "unshared"), "--maps-mb: expected a whole number from 0 to")
refused(run("train_voc", *fresh, "--targets", "measured"), "--targets", "measured")
refused(run("train_voc", *fresh, "--new-predictors"), "--new-predictors: expected --scheme alternating, found joint")
refused(run("train_voc", *fresh, "--init", model), "expected a model of preset small, found one of preset small_unshared")
refused(run("train_voc", *options, "--rounds", "2", "--out", "whole", "--resume"), "--resume", "--rounds")
refused(run("train_voc", *options, "--iterations", "5,5", "--out", "whole", "--resume"), "--resume", "5,4", "5,5")
refused(run("train_voc", *options, "--scheme", "unshared", "--out", "whole", "--resume"), "--resume", "--scheme")
