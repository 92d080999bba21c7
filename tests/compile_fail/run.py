"""Mistakes must not compile, and the compiler must say what is wrong in a sentence of ours, in fewer than 20 lines.

usage: run.py FOLDER -- COMPILER [OPTIONS]     all cases FOLDER/*.cpp

A case holds a line `// expect: sentence` for each sentence that the output must hold. As a check of the case itself, what stands
below `#else` of its one `#if defined(FRCNN_MISTAKE)` is the same code put right: it must compile. Where the mistake is on the command
line, the case holds a line `// options: -fwhatever` instead, and is a header that compiles without them, as headers.py proves.
What several cases include first is compiled once, ahead.
"""
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from precompiled import precompile

LINES = 20
SHARED_BY = 3  # cases: fewer do not pay for a header that is compiled ahead

split = sys.argv.index("--")
(folder,) = map(pathlib.Path, sys.argv[1:split])
command = sys.argv[split + 1 :] + [f"-I{folder}"]


def lines_with(word, source):
    return [line.split(word, 1)[1].strip() for line in source.splitlines() if line.startswith(word)]


def check(case, source, ahead, scratch):
    """What is wrong with a case, and what the compiler says of its mistake."""
    expected, options = lines_with("// expect:", source), " ".join(lines_with("// options:", source)).split()
    if not expected or not all(expected):
        return ["expected at least one line '// expect: sentence', found none"], ""
    if bool(options) == ("FRCNN_MISTAKE" in source):
        return ["expected either '#if defined(FRCNN_MISTAKE)' or a line '// options:'"], ""

    def compile(before, *options):
        unit = scratch / case.name
        unit.write_text(f'{before}#line 1 "{case}"\n{source}')
        return subprocess.run([*command, *ahead, *options, str(unit)], capture_output=True, text=True)

    failed = compile("#define FRCNN_MISTAKE 1\n", *options)
    problems = ["it compiles"] if failed.returncode == 0 else []
    problems += [f"the compiler does not say: {sentence}" for sentence in expected if sentence not in failed.stderr]
    lines = len(failed.stderr.splitlines())
    if lines >= LINES:
        problems.append(f"the compiler says it in {lines} lines, {LINES - 1} are the most")
    if not options:
        mended = compile("")
        if mended.returncode:
            problems.append(f"put right it does not compile either:\n{mended.stderr}")
    return problems, failed.stderr


groups = {}
for case in sorted(folder.glob("*.cpp")):
    source = case.read_text()
    first = re.search('^#include "(.*)"$', source, re.MULTILINE)
    groups.setdefault(first[1] if first and "// options:" not in source else None, []).append((case, source))
if not groups:
    sys.exit(f"{folder}: expected cases, found none")
bad = 0
for first, cases in groups.items():
    with tempfile.TemporaryDirectory() as scratch:
        ahead = precompile(command, f'#include "{first}"\n', scratch) if first and len(cases) >= SHARED_BY else []
        for case, source in cases:
            problems, said = check(case, source, ahead, pathlib.Path(scratch))
            print(f"{case.stem}: {len(said.splitlines())} lines")
            if problems:
                bad += 1
                print(*problems, said, sep="\n")
count = sum(map(len, groups.values()))
print(f"{count - bad} of {count} mistakes are told as expected")
sys.exit(bad != 0)
