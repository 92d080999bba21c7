#!/usr/bin/env bash
# torchvision's MultiScaleRoIAlign gives a box that is reversed on one axis no
# level: its features are zeros, and nothing is said. On one map the same box
# is pooled like others.
#
# Versions: torch 2.15.0, torchvision 0.29.2.
#
# Observed: maps of strides 4 to 32 that hold 1, 2, 3 and 4 everywhere.
#   box                      level                  features, four maps / one
#   (0, 0, 224, 224)         2                      3 / 1
#   (10, 10, 200, 5)         9223372036854775806    0 / 1
#   (200, 200, 10, 10)       1                      2 / 1
#   (0, 0, 0, 0)             0                      1 / 1
# The level is floor(4 + log2(sqrt(area) / 224)). A negative area gives NaN,
# which as a 64-bit integer is the least one, and less the lowest level it
# wraps round to a very large one. No map has that number, so the row stays as
# it was made: zero. With both axes reversed the area is positive again.
#
# One would have guessed: either an error, or what roi_align itself does with
# such a box, which takes sides of less than one cell for one.
#
# Why it matters: regions from outside (a file of proposals with swapped
# corners) are classified from nothing on detectors with a feature pyramid, and
# look merely unlikely. Another implementation has to follow it to give the
# same scores.
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
cat > levels.py <<'PY'
from collections import OrderedDict

import torch
import torchvision
from torchvision.ops import MultiScaleRoIAlign, poolers

print("torch", torch.__version__.split("+")[0], "torchvision", torchvision.__version__.split("+")[0])
maps = OrderedDict((str(i), torch.full((1, 2, 64 >> i, 64 >> i), float(i + 1))) for i in range(4))
boxes = torch.tensor([[0.0, 0, 224, 224], [10, 10, 200, 5], [200, 200, 10, 10], [0, 0, 0, 0]])
levels = poolers.LevelMapper(2, 5)([boxes]).tolist()
four = MultiScaleRoIAlign(["0", "1", "2", "3"], 7, 2)(maps, [boxes], [(256, 256)]).flatten(1).mean(1).tolist()
one = MultiScaleRoIAlign(["0"], 7, 2)(maps, [boxes], [(256, 256)]).flatten(1).mean(1).tolist()
for row in zip(boxes.tolist(), levels, four, one):
    print(*row)
wrapped = 2**63 - 2
good = levels == [2, wrapped, 1, 0] and [round(v, 3) for v in four] == [3, 0, 2, 1] and [round(v, 3) for v in one] == [1, 1, 1, 1]
raise SystemExit(0 if good else 1)
PY
nccl=$(dirname "$(find venv/lib -name libnccl.so.2 -print -quit)")
LD_LIBRARY_PATH="$nccl" venv/bin/python levels.py
echo "as described"
