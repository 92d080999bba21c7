"""The code on README's and docs' pages compiles: each block that begins with an #include of ours, all in one translation unit, each in a
namespace of its own (a `main` in none). Blocks for nvcc, or without an #include, are parts of a page's sentences.
usage: pages.py ROOT -- COMPILER ARGUMENT...
"""
import pathlib
import re
import subprocess
import sys
import tempfile

root, command = pathlib.Path(sys.argv[1]), sys.argv[sys.argv.index("--") + 1:]
includes, code = [], []
for page in [root / "README.md", *sorted((root / "docs").glob("*.md"))]:
    for number, block in enumerate(re.findall(r"^```cpp\n(.*?)^```", page.read_text(), re.S | re.M), 1):
        if not block.startswith("#include <frcnn/") or ".cuh>" in block.splitlines()[0] or page.name == "cuda.md":
            continue
        lines = block.splitlines()
        includes += [line.split("//")[0].strip() for line in lines if line.startswith("#include")]
        body = "\n".join(line for line in lines if not line.startswith("#include"))
        place = f'#line 1 "{page.name}, block {number}"\n{body}\n'
        code.append(place if "int main(" in body else f'namespace {page.stem.replace("-", "_")}_{number} {{\n{place}}}\n')
if len(code) < 10:
    sys.exit(f"expected the pages' code, found {len(code)} blocks of it")
with tempfile.TemporaryDirectory() as folder:
    file = pathlib.Path(folder, "pages.cpp")
    file.write_text("\n".join([*dict.fromkeys(includes), *code]))
    sys.exit(subprocess.run([*command, file]).returncode)
