#pragma once
// Recognises a file of a foreign format by its first bytes, to name it in messages.
//
//   foreign_file(first)   first: up to 512 bytes from the file's beginning. Empty: not known
//
// Example: foreign_file("PK\3\4...") is "a zip archive, as PyTorch (.pth), Keras and NumPy write one"
// Sources: the formats' own descriptions; PNG, HDF5, GGUF, NPY, gzip and zip begin with signatures, ONNX is a protocol buffer whose first
// field is a small version number.
#include "frcnn/config.hpp"

#include <algorithm>
#include <string>
#include <string_view>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::io {

inline std::string foreign_file(std::string_view first) {
  struct mark {
    std::size_t at;
    std::string_view magic, name;
  };
  using namespace std::string_view_literals;
  constexpr mark known[] = {{0, "version https://git-lfs"sv, "a pointer of Git LFS: the file itself was not fetched (git lfs pull)"},
                            {0, "PK\3\4"sv, "a zip archive, as PyTorch (.pth), Keras and NumPy write one"},
                            {0, "\x89HDF\r\n\x1A\n"sv, "an HDF5 file, as Keras writes it"},
                            {0, "\x93NUMPY"sv, "an array of NumPy"},
                            {0, "GGUF"sv, "a GGUF file, of llama.cpp"},
                            {4, "TFL3"sv, "a model of TensorFlow Lite"},
                            {257, "ustar"sv, "a tar archive: unpack it first"},
                            {0, "\x1F\x8B"sv, "a file packed by gzip: unpack it first"},
                            {0,
                             "\xFD"
                             "7zXZ"sv,
                             "a file packed by xz: unpack it first"},
                            {0, "(\xB5/\xFD"sv, "a file packed by zstd: unpack it first"},
                            {0, "BZh"sv, "a file packed by bzip2: unpack it first"},
                            {0, "7z\xBC\xAF\x27\x1C"sv, "a 7-Zip archive: unpack it first"},
                            {0, "Rar!"sv, "a RAR archive: unpack it first"},
                            {0, "\xFF\xD8\xFF"sv, "a JPEG image"},
                            {0, "\x89PNG\r\n\x1A\n"sv, "a PNG image"},
                            {0, "\x89PNG"sv, "a PNG image that a copy as text has spoilt: other line ends than PNG's own"},
                            {0, "\xEF\xBF\xBDPNG"sv, "a PNG image that a copy as text has spoilt: bytes that are no UTF-8 are lost"},
                            {0, "GIF8"sv, "a GIF image"},
                            {0, "%PDF"sv, "a PDF"},
                            {0, "SQLite format 3"sv, "an SQLite database"},
                            {0, "\0\5\x16\7"sv, "what macOS keeps beside a file (AppleDouble): names that begin with ._ may be deleted"},
                            {8, "AVI "sv, "a film"},
                            {0,
                             "\x7F"
                             "ELF"sv,
                             "a program"}};
  for (mark const& m : known)
    if (first.size() >= m.at && first.substr(m.at).starts_with(m.magic)) return std::string(m.name);
  if (first.size() >= 16 && first.find_first_not_of('\0') == first.npos) return "zeros where it begins (a copy that was cut off?)";
  auto const byte = [&](std::size_t i) { return i < first.size() ? static_cast<unsigned char>(first[i]) : 256u; };
  if (byte(0) == 0x80 && byte(1) >= 2 && byte(1) <= 5) return "a pickle of Python, as older versions of PyTorch write it";
  if (byte(0) == 0x08 && byte(1) < 0x20 && (byte(2) == 0x12 || byte(2) == 0x1A || byte(2) == 0x3A || byte(2) == 0x42))
    return "a protocol buffer, as ONNX writes it";

  if (first.starts_with("\xEF\xBB\xBF")) first.remove_prefix(3);
  first.remove_prefix(std::min(first.find_first_not_of(" \t\r\n"), first.size()));
  auto const begins = [&](std::string_view text) {
    return first.size() >= text.size() && std::equal(text.begin(), text.end(), first.begin(), [](char a, char b) {
             return a == (b >= 'A' && b <= 'Z' ? static_cast<char>(b - 'A' + 'a') : b);
           });
  };
  if (begins("<!doctype html") || begins("<html")) return "an HTML page (a download that gave an error or a login?)";
  if (begins("<")) return "a text that begins with '<'";
  if (begins("{") && first.find("\"weight_map\"") != first.npos)
    return "an index of several safetensors files, none of which is a whole model: join them into one file";
  if (begins("{") || begins("[")) return std::string("a text that begins with '") + first[0] + "'";
  return {};
}

}  // namespace frcnn::inline FRCNN_ABI::io
FRCNN_HIDDEN_END
