#!/usr/bin/env python3
"""Golden numbers of Caffe's layers, from a statement of their formulas written here: writes caffe_layers.safetensors beside itself.

usage: caffe_layers.py [OUT]

Everything in double, every output cell in a plain loop; gradients by PyTorch's autograd. What others compute as well is compared here: LRN
across channels with torch.nn.LocalResponseNorm, RoIPool with torchvision's. `<case>.dx` is the gradient of sum(y * dy).
"""
import math
import os
import sys

import torch
import torchvision

from fixture import Fixture

torch.set_num_threads(1)
fx = Fixture(made_by="tests/golden/caffe_layers.py", torch=torch.__version__, torchvision=torchvision.__version__)
gen = torch.Generator().manual_seed(2015)


def normal(*shape, scale=1.0):
    return (torch.randn(*shape, generator=gen) * scale).float().double()


def differentiate(case, f, x):
    leaf = x.clone().requires_grad_()
    y = f(leaf)
    dy = normal(*y.shape)
    y.backward(dy)
    for name, value in (("x", x), ("y", y), ("dy", dy), ("dx", leaf.grad)):
        fx.put(f"{case}.{name}", value)
    return y.detach()


# ---- pooling: the output extent is rounded up; with padding a last window that would start beyond input and padding is dropped -------

def max_pool(x, k, s, p):
    extents = []
    for size in x.shape[2:]:
        out = math.ceil((size + 2 * p - k) / s) + 1
        if p and (out - 1) * s >= size + p:
            out -= 1
        extents.append(out)
    rows = []
    for i in range(extents[0]):
        for j in range(extents[1]):
            top, left = i * s - p, j * s - p
            window = x[:, :, max(top, 0): min(top + k, x.shape[2]), max(left, 0): min(left + k, x.shape[3])]
            rows.append(window.amax(dim=(2, 3)))
    return torch.stack(rows, -1).reshape(*x.shape[:2], *extents)


for case, size, k, s, p in (("zf_even", (8, 10), 3, 2, 1), ("zf_odd", (7, 9), 3, 2, 1), ("vgg_odd", (7, 5), 2, 2, 0), ("vgg_even", (6, 8), 2, 2, 0),
                            ("dropped", (4, 4), 2, 3, 1)):
    differentiate(f"pool.{case}", lambda x: max_pool(x, k, s, p), normal(2, 3, *size))
    fx.put(f"pool.{case}.window", torch.tensor([k, s, p]))
fx.say("pool", "max pooling, window: kernel, stride, padding")

# ---- local response normalisation ---------------------------------------------------------------------------------------------------

def across(x, n, alpha, beta, k):
    squares = [sum(x[:, d] ** 2 for d in range(max(0, c - n // 2), min(x.shape[1], c + n // 2 + 1))) for c in range(x.shape[1])]
    return x * (k + alpha / n * torch.stack(squares, 1)) ** -beta


def within(x, n, alpha, beta, k):
    """Caffe: x * (1 + alpha * AVE pooling of x^2)^-beta, whose windows count their padding."""
    padded = torch.nn.functional.pad(x ** 2, (n // 2,) * 4)
    total = sum(padded[:, :, i: i + x.shape[2], j: j + x.shape[3]] for i in range(n) for j in range(n))
    return x * (k + alpha / n ** 2 * total) ** -beta


for case, n, alpha, beta, k in (("alexnet", 5, 1e-4, 0.75, 1), ("vgg_m", 5, 5e-4, 0.75, 2), ("strong", 3, 0.6, 0.75, 1.5)):
    y = differentiate(f"lrn_across.{case}", lambda x: across(x, n, alpha, beta, k), normal(2, 7, 4, 5, scale=20))
    fx.put(f"lrn_across.{case}.numbers", torch.tensor([n, alpha, beta, k], dtype=torch.float64))
    theirs = torch.nn.LocalResponseNorm(n, alpha, beta, k)(torch.from_numpy(fx.tensors[f"lrn_across.{case}.x"]).double())
    assert torch.allclose(y, theirs, rtol=1e-12, atol=1e-12), case
for case, n, alpha, beta in (("zf", 3, 5e-5, 0.75), ("strong", 5, 2.0, 0.75), ("other_power", 3, 0.5, 1.25)):
    differentiate(f"lrn_within.{case}", lambda x: within(x, n, alpha, beta, 1), normal(2, 3, 6, 7, scale=20))
    fx.put(f"lrn_within.{case}.numbers", torch.tensor([n, alpha, beta, 1], dtype=torch.float64))
fx.say("lrn", "numbers: size, alpha, beta, k; within a channel Caffe has k = 1")

# ---- RoIPool of the map of stride 16 --------------------------------------------------------------------------------------------------

def away(v):
    return math.floor(v + 0.5) if v >= 0 else math.ceil(v - 0.5)


def roi_pool(x, rois, pooled):
    rows = []
    height, width = x.shape[2:]
    for n, x1, y1, x2, y2 in rois.tolist():
        left, top, right, bottom = (away(v / 16) for v in (x1, y1, x2, y2))
        bin_w, bin_h = max(right - left + 1, 1) / pooled, max(bottom - top + 1, 1) / pooled
        cells = []
        for i in range(pooled):
            for j in range(pooled):
                y0, y9 = (min(max(v + top, 0), height) for v in (math.floor(i * bin_h), math.ceil((i + 1) * bin_h)))
                x0, x9 = (min(max(v + left, 0), width) for v in (math.floor(j * bin_w), math.ceil((j + 1) * bin_w)))
                window = x[int(n), :, y0:y9, x0:x9]
                cells.append(window.amax(dim=(1, 2)) if window.numel() else torch.zeros(x.shape[1], dtype=x.dtype))
        rows.append(torch.stack(cells, 1).reshape(-1, pooled, pooled))
    return torch.stack(rows)


rois = torch.tensor([[0, 10, 12, 180.5, 140], [0, 0, 0, 15, 15], [0, 100, 30, 110, 200], [1, 7.5, 8, 23.5, 24], [1, 40, 90, 300, 120],
                     [1, 200, 100, 239, 159]], dtype=torch.float64)
fx.put("roi_pool.rois", rois)
for case, pooled in (("zf", 6), ("vgg16", 7)):
    y = differentiate(f"roi_pool.{case}", lambda x: roi_pool(x, rois, pooled), normal(2, 3, 10, 15))
    theirs = torchvision.ops.roi_pool(torch.from_numpy(fx.tensors[f"roi_pool.{case}.x"]).float(), rois.float(), pooled, 1 / 16)
    assert torch.allclose(y, theirs.double(), rtol=1e-6, atol=1e-6), case
fx.say("roi_pool", "rois: image, x1, y1, x2, y2 inclusive; y [R, C, P, P]; zf: P = 6, vgg16: P = 7")

# ---- the losses -----------------------------------------------------------------------------------------------------------------------

def softmax_loss(scores, labels):
    """SoftmaxWithLoss over dimension 1 with ignore_label -1 and normalize: the mean over labels that are not ignored."""
    e = (scores - scores.amax(1, keepdim=True)).exp()
    p = e / e.sum(1, keepdim=True)
    total = 0
    for i in (labels >= 0).nonzero().tolist():
        total = total - p[(i[0], int(labels[tuple(i)]), *i[1:])].log()
    return total / (labels >= 0).sum()


def smooth_l1(predicted, target, inside, outside, sigma, num):
    d = inside * (predicted - target)
    small = d.abs() < 1 / sigma ** 2
    return (outside * torch.where(small, 0.5 * sigma ** 2 * d ** 2, d.abs() - 0.5 / sigma ** 2)).sum() / num


h, w, a = 3, 4, 9
scores = normal(1, 2 * a, h, w, scale=3).requires_grad_()
deltas = normal(1, 4 * a, h, w, scale=0.3).requires_grad_()
targets = normal(1, 4 * a, h, w, scale=0.3)
labels = torch.randint(-1, 2, (1, 1, a * h, w), generator=gen)
positive = (labels.reshape(1, a, 1, h, w) == 1).expand(1, a, 4, h, w).reshape(1, 4 * a, h, w).double()
sampled = (labels.reshape(1, a, 1, h, w) >= 0).expand(1, a, 4, h, w).reshape(1, 4 * a, h, w).double() / (labels >= 0).sum()
cls = softmax_loss(scores.reshape(1, 2, a * h, w), labels[:, 0])
box = smooth_l1(deltas, targets, positive, sampled, 3, 1)
(cls + box).backward()
for name, value in (("scores", scores), ("deltas", deltas), ("targets", targets), ("labels", labels), ("loss", torch.stack([cls, box])),
                    ("dscores", scores.grad), ("ddeltas", deltas.grad)):
    fx.put(f"rpn_loss.{name}", value)
fx.say("rpn_loss", """scores [1, 2A, H, W], reshaped to [1, 2, A*H, W] for the softmax; labels [1, 1, A*H, W]; targets [1, 4A, H, W]; sigma 3""")

rows, classes = 24, 4
scores, deltas = normal(rows, classes, scale=3).requires_grad_(), normal(rows, 4 * classes).requires_grad_()
labels = torch.randint(0, classes, (rows,), generator=gen)
own, inside = normal(rows, 4), torch.zeros(rows, 4 * classes, dtype=torch.float64)
targets = torch.zeros(rows, 4 * classes, dtype=torch.float64)
for r, c in enumerate(labels.tolist()):
    if c:
        targets[r, 4 * c: 4 * c + 4], inside[r, 4 * c: 4 * c + 4] = own[r], 1
cls, box = softmax_loss(scores, labels), smooth_l1(deltas, targets, inside, inside, 1, rows)
(cls + box).backward()
for name, value in (("scores", scores), ("deltas", deltas), ("targets", own), ("labels", labels), ("loss", torch.stack([cls, box])),
                    ("dscores", scores.grad), ("ddeltas", deltas.grad)):
    fx.put(f"head_loss.{name}", value)
fx.say("head_loss", "targets [R, 4]: of the row's own class; sigma 1")

# ---- dropout of .5 after fc6, fc7 as it is in testing: scale_train false multiplies by 1 - p, true does nothing -------------------------

x, weight, bias = normal(5, 6), normal(4, 6), normal(4)
for case, by in (("scale_train_false", 0.5), ("scale_train_true", 1.0)):
    fx.put(f"dropout.{case}", torch.relu(x) * by @ weight.T + bias)
fx.put("dropout.x", x)
fx.put("dropout.weight", weight)
fx.put("dropout.bias", bias)

out = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(os.path.abspath(__file__)), "caffe_layers.safetensors")
print(out, fx.save(out), "bytes")
