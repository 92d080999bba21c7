#pragma once
// The library: backend, parts, detector, training. Needs xtensor; xtensor-blas and a BLAS where the build has one (FRCNN_BLAS); xsimd where
// the engine `fast` is on, and oneDNN where FRCNN_ONEDNN is.
// Files, data, evaluation and pictures: frcnn/io.hpp, frcnn/data.hpp, frcnn/eval.hpp, frcnn/viz.hpp.
#include "frcnn/backend/cpu.hpp"
#include "frcnn/detector/detector.hpp"
#include "frcnn/detector/faster_rcnn.hpp"
#include "frcnn/presets/presets.hpp"
#include "frcnn/train/recipe.hpp"
#include "frcnn/train/sgd.hpp"
