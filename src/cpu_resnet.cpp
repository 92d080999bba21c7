// The compiled library for the CPU, its third part: the presets on ResNet.
#define FRCNN_RESNET_INSTANCE template
#include "frcnn/presets/resnet_instances.hpp"
