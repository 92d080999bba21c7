#pragma once
// Reading of files: whole, or a part of one that is open.
//
//   read_file(path)    all of its bytes
//   detail::open_to_read, detail::size_of_file, detail::read_at    for formats that are read in parts
// Every error is a frcnn::error that names the file: nothing there, a folder, one that was cut short since it was opened.
//
// Example: std::string const text = io::read_file("classes.txt");
#include "frcnn/io/descriptor.hpp"

#include <cstdint>
#include <string>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::io {

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

// The first bytes of a file, n of them at most, by which a format is told. None of what is no file, or cannot be read.
inline std::string first_bytes(std::filesystem::path const& path, std::size_t n = 512) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored)) return {};
  detail::descriptor const file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string first(n, '\0');
  ssize_t const got = file ? ::pread(file.get(), first.data(), n, 0) : 0;
  first.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  return first;
}

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
