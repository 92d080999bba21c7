#pragma once
// Winograd: the windows of a map that tiles read, and their prefetch.
#include "frcnn/backend/cpu/kernels/register_tile.hpp"
#include "frcnn/backend/cpu/kernels/winograd/tile_groups.hpp"

#include <algorithm>

#if FRCNN_HAS_FAST

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::cpu_backend::winograd {

// Where the columns x0 ... x0 + inputs - 1 of a window lie: all inside [0, width), or padded with zeros.
struct window {
  float const* row[inputs];
  int x0, width;
  std::ptrdiff_t pixel;  // floats from one pixel to the next
  tile_kind kind = {};   // of whole tiles eight rows and columns count, of others two more than they have outputs

  bool inside() const {
    bool rows = kind.whole();
    for (auto const* r : row) rows = rows && r;
    return rows && x0 >= 0 && x0 + inputs <= width;
  }
};

// Windows side by side: what they read of each of eight rows.
class window_run {
 public:
  // Of tiles [tile, end) those that lie in one row of tiles, up to stop().
  template <class Windows>
  window_run(std::size_t tile, std::size_t end, Windows window_of) : first_(window_of(tile)), last_(first_.x0), stop_(tile + 1) {
    for (; stop_ < end; ++stop_) {
      int const x0 = window_of(stop_).x0;
      if (x0 <= last_) break;
      last_ = x0;
    }
  }
  std::size_t stop() const { return stop_; }
  float const* row(int i) const { return first_.row[i] ? first_.row[i] + std::max(0, first_.x0) * first_.pixel : nullptr; }
  std::ptrdiff_t length() const { return (std::min(first_.width, last_ + inputs) - std::max(0, first_.x0)) * first_.pixel; }  // floats

 private:
  window first_;
  int last_;
  std::size_t stop_;
};

// Reads windows side by side into L1, row after row, before the first of them is transformed: a window itself is a few lines of
// each of eight rows (1.7 times the time).
class window_reader {
 public:
  explicit window_reader(int channels) : most_(std::max(1, (256 << 10) / (inputs * outputs * channels * 4))) {}

  // Tile i of [.., end) is next: i only grows.
  template <class Windows>
  void before(std::size_t i, std::size_t end, Windows window_of) {
    if (i < read_) return;
    window_run const run(i, std::min(end, i + static_cast<std::size_t>(most_)), window_of);
    for (int r = 0; r < inputs; ++r)
      if (auto const* row = run.row(r)) simd::read_through(row, row + run.length());
    read_ = run.stop();
  }

 private:
  int most_;
  std::size_t read_ = 0;
};

// The lines of a run of windows, to be fetched while others are multiplied: of `calls` calls of take() the last ones give `count` each, so
// that they are near when they are wanted.
class lines_ahead {
 public:
  lines_ahead() = default;
  lines_ahead(window_run const& run, int calls, int count) : step_(count * line), length_(run.length()) {
    for (int r = 0; r < inputs; ++r)
      if (auto const* row = run.row(r)) rows_[left_++] = row;
    early_ = calls - left_ * static_cast<int>((length_ + step_ - 1) / step_);
  }

  bool empty() const { return length_ == 0; }
  simd::prefetch take() {
    if (early_-- > 0 || left_ == 0) return {};
    float const* const first = rows_[left_ - 1] + at_;
    at_ += step_;
    if (at_ >= length_) --left_, at_ = 0;
    return {first, line};
  }

 private:
  static constexpr std::ptrdiff_t line = 16;
  float const* rows_[inputs] = {};
  std::ptrdiff_t step_ = 0, length_ = 0, at_ = 0;
  int left_ = 0, early_ = 0;  // rows; calls before the first that gives any
};

}  // namespace frcnn::cpu_backend::winograd
FRCNN_HIDDEN_END

#endif
