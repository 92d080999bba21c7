#pragma once
// The bytes of an open file, or of memory: what readers of formats with many parts stand on. Nothing of a file is kept in memory.
//
//   byte_source file("vgg16.pth");              byte_source memory("name for messages", bytes)
//   file.read(from, n, out)                     a copy; throws error where bytes from ... from + n are not all in the file
//   file.view(from, n)                          the same as memory, for a while: mapped (io/mapping.hpp), so that what nobody looks at costs
//                                               nothing
// Reading is safe from several threads.
#include "frcnn/io/mapping.hpp"
#include "frcnn/io/read_file.hpp"

#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::io {

class byte_source {
 public:
  // what: a noun phrase for the message where the path is no file, "a safetensors file".
  explicit byte_source(std::filesystem::path const& path, std::string const& what = "a file") : name_(path.string()) {
    if (std::string const other = detail::other_than_file(path); !other.empty()) throw error(name_, what, other);
    file_ = std::make_shared<detail::descriptor const>(detail::open_to_read(path));
    size_ = detail::size_of_file(*file_, path);
  }
  // The caller keeps the memory.
  byte_source(std::string name, std::span<std::byte const> bytes) : name_(std::move(name)), memory_(bytes), size_(bytes.size()) {}

  std::string const& name() const { return name_; }
  std::uint64_t size() const { return size_; }

  bool holds(std::uint64_t from, std::uint64_t n) const { return from <= size_ && n <= size_ - from; }

  void read(std::uint64_t from, std::size_t n, void* out) const {
    check(from, n);
    if (n == 0) return;
    if (file_) detail::read_at(*file_, from, n, out, name_);
    else std::memcpy(out, memory_.data() + from, n);
  }
  std::string text(std::uint64_t from, std::size_t n) const {
    check(from, n);  // before memory is asked for
    std::string bytes(n, '\0');
    read(from, n, bytes.data());
    return bytes;
  }

  std::shared_ptr<std::byte const> view(std::uint64_t from, std::size_t n) const {
    check(from, n);
    if (!file_) return {std::shared_ptr<void>(), memory_.data() + from};
    if (detail::size_of_file(*file_, name_) < from + n) throw detail::cut_short(name_);
    if (auto mapped = map_privately(*file_, from, n)) return mapped;
    auto const copy = std::make_shared<std::vector<std::byte>>(n);  // where the system maps no files
    read(from, n, copy->data());
    return {copy, copy->data()};
  }

 private:
  void check(std::uint64_t from, std::uint64_t n) const {
    if (!holds(from, n))
      throw error(name_, "a file of " + std::to_string(from) + " bytes and " + std::to_string(n) + " more",
                  std::to_string(size_) + " bytes");
  }

  std::string name_;
  std::shared_ptr<detail::descriptor const> file_;  // or
  std::span<std::byte const> memory_;
  std::uint64_t size_ = 0;
};

// A little-endian number of a format's header.
template <class T>
T little_endian(std::string_view bytes, std::size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

}  // namespace frcnn::inline FRCNN_ABI::io
FRCNN_HIDDEN_END
