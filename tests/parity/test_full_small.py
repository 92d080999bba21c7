#!/usr/bin/env python3
"""One training step and one detection of the preset `small`, ours beside torchvision's: on two images of BCCD, with random weights.

usage: test_full_small.py BUILD      needs FRCNN_TEST_DATA (a folder that holds BCCD); without it: skipped, status 77
"""
import os
import subprocess
import sys
import tempfile

here = os.path.dirname(os.path.abspath(__file__))
data = os.path.join(os.environ.get("FRCNN_TEST_DATA", ""), "BCCD")
if not os.environ.get("FRCNN_TEST_DATA") or not os.path.isdir(data):
    print("skipped: FRCNN_TEST_DATA names no folder that holds BCCD")
    sys.exit(77)
with tempfile.TemporaryDirectory() as folder:
    subprocess.run([sys.executable, os.path.join(here, "full_small.py"), data, folder], check=True)
    sys.exit(subprocess.run([os.path.join(sys.argv[1], "tests", "test_parity")], env={**os.environ, "FRCNN_PARITY_DIR": folder}).returncode)
