#!/usr/bin/env python3
"""One training step and one detection of torchvision's `small` at its real size, on two real images, in double.

usage: full_small.py VOC_ROOT OUT_DIR [--init FILE.pth] [--seed 0] [--short 300]

Writes OUT_DIR/full_small.safetensors (some 150 MB; never committed). The tensors are those of tests/golden/small_step.py (see `record`
there) with two differences: the network's input is `images` [2,3,H,W], normalised, resized and padded; and anchors and RoIs are drawn
(256 at one half, 128 at a quarter), so replay the stored anchor.labels and rois.* instead of drawing. Proposals: 2000/2000 in training,
6000/300 in detection. The batch is the first trainval image with objects as it is, and the second on its side (rows and columns swapped),
so that sizes differ and both have padding. Cells deep inside the padding all see the same zeros: their scores tie exactly, and the
order in which torch.topk lists ties is not specified. Weights: random and spread, or --init, a state_dict of a trained model.
"""
import argparse
import os
import sys

here = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(here, "..", "golden"), os.path.join(here, "..", "..", "bench", "peers")]

import torch
import torchvision

from crop_voc import read
from fixture import Fixture
from small_step import liven, record
from torchvision_detector import build, pixels, split


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("root")
    options.add_argument("out")
    options.add_argument("--init")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--short", type=int, default=300)
    options = options.parse_args()
    torch.manual_seed(options.seed)

    ids = split(options.root, "trainval")
    truth = {i: [(n, b) for n, hard, b in read(f"{options.root}/Annotations/{i}.xml") if not hard] for i in ids}
    names = sorted({n for objects in truth.values() for n, _ in objects})
    ids = [i for i in ids if truth[i]][:2]
    images = [pixels(options.root, i).double() / 255 for i in ids]
    images[1] = images[1].transpose(1, 2).contiguous()
    boxes = [torch.tensor([b for _, b in truth[i]], dtype=torch.float64) for i in ids]
    boxes[1] = boxes[1][:, [1, 0, 3, 2]]
    targets = [{"boxes": b, "labels": torch.tensor([names.index(n) + 1 for n, _ in truth[i]])} for i, b in zip(ids, boxes)]

    model = build(len(names), options.short)
    batch, targets = model.transform(images, targets)
    if options.init:
        model.load_state_dict(torch.load(options.init, weights_only=True))
    else:
        liven(model, torchvision.models.detection.image_list.ImageList(batch.tensors.float(), batch.image_sizes))
    model.double()  # of float weights: exact

    fx = Fixture(made_by="tests/parity/full_small.py", torch=torch.__version__, torchvision=torchvision.__version__, ids=" ".join(ids), classes=" ".join(names))
    fx.put("images", batch.tensors)
    gap, tie = record(model, batch, targets, fx)
    fx.say("margin", f"no IoU or score lies closer to its threshold than {gap:.2g}, no two scores that NMS orders to each other than {tie:.2g}")
    os.makedirs(options.out, exist_ok=True)
    path = os.path.join(options.out, "full_small.safetensors")
    size = fx.save(path)
    print(f"{path}: {len(fx.tensors)} tensors, {size / 1e6:.1f} MB, margins {gap:.2g} {tie:.2g}")
    print({k: v.ravel().tolist() for k, v in fx.tensors.items() if k.endswith("count") or k.startswith("loss.") or k == "image_sizes"})


if __name__ == "__main__":
    main()
