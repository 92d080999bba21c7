#!/usr/bin/env python3
"""Five training steps of torchvision's fasterrcnn_resnet50_fpn in double, with frozen batch normalisation and three trainable stages, on two
made-up images of 160 x 128.

usage: resnet_step.py OUT_DIR

Writes OUT_DIR/resnet_step.safetensors (500 MB; never committed): param.NAME, images [2,3,H,W] as the network reads them, truth.boxes [2,G,4],
truth.labels, truth.count, losses [5,4] (objectness, rpn box, class, head box), grad.NAME of the first step, change.NAME of all five.
Whatever may be sampled is sampled, so that no side draws: batches are larger than what there is.
"""
import os
import sys

here = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(here, "..", "golden")]

import numpy as np
import torch
import torchvision
from torchvision.models.detection import FasterRCNN
from torchvision.models.detection.backbone_utils import resnet_fpn_backbone
from torchvision.models.detection.image_list import ImageList

from fixture import Fixture

CLASSES, REGIONS, RATE, HEIGHT, WIDTH = 4, 120, 0.002, 128, 160


def main():
    torch.manual_seed(0)
    torch.set_num_threads(2)
    backbone = resnet_fpn_backbone(backbone_name="resnet50", weights=None, norm_layer=torchvision.ops.misc.FrozenBatchNorm2d, trainable_layers=3)
    model = FasterRCNN(backbone, CLASSES + 1, rpn_post_nms_top_n_train=REGIONS, rpn_batch_size_per_image=1_000_000, box_batch_size_per_image=REGIONS + 10,
                       box_positive_fraction=1.0)
    with torch.no_grad():
        for name, module in model.named_modules():
            if hasattr(module, "running_var"):
                module.running_var.uniform_(0.8, 1.2), module.weight.uniform_(0.8, 1.2)
                module.running_mean.normal_(0, 0.05), module.bias.normal_(0, 0.05)
                if name.endswith("bn3"):
                    module.weight.mul_(0.3)
        images = torch.randn(2, 3, HEIGHT, WIDTH)
        maps = model.backbone(images)
        hidden = torch.cat([model.rpn.head.conv(m).flatten(2) for m in maps.values()], 2)
        size = float(hidden.norm() / hidden[0, 0].numel() ** 0.5)
        model.rpn.head.cls_logits.weight.normal_(0, 1 / size)
        model.rpn.head.bbox_pred.weight.normal_(0, 0.1 / size)
    start = {k: v.clone() for k, v in model.state_dict().items()}
    model.double().train()
    boxes = [torch.tensor([[10.0, 12, 70, 90], [60, 20, 150, 100]]).double(), torch.tensor([[30.0, 30, 61, 66], [5, 70, 40, 120], [80, 8, 155, 60]]).double()]
    labels = [torch.tensor([1, 3]), torch.tensor([2, 4, 1])]
    targets = [{"boxes": b, "labels": l} for b, l in zip(boxes, labels)]
    batch = ImageList(images.double(), [(HEIGHT, WIDTH)] * 2)

    fx = Fixture(made_by="tests/parity/resnet_step.py", torch=torch.__version__, torchvision=torchvision.__version__)
    for name, value in start.items():
        fx.put("param." + name, value)
    fx.put("images", images)
    capacity = max(map(len, boxes))
    fx.put("truth.boxes", torch.stack([torch.cat([b, torch.zeros(capacity - len(b), 4).double()]) for b in boxes]))
    fx.put("truth.labels", torch.stack([torch.cat([l, torch.zeros(capacity - len(l), dtype=l.dtype)]) for l in labels]))
    fx.put("truth.count", np.array([len(b) for b in boxes], np.int32))
    fx.put("classes", np.zeros(CLASSES, np.int32))
    fx.put("regions", np.array([REGIONS], np.int32))
    fx.put("rate", np.array([RATE], np.float64))

    learning = {n: p for n, p in model.named_parameters() if p.requires_grad}
    sgd = torch.optim.SGD(learning.values(), RATE, 0.9, weight_decay=1e-4)
    losses = []
    for step in range(5):
        maps = model.backbone(batch.tensors)
        proposals, rpn = model.rpn(batch, maps, targets)
        _, head = model.roi_heads(maps, proposals, batch.image_sizes, targets)
        each = [rpn["loss_objectness"], rpn["loss_rpn_box_reg"], head["loss_classifier"], head["loss_box_reg"]]
        losses.append([float(v.detach()) for v in each])
        sgd.zero_grad()
        sum(each).backward()
        if step == 0:
            for name, p in learning.items():
                fx.put("grad." + name, p.grad.float())
        sgd.step()
    for name, p in learning.items():
        fx.put("change." + name, (p.detach() - start[name].double()).float())
    fx.put("losses", np.array(losses))
    os.makedirs(sys.argv[1], exist_ok=True)
    path = os.path.join(sys.argv[1], "resnet_step.safetensors")
    print(f"{path}: {len(fx.tensors)} tensors, {fx.save(path) / 1e6:.0f} MB; losses {losses}")


if __name__ == "__main__":
    main()
