#!/usr/bin/env bash
# A box gets other PASCAL VOC coordinates from globox than from supervision: one
# copies COCO's numbers, the other counts from 1 and rounds to whole pixels.
# Both drop the marks of objects that are not to be counted.
#
# Versions: globox 2.9.0, supervision 0.31.2.
#
# Observed, with an image of 200 x 100:
# - A COCO box over the whole image, [0, 0, 200, 100], becomes (0, 0, 200, 100)
#   by globox and (1, 1, 200, 100) by supervision. VOC counts pixels from 1, so
#   the first has a column and a row too many.
# - Read back by the other one, the box begins at -1. A VOC box over the whole
#   image, (1, 1, 200, 100), is read by globox as COCO's [1, 1, 199, 99].
# - globox keeps fractions. supervision writes whole numbers, a half to the
#   even one: VOC's (10.5, 11.5, 20.5, 21.5), read and written, is (10, 12, 20,
#   22). That moves the box left and down. A box of half a pixel becomes one of
#   a pixel.
# - iscrowd is lost by both on the way to VOC: a crowd is an ordinary object.
#   <difficult>1</difficult> is lost by both when VOC is read and written.
#
# One would have guessed: a converter of either name writes the same file for
# the same box, and reading and writing one format leaves it as it was.
#
# Why it matters: a data set that one tool converted and another reads is off by
# a pixel at the left and at the top. That is 6 % of IoU for an object of 32 x
# 32, and more for smaller ones. Difficult objects that became ordinary ones
# are trained on, and in evaluation a detector that does not find them has
# missed them.
#
# Needs: python3 with venv (3.11 here).
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"

python3 -m venv venv
venv/bin/pip install -q --no-compile --disable-pip-version-check --only-binary=:all: \
  globox==2.9.0 supervision==0.31.2 opencv-python-headless==5.0.0.93 numpy==2.4.6
cat > convert.py <<'PY'
import importlib.metadata
import json
import os
import warnings
import xml.etree.ElementTree as xml

import cv2
import globox
import numpy as np
import supervision

for package in ["globox", "supervision"]:
    print(package, importlib.metadata.version(package))
warnings.simplefilter("ignore")
for folder in ["images", "voc", "voc_globox", "voc_supervision", "voc_globox_2", "voc_supervision_2"]:
    os.mkdir(folder)
cv2.imwrite("images/a.png", np.zeros((100, 200, 3), np.uint8))
CORNERS = ["xmin", "ymin", "xmax", "ymax"]
good = True


def row(what, got, expected):
    global good
    print(f"  {what:38}", *got, "" if got == expected else f"CHANGED: was {expected}")
    good = good and got == expected


def objects(folder):
    """The boxes of a VOC file, with 'difficult' behind those that are."""
    found = []
    for node in xml.parse(f"{folder}/a.xml").getroot().iter("object"):
        box = "(" + ", ".join(f"{float(node.findtext('bndbox/' + c)):g}" for c in CORNERS) + ")"
        found.append(box + (" difficult" if node.findtext("difficult") == "1" else ""))
    return found


def as_coco(corners):
    return [f"[{a:g}, {b:g}, {c - a:g}, {d - b:g}]" for a, b, c, d in corners]


def globox_reads(folder):
    return as_coco(box.ltrb for box in next(iter(globox.AnnotationSet.from_xml(folder))).boxes)


def supervision_reads(folder):
    data = supervision.DetectionDataset.from_pascal_voc("images", folder)
    return as_coco(next(iter(data.annotations.values())).xyxy.tolist())


boxes = [[0, 0, 200, 100], [10.25, 20.5, 30.75, 40.5], [199.5, 99.5, 0.5, 0.5], [20, 30, 40, 50]]
crowd = {3: {"counts": [2030] + [50, 50] * 39 + [50, 14020], "size": [100, 200]}}  # its box, filled
json.dump({"images": [{"id": 1, "width": 200, "height": 100, "file_name": "a.png"}],
           "categories": [{"id": 1, "name": "thing"}],
           "annotations": [{"id": i + 1, "image_id": 1, "category_id": 1, "bbox": b, "area": b[2] * b[3],
                            "iscrowd": int(i in crowd), "segmentation": crowd.get(i, [])}
                           for i, b in enumerate(boxes)]}, open("coco.json", "w"))
print("COCO to VOC; the last one is a crowd")
print(f"  {'COCO':38}", *boxes)
globox.AnnotationSet.from_coco("coco.json").save_xml("voc_globox")
supervision.DetectionDataset.from_coco("images", "coco.json").as_pascal_voc(annotations_directory_path="voc_supervision")
row("VOC by globox", objects("voc_globox"),
    ["(0, 0, 200, 100)", "(10.25, 20.5, 41, 61)", "(199.5, 99.5, 200, 100)", "(20, 30, 60, 80)"])
row("VOC by supervision", objects("voc_supervision"),
    ["(1, 1, 200, 100)", "(11, 22, 41, 61)", "(200, 100, 200, 100)", "(21, 31, 60, 80)"])
row("VOC by globox, read by supervision", supervision_reads("voc_globox"),
    ["[-1, -1, 201, 101]", "[9.25, 19.5, 31.75, 41.5]", "[198.5, 98.5, 1.5, 1.5]", "[19, 29, 41, 51]"])
row("VOC by supervision, read by globox", globox_reads("voc_supervision"),
    ["[1, 1, 199, 99]", "[11, 22, 30, 39]", "[200, 100, 0, 0]", "[21, 31, 39, 49]"])

print("VOC to VOC")
part = "<object><name>thing</name><difficult>{}</difficult><bndbox>{}</bndbox></object>"
text = "".join(part.format(d, "".join(f"<{c}>{v}</{c}>" for c, v in zip(CORNERS, b)))
               for d, b in [(1, (1, 1, 200, 100)), (0, (10.5, 11.5, 20.5, 21.5))])
open("voc/a.xml", "w").write("<annotation><filename>a.png</filename><size><width>200</width><height>100</height>"
                             f"<depth>3</depth></size>{text}</annotation>")
row("VOC", objects("voc"), ["(1, 1, 200, 100) difficult", "(10.5, 11.5, 20.5, 21.5)"])
globox.AnnotationSet.from_xml("voc").save_xml("voc_globox_2")
supervision.DetectionDataset.from_pascal_voc("images", "voc").as_pascal_voc(annotations_directory_path="voc_supervision_2")
row("read and written by globox", objects("voc_globox_2"), ["(1, 1, 200, 100)", "(10.5, 11.5, 20.5, 21.5)"])
row("read and written by supervision", objects("voc_supervision_2"), ["(1, 1, 200, 100)", "(10, 12, 20, 22)"])
print("the same VOC file as COCO boxes")
row("read by globox", globox_reads("voc"), ["[1, 1, 199, 99]", "[10.5, 11.5, 10, 10]"])
row("read by supervision", supervision_reads("voc"), ["[0, 0, 200, 100]", "[9.5, 10.5, 11, 11]"])
raise SystemExit(0 if good else 1)
PY
venv/bin/python convert.py
echo "as described"
