#pragma once
// Images from files and memory for a program that detects: data/image_io.hpp's, turned as EXIF says.
#include "frcnn/data/image_io.hpp"

#include <span>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

inline image read_image(std::filesystem::path const& path) { return data::read_image(path); }
inline image decode_image(std::span<std::uint8_t const> file, std::string const& name) { return data::decode_image(file, name); }

}  // namespace frcnn
FRCNN_HIDDEN_END
