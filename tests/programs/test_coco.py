"""COCO files: evaluate on results and annotations, and what it refuses."""
import gzip
import json
import os
import pathlib
import shutil

from common import TINY, bytes_of, check, demo_data, refused, run

BOX = [10, 10, 40, 40]
gt = {"images": [{"id": i, "width": 200, "height": 100, "file_name": f"{i}.jpg"} for i in range(1, 11)],
      "categories": [{"id": 4, "name": "cat"}, {"id": 2, "name": "dog"}],
      "annotations": [{"id": i, "image_id": i, "category_id": 4, "bbox": BOX, "area": 1600, "iscrowd": 0} for i in range(1, 11)]}
dt = [{"image_id": i, "category_id": 4, "bbox": BOX, "score": .9} for i in range(1, 8)]


def write(name, value):
    pathlib.Path(name).write_text(json.dumps(value))
    return name


def stats(truth, found, *more):
    write("gt.json", truth), write("dt.json", found)
    r = run("evaluate", "--results", "dt.json", "--test", "gt.json", "--json", "out.json", *more)
    check(r.returncode == 0, r)
    return r, json.loads(pathlib.Path("out.json").read_text())["stats"]


r, numbers = stats(gt, dt)
check(len(numbers) == 12 and abs(numbers[0] - 70 / 101) < 1e-12 and abs(numbers[8] - .7) < 1e-12, numbers)
check(" Average Precision  (AP) @[ IoU=0.50:0.95 | area=   all | maxDets=100 ] = 0.693\n" in r.stdout, r)
check(r.stdout.startswith("AP dog n/a\nAP cat 0.6931\n"), r)  # in order of id

# No results are a result.
check(stats(gt, [])[1][0] == 0, "an empty list of results")

# Annotation id 0: found, unless pycocotools is to be equalled.
from0 = dict(gt, annotations=[dict(a, id=a["id"] - 1) for a in gt["annotations"]])
found = [dict(dt[0], image_id=i) for i in range(1, 11)]
r, numbers = stats(from0, found)
check(abs(numbers[0] - 1) < 1e-12 and "has the id 0" in r.stderr, r)
check(stats(from0, found, "--pycocotools-exact")[1][0] < .95, "--pycocotools-exact")

# Detections of other categories are not judged, and said.
r, numbers = stats(gt, dt + [dict(dt[0], category_id=77)])
check("1 of 8 detections" in r.stderr and abs(numbers[0] - 70 / 101) < 1e-12, r)

# Detections that are there twice are each judged, and said; those that differ in one number alone are others.
r, numbers = stats(gt, dt + [dict(dt[3], score=dt[3]["score"] / 2), dt[1], dt[0], dt[1]])
check("dt.json: 3 detections repeat an earlier one, each judged as one of its own; the first: result 8" in r.stderr, r)
check("repeat" not in stats(gt, dt + [dict(dt[0], score=dt[0]["score"] / 2)])[0].stderr, "nothing is said of others")

# Boxes as fractions or as corners have an AP of 0, and are said.
for box, words in (([.05, .1, .2, .4], "dt.json: all 7 boxes lie in 0..1"), ([60, 30, 190, 90], "dt.json: 7 of 7 boxes reach over the border")):
    r, numbers = stats(gt, [dict(d, bbox=box) for d in dt])
    check(words in r.stderr and numbers[0] == 0, r)
check("boxes" not in stats(gt, dt)[0].stderr, "nothing is said of good ones")

# What is refused.
evaluate = lambda results, test, *more: run("evaluate", "--results", results, "--test", test, *more)
write("gt.json", gt)
refused(evaluate(write("bad.json", dt + [dict(dt[0], image_id=99)]), "gt.json"), "bad.json, result 7", "99")
pathlib.Path("cut.json").write_text(json.dumps(dt)[:-10])
refused(evaluate("cut.json", "gt.json"), "cut.json", f"byte {len(json.dumps(dt)) - 10}")
refused(evaluate("gt.json", "gt.json"), "gt.json", "a list of results", "found an object {..}, as a file of annotations is")
refused(evaluate(write("own.json", [{"image": "1.jpg", "width": 9, "detections": []}]), "gt.json"), "own.json, result 0: expected results as COCO has them, found what detect --json writes")
refused(evaluate("dt.json", write("panoptic.json", dict(gt, annotations=[{"image_id": 1, "file_name": "1.png", "segments_info": []}]))),
        "panoptic.json, annotation 0: expected annotations of objects (instances_*.json), found panoptic ones")
from_zero = evaluate(write("zero.json", [dict(d, category_id=0) for d in dt]), "gt.json")
check("7 of 7 detections are of categories that gt.json does not have, and are not judged; the first: 0, where it has 2 to 4 (are they counted from 0?)" in from_zero.stderr, from_zero)
for kept in ("own.json", "panoptic.json"):  # what --json did not write it does not replace
    before = bytes_of(kept)
    refused(evaluate("dt.json", "gt.json", "--json", kept), f"{kept}: expected a new file, or the numbers of an evaluation that an earlier run wrote", "which would be lost")
    check(bytes_of(kept) == before, kept)
refused(evaluate(write("dt.json", dt), "nowhere.json"), "nowhere.json")
refused(evaluate("dt.json", "gt.json", "--json", "gt.json"), "gt.json", "an output that is no input")
for data in ("gt.json", "nowhere"):  # results first: the data is not to blame
    refused(evaluate("missing.json", data), "--results missing.json: expected a folder of result files, or a file of COCO's results, found nothing")

# Data: VOC to COCO and back; either trains to the same bytes, and has the same AP.
voc = demo_data("voc", 10)
for split in ("trainval", "test"):
    r = run("convert_data", "--data", f"voc:{split}", "--to", f"{split}.json")
    check(r.returncode == 0 and f"--data {split}.json:voc/JPEGImages" in r.stderr, r)
refused(run("evaluate", "--results", ".", "--test", "voc:test", "--json", "out.json"), "--json: expected data in COCO's layout alone, found voc:test")
# By its first character, where its name has another ending; what is packed is said.
shutil.copy("gt.json", "truth")
check(evaluate("dt.json", "truth").stdout == evaluate("dt.json", "gt.json").stdout, "a name without an ending")
pathlib.Path("gt.json.gz").write_bytes(gzip.compress(bytes_of("gt.json")))
refused(evaluate("dt.json", "gt.json.gz"), "gt.json.gz: expected a folder in VOC layout, or a JSON file of COCO, found a file packed by gzip: unpack it first")
refused(run("train_voc", "--data", "gt.json.gz", "--out", "none"), "gt.json.gz: expected a folder in VOC layout, or a JSON file of COCO, found a file packed by gzip")
refused(run("convert_data", "--data", "voc", "--to", "again", "--as", "trainval.txt"), "--as: expected the name of a list, without folder and ending")
refused(run("convert_data", "--data", "voc", "--data", "voc", "--to", "again"), "--data: expected it once, found it several times")
for data in ("voc", "voc:test"):
    refused(evaluate("dt.json", data), f"--results dt.json: expected a folder of result files, since --test {data} has no annotations in COCO's JSON, found a file")
pathlib.Path("coco/annotations").mkdir(parents=True)
pathlib.Path("coco/annotations/instances_val.json").write_text(json.dumps(gt))
for data in ("coco", "gt.json:voc/JPEGImages"):  # whatever names COCO data, with its images or without
    check(evaluate("dt.json", data).stdout == evaluate("dt.json", "gt.json").stdout != "", data)
refused(run("evaluate", "--results", "dt.json", "--test", "gt.json", "--engine", "portable"), "--engine: expected --model")
check(run("evaluate", "--results", "dt.json", "--test", "gt.json", env=dict(os.environ, FRCNN_CPU_ENGINE="portable")).returncode == 0, "of the environment")
for option in (["--split", "0.5"], ["--metric", "voc07"], ["--skip-bad"], ["--origin", "zero"], ["--channels", "4"], ["--bits", "16"], ["--report", "page.html"]):
    refused(run("evaluate", "--results", "dt.json", "--test", "gt.json", *option), option[0] + ": expected data, or a folder of result files")
refused(run("evaluate", "--results", "dt.json", "--test", "gt.json", "--recall"), "--recall: expected --model")
comma = json.loads(bytes_of("test.json"))
for category, name in zip(comma["categories"], ("z", "a, b", "c")):
    category["name"] = name
for name, advice in (("a, b", "--classes FILE, with a name on each line in the order 'z', 'a, b', 'c',"), ("a b", "--classes 'z,a b,c'"), ("ab", "--classes z,ab,c")):
    comma["categories"][1]["name"] = name
    r = run("convert_data", "--data", write("comma.json", comma) + ":voc/JPEGImages", "--to", f"comma {name}")
    check(r.returncode == 0 and f"in order of name: {advice} keeps the file's" in r.stderr, advice, r)
refused(run("convert_data", "--data", "voc:test", "--to", "test.json", "--as", "all"), "--as: expected a folder as --to")
for name in ("", "a/b"):
    refused(run("convert_data", "--data", "voc:test", "--to", "unnamed", "--as", name), "--as: expected the name of a list", f"found '{name}'")
train = lambda data, test, out: run("train_voc", "--data", data, "--test", test, *TINY, "--iterations", "3", "--difficult", "ignore", "--out", out)
of_voc = train("voc:trainval", "voc:test", "of_voc")
of_coco = train("trainval.json:voc/JPEGImages", "test.json:voc/JPEGImages", "of_coco")
check(of_voc.returncode == 0 and of_coco.returncode == 0, of_voc, of_coco)
check(bytes_of("of_voc/model.safetensors") == bytes_of("of_coco/model.safetensors"), "the same model")
ap = lambda r: [line for line in r.stdout.splitlines() if line.startswith(("AP50", "mAP50"))]
check(ap(of_voc) == ap(of_coco) and len(ap(of_voc)) > 1, of_voc, of_coco)
check("Average Precision  (AP) @[ IoU=0.50:0.95" in of_coco.stdout, of_coco)

check(b"AP at IoU 0.50 to 0.95, area all" in bytes_of("of_coco/report.html"), "COCO's numbers in the report")
# The results have the file's ids, and evaluate to the numbers that training printed.
r = run("evaluate", "--results", "of_coco/results/coco.json", "--test", "test.json")
check(r.returncode == 0 and r.stdout.strip() in of_coco.stdout, r, of_coco)
r = run("evaluate", "--model", "of_coco/model.safetensors", "--test", "test.json:voc/JPEGImages", "--threads", "1", "--json", "out.json")
check(r.returncode == 0 and ap(r) == ap(of_coco), r, of_coco)
pathlib.Path("nowhere").write_text("a file in the place of a folder")
lost = run("evaluate", "--model", "of_coco/model.safetensors", "--test", "test.json:voc/JPEGImages", "--json", "nowhere/out.json")
refused(lost, "nowhere/out.json: expected a folder to write into")
check(not lost.stdout and "images" not in lost.stderr, "before the work", lost)

check(run("convert_data", "--data", "trainval.json:voc/JPEGImages", "--to", "again").returncode == 0, "COCO to VOC")
check(run("convert_data", "--data", "again", "--to", "again.json").returncode == 0, "VOC to COCO")
check(bytes_of("again.json") == bytes_of("trainval.json"), "there and back")
# ... what the other layout would read otherwise is said
turned = json.loads(bytes_of("trainval.json"))
for of in turned["categories"]:
    of["id"] = -of["id"] + 100
for of in turned["annotations"]:
    of["category_id"] = -of["category_id"] + 100
turned["annotations"][0]["ignore"] = 1
pathlib.Path("turned.json").write_text(json.dumps(turned))
r = run("convert_data", "--data", "turned.json:voc/JPEGImages", "--to", "turned")
names = [of["name"] for of in sorted(turned["categories"], key=lambda of: of["id"])]
check(r.returncode == 0 and f"--classes {','.join(names)} keeps the file's" in r.stderr and " objects are crowds or ignored, and are marked difficult" in r.stderr, r)
r = run("convert_data", "--data", "turned", "--to", "back.json")
check(" objects are difficult, and have ignore in the file" in r.stderr and "COCO's numbers do not heed ignore" in r.stderr and "--classes" not in r.stderr, r)
refused(run("convert_data", "--data", "trainval.json:voc/JPEGImages", "--to", "again"), "again", "a new or an empty folder")
refused(run("convert_data", "--data", "trainval.json:voc/JPEGImages", "--to", "trainval.json"), "an output that is no input")
r = run("convert_data", "--data", "trainval.json:voc/JPEGImages", "--to", "copy.json")  # ids, areas, crowds and outlines would be lost
refused(r, "--to: expected a folder, since --data is COCO's already, found copy.json")
check("checked" not in r.stderr and not pathlib.Path("copy.json").exists(), r)
pathlib.Path("settings.json").write_text("{}")
for place, word in (("settings.json", "settings.json: expected a place without a file (--overwrite replaces it)"), ("nowhere/a.json", "a folder to write into"),
                    ("again", "a new or an empty folder"), ("nowhere/again", "'nowhere', a file")):  # before the data is checked
    result = run("convert_data", "--data", "again", "--to", place)
    refused(result, word)
    check("checked" not in result.stderr and bytes_of("settings.json") == b"{}", result)
check(run("convert_data", "--data", "again", "--to", "settings.json", "--overwrite").returncode == 0, "--overwrite")
check(bytes_of("settings.json") == bytes_of("trainval.json"), "replaced")

# Where no image lies is said with the folders that were searched, and a zero byte does not cut a message.
pathlib.Path("alone").mkdir()
shutil.copy("trainval.json", "alone/a.json")
refused(run("convert_data", "--data", "alone/a.json", "--to", "none"), "alone/a.json: expected its images in a folder (FILE.json:IMAGES says which), found none of",
        "'a'", "'alone'", "'images/a'", "'JPEGImages'", "'.'", "the first is")
refused(run("convert_data", "--data", "alone/a.json:voc", "--to", "none"), "in 'voc'; the first is")
write("zero.json", dict(gt, images=[dict(im, file_name=f"{im['id']}\0.jpg") for im in gt["images"]]))
refused(run("convert_data", "--data", "zero.json", "--to", "none"), "a \"file_name\" without a zero byte, found '1\\x00.jpg'")
write("zero.json", dict(gt, categories=[{"id": 4, "name": "a\0b"}, {"id": 2, "name": "a\0b"}]))
refused(run("convert_data", "--data", "zero.json", "--to", "none"), "categories whose names differ, found 'a\\x00b' twice")
refused(run("train_voc", "--data", "trainval.json:voc/JPEGImages", *TINY, "--out", "no_test"), "--test or --split")

# Label Studio on Windows writes backslashes; a name that a file has stays.
original = json.loads(bytes_of("trainval.json"))
shutil.copytree("voc/JPEGImages", "windows/images")
names = [im["file_name"] for im in original["images"]]
kept = pathlib.Path("windows/a\\b.png")
pathlib.Path("windows/images", names[0]).rename(kept)
write("windows/result.json", dict(original, images=[dict(im, file_name=kept.name if im["file_name"] == names[0] else "images\\" + im["file_name"]) for im in original["images"]]))
r = run("convert_data", "--data", "windows/result.json", "--to", "from_windows")
check(r.returncode == 0 and f"{len(names) - 1} images' file_names have backslashes, which are read as slashes, the first: 'images\\" in r.stderr, r)
check({p.name for p in pathlib.Path("from_windows/JPEGImages/images").iterdir()} == set(names[1:]) and pathlib.Path("from_windows/JPEGImages", kept.name).exists(), r)
write("above.json", dict(gt, images=[dict(im, file_name="..\\a.jpg") for im in gt["images"]]))
refused(run("convert_data", "--data", "above.json", "--to", "none"), "a \"file_name\" below the folder of the images, found '../a.jpg'")

# Roboflow's root category is no class, and does not end a run by its name.
root = dict(original, categories=[{"id": 0, "name": original["categories"][0]["name"], "supercategory": "none"}, *(dict(of, supercategory=original["categories"][0]["name"]) for of in original["categories"])])
write("roboflow.json", root)
r = run("convert_data", "--data", "roboflow.json:voc/JPEGImages", "--to", "of_roboflow")
check(r.returncode == 0 and "1 category is above others and has no object: it is no class" in r.stderr, r)
check(run("convert_data", "--data", "of_roboflow", "--to", "of_roboflow.json").returncode == 0 and bytes_of("of_roboflow.json") == bytes_of("trainval.json"), "the same data")

# A test split that nobody has annotated: results, and a line in place of AP. Where AP is asked for it is refused.
bare = {of: value for of, value in json.loads(bytes_of("test.json")).items() if of != "annotations"}
write("bare.json", bare)
r = run("train_voc", "--data", "trainval.json:voc/JPEGImages", "--test", "bare.json:voc/JPEGImages", *TINY, "--iterations", "3", "--difficult", "ignore", "--out", "bare")
check(r.returncode == 0 and "AP needs annotations" in r.stdout + r.stderr and "Average Precision" not in r.stdout and "AP50" not in r.stdout, r)
check(bytes_of("bare/results/coco.json") == bytes_of("of_coco/results/coco.json"), "the same results")
check(run("propose", "--model", "bare/model.safetensors", "--data", "bare.json:voc/JPEGImages", "--threads", 1, "--out", "bare.txt").returncode == 0, "propose")
for result in (run("evaluate", "--model", "bare/model.safetensors", "--test", "bare.json:voc/JPEGImages"), evaluate("bare/results/coco.json", "bare.json"),
               run("train_voc", "--data", "bare.json:voc/JPEGImages", "--no-test", *TINY, "--out", "none")):
    refused(result, 'bare.json', 'found no "annotations"')

# What VOC's layout would not find again is refused before anything is copied.
shutil.copytree("voc/JPEGImages", "endless")
first = pathlib.Path("endless", names[0])
first.rename(first.with_suffix(".jpe"))
write("endless.json", dict(original, images=[dict(im, file_name=first.with_suffix(".jpe").name) if im["file_name"] == names[0] else im for im in original["images"]]))
r = run("convert_data", "--data", "endless.json:endless", "--to", "none")
refused(r, first.with_suffix(".jpe").name + ": expected a name that ends as images in VOC layout do: .jpg, .jpeg, .png", "found '.jpe'")
check(not pathlib.Path("none").exists(), r)

# Both layouts in one run.
mixed = run("train_voc", "--data", "trainval.json:voc/JPEGImages", "--data", "voc:test", "--test", "voc:test", *TINY, "--iterations", "1", "--out", "mixed")
check(mixed.returncode == 0 and "mAP50" in mixed.stdout, mixed)
check("taken before" not in mixed.stderr, mixed)

# Of several files the numbers are those of all together, and each has its results, with its own ids; of both layouts there is AP50.
for second, numbers, words in (("test.json:voc/JPEGImages", True, "of 2 COCO files: COCO's numbers are of all of them together"), ("voc:test", False, "but not COCO's numbers")):
    out = f"split-{numbers}"
    r = run("train_voc", "--data", "trainval.json:voc/JPEGImages", "--data", second, "--split", 0.5, *TINY, "--iterations", "1", "--out", out)
    check(r.returncode == 0 and ("Average Precision  (AP) @[ IoU=0.50:0.95" in r.stdout) == numbers and "mAP50" in r.stdout, r)
    check(r.stderr.count(words) == 1 and r.stderr.index(words) < r.stderr.index("step 1 of 1"), r)
    check(("VOC's difficult objects are regions to ignore" in r.stderr) != numbers, r)
    for name, file in (("coco.json", "trainval.json"), ("coco-2.json", "test.json")):
        if not numbers and name != "coco.json":
            check(not pathlib.Path(out, "results", name).exists(), out)
            continue
        found, instances = json.loads(bytes_of(f"{out}/results/{name}")), json.loads(bytes_of(file))
        check(found and {d["image_id"] for d in found} <= {im["id"] for im in instances["images"]}, name)
        check({d["category_id"] for d in found} <= {c["id"] for c in instances["categories"]}, name)

# So it is with a model: as of the two files in one.
one, other = (json.loads(bytes_of(f"{split}.json")) for split in ("test", "trainval"))
for group, later in (("images", 1000), ("annotations", 100000)):
    one[group] += [dict(of, id=of["id"] + later, **({"image_id": of["image_id"] + 1000} if "image_id" in of else {})) for of in other[group]]
write("both.json", one)
scored = lambda *tests: run("evaluate", "--model", "of_coco/model.safetensors", "--threads", 1, *(word for test in tests for word in ("--test", test)))
apart, together = scored("test.json:voc/JPEGImages", "trainval.json:voc/JPEGImages"), scored("both.json:voc/JPEGImages")
check(apart.returncode == 0 and apart.stdout == together.stdout != scored("test.json:voc/JPEGImages").stdout, apart, together)
refused(run("evaluate", "--results", "of_coco/results/coco.json", "--test", "test.json", "--test", "trainval.json"), "--test: expected one", "found 2")

# A class without a result file is left out of all numbers.
shutil.copytree("of_coco/results", "less")
(lost,) = [file for file in pathlib.Path("less").glob("*.txt") if file.stem.endswith("_crate")]
lost.unlink()
r = run("evaluate", "--results", "less", "--test", "test.json:voc/JPEGImages", "--json", "less.json")
per_class = dict(line.split()[1:] for line in of_coco.stdout.splitlines() if line.startswith("AP ") and len(line.split()) == 3)
check(r.returncode == 0 and "is left out of the mean" in r.stderr and len(per_class) == 3 and "AP crate" not in r.stdout, r)
kept = [float(ap) for name, ap in per_class.items() if name != "crate" and ap != "n/a"]
check(kept and abs(json.loads(bytes_of("less.json"))["stats"][0] - sum(kept) / len(kept)) < 1e-4, r, per_class)

# Numbers of COCO's are refused where there are none.
mixed_test = ["--model", "of_coco/model.safetensors", "--test", "test.json:voc/JPEGImages", "--test", "voc:test", "--threads", 1]
for more in (["--json", "mixed.json"], ["--pycocotools-exact"]):
    refused(run("evaluate", *mixed_test, *more), more[0] + ": expected data in COCO's layout alone")
r = run("evaluate", *mixed_test)
check(r.returncode == 0 and "there will be AP50, but not COCO's numbers" in r.stderr and "Average Precision" not in r.stdout, r)

# Pictures that both layouts name, through a link too, are taken twice, which is said once, with the first.
pathlib.Path("linked").symlink_to("voc/JPEGImages")
twice = run("inspect_data", "--data", "voc:trainval", "--data", "trainval.json:linked", "--no-test", "--threads", 1)
count = len(json.loads(bytes_of("trainval.json"))["images"])
check(twice.stderr.count(f"warning: training data: {count} images are files that were taken before") == 1 and "linked/" in twice.stderr, twice)

# The other programs that read data: what they say of COCO's is what they say of VOC's.
model = "of_coco/model.safetensors"
for name, data in (("v", "voc:test"), ("c", "test.json:voc/JPEGImages")):
    check(run("propose", "--model", model, "--data", data, "--threads", 1, "--out", f"{name}.txt").returncode == 0, name)
    r = run("proposal_recall", "--test", data, "--out", f"{name}_recall", "c.txt" if name == "c" else "v.txt")
    check(r.returncode == 0 and "recall" in bytes_of(f"{name}_recall/recall.csv").decode(), r)
check(bytes_of("v.txt") == bytes_of("c.txt"), "equal proposals")
check(bytes_of("v_recall/recall.svg").replace(b"Recall of v", b"Recall of c") == bytes_of("c_recall/recall.svg"), "equal recall")
refused(run("propose", "--model", model, "--data", "test.json:voc/JPEGImages", "--out", "test.json"), "test.json: expected a new file, or proposals that an earlier run wrote")
r = run("compress", "--model", model, "--out", "low.safetensors", "--fc6-rank", 16, "--fc7-rank", 16, "--threads", 1, "--test", "test.json:voc/JPEGImages")
check(r.returncode == 0 and "mAP50" in r.stdout and "COCO AP at 0.75" in r.stdout, r)

# Photographs: BCCD in both forms trains to the same bytes, and has the same AP.
bccd = pathlib.Path(os.environ.get("FRCNN_TEST_DATA") or "nowhere") / "BCCD"
if not bccd.is_dir():
    print("skipped: FRCNN_TEST_DATA names no folder that holds BCCD")
else:
    for split in ("val", "test"):
        check(run("convert_data", "--data", f"{bccd}:{split}", "--to", f"bccd_{split}.json").returncode == 0, split)
    small = ["--iterations", 20, "--short-side", 96, "--max-side", 128, "--roi-batch", 16, "--threads", 1, "--seed", 3, "--difficult", "ignore"]
    trained = [run("train_voc", "--data", form("val"), "--test", form("test"), *small, "--out", out)
               for out, form in (("bccd_voc", lambda s: f"{bccd}:{s}"), ("bccd_coco", lambda s: f"bccd_{s}.json:{bccd}/JPEGImages"))]
    check(all(r.returncode == 0 for r in trained), *trained)
    check(bytes_of("bccd_voc/model.safetensors") == bytes_of("bccd_coco/model.safetensors"), "the same model of BCCD")
    check(ap(trained[0]) == ap(trained[1]) and len(ap(trained[0])) == 4, *trained)
    check(bytes_of("bccd_voc/metrics.jsonl") == bytes_of("bccd_coco/metrics.jsonl"), "the same losses")
