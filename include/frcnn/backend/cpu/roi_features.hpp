#pragma once
// All that a pooler may ask for on the CPU: ops::roi_align, ops::roi_pool and ops::roi_warp.
#include "frcnn/backend/cpu/roi_align.hpp"
#include "frcnn/backend/cpu/roi_pool.hpp"
#include "frcnn/backend/cpu/roi_warp.hpp"
