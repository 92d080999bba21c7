#pragma once
// The detector's kernels are those of frcnn::cuda_presets; those of single operations are in the files of bench/ that nvcc compiles.
#include <frcnn/presets/cuda_instances.cuh>
