#pragma once
// Images from files and memory, and PNG files from images.
//
// JPEG (baseline and progressive), PNG and BMP, told apart by content, never by name; grey, palette, 16-bit and transparent ones become
// 8-bit RGB (transparency is dropped, not blended). EXIF orientation is ignored: has_exif_orientation() says when that matters.
//
// A file without its end is refused, although stb fills what is missing with grey: a JPEG has to reach its EOI marker, a PNG its IEND
// chunk, a BMP its last row. What follows the end is ignored. Throws frcnn::error that names the file: "cut.jpg: expected a whole JPEG,
// found its end missing".
//
// Example: image photo = read_image("street.jpg");   // photo.at(0, 0)[0] is the red of the corner
#include "frcnn/core/error.hpp"
#include "frcnn/core/image.hpp"
#include "frcnn/data/stb.hpp"
#include "frcnn/io/atomic_file.hpp"

#include <algorithm>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace frcnn::inline FRCNN_ABI::data {

using bytes = std::span<std::uint8_t const>;

inline bytes as_bytes(std::string_view text) { return {reinterpret_cast<std::uint8_t const*>(text.data()), text.size()}; }

// More pixels than this are refused before memory is asked for: a few bytes can claim any size.
inline constexpr std::int64_t max_pixels = std::int64_t{1} << 28;

enum class image_kind : std::uint8_t { unknown, jpeg, png, bmp };

namespace detail {

inline bool holds_at(bytes file, std::size_t at, std::string_view text) {
  return file.size() >= at + text.size() && std::memcmp(file.data() + at, text.data(), text.size()) == 0;
}

}  // namespace detail

inline image_kind kind_of(bytes file) {
  if (detail::holds_at(file, 0, "\xFF\xD8\xFF")) return image_kind::jpeg;
  if (detail::holds_at(file, 0, "\x89PNG\r\n\x1A\n")) return image_kind::png;
  if (detail::holds_at(file, 0, "BM") && file.size() >= 26) return image_kind::bmp;
  return image_kind::unknown;
}

// What an unknown file is, for the sentence that refuses it.
inline std::string name_of_format(bytes file) {
  using namespace std::string_view_literals;
  struct signature {
    std::size_t at;
    std::string_view text;
    char const* name;
  };
  constexpr signature known[] = {{0, "II*\0"sv, "a TIFF"},    {0, "MM\0*"sv, "a TIFF"},     {8, "WEBP"sv, "a WebP"},
                                 {0, "GIF8"sv, "a GIF"},      {4, "ftypavif"sv, "an AVIF"}, {4, "ftyp"sv, "a HEIF image or a film"},
                                 {4, "jP  "sv, "a JPEG 2000"}};
  for (signature const& s : known)
    if (detail::holds_at(file, s.at, s.text)) return s.name + std::string(", which has to be converted first (to PNG, say)");
  if (detail::holds_at(file, 0, "version https://git-lfs")) return "a pointer of Git LFS: the image itself was not fetched";
  if (detail::holds_at(file, 0, "<")) return "a text that begins with '<'";
  return "none of them";
}

// Decoded RGB pixels in stb's own memory.
class decoded_image {
 public:
  decoded_image(std::uint8_t* pixels, int width, int height) : pixels_(pixels, &std::free), width_(width), height_(height) {}
  operator image_view() const { return {pixels_.get(), width_, height_, pixel_format::rgb, 0}; }
  int width() const { return width_; }
  int height() const { return height_; }

 private:
  std::unique_ptr<std::uint8_t, void (*)(void*)> pixels_;
  int width_, height_;
};

namespace detail {

inline std::uint32_t big_endian(bytes b, std::size_t at, int n) {
  std::uint32_t v = 0;
  for (int i = 0; i < n; ++i) v = v << 8 | b[at + static_cast<std::size_t>(i)];
  return v;
}

// Calls visit(marker, payload) for every segment that has a length, until visit returns true or the file ends. True when EOI was reached.
// Between SOS and the next marker lies the entropy-coded scan, in which FF is followed by 00 or a restart marker; thumbnails lie inside
// their segment and are stepped over with it.
template <class Visit>
bool walk_jpeg(bytes file, Visit visit) {
  std::size_t at = 2;
  for (;;) {
    while (at < file.size() && file[at] != 0xFF) ++at;
    while (at < file.size() && file[at] == 0xFF) ++at;
    if (at >= file.size()) return false;
    std::uint8_t const marker = file[at++];
    if (marker == 0xD9) return true;
    if (marker <= 0x01 || (marker >= 0xD0 && marker <= 0xD8)) continue;
    if (at + 2 > file.size()) return false;
    std::size_t const length = big_endian(file, at, 2);
    if (length < 2 || at + length > file.size()) return false;
    if (visit(marker, file.subspan(at + 2, length - 2))) return false;
    at += length;
  }
}

// stb 2.27 writes past its table where the 16 counts of a DHT segment add up to more than 256, or run out of the segment.
inline bool sound_huffman_tables(bytes payload) {
  while (!payload.empty()) {
    if (payload.size() < 17) return false;
    std::size_t values = 0;
    for (std::uint8_t count : payload.subspan(1, 16)) values += count;
    if (values > 256 || 17 + values > payload.size()) return false;
    payload = payload.subspan(17 + values);
  }
  return true;
}

// walk_jpeg for a PNG's chunks; true when IEND was reached.
template <class Visit>
bool walk_png(bytes file, Visit visit) {
  for (std::size_t at = 8; at + 12 <= file.size();) {
    std::size_t const length = big_endian(file, at, 4);
    if (length > file.size() - at - 12) return false;
    std::string_view const type(reinterpret_cast<char const*>(file.data()) + at + 4, 4);
    if (type == "IEND") return true;
    if (visit(type, file.subspan(at + 8, length))) return false;
    at += 12 + length;
  }
  return false;
}

// Whether a TIFF block, which is what EXIF is, holds tag 0x0112 in its first directory with a value other than 1, upright.
inline bool tiff_is_turned(bytes tiff) {
  if (tiff.size() < 8 || (tiff[0] != 'I' && tiff[0] != 'M') || tiff[1] != tiff[0]) return false;
  auto const read = [&](std::size_t at, int n) {
    std::uint32_t v = 0;
    for (int i = 0; i < n; ++i) v = v << 8 | tiff[at + static_cast<std::size_t>(tiff[0] == 'M' ? i : n - 1 - i)];
    return v;
  };
  std::size_t const directory = read(4, 4);
  if (directory > tiff.size() - 2) return false;
  std::size_t const entries = read(directory, 2);
  for (std::size_t i = 0, at = directory + 2; i < entries && at + 12 <= tiff.size(); ++i, at += 12)
    if (read(at, 2) == 0x0112) return read(at + 8, 2) >= 2 && read(at + 8, 2) <= 8;
  return false;
}

// Calls claim(width, height) and says whether all rows that a BMP claims to hold are there. Compressed ones (RLE) the decoder refuses.
template <class Claim>
bool walk_bmp(bytes file, Claim const& claim) {
  auto const read = [&](std::size_t at, std::size_t n) {
    std::uint32_t v = 0;
    for (std::size_t i = n; i-- > 0;) v = v << 8 | (at + i < file.size() ? file[at + i] : 0u);
    return std::int64_t{v};
  };
  bool const old = read(14, 4) == 12;
  std::int64_t const first = read(10, 4), width = old ? read(18, 2) : read(18, 4), bits = old ? read(24, 2) : read(28, 2);
  std::int64_t const height = old ? read(20, 2) : std::abs(std::int64_t{static_cast<std::int32_t>(read(22, 4))});
  claim(width, height);
  if (height > INT_MAX || (!old && read(30, 4) != 0 && read(30, 4) != 3)) return true;
  double const row = static_cast<double>((width * bits + 31) / 32 * 4), last_row = static_cast<double>((width * bits + 7) / 8);
  return height == 0 || static_cast<double>(first) + row * static_cast<double>(height - 1) + last_row <= static_cast<double>(file.size());
}

}  // namespace detail

// Whether the file says that it should be turned or mirrored before it is looked at.
inline bool has_exif_orientation(bytes file) {
  constexpr std::string_view exif("Exif\0\0", 6);
  bool turned = false;
  if (kind_of(file) == image_kind::jpeg)
    detail::walk_jpeg(file, [&](std::uint8_t marker, bytes payload) {
      bool const found = marker == 0xE1 && payload.size() > 6 && std::memcmp(payload.data(), exif.data(), 6) == 0;
      if (found) turned = detail::tiff_is_turned(payload.subspan(6));
      return found || marker == 0xDA;  // EXIF comes before the scan
    });
  else if (kind_of(file) == image_kind::png)
    detail::walk_png(file, [&](std::string_view type, bytes payload) {
      if (type == "eXIf") turned = detail::tiff_is_turned(payload);
      return type == "eXIf";
    });
  return turned;
}

// name: what errors call it, a file's path or anything that tells the user which image it was.
inline decoded_image decode_pixels(bytes file, std::string const& name) {
  if (file.empty()) throw error(name, "a JPEG, PNG or BMP image", "an empty file");
  image_kind const kind = kind_of(file);
  if (kind == image_kind::unknown) throw error(name, "a JPEG, PNG or BMP image", name_of_format(file));
  std::string const format = kind == image_kind::jpeg ? "JPEG" : kind == image_kind::png ? "PNG" : "BMP";
  std::int64_t claimed = 0;
  bool sound = true;
  auto const claims = [&](bytes size, int each) {
    claimed = std::int64_t{detail::big_endian(size, 0, each)} * detail::big_endian(size, static_cast<std::size_t>(each), each);
  };
  auto const jpeg_segment = [&](std::uint8_t marker, bytes payload) {
    bool const frame = marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
    if (frame && payload.size() >= 5) claims(payload.subspan(1), 2);
    if (marker == 0xC4) sound = sound && detail::sound_huffman_tables(payload);
    return false;
  };
  auto const png_chunk = [&](std::string_view type, bytes payload) {
    if (type == "IHDR" && payload.size() >= 8) claims(payload, 4);
    return false;
  };
  auto const bmp_header = [&](std::int64_t width, std::int64_t height) {
    claimed = static_cast<std::int64_t>(std::min(static_cast<double>(width) * static_cast<double>(height), 9e18));
  };
  bool const whole = kind == image_kind::jpeg  ? detail::walk_jpeg(file, jpeg_segment)
                     : kind == image_kind::png ? detail::walk_png(file, png_chunk)
                                               : detail::walk_bmp(file, bmp_header);
  if (!whole) throw error(name, "a whole " + format, "its end missing");
  if (claimed > max_pixels) throw error(name, "at most " + std::to_string(max_pixels) + " pixels", std::to_string(claimed));

  auto const undecodable = [&](std::string const& why) {
    return error(name, "a " + format + " that can be decoded", "a fault in it (" + why + ")");
  };
  if (!sound) throw undecodable("bad Huffman table");
  if (file.size() > INT_MAX) throw error(name, "an image file below 2 GiB", std::to_string(file.size()) + " bytes");
  int width = 0, height = 0, channels = 0;
  std::uint8_t* const pixels = stb::frcnn_stbi_load_from_memory(file.data(), static_cast<int>(file.size()), &width, &height, &channels, 3);
  if (!pixels) throw undecodable(stb::frcnn_stbi_failure_reason());
  decoded_image result(pixels, width, height);
  if (width < 1 || height < 1) throw undecodable("no pixels");
  return result;
}

inline image decode_image(bytes file, std::string const& name) {
  decoded_image const decoded = decode_pixels(file, name);
  image result(decoded.width(), decoded.height());
  std::memcpy(result.pixels.data(), image_view(decoded).data, result.pixels.size());
  return result;
}

inline image read_image(std::filesystem::path const& path) { return decode_image(as_bytes(io::read_file(path)), path.string()); }

// The bytes of a PNG file.
inline std::string encode_png(image const& im) {
  int size = 0;
  std::unique_ptr<unsigned char, void (*)(void*)> const file(
      im.pixels.empty() ? nullptr : stb::stbi_write_png_to_mem(im.pixels.data(), im.width * 3, im.width, im.height, 3, &size), &std::free);
  if (!file) throw error("PNG", "an image with pixels, and memory for it", std::to_string(im.width) + " x " + std::to_string(im.height));
  return {reinterpret_cast<char const*>(file.get()), static_cast<std::size_t>(size)};
}

// The bytes of a JPEG file; quality 1 to 100.
inline std::string encode_jpeg(image const& im, int quality = 92) {
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
