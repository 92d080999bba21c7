#!/usr/bin/env bash
# Two boxes whose IoU is exactly the threshold of non-maximum suppression:
# torchvision's nms removes the lower one at some thresholds, and ONNX
# Runtime's NonMaxSuppression, to which that nms is exported, at none.
#
# Versions: torch 2.15.0, torchvision 0.29.2, onnx 1.23.2, onnxruntime 1.31.1.
#
# Observed: boxes (0, 0, 20, 1) and (0, 0, k, 1), whose IoU is k/20, and the
# threshold k/20, for k = 1 to 19. The lower one is removed for
#   torchvision, boxes in float32    k = 1, 2, 3, 4, 6, 8, 11, 12, 16, 17
#   torchvision, boxes in float64    no k
#   ONNX Runtime, boxes in float32   no k
# Both say that a box goes whose IoU is larger than the threshold. torchvision
# compares an IoU in float32 with a threshold in double; where float32(k/20)
# lies above k/20, it is larger. In ONNX the threshold is a float32 too.
#
# One would have guessed: the same boxes from a model and from its export, or
# at least one rule for all thresholds. The usual 0.5 (k = 10) and 0.7 (k = 14)
# are among those at which all three agree; 0.3, 0.4, 0.6 and 0.8 are not.
#
# Why it matters: sides in whole pixels make such IoUs in practice. An
# implementation that has to find torchvision's boxes compares with the largest
# float up to the threshold, one that has to find the export's with the nearest.
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
venv/bin/pip install -q --no-compile --disable-pip-version-check numpy==2.4.6 onnx==1.23.2 onnxruntime==1.31.1 pillow typing_extensions sympy networkx \
  jinja2 fsspec filelock 'setuptools>=77'
cat > ties.py <<'PY'
import numpy as np
import onnx
import onnxruntime
import torch
import torchvision
from onnx import TensorProto, helper
from torchvision.ops import nms

print("torch", torch.__version__.split("+")[0], "torchvision", torchvision.__version__.split("+")[0], "onnx", onnx.__version__, "onnxruntime",
      onnxruntime.__version__)
value = helper.make_tensor_value_info
graph = helper.make_graph(
    [helper.make_node("NonMaxSuppression", ["boxes", "scores", "most", "iou"], ["kept"])], "nms",
    [value("boxes", TensorProto.FLOAT, [1, 2, 4]), value("scores", TensorProto.FLOAT, [1, 1, 2]), value("most", TensorProto.INT64, [1]),
     value("iou", TensorProto.FLOAT, [1])],
    [value("kept", TensorProto.INT64, [None, 3])])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])

removed = {"torchvision, float32": [], "torchvision, float64": [], "ONNX Runtime, float32": []}
for k in range(1, 20):
    boxes, scores = torch.tensor([[0.0, 0, 20, 1], [0, 0, k, 1]]), torch.tensor([0.9, 0.8])
    runtime = session.run(None, {"boxes": boxes.numpy()[None], "scores": scores.numpy()[None, None], "most": np.array([10], np.int64),
                                 "iou": np.array([k / 20], np.float32)})[0]
    for name, kept in zip(removed, (nms(boxes, scores, k / 20), nms(boxes.double(), scores.double(), k / 20), runtime)):
        if len(kept) == 1:
            removed[name].append(k)
for name, at in removed.items():
    print(name, at)
raise SystemExit(0 if list(removed.values()) == [[1, 2, 3, 4, 6, 8, 11, 12, 16, 17], [], []] else 1)
PY
nccl=$(dirname "$(find venv/lib -name libnccl.so.2 -print -quit)")
LD_LIBRARY_PATH="$nccl" venv/bin/python ties.py
echo "as described"
