#!/usr/bin/env python3
"""Makes one class of a VOC folder rare: of the images of a split that hold it, a tenth keeps it.

usage: cut_class.py ROOT OUT --class NAME [--share 0.1] [--split trainval]

In the other images of the split its objects become difficult, so that with train_voc --difficult ignore they are neither trained on nor
background, and everything else stays as it is: pixels, images, objects of other classes, the other splits. Which images keep the class
depends on their ids alone (the first by CRC-32, at least one), so equal inputs give equal folders. OUT is a new folder.
"""
import argparse
import math
import pathlib
import shutil
import sys
import xml.etree.ElementTree as ET
import zlib


def objects_of(tree, name):
    """Objects of the class that count."""
    return [o for o in tree.getroot().findall("object") if o.findtext("name") == name and (o.findtext("difficult") or "0").strip() != "1"]


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("root", type=pathlib.Path)
    options.add_argument("out", type=pathlib.Path)
    options.add_argument("--class", dest="name", required=True)
    options.add_argument("--share", type=float, default=0.1)
    options.add_argument("--split", default="trainval")
    options = options.parse_args()
    if not 0 < options.share <= 1:
        sys.exit(f"--share: expected a number above 0 and up to 1, found {options.share}")
    if options.out.exists():
        sys.exit(f"{options.out}: expected a new folder, found something in that place")
    ids = (options.root / "ImageSets/Main" / f"{options.split}.txt").read_text().split()
    trees = {i: ET.parse(options.root / "Annotations" / f"{i}.xml") for i in ids}
    with_class = sorted((i for i in ids if objects_of(trees[i], options.name)), key=lambda i: (zlib.crc32(i.encode()), i))
    if not with_class:
        sys.exit(f"{options.root}: expected images of {options.split} with the class {options.name}, found none")
    kept = max(1, math.floor(options.share * len(with_class) + 0.5))
    shutil.copytree(options.root, options.out)
    for identity in with_class[kept:]:
        for o in objects_of(trees[identity], options.name):
            difficult = o.find("difficult")
            if difficult is None:
                difficult = ET.SubElement(o, "difficult")
            difficult.text = "1"
        trees[identity].write(options.out / "Annotations" / f"{identity}.xml")
    print(f"{options.name}: in {kept} of {len(ids)} images of {options.split}, of {len(with_class)} before")


if __name__ == "__main__":
    main()
