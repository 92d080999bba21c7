#pragma once
// Files: atomic writing, weights (safetensors, .pth, .caffemodel), checkpoints, event files. Needs nlohmann_json, and protozero where
// FRCNN_HAS_PROTOZERO is 1.
#include "frcnn/io/atomic_file.hpp"
#include "frcnn/io/checkpoint_dir.hpp"
#include "frcnn/io/crc32c.hpp"
#include "frcnn/io/dtype.hpp"
#include "frcnn/io/event_file.hpp"
#include "frcnn/io/open_weights.hpp"
#include "frcnn/io/pth_writer.hpp"
#include "frcnn/io/read_file.hpp"
#include "frcnn/io/safetensors.hpp"
#include "frcnn/io/weight_source.hpp"
