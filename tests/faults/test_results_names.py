"""Names that the check of the data lets pass cost no run: result files take them, and what cannot be written costs only itself.
AP is one number whatever the way: at the end of training, from the model, from the result files."""
import gzip
import pathlib
import shutil

from common import TINY, check, refused, run
from voc_data import files, thing, voc

QUICK = [*TINY, "--iterations", "2"]


def trains(name, samples, test=None, *options):
    root = voc(name, samples, test)
    result = run("train_voc", "--data", root, *QUICK, *options, "--out", f"run_{name}")
    check("mAP50" in result.stdout and pathlib.Path(f"run_{name}/model.safetensors").exists(), result)
    return root, pathlib.Path(f"run_{name}"), result


def scores(result):
    return [line for line in result.stdout.splitlines() if "AP50" in line]


def same_whatever_the_way(root, out, result):
    """The three ways agree; what the warnings of the last are."""
    check(result.returncode == 0, result)
    model = run("evaluate", "--model", out / "model.safetensors", "--test", root, "--threads", "1")
    check(model.returncode == 0 and scores(model) == scores(result), model, result)
    read = run("evaluate", "--results", out / "results", "--test", root)
    check(read.returncode == 0 and scores(read)[-1] == scores(result)[-1], read, result)
    return read


# ---- ids with blanks, percent signs
root, out, result = trains("blanks", {"shot (1)": thing(), "shot (2)": thing(), "shot%20(1)": thing(), "100%": thing()})
same_whatever_the_way(root, out, result)
check(result.stderr.count("warning: 3 of 4 image ids cannot stand in result files") == 1 and "shot%20(1)" in result.stderr, result)
check(files(out / "detections") == ["100%.png", "shot (1).png", "shot (2).png", "shot%2520(1).png"], files(out / "detections"))
check(files(out / "results") == ["comp4_det_test_thing.txt"], files(out / "results"))
lines = (out / "results/comp4_det_test_thing.txt").read_text().splitlines()
check({line.split(" ")[0] for line in lines} == {"shot%20(1)", "shot%20(2)", "shot%2520(1)", "100%"}, lines[:5])
check(all(len(line.split()) == 6 for line in lines), lines[:5])

# ---- ids with folders, which pictures keep
root, out, result = trains("folders", {"day1/a": thing(), "day1/b": thing(), "day2/a": thing()})
same_whatever_the_way(root, out, result)
check("cannot stand" not in result.stderr, result)
check(files(out / "detections") == ["day1/a.png", "day1/b.png", "day2/a.png"], files(out / "detections"))

# ---- joined roots with images of one id: no line of a file could tell them apart; said before training, and each has its picture
voc("video1", {"frame_0": thing(), "frame_1": thing()})
voc("video2", {"frame_0": thing(), "frame_1": thing()})
result = run("train_voc", "--data", "video1:all", "--data", "video2:all", "--split", "0.5", *QUICK, "--out", "run_videos")
check(result.returncode == 0 and "mAP50" in result.stdout, result)
pictures = files("run_videos/detections")  # the same hash takes the same id of both
check(len(pictures) == 2 and pictures[0].replace("-2.png", ".png") == pictures[1].replace("-2.png", ".png"), pictures)
check(result.stderr.count("result files cannot tell them apart, and are not written") == 1 and "video2/" in result.stderr, result)
check(result.stderr.index("not written") < result.stderr.index("step 1"), result)
check(not pathlib.Path("run_videos/results").exists(), "files of which nobody could tell whose boxes they hold")

# ---- as joined test data, whose images are all tested: trained with, and by a model that is there
result = run("train_voc", "--data", "video1:all", "--test", "video1:all", "--test", "video2:all", *QUICK, "--out", "run_tests")
check(result.returncode == 0 and "mAP50" in result.stdout and "result files cannot tell them apart" in result.stderr, result)
check(files("run_tests/detections") == ["frame_0-2.png", "frame_0.png", "frame_1-2.png", "frame_1.png"], files("run_tests/detections"))
both = run("evaluate", "--model", "run_tests/model.safetensors", "--test", "video1:all", "--test", "video2:all")
check(both.returncode == 0 and scores(both)[-1] == scores(result)[-1], both, result)
refused(run("evaluate", "--results", "run_tests", "--test", "video1:all", "--test", "video2:all"), "image ids that differ", "frame_0' twice")

# ---- an id that leads out of the folder of images does not lead out of the run's
root = voc("outside", {"a": thing(), "b": thing(), "c": thing()})
for folder, ending in (("JPEGImages", ".png"), ("Annotations", ".xml")):
    shutil.copy(root / folder / ("a" + ending), root / ("x" + ending))
    shutil.copy(root / folder / ("a" + ending), root / folder / ("x" + ending))
(root / "ImageSets/Main/test.txt").write_text("../x\na\n")
result = run("train_voc", "--data", root, *QUICK, "--out", "deep/er/run")
check(files("deep") == [str(pathlib.Path("er/run", f)) for f in files("deep/er/run")], "nothing beside the run")
if result.returncode == 0:  # the reader may refuse such an id altogether
    check(files("deep/er/run/detections") == ["..%2Fx.png", "a.png"], files("deep/er/run/detections"))

# ---- classes that no file can be named after
root, out, result = trains("classes", {"a": thing("n/a") + thing("tv monitor"), "b": thing("x" * 260), "c": thing("x" * 259 + "y") + thing("../up")})
read = same_whatever_the_way(root, out, result)
check(scores(read) == scores(result), read, result)
check(result.stderr.count("warning: 4 of 5 class names cannot stand in result files") == 1 and "..%2Fup" in result.stderr, result)
names = files(out / "results")
check(len(names) == 5 and {"comp4_det_test_n%2Fa.txt", "comp4_det_test_..%2Fup.txt", "comp4_det_test_tv monitor.txt"} < set(names), names)
check("belongs to none" not in read.stderr, read)

# ---- what cannot be written costs only itself: neither model nor AP nor the rest
root = voc("blocked", {"a": thing(), "b": thing()})
out = pathlib.Path("run_blocked")
for part in ("results/comp4_det_test_thing.txt", "detections/a.png", "curves.svg"):  # folders where files should be
    (out / part).mkdir(parents=True)
result = run("train_voc", "--data", root, *QUICK, "--out", out)
refused(result, "error: run_blocked/results/comp4_det_test_thing.txt", "error: run_blocked/detections/a.png", "error: run_blocked/curves.svg")
check(len(scores(result)) == 2 and (out / "model.safetensors").exists() and (out / "pr.svg").exists() and (out / "detections/b.png").exists(), result)
(out / "pr.svg").unlink()
(out / "pr.svg").mkdir()
again = run("train_voc", "--data", root, *QUICK, "--out", out, "--resume")
refused(again, "pr.svg")
check(scores(again) == scores(result), "the test pass may be run again", again)

# ---- a class without boxes in the test data has no AP and does not count
root, out, result = trains("rare", {"a": thing() + thing("rare", (3, 3, 30, 30)), "b": thing(), "c": thing() + thing("hard", extra="<difficult>1</difficult>")}, ["b", "c"])
read = same_whatever_the_way(root, out, result)
check("AP50 rare n/a" in result.stdout and "AP50 hard n/a" in result.stdout, result)
warning = "warning: 2 of 3 classes have no objects to find in this split"
check(result.stderr.count(warning) == 1, result)
value = next(line for line in result.stdout.splitlines() if line.startswith("AP50 thing")).split()[-1]
check(result.stdout.endswith(f"mAP50 {value}\n"), result)
for metric in ("area", "voc07"):
    ways = [run("evaluate", *way, "--test", root, "--metric", metric, "--threads", "1")
            for way in (("--model", out / "model.safetensors"), ("--results", out / "results"))]
    check(ways[0].stdout.splitlines()[-1] == ways[1].stdout.splitlines()[-1], *ways)
    check(ways[0].stderr.count(warning) == 1, ways[0])

# ---- a class of the data that has no result file is said, and was not looked for
other = voc("other", {"b": thing() + thing("zebra", (3, 3, 30, 30)), "c": thing()})
read = run("evaluate", "--results", out / "results", "--test", other)
check(read.returncode == 0 and "AP50 zebra n/a" in read.stdout and scores(read)[-1] == scores(result)[-1], read, result)
check("1 of 2 classes of the data has no result file" in read.stderr and "comp4_det_test_zebra.txt" in read.stderr, read)
check("no objects to find" not in read.stderr, read)
(out / "results/comp4_det_test_zebra.txt").write_text("")  # looked for, nothing found
read = run("evaluate", "--results", out / "results", "--test", other)
check(read.returncode == 0 and "AP50 zebra 0.0000" in read.stdout and "no result file" not in read.stderr, read)

# ---- result files that are no text
lines = out / "results/comp4_det_test_thing.txt"
kept = b"b 0.9 1 1 9 9\nc 0.8 2 2 60 50\n"
lines.write_bytes(kept)
read = run("evaluate", "--results", out / "results", "--test", other)
for contents, words in ((gzip.compress(kept), "expected detections, lines id score x1 y1 x2 y2, found a file packed by gzip"), (bytes(100), "zeros where it begins"),
                        (kept + bytes(4000), "control characters, '"), (kept.decode().encode("utf-16")[:-1], "expected text in UTF-16")):
    lines.write_bytes(contents)
    bad = run("evaluate", "--results", out / "results", "--test", other)
    refused(bad, lines, words)
    check(all(len(line) < 300 and line.isprintable() for line in bad.stderr.splitlines()), "no excerpt", bad)
for contents in (kept.decode().encode("utf-16"), kept.replace(b"\n", b"\r")):
    lines.write_bytes(contents)
    check(scores(run("evaluate", "--results", out / "results", "--test", other)) == scores(read) != [], contents[:9])

refused(run("evaluate", "--results", out, "--test", other), "none of a known class, but a folder 'results'")

# ---- recall says at which IoU
recall = run("evaluate", "--model", out / "model.safetensors", "--test", root, "--threads", "1", "--recall")
lines = [line for line in recall.stdout.splitlines() if line.startswith("recall@")]
check(len(lines) == 3 and all(" at IoU 0.50, 0.55, ... 0.95: " in line and len(line.split(": ")[1].split()) == 12 for line in lines), recall)

# ---- lines that are no detections
lines = out / "results/comp4_det_test_thing.txt"
for line, words in (("b 0.5 60 48 21 17", "'60 48 21 17'"), ("b 0.5 50 40 20 30", "'50 40 20 30'"), ("b 21 17 60 48 0.5", "'17 60 48 0.5'")):
    lines.write_text(f"b 0.9 1 1 9 9\n{line}\n")
    refused(run("evaluate", "--results", out / "results", "--test", other), "comp4_det_test_thing.txt:2: expected id score x1 y1 x2 y2", words)
lines.write_text("b 0.5 0.2 0.2 0.6 0.7\nc 0.5 0.1 0.2 0.6 0.7\n")
read = run("evaluate", "--results", out / "results", "--test", other)
check(read.returncode == 0 and read.stderr.count("all 2 boxes lie in 0..1") == 1, read)
