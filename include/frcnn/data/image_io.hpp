#pragma once
// Images from files and memory, and PNG files from images.
//
// JPEG (baseline and progressive), PNG and BMP, told apart by content, never by name; grey, palette, 16-bit and transparent ones become
// 8-bit RGB (transparency is dropped, not blended). What decodes JPEG is the build's choice: jpeg.hpp.
//
//   read_image, decode_image   the picture as it is to be looked at: turned as its EXIF orientation says, or as stored where that is asked;
//                              of a sample of a data set: as its boxes mean it
//   decode_pixels              the stored pixels, turned by a given orientation
//   inspect_image              the verdict of the data check: whether it can be decoded, its size, and what is odd about it
//
// A file without its end is refused, although decoders fill what is missing with grey: a JPEG has to reach its EOI marker, a PNG its IEND
// chunk, a BMP its last row. What follows the end is ignored. So is a JPEG of four channels without Adobe's marker: nothing says what they
// are. Throws frcnn::error that names the file: "cut.jpg: expected a whole JPEG, found its end missing".
//
// Example: image photo = read_image("street.jpg");   // photo.at(0, 0)[0] is the red of the corner
#include "frcnn/core/error.hpp"
#include "frcnn/core/image.hpp"
#include "frcnn/data/dataset.hpp"
#include "frcnn/data/exif.hpp"
#include "frcnn/data/jpeg.hpp"
#include "frcnn/data/stb.hpp"
#include "frcnn/io/atomic_file.hpp"
#include "frcnn/io/read_file.hpp"

#include <filesystem>
#include <string>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::data {

// What inspect_image() finds out.
struct image_facts {
  int width = 0, height = 0;  // as stored
  int orientation = 1;        // EXIF's
  std::string narrow{};       // of 16 bits, few of whose values are used: which, and what becomes of them
  std::string remark{};       // what the decoder wondered about
};

namespace detail {

inline char const* name_of(image_kind kind) { return kind == image_kind::jpeg ? "JPEG" : kind == image_kind::png ? "PNG" : "BMP"; }

inline image_claims claims_of(bytes file, image_kind kind) {
  return kind == image_kind::jpeg  ? claims_of_jpeg(file)
         : kind == image_kind::png ? claims_of_png(file)
         : kind == image_kind::bmp ? claims_of_bmp(file)
                                   : image_claims{};
}

inline void check_pixels(image_claims const& c, std::string const& name) {
  if (c.pixels() > max_pixels) throw error(name, "at most " + std::to_string(max_pixels) + " pixels", std::to_string(c.pixels()));
}

// What can be told without decoding. Throws where that is enough to refuse the file.
inline image_claims check_claims(bytes file, image_kind kind, std::string const& name) {
  constexpr char const* readable = "a JPEG, PNG or BMP image";
  if (file.empty()) throw error(name, readable, "an empty file");
  if (kind == image_kind::unknown) {
    std::string const other = foreign_format(file);
    throw error(name, readable, other.empty() ? "none of them" : other);
  }
  std::string const format = name_of(kind);
  image_claims const c = claims_of(file, kind);
  if (!c.whole) throw error(name, "a whole " + format, "its end missing");
  check_pixels(c, name);
  if (!c.sound) throw undecodable(name, format, kind == image_kind::png ? "wrong checksum" : "bad Huffman table");
  if (c.scans > max_scans) throw error(name, "a JPEG of at most " + std::to_string(max_scans) + " scans", std::to_string(c.scans));
  if (c.channels_unknown)
    throw error(name, "a JPEG whose colours are known", "four channels without Adobe's marker, which says what they are; save it as RGB");
  return c;
}

using wide_pixels = std::unique_ptr<std::uint16_t, void (*)(void*)>;

// Of a 16-bit PNG. wanted: how many channels; 0: as many as it has, which `channels` is then.
[[maybe_unused]] static wide_pixels decode_wide(bytes file, std::string const& name, int wanted, int& width, int& height, int& channels) {
  auto const decode = [&](std::uint8_t const* data, int n, int* w, int* h) {
    return stb::frcnn_stbi_load_16_from_memory(data, n, w, h, &channels, wanted);
  };
  return {with_stb(file, name, "PNG", width, height, decode), &std::free};
}

// Which values a 16-bit PNG uses, where fewer than 32 of the 256 that are left of them are different. 32 greys still show shapes.
[[maybe_unused]] static std::string narrow_range_of(bytes file, std::string const& name) {
  int width = 0, height = 0, channels = 0;
  wide_pixels const pixels = decode_wide(file, name, 0, width, height, channels);
  int const colours = channels > 2 ? 3 : 1;  // the last one of 2 and 4 is transparency
  std::uint16_t low = 65535, high = 0;
  for (std::uint16_t const *p = pixels.get(), *end = p + std::ptrdiff_t{width} * height * channels; p != end; p += channels)
    for (int c = 0; c < colours; ++c) low = std::min(low, p[c]), high = std::max(high, p[c]);
  if ((high >> 8) - (low >> 8) >= 31) return {};
  return std::to_string(low) + " to " + std::to_string(high) + " of 65535 become " + std::to_string(low >> 8) + " to " +
         std::to_string(high >> 8) + " of 255";
}

}  // namespace detail

namespace detail {
// Of a file that check_claims() lets pass.
inline decoded_image decode_checked(bytes file, image_kind kind, std::string const& name, int orientation) {
  return turned(kind == image_kind::jpeg ? decode_jpeg(file, name) : decode_with_stb(file, name, name_of(kind)), orientation);
}
}  // namespace detail

// As stored, then turned by `orientation` (exif.hpp). name: what errors call it, a file's path or anything that tells the user which image
// it was.
inline decoded_image decode_pixels(bytes file, std::string const& name, int orientation = 1) {
  image_kind const kind = kind_of(file);
  detail::check_claims(file, kind, name);
  return detail::decode_checked(file, kind, name, orientation);
}

// Decodes as much as it takes to know that decode_pixels() will succeed.
inline image_facts inspect_image(bytes file, std::string const& name) {
  image_kind const kind = kind_of(file);
  auto const claims = detail::check_claims(file, kind, name);
  image_facts facts;
  facts.orientation = exif_orientation(file);
  if (kind == image_kind::jpeg) {
    verified_image const verdict = detail::verify_jpeg(file, name);
    facts.width = verdict.width, facts.height = verdict.height, facts.remark = verdict.remark;
  } else {
    if (claims.bits == 16) facts.narrow = detail::narrow_range_of(file, name);
    decoded_image const pixels = detail::decode_with_stb(file, name, detail::name_of(kind));
    facts.width = pixels.width(), facts.height = pixels.height();
  }
  return facts;
}

inline image copy_of(decoded_image const& decoded) {
  image result(decoded.width(), decoded.height());
  std::memcpy(result.pixels.data(), decoded.data(), result.pixels.size());
  return result;
}

// exif_mode::ignore: as stored. Else turned as the file says.
inline image decode_image(bytes file, std::string const& name, exif_mode exif = exif_mode::apply) {
  return copy_of(decode_pixels(file, name, exif == exif_mode::ignore ? 1 : exif_orientation(file)));
}
inline image read_image(std::filesystem::path const& path, exif_mode exif = exif_mode::apply) {
  return decode_image(as_bytes(io::read_file(path)), path.string(), exif);
}

inline decoded_image decode(encoded_image const& e) { return decode_pixels(as_bytes(e.file), e.name, e.orientation); }

// As the boxes of a data set mean it: turned by its sample's orientation.
inline image read_image(sample const& s) { return copy_of(decode({io::read_file(s.image), s.image.string(), s.orientation})); }

// The bytes of a PNG file.
inline std::string encode_png(image const& im) {
  if (!im.pixels.empty()) check_rgb(im);
  int size = 0;
  std::unique_ptr<unsigned char, void (*)(void*)> const file(
      im.pixels.empty() ? nullptr : stb::stbi_write_png_to_mem(im.pixels.data(), im.width * 3, im.width, im.height, 3, &size), &std::free);
  if (!file) throw error("PNG", "an image with pixels, and memory for it", std::to_string(im.width) + " x " + std::to_string(im.height));
  return {reinterpret_cast<char const*>(file.get()), static_cast<std::size_t>(size)};
}

// The bytes of a JPEG file; quality 1 to 100.
inline std::string encode_jpeg(image const& im, int quality = 92) {
  if (!im.pixels.empty()) check_rgb(im);
  std::string file;
  auto const append = [](void* to, void* from, int n) {
    static_cast<std::string*>(to)->append(static_cast<char const*>(from), static_cast<std::size_t>(n));
  };
  if (im.pixels.empty() || !stb::stbi_write_jpg_to_func(append, &file, im.width, im.height, 3, im.pixels.data(), quality))
    throw error("JPEG", "an image with pixels", std::to_string(im.width) + " x " + std::to_string(im.height));
  return file;
}

// Whole or not there. A full disk is an error.
inline void write_png(std::filesystem::path const& path, image const& im) { io::write_file_atomically(path, encode_png(im)); }

}  // namespace frcnn::inline FRCNN_ABI::data
FRCNN_HIDDEN_END
