#!/usr/bin/env python3
"""Truncated SVD by NumPy: writes svd.safetensors beside itself.

usage: svd.py [OUT]

  <case>.w         [u, v], values that float holds exactly
  <case>.values    [min(u, v)] singular values, descending
  <case>.best<t>   [u, v] the closest matrix of rank t: numpy.linalg.svd in double, cut after t
  <case>.error<t>  [1] |w - best<t>| / |w|, Frobenius
"""
import os
import sys

import numpy as np

from fixture import Fixture

fx = Fixture(made_by="tests/golden/svd.py", numpy=np.__version__)
rng = np.random.default_rng(1504)


def case(name, w, ranks, sentence):
    w = w.astype(np.float32).astype(np.float64)
    u, s, vt = np.linalg.svd(w, full_matrices=False)
    fx.put(f"{name}.w", w)
    fx.put(f"{name}.values", s)
    for t in ranks:
        best = (u[:, :t] * s[:t]) @ vt[:t]
        fx.put(f"{name}.best{t}", best)
        fx.put(f"{name}.error{t}", np.array([np.linalg.norm(w - best) / np.linalg.norm(w)]))
    fx.say(name, sentence)


def decaying(u, v):
    """Random singular vectors, singular value k about 1 / k, as trained layers have them."""
    m = min(u, v)
    q = np.linalg.qr(rng.normal(size=(u, m)))[0]
    r = np.linalg.qr(rng.normal(size=(v, m)))[0]
    return (q / np.arange(1, m + 1)) @ r.T


case("wide", decaying(24, 60), (1, 7, 24), "singular values of about 1 / k")
case("tall", decaying(40, 18), (1, 7, 18), "singular values of about 1 / k")
case("square", rng.normal(size=(20, 20)), (1, 7, 20), "normal draws")
case("strips", rng.normal(size=(3, 1030)), (2,), "normal draws, wider than what is multiplied at once")
case("thin", rng.normal(size=(1030, 3)), (2,), "normal draws, taller than what is multiplied at once")
case("poor", rng.integers(-3, 4, (16, 5)) @ rng.integers(-3, 4, (5, 30)), (3, 5, 16), "rank 5")
case("lean", rng.integers(-3, 4, (30, 5)) @ rng.integers(-3, 4, (5, 16)), (3, 5, 16), "rank 5")
case("row", rng.normal(size=(1, 9)), (1,), "one row")
case("column", rng.normal(size=(9, 1)), (1,), "one column")

path = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(os.path.abspath(__file__)), "svd.safetensors")
print(f"{path}: {fx.save(path)} bytes")
