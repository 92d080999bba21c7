// The compiled library for the CPU: what reads and writes model files.
#define FRCNN_COMPILED_PRESETS 1
#define FRCNN_DEFINES_FILES
#include "frcnn/detector/name_map.hpp"
#include "frcnn/io/open_weights.hpp"
#include "frcnn/io/safetensors_writer.hpp"
