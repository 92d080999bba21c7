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
#include "frcnn/io/descriptor.hpp"

#include <cstdint>
#include <cstdio>
#include <locale>
#include <ostream>
#include <streambuf>
#include <string>
#include <string_view>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::io {

class atomic_file : private std::streambuf {
 public:
  explicit atomic_file(std::filesystem::path path) : path_(std::move(path)), target_(path_), stream_(this) {
    std::error_code ignored;
    std::string const name = path_.string();
    int const standard = name == "/dev/stdout" ? STDOUT_FILENO : name == "/dev/stderr" ? STDERR_FILENO : -1;
    if (std::filesystem::is_symlink(path_, ignored)) {  // replace what the link points to, not the link
      auto resolved = std::filesystem::canonical(path_, ignored);
      if (!ignored) target_ = std::move(resolved);
      else if (!std::filesystem::exists(path_, ignored)) target_ = behind_links(path_);
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
  // The place to which a link leads where nothing is yet.
  static std::filesystem::path behind_links(std::filesystem::path const& link) {
    std::error_code failed;
    std::filesystem::path place = link;
    for (int followed = 0; std::filesystem::is_symlink(place, failed); ++followed) {
      if (followed == 40) detail::throw_write_error(link, ELOOP);  // as many as Linux follows
      auto const to = std::filesystem::read_symlink(place, failed);
      if (failed) detail::throw_write_error(link, failed.value());
      place = place.parent_path() / to;
    }
    return place;
  }

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

}  // namespace frcnn::inline FRCNN_ABI::io
FRCNN_HIDDEN_END
