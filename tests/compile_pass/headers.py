"""Every header compiles alone, first in its translation unit, without a warning; or all of them together.

usage: headers.py alone|together INCLUDE_DIR -- COMPILER [OPTIONS]

Alone: a header that includes one of BASES, itself or through others, is compiled with that base precompiled before it. It sees what it
would see alone, since all of it comes from what it includes; what many headers include is compiled once.
A header that another one includes before all else is the first in that one's translation unit: it is compiled alone there, and not again.
"""
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from precompiled import precompile

# The largest first: what saves most, by lines after the preprocessor.
BASES = ["frcnn/backend/cpu/context.hpp", "frcnn/io/json.hpp", "frcnn/data/image_io.hpp", "frcnn/backend/cpu/kernels/simd.hpp",
         "frcnn/io/atomic_file.hpp", "frcnn/core/profiler.hpp", "frcnn/core/error.hpp"]

split = sys.argv.index("--")
how, include = sys.argv[1:split]
command = sys.argv[split + 1 :]
root = pathlib.Path(include)
texts = {header.relative_to(root).as_posix(): header.read_text() for header in sorted(root.rglob("*.hpp"))}
if not texts:
    sys.exit(f"{include}: expected headers, found none")
for base in BASES:
    if base not in texts:
        sys.exit(f"{include}: expected {base}, which headers are compiled after, found none of that name")


def included_by(header, seen):
    """All headers of the library that it includes in every build, itself or through others."""
    depth = 0  # of #if
    for line in texts[header].splitlines():
        depth += line.startswith("#if") - line.startswith("#endif")
        name = re.match('#include "(.*)"', line)
        if name and depth == 0 and name[1] in texts and name[1] not in seen:
            seen.add(name[1])
            included_by(name[1], seen)
    return seen


def first_included(header):
    """The header of the library that it includes before anything else, or None."""
    for line in texts[header].splitlines():
        if line.startswith("#") and line != "#pragma once":
            name = re.match('#include "(.*)"', line)
            return name[1] if name and name[1] in texts else None


def compiles(names, ahead):
    source = "".join(f'#include "{name}"\n' for name in names)
    done = subprocess.run([*command, *ahead, "-x", "c++", "-"], input=source, capture_output=True, text=True)
    if done.returncode == 0 and not done.stderr:
        return True
    print(f"{', '.join(names)}: expected to compile {how} without a warning, found\n{done.stderr}")
    return False


if how == "together":
    good = compiles(list(texts), [])
    print(f"{len(texts)} headers together {'compile' if good else 'do not'}")
    sys.exit(not good)
seen = {header: included_by(header, set()) for header in texts}
base_of = {header: next((base for base in BASES if base in seen[header]), None) for header in texts}
after, with_another = {}, set()
for header in sorted(texts, key=lambda name: -len(seen[name])):  # a header includes more than those it includes
    if header in with_another:
        continue
    base = base_of[header]
    after.setdefault(base, []).append(header)
    while (header := first_included(header)) and (base is None or base in seen[header]):  # the base must be its own, too
        with_another.add(header)
bad = 0
for base, headers in after.items():
    with tempfile.TemporaryDirectory() as scratch:
        ahead = precompile(command, f'#include "{base}"\n', scratch) if base else []
        bad += sum(not compiles([header], ahead) for header in headers)
print(f"{bad or 'all'} of {len(texts)} headers {'do not ' if bad else ''}compile alone, {len(with_another)} of them ahead of others")
sys.exit(bad != 0)
