#pragma once
#include <frcnn/backend/cuda/host/executor.hpp>
#include <frcnn/backend/cuda/host/ops.hpp>
