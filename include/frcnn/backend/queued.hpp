#pragma once
// The queued backend: the CPU's operations, run late. For tests of what a device with a stream must get right.
#include "frcnn/backend/queued/context.hpp"
#include "frcnn/backend/queued/executor.hpp"
#include "frcnn/backend/queued/ops.hpp"
