#!/usr/bin/env python3
"""torchvision's fasterrcnn_resnet50_fpn with lively weights: made for all sides, and timed as a peer.

usage: torch_resnet.py prepare --dir DIR --size 800x1088     images.rgb, model.pth, model.onnx (our side makes model.safetensors of model.pth)
       torch_resnet.py detect|train|cold --dir DIR --size 800x1088 [--channels-last] [--precision bf16] [--threads 2] [--warmup 2] [--runs 5]
                                         [--json FILE]

Three of the backbone's five stages learn and batch normalisation is frozen, as torchvision fine-tunes it. Its statistics are drawn, and the
last of each block weighs .3, so that sixteen residual blocks do not amplify rounding. What is timed: jobs.hpp.
"""
import torch
import torchvision
from torchvision.models.detection import FasterRCNN
from torchvision.models.detection.backbone_utils import _resnet_fpn_extractor
from torchvision.models.detection.rpn import AnchorGenerator
from torchvision.ops.misc import FrozenBatchNorm2d

import torch_vgg16

CLASSES = 90  # COCO's slots


def build(device=None):
    """On the device "meta" parameters have shapes only: for a state dict to fill."""
    anchors = AnchorGenerator(tuple((size,) for size in (32, 64, 128, 256, 512)), ((0.5, 1.0, 2.0),) * 5)
    with torch.device(device or "cpu"):
        body = torchvision.models.resnet50(weights=None, norm_layer=FrozenBatchNorm2d)
        return FasterRCNN(_resnet_fpn_extractor(body, 3), CLASSES + 1, rpn_anchor_generator=anchors).eval()


def liven(model, image):
    """Predictors calibrated over the image, as torch_vgg16.liven does."""
    for name, part in model.named_modules():
        if isinstance(part, FrozenBatchNorm2d):
            part.running_mean.normal_(0, 0.05)
            part.bias.normal_(0, 0.05)
            for what in (part.running_var, part.weight):
                what.uniform_(0.8, 1.2)
            if name.endswith("bn3"):
                part.weight.mul_(0.3)
    batch, _ = model.transform([image])
    maps = model.backbone(batch.tensors)
    head, predictor = model.rpn.head, model.roi_heads.box_predictor
    torch.nn.init.kaiming_normal_(head.conv[0][0].weight, nonlinearity="relu")
    cells = torch.cat([head.conv(m).permute(0, 2, 3, 1).flatten(0, 2) for m in maps.values()])
    torch_vgg16.calibrate(head.cls_logits, cells, 2)
    torch_vgg16.calibrate(head.bbox_pred, cells, 0.2)
    regions, _ = model.rpn(batch, maps)
    rows = model.roi_heads.box_head(model.roi_heads.box_roi_pool(maps, regions, batch.image_sizes))
    torch_vgg16.calibrate(predictor.cls_score, rows, 1)
    torch_vgg16.calibrate(predictor.bbox_pred, rows, 0.5)


def prepare(folder, size):
    torch.manual_seed(0)
    torch_vgg16.write_for_all(build(), liven, folder, size)


if __name__ == "__main__":
    torch_vgg16.main(__doc__, build, prepare)
