// The compiled library for the CPU: the presets on ResNet.
#define FRCNN_RESNET_INSTANCE template
#include "frcnn/presets/resnet_instances.hpp"
