#pragma once
// The numbers of a run, one JSON object per line, step first: {"step":200,"loss":0.5,"lr":0.01}
//
// Each line is on its way to the disk when write() returns. After a resume the file tells one history: cut_back_to(step) drops the lines of
// later steps, and of that step those which the run will write again. A last line without its end, which a killed run or a full disk leaves,
// is dropped on opening.
//
// Example: metrics_file metrics("out/metrics.jsonl");
//          metrics.cut_back_to(checkpoint.step);
//          metrics.write(400, {{"loss", .25}, {"lr", .01}});   // {"step":400,"loss":0.25,"lr":0.01}
// Invariant: numbers are read back as the same doubles; those that JSON has no word for (infinity, NaN) are null.
#include "frcnn/core/finite.hpp"
#include "frcnn/core/message.hpp"
#include "frcnn/io/atomic_file.hpp"
#include "frcnn/io/descriptor.hpp"
#include "frcnn/io/read_file.hpp"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <optional>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

class metrics_file {
 public:
  using field = std::pair<std::string, double>;

  explicit metrics_file(std::filesystem::path path) : path_(std::move(path)) {
    open();
    std::error_code ignored;
    if (!std::filesystem::is_regular_file(path_, ignored)) return;  // a device: nothing to read back
    std::string const contents = io::read_file(path_);
    if (!contents.empty() && contents.back() != '\n') keep(contents, [](std::string_view) { return true; });
  }

  // names: without quotes, backslashes and control characters.
  void write(std::uint64_t step, std::vector<field> const& fields) {
    std::string line = "{\"step\":" + std::to_string(step);
    for (auto const& [name, value] : fields) line += ",\"" + name + "\":" + number(value);
    line += "}\n";
    struct stat before {};
    bool const is_file = ::fstat(file_.get(), &before) == 0 && S_ISREG(before.st_mode);
    try {
      io::detail::write_all(file_.get(), line.data(), line.size(), path_);
    } catch (...) {  // a full disk: no half of a line stays
      if (is_file) static_cast<void>(::ftruncate(file_.get(), before.st_size) == 0);
      throw;
    }
  }

  // Drops the lines of steps after this one; atomically: a kill leaves the old file or the new. undone: lines of that step with this field go,
  // too.
  void cut_back_to(std::uint64_t step, std::string const& undone = {}) {
    std::string const field = ",\"" + undone + "\":";
    keep(io::read_file(path_), [&](std::string_view line) {
      auto const at = step_of(line);
      return !at || *at < step || (*at == step && (undone.empty() || line.find(field) == line.npos));
    });
  }

  bool is_empty() const {
    std::error_code unknown;
    return std::filesystem::is_regular_file(path_, unknown) && std::filesystem::file_size(path_, unknown) == 0;
  }

  // For a run that starts anew.
  void clear() {
    keep({}, [](std::string_view) { return true; });
  }

  // The step of a line; none where the line is not one of ours.
  static std::optional<std::uint64_t> step_of(std::string_view line) {
    constexpr std::string_view start = "{\"step\":";
    std::uint64_t step = 0;
    if (!line.starts_with(start)) return std::nullopt;
    auto const result = std::from_chars(line.data() + start.size(), line.data() + line.size(), step);
    return result.ec == std::errc{} ? std::optional(step) : std::nullopt;
  }

 private:
  static std::string number(double value) {
    if (!is_finite(value)) return "null";
    return number_text(value);
  }

  void open() {
    file_ = io::detail::descriptor(::open(path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666));
    if (!file_) io::detail::throw_write_error(path_, errno);
  }

  // Rewrites the file with the whole lines that `wanted` accepts.
  template <class F>
  void keep(std::string_view contents, F const& wanted) {
    std::string remaining;
    for (std::size_t end; (end = contents.find('\n')) != std::string_view::npos; contents.remove_prefix(end + 1))
      if (wanted(contents.substr(0, end))) remaining += contents.substr(0, end + 1);
    io::write_file_atomically(path_, remaining);
    open();
  }

  std::filesystem::path path_;
  io::detail::descriptor file_;
};

}  // namespace frcnn::inline FRCNN_ABI
FRCNN_HIDDEN_END
