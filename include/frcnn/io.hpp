#pragma once
// Files: atomic writing, safetensors, checkpoints, event files. Needs nlohmann_json.
#include "frcnn/io/atomic_file.hpp"
#include "frcnn/io/checkpoint_dir.hpp"
#include "frcnn/io/crc32c.hpp"
#include "frcnn/io/dtype.hpp"
#include "frcnn/io/event_file.hpp"
#include "frcnn/io/read_file.hpp"
#include "frcnn/io/safetensors.hpp"
#include "frcnn/io/weight_source.hpp"
