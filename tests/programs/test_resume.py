"""A run that is killed, interrupted or resumed ends in the same bytes as one that was never stopped."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import time

from common import PROGRAMS, TINY, bytes_of, check, demo_data, refused, run

data = demo_data()
options = ["--data", data, *TINY, "--iterations", "30", "--checkpoint-every", "3", "--no-test"]

whole = run("train_voc", *options, "--out", "whole")
check(whole.returncode == 0, whole)
again = run("train_voc", *options, "--out", "again")
check(again.returncode == 0 and bytes_of("again/model.safetensors") == bytes_of("whole/model.safetensors"), "equal runs give equal bytes", again)
check(b"whole" not in bytes_of("whole/model.safetensors"), "no path in a model file")


def steps_of(out):
    return [json.loads(line)["step"] for line in open(f"{out}/metrics.jsonl")]


check(steps_of("whole") == list(range(1, 31)), steps_of("whole"))

# kill -9 at moments spread over the run, again and again, until it gets through
kills = 0
for attempt in range(40):
    process = subprocess.Popen([PROGRAMS / "train_voc", *map(str, options), "--out", "killed", "--resume"], stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, text=True)
    try:
        _, errors = process.communicate(timeout=0.15 + 0.11 * attempt)
        check(process.returncode == 0, errors)
        break
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.communicate()
        kills += 1
else:
    check(False, "never finished")
check(kills > 0, "the run was too short to be killed")
check(bytes_of("killed/model.safetensors") == bytes_of("whole/model.safetensors"), f"differs after {kills} kills")
check(steps_of("killed") == steps_of("whole"), steps_of("killed"))
check(bytes_of("killed/metrics.jsonl") == bytes_of("whole/metrics.jsonl"), "metrics differ")
print(f"{kills} kills")

# SIGINT saves and exits 130; --resume goes on
process = subprocess.Popen([PROGRAMS / "train_voc", *map(str, options), "--iterations", "30", "--checkpoint-every", "1000", "--out", "stopped"],
                           stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
deadline = time.time() + 120
while time.time() < deadline and not (os.path.exists("stopped/metrics.jsonl") and os.path.getsize("stopped/metrics.jsonl")):
    time.sleep(0.01)
process.send_signal(signal.SIGINT)
_, errors = process.communicate(timeout=120)
if process.returncode == 130:
    check("--resume" in errors, errors)
    check(len(list(pathlib.Path("stopped/checkpoint").glob("step-*"))) == 1, "a checkpoint was saved")
    resumed = run("train_voc", *options, "--iterations", "30", "--checkpoint-every", "1000", "--out", "stopped", "--resume")
    check(resumed.returncode == 0 and "going on from step" in resumed.stderr, resumed)
else:
    check(process.returncode == 0, errors)  # it was through before the signal came
check(bytes_of("stopped/model.safetensors") == bytes_of("whole/model.safetensors"), "differs after SIGINT")

# what is refused
refused(run("train_voc", *options, "--out", "whole"), "whole", "--resume")
refused(run("train_voc", *options, "--seed", "4", "--out", "whole", "--resume"), "--seed", "3", "4")
refused(run("train_voc", *options, "--lr", "0.5", "--out", "whole", "--resume"), "--lr", "0.5")
check(bytes_of("whole/metrics.jsonl") == bytes_of("again/metrics.jsonl"), "a refused resume changes nothing")
# augmentation: a run that goes on sees what the whole one would, and none goes on with other settings
changing = ["--data", data, *TINY, "--no-test", "--checkpoint-every", "3", "--out", "changing", "--augment", "strong", "--flip", "both", "--quarter-turns"]
first = run("train_voc", *changing, "--show-augmented", "3")
check(first.returncode == 0 and "augmentation (strong): brightness 0.3, " in first.stderr and "flip both" in first.stderr, first)
check(len(list(pathlib.Path("changing/augmented").glob("00?-*.png"))) == 3, "pictures")
model = bytes_of("changing/model.safetensors")
shutil.rmtree("changing/checkpoint/step-00000006")
refused(run("train_voc", *changing, "--hue", "0.1", "--resume"), "--resume", "--hue 0.05", "found --hue 0.1")
refused(run("train_voc", *changing[:-5], "--resume"), "--resume", "--augment strong", "--augment not given")
check(run("train_voc", *changing, "--resume").returncode == 0 and bytes_of("changing/model.safetensors") == model, "the bytes of the whole run")
refused(run("train_voc", *changing[:-1], "--scheme", "alternating", "--iterations", "2,2", "--maps-mb", "9", "--out", "no"), "--maps-mb", "augmentation")
refused(run("train_voc", *changing, "--scale-jitter", "90,200", "--out", "no"), "--scale-jitter", "the longest, 160", "200")

anew = run("train_voc", *options, "--iterations", "2", "--out", "anew", "--resume")
check(anew.returncode == 0 and "starting anew" in anew.stderr, anew)
shutil.rmtree("anew/checkpoint")
model = bytes_of("anew/model.safetensors")
refused(run("train_voc", *options, "--iterations", "2", "--out", "anew", "--resume"), "--resume", "expected a checkpoint in anew")
check(bytes_of("anew/model.safetensors") == model, "the trained model stays")
