#pragma once
// Between maps [.., W, C] and transformed tiles: a window (8 x 8) of one vector of channels to its products' factors, and the products'
// sums to a block of outputs (6 x 6) with bias, ReLU and, where it follows, 2 x 2 pooling.
//
// Rows of a map are given by pointers, so that a map may live in a ring of rows; nullptr is a row outside the map (zero).
#include "frcnn/backend/cpu/register_tile.hpp"
#include "frcnn/backend/cpu/winograd/tile_groups.hpp"

#include <algorithm>

#if FRCNN_HAS_ONEDNN

namespace frcnn::inline FRCNN_ABI::winograd {

// Channels of both sides are whole vectors.
constexpr bool serves(int channels, int out_channels) { return channels % simd::lanes == 0 && out_channels % simd::lanes == 0; }

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

namespace detail {

// row(i): the window's first pixel of row i. To the factors that Rows x Columns outputs need.
template <int Rows, int Columns, class Row>
[[gnu::always_inline]] inline void window_to_products(Row row, std::ptrdiff_t pixel, float* v, std::ptrdiff_t stride) {
  alignas(64) float half_way[(Rows + 2) * inputs * simd::lanes];
  vec d[inputs], t[inputs];
  for (int i = 0; i < Rows + 2; ++i) {
    float const* const p = row(i);
    simd::unroll<Columns + 2>([&](auto j) { d[j] = simd::load(p + j * pixel); });
    input<Columns>(d, t);
    simd::unroll<inputs>([&](auto j) {
      if constexpr (needs(Columns, j)) simd::store(half_way + (i * inputs + j) * simd::lanes, t[j]);
    });
  }
  for (int j = 0; j < inputs; ++j) {
    if (!needs(Columns, j)) continue;
    simd::unroll<Rows + 2>([&](auto i) { d[i] = simd::load(half_way + (i * inputs + j) * simd::lanes); });
    input<Rows>(d, t);
    simd::unroll<inputs>([&](auto i) {
      if constexpr (needs(Rows, i)) simd::store(v + (i * inputs + j) * stride, t[i]);
    });
  }
}

}  // namespace detail

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

// Reads windows side by side into the own cache, row after row, before the first of them is transformed: a window itself is a few lines of
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

// v[q * stride] = factor q of channels [at, at + lanes), for the products that the window's kind of tile needs.
inline void transform_window(window const& w, bool inside, std::ptrdiff_t at, float* v, std::ptrdiff_t stride) {
  if (inside) {
    std::ptrdiff_t const first = w.x0 * w.pixel + at;
    detail::window_to_products<outputs, outputs>([&](int i) { return w.row[i] + first; }, w.pixel, v, stride);
    return;
  }
  with_kind(w.kind, [&]<int Rows, int Columns>() {
    alignas(64) float patch[(Rows + 2) * (Columns + 2) * simd::lanes];
    for (int i = 0; i < Rows + 2; ++i)
      for (int j = 0; j < Columns + 2; ++j) {
        int const x = w.x0 + j;
        bool const there = w.row[i] && x >= 0 && x < w.width;
        simd::store(patch + (i * (Columns + 2) + j) * simd::lanes, there ? simd::load(w.row[i] + x * w.pixel + at) : vec(0.f));
      }
    detail::window_to_products<Rows, Columns>([&](int i) { return static_cast<float const*>(patch) + i * (Columns + 2) * simd::lanes; },
                                              simd::lanes, v, stride);
  });
}

// What happens to a block on its way into the map, in this order: bias; what the map holds already is added (a residual, or gradients of
// earlier writers); ReLU; pooling, 2 x 2 with stride 2, where `row` are rows of the pooled map. Who pools does not add.
struct epilogue {
  float const* bias = nullptr;  // [K]; nullptr: none
  bool add = false, relu = false, pool = false;
};

// Rows row[0 ... rows) of the map, columns from x0, `columns` of them: what the kind has (pooled: half of it) or, at the end, less.
struct block_target {
  float* row[outputs];
  int rows, x0, columns;
  std::ptrdiff_t pixel;
  bool past_cache = false;  // the map is larger than a cache: written around it. Every vector of it is then aligned
  tile_kind kind = {};
};

namespace detail {

template <int Columns>
[[gnu::always_inline]] inline void write_row(vec const* o, block_target const& to, int i, std::ptrdiff_t at) {
  float* const first = to.row[i] + to.x0 * to.pixel + at;
  if (to.columns < Columns)
    simd::unroll<Columns>([&](auto j) {
      if (j < to.columns) simd::store(first + j * to.pixel, o[j]);
    });
  else if (to.past_cache)
    simd::unroll<Columns>([&](auto j) { simd::stream(first + j * to.pixel, o[j]); });
  else
    simd::unroll<Columns>([&](auto j) { simd::store(first + j * to.pixel, o[j]); });
}

template <int Rows, int Columns>
void finish_block(float const* m, std::ptrdiff_t stride, epilogue const& e, block_target const& to, std::ptrdiff_t at) {
  alignas(64) float half_way[Rows * inputs * simd::lanes];
  vec const bias = e.bias ? simd::load(e.bias + at) : vec(0.f), floor(simd::relu_floor(e.relu));
  for (int j = 0; j < inputs; ++j) {
    if (!needs(Columns, j)) continue;
    vec column[inputs], t[Rows];
    simd::unroll<inputs>([&](auto i) {
      if constexpr (needs(Rows, i)) column[i] = simd::load(m + (i * inputs + j) * stride);
    });
    output<Rows>(column, t);
    simd::unroll<Rows>([&](auto i) { simd::store(half_way + (i * inputs + j) * simd::lanes, t[i]); });
  }
  auto const row_of = [&](int i, vec* o) __attribute__((always_inline)) {
    vec t[inputs];
    simd::unroll<inputs>([&](auto j) {
      if constexpr (needs(Columns, j)) t[j] = simd::load(half_way + (i * inputs + j) * simd::lanes);
    });
    output<Columns>(t, o);
    simd::unroll<Columns>([&](auto j) { o[j] = o[j] + bias; });
  };
  auto const rectify = [&](vec * o) __attribute__((always_inline)) {
    simd::unroll<Columns>([&](auto j) { o[j] = simd::at_least(o[j], floor); });
  };
  vec o[Columns], below[Columns];
  if (e.pool) {
    for (int i = 0; i < to.rows; ++i) {
      row_of(2 * i, o);
      row_of(2 * i + 1, below);
      rectify(o);
      rectify(below);
      simd::unroll<Columns / 2>(
          [&](auto j) { o[j] = simd::max(simd::max(o[2 * j], o[2 * j + 1]), simd::max(below[2 * j], below[2 * j + 1])); });
      write_row<Columns / 2>(o, to, i, at);
    }
    return;
  }
  for (int i = 0; i < to.rows; ++i) {
    row_of(i, o);
    if (e.add) {
      float const* const held = to.row[i] + to.x0 * to.pixel + at;
      simd::unroll<Columns>([&](auto j) {
        if (j < to.columns) o[j] = simd::load(held + j * to.pixel) + o[j];
      });
    }
    rectify(o);
    write_row<Columns>(o, to, i, at);
  }
}

}  // namespace detail

// The sums m[q * stride] of one vector of channels to its block.
inline void finish_block(float const* m, std::ptrdiff_t stride, epilogue const& e, block_target const& to, std::ptrdiff_t at) {
  with_kind(to.kind, [&]<int Rows, int Columns>() { detail::finish_block<Rows, Columns>(m, stride, e, to, at); });
}

}  // namespace frcnn::winograd

#endif
