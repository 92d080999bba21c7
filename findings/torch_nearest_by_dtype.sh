#!/usr/bin/env bash
# torch's nearest-neighbour interpolation reads other cells in double than in
# float: the ratio of sizes is rounded to the type of the values.
#
# Versions: torch 2.15.0.
#
# Observed: a column of 45 cells enlarged to 129, each cell its own number.
# In float the outputs 43 and 86 are the cells 14 and 29, in double 15 and 30;
# the other 127 are equal. Of sizes 2 to 200 enlarged to up to three times as
# many, 156 pairs in 10,000 differ in some cell. Doubling never does.
#
# One would have guessed: which cell is copied depends on sizes alone. A copy
# has no rounding.
#
# Why it matters: a feature pyramid enlarges a map to the extents of the next,
# which for odd sizes is no doubling. A network compared in double, to be free
# of rounding, with its float self differs by whole cells.
#
# Needs: python3 with venv (3.11 here), 2 GB of disk for the packages.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"

python3 -m venv venv
# Without its dependencies: of CUDA only what importing torch opens.
venv/bin/pip install -q --no-compile --disable-pip-version-check --no-deps \
  torch==2.15.0 nvidia-cufile nvidia-cusparselt-cu13==0.8.1 nvidia-nvshmem-cu13==3.7.2 nvidia-nccl-cu13==2.30.7
venv/bin/pip install -q --no-compile --disable-pip-version-check numpy==2.4.6 typing_extensions sympy networkx jinja2 fsspec filelock 'setuptools>=77'
cat > nearest.py <<'PY'
import torch

print("torch", torch.__version__.split("+")[0])


def sources(cells, out, dtype):
    x = torch.arange(cells, dtype=dtype).reshape(1, 1, cells, 1)
    return torch.nn.functional.interpolate(x, size=(out, 1), mode="nearest").flatten().long()


double, single = sources(45, 129, torch.float64), sources(45, 129, torch.float32)
differ = (double != single).nonzero().flatten().tolist()
print("45 to 129: outputs", differ, "double", double[differ].tolist(), "float", single[differ].tolist())
pairs = [(n, m) for n in range(2, 201) for m in range(n, 3 * n + 1)]
unequal = sum(not torch.equal(sources(n, m, torch.float64), sources(n, m, torch.float32)) for n, m in pairs)
doubled = sum(not torch.equal(sources(n, 2 * n, torch.float64), sources(n, 2 * n, torch.float32)) for n in range(2, 201))
print(f"{unequal} of {len(pairs)} pairs of sizes differ, {10000 * unequal / len(pairs):.0f} in 10,000; {doubled} doublings")
good = differ == [43, 86] and double[differ].tolist() == [15, 30] and single[differ].tolist() == [14, 29] and unequal > 0 and doubled == 0
raise SystemExit(0 if good else 1)
PY
nccl=$(dirname "$(find venv/lib -name libnccl.so.2 -print -quit)")
LD_LIBRARY_PATH="$nccl" venv/bin/python nearest.py
echo "as described"
