#pragma once
// Descriptors of files that are opened by the system's calls, and the sentences for what these calls refuse.
//
//   descriptor             closes itself
//   throw_write_error(path, errno), throw_read_error(path, errno)    "m.safetensors: expected room on the disk, found a full disk"
//   write_all(_at), sync, sync_folder                                whole, whatever signals arrive; they throw such errors
//   id_of_file(path)       what a file is, whatever names and links lead to it
#include "frcnn/core/error.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::io {

using file_id = std::pair<std::uint64_t, std::uint64_t>;  // device, node

// Nothing where no file is.
inline std::optional<file_id> id_of_file(std::filesystem::path const& path) {
  struct stat about;
  if (::stat(path.c_str(), &about) != 0) return {};
  return file_id{about.st_dev, about.st_ino};
}

namespace detail {

// A file descriptor that closes itself.
class descriptor {
 public:
  explicit descriptor(int fd = -1) noexcept : fd_(fd) {}
  descriptor(descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  descriptor& operator=(descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~descriptor() { close(); }
  int close() noexcept { return fd_ < 0 ? 0 : ::close(std::exchange(fd_, -1)); }
  int get() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }

 private:
  int fd_;
};

[[noreturn]] inline void throw_name_too_long(std::filesystem::path const& path) {
  throw error(path.string(), "names of 255 bytes at most, as file systems take them", "a longer one");
}

[[noreturn]] inline void throw_write_error(std::filesystem::path const& path, int code) {
  switch (code) {
    case ENOSPC: throw error(path.string(), "room on the disk", "a full disk");
    case EDQUOT: throw error(path.string(), "room on the disk", "an exhausted quota");
    case EFBIG: throw error(path.string(), "room on the disk", "a file larger than the system allows");
    case ENOENT:
    case ENOTDIR: throw error(path.string(), "a folder to write into", "none at that place");
    case EISDIR: throw error(path.string(), "a file to write", "a folder");
    case EWOULDBLOCK: throw error(path.string(), "no other process that writes it", "one that does");
    case ENAMETOOLONG: throw_name_too_long(path);
    default: throw error(path.string(), "a file that can be written", "'" + std::generic_category().message(code) + "'");
  }
}

// "a symbolic link to 'x', where nothing is"; empty: no such link.
inline std::string link_to_nothing(std::filesystem::path const& path) {
  std::error_code ignored;
  if (std::filesystem::exists(path, ignored) || !std::filesystem::is_symlink(std::filesystem::symlink_status(path, ignored))) return {};
  return "a symbolic link to '" + std::filesystem::read_symlink(path, ignored).string() + "', where nothing is";
}
// What lies at a path and is no regular file: "a folder", "a device or a pipe". Empty: a file, or nothing.
inline std::string other_than_file(std::filesystem::path const& path) {
  std::error_code ignored;
  auto const there = std::filesystem::status(path, ignored);
  if (std::filesystem::is_directory(there)) return "a folder";
  return std::filesystem::exists(there) && !std::filesystem::is_regular_file(there) ? "a device or a pipe" : "";
}

[[noreturn]] inline void throw_read_error(std::filesystem::path const& path, int code) {
  if (path.empty()) throw error("file", "a name", "an empty one");
  if (std::string const link = link_to_nothing(path); !link.empty()) throw error(path.string(), "a file", link);
  switch (code) {
    case ENOENT:
    case ENOTDIR: throw error(path.string(), "a file", "nothing at that place");
    case EISDIR: throw error(path.string(), "a file", "a folder");
    case ENAMETOOLONG: throw_name_too_long(path);
    default: throw error(path.string(), "a file that can be read", "'" + std::generic_category().message(code) + "'");
  }
}

inline void write_all(int fd, char const* data, std::size_t n, std::filesystem::path const& path) {
  while (n > 0) {
    ssize_t const done = ::write(fd, data, n);
    if (done < 0 && errno != EINTR) throw_write_error(path, errno);
    if (done > 0) data += done, n -= static_cast<std::size_t>(done);
  }
}

inline void write_all_at(int fd, char const* data, std::size_t n, std::uint64_t at, std::filesystem::path const& path) {
  while (n > 0) {
    ssize_t const done = ::pwrite(fd, data, n, static_cast<off_t>(at));
    if (done < 0 && errno != EINTR) throw_write_error(path, errno);
    if (done > 0) data += done, at += static_cast<std::uint64_t>(done), n -= static_cast<std::size_t>(done);
  }
}

// Puts what a file or a folder holds onto the disk. Devices and some file systems cannot, and say EINVAL.
inline void sync(int fd, std::filesystem::path const& path) {
  while (::fsync(fd) != 0) {
    if (errno == EINVAL || errno == ENOTSUP) return;
    if (errno != EINTR) throw_write_error(path, errno);
  }
}
inline void sync_folder(std::filesystem::path const& folder) {
  descriptor const fd(::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) throw_write_error(folder, errno);
  sync(fd.get(), folder);
}

}  // namespace detail

}  // namespace frcnn::inline FRCNN_ABI::io
FRCNN_HIDDEN_END
