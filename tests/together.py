"""Writes one source that holds several test files, each in a namespace of its own: what they all instantiate is compiled once.

usage: together.py OUT.cpp FILE.cpp...

What a file includes stays outside its namespace, the rest goes into it: a new one, or one within each that the file opens. So two files may
use one name. Messages name the files themselves.
"""
import pathlib
import re
import sys

out, *files = map(pathlib.Path, sys.argv[1:])
text = []
for number, file in enumerate(files):
    lines = file.read_text().splitlines()
    absolute = file.resolve()

    def located(line):
        match = re.match(r'\s*#\s*include "(.+)"', line)
        beside = match and absolute.parent / match[1]
        return f'#include "{beside.resolve()}"' if match and beside.exists() else line

    first = max(i for i, line in enumerate(lines) if re.match(r"\s*#\s*include", line)) + 1
    name = f"file_{number}_{re.sub(r'[^A-Za-z0-9]', '_', file.stem)}"
    text += [f'#line 1 "{absolute}"', *map(located, lines[:first])]
    rest = [re.sub(r"^namespace ([\w:]+) \{", rf"namespace \1::{name} {{", line) for line in lines[first:]]
    if rest == lines[first:]:
        # The end of the file may be outside a condition that its beginning is inside of: a macro says whether there is something to close.
        rest = [f"namespace {name} {{", f"#define {name.upper()}", f'#line {first + 1} "{absolute}"', *rest,
                f"#ifdef {name.upper()}", f"}}  // namespace {name}", "#endif"]
    text += rest
out.parent.mkdir(parents=True, exist_ok=True)
out.write_text("\n".join(text) + "\n")
