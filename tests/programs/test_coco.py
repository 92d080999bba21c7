"""COCO files: evaluate on results and annotations, and what it refuses."""
import json
import pathlib

from common import check, refused, run

BOX = [10, 10, 40, 40]
gt = {"images": [{"id": i, "width": 200, "height": 100, "file_name": f"{i}.jpg"} for i in range(1, 11)],
      "categories": [{"id": 4, "name": "cat"}, {"id": 2, "name": "dog"}],
      "annotations": [{"id": i, "image_id": i, "category_id": 4, "bbox": BOX, "area": 1600, "iscrowd": 0} for i in range(1, 11)]}
dt = [{"image_id": i, "category_id": 4, "bbox": BOX, "score": .9} for i in range(1, 8)]


def write(name, value):
    pathlib.Path(name).write_text(json.dumps(value))
    return name


def stats(truth, found, *more):
    write("gt.json", truth), write("dt.json", found)
    r = run("evaluate", "--results", "dt.json", "--test", "gt.json", "--json", "out.json", *more)
    check(r.returncode == 0, r)
    return r, json.loads(pathlib.Path("out.json").read_text())["stats"]


r, numbers = stats(gt, dt)
check(len(numbers) == 12 and abs(numbers[0] - 70 / 101) < 1e-12 and abs(numbers[8] - .7) < 1e-12, numbers)
check(" Average Precision  (AP) @[ IoU=0.50:0.95 | area=   all | maxDets=100 ] = 0.693\n" in r.stdout, r)
check(r.stdout.startswith("AP dog n/a\nAP cat 0.6931\n"), r)  # in order of id

# No results are a result.
check(stats(gt, [])[1][0] == 0, "an empty list of results")

# Annotation id 0: found, unless pycocotools is to be equalled.
from0 = dict(gt, annotations=[dict(a, id=a["id"] - 1) for a in gt["annotations"]])
found = [dict(dt[0], image_id=i) for i in range(1, 11)]
r, numbers = stats(from0, found)
check(abs(numbers[0] - 1) < 1e-12 and "has the id 0" in r.stderr, r)
check(stats(from0, found, "--pycocotools-exact")[1][0] < .95, "--pycocotools-exact")

# Detections of other categories are not judged, and said.
r, numbers = stats(gt, dt + [dict(dt[0], category_id=77)])
check("1 of 8 detections" in r.stderr and abs(numbers[0] - 70 / 101) < 1e-12, r)

# What is refused.
evaluate = lambda results, test, *more: run("evaluate", "--results", results, "--test", test, *more)
write("gt.json", gt)
refused(evaluate(write("bad.json", dt + [dict(dt[0], image_id=99)]), "gt.json"), "bad.json, detection 7", "99")
pathlib.Path("cut.json").write_text(json.dumps(dt)[:-10])
refused(evaluate("cut.json", "gt.json"), "cut.json", f"byte {len(json.dumps(dt)) - 10}")
refused(evaluate("gt.json", "gt.json"), "gt.json", "a list of results")
refused(evaluate(write("dt.json", dt), "nowhere.json"), "nowhere.json")
refused(evaluate("dt.json", "gt.json", "--json", "gt.json"), "gt.json", "an output that is no input")
refused(run("evaluate", "--results", ".", "--test", "gt.json", "--json", "out.json"), "--json")
