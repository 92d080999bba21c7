#!/usr/bin/env python3
"""torchvision's detectors, and a detector of Caffe with the same numbers, in files of theirs: we find on photographs what torchvision finds, and
torchvision takes back what our `convert` writes.

usage: test_foreign_weights.py BUILD [small] [vgg16_tv] [resnet50_fpn] [resnet50_fpn_v2] [resnet50_c4]
builds tests/parity_foreign in BUILD first; needs FRCNN_TEST_DATA (a folder that holds voc-demo), without it: skipped, 77

Photographs are JPEGs, whose pixels are Pillow's on both sides, and PNGs cut to five sizes, two of them portrait and one with odd sides; each
alone, and the PNGs in one batch that is padded to its largest; on both engines. Same labels in the same order (but for neighbours whose
scores differ by less than 1e-4), scores within 1e-4, corners within 0.01 pixel on the engine portable and 0.05 on fast. Excused and listed:
one box in 200, of which it is shown that its deciding score, rank or IoU lies too near its threshold (docs/testing.md). The last lines are a
table of the largest differences.
"""
import argparse
import collections
import math
import os
import subprocess
import sys
import tempfile

here = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(here, "..", "golden"), os.path.join(here, "..", "..", "bench", "peers")]
data = os.path.join(os.environ.get("FRCNN_TEST_DATA", ""), "voc-demo")
if not os.environ.get("FRCNN_TEST_DATA") or not os.path.isdir(data):
    print("skipped: FRCNN_TEST_DATA names no folder that holds voc-demo")
    sys.exit(77)

photos = os.path.join(data, "JPEGImages") if os.path.isdir(os.path.join(data, "JPEGImages")) else data

import numpy as np
import torch
import torchvision
from PIL import Image

import small_step
import torch_vgg16
import torchvision_detector
from caffemodel import blob, layer, net, old_blob, old_layer

THRESHOLD, MOST, NMS = 0.05, 100, 0.5  # of a detector's boxes, in torchvision and here
CORNERS = {"portable": 0.01, "fast": 0.05}  # pixels
table, wrong = [], []


def programs(name, *arguments):
    done = subprocess.run([os.path.join(sys.argv[1], "examples", name), *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, (name, done.stderr)
    return done.stdout


def pictures(folder):
    """Five photographs as PNG, cut to five sizes, and as they are, JPEGs."""
    names = sorted(n for n in os.listdir(photos) if n.lower().endswith(".jpg"))[:5]
    paths = []
    for name, box in zip(names, (None, (0, 0, 180, 333), (20, 10, 261, 330), (3, 5, 334, 260), (0, 0, 320, 240))):
        image = Image.open(os.path.join(photos, name)).convert("RGB")
        if box:
            image = image.crop((*box[:2], min(box[2], image.width), min(box[3], image.height)))
        paths.append(os.path.join(folder, name[:-4] + ".png"))
        image.save(paths[-1])
    sizes = [Image.open(p).size for p in paths]
    assert len(set(sizes)) == 5 and sum(w < h for w, h in sizes) >= 2 and any(w % 2 and h % 2 for w, h in sizes), sizes
    return paths, [os.path.join(photos, n) for n in names]


def found_by_us(file, preset, classes, short_side, paths):
    """{(engine, how): for each image [(label, box, score)]}"""
    command = [os.path.join(sys.argv[1], "tests", "test_parity_foreign"), str(THRESHOLD), file, preset, ",".join(classes), str(short_side), *paths]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = {(engine, how): [[] for _ in paths] for engine in CORNERS for how in ("alone", "batch")}
    for engine, how, image, label, score, *corners in map(str.split, done.stdout.splitlines()):
        found[engine, how][int(image)].append((int(label), [*map(float, corners)], float(score)))
    return found


def overlap(a, b):
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    both = max(width, 0) * max(height, 0)
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


def why_undecided(rank, boxes, corners):
    """Which threshold box `rank` lies so near that what we are allowed to differ by decides; None: none of them."""
    label, box, score = boxes[rank]
    if abs(score - THRESHOLD) < 1e-4:
        return "score"
    if len(boxes) == MOST and score - boxes[-1][2] < 1e-4:
        return "rank"
    for other_label, other, other_score in boxes:
        if other is not box and other_label == label and other_score > score - 1e-4:
            slack = 4 * corners / min(box[2] - box[0], box[3] - box[1], other[2] - other[0], other[3] - other[1])
            if abs(overlap(box, other) - NMS) < slack:
                return "IoU"
    return None


def differences(theirs, mine, corners):
    """The largest of corners and scores among boxes that are the same, and those of them or us that are not, each with what excuses it."""
    theirs = [*zip(theirs["labels"].tolist(), theirs["boxes"].tolist(), theirs["scores"].tolist())]
    worst, excused, taken = [0.0, 0.0], [], set()
    for rank, (label, box, score) in enumerate(theirs):
        near = [(max(abs(a - b) for a, b in zip(box, other)), abs(score - s), i)
                for i, (l, other, s) in enumerate(mine) if l == label and abs(score - s) < 1e-4 and i not in taken]
        best = min(near, default=(math.inf, math.inf, 0))
        # In order, but that neighbours whose scores lie within 1e-4 may have changed places.
        if best[0] >= corners or any(abs(score - theirs[k][2]) > 2e-4 for k in range(min(rank, best[2]), min(max(rank, best[2]) + 1, len(theirs)))):
            excused.append((why_undecided(rank, theirs, corners), rank, label, box, score))
        else:
            taken.add(best[2])
            worst = [max(worst[0], best[0]), max(worst[1], best[1])]
    excused += [(why_undecided(i, mine, corners), "ours alone", *mine[i]) for i in range(len(mine)) if i not in taken]
    return worst, len(theirs), excused


def compare(what, model, paths, file, preset, classes=(), short_side=0):
    """paths: PNGs, and JPEGs, or PNGs alone, of which the batch is."""
    pngs, jpegs = paths
    ours = {"PNG": found_by_us(file, preset, classes, short_side, pngs)}
    if jpegs:
        ours["JPEG"] = found_by_us(file, preset, classes, short_side, jpegs)
    with torch.no_grad():
        theirs = {("PNG", "alone"): [model([read(p)])[0] for p in pngs], ("PNG", "batch"): model([read(p) for p in pngs]),
                  ("JPEG", "alone"): [model([read(p)])[0] for p in jpegs], ("JPEG", "batch"): model([read(p) for p in jpegs]) if jpegs else []}
    assert len(pngs) == 1 or any(not torch.equal(a["scores"], b["scores"]) for a, b in zip(theirs["PNG", "alone"], theirs["PNG", "batch"])), "padding is seen"
    for engine, corners in CORNERS.items():
        for (kind, how), expected in theirs.items():
            worst, count, excused = [0.0, 0.0], 0, []
            for image, (them, us) in enumerate(zip(expected, ours.get(kind, {}).get((engine, how), []))):
                largest, boxes, others = differences(them, us, corners)
                worst, count = [max(a, b) for a, b in zip(worst, largest)], count + boxes
                excused += [(image, *other) for other in others]
            if expected:
                assert count, (what, engine, kind, how)
                table.append(f"{what:<44} {engine:<9} {kind:<5} {how:<6} {len(expected):>2} {count:>6} {worst[0]:>9.2g} {worst[1]:>9.2g} {len(excused):>3}")
                print(table[-1], *excused, sep="\n  ", flush=True)
                if 200 * len(excused) > count + 199 or any(why is None for _, why, *_ in excused):
                    wrong.append((what, engine, kind, how, count, excused))


def read(path):
    return torch.from_numpy(np.array(Image.open(path).convert("RGB"))).permute(2, 0, 1).float() / 255


def views_of_one_storage(state):
    """Every tensor a part of one, in reverse order."""
    whole, places, at = torch.empty(sum(v.numel() for v in state.values())), {}, 0
    for name, value in reversed(state.items()):
        places[name] = whole[at:at + value.numel()].view(value.shape)
        places[name].copy_(value)
        at += value.numel()
    return {name: places[name] for name in state}


def check_forms(preset, model, classes, paths, folder, *sides):
    """Each form in which people save a state dict, and the way back."""
    state, names = model.state_dict(), ",".join(f"c{i}" for i in range(classes))
    file = os.path.join(folder, f"{preset}.pth")
    foreign = ["--model", file, "--preset", preset, "--classes", names, *sides]
    torch.save(state, file)
    compare(f"{preset}, a state dict", model, paths, file, preset, names.split(","))
    converted, back = os.path.join(folder, "ours.safetensors"), os.path.join(folder, "back.pth")
    programs("convert", *foreign, "--out", converted)
    first = open(converted, "rb").read()
    for form, value in (("channels_last", {k: v.contiguous(memory_format=torch.channels_last) if v.ndim == 4 else v for k, v in state.items()}),
                        ("a checkpoint", {"epoch": 3, "args": argparse.Namespace(lr=0.1), "model": state}),
                        ("of DataParallel", {"module." + k: v for k, v in state.items()}),
                        ("parameters", {k: torch.nn.Parameter(v) for k, v in state.items()}),
                        ("double", {k: v.double() for k, v in state.items()}),
                        ("views of one storage", views_of_one_storage(state)),
                        ("no checksums", state)):
        torch.serialization.set_crc32_options(form != "no checksums")
        torch.save(value, file)
        torch.serialization.set_crc32_options(True)
        programs("convert", *foreign, "--out", converted)
        assert open(converted, "rb").read() == first, (preset, form)
        print(f"{preset}, {form}: the same bytes")
    programs("convert", "--model", converted, "--out", back)
    for weights_only in (True, False):
        model.load_state_dict(torch.load(back, weights_only=weights_only), strict=True)
    assert all(torch.equal(v, state[k]) for k, v in torch.load(back, weights_only=True, mmap=True).items())
    programs("convert", "--model", back, "--out", converted)
    assert open(converted, "rb").read() == first
    print(f"{preset}, load_state_dict(strict=True): every value comes back")


def check_caffe(model, paths, folder):
    """The same network in Caffe's names and units: BGR less a mean, bbox_pred in deltas of pixels; in files of both versions."""
    model.transform.image_mean, model.transform.image_std = [122.7717 / 255, 115.9465 / 255, 102.9801 / 255], [1 / 255] * 3
    state = {k: v.numpy() for k, v in model.state_dict().items()}
    layers, position = [], 0
    add = lambda *told: layers.append(told)
    for stage, count in enumerate((2, 2, 3, 3, 3), 1):
        for i in range(1, count + 1):
            weight = state[f"backbone.{position}.weight"]
            add(f"conv{stage}_{i}", "Convolution", weight[:, ::-1] if position == 0 else weight, state[f"backbone.{position}.bias"])
            position += 2
        position += 1
    units = np.tile(np.float32([10, 10, 5, 5]), 21)
    for name, ours, kind in (("rpn_conv/3x3", "rpn.head.conv.0.0", "Convolution"), ("rpn_cls_score", "rpn.head.cls_logits", "Convolution"),
                             ("rpn_bbox_pred", "rpn.head.bbox_pred", "Convolution"), ("fc6", "roi_heads.box_head.fc6", "InnerProduct"),
                             ("fc7", "roi_heads.box_head.fc7", "InnerProduct"), ("cls_score", "roi_heads.box_predictor.cls_score", "InnerProduct"),
                             ("bbox_pred", "roi_heads.box_predictor.bbox_pred", "InnerProduct")):
        weight, bias = state[ours + ".weight"], state[ours + ".bias"]
        add(name, kind, *((weight / units[:, None], bias / units) if name == "bbox_pred" else (weight, bias)))
    file = os.path.join(folder, "vgg16.caffemodel")
    old_kinds = {"Convolution": 4, "InnerProduct": 14}
    for form, written in (("layer", lambda name, kind, *values: layer(name, kind, *map(blob, values))),
                          ("layers, V1", lambda name, kind, *values: old_layer(name, old_kinds[kind], *map(old_blob, values)))):
        with open(file, "wb") as out:
            out.write(net(*(written(*told) for told in layers)))
        compare(f"a .caffemodel ({form}) in vgg16_tv", model, (paths[0][:1], []), file, "vgg16_tv")


def liven_pyramid(model, picture):
    """Statistics of batch normalisation that are some, and predictors that spread scores and boxes on this picture."""
    parameters = dict(model.named_parameters())
    with torch.no_grad():
        for name, module in model.named_modules():
            if hasattr(module, "running_var"):
                for what in (module.running_var, module.weight):
                    what.uniform_(0.8, 1.2)
                for what in (module.running_mean, module.bias):
                    what.normal_(0, 0.05)
        for name, value in parameters.items():
            if name.endswith("bn3.weight"):
                value.mul_(0.3)
        for name, value in model.named_buffers():
            if name.endswith("bn3.weight"):
                value.mul_(0.3)
        batch, _ = model.transform([picture])
        maps = model.backbone(batch.tensors)
        if torch.is_tensor(maps):
            maps = {"0": maps}
        hidden = torch.cat([model.rpn.head.conv(m).flatten(2) for m in maps.values()], 2)
        size = float(hidden.norm() / hidden[0, 0].numel() ** 0.5)
        parameters["rpn.head.cls_logits.weight"].normal_(0, 2 / size)
        parameters["rpn.head.bbox_pred.weight"].normal_(0, 0.2 / size)
        regions = model.rpn(batch, maps)[0]
        rows = model.roi_heads.box_head(model.roi_heads.box_roi_pool(maps, regions, batch.image_sizes))
        size = float(rows.norm() / len(rows) ** 0.5)
        parameters["roi_heads.box_predictor.cls_score.weight"].normal_(0, 3 / size)
        parameters["roi_heads.box_predictor.bbox_pred.weight"].normal_(0, 0.5 / size)
    return model


def check_pyramid(name, paths, folder):
    detection = torchvision.models.detection
    build = {"resnet50_fpn": detection.fasterrcnn_resnet50_fpn, "resnet50_fpn_v2": detection.fasterrcnn_resnet50_fpn_v2}[name]
    model = liven_pyramid(build(weights=None, weights_backbone=None, num_classes=21).eval(), read(paths[0][0]))
    preset = "fasterrcnn_" + name
    entries = len(model.state_dict())
    assert entries == (348 if name == "resnet50_fpn" else 404), entries
    file = os.path.join(folder, preset + ".pth")
    torch.save(model.state_dict(), file)
    compare(f"{preset}, {entries} entries", model, paths, file, preset)
    converted, back = os.path.join(folder, "ours.safetensors"), os.path.join(folder, "back.pth")
    programs("convert", "--model", file, "--preset", preset, "--out", converted)
    first = open(converted, "rb").read()
    programs("convert", "--model", converted, "--out", back)
    state = torch.load(back, weights_only=True)
    model.load_state_dict(state, strict=True)
    torch.save({("module." + k): v.contiguous(memory_format=torch.channels_last) if v.ndim == 4 else v for k, v in model.state_dict().items()}, file)
    programs("convert", "--model", file, "--preset", preset, "--out", converted)
    assert open(converted, "rb").read() == first
    print(f"{preset}: every value comes back")
    if name == "resnet50_fpn":  # the names before torchvision 0.13, as the published file has them, without num_batches_tracked
        old = {k.replace(".conv.0.0.", ".conv.") if "rpn" in k else k[:-len("0.weight")] + "weight" if "_blocks" in k and k.endswith("0.weight")
               else k[:-len("0.bias")] + "bias" if "_blocks" in k else k: v for k, v in state.items()}
        assert len(old) == 295 and "backbone.fpn.inner_blocks.0.weight" in old, len(old)
        torch.save(old, file)
        programs("convert", "--model", file, "--preset", preset, "--out", converted)
        assert open(converted, "rb").read() == first
        for module in model.modules():
            if hasattr(module, "running_var"):
                module.eps = 0.0
        os.rename(file, published := os.path.join(folder, "fasterrcnn_resnet50_fpn_coco-258fb6c6.pth"))
        compare(f"{preset}, published name: epsilon 0", model, (paths[0][:1], []), published, preset)


class Stage4(torch.nn.Module):
    def __init__(self, layer4):
        super().__init__()
        self.layer4 = layer4

    def forward(self, x):
        return self.layer4(x).mean((2, 3))


def check_c4(paths, folder):
    """ResNet-50 to its third stage; the fourth is the head's. The backbone's ImageNet weights alone begin a training."""
    resnet = torchvision.models.resnet50(weights=None, norm_layer=torchvision.ops.misc.FrozenBatchNorm2d)
    parts = ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3")
    body = torch.nn.Sequential(collections.OrderedDict((part, getattr(resnet, part)) for part in parts))
    body.out_channels = 1024
    detection = torchvision.models.detection
    model = detection.FasterRCNN(
        body, rpn_anchor_generator=detection.rpn.AnchorGenerator(((32, 64, 128, 256, 512),), ((0.5, 1.0, 2.0),)),
        box_roi_pool=torchvision.ops.MultiScaleRoIAlign(["0"], 14, 2), box_head=Stage4(resnet.layer4),
        box_predictor=detection.faster_rcnn.FastRCNNPredictor(2048, 21), rpn_pre_nms_top_n_test=6000, rpn_post_nms_top_n_test=1000)
    liven_pyramid(model.eval(), read(paths[0][0]))
    file = os.path.join(folder, "resnet50_c4.pth")
    torch.save(model.state_dict(), file)
    compare("resnet50_c4", model, (paths[0][:2], []), file, "resnet50_c4")


build = os.path.abspath(sys.argv[1])
subprocess.run(["cmake", "--build", build, "--target", "test_parity_foreign"], check=True)
torch.manual_seed(0)
torch.set_num_threads(2)
wanted = sys.argv[2:] or ["small", "vgg16_tv", "resnet50_fpn", "resnet50_fpn_v2", "resnet50_c4"]
with tempfile.TemporaryDirectory() as folder:
    paths = pictures(folder)
    if "small" in wanted:
        small = torchvision_detector.build(5, 300)
        small_step.liven(small, small.transform([read(paths[0][0])])[0])
        check_forms("small", small.eval(), 5, paths, folder)
    for name in ("resnet50_fpn", "resnet50_fpn_v2"):
        if name in wanted:
            check_pyramid(name, paths, folder)
    if "resnet50_c4" in wanted:
        check_c4(paths, folder)
    if "vgg16_tv" in wanted:
        vgg = torch_vgg16.build()
        with torch.no_grad():
            torch_vgg16.liven(vgg, read(paths[0][0]))
        file = os.path.join(folder, "vgg16_tv.pth")
        torch.save(vgg.eval().state_dict(), file)
        compare("vgg16_tv, a state dict of 20 classes", vgg, paths, file, "vgg16_tv")
        os.remove(file)
        check_caffe(vgg, paths, folder)
print("what                                         engine    files how  images boxes   corners    scores excused", *table, sep="\n")
assert not wrong, wrong
