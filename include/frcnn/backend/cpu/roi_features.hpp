#pragma once
// ops::roi_align and ops::roi_pool on the CPU.
#include "frcnn/backend/cpu/roi_align.hpp"
#include "frcnn/backend/cpu/roi_pool.hpp"
