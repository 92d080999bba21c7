#pragma once
// The CPU backend, whole: the tag frcnn::cpu, its context, its executor and every op on the engines of the build.
#include "frcnn/config.hpp"

#if FRCNN_DEVICE_KERNELS_ALONE
#error "frcnn: this file says by FRCNN_DEVICE_KERNELS_ALONE that it has no kernels of the host"
#endif

#include "frcnn/backend/cpu/add_maps.hpp"
#include "frcnn/backend/cpu/context.hpp"
#include "frcnn/backend/cpu/conv2d.hpp"
#include "frcnn/backend/cpu/conv_chain.hpp"
#include "frcnn/backend/cpu/executor.hpp"
#include "frcnn/backend/cpu/gemm.hpp"
#include "frcnn/backend/cpu/linear.hpp"
#include "frcnn/backend/cpu/lrn.hpp"
#include "frcnn/backend/cpu/max_pool.hpp"
#include "frcnn/backend/cpu/parallel.hpp"
#include "frcnn/backend/cpu/roi_features.hpp"
#include "frcnn/backend/cpu/rows.hpp"
#include "frcnn/backend/cpu/upsample.hpp"
