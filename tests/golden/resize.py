#!/usr/bin/env python3
"""Bilinear resizing as PyTorch does it: writes resize.safetensors beside itself.

usage: resize.py [OUT]

  <case>.in    [H, W, C] uint8, or int32 of 16 bits
  <case>.out   [h, w, C] float: torch.nn.functional.interpolate(mode="bilinear", align_corners=False) of .in as double
  <case>.step  [2] source pixels from one output pixel to the next: y, x
C is 3 but in cases named c<C>..., and values have 16 bits in those that end in .16. Cases named s* are given a scale (step 1/s, output size rounded down), the others an output size (step in/out).
"""
import os
import sys

import torch
import torch.nn.functional as F

from fixture import Fixture

out = Fixture(torch=torch.__version__)
g = torch.Generator().manual_seed(7)


def case(name, h, w, channels=3, **how):
    x = torch.randint(0, 65536 if name.endswith(".16") else 256, (h, w, channels), generator=g, dtype=torch.int32)
    x = x if name.endswith(".16") else x.to(torch.uint8)
    y = F.interpolate(x.permute(2, 0, 1)[None].double(), mode="bilinear", align_corners=False, **how)[0].permute(1, 2, 0)
    step = [1 / how["scale_factor"]] * 2 if "scale_factor" in how else [h / y.shape[0], w / y.shape[1]]
    out.put(f"{name}.in", x)
    out.put(f"{name}.out", y)
    out.put(f"{name}.step", torch.tensor(step, dtype=torch.float64))


case("up", 5, 7, size=(11, 16))
case("down", 23, 31, size=(9, 12))
case("same", 4, 6, size=(4, 6))
case("mixed", 6, 20, size=(13, 7))
case("row", 1, 9, size=(3, 20))
case("pixel", 1, 1, size=(3, 2))
case("s1.37", 8, 11, scale_factor=1.37, recompute_scale_factor=False)
case("s0.61", 21, 17, scale_factor=0.61, recompute_scale_factor=False)
case("c1", 7, 9, channels=1, size=(10, 13))
case("c5", 12, 8, channels=5, size=(7, 11))
case("c16", 5, 6, channels=16, size=(8, 4))
case("c1.16", 6, 5, channels=1, size=(9, 3))
case("c3.16", 6, 8, channels=3, size=(9, 6))
case("c5.16", 9, 7, channels=5, scale_factor=1.37, recompute_scale_factor=False)

print(out.save(sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(os.path.abspath(__file__)), "resize.safetensors")), "bytes")
