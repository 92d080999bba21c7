"""What the peers' programs share: the options, the images, the clock, and the one line in which a process tells what it measured.

A process does one job. Its last line on stdout is a JSON object: {"ms": [one of each timed run], ...}. The runner (common.py) sees that line
come, so that a cold start is measured from outside; peak memory is what the system says of the process.
"""
import argparse
import json
import time

import numpy as np

TRUTH = [(50, 60, 250, 300), (300, 100, 500, 400), (20, 20, 120, 90)]
LABELS = [1, 7, 15]


def parser(description, jobs):
    p = argparse.ArgumentParser(description=description)
    p.add_argument("job", choices=jobs)
    p.add_argument("--dir", required=True, help="folder with the model's files and images.rgb")
    p.add_argument("--size", type=extents, default=(600, 800), help="HxW of the images")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--warmup", type=int, default=2)
    p.add_argument("--runs", type=int, default=5)
    p.add_argument("--precision", choices=("f32", "bf16"), default="f32")
    p.add_argument("--json", help="write the detections of every image here")
    return p


def extents(text):
    height, width = map(int, text.split("x"))
    return height, width


def images(folder, size):
    """uint8 [N, H, W, 3]"""
    return np.fromfile(f"{folder}/images.rgb", np.uint8).reshape(-1, *size, 3)


def as_input(pixels):
    """What torchvision's detectors take: float32 [3, H, W] in 0..1."""
    return np.ascontiguousarray(pixels.transpose(2, 0, 1), np.float32) / np.float32(255)


def timed(once, options):
    """Milliseconds of each run after the warm-up."""
    for _ in range(options.warmup):
        once()
    ms = []
    for _ in range(options.runs):
        start = time.perf_counter()
        once()
        ms.append(1e3 * (time.perf_counter() - start))
    return ms


def save_detections(path, found):
    """found: for each image (boxes [D, 4], scores [D], labels [D])."""
    with open(path, "w") as f:
        json.dump([[{"box": [float(v) for v in b], "score": float(s), "label": int(l)} for b, s, l in zip(*one)] for one in found], f)


def report(**measured):
    print(json.dumps(measured), flush=True)
