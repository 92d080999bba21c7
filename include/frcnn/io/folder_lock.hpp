#pragma once
// One writer of a folder at a time: throws while another process, or another lock, has it. The lock ends with the object, or with the process
// however that ends. A file system without locks, or a folder that is not there, is not refused.
//
// Example: folder_lock const alone("run", "--out run", "a folder that no other run writes into");
//          a second time: "--out run: expected a folder that no other run writes into, found one that is still running"
#include "frcnn/io/descriptor.hpp"

#include <sys/file.h>

#include <cerrno>
#include <filesystem>
#include <string>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::io {

class folder_lock {
 public:
  folder_lock(std::filesystem::path const& folder, std::string const& where, std::string const& expected)
      : folder_(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
    if (folder_ && ::flock(folder_.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
      throw error(where, expected, "one that is still running");
  }

 private:
  detail::descriptor folder_;
};

}  // namespace frcnn::inline FRCNN_ABI::io
FRCNN_HIDDEN_END
