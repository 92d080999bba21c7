#!/usr/bin/env python3
"""Golden numbers from the public py-faster-rcnn itself: writes py_faster_rcnn.safetensors beside itself.

usage: py_faster_rcnn.py CLONE [OUT]      CLONE: a clone of github.com/rbgirshick/py-faster-rcnn at 781a917

Its Python layers are run as they are: converted from Python 2 by lib2to3 (Python up to 3.12 has it), with stand-ins for what they import:
caffe.Layer, easydict, yaml, the compiled bbox_overlaps (stated below) and its own py_cpu_nms in place of the compiled one. Needs NumPy and
OpenCV, whose resize it calls. Nobody is left out by sampling, so that no random number takes part: the batches are as large as there are
candidates.

Conventions of the file: theirs. Boxes are x1, y1, x2, y2 with inclusive corners (half-open: x2 + 1, y2 + 1), blobs [1, C, H, W].
One scene: an image of 240 x 160, shorter side 300: 450 x 300, scale 1.875, a map of 29 x 19 cells.
"""
import ast
import os
import sys
import types

import cv2
import numpy as np
from lib2to3 import refactor

from fixture import Fixture

clone = sys.argv[1]
out = sys.argv[2] if len(sys.argv) > 2 else os.path.join(os.path.dirname(os.path.abspath(__file__)), "py_faster_rcnn.safetensors")
rng = np.random.RandomState(3)
np.float, np.int = float, int  # names that NumPy had


def stand_in(name, **members):
    module = types.ModuleType(name)
    module.__dict__.update(members)
    sys.modules[name] = module
    parent, _, child = name.rpartition(".")
    if parent:
        setattr(sys.modules[parent], child, module)
    return module


python3 = refactor.RefactoringTool(["lib2to3.fixes.fix_" + f for f in ("print", "xrange", "dict")])


def theirs(name, path, *changes):
    """The module `name` from lib/path."""
    with open(os.path.join(clone, "lib", path)) as f:
        text = f.read()
    for old, new in changes:
        assert old in text, (path, old)
        text = text.replace(old, new)
    module = stand_in(name, __file__=os.path.join(clone, "lib", path))
    exec(compile(str(python3.refactor_string(text + "\n", path)), path, "exec"), module.__dict__)
    return module


class Settings(dict):
    __getattr__, __setattr__ = dict.__getitem__, dict.__setitem__


class Layer:
    pass


class Blob:
    def __init__(self, data=None):
        self.data = data

    def reshape(self, *shape):
        self.data = np.zeros(shape, dtype=np.float32)


def bbox_overlaps(boxes, query):
    """What utils/bbox.pyx computes, in the order of its operations."""
    overlaps = np.zeros((len(boxes), len(query)))
    for k, q in enumerate(query):
        area = (q[2] - q[0] + 1) * (q[3] - q[1] + 1)
        w = np.minimum(boxes[:, 2], q[2]) - np.maximum(boxes[:, 0], q[0]) + 1
        h = np.minimum(boxes[:, 3], q[3]) - np.maximum(boxes[:, 1], q[1]) + 1
        meet = (w > 0) & (h > 0)
        union = (boxes[:, 2] - boxes[:, 0] + 1) * (boxes[:, 3] - boxes[:, 1] + 1) + area - w * h
        overlaps[meet, k] = (w * h)[meet] / union[meet]
    return overlaps


stand_in("caffe", Layer=Layer)
stand_in("easydict", EasyDict=Settings)
stand_in("yaml", load=lambda text: ast.literal_eval("{" + text + "}"))
stand_in("cPickle")
for package in ("fast_rcnn", "utils", "nms", "rpn", "roi_data_layer"):
    stand_in(package)
stand_in("utils.cython_bbox", bbox_overlaps=bbox_overlaps)
stand_in("utils.timer", Timer=None)
cfg = theirs("fast_rcnn.config", "fast_rcnn/config.py").cfg
theirs("fast_rcnn.bbox_transform", "fast_rcnn/bbox_transform.py")
suppress = theirs("nms.py_cpu_nms", "nms/py_cpu_nms.py").py_cpu_nms
stand_in("fast_rcnn.nms_wrapper", nms=lambda dets, threshold, force_cpu=False: suppress(dets, threshold))
theirs("generate_anchors", "rpn/generate_anchors.py")
anchor_target = theirs("rpn.anchor_target_layer", "rpn/anchor_target_layer.py")
proposal = theirs("rpn.proposal_layer", "rpn/proposal_layer.py")
proposal_target = theirs("rpn.proposal_target_layer", "rpn/proposal_target_layer.py",
                         ("cfg.TRAIN.BATCH_SIZE / num_images", "cfg.TRAIN.BATCH_SIZE // num_images"),  # Python 2 divides whole numbers so
                         ("cls = clss[ind]", "cls = int(clss[ind])"))  # NumPy of that time took a float for an index
blob = theirs("utils.blob", "utils/blob.py")
testing = theirs("fast_rcnn.test", "fast_rcnn/test.py")
roidb = theirs("roi_data_layer.roidb", "roi_data_layer/roidb.py")
cfg.TRAIN.HAS_RPN = cfg.TEST.HAS_RPN = True  # experiments/cfgs/faster_rcnn_end2end.yml
cfg.TRAIN.IMS_PER_BATCH, cfg.TRAIN.BG_THRESH_LO = 1, 0.0
cfg.TRAIN.BBOX_NORMALIZE_TARGETS_PRECOMPUTED = True
cfg.TRAIN.RPN_BATCHSIZE = cfg.TRAIN.BATCH_SIZE = 1 << 20
cfg.TRAIN.FG_FRACTION = 0.5
cfg.TEST.SCALES, cfg.TEST.MAX_SIZE = (300,), 500

fx = Fixture(made_by="tests/golden/py_faster_rcnn.py", py_faster_rcnn="781a917", numpy=np.__version__, opencv=cv2.__version__)


def run(layer, param, bottom, tops, phase="TEST"):
    layer.param_str_, layer.phase = param, phase
    bottom, top = [Blob(b) for b in bottom], [Blob() for _ in range(tops)]
    layer.setup(bottom, top)
    layer.forward(bottom, top)
    return [t.data for t in top]


# ---- the image --------------------------------------------------------------------------------------------------------------------

image = cv2.resize(rng.randint(0, 256, (10, 15, 3)).astype(np.uint8), (240, 160), interpolation=cv2.INTER_CUBIC)  # BGR
image = np.clip(image.astype(int) + rng.randint(-9, 10, image.shape), 0, 255).astype(np.uint8)
for name, size in (("whole", (160, 240)), ("odd", (67, 101))):  # 67 x 101: 300 x 452.24
    pixels = image[: size[0], : size[1]]
    resized, scale = blob.prep_im_for_blob(pixels.copy(), cfg.PIXEL_MEANS, 300, 500)
    fx.put(f"resize.{name}.x", pixels)
    fx.put(f"resize.{name}.scale", np.array([scale]))
    fx.put(f"resize.{name}.size", np.array(resized.shape[:2]))
    fx.put(f"resize.{name}.y", resized[::37, ::41])
fx.say("resize", """prep_im_for_blob: x [h, w, BGR] bytes; y: every 37th row and 41st column of the resized image less its means [h', w', BGR]""")

info = np.array([[300, 450, 1.875]], dtype=np.float32)
h, w, a = 19, 29, 9
truth = np.array([[30.5, 40.25, 180.75, 200.5, 1], [200, 20, 330, 290, 2], [300.25, 100, 440, 230, 3], [8, 150, 20, 162, 1]],
                 dtype=np.float32)
fx.put("scene.truth", truth)

# ---- anchors and their targets ------------------------------------------------------------------------------------------------------

labels, targets, inside, outside = run(anchor_target.AnchorTargetLayer(), "'feat_stride': 16",
                                       [np.zeros((1, a, h, w)), truth, info, None], 4)
fx.put("anchor.label", labels.reshape(a, h, w).transpose(1, 2, 0).astype(np.int32).ravel())
rows = targets.reshape(a, 4, h, w).transpose(2, 3, 0, 1).reshape(-1, 4)
positive = fx.tensors["anchor.label"] == 1
fx.put("anchor.target", rows[positive])
fx.put("anchor.outside", np.array([outside.max()]))
fx.say("anchor", """AnchorTargetLayer with everybody drawn: label [H*W*A] in the order of cells, anchors innermost; target [positives, 4];
outside: the weight of one anchor in the loss""")

# ---- proposals ----------------------------------------------------------------------------------------------------------------------

z = np.linspace(-4, 4, h * w * a, dtype=np.float32)
rng.shuffle(z)
z = z.reshape(h, w, a).transpose(2, 0, 1)  # logit of object less logit of background: no two are equal
background = rng.randn(a, h, w).astype(np.float32)
scores = np.concatenate([1 / (1 + np.exp(z.astype(np.float64))), 1 / (1 + np.exp(-z.astype(np.float64)))])[None].astype(np.float32)
deltas = (rng.randn(1, a, 4, h, w) * np.array([0.15, 0.15, 0.4, 0.4])[None, None, :, None, None]).astype(np.float32).reshape(1, 4 * a, h, w)
fx.put("proposal.z", z)
fx.put("proposal.deltas", deltas)
for phase, before, after in (("TRAIN", 3000, 400), ("TEST", 1500, 200)):
    cfg[phase].RPN_PRE_NMS_TOP_N, cfg[phase].RPN_POST_NMS_TOP_N = before, after
    rois, = run(proposal.ProposalLayer(), "'feat_stride': 16", [scores, deltas, info], 1, phase)
    fx.put(f"proposal.{phase.lower()}", rois[:, 1:])
fx.say("proposal", """ProposalLayer: z [A, H, W] is the foreground logit less the background one; 3,000 before and 400 after suppression in
training, 1,500 and 200 in testing""")

# ---- what the head learns -------------------------------------------------------------------------------------------------------------

candidates, = run(proposal.ProposalLayer(), "'feat_stride': 16", [scores, deltas, info], 1, "TRAIN")
near = np.repeat(truth[:, :4], 12, 0) + rng.uniform(-12, 12, (48, 4))
near[:, 2:] = np.maximum(near[:, 2:], near[:, :2] + 4)
candidates = np.concatenate([candidates[:100], np.pad(near, ((0, 0), (1, 0)))]).astype(np.float32)
proposal_target.npr = types.SimpleNamespace(choice=lambda among, size, replace: among[: int(size)])
rois, labels, targets, inside, outside = run(proposal_target.ProposalTargetLayer(), "'num_classes': 4", [candidates, truth], 5)
fx.put("roi.candidates", candidates[:, 1:])
fx.put("roi.rois", rois[:, 1:])
fx.put("roi.label", labels.astype(np.int32).ravel())
own = [targets[i, 4 * int(c): 4 * int(c) + 4] for i, c in enumerate(labels.ravel())]
fx.put("roi.target", np.array([t * (c > 0) for t, c in zip(own, labels.ravel())]))
fx.say("roi", """ProposalTargetLayer with everybody drawn: foreground first, then background, each in the order of candidates and then
truth boxes; target: of the own class, less mean 0 over deviations .1 .1 .2 .2""")

# ---- detections -----------------------------------------------------------------------------------------------------------------------

regions, = run(proposal.ProposalLayer(), "'feat_stride': 16", [scores, deltas, info], 1, "TEST")
logits = (rng.randn(len(regions), 4) * 2).astype(np.float32)
raw = (rng.randn(len(regions), 16) * np.tile([0.1, 0.1, 0.2, 0.2], 4)).astype(np.float32)
probability = np.exp(logits.astype(np.float64) - logits.max(1, keepdims=True))
probability = (probability / probability.sum(1, keepdims=True)).astype(np.float32)


class Net:
    blobs = {"data": Blob(), "im_info": Blob(), "rois": Blob(regions)}

    def forward(self, **given):
        assert np.allclose(given["im_info"], info), given["im_info"]
        return {"cls_prob": probability, "bbox_pred": raw}


scores_of, boxes_of = testing.im_detect(Net(), image)
found = []
for c in range(1, 4):  # as test_net does it
    best = np.where(scores_of[:, c] > 0.05)[0]
    dets = np.hstack([boxes_of[best, 4 * c: 4 * c + 4], scores_of[best, c][:, None]]).astype(np.float32)
    found += [(c, *d) for d in dets[suppress(dets, cfg.TEST.NMS)]]
least = np.sort([f[5] for f in found])[-60]  # max_per_image: 60 instead of 100
found = np.array(sorted((f for f in found if f[5] >= least), key=lambda f: -f[5]))
assert len(found) == 60
fx.put("detect.rois", regions[:, 1:])
fx.put("detect.logits", logits)
fx.put("detect.deltas", raw)
fx.put("detect.label", found[:, 0].astype(np.int32))
fx.put("detect.boxes", found[:, 1:5])
fx.put("detect.scores", found[:, 5])
fx.say("detect", """im_detect and test_net: rois in the resized image, deltas as a saved model has them (raw); the 60 best boxes, in pixels of
the image of 240 x 160""")

# ---- empirical target statistics ------------------------------------------------------------------------------------------------------

cfg.TRAIN.BBOX_NORMALIZE_TARGETS_PRECOMPUTED = False
cfg.TRAIN.FG_THRESH = 0.5
images = []
for i in range(3):
    own = np.concatenate([rng.randint(0, 60, (4, 2)), rng.randint(70, 130, (4, 2))], 1)
    kinds = np.array([1, 2, 3, 1])
    around = np.repeat(own, 10, 0) + rng.randint(-9, 10, (40, 4))
    images.append((own, kinds, np.clip(around, 0, 139)))
fx.put("statistics.truth", np.array([i[0] for i in images]))
fx.put("statistics.label", images[0][1])
fx.put("statistics.regions", np.array([i[2] for i in images]))


def mirrored(boxes):
    return np.stack([140 - boxes[:, 2] - 1, boxes[:, 1], 140 - boxes[:, 0] - 1, boxes[:, 3]], 1)


entries = []
for turn in (lambda b: b, mirrored):
    for own, kinds, around in images:
        boxes = np.concatenate([turn(own), turn(around)])
        overlaps = bbox_overlaps(boxes.astype(float), turn(own).astype(float))
        of_class = np.zeros((len(boxes), 4))
        for g, c in enumerate(kinds):
            of_class[:, c] = np.maximum(of_class[:, c], overlaps[:, g])
        entries.append({"boxes": boxes, "gt_overlaps": of_class, "max_overlaps": of_class.max(1), "max_classes": of_class.argmax(1)})
means, deviations = roidb.add_bbox_regression_targets(entries)
fx.put("statistics.mean", means)
fx.put("statistics.deviation", deviations)
fx.say("statistics", """add_bbox_regression_targets over three images of 140 x 140, each with four truth boxes of the classes in label and
forty regions, and over their mirror images: raw means and deviations [4(K+1)]""")

print(out, fx.save(out), "bytes")
