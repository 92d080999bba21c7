#!/usr/bin/env python3
"""Small TIFF files of many kinds from tifffile, libtiff (by Pillow) and byte for byte, and their pixels: writes tiff/* and tiff.safetensors.

usage: tiff.py            with numpy, pillow, tifffile, imagecodecs

<file name>: [H, W, C] as tifffile reads it, as stored; of files that libtiff makes RGB of, as Pillow's convert("RGB") has it.
statistics: [2, 5] mean and deviation (numpy.mean, numpy.std) of the pixels of five8.tif and five16.tif together, v / 255 and v / 65535.
"""
import os
import struct

import numpy as np
import PIL
import tifffile
from PIL import Image

from fixture import Fixture

here = os.path.dirname(os.path.abspath(__file__))
out = Fixture(pillow=PIL.__version__, tifffile=tifffile.__version__)
rng = np.random.default_rng(7)
h, w = 13, 18
wide = rng.integers(0, 65536, (h, w, 16), dtype=np.uint16)
byte = (wide >> 8).astype(np.uint8)


def path(name):
    return os.path.join(here, "tiff", name)


def put(name, pixels, planar=False, expected=None, **how):
    """planar: the samples of each channel in a plane of their own."""
    data = np.moveaxis(pixels, 2, 0) if planar else pixels
    how.setdefault("photometric", "rgb" if pixels.ndim == 3 and pixels.shape[2] in (3, 4) else "minisblack")
    tifffile.imwrite(path(name), data, planarconfig=("separate" if planar else "contig") if pixels.ndim == 3 else None, metadata=None,
                     software=False, **how)
    found = tifffile.imread(path(name), key=0)
    found = np.moveaxis(found, 0, 2) if planar else found
    found = found.reshape(h, w, -1)
    assert np.array_equal(found, pixels.reshape(h, w, -1)), name
    out.put(name, (found if expected is None else expected).astype(np.int32))


put("grey8.tif", byte[:, :, 0])
put("grey16.tif", wide[:, :, 0])
put("grey16_big_endian.tif", wide[:, :, 0], byteorder=">")
put("grey16_big.tif", wide[:, :, 0], bigtiff=True)
put("two16.tif", wide[:, :, :2], extrasamples=["unspecified"])
put("grey_alpha8.tif", byte[:, :, :2], extrasamples=["unassalpha"])
put("rgb8.tif", byte[:, :, :3])
put("rgb16_planar.tif", wide[:, :, :3], planar=True)
put("rgba8.tif", byte[:, :, :4], extrasamples=["unassalpha"])
put("rgbn16.tif", wide[:, :, :4], extrasamples=["unspecified"])
put("five8.tif", byte[:, :, :5], extrasamples=["unspecified"] * 4, rowsperstrip=4)
put("five16.tif", wide[:, :, :5], extrasamples=["unspecified"] * 4, compression="lzw", predictor=True, rowsperstrip=5)
put("sixteen16_tiles.tif", wide, extrasamples=["unspecified"] * 15, tile=(16, 16), compression="deflate")
put("five8_planar_tiles.tif", byte[:, :, :5], planar=True, extrasamples=["unspecified"] * 4, tile=(16, 16))
put("five16_planar_strips.tif", wide[:, :, :5], planar=True, extrasamples=["unspecified"] * 4, rowsperstrip=3, compression="packbits")
put("grey16_zstd.tif", wide[:, :, 0], compression="zstd")
put("grey16_lzma.tif", wide[:, :, 0], compression="lzma")
put("white_is_zero8.tif", byte[:, :, 0], photometric="miniswhite", expected=255 - byte[:, :, :1])
put("white_is_zero16.tif", wide[:, :, 0], photometric="miniswhite", expected=65535 - wide[:, :, :1])
put("map.tif", wide[:, :, 0], extratags=[(33550, "d", 3, (0.5, 0.5, 0.0), True), (42113, "s", 0, "0", True)])  # GeoTIFF's tags
for orientation in range(1, 9):
    put(f"orientation{orientation}.tif", wide[:, :, :2], extrasamples=["unspecified"], extratags=[(274, "H", 1, orientation, True)])
put("orientation6_big.tif", wide[:, :, 0], bigtiff=True, byteorder=">", extratags=[(274, "H", 1, 6, True)])
with tifffile.TiffWriter(path("pages.tif")) as file:  # a page, a smaller copy of it, a mask, another page
    for kind, picture in ((0, byte[:, :, 0]), (1, byte[::2, ::2, 0]), (4, byte[:, :, 1] > 127), (0, byte[:, :, 2])):
        file.write(picture, photometric="mask" if kind == 4 else "minisblack", subfiletype=kind, metadata=None, software=False)
out.put("pages.tif", byte[:, :, :1].astype(np.int32))

soft = Image.fromarray(np.clip(np.mgrid[0:h, 0:w].sum(0)[:, :, None] * 6 + byte[:, :, :3] % 32, 0, 255).astype(np.uint8))


def by_libtiff(name, image, **how):
    image.save(path(name), **how)
    out.put(name, np.array(Image.open(path(name)).convert("RGB")).astype(np.int32))


by_libtiff("palette.tif", soft.quantize(7))
by_libtiff("bits.tif", Image.fromarray(byte[:, :, 0] > 127), compression="group4")
by_libtiff("jpeg.tif", soft, compression="jpeg", quality=95)
by_libtiff("jpeg_grey.tif", soft.convert("L"), compression="jpeg", quality=95)

both = np.concatenate([byte[:, :, :5].reshape(-1, 5) / 255, wide[:, :, :5].reshape(-1, 5) / 65535])
out.put("statistics", np.stack([both.mean(0), both.std(0)]))


def refused(name, pixels, **how):
    tifffile.imwrite(path("refused/" + name), pixels, metadata=None, software=False, **how)


refused("float.tif", wide[:, :, 0].astype(np.float32), photometric="minisblack")
refused("signed.tif", wide[:, :, 0].astype(np.int16), photometric="minisblack")
refused("whole32.tif", wide[:, :, 0].astype(np.uint32), photometric="minisblack")
refused("seventeen.tif", np.repeat(byte[:, :, :1], 17, 2), photometric="minisblack", planarconfig="contig", extrasamples=["unspecified"] * 16)
refused("complex.tif", wide[:, :, 0].astype(np.complex64), photometric="minisblack")


def bare(name, width, height, bits=8, samples=1, compression=1, tile=None):
    """A directory and eight bytes of pixels."""
    tags = [(256, 4, width), (257, 4, height), (258, 3, bits), (259, 3, compression), (262, 3, 1), (277, 3, samples)]
    tags += [(322, 4, tile), (323, 4, tile), (324, 4, 8), (325, 4, 8)] if tile else [(273, 4, 8), (278, 4, height), (279, 4, 8)]
    tags.sort()
    body = b"II*\0" + struct.pack("<I", 16) + bytes(8) + struct.pack("<H", len(tags))
    body += b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags) + struct.pack("<I", 0)
    with open(path("refused/" + name), "wb") as file:
        file.write(body)


bare("large.tif", 1 << 30, 1 << 30)
bare("no_pixels.tif", 0, 5)
bare("claims.tif", 10000, 10000)
bare("claims_packed.tif", 16000, 16000, 8, 8, 8)
bare("tiles.tif", 10, 10, 8, 1, 8, tile=1 << 16)
bare("unknown_compression.tif", 2, 4, compression=34712)
print(out.save(os.path.join(here, "tiff.safetensors")), "bytes")
