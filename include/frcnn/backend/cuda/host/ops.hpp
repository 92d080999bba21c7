#pragma once
// Every op of cuda_on_host.
#include "frcnn/backend/cuda/host/conv2d.hpp"
#include "frcnn/backend/cuda/host/linear.hpp"
#include "frcnn/backend/cuda/ops.hpp"
