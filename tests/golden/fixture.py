"""Writes a golden fixture: named tensors, one sentence about each group, as a safetensors file that is a function of its contents alone
(the official writer shuffles the metadata)."""
import json
import struct

import numpy as np

TYPES = {"float64": "F64", "float32": "F32", "int32": "I32", "uint8": "U8"}


class Fixture:
    def __init__(self, **about):
        self.tensors, self.about = {}, {k: str(v) for k, v in about.items()}

    def put(self, name, value):
        """A tensor or array. Doubles that float holds exactly become F32; integers of any width become I32 (U8 stays)."""
        a = value.detach().cpu().numpy() if hasattr(value, "detach") else np.asarray(value)
        if a.dtype == np.bool_ or (a.dtype.kind in "iu" and a.dtype != np.uint8):
            a = a.astype(np.int32)
        if a.dtype == np.float64 and np.array_equal(a, a.astype(np.float32)):
            a = a.astype(np.float32)
        assert name not in self.tensors and a.dtype.name in TYPES and np.isfinite(a).all(), name
        self.tensors[name] = np.ascontiguousarray(a)

    def say(self, group, sentence):
        self.about[group] = " ".join(sentence.split())

    def save(self, path):
        header, at = {"__metadata__": dict(sorted(self.about.items()))}, 0
        # Widest elements first, so that every tensor lies on a multiple of its element size.
        order = sorted(self.tensors, key=lambda n: (-self.tensors[n].itemsize, n))
        for n in order:
            a = self.tensors[n]
            header[n] = {"dtype": TYPES[a.dtype.name], "shape": list(a.shape), "data_offsets": [at, at + a.nbytes]}
            at += a.nbytes
        text = json.dumps(header, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 8)
        with open(path, "wb") as f:
            f.write(struct.pack("<Q", len(text)) + text)
            for n in order:
                f.write(self.tensors[n].tobytes())
        return 8 + len(text) + at


def padded(rows, capacity=None):
    """Per-image tensors [Ri, ...] as one [N, R, ...] with zeros past each count, and the counts."""
    import torch

    capacity = capacity or max(1, max(len(r) for r in rows))
    out = torch.zeros((len(rows), capacity) + tuple(rows[0].shape[1:]), dtype=rows[0].dtype)
    for i, r in enumerate(rows):
        out[i, : len(r)] = r
    return out, torch.tensor([len(r) for r in rows])
