"""Every header of one folder compiles alone, first in its translation unit, without a warning.

usage: headers.py INCLUDE_DIR FOLDER -- COMPILER [OPTIONS]     FOLDER is relative to INCLUDE_DIR: frcnn/core
"""
import pathlib
import subprocess
import sys

split = sys.argv.index("--")
include, folder = sys.argv[1:split]
command = sys.argv[split + 1 :]

headers = sorted((pathlib.Path(include) / folder).glob("*.hpp"))
if not headers:
    sys.exit(f"{folder}: expected headers, found none")

bad = 0
for header in headers:
    name = header.relative_to(include).as_posix()
    done = subprocess.run(command + ["-x", "c++", "-"], input=f'#include "{name}"\n', capture_output=True, text=True)
    if done.returncode or done.stderr:
        bad += 1
        print(f"{name} does not compile alone:\n{done.stderr}")
print(f"{len(headers) - bad} of {len(headers)} headers of {folder} compile alone")
sys.exit(bad != 0)
