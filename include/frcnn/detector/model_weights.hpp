#pragma once
// How a model file's weights come into memory: read, or mapped where that is possible (detector/model_file.hpp says what mapping asks of
// the folder's owner).
#include "frcnn/config.hpp"

#include <cstdint>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_VOCABULARY {

enum class model_weights : std::uint8_t { read, mapped };

}  // namespace frcnn
FRCNN_HIDDEN_END
