"""Every header of one folder compiles alone, first in its translation unit, without a warning; or all of them together.

usage: headers.py [--together] INCLUDE_DIR FOLDER -- COMPILER [OPTIONS]     FOLDER is relative to INCLUDE_DIR: frcnn/core
"""
import pathlib
import subprocess
import sys

split = sys.argv.index("--")
*together, include, folder = sys.argv[1:split]
command = sys.argv[split + 1 :]

headers = [header.relative_to(include).as_posix() for header in sorted((pathlib.Path(include) / folder).glob("*.hpp"))]
if not headers:
    sys.exit(f"{folder}: expected headers, found none")

bad = 0
units = [headers] if together else [[header] for header in headers]
for unit in units:
    source = "".join(f'#include "{name}"\n' for name in unit)
    done = subprocess.run(command + ["-x", "c++", "-"], input=source, capture_output=True, text=True)
    if done.returncode or done.stderr:
        bad += 1
        print(f"{', '.join(unit)}: expected to compile{'' if together else ' alone'} without a warning, found\n{done.stderr}")
print(f"{len(units) - bad} of {len(units)} compilations of {len(headers)} headers of {folder} succeed")
sys.exit(bad != 0)
