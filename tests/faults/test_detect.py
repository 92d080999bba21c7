"""detect: no input is written over, one bad image costs only itself, memory does not grow with the number of images."""
import csv
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import struct
import subprocess
import xml.etree.ElementTree as ET
import zlib

from common import PROGRAMS, TINY, bytes_of, check, demo_data, refused, run

data = demo_data("data", 6)
trained = run("train_voc", "--data", data, *TINY, "--iterations", "2", "--no-test", "--out", "model")
check(trained.returncode == 0, trained)
MODEL = ["--model", "model/model.safetensors", "--threads", "1", "--threshold", "0"]
photos = sorted((data / "JPEGImages").iterdir())
ending = photos[0].suffix


def grey_png(path, width, height):
    chunk = lambda kind, body: struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    rows = b"".join(b"\0" + bytes((x + y) % 251 for x in range(width)) if y < 2 else b"\0" + bytes(width) for y in range(height))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)) +
                     chunk(b"IDAT", zlib.compress(rows, 1)) + chunk(b"IEND", b""))


# ---- memory: of one image, however many there are
# (first, because the peak that the system tells counts this script's own from before the program began)
large = pathlib.Path("large.png")
grey_png(large, 2000, 1500)  # 9 MB of pixels


def peak_megabytes(count):
    names = [large] + [pathlib.Path(f"large_{i}.png") for i in range(1, count)]
    for name in names[1:]:
        os.symlink(large, name)
    process = subprocess.Popen([PROGRAMS / "detect", *MODEL, "--json", "large.json", *names], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    check(status == 0, status)
    return usage.ru_maxrss / 1024


alone, many = peak_megabytes(1), peak_megabytes(40)
check(many < alone + 40, f"{alone:.0f} MB for one image, {many:.0f} MB for 40")
print(f"{alone:.0f} MB for one image, {many:.0f} MB for 40")


def folder(name, **files):
    shutil.rmtree(name, ignore_errors=True)
    made = pathlib.Path(name)
    made.mkdir()
    for stem, source in files.items():
        (made / (stem + source.suffix)).write_bytes(source.read_bytes())
    return made


def contents(*folders):
    return {str(p): p.read_bytes() for f in folders for p in sorted(pathlib.Path(f).rglob("*")) if p.is_file()}


# ---- an output that is an input is refused before anything is written
png = pathlib.Path("square.png")
grey_png(png, 90, 60)
own = folder("own", a=png, b=png)


def refuses_outputs(*arguments, images=("own/a.png", "own/b.png"), watch=("own", "model")):
    before = contents(*watch)
    result = run("detect", *MODEL, *arguments, *images)
    refused(result, "an output that is no input")
    check(contents(*watch) == before, "an input changed, or something was written", result)
    check(not result.stdout, result)


refuses_outputs("--out", "own")
refuses_outputs("--out", "own/../own/.")
refuses_outputs("--out", own.resolve())
os.symlink("own", "link_to_own")
refuses_outputs("--out", "link_to_own")
refuses_outputs("--out", "own", images=("link_to_own/b.png",))
linked = folder("linked")
os.symlink("../own/b.png", "linked/b.png")  # an output that is a link to an input
refuses_outputs("--out", "linked", watch=("own", "linked"))
hard = folder("hard")
os.link("own/a.png", "hard/a.png")
refuses_outputs("--out", "hard", watch=("own", "hard"))
beside = folder("beside", a=png)
(beside / "a.png.part").write_bytes(png.read_bytes())
refuses_outputs("--out", "beside", images=("own/a.png", "beside/a.png.part"), watch=("own", "beside"))  # where a.png is written first
refuses_outputs("--json", "own/a.png")
refuses_outputs("--json", "model/model.safetensors")
os.symlink("../model/model.safetensors", "linked/boxes.json")
refuses_outputs("--json", "linked/boxes.json")
refuses_outputs("--json", "own/new/../a.png", "--xml", "own/new")  # a path through a folder that is made on the way
check(not pathlib.Path("own/new").exists(), "nothing is made")
for place in ("--out", "--xml"):
    refused(run("detect", *MODEL, place, "elsewhere/new/..", "own/a.png"), "a folder, or a place for one", "'elsewhere/new' is not there")
check(not pathlib.Path("elsewhere").exists(), "nothing is made")
twice = folder("twice")
(twice / "b.png").write_bytes(b"from before")
os.symlink("b.png", "twice/a.png")
refused(run("detect", *MODEL, "--out", "twice", "own/a.png", "own/b.png"), "different files", "a.png", "b.png")
check(bytes_of(twice / "b.png") == b"from before", "nothing is written")
refused(run("detect", *MODEL, "--out", "boxes", "--json", "boxes/a.png", "own/a.png"), "different files")
refused(run("detect", *MODEL, "--out", "both", "--json", "both", "own/a.png"), "both", "a file that is not the folder of another output")
check(not pathlib.Path("boxes").exists(), "nothing is written")
# ... and so is what no such run wrote: a photograph that the shell put behind an option, a model; an older file of its kind is replaced
jpeg = folder("jpeg", a=photos[0])
before = contents("own", "model", "jpeg")
for option, instead in (("--json", next(jpeg.iterdir())), ("--csv", "own/a.png"), ("--json", "other.safetensors")):
    shutil.copy("model/model.safetensors", "other.safetensors")
    refused(run("detect", *MODEL, option, instead, "own/b.png"), f"{instead}: expected a new file, or ", " that an earlier run wrote, found ", ", which would be lost")
for option, contents_there in (("--json", '{"images": []}'), ("--json", '[{"image_id": 1}]'), ("--csv", "a\nb\n")):
    pathlib.Path("theirs").write_text(contents_there)
    refused(run("detect", *MODEL, option, "theirs", "own/b.png"), "theirs: expected a new file, or ", "found a file that begins with", "which would be lost")
    check(pathlib.Path("theirs").read_text() == contents_there, "kept")
check(contents("own", "model", "jpeg") == before and bytes_of("other.safetensors") == bytes_of("model/model.safetensors"), "nothing is lost")
refused(run("detect", *MODEL, "--json", "--csv", "own/b.png"), "--json: expected the name of a file or a folder, not an option (./--csv where it is called so), found '--csv'")
for times in range(2):
    check(run("detect", *MODEL, "--json", "boxes.json", "--csv", "boxes.csv", "own/b.png").returncode == 0, "written again")
# ... a name with a '%' is that of its draft and picture
percent = folder("percent", **{"my%20photo": png, "50%": png})
check(run("detect", *MODEL, "--xml", "drafts", "--out", "drawn", "percent").returncode == 0, "percent")
check([sorted(p.stem for p in pathlib.Path(f).iterdir()) for f in ("drafts", "drawn")] == 2 * [["50%", "my%20photo"]], list(pathlib.Path("drafts").iterdir()))
# ... and a folder of JPEGs takes its own pictures
jpegs = folder("jpegs", a=photos[0])
if ending != ".png":
    before = bytes_of(next(jpegs.iterdir()))
    result = run("detect", *MODEL, "--out", "jpegs", next(jpegs.iterdir()))
    check(result.returncode == 0 and (jpegs / "a.png").exists() and bytes_of(jpegs / ("a" + ending)) == before, result)
# ... but not one that is read for images as a whole: the next run would take the pictures for images
before = contents("jpegs")
for place in ("jpegs", "./jpegs/"):
    refused(run("detect", *MODEL, "--out", place, "jpegs"), "--out: expected another folder than that of the images", f"found {place}")
check(contents("jpegs") == before, "nothing is written")
# ... where no other photograph has such a name: one that is not among the images is theirs too, through links and other folders as well
album = folder("album", a=photos[0])
if ending != ".png":
    (album / "a.png").write_bytes(png.read_bytes())  # another photograph
    os.symlink("album", "link_to_album")
    link = folder("link_beside")
    os.symlink(f"../album/a{ending}", f"link_beside/a{ending}")
    (link / "a.png").write_bytes(png.read_bytes())
    before = contents("album", "link_beside")
    for place, image in (("album", "album"), ("album", "link_to_album"), ("link_to_album", "album"), ("link_beside", "link_beside"),
                         ("album", "link_beside")):
        for also in ((), ("--json", "album.json", "--xml", "album_xml")):
            result = run("detect", *MODEL, "--out", place, *also, f"{image}/a{ending}")
            refused(result, f"{place}/a.png: expected a place without a picture (--overwrite replaces it), found a file that is there")
            check(contents("album", "link_beside") == before and not result.stdout and not list(pathlib.Path().glob("album[._]*")), result)
    result = run("detect", *MODEL, "--out", "album", "--xml", "album_xml", "--skip-done", f"album/a{ending}")  # the draft alone is missing
    check(result.returncode == 0 and contents("album", "link_beside") == before and os.listdir("album_xml") == ["a.xml"], result)
    result = run("detect", *MODEL, "--out", "album", "--overwrite", f"album/a{ending}")
    check(result.returncode == 0 and bytes_of(album / "a.png") != png.read_bytes() and bytes_of(album / ("a" + ending)) == photos[0].read_bytes(), result)

# ---- outputs of inputs of one name
one, two, three = (folder(name, photo=photo) for name, photo in zip(("one", "two", "three"), photos))
other_case = folder("other_case", PHOTO=photos[3])
(other_case / ("photo-2" + ending)).write_bytes(photos[4].read_bytes())
inputs = [f"one/photo{ending}", f"two/photo{ending}", f"other_case/PHOTO{ending}", f"other_case/photo-2{ending}", f"three/photo{ending}"]
result = run("detect", *MODEL, "--out", "names", "--json", "names.json", *inputs)
check(result.returncode == 0, result)
names = sorted(p.name for p in pathlib.Path("names").iterdir())
check(len(names) == 5 and len({n.lower() for n in names}) == 5 and "photo.png" in names and "photo-2.png" in names, names)
check([entry["image"] for entry in json.loads(bytes_of("names.json"))] == inputs, "an entry for each image, in order")
long_name = pathlib.Path("x" * (255 - len(ending)) + ending)
long_name.write_bytes(photos[0].read_bytes())
pathlib.Path("far").mkdir()
shutil.copy(long_name, "far")
result = run("detect", *MODEL, "--out", "long", long_name, pathlib.Path("far") / long_name)
check(result.returncode == 0 and len(list(pathlib.Path("long").glob("*.png"))) == 2, result)
# ... one image that is named twice, whatever the spelling, is looked at once
result = run("detect", *MODEL, "--xml", "named_twice", photos[0], "data/../" + str(photos[0]), photos[0].resolve(), photos[1])
check(result.returncode == 0 and "2 of 4 images are named before" in result.stderr, result)
check(sorted(os.listdir("named_twice")) == [p.stem + ".xml" for p in photos[:2]], os.listdir("named_twice"))

# ---- one bad image is named, the others are done
pathlib.Path("broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 and no more")
pathlib.Path("void").mkdir()
bad = ["broken.jpg", "nowhere.jpg", "void"]
(pathlib.Path("void") / "a.gif").write_bytes(b"GIF89a")
result = run("detect", *MODEL, "--out", "rest", "--json", "rest.json", photos[0], *bad, photos[1])
check(result.returncode == 1 and len(result.stdout.splitlines()) == 2, result)
refused(result, *(f"error: {name}" for name in bad), "3 of 5 images")
check(sorted(p.stem for p in pathlib.Path("rest").iterdir()) == sorted(p.stem for p in photos[:2]), "pictures of the good ones")
report = json.loads(bytes_of("rest.json"))
check([entry["image"] for entry in report] == [str(photos[0]), *bad, str(photos[1])], report)
for entry in report:
    check(("error" in entry) == (entry["image"] in bad) and ("detections" in entry) != ("error" in entry), entry)
check(re.search(r"void: expected images in the folder itself \(\.jpg, \.jpeg, \.png, \.bmp, \.jfif(, \.tif, \.tiff)?\), found 'a\.gif'", result.stderr), result)
# ... and where all are bad, old files stay, and no new one is made
old = {"csv": "image,class,score,x1,y1,x2,y2\n", "json": "[]\n", "coco": "from before"}
for kind, text in old.items():
    pathlib.Path("old." + kind).write_text(text)
for before in ("old", "new"):
    result = run("detect", *MODEL, "--csv", before + ".csv", "--json", before + ".json", *(["--coco", "new.coco"] if before == "new" else []), *bad)
    refused(result, *(f"error: {name}" for name in bad), "3 of 3 images failed; no file of detections is written")
    check(all(pathlib.Path("old." + kind).read_text() == text for kind, text in old.items()), result)
check(not list(pathlib.Path().glob("new.*")) and not list(pathlib.Path().glob("old.*.part")), os.listdir())
check(["error" in e for e in json.loads(run("detect", *MODEL, "--json", "-", *bad).stdout)] == [True] * 3, "standard output is whole")
# ... as is one that there is no memory for
huge = pathlib.Path("huge.png")
grey_png(huge, 16000, 16000)
# CUDA's libraries, where the program has them, take address space of their own.
libraries = re.findall(r"=> (/\S*/libcu\S+)", subprocess.run(["ldd", PROGRAMS / "detect"], capture_output=True, text=True).stdout)
most = (900 << 20) + sum(os.path.getsize(library) for library in libraries)
limit = lambda: resource.setrlimit(resource.RLIMIT_AS, (most, most))
result = run("detect", *MODEL, "--json", "memory.json", photos[0], huge, photos[1], preexec_fn=limit)
refused(result, "error: huge.png", "1 of 3 images")
check(len(result.stdout.splitlines()) == 2 and [("error" in e) for e in json.loads(bytes_of("memory.json"))] == [False, True, False], result)
# ... and a picture that cannot be written; its boxes are in the JSON
pathlib.Path("stuck").mkdir()
pathlib.Path("stuck", photos[0].stem + ".png").mkdir()
result = run("detect", *MODEL, "--out", "stuck", "--json", "stuck.json", *photos[:2])
refused(result, str(photos[0]), "a folder")
check(all("detections" in e for e in json.loads(bytes_of("stuck.json"))) and pathlib.Path("stuck", photos[1].stem + ".png").exists(), result)

# ---- --json: begun before anything is computed, whole or not there
refused(run("detect", *MODEL, "--json", "no/such/folder.json", photos[0]), "folder.json")
check(not run("detect", *MODEL, "--json", "no/such/folder.json", photos[0]).stdout, "refused before the first image")
refused(run("detect", *MODEL, "--json", "model", photos[0]), "model", "a folder")
refused(run("detect", "--model", "broken.jpg", "--json", "never.json", photos[0]), "broken.jpg")
check(not list(pathlib.Path(".").glob("never.json*")), "no report without a model")
fifo = pathlib.Path("fifo")
os.mkfifo(fifo)
process = subprocess.Popen([PROGRAMS / "detect", *MODEL, "--json", "growing.json", photos[0], fifo], stdout=subprocess.DEVNULL)
with open(fifo, "wb") as pipe:  # opens when detect has come to its second image
    check(pathlib.Path("growing.json.part").exists() and not pathlib.Path("growing.json").exists(), "written beside")
    pipe.write(photos[1].read_bytes())
check(process.wait(timeout=60) == 0 and len(json.loads(bytes_of("growing.json"))) == 2, "renamed at the end")
check(not pathlib.Path("growing.json.part").exists(), "nothing left beside")
# ... and byte for byte what one dump of the whole gives
text = bytes_of("rest.json").decode()
check(text.startswith("[\n {\n  \"image\": ") and text.endswith("\n }\n]\n"), text[:200])

# ---- files of detections in a folder that the program makes itself; without a model it is not there
for option in ("--json", "--csv", "--coco"):
    for place, kind in (("--out", "png"), ("--xml", "xml")):
        name = f"new{option}{place}/below"
        result = run("detect", *MODEL, place, name, option, name + "/all", photos[0])
        check(result.returncode == 0 and sorted(os.listdir(name)) == sorted(["all", f"{photos[0].stem}.{kind}"]), result)
        refused(run("detect", "--model", "broken.jpg", place, "fresh/below", option, "fresh/below/all", photos[0]), "broken.jpg")
        check(not pathlib.Path("fresh").exists(), "folders of a run that did not begin")
        refused(run("detect", *MODEL, place, "fresh", option, "fresh/below/all", photos[0]), "fresh/below/all")
        check(not pathlib.Path("fresh").exists(), "a folder of a run that did not begin")
os.mkdir("kept")
refused(run("detect", "--model", "broken.jpg", "--out", "kept", photos[0]), "broken.jpg")
check(pathlib.Path("kept").exists(), "it was there before")

# ---- --json -: standard output, and nothing but JSON there
for name in ("-", "/dev/stdout"):
    result = run("detect", *MODEL, "--json", name, "--out", "piped", photos[0], "nowhere.jpg", photos[1])
    check(result.returncode == 1 and [("error" in e) for e in json.loads(result.stdout)] == [False, True, False], result)
    check(result.stderr.count(" box") == 2 and "error: nowhere.jpg" in result.stderr, result)
check(not pathlib.Path("-").exists() and not pathlib.Path("-.part").exists(), "a file called -")
check(run("detect", *MODEL, "--json", "./-", photos[0]).returncode == 0 and len(json.loads(bytes_of("./-"))) == 1, "./- is a file")
with open("/dev/full", "w") as full:
    process = subprocess.run([PROGRAMS / "detect", *MODEL, "--json", "-", photos[0]], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
check(process.returncode == 1 and "a full disk" in process.stderr, process.stderr)

# ---- a model file that is none
for start, words in ((b"PK\3\4", "a zip archive, as PyTorch"), (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
                     (b"\x08\x07\x12\x07pytorch", "ONNX"), (b"<!DOCTYPE html>", "an HTML page"), (b"\xff\xd8\xff\xe0", "a JPEG image"),
                     (b"\x80\x02\x8a\x0a", "a pickle")):
    pathlib.Path("foreign.pth").write_bytes(start + bytes(600))
    refused(run("detect", "--model", "foreign.pth", photos[0]), "foreign.pth: expected a ", "its directory at the end" if start[:2] == b"PK" else words)
pathlib.Path("page.jpg").write_bytes(b"<html><body>Not found</body></html>")
refused(run("detect", *MODEL, "page.jpg"), "page.jpg: expected a JPEG, PNG", "image, found an HTML page")

# ---- a file name that is not UTF-8
name = b"caf\xe9" + os.fsencode(ending)
with open(name, "wb") as file:
    file.write(photos[0].read_bytes())
as_bytes = lambda *arguments: subprocess.run([os.fsencode(PROGRAMS / "detect"), *map(os.fsencode, [*MODEL, "--max-detections", "3", *arguments])],
                                             capture_output=True, timeout=60)
process = as_bytes("--json", "latin.json", "--csv", "latin.csv", "--out", "latin", name)
check(process.returncode == 0, process.stderr)
check(bytes_of("latin.csv").decode().count("caf\ufffd" + ending + ",") == 3, bytes_of("latin.csv"))
check(json.loads(bytes_of("latin.json"))[0]["image"] == "caf\ufffd" + ending, bytes_of("latin.json"))
check(os.listdir(b"latin") == [b"caf\xe9.png"], os.listdir(b"latin"))

# ... which drafts of labels could not name, nor control characters in XML: refused at once, with the image
control = "one\x01" + ending
pathlib.Path(control).write_bytes(photos[0].read_bytes())
os.mkdir(b"d\xe9")
shutil.copy(photos[0], b"d\xe9/a" + os.fsencode(ending))
for option, image, said in (("--coco", name, "caf\\xE9"), ("--xml", name, "caf\\xE9"), ("--xml", control, "one\\x01"), ("--xml", b"d\xe9/a" + os.fsencode(ending), "d\\xE9/a")):
    process = as_bytes(option, "labels", "--csv", "labels.csv", "--out", "labels_out", photos[0], image)
    check(process.returncode == 1 and not process.stdout and f"{option} labels: expected" in process.stderr.decode(), process)
    check(f"found '{said}{ending}'" in process.stderr.decode() and not list(pathlib.Path().glob("labels*")), process, os.listdir())
check(as_bytes("--coco", "labels", control, b"d\xe9/a" + os.fsencode(ending)).returncode == 1, "the folder is part of the name here")
check(as_bytes("--coco", "labels", control).returncode == 0 and json.loads(bytes_of("labels"))["images"][0]["file_name"] == control, "JSON holds it")
check(as_bytes("--coco", "below.json", b"d\xe9/a" + os.fsencode(ending)).returncode == 0, "names are relative to the folder")

# ---- folders, patterns, limits and tiles
shutil.rmtree("many", ignore_errors=True)
many = folder("many", **{p.stem.replace("0", "o"): p for p in photos[:3]})
(many / "note.txt").write_text("no image")
names = sorted(str(p) for p in many.iterdir() if p.suffix == ending)
for argument in ("many", "many/*" + ending):
    check([e["image"] for e in json.loads(run("detect", *MODEL, "--json", "-", argument).stdout)] == names, argument)
refused(run("detect", *MODEL, "many/*.gif"), "many/*.gif: expected a file")
# ... a link to nothing is named, and nobody waits for a pipe of the folder
odd = folder("odd_files", a=photos[0])
os.mkfifo(odd / "pipe.jpg")
os.symlink("gone.jpg", odd / "link.jpg")
result = run("detect", *MODEL, "--json", "odd.json", odd)
refused(result, "odd_files/link.jpg: expected a file, found a symbolic link to 'gone.jpg'", "1 of 2 images")
check([("error" in e) for e in json.loads(bytes_of("odd.json"))] == [False, True], result)


def boxes(*options, image=photos[0]):
    result = run("detect", *MODEL, "--json", "-", *options, image)
    check(result.returncode == 0, result)
    return [(d["class"], d["score"], *d["box"]) for d in json.loads(result.stdout)[0]["detections"]], result.stderr


all_boxes, said = boxes("--max-detections", 1000)
five, said_of_five = boxes("--max-detections", 5)
check(len(all_boxes) > 100 and five == all_boxes[:5] and "5 detections, as many as are reported" in said_of_five and "as many" not in said, said)
check(boxes("--tile", 4000)[0] == boxes()[0], "an image of one tile is seen as without tiles")
for options, of in (((), "image"), (("--tile", 200), "tile"), (("--tile", 200, "--batch", 3), "pass of up to 3 tiles")):
    check(f"ms per {of}, mean of " in boxes("--timing", *options)[1], of)


def overlap(a, b):
    w, h = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    both = max(w, 0) * max(h, 0)
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


for options in ((), ("--tile", 100, "--overlap", 30)):
    merged = boxes(*options, "--nms-across-classes", "--nms", 0.3)[0]
    check(merged and all(overlap(a[2:], b[2:]) < 0.301 for i, a in enumerate(merged) for b in merged[:i]), options)
for wrong in (("--overlap", 10), ("--tile", 100, "--overlap", 100), ("--tile", 0), ("--max-detections", 0), ("--merge", "ios")):
    check(run("detect", *MODEL, *wrong, photos[0]).returncode == 1, wrong)

# ---- files for other programs: CSV, and drafts of labels that the readers of data take
result = run("detect", *MODEL, "--max-detections", 7, "--csv", "f.csv", "--coco", "f.json", "--xml", "drafts", "--json", "f_ours.json", "many")
check(result.returncode == 0 and "f.json: names of images are relative to many" in result.stdout, result)
ours = json.loads(bytes_of("f_ours.json"))
with open("f.csv", newline="") as file:
    lines = list(csv.DictReader(file))
flat = [(e["image"], d["class"], d["score"], *d["box"]) for e in ours for d in e["detections"]]
check(len(lines) == 21 and len(flat) == 21, lines)
for line, (image, name, score, *box) in zip(lines, flat):
    check((line["image"], line["class"]) == (image, name), line)
    check(all(abs(float(line[k]) - v) <= 1e-5 * abs(v) for k, v in zip(("score", "x1", "y1", "x2", "y2"), (score, *box))), line, box)
coco = json.loads(bytes_of("f.json"))
check([im["file_name"] for im in coco["images"]] == [pathlib.Path(n).name for n in names] and len(coco["annotations"]) == 21, coco["images"])
check(run("convert_data", "--data", "f.json:many", "--to", "back").returncode == 0, "a draft is data")
draft = ET.parse("drafts/" + pathlib.Path(names[0]).stem + ".xml").getroot()
check(draft.findtext("filename") == pathlib.Path(names[0]).name and draft.findtext("folder") == "many", ET.tostring(draft))
for o, d in zip(draft.iter("object"), ours[0]["detections"]):
    corners = [int(o.findtext("bndbox/" + k)) for k in ("xmin", "ymin", "xmax", "ymax")]
    check(o.findtext("name") == d["class"] and all(abs(a - b) <= 1 for a, b in zip(corners, (d["box"][0] + 1, d["box"][1] + 1, *d["box"][2:]))), corners, d)
near, far = names[0], str(pathlib.Path(names[1]).resolve())
check(run("detect", *MODEL, "--coco", "both.json", near, far).returncode == 0, "relative and absolute")
check([im["file_name"] for im in json.loads(bytes_of("both.json"))["images"]] == [pathlib.Path(n).name for n in (near, far)], bytes_of("both.json"))
for csv_name, coco_name in (("same", "./same"), (pathlib.Path("same").resolve(), "same")):
    refused(run("detect", *MODEL, "--csv", csv_name, "--coco", coco_name, near), "outputs that are different files")
before = contents("drafts")
refused(run("detect", *MODEL, "--xml", "drafts", "many"), "a place without labels", "--overwrite", "--skip-done")
refused(run("detect", *MODEL, "--coco", "f.json", "many"), "f.json: expected a place without labels (--overwrite replaces them)")
check(contents("drafts") == before and json.loads(bytes_of("f.json")) == coco, "labels are not written over")
# ... unless that is asked for, or a run goes on from where another ended
result = run("detect", *MODEL, "--max-detections", 2, "--xml", "drafts", "--coco", "f.json", "--overwrite", "many")
check(result.returncode == 0 and len(json.loads(bytes_of("f.json"))["annotations"]) == 6 and contents("drafts") != before, result)
before = contents("drafts")
os.remove("drafts/" + pathlib.Path(names[1]).stem + ".xml")
result = run("detect", *MODEL, "--max-detections", 2, "--xml", "drafts", "--skip-done", "many")
check(result.returncode == 0 and "2 of 3 images are done" in result.stderr and len(result.stdout.splitlines()) == 1, result)
check(contents("drafts") == before, "the rest, and nothing else")
result = run("detect", *MODEL, "--xml", "drafts", "--out", "drafts_seen", "--skip-done", "many")  # pictures alone are missing
check(result.returncode == 0 and "0 of 3 images are done" in result.stderr and contents("drafts") == before, result)
check(len(os.listdir("drafts_seen")) == 3, os.listdir("drafts_seen"))
check(not run("detect", *MODEL, "--xml", "drafts", "--out", "drafts_seen", "--skip-done", "many").stdout, "all is done")
for option in (["--csv", "skip.csv", "--xml", "drafts"], ["--coco", "skip.json", "--xml", "drafts"], ["--overwrite", "--xml", "drafts"], []):
    refused(run("detect", *MODEL, "--skip-done", *option, "many"), "--skip-done")
# ... and pictures of an earlier run are replaced, or stay, with a word
result = run("detect", *MODEL, "--out", "drafts_seen", names[0], photos[3])
check("1 of the pictures in it are replaced" in result.stderr and "2 of the pictures in it are of other runs" in result.stderr, result)
check("of the pictures" not in run("detect", *MODEL, "--out", "own", "--xml", "own_xml", "own/a.png", "own/b.png").stderr, "inputs are no earlier pictures")

# ---- an overlap that makes long work is said before it, and one that cannot be meant is refused
process = subprocess.Popen([PROGRAMS / "detect", *MODEL, "--tile", "32", "--overlap", "31", "own/a.png"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
said = process.stderr.readline()
process.send_signal(signal.SIGTERM)  # between two tiles, too
output, errors = process.communicate(timeout=60)
check("own/a.png: 1711 tiles of 32 pixels, as neighbours share 31 (--overlap 8 makes 12)" in said, said)
check(process.returncode == 143 and "stopped after 0 of 1 images" in errors and not output, process.returncode, errors)
refused(run("detect", *MODEL, "--tile", 32, "--overlap", 31, large), "at most 1000000 tiles", "2892461")

# ---- what cannot be written is found before the work
pathlib.Path("a_file").write_text("")
for option in ("--csv", "--json", "--coco"):
    for place in ("no/such/folder/f", "a_file/f", "own", "x" * 300):
        result = run("detect", *MODEL, option, place, *photos[:2])
        check(result.returncode == 1 and not result.stdout and place[:255] in result.stderr, result)
for option in ("--out", "--xml"):
    for place in ("a_file", "a_file/f", "x" * 300):
        result = run("detect", *MODEL, option, place, *photos[:2])
        check(result.returncode == 1 and not result.stdout and f"{option} {place}: expected a folder" in result.stderr, result)
    if os.geteuid() != 0:  # who may write everywhere
        os.makedirs("locked", exist_ok=True)
        os.chmod("locked", 0o500)
        refused(run("detect", *MODEL, option, "locked/below", *photos[:2]), f"{option} locked/below: expected a place to write into")
