"""Whether every C++ file is as .clang-format has it, by the one version that the file is written for: others differ in details.

usage: formatting.py ROOT
"""
import pathlib
import shutil
import subprocess
import sys

VERSION = "14.0.6"  # Debian 12's
FOLDERS = ("include", "src", "examples", "tests", "bench")
NAMES = {".hpp", ".cpp", ".cuh", ".cu"}


def formatter():
    for name in ("clang-format-14", "clang-format"):
        path = shutil.which(name)
        if path and f"version {VERSION}" in subprocess.run([path, "--version"], stdout=subprocess.PIPE, text=True).stdout:
            return path
    return None


def main():
    root = pathlib.Path(sys.argv[1])
    program = formatter()
    if not program:
        print(f"skipped: there is no clang-format {VERSION}")
        return 0
    files = sorted(str(f) for folder in FOLDERS for f in (root / folder).rglob("*") if f.suffix in NAMES)
    done = subprocess.run([program, "--style=file", "--dry-run", *files], cwd=root, stderr=subprocess.PIPE, text=True)
    wrong = sorted({line.split(": warning:")[0] for line in done.stderr.splitlines() if ": warning:" in line})
    for place in wrong:
        print(f"{place}: expected what .clang-format makes of it (clang-format -i), found another form")
    if done.returncode:
        print(done.stderr[-2000:])
    print(f"{len(files)} files, {len(wrong)} places that clang-format would change")
    return 1 if wrong or done.returncode or not files else 0


sys.exit(main())
