#!/usr/bin/env python3
"""Annotations and results for compare_coco_eval: nothing in them is real. Needs NumPy, whose generator gives the same bytes for the same arguments.

usage: coco_eval_set.py GT.json DT.json [--images 5000] [--truths 36000] [--detections 500000] [--seed 0]

Images of 640 x 480 with ids 1, 4, 7, ..; 80 categories whose ids have gaps, as COCO's. Sides of objects are spread evenly over the scales from 6 to 360
pixels; each 97th is a crowd. Half of the detections lie close to an object and mostly have its category; the others lie somewhere around one. Scores
have four decimals, so that many are equal.
"""
import argparse
import json

import numpy as np

parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
parser.add_argument("truth")
parser.add_argument("results")
parser.add_argument("--images", type=int, default=5000)
parser.add_argument("--truths", type=int, default=36000)
parser.add_argument("--detections", type=int, default=500000)
parser.add_argument("--seed", type=int, default=0)
options = parser.parse_args()

WIDTH, HEIGHT, CATEGORIES = 640, 480, 80
draws = np.random.default_rng(options.seed)
category_ids = [k + 1 + k // 11 for k in range(CATEGORIES)]
image_id = lambda i: 3 * int(i) + 1
numbers = lambda values: [round(float(v), 2) for v in values]

image = draws.integers(0, options.images, options.truths)
size = np.exp(draws.uniform(np.log(6), np.log(360), (options.truths, 2)))
corner = draws.uniform(0, 1, (options.truths, 2)) * np.maximum(1, np.array([WIDTH, HEIGHT]) - size)
label = draws.integers(0, CATEGORIES, options.truths)
boxes = np.concatenate([corner, size], axis=1)
annotations = [{"id": i + 1, "image_id": image_id(image[i]), "category_id": category_ids[label[i]], "iscrowd": int(i % 97 == 0),
                "area": round(float(0.7 * size[i, 0] * size[i, 1]), 2), "bbox": numbers(boxes[i])} for i in range(options.truths)]
truth = {"images": [{"id": image_id(i), "width": WIDTH, "height": HEIGHT} for i in range(options.images)],
         "categories": [{"id": id, "name": f"c{k}"} for k, id in enumerate(category_ids)], "annotations": annotations}
with open(options.truth, "w") as file:
    json.dump(truth, file)

n = options.detections
around = draws.integers(0, options.truths, n)
close = draws.random(n) < 0.5
spread = size[around].mean(axis=1) * np.where(close, 0.06, 0.6)
found = boxes[around] + draws.normal(0, 1, (n, 4)) * spread[:, None]
found[:, 2:] = np.maximum(1, found[:, 2:])
knows = close & (draws.random(n) < 0.9)
said = np.where(knows, label[around], draws.integers(0, CATEGORIES, n))
score = 0.6 * draws.beta(1, 3, n)
score = np.round(score + 0.4 * close * draws.random(n), 4)
with open(options.results, "w") as file:
    json.dump([{"image_id": image_id(image[around[i]]), "category_id": category_ids[said[i]], "bbox": numbers(found[i]), "score": float(score[i])} for i in range(n)], file)
