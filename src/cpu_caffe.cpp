// The compiled library for the CPU: the presets of the paper.
#define FRCNN_CAFFE_INSTANCE template
#include "frcnn/presets/caffe_instances.hpp"
