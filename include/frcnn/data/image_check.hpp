#pragma once
// The check of one image of a data set: it is read and decoded whole, and its size is compared with what its annotation claims.
//
//   check_image(file)               what the file says about itself; a function of the file alone
//   size_agrees(verdict, claimed)   whether an annotation's <size> is the size of the picture
// Throws frcnn::error that names the file: missing, empty, of no known format, cut short, undecodable.
//
// Example: image_verdict const v = check_image("JPEGImages/000001.jpg");   // v.width x v.height pixels
#include "frcnn/data/image_io.hpp"

#include <array>
#include <filesystem>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::data {

struct image_verdict {
  int width = 0, height = 0;  // of the decoded image; 0: not checked, or bad
  bool turned = false;        // EXIF says that it was taken turned
};

inline image_verdict check_image(std::filesystem::path const& file) {
  std::string const contents = io::read_file(file);
  decoded_image const pixels = decode_pixels(as_bytes(contents), file.string());
  return {pixels.width(), pixels.height(), exif_orientation(as_bytes(contents)) != 1};
}

// claimed: width, height.
inline bool size_agrees(image_verdict const& v, std::array<double, 2> const& claimed) {
  return claimed[0] == v.width && claimed[1] == v.height;
}

}  // namespace frcnn::inline FRCNN_ABI::data
FRCNN_HIDDEN_END
