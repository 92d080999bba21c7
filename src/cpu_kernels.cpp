// The compiled library for the CPU: what all presets stand on, layers and backbones of chains.
#define FRCNN_COMMON_INSTANCE template
#include "frcnn/presets/instances.hpp"
