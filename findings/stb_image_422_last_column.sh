#!/usr/bin/env bash
# stb_image interpolates the colour of a 4:2:2 JPEG from the wrong side at one
# place: the left column of the last pair.
#
# Versions: stb_image 2.27 of Debian 12 (libstb-dev 0.0~git20220908.8b5f1f3),
# Pillow 13.0.0 (brings libjpeg-turbo 3.2.0), opencv-python-headless 5.0.0.93
# (brings libjpeg-turbo 3.1.2).
#
# Observed: all columns but one are within 3 of 255 of libjpeg-turbo's. In a
# picture of even width the next to last column is wrong, in one of odd width
# the last: it takes 3/4 of its colour from the pair to its left and 1/4 from
# its own pair, where it is the other way round everywhere else. With a colour
# edge there its values are more than 60 away; 169 is seen below. 4:4:4 and
# 4:2:0 are within 3 everywhere. Pillow and OpenCV agree in every bit, for
# all three.
#
# One would have guessed: 4:2:0, which drops more colour and interpolates in
# two directions, differs most, and a difference follows every colour edge.
#
# Why it matters: a check that compares decoders by their mean, or on 4:2:0
# files only, does not see it. A detector that is trained with one decoder and
# deployed with the other gets, from cameras that write 4:2:2, another column
# at the right border. And a border column that looks wrong in a crop is not
# a fault of the crop.
#
# Needs: cc, python3 with venv, apt-get and dpkg of Debian 12.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"

apt-get -qq -o APT::Sandbox::User=root download 'libstb-dev=0.0~git20220908.8b5f1f3+ds-1'
dpkg -x libstb-dev_*.deb stb
cat > decode.c <<'C'
#define STB_IMAGE_IMPLEMENTATION
#define STBI_ONLY_JPEG
#include "stb_image.h"
int main(int argc, char** argv) {
  int w, h, n;
  unsigned char* p = argc == 2 ? stbi_load(argv[1], &w, &h, &n, 3) : 0;
  if (!p) return 1;
  return fwrite(p, 3, (size_t)w * h, stdout) != (size_t)w * h;
}
C
cc -O1 -I stb/usr/include/stb decode.c -o decode -lm
head -n 1 stb/usr/include/stb/stb_image.h

python3 -m venv venv
venv/bin/pip install -q --no-compile --disable-pip-version-check --only-binary=:all: \
  pillow==13.0.0 opencv-python-headless==5.0.0.93 numpy==2.4.6
cat > compare.py <<'PY'
import subprocess

import cv2
import numpy as np
import PIL
from PIL import Image, features

print("Pillow", PIL.__version__, "with libjpeg-turbo", features.version("libjpeg_turbo"))
print("OpenCV", cv2.__version__, "with",
      next(line.split(":")[1].strip() for line in cv2.getBuildInformation().splitlines()
           if line.strip().startswith("JPEG:")))

NAMES = ["4:4:4", "4:2:2", "4:2:0"]
COLOURS = [(255, 0, 0), (0, 0, 255), (0, 255, 0), (255, 255, 0),
           (255, 0, 255), (0, 255, 255), (255, 255, 255), (0, 0, 0)]
good = True


def expect(holds, what):
    global good
    if not holds:
        good = False
        print("CHANGED:", what)


def three(pixels, sampling, quality):
    """The same file by Pillow, OpenCV and stb, as RGB."""
    Image.fromarray(pixels).save("x.jpg", quality=quality, subsampling=sampling)
    with Image.open("x.jpg") as image:
        pillow = np.asarray(image.convert("RGB")).astype(int)
    opencv = cv2.imread("x.jpg")[:, :, ::-1].astype(int)
    raw = subprocess.run(["./decode", "x.jpg"], stdout=subprocess.PIPE, check=True).stdout
    return pillow, opencv, np.frombuffer(raw, np.uint8).reshape(pixels.shape).astype(int)


print("\nrectangles of pure colours, quality 90; differences of values, of 255")
random = np.random.default_rng(1)
for width, height in [(320, 240), (321, 241)]:
    pixels = np.zeros((height, width, 3), np.uint8)
    for i in range(80):
        x, y = random.integers(0, width), random.integers(0, height)
        pixels[y:y + random.integers(5, 60), x:x + random.integers(5, 60)] = COLOURS[i % 8]
    pixels[:, -2:] = np.repeat([COLOURS[i % 8] for i in range(height // 8 + 1)], 8, 0)[:height, None]
    for sampling, name in enumerate(NAMES):
        pillow, opencv, stb = three(pixels, sampling, 90)
        off = abs(pillow - stb).max(axis=(0, 2))
        far = [int(x) for x in np.flatnonzero(off > 3)]
        print(f"{width} x {height} {name}: OpenCV - Pillow {abs(pillow - opencv).max()}, "
              f"stb - Pillow at most {off.max()}, mean {abs(pillow - stb).mean():.3f}, "
              f"columns off by more than 3: {far}")
        expect(abs(pillow - opencv).max() == 0, "OpenCV and Pillow agreed")
        if name == "4:2:2":
            column = 2 * ((width + 1) // 2 - 1)
            expect(far == [column] and off.max() > 60, f"only column {column} was far off")
        else:
            expect(not far, "nothing was far off")

print("\n16 columns of red, 2 of blue (each colour in blocks of its own), quality 100: columns 14 to 17")
pixels = np.zeros((8, 18, 3), np.uint8)
pixels[:, :16] = 255, 0, 0
pixels[:, 16:] = 0, 0, 255
pillow, opencv, stb = three(pixels, 1, 100)
for name, values in [("Pillow", pillow), ("OpenCV", opencv), ("stb", stb)]:
    print(f"{name:8}", "  ".join(str(tuple(int(v) for v in p)) for p in values[4, 14:18]))
# Red and blue are 148 apart in Cr, which is 207 in R: a quarter of that is 52,
# three quarters are 156.
print("red left in column 16: Pillow", pillow[4, 16, 0], "of 207, stb", stb[4, 16, 0])
expect(abs(pillow[4, 16, 0] - 52) <= 3 and abs(stb[4, 16, 0] - 156) <= 3, "a quarter and three quarters were left")
expect(abs(stb[:, [14, 15, 17]] - pillow[:, [14, 15, 17]]).max() <= 3, "the others were alike")
raise SystemExit(0 if good else 1)
PY
venv/bin/python compare.py
echo "as described"
