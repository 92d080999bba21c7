"""Small data in VOC layout, made with the standard library: pictures as PNG and BMP files, annotations, folders."""
import pathlib
import shutil
import struct
import zlib

BOX = (21, 17, 60, 48)  # of the red rectangle, as VOC counts


def rows(width=96, height=64, box=BOX):
    """Rows of RGB bytes: a red rectangle on blue."""
    x1, y1, x2, y2 = box
    outside, inside = bytes((60, 90, 140)) * width, bytes((60, 90, 140)) * (x1 - 1) + bytes((220, 40, 30)) * (x2 - x1 + 1)
    inside += bytes((60, 90, 140)) * (width - x2)
    return [inside if y1 - 1 <= y < y2 else outside for y in range(height)]


def png(picture=None):
    picture = picture or rows()
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    head = struct.pack(">IIBBBBB", len(picture[0]) // 3, len(picture), 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"".join(b"\0" + r for r in picture))) + chunk(b"IEND", b"")


def bmp(picture=None):
    picture = picture or rows()
    width, height = len(picture[0]) // 3, len(picture)
    flip = lambda r: b"".join(r[i : i + 3][::-1] for i in range(0, len(r), 3)) + bytes(-len(r) % 4)
    body = b"".join(flip(r) for r in reversed(picture))
    return struct.pack("<2sIIIIiiHHIIiiII", b"BM", 54 + len(body), 0, 54, 40, width, height, 1, 24, 0, len(body), 2835, 2835, 0, 0) + body


def thing(name="thing", box=BOX, extra="<difficult>0</difficult>"):
    tags = "".join(f"<{tag}>{value}</{tag}>" for tag, value in zip(("xmin", "ymin", "xmax", "ymax"), box))
    return f"<object><name>{name}</name>{extra}<bndbox>{tags}</bndbox></object>"


def note(*objects):
    return "<annotation>" + "".join(objects) + "</annotation>"


def write(path, contents):
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(contents if isinstance(contents, bytes) else contents.encode())


def folder(root, ids="abc", xml=None, images="JPEGImages", annotations="Annotations", extension=".png", image=png, split=None, lists=("trainval", "test")):
    """A new folder with an image and an annotation for each id, and lists of them. An empty name of a folder is the root itself."""
    root = pathlib.Path(root)
    shutil.rmtree(root, ignore_errors=True)
    for name in ids:
        write(root / images / (name + extension), image())
        write(root / annotations / (name + ".xml"), note(thing()) if xml is None else xml)
    for name in lists:
        write(root / "ImageSets/Main" / (name + ".txt"), "".join(i + "\n" for i in ids) if split is None else split)
    return root


def voc(root, samples, test=None):
    """A new folder from {id: its objects as XML}; test: the ids of the split test, all where None."""
    root = folder(root, samples, lists=())
    for name, objects in samples.items():
        write(root / "Annotations" / (name + ".xml"), note(objects))
    for split, ids in (("trainval", samples), ("test", samples if test is None else test)):
        write(root / "ImageSets/Main" / (split + ".txt"), "".join(i + "\n" for i in ids))
    return root


def files(root):
    """Names of the files below a folder, relative to it."""
    return sorted(str(p.relative_to(root)) for p in pathlib.Path(root).rglob("*") if p.is_file())
