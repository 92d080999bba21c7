#!/usr/bin/env python3
"""What torch and torchvision take for the rows of a benchmark: the same shapes, under the same names with the engine `torch`.

usage: torch_ops.py RUN.json --out TORCH.json [--device cpu|cuda] [--precision f32|bf16] [--channels-last] [--filter REGEX] [--min-time S] [--threads N]

RUN.json is what frcnn_bench or frcnn_bench_cuda has written; a text file with a name on each line does as well. Rows that torch has no
function for are left out: their number is printed. With --precision bf16 the engine is `torch-bf16` (autocast, whose casts of weights are kept), with
--channels-last `torch-channels-last`, with both `torch-bf16-channels-last`.

On a GPU products are allowed in TF32 and cudnn.benchmark is on. As in our program a row runs a few times, then so many times that it lasts
--min-time, with a wait for the device behind the last. Inputs are on the device, but for `detect`, which begins with 8-bit pixels on the
host. `detect_batch`, `detect_regions` and `step` are torchvision's FasterRCNN with the numbers of vgg16_tv, behind its transform: from
normalised batches of the padded size to detections, or to updated weights with clipping and SGD. Its weights are random and lively
(torch_vgg16.py): 300 live proposals an image.
"""
import argparse
import json
import os
import re
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import torch
import torch.nn.functional as F
import torchvision

ROW = re.compile(r"^(op/[^/]+|stage/[^/]+/[^/]+|detect[a-z0-9_]*/[^/]+|step/[^/]+)/([^/]+)/([^/]+)$")
OPS = ("conv2d", "linear", "max_pool", "lrn", "add_maps", "upsample", "conv_chain", "roi_align", "roi_pool", "nms_sweep", "segmented_sort",
       "softmax", "sgd")


def numbers(text):
    return [int(n) for n in text.split("x")]


def crowded(count, height, width, crowds, generator):
    """[count, 4]: about `crowds` survive suppression."""
    corner = torch.rand(crowds, 2, generator=generator) * torch.tensor([width - 220.0, height - 220.0])
    side = 40 + 160 * torch.rand(crowds, 2, generator=generator)
    which = torch.arange(count) % crowds
    first = corner[which] + 6 * torch.rand(count, 2, generator=generator)
    return torch.cat([first, first + side[which]], 1)


class Ops:
    """For each operation a function of its shape's text that returns (forward, backward): what to call, or None."""

    def __init__(self, device, channels_last):
        self.device = device
        self.layout = torch.channels_last if channels_last else torch.contiguous_format
        self.generator = torch.Generator().manual_seed(0)

    def draw(self, *shape, learns=True):
        x = torch.randn(*shape, generator=self.generator).to(self.device)
        if x.dim() == 4:
            x = x.contiguous(memory_format=self.layout)
        return x.requires_grad_(learns)

    @staticmethod
    def passes(forward, inputs):
        """The gradient by these inputs; the graph is built once."""
        state = {}

        def backward():
            if not state:
                state["y"] = forward()
                state["dy"] = torch.randn_like(state["y"])
            return torch.autograd.grad(state["y"], inputs, state["dy"], retain_graph=True)

        return forward, backward

    def conv2d(self, text):
        found = re.fullmatch(r"([0-9x]+)-(\d+)k(\d+)s(\d+)(-scale)?(-residual)?", text)
        shape, (out, kernel, stride) = numbers(found[1]), map(int, found.group(2, 3, 4))
        x, w, b = self.draw(*shape, learns=shape[1] != 3), self.draw(out, shape[1], kernel, kernel), self.draw(out)
        pad, inputs = kernel // 2, [i for i in (x, w, b) if i.requires_grad]
        if found[5]:
            scale, residual = self.draw(1, out, 1, 1), self.draw(shape[0], out, *shape[2:])
            return self.passes(lambda: F.relu(F.conv2d(x, w, None, stride, pad) * scale + b[None, :, None, None] + residual), inputs + [scale, residual])
        if kernel == 1:  # the RPN's predictors
            return self.passes(lambda: F.conv2d(x, w, b, stride, pad), inputs)
        return self.passes(lambda: F.relu(F.conv2d(x, w, b, stride, pad)), inputs)

    def linear(self, text):
        rows, k, out = map(int, re.fullmatch(r"(\d+)x(\d+)-(\d+)", text).groups())
        x, w, b = self.draw(rows, k), self.draw(out, k), self.draw(out)
        if out < 512:  # a predictor
            return self.passes(lambda: F.linear(x, w, b), [x, w, b])
        return self.passes(lambda: F.relu(F.linear(x, w, b)), [x, w, b])

    def max_pool(self, text):
        found = re.fullmatch(r"([0-9x]+)-k(\d+)s(\d+)(-ceil)?(-argmax)?", text)
        x, (kernel, stride) = self.draw(*numbers(found[1])), map(int, found.group(2, 3))
        if found[5]:
            return self.passes(lambda: F.max_pool2d(x, kernel, stride, ceil_mode=bool(found[4]), return_indices=True)[0], [x])
        return self.passes(lambda: F.max_pool2d(x, kernel, stride, ceil_mode=bool(found[4])), [x])

    def lrn(self, text):
        found = re.fullmatch(r"([0-9x]+)-(\d+)", text)  # not within a channel
        if not found:
            return None
        x = self.draw(*numbers(found[1]))
        return self.passes(lambda: F.local_response_norm(x, int(found[2]), 1e-4, 0.75, 1.0), [x])

    def add_maps(self, text):
        a, b = self.draw(*numbers(text)), self.draw(*numbers(text))
        return self.passes(lambda: F.relu(a + b), [a, b])

    def upsample(self, text):
        found = re.fullmatch(r"([0-9x]+)-to-(\d+)x(\d+)", text)
        x, size = self.draw(*numbers(found[1])), (int(found[2]), int(found[3]))
        return self.passes(lambda: F.interpolate(x, size), [x])

    def conv_chain(self, text):
        found = re.fullmatch(r"(1x3x608x800)-(\d+)", text)
        if not found:
            return None
        layers, count = [], 0
        for layer in torchvision.models.vgg.make_layers(torchvision.models.vgg.cfgs["D"]):
            count += not isinstance(layer, torch.nn.ReLU)
            if count > int(found[2]):
                break
            layers.append(layer)
        chain = torch.nn.Sequential(*layers).to(self.device, memory_format=self.layout)
        x = self.draw(*numbers(found[1]), learns=False)

        def forward():
            with torch.inference_mode():
                return chain(x)

        return forward, None

    def regions(self, text, pool):
        found = re.fullmatch(r"([0-9x]+)-(\d+)", text)
        if not found:
            return None
        shape, each = numbers(found[1]), int(found[2])
        x = self.draw(*shape)
        boxes = [crowded(each, 16 * shape[2], 16 * shape[3], each, self.generator).to(self.device) for _ in range(shape[0])]
        return self.passes(lambda: pool(x, boxes), [x])

    def roi_align(self, text):
        return self.regions(text, lambda x, boxes: torchvision.ops.roi_align(x, boxes, 7, 1 / 16, 2))

    def roi_pool(self, text):
        return self.regions(text, lambda x, boxes: torchvision.ops.roi_pool(x, boxes, 7, 1 / 16))

    def nms_sweep(self, text):  # which sorts its boxes, too
        count, keep = map(int, text.split("-"))
        boxes = crowded(count, 600, 800, keep, self.generator).to(self.device)
        scores = torch.linspace(1, 0, count).to(self.device)
        return lambda: torchvision.ops.nms(boxes, scores, 0.7)[:keep], None

    def segmented_sort(self, text):
        found = re.fullmatch(r"(\d+)x(\d+)-(\d+)", text)
        keys = self.draw(int(found[1]), int(found[2]), learns=False)
        return lambda: keys.topk(int(found[3]), 1).indices, None

    def softmax(self, text):
        logits = self.draw(*numbers(text), learns=False)
        return lambda: logits.softmax(1), None

    def sgd(self, text):
        w = self.draw(int(text))
        w.grad = torch.ones_like(w)
        optimiser = torch.optim.SGD([w], 1e-4, 0.9, weight_decay=5e-4)

        def update():
            torch.nn.utils.clip_grad_norm_([w], 10)
            optimiser.step()

        return update, None


class Detector:
    """torchvision's FasterRCNN with vgg16_tv's numbers, behind its transform."""

    def __init__(self, device, channels_last):
        import torch_vgg16

        self.device = device
        self.layout = torch.channels_last if channels_last else torch.contiguous_format
        torch.manual_seed(0)
        self.pixels = torch_vgg16.picture((600, 800))
        self.model = torch_vgg16.build()
        with torch.no_grad():
            torch_vgg16.liven(self.model, torch.from_numpy(self.pixels).permute(2, 0, 1).float() / 255)
        self.model.to(device, memory_format=self.layout)
        self.proposals = None

    def batch(self, n):
        image = torch.from_numpy(self.pixels).permute(2, 0, 1).float().to(self.device) / 255
        images, _ = self.model.transform([image] * n)
        images.tensors = images.tensors.contiguous(memory_format=self.layout)
        return images

    def network(self, images, targets=None, given=None):
        m = self.model
        features = {"0": m.backbone(images.tensors)}
        proposals, losses = (given, {}) if given is not None else m.rpn(images, features, targets)
        self.proposals = proposals
        found, more = m.roi_heads(features, proposals, images.image_sizes, targets)
        return {**losses, **more} if targets else m.transform.postprocess(found, images.image_sizes, images.image_sizes)

    def said(self, found):
        live = [len(p) for p in self.proposals]
        if min(live) != 300 or not all(len(f["boxes"]) for f in found):
            raise RuntimeError(f"expected 300 live proposals and detections, found {live} and {[len(f['boxes']) for f in found]}")
        return {"live_rois": live[0], "detections": len(found[0]["boxes"])}

    def detect(self, shape):
        host = torch.nn.functional.interpolate(torch.from_numpy(self.pixels).permute(2, 0, 1)[None].float(), scale_factor=1.6)[0].byte()

        @torch.inference_mode()
        def run():
            return self.model.eval()([host.to(self.device).float() / 255])

        return run, {"detections": len(run()[0]["boxes"])}

    def detect_batch(self, shape, is_given=False):
        images = self.batch(numbers(shape)[0])

        @torch.inference_mode()
        def run(given=None):
            return self.network(images, given=given)

        self.model.eval()
        said = self.said(run())
        given = self.proposals
        return (lambda: run(given)) if is_given else run, said

    def detect_regions(self, shape):
        return self.detect_batch(shape, True)

    def stage(self, stage):
        self.model.eval()
        images = self.batch(1)
        with torch.inference_mode():
            self.network(images)
            features = self.model.backbone(images.tensors)
            outputs = self.model.rpn.head([features])
            proposals = self.proposals

        def propose():
            rpn = self.model.rpn
            logits, deltas = outputs
            anchors = rpn.anchor_generator(images, [features])
            counts = [o[0].numel() for o in logits]
            logits, deltas = torchvision.models.detection.rpn.concat_box_prediction_layers(list(logits), list(deltas))
            return rpn.filter_proposals(rpn.box_coder.decode(deltas, anchors).view(1, -1, 4), logits, images.image_sizes, counts)

        run = {"backbone": lambda: self.model.backbone(images.tensors), "rpn": lambda: self.model.rpn.head([features]), "proposals": propose,
               "regions": lambda: self.model.roi_heads({"0": features}, proposals, images.image_sizes)}.get(stage)
        return run and torch.inference_mode()(run), {}

    def step(self, shape):
        sides = numbers(shape)
        images = self.batch(sides[0] if len(sides) == 3 else 1)
        boxes = crowded(8, 600, 800, 8, torch.Generator().manual_seed(1)).to(self.device)
        targets = [{"boxes": boxes, "labels": torch.arange(1, 9, device=self.device)} for _ in images.image_sizes]
        self.model.train()
        learning = [q for q in self.model.parameters() if q.requires_grad]
        optimiser = torch.optim.SGD(learning, 0.0, 0.9, weight_decay=5e-4)  # rate 0: the same work, and the weights stay lively

        def run():
            loss = sum(self.network(images, targets).values())
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(learning, 10)
            optimiser.step()
            return loss

        if not torch.isfinite(run()):
            raise RuntimeError("expected finite losses, found others")
        return run, {}


def names_of(path):
    text = open(path).read()
    if not text.lstrip().startswith("{"):
        return text.split()
    return [b.get("run_name", b["name"]) for b in json.loads(text)["benchmarks"] if not b.get("error_occurred")]


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("run", metavar="RUN.json")
    p.add_argument("--out", required=True, metavar="TORCH.json")
    p.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    p.add_argument("--precision", choices=("f32", "bf16"), default="f32")
    p.add_argument("--channels-last", action="store_true")
    p.add_argument("--filter", default="", help="names that contain this regular expression")
    p.add_argument("--min-time", type=float, default=0.2, help="seconds that a row lasts at least")
    p.add_argument("--threads", type=int, default=2)
    options = p.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        sys.exit("--device cuda: expected a CUDA device, found none")
    torch.set_num_threads(options.threads)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = torch.backends.cudnn.benchmark = True
    wait = torch.cuda.synchronize if options.device == "cuda" else lambda: None
    engine = "torch" + ("-bf16" if options.precision == "bf16" else "") + ("-channels-last" if options.channels_last else "")

    context = {"torch": torch.__version__, "torchvision": torchvision.__version__, "threads": str(options.threads), "tf32": "allowed"}
    if options.device == "cuda":
        context["device"] = torch.cuda.get_device_name()

    ops, detectors = Ops(options.device, options.channels_last), []

    def prepared(kind, shape):
        """What to call, or None, and what to say of it."""
        if kind[0] == "op":
            op = re.sub("_(forward|backward)$", "", kind[1])
            made = getattr(ops, op)(shape) if op in OPS else None
            return made and made[kind[1].endswith("_backward")], {}
        if kind[-1] != "vgg16_tv" or kind[0] not in ("stage", "detect", "detect_batch", "detect_regions", "step"):
            return None, {}
        if not detectors:
            detectors.append(Detector(options.device, options.channels_last))
        return getattr(detectors[0], kind[0])(kind[1] if kind[0] == "stage" else shape)

    def timed(work):
        """How often it ran, and microseconds of a run."""

        def run(times):
            with torch.autocast(options.device, torch.bfloat16, enabled=options.precision == "bf16"):
                for _ in range(times):
                    work()
            wait()

        def seconds(times):
            start = time.perf_counter()
            run(times)
            return time.perf_counter() - start

        run(3)  # cudnn.benchmark chooses in the first
        count = max(1, int(options.min_time / max(seconds(1), 1e-7)))
        return count, 1e6 * seconds(count) / count

    rows, left, done = [], 0, set()
    for name in names_of(options.run):
        found = ROW.match(name)
        if not found or not re.search(options.filter, name) or (key := (found[1], found[3])) in done:
            continue
        done.add(key)
        full = f"{found[1]}/{engine}/{found[3]}"
        row = {"name": full, "run_name": full, "run_type": "iteration"}
        try:
            work, said = prepared(found[1].split("/"), found[3])
            if not work:
                left += 1
                continue
            count, us = timed(work)
            row.update(iterations=count, real_time=us, cpu_time=us, time_unit="us", **said)
            print(f"{full}  {us:.1f} us", flush=True)
        except RuntimeError as e:  # of a row, its memory among others
            row.update(error_occurred=True, error_message=str(e))
            print(f"{full}  failed: {e}", flush=True)
        rows.append(row)
        with open(options.out, "w") as f:  # whole whenever this is ended
            json.dump({"context": context, "benchmarks": rows}, f, indent=1)
    print(f"{len(rows)} rows, {left} that torch has no function for")


if __name__ == "__main__":
    main()
