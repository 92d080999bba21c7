#!/usr/bin/env python3
"""COCO evaluation of random sets, ours beside pycocotools 2.0.11: every match, precision, score and recall, and the twelve numbers to 1e-12.

usage: test_coco_metrics.py BUILD [SETS]      1,000 sets, in which are crowds (20 %), equal scores and boxes, boxes without area, scores of 0
and 1, areas of exactly 1,024 and 9,216, more than 100 detections of an image and category, `ignore` without `iscrowd`, annotation id 0, other
thresholds, limits and ranges of areas.
"""
import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

SETS = int(sys.argv[2]) if len(sys.argv) > 2 else 1000


def make(r):
    images = [int(i) for i in r.choice(1000, r.integers(1, 7), replace=False)]
    categories = [int(i) for i in r.choice(90, r.integers(1, 5), replace=False)]
    crowded, dense = r.random() < .5, r.random() < .1
    truths, found = [], []

    def box():
        kind = r.random()
        side = np.exp(r.uniform(np.log(4), np.log(250), 2)) if kind < .7 else r.choice([32., 96., 0., 16., 64.], 2)
        xy = r.uniform(0, 200, 2)
        return [float(v) for v in (np.round([*xy, *side]) if r.random() < .5 else np.round([*xy, *side], 2))]

    for image in images:
        for category in categories:
            for _ in range(r.integers(0, 12 if dense else 4)):
                where = box()
                area = float(r.choice([where[2] * where[3], 1024, 9216, 1024.0000001, round(where[2] * where[3] * .7, 2)]))
                t = {"image_id": image, "category_id": category, "bbox": where, "area": area, "iscrowd": int(r.random() < (.2 if crowded else .02))}
                if r.random() < .1:
                    t["ignore"] = 1
                truths.append(t)
                if r.random() < .1:
                    truths.append(dict(t, iscrowd=0))
            near = [t["bbox"] for t in truths if t["image_id"] == image]
            for _ in range(r.integers(90, 140) if dense and r.random() < .3 else r.integers(0, 9)):
                where = list(near[r.integers(len(near))]) if near and r.random() < .7 else box()
                if r.random() < .7:
                    where = [float(v) for v in np.round(np.array(where) + r.normal(0, 1, 4) * .1 * (1 + np.array([*where[2:], *where[2:]])), 1)]
                    where[2:] = [max(0., v) for v in where[2:]]
                score = float(r.choice([0, 1, .5, round(float(r.random()), 1), float(r.random())]))
                found.append({"image_id": image, "category_id": category if r.random() < .97 else 999, "bbox": where, "score": score})
    order = r.permutation(len(truths))
    first = int(r.random() < .7)  # 0: annotation id 0
    truths = [dict(truths[j], id=int(i) + first) for i, j in enumerate(order)]
    found = [found[j] for j in r.permutation(len(found))]
    options = {}
    if r.random() < .3:
        options["limits"] = sorted(int(v) for v in r.choice([1, 2, 3, 5, 10, 50, 100, 300], 3, replace=False))
    if r.random() < .2:
        options["iou"] = [float(v) for v in np.round(np.sort(r.choice(np.linspace(.05, 1, 96), r.integers(1, 12), replace=False)), 2)]
    if r.random() < .2:
        options["areas"] = [[0, 1e10], [0, 1024], [1024, 1024], [500.5, 9216]]
    gt = {"images": [{"id": i, "width": 500, "height": 500} for i in images],
          "categories": [{"id": c, "name": f"c{c}"} for c in categories], "annotations": truths}
    return gt, found, options


def peer(gt, found, options, folder):
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = gt
        truth.createIndex()
        if found:
            results = truth.loadRes(found)
        else:
            results = COCO()
            results.dataset = dict(gt, annotations=[])
            results.createIndex()
        e = COCOeval(truth, results, "bbox")
        if "limits" in options:
            e.params.maxDets = options["limits"]
        if "iou" in options:
            e.params.iouThrs = np.array(options["iou"])
        if "areas" in options:
            e.params.areaRng = options["areas"]
        e.evaluate()
        e.accumulate()
        e.summarize()
    return e


def compare(e, path, options):
    lines = {"match": {}}
    for line in open(path):
        words = line.split()
        if words[0] == "match":
            lines["match"][tuple(int(w) for w in words[1:4])] = [int(w) for w in words[4:]]
        else:
            lines[words[0]] = np.array([float(w) for w in words[1:]])
    p, matches = e.params, 0
    shape = (len(p.catIds), len(p.areaRng), len(p.maxDets), len(p.iouThrs), len(p.recThrs))
    for name, theirs, axes in (("precision", "precision", (2, 3, 4, 0, 1)), ("score", "scores", (2, 3, 4, 0, 1)), ("recall", "recall", (1, 2, 3, 0))):
        wanted = np.transpose(e.eval[theirs], axes)
        assert np.abs(lines[name].reshape(shape[:len(axes)]) - wanted).max(initial=0) <= 1e-12, name
    stats = e.stats.copy()
    if p.maxDets[-1] != 100:  # printed as -1 by pycocotools
        s = e.eval["precision"][:, :, :, 0, -1]
        stats[0] = s[s > -1].mean() if (s > -1).any() else -1
    assert np.abs(lines["stats"] - stats).max() <= 1e-12, (lines["stats"], stats)

    T, seen = len(p.iouThrs), 0
    for at, record in enumerate(e.evalImgs):
        if record is None:
            continue
        seen += 1
        ours = lines["match"][(record["category_id"], at // len(p.imgIds) % len(p.areaRng), record["image_id"])]
        D, G = len(record["dtIds"]), len(record["gtIds"])
        assert ours[:D] == record["dtIds"], "the order of detections"
        triples = np.array(ours[D:D + 3 * T * D]).reshape(T, D, 3)
        in_file_order = np.argsort(record["gtIds"])
        if G:
            assert (np.array(ours[D + 3 * T * D:]).reshape(T, G) == record["gtMatches"][:, in_file_order]).all(), "what found each object"
        found = triples[:, :, 1] == 1
        assert (found == (record["dtMatches"] != 0)).all(), "what is found"
        assert (np.where(found, triples[:, :, 0], 0) == record["dtMatches"]).all(), "which object is found"
        assert (triples[:, :, 2] == record["dtIgnore"]).all(), "what is ignored"
        matches += T * D
    assert seen == len(lines["match"])
    return matches


with tempfile.TemporaryDirectory() as folder:
    sets = []
    for n in range(SETS):
        gt, found, options = make(np.random.default_rng(n))
        sets.append((gt, found, options))
        json.dump(gt, open(f"{folder}/{n}.gt.json", "w"))
        json.dump(found, open(f"{folder}/{n}.dt.json", "w"))
        with open(f"{folder}/{n}.options", "w") as out:
            print("exact", file=out)
            for name, values in options.items():
                print(name, *np.ravel(values), file=out)
    program = os.path.join(sys.argv[1], "tests", "test_parity")
    subprocess.run([program, "-tc=COCO*"], env={**os.environ, "FRCNN_PARITY_COCO": folder}, check=True)
    matches = 0
    for n, (gt, found, options) in enumerate(sets):
        try:
            matches += compare(peer(gt, found, options, folder), f"{folder}/{n}.ours", options)
        except AssertionError as problem:
            sys.exit(f"set {n}: {problem}")
print(f"{SETS} sets: {matches} verdicts on detections, every number of them, are pycocotools'")
