"""Images as cameras and tools leave them: turned by EXIF, 16 bits narrow; verdicts are kept from one start to the next."""
import json
import pathlib
import shutil
import struct
import zlib

from common import TINY, bytes_of, check, refused, run

IMAGES = pathlib.Path(__file__).resolve().parent.parent / "golden/images"
PHOTO = IMAGES / "orientation6.jpg"  # stored 18 x 13, to be turned to 13 x 18
OPTIONS = [*TINY, "--iterations", "1", "--short-side", "60"]


def box(size=None, to=(13, 18)):
    size = f"<size><width>{size[0]}</width><height>{size[1]}</height></size>" if size else ""
    return (f"<annotation>{size}<object><name>thing</name><bndbox><xmin>2</xmin><ymin>2</ymin><xmax>{to[0]}</xmax><ymax>{to[1]}</ymax>"
            "</bndbox></object></annotation>")


def folder(name, images, xml):
    root = pathlib.Path(name)
    shutil.rmtree(root, ignore_errors=True)
    for part in ("JPEGImages", "Annotations", "ImageSets/Main"):
        (root / part).mkdir(parents=True)
    for i, image in zip("ab", images):
        (root / "JPEGImages" / (i + image[0])).write_bytes(image[1])
        (root / "Annotations" / (i + ".xml")).write_text(xml)
    for split in ("trainval", "test"):
        (root / "ImageSets/Main" / (split + ".txt")).write_text("a\nb\n")
    return root


def train(data, out, *more):
    shutil.rmtree(out, ignore_errors=True)
    result = run("train_voc", "--data", data, *OPTIONS, "--out", out, *more)
    check(result.returncode == 0, result)
    return result


def picture_size(out):
    return struct.unpack(">II", bytes_of(f"{out}/detections/a.png")[16:24])


# ---- EXIF: turned where <size> says so; left and doubted where it cannot tell; the user decides
photos = [(".jpg", PHOTO.read_bytes())] * 2
DOUBT = "2 images have an EXIF orientation, and nothing tells"
for xml, mode, expected, doubted in [
    (box((13, 18)), "auto", (13, 18), False),
    (box((18, 13)), "auto", (18, 13), False),
    (box(), "auto", (18, 13), True),
    (box(), "apply", (13, 18), False),
    (box((13, 18)), "ignore", (18, 13), False),
]:
    result = train(folder("turned", photos, xml), "run", "--exif", mode)
    check(picture_size("run") == expected, xml, mode, picture_size("run"))
    check((DOUBT in result.stderr) == doubted, xml, mode, result)

half_turn = [(".jpg", (IMAGES / "orientation3.jpg").read_bytes())] * 2
check(DOUBT in train(folder("half", half_turn, box((18, 13))), "run").stderr)
refused_mode = run("train_voc", "--data", "turned", "--exif", "sideways", "--out", "none")
check(refused_mode.returncode != 0 and "sideways" in refused_mode.stderr, refused_mode)

# ---- detect: boxes are of the turned picture, and --json says so
MODEL = ["--model", "run/model.safetensors", "--threads", "1", "--threshold", "0"]
for mode, size, orientation in [([], (13, 18), 6), (["--exif", "apply"], (13, 18), 6), (["--exif", "ignore"], (18, 13), 1)]:
    shutil.rmtree("found", ignore_errors=True)
    result = run("detect", *MODEL, *mode, "--json", "found.json", "--out", "found", PHOTO)
    check(result.returncode == 0, result)
    entry = json.loads(bytes_of("found.json"))[0]
    check((entry["width"], entry["height"], entry["turned_by_exif"]) == (*size, orientation), mode, entry)
    check(all(0 <= b["box"][0] <= b["box"][2] <= size[0] and 0 <= b["box"][1] <= b["box"][3] <= size[1] for b in entry["detections"]), entry)
    picture = next(pathlib.Path("found").iterdir())
    check(struct.unpack(">II", picture.read_bytes()[16:24]) == size, mode, picture)


# ---- 16 bits with few values: trained on, and said
def png16(values):
    chunk = lambda kind, body: struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    rows = b"".join(b"\0" + b"".join(struct.pack(">H", values(x, y)) for x in range(30)) for y in range(20))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 30, 20, 16, 0, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(rows)) +
            chunk(b"IEND", b""))


narrow, wide = png16(lambda x, y: 28000 + 9 * x + y), png16(lambda x, y: 2100 * x + y)
said = train(folder("thermal", [(".png", narrow), (".png", wide)], box()), "run").stderr
pathlib.Path("narrow.png").write_bytes(narrow), pathlib.Path("wide.png").write_bytes(wide)
seen = run("detect", "--model", "run/model.safetensors", "narrow.png", "wide.png")
check(seen.returncode == 0 and seen.stderr.count("few values are used") == 1 and "narrow.png: 16 bits" in seen.stderr, seen)
check("1 image of 16 bits uses few of its values" in said and "28000 to 28280 of 65535 become 109 to 110 of 255" in said, said)

# ---- verdicts: kept, not believed once a file has changed, and of no consequence when their own file is damaged
data = folder("kept", photos, box((13, 18)))
train(data, "run")
kept = pathlib.Path("run/checked_images.txt")
lines = kept.read_text().splitlines()
check(len(lines) == 4 and all(str((data / "JPEGImages").resolve()) in line for line in lines[1:3]), lines)
first = kept.read_bytes()
again = ["train_voc", "--data", data, *OPTIONS, "--out", "run", "--resume"]
check(run(*again).returncode == 0 and kept.read_bytes() == first, first, kept.read_bytes())
kept.write_bytes(b"frcnn checked images 2, nonsense\n\0\xff")
check(run(*again).returncode == 0 and kept.read_bytes() == first, first, kept.read_bytes())
(data / "JPEGImages/a.jpg").write_bytes(PHOTO.read_bytes()[:-2])
refused(run(*again), "a.jpg: expected a whole JPEG, found its end missing")
