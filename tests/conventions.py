"""What a convention declares, somebody reads: a constant that is nowhere asked for makes a model that says one convention and follows another.

usage: conventions.py INCLUDE_DIR
"""
import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1]) / "frcnn"
folder = root / "geometry" / "conventions"
OTHERS = re.compile(r"(\w+) = [^,;]+(?=[,;])")

declared = set()
for header in folder.glob("*.hpp"):
    text = header.read_text().split(" protected:")[0]
    for line in re.findall(r"^  (?:FRCNN_HD )?static .*", text, re.M):
        line = line.removeprefix("  ").split("//")[0]
        if "(" in line.split("=")[0]:  # a function
            declared.add(re.search(r"(\w+)\(", line)[1])
        else:
            declared.update(OTHERS.findall(line.replace("{", "").replace("}", "")))
    declared.update(re.findall(r"^  using (\w+) =", text, re.M))
if len(declared) < 30:
    sys.exit(f"{folder}: expected the constants of two conventions, found {len(declared)}")

used = set()
for header in root.rglob("*.hpp"):
    if header.parent == folder or header.name == "describe_convention.hpp":  # a model file says a number, and uses none
        continue
    used.update(re.findall(r"(?:Rules|convention|rules)::(?:template )?(\w+)", header.read_text()))

for header in folder.glob("*.hpp"):  # a constant of which another is made
    words = re.findall(r"\w+", re.sub(r"//.*", "", header.read_text()))
    used.update(name for name in declared if words.count(name) > 1 and name != "name")

unread = sorted(declared - used)
for name in unread:
    print(f"conventions declare {name}, and nothing reads it")
print(f"{len(declared)} constants and functions, {len(unread)} that nothing reads")
sys.exit(bool(unread))
