"""Ctrl-C at any moment of a training run, and other signals that ask for an end: what is on the disk is whole, nothing that was finished is lost,
and --resume goes on. The other programs end likewise."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import time

from common import PROGRAMS, check, run
from voc_data import files, thing, voc

data = voc("data", {f"{i:02}": thing() for i in range(16)})
OPTIONS = ["--data", str(data), "--iterations", "4", "--short-side", "96", "--max-side", "160", "--roi-batch", "16", "--threads", "1", "--seed", "3"]


def start(out, *more):
    return subprocess.Popen([PROGRAMS / "train_voc", *OPTIONS, "--out", out, *more], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(condition, process):
    for _ in range(60000):
        if condition() or process.poll() is not None:
            return
        time.sleep(0.001)


def whole(out):
    """Every file under its own name is whole."""
    for name in files(out) if os.path.exists(out) else []:
        path = pathlib.Path(out, name)
        if name.endswith(".part"):
            continue
        if name.endswith(".safetensors"):
            size = int.from_bytes(path.read_bytes()[:8], "little")
            header = json.loads(path.read_bytes()[8:8 + size])
            end = max(tensor["data_offsets"][1] for key, tensor in header.items() if key != "__metadata__")
            check(path.stat().st_size == 8 + size + end, f"{path} is cut")
        if name.endswith(".jsonl"):
            for line in path.read_text().splitlines():
                json.loads(line)
        if name.endswith(".png"):
            check(path.read_bytes().endswith(b"IEND\xaeB`\x82"), f"{path} is cut")
        if name.endswith(".svg"):
            check(path.read_text().rstrip().endswith("</svg>"), f"{path} is cut")


begin = time.time()
complete = start("complete")
expected, errors = complete.communicate(timeout=300)
length = time.time() - begin
check(complete.returncode == 0, errors)
model = pathlib.Path("complete/model.safetensors").read_bytes()

# in the test pass: the program ends at once, the model is there, and --resume tests it
process = start("tested")
wait_for(lambda: os.path.exists("tested/model.safetensors"), process)
process.send_signal(signal.SIGINT)
sent = time.time()
output, errors = process.communicate(timeout=60)
check(process.returncode == 130, process.returncode, errors)
check(time.time() - sent < 5, "it went on", errors)
check("tested/model.safetensors is whole" in errors and "--resume" in errors and not output, errors, output)
check(pathlib.Path("tested/model.safetensors").read_bytes() == model, "the model differs")
whole("tested")
resumed = run("train_voc", *OPTIONS, "--out", "tested", "--resume")
check(resumed.returncode == 0 and resumed.stdout == expected, resumed)

# before there is anything to go on from: no part of a file stays
for out, moment in (("drawn", lambda: os.path.exists("drawn/demo-data.part")), ("read", lambda: os.path.exists("read"))):
    options = OPTIONS if out == "read" else ["--iterations", "1"]
    process = subprocess.Popen([PROGRAMS / "train_voc", *options, "--out", out], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_for(moment, process)
    process.send_signal(signal.SIGTERM)
    output, errors = process.communicate(timeout=60)
    check(process.returncode == 128 + signal.SIGTERM and "stopped" in errors, out, process.returncode, errors)
    check(not [name for name in files(out) if ".part" in name], files(out))

# at moments spread over the run
statuses = {}
for moment in range(4):
    out = f"at{moment}"
    process = start(out)
    try:
        output, errors = process.communicate(timeout=0.02 + length * moment / 3)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=60)
    statuses.setdefault(process.returncode, []).append(moment)
    check(process.returncode in (0, 130, -signal.SIGINT), process.returncode, errors)  # -SIGINT: before its first line
    whole(out)
    check(not [name for name in files(out) if name.endswith(".part")] if os.path.exists(out) else True, files(out))
    if process.returncode == 130 and ("files that are there are whole" in errors or "stopped after step 0;" in errors):
        check(not list(pathlib.Path(out, "checkpoint").glob("step-*")), "a checkpoint of no step", errors)
    elif process.returncode == 130:
        check(list(pathlib.Path(out, "checkpoint").glob("step-*")), "a checkpoint to go on from", errors)
    resumed = run("train_voc", *OPTIONS, "--out", out, "--resume")
    check(resumed.returncode == 0 and resumed.stdout == expected, resumed)
    check(pathlib.Path(out, "model.safetensors").read_bytes() == model, f"the model differs after SIGINT at moment {moment}")
    shutil.rmtree(out)
print(statuses)

# kill (docker stop, schedulers) and a terminal that closes, which both may come twice, a pipe that nobody reads any more, and a batch system
for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE, signal.SIGUSR1):
    out = f"by{number}"
    process = start(out)
    wait_for(lambda: os.path.exists(f"{out}/metrics.jsonl") and os.path.getsize(f"{out}/metrics.jsonl") > 0, process)  # a step is done
    if number == signal.SIGPIPE:
        process.stderr.close()
        process.stdout.close()
        process.wait(60)
    else:
        process.send_signal(number)
        process.send_signal(number)
        output, errors = process.communicate(timeout=60)
        check("--resume" in errors, errors)
    check(process.returncode == 128 + number, process.returncode)
    whole(out)
    check(list(pathlib.Path(out, "checkpoint").glob("step-*")), "a checkpoint to go on from")
    resumed = run("train_voc", *OPTIONS, "--out", out, "--resume")
    check(resumed.returncode == 0 and resumed.stdout == expected, resumed)
    check(pathlib.Path(out, "model.safetensors").read_bytes() == model, f"the model differs after signal {number}")

# within a step, which has an hour of micro-batches
process = start("long", "--accumulate", "100000")
wait_for(lambda: os.path.exists("long/metrics.jsonl"), process)
time.sleep(0.3)
process.send_signal(signal.SIGTERM)
output, errors = process.communicate(timeout=60)
check(process.returncode == 128 + signal.SIGTERM and "stopped" in errors, process.returncode, errors)

# the programs that look at images: a sentence, the signal's status, what is whole stays, and nothing is left of what is not
MODEL = ["--model", "complete/model.safetensors", "--threads", "1"]
photos = sorted(str(p) for p in (data / "JPEGImages").iterdir())
os.mkfifo("fifo.png")
for number in (signal.SIGINT, signal.SIGTERM):
    out = f"detect{number}"
    process = subprocess.Popen([PROGRAMS / "detect", *MODEL, "--out", out, "--xml", out, "--json", out + ".json", "--csv", out + ".csv", photos[0],
                                "fifo.png", photos[1]], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with open("fifo.png", "wb") as pipe:  # opens when detect has come to its second image
        process.send_signal(number)
        pipe.write(pathlib.Path(photos[2]).read_bytes())
    output, errors = process.communicate(timeout=60)
    check(process.returncode == 128 + number and "stopped after 2 of 3 images" in errors, process.returncode, errors)
    first = pathlib.Path(photos[0]).stem
    check(files(out) == sorted([first + ".png", first + ".xml", "fifo.png", "fifo.xml"]), files(out))
    check(not list(pathlib.Path().glob(out + ".*")), os.listdir())
    whole(out)

voc("more", {f"{i:03}": thing() for i in range(200)})
for program, *options in (("evaluate", "--test", "more"), ("propose", "--data", "more", "--out", "more.txt"), ("inspect_data", "--data", "more", "--html", "more.html")):
    for _ in range(5):  # where a busy machine let it end before the signal came
        process = subprocess.Popen([PROGRAMS / program, *(MODEL if program != "inspect_data" else ["--threads", "1"]), *options], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        process.stderr.readline()  # of the check of the data
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=60)
        if process.returncode != 0:
            break
    check(process.returncode == 130 and "stopped" in errors and not output, process.returncode, errors)
    check(not list(pathlib.Path().glob("more.*")), os.listdir())
