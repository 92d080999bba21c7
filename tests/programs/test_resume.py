"""A run that is killed, interrupted or resumed ends in the same bytes as one that was never stopped; so does one with validation data."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import time

from common import PROGRAMS, TINY, bytes_of, check, demo_data, refused, run

data = demo_data()
options = ["--data", data, *TINY, "--iterations", "15", "--checkpoint-every", "3", "--no-test"]

whole = run("train_voc", *options, "--out", "whole")
check(whole.returncode == 0, whole)
began = time.time()
again = run("train_voc", *options, "--out", "again")
took = time.time() - began
check(again.returncode == 0 and bytes_of("again/model.safetensors") == bytes_of("whole/model.safetensors"), "equal runs give equal bytes", again)
check(b"whole" not in bytes_of("whole/model.safetensors"), "no path in a model file")


def lines_of(out, kind="loss"):
    return [line for line in map(json.loads, open(f"{out}/metrics.jsonl")) if kind in line]


def steps_of(out, kind="loss"):
    return [line["step"] for line in lines_of(out, kind)]


def last_line(result):
    return result.stderr.splitlines()[-1]


check(steps_of("whole") == list(range(1, 16)), steps_of("whole"))

# validation data change nothing of the training; an evaluation every so many steps and at the last one
watched = [*options, "--eval-every", "5", "--val", f"{data}:test"]
seen = run("train_voc", *watched, "--out", "watched")
check(seen.returncode == 0 and bytes_of("watched/model.safetensors") == bytes_of("whole/model.safetensors"), seen)
check(lines_of("watched") == lines_of("whole") and steps_of("watched", "val_loss") == [5, 10, 15], lines_of("watched", "val_loss"))
best = max(lines_of("watched", "val_loss"), key=lambda line: (line["val_map50"], -line["val_loss"]))
for line in lines_of("watched", "val_loss"):
    check(abs(line["val_loss"] - sum(line["val_" + part] for part in ("objectness", "rpn_box", "class", "head_box"))) < 1e-12, line)
check(f"is the best model, of step {best['step']} (mAP50 {best['val_map50']:.4f}, loss {best['val_loss']:.3f} on" in last_line(seen), best, seen)
check((bytes_of("watched/best/model.safetensors") == bytes_of("watched/model.safetensors")) == (best["step"] == 15), best)
check("validation" in open("watched/curves.svg").read() and "validation" not in open("whole/curves.svg").read(), "curves")
data_of = lambda out: open(f"{out}/report.html").read().split("<h2>Data</h2>")[1].split("</table>")[0]
check("warning: test data:" not in seen.stderr, seen)
tested = run("train_voc", *[o for o in watched if o != "--no-test"], "--iterations", "1", "--out", "tested")
check(tested.returncode == 0 and "images are validation images, by which the best model is chosen, the first: " in tested.stderr, tested)
check("training" in data_of("watched") and "validation" in data_of("watched"), data_of("watched"))
check("validation" not in data_of("whole"), data_of("whole"))

# kill -9 at moments spread over the run, again and again, until it gets through
kills = 0
for attempt in range(40):
    process = subprocess.Popen([PROGRAMS / "train_voc", *map(str, watched), "--out", "killed", "--resume"], stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, text=True)
    try:
        _, errors = process.communicate(timeout=took * (0.1 + 0.05 * attempt))
        check(process.returncode == 0, errors)
        break
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.communicate()
        kills += 1
else:
    check(False, "never finished")
check(kills > 0, "the run was too short to be killed")
for file in ("model.safetensors", "best/model.safetensors", "metrics.jsonl", "checkpoint/step-00000015/state.safetensors"):
    check(bytes_of(f"killed/{file}") == bytes_of(f"watched/{file}"), f"{file} differs after {kills} kills")
print(f"{kills} kills")

# SIGINT, in the middle of an evaluation, saves and exits 130; --resume goes on, and evaluates what was not
rarely = [*watched, "--checkpoint-every", "1000", "--out", "stopped"]
process = subprocess.Popen([PROGRAMS / "train_voc", *map(str, rarely)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
for line in process.stderr:
    if "of validation image" in line:
        break
process.send_signal(signal.SIGINT)
_, errors = process.communicate(timeout=120)
if process.returncode == 130:
    check("--resume" in errors, errors)
    check(len(list(pathlib.Path("stopped/checkpoint").glob("step-*"))) > 0, "a checkpoint was saved")
    resumed = run("train_voc", *rarely, "--resume")
    check(resumed.returncode == 0 and "going on from step" in resumed.stderr, resumed)
else:
    check(process.returncode == 0, errors)  # it was through before the signal came
for file in ("model.safetensors", "best/model.safetensors", "metrics.jsonl"):
    check(bytes_of(f"stopped/{file}") == bytes_of(f"watched/{file}"), f"{file} differs after SIGINT")

# a model that does not change has the same losses in every evaluation, on any number of threads; patience ends its run, a resumed one too
idle = [*options, "--iterations", "30", "--lr", "1e-30", "--eval-every", "1e", "--val-fraction", ".3", "--patience", "2"]
losses = {}
for threads in (1, 2):
    out = f"idle-{threads}"
    ended = run("train_voc", *idle, "--threads", threads, "--out", out)
    evaluated = steps_of(out, "val_loss")
    check(ended.returncode == 0 and len(evaluated) == 3 and evaluated == [n * evaluated[0] for n in (1, 2, 3)] and evaluated[2] < 30, ended)
    check(steps_of(out) == list(range(1, evaluated[2] + 1)), steps_of(out))
    check(f"stopped early after step {evaluated[2]}: 2 evaluations in a row are not better than that of step {evaluated[0]}" in ended.stderr, ended)
    check(f"of step {evaluated[0]} (" in last_line(ended) and f"that of the end, step {evaluated[2]} (" in last_line(ended), ended)
    losses.update((tuple({**line, "step": 0}.items()), None) for line in lines_of(out, "val_loss"))
check(len(losses) == 1, losses)
trained = {file: bytes_of(f"idle-1/{file}") for file in ("model.safetensors", "best/model.safetensors", "metrics.jsonl")}
again = run("train_voc", *idle, "--out", "idle-1", "--resume")
check(again.returncode == 0 and "stopped early after step" in again.stderr, again)
check(all(bytes_of(f"idle-1/{file}") == was for file, was in trained.items()), "it was through", again)

# what is refused
refused(run("train_voc", *options, "--out", "whole"), "whole", "--resume")
refused(run("train_voc", *watched, "--eval-every", "3", "--out", "watched", "--resume"), "--eval-every 5", "found --eval-every 3")
refused(run("train_voc", *options, "--out", "watched", "--resume"), "--eval-every 5", "found --eval-every not given")
refused(run("train_voc", *options, "--patience", "3", "--out", "new"), "--patience requires --eval-every")
refused(run("train_voc", *watched, "--val-fraction", "0.2", "--out", "new"), "--val excludes --val-fraction")
for none in ("0", "e", "1.5e", "1x"):
    refused(run("train_voc", *options, "--eval-every", none, "--out", "new"), f"expected a number of steps, such as 500, or of epochs, such as 1e, found '{none}'")
refused(run("train_voc", *options, "--seed", "4", "--out", "whole", "--resume"), "--seed", "3", "4")
refused(run("train_voc", *options, "--resume", "whole"), "--resume: expected no value, found 'whole'")
refused(run("train_voc", *options, "--resume=whole"), "--resume: expected no value, found 'whole'")
refused(run("train_voc", *options, "--preset", "vgg16_tv", "--out", "whole", "--resume"), "(--preset small), found --preset vgg16_tv")
refused(run("train_voc", *options, "--out", "whole/checkpoint", "--resume"), "--out whole/checkpoint: expected the folder of a run, found that of a run's checkpoints")
refused(run("train_voc", *options, "--init", "whole", "--out", "new"), "whole: expected a file, found the folder of a run, whose model is whole/model.safetensors")
refused(run("train_voc", *options, "--lr", "0.5", "--out", "whole", "--resume"), "--lr", "0.5")
check(bytes_of("whole/metrics.jsonl") == bytes_of("again/metrics.jsonl"), "a refused resume changes nothing")
# augmentation: a run that goes on sees what the whole one would, and none goes on with other settings
refused(run("train_voc", "--data", data, *TINY, "--augment", "light", "--crop-keeps", 0.7, "--out", "no_windows"), "--crop-keeps: expected windows (--crop below 1, or --augment strong), found none")
changing = ["--data", data, *TINY, "--no-test", "--checkpoint-every", "3", "--out", "changing", "--augment", "strong", "--flip", "both", "--quarter-turns"]
first = run("train_voc", *changing, "--show-augmented", "3")
check(first.returncode == 0 and "augmentation (strong): brightness 0.3, " in first.stderr and "flip both" in first.stderr, first)
check(len(list(pathlib.Path("changing/augmented").glob("00?-*.png"))) == 3, "pictures")
model = bytes_of("changing/model.safetensors")
shutil.rmtree("changing/checkpoint/step-00000006")
refused(run("train_voc", *changing, "--hue", "0.1", "--resume"), "--resume", "--hue 0.05", "found --hue 0.1")
refused(run("train_voc", *changing[:-5], "--resume"), "--resume", "--augment strong", "--augment not given")
resumed = run("train_voc", *changing, "--resume")
check(resumed.returncode == 0 and bytes_of("changing/model.safetensors") == model and "goes on without them" not in resumed.stderr, resumed)
os.remove("changing/metrics.jsonl")
resumed = run("train_voc", *changing, "--resume")
check(resumed.returncode == 0 and "changing/metrics.jsonl has nothing of the first 6 steps: it goes on without them" in resumed.stderr, resumed)
refused(run("train_voc", *changing[:-1], "--scheme", "alternating", "--iterations", "2,2", "--maps-mb", "9", "--out", "no"), "--maps-mb", "augmentation")
refused(run("train_voc", *changing, "--scale-jitter", "90,200", "--out", "no"), "--scale-jitter", "the longest, 160", "200")

# damaged checkpoints are no reason to begin anew
shutil.copytree("again", "damaged")
pathlib.Path("damaged/model.safetensors").unlink()
for state in pathlib.Path("damaged/checkpoint").glob("*/state.safetensors"):
    there = bytearray(state.read_bytes())
    there[len(there) // 2] ^= 1
    state.write_bytes(there)
metrics = bytes_of("damaged/metrics.jsonl")
refused(run("train_voc", *options, "--out", "damaged", "--resume"), "--resume: expected a whole checkpoint in damaged/checkpoint", "cannot be read", "state.safetensors")
check(bytes_of("damaged/metrics.jsonl") == metrics and list(pathlib.Path("damaged/checkpoint").glob("*/state.safetensors")), "all is there still")

anew = run("train_voc", *options, "--iterations", "2", "--out", "anew", "--resume")
check(anew.returncode == 0 and "starting anew" in anew.stderr, anew)
shutil.rmtree("anew/checkpoint")
model = bytes_of("anew/model.safetensors")
refused(run("train_voc", *options, "--iterations", "2", "--out", "anew", "--resume"), "--resume", "expected a checkpoint in anew")
check(bytes_of("anew/model.safetensors") == model, "the trained model stays")
