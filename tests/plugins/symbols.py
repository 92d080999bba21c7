"""A shared object with the library inside exports none of it but what must be one thing in a process (FRCNN_VISIBLE), and none of it is a unique symbol.

usage: symbols.py NM SHARED_OBJECT
"""
import subprocess
import sys

nm, path = sys.argv[1:]
lines = subprocess.run([nm, "-C", path], capture_output=True, text=True, check=True).stdout.splitlines()
unique = [line for line in lines if line[17:].startswith("u ")]
exported = subprocess.run([nm, "-DC", "--defined-only", path], capture_output=True, text=True, check=True).stdout.splitlines()
# Templates of the standard library are as hidden as what they are made for, but for lambdas, whose names no other file has.
ours = [line for line in exported if "frcnn::" in line and "{lambda" not in line and not any(name in line.split("frcnn::", 1)[1].split("(")[0] for name in ("::error", "::stopped", "::detector_interface"))]
for line in unique + ours:
    print(line)
print(f"{len(unique)} unique symbols, {len(ours)} exported ones of the library")
sys.exit(bool(unique or ours))
