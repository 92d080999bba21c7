#pragma once
// Everything an application needs to run a trained detector: load, load_detector, save. Needs nlohmann_json besides the library's own.
#include "frcnn/detector/model_file.hpp"
#include "frcnn/frcnn.hpp"
#include "frcnn/presets/load_detector.hpp"
