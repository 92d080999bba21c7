#pragma once
// Event files: scalars over steps, as TensorBoard reads them.
//
//   <folder>/events.out.tfevents.<seconds>.frcnn[.<n>]     a new file per run, never written over
//   record   uint64 length, crc(length), bytes, crc(bytes)        little endian, crc = masked CRC-32C
//   bytes    an Event: 1 wall_time double, 2 step int64, 3 file_version string | 5 Summary | 7 SessionLog
//            Summary: 1 Value { 1 tag string, 2 simple_value float }     SessionLog: 1 status (1 = start)
//
// A resumed run writes a new file into the same folder and says from which step: TensorBoard then drops what the interrupted run wrote at
// that step and later.
//
// Example: event_file events("out/tensorboard", now);
//          events.scalar("loss/total", 1.25f, 10, now);
//          events.flush();
// Invariant: after flush() the file ends at a whole record.
// Source: tensorflow/core/util/event.proto, tensorflow/core/framework/summary.proto, tensorflow/core/lib/io/record_writer.h.
#include "frcnn/core/error.hpp"
#include "frcnn/io/crc32c.hpp"
#include "frcnn/io/descriptor.hpp"

#include <bit>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::io {

namespace detail {

// The few words of protocol buffers' wire format that an event needs.
struct message {
  std::string bytes;

  void varint(std::uint64_t v) {
    for (; v >= 0x80; v >>= 7) bytes += static_cast<char>(v | 0x80);
    bytes += static_cast<char>(v);
  }
  void fixed(std::uint64_t v, int size) {
    for (int i = 0; i < size; ++i) bytes += static_cast<char>(v >> 8 * i);
  }
  message& integer(unsigned field, std::uint64_t v) { return varint(field << 3 | 0), varint(v), *this; }
  message& real(unsigned field, double v) { return varint(field << 3 | 1), fixed(std::bit_cast<std::uint64_t>(v), 8), *this; }
  message& real(unsigned field, float v) { return varint(field << 3 | 5), fixed(std::bit_cast<std::uint32_t>(v), 4), *this; }
  message& text(unsigned field, std::string_view v) { return varint(field << 3 | 2), varint(v.size()), bytes += v, *this; }
};

// A crc of data that holds crcs itself is masked.
constexpr std::uint32_t masked_crc(std::string_view bytes) {
  std::uint32_t const crc = crc32c(bytes);
  return (crc >> 15 | crc << 17) + 0xA282EAD8u;
}

}  // namespace detail

class event_file {
 public:
  // Makes the folder and a new file in it. wall_time: seconds since 1970. resumed_at: the first step that a run that goes on will write;
  // what earlier files hold of this step and later ones is dropped by TensorBoard. Throws error naming the file, as do the functions below.
  explicit event_file(std::filesystem::path const& folder, double wall_time, std::optional<std::int64_t> resumed_at = {}) {
    std::error_code failed;
    std::filesystem::create_directories(folder, failed);
    if (failed) detail::throw_write_error(folder, failed.value());
    // TensorBoard reads the files of a folder in the order of their names: ten digits, and a counter for runs within a second.
    std::string seconds = std::to_string(static_cast<std::int64_t>(wall_time)), count;
    seconds.insert(0, seconds.size() < 10 ? 10 - seconds.size() : 0, '0');
    for (int n = 1; !file_; count = '.' + std::to_string(n++)) {
      path_ = folder / ("events.out.tfevents." + seconds + ".frcnn" + count);
      file_.reset(std::fopen(path_.c_str(), "wbxe"));
      if (!file_ && errno != EEXIST) fail();
    }
    record(detail::message().real(1, wall_time).text(3, "brain.Event:2"));
    if (resumed_at) record(event(wall_time, *resumed_at).text(7, detail::message().integer(1, 1).bytes));
    flush();
  }

  std::filesystem::path const& path() const noexcept { return path_; }

  void scalar(std::string_view tag, float value, std::int64_t step, double wall_time) {
    detail::message const one = detail::message().text(1, tag).real(2, value);
    record(event(wall_time, step).text(5, detail::message().text(1, one.bytes).bytes));
  }

  // Hands what was written to the system, so that TensorBoard sees it.
  void flush() {
    if (std::fflush(file_.get()) != 0) fail();
  }

 private:
  static detail::message event(double wall_time, std::int64_t step) {
    detail::message e;
    e.real(1, wall_time);
    if (step != 0) e.integer(2, static_cast<std::uint64_t>(step));  // zero is left out, as everywhere in proto3
    return e;
  }
  void record(detail::message const& e) {
    detail::message length, out;
    length.fixed(e.bytes.size(), 8);
    out.bytes = length.bytes;
    out.fixed(detail::masked_crc(length.bytes), 4);
    out.bytes += e.bytes;
    out.fixed(detail::masked_crc(e.bytes), 4);
    if (std::fwrite(out.bytes.data(), 1, out.bytes.size(), file_.get()) != out.bytes.size()) fail();
  }
  [[noreturn]] void fail() const { detail::throw_write_error(path_, errno); }

  struct close {
    void operator()(std::FILE* f) const noexcept { std::fclose(f); }
  };
  std::filesystem::path path_;
  std::unique_ptr<std::FILE, close> file_;
};

}  // namespace frcnn::inline FRCNN_ABI::io
FRCNN_HIDDEN_END
