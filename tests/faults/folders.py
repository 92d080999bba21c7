"""Small data in VOC layout, made with the standard library."""
import os
import pathlib
import struct
import zlib


def png(path, width, height, rows):
    """rows: bytes of each row, RGB."""
    chunk = lambda kind, body: struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) +
                     chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows), 1)) + chunk(b"IEND", b""))


def rectangle(path, box=(20, 16, 60, 48), width=96, height=64):
    """A red rectangle on blue."""
    x1, y1, x2, y2 = box
    blue, red = bytes((60, 90, 140)), bytes((220, 40, 30))
    png(path, width, height, [blue * x1 + red * (x2 - x1) + blue * (width - x2) if y1 <= y < y2 else blue * width for y in range(height)])


def thing(name="thing", box=(20, 16, 60, 48), difficult=0):
    """box: half-open, as drawn."""
    x1, y1, x2, y2 = box
    return (f"<object><name>{name}</name><difficult>{difficult}</difficult><bndbox><xmin>{x1 + 1}</xmin><ymin>{y1 + 1}</ymin>"
            f"<xmax>{x2}</xmax><ymax>{y2}</ymax></bndbox></object>")


def voc(root, samples, test=None):
    """samples: {id: objects as XML}; test: the ids of the split test, all where None."""
    root = pathlib.Path(root)
    for i, objects in samples.items():
        rectangle(root / "JPEGImages" / (i + ".png"))
        path = root / "Annotations" / (i + ".xml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"<annotation>{objects}</annotation>")
    lists = root / "ImageSets/Main"
    lists.mkdir(parents=True)
    for split, ids in (("trainval", samples), ("test", samples if test is None else test)):
        (lists / (split + ".txt")).write_text("".join(i + "\n" for i in ids))
    return root


def files(root):
    """Names of the files below a folder, relative to it."""
    return sorted(os.path.relpath(os.path.join(folder, name), root) for folder, _, names in os.walk(root) for name in names)
