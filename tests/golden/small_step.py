#!/usr/bin/env python3
"""One whole training step, and one detection, of torchvision's Faster R-CNN: writes small_step.safetensors beside itself.

usage: small_step.py [OUT]

The network is the preset `small`, narrower: six 3x3 convolutions with ReLU (4/2, 8/2, 8/2, 8, 12/2, 12), stride 16, anchors 24, 48, 96 x
.5, 1, 2, RoIAlign 7 with sampling ratio 2, fc 10-10, three classes. It runs in double on weights that float holds exactly. The sample
sizes lie above the number of candidates, so that no draw is made; what was sampled is stored all the same. See `record` for every
tensor; floating numbers that float holds exactly are stored F32, others F64: read both as double.
"""
import os
import sys

import torch
import torch.nn.functional as F
import torchvision
from torchvision.models.detection import FasterRCNN
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.rpn import AnchorGenerator

from fixture import Fixture, padded

SEED = 7


def small(widths, fc, classes, anchors=(24, 48, 96), min_size=300, **limits):
    """torchvision's detector on the backbone of the preset `small`: six 3x3 convolutions, the first three and the fifth of stride 2."""
    layers, channels = [], 3
    for width, stride in zip(widths, (2, 2, 2, 1, 2, 1)):
        layers += [torch.nn.Conv2d(channels, width, 3, stride, 1), torch.nn.ReLU(inplace=True)]
        torch.nn.init.kaiming_normal_(layers[-2].weight, nonlinearity="relu")
        torch.nn.init.zeros_(layers[-2].bias)
        channels = width
    backbone = torch.nn.Sequential(*layers)
    backbone.out_channels = channels
    return FasterRCNN(backbone, min_size=min_size, max_size=1000, rpn_anchor_generator=AnchorGenerator((tuple(anchors),), ((0.5, 1.0, 2.0),)),
                      box_roi_pool=torchvision.ops.MultiScaleRoIAlign(["0"], 7, 2), box_head=TwoMLPHead(channels * 49, fc),
                      box_predictor=FastRCNNPredictor(fc, classes + 1), **limits)


def liven(model, images):
    """Random weights whose outputs spread: logits of deviation 2 around 0, corrections of .3 (RPN) and .7 (head, before its weights)."""

    def calibrate(layer, inputs, deviation):  # inputs [rows, channels]
        layer.weight.normal_()
        weight = layer.weight.flatten(1)
        out = inputs @ weight.T
        weight *= (deviation / out.std(0))[:, None]
        layer.bias.copy_(0.1 * torch.randn(len(layer.bias)) - inputs.mean(0) @ weight.T)

    with torch.no_grad():
        for name, q in model.named_parameters():
            if name.endswith("bias"):
                q.normal_(0, 0.1)
        features = model.backbone(images.tensors)
        model.rpn.head.conv[0][0].weight.mul_(20)
        hidden = model.rpn.head.conv(features).permute(0, 2, 3, 1).flatten(0, 2)
        calibrate(model.rpn.head.cls_logits, hidden, 2)
        calibrate(model.rpn.head.bbox_pred, hidden, 0.3)
        corner = torch.rand(40, 2) * 60
        rois = [torch.cat([corner, corner + 8 + torch.rand(40, 2) * 50], 1) for _ in images.image_sizes]
        rows = model.roi_heads.box_head(model.roi_heads.box_roi_pool({"0": features}, rois, images.image_sizes))
        calibrate(model.roi_heads.box_predictor.cls_score, rows, 2)
        calibrate(model.roi_heads.box_predictor.bbox_pred, rows, 0.7)
    return model


class Given(torch.nn.Module):
    """In the transform's place: images that are already resized, normalised and padded."""

    def __init__(self, images):
        super().__init__()
        self.images = images

    def forward(self, _, targets=None):
        return self.images, None if targets is None else [dict(t) for t in targets]

    def postprocess(self, result, *_):
        return result


def margin(values, thresholds):
    """The smallest distance of a deciding number from its threshold."""
    return float(min((values - t).abs().min() for t in thresholds)) if values.numel() else 1.0


def record(model, images, targets, fx):
    """Runs one training step and one detection, puts everything into fx, and returns the smallest distance of a deciding
    IoU or score from its threshold, and of two scores that NMS orders.

      image_sizes [N,2] (h, w) inside the padded batch; truth.{boxes [N,G,4], labels [N,G], count [N]}
      param.<name>, grad.<name>    by torchvision's names; grad of the sum of the four losses
      loss.{objectness, rpn_box, classifier, box} [1]
      features [N,C,Hf,Wf]; rpn.logits [N,K], rpn.deltas [N,K,4], anchors [K,4]: K in (y, x, anchor) order, ratio outer, size inner
      anchor.labels [N,K] (1, 0, -1: as sampled), anchor.match [N,K] (own best truth), anchor.targets [positives of image 0, then of 1, .., 4] in index order
      proposals.{boxes [N,P,4], scores [N,P], count [N]}     the RPN's output in training, by descending score
      rois.{boxes [N,R,4], labels, match [N,R], targets [N,R,4], count [N]}: sampled, truth appended, in index order; targets weighted 10,10,5,5
      head.{logits [sum of count, classes+1], deltas [.., 4(classes+1)]}: rows of image 0, then of image 1
      detect.proposals.{boxes, scores, count}, detect.{boxes [N,D,4], scores [N,D], labels [N,D], count [N]}: the same weights in eval mode
    """
    model.transform = Given(images)
    seen, gaps, ties = {}, [], []

    def watch(owner, name, f):
        plain = getattr(owner, name)

        def call(*a, **k):
            out = plain(*a, **k)
            changed = f(a, out)
            return out if changed is None else changed

        setattr(owner, name, call)
        return lambda: setattr(owner, name, plain)

    def suppressed(a, _):
        boxes, scores, group, threshold = a
        same = group[:, None] == group[None]
        gaps.append(margin(torchvision.ops.box_iou(boxes, boxes)[same], (threshold,)))
        ties.append(float(scores.sort()[0].diff().min()))

    rpn, head = model.rpn, model.roi_heads
    undo = [
        watch(rpn, "compute_loss", lambda a, out: seen.update(logits=a[0], deltas=a[1], anchor_targets=a[3])),
        watch(rpn, "filter_proposals", lambda a, out: seen.update(proposals=out)),
        watch(rpn, "assign_targets_to_anchors", lambda a, out: seen.update(anchors=a[0])),
        # The labels come as float, and the loss would be computed in the labels' type.
        watch(rpn, "assign_targets_to_anchors", lambda a, out: ([l.to(a[0][0].dtype) for l in out[0]], out[1])),
        watch(rpn, "fg_bg_sampler", lambda a, out: seen.update(anchor_sample=out)),
        watch(torchvision.ops.boxes, "batched_nms", suppressed),
        watch(head, "select_training_samples", lambda a, out: seen.update(rois=out)),
        watch(head.box_roi_pool, "forward", lambda a, out: seen.update(features=a[0]["0"])),
        watch(head.box_predictor, "forward", lambda a, out: seen.update(head=out)),
    ]
    model.train()
    losses = model([t for t in images.tensors], targets)
    model.zero_grad()
    sum(losses.values()).backward()
    n = len(targets)

    for key, name in (("loss_objectness", "objectness"), ("loss_rpn_box_reg", "rpn_box"), ("loss_classifier", "classifier"), ("loss_box_reg", "box")):
        fx.put(f"loss.{name}", losses[key].reshape(1))
    for name, p in model.named_parameters():
        fx.put(f"param.{name}", p)
        fx.put(f"grad.{name}", p.grad)
    fx.put("image_sizes", torch.tensor([list(s) for s in images.image_sizes]))
    boxes, count = padded([t["boxes"] for t in targets])
    fx.put("truth.boxes", boxes)
    fx.put("truth.labels", padded([t["labels"] for t in targets])[0])
    fx.put("truth.count", count)
    fx.put("features", seen["features"])

    anchors = seen["anchors"][0]
    fx.put("anchors", anchors)
    fx.put("rpn.logits", seen["logits"].view(n, -1))
    fx.put("rpn.deltas", seen["deltas"].view(n, -1, 4))
    positive, negative = seen["anchor_sample"]
    labels = torch.stack([torch.where(p > 0, 1, torch.where(q > 0, 0, -1)) for p, q in zip(positive, negative)])
    fx.put("anchor.labels", labels)
    overlaps = [torchvision.ops.box_iou(t["boxes"], anchors) for t in targets]
    fx.put("anchor.match", torch.stack([o.argmax(0) for o in overlaps]))
    fx.put("anchor.targets", torch.stack(list(seen["anchor_targets"]))[labels == 1])
    gaps += [margin(o.max(0)[0], (0.3, 0.7)) for o in overlaps]

    def put_set(name, rows):
        for key, values in rows.items():
            tensor, count = padded([v.detach() for v in values])
            fx.put(f"{name}{key}", tensor)
        fx.put(f"{name}count", count)

    put_set("proposals.", {"boxes": seen["proposals"][0], "scores": seen["proposals"][1]})
    rois, match, roi_labels, roi_targets = seen["rois"]
    put_set("rois.", {"boxes": rois, "labels": roi_labels, "match": match, "targets": [t * (l > 0)[:, None] for t, l in zip(roi_targets, roi_labels)]})
    gaps += [margin(torchvision.ops.box_iou(t["boxes"], r).max(0)[0], (0.5,)) for t, r in zip(targets, rois)]
    fx.put("head.logits", seen["head"][0])
    fx.put("head.deltas", seen["head"][1])

    model.eval()
    with torch.no_grad():
        found = model([t for t in images.tensors])
    put_set("detect.proposals.", {"boxes": seen["proposals"][0], "scores": seen["proposals"][1]})
    put_set("detect.", {k: [d[k] for d in found] for k in ("boxes", "scores", "labels")})
    logits, _ = seen["head"]
    gaps.append(margin(logits.softmax(1), (head.score_thresh,)))
    for u in reversed(undo):
        u()
    return min(gaps), min(ties)


def main(path):
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    sizes, padded_size = [(64, 96), (90, 75)], (96, 96)
    model = small((4, 8, 8, 8, 12, 12), 10, 3, rpn_batch_size_per_image=4096, rpn_fg_iou_thresh=0.7, rpn_bg_iou_thresh=0.3,
                  rpn_pre_nms_top_n_train=200, rpn_post_nms_top_n_train=60, rpn_pre_nms_top_n_test=120, rpn_post_nms_top_n_test=40,
                  rpn_nms_thresh=0.7, box_batch_size_per_image=4096)
    # Smooth pictures, so that neighbouring cells agree and scores spread; 128 is the 0 of the padding.
    pixels = torch.full((2, 3) + padded_size, 128, dtype=torch.uint8)
    for i, (h, w) in enumerate(sizes):
        waves = F.interpolate(torch.randn(1, 3, 7, 8), (h, w), mode="bicubic") + 0.3 * torch.randn(1, 3, h, w)
        pixels[i, :, :h, :w] = (128 + 64 * waves[0]).clamp(0, 255).round().to(torch.uint8)
    images = ImageList((pixels.double() - 128) / 64, sizes)
    liven(model, ImageList(images.tensors.float(), sizes))
    model.double()  # of float weights: exact
    truth = [torch.tensor([[5, 8, 40, 30], [50, 20, 90.5, 60], [30, 33.25, 62, 62]]), torch.tensor([[10, 10, 34, 70], [8.5, 42, 70, 88]])]
    targets = [{"boxes": t.double(), "labels": torch.tensor(l)} for t, l in zip(truth, ([1, 3, 2], [2, 1]))]

    fx = Fixture(made_by="tests/golden/small_step.py", torch=torch.__version__, torchvision=torchvision.__version__)
    fx.put("pixels", pixels)
    gap, tie = record(model, images, targets, fx)
    fx.say("pixels", "U8 [2,3,96,96]; the network's input is (pixels - 128) / 64, which is already normalised, and 0 in the padding")
    fx.say("network", "widths 4,8,8,8,12,12, strides 2,2,2,1,2,1, fc 10-10, 3 classes + background, anchors 24,48,96 x .5,1,2 at stride 16")
    fx.say("limits", """RPN: every candidate sampled (4096 per image, half positive), .7/.3, proposals train 200/60, test 120/40, NMS .7, sides >= 1e-3;
        head: every candidate sampled (4096, a quarter foreground), .5/.5, truth appended; results: score > .05, sides >= .01, NMS .5, best 100""")
    fx.say("margin", f"no IoU or score lies closer to its threshold than {gap:.2g}, no two scores that NMS orders to each other than {tie:.2g}")
    assert min(gap, tie) > 1e-6, (gap, tie)  # else choose another SEED
    size = fx.save(path)
    show = lambda k: fx.tensors[k].ravel().tolist()
    print(f"{path}: {len(fx.tensors)} tensors, {size} bytes, margins {gap:.2g} {tie:.2g}")
    print("losses", {k: round(show(k)[0], 4) for k in fx.tensors if k.startswith("loss.")})
    print("counts", {k: show(k) for k in fx.tensors if k.endswith("count")}, "positives", [int((l == 1).sum()) for l in fx.tensors["anchor.labels"]],
          "ignored", [int((l == -1).sum()) for l in fx.tensors["anchor.labels"]], "foreground", [int((l > 0).sum()) for l in fx.tensors["rois.labels"]])
    d = fx.tensors["detect.scores"]
    print("detection scores", d[d > 0].min(), d.max(), "labels", sorted(set(fx.tensors["detect.labels"].ravel().tolist()) - {0}))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(os.path.abspath(__file__)), "small_step.safetensors"))
