#!/usr/bin/env bash
# Pillow reads a 16-bit PNG in two ways: colour is divided by 256, grey is cut
# off at 255. OpenCV divides both.
#
# Versions: Pillow 13.0.0, opencv-python-headless 5.0.0.93.
#
# Observed: a ramp of 16-bit values is saved twice, as a colour PNG (three equal
# channels) and as a grey PNG. Image.open(...).convert("RGB") gives the high
# byte for the colour file. For the grey file everything from 255 on becomes
# 255: a picture that uses the 16 bits is white nearly everywhere, without a
# warning. convert("L") does the same. OpenCV's imread gives the high byte for
# both files, in colour and in grey.
#
# One would have guessed: convert("RGB") scales 16 bits to 8, as it does for
# colour and as OpenCV does, or refuses.
#
# Why it matters: much training code opens images with
# Image.open(path).convert("RGB"). Pictures of 16-bit sensors (X-ray, thermal,
# depth) come as 16-bit grey PNGs. A detector is then trained on white pictures,
# and the same files look right in OpenCV and once they are saved as colour.
# Numbers of a detector that was trained so and of one that reads the high byte
# cannot be compared. What helps is to divide first, as a row below does.
#
# Needs: python3 with venv (3.11 here).
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"

python3 -m venv venv
venv/bin/pip install -q --no-compile --disable-pip-version-check --only-binary=:all: \
  pillow==13.0.0 opencv-python-headless==5.0.0.93 numpy==2.4.6
cat > read.py <<'PY'
import cv2
import numpy as np
import PIL
from PIL import Image

print("Pillow", PIL.__version__, "OpenCV", cv2.__version__)
values = np.array([[0, 100, 200, 254, 255, 256, 300, 1000, 10000, 32768, 65279, 65280, 65535]], np.uint16)
cv2.imwrite("grey.png", values)
cv2.imwrite("colour.png", np.dstack([values] * 3))
high = (values[0] >> 8).tolist()
cut = np.minimum(values[0], 255).tolist()
print(f"{'16-bit values':32}", values[0].tolist())
good = True


def row(what, pixels, expected):
    global good
    got = np.asarray(pixels).reshape(1, values.size, -1)
    same = got.dtype == np.uint8 and bool((got == got[:, :, :1]).all()) and got[0, :, 0].tolist() == expected
    print(f"{what:32}", got[0, :, 0].tolist(), "" if same else f"CHANGED: was {expected}")
    good = good and same


for name, mode, expected in [("colour.png", "RGB", high), ("grey.png", "I;16", cut)]:
    with Image.open(name) as image:
        good = good and image.mode == mode
        row(f"Pillow {name} ({image.mode}), RGB", image.convert("RGB"), expected)
        row(f"Pillow {name} ({image.mode}), L", image.convert("L"), expected)
    row(f"OpenCV {name}, colour", cv2.imread(name), high)
    row(f"OpenCV {name}, grey", cv2.imread(name, cv2.IMREAD_GRAYSCALE), high)

with Image.open("grey.png") as image:
    row("Pillow grey.png, divided first", Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB"), high)

ramp = np.linspace(0, 65535, 640 * 480).reshape(480, 640).astype(np.uint16)
Image.fromarray(ramp).save("ramp.png")
with Image.open("ramp.png") as image:
    white = (np.asarray(image.convert("RGB")) == 255).mean()
print(f"a ramp over all 16 bits, grey, 640 x 480: {100 * white:.1f} % of Pillow's values are 255, "
      f"{100 * (cv2.imread('ramp.png') == 255).mean():.1f} % of OpenCV's")
raise SystemExit(0 if good and white > 0.99 else 1)
PY
venv/bin/python read.py
echo "as described"
