"""Writes coco.txt: small sets of objects and detections and what pycocotools 2.0.11 says of them.

usage: coco.py          needs pycocotools==2.0.11 and numpy

A set is lines: set NAME; limits m..; image ID; category ID; truth id image category x y w h area crowd; detection image category x y w h
score; stats, the twelve numbers; precision, its sum over all recalls with the place as weight: sum of (i + 1) * precision_i. Where the largest
limit is not 100, pycocotools prints -1 for the first number: its precision at the largest limit is written instead.
"""
import contextlib
import io
import pathlib

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

text = []


def number(v):
    return repr(float(v)).removesuffix(".0")


def write(name, images, categories, truths, found, limits=(1, 10, 100)):
    with contextlib.redirect_stdout(io.StringIO()):
        gt = COCO()
        gt.dataset = {"images": [{"id": i} for i in images], "categories": [{"id": c, "name": str(c)} for c in categories],
                      "annotations": [dict(zip(("id", "image_id", "category_id", "bbox", "area", "iscrowd"), (t[0], t[1], t[2], list(t[3]), *t[4:]))) for t in truths]}
        gt.createIndex()
        if found:
            dt = gt.loadRes([dict(zip(("image_id", "category_id", "bbox", "score"), (d[0], d[1], list(d[2]), d[3]))) for d in found])
        else:  # loadRes takes no empty list
            dt = COCO()
            dt.dataset = dict(gt.dataset, annotations=[])
            dt.createIndex()
        e = COCOeval(gt, dt, "bbox")
        e.params.maxDets = list(limits)
        e.evaluate(), e.accumulate(), e.summarize()
    stats = list(e.stats)
    precision = np.transpose(e.eval["precision"], (2, 3, 4, 0, 1)).ravel()
    if limits[-1] != 100:
        s = e.eval["precision"][:, :, :, 0, -1]
        stats[0] = s[s > -1].mean()
    text.append(f"set {name}")
    text.append("limits " + " ".join(map(str, limits)))
    text.extend(f"image {i}" for i in images)
    text.extend(f"category {c}" for c in categories)
    text.extend(f"truth {t[0]} {t[1]} {t[2]} " + " ".join(map(number, t[3])) + f" {number(t[4])} {t[5]}" for t in truths)
    text.extend(f"detection {d[0]} {d[1]} " + " ".join(map(number, d[2])) + f" {number(d[3])}" for d in found)
    text.append("precision " + number(((np.arange(precision.size) + 1) * precision).sum()))
    text.append("stats " + " ".join(map(number, stats)))


BOX = (10, 10, 40, 40)
write("7_of_10", range(1, 11), [1], [(i, i, 1, BOX, 1600, 0) for i in range(1, 11)], [(i, 1, BOX, .9) for i in range(1, 8)])
write("the_last_of_equals", [1], [1], [(1, 1, 1, BOX, 900, 0), (2, 1, 1, BOX, 1600, 0)], [(1, 1, BOX, .9)])
write("areas_on_the_border", [1, 2], [1], [(1, 1, 1, (0, 0, 32, 32), 1024, 0), (2, 2, 1, (0, 0, 96, 96), 9216, 0)],
      [(1, 1, (0, 0, 32, 32), .9), (2, 1, (0, 0, 96, 96), .8)])
write("ignored_by_area_once_crowd_often", [1], [1], [(1, 1, 1, (0, 0, 20, 20), 400, 0), (2, 1, 1, (100, 0, 50, 50), 2500, 1), (3, 1, 1, (300, 0, 50, 50), 2500, 0)],
      [(1, 1, (0, 0, 20, 20), s) for s in (.9, .8)] + [(1, 1, (100, 0, 50, 50), s) for s in (.7, .6)] + [(1, 1, (300, 0, 50, 50), .5)])
write("equal_scores_across_images", [7, 3, 5], [1], [(1, 3, 1, BOX, 1600, 0), (2, 5, 1, BOX, 1600, 0)],
      [(7, 1, BOX, .5), (5, 1, BOX, .5), (3, 1, BOX, .5), (3, 1, (0, 0, 5, 5), .5)])
write("equal_scores_in_an_image", [1], [1], [(1, 1, 1, BOX, 1600, 0)], [(1, 1, (11, 11, 40, 40), .5), (1, 1, BOX, .5)], (1, 2, 100))
write("annotation_id_0", [1, 2], [1], [(0, 1, 1, BOX, 1600, 0), (1, 2, 1, BOX, 1600, 0)], [(1, 1, BOX, .9), (2, 1, BOX, .9)])
write("no_results", [1, 2], [1, 2], [(1, 1, 1, BOX, 1600, 0), (2, 2, 2, BOX, 1600, 0)], [])
write("limits_of_50", [1], [1], [(i + 1, 1, 1, (20 * i, 0, 10, 10), 100, 0) for i in range(9)], [(1, 1, (20 * i, 0, 10, 10), .9 - i / 10) for i in range(9)], (1, 3, 50))
r = np.random.default_rng(1)
for n in range(6):
    images, categories, truths, found = [4, 2, 9], [3, 1], [], []
    for i in images:
        for c in categories:
            for _ in range(r.integers(0, 5)):
                where = [*r.integers(0, 100, 2), *r.choice([32, 96, 40, 0, 64], 2)]
                truths.append((len(truths) + 1, i, c, where, r.choice([1024, 9216, where[2] * where[3]]), int(r.random() < .2)))
            near = [t[3] for t in truths if t[1:3] == (i, c)]
            for _ in range(105 if n == 5 and (i, c) == (2, 3) else r.integers(0, 8)):
                where = list(near[r.integers(len(near))]) if near and r.random() < .7 else [*r.integers(0, 100, 2), 30, 30]
                where[0] += r.choice([0, 0, 1, 4])
                found.append((i, c, where, r.choice([0, 1, .5, np.round(r.random(), 2)])))
    order = r.permutation(len(found))
    write(f"random_{n}", images, categories, truths, [found[j] for j in order])
(pathlib.Path(__file__).parent / "coco.txt").write_text("\n".join(text) + "\n")
