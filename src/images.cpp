// The compiled library for images: the decoders, once. What it exports is in data/compiled.hpp.
#include "frcnn/data/compiled.hpp"
#include "frcnn/data/image_io.hpp"

namespace frcnn::inline FRCNN_VOCABULARY {

image read_image(std::filesystem::path const& path) { return data::read_image(path); }
image decode_image(std::span<std::uint8_t const> file, std::string const& name) { return data::decode_image(file, name); }

}  // namespace frcnn
