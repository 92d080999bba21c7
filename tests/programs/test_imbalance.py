"""Classes of unequal numbers: --repeat-factors prints its table and changes training, as --class-weights does; no run goes on with others."""
import math
import pathlib
import re
import subprocess
import sys

from common import TINY, bytes_of, check, refused, run
from voc_data import thing, voc

# Eight images, all wide: nut in each, bolt in two, washer in none.
data = voc("data", {i: thing("nut") + (thing("bolt", (5, 5, 40, 40)) if i in "ab" else "") for i in "abcdefgh"})
train = ("train_voc", "--data", data, "--classes", "bolt,nut,washer", *TINY, "--no-test")
result = run(*train, "--out", "plain")
check(result.returncode == 0 and "--repeat-factors" not in result.stderr, result)
plain = bytes_of("plain/model.safetensors")

# The table: an epoch shows whole batches of two, of floor(sum of factors) images.
repeats = run(*train, "--repeat-factors", "0.9", "--out", "repeats")
check(repeats.returncode == 0, repeats)
factor = math.sqrt(0.9 / 0.25)
shown = int(6 + 2 * factor) // 2 * 2
at = repeats.stderr.splitlines().index(f"--repeat-factors 0.9: an epoch shows {shown} images, of 8")
check(repeats.stderr.splitlines()[at + 1 : at + 4] == ["  washer: in 0 images, 0.0 %: 1.00 times", f"  bolt: in 2 images, 25.0 %: {factor:.2f} times",
                                                       "  nut: in 8 images, 100.0 %: 1.00 times"], repeats)
epochs = [int(e) for e in re.findall(r"epoch (\d+)", repeats.stderr)]
check(max(epochs) == math.ceil(6 / (shown / 2)), epochs)
check(bytes_of("repeats/model.safetensors") != plain, "images are shown more often")

# zf's epoch has every image and its mirror image.
doubled = run(*train, "--preset", "zf", "--batch", "1", "--iterations", "1", "--repeat-factors", "0.9", "--anchors", "32", "--out", "doubled")
check(doubled.returncode == 0 and re.search(r"an epoch shows 18 images, of 8 and their mirror images", doubled.stderr), doubled)

weighed = run(*train, "--class-weights", "bolt=4,background=0.5", "--out", "weighed")
check(weighed.returncode == 0 and bytes_of("weighed/model.safetensors") != plain, weighed)
check("--class-weights: bolt=4, background=0.5; 1 for others\n" in weighed.stderr and "warning: --class-weights" not in weighed.stderr, weighed)
even = run(*train, "--class-weights", "bolt=1", "--out", "even")
check(even.returncode == 0 and bytes_of("even/model.safetensors") == plain, "weights of 1 are those of every run", even)

# --resume goes on with the same ones alone.
for out, told, other in (("repeats", ("--repeat-factors", "0.9"), "0.5"), ("weighed", ("--class-weights", "bolt=4,background=0.5"), "bolt=2")):
    model = bytes_of(f"{out}/model.safetensors")
    refused(run(*train, "--out", out, "--resume"), f"{told[0]} {told[1]}", f"found {told[0]} not given")
    refused(run(*train, told[0], other, "--out", out, "--resume"), f"{told[0]} {told[1]}", f"found {told[0]} {other}")
    again = run(*train, *told, "--out", out, "--resume")
    check(again.returncode == 0 and bytes_of(f"{out}/model.safetensors") == model, again)

# bench/peers/cut_class.py: a class that a tenth of its images keeps, for measurements.
cut_class = pathlib.Path(__file__).resolve().parents[2] / "bench/peers/cut_class.py"
def cut(*arguments):
    return subprocess.run([sys.executable, cut_class, data, *arguments], capture_output=True, text=True, timeout=60)

made = cut("cut", "--class", "nut", "--share", "0.25")
check(made.returncode == 0 and made.stdout == "nut: in 2 of 8 images of trainval, of 8 before\n", made)
rare = run("train_voc", "--data", "cut", *TINY, "--iterations", "1", "--no-test", "--difficult", "ignore", "--repeat-factors", "1", "--out", "rare")
check(rare.returncode == 0 and "  nut: in 2 images, 25.0 %: 2.00 times" in rare.stderr and "  bolt: in 2 images" in rare.stderr, rare)
check(cut("again", "--class", "nut", "--share", "0.25").returncode == 0, "again")
for path in pathlib.Path("cut").rglob("*"):
    check(path.is_dir() or bytes_of(path) == bytes_of(pathlib.Path("again", path.relative_to("cut"))), path)
check(cut("cut", "--class", "nut").returncode != 0 and cut("none", "--class", "gear").returncode != 0, "what is there, or is not")
