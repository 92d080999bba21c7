"""Files of other programs in ours: a state dict of PyTorch in convert and train_voc --init, and the way back."""
import json
import pathlib
import struct
import zipfile

from common import TINY, bytes_of, check, demo_data, refused, run

data = demo_data()
model = "run/model.safetensors"
trained = run("train_voc", "--data", data, "--out", "run", "--no-test", *TINY)
check(trained.returncode == 0, trained)
header = json.loads(bytes_of(model)[8 : 8 + struct.unpack("<Q", bytes_of(model)[:8])[0]])
classes = ",".join(json.loads(header["__metadata__"]["spec"])["classes"])


def converts(source, *arguments):
    """The model file that `convert` makes of it."""
    result = run("convert", "--model", source, *arguments, "--out", "converted.safetensors")
    check(result.returncode == 0, result)
    return bytes_of("converted.safetensors")


def as_theirs(source, target, wrap=lambda pickled: pickled):
    """What torch.save would write of the state dict alone: without what our programs read beside it."""
    with zipfile.ZipFile(source) as ours, zipfile.ZipFile(target, "w") as theirs:
        for name in ours.namelist():
            record = ours.read(name)
            if name.endswith("data.pkl"):
                at = record.rindex(b"}(X\5\0\0\0frcnn")
                check(record.endswith(b"uub."), record)
                record = wrap(record[:at] + b".")
            theirs.writestr(name, record)


def no_convert(source, *arguments):
    return run("convert", "--model", source, *arguments, "--out", "none.safetensors")


expected = bytes_of(model)
check(run("convert", "--model", model, "--out", "ours.pth").returncode == 0, "convert")
check(converts("ours.pth") == expected, "there and back")
check(converts("ours.pth", "--preset", "small") == expected, "its preset may be said")
refused(no_convert("ours.pth", "--preset", "zf"), "preset: expected that of ours.pth, small, found zf")
refused(no_convert("ours.pth", "--classes", "a,b"), "ours.pth", "a model of this library, which says them")

theirs = ["--preset", "small", "--classes", classes, "--short-side", "96", "--max-side", "160"]
as_theirs("ours.pth", "theirs.pth")
as_theirs("ours.pth", "checkpoint.pth", lambda p: b"\x80\2}(X\5\0\0\0epochK\3X\5\0\0\0model" + p[2:-1] + b"X\4\0\0\0argscargparse\nNamespace\n)\x81u.")
as_theirs("ours.pth", "ema.pth", lambda p: b"\x80\2}X\7\0\0\0shadows" + p[2:-1] + b"s.")
for file in ("theirs.pth", "checkpoint.pth"):
    check(converts(file, *theirs) == expected, file)
check(converts("ema.pth", "--key", "shadows", *theirs) == expected, "--key")
refused(no_convert("ema.pth", *theirs), "ema.pth: expected a state dict, or one under model", 'found the keys "shadows"')
refused(no_convert("theirs.pth"), "theirs.pth: expected a preset, the network that its weights are of: small", "a file of another program")
refused(no_convert("theirs.pth", "--preset", "small"), "theirs.pth", "classes, found none in the file")
refused(no_convert("theirs.pth", *theirs, "--anchors", "32"), "rpn.head.", "expected shape [", "found shape [")
refused(no_convert("theirs.pth", "--preset", "vgg16_tv", *theirs[2:]), "theirs.pth, tensor")
refused(no_convert("theirs.pth", "--preset", "resnet50_c4", *theirs[2:]), "theirs.pth, tensor")
refused(run("convert", "--model", model, "--out", "model.onnx"), "--out model.onnx: expected a name that ends with .safetensors or .pth")
refused(run("convert", "--model", model, "--out", model), "an output that is no input")
check(not pathlib.Path("none.safetensors").exists(), "nothing is written")

# ---- every program that takes a model takes them
image = sorted((data / "JPEGImages").iterdir())[0]
for name, *arguments in (("detect", "--threshold", "0", "--json", "OUT", image), ("propose", "--data", data, "--out", "OUT")):
    for file, said in ((model, ()), ("theirs.pth", theirs)):
        done = run(name, "--model", file, *said, *[f"{file}.{name}" if a == "OUT" else a for a in arguments])
        check(done.returncode == 0, done)
    check(bytes_of(f"{model}.{name}") == bytes_of(f"theirs.pth.{name}"), name)
scores = [run("evaluate", "--model", file, *said, "--test", data).stdout for file, said in ((model, ()), ("theirs.pth", theirs))]
check("mAP50" in scores[0] and scores[0] == scores[1], scores)
refused(run("detect", "--model", model, "--classes", classes, image), "run/model.safetensors: expected a file of another program")
refused(run("detect", "--model", "theirs.pth", *theirs, "--bn-eps", "0", image), "epsilon of batch normalisation: expected a preset that has batch normalisation")

# ---- training from them
tiny = ["train_voc", "--data", data, "--no-test", *TINY]
check(run(*tiny, "--init", model, "--out", "a").returncode == 0, "--init")
check(run(*tiny, "--init", "ours.pth", "--out", "b").returncode == 0, "--init ours.pth")
check(bytes_of("a/model.safetensors") == bytes_of("b/model.safetensors"), "the same weights, the same training")
refused(run(*tiny, "--init", "theirs.pth", "--out", "c"), "theirs.pth: expected names of its", "no data set that is known by this number")
refused(run(*tiny, "--init", "ema.pth", "--init-key", "none", "--out", "d"), 'ema.pth: expected a key "none"')

# ---- other classes: rows of predictors go with their class
first, second, third = classes.split(",")[:3]
few = [*tiny, "--classes", f"{second},{first}"]
two = run(*few, "--init", "theirs.pth", "--init-classes", classes, "--out", "two")
check(two.returncode == 0 and f"keep the rows of the background and of 2 of 2 classes ({second}, {first}); --seed draws 0;" in two.stderr, two)
three = run(*tiny, "--classes", f"{first},{third},{second}", "--init", "two/model.safetensors", "--out", "three")
check(three.returncode == 0 and f"of 2 of 3 classes ({first}, {second}); --seed draws 1 ({third}); 0 of the file are left out" in three.stderr, three)
refused(run(*few, "--init", model, "--strict", "--out", "e"), "run/model.safetensors: expected a model of the classes of this run", "one of others too")
refused(run(*few, "--init", model, "--init-classes", "a,b", "--out", "e"), "--init-classes: expected a file of another program")
refused(run(*few, "--init", model, "--bn-eps", "0", "--out", "e"), "--bn-eps: expected a file of another program, found a model of this library")
as_theirs("ours.pth", "imagenet.pth", lambda p: p.replace(b"backbone.", b"features."))
refused(run(*tiny, "--init", "imagenet.pth", "--strict", "--out", "e"),
        "--strict: expected a detector, whose classes are compared, in imagenet.pth, found torchvision's vgg for ImageNet weights")
named = ["--init", "theirs.pth", "--init-classes", classes]
check("does not say its anchors" not in two.stderr, two)
moved = run(*few, *named, "--anchors", "20,40,80", "--out", "moved")
check(moved.returncode == 0 and "--init: its file does not say its anchors; the preset's are 9 (24,48,96 x 0.5,1,2); this run's are 9 (20,40,80 x" in moved.stderr, moved)
refused(run(*few, *named, "--anchors", "20,40", "--out", "f"), "theirs.pth, tensor", "rpn.head.", "expected shape [")
check(run(*tiny, "--classes", f"{first},{second}", "--init", "two/model.safetensors", "--strict", "--out", "order").returncode == 0, "another order")
check(run("convert", "--model", model, "--map-classes", f"{third},{first}", "--out", "some.safetensors").returncode == 0, "--map-classes")
check(run("convert", "--model", model, "--map-classes", classes, "--out", "all.safetensors").returncode == 0, "--map-classes")
check(bytes_of("all.safetensors") == expected, "all of its classes")
refused(run("convert", "--model", model, "--map-classes", "voc", "--out", "none.safetensors"), 'expected one named "aeroplane"')
