#pragma once
// The exceptions of the library. error: where it went wrong, what was expected, what was found. stopped: a call ended because it was asked
// to.
//
// Example: throw error("photo.jpg", "a JPEG, PNG or BMP image", "an empty file");
//          what() is "photo.jpg: expected a JPEG, PNG or BMP image, found an empty file"
#include "frcnn/config.hpp"

#include <exception>
#include <stdexcept>
#include <string>
#include <utility>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_VOCABULARY {

class FRCNN_VISIBLE error : public std::runtime_error {
 public:
  // where: a file (with ":line" where there is one), a tensor's name or an option; expected and found: noun phrases.
  FRCNN_PER_BUILD error(std::string where, std::string expected, std::string found)
      : std::runtime_error(whole(where + ": expected " + expected + ", found " + found)),
        where_(std::move(where)),
        expected_(std::move(expected)),
        found_(std::move(found)) {}

  // The same fault, named by what the caller knows the place as.
  FRCNN_PER_BUILD error in(std::string where) const { return error(std::move(where), expected_, found_); }

  FRCNN_PER_BUILD std::string const& where() const noexcept { return where_; }
  FRCNN_PER_BUILD std::string const& expected() const noexcept { return expected_; }
  FRCNN_PER_BUILD std::string const& found() const noexcept { return found_; }

 private:
  // what() ends at the first zero byte, which names in files may hold.
  FRCNN_PER_BUILD static std::string whole(std::string text) {
    for (auto at = text.find('\0'); at != text.npos; at = text.find('\0', at)) text.replace(at, 1, "\\x00");
    return text;
  }

  std::string where_, expected_, found_;
};

// A call that was asked to stop, by a std::stop_token, before it was done.
class FRCNN_VISIBLE stopped : public std::exception {
 public:
  FRCNN_PER_BUILD char const* what() const noexcept override { return "stopped on request"; }
};

}  // namespace frcnn
FRCNN_HIDDEN_END
