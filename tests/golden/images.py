#!/usr/bin/env python3
"""Small image files of many kinds from Pillow, and the RGB pixels that Pillow sees in them: writes images/* and images.safetensors.

usage: images.py

<file name>: [H, W, 3] uint8, as Image.open(file).convert("RGB") decodes it. 16-bit: the upper byte.
<file name>.turned: the same, as ImageOps.exif_transpose turns it, of the files orientation1 to 8.
"""
import io
import os

import numpy as np
import PIL
from PIL import Image, ImageOps

from fixture import Fixture

here = os.path.dirname(os.path.abspath(__file__))
out = Fixture(pillow=PIL.__version__)
rng = np.random.default_rng(3)
h, w = 13, 18
y, x = np.mgrid[0:h, 0:w]
rgb = np.stack([x * 14, y * 19, (x + y) * 8], 2).astype(np.uint8)
noise = rng.integers(0, 256, (h, w, 4), dtype=np.uint8)


def put(name, image, expected=None, **how):
    path = os.path.join(here, "images", name)
    image.save(path, **how)
    out.put(name, np.array(Image.open(path).convert("RGB")) if expected is None else expected)


put("rgb.png", Image.fromarray(noise[:, :, :3]))
put("rgba.png", Image.fromarray(noise))
put("grey.png", Image.fromarray(noise[:, :, 0]))
put("grey_alpha.png", Image.fromarray(noise[:, :, :2].copy(), "LA"))
put("palette.png", Image.fromarray(rgb).quantize(7))
put("bits.png", Image.fromarray(noise[:, :, 0] > 127))
wide = noise[:, :, 0].astype(np.uint16) * 256 + noise[:, :, 1]
put("grey16.png", Image.fromarray(wide), np.repeat(noise[:, :, :1], 3, 2))
put("baseline.jpg", Image.fromarray(rgb), quality=95, subsampling=0)
put("grey.jpg", Image.fromarray(rgb[:, :, 0]), quality=95)
put("progressive.jpg", Image.fromarray(rgb), quality=95, subsampling=0, progressive=True)
put("restart.jpg", Image.fromarray(rgb), quality=95, subsampling=0, restart_marker_blocks=1)


def exif(orientation):
    e = Image.Exif()
    e[0x010E] = "turned or not"
    if orientation is not None:
        e[0x0112] = orientation
    return e.tobytes()


put("upright.jpg", Image.fromarray(rgb), quality=95, subsampling=0, exif=exif(1))
put("no_orientation.jpg", Image.fromarray(rgb), quality=95, subsampling=0, exif=exif(None))
put("turned.png", Image.fromarray(rgb), exif=exif(3))
# A thumbnail inside the EXIF segment, with an EOI of its own.
thumbnail = io.BytesIO()
Image.fromarray(rgb[:4, :4]).save(thumbnail, "JPEG")
put("turned.jpg", Image.fromarray(rgb), quality=95, subsampling=0, exif=exif(6) + thumbnail.getvalue())
# Subsampled colour, four inks with Adobe's marker and without, BMP from below and palettes.
soft = Image.fromarray(np.clip(rgb.astype(int) + noise[:, :, :3] % 64, 0, 255).astype(np.uint8))
put("yuv422.jpg", soft, quality=90, subsampling=1)
put("yuv420.jpg", soft, quality=90, subsampling=2)
put("yuv420_progressive.jpg", soft, quality=90, subsampling=2, progressive=True)
put("channels_rgb.jpg", soft, quality=90, keep_rgb=True)
inks = Image.fromarray(np.dstack([np.array(soft), noise[:, :, 3:] % 128]), "CMYK")
put("inks.jpg", inks, quality=90)
path = os.path.join(here, "images", "inks.jpg")
with open(path, "rb") as file:
    data = file.read()
marker = data.index(b"\xff\xee")
length = int.from_bytes(data[marker + 2 : marker + 4], "big")
with open(os.path.join(here, "images", "refused", "inks_without_marker.jpg"), "wb") as file:
    file.write(data[:marker] + data[marker + 2 + length :])
put("rgb.bmp", Image.fromarray(noise[:, :, :3]))
put("grey.bmp", Image.fromarray(noise[:, :, 0]))
put("palette.bmp", Image.fromarray(rgb).quantize(7))
put("bits.bmp", Image.fromarray(noise[:, :, 0] > 127))

for orientation in range(1, 9):
    for suffix, how in (("png", {}), ("jpg", {"quality": 90})):
        name = f"orientation{orientation}.{suffix}"
        put(name, soft, exif=exif(orientation), **how)
        path = os.path.join(here, "images", name)
        out.put(name + ".turned", np.array(ImageOps.exif_transpose(Image.open(path)).convert("RGB")))
print(out.save(os.path.join(here, "images.safetensors")), "bytes")
