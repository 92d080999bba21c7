#pragma once
// read_image and decode_image of the compiled library (target frcnn::images).
#include "frcnn/core/image.hpp"

#include <filesystem>
#include <span>
#include <string>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_VOCABULARY {

FRCNN_COMPILED_API image read_image(std::filesystem::path const& path);
FRCNN_COMPILED_API image decode_image(std::span<std::uint8_t const> file, std::string const& name);

}  // namespace frcnn
FRCNN_HIDDEN_END
