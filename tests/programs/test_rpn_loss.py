"""--lambda, --n-cls and --n-reg reach the RPN's loss: the terms of the first step, of equal weights and equal draws."""
import json
import math
import pathlib

from common import TINY, check, demo_data, refused, run

data = demo_data(images=10)


def first_step(*options):
    """objectness, rpn_box and the number of sampled anchors."""
    out = "run" + "".join(options)
    done = run("train_voc", "--data", data, *TINY, "--iterations", "1", "--no-test", "--diagnose-every", "1", *options, "--out", out)
    check(done.returncode == 0, done)
    said = {}
    for line in pathlib.Path(out, "metrics.jsonl").read_text().splitlines():
        said |= json.loads(line)
    return said["objectness"], said["rpn_box"], said["rpn_positives"] + said["rpn_negatives"]


def equal(found, *expected):
    check(all(math.isclose(f, e, rel_tol=1e-4) for f, e in zip(found, expected)), found, expected)


objectness, box, sampled = first_step()
check(objectness > 0 and box > 0 and sampled > 100, objectness, box, sampled)
equal(first_step("--lambda", "10"), objectness, 10 * box)
equal(first_step("--n-cls", "256"), objectness * sampled / 256, box)
equal(first_step("--n-reg", "2400"), objectness, box * sampled / 2400)
equal(first_step("--lambda", "10", "--n-cls", "256", "--n-reg", "2400"), objectness * sampled / 256, 10 * box * sampled / 2400)
for option in ("--lambda", "--n-cls", "--n-reg"):
    refused(run("train_voc", "--data", data, *TINY, "--no-test", option, "0", "--out", "none"), f"{option}: expected a number above 0, found '0'")
