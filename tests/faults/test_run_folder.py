"""The folder of a run: one run at a time, lines of others in it, and what is left of a run that cannot go on."""
import pathlib
import shutil
import subprocess
import time

from common import PROGRAMS, TINY, check, demo_data, refused, run

data = demo_data()
long = ["--data", data, *TINY, "--no-test", "--iterations", "100000", "--checkpoint-every", "2"]


def started(out, *options):
    process = subprocess.Popen([PROGRAMS / "train_voc", *map(str, options), "--out", out], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    for _ in range(1200):
        if list(pathlib.Path(out, "checkpoint").glob("step-????????")) or process.poll() is not None:
            break
        time.sleep(0.05)
    check(process.poll() is None, "the run went on", process.poll())
    return process


# A second run into the same folder is refused, and the first one goes on.
first = started("two", *long)
refused(run("train_voc", *long, "--out", "two", "--resume"), "--out two", "a folder that no other run writes into")
time.sleep(0.3)
check(first.poll() is None, "the first run was disturbed")
first.kill()
first.wait()

# After it was killed nothing holds the folder; a line in metrics.jsonl that is none of ours costs nothing.
with open("two/metrics.jsonl", "a") as lines:
    lines.write('{"st\n')
step = sorted(pathlib.Path("two/checkpoint").glob("step-????????"))[-1]
refused(run("train_voc", *long, "--out", "two", "--resume", "--iterations", "6"), "--epochs or --iterations")
short = ["--data", data, *TINY, "--no-test", "--checkpoint-every", "2"]
check(run("train_voc", *short, "--out", "lines").returncode == 0, "a whole run")
pathlib.Path("lines/model.safetensors").unlink()
with open("lines/metrics.jsonl", "a") as lines:
    lines.write('{"st\n')
resumed = run("train_voc", *short, "--out", "lines", "--resume")
check(resumed.returncode == 0 and pathlib.Path("lines/model.safetensors").exists() and pathlib.Path("lines/curves.svg").exists(), resumed)

# Images that go away in the middle of a run cost none of its steps.
shutil.copytree(data, "moved")
options = ["--data", "moved", *TINY, "--no-test", "--iterations", "100000", "--checkpoint-every", "100000", "--cache-mb", "0"]
process = subprocess.Popen([PROGRAMS / "train_voc", *map(str, options), "--out", "away"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
metrics = pathlib.Path("away/metrics.jsonl")
for _ in range(1200):
    if metrics.exists() and metrics.read_bytes().count(b"\n") > 3:
        break
    time.sleep(0.05)
pathlib.Path("moved/JPEGImages").rename("moved/elsewhere")
errors = process.communicate(timeout=120)[1]
check(process.returncode == 1 and "JPEGImages" in errors, errors)
check(list(pathlib.Path("away/checkpoint").glob("step-????????")), "a checkpoint of the steps before", errors)

# A place that is no folder.
pathlib.Path("file").write_text("")
refused(run("train_voc", "--data", data, *TINY, "--out", "file"), "--out file", "a folder, or a place for one")
