#!/usr/bin/env bash
# pycocotools computes the first of its twelve numbers, AP, at 100 detections
# an image and class whatever params.maxDets says, and the others at its
# largest entry. It cannot evaluate a detector that finds nothing.
#
# Versions: pycocotools 2.0.11, faster-coco-eval 1.8.0, hotcoco 1.3.0.
#
# Observed: one image with 150 objects, all found exactly.
#   limits 1, 10, 100      AP 0.663, AP50 0.663   all three
#   limits 1, 10, 50       pycocotools AP -1, AP50 0.337; the others AP 0.337
#   limits 100, 300, 1000  pycocotools AP 0.663, AP50 1; the others AP 1
# An empty list of results is an IndexError of pycocotools' loadRes; the others
# give AP 0.
#
# One would have guessed: AP, the mean over the IoU thresholds, has the limit
# of AP50 and AP75, which are two of its terms. (LVIS and crowded scenes are
# evaluated with a limit of 300 or 1,000.) And no result at all is a bad
# detector, not a bad file.
#
# Why it matters: AP50 above AP by a third is read as boxes that lie badly. A
# first checkpoint that finds nothing ends a training in its evaluation.
#
# Needs: python3 with venv (3.11 here).
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"

python3 -m venv venv
venv/bin/pip install -q --no-compile --disable-pip-version-check --only-binary=:all: \
  pycocotools==2.0.11 faster-coco-eval==1.8.0 hotcoco==1.3.0 numpy==2.4.6
cat > evaluate.py <<'PY'
import contextlib
import importlib.metadata
import io
import json

import faster_coco_eval
import hotcoco
import pycocotools.coco
import pycocotools.cocoeval

for package in ["pycocotools", "faster-coco-eval", "hotcoco"]:
    print(package, importlib.metadata.version(package))

BOXES = [[20 * (i % 15), 20 * (i // 15), 10, 10] for i in range(150)]
json.dump({"images": [{"id": 1, "width": 300, "height": 200, "file_name": "1.jpg"}],
           "categories": [{"id": 1, "name": "thing"}],
           "annotations": [{"id": i + 1, "image_id": 1, "category_id": 1, "bbox": b, "area": 100, "iscrowd": 0}
                           for i, b in enumerate(BOXES)]}, open("truth.json", "w"))
json.dump([{"image_id": 1, "category_id": 1, "bbox": b, "score": 0.9} for b in BOXES], open("all.json", "w"))
json.dump([], open("none.json", "w"))


def two_numbers(evaluator):
    evaluator.evaluate()
    evaluator.accumulate()
    evaluator.summarize()
    return [round(float(x), 3) for x in evaluator.stats[:2]]


def by_pycocotools(found, limits):
    truth = pycocotools.coco.COCO("truth.json")
    evaluator = pycocotools.cocoeval.COCOeval(truth, truth.loadRes(found), "bbox")
    evaluator.params.maxDets = limits
    return two_numbers(evaluator)


def by_faster(found, limits):
    truth = faster_coco_eval.COCO("truth.json")
    evaluator = faster_coco_eval.COCOeval_faster(truth, truth.loadRes(found), "bbox")
    evaluator.params.maxDets = limits
    return two_numbers(evaluator)


def by_hotcoco(found, limits):
    truth = hotcoco.COCO("truth.json")
    evaluator = hotcoco.COCOeval(truth, truth.load_res(found), "bbox")
    params = evaluator.params
    params.max_dets = limits
    evaluator.params = params
    return two_numbers(evaluator)


good = True
for found, limits, expected in [("all.json", [1, 10, 100], ([0.663, 0.663], [0.663, 0.663], [0.663, 0.663])),
                                ("all.json", [1, 10, 50], ([-1, 0.337], [0.337, 0.337], [0.337, 0.337])),
                                ("all.json", [100, 300, 1000], ([0.663, 1], [1, 1], [1, 1])),
                                ("none.json", [1, 10, 100], ("IndexError", [0, 0], [0, 0]))]:
    print(found, "limits", limits)
    for evaluate, want in zip([by_pycocotools, by_faster, by_hotcoco], expected):
        with contextlib.redirect_stdout(io.StringIO()):
            try:
                got = evaluate(found, limits)
            except Exception as e:
                got = type(e).__name__
        print(f"  {evaluate.__name__[3:]:12} AP, AP50: {got}", "" if got == want else f"CHANGED, was {want}")
        good = good and got == want
raise SystemExit(0 if good else 1)
PY
venv/bin/python evaluate.py
echo "as described"
