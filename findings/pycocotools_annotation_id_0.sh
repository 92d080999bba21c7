#!/usr/bin/env bash
# pycocotools counts an object as never found if the id of its annotation is 0,
# and globox numbers the annotations that it writes from 0.
#
# Versions: pycocotools 2.0.11, faster-coco-eval 1.8.0, hotcoco 1.3.0,
# globox 2.9.0.
#
# Observed: two images with one object each, both found exactly. With
# annotation ids 1 and 2 every evaluator says AP 1. With ids 0 and 1
# pycocotools says 0.252, and nothing else: the evaluation marks a match by
# the id of the annotation, and 0 also stands for "no match". The object is
# missing from the found ones, and its detection is a false positive.
# faster-coco-eval gives the same 0.252, with a warning. hotcoco gives 1. So
# does globox's own evaluator. A COCO file with ids from 1 that globox reads
# and writes again comes out with ids from 0, and pycocotools' AP on it falls.
#
# One would have guessed: an id is a name, and any integer will do. Image ids
# and category ids of 0 are indeed fine.
#
# Why it matters: a conversion script that numbers with enumerate() begins at
# 0. With thousands of objects the loss is too small to notice; with a small
# test set, or a class with few objects, it is a wrong AP for a right detector.
# Two evaluators that disagree on the same files may disagree on this alone.
#
# Needs: python3 with venv (3.11 here).
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"

python3 -m venv venv
venv/bin/pip install -q --no-compile --disable-pip-version-check --only-binary=:all: \
  pycocotools==2.0.11 faster-coco-eval==1.8.0 hotcoco==1.3.0 globox==2.9.0 numpy==2.4.6
cat > evaluate.py <<'PY'
import contextlib
import importlib.metadata
import io
import json
import warnings

import faster_coco_eval
import globox
import hotcoco
import pycocotools.coco
import pycocotools.cocoeval

for package in ["pycocotools", "faster-coco-eval", "hotcoco", "globox"]:
    print(package, importlib.metadata.version(package))

BOX = [10, 10, 50, 50]


def write(path, annotation_ids, image_ids=(1, 2), category=1):
    json.dump({"images": [{"id": i, "width": 200, "height": 100, "file_name": f"{i}.jpg"} for i in image_ids],
               "categories": [{"id": category, "name": "thing"}],
               "annotations": [{"id": a, "image_id": i, "category_id": category, "bbox": BOX, "area": 2500, "iscrowd": 0}
                               for a, i in zip(annotation_ids, image_ids)]}, open(path, "w"))
    json.dump([{"image_id": i, "category_id": category, "bbox": BOX, "score": 0.9} for i in image_ids],
              open("found.json", "w"))


def finish(evaluator):
    evaluator.evaluate()
    evaluator.accumulate()
    evaluator.summarize()
    return round(float(evaluator.stats[0]), 3)


def by_pycocotools(path):
    truth = pycocotools.coco.COCO(path)
    return finish(pycocotools.cocoeval.COCOeval(truth, truth.loadRes("found.json"), "bbox"))


def by_faster(path):
    truth = faster_coco_eval.COCO(path)
    return finish(faster_coco_eval.COCOeval_faster(truth, truth.loadRes("found.json"), "bbox"))


def by_hotcoco(path):
    truth = hotcoco.COCO(path)
    return finish(hotcoco.COCOeval(truth, truth.load_res("found.json"), "bbox"))


def by_globox(path):
    truth = globox.AnnotationSet.from_coco(path)
    found = truth.from_results("found.json")
    return round(float(globox.COCOEvaluator(ground_truths=truth, predictions=found).ap()), 3)


EVALUATORS = {"pycocotools": by_pycocotools, "faster-coco-eval": by_faster, "hotcoco": by_hotcoco, "globox": by_globox}
good = True


def compare(what, path, expected):
    global good
    print(what)
    for (name, evaluate), want in zip(EVALUATORS.items(), expected):
        printed = io.StringIO()
        with warnings.catch_warnings(record=True) as caught, contextlib.redirect_stdout(printed):
            warnings.simplefilter("always")
            ap = evaluate(path)
        warned = [str(w.message).split(".")[0] for w in caught if "id 0" in str(w.message)]
        print(f"  {name:17} AP {ap:.3f}", f"  warns: {warned[0]}" if warned else "")
        if ap != want or bool(warned) != (name == "faster-coco-eval" and want < 1):
            good = False
            print("  CHANGED: AP was", want)


write("from1.json", (1, 2))
compare("annotation ids 1, 2", "from1.json", (1, 1, 1, 1))
globox.AnnotationSet.from_coco("from1.json").save_coco("rewritten.json")
ids = [a["id"] for a in json.load(open("rewritten.json"))["annotations"]]
compare(f"the same file, read and written by globox: annotation ids {ids}", "rewritten.json", (0.252, 0.252, 1, 1))
good = good and ids == [0, 1]
write("from0.json", (0, 1))
compare("annotation ids 0, 1", "from0.json", (0.252, 0.252, 1, 1))
write("others0.json", (1, 2), (0, 1), 0)
compare("annotation ids 1, 2; image ids 0, 1; category id 0", "others0.json", (1, 1, 1, 1))
raise SystemExit(0 if good else 1)
PY
venv/bin/python evaluate.py
echo "as described"
