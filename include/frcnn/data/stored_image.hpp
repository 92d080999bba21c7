#pragma once
// Images with the channels and bits that their files hold: grey stays one channel, 16 bits stay 16, a TIFF of five channels has five. For
// detectors of such images; what read_image gives is always RGB of 8 bits (image_io.hpp).
//
//   read_stored_image("scan.png")               1 channel where the file is grey, 3 where it is RGB, more of a TIFF; 16 bits where it has them
//   decode_stored_image(bytes, name, exif)      the same of a file in memory
// Transparency is dropped, a palette is RGB, so is every BMP, and bits below 8 are spread over 8. Pixels are those of read_image, of which
// 16 bits have the high byte. Throws what read_image throws.
//
// Example: memory_source set(classes);  set.add(read_stored_image("x-ray.png"), objects);   data_feed with .channels = 1
#include "frcnn/data/image_io.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::data {

inline image decode_stored_image(bytes file, std::string const& name, exif_mode exif = exif_mode::apply) {
  auto const kind = kind_of(file);
  auto const claims = detail::check_claims(file, kind, name);
  int const orientation = exif == exif_mode::ignore ? 1 : exif_orientation(file);
  return copy_of(turned(detail::decode_checked(file, kind, name, claims, {claims.channels.colours, 16}), orientation));
}

inline image read_stored_image(std::filesystem::path const& path, exif_mode exif = exif_mode::apply) {
  return decode_stored_image(as_bytes(io::read_file(path)), path.string(), exif);
}

}  // namespace frcnn::inline FRCNN_ABI::data
FRCNN_HIDDEN_END
