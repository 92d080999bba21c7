#!/usr/bin/env bash
# torchvision's MultiScaleRoIAlign guesses the scales of its maps from the
# first image that it sees, and keeps them for all later images. After a long,
# thin first image they are twice what they should be, and every later image
# is pooled at twice its coordinates.
#
# Versions: torch 2.15.0, torchvision 0.29.2.
#
# Observed: maps of strides 4, 8, 16 and 32 whose values are x, images padded
# to multiples of 32, a box whose middle lies at x = 300.
#   image                               scales                        mean
#   800 x 1088                          0.25 0.125 0.0625 0.03125     300
#   35 x 1333                           0.5 0.25 0.125 0.0625         600
#   800 x 1088, after that one          0.5 0.25 0.125 0.0625         600
# The scale is the power of two nearest to the map's height over the image's,
# before padding: 16 / 35 is nearer to 1/2 than to 1/4. It is computed once.
#
# One would have guessed: the strides of the backbone, or a scale of each
# batch; in no case that one image changes the boxes of the next ones.
#
# Why it matters: a picture of a cable, a seam or a text line (1,500 x 40
# pixels, which the usual resizing makes 1333 x 35) gets features from the
# wrong places. As the first one of a process it spoils all that follow, and
# the same file then gives other boxes than in a process of its own. Who
# compares another implementation with torchvision must not begin with one.
#
# Needs: python3 with venv (3.11 here), 2 GB of disk for the packages.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"

python3 -m venv venv
# Without their dependencies: of CUDA only what importing torch opens.
venv/bin/pip install -q --no-compile --disable-pip-version-check --no-deps \
  torch==2.15.0 torchvision==0.29.2 nvidia-cufile nvidia-cusparselt-cu13==0.8.1 nvidia-nvshmem-cu13==3.7.2 nvidia-nccl-cu13==2.30.7
venv/bin/pip install -q --no-compile --disable-pip-version-check numpy==2.4.6 pillow typing_extensions sympy networkx jinja2 fsspec filelock 'setuptools>=77'
cat > scales.py <<'PY'
from collections import OrderedDict

import torch
import torchvision
from torchvision.ops import MultiScaleRoIAlign

print("torch", torch.__version__.split("+")[0], "torchvision", torchvision.__version__.split("+")[0])
strides = (4, 8, 16, 32)


def maps_of(height, width):
    """Of an image that is padded to a multiple of 32: a map of each stride, whose value is its own x."""
    h, w = -(-height // 32) * 32, -(-width // 32) * 32
    return OrderedDict((str(i), torch.arange(w // s, dtype=torch.float32).expand(1, 1, h // s, w // s) * s) for i, s in enumerate(strides))


def pooled(pooler, height, width, box):
    x = pooler(maps_of(height, width), [torch.tensor([box])], [(height, width)]).mean().item()
    return pooler.scales, x


usual = (800, 1088, [200.0, 200.0, 400.0, 400.0])  # the middle lies at x = 300
fresh = MultiScaleRoIAlign(["0", "1", "2", "3"], 7, 2)
alone = pooled(fresh, *usual)
print("a usual image alone", *alone)
used = MultiScaleRoIAlign(["0", "1", "2", "3"], 7, 2)
thin = pooled(used, 35, 1333, [200.0, 0.0, 400.0, 30.0])
print("a thin image first", *thin)
after = pooled(used, *usual)
print("the usual image after it", *after)
right, doubled = [1 / s for s in strides], [2 / s for s in strides]
good = alone == (right, 300.0) and thin[0] == doubled and after == (doubled, 600.0)
raise SystemExit(0 if good else 1)
PY
nccl=$(dirname "$(find venv/lib -name libnccl.so.2 -print -quit)")
LD_LIBRARY_PATH="$nccl" venv/bin/python scales.py
echo "as described"
