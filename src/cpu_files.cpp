// The compiled library for the CPU: what reads model files.
#define FRCNN_COMPILED_PRESETS 1
#define FRCNN_DEFINES_FILES
#include "frcnn/io/json.hpp"
#include "frcnn/io/open_weights.hpp"
