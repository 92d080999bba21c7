"""A run that goes on: other images than the run's are refused and named, and TensorBoard keeps every point."""
import os
import pathlib
import re
import shutil
import struct

from common import TINY, bytes_of, check, demo_data, refused, run

data = demo_data()
options = ["--data", data, *TINY, "--checkpoint-every", "3", "--no-test", "--tensorboard"]
whole = run("train_voc", *options, "--out", "whole")
check(whole.returncode == 0, whole)
check(run("train_voc", *options, "--out", "run").returncode == 0, "train")


def back_to_step_3():
    shutil.rmtree("run/checkpoint/step-00000006", ignore_errors=True)


back_to_step_3()

# What training sees has changed: said, with the first image, whatever the change.
lists = data / "ImageSets/Main"
split = next(lists / name for name in ("trainval.txt", "train.txt") if (lists / name).exists())
ids = split.read_text().split()
first = data / "Annotations" / f"{ids[0]}.xml"
xml = first.read_text()


def resume(*more):
    return run("train_voc", *options, "--out", "run", "--resume", *more)


box = re.search(r"<xmin>(.*?)</xmin>", xml)
moved = xml.replace(box[0], f"<xmin>{float(box[1]) + 1:g}</xmin>", 1)
check(moved != xml, box)
first.write_text(moved)
refused(resume(), "--resume", "1 image that differs", f"'{ids[0]}' has other boxes or classes")
first.write_text(re.sub(r"<object>.*?</object>", "", xml, count=1, flags=re.S))
refused(resume(), f"'{ids[0]}', ", " before, ", " now")
first.write_text(xml)
split.write_text("".join(f"{i}\n" for i in ids[:-3]))
refused(resume(), "3 images that differ", f"'{ids[-3]}' is not there any more")
# Fewer images are fewer steps for as many epochs: the images are what is said.
epochs = ["--data", data, *TINY[2:], "--epochs", "2", "--checkpoint-every", "1000", "--no-test"]
check(run("train_voc", *epochs, "--out", "epochs").returncode == 0, "train")
split.write_text("".join(f"{i}\n" for i in ids[:-5]))
refused(run("train_voc", *epochs, "--out", "epochs", "--resume"), "images that differ", "is not there any more")
split.write_text("".join(f"{i}\n" for i in ids))
# ... unless an option of this run takes them away, which is named then
refused(run("train_voc", *epochs, "--out", "epochs", "--resume", "--eval-every", "1e", "--val-fraction", "0.3"), "(--eval-every not given), found --eval-every 1e")

# The same folder by other names is the same data; so is a copy of it elsewhere, which is said.
for name in (f"{data}/", f"{data}/../{data.name}", os.path.relpath(data)):
    again = run("train_voc", "--data", name, *options[2:], "--out", "run", "--resume")
    check(again.returncode == 0 and "going on from step" in again.stderr and "the same now" not in again.stderr, name, again)
shutil.copytree(data, "other")
again = run("train_voc", "--data", "other", *options[2:], "--out", "run", "--resume")
check(again.returncode == 0 and "images, sizes and objects are the same now" in again.stderr, again)
pathlib.Path("other", "Annotations", first.name).write_text(moved)
refused(run("train_voc", "--data", "other", *options[2:], "--out", "run", "--resume"), "--resume", "found --data other")
back_to_step_3()

# Without --data it would be the demo data, which this run was not trained on.
refused(run("train_voc", "--out", "run", "--resume"), "--resume", "--data")
check(not pathlib.Path("run/demo-data").exists(), "demo data in a run of other data")

resumed = resume()
check(resumed.returncode == 0 and "going on from step 3" in resumed.stderr, resumed)
check(bytes_of("run/model.safetensors") == bytes_of("whole/model.safetensors"), "the bytes of a run that was never stopped")


def varint(bytes, at):
    value = shift = 0
    while True:
        value |= (bytes[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if not bytes[at - 1] & 128:
            return value, at


def fields(bytes):
    """{number: value} of a protocol buffer's message: enough for an Event."""
    found, at = {}, 0
    while at < len(bytes):
        key, at = varint(bytes, at)
        if key & 7 == 0:
            value, at = varint(bytes, at)
        elif key & 7 == 2:
            size, at = varint(bytes, at)
            value, at = bytes[at : at + size], at + size
        else:
            size = 8 if key & 7 == 1 else 4
            value, at = bytes[at : at + size], at + size
        found[key >> 3] = value
    return found


def events(path):
    bytes, at = path.read_bytes(), 0
    while at < len(bytes):
        (size,) = struct.unpack_from("<Q", bytes, at)
        yield fields(bytes[at + 12 : at + 12 + size])
        at += 16 + size


# TensorBoard drops what earlier files have at or after a session's start.
points = []
for path in sorted(pathlib.Path("run/tensorboard").glob("events.*")):
    for event in events(path):
        if 7 in event:
            points = [p for p in points if p < event.get(2, 0)]
        if 5 in event and b"loss/total" in event[5]:
            points.append(event.get(2, 0))
check(points == [1, 2, 3, 4, 5, 6], points)
