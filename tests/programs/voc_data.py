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


def read_png(path):
    """Rows of bytes of a PNG of 8 bits that is not interlaced, and its width."""
    data = pathlib.Path(path).read_bytes()
    at, body = 8, b""
    while at < len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        if kind == b"IHDR":
            width, height, bits, colours = struct.unpack_from(">IIBB", data, at + 8)
        body += data[at + 8 : at + 8 + length] if kind == b"IDAT" else b""
        at += 12 + length
    step = {0: 1, 2: 3, 6: 4}[colours]
    raw, rows, above = zlib.decompress(body), [], bytes(width * step)
    for y in range(height):
        line = bytearray(raw[y * (width * step + 1) + 1 : (y + 1) * (width * step + 1)])
        how = raw[y * (width * step + 1)]
        for i in range(len(line)):
            a, b, c = (line[i - step] if i >= step else 0), above[i], (above[i - step] if i >= step else 0)
            nearest = min((a, b, c), key=lambda v: abs(a + b - c - v))
            line[i] = (line[i] + (0, a, b, (a + b) // 2, nearest)[how]) & 255
        rows.append(bytes(line))
        above = line
    return rows, width


def grey_png(rows, width, bits=16):
    """Rows of numbers as a grey PNG."""
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    body = b"".join(b"\0" + struct.pack(f">{width}{'H' if bits == 16 else 'B'}", *r) for r in rows)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, len(rows), bits, 0, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(body)) + chunk(b"IEND", b""))


def tiff(rows, width, channels):
    """Rows of numbers, channel by channel, as a TIFF of 16 bits without compression."""
    body = b"".join(struct.pack(f"<{width * channels}H", *r) for r in rows)
    extra = channels - 1
    lists = struct.pack(f"<{channels}H", *[16] * channels) + struct.pack(f"<{extra}H", *[0] * extra)
    tags = [(256, 4, 1, width), (257, 4, 1, len(rows)), (258, 3, channels, 8), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, 1, 8 + len(lists)),
            (277, 3, 1, channels), (278, 4, 1, len(rows)), (279, 4, 1, len(body)), (338, 3, extra, 8 + 2 * channels)]
    directory = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *t) for t in tags) + struct.pack("<I", 0)
    return b"II*\0" + struct.pack("<I", 8 + len(lists) + len(body)) + lists + body + directory
