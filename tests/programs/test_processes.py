"""Several processes under mpirun train as one with the same batch; whatever ends one of them ends all, with one sentence.

Without mpirun, or where the programs were built without MPI, it says so and tests nothing else.
"""
import array
import atexit
import json
import operator
import os
import pathlib
import platform
import resource
import shutil
import signal
import struct
import subprocess
import sys
import time

from common import PROGRAMS, TINY, bytes_of, check, demo_data, refused, run

MPIRUN = shutil.which("mpirun")
if not MPIRUN:
    print("skipped: there is no mpirun")
    sys.exit(0)
environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1", OMP_NUM_THREADS="1")


def start(processes, *arguments, patience=1, machines=0, sockets=True):
    """patience: seconds that Open MPI gives the others to end before it kills them. machines: that the processes count as those of; sockets: whether these reach each other."""
    apart = {"FRCNN_TEST_MACHINES": str(machines), "FRCNN_TEST_NO_SOCKETS": str(int(not sockets))}
    return subprocess.Popen([MPIRUN, "--oversubscribe", "--mca", "odls_base_sigkill_timeout", str(patience), "-n", str(processes), PROGRAMS / "train_voc", *map(str, arguments)],
                            env={**environment, **apart}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)


def train(processes, *arguments, **how):
    process = start(processes, *arguments, **how)
    try:
        out, errors = process.communicate(timeout=120)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        check(False, f"{processes} processes do not end: {arguments}", process.communicate())
    return subprocess.CompletedProcess(arguments, process.returncode, out, errors)


def sentences(result):
    return [line for line in result.stderr.splitlines() if line.startswith("error: ")]


def steps(out):
    return [json.loads(line) for line in open(f"{out}/metrics.jsonl")]


def near(ours, theirs):
    check(len(ours) == len(theirs), ours, theirs)
    for a, b in zip(ours, theirs):
        for name in ("step", "val_loss") if "val_loss" in b else ("step", "loss", "lr", "gradient_norm"):
            check(abs(a[name] - b[name]) <= 1e-5 * abs(b[name]), name, a, b)


def tensors(path):
    """Of a safetensors file of floats: {name: values}."""
    text = bytes_of(path)
    (length,) = struct.unpack_from("<Q", text)
    about = json.loads(text[8:8 + length])
    read = {}
    for name, tensor in about.items():
        if name == "__metadata__":
            continue
        check(tensor["dtype"] == "F32", name, tensor)
        begin, end = tensor["data_offsets"]
        read[name] = array.array("f", text[8 + length + begin:8 + length + end])
    return read


def near_weights(ours, theirs):
    """Sums of gradients over processes are rounded in another order than those of one. Weights take little of them in two steps; biases that
    start at 0 are made of them alone, and differ by some 1e-6 of the largest of the tensor."""
    a, b = tensors(ours), tensors(theirs)
    check(a.keys() == b.keys() and len(a) > 10, a.keys(), b.keys())
    for name in a:
        most, off = max(map(abs, b[name])), max(map(abs, map(operator.sub, a[name], b[name])))
        check(len(a[name]) == len(b[name]) and off <= 1e-5 * most, name, most, off)


def near_ap(ours, theirs):
    """A score that differs in its last bits may stand before or behind one that is nearly equal: a line of AP may move by a place of that."""
    lines = lambda result: [line.rsplit(maxsplit=1) for line in result.stdout.splitlines() if "AP50" in line]
    check(len(lines(ours)) == len(lines(theirs)) > 1, ours, theirs)
    for (name, a), (other, b) in zip(lines(ours), lines(theirs)):
        check(name == other and (a == b or abs(float(a) - float(b)) <= 0.01), name, a, b)


data = demo_data(images=10)
options = ["--data", data, *TINY, "--iterations", 2, "--checkpoint-every", 1]

# two processes with a batch of 4 are one with it; test included; half of the images without objects
for n, file in enumerate(sorted((data / "Annotations").glob("*.xml"))):
    if n % 2:
        text = file.read_text()
        file.write_text(text[: text.index("<object>")] + "</annotation>\n")
watched = [*options, "--eval-every", 1, "--val", f"{data}:test"]
two = train(2, *watched, "--batch", 4, "--out", "two")
if "a build with MPI" in two.stderr:
    print("skipped: the programs were built without MPI")
    sys.exit(0)
check(two.returncode == 0, two)
one = run("train_voc", *watched, "--batch", 4, "--out", "one")
check(one.returncode == 0 and len(steps("one")) == 4, one)
near(steps("two"), steps("one"))
near_weights("two/model.safetensors", "one/model.safetensors")
near_ap(two, one)
check(bytes_of("two/checked_images.txt") == bytes_of("one/checked_images.txt"), "each has checked its share of the images")
check(len(two.stdout.splitlines()) == len(one.stdout.splitlines()) and two.stdout.count("mAP50") == 1, "one of them speaks", two, one)
check(two.stderr.count("step 2 of 2") == 1, two)
data_of = lambda out: open(f"{out}/report.html").read().split("<h2>Data</h2>")[1].split("</table>")[0]
check(data_of("two") == data_of("one"), "the report is the first process's")
check({p.name for p in pathlib.Path("two").rglob("*")} == {p.name for p in pathlib.Path("one").rglob("*")}, "other files")

# so are two on a machine each, in the same bytes; where the machines do not reach each other, too, with a warning
for sockets in (True, False):
    apart = train(2, *watched, "--batch", 4, "--out", f"apart-{sockets}", machines=2, sockets=sockets)
    check(apart.returncode == 0 and apart.stderr.count("is left to mpirun") == int(not sockets) and not sentences(apart), apart)
    check(bytes_of(f"apart-{sockets}/model.safetensors") == bytes_of("two/model.safetensors"), "other bytes on two machines")

# goes on with as many bit by bit, with others within rounding
for n in (1, 2, 4):
    out = f"resumed-{n}"
    shutil.copytree("two", out)
    shutil.rmtree(f"{out}/checkpoint/step-00000002")
    pathlib.Path(f"{out}/model.safetensors").unlink()
    resumed = train(n, *watched, "--batch", 4, "--no-test", "--out", out, "--resume")
    check(resumed.returncode == 0 and "going on from step 1" in resumed.stderr, resumed)
    check(("equal within rounding" in resumed.stderr) == (n != 2), resumed)
    near(steps(out), steps("one"))
    near_weights(f"{out}/model.safetensors", "one/model.safetensors")
check(bytes_of("resumed-2/model.safetensors") == bytes_of("two/model.safetensors"), "equal numbers of processes, equal bytes")

# the rule of the rate, and a resume that takes batch and rate from the checkpoint
scaled = train(2, *options, "--no-test", "--out", "scaled")
check(scaled.returncode == 0 and "4 images, 2 times the preset's; rate 0.01 x 2; warm-up 100 / 2\n" in scaled.stderr, scaled)
check(abs(steps("scaled")[0]["lr"] - 0.02 / 50) < 1e-9, steps("scaled")[0])
shutil.rmtree("scaled/checkpoint/step-00000002")
alone = run("train_voc", *options, "--no-test", "--out", "scaled", "--resume")
check(alone.returncode == 0 and "going on from step 1" in alone.stderr, alone)

# what options say is not scaled, and not said to be
told = train(2, *options, "--lr", 0.003, "--no-test", "--out", "told")
check(told.returncode == 0 and "4 images, 2 times the preset's; rate 0.003, as --lr says; warm-up 100 / 2\n" in told.stderr, told)
check(len(steps("told")) == 2 and abs(steps("told")[0]["lr"] - 0.003 / 50) < 1e-9, steps("told")[0])

# what is refused is refused once, though each process finds it
for processes, machines, more, words in ((3, 0, ["--batch", 4], ["--batch", "a multiple of the 3 processes", "found 4"]),
                                         (3, 3, ["--batch", 4], ["--batch", "a multiple of the 3 processes", "found 4", f" on {platform.node()}: "]),
                                         (2, 0, ["--scheme", "alternating", "--iterations", "2,2"], ["--scheme", "alternating"])):
    result = train(processes, *options, *more, "--out", "refused", machines=machines)
    check(result.returncode == 1 and len(sentences(result)) == 1 and all(w in result.stderr for w in words), result)

# a bad image, which one of them decodes, as one process says it
shutil.copytree(data, "bad")
bad = sorted(pathlib.Path("bad/JPEGImages").iterdir())[1]
bad.write_bytes(b"no picture")
result = train(2, "--data", "bad", *TINY, "--out", "never")
check(result.returncode == 1 and len(sentences(result)) == 1 and bad.name in result.stderr and not pathlib.Path("never").exists(), result)

# a full disk of process 0
pathlib.Path("full").mkdir()
pathlib.Path("full/metrics.jsonl").symlink_to("/dev/full")
full = train(2, *options, "--no-test", "--out", "full", "--resume")
check(full.returncode == 1 and len(sentences(full)) == 1 and "process 0 of 2" in full.stderr and "a full disk" in full.stderr, full)


def process_of(out, rank):
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if f"--out\0{out}".encode() in (folder / "cmdline").read_bytes() and f"OMPI_COMM_WORLD_RANK={rank}\0".encode() in (folder / "environ").read_bytes():
                return int(folder.name)
        except OSError:
            pass
    return None


def saved(out):
    """The names of the checkpoints that are there."""
    return {p.name for p in pathlib.Path(f"{out}/checkpoint").glob("step-*[0-9]")}


def wait_for_steps(out, beside=frozenset()):
    """Until there is a checkpoint that is not among those."""
    deadline = time.time() + 60
    while time.time() < deadline and not saved(out) - beside:
        time.sleep(0.05)
    check(saved(out) - beside, f"{out}: no checkpoint in time")


def started(processes, folder, rank, *arguments, **how):
    """A run that has saved, and which of the system's processes has the rank."""
    process = start(processes, *arguments, "--out", folder, **how)
    wait_for_steps(folder)
    found = process_of(folder, rank)
    check(found is not None, f"rank {rank} was not found")
    return process, found


def ended(process):
    out, errors = process.communicate(timeout=120)
    return subprocess.CompletedProcess([], process.returncode, out, errors)


# a disk of process 0 that is full after some steps: the checkpoints before are whole, and with room again the run ends in the same bytes
filling = [*options, "--iterations", 15, "--no-test"]
check(train(2, *filling, "--out", "room").returncode == 0, "with room")
process, writer = started(2, "filled", 0, *filling)
_, most = resource.prlimit(writer, resource.RLIMIT_FSIZE)
resource.prlimit(writer, resource.RLIMIT_FSIZE, (4096, most))  # bytes of a file that is written
filled = ended(process)
check(filled.returncode == 1 and len(sentences(filled)) == 1 and "process 0 of 2" in filled.stderr and "expected room on the disk" in filled.stderr, filled)
check(saved("filled") and "step-00000015" not in saved("filled") and not pathlib.Path("filled/model.safetensors").exists(), saved("filled"))
check({p.name for p in pathlib.Path("filled/checkpoint").iterdir()} == saved("filled"), "nothing is there that is not whole", saved("filled"))
saved_before = saved("filled")
resumed = train(2, *filling, "--out", "filled", "--resume")
check(resumed.returncode == 0 and f"going on from step {int(max(saved_before)[5:])}\n" in resumed.stderr, resumed)
check(bytes_of("filled/model.safetensors") == bytes_of("room/model.safetensors"), "other bytes behind a full disk")

# a process that is stopped is not dead: looked at below, when its machine would have been given up
long_run = [*options, "--iterations", 4000, "--no-test"]
suspended, stopped = started(2, "suspended", 1, *long_run, patience=5, machines=2)
os.kill(stopped, signal.SIGSTOP)
stopped_at = time.time()


@atexit.register
def end_suspended():
    """Where a check fails meanwhile."""
    subprocess.run(["kill", "-9", str(stopped), str(suspended.pid)], capture_output=True)


# kill -9 of any: one sentence that names the process and its machine, soon. With 3 processes on 2 machines, another is with process 0
for processes, machines, rank in ((2, 0, 1), (2, 0, 0), (2, 2, 1), (2, 2, 0), (3, 2, 0), (3, 2, 1)):
    process, victim = started(processes, f"killed-{processes}-{machines}-{rank}", rank, *long_run, machines=machines)
    os.kill(victim, signal.SIGKILL)
    began = time.time()
    killed = ended(process)
    where = f" on {platform.node()}" if machines else ""
    check(killed.returncode != 0 and len(sentences(killed)) == 1, killed)
    check(sentences(killed)[0].startswith(f"error: process {rank} of {processes}{where}: expected to train to the end, found its end (killed"), killed)
    check(time.time() - began < 30, f"{time.time() - began:.1f} s after kill -9")
    print(f"{processes} processes, {machines or 1} machine(s): ended {time.time() - began:.1f} s after kill -9 of rank {rank}")

# an error in process 1 alone: the second test image, which it reads and process 0 does not, is damaged when all have been checked
for machines in (0, 2):
    damaged, out = f"damaged-{machines}", f"thrown-{machines}"
    shutil.copytree(data, damaged)
    process = start(2, "--data", damaged, *TINY, "--iterations", 12, "--checkpoint-every", 1, "--out", out, machines=machines)
    wait_for_steps(out)
    second = pathlib.Path(f"{damaged}/ImageSets/Main/test.txt").read_text().split()[1]
    (image,) = pathlib.Path(f"{damaged}/JPEGImages").glob(f"{second}.*")
    image.write_bytes(b"no picture")
    thrown = ended(process)
    check(thrown.returncode == 1 and len(sentences(thrown)) == 1 and "process 1 of 2" in sentences(thrown)[0] and image.name in sentences(thrown)[0], thrown)
    check(pathlib.Path(f"{out}/model.safetensors").exists() and "AP50" not in thrown.stdout, "the model is whole, and nothing of the test is said", thrown)

# the run with the stopped process: nothing has happened, and it goes on
time.sleep(max(0, stopped_at + 20 - time.time()))  # 15 s: a machine that does not answer
atexit.unregister(end_suspended)
check(suspended.poll() is None, "a stopped process was taken for dead", suspended.poll())
before = frozenset(saved("suspended"))
os.kill(stopped, signal.SIGCONT)
wait_for_steps("suspended", before)
suspended.send_signal(signal.SIGINT)
suspended = ended(suspended)
check("go on with --resume" in suspended.stderr and not sentences(suspended), suspended)

# Ctrl-C saves
process = start(2, *long_run, "--out", "stopped", patience=5)  # Open MPI sleeps through it twice
wait_for_steps("stopped")
process.send_signal(signal.SIGINT)
out, errors = process.communicate(timeout=120)
check("go on with --resume" in errors, errors)
