#pragma once
// Headers of image files, read without decoding: format, segments, and the size that the file declares.
//
// The file is not trusted: a segment that runs beyond its end ends the walk. Formats are told apart by content, never by name.
//
// Example: kind_of(as_bytes("\xFF\xD8\xFF...")) is image_kind::jpeg;  foreign_format(as_bytes("GIF89a")) begins with "a GIF"
// Sources: ITU-T T.81, annex B (JPEG); PNG, third edition, section 5; Microsoft's BITMAPINFOHEADER.
#include "frcnn/core/pixels.hpp"
#include "frcnn/io/crc32c.hpp"
#include "frcnn/io/foreign_file.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#if !defined(FRCNN_HAS_TIFF)
#define FRCNN_HAS_TIFF 0  // set by the build: FRCNN_TIFF
#endif
// What this build reads, in messages.
#if FRCNN_HAS_TIFF
#define FRCNN_IMAGE_FORMATS "JPEG, PNG, BMP or TIFF"
#define FRCNN_IMAGE_ENDINGS ".{jpg,jpeg,png,bmp,jfif,tif,tiff}"
#else
#define FRCNN_IMAGE_FORMATS "JPEG, PNG or BMP"
#define FRCNN_IMAGE_ENDINGS ".{jpg,jpeg,png,bmp,jfif}"
#endif

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::data {

using bytes = std::span<std::uint8_t const>;

inline bytes as_bytes(std::string_view text) { return {reinterpret_cast<std::uint8_t const*>(text.data()), text.size()}; }

// More pixels than this are refused before memory is asked for: a few bytes can claim any size.
inline constexpr std::int64_t max_pixels = std::int64_t{1} << 28;

// A progressive JPEG has about ten scans; each costs a pass over all its coefficients, and a few bytes can ask for one.
inline constexpr int max_scans = 500;

enum class image_kind : std::uint8_t { unknown, jpeg, png, bmp, tiff };

namespace detail {

inline bool has_at(bytes file, std::size_t at, std::string_view magic) {
  return file.size() >= at + magic.size() && std::memcmp(file.data() + at, magic.data(), magic.size()) == 0;
}

inline std::uint32_t big_endian(bytes b, std::size_t at, int n) {
  std::uint32_t v = 0;
  for (int i = 0; i < n; ++i) v = v << 8 | b[at + static_cast<std::size_t>(i)];
  return v;
}
inline std::uint32_t little_endian(bytes b, std::size_t at, int n) {
  std::uint32_t v = 0;
  for (int i = n; i-- > 0;) v = v << 8 | b[at + static_cast<std::size_t>(i)];
  return v;
}

}  // namespace detail

namespace detail {
// "II*" and "MM*", and those of BigTIFF.
inline bool is_tiff(bytes file) {
  for (std::string_view const magic : {std::string_view("II*\0", 4), {"MM\0*", 4}, {"II+\0", 4}, {"MM\0+", 4}})
    if (has_at(file, 0, magic)) return true;
  return false;
}
}  // namespace detail

// unknown: also of a format that this build does not read.
inline image_kind kind_of(bytes file) {
  if (FRCNN_HAS_TIFF && detail::is_tiff(file)) return image_kind::tiff;
  if (detail::has_at(file, 0, "\xFF\xD8\xFF")) return image_kind::jpeg;
  if (detail::has_at(file, 0, "\x89PNG\r\n\x1A\n")) return image_kind::png;
  if (detail::has_at(file, 0, "BM") && file.size() >= 18 && detail::little_endian(file, 14, 4) <= 124) return image_kind::bmp;
  return image_kind::unknown;
}

inline constexpr char to_be_converted[] = ", which has to be converted first (for example: mogrify -format png FILE)";

// What a file of another format is, and what to do about it; empty: not known either.
inline std::string foreign_format(bytes file) {
  struct mark {
    std::size_t at;
    std::string_view magic, name;
  };
  constexpr mark known[] = {{8, "WEBP", "a WebP"},
                            {0, "GIF8", "a GIF"},
                            {4, "ftypavif", "an AVIF"},
                            {4, "ftyphei", "a HEIC"},
                            {4, "ftyphev", "a HEIC"},
                            {4, "ftyp", "a HEIF or a film"},
                            {4, {"jP  \r\n\x87\n", 8}, "a JPEG 2000"},
                            {4, "JXL \r\n", "a JPEG XL"},
                            {0, "\xFF\x0A", "a JPEG XL"},
                            {0, "\xFF\x4F\xFF\x51", "a JPEG 2000"},
                            {0, "8BPS", "a Photoshop document"},
                            {0, "%PDF", "a PDF"},
                            {128, "DICM", "a DICOM"}};
  if (detail::is_tiff(file))
    return std::string("a TIFF") + to_be_converted + ", or read by a build with libtiff (FRCNN_TIFF; Debian: libtiff-dev)";
  for (mark const& m : known)
    if (detail::has_at(file, m.at, m.magic)) return std::string(m.name) + to_be_converted;
  return io::foreign_file({reinterpret_cast<char const*>(file.data()), std::min<std::size_t>(file.size(), 512)});
}

// What a file holds of each pixel.
struct stored_channels {
  int colours = 3;            // 1 to 16: channels without transparency
  bool transparency = false;  // one more, the last
  int bits = 8;               // of a channel: 8 or 16; fewer are spread over 8

  // Whether so many can be made of them: transparency may be left out, and a grey channel is three equal ones.
  bool give(int channels) const {
    return channels == colours || (transparency && channels == colours + 1) || (channels == 3 && colours == 1);
  }
};

namespace detail {

// Calls visit(marker, payload) for every segment that has a length, until visit returns true or the file ends. True when EOI was reached.
// Between SOS and the next marker lies the entropy-coded scan, in which FF is followed by 00 or a restart marker; thumbnails lie inside
// their segment and are stepped over with it.
template <class Visit>
bool walk_jpeg(bytes file, Visit visit) {
  std::size_t at = 2;
  for (;;) {
    void const* const next = at < file.size() ? std::memchr(file.data() + at, 0xFF, file.size() - at) : nullptr;
    if (!next) return false;
    at = static_cast<std::size_t>(static_cast<std::uint8_t const*>(next) - file.data());
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

// What is known of a file without decoding it.
struct image_claims {
  std::int64_t width = 0, height = 0;
  stored_channels channels{};
  bool whole = false;             // its end is there
  bool sound = true;              // a JPEG's Huffman tables fit, a PNG's checksums are right: stb checks neither
  int scans = 0;                  // of a JPEG
  bool channels_unknown = false;  // four of them, and no Adobe marker that says which
  std::int64_t pixels() const { return width * height; }
  void claim(std::int64_t w, std::int64_t h) {
    w = std::min(w, std::int64_t{1} << 31), h = std::min(h, std::int64_t{1} << 31);
    if (w * h >= pixels()) width = w, height = h;  // a file may claim twice, and the decoder believe either
  }
};

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

inline image_claims claims_of_jpeg(bytes file) {
  image_claims c;
  bool four = false, adobe = false;
  c.whole = walk_jpeg(file, [&](std::uint8_t marker, bytes payload) {
    bool const frame = marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
    if (frame && payload.size() >= 5) c.claim(big_endian(payload, 3, 2), big_endian(payload, 1, 2));
    if (frame && payload.size() >= 6) four = four || payload[5] == 4, c.channels.colours = payload[5] == 1 ? 1 : 3;
    if (marker == 0xEE) adobe = adobe || (has_at(payload, 0, "Adobe") && payload.size() >= 12);
    if (marker == 0xC4) c.sound = c.sound && sound_huffman_tables(payload);
    c.scans += marker == 0xDA;
    return false;
  });
  c.channels_unknown = four && !adobe;
  return c;
}

inline image_claims claims_of_png(bytes file) {
  image_claims c;
  c.whole = walk_png(file, [&](std::string_view type, bytes payload) {
    if (type == "IHDR" && payload.size() >= 9) {
      c.claim(big_endian(payload, 0, 4), big_endian(payload, 4, 4));
      c.channels.bits = payload[8] == 16 ? 16 : 8;
      int const type_of_colour = payload.size() >= 10 ? payload[9] : 2;
      c.channels.colours = type_of_colour == 0 || type_of_colour == 4 ? 1 : 3;
      c.channels.transparency = type_of_colour == 4 || type_of_colour == 6;  // a palette's, and that of one colour (tRNS), is none
    }
    if (type == "IHDR" || type == "PLTE" || type == "IDAT") {
      std::string_view const checked(type.data(), type.size() + payload.size());
      c.sound = c.sound && io::crc32(checked) == big_endian({payload.data() + payload.size(), 4}, 0, 4);
    }
    return false;
  });
  return c;
}

// Uncompressed rows, each padded to four bytes; a height below zero means that the first row is the upper one.
inline image_claims claims_of_bmp(bytes file) {
  image_claims c;
  if (file.size() < 30) return c;
  bool const old = little_endian(file, 14, 4) == 12;  // OS/2's header: sides of 16 bits
  if (!old && file.size() < 34) return c;
  std::int64_t const w = old ? little_endian(file, 18, 2) : std::int64_t{static_cast<std::int32_t>(little_endian(file, 18, 4))};
  std::int64_t const h = old ? little_endian(file, 20, 2) : std::int64_t{static_cast<std::int32_t>(little_endian(file, 22, 4))};
  std::int64_t const bits = little_endian(file, old ? 24 : 28, 2), start = little_endian(file, 10, 4);
  if (w <= 0 || h == 0 || bits > 32) return c;
  c.claim(w, std::abs(h));
  std::uint32_t const packed = old ? 0 : little_endian(file, 30, 4);
  if (packed != 0 && packed != 3) {  // run lengths and the like, which the decoder refuses
    c.whole = true;
    return c;
  }
  if (c.pixels() <= max_pixels)  // some writers leave out what fills the last row
    c.whole = start + (w * bits + 31) / 32 * 4 * (c.height - 1) + (w * bits + 7) / 8 <= static_cast<std::int64_t>(file.size());
  return c;
}

}  // namespace detail
}  // namespace frcnn::inline FRCNN_ABI::data
FRCNN_HIDDEN_END
