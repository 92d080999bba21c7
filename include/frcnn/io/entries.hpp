#pragma once
// What lies in a folder.
//
//   for_each_entry(folder, f)      f(std::filesystem::directory_entry) for each, in no order. A folder that is not there holds nothing; one
//                                  that cannot be read throws error: what it holds would be missing, and nobody would know
//   can_be_searched(folder)        whether this process may list it and open what it holds
#include "frcnn/core/error.hpp"
#include "frcnn/core/message.hpp"

#include <unistd.h>

#include <filesystem>
#include <system_error>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::io {

template <class F>
void for_each_entry(std::filesystem::path const& folder, F f) {
  std::error_code problem;
  for (std::filesystem::directory_iterator at(folder, problem), end; !problem && at != end; at.increment(problem)) f(*at);
  if (problem && problem != std::errc::no_such_file_or_directory && problem != std::errc::not_a_directory)
    throw error(folder.string(), "a folder that can be read", excerpt(problem.message()));
}

inline bool can_be_searched(std::filesystem::path const& folder) { return ::access(folder.c_str(), R_OK | X_OK) == 0; }

}  // namespace frcnn::inline FRCNN_ABI::io
FRCNN_HIDDEN_END
