"""compress: a model file to a smaller one that every program takes, what it says on the way, and what it refuses."""
import json
import pathlib
import re
import struct

from common import TINY, bytes_of, check, demo_data, refused, run

data = demo_data()
trained = run("train_voc", "--data", data, *TINY, "--out", "run")
check(trained.returncode == 0, trained)
model, small = "run/model.safetensors", "small.safetensors"


def header(path):
    raw = bytes_of(path)
    return json.loads(raw[8 : 8 + struct.unpack("<Q", raw[:8])[0]])


# what each layer loses, time and AP before and after
result = run("compress", "--model", model, "--out", small, "--fc6-rank", 64, "--fc7-rank", 32, "--threads", 1, "--test", data)
check(result.returncode == 0, result)
lines = result.stdout.splitlines()
check(re.match(r"fc6 512 x 12544 to rank 64: 0\.84 of 6\.42 million weights, relative error 0\.\d{4}", lines[0]), lines[0])
check(re.match(r"fc7 512 x 512 to rank 32: 0\.03 of 0\.26 million weights, relative error 0\.\d{4}", lines[1]), lines[1])
check(re.search(r"^ms per image +\d+\.\d +\d+\.\d   median of 2 images, \d+\.\d\d times as fast$", result.stdout, re.M), result)
columns = {m[1]: (m[2], m[3]) for m in re.finditer(r"^(m?AP50.*?) +(\d\.\d{4}) +(\d\.\d{4})$", result.stdout, re.M)}
check(len(columns) >= 2 and "mAP50" in columns, result)
for path, column in ((model, 0), (small, 1)):
    alone = run("evaluate", "--model", path, "--test", data, "--threads", 1)
    check(alone.returncode == 0, alone)
    check(dict(line.rsplit(" ", 1) for line in alone.stdout.splitlines()) == {k: v[column] for k, v in columns.items()}, alone, columns)

joined = run("compress", "--model", model, "--out", "joined.safetensors", "--fc6-rank", 64, "--fc7-rank", 32, "--threads", 1, "--test", data, "--test",
             f"{data}:trainval")
check(joined.returncode == 0 and "median of 12 images" in joined.stdout, joined)


def ranks(path):
    head = json.loads(header(path)["__metadata__"]["spec"])["head"]
    return [head["fc6_rank"], head["fc7_rank"]]


# the file: ranks in the spec, two matrices for one, the rest as it was; equal models give equal files
check(ranks(small) == [64, 32] and ranks(model) == [0, 0], header(small))
shapes = {k: v["shape"] for k, v in header(small).items() if "box_head" in k}
box_head = "roi_heads.box_head."
check(shapes == {box_head + "fc6.0.weight": [64, 12544], box_head + "fc6.1.weight": [512, 64], box_head + "fc6.1.bias": [512],
                 box_head + "fc7.0.weight": [32, 512], box_head + "fc7.1.weight": [512, 32], box_head + "fc7.1.bias": [512]}, shapes)
check(pathlib.Path(small).stat().st_size < 0.5 * pathlib.Path(model).stat().st_size, "the file is smaller")
again = run("compress", "--model", model, "--out", "again.safetensors", "--fc6-rank", 64, "--fc7-rank", 32, "--threads", 1)
check(again.returncode == 0 and "AP50" not in again.stdout and bytes_of("again.safetensors") == bytes_of(small), again)

# one layer alone; detection; fine-tuning keeps the ranks, and resumes
one = run("compress", "--model", model, "--out", "one.safetensors", "--fc6-rank", 0, "--fc7-rank", 32, "--threads", 1)
check(one.returncode == 0 and box_head + "fc6.weight" in header("one.safetensors"), one)
image = sorted((data / "JPEGImages").iterdir())[0]
check(run("detect", "--model", small, "--threshold", "0.001", image).returncode == 0, "detect")
tune = ["train_voc", "--data", data, *TINY, "--iterations", "2", "--init", small, "--no-test", "--out", "tuned"]
tuned = run(*tune)
check(tuned.returncode == 0 and ranks("tuned/model.safetensors") == [64, 32], tuned)
check(bytes_of("tuned/model.safetensors") != bytes_of(small), "training changes weights")
before = bytes_of("tuned/model.safetensors")
resumed = run(*tune, "--resume")
check(resumed.returncode == 0 and "going on from step 2" in resumed.stderr and bytes_of("tuned/model.safetensors") == before, resumed)

# what is refused, and leaves nothing behind
def refuses(*arguments, words, out="bad.safetensors"):
    refused(run("compress", "--out", out, "--threads", 1, *arguments), *words)
    check(not pathlib.Path("bad.safetensors").exists(), "something was written")


refuses("--model", "none.safetensors", words=["none.safetensors"])
pathlib.Path("cut.safetensors").write_bytes(bytes_of(model)[:100000])
refuses("--model", "cut.safetensors", words=["cut.safetensors", "cut short"])
refuses("--model", image, words=[image])
refuses("--model", model, words=[model, "rank of fc6", "1 to 512", "found 1024"])
refuses("--model", model, "--fc6-rank", 8, "--fc7-rank", 513, words=[model, "rank of fc7", "513"])
refuses("--model", model, "--fc6-rank", 0, "--fc7-rank", 0, words=[model, "above 0"])
refuses("--model", small, "--fc6-rank", 8, "--fc7-rank", 8, words=[small, "compressed to ranks 64 and 32"])
refuses("--model", model, "--fc6-rank", 8, "--fc7-rank", 8, "--test", "nowhere", words=["nowhere"])
refuses("--model", model, "--fc6-rank", 8, "--fc7-rank", 8, words=["/dev/full"], out="/dev/full")
refuses("--model", model, "--fc6-rank", 8, "--fc7-rank", 8, words=["--out bad.pth", "ends with .safetensors"], out="bad.pth")
refuses("--model", model, "--fc6-rank", 8, words=["--out photo.jpg", "ends with .safetensors"], out="photo.jpg")
check(not pathlib.Path("bad.pth").exists(), "something was written")
for options in (["--fc6-rank", "-1"], ["--fc6-rank", "many"], ["--metric", "voc12", "--test", data]):
    check(run("compress", "--model", model, "--out", "bad.safetensors", *options).returncode == 1, options)
