"""scripts/paper_tables: every table with a number in each row; what is there is not run again; other arguments are refused."""
import pathlib
import re
import subprocess
import sys

from common import PROGRAMS, check, demo_data, refused

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "scripts/paper_tables"
data = demo_data(images=8)


def tables(*arguments):
    command = [sys.executable, SCRIPT, "--data", data, "--out", "paper", "--programs", PROGRAMS, "--iterations", "1", *arguments]
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=600)


small = ["--short-side", "64", "--max-side", "96", "--threads", "1"]
first = tables(*small)
check(first.returncode == 0, first)
page = pathlib.Path("paper/tables.md").read_text()
check([int(n) for n in re.findall(r"^## Table (\d+)", page, re.M)] == [1, 2, 5, 8, 9, 10], page)
for title, rows in (("Table 2", 13), ("Table 8", 6), ("Table 9", 4), ("Table 10", 2)):
    part = page.split(f"## {title}:")[1].split("\n## ")[0]
    ours = [line.split("|")[-3].strip() for line in part.splitlines() if line.startswith("| ")][2:]
    check(len(ours) == rows and all(re.fullmatch(r"\d+\.\d", number) for number in ours), title, part)
check(re.search(r"^ms per image, mean of \d+: resize .* conv .* proposal .* region-wise .* total", page, re.M), page)
commands = pathlib.Path("paper/commands.txt").read_text()
check(len(commands.splitlines()) == len(set(commands.splitlines())), commands)

again = tables(*small)
check(again.returncode == 0 and pathlib.Path("paper/commands.txt").read_text() == commands, "nothing runs twice", again)
refused(tables("--short-side", "80"), "--out paper: expected the arguments of the runs that are there")
