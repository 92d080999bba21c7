#!/usr/bin/env python3
"""Five training steps of `fasterrcnn_resnet50_fpn`, ours beside torchvision's.

usage: test_resnet_step.py BUILD      builds its half of the test in BUILD first
"""
import os
import subprocess
import sys
import tempfile

here = os.path.dirname(os.path.abspath(__file__))
build = os.path.abspath(sys.argv[1])
subprocess.run(["cmake", "--build", build, "--target", "test_parity_resnet"], check=True)
with tempfile.TemporaryDirectory() as folder:
    subprocess.run([sys.executable, os.path.join(here, "resnet_step.py"), folder], check=True)
    sys.exit(subprocess.run([os.path.join(build, "tests", "test_parity_resnet")], env={**os.environ, "FRCNN_PARITY_DIR": folder}).returncode)
