#!/usr/bin/env python3
"""torchvision's Faster R-CNN around VGG-16, with the numbers of the preset `vgg16_tv`: made for all sides, and timed as a peer.

usage: torch_vgg16.py prepare --dir DIR                      images.rgb, model.safetensors, model.pth, model.onnx
       torch_vgg16.py detect|train|cold --dir DIR [--channels-last] [--precision bf16] [--threads 2] [--warmup 2] [--runs 5] [--json FILE]

Weights are random (seed 0) but lively: each predictor's outputs are spread over an image, so that it has 300 live proposals and a hundred
detections, and suppression its real work.
What is timed: jobs.hpp.
"""
import itertools
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests", "golden"))

import numpy as np
import torch
import torchvision
from torchvision.models.detection import FasterRCNN
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.rpn import AnchorGenerator, RPNHead
from torchvision.models.vgg import cfgs, make_layers

import contender

CLASSES = 20


class DropoutHead(TwoMLPHead):
    def forward(self, x):
        for layer in (self.fc6, self.fc7):
            x = torch.nn.functional.dropout(torch.relu(layer(x.flatten(1))), 0.5, self.training)
        return x


def build(device=None):
    """On the device "meta" parameters have shapes only: for a state dict to fill."""
    anchors = AnchorGenerator(((128, 256, 512),), ((0.5, 1.0, 2.0),))
    with torch.device(device or "cpu"):
        backbone = make_layers(cfgs["D"])[:-1]
        backbone.out_channels = 512
        for p in list(backbone.parameters())[:8]:  # conv1_1 to conv2_2
            p.requires_grad = False
        return FasterRCNN(backbone, min_size=600, max_size=1000, rpn_anchor_generator=anchors, rpn_head=RPNHead(512, 9),
                          box_roi_pool=torchvision.ops.MultiScaleRoIAlign(["0"], 7, 2), box_head=DropoutHead(512 * 49, 4096),
                          box_predictor=FastRCNNPredictor(4096, CLASSES + 1), rpn_pre_nms_top_n_train=12000, rpn_post_nms_top_n_train=2000,
                          rpn_pre_nms_top_n_test=6000, rpn_post_nms_top_n_test=300, box_batch_size_per_image=128).eval()


def calibrate(layer, inputs, deviation):
    """Random weights whose outputs have mean 0 and this deviation over the inputs, [rows, channels]."""
    layer.weight.normal_()
    out = inputs @ layer.weight.flatten(1).T
    layer.weight.mul_((deviation / out.std(0)).reshape([-1] + [1] * (layer.weight.dim() - 1)))
    layer.bias.copy_(-(inputs @ layer.weight.flatten(1).T).mean(0))


def liven(model, image):
    """Random weights, those of predictors calibrated over the image: 2 for the RPN's logits, .2 for its corrections, 1 and .5 for the head's.
    With 2 and 1 for the head float's own rounding moved scores by 1e-5 and more, too near the 1e-4 in which sides must agree; so did
    normalising every layer's outputs: deep random networks are chaotic then, and forget less of a perturbation with each layer."""
    batch, _ = model.transform([image])
    for layer in model.backbone:
        if isinstance(layer, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            layer.bias.normal_(0, 0.1)
    head = model.rpn.head
    torch.nn.init.kaiming_normal_(head.conv[0][0].weight, nonlinearity="relu")
    features = model.backbone(batch.tensors)
    cells = head.conv(features).permute(0, 2, 3, 1).flatten(0, 2)
    calibrate(head.cls_logits, cells, 2)
    calibrate(head.bbox_pred, cells, 0.2)
    proposals, _ = model.rpn(batch, {"0": features})
    rows = model.roi_heads.box_head(model.roi_heads.box_roi_pool({"0": features}, proposals, batch.image_sizes))
    calibrate(model.roi_heads.box_predictor.cls_score, rows, 1)
    calibrate(model.roi_heads.box_predictor.bbox_pred, rows, 0.5)


def picture(size):
    """uint8 [H, W, 3]: waves and noise."""
    waves = torch.nn.functional.interpolate(torch.randn(1, 3, 13, 17), size, mode="bicubic")[0]
    values = 128 + 50 * waves + 15 * torch.randn_like(waves)
    return values.round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).contiguous().numpy()


def decided(model, pixels):
    """No two detections have so nearly the same score that rounding could swap them (float moves scores by 2e-6)."""
    scores = model([torch.from_numpy(contender.as_input(pixels))])[0]["scores"]
    return float(scores.diff().abs().min()) > 1e-5


def write_for_all(model, liven, folder, size):
    """images.rgb, model.pth and model.onnx of the model with lively weights."""
    os.makedirs(folder, exist_ok=True)
    image = torch.from_numpy(contender.as_input(picture(size)))
    liven(model, image)
    pixels = itertools.islice((p for p in (picture(size) for _ in itertools.count()) if decided(model, p)), 4)
    np.stack(list(pixels)).tofile(f"{folder}/images.rgb")
    torch.save(model.state_dict(), f"{folder}/model.pth")
    torch.onnx.export(model, ([image],), f"{folder}/model.onnx", opset_version=17, dynamo=False, input_names=["image"])


def prepare(folder, size):
    from fixture import Fixture

    torch.manual_seed(0)
    model = build()
    write_for_all(model, liven, folder, size)
    file = Fixture(format="frcnn 1", preset="vgg16_tv", classes=json.dumps([f"class{i + 1}" for i in range(CLASSES)]),
                   anchor_sizes="[[128,256,512]]", anchor_ratios="[0.5,1,2]", short_side=600, max_side=1000,
                   normalisation=json.dumps({"order": "rgb", "range": 1, "mean": model.transform.image_mean, "deviation": model.transform.image_std}))
    for name, value in model.state_dict().items():
        file.put(name, value)
    file.save(f"{folder}/model.safetensors")


def load(build, folder, mapped):
    """The weights as they lie in the file: nothing is drawn, or copied into place. mapped: read when they are first used."""
    model = build("meta")
    model.load_state_dict(torch.load(f"{folder}/model.pth", weights_only=True, mmap=mapped), assign=True)
    return model


def main(about, build, prepare):
    p = contender.parser(about.splitlines()[0], ("prepare", "detect", "train", "cold"))
    p.add_argument("--channels-last", action="store_true")
    options = p.parse_args()
    torch.set_num_threads(options.threads)
    if options.job == "prepare":
        with torch.no_grad():
            prepare(options.dir, options.size)
        return contender.report(ms=[])

    model = load(build, options.dir, mapped=options.job == "cold")
    if options.channels_last:
        model.to(memory_format=torch.channels_last)
    inputs = [torch.from_numpy(contender.as_input(i)) for i in contender.images(options.dir, options.size)]
    autocast = lambda: torch.autocast("cpu", dtype=torch.bfloat16, enabled=options.precision == "bf16")

    def detect(image):
        with torch.inference_mode(), autocast():
            return model([image])[0]

    if options.job == "cold":
        contender.report(ms=[], boxes=len(detect(inputs[0])["labels"]))
    elif options.job == "detect":
        said = {}
        if options.json:
            live = []
            model.rpn.register_forward_hook(lambda _, __, out: live.append(len(out[0][0])))
            found = [detect(i) for i in inputs]
            contender.save_detections(options.json, [[d[k].float().numpy() for k in ("boxes", "scores", "labels")] for d in found])
            said["proposals"] = live
        contender.report(ms=contender.timed(lambda: detect(inputs[0]), options), **said)
    else:
        model.train()
        targets = [{"boxes": torch.tensor(contender.TRUTH, dtype=torch.float32), "labels": torch.tensor(contender.LABELS)}]
        sgd = torch.optim.SGD([q for q in model.parameters() if q.requires_grad], 1e-4, 0.9, weight_decay=5e-4)
        losses = []

        def step():
            with autocast():
                loss = sum(model(inputs[:1], targets).values())
            sgd.zero_grad()
            loss.backward()
            sgd.step()
            losses.append(loss.item())

        contender.report(ms=contender.timed(step, options), loss=losses[0])


if __name__ == "__main__":
    main(__doc__, build, prepare)
