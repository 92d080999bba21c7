"""Writes anchor_fit.txt: boxes and their IoU with anchors by brute force, in NumPy, from the papers' and both releases' rules.

usage: anchor_fit.py > anchor_fit.txt      (NumPy 1.24)

A line is an image, and the boxes of it:
    image RULES WIDTH HEIGHT SHORT MAX   then of each box   label x1 y1 x2 y2 (original pixels)  best on_grid anywhere learned
RULES 0: torchvision's, sizes 24 48 96, map = padded / 16.  RULES 1: py-faster-rcnn's, sizes 32 64 128, maps of four pools that round up.
Ratios 0.5 1 2 in both. Everything is computed for all anchors of the grid and all boxes, in double.
"""
import numpy as np

rng = np.random.RandomState(7)
RATIOS = (0.5, 1, 2)


def resize(rules, w, h, short, longest):
    if rules == 0:  # torchvision: truncated extents, boxes by out / in
        s = min(short / min(w, h), longest / max(w, h))
        ow, oh = int(w * s), int(h * s)
        return ow, oh, ow / w, oh / h
    s = short / min(w, h)  # py-faster-rcnn: one scale
    if np.round(s * max(w, h)) > longest:
        s = longest / max(w, h)
    return int(np.round(s * w)), int(np.round(s * h)), s, s


def base_anchors(rules):
    out = []
    for r in RATIOS:
        for size in (24, 48, 96) if rules == 0 else (32, 64, 128):
            if rules == 0:
                hr = np.sqrt(np.float32(r))
                hw, hh = np.round(np.float32(1) / hr * np.float32(size) / 2), np.round(hr * np.float32(size) / 2)
                out.append((-hw, -hh, hw, hh))
            else:  # generate_anchors.py, centre (7.5, 7.5), inclusive corners; half-open here
                w = np.round(np.sqrt(256 / r))
                h = np.round(w * r)
                w, h = w * size / 16, h * size / 16
                out.append((7.5 - (w - 1) / 2, 7.5 - (h - 1) / 2, 7.5 + (w - 1) / 2 + 1, 7.5 + (h - 1) / 2 + 1))
    return np.array(out, float)


def iou(a, b):  # [A,4] [B,4]
    lt, rb = np.maximum(a[:, None, :2], b[None, :, :2]), np.minimum(a[:, None, 2:], b[None, :, 2:])
    both = np.prod(np.clip(rb - lt, 0, None), axis=2)
    area = lambda x: np.prod(x[:, 2:] - x[:, :2], axis=1)
    return both / (area(a)[:, None] + area(b)[None] - both)


def case(rules, w, h, short, longest, boxes):
    ow, oh, sx, sy = resize(rules, w, h, short, longest)
    b = np.array(boxes, float)
    if rules == 0:
        b = b * (sx, sy, sx, sy)
        ph, pw = -(-oh // 32) * 32, -(-ow // 32) * 32
        mh, mw = ph // 16, pw // 16
    else:
        b[:, :2] *= sx
        b[:, 2:] = (b[:, 2:] - 1) * sx + 1
        mh, mw = oh, ow
        for _ in range(4):
            mh, mw = -(-mh // 2), -(-mw // 2)
    base = base_anchors(rules)
    y, x = np.mgrid[:mh, :mw] * 16
    a = (np.stack([x, y, x, y], 2).reshape(-1, 1, 4) + base[None]).reshape(-1, 4)
    v = iou(a, b)
    trains = np.ones(len(a), bool)
    if rules == 1:
        trains = (a[:, 0] >= 0) & (a[:, 1] >= 0) & (a[:, 2] - 1 < ow) & (a[:, 3] - 1 < oh)
    t = np.where(trains[:, None], v, 0)
    best = t.max(0)
    match = t.argmax(1)
    positive = (t.max(1) >= 0.7) | ((t > 0) & (np.abs(t - best) < 1e-12)).any(1)
    learned = [bool((positive & (match == g) & (t[:, g] > 0)).any()) for g in range(len(b))]
    size = lambda k: np.stack([k[:, 2] - k[:, 0], k[:, 3] - k[:, 1]], 1)
    m = np.minimum(size(base)[:, None], size(b)[None]).prod(2)
    anywhere = (m / (size(base).prod(1)[:, None] + size(b).prod(1)[None] - m)).max(0)
    text = f"image {rules} {w} {h} {short} {longest}"
    for g, box in enumerate(boxes):
        text += "   %d %s  %.9f %.9f %.9f %d" % (g % 3 + 1, " ".join("%g" % c for c in box), best[g], v.max(0)[g], anywhere[g], learned[g])
    print(text)


for rules in (0, 1):
    for w, h, short, longest in ((640, 480, 300, 1000), (500, 375, 200, 1000), (333, 500, 200, 1000), (1200, 300, 300, 600)):
        boxes = []
        for _ in range(12):
            bw, bh = np.exp(rng.uniform(np.log(4), np.log(min(w, h) * 0.9), 2)).round()
            x, y = rng.randint(0, w - int(bw) + 1), rng.randint(0, h - int(bh) + 1)
            boxes.append((x, y, x + bw, y + bh))
        case(rules, w, h, short, longest, boxes)
    # a crowd of small boxes around one place, in which several want one anchor, and boxes at the corners
    crowd = [(300 + 6 * i, 200 + 3 * (i % 3), 306 + 6 * i, 207 + 3 * (i % 3)) for i in range(10)]
    case(rules, 640, 480, 300, 1000, crowd + [(0, 0, 9, 9), (630, 470, 640, 480), (290, 190, 370, 220)])
