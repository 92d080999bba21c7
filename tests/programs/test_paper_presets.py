"""The paper's presets, and one on ResNet, in every program that takes one: zf trains, says what it lacks, is detected with, evaluated, resumed, gone on from."""
import json
import pathlib
import re
import shutil
import xml.etree.ElementTree as xml

from common import bytes_of, check, demo_data, run

SIDES = ["--short-side", "96", "--max-side", "128", "--threads", "1"]
NOTE = "--preset zf expects ImageNet weights (--init); without them nothing is frozen"

data = demo_data()
train = ["train_voc", "--preset", "zf", "--data", data, *SIDES, "--no-test"]
first = run(*train, "--iterations", "2", "--out", "run")
check(first.returncode == 0 and NOTE in first.stderr, first)
steps = [json.loads(line) for line in bytes_of("run/metrics.jsonl").splitlines()]
check(len(steps) == 2 and all(s["lr"] in (0.001, 0.0001) for s in steps), steps)

model = "run/model.safetensors"
image = sorted((data / "JPEGImages").iterdir())[0]
found = run("detect", "--model", model, "--threshold", "0", "--json", "boxes.json", image)
check(found.returncode == 0 and len(json.loads(bytes_of("boxes.json"))) == 1, found)
scored = run("evaluate", "--model", model, "--test", data)
check(scored.returncode == 0 and "mAP50" in scored.stdout, scored)

# ended and resumed; the checkpoint of a run over is of its last step
again = run(*train, "--iterations", "2", "--out", "run", "--resume")
check(again.returncode == 0 and "going on from step 2" in again.stderr, again)

# from weights it goes on without the note
tuned = run(*train, "--iterations", "1", "--init", model, "--out", "tuned")
check(tuned.returncode == 0 and NOTE not in tuned.stderr, tuned)

wrong = run("train_voc", "--preset", "vgg", "--data", data, "--out", "none")
check(wrong.returncode == 1 and "preset: expected one of small, vgg16_tv, zf, vgg16, fasterrcnn_resnet50_fpn, fasterrcnn_resnet50_fpn_v2, resnet101_fpn, resnet50_c4, resnet101_c4, found vgg" in wrong.stderr, wrong)
check(not pathlib.Path("none").exists(), "nothing is written")

# The settings of MS COCO, printed, and in the model file what changes detections. What is asked for besides counts.
coco = run("train_voc", "--preset", "zf", "--protocol", "coco", "--data", data, *SIDES, "--no-test", "--iterations", "1", "--out", "coco")
check(coco.returncode == 0 and "anchors 64,128,256,512 x 0.5,1,2; background IoU [0, 0.5); short side 96, longer at most 128; dropout 0" in coco.stderr, coco)
check("1 steps of 2 images, rate 0.001, times 0.1 after 1" in coco.stderr, coco)
raw = bytes_of("coco/model.safetensors")
spec = json.loads(json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])["__metadata__"]["spec"])
check("[64.0, 128.0, 256.0, 512.0]" in str(spec) and spec["dropout"]["fraction"] == 0, spec)
wrong = run("train_voc", "--preset", "small", "--protocol", "coco", "--data", data, "--out", "none")
check(wrong.returncode == 1 and "--protocol coco: expected --preset zf or vgg16" in wrong.stderr, wrong)

# Fast R-CNN on a file: the release's solver of the head alone, two images with 64 regions each. 73 boxes along each side of an object are
# enough foreground and background for 128.
with open("beside.txt", "w") as file:
    for name in (data / "ImageSets/Main/trainval.txt").read_text().split():
        for found in xml.parse(data / f"Annotations/{name}.xml").findall("object"):
            x1, y1, x2, y2 = (float(found.findtext(f"bndbox/{corner}")) for corner in ("xmin", "ymin", "xmax", "ymax"))
            for k in range(-36, 37):
                dx, dy = k * (x2 - x1) / 40, k * (y2 - y1) / 40
                file.write(f"{name} {x1 + dx} {y1} {x2 + dx} {y2}\n{name} {x1} {y1 + dy} {x2} {y2 + dy}\n")
fast = [*train, "--proposals", "beside.txt", "--diagnose-every", "1", "--out", "fast"]
alone = run(*fast, "--iterations", "1")
check(alone.returncode == 0, alone)
seen = [m for m in map(json.loads, bytes_of("fast/metrics.jsonl").splitlines()) if "head_positives" in m]
check(len(seen) == 1 and seen[0]["head_positives"] + seen[0]["head_negatives"] == 128, seen)
longer = run(*fast, "--resume")  # refused, with what it would be
check(longer.returncode == 1 and "--epochs or --iterations 1" in longer.stderr and "40000" in longer.stderr, longer)
longer = run(*fast, "--protocol", "coco", "--resume")
check(longer.returncode == 1 and "Fast R-CNN: 280000 steps of 2 images, rate 0.001, times 0.1 after 200000\n" in longer.stderr, longer)

# vgg16, as small as its head of 120 million weights lets it be.
large = run("train_voc", "--preset", "vgg16", "--data", data, "--short-side", "32", "--max-side", "48", "--threads", "1", "--anchors", "8,16,24", "--no-test",
            "--iterations", "1", "--accumulate", "1", "--out", "large")
check(large.returncode == 0 and "--preset vgg16 expects ImageNet weights" in large.stderr, large)
losses = json.loads(bytes_of("large/metrics.jsonl").splitlines()[0])
check(0 < losses["objectness"] < 1 and 0 < losses["class"] < 3, losses)  # ln 2, ln 4: a network that knows nothing and says so
found = run("detect", "--model", "large/model.safetensors", "--threshold", "0", "--json", "boxes.json", image)
check(found.returncode == 0 and json.loads(bytes_of("boxes.json"))[0]["detections"], found)
shutil.rmtree("large")

# ResNet with a pyramid: five sizes of anchors, one a map; the preset's own, told, and from the data, which are told as they are printed.
pyramid = ["train_voc", "--preset", "fasterrcnn_resnet50_fpn", "--data", data, "--short-side", "64", "--max-side", "96", "--threads", "1", "--no-test"]
deep = run(*pyramid, "--iterations", "1", "--anchors", "8,16,32,64,128", "--out", "deep")
proposed = re.search(r"proposed: --anchors (\S+) --ratios (\S+): .* \(--anchors auto takes them\)", deep.stderr)
check(deep.returncode == 0 and "strides of 4 to 64 cost" in deep.stderr and proposed, deep)
found = run("detect", "--model", "deep/model.safetensors", "--threshold", "0", "--json", "boxes.json", image)
check(found.returncode == 0 and len(json.loads(bytes_of("boxes.json"))) == 1, found)
shutil.rmtree("deep")
auto = run(*pyramid, "--iterations", "1", "--anchors", "auto", "--out", "auto")
taken = re.search(r"^  --anchors (\S+) --ratios (\S+) ", auto.stderr, re.M)
check(auto.returncode == 0 and "taken from the data; --anchors 32,64,128,256,512 --ratios 0.5,1,2" in auto.stderr and taken, auto)
raw = bytes_of("auto/model.safetensors")
spec = json.loads(json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])["__metadata__"]["spec"])
sizes = [float(size) for size in taken[1].split(",")]
check(spec["anchors"] == {"sizes": [[size] for size in sizes], "ratios": [float(ratio) for ratio in taken[2].split(",")]}, spec, auto)
check(sizes == sorted(set(sizes)), auto)
shutil.rmtree("auto")
told = run(*pyramid, "--iterations", "1", "--anchors", taken[1], "--ratios", taken[2], "--out", "told")
check(told.returncode == 0 and bytes_of("told/model.safetensors") == raw, "auto trains as its numbers do", told)
wrong = run(*pyramid, "--anchors", "8,16", "--out", "none")
check(wrong.returncode == 1 and "anchor sizes: expected as many for each of 5 maps, found 2 in all" in wrong.stderr, wrong)
check(not pathlib.Path("none/model.safetensors").exists(), wrong)
