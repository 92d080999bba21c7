#!/usr/bin/env python3
"""Golden numbers of single operations from PyTorch and torchvision: writes ops.safetensors beside itself.

usage: ops.py [OUT]

Conventions of the file
  - everything is computed in double. Numbers that float holds exactly, every input among them, are stored F32, all others F64: read
    both as double; the same file serves float.
  - integers are I32. Boxes are x1, y1, x2, y2, half-open. Layouts are logical: images [N,C,H,W], weights [O,C,k,k].
  - `<case>.dy` is the gradient that comes in, `<case>.dx`, `.dweight`, `.dbias` those that leave: of sum(y * dy).
  - sets of boxes of several images are [N, R, ...] with `count` [N]; rows past the count are zero.
The metadata holds one sentence for each group of tensors, options included.
"""
import os
import sys

import torch
import torch.nn.functional as F
import torchvision
from torchvision.models.detection import _utils as det
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.roi_heads import RoIHeads, fastrcnn_loss
from torchvision.models.detection.rpn import RegionProposalNetwork
from torchvision.models.detection.transform import _resize_image_and_masks
from torchvision.ops import boxes as box_ops

from fixture import Fixture, padded

torch.set_num_threads(1)
fx = Fixture(made_by="tests/golden/ops.py", torch=torch.__version__, torchvision=torchvision.__version__)
gen = torch.Generator().manual_seed(1506)


def normal(*shape, scale=1.0):
    return (torch.randn(*shape, generator=gen) * scale).float().double()


def uniform(low, high, *shape):
    return (torch.rand(*shape, generator=gen) * (high - low) + low).float().double()


def integers(low, high, *shape):
    return torch.randint(low, high, shape, generator=gen)


def random_boxes(n, w, h, smallest=2.0, largest=60.0):
    x, y = uniform(-8, w - 4, n), uniform(-8, h - 4, n)
    return torch.stack([x, y, x + uniform(smallest, largest, n), y + uniform(smallest, largest, n)], 1).float().double()


def differentiate(case, f, **inputs):
    """y = f(inputs), and the gradients of sum(y * dy) with respect to all of them."""
    leaves = {k: v.clone().requires_grad_() for k, v in inputs.items()}
    y = f(**leaves)
    dy = normal(*y.shape)
    y.backward(dy)
    for k, v in inputs.items():
        fx.put(f"{case}.{k}", v)
        fx.put(f"{case}.d{k}", leaves[k].grad)
    fx.put(f"{case}.y", y)
    fx.put(f"{case}.dy", dy)


# ---- convolution, linear, pooling -----------------------------------------------------------------------------------------------

for name, channels, out, kernel, stride, pad, relu, size in [
    ("s1", 3, 5, 3, 1, 1, True, (6, 7)),
    ("s2", 4, 6, 3, 2, 1, False, (7, 6)),
    ("k5", 2, 3, 5, 2, 2, True, (9, 8)),
    ("k1", 5, 4, 1, 1, 0, False, (4, 5)),
]:
    def conv(x, weight, bias):
        y = F.conv2d(x, weight, bias, stride, pad)
        return F.relu(y) if relu else y

    differentiate(f"conv.{name}", conv, x=normal(2, channels, *size), weight=normal(out, channels, kernel, kernel, scale=0.3), bias=normal(out, scale=0.2))
    fx.say(f"conv.{name}", f"conv2d, kernel {kernel}, stride {stride}, pad {pad}, relu {relu}")

for name, relu in [("relu", True), ("plain", False)]:
    differentiate(f"linear.{name}", lambda x, weight, bias: F.relu(F.linear(x, weight, bias)) if relu else F.linear(x, weight, bias),
                  x=normal(7, 10), weight=normal(6, 10, scale=0.3), bias=normal(6, scale=0.2))
    fx.say(f"linear.{name}", f"y = x weight^T + bias, relu {relu}")

for name, kernel, stride, pad, ceil, size in [
    ("floor", 2, 2, 0, False, (7, 6)), ("ceil", 2, 2, 0, True, (7, 9)), ("ceil_pad", 3, 2, 1, True, (8, 7)), ("ceil3", 3, 2, 0, True, (8, 7)),
]:
    x = integers(-9, 9, 2, 3, *size).double() if name == "floor" else normal(2, 3, *size)  # integers: ties inside a window
    differentiate(f"max_pool.{name}", lambda x: F.max_pool2d(x, kernel, stride, pad, ceil_mode=ceil), x=x)
    _, at = F.max_pool2d(x, kernel, stride, pad, ceil_mode=ceil, return_indices=True)
    fx.put(f"max_pool.{name}.argmax", at)
    fx.say(f"max_pool.{name}", f"kernel {kernel}, stride {stride}, pad {pad}, ceil {ceil}; argmax [N,C,Ho,Wo] is y*W + x in the input plane, first maximum wins")

# ---- regions --------------------------------------------------------------------------------------------------------------------

maps = normal(2, 3, 8, 10)  # stride 16: an input of 128 x 160
rois = torch.tensor([
    [[0, 0, 160, 128], [10.25, 20.5, 70.75, 90.125], [33, 40, 33.5, 40.25], [-40, -30, 50, 60], [120, 90, 230, 200], [200, 150, 260, 190]],
    [[8, 8, 24, 24], [16, 32, 144, 96], [3.7, 100.3, 159.9, 127.6], [-60, -60, -20, -20], [64, 0, 80, 128], [150, 120, 160, 128]],
]).double().float().double()
flat = torch.cat([torch.cat([torch.full((len(r), 1), i, dtype=r.dtype), r], 1) for i, r in enumerate(rois)])
fx.put("roi.maps", maps)
fx.put("roi.rois", rois)
fx.say("roi", """maps [2,3,8,10], scale 1/16, rois [2,6,4] half-open pixels of a 128 x 160 input: whole image, fractional, smaller than a cell,
    over the borders, wholly outside. Shared by roi_align.* and roi_pool.*; y and dy there are [2,6,C,P,P].""")
for p in (7, 3):
    leaf = maps.clone().requires_grad_()
    y = torchvision.ops.roi_align(leaf, flat, p, 1 / 16, 2, aligned=False)
    dy = normal(*y.shape)
    y.backward(dy)
    for k, v in (("y", y.view(2, 6, 3, p, p)), ("dy", dy.view(2, 6, 3, p, p)), ("dmaps", leaf.grad)):
        fx.put(f"roi_align.p{p}.{k}", v)
    fx.say(f"roi_align.p{p}", f"torchvision.ops.roi_align(maps, rois, {p}, 1/16, sampling_ratio=2, aligned=False)")
for offset in (0, 1):
    p = 3 if offset else 7
    leaf = maps.clone().requires_grad_()
    inclusive = flat.clone()
    inclusive[:, 3:] -= offset
    y = torchvision.ops.roi_pool(leaf, inclusive, p, 1 / 16)
    _, at = torch.ops.torchvision.roi_pool(maps, inclusive, 1 / 16, p, p)
    dy = normal(*y.shape)
    y.backward(dy)
    for k, v in (("y", y), ("dy", dy), ("argmax", at)):
        fx.put(f"roi_pool.end{offset}.{k}", v.view(2, 6, 3, p, p))
    fx.put(f"roi_pool.end{offset}.dmaps", leaf.grad)
    fx.say(f"roi_pool.end{offset}", f"""torchvision.ops.roi_pool(maps, (x1, y1, x2 - {offset}, y2 - {offset}), {p}, 1/16): both ends are rounded half away from
        zero and belong to the region, so end_offset 0 is torchvision's own use and end_offset 1 py-faster-rcnn's (inclusive corners).
        argmax is y*W + x, -1 for an empty bin (y = 0).""")

# ---- NMS ------------------------------------------------------------------------------------------------------------------------

b = random_boxes(40, 100, 80)
b[20:30] = b[:10]  # exact duplicates
s = uniform(0, 1, 40)
s[20:25], s[35:] = s[:5], s[5]  # equal scores: the lower index goes first
b = torch.cat([b, torch.tensor([[200, 0, 210, 10], [200, 0, 210, 5], [300, 0, 310, 10], [300, 0, 310, 5.5]]).double()])  # IoU .5 exactly, and .55
s = torch.cat([s, torch.tensor([0.5, 0.4, 0.45, 0.35]).double()]).float().double()
fx.put("nms.boxes", b)
fx.put("nms.scores", s)
for t in (0.3, 0.5, 0.7):
    fx.put(f"nms.keep{int(t * 10)}", torchvision.ops.nms(b, s, t))
fx.say("nms", "keep3, keep5, keep7: torchvision.ops.nms at IoU > .3, .5, .7, indices by descending score, equal scores by index (CPU sort is stable)")

# ---- anchors, coder, matcher ------------------------------------------------------------------------------------------------------

for name, sizes, ratios, image, grids in [
    ("small", ((24, 48, 96),), ((0.5, 1.0, 2.0),), (96, 128), [(6, 8)]),
    ("paper", ((128, 256, 512),), ((0.5, 1.0, 2.0),), (64, 96), [(4, 6)]),
    ("odd", ((20, 33.5),), ((0.7, 1.0, 1.9, 3.0),), (100, 75), [(7, 4)]),
    ("levels", ((32,), (64, 90)), ((0.5, 1.0, 2.0), (1.0, 2.0)), (64, 96), [(8, 12), (4, 6)]),
]:
    g = AnchorGenerator(sizes, ratios)
    out = g(ImageList(torch.zeros(1, 3, *image), [image]), [torch.zeros(1, 1, *m) for m in grids])[0]
    for level, cell in enumerate(g.cell_anchors):
        fx.put(f"anchors.{name}.cell{level}", cell.double())
    fx.put(f"anchors.{name}.grid", out.double())
    fx.say(f"anchors.{name}", f"""AnchorGenerator({sizes}, {ratios}) on padded input (h, w) {image} with maps {grids}: cell<l> [A,4] (ratio outer, size inner;
        rounded half to even, centred on 0), grid [sum of Hl*Wl*Al, 4] in (level, y, x, anchor) order; stride = input // map, per axis: {[(image[0] // h, image[1] // w) for h, w in grids]}""")

anchors, truth = random_boxes(24, 120, 90, 4), random_boxes(24, 120, 90, 4)
codes = normal(24, 4, scale=0.5)
codes[0, 2:], codes[1, 2:], codes[2, :2] = 5.0, torch.tensor([4.2, 4.1]), 3.0  # above the cap log(1000/16), around it, far away
fx.put("coder.anchors", anchors)
fx.put("coder.truth", truth)
for name, weights in [("unit", (1.0, 1.0, 1.0, 1.0)), ("ten", (10.0, 10.0, 5.0, 5.0))]:
    coder = det.BoxCoder(weights)
    c = (codes * torch.tensor(weights)).float().double()
    fx.put(f"coder.{name}.encoded", coder.encode_single(truth, anchors))
    fx.put(f"coder.{name}.codes", c)
    fx.put(f"coder.{name}.decoded", coder.decode_single(c, anchors))
    fx.say(f"coder.{name}", f"BoxCoder(weights={weights}): encoded = encode(truth relative to anchors), decoded = decode(codes, anchors), dw and dh capped at log(1000/16)")

a = random_boxes(300, 160, 120, 10, 70)
gt = torch.cat([a[[3, 77]] + uniform(-3, 3, 2, 4), random_boxes(3, 160, 120, 12, 60), torch.tensor([[40, 30, 80, 90.0]]).double()]).float().double()
a[10:13] = gt[5]  # ties for the best anchor of a box
lonely = torch.cat([gt[:2], torch.tensor([[500, 500, 540, 530.0]]).double()])  # no anchor overlaps the last
fx.put("matcher.anchors", a)
for name, g in [("plain", gt), ("lonely", lonely)]:
    overlap = box_ops.box_iou(g, a)
    fx.put(f"matcher.{name}.truth", g)
    fx.put(f"matcher.{name}.iou", overlap[:, :40])
    fx.put(f"matcher.{name}.rpn", det.Matcher(0.7, 0.3, True)(overlap.clone()))
    fx.put(f"matcher.{name}.head", det.Matcher(0.5, 0.5, False)(overlap.clone()))
    edges = torch.cat([(overlap.max(0)[0] - t).abs() for t in (0.3, 0.5, 0.7)])
    assert edges.min() > 1e-6
own = torch.tensor([[0, 0, 20, 20], [0, 0, 20, 10], [60, 60, 80, 80.0]]).double(), torch.tensor([[0, 0, 20, 10], [15, 10, 35, 20.0]]).double()
fx.put("matcher.own.anchors", own[0])
fx.put("matcher.own.truth", own[1])
fx.put("matcher.own.rpn", det.Matcher(0.7, 0.3, True)(box_ops.box_iou(own[1], own[0])))
fx.say("matcher", """anchors [300,4] against truth: iou [G, first 40 anchors]; rpn [300] = Matcher(.7, .3, allow_low_quality_matches=True),
    head [300] = Matcher(.5, .5, False): index of the truth, -1 below the low threshold, -2 between. A low-quality match points at the anchor's OWN best box.
    lonely: no anchor meets the last box, its best IoU is 0, so every anchor that does not meet it (all) is matched to its own best box.
    own: anchors [3,4]; anchor 0 is the best of box 1 but overlaps box 0 more: matched to 0.""")

# ---- losses -----------------------------------------------------------------------------------------------------------------------

k = 60
logits, deltas = normal(2, k, scale=2), normal(2, k, 4, scale=0.3)
labels, targets = integers(-1, 2, 2, k), normal(2, k, 4, scale=0.3)
targets[0, :6], labels[0, :6] = deltas[0, :6] + torch.tensor([0.05, -0.08, 0.12, -0.4]), 1  # both branches of smooth L1
targets = targets.float().double()
rpn = RegionProposalNetwork(None, None, 0.7, 0.3, 4 * k, 0.5, {}, {}, 0.7)  # samples every labelled anchor
for which, value in enumerate(("objectness", "box")):
    o, d = logits.clone().requires_grad_(), deltas.clone().requires_grad_()
    loss = rpn.compute_loss(o.view(-1, 1), d.view(-1, 4), list(labels.double()), list(targets))[which]
    loss.backward()
    fx.put(f"rpn_loss.{value}", loss.reshape(1))
    fx.put("rpn_loss.dlogits" if which == 0 else "rpn_loss.ddeltas", o.grad if which == 0 else d.grad)
for n, v in (("logits", logits), ("deltas", deltas), ("labels", labels), ("targets", targets)):
    fx.put(f"rpn_loss.{n}", v)
fx.say("rpn_loss", """logits [2,60], deltas [2,60,4], labels [2,60] as sampled (1, 0, -1 not sampled), targets [2,60,4]: objectness = mean over all sampled
    anchors of the batch of BCE with logits; box = sum over positives of smooth L1 (beta 1/9) / sampled anchors of the batch. dlogits is objectness's gradient, ddeltas box's.""")

r, c = 30, 4
logits, deltas, targets = normal(r, c, scale=2), normal(r, 4 * c, scale=0.4), normal(r, 4, scale=0.4)
labels = integers(0, c, r)
labels[:8] = 0
for which, value in enumerate(("classifier", "box")):
    o, d = logits.clone().requires_grad_(), deltas.clone().requires_grad_()
    loss = fastrcnn_loss(o, d, [labels[:12], labels[12:]], [targets[:12], targets[12:]])[which]
    loss.backward()
    fx.put(f"roi_loss.{value}", loss.reshape(1))
    fx.put("roi_loss.dlogits" if which == 0 else "roi_loss.ddeltas", o.grad if which == 0 else d.grad)
for n, v in (("logits", logits), ("deltas", deltas), ("labels", labels), ("targets", targets)):
    fx.put(f"roi_loss.{n}", v)
fx.say("roi_loss", """logits [30,4], deltas [30,16] (row 4*class + j), labels [30], targets [30,4]: classifier = mean cross entropy; box = sum over foreground
    of smooth L1 (beta 1/9) on the label's four slots / 30. dlogits is classifier's gradient, ddeltas box's.""")

# ---- proposals and results --------------------------------------------------------------------------------------------------------

sizes = [(80, 112), (96, 90)]  # (h, w) of the two images inside one padded batch
for name, per_level in [("one", [150]), ("two", [110, 40])]:
    proposals = torch.stack([random_boxes(150, 112, 96, 3, 50) for _ in sizes])
    proposals[:, 5, 2] = proposals[:, 5, 0] + 2e-4  # narrower than 1e-3
    proposals[:, 6] = torch.tensor([115, 20, 160, 70.0])  # outside: no width after clipping
    proposals = proposals.float().double()
    objectness = normal(2, 150, scale=3)
    assert len(objectness.unique()) == objectness.numel()  # torch.topk promises nothing about ties
    fx.put(f"filter.{name}.proposals", proposals)
    fx.put(f"filter.{name}.objectness", objectness)
    fx.put(f"filter.{name}.level_sizes", torch.tensor(per_level))
    for mode, pre, post in [("train", 80, 30), ("test", 35, 12)]:
        rpn = RegionProposalNetwork(None, None, 0.7, 0.3, 256, 0.5, {"training": 80, "testing": 35}, {"training": 30, "testing": 12}, 0.5)
        rpn.train(mode == "train")
        boxes, scores = rpn.filter_proposals(proposals, objectness.reshape(-1, 1), sizes, per_level)
        for n, v in (("boxes", boxes), ("scores", scores)):
            v, count = padded(v, post)
            fx.put(f"filter.{name}.{mode}.{n}", v)
        fx.put(f"filter.{name}.{mode}.count", count)
fx.put("filter.sizes", torch.tensor(sizes))
fx.say("filter", """RegionProposalNetwork.filter_proposals: decoded proposals [2,150,4] before clipping, objectness logits [2,150], images of sizes [2,2] (h, w),
    level_sizes anchors per level. Top pre per level, clip, sides >= 1e-3, NMS .5 per level, then post best of all levels: train pre 80 post 30, test pre 35 post 12.
    boxes [2,post,4], scores [2,post] = sigmoid(logit), count [2].""")

counts, c = [40, 33], 4
rois = [random_boxes(n, w, h, 6, 60) for n, (h, w) in zip(counts, sizes)]
rois = [torch.stack([r[:, 0].clamp(0, w), r[:, 1].clamp(0, h), r[:, 2].clamp(1, w), r[:, 3].clamp(1, h)], 1) for r, (h, w) in zip(rois, sizes)]
rois[0][3, 2:] = rois[0][3, :2] + 0.004  # decodes to sides below .01
logits, deltas = normal(sum(counts), c, scale=1.5), normal(sum(counts), 4 * c)
deltas[3] *= 0.1
rois, deltas = [r.float().double() for r in rois], deltas.float().double()
for name, best in [("all", 100), ("ten", 10)]:
    heads = RoIHeads(None, None, None, 0.5, 0.5, 512, 0.25, None, 0.05, 0.5, best)
    boxes, scores, found = heads.postprocess_detections(logits, deltas, rois, sizes)
    for n, v in (("boxes", boxes), ("scores", scores), ("labels", found)):
        v, count = padded(v)
        fx.put(f"results.{name}.{n}", v)
    fx.put(f"results.{name}.count", count)
for n, v in (("rois", rois), ("logits", logits.split(counts)), ("deltas", deltas.split(counts))):
    fx.put(f"results.{n}", padded(v)[0])
fx.put("results.counts", torch.tensor(counts))
fx.put("results.sizes", torch.tensor(sizes))
fx.say("results", """RoIHeads.postprocess_detections, 3 classes and background: rois [2,40,4], logits [2,40,4], deltas [2,40,16] (weights 10,10,5,5), counts [2] live RoIs,
    sizes [2,2] (h, w). Score > .05, sides >= .01 after clipping, NMS .5 per class, best 100 (all) or 10 (ten) per image, by descending score.""")

# ---- images and steps -------------------------------------------------------------------------------------------------------------

for name, size, short, longest in [("up", (7, 9), 12, 100), ("down", (13, 22), 8, 100), ("long", (6, 20), 12, 25)]:
    x = uniform(0, 1, 3, *size)
    y, _ = _resize_image_and_masks(x, short, longest, None, None)
    fx.put(f"resize.{name}.x", x)
    fx.put(f"resize.{name}.y", y)
    fx.say(f"resize.{name}", f"GeneralizedRCNNTransform's resize, short side {short}, long side at most {longest}: bilinear, half-pixel, edge-clamped, no antialias, step in/out per axis")
rows = []
for h, w in [(480, 640), (640, 480), (375, 500), (500, 333), (120, 999), (90, 1200), (301, 299), (300, 300), (1080, 1920), (17, 23), (427, 640), (281, 500)]:
    for short, longest in [(300, 1000), (600, 1000), (800, 1333)]:
        y, _ = _resize_image_and_masks(torch.zeros(1, h, w), short, longest, None, None)
        rows.append([h, w, short, longest, y.shape[-2], y.shape[-1]])
fx.put("resize.sizes", torch.tensor(rows))
fx.say("resize.sizes", "rows h, w, short, longest -> resized h, w (floor(scale * side), scale = min(short / min, longest / max) in double)")

p = [normal(3, 2).requires_grad_(), normal(4).requires_grad_()]
sgd = torch.optim.SGD(p, 0.1, 0.9, weight_decay=0.05)
fx.put("sgd.weight0", p[0].clone())
fx.put("sgd.bias0", p[1].clone())
norms = []
for step, scale in enumerate((1.0, 5.0, 0.3)):
    for n, q in zip(("weight", "bias"), p):
        q.grad = normal(*q.shape, scale=scale)
        fx.put(f"sgd.d{n}{step}", q.grad)
    norms.append(float(torch.nn.utils.clip_grad_norm_(p, 4.0)))
    sgd.param_groups[0]["lr"] = 0.1 * (1.0 if step < 2 else 0.1)
    sgd.step()
    for n, q in zip(("weight", "bias"), p):
        fx.put(f"sgd.{n}{step + 1}", q.clone())
fx.put("sgd.norms", torch.tensor(norms, dtype=torch.float64))
fx.say("sgd", """three steps of torch.optim.SGD (lr .1, .1, .01; momentum .9; decay .05 on both) after clip_grad_norm_(4): dweight<i>, dbias<i> before clipping,
    norms [3] before clipping, weight<i+1>, bias<i+1> after. V = .9 V + (clipped g + decay w), w -= lr V; the first V is g + decay w.
    clip scales by min(1, 4 / (norm + 1e-6)).""")

path = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(os.path.abspath(__file__)), "ops.safetensors")
size = fx.save(path)
print(f"{path}: {len(fx.tensors)} tensors, {size} bytes")
