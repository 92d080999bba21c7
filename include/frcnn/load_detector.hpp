#pragma once
// load_detector(path): a trained detector of whatever preset the file names, behind the interface any_detector.
//
// With the compiled library (target frcnn::cpu) this includes neither backend nor preset, and costs a program a second of compiling,
// whatever its flags and compiler are; else it is all of them, and needs nlohmann_json (frcnn::io). frcnn/load.hpp has load<Preset> and
// save besides.
#include "frcnn/config.hpp"

#if FRCNN_COMPILED_CPU
#include "frcnn/presets/compiled.hpp"
#else
#include "frcnn/presets/load_detector.hpp"
#endif
