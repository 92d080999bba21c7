#pragma once
// Images with the channels and bits that their files hold: grey stays one channel, 16 bits stay 16. For detectors of such images; what
// programs read is always RGB of 8 bits (image_io.hpp).
//
//   read_stored_image("scan.png")               1 channel where the file is grey, else 3: RGB; 16 bits where it is a PNG of 16
//   decode_stored_image(bytes, name, exif)      the same of a file in memory
// Transparency is dropped, a palette is RGB, so is every BMP, and bits below 8 are spread over 8. Pixels are those of read_image, of which
// 16 bits have the high byte. Throws what read_image throws.
//
// Example: memory_source set(classes);  set.add(read_stored_image("x-ray.png"), objects);   data_feed with .channels = 1
#include "frcnn/data/image_io.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::data {

namespace detail {
// RGB, or the one channel of a grey file.
inline image decode_16_bit_png(bytes file, std::string const& name, int channels) {
  int width = 0, height = 0, in_file = 0;
  wide_pixels const pixels = decode_wide(file, name, channels, width, height, in_file);
  if (width < 1 || height < 1) throw undecodable(name, "PNG", "no pixels");
  image result(width, height, channels, 16);
  std::memcpy(result.pixels.data(), pixels.get(), result.pixels.size());
  return result;
}
}  // namespace detail

inline image decode_stored_image(bytes file, std::string const& name, exif_mode exif = exif_mode::apply) {
  auto const kind = kind_of(file);
  auto const claims = detail::check_claims(file, kind, name);
  int const orientation = exif == exif_mode::ignore ? 1 : exif_orientation(file);
  if (claims.bits == 16) return turned(detail::decode_16_bit_png(file, name, claims.grey ? 1 : 3), orientation);
  decoded_image const rgb = detail::decode_checked(file, kind, name, orientation);
  if (!claims.grey) return copy_of(rgb);
  image grey(rgb.width(), rgb.height(), 1);
  for (std::size_t i = 0; i < grey.pixels.size(); ++i) grey.pixels[i] = rgb.data()[3 * i];
  return grey;
}

inline image read_stored_image(std::filesystem::path const& path, exif_mode exif = exif_mode::apply) {
  return decode_stored_image(as_bytes(io::read_file(path)), path.string(), exif);
}

}  // namespace frcnn::inline FRCNN_ABI::data
FRCNN_HIDDEN_END
