"""The programs as a user runs them: train, evaluate, detect, on demo data that learns nothing in six steps but goes all the way."""
import json
import pathlib
import re
import xml.etree.ElementTree as xml

from common import TINY, bytes_of, check, demo_data, run

data = demo_data(images=15)
result = run("train_voc", "--data", data, "--data", f"{data}:test", *TINY, "--accumulate", "2", "--tensorboard", "--out", "run")
check(result.returncode == 0, result)
lines = result.stdout.splitlines()
classes = sorted({m for xml in (data / "Annotations").glob("*.xml") for m in re.findall("<name>(.*?)</name>", xml.read_text())})
check(len(lines) == len(classes) + 1, result)
for line, name in zip(lines, classes):
    check(re.fullmatch(rf"AP50 {name} \d\.\d{{4}}", line), line)
check(re.fullmatch(r"mAP50 \d\.\d{4}", lines[-1]), lines[-1])
for part in ("model.safetensors", "metrics.jsonl", "curves.svg", "pr.svg"):
    check(pathlib.Path("run", part).stat().st_size > 0, part)
check(len(list(pathlib.Path("run/detections").glob("*.png"))) == 3, "a picture for each of the three test images")
check(len(list(pathlib.Path("run/results").glob("comp4_det_test_*.txt"))) == len(classes), "a results file for each class")
check(list(pathlib.Path("run/tensorboard").glob("events.out.tfevents.*")), "event files")
check(len(list(pathlib.Path("run/checkpoint").glob("step-*"))) <= 2, "two checkpoints at most")
check("\r" not in result.stderr, "plain lines in a pipe")

# the same last lines from the model and from the result files
model = "run/model.safetensors"
check(run("evaluate", "--model", model, "--test", data, "--recall", "--report", "page.html").stdout.endswith(result.stdout), "evaluate --model")
from_files = run("evaluate", "--results", "run/results", "--test", data)
check(from_files.returncode == 0 and from_files.stdout == result.stdout, from_files, result)
points = run("evaluate", "--model", model, "--test", f"{data}:test", "--metric", "voc07", "--recall")
check(points.returncode == 0 and "recall@300" in points.stdout and "mAP50" in points.stdout, points)

# the report: a page of well-formed XML, nothing loaded from elsewhere, whose numbers are the evaluator's and metrics.jsonl's
def tables(path):
    """Heading: the rows of the tables below it, first cell: the others."""
    root = xml.fromstring(bytes_of(path))
    name = lambda e: e.tag.split("}")[-1]
    check(all(e.get("src", "data:").startswith("data:") and e.get("href") is None and name(e) not in ("script", "link") for e in root.iter()), path)
    found, heading = {}, ""
    for e in root.find("{*}body"):
        heading = e.text if name(e) == "h2" else heading
        for row in e.findall(".//{*}tr"):
            cells = ["".join(c.itertext()) for c in row]
            found.setdefault(heading, {})[cells[0]] = cells[1:]
    return found, len(root.findall(".//{*}img")), len(root.findall(".//{*}svg"))

page, pictures, charts = tables("run/report.html")
check([page["AP of each class by IoU"][name][0] for name in classes] == [line.split()[-1] for line in lines[:-1]], page)
check(page["AP of each class by IoU"]["mean of the classes"][0] == page["Result"]["mAP50"][0] == lines[-1].split()[-1], page)
last = json.loads(bytes_of("run/metrics.jsonl").splitlines()[-1])
check({"loss", "lr"} <= set(last) - {"step"} == set(page["Training"]) - {"metrics.jsonl"}, page["Training"])
for field, (*_, shown) in page["Training"].items():
    check(field == "metrics.jsonl" or shown == f"{last[field]:.5g} (step {last['step']})", field, shown, last)
objects = {name: int(page["AP by size of object"][name][1]) for name in classes}
matrix = page["Which classes are taken for which"]
check(all(sum(map(int, matrix[name])) == objects[name] for name in classes), matrix, objects)
check(page["AP by size of object"]["all classes"][1] == page["Result"]["objects"][0] == str(sum(objects.values())), page)
kinds = [k for k in page["Kinds of errors, and the AP that each costs"]]
check(kinds[1:7] == ["class", "localisation", "both", "duplicate", "background", "missed"], kinds)
check(pictures == 3 and charts >= 3 and page["Settings"]["--seed"] == ["3"] and "test" in page["Times"], pictures, charts, page["Settings"])
again = tables("page.html")[0]
for heading in set(page) - {"Training", "Settings", "Data", "Times"}:
    check(again[heading] == page[heading], heading, again[heading], page[heading])

# detect: JSON as documented, a picture per image, also for two images of one name
images = sorted((data / "JPEGImages").iterdir())[:2]
twin = pathlib.Path("twin"); twin.mkdir(); (twin / images[0].name).write_bytes(images[0].read_bytes())
found = run("detect", "--model", model, "--threshold", "0.0001", "--json", "boxes.json", "--out", "boxes", *images, twin / images[0].name)
check(found.returncode == 0, found)
report = json.loads(bytes_of("boxes.json"))
check([r["image"] for r in report] == [str(p) for p in (*images, twin / images[0].name)], report)
check(len(list(pathlib.Path("boxes").glob("*.png"))) == 3, "three pictures")
for r in report:
    check(set(r) == {"image", "width", "height", "turned_by_exif", "detections"}, r)
    for d in r["detections"]:
        x1, y1, x2, y2 = d["box"]
        check(0 <= x1 < x2 <= r["width"] and 0 <= y1 < y2 <= r["height"], d)
        check(d["class"] == classes[d["label"] - 1] and 0 < d["score"] <= 1, d)
check(report[0]["detections"] == report[2]["detections"], "equal images give equal boxes")

# fine-tuning starts from the weights; anchors and ratios of one's own, any numbers of both
tuned = run("train_voc", "--data", data, *TINY, "--iterations", "1", "--init", model, "--no-test", "--out", "tuned")
check(tuned.returncode == 0, tuned)
own = run("train_voc", "--data", data, *TINY, "--iterations", "2", "--anchors", "20,40.5", "--ratios", "0.5,1,2,3", "--no-test", "--out", "own")
check(own.returncode == 0, own)
check(run("detect", "--model", "own/model.safetensors", images[0]).returncode == 0, "a model file knows its anchors")

# a test split nobody annotated: results and pictures, no AP
bare = pathlib.Path("bare")
for folder in ("Annotations", "JPEGImages", "ImageSets/Main"):
    (bare / folder).mkdir(parents=True)
for im in images:
    (bare / "JPEGImages" / im.name).write_bytes(im.read_bytes())
(bare / "ImageSets/Main/test.txt").write_text("".join(im.stem + "\n" for im in images))
quiet = run("train_voc", "--data", data, "--test", f"{bare}:test", *TINY, "--iterations", "2", "--out", "quiet")
check(quiet.returncode == 0 and "mAP50" not in quiet.stdout and "annotations" in quiet.stderr, quiet)
check(len(list(pathlib.Path("quiet/detections").glob("*.png"))) == 2 and list(pathlib.Path("quiet/results").glob("*.txt")), "results and pictures")

composed = run("compose", 3)
check(composed.returncode == 0 and "step   2" in composed.stdout, composed)
check(run("compose", "--help").stdout == "usage: compose [STEPS]\n", "no step is taken")
