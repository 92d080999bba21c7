#pragma once
// Everything of ops/roi_features.hpp and ops/roi_warp.hpp for the CUDA backend.
#include "frcnn/backend/cuda/roi_align.hpp"
#include "frcnn/backend/cuda/roi_pool.hpp"
#include "frcnn/backend/cuda/roi_warp.hpp"
