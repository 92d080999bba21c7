"""Proposals in files: propose writes them, train_voc and evaluate look at them, proposal_recall measures them; and files that are none."""
import csv
import gzip
import json
import os
import pathlib
import re
import resource
import xml.etree.ElementTree as xml

from common import TINY, bytes_of, check, demo_data, refused, run
from voc_data import thing, voc

ONE = ["--threads", "1"]
data = demo_data(images=15)
ids = {split: (data / f"ImageSets/Main/{split}.txt").read_text().split() for split in ("trainval", "test")}
check(run("train_voc", "--data", data, *TINY, "--no-test", "--out", "run").returncode == 0, "a model")
MODEL = ["--model", "run/model.safetensors", *ONE]


def lists(path):
    """{id: [[x1, y1, x2, y2, ..], ..]} of a file of proposals, as written."""
    found = {}
    for line in pathlib.Path(path).read_text().splitlines():
        words = line.split()
        found.setdefault(words[0], [])
        if len(words) > 1:
            found[words[0]].append([float(w) for w in words[1:6]])
    return found


def proposes(out, *arguments, split="test"):
    result = run("propose", *MODEL, "--data", f"{data}:{split}", "--out", out, *arguments)
    check(result.returncode == 0 and re.fullmatch(rf"{out}: \d+ proposals, [\d.]+ an image\n", result.stdout), result)
    return lists(out)


# ---- what propose writes: every image, by score, inside of it, as many as asked for, the same bytes each time
test, trainval = proposes("test.txt"), proposes("trainval.txt", split="trainval")
check(list(test) == ids["test"] and list(trainval) == ids["trainval"], "images in the order of the list")
sizes = {name: [int(xml.parse(data / f"Annotations/{name}.xml").find(f"size/{side}").text) for side in ("width", "height")] for name in ids["test"]}
for name, boxes in test.items():
    check(0 < len(boxes) <= 300 and all(len(b) == 5 and 0 < b[4] < 1 for b in boxes), name)
    check([b[4] for b in boxes] == sorted((b[4] for b in boxes), reverse=True), name)
    check(all(1 <= b[0] < b[2] + 1 <= sizes[name][0] + 1 and 1 <= b[1] < b[3] + 1 <= sizes[name][1] + 1 for b in boxes), name)
proposes("again.txt")
check(bytes_of("again.txt") == bytes_of("test.txt"), "equal runs give equal bytes")
for name, boxes in proposes("ten.txt", "--top", "10").items():
    check(boxes == test[name][:10], "the first ones", boxes)
raw = proposes("raw.txt", "--no-nms")
check(all(len(raw[name]) > len(test[name]) for name in test), "nothing is suppressed")
check(all(b in raw[name] for name in test for b in test[name]), "what is kept is among them")
# ---- Table 2's ablations: a draw in place of objectness, the anchors in place of regressed boxes
drawn = proposes("drawn.txt", "--no-nms", "--no-cls", "--top", "50")
check(all(len(boxes) == 50 and all(len(b) == 4 for b in boxes) for boxes in drawn.values()), "a sample without scores")
check(drawn == proposes("drawn_again.txt", "--no-nms", "--no-cls", "--top", "50"), "of a seed")
check(drawn != proposes("drawn_1.txt", "--no-nms", "--no-cls", "--top", "50", "--seed", "1"), "of another seed")
every = {name: {tuple(b[:4]) for b in boxes} for name, boxes in proposes("every.txt", "--no-nms", "--top", "100000").items()}
check(all(tuple(b) in every[name] for name in drawn for b in drawn[name]), "boxes of the RPN")
windows = proposes("windows.txt", "--no-nms", "--no-cls", "--no-reg", "--top", "100000")
inside = [b for name in windows for b in windows[name] if b[0] > 1 and b[1] > 1 and b[2] < sizes[name][0] and b[3] < sizes[name][1]]
check(inside and len({round((b[2] - b[0] + 1) * 10) for b in inside}) <= 9 * len(sizes), "windows of nine shapes")
proposes("anchors.txt", "--with-anchors")
named = [line.split() for line in pathlib.Path("anchors.txt").read_text().splitlines()]
check(all(len(words) == 7 and re.fullmatch(r"(24|48|96):(0\.5|1|2)", words[6]) for words in named), named[0])
check([words[:6] for words in named] == [line.split() for line in pathlib.Path("test.txt").read_text().splitlines()], "the same lines but for that")

# ---- evaluate: the head on a file; recall of what the model proposes, of the file the same
own, from_file = (run("evaluate", *MODEL, "--test", data, "--recall", *more) for more in ([], ["--proposals", "test.txt"]))
recall = [line for line in own.stdout.splitlines() if line.startswith("recall@")]
check(own.returncode == 0 and len(recall) == 3 and own.stdout == from_file.stdout, own, from_file)
few = run("evaluate", *MODEL, "--test", data, "--proposals", "test.txt", "--top", "10")
check(few.stdout == run("evaluate", *MODEL, "--test", data, "--proposals", "ten.txt").stdout and "mAP50" in few.stdout, few)
refused(run("evaluate", "--results", "results", "--test", data, "--proposals", "test.txt"), "--proposals: expected --model")
refused(run("evaluate", "--results", "results", "--test", data, "--recall"), "--recall: expected --model")
check(run("evaluate", *MODEL, "--test", data, "--top", "10").returncode == 1, "--top is of a file")

# ---- Fast R-CNN: trains the head on a file, goes on after a stop, and its model is one that evaluate takes
FAST = ["--data", data, *TINY, "--checkpoint-every", "2", "--proposals", "trainval.txt"]
whole = run("train_voc", *FAST, "--test-proposals", "test.txt", "--out", "fast")
check(whole.returncode == 0 and "mAP50" in whole.stdout and "RPN of this model is untrained" in whole.stderr, whole)
scored = run("evaluate", "--model", "fast/model.safetensors", *ONE, "--test", data, "--proposals", "test.txt")
check(scored.stdout == whole.stdout, scored, whole)
pathlib.Path("both.txt").write_text(pathlib.Path("trainval.txt").read_text() + pathlib.Path("test.txt").read_text())
both = run("train_voc", "--data", data, *TINY, "--proposals", "both.txt", "--out", "both")  # one file of all images
check(both.returncode == 0 and both.stdout == whole.stdout and "not among these" not in both.stderr, both)
check(bytes_of("both/model.safetensors") == bytes_of("fast/model.safetensors"), "the same regions, the same bytes")
said = run("evaluate", "--model", "both/model.safetensors", *ONE, "--test", data, "--proposals", "both.txt")
check(said.stdout == whole.stdout and "lines are of images that are not among these, and are not used; the first: both.txt:1, " in said.stderr, said)

# ---- its RPN is untrained: the file says so, and programs that look where it says; not where another one has trained it
def rpn_of(model):
    raw = bytes_of(model)
    return json.loads(json.loads(raw[8:8 + int.from_bytes(raw[:8], "little")])["__metadata__"]["spec"]).get("rpn")


check(rpn_of("fast/model.safetensors") == "untrained" and rpn_of("run/model.safetensors") is None, "the spec")
TRAINED_ALONE = ["--model", "fast/model.safetensors", *ONE]
picture = data / f"JPEGImages/{ids['test'][0]}.jpg"
windows_of = ["propose", *TRAINED_ALONE, "--data", f"{data}:test", "--out", "of_fast.txt"]
for command, warns in ((["evaluate", *TRAINED_ALONE, "--test", data], True), (["evaluate", *TRAINED_ALONE, "--test", data, "--proposals", "test.txt"], False),
                       (["detect", *TRAINED_ALONE, picture], True), (windows_of, True), ([*windows_of, "--no-nms", "--no-cls", "--no-reg"], False),
                       (["evaluate", *MODEL, "--test", data], False)):
    said = run(*command)
    check(said.returncode == 0 and ("warning: fast/model.safetensors: its RPN is untrained" in said.stderr) == warns, command, said)
for init, more, rpn in (("fast", ["--proposals", "trainval.txt"], "untrained"), ("run", ["--proposals", "trainval.txt"], None), ("fast", [], None)):
    out = f"{init}-{len(more)}"
    tuned = run("train_voc", "--data", data, *TINY, "--iterations", "1", "--no-test", "--init", f"{init}/model.safetensors", *more, "--out", out)
    check(tuned.returncode == 0 and rpn_of(f"{out}/model.safetensors") == rpn and ("RPN of this model is untrained" in tuned.stderr) == bool(rpn), tuned)


# ---- of scored lists training looks at the best 2,000; where nothing says which are better, at all
def one_step(name, boxes, score):
    with open(f"{name}.txt", "w") as file:
        for image in ids["trainval"]:
            for i, corners in enumerate(boxes):
                print(image, *corners, *([1 - i / 10000] if score else []), file=file)
    done = run("train_voc", "--data", data, *TINY, "--iterations", "1", "--no-test", "--proposals", f"{name}.txt", "--out", name)
    check(done.returncode == 0, done)
    return bytes_of(f"{name}/model.safetensors")


corner = [(1 + i % 50, 1 + i // 50, 9 + i % 50, 9 + i // 50) for i in range(2000)]
wide = [(1 + i, 1, 40 + i, 60) for i in range(200)]
check(one_step("best", corner, True) == one_step("best-of", corner + wide, True), "the best 2,000")
check(one_step("all", corner, False) != one_step("all-of", corner + wide, False), "all of them")

pathlib.Path("fast/checkpoint/step-00000006").rename("gone")  # as if killed after step 4
pathlib.Path("fast/model.safetensors").rename("fast.safetensors")
for other, words in ((["--proposals", "both.txt"], ("--proposals trainval.txt of CRC32C", "both.txt of CRC32C")), ([], ("--scheme fast-rcnn", "--scheme joint"))):
    refused(run("train_voc", "--data", data, *TINY, *other, "--no-test", "--resume", "--out", "fast"), *words)
on = run("train_voc", *FAST, "--test-proposals", "test.txt", "--resume", "--out", "fast")
check(on.returncode == 0 and "going on from step 4" in on.stderr, on)
check(bytes_of("fast/model.safetensors") == bytes_of("fast.safetensors"), "byte-identical after resume")
check(run("train_voc", *FAST, "--scheme", "joint", "--out", "no").returncode == 1, "--scheme is another thing")

# ---- an image pyramid: trained at several short sides, looked at at all of them, by the model file alone; options that say nothing
SEVERAL = [*FAST, "--test-proposals", "test.txt", "--scales", "64,96,128", "--region-side", "40"]
pyramid = run("train_voc", *SEVERAL, "--out", "pyramid")
check(pyramid.returncode == 0 and "mAP50" in pyramid.stdout, pyramid)
check(b'"pyramid":{"short_sides":[64.0,96.0,128.0],"region_side":40.0}' in bytes_of("pyramid/model.safetensors").replace(b'\\"', b'"'), "the model says so")
scored = run("evaluate", "--model", "pyramid/model.safetensors", *ONE, "--test", data, "--proposals", "test.txt")
check(scored.stdout == pyramid.stdout, scored, pyramid)
pathlib.Path("pyramid/checkpoint/step-00000006").rename("gone-too")  # as if killed after step 4
pathlib.Path("pyramid/model.safetensors").rename("pyramid.safetensors")
refused(run("train_voc", *FAST, "--test-proposals", "test.txt", "--out", "pyramid", "--resume"), "--region-side 40", "not given")
on = run("train_voc", *SEVERAL, "--out", "pyramid", "--resume")
check(on.returncode == 0 and bytes_of("pyramid/model.safetensors") == bytes_of("pyramid.safetensors"), on)
check(bytes_of("pyramid.safetensors") != bytes_of("fast.safetensors"), "other scales, other weights")
for more, words in ((["--scales", "64,200"], "--scales: expected sides up to the longest, 160, found 200"), (["--scales", "64,0"], "--scales: expected a whole number from 1"),
                    (["--scales", "64", "--region-side", "0"], "--region-side: expected a number from 1")):
    refused(run("train_voc", *FAST, *more, "--out", "no"), words)
for more, needs in ((["--scales", "64"], "--proposals"), (["--proposals", "trainval.txt", "--region-side", "9"], "--scales")):
    lacks = run("train_voc", "--data", data, *TINY, *more, "--out", "no")
    check(lacks.returncode == 1 and needs in lacks.stderr and not pathlib.Path("no").exists(), lacks)

# ---- proposal_recall: as computed here, object by object
many = run("proposal_recall", "--test", data, "--out", "recall", "--short-side", "96", "--max-side", "160", "anchors.txt", "ten.txt")
check(many.returncode == 0 and many.stdout.count("recall@") == 10 and many.stdout.count(" proposes ") == 9, many)
last = run("proposal_recall", "--out", "recall_last", "--test", data, "ten.txt")  # a FILE behind --test is a FILE
check(last.returncode == 0 and last.stdout.count("recall@") == 5, last)
joined = run("proposal_recall", "--out", "recall_joined", "--test", data, "--test", f"{data}:trainval", "both.txt")
check(joined.returncode == 0 and joined.stdout.count("recall@") == 5, joined)
check(run("proposal_recall", "--out", "recall_half", "--test", data, "both.txt").stdout != joined.stdout, "of other images, too")
truth = {}
for name in ids["test"]:
    corners = lambda o: [float(o.find(f"bndbox/{c}").text) for c in ("xmin", "ymin", "xmax", "ymax")]
    truth[name] = [corners(o) for o in xml.parse(data / f"Annotations/{name}.xml").findall("object") if (o.findtext("difficult") or "0") == "0"]


def overlap(a, b):  # both inclusive
    sides = [min(a[2 + k], b[2 + k]) - max(a[k], b[k]) + 1 for k in (0, 1)]
    area = lambda c: (c[2] - c[0] + 1) * (c[3] - c[1] + 1)
    both = max(sides[0], 0) * max(sides[1], 0)
    return both / (area(a) + area(b) - both)


def covered(found, most):
    overlaps = []
    for name, objects in truth.items():
        pairs = sorted((-overlap(o, p), i, j) for i, o in enumerate(objects) for j, p in enumerate(found[name][:most]))
        taken, used = {}, set()
        for value, i, j in pairs:
            if i not in taken and j not in used:
                taken[i] = -value
                used.add(j)
        overlaps += [taken.get(i, 0) for i in range(len(objects))]
    return overlaps


rows = list(csv.DictReader(pathlib.Path("recall/recall.csv").open()))
check(len(rows) == 2 * 5 * 51, "files, limits, thresholds")
for file in ("anchors.txt", "ten.txt"):
    for most in (50, 100, 300, 1000, 2000):
        overlaps = covered(lists(file), most)
        mine = [r for r in rows if r["file"] == file and r["proposals"] == str(most)]
        check([r["iou"] for r in mine] == [f"{k / 100:.2f}" for k in range(50, 101)], mine[0])
        for r in mine:
            t = float(r["iou"])
            low, high = (sum(o >= t + d for o in overlaps) / len(overlaps) for d in (1e-6, -1e-6))
            check(low - 6e-5 <= float(r["recall"]) <= high + 6e-5, r, low, high)
svg = xml.parse("recall/recall.svg").getroot()
check(len(svg.findall("{*}g")) == 5, "a chart for each number of proposals")
table = {f"{float(r['size']):g}:{float(r['ratio']):g}": r for r in csv.DictReader(pathlib.Path("recall/anchors.csv").open())}
check(len(table) == 9, table)
for anchor, row in table.items():
    mine = [(words[0], [float(w) for w in words[1:5]]) for words in named if words[6] == anchor]
    scale = {name: min(96 / min(size), 160 / max(size)) for name, size in sizes.items()}
    wide = sum((b[2] - b[0] + 1) * scale[name] for name, b in mine) / len(mine)
    check(int(row["proposals"]) == len(mine) and abs(float(row["width"]) - wide) < 0.01, row, wide)
alone = run("proposal_recall", "--test", data, "--out", "alone", "test.txt")
check(alone.returncode == 0 and not pathlib.Path("alone/anchors.csv").exists(), alone)
check(xml.parse("alone/recall.svg").getroot().find("{*}g") is not None, "one chart")
refused(run("proposal_recall", "--test", data, "--out", "recall", "--short-side", "96", "--max-side", "90", "test.txt"), "--max-side: expected at least --short-side, 96")
pathlib.Path("in").mkdir()
pathlib.Path("in/recall.csv").write_text(pathlib.Path("test.txt").read_text())
refused(run("proposal_recall", "--test", data, "--out", "in", "in/recall.csv"), "an output that is no input")

# ---- lines that are none: each program says which
first = ids["test"][0]
good = pathlib.Path("test.txt").read_text()
EVERY = (("evaluate", *MODEL, "--test", data, "--proposals", "bad.txt"), ("proposal_recall", "--test", data, "--out", "none", "bad.txt"),
         ("train_voc", "--data", data, *TINY, "--out", "none", "--proposals", "trainval.txt", "--test-proposals", "bad.txt"),
         ("train_voc", "--data", f"{data}:test", *TINY, "--no-test", "--out", "none", "--proposals", "bad.txt"))
CASES = ((f"{first} 1 2 3\n", "bad.txt:1: expected image_id x1 y1 x2 y2 [score"), (f"{first} 1 2 nan 9 .5\n", "bad.txt:1: expected a number, found 'nan'"),
         (f"{first} 9 9 2 2 .5\n", "bad.txt:1: expected x1 y1 x2 y2 with x1 <= x2"), (f"{first} 9000 1 9010 9 .5\n", "bad.txt:1: expected a box that meets its image"),
         ("", "bad.txt: expected proposals, lines image_id"), (good.split("\n")[0] + "\n", f"none of {len(ids['test']) - 1}: '{ids['test'][1]}'"),
         (pathlib.Path("trainval.txt").read_text(), f"but of other images, the first: '{ids['trainval'][0]}'"))
for text, words in CASES:
    pathlib.Path("bad.txt").write_text(text)
    for program in EVERY:
        refused(run(*program), words)
check(not pathlib.Path("none/model.safetensors").exists() and not pathlib.Path("none/recall.csv").exists(), "nothing was made")
refused(run("evaluate", *MODEL, "--test", data, "--proposals", "absent.txt"), "absent.txt")
pathlib.Path("bad.txt").write_text(good + good.split("\n")[0] + "\n")
twice = run("evaluate", *MODEL, "--test", data, "--proposals", "bad.txt")
check(twice.returncode == 0 and re.search(r"1 line is there before, with the same box and score; the first: bad.txt:\d+, as line 1\n", twice.stderr), twice)

# ---- files that are no text: named for what they are, in one short line; what another program's text is in is read
for contents, words in ((gzip.compress(good.encode()), "bad.txt: expected proposals, lines image_id x1 y1 x2 y2 [score], found a file packed by gzip"),
                        (bytes(4000), "zeros where it begins"), (b"version https://git-lfs.github.com/spec/v1\noid x\n", "git lfs pull"),
                        (good.encode()[:-9] + bytes(4000), "control characters, "), (good.encode("utf-16")[:-1], "bad.txt: expected text in UTF-16"),
                        (f"{first} 1 1 9\x7f\xe9 9 .5\n".encode("latin1"), "'9\\x7F\\xE9'"), (("x" * 5000 + " 1 1 9 9\n").encode(), "x...'")):
    pathlib.Path("bad.txt").write_bytes(contents)
    for program in EVERY if contents[:2] == b"\x1f\x8b" else EVERY[:1]:
        result = run(*program)
        refused(result, words)
        check(all(len(line) < 400 and line.isprintable() for line in result.stderr.splitlines()), "no excerpt", result)
expected = run("evaluate", *MODEL, "--test", data, "--proposals", "test.txt")
for contents in (good.encode("utf-16"), good.encode("utf-8-sig"), good.replace("\n", "\r").encode(), good.replace("\n", "\r\n").encode()):
    pathlib.Path("bad.txt").write_bytes(contents)
    read = run("evaluate", *MODEL, "--test", data, "--proposals", "bad.txt")
    check(read.returncode == 0 and read.stdout == expected.stdout, contents[:9], read)

# ---- an output behind a link that leads nowhere yet is made there; a link into nothing is said
pathlib.Path("disk").mkdir()
os.symlink("disk/far.txt", "near.txt")
check(proposes("near.txt") == test and pathlib.Path("near.txt").is_symlink() and lists("disk/far.txt") == test, "behind the link")
os.symlink("unmounted", "nothing")
refused(run("proposal_recall", "--test", data, "--out", "nothing", "test.txt"), "--out nothing: expected a folder, or a place for one, found a symbolic link to 'unmounted'")

# ---- propose: options that do not go together; images that one line could not tell apart; an output that is an input
TO = ["--data", f"{data}:test", "--out", "none.txt"]
refused(run("propose", *TO), "--model: expected a model file, found none")
refused(run("propose", *MODEL, "--data", data, "--out", "run/model.safetensors"), "an output that is no input")
for option in (["--no-nms"], ["--with-anchors"], MODEL[:2]):
    refused(run("propose", "--method", "selective-search", *TO, *option), f"{option[0]}: expected --method rpn")
refused(run("propose", *MODEL, *TO, "--edge-model", "sobel"), "--edge-model: expected --method edge-boxes")
refused(run("propose", *MODEL, *TO, "--top", "0"), "--top: expected a whole number from 1")
voc("twin", {first: thing()})
refused(run("propose", *MODEL, "--data", f"{data}:test", "--data", f"twin:test", "--out", "none.txt"), "image ids that differ", first)
check(not pathlib.Path("none.txt").exists() and not pathlib.Path("none.txt.part").exists(), "nothing was made")

# ---- ids with blanks, and a split that nobody annotated
spaced = voc("spaced", {"shot (1)": thing("star"), "b": thing("star")})
check(run("propose", *MODEL, "--data", f"{spaced}:test", "--out", "spaced.txt").returncode == 0, "blanks")
check(set(lists("spaced.txt")) == {"shot%20(1)", "b"}, "encoded")
check(run("evaluate", *MODEL[:2], *ONE, "--test", spaced, "--proposals", "spaced.txt").returncode == 0, "and read")

# ---- OpenCV's generators, where the build has them: every run the same, each image like the first
opencv = run("propose", "--method", "selective-search", *TO[:2], "--out", "ss.txt")
if opencv.returncode == 0:
    for method in (["selective-search"], ["edge-boxes", "--edge-model", "sobel"]):
        out = [run("propose", "--method", *method, "--data", f"{data}:{split}", "--out", name) for split, name in
               (("test", "first.txt"), ("test", "second.txt"), ("all", "all.txt"))]
        check(all(o.returncode == 0 for o in out) and bytes_of("first.txt") == bytes_of("second.txt"), *out)
        check(all(lists("all.txt")[name] == boxes for name, boxes in lists("first.txt").items()), "whatever came before")
        check(run("evaluate", *MODEL, "--test", data, "--proposals", "first.txt").returncode == 0, method)
    refused(run("propose", "--method", "edge-boxes", *TO), "--edge-model: expected OpenCV's structured edge model, model.yml.gz", "which no package has")
    refused(run("propose", "--method", "edge-boxes", *TO, "--edge-model", "absent.gz"), "absent.gz", "found no file")
else:
    refused(opencv, "--method selective-search: expected a build with OpenCV's ximgproc (cmake -DFRCNN_OPENCV=ON", "found one without")

# ---- an output that is a file of the data, a file of images' names alone, a file beyond the limit of the system
for place in (f"JPEGImages/{ids['test'][0]}.jpg", f"Annotations/{ids['test'][0]}.xml", "ImageSets/Main/test.txt"):
    kept = bytes_of(data / place)
    refused(run("propose", *MODEL, "--data", f"{data}:test", "--out", data / place), place, "expected a new file, or proposals that an earlier run wrote", "which would be lost")
    check(bytes_of(data / place) == kept, place)
names = data / "ImageSets/Main/test.txt"
refused(run("evaluate", *MODEL, "--test", data, "--proposals", names), names, "expected a proposal on one of the images at least")
limited = run("propose", *MODEL, "--data", f"{data}:test", "--out", "large.txt", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)))
refused(limited, "large.txt")
check(not pathlib.Path("large.txt").exists() and not pathlib.Path("large.txt.part").exists(), "nothing half-written")
