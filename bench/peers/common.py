"""What the commands that compare share: processes that are watched, turns that alternate, tables, and what a measurement says of its machine.

This process stays small: the system counts the memory of the process that starts another into the other's peak.
"""
import contextlib
import dataclasses
import datetime
import os
import platform
import statistics
import struct
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))


@dataclasses.dataclass
class Watched:
    last_line: str  # of stdout
    seconds: float  # from the start of the process until that line came
    peak_mib: float  # largest resident memory
    processor_seconds: float  # of all its threads, to its end


def watch(command, threads):
    """Runs the command to its end; one that fails ends this program with what it said."""
    limits = {v: str(threads) for v in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
    last, seconds = "", 0.0
    with tempfile.TemporaryFile("w+") as said:
        start = time.perf_counter()
        process = subprocess.Popen(command, env={**os.environ, **limits}, stdout=subprocess.PIPE, stderr=said, text=True)
        for line in process.stdout:
            last, seconds = line.strip(), time.perf_counter() - start
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode or not last:
            said.seek(0)
            sys.exit(f"{' '.join(command)}\nended with status {process.returncode}\n{said.read()[-2000:]}")
    return Watched(last, seconds, usage.ru_maxrss / 1024, usage.ru_utime + usage.ru_stime)


def keep_to_cores(count):
    """From here on this process, and what it starts, runs on so many cores."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < count:
        sys.exit(f"--busy: expected {count} cores, as many as --threads, found {len(cores)}")
    os.sched_setaffinity(0, cores[:count])


@contextlib.contextmanager
def busy(loops):
    """While it lasts, so many endless loops of normal priority run on the cores of this process. They end with it, however it ends."""
    code = f"import os\nwhile os.getppid() == {os.getpid()}:\n    for _ in range(1000000): pass"
    others = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(loops)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def states(options):
    """{name of a state of the machine: its endless loops}: quiet, and busy where --busy asks for it. Then the cores are --threads."""
    if options.busy < 0:
        sys.exit(f"--busy: expected 0 or more endless loops, found {options.busy}")
    if options.busy:
        keep_to_cores(options.threads)
    return {"quiet": 0, **({"busy": options.busy} if options.busy else {})}


def turns(rounds, names):
    """(round, name) for every round; every other one goes backwards, so that what else the machine does falls on all."""
    for n in range(rounds):
        for name in names if n % 2 == 0 else reversed(names):
            yield n, name


def spread(values, digits):
    """median (smallest to largest)"""
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def ratio(above, below):
    """The median of the rounds' ratios: neighbours in time are compared, not medians of different minutes."""
    return statistics.median(a / b for a, b in zip(above, below))


def table(head, rows):
    return "\n".join("| " + " | ".join(r) + " |" for r in [head, ["---"] * len(head), *rows]) + "\n"


def machine():
    names, flags = set(), set()
    for line in open("/proc/cpuinfo"):
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            names.add(value.strip())
        if key.strip() == "flags":
            flags = set(value.split())
    sets = [f for f in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if f in flags]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (f"{os.cpu_count()} processors, {', '.join(names) or platform.machine()}{' with ' + ', '.join(sets) if sets else ''}; {memory:.0f} GiB; "
            f"{platform.system()} {platform.release().split('-')[0]}")


def versions(python, packages):
    show = f"from importlib.metadata import version as v; print(', '.join(p + ' ' + v(p) for p in {packages!r}))"
    return subprocess.run([python, "-c", show], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def commit():
    git = lambda *a: subprocess.run(["git", "-C", ROOT, *a], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout.strip()
    return (git("rev-parse", "--short", "HEAD") or "no commit") + (", changed" if git("status", "--porcelain", "--untracked-files=no") else "")


def today():
    return datetime.date.today().isoformat()


def peer_python(given):
    """The interpreter that is given, or the one that scripts/peers sets up."""
    return given or subprocess.run([os.path.join(ROOT, "scripts", "peers")], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def report_times(folder):
    """Of a run's folder tensorboard: {step: when its scalars were written, in seconds}."""
    times = {}
    for path in sorted(folder.iterdir()):
        data, at = path.read_bytes(), 0
        while at + 12 <= len(data):
            (length,) = struct.unpack_from("<Q", data, at)
            event = data[at + 12:at + 12 + length]
            at += 16 + length
            if len(event) < 10 or event[0] != 0x09 or event[9] != 0x10:
                continue  # the header, which has no step
            step, shift = 0, 0
            for byte in event[10:]:
                step |= (byte & 127) << shift
                shift += 7
                if byte < 128:
                    break
            times.setdefault(step, struct.unpack_from("<d", event, 1)[0])
    return times


def write(path, text):
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with open(path, "w") as f:
        f.write(text)
