"""A signal in the last image drops nothing: scores and files are finished, and the exit status is the signal's. One before it leaves at once."""
import fcntl
import os
import pathlib
import signal
import subprocess
import time

from common import PROGRAMS, TINY, check, demo_data, run

data = demo_data(images=12)
lists = data / "ImageSets/Main"
tested = (lists / "test.txt").read_text().split()
(lists / "one.txt").write_text(tested[0] + "\n")
check(len(tested) > 1, tested)
check(run("train_voc", "--data", data, *TINY, "--iterations", "2", "--no-test", "--out", "run").returncode == 0, "train_voc")
model = "run/model.safetensors"


def interrupted(number, program, *arguments):
    """Runs a program whose standard error takes nothing until the signal is there: it comes before the first line about its data."""
    reader, writer = os.pipe()
    full = fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    os.write(writer, b"-" * full)
    with open("stdout.txt", "w") as out:
        process = subprocess.Popen([PROGRAMS / program, *map(str, arguments)], stdout=out, stderr=writer)
    os.close(writer)
    caught = lambda: next(int(line.split()[1], 16) for line in pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines() if line.startswith("SigCgt"))
    deadline = time.time() + 60
    while not caught() >> (number - 1) & 1 and time.time() < deadline:
        time.sleep(0.005)
    process.send_signal(number)
    said = b""
    while part := os.read(reader, 4096):
        said += part
    os.close(reader)
    return process.wait(timeout=120), pathlib.Path("stdout.txt").read_text(), said.decode().lstrip("-")


for number in (signal.SIGINT, signal.SIGTERM):
    plain = run("evaluate", "--model", model, "--test", f"{data}:one")
    check(plain.returncode == 0 and "mAP50" in plain.stdout, plain)
    status, scores, said = interrupted(number, "evaluate", "--model", model, "--test", f"{data}:one")
    check(status == 128 + number and scores == plain.stdout, status, scores, said)
    # what comes behind the scores is left out
    status, scores, said = interrupted(number, "evaluate", "--model", model, "--test", f"{data}:one", "--recall", "--report", "page.html")
    check(status == 128 + number and scores == plain.stdout and "before --recall was through" in said, status, scores, said)
    # of several images the others are not looked at, and there is nothing to say of one
    status, scores, said = interrupted(number, "evaluate", "--model", model, "--test", f"{data}:test")
    check(status == 128 + number and not scores and "stopped" in said, status, scores, said)
    # a file of several is whole or not there
    status, lines, said = interrupted(number, "propose", "--model", model, "--data", f"{data}:test", "--out", "test.txt")
    check(status == 128 + number and not pathlib.Path("test.txt").exists() and not lines, status, lines, said)
