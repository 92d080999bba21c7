#pragma once
// Every op of the CUDA backend, but for the products that a library computes: ops.cuh brings those for frcnn::cuda, host/ops.hpp for
// cuda_on_host. (ops::conv_chain runs layer by layer, as for every backend that does not say otherwise.)
#include "frcnn/backend/cuda/add_maps.hpp"
#include "frcnn/backend/cuda/conv2d.hpp"
#include "frcnn/backend/cuda/linear.hpp"
#include "frcnn/backend/cuda/lrn.hpp"
#include "frcnn/backend/cuda/max_pool.hpp"
#include "frcnn/backend/cuda/roi_features.hpp"
#include "frcnn/backend/cuda/rows.hpp"
#include "frcnn/backend/cuda/upsample.hpp"
