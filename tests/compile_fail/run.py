"""A mistake must not compile, and the compiler must say what is wrong in a sentence of ours, in fewer than 20 lines.

usage: run.py CASE.cpp -- COMPILER [OPTIONS]

The case holds a line `// expect: sentence` for each sentence that the output must hold. As a check of the case itself, what stands
below `#else` of its one `#if defined(FRCNN_MISTAKE)` is the same code put right: it must compile. Where the mistake is on the command
line, the case holds a line `// options: -fwhatever` instead, and must compile without them. A case with neither is not checked so.
"""
import pathlib
import subprocess
import sys

LINES = 20

split = sys.argv.index("--")
(case,) = sys.argv[1:split]
command = sys.argv[split + 1 :]

source = pathlib.Path(case).read_text()
expected = [line.split("// expect:", 1)[1].strip() for line in source.splitlines() if line.startswith("// expect:")]
if not expected or not all(expected):
    sys.exit(f"{case}: expected at least one line '// expect: sentence', found none")


options = [word for line in source.splitlines() if line.startswith("// options:") for word in line.split(":", 1)[1].split()]


def compile(*options):
    return subprocess.run([*command, *options, case], capture_output=True, text=True)


failed = compile("-DFRCNN_MISTAKE", *options)
problems = []
if failed.returncode == 0:
    problems.append("it compiles")
problems += [f"the compiler does not say: {sentence}" for sentence in expected if sentence not in failed.stderr]
lines = len(failed.stderr.splitlines())
if lines >= LINES:
    problems.append(f"the compiler says it in {lines} lines, {LINES - 1} are the most")
if options or "FRCNN_MISTAKE" in source:
    mended = compile()
    if mended.returncode:
        problems.append(f"put right it does not compile either:\n{mended.stderr}")

print(f"{lines} lines:\n{failed.stderr}")
for problem in problems:
    print(f"{case}: {problem}")
sys.exit(bool(problems))
