#!/usr/bin/env python3
"""RoI warping from PyTorch, with autograd's gradients: writes roi_warp.safetensors beside itself.

usage: roi_warp.py [OUT]

Maps [2,3,8,10] of stride 16 and rois [2,6,4] are `roi.maps` and `roi.rois` of ops.safetensors. Of each case p<P>s<S>:
  y, dy [2,6,C,P,P]   the pooled regions, and the gradient that comes in
  dmaps [2,3,8,10], drois [2,6,4]   those that leave: of sum(y * dy)
Dai, He, Sun 2015 (Multi-task Network Cascades), section 3.2: warped = G(y) F G(x)^T with G(at)[k, u] = max(0, 1 - |at_k - u|), then max pooling.
The script computes it three times and compares: with these dense matrices, with torch.nn.functional.grid_sample, and by the two cells beside
each sample, from which the gradients come (at a cell's centre: the derivative to the right).
"""
import json
import os
import struct
import sys

import torch
import torch.nn.functional as F

from fixture import Fixture

torch.set_num_threads(1)
here = os.path.dirname(os.path.abspath(__file__))
out = Fixture(made_by="tests/golden/roi_warp.py", torch=torch.__version__)
gen = torch.Generator().manual_seed(1512)


def read(path, name):
    with open(path, "rb") as f:
        size = struct.unpack("<Q", f.read(8))[0]
        about = json.loads(f.read(size))[name]
        begin, end = about["data_offsets"]
        f.seek(8 + size + begin)
        raw = bytearray(f.read(end - begin))
    return torch.frombuffer(raw, dtype={"F32": torch.float32, "F64": torch.float64}[about["dtype"]]).reshape(about["shape"]).double()


def places(low, high, n):
    return low / 16 + (torch.arange(n, dtype=torch.float64) + 0.5) / n * (high - low) / 16


def dense(at, cells):
    return (1 - (at[:, None] - torch.arange(cells, dtype=torch.float64)[None]).abs()).clamp(min=0)


def beside(at, cells):
    low = at.detach().floor()
    u = torch.arange(cells, dtype=torch.float64)[None]
    part = (at - low)[:, None]
    return (u == low[:, None]) * (1 - part) + (u == low[:, None] + 1) * part


def warp(matrix, image, roi, n):
    return torch.einsum("yv,cvu,xu->cyx", matrix(places(roi[1], roi[3], n), 8), image, matrix(places(roi[0], roi[2], n), 10))


def sampled(image, roi, n):
    y, x = places(roi[1], roi[3], n) / (8 - 1) * 2 - 1, places(roi[0], roi[2], n) / (10 - 1) * 2 - 1
    grid = torch.stack([x[None].expand(n, n), y[:, None].expand(n, n)], -1)
    return F.grid_sample(image[None], grid[None], mode="bilinear", padding_mode="zeros", align_corners=True)[0]


maps, rois = (read(os.path.join(here, "ops.safetensors"), f"roi.{name}") for name in ("maps", "rois"))
for p, s in ((7, 2), (3, 2), (4, 1)):
    f, r = maps.clone().requires_grad_(), rois.clone().requires_grad_()
    rows = []
    for i in range(2):
        for j in range(6):
            warped = warp(beside, f[i], r[i, j], p * s)
            for other in (warp(dense, f[i], r[i, j], p * s), sampled(f[i], r[i, j], p * s)):
                assert torch.allclose(warped, other, rtol=0, atol=1e-12)
            rows.append(F.max_pool2d(warped[None], s)[0])
    y = torch.stack(rows).view(2, 6, 3, p, p)
    dy = torch.randn(*y.shape, generator=gen).float().double()
    y.backward(dy)
    for name, value in (("y", y), ("dy", dy), ("dmaps", f.grad), ("drois", r.grad)):
        out.put(f"p{p}s{s}.{name}", value)
    out.say(f"p{p}s{s}", f"warped to {p * s} x {p * s}, max pooling {s} x {s}")

print(out.save(sys.argv[1] if len(sys.argv) > 1 else os.path.join(here, "roi_warp.safetensors")), "bytes")
