"""inspect_data: what it says of small data with known faults, its page, and the anchors that train_voc takes from data."""
import html
import pathlib
import re
import xml.etree.ElementTree as ET

from common import TINY, check, demo_data, refused, run
from voc_data import folder, note, png, rows, thing, voc, write

# Two classes; b has a box twice, and once more as another class; c has no objects; d, of the test, is a copy of a.
d = voc("data", {"a": thing("nut", (1, 1, 40, 40)) + thing("bolt", (50, 10, 90, 60)), "b": thing("nut") * 2 + thing("bolt"), "c": ""}, test=["d"])
write(d / "JPEGImages/b.png", png(rows(box=(2, 2, 30, 30))))
write(d / "JPEGImages/c.png", png(rows(box=(3, 3, 9, 9))))
write(d / "JPEGImages/d.png", png())
write(d / "Annotations/d.xml", note(thing("nut", (1, 1, 4, 40))))
result = run("inspect_data", "--data", d, "--short-side", "64", "--html", "page.html")
check(result.returncode == 0, result)
lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
for line in ("nut 3 0 2 of 3 36 36 36 40 40 36 36 36 40 40 0", "bolt 2 0 2 of 3 36 36 36 46 46 36 36 36 46 46 0"):
    check(line in lines, line, result)
for words in ("training data: 1 box is drawn twice: data/JPEGImages/b.png, nut (20, 16, 60, 48)", "training data: 1 box is drawn again as another class",
              "test data: 1 image is one of the training data: data/JPEGImages/d.png equals data/JPEGImages/a.png",
              "test data: 1 of 2 classes have no box, or difficult ones alone: bolt", "test data: 1 box has a side of less than 8 pixels after resizing",
              "training data: 1 of 3 images have no objects:\n  data/JPEGImages/c.png\n", "training data: objects of an image: least 0, median 2, most 3",
              "anchors: share of boxes whose best anchor has an IoU of at least 0.5, 0.7"):
    check(words in result.stdout, words, result)
check("4 of 4 images compared that may be equal" not in result.stderr, "files of another size are not read", result)

check("proposed 0.7" in result.stdout, result)

# On a feature pyramid five sizes are proposed, which ascend; --anchors takes them as they are printed, and they fit as was said.
pyramid = ("inspect_data", "--data", d, "--short-side", "64", "--preset", "fasterrcnn_resnet50_fpn")
seen = run(*pyramid, "--html", "pyramid.html")
check(seen.returncode == 0 and "strides of 4 to 64 cost" in seen.stdout and "proposed 0.7" in seen.stdout, seen)
proposed = re.search(r"proposed: --anchors (\S+) --ratios (\S+): (\S+ %, \S+ %) ", seen.stdout)
check(proposed and proposed[0] in pathlib.Path("pyramid.html").read_text(), seen)
sizes = [float(size) for size in proposed[1].split(",")]
check(len(sizes) == 5 and sizes == sorted(set(sizes)), proposed)
told = run(*pyramid, "--anchors", proposed[1], "--ratios", proposed[2])
check(told.returncode == 0 and re.search(rf"^  --anchors {proposed[1]} --ratios {proposed[2]} +{proposed[3]} ", told.stdout, re.M), told)

# The page is well-formed, whole in itself, and has the same numbers.
page = ET.fromstring(pathlib.Path("page.html").read_text().replace("<!DOCTYPE html>", "", 1))
text = " ".join("".join(page.itertext()).split())
odd = voc("odd", {"a": thing("nut", (-20, 1, 40, 40))}, test=["a"])
warned = run("inspect_data", "--data", odd, "--short-side", "64", "--html", "odd.html")
sentences = [line.removeprefix("warning: ") for line in warned.stderr.splitlines() if line.startswith("warning: ")]
check(warned.returncode == 0 and sentences and all(s in html.unescape(pathlib.Path("odd.html").read_text()) for s in sentences), sentences, warned)
check("36 36 36 40 40" in text and "1 box is drawn twice" in text and "have no box, or difficult ones alone: bolt" in text, text)
check(not re.search(r"(src|href)=", pathlib.Path("page.html").read_text()), "a page that loads something")

# Of several cases the first ten, on the page up to 200; boxes that no anchor trains are named, and classes whose test boxes are all difficult.
many = folder("many", [f"i{n:03}" for n in range(230)], lists=())
for split, ids in (("trainval", range(229)), ("test", (229,))):
    write(many / f"ImageSets/Main/{split}.txt", "".join(f"i{n:03}\n" for n in ids))
write(many / "Annotations/i229.xml", note(thing(extra="<difficult>1</difficult>")))
result = run("inspect_data", "--data", many, "--preset", "zf", "--short-side", "64", "--html", "many.html")
check(result.returncode == 0, result)
twice = "".join(f"  many/JPEGImages/i{n:03}.png equals many/JPEGImages/i000.png\n" for n in range(1, 11))
check(f"training data: 228 images are there twice:\n{twice}  and 218 more\n" in result.stdout, result)
check("test data: 1 image is one of the training data: many/JPEGImages/i229.png equals many/JPEGImages/i000.png" in result.stdout, result)
check("test data: 1 of 1 classes have no box, or difficult ones alone: thing" in result.stdout, result)
check("training data: 229 boxes are overlapped by no anchor that may train:\n  many/JPEGImages/i000.png, box (" in result.stdout, result)
lists = [[i.text for i in e.findall(".//{*}li")] for e in ET.parse("many.html").getroot().iter() if e.tag.endswith("details")]
check([len(e) for e in lists] == [200, 200] and lists[0][199] == "many/JPEGImages/i200.png equals many/JPEGImages/i000.png", lists)

# A list that lies in the folder itself is the test beside it, too.
flat = folder("flat", ("a", "b"), lists=())
for split, id in (("trainval", "a"), ("test", "b")):
    write(flat / f"{split}.txt", id + "\n")
result = run("inspect_data", "--data", flat, "--short-side", "64")
check(result.returncode == 0 and "test data: 1 image is one of the training data: flat/JPEGImages/b.png equals flat/JPEGImages/a.png" in result.stdout, result)

# COCO's data: the test beside it is val, as train_voc has it, and is not written over.
pathlib.Path("coco/annotations").mkdir(parents=True)
for split, to in (("trainval", "train"), ("test", "val")):
    check(run("convert_data", "--data", f"{d}:{split}", "--to", f"coco/annotations/instances_{to}.json").returncode == 0, split)
pathlib.Path("coco/JPEGImages").symlink_to((d / "JPEGImages").absolute())
for named in ("coco", "coco/annotations/instances_train.json"):
    result = run("inspect_data", "--data", named)
    check(result.returncode == 0 and re.search(r"test data: 1 image is one of the training data: \S*/d.png equals \S*/a.png", result.stdout), result)
check("test data" not in run("inspect_data", "--data", "coco", "--no-test").stdout, "--no-test")
refused(run("inspect_data", "--data", "coco", "--html", "coco/annotations/instances_val.json"), "instances_val.json")
pathlib.Path("coco/annotations/instances_val.json").unlink()
alone = run("inspect_data", "--data", "coco")
check(alone.returncode == 0 and "test data" not in alone.stdout, alone)

# Other sides, anchors and data.
own = run("inspect_data", "--data", d, "--no-test", "--anchors", "20,41", "--ratios", "1", "--preset", "zf")
check(own.returncode == 0 and "--anchors 20,41 --ratios 1" in own.stdout and "test data" not in own.stdout, own)
check(run("inspect_data", "--data", folder("bare", lists=("trainval",))).returncode == 0, "no test split")
zero = run("inspect_data", "--data", folder("zero", xml=note(thing(box=(0, 5, 96, 30)))), "--no-test")
check(zero.returncode == 0 and "begin at 0" in zero.stderr and "--origin zero reads them" in zero.stderr, zero)
check("--origin zero has them" in run("inspect_data", "--data", "zero", "--no-test", "--origin", "auto").stderr, "auto")

# What is wrong is refused, and no page is written.
for option, value, words in (("--preset", "none", "one of small"), ("--anchors", "auto", "a number above 0"), ("--anchors", "0", "a number above 0"),
                             ("--data", "nowhere", "nowhere"), ("--html", "-", "the name of a file")):
    refused(run("inspect_data", *(() if option == "--data" else ("--data", d)), option, value), words)
broken = folder("broken")
write(broken / "Annotations/b.xml", "<annotation>")
refused(run("inspect_data", "--data", broken, "--html", "broken.html"), "b.xml", "broken.html is not written")
check(not pathlib.Path("broken.html").exists(), "half a report")
for name in ("Annotations/a.xml", "JPEGImages/b.png", "ImageSets/Main/trainval.txt"):
    before = (d / name).read_bytes()
    refused(run("inspect_data", "--data", d, "--no-test", "--html", d / name), "an output that is no file of the data")
    check((d / name).read_bytes() == before, name)

# train_voc says how anchors fit in five lines, and takes the proposal where it is told to; a resumed run finds the same ones.
data = demo_data("demo", 8)
train = ("train_voc", "--data", data, *TINY, "--iterations", "2", "--no-test", "--out", "run")
plain = run(*train[:-1], "plain")
check(plain.returncode == 0, plain)
at = plain.stderr.splitlines().index("anchors: share of boxes whose best anchor has an IoU of at least 0.5, 0.7")
report = plain.stderr.splitlines()[at : at + 5]
check(all(line.startswith("  ") for line in report[1:]) and "--anchors 24,48,96 --ratios 0.5,1,2" in report[1], report)
proposed = re.search(r"proposed: --anchors (\S+) --ratios (\S+):", report[4])
check(proposed, report)
auto = run(*train, "--anchors", "auto")
check(auto.returncode == 0 and "taken from the data" in auto.stderr, auto)
told = run(*train[:-1], "told", "--anchors", proposed[1], "--ratios", proposed[2])
check(told.returncode == 0, told)
models = [pathlib.Path(out, "model.safetensors").read_bytes() for out in ("run", "told", "plain")]
check(models[0] == models[1] and models[0] != models[2], "auto trains as its numbers do")
check(run(*train, "--anchors", "auto", "--resume").returncode == 0, "resumed")
fixed = run(*train[:-1], "fixed", "--anchors", "auto", "--ratios", "1")
check(fixed.returncode == 0 and re.search(r"^  --anchors \S+ --ratios 1 ", fixed.stderr, re.M), fixed)
refused(run(*train[:-1], "none", "--anchors", "auto,24"), "--anchors", "auto, or sizes")
