"""Images of one channel of 16 bits and of five channels in the programs: statistics, training, resume, evaluation, detection, weights for RGB."""
import json
import math
import pathlib
import shutil
import struct

from common import TINY, bytes_of, check, demo_data, refused, run
from voc_data import grey_png, read_png, tiff

rgb = demo_data()
trained = run("train_voc", "--data", rgb, *TINY, "--no-test", "--out", "rgb")
check(trained.returncode == 0 and "; mean " not in trained.stderr, trained)
# The demo scenes are JPEG files: detect writes what it sees of them as PNG.
seen = run("detect", "--model", "rgb/model.safetensors", "--threshold", "1", "--out", "pictures", rgb / "JPEGImages")
check(seen.returncode == 0, seen)
pictures = {path.stem: read_png(path) for path in sorted(pathlib.Path("pictures").glob("*.png"))}
check(len(pictures) == 12, sorted(pictures))


def folder(name, ending, encode):
    """The demo scenes with other images."""
    shutil.copytree(rgb, name, ignore=shutil.ignore_patterns("*.jpg"))
    for stem, (rows, width) in pictures.items():
        pathlib.Path(name, "JPEGImages", stem + ending).write_bytes(encode(rows, width))
    return pathlib.Path(name)


def heat(row):
    """Grey of few values out of 65536, as a thermal camera has them."""
    return [21000 + 4 * (row[i] + row[i + 1] + row[i + 2]) for i in range(0, len(row), 3)]


def bands(row):
    return [v for i in range(0, len(row), 3)
            for r, g, b in [row[i : i + 3]] for v in (257 * r, 257 * g, 257 * b, 65535 - 200 * r, 100 * (g + b))]


thermal = folder("thermal", ".png", lambda rows, width: grey_png([heat(r) for r in rows], width))
satellite = folder("satellite", ".tif", lambda rows, width: tiff([bands(r) for r in rows], width, 5))
listed = [line for line in (rgb / "ImageSets/Main/trainval.txt").read_text().split() if line]
photo = next(stem for stem in pictures if stem not in listed)


def options(data, *more):
    return ["--data", data, *TINY, "--checkpoint-every", "3", *more]


def normalisation(model):
    data = bytes_of(model)
    header = json.loads(data[8 : 8 + struct.unpack_from("<Q", data)[0]])
    return json.loads(header["__metadata__"]["spec"])["input"]["normalisation"]


def statistics(pixel, channels):
    """Mean and deviation of each channel of the training images, as parts of 65535."""
    values = [[] for _ in range(channels)]
    for stem in listed:
        for row in pictures[stem][0]:
            numbers = pixel(row)
            for c in range(channels):
                values[c] += numbers[c::channels]
    mean = [math.fsum(v) / len(v) for v in values]
    return [m / 65535 for m in mean], [math.sqrt(math.fsum((x - m) ** 2 for x in v) / len(v)) / 65535 for v, m in zip(values, mean)]


def close(a, b):
    return len(a) == len(b) and all(abs(x - y) <= 1e-12 + 1e-9 * abs(y) for x, y in zip(a, b))


def whole_run(name, data, pixel, channels, ending):
    """Trains, resumes, evaluates and detects."""
    first = run("train_voc", *options(data, "--channels", channels, "--out", name, "--show-augmented", "2", "--augment", "strong"))
    check(first.returncode == 0 and first.stderr.count("; mean ") == 1, first)
    check(first.stderr.count("have no saturation and no hue") == 1, first)
    mean, deviation = statistics(pixel, channels)
    found = normalisation(f"{name}/model.safetensors")
    check(close(found["mean"], mean) and close(found["deviation"], deviation) and "bits" not in found, found, mean, deviation)
    for part in ("report.html", f"detections/{photo}.png", f"augmented/001-{listed[0]}.png"):
        check(pathlib.Path(name, part).exists() or part.startswith("augmented"), part)
    check(len(list(pathlib.Path(name, "augmented").glob("*.png"))) == 2, "pictures of what training sees")
    check(len(read_png(f"{name}/detections/{photo}.png")[0][0]) == 3 * pictures[photo][1], "a picture is RGB")
    model = bytes_of(f"{name}/model.safetensors")
    shutil.rmtree(f"{name}/checkpoint/step-00000006")
    again = run("train_voc", *options(data, "--channels", channels, "--out", name, "--augment", "strong", "--resume"))
    check(again.returncode == 0 and "going on from step 3" in again.stderr and "; mean " not in again.stderr, again)
    check(bytes_of(f"{name}/model.safetensors") == model, "the bytes of the whole run")
    refused(run("train_voc", *options(data, "--channels", channels, "--bits", "8", "--out", name, "--augment", "strong", "--resume")), "--resume", "--bits")
    scores = run("evaluate", "--model", f"{name}/model.safetensors", "--test", data, "--report", f"{name}.html")
    check(scores.returncode == 0 and scores.stdout.splitlines()[-1] == first.stdout.splitlines()[-1], scores, first)
    seen = run("detect", "--model", f"{name}/model.safetensors", "--threshold", "0", "--json", f"{name}.json", "--out", f"{name}_pictures",
               "--tile", "128", data / f"JPEGImages/{photo}{ending}")
    check(seen.returncode == 0 and len(json.load(open(f"{name}.json"))[0]["detections"]) > 0, seen)
    check(len(read_png(f"{name}_pictures/{photo}.png")[0][0]) == 3 * pictures[photo][1], "a picture is RGB")
    refused(run("evaluate", "--model", f"{name}/model.safetensors", "--test", data, "--channels", "4"), f"--channels: expected {channels}, as", "found 4")
    other = run("detect", "--model", f"{name}/model.safetensors", rgb / f"JPEGImages/{photo}.jpg")
    refused(other, f"expected {channels} channel", "found 3")


whole_run("grey", thermal, heat, 1, ".png")

# A model of RGB looks at grey images as at three equal channels, and its weights begin a training on other channels.
check("bits" not in normalisation("rgb/model.safetensors"), normalisation("rgb/model.safetensors"))
check(normalisation("rgb/model.safetensors")["mean"] == [0.485, 0.456, 0.406], normalisation("rgb/model.safetensors"))
check(run("detect", "--model", "rgb/model.safetensors", thermal / f"JPEGImages/{photo}.png").returncode == 0, "grey for RGB")
narrow = run("train_voc", *options(thermal, "--no-test", "--out", "cut"))
check(narrow.returncode == 0 and "are nearly flat when cut to 8 bits (a training with --bits 16 keeps them" in narrow.stderr, narrow)
kept = run("train_voc", *options(thermal, "--no-test", "--bits", "16", "--out", "kept"))
found = normalisation("kept/model.safetensors")
check(kept.returncode == 0 and "nearly flat" not in kept.stderr and found["bits"] == 16 and close(found["mean"], [statistics(heat, 1)[0][0]] * 3), kept, found)
check(run("evaluate", "--model", "kept/model.safetensors", "--test", thermal).returncode == 0, "the model file says that bits are kept")
one = run("train_voc", *options(thermal, "--no-test", "--channels", "1", "--init", "rgb/model.safetensors", "--out", "one"))
check(one.returncode == 0 and "backbone.0 reads 1 channel in place of RGB: it starts from the sum of the weights" in one.stderr, one)
more = run("train_voc", *options(thermal, "--no-test", "--channels", "1", "--init", "grey/model.safetensors", "--out", "more"))
check(more.returncode == 0 and "; mean " not in more.stderr and "in place of RGB" not in more.stderr, more)
check(normalisation("more/model.safetensors") == normalisation("grey/model.safetensors"), "the model's own")

# What is refused.
for number in ("0", "17", "x"):
    refused(run("train_voc", *options(thermal, "--channels", number, "--out", "no")), "--channels", "1 to 16", number)
refused(run("train_voc", *options(rgb, "--bits", "12", "--out", "no")), "--bits", "12")
refused(run("train_voc", *options(rgb, "--channels", "5", "--out", "no")), "expected 5 channels, found 3", "JPEGImages")
refused(run("train_voc", *options(rgb, "--no-test", "--init", "grey/model.safetensors", "--out", "no")), "expected a model of RGB", "one of 1 channel", "--channels")
refused(run("inspect_data", "--data", rgb, "--channels", "1"), "expected 1 channel, found 3")
check(run("inspect_data", "--data", thermal, "--channels", "1").returncode == 0, "inspect_data")
check(not pathlib.Path("no/model.safetensors").exists(), "nothing is trained")

# TIFF, where the programs read it.
if "found a TIFF" in run("detect", "--model", "rgb/model.safetensors", satellite / f"JPEGImages/{photo}.tif").stderr:
    print("TIFF is not read by this build")
else:
    whole_run("five", satellite, bands, 5, ".tif")
    wide = run("train_voc", *options(satellite, "--no-test", "--channels", "5", "--init", "rgb/model.safetensors", "--out", "wide"))
    check(wide.returncode == 0 and "backbone.0 reads 5 channels in place of RGB: the first three keep the weights of red, green and blue" in wide.stderr, wide)
    refused(run("train_voc", *options(satellite, "--out", "no")), "expected 3 channels, found 5")
    pages = pathlib.Path(__file__).resolve().parent.parent / "golden/tiff/pages.tif"
    looked = run("detect", "--model", "rgb/model.safetensors", pages)
    check(looked.returncode == 0 and "pages.tif: 2 pages, of which the first is read" in looked.stderr, looked)
