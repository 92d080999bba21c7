#pragma once
// Images from files and memory, and PNG files from images.
//
// JPEG (baseline and progressive), PNG and BMP, and TIFF where the build has libtiff (tiff.hpp), told apart by content, never by name;
// grey, palette, 16-bit and transparent ones become 8-bit RGB (transparency is dropped, not blended). What decodes JPEG is the build's
// choice: jpeg.hpp.
//
//   read_image, decode_image   the picture as it is to be looked at: turned as its EXIF orientation says, or as stored where that is asked;
//                              of a sample of a data set: as its boxes mean it
//   decode_pixels              the stored pixels, turned by a given orientation, of the channels and bits that are asked for
//   inspect_image              the verdict of the data check: whether it can be decoded, its size, and what is odd about it
//
// A file without its end is refused, although decoders fill what is missing with grey: a JPEG has to reach its EOI marker, a PNG its IEND
// chunk, a BMP its last row. What follows the end is ignored. So is a JPEG of four channels without Adobe's marker: nothing says what they
// are. Throws frcnn::error that names the file: "cut.jpg: expected a whole JPEG, found its end missing".
//
// Of other channels than three (core/pixels.hpp, pixel_layout) a file has to have as many: "a.png: expected 5 channels, found 3". PNG has
// 1 to 4, JPEG 1 or 3, a palette and BMP 3, TIFF 1 to 16. Transparency counts where that makes the number asked for: the fourth channel of
// an RGBA file, or the second of a grey one with transparency; otherwise it is dropped.
//
// Example: image photo = read_image("street.jpg");   // photo.at(0, 0)[0] is the red of the corner
#include "frcnn/core/error.hpp"
#include "frcnn/core/image.hpp"
#include "frcnn/data/dataset.hpp"
#include "frcnn/data/exif.hpp"
#include "frcnn/data/jpeg.hpp"
#include "frcnn/data/stb.hpp"
#include "frcnn/data/tiff.hpp"
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
  stored_channels channels{};
};

namespace detail {

inline char const* name_of(image_kind kind) {
  return kind == image_kind::jpeg ? "JPEG" : kind == image_kind::png ? "PNG" : kind == image_kind::bmp ? "BMP" : "TIFF";
}

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
[[maybe_unused]] static image_claims check_claims(bytes file, image_kind kind, std::string const& name) {
  constexpr char const* readable = "a " FRCNN_IMAGE_FORMATS " image";
  if (file.empty()) throw error(name, readable, "an empty file");
  if (kind == image_kind::unknown) {
    std::string const other = foreign_format(file);
    throw error(name, readable, other.empty() ? "none of them" : other);
  }
#if FRCNN_HAS_TIFF
  if (kind == image_kind::tiff) return tiff_claims(file, name);
#endif
  if (kind == image_kind::png && has_at(file, 12, "CgBI"))
    throw error(name, readable, "Apple's own form of PNG (CgBI), of an app's pictures" + std::string(to_be_converted));
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

// Of a 16-bit PNG.
[[maybe_unused]] static decoded_image decode_wide(bytes file, std::string const& name, int channels) {
  int width = 0, height = 0;
  auto const decode = [&](std::uint8_t const* data, int n, int* w, int* h) {
    int in_file = 0;
    return stb::frcnn_stbi_load_16_from_memory(data, n, w, h, &in_file, channels);
  };
  auto* const pixels = with_stb(file, name, "PNG", width, height, decode);
  decoded_image result(reinterpret_cast<std::uint8_t*>(pixels), width, height, channels, 16);
  if (width < 1 || height < 1) throw undecodable(name, "PNG", "no pixels");
  return result;
}

// Which values an image of 16 bits uses, where fewer than 32 of the 256 that are left of them are different. 32 greys still show shapes.
inline std::string narrow_range_of(decoded_image const& im) {
  auto const* const values = reinterpret_cast<std::uint16_t const*>(im.data());
  auto const [least, most] = std::minmax_element(values, values + im.size() / 2);
  int const low = *least, high = *most;
  if ((high >> 8) - (low >> 8) >= 31) return {};
  return std::to_string(low) + " to " + std::to_string(high) + " of 65535 become " + std::to_string(low >> 8) + " to " +
         std::to_string(high >> 8) + " of 255";
}

}  // namespace detail

// "1 channel", "5 channels".
inline std::string text_of_channels(int channels) { return std::to_string(channels) + (channels == 1 ? " channel" : " channels"); }

// Throws where a file does not have the channels that are asked for.
inline void check_layout(stored_channels const& has, pixel_layout const& wanted, std::string const& name) {
  check_pixel_layout(wanted.channels, wanted.bits);
  if (!has.give(wanted.channels))
    throw error(name, text_of_channels(wanted.channels), std::to_string(has.colours) + (has.transparency ? " and transparency" : ""));
}

namespace detail {
// Of a file that check_claims() lets pass, and that gives the layout.
[[maybe_unused]] static decoded_image decode_checked(bytes file, image_kind kind, std::string const& name, image_claims const& claims,
                                                     pixel_layout const& layout) {
#if FRCNN_HAS_TIFF
  if (kind == image_kind::tiff) return decode_tiff(file, name, layout);
#endif
  if (kind == image_kind::png && claims.channels.bits == 16 && layout.bits == 16) return decode_wide(file, name, layout.channels);
  if (kind != image_kind::jpeg) return decode_with_stb(file, name, name_of(kind), layout.channels);
  decoded_image rgb = decode_jpeg(file, name);
  if (layout.channels == 3) return rgb;
  decoded_image grey(rgb.width(), rgb.height(), 1);
  for (std::size_t i = 0; i < grey.size(); ++i) grey.data()[i] = rgb.data()[3 * i];
  return grey;
}
}  // namespace detail

// As stored, then turned by `orientation` (exif.hpp). name: what errors call it, a file's path or anything that tells the user which image
// it was.
inline decoded_image decode_pixels(bytes file, std::string const& name, int orientation = 1, pixel_layout const& layout = {}) {
  image_kind const kind = kind_of(file);
  auto const claims = detail::check_claims(file, kind, name);
  check_layout(claims.channels, layout, name);
  return turned(detail::decode_checked(file, kind, name, claims, layout), orientation);
}

// What to say of a file that is read, such as that it has further pages; empty: nothing. inspect_image finds more, and decodes the file.
inline std::string image_remark([[maybe_unused]] bytes file, [[maybe_unused]] std::string const& name) {
#if FRCNN_HAS_TIFF
  if (kind_of(file) == image_kind::tiff) return detail::tiff_remark(file, name);
#endif
  return {};
}

// Decodes as much as it takes to know that decode_pixels() will succeed where the file has the channels.
inline image_facts inspect_image(bytes file, std::string const& name) {
  image_kind const kind = kind_of(file);
  auto const claims = detail::check_claims(file, kind, name);
  image_facts facts;
  facts.orientation = exif_orientation(file);
  facts.channels = claims.channels;
  if (kind == image_kind::jpeg) {
    verified_image const verdict = detail::verify_jpeg(file, name);
    facts.width = verdict.width, facts.height = verdict.height, facts.remark = verdict.remark;
    return facts;
  }
  decoded_image const pixels = detail::decode_checked(file, kind, name, claims, {claims.channels.colours, 16});
  if (pixels.bits() == 16) facts.narrow = detail::narrow_range_of(pixels);
  facts.width = pixels.width(), facts.height = pixels.height();
  facts.remark = image_remark(file, name);
  return facts;
}

// Of 16 bits that are to be cut to 8, few of whose values are used: which, and what becomes of them; empty: it is no such image. Decodes it.
inline std::string narrow_remark(bytes file, std::string const& name) {
  auto const kind = kind_of(file);
  bool const may_be = kind == image_kind::tiff ? detail::check_claims(file, kind, name).channels.bits == 16
                                               : kind == image_kind::png && file.size() > 24 && file[24] == 16;
  return may_be ? inspect_image(file, name).narrow : std::string();
}

inline image copy_of(decoded_image const& decoded) {
  image result(decoded.width(), decoded.height(), decoded.channels(), decoded.bits());
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

inline decoded_image decode(encoded_image const& e) { return decode_pixels(as_bytes(e.file), e.name, e.orientation, e.layout); }

// As the boxes of a data set mean it: turned by its sample's orientation.
inline image read_image(sample const& s, pixel_layout const& layout = {}) {
  return copy_of(decode({io::read_file(s.image), s.image.string(), s.orientation, layout}));
}

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
