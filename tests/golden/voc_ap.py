"""Writes voc_ap.txt: random objects, detections and proposals with their average precision and recall, computed here with NumPy alone.

usage: voc_ap.py [--peer FILE] [--coco]
    --peer FILE   a Python file with ap50(dets, gts, classes): area AP must equal it to 1e-9
    --coco        recall must equal pycocotools' where both definitions agree (objects far apart)

The cases: two detections on one object, difficult objects, equal scores within and across images, IoU of exactly 0.5, an object that is
nearest to two detections, images without objects or detections, a class without detections, without objects, with difficult ones only.
"""
import argparse
import importlib.util
import pathlib

import numpy as np

IMAGES, CLASSES = 14, 6
rng = np.random.default_rng(20240607)


def quarter(v):  # exact in float and in few digits
    return np.round(np.asarray(v) * 4) / 4


def random_box():
    w, h = rng.uniform(10, 60, 2)
    x, y = rng.uniform(0, 200 - w), rng.uniform(0, 150 - h)
    return quarter([x, y, x + w, y + h])


def overlaps(a, b):
    """IoU of every row of a with every row of b."""
    a, b = np.reshape(a, (-1, 1, 4)).astype(float), np.reshape(b, (1, -1, 4)).astype(float)
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    both = np.prod(np.maximum(sides, 0), axis=-1)
    return both / (np.prod(a[..., 2:] - a[..., :2], -1) + np.prod(b[..., 2:] - b[..., :2], -1) - both)


def make():
    truths, found, proposals = [], [], []
    for image in range(IMAGES):
        t, d, p = [], [], []
        for _ in range(0 if image == 3 else rng.integers(2, 9)):
            label = int(rng.choice([1, 2, 3, 4]))  # 5 and 6 have no objects that count
            t.append((label, bool(rng.random() < 0.2), random_box()))
        if image % 4 == 0:
            t.append((5, True, random_box()))
        for label, _, box in t:
            for _ in range(rng.integers(1, 6)):
                p.append(quarter(box + rng.normal(0, 5, 4)))
            if label == 4 or image == 5:  # never found; an image without detections
                continue
            for _ in range(rng.integers(0, 4)):
                score = rng.integers(1, 20) / 20 if rng.random() < 0.5 else round(float(rng.random()), 4)
                d.append((label, score, quarter(box + rng.normal(0, 3, 4))))
            if rng.random() < 0.3:  # a box of half the height inside: IoU is exactly 0.5, which is no match
                d.append((label, 0.95, np.r_[box[:3], (box[1] + box[3]) / 2]))
        for _ in range(0 if image == 5 else rng.integers(0, 6)):
            d.append((int(rng.choice([1, 2, 3, 5, 6])), rng.integers(1, 20) / 20, random_box()))
        p += [random_box() for _ in range(6)]
        order = rng.permutation(len(d))
        truths.append(t)
        found.append([d[i] for i in order])
        proposals.append([p[i] for i in rng.permutation(len(p))])
    # Of the last image's two equal best overlaps the first object counts: it is difficult, so neither detection is wrong.
    truths[-1] = [(1, True, np.array([0, 0, 20, 20.0])), (1, False, np.array([10, 0, 30, 20.0]))]
    found[-1] = [(1, 0.5, np.array([5, 0, 25, 20.0])), (1, 0.5, np.array([5, 0, 25, 20.0]))]
    return truths, found, proposals


def average_precision(truths, found, label):
    """(area, 11-point): every detection is judged in turn, then both areas are taken from the list of right and wrong."""
    listed = [(-score, image, k) for image, d in enumerate(found) for k, (l, score, _) in enumerate(d) if l == label]
    total = sum(l == label and not hard for t in truths for l, hard, _ in t)
    right, claimed = [], set()
    for _, image, k in sorted(listed):
        mine = [(j, hard, box) for j, (l, hard, box) in enumerate(truths[image]) if l == label]
        if mine:
            iou = overlaps(found[image][k][2], [box for _, _, box in mine])[0]
            best = int(np.argmax(iou))
            if iou[best] > 0.5:
                if mine[best][1]:
                    continue
                right.append((image, mine[best][0]) not in claimed)
                claimed.add((image, mine[best][0]))
                continue
        right.append(False)
    right = np.array(right, bool)
    recall = right.cumsum() / max(total, 1)
    precision = right.cumsum() / np.arange(1, len(right) + 1)
    # The area: every true positive adds 1/total times the best precision from there on.
    area = sum(precision[k:].max() for k in np.flatnonzero(right)) / max(total, 1)
    eleven = np.mean([precision[recall >= t].max(initial=0) for t in np.arange(11) * 0.1])
    return area, eleven


def recall(truths, proposals, limit):
    """Recall at 0.5, 0.55 ... 0.95: the closest free pair is taken, again and again."""
    covered = []
    for t, p in zip(truths, proposals):
        boxes = [box for _, hard, box in t if not hard]
        table = overlaps(boxes, p[:limit]) if boxes and p[:limit] else np.zeros((len(boxes), 1))
        for _ in boxes:
            o, k = np.unravel_index(table.argmax(), table.shape)
            covered.append(max(table[o, k], 0))
            table[o, :] = table[:, k] = -1
    covered = np.array(covered).astype(np.float32)
    return np.array([(covered >= np.float32(t)).mean() for t in np.arange(0.5, 0.96, 0.05)])


def check_peer(path, truths, found, area):
    spec = importlib.util.spec_from_file_location("peer", path)
    peer = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(peer)
    f = np.float32
    dets = [(np.array([b for *_, b in d], f).reshape(-1, 4), np.array([l for l, *_ in d]), np.array([s for _, s, _ in d], f)) for d in found]
    gts = [(np.array([b for *_, b in t], f).reshape(-1, 4), np.array([l for l, *_ in t]), np.array([h for _, h, _ in t], bool)) for t in truths]
    np.testing.assert_allclose(area, peer.ap50(dets, gts, CLASSES), atol=1e-9)
    print("area AP equals the peer's:", np.round(area, 6))


def check_coco():
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    truths, proposals, annotations, results = [], [], [], []
    for image in range(6):
        cells = [np.array([x, y, x + rng.uniform(20, 50), y + rng.uniform(20, 50)]) for x in (0, 100, 200) for y in (0, 100)]
        truths.append([(1, False, b) for b in cells])
        p = [cells[rng.integers(6)] + rng.normal(0, 4, 4) for _ in range(20)]
        proposals.append(p)
        xywh = lambda b: [*b[:2], *(b[2:] - b[:2])]
        annotations += [dict(id=len(annotations) + 1 + k, image_id=image, category_id=1, iscrowd=0, area=float(np.prod(b[2:] - b[:2])), bbox=xywh(b)) for k, b in enumerate(cells)]
        results += [dict(image_id=image, category_id=1, bbox=xywh(b), score=1 - k / 100) for k, b in enumerate(p)]
    coco = COCO()
    coco.dataset = dict(images=[dict(id=i) for i in range(6)], categories=[dict(id=1)], annotations=annotations)
    coco.createIndex()
    evaluation = COCOeval(coco, coco.loadRes(results), "bbox")
    evaluation.params.maxDets = [1, 5, 20]
    evaluation.evaluate()
    evaluation.accumulate()
    for m, limit in enumerate(evaluation.params.maxDets):
        np.testing.assert_allclose(recall(truths, proposals, limit), evaluation.eval["recall"][:, 0, 0, m], atol=1e-12)
    print("recall equals pycocotools'")


options = argparse.ArgumentParser()
options.add_argument("--peer")
options.add_argument("--coco", action="store_true")
options = options.parse_args()
truths, found, proposals = make()
ap = [average_precision(truths, found, label) for label in range(1, CLASSES + 1)]
if options.peer:
    check_peer(options.peer, truths, found, [a for a, _ in ap])

num = lambda values: " ".join(f"{float(v):.17g}" for v in values)
lines = ["# written by tests/golden/voc_ap.py", f"size {IMAGES} {CLASSES}"]
for image in range(IMAGES):
    lines += [f"truth {image} {label} {int(hard)} {num(box)}" for label, hard, box in truths[image]]
    lines += [f"detection {image} {label} {float(score)!r} {num(box)}" for label, score, box in found[image]]
    lines += [f"proposal {image} {num(box)}" for box in proposals[image]]
lines += [f"ap {label + 1} {num(values)}" for label, values in enumerate(ap)]
for limit in (1, 5, 10, 1000):
    r = recall(truths, proposals, limit)
    lines.append(f"recall {limit} {num(r)} {num([r.mean()])}")
pathlib.Path(__file__).with_suffix(".txt").write_text("\n".join(lines) + "\n")
if options.coco:
    check_coco()
