"""Bad input: exit status 1, a sentence that names the file and what was expected, and nothing half-written."""
import pathlib
import re
import shutil

from common import TINY, bytes_of, check, demo_data, refused, run

good = demo_data("good")


def copy(name):
    shutil.rmtree(name, ignore_errors=True)
    shutil.copytree(good, name)
    return pathlib.Path(name)


def train(data, *more, out="out"):
    shutil.rmtree(out, ignore_errors=True)
    return run("train_voc", "--data", data, *TINY, "--iterations", "2", "--out", out, *more)


def refuses(data, *words, options=()):
    refused(train(data, *options), *words)
    left = [p.name for p in pathlib.Path("out").rglob("*") if p.is_file()]
    check(left in ([], ["checked_images.txt"]), "left in out/", left)  # the check was through


first = sorted((good / "ImageSets/Main/trainval.txt").read_text().split())[0]
second = sorted((good / "ImageSets/Main/trainval.txt").read_text().split())[1]
image_of = lambda root, name: next((root / "JPEGImages").glob(name + ".*"))

# images
d = copy("bad"); image_of(d, first).unlink()
refuses(d, first, "JPEGImages")
d = copy("bad"); im = image_of(d, first); im.write_bytes(im.read_bytes()[: im.stat().st_size // 2])
refuses(d, im)
d = copy("bad"); im = image_of(d, first); im.write_bytes(im.read_bytes()[:-2])
refuses(d, im)
d = copy("bad"); im = image_of(d, first); im.write_bytes(b"not an image at all")
refuses(d, im)
d = copy("bad"); im = image_of(d, first); im.write_bytes(b"")
refuses(d, im)
# ... every bad file of the data at once, of training and test
d = copy("bad"); im = image_of(d, first); im.write_bytes(b"x")
(d / "Annotations" / (second + ".xml")).write_text("<annotation><object>")
tested = (good / "ImageSets/Main/test.txt").read_text().split()[0]
im3 = image_of(d, tested); im3.write_bytes(b"y")
refuses(d, im, second + ".xml", im3)
# ... left out with a warning on request
d = copy("bad"); image_of(d, first).write_bytes(b"x")
result = train(d, "--skip-bad", "--no-test")
check(result.returncode == 0 and "warning" in result.stderr and first in result.stderr, result)

# annotations
d = copy("bad"); (d / "Annotations" / (first + ".xml")).unlink()
refuses(d, first + ".xml")
d = copy("bad"); xml = d / "Annotations" / (first + ".xml"); xml.write_text(xml.read_text().replace("</annotation>", ""))
refuses(d, first + ".xml")
d = copy("bad"); xml = d / "Annotations" / (first + ".xml"); xml.write_text(re.sub("<xmin>.*?</xmin>", "<xmin>here</xmin>", xml.read_text(), count=1))
refuses(d, first + ".xml", "here")
refuses(good, "circle-nobody-drew", options=["--classes", "circle-nobody-drew"])

# splits
d = copy("bad"); (d / "ImageSets/Main/trainval.txt").unlink()
refuses(d, "trainval.txt")
d = copy("bad"); (d / "ImageSets/Main/trainval.txt").write_text("\n\n")
refuses(d, "trainval.txt")
refuses("nowhere", "nowhere")
refuses(good, "night", options=["--test", f"{good}:night"])

# warnings, counted and named once
d = copy("warned")
xml = d / "Annotations" / (first + ".xml")
box = "<object><name>disk</name><difficult>0</difficult><bndbox><xmin>{}</xmin><ymin>20</ymin><xmax>{}</xmax><ymax>40</ymax></bndbox></object>"
name = re.search("<name>(.*?)</name>", xml.read_text()).group(1)
xml.write_text(xml.read_text().replace("</annotation>", (box.format(30, 10) + box.format(5000, 5010)).replace("disk", name) + "</annotation>"))
(d / "Annotations" / (second + ".xml")).write_text("<annotation></annotation>")
result = train(d, "--no-test")
check(result.returncode == 0, result)
check(result.stderr.count("warning: ") >= 3 and result.stderr.count(first) >= 1 and second in result.stderr, result)

# a diverging run names step and images, and keeps the last good checkpoint
result = train(good, "--lr", "1e30", "--lr-drop", "1", "--iterations", "60", "--checkpoint-every", "1", "--no-test")
refused(result, "step", "finite", "JPEGImages")
check(not pathlib.Path("out/model.safetensors").exists(), "no model of a diverged run")
check(len(list(pathlib.Path("out/checkpoint").glob("step-*"))) >= 1, "the last good checkpoint stays")

# model files
result = train(good, "--no-test", out="model")
check(result.returncode == 0, result)
photo = image_of(good, first)
cut = pathlib.Path("cut.safetensors"); cut.write_bytes(bytes_of("model/model.safetensors")[:100000])
refused(run("detect", "--model", cut, photo), "cut.safetensors")
refused(run("detect", "--model", "none.safetensors", photo), "none.safetensors")
whole = bytes_of("model/model.safetensors")
zeroed = pathlib.Path("zeroed.safetensors"); zeroed.write_bytes(whole[: len(whole) // 2] + bytes(len(whole) - len(whole) // 2))
flipped = pathlib.Path("flipped.safetensors"); flipped.write_bytes(whole[:-100] + bytes([whole[-100] ^ 1]) + whole[-99:])
for damaged in (zeroed, flipped):
    for command in (["detect", "--model", damaged, photo], ["evaluate", "--model", damaged, "--test", good],
                    ["compress", "--model", damaged, "--out", "smaller.safetensors", "--fc6-rank", "8"]):
        refused(run(*command), damaged.name, "tensor", "the bytes of its checksums")
    refuses(good, damaged.name, "tensor", "the bytes of its checksums", options=["--init", damaged])
check(not pathlib.Path("smaller.safetensors").exists(), "nothing is made of a damaged model")
refused(run("detect", "--model", photo, photo), photo)
# a checkpoint's state has the names and shapes of a model, and momentum in them
state = next(pathlib.Path("model/checkpoint").glob("step-*")) / "state.safetensors"
for command in (["detect", "--model", state, "--preset", "small", photo], ["train_voc", "--data", good, "--init", state, "--out", "momentum"],
                ["convert", "--model", state, "--preset", "small", "--out", "momentum.safetensors"]):
    refused(run(*command), f"{state}: expected weights, found the momentum of a checkpoint, whose weights are in {state.parent}/model.safetensors")
refused(run("detect", "--model", "model", photo), "model: expected a file of weights, found the folder of a run, whose model is model/model.safetensors")

# an output is no input, whichever option names that
names = pathlib.Path("names.pth"); names.write_text("\n".join(sorted(set(re.findall("<name>(.*?)</name>", xml.read_text())))))
found = pathlib.Path("found") / f"comp4_det_test_{name}.txt"; found.parent.mkdir(exist_ok=True); found.write_text(f"{tested} 0.9 10 10 50 50\n")
for file, *command in ((names, "convert", "--model", "model/model.safetensors", "--map-classes", names, "--out", names),
                       (names, "inspect_data", "--data", good, "--classes", names, "--html", names),
                       (found, "evaluate", "--results", found.parent, "--test", good, "--report", found)):
    before = file.read_bytes()
    refused(run(*command), f"{file}: expected an output that is no input, found the input {file}")
    check(file.read_bytes() == before, "an input stays as it is")
# ... nor a file of the data, by whatever link
d = copy("linked"); xml = d / "Annotations" / (first + ".xml"); before = xml.read_bytes()
pathlib.Path("linked.json").symlink_to(xml.resolve())
pathlib.Path("recall").mkdir(); pathlib.Path("recall/recall.csv").symlink_to(xml.resolve())
regions = pathlib.Path("regions.txt"); regions.write_text(f"{tested} 10 10 50 50 0.9\n")
for command, words in ((["convert_data", "--data", d, "--to", "linked.json", "--overwrite"], "expected an output that is no file of the data"),
                       (["proposal_recall", "--test", d, "--out", "recall", regions], f"expected an output that is no file of the data, found one of {d}")):
    refused(run(*command), words)
    check(xml.read_bytes() == before, "an annotation stays as it is")
refused(run("evaluate", "--model", cut, "--test", good), "cut.safetensors")
d = copy("others")
for xml in (d / "Annotations").glob("*.xml"):
    xml.write_text(xml.read_text().replace(f"<name>{name}</name>", "<name>zebra</name>"))
refuses(d, "model.safetensors", "zebra", options=["--init", "model/model.safetensors", "--strict"])
result = run("evaluate", "--model", "model/model.safetensors", "--test", d)  # a class that the model does not have: left out, counted
check(result.returncode == 0 and "zebra" in result.stderr, result)
for xml in (d / "Annotations").glob("*.xml"):
    xml.write_text(re.sub("<name>.*?</name>", "<name>zebra</name>", xml.read_text()))
refused(run("evaluate", "--model", "model/model.safetensors", "--test", d), "zebra")

# inputs that are not there are said before any work: no model is loaded, no image looked at
model = "model/model.safetensors"
pathlib.Path("lines.txt").write_text("")
for program, arguments, named in (
        ("evaluate", ["--model", model, "--test", good, "--proposals", "lost.txt"], "lost.txt"),
        ("evaluate", ["--model", "lost.pth", "--test", good], "lost.pth"),
        ("evaluate", ["--model", cut, "--test", "lost_data"], "lost_data"),
        ("evaluate", ["--model", cut, "--test", f"{good}:lost_split"], "lost_split"),
        ("evaluate", ["--model", cut, "--test", "lost.json"], "lost.json"),
        ("evaluate", ["--model", good, "--test", good], f"{good}: expected a file, found a folder"),
        ("compress", ["--model", cut, "--out", "less.safetensors", "--test", "lost_data"], "lost_data"),
        ("propose", ["--model", cut, "--data", f"{good}:lost_split", "--out", "p.txt"], "lost_split"),
        ("proposal_recall", ["--test", good, "--out", "recall", "lines.txt", "lost.txt"], "lost.txt"),
        ("convert", ["--model", cut, "--out", "less.pth", "--map-classes", "lost/names.txt"], "lost/names.txt"),
        *(("train_voc", ["--data", good, *TINY, "--out", "out", *options], options[-1]) for options in (
            ["--init", "lost.pth"], ["--proposals", "lost.txt"], ["--proposals", "lines.txt", "--test-proposals", "lost.txt"],
            ["--test", "lost_data"], ["--eval-every", "1e", "--val", "lost_data"], ["--classes", "lost/names.txt"],
            ["--init", model, "--init-classes", "lost/names.txt"]))):
    shutil.rmtree("out", ignore_errors=True)
    result = run(program, *arguments)
    refused(result, named)
    check("checked" not in result.stderr and "cut.safetensors" not in result.stderr and not result.stdout, "no work before", result)
check(not pathlib.Path("out").exists() and not list(pathlib.Path(".").glob("less.*")), "nothing is written")

# images given to detect: a bad one is named, the other is done
im = pathlib.Path("broken.jpg"); im.write_bytes(photo.read_bytes()[:3000])
refused(run("detect", "--model", "model/model.safetensors", "--out", "boxes", "--json", "boxes.json", photo, im), "broken.jpg")
check(pathlib.Path("boxes.json").exists() and len(list(pathlib.Path(".").glob("boxes/*"))) == 1, "the good image is done")

# a full disk: the file is not replaced by half of one
full = run("detect", "--model", "model/model.safetensors", "--json", "/dev/full", photo)
refused(full, "/dev/full")

# options
for arguments in (["--epochs", "1", "--iterations", "2"], ["--batch", "0"], ["--metric", "voc12"], ["--preset", "vgg19"], ["--scheme", "exact"], ["--no-such"]):
    result = train(good, *arguments)
    check(result.returncode == 1 and result.stderr.strip() or result.stdout.strip(), result)
