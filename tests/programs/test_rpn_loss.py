"""--lambda, --n-cls and --n-reg reach the RPN's loss: the terms of the first step, of equal weights and equal draws. --rpn-batch and
--roi-batch are the numbers of anchors and regions that it learns from."""
import json
import math
import pathlib

from common import TINY, check, demo_data, refused, run

data = demo_data(images=10)


def first_step(*options):
    """objectness, rpn_box, the number of sampled anchors and that of sampled regions."""
    out = "run" + "".join(options)
    done = run("train_voc", "--data", data, *TINY, "--iterations", "1", "--no-test", "--diagnose-every", "1", *options, "--out", out)
    check(done.returncode == 0, done)
    said = {}
    for line in pathlib.Path(out, "metrics.jsonl").read_text().splitlines():
        said |= json.loads(line)
    return said["objectness"], said["rpn_box"], said["rpn_positives"] + said["rpn_negatives"], said["head_positives"] + said["head_negatives"]


def equal(found, *expected):
    check(all(math.isclose(f, e, rel_tol=1e-4) for f, e in zip(found, expected)), found, expected)


objectness, box, sampled, regions = first_step()  # of two images
check(objectness > 0 and box > 0 and sampled > 100 and regions == 2 * 16, objectness, box, sampled, regions)
check(first_step("--rpn-batch", "32")[2:] == (2 * 32, regions), "--rpn-batch")
check(first_step("--roi-batch", "24")[1:] == (box, sampled, 2 * 24), "--roi-batch")
equal(first_step("--lambda", "10"), objectness, 10 * box)
equal(first_step("--n-cls", "256"), objectness * sampled / 256, box)
equal(first_step("--n-reg", "2400"), objectness, box * sampled / 2400)
equal(first_step("--lambda", "10", "--n-cls", "256", "--n-reg", "2400"), objectness * sampled / 256, 10 * box * sampled / 2400)
for option in ("--lambda", "--n-cls", "--n-reg"):
    refused(run("train_voc", "--data", data, *TINY, "--no-test", option, "0", "--out", "none"), f"{option}: expected a number above 0, found '0'")
refused(run("train_voc", "--data", data, *TINY, "--no-test", "--roi-batch", "3", "--out", "none"), "--roi-batch: expected a whole number from 4 to 65536, found '3'")
refused(run("train_voc", *TINY, "--proposals", "p", "--rpn-batch", "64", "--out", "none"), "--rpn-batch: expected an RPN that learns", "--proposals")
check(run("train_voc", "--data", data, *TINY, "--iterations", "1", "--no-test", "--checkpoint-every", "1", "--out", "kept").returncode == 0, "a run")
refused(run("train_voc", "--data", data, *TINY, "--iterations", "1", "--no-test", "--roi-batch", "32", "--out", "kept", "--resume"), "--roi-batch", "16", "32")
