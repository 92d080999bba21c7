#pragma once
// A file of weights of any known format as a source: formats are told apart by their first bytes.
//
//   auto const weights = open_weights("vgg16-397923af.pth");                safetensors, .pth, and .caffemodel in builds with protozero
//   auto const weights = open_weights("checkpoint.pth", "model_ema");       of a .pth file: the state dict under this key
// Throws error where it is none of these, with what it is, where that is known.
#include "frcnn/io/caffemodel.hpp"
#include "frcnn/io/foreign_file.hpp"
#include "frcnn/io/pth_file.hpp"
#include "frcnn/io/safetensors.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::io {

enum class weight_format : std::uint8_t { safetensors, pth, caffemodel };

// first: the file's first bytes, 64 or more where it has them; name: its extension decides where they do not.
inline weight_format weight_format_of(std::string_view first, std::filesystem::path const& name) {
  auto const extension = name.extension();
  bool const object = first.size() > 8 && first[8] == '{';
  // A header's length, in 8 bytes, may begin with the 0x80 of a pickle, or look like a zip's: no header has 4 GiB.
  if (object && first.substr(4, 4) == std::string_view("\0\0\0\0", 4)) return weight_format::safetensors;
  if (first.starts_with("PK\3\4") || first.starts_with('\x80')) return weight_format::pth;
  if (object) return weight_format::safetensors;
  if (extension == ".caffemodel") return weight_format::caffemodel;
  // NetParameter begins with its name, a layer of the old form, or one of the new.
  bool const begins = first.size() > 2 && ((first[0] == 0x0a && static_cast<unsigned char>(first[1]) < 0x80 && first[2] >= 0x20) ||
                                           first.starts_with("\xa2\x06"));
  if (begins && foreign_file(first).empty()) return weight_format::caffemodel;
  return extension == ".pth" || extension == ".pt" || extension == ".pkl" ? weight_format::pth : weight_format::safetensors;
}

#if FRCNN_DECLARES_FILES
std::unique_ptr<weight_source> open_weights(std::filesystem::path const& path, std::string const& key = {});
#else
FRCNN_FILES_INLINE std::unique_ptr<weight_source> open_weights(std::filesystem::path const& path, std::string const& key = {}) {
  std::error_code ignored;
  if (auto const model = path / "model.safetensors"; std::filesystem::is_regular_file(model, ignored))
    throw error(path.string(), "a file of weights", "the folder of a run, whose model is " + model.string());
  std::string first;
  {
    byte_source const file(path, "a file of weights");
    first = file.text(0, static_cast<std::size_t>(std::min<std::uint64_t>(file.size(), 512)));
  }
  auto const format = weight_format_of(first, path);
  if (!key.empty() && format != weight_format::pth) throw error(path.string(), "a .pth file, which has keys", "another");
  switch (format) {
    case weight_format::pth: return std::make_unique<pth_file>(path, key);
    case weight_format::caffemodel:
#if FRCNN_HAS_PROTOZERO
      return std::make_unique<caffemodel>(path);
#else
      if (auto const other = foreign_file(first); !other.empty()) throw error(path.string(), "a .caffemodel file", other);
      throw error(path.string(), "a build with protozero (Debian: libprotozero-dev), which reads .caffemodel files", "one without");
#endif
    case weight_format::safetensors: break;
  }
  return std::make_unique<safetensors_file>(path);
}
#endif

}  // namespace frcnn::inline FRCNN_ABI::io
FRCNN_HIDDEN_END
