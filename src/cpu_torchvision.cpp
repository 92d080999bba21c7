// The compiled library for the CPU: the presets under torchvision's convention on chains of layers.
#define FRCNN_TORCHVISION_INSTANCE template
#include "frcnn/presets/instances.hpp"
