#pragma once
// Which of cuDNN's algorithms each convolution is computed by, as numbers and as text: what was chosen by measuring is written down, so that
// a run that goes on, or is repeated, computes with the same, and has the same bits.
//
//   frcnn convolution plans of NVIDIA H200, cuDNN 91900
//   0 64 64 3 1 1 1 608 800 0 1 0 : 1 1 8912896
// A line of numbers for each: pass, channels in and out, kernel, stride, pad, maps [N, H, W], type, layout and math as cuDNN numbers them;
// then algorithm, math and bytes of workspace. Plans of another device or version of cuDNN are not taken: a frcnn::error says both, or, where
// a run goes on, a warning. Numbers are written and read as in C, whatever the program's locale is.
#include "frcnn/core/error.hpp"

#include <array>
#include <locale>
#include <map>
#include <optional>
#include <sstream>
#include <string>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

using conv_key = std::array<int, 12>;

struct conv_choice {
  int algorithm = 0, math = 0;
  std::size_t workspace = 0;
  friend bool operator==(conv_choice const&, conv_choice const&) = default;
};

class conv_choices {
 public:
  std::optional<conv_choice> find(conv_key const& key) const {
    auto const it = all_.find(key);
    return it == all_.end() ? std::nullopt : std::optional(it->second);
  }
  void put(conv_key const& key, conv_choice const& choice) { all_[key] = choice; }
  std::size_t size() const noexcept { return all_.size(); }

  // of: device and version.
  std::string text(std::string const& of) const {
    std::ostringstream out;
    out.imbue(std::locale::classic());
    out << title << of << '\n';
    for (auto const& [key, choice] : all_) {
      for (int const n : key) out << n << ' ';
      out << ": " << choice.algorithm << ' ' << choice.math << ' ' << choice.workspace << '\n';
    }
    return out.str();
  }
  // Adds what the text holds; after an error nothing is added.
  void read(std::string const& text, std::string const& of) {
    std::istringstream in(text);
    std::string line;
    std::getline(in, line);
    if (line != title + of) throw error("convolution plans", "\"" + (title + of) + "\"", "\"" + line + "\"");
    std::map<conv_key, conv_choice> read;
    for (int number = 2; std::getline(in, line); ++number) {
      std::istringstream fields(line);
      fields.imbue(std::locale::classic());
      conv_key key{};
      conv_choice choice;
      std::string colon, rest;
      for (int& n : key) fields >> n;
      fields >> colon >> choice.algorithm >> choice.math >> choice.workspace;
      if (!fields || colon != ":" || fields >> rest)
        throw error("convolution plans, line " + std::to_string(number), "12 numbers, a colon and 3 numbers", "\"" + line + "\"");
      read[key] = choice;
    }
    for (auto const& [key, choice] : read) all_[key] = choice;
  }
  // The same for a run that goes on, perhaps on another device or with another cuDNN: what cannot be taken is said to warn, and left.
  template <class Warn>
  void read_or_warn(std::string const& text, std::string const& of, Warn const& warn) {
    try {
      read(text, of);
    } catch (error const& e) {
      warn(std::string(e.what()) + ": plans are measured anew, so that the run goes on equal within rounding, not in every bit");
    }
  }

 private:
  static inline std::string const title = "frcnn convolution plans of ";
  std::map<conv_key, conv_choice> all_;
};

}  // namespace frcnn
FRCNN_HIDDEN_END
