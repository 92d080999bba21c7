#!/usr/bin/env python3
"""Writes geometry.txt: what torchvision makes of anchors, coder, resizing, clipping, levels and IoU, one case a line: a word, then numbers.

usage: geometry.py > geometry.txt
Numbers are float32 with nine digits (they read back to the same bits) unless a line says otherwise:
  base    size ratio  x1 y1 x2 y2                          one anchor about the origin
  grid    padded_h padded_w h0 w0 h1 w1  index x1 y1 x2 y2     an anchor of two levels (sizes 24,48 and 96,192; ratios .5,1,2)
  code    wx wy ww wh  from[4] to[4]  encoded[4]
  decode  wx wy ww wh  from[4] delta[4]  decoded[4]
  resize  w h short max  w' h'  box[4] scaled[4]
  clip    h w  box[4] clipped[4]
  level   box[4]  level                                    0 is the finest of four
  iou     a[4] b[4]  iou
  nms     k  a[4] b[4]  kept                               how many nms keeps at a threshold of k / 20; the IoU of the two is k / 20
"""
import random

import torch
import torchvision
from torchvision.models.detection._utils import BoxCoder
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.transform import GeneralizedRCNNTransform
from torchvision.ops import boxes as box_ops
from torchvision.ops.poolers import LevelMapper

rng = random.Random(0)


def line(word, *values):
    flat = []
    for v in values:
        flat += torch.as_tensor(v, dtype=torch.float32).reshape(-1).tolist()
    print(word, *(f'{v:.9g}' for v in flat))


def boxes(n, extent, least):
    out = []
    for _ in range(n):
        x, y = rng.uniform(-.1 * extent, extent), rng.uniform(-.1 * extent, extent)
        out.append([x, y, x + rng.uniform(least, extent), y + rng.uniform(least, extent)])
    return torch.tensor(out)


print(f'# tests/golden/geometry.py, torch {torch.__version__}, torchvision {torchvision.__version__}')

sizes, ratios = [8, 9, 15, 24, 32, 33.3, 48, 64, 96, 100, 128, 256, 512], [.25, 1 / 3, .5, 1, 2, 3, 1 / 9, 2.5]
cell = AnchorGenerator(((*sizes,),), ((*ratios,),)).cell_anchors[0]
for (ratio, size), b in zip([(r, s) for r in ratios for s in sizes], cell):
    line('base', size, ratio, b)

generator = AnchorGenerator(((24, 48), (96, 192)), ((.5, 1., 2.),) * 2)
for padded, maps in (((224, 320), ((28, 40), (14, 20))), ((96, 160), ((13, 21), (6, 11)))):
    image = ImageList(torch.zeros(1, 3, *padded), [padded])
    every = generator(image, [torch.zeros(1, 1, *m) for m in maps])[0]
    split = maps[0][0] * maps[0][1] * 6
    for i in [0, 5, 6, split - 1, split, len(every) - 1] + [rng.randrange(len(every)) for _ in range(12)]:
        line('grid', padded, maps[0], maps[1], i, every[i])

for weights in ((1., 1., 1., 1.), (10., 10., 5., 5.)):
    coder = BoxCoder(weights)
    source, target = boxes(24, 300, 4), boxes(24, 300, 4)
    for f, t, d in zip(source, target, coder.encode_single(target, source)):
        line('code', weights, f, t, d)
    deltas = torch.randn(24, 4, generator=torch.Generator().manual_seed(1)) * torch.tensor([1., 1., 3., 3.]) * torch.tensor(weights)
    for f, d, b in zip(source, deltas, coder.decode_single(deltas, source)):
        line('decode', weights, f, d, b)

extents = [(640, 480), (480, 640), (599, 799), (799, 599), (1000, 300), (300, 1000), (500, 375), (375, 500), (500, 333), (333, 500), (320, 240),
           (1, 1), (17, 31), (500, 334), (334, 500), (1920, 1080), (640, 427), (427, 640), (353, 500), (600, 600), (999, 1001), (1234, 777)]
for short, longest in ((300, 1000), (600, 1000), (800, 1333)):
    transform = GeneralizedRCNNTransform(short, longest, [0.] * 3, [1.] * 3).eval()
    for w, h in extents:
        box = torch.tensor([[.1 * w, .2 * h, .7 * w, .95 * h]])
        image, target = transform.resize(torch.zeros(3, h, w), {'boxes': box})
        line('resize', w, h, short, longest, image.shape[2], image.shape[1], box, target['boxes'])

for b in boxes(16, 200, 1):
    line('clip', 120, 150, b, box_ops.clip_boxes_to_image(b[None], (120, 150)))

mapper = LevelMapper(2, 5)
for b in [*boxes(24, 900, 2), torch.tensor([0., 0, 224, 224]), torch.tensor([3., 4, 115, 116]), torch.tensor([0., 0, 448, 448]), torch.tensor([0., 0, 223.99, 224]),
          torch.tensor([0., 0, 223.9999, 223.9999]),
          torch.tensor([7., 7, 7, 9])]:
    line('level', b, mapper([b[None]]))

a, b = boxes(16, 100, 10), boxes(16, 100, 10)
for i in range(16):
    line('iou', a[i], b[i], box_ops.box_iou(a[i][None], b[i][None]))

for k in range(1, 20):
    both = torch.tensor([[0., 0, 20, 10], [0, 0, k, 10]])
    line('nms', k, both, len(box_ops.nms(both, torch.tensor([.9, .8]), k / 20)))
