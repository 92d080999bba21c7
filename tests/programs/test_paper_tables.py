"""scripts/paper_tables: every table with a number in each row, killed on the way; what is there is not run again; bad arguments are refused.
bench/paper_speed: every row."""
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

from common import PROGRAMS, check, demo_data, refused, run

TOP = pathlib.Path(__file__).resolve().parents[2]
data = demo_data(images=8)


def command(*arguments):
    return list(map(str, [sys.executable, TOP / "scripts/paper_tables", "--data", data, "--out", "paper", "--programs", PROGRAMS, "--iterations", "1", *arguments]))


def tables(*arguments):
    return subprocess.run(command(*arguments), capture_output=True, text=True, timeout=600)


small = ["--short-side", "64", "--max-side", "96", "--threads", "1", "--metric", "voc07", "--origin", "auto", "--skip-bad"]
(data / "JPEGImages/000000.jpg").write_text("no image\n")  # of no split
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
opencv = "found one without" not in run("propose", "--method", "selective-search", "--data", f"{data}:test", "--out", "ss.txt").stderr
for title, rows in (("Table 2", 17), ("Table 8", 6), ("Table 9", 4), ("Table 10", 3)):
    part = page.split(f"## {title}:")[1].split("\n## ")[0]
    ours = [line.split("|")[-3].strip() for line in part.splitlines() if line.startswith("| ")][2:]
    check(len(ours) == rows and all(re.fullmatch(r"\d+\.\d", number) for number in ours if opencv or number != "not in this build"), title, part)
    check(ours.count("not in this build") == (0 if opencv or title != "Table 2" else 2), title, part)
recalls = [line.split("|")[2:-1] for line in page.split("## Fig. 4:")[1].split("\n## ")[0].splitlines() if line.startswith("| ")][2:]
check([int(row[0]) for row in recalls[:5]] == [50, 100, 300, 1000, 2000] and len(recalls) == (15 if opencv else 5), recalls)
check(all(0 <= float(r) <= 1 for row in recalls for r in row[1:]), recalls)
sizes = [line.split("|")[-3:-1] for line in page.split("## Table 1:")[1].split("\n## ")[0].splitlines() if line.startswith("| ")][2:]
check(sizes and all(0 < float(side) <= 96 for pair in sizes for side in pair), "in pixels of the resized image", sizes)
check(re.search(r"^ms per image, mean of \d+: resize .* conv .* proposal .* region-wise .* total", page, re.M), page)
commands = pathlib.Path("paper/commands.txt").read_text()
for line in commands.splitlines():  # each program is told how data are read, and whoever judges detections, by which metric
    program = pathlib.Path(line.split()[0]).name
    check(program == "detect" or "--origin auto" in line and "--skip-bad" in line, line)
    check(("--metric voc07" in line) == (program in ("train_voc", "evaluate")), line)
resized = [line for line in commands.splitlines() if "proposal_recall" in line and "--short-side" in line]
check("`--metric voc07`" in page and len(resized) == 1 and "--short-side 64 --max-side 96" in resized[0], commands)
check(len(re.findall(r"--n-cls 512 --n-reg 4800 --lambda", commands)) >= 4, "a micro-batch of two images", commands)
check(len(commands.splitlines()) - len(set(commands.splitlines())) <= 1, "what was killed alone ran again", commands)

again = tables(*small)
check(again.returncode == 0 and pathlib.Path("paper/commands.txt").read_text() == commands, "nothing runs twice", again)
refused(tables("--short-side", "80"), "--out paper: expected the arguments of the runs that are there")
for words, because in ((["--lambda", "10"], "--lambda: expected none, as Table 9 sets it, found --lambda"),
                       (["--anchors=auto"], "--anchors: expected none, as Table 8 sets them, found --anchors=auto"),
                       (["--test", "x"], "--test: expected none"), (["--init", "m.safetensors"], "--init: expected weights without an RPN")):
    refused(tables(*small, *words, "--out", "none"), because)
check(not pathlib.Path("none").exists(), "refused before anything runs")
refused(tables(*small, "--data", "absent"), "--data absent: expected a folder in VOC layout, found none")
refused(tables(*small, "--programs", "absent"), "--programs absent: expected a folder with the built programs")
refused(tables(*small, "--out", "other", "--preset", "tiny"), "joint: expected status 0, found 1", "preset: expected one of small")

bench = pathlib.Path("bench")  # in place of frcnn_bench, which takes minutes without optimisation
rows = [{"name": f"op/{op}_{way}/portable/1x512x38x50-128", "real_time": ms * 1000, "time_unit": "us"}
        for op, way, ms in (("roi_align", "forward", 1), ("roi_align", "backward", 3), ("roi_warp", "forward", 2), ("roi_warp", "backward", 3))]
bench.write_text(f"#!/bin/sh\ncat <<'END'\n{json.dumps({'benchmarks': rows})}\nEND\n")
bench.chmod(0o755)
speed = subprocess.run(list(map(str, [sys.executable, TOP / "bench/paper_speed", "--programs", PROGRAMS, "--preset", "small", "--beside", "small", "--rounds", 1,
                                      "--iterations", 8, "--short-side", 64, "--threads", 1, "--engine", "portable", "--bench", bench.resolve(), "--out", "speed.md"])),
                       capture_output=True, text=True, timeout=600)
check(speed.returncode == 0 and speed.stdout in pathlib.Path("speed.md").read_text(), speed)
ratios = re.findall(r"^\| (?:iteration|detect|what|one stage|regions).* \| (\d+\.\d{3}) \|$", speed.stdout, re.M)
check("| regions, forward and backward | RoI warping 5.0 (5.0 to 5.0) | RoIAlign 4.0 (4.0 to 4.0) | 1.250 |" in speed.stdout, speed)
check(len(ratios) == 8 and all(float(r) > 0 for r in ratios), speed)
