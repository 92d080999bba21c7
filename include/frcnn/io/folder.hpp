#pragma once
// Folders to write into, and what keeps one from being made, in words.
//
//   in_the_way(folder)           empty: the folder is there, or nothing speaks against making it. Otherwise what lies in its place, or in
//                                that of a folder above it: a file, a link to nothing; or a name that is too long. "new/.." of a folder
//                                that is not there is refused: while nothing is there no check sees what such a path will lead to
//   make_folder(folder, where)   with the folders above it; throws error that calls it `where`, or by its path
//
// Example: make_folder("run/results") where run/results is a file throws
//          "run/results: expected a folder, or a place for one, found a file"
#include "frcnn/core/message.hpp"
#include "frcnn/io/descriptor.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::io {

namespace detail {

[[noreturn]] inline void throw_no_folder(std::string const& where, std::string const& found) {
  throw error(where, "a folder, or a place for one", found);
}

}  // namespace detail

inline std::string in_the_way(std::filesystem::path const& folder) {
  std::error_code ignored;
  std::filesystem::path here;
  for (auto const& part : folder) {
    if (part == ".." && !here.empty() && !std::filesystem::exists(here, ignored))
      return excerpt((here / part).string(), 255) + ", where " + excerpt(here.string(), 255) + " is not there";
    here /= part;
    if (part.native().size() > 255) return "a name of " + std::to_string(part.native().size()) + " bytes, where file systems take 255";
    auto const there = std::filesystem::status(here, ignored);
    if (std::filesystem::is_directory(there)) continue;
    std::string found = detail::link_to_nothing(here);
    if (found.empty() && std::filesystem::is_regular_file(there)) found = "a file";
    if (found.empty()) found = detail::other_than_file(here);
    if (!found.empty()) return here == folder ? found : excerpt(here.string(), 255) + ", " + found;
  }
  return {};
}

inline void make_folder(std::filesystem::path const& folder, std::string const& where) {
  if (std::string const found = in_the_way(folder); !found.empty()) detail::throw_no_folder(where, found);
  std::error_code problem, ignored;
  std::filesystem::create_directories(folder, problem);
  if (!std::filesystem::is_directory(folder, ignored)) detail::throw_no_folder(where, excerpt(problem.message()));
}
inline void make_folder(std::filesystem::path const& folder) { make_folder(folder, folder.string()); }

}  // namespace frcnn::inline FRCNN_ABI::io
FRCNN_HIDDEN_END
