#pragma once
// read_image and decode_image for programs that detect: data/image_io.hpp's, turned as their EXIF orientation says.
#include "frcnn/data/image_io.hpp"

#include <span>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

inline image read_image(std::filesystem::path const& path) { return data::read_image(path); }
inline image decode_image(std::span<std::uint8_t const> file, std::string const& name) { return data::decode_image(file, name); }

}  // namespace frcnn
FRCNN_HIDDEN_END
