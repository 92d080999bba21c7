"""--device: where there is no GPU, or no CUDA backend, a sentence before any work; options of one device are refused with the other."""
import os
import pathlib
import shutil
import subprocess

from common import PROGRAMS, TINY, check, demo_data, refused, run

data = demo_data("data")


def train(*more):
    shutil.rmtree("out", ignore_errors=True)
    return run("train_voc", "--data", data, *TINY, "--iterations", "2", "--no-test", "--out", "out", *more)


refused(train("--device", "gpu"), "--device", "cuda:N")
refused(train("--device", "cuda:"), "--device", "cuda:N")
refused(train("--device", "cuda:-1"), "--device", "cuda:N")
refused(train("--precision", "tf32"), "--precision tf32", "--device cuda")
refused(train("--deterministic"), "--deterministic", "--device cuda")
refused(train("--device", "cuda", "--engine", "portable"), "--engine", "--device cpu")
refused(train("--device", "cuda", "--profile"), "--profile", "--device cpu")
check(not pathlib.Path("out").exists(), "left in out/")
# ... and bf16 where the processor has no kernels of it, before a model is looked for
os.environ["ONEDNN_MAX_CPU_ISA"] = "AVX2"
in_bf16 = run("detect", "--model", "m", "image", "--precision", "bf16")
refused(in_bf16)
libraries = subprocess.run(["ldd", PROGRAMS / "detect"], capture_output=True).stdout
if b"dnnl" in libraries:
    refused(in_bf16, "--precision bf16: expected a processor with AVX-512, for which oneDNN has kernels of bf16, found one without")
del os.environ["ONEDNN_MAX_CPU_ISA"]

# No device that CUDA would show is none, whatever the machine has.
os.environ["CUDA_VISIBLE_DEVICES"] = ""
none = train("--device", "cuda")
refused(none)
check(("expected a CUDA device, found none" if b"cudnn" in libraries else "this build has no CUDA backend") in none.stderr, none.stderr)
check(not pathlib.Path("out").exists(), "left in out/")

result = train("--device", "cpu", "--threads", "1")
check(result.returncode == 0, result)
model = pathlib.Path("out/model.safetensors")
picture = next((data / "JPEGImages").iterdir())
for program in (["detect", "--model", model, picture, "--out", "pictures"],
                ["evaluate", "--model", model, "--test", str(data) + ":test"],
                ["propose", "--model", model, "--data", str(data) + ":test", "--out", "proposals.txt"]):
    there = sorted(pathlib.Path().rglob("*"))
    refused(run(*program, "--device", "cuda"), "CUDA")
    refused(run(*program, "--device", "cuda", "--timing"), "--timing", "--device cpu")
    check([p for p in pathlib.Path().rglob("*") if p not in there and p.is_file()] == [], program, "left files")
