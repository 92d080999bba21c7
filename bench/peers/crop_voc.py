#!/usr/bin/env python3
"""Crops a VOC folder to mixed sizes and orientations: what a detector meets when its data does not come from one camera.

usage: crop_voc.py ROOT OUT

Every image of ROOT becomes one crop (portrait, landscape, square, narrow, or whole), then shrinks, stays or grows. The choice depends on
the image's id alone, so equal inputs give equal folders. A box is clipped to the crop; it stays when at least half of its area does, is
marked difficult (neither trained on nor counted) when at least a tenth does, and goes otherwise. The splits are ROOT's.
"""
import argparse
import os
import random
import shutil
import xml.etree.ElementTree as ET
import zlib

from PIL import Image

# Fractions of the image's width and height.
SHAPES = [(1, 1), (1, 0.75), (1, 0.5), (0.5, 1), (0.6, 1), (0.75, 1), (0.6, 0.8), (0.5, 0.5), (0.8, 0.45)]
SCALES = [0.6, 1, 1, 1.5]


def read(path):
    """[(name, difficult, (x1, y1, x2, y2))], half-open pixels; boxes without area are left out."""
    found = []
    for o in ET.parse(path).getroot().findall("object"):
        x1, y1, x2, y2 = (float(o.find("bndbox").find(k).text) for k in ("xmin", "ymin", "xmax", "ymax"))
        if x2 >= x1 and y2 >= y1:
            found.append((o.findtext("name"), (o.findtext("difficult") or "0").strip() == "1", (x1 - 1, y1 - 1, x2, y2)))
    return found


def clip(box, window):
    """The part of the box inside the window, in the window's coordinates, and the fraction of its area that this is."""
    x1, y1, x2, y2 = max(box[0], window[0]), max(box[1], window[1]), min(box[2], window[2]), min(box[3], window[3])
    if x2 <= x1 or y2 <= y1:
        return None, 0.0
    return (x1 - window[0], y1 - window[1], x2 - window[0], y2 - window[1]), (x2 - x1) * (y2 - y1) / ((box[2] - box[0]) * (box[3] - box[1]))


def choose(identity, width, height, objects):
    """A window (x1, y1, x2, y2) with an object of which at least half is inside, and a scale."""
    rng = random.Random(zlib.crc32(identity.encode()))
    fw, fh = rng.choice(SHAPES)
    scale = rng.choice(SCALES)
    w, h = round(fw * width), round(fh * height)
    for _ in range(50):
        x, y = rng.randint(0, width - w), rng.randint(0, height - h)
        window = (x, y, x + w, y + h)
        if not objects or any(clip(b, window)[1] >= 0.5 for _, _, b in objects):
            return window, scale
    return (0, 0, width, height), scale


def text(parent, tag, value):
    ET.SubElement(parent, tag).text = str(value)


def crop(root, out, identity):
    image = Image.open(f"{root}/JPEGImages/{identity}.jpg").convert("RGB")
    objects = read(f"{root}/Annotations/{identity}.xml")
    window, scale = choose(identity, *image.size, objects)
    image = image.crop(window)
    if scale != 1:
        image = image.resize((round(image.width * scale), round(image.height * scale)), Image.BICUBIC)
    image.save(f"{out}/JPEGImages/{identity}.jpg", quality=95)
    sx, sy = image.width / (window[2] - window[0]), image.height / (window[3] - window[1])

    tree = ET.Element("annotation")
    text(tree, "filename", f"{identity}.jpg")
    size = ET.SubElement(tree, "size")
    for tag, value in (("width", image.width), ("height", image.height), ("depth", 3)):
        text(size, tag, value)
    for name, difficult, box in objects:
        inside, part = clip(box, window)
        if part < 0.1:
            continue
        x1, y1, x2, y2 = inside[0] * sx, inside[1] * sy, inside[2] * sx, inside[3] * sy
        o = ET.SubElement(tree, "object")
        text(o, "name", name)
        text(o, "truncated", int(part < 0.999))
        text(o, "difficult", int(difficult or part < 0.5))
        bndbox = ET.SubElement(o, "bndbox")
        for tag, value in (("xmin", x1 + 1), ("ymin", y1 + 1), ("xmax", x2), ("ymax", y2)):
            text(bndbox, tag, f"{value:.2f}".rstrip("0").rstrip("."))
    ET.indent(tree)
    ET.ElementTree(tree).write(f"{out}/Annotations/{identity}.xml")


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("root")
    options.add_argument("out")
    options = options.parse_args()
    for folder in ("JPEGImages", "Annotations", "ImageSets/Main"):
        os.makedirs(f"{options.out}/{folder}", exist_ok=True)
    for split in os.listdir(f"{options.root}/ImageSets/Main"):
        shutil.copyfile(f"{options.root}/ImageSets/Main/{split}", f"{options.out}/ImageSets/Main/{split}")
    for name in sorted(os.listdir(f"{options.root}/Annotations")):
        crop(options.root, options.out, name[: -len(".xml")])


if __name__ == "__main__":
    main()
