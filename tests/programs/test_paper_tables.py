"""scripts/paper_tables: every table with a number in each row, killed on the way; what is there is not run again; bad arguments are refused.
bench/paper_speed: every row."""
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

from common import PROGRAMS, check, demo_data, refused

TOP = pathlib.Path(__file__).resolve().parents[2]
data = demo_data(images=8)


def command(*arguments):
    return list(map(str, [sys.executable, TOP / "scripts/paper_tables", "--data", data, "--out", "paper", "--programs", PROGRAMS, "--iterations", "1", *arguments]))


def tables(*arguments):
    return subprocess.run(command(*arguments), capture_output=True, text=True, timeout=600)


small = ["--short-side", "64", "--max-side", "96", "--threads", "1"]
started = lambda: pathlib.Path("paper/commands.txt").exists() and len(pathlib.Path("paper/commands.txt").read_text().splitlines()) > 4
killed, deadline = subprocess.Popen(command(*small), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True), time.time() + 120
while not started() and killed.poll() is None and time.time() < deadline:
    time.sleep(0.01)
os.killpg(killed.pid, signal.SIGKILL)
killed.wait()
first = tables(*small)
check(first.returncode == 0, first)
page = pathlib.Path("paper/tables.md").read_text()
check([int(n) for n in re.findall(r"^## Table (\d+)", page, re.M)] == [1, 2, 5, 8, 9, 10], page)
for title, rows in (("Table 2", 15), ("Table 8", 6), ("Table 9", 4), ("Table 10", 3)):
    part = page.split(f"## {title}:")[1].split("\n## ")[0]
    ours = [line.split("|")[-3].strip() for line in part.splitlines() if line.startswith("| ")][2:]
    check(len(ours) == rows and all(re.fullmatch(r"\d+\.\d", number) for number in ours), title, part)
check(re.search(r"^ms per image, mean of \d+: resize .* conv .* proposal .* region-wise .* total", page, re.M), page)
commands = pathlib.Path("paper/commands.txt").read_text()
check(len(commands.splitlines()) - len(set(commands.splitlines())) <= 1, "what was killed alone ran again", commands)

again = tables(*small)
check(again.returncode == 0 and pathlib.Path("paper/commands.txt").read_text() == commands, "nothing runs twice", again)
refused(tables("--short-side", "80"), "--out paper: expected the arguments of the runs that are there")
refused(tables(*small, "--data", "absent"), "--data absent: expected a folder in VOC layout, found none")
refused(tables(*small, "--programs", "absent"), "--programs absent: expected a folder with the built programs")
refused(tables(*small, "--out", "other", "--preset", "tiny"), "joint: expected status 0, found 1", "preset: expected one of small")

speed = subprocess.run(list(map(str, [sys.executable, TOP / "bench/paper_speed", "--programs", PROGRAMS, "--preset", "small", "--beside", "small", "--rounds", 1,
                                      "--iterations", 8, "--short-side", 64, "--threads", 1, "--engine", "portable", "--out", "speed.md"])),
                       capture_output=True, text=True, timeout=600)
check(speed.returncode == 0 and speed.stdout in pathlib.Path("speed.md").read_text(), speed)
ratios = re.findall(r"^\| (?:iteration|detect|what|one stage).* \| (\d+\.\d{3}) \|$", speed.stdout, re.M)
check(len(ratios) == 7 and all(float(r) > 0 for r in ratios), speed)
