"""Both directions of the format, with the `safetensors` package (0.8.0 wrote the files here) and numpy:

    safetensors_peer.py           writes safetensors_peer.safetensors, and reads safetensors_ours.safetensors, which the test
                                  "bytes are a function of the contents" compares with what the library writes
"""
import json
import pathlib

import numpy as np
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

here = pathlib.Path(__file__).parent

save_file(
    {
        "f32": np.arange(6, dtype=np.float32).reshape(2, 3) / 4,
        "f16": np.array([1, -0.5, 65504, 2**-24, np.inf, np.nan], np.float16),
        "f64": np.array(3.25),
        "i64": np.array([1, -2], np.int64),
        "bool": np.array([True, False, True]),
        "u8": np.array([1, 2, 255], np.uint8),
        "empty": np.zeros((0, 3), np.float32),
    },
    here / "safetensors_peer.safetensors",
    metadata={"preset": "small", "klasse": "Fußgänger"},
)

ours = load_file(here / "safetensors_ours.safetensors")
expected = {
    "u8": np.array([1, 2, 255], np.uint8),
    "fc.weight": np.array([[1, 2, 3.5], [-1, 0, 1e-30]], np.float32),
    "d": np.array([0.1]),
    "scalar": np.array(-7, np.int64),
    "empty": np.zeros((0, 4), np.float32),
    "later": np.array([9, 8], np.float32),
    "line": np.full(16, 0.5, np.float32),
}
assert ours.keys() == expected.keys()
for name, value in expected.items():
    assert ours[name].dtype == value.dtype and np.array_equal(ours[name], value) and ours[name].shape == value.shape, name
with safe_open(here / "safetensors_ours.safetensors", "np") as file:
    metadata = file.metadata()
sums = json.loads(metadata.pop("frcnn.crc32c"))
assert metadata == {"preset": "small", 'quote"d': "line\nbreak, Fußgänger"}


def crc32c(data):
    r = 0xFFFFFFFF
    for byte in data:
        r ^= byte
        for _ in range(8):
            r = r >> 1 ^ (0x82F63B78 if r & 1 else 0)
    return f"{r ^ 0xFFFFFFFF:08x}"


assert crc32c("".join(f"{key}\0{metadata[key]}\0" for key in sorted(metadata)).encode()) == sums["metadata"]
assert {name: crc32c(value.tobytes()) if value.size else "" for name, value in ours.items()} == sums["tensors"]
