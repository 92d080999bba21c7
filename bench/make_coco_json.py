#!/usr/bin/env python3
"""A file like COCO's instances_train2017.json: as many images and annotated objects, as long outlines, as many bytes; nothing in it is real.

usage: make_coco_json.py FILE [--images N] [--annotations N] [--seed N]

The same arguments give the same bytes. Of 118,000 images and 860,000 annotations (the defaults) it is 482 MB, where COCO's is 450: 80 categories; objects
mostly with one polygon of 8 to 50 corners, some of several polygons; 1.2 % are crowds, run lengths of an image's mask (RLE) in a list. As in COCO's file,
everything is on one line, coordinates have two decimals, and the lists come in the order info, licenses, images, annotations, categories.
"""
import argparse
import math
import random

parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
parser.add_argument("file")
parser.add_argument("--images", type=int, default=118000)
parser.add_argument("--annotations", type=int, default=860000)
parser.add_argument("--seed", type=int, default=0)
options = parser.parse_args()
draws = random.Random(options.seed)
uniform = draws.random
SIZES = [(640, 480), (480, 640), (640, 427), (427, 640), (500, 375), (640, 640)]
TURNS = [(math.cos(k * math.tau / 720), math.sin(k * math.tau / 720)) for k in range(720)]  # half degrees


def ring(x, y, rx, ry, corners):
    """A closed outline around (x, y), as [x0,y0,x1,y1,..], and its box."""
    xs, ys = [], []
    for k in range(corners):
        cosine, sine = TURNS[k * 720 // corners]
        r = 0.6 + 0.4 * uniform()
        xs.append(round(x + rx * r * cosine, 2))
        ys.append(round(y + ry * r * sine, 2))
    text = ",".join(f"{a},{b}" for a, b in zip(xs, ys))
    return f"[{text}]", min(xs), min(ys), max(xs), max(ys)


def polygons(width, height):
    """What an annotation says of where it is: segmentation, area, iscrowd, bbox."""
    rings = 1 if uniform() < 0.9 else draws.randrange(2, 6)
    rx, ry = width * (0.01 + 0.2 * uniform() ** 2), height * (0.01 + 0.2 * uniform() ** 2)
    parts = []
    for _ in range(rings):
        x, y = rx + uniform() * (width - 2 * rx), ry + uniform() * (height - 2 * ry)
        parts.append(ring(x, y, rx, ry, 8 + int(42 * uniform() ** 2)))
    x1, y1 = min(p[1] for p in parts), min(p[2] for p in parts)
    x2, y2 = max(p[3] for p in parts), max(p[4] for p in parts)
    area = rings * rx * ry * 2.0
    return f'"segmentation":[{",".join(p[0] for p in parts)}],"area":{area:.13f},"iscrowd":0,"bbox":[{x1},{y1},{round(x2 - x1, 2)},{round(y2 - y1, 2)}]'


def crowd(width, height):
    left, counts = width * height, []
    while left > 0 and len(counts) < 600:
        counts.append(min(left, 1 + draws.randrange(height)))
        left -= counts[-1]
    counts[-1] += left
    w, h = draws.randrange(width // 4, width - 1), draws.randrange(height // 4, height - 1)
    runs = ",".join(map(str, counts))
    return f'"segmentation":{{"counts":[{runs}],"size":[{height},{width}]}},"area":{sum(counts[1::2])},"iscrowd":1,"bbox":[{width - w - 1},{height - h - 1},{w},{h}]'


sizes = [SIZES[draws.randrange(len(SIZES))] for _ in range(options.images)]
ids = sorted(draws.sample(range(1, 5 * options.images + 1), options.images))
with open(options.file, "w", buffering=1 << 20) as out:
    out.write('{"info":{"description":"made by bench/make_coco_json.py","year":2017},"licenses":[{"id":1,"name":"none","url":"none"}],"images":[')
    for i, (number, (w, h)) in enumerate(zip(ids, sizes)):
        name = f"{number:012d}.jpg"
        out.write(f'{"," if i else ""}{{"license":1,"file_name":"{name}","coco_url":"http://images.example/train2017/{name}","height":{h},"width":{w},'
                  f'"date_captured":"2013-11-14 11:18:45","flickr_url":"http://photos.example/{draws.randrange(10**10)}_z.jpg","id":{number}}}')
    out.write('],"annotations":[')
    for i in range(options.annotations):
        at = draws.randrange(options.images)
        where = crowd(*sizes[at]) if uniform() < 0.012 else polygons(*sizes[at])
        out.write(f'{"," if i else ""}{{{where},"image_id":{ids[at]},"category_id":{draws.randrange(1, 81)},"id":{2 * i + 1}}}')
    out.write('],"categories":[')
    out.write(",".join(f'{{"supercategory":"thing","id":{c},"name":"class {c}"}}' for c in range(1, 81)))
    out.write("]}")
