"""The smallest model that a concept's comment shows is, letter by letter, one that models.cpp compiles.

usage: models.py INCLUDE_DIR MODELS_CPP
"""
import pathlib
import sys

include, models = sys.argv[1:]
compiled = pathlib.Path(models).read_text()

shown = bad = 0
for header in sorted((pathlib.Path(include) / "frcnn/concepts").glob("*.hpp")):
    lines = header.read_text().splitlines()
    for start in (i + 1 for i, line in enumerate(lines) if line == "// The smallest model:"):
        end = next(i for i, line in enumerate(lines[start:], start) if not line.startswith("//   "))
        shown += 1
        if "\n".join(line[5:] for line in lines[start:end]) not in compiled:
            bad += 1
            print(f"{header.name}:{start + 1}: {pathlib.Path(models).name} does not hold this model")
print(f"{shown - bad} of {shown} models shown are compiled")
sys.exit(bad or not shown)
