#!/usr/bin/env python3
"""The peer of the preset `small`, for speed side by side: torchvision's Faster R-CNN with the same network and numbers, timed on a VOC folder.

usage: torchvision_detector.py ROOT --mode train|test [--steps N] [--threads 2] [--warmup N] [--batch 2] [--short 300] [--init FILE]

train: N optimiser steps at the preset's batch size on the first images of trainval, mirrored half the time, with decoded images at hand
       (as frcnn's loader has them); everything else (resizing, padding, targets, clipping, SGD) is counted.
test:  N images of the test split, one at a time, decoded from their files within the time.
Without --init the weights are random: a trained model's proposals and results are other in number, so give one for `test`: a model file of
frcnn (safetensors: its tensors carry torchvision's names) or torch.save of a state_dict, as --save FILE writes what `train` reached.
Last line on stdout: images_per_second X
"""
import argparse
import itertools
import json
import os
import random
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests", "golden"))

import numpy as np
import torch
from PIL import Image

from crop_voc import read
from small_step import small


def build(classes, short):
    return small((32, 64, 128, 128, 256, 256), 512, classes, min_size=short, box_batch_size_per_image=128,
                 rpn_pre_nms_top_n_test=6000, rpn_post_nms_top_n_test=300)


def weights(path):
    if not path.endswith(".safetensors"):
        return torch.load(path, weights_only=True)
    with open(path, "rb") as f:
        header = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
        data = f.read()
    tensors = {}
    for name, t in header.items():
        if name != "__metadata__":
            begin, end = t["data_offsets"]
            tensors[name] = torch.from_numpy(np.frombuffer(data[begin:end], "<f4").reshape(t["shape"]).copy())
    return tensors


def split(root, name):
    return open(f"{root}/ImageSets/Main/{name}.txt").read().split()


def pixels(root, identity):
    path = f"{root}/JPEGImages/{identity}."
    image = Image.open(path + next(e for e in ("jpg", "jpeg", "png") if os.path.exists(path + e)))
    return torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)


def batches(root, names, size, rng):
    """Endless batches ([images in 0..1], [targets]) of the split in random order, difficult objects left out."""
    ids = split(root, "trainval")
    decoded = {i: pixels(root, i) for i in ids}
    truth = {i: [(n, b) for n, hard, b in read(f"{root}/Annotations/{i}.xml") if not hard] for i in ids}
    while True:
        rng.shuffle(ids)
        for k in range(0, len(ids) - size + 1, size):
            images, targets = [], []
            for i in ids[k : k + size]:
                image = decoded[i].float() / 255
                boxes = torch.tensor([b for _, b in truth[i]], dtype=torch.float32).reshape(-1, 4)
                if rng.random() < 0.5:
                    image = image.flip(2)
                    boxes = torch.stack([image.shape[2] - boxes[:, 2], boxes[:, 1], image.shape[2] - boxes[:, 0], boxes[:, 3]], 1)
                images.append(image)
                targets.append({"boxes": boxes, "labels": torch.tensor([names.index(n) + 1 for n, _ in truth[i]], dtype=torch.int64)})
            yield images, targets


def train(model, root, names, options):
    model.train()
    steps = batches(root, names, options.batch, random.Random(0))
    sgd = torch.optim.SGD(model.parameters(), 0.01, 0.9, weight_decay=5e-4)
    for step in range(options.warmup + options.steps):
        if step == options.warmup:
            start = time.perf_counter()
        images, targets = next(steps)
        sgd.param_groups[0]["lr"] = 0.01 * min(1, (step + 1) / 100)
        loss = sum(model(images, targets).values())
        sgd.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 10.0)
        sgd.step()
    return options.steps * options.batch / (time.perf_counter() - start)


def test(model, root, options):
    model.eval()
    ids = itertools.cycle(split(root, "test"))
    found = 0
    with torch.no_grad():
        for step in range(options.warmup + options.steps):
            if step == options.warmup:
                start = time.perf_counter()
            found += len(model([pixels(root, next(ids)).float() / 255])[0]["labels"])
    seconds = time.perf_counter() - start
    print(f"detections per image {found / (options.warmup + options.steps):.1f}", file=sys.stderr)
    return options.steps / seconds


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("root")
    options.add_argument("--mode", choices=("train", "test"), required=True)
    options.add_argument("--steps", type=int, default=50)
    options.add_argument("--warmup", type=int, default=5)
    options.add_argument("--threads", type=int, default=2)
    options.add_argument("--batch", type=int, default=2)
    options.add_argument("--short", type=int, default=300)
    options.add_argument("--init")
    options.add_argument("--save")
    options = options.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)

    names = sorted({n for i in split(options.root, "trainval") for n, _, _ in read(f"{options.root}/Annotations/{i}.xml")})
    model = build(len(names), options.short)
    if options.init:
        model.load_state_dict(weights(options.init))
    speed = train(model, options.root, names, options) if options.mode == "train" else test(model, options.root, options)
    if options.save:
        torch.save(model.state_dict(), options.save)
    print(f"images_per_second {speed:.2f}")


if __name__ == "__main__":
    main()
