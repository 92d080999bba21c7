"""Writes error_kinds.txt: small sets of objects and detections, and the errors and their costs that tidecv 1.0.1 finds.

usage: error_kinds.py [--results DT.json --test GT.json]          needs tidecv==1.0.1 and numpy
    with both options: prints what tidecv says of COCO's files, and writes nothing

A set is lines: set NAME IMAGES CLASSES; truth image label difficult x1 y1 x2 y2; detection image label score x1 y1 x2 y2; ap; count and cost, of
class, localisation, both, duplicate, background, missed; special: the costs of false positives and of false negatives. AP and costs are from 0
to 1. An ignored detection, which tidecv lists among the errors, is taken out of the counts; difficult objects lie apart from the others, so
that it has no part in the costs.
"""
import argparse
import json
import pathlib

import numpy as np
from tidecv import TIDE, Data

KINDS = ("Cls", "Loc", "Both", "Dupe", "Bkg", "Miss")


def study(images, truths, found):
    """truths: (image, label, difficult, box), found: (image, label, score, box); boxes x, y, w, h."""
    gt, dt = Data("gt"), Data("dt")
    for i in images:  # of images that it does not know tidecv drops the detections
        gt.add_image(i, str(i))
    for image, label, difficult, box in truths:
        (gt.add_ignore_region if difficult else gt.add_ground_truth)(image, label, box)
    for image, label, score, box in found:
        dt.add_detection(image, label, score, box)
    tide = TIDE()
    run = tide.evaluate(gt, dt)
    count = dict.fromkeys(KINDS, 0)
    for e in run.errors:
        count[e.short_name] += not (hasattr(e, "pred") and e.pred["used"] is None)
    main, special = tide.get_main_errors()["dt"], tide.get_special_errors()["dt"]
    return run.ap / 100, count, {k: main[k] / 100 for k in KINDS}, [special[k] / 100 for k in ("FalsePos", "FalseNeg")]


text = []


def number(v):
    return repr(float(v)).removesuffix(".0")


def write(name, images, classes, truths, found):
    def as_xywh(rows):
        return [(*r[:3], [r[3][0], r[3][1], r[3][2] - r[3][0], r[3][3] - r[3][1]]) for r in rows]

    ap, count, cost, special = study(range(images), as_xywh(truths), as_xywh(found))
    text.append(f"set {name} {images} {classes}")
    text.extend(f"truth {t[0]} {t[1]} {int(t[2])} " + " ".join(map(number, t[3])) for t in truths)
    text.extend(f"detection {d[0]} {d[1]} {number(d[2])} " + " ".join(map(number, d[3])) for d in found)
    text.append("ap " + number(ap))
    text.append("count " + " ".join(str(count[k]) for k in KINDS))
    text.append("cost " + " ".join(number(cost[k]) for k in KINDS))
    text.append("special " + " ".join(map(number, special)))


def quarter(v):  # exact in float and in few digits
    return [float(x) for x in np.round(np.asarray(v) * 4) / 4]


def make():
    box = (0, 0, 10, 10)
    write("example", 1, 2, [(0, 1, 0, box)], [(0, 2, .875, box), (0, 1, .75, (0, 0, 10, 4))])
    write("duplicate_at_half", 1, 1, [(0, 1, 0, box)], [(0, 1, .875, box), (0, 1, .75, (0, 0, 10, 5)), (0, 1, .625, (0, 0, 10, 6))])
    write("other_class_before_duplicate", 1, 2, [(0, 1, 0, box), (0, 2, 0, (0, 1, 10, 11))], [(0, 1, .875, box), (0, 1, .75, box)])
    write("class_without_objects", 1, 3, [(0, 1, 0, box)], [(0, 1, .5, box), (0, 2, .25, (50, 50, 60, 60))])
    write("best_of_two_kinds", 1, 2, [(0, 1, 0, box)], [(0, 1, .875, (0, 0, 10, 4)), (0, 2, .75, box), (0, 2, .5, (0, 0, 10, 9))])
    write("more_than_100", 1, 1, [(0, 1, 0, box), (0, 1, 0, (100, 0, 110, 10))],
          [(0, 1, .5, (20, 20 + k, 30, 25 + k)) for k in range(100)] + [(0, 1, .25, box)])
    write("7_of_10", 10, 1, [(i, 1, 0, box) for i in range(10)], [(i, 1, .5, box) for i in range(7)])
    r = np.random.default_rng(22)
    for n in range(6):
        images, classes, truths, found = 5, 4, [], []
        for i in range(images):
            for _ in range(0 if i == 3 else r.integers(1, 6)):
                w, h = r.uniform(10, 60, 2)
                x, y = r.uniform(0, 100, 2)
                truths.append((i, int(r.choice([1, 2, 3])), 0, quarter([x, y, x + w, y + h])))
            truths.append((i, 1, 1, quarter([500, 0, 540, 40])))
            near = [t for t in truths if t[0] == i]
            for _ in range(0 if i == 2 else r.integers(0, 14)):
                t = near[r.integers(len(near))]
                where = quarter(np.asarray(t[3]) + r.normal(0, r.choice([0, 2, 10]), 4))
                where = [*where[:2], max(where[2], where[0] + 1), max(where[3], where[1] + 1)]
                label = t[1] if r.random() < .7 else int(r.choice([1, 2, 3, 4]))
                found.append((i, label, float(r.integers(1, 16) / 16 if n % 2 else np.float32(round(float(r.random()), 4))), where))
        write(f"random_{n}", images, classes, truths, found)
    (pathlib.Path(__file__).parent / "error_kinds.txt").write_text("\n".join(text) + "\n")


p = argparse.ArgumentParser()
p.add_argument("--results")
p.add_argument("--test")
a = p.parse_args()
if a.results:
    test = json.load(open(a.test))
    print(*study([i["id"] for i in test["images"]],
                 [(t["image_id"], t["category_id"], t["iscrowd"], t["bbox"]) for t in test["annotations"]],
                 [(d["image_id"], d["category_id"], d["score"], d["bbox"]) for d in json.load(open(a.results))]), sep="\n")
else:
    make()
