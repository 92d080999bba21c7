"""The folder of a run: one run at a time, lines of others in it, and what is left of a run that cannot go on."""
import os
import pathlib
import shutil
import subprocess
import time

from common import PROGRAMS, TINY, check, demo_data, refused, run
from voc_data import files

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

# A checkpoint that was copied or renamed by hand: said, and not taken for another.
shutil.copytree("two/checkpoint", "copied/checkpoint")
*older, newest = sorted(pathlib.Path("copied/checkpoint").glob("step-????????"))
for checkpoint in older:  # a run goes on with the one before one that is damaged
    shutil.rmtree(checkpoint)
shutil.copytree(newest, "copied/checkpoint/step-99")
refused(run("train_voc", *long, "--out", "copied", "--resume", "--iterations", "6"), "warning: copied/checkpoint/step-99: expected a checkpoint's name",
        "--epochs or --iterations")
newest.rename("copied/checkpoint/step-00099999")
refused(run("train_voc", *long, "--out", "copied", "--resume"), "step-00099999: expected step 99999, as its name says, found step " + str(int(newest.name[5:])))

# A run's folder is not among the images, where its pictures would be data of the next; the data's root is a good place.
for out in ("JPEGImages", "JPEGImages/run", "Annotations/run"):
    refused(run("train_voc", "--data", data, *TINY, "--out", data / out), "expected a folder that is not among the data's files, found one in " + str(data / out.split("/")[0]))
shutil.copytree(data, "both")
check(run("train_voc", "--data", "both", *TINY, "--iterations", "1", "--out", "both").returncode == 0, "in the data's root")

# A program whose standard streams are closed does not write its lines into its files.
closed = subprocess.run(["sh", "-c", '"$0" "$@" <&- >&- 2>&-', PROGRAMS / "train_voc", "--data", data, *TINY, "--iterations", "2", "--out", "closed"], timeout=300)
open_ = run("train_voc", "--data", data, *TINY, "--iterations", "2", "--out", "open")
check(closed.returncode == 1 and open_.returncode == 0, "standard output takes nothing", closed.returncode)
for name in files("open"):
    if not name.startswith(("checked_images", "report.html")):  # which hold times and names of this run
        check(pathlib.Path("closed", name).read_bytes() == pathlib.Path("open", name).read_bytes(), name)

check(pathlib.Path("closed/report.html").read_bytes().rstrip().endswith(b"</html>"), "report.html is whole")

# Places that are no folder, of the run or of what lies in it: said before anything is read, and nothing is made.
pathlib.Path("file").write_text("")
os.symlink("unmounted", "link")
for out, words in (("file", "found a file"), ("file/run", "found 'file', a file"), ("link", "found a symbolic link to 'unmounted', where nothing is"),
                   ("link/run", "found 'link', a symbolic link to 'unmounted'"), ("x" * 300, "found a name of 300 bytes")):
    for program in (("train_voc", "--data", "nowhere", "--out"), ("train_voc", "--out"), ("train_voc", "--data", data, *TINY, "--resume", "--out")):
        refused(run(*program, out), f"--out {out}: expected a folder, or a place for one, {words}")
    refused(run("proposal_recall", "--test", data, "p.txt", "--out", out), f"--out {out}: expected a folder, or a place for one, {words}")
    refused(run("detect", "--model", "m", "image", "--out", out), f"--out {out}: expected a folder, or a place for one, {words}")
    if out != "file":
        refused(run("make_demo_data", out), f"{out}: expected a folder that can be made, {words}")
for part in ("results", "detections", "tensorboard"):
    pathlib.Path("spoiled").mkdir()
    pathlib.Path("spoiled", part).write_text("")
    refused(run("train_voc", "--data", "nowhere", "--out", "spoiled"), f"spoiled/{part}: expected a folder, or a place for one, found a file")
    shutil.rmtree("spoiled")
pathlib.Path("spoiled").mkdir()
pathlib.Path("spoiled/checkpoint").write_text("")
refused(run("train_voc", "--data", data, "--out", "spoiled", "--resume"), "spoiled/checkpoint: expected a folder, or a place for one, found a file")
pathlib.Path("spoiled/checkpoint").unlink()
pathlib.Path("spoiled/model.safetensors").mkdir()
refused(run("train_voc", "--data", data, "--out", "spoiled", "--resume"), "spoiled/model.safetensors: expected a file to write, found a folder")
