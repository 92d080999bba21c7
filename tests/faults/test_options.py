"""Numbers on command lines: what is not finite or out of range is refused in one short sentence, by every program, before anything is done."""
import os
import pathlib
import re
import subprocess

from common import PROGRAMS, TINY, bytes_of, check, demo_data, refused, run

data = demo_data("data", 6)


def refuses(program, option, value, *words, rest=(), colon=True):
    result = run(program, *rest, option, value)
    refused(result, *[f"{option}: expected"] * colon, *words)
    check(all(len(line) < 200 for line in result.stderr.splitlines()), "a number of hundreds of digits", result)
    check(not pathlib.Path("out").exists(), "something was made")


TRAIN = ["--data", data, "--out", "out"]
for option in ("--lr", "--anchors", "--ratios"):
    for value in ("nan", "-nan", "inf", "-inf", "1e400", "1e39", "0", "-1", "", "x", "1x", "1e-400"):
        refuses("train_voc", option, value, "a number above 0", f"'{value}'", rest=TRAIN)
for value in ("nan", "inf", "-0.1", "1.1", "1e300"):
    refuses("train_voc", "--lr-drop", value, "a number from 0 to 1", f"'{value}'", rest=TRAIN)
    refuses("detect", "--threshold", value, "a number from 0 to 1", f"'{value}'", rest=["--model", "m", "image"])
for value in ("nan", "0", "1", "inf"):
    refuses("train_voc", "--split", value, "a number between 0 and 1", f"'{value}'", rest=TRAIN)
refuses("train_voc", "--anchors", "32,nan", "'nan'", rest=TRAIN)
# ... a list has a number between any two commas, whoever splits it
for option, values in (("--anchors", ("16,,32", ",16", "16,", ",")), ("--ratios", ("1,", "0.5,,1")), ("--lr-drop", (",", "0.5,")),
                       ("--iterations", ("4,", ",4", ",")), ("--maps-mb", ("1,", ",")), ("--scales", ("64,", "64,,96"))):
    for value in values:
        refuses("train_voc", option, value, "a whole number" if option in ("--iterations", "--maps-mb", "--scales") else "a number",
                f"found '' between the commas of '{value}'", rest=TRAIN)
refused(run("train_voc", *TRAIN, "--out=~/run"), "--out: expected a path without ~, which no shell has replaced here (./~ where it is called so), found '~/run'")
refused(run("train_voc", *TRAIN, "--class-weights", "star=2,star=3", "--out", "weighed"), "--class-weights: expected one weight for a class, found two of star")
refused(run("train_voc", *TRAIN, "--class-weights", "sta=2", "--out", "weighed"), '--class-weights: expected classes of this run, crate, star, target, or background, found "sta"')
refused(run("train_voc", *TRAIN, "--no-test", "--classes", "background,star", "--class-weights", "background=2", "--out", "weighed"),
        "--class-weights: expected a name that means one thing, found background")
os.environ["FRCNN_CPU_ENGINE"] = "foo"
refused(run("train_voc", *TRAIN), "FRCNN_CPU_ENGINE: expected portable", "found 'foo'")
check(run("train_voc", *TRAIN[:2], "--out", "of_line", *TINY, "--iterations", "1", "--no-test", "--engine", "portable").returncode == 0, "the command line counts")
os.environ["FRCNN_CPU_ENGINE"] = "onednn"  # as fast was called; and it is no request of this run's
check(run("evaluate", "--results", "of_line", "--test", data).stderr.find("--engine") < 0, "--engine was not given")
del os.environ["FRCNN_CPU_ENGINE"]
for value in ("a,,b", "a,", ","):
    refuses("train_voc", "--classes", value, "an empty name", rest=TRAIN, colon=False)
refuses("train_voc", "--anchors", "1e30", "up to 16384", rest=TRAIN)
refuses("train_voc", "--ratios", "1e30", "up to 1000", rest=TRAIN)
refused(run("train_voc", *TRAIN, "--anchors", "16384", "--ratios", "900"), "anchors: expected sides of at most 65536 pixels, found size 16384 with ratio 900")
check(not pathlib.Path("out").exists(), "something was made")
refuses("train_voc", "--anchors", "16\x01" + "\u00e9" * 80, "'16\\x01" + "\u00e9" * 37 + "...'", rest=TRAIN)
# ... and what nothing would look at is not dropped in silence
refused(run("train_voc", *TRAIN, "--test", "nowhere", "--no-test"), "--test nowhere: expected a test that looks at it, found --no-test")
refused(run("train_voc", *TRAIN, "--proposals", "p", "--test-proposals", "q", "--no-test"), "--test-proposals q: expected a test")
refused(run("train_voc", *TRAIN, "--proposals", "p", "--lambda", "10"), "--lambda: expected an RPN that learns", "--proposals")
for option in (["--metric", "voc07"], ["--split", "0.5"], ["--skip-bad"], ["--exif", "apply"]):
    refused(run("compress", "--model", "m", "--out", "c", *option), option[0], "--test")
for option in (["--precision", "f32"], ["--timing"], ["--profile"], ["--transforms", "keep"]):
    refused(run("evaluate", "--results", "r", "--test", data, *option), f"{option[0]}: expected --model")
refused(run("propose", "--model", "m", "--data", data, "--out", "p", "--seed", "1"), "--seed", "--no-cls")
refused(run("propose", "--model", "m", "--data", data, "--out", "p", "--no-cls", "--with-anchors"), "--with-anchors", "--no-cls")
for option in ("--epochs", "--iterations", "--batch", "--accumulate", "--short-side", "--max-side", "--checkpoint-every"):
    for value in ("0", "-1", "1.5", "nan", "", "1e3", "0x10", "99999999999999999999"):
        refuses("train_voc", option, value, "a whole number from 1", f"'{value}'", rest=TRAIN)
for option, value in (("--epochs", "2147483648"), ("--short-side", "16385"), ("--max-side", "2000000000"), ("--cache-mb", "18446744073709551615"),
                      ("--cache-mb", "-1"), ("--seed", "-1"), ("--seed", "18446744073709551616"), ("--threads", "-1"), ("--threads", "100000")):
    refuses("train_voc", option, value, "a whole number", f"'{value}'", rest=TRAIN)
refuses("train_voc", "--lr", "9" * 400, "'" + "9" * 40 + "...'", rest=TRAIN)
for program, rest in (("detect", ["--model", "m", "image"]), ("evaluate", ["--model", "m", "--test", data]), ("compress", ["--model", "m", "--out", "c"])):
    refuses(program, "--threads", "100000", "a whole number from 0 to", rest=rest)
    refuses(program, "--threads", "nan", "a whole number", rest=rest)
refuses("compress", "--fc6-rank", "-1", "a whole number", rest=["--model", "m", "--out", "c"])
for value in ("0", "1"):
    refuses("make_demo_data", "--images", value, "a whole number from 2 on", rest=["out"])
check(run("make_demo_data", "two", "--images", "2").returncode == 0, "one to train on, one to test on")
refuses("make_demo_data", "--seed", "1e9", "a whole number", rest=["out"])

# "-" is no file, whatever takes one, and neither is nothing at all
for value in ("-", ""):
    for program, option, rest in (("train_voc", "--data", ["--out", "out"]), ("train_voc", "--test", TRAIN), ("train_voc", "--out", ["--data", data]),
                                  ("train_voc", "--init", TRAIN), ("train_voc", "--classes", TRAIN), ("detect", "--model", ["image"]),
                                  ("detect", "--out", ["--model", "m", "image"]), ("evaluate", "--model", ["--test", data]),
                                  ("evaluate", "--results", ["--test", data]), ("evaluate", "--test", ["--model", "m"]),
                                  ("compress", "--model", ["--out", "c"]), ("compress", "--out", ["--model", "m"]),
                                  ("compress", "--test", ["--model", "m", "--out", "c"])):
        refuses(program, option, value, "the name of a file or a folder", f"'{value}'", rest=rest)
    refused(run("detect", "--model", "m", value), "IMAGE: expected the name of a file", f"'{value}'")
    refused(run("make_demo_data", value), "OUT: expected the name of a file", f"'{value}'")
refuses("detect", "--json", "", "the name of a file", rest=["--model", "m", "image"])
check(not pathlib.Path("-").exists(), "something was made")

# what is in range goes through; a zero in front, which would make the number octal, is no way to write one
refuses("train_voc", "--seed", "010", "without a zero in front", rest=TRAIN)
QUICK = ["--data", data, *TINY, "--iterations", "2", "--no-test"]
check(run("train_voc", *QUICK, "--seed", "10", "--out", "ten").returncode == 0, "10")
check(run("train_voc", *QUICK, "--seed", "+10", "--out", "plus").returncode == 0, "+10")
same = [pathlib.Path(out, "model.safetensors").read_bytes() for out in ("ten", "plus")]
check(same[0] == same[1], "+10 is ten")
check(run("train_voc", *QUICK, "--lr", "1e-3", "--lr-drop", "0,1", "--anchors", "16,2.5e1", "--out", "small").returncode == 0, "1e-3")

# the longer side is at least the shorter: said, or refused where both are the user's
result = run("train_voc", "--data", data, "--max-side", "200", "--out", "out")
refused(result, "--max-side: expected at least the short side, 300 (the preset's", "200")
result = run("train_voc", "--data", data, "--short-side", "96", "--max-side", "90", "--out", "out")
refused(result, "--max-side: expected at least the short side, 96,", "90")
check(not pathlib.Path("out").exists(), "something was made")
wide = run("train_voc", "--data", data, "--iterations", "1", "--threads", "1", "--short-side", "1100", "--batch", "1", "--no-test", "--out", "wide")
check(wide.returncode == 0 and "--max-side is 1100, as --short-side; the preset's 1000 is less" in wide.stderr, wide)

# an output that is an input, here too
model = pathlib.Path("ten/model.safetensors")
before = model.read_bytes()
refused(run("compress", "--model", model, "--out", "ten/../ten/model.safetensors"), "an output that is no input")
refused(run("train_voc", *QUICK, "--init", model, "--out", "ten", "--resume"), "an output that is no input")
check(model.read_bytes() == before, "the model is as it was")

# a model of other anchors: as many are taken, and said; another number is not
few = run("train_voc", *QUICK, "--init", model, "--anchors", "16,32", "--out", "few")
refused(few, f"{model}: expected a model of as many anchors a cell as --anchors and --ratios give, 6 (16,32 x 0.5,1,2), found one of 9 (24,48,96 x 0.5,1,2)")
other = run("train_voc", *QUICK, "--init", model, "--anchors", "16,32,64", "--out", "other")
check(other.returncode == 0 and "its model has other anchors, 9 (24,48,96 x 0.5,1,2); this run's are 9 (16,32,64 x 0.5,1,2)" in other.stderr, other)

# numbers that nobody takes do not vanish
with open("/dev/full", "w") as full:
    result = subprocess.run([PROGRAMS / "evaluate", "--model", model, "--test", data, "--threads", "1"], stdout=full,
                            stderr=subprocess.PIPE, text=True, timeout=300)
check(result.returncode == 1 and "standard output" in result.stderr, result)

# The engine fast was called onednn: scripts and environments that say so get it.
TINY_RUN = ["--data", data, *TINY, "--iterations", "2", "--no-test"]
fast = run("train_voc", *TINY_RUN, "--engine", "fast", "--out", "fast")
if fast.returncode == 0:
    old = run("train_voc", *TINY_RUN, "--engine", "onednn", "--out", "old")
    check(old.returncode == 0 and bytes_of("old/model.safetensors") == bytes_of("fast/model.safetensors"), old)
    again = run("train_voc", *TINY_RUN, "--engine", "onednn", "--out", "fast", "--resume")
    check(again.returncode == 0, again)
else:
    refused(fast, "--engine", "portable")
refused(run("train_voc", *TINY_RUN, "--engine", "quick", "--out", "quick"), "--engine", "portable")

# Every option is on a page, and one that nobody knows has a neighbour.
root = pathlib.Path(__file__).parents[2]
pages = "".join(page.read_text() for page in [root / "README.md", *(root / "docs").glob("*.md")])
for program in ("train_voc", "detect", "evaluate", "propose", "proposal_recall", "convert", "compress", "inspect_data", "convert_data", "make_demo_data"):
    options = re.findall(r"^ +(?:-\w,)?(--[a-z][a-z-]*)", run(program, "--help").stdout, re.M)
    missing = [o for o in options if not re.search(re.escape(o) + r"(?![a-z-])", pages)]
    check("--help" in options and not missing, program, missing)
refused(run("train_voc", *TINY_RUN, "--epoch", "3"), "--epoch: expected an option of this program (--help lists them; --epochs is one)")
refused(run("train_voc", data), "'" + str(data) + "': expected an option before it")
for dash in "\u2010\u2011\u2012\u2013\u2014\u2015\u2212":  # editors and pages make them of hyphens
    refused(run("train_voc", dash + "-data", data), f"'{dash}-data': expected an option, which begins with two hyphens (--), found a dash")
refused(run("evaluate", "--modle=x", "--test", data), "--modle=x: expected an option", "--model is one")
refused(run("train_voc", *TINY_RUN, "--scheme", "jiont"), "--scheme: expected joint, exact, alternating or unshared, found 'jiont'")
refused(run("evaluate", "--model", model, "--test", data, env=os.environ | {"OMPI_COMM_WORLD_SIZE": "2"}), "mpirun: expected train_voc", "evaluate")
