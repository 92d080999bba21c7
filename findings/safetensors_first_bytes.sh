#!/usr/bin/env bash
# One safetensors file in 32 begins with the first byte of a pickle, and some
# begin with the two letters of a zip.
#
# Versions: safetensors 0.8.0, numpy 2.4.6.
#
# Observed: the writer pads the header with blanks to a multiple of 8 bytes, and
# the file begins with the header's length as a little-endian number of 8 bytes.
# - With one entry of metadata that grows by a byte at a time, the first byte
#   takes 32 values, equally often: 0, 8, 16, .., 248. One of them is 0x80,
#   which is the first byte of every pickle of protocol 2 and later (PROTO):
#   pickletools begins to read such a file as a pickle.
# - A header of 19,280 bytes makes a file that begins with "PK", as every zip,
#   so every .pth of today, does. Its third byte is 0, a zip's is 3.
# The files are good: they load.
#
# One would have guessed: a file of weights is told apart by its first bytes,
# pickle (80), zip ("PK") or else, in that order, and the length of a header
# has nothing to do with it.
#
# What is safe: the ninth byte is "{" and bytes 5 to 8 are 0, since no header
# has 4 GiB (the format allows 100 MB).
#
# Why it matters: a program that asks for the pickle first refuses one valid
# file in 32, the same one each time it is written, and its tests, with the
# few files that they have, do not see it.
#
# Needs: python3 with venv (3.11 here).
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"

python3 -m venv venv
venv/bin/pip install -q --no-compile --disable-pip-version-check --only-binary=:all: safetensors==0.8.0 numpy==2.4.6
cat > first_bytes.py <<'PY'
import collections
import importlib.metadata
import pickletools

import numpy as np
from safetensors.numpy import load, save

print("safetensors", importlib.metadata.version("safetensors"))
weights = {"w": np.ones(3, np.float32)}
with_note = lambda length: save(weights, {"note": "x" * length})
good = True


def expect(what, seen, wanted):
    global good
    good = good and seen == wanted
    print(f"{what}: {seen}" + ("" if seen == wanted else f", expected {wanted}"))


files = [with_note(n) for n in range(1024)]
first = collections.Counter(file[0] for file in files)
expect("first bytes", sorted(first), list(range(0, 256, 8)))
expect("files of each", set(first.values()), {1024 // 32})
as_pickle = next(file for file in files if file[0] == 0x80)
expect("header of the first one that begins with 0x80", int.from_bytes(as_pickle[:8], "little"), 128)
opcode, version, _ = next(pickletools.genops(as_pickle))
expect("which pickletools begins to read as", (opcode.name, version), ("PROTO", 0))
as_zip = with_note(19280 - 128 + 40)
expect("a header of", int.from_bytes(as_zip[:8], "little"), 19280)
expect("begins with", as_zip[:4], b"PK\0\0")
for file in (as_pickle, as_zip):
    expect("it loads", load(file)["w"].tolist(), [1, 1, 1])
    expect("bytes 5 to 9", file[4:9], b"\0\0\0\0{")
print("as written above" if good else "CHANGED")
raise SystemExit(not good)
PY
venv/bin/python first_bytes.py
