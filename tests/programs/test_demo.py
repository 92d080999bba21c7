"""scripts/demo --quick: option by option, with programs that are built; and within the time that it says."""
import os
import pathlib
import subprocess
import time

from common import PROGRAMS, check

demo = pathlib.Path(__file__).resolve().parents[2] / "scripts/demo"


def run(*arguments):
    environment = os.environ | {"FRCNN_PROGRAMS": str(PROGRAMS), "FRCNN_QUICK_SECONDS": "4"}
    return subprocess.run([demo, *arguments], capture_output=True, text=True, timeout=300, env=environment)


for option in ("--data", "--epochs", "--iterations", "--resume"):
    refused = run("--quick", option, "3")
    check(refused.returncode == 1 and f"found {option}" in refused.stderr, refused)
check(not pathlib.Path("quick").exists(), "nothing is made before the options are looked at")

begin = time.monotonic()
result = run("--quick", "--out", "quick")
check(result.returncode == 0 and "mAP50" in result.stdout, result)
check(time.monotonic() - begin < 120, "two minutes", result)
check("steps of at most" in result.stderr and str(PROGRAMS / "detect") in result.stderr, result)
check(pathlib.Path("quick/model.safetensors").exists() and len(list(pathlib.Path("quick/detections").iterdir())) == 12, result)
