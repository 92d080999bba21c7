"""What the program tests share: running a program, small data, and checks that say what they saw."""
import pathlib
import subprocess
import sys

PROGRAMS = pathlib.Path(sys.argv[1]).resolve()
TINY = ["--iterations", "6", "--short-side", "96", "--max-side", "160", "--roi-batch", "16", "--threads", "1", "--seed", "3"]


def run(program, *arguments, **options):
    return subprocess.run([PROGRAMS / program, *map(str, arguments)], capture_output=True, text=True, timeout=600, **options)


def check(condition, *seen):
    if not condition:
        caller = sys._getframe(1)
        print(f"FAILED {caller.f_code.co_filename}:{caller.f_lineno}")
        for s in seen:
            print(s if not isinstance(s, subprocess.CompletedProcess) else f"status {s.returncode}\nstdout:\n{s.stdout}\nstderr:\n{s.stderr}")
        sys.exit(1)


def refused(result, *words):
    """Exit status 1 and one sentence on stderr that holds all words."""
    check(result.returncode == 1, result)
    for word in words:
        check(str(word) in result.stderr, f"missing: {word}", result)


def demo_data(folder="data", images=12):
    check(run("make_demo_data", folder, "--images", images, "--seed", 5).returncode == 0, "make_demo_data")
    return pathlib.Path(folder)


def bytes_of(path):
    return pathlib.Path(path).read_bytes()
