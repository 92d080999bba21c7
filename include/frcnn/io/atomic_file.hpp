#pragma once
// Atomic files: written under another name, flushed to the disk, then renamed into place.
//
// A reader of `path` sees the old contents or the new, never a part, whatever happens to the writer (an exception, a full disk, kill -9, a
// power cut). Until commit() the bytes go to "<path>.part", which the destructor removes; what a killed writer left there the next one
// takes over. Two writers of one path at once are refused. A path that is there and is no regular file (/dev/stdout, a pipe) is written
// straight.
//
// Every error is a frcnn::error that names `path`: "model.safetensors: expected room on the disk, found a full disk".
//
// Example: atomic_file file("curves.svg");
//          file.stream() << "<svg/>";   // the classic locale; throws as write() does
//          file.commit();               // curves.svg is there now
#include "frcnn/core/error.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <locale>
#include <ostream>
#include <streambuf>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::io {
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

[[noreturn]] inline void throw_write_error(std::filesystem::path const& path, int code) {
  switch (code) {
    case ENOSPC: throw error(path.string(), "room on the disk", "a full disk");
    case EDQUOT: throw error(path.string(), "room on the disk", "an exhausted quota");
    case EFBIG: throw error(path.string(), "room on the disk", "a file larger than the system allows");
    case ENOENT:
    case ENOTDIR: throw error(path.string(), "a folder to write into", "none at that place");
    case EISDIR: throw error(path.string(), "a file to write", "a folder");
    case EWOULDBLOCK: throw error(path.string(), "no other process that writes it", "one that does");
    default: throw error(path.string(), "a file that can be written", "'" + std::generic_category().message(code) + "'");
  }
}

// "a symbolic link to 'x', where nothing is"; empty: no such link.
inline std::string link_to_nothing(std::filesystem::path const& path) {
  std::error_code ignored;
  if (std::filesystem::exists(path, ignored) || !std::filesystem::is_symlink(std::filesystem::symlink_status(path, ignored))) return {};
  return "a symbolic link to '" + std::filesystem::read_symlink(path, ignored).string() + "', where nothing is";
}

[[noreturn]] inline void throw_read_error(std::filesystem::path const& path, int code) {
  if (std::string const link = link_to_nothing(path); !link.empty()) throw error(path.string(), "a file", link);
  switch (code) {
    case ENOENT:
    case ENOTDIR: throw error(path.string(), "a file", "nothing at that place");
    case EISDIR: throw error(path.string(), "a file", "a folder");
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

class atomic_file : private std::streambuf {
 public:
  explicit atomic_file(std::filesystem::path path) : path_(std::move(path)), target_(path_), stream_(this) {
    std::error_code ignored;
    std::string const name = path_.string();
    int const standard = name == "/dev/stdout" ? STDOUT_FILENO : name == "/dev/stderr" ? STDERR_FILENO : -1;
    if (std::filesystem::is_symlink(path_, ignored)) {  // replace what the link points to, not the link
      auto resolved = std::filesystem::canonical(path_, ignored);
      if (!ignored) target_ = std::move(resolved);
    }
    auto const status = std::filesystem::status(target_, ignored);
    if (std::filesystem::is_directory(status)) detail::throw_write_error(path_, EISDIR);
    if (target_.filename().empty()) detail::throw_write_error(path_, ENOENT);
    if (standard >= 0) {  // shares the position: whatever is behind it is added to
      file_ = detail::descriptor(::fcntl(standard, F_DUPFD_CLOEXEC, 3));
      if (!file_) detail::throw_write_error(path_, errno);
    } else if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
      file_ = detail::descriptor(::open(target_.c_str(), O_WRONLY | O_CLOEXEC));
      if (!file_) detail::throw_write_error(path_, errno);
    } else {
      beside_ = target_;
      beside_ += ".part";
      open_beside();
    }
    buffer_.resize(1 << 16);
    setp(buffer_.data(), buffer_.data() + buffer_.size());
    stream_.imbue(std::locale::classic());
    stream_.exceptions(std::ios::badbit);  // lets the frcnn::error of a failed write through
  }
  atomic_file(atomic_file const&) = delete;
  atomic_file& operator=(atomic_file const&) = delete;
  ~atomic_file() override {
    if (file_ && !beside_.empty()) ::unlink(beside_.c_str());
  }

  std::ostream& stream() { return stream_; }

  void write(void const* data, std::size_t n) {
    auto const* bytes = static_cast<char const*>(data);
    if (n <= static_cast<std::size_t>(epptr() - pptr())) {
      traits_type::copy(pptr(), bytes, n);
      pbump(static_cast<int>(n));
      return;
    }
    flush();
    put(bytes, n);
  }

  // Puts bytes over n that were written from byte `at` on. Not where the path is written straight.
  bool can_overwrite() const { return !beside_.empty(); }
  void overwrite(std::uint64_t at, void const* data, std::size_t n) {
    FRCNN_ASSERT(can_overwrite());
    flush();
    broken_ = true;
    detail::write_all_at(file_.get(), static_cast<char const*>(data), n, at, path_);
    broken_ = false;
  }

  // The file is there, whole and on the disk, when this returns. Call it once, last.
  void commit() {
    FRCNN_ASSERT(file_);
    if (broken_) throw error(path_.string(), "every byte of it written", "a write that failed before");
    flush();
    detail::sync(file_.get(), path_);
    if (beside_.empty()) {
      if (file_.close() != 0) detail::throw_write_error(path_, errno);
      return;
    }
    if (::rename(beside_.c_str(), target_.c_str()) != 0) detail::throw_write_error(path_, errno);
    beside_.clear();  // nothing is left to remove
    if (file_.close() != 0) detail::throw_write_error(path_, errno);
    detail::sync_folder(target_.parent_path());
  }

 private:
  // The lock lives as long as the descriptor. Between open and lock another writer may have renamed the file away: then it is not ours.
  void open_beside() {
    for (;;) {
      detail::descriptor file(::open(beside_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666));
      if (!file) detail::throw_write_error(path_, errno);
      if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) detail::throw_write_error(path_, EWOULDBLOCK);
      struct stat opened, named;
      if (::fstat(file.get(), &opened) != 0) detail::throw_write_error(path_, errno);
      if (::stat(beside_.c_str(), &named) != 0 || opened.st_ino != named.st_ino || opened.st_dev != named.st_dev) continue;
      if (::ftruncate(file.get(), 0) != 0) detail::throw_write_error(path_, errno);
      file_ = std::move(file);
      return;
    }
  }

  void flush() {
    auto const n = static_cast<std::size_t>(pptr() - pbase());
    setp(buffer_.data(), buffer_.data() + buffer_.size());
    put(buffer_.data(), n);
  }
  void put(char const* data, std::size_t n) {
    broken_ = true;
    detail::write_all(file_.get(), data, n, path_);
    broken_ = false;
  }

  int_type overflow(int_type c) override {
    flush();
    return traits_type::eq_int_type(c, traits_type::eof()) ? traits_type::not_eof(c) : sputc(traits_type::to_char_type(c));
  }
  std::streamsize xsputn(char const* data, std::streamsize n) override {
    write(data, static_cast<std::size_t>(n));
    return n;
  }
  int sync() override {
    flush();
    return 0;
  }

  std::filesystem::path path_, target_, beside_;  // as given, with links resolved, "<target>.part" (empty: written straight, or done)
  detail::descriptor file_;
  bool broken_ = false;  // bytes were lost: commit() must not succeed
  std::vector<char> buffer_;
  std::ostream stream_;
};

inline void write_file_atomically(std::filesystem::path const& path, std::string_view contents) {
  atomic_file file(path);
  file.write(contents.data(), contents.size());
  file.commit();
}

namespace detail {

inline descriptor open_to_read(std::filesystem::path const& path) {
  descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) throw_read_error(path, errno);
  return file;
}
inline std::uint64_t size_of_file(descriptor const& file, std::filesystem::path const& path) {
  struct stat about;
  if (::fstat(file.get(), &about) != 0) throw_read_error(path, errno);
  return static_cast<std::uint64_t>(about.st_size);
}
inline error cut_short(std::string const& name) { return {name, "the file as long as when it was opened", "one cut short since"}; }
// Bytes [from, from + n) of a file that had as many when it was opened.
inline void read_at(descriptor const& file, std::uint64_t from, std::size_t n, void* out, std::string const& name) {
  for (std::size_t done = 0; done < n;) {
    ssize_t const got = ::pread(file.get(), static_cast<char*>(out) + done, n - done, static_cast<off_t>(from + done));
    if (got < 0 && errno != EINTR) throw_read_error(name, errno);
    if (got == 0) throw cut_short(name);
    if (got > 0) done += static_cast<std::size_t>(got);
  }
}

}  // namespace detail

// The whole file, whatever it holds. Of pipes and devices, which may have no end, 256 MiB at most.
inline std::string read_file(std::filesystem::path const& path) {
  detail::descriptor const file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) detail::throw_read_error(path, errno);
  struct stat about;
  if (::fstat(file.get(), &about) != 0) detail::throw_read_error(path, errno);
  std::string contents;
  // One byte more than it claims to hold, so that the end is seen without growing; /proc and pipes claim nothing.
  contents.resize(S_ISREG(about.st_mode) ? static_cast<std::size_t>(about.st_size) + 1 : 4096);
  std::size_t n = 0;
  for (;;) {
    if (n == contents.size()) {
      if (!S_ISREG(about.st_mode) && n >= std::size_t{1} << 28)
        throw error(path.string(), "a file with an end", "more than 256 MiB from a device or a pipe");
      contents.resize(2 * n);
    }
    ssize_t const done = ::read(file.get(), contents.data() + n, contents.size() - n);
    if (done == 0) break;
    if (done < 0 && errno != EINTR) detail::throw_read_error(path, errno);
    if (done > 0) n += static_cast<std::size_t>(done);
  }
  contents.resize(n);
  return contents;
}

}  // namespace frcnn::inline FRCNN_ABI::io
FRCNN_HIDDEN_END
