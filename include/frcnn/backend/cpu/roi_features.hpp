#pragma once
// ops::roi_align and ops::roi_pool on the CPU. Maps have their channels innermost, so every sample reads and writes one run of memory: a
// RoI is pooled, and its gradient read, bin by bin. Plain rows are turned to or from these in the worker's memory; activations lie so.
//
// Forward takes RoIs in parallel. Backward takes images times blocks of channels in parallel, and inside a block RoIs in ascending order:
// each element's sum has one order whatever the number of threads.
#include "frcnn/backend/cpu/running_max.hpp"
#include "frcnn/backend/cpu/transpose.hpp"
#include "frcnn/ops/roi_features.hpp"

#include <cmath>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

namespace detail {

// A sample at `at` on one axis of a map of `extent` cells: the cells on both sides, how far it lies between them, and whether it moves with
// the RoI. Beyond the map (or NaN) it counts as 0; there, and where it is clamped, its value does not depend on its place.
template <class T>
struct bilinear_sample {
  int below = 0, above = 0;
  T part = 0;
  bool counts = false, moves = false;

  bilinear_sample(T at, int extent) {
    if (!(at >= T(-1) && at <= T(extent))) return;
    counts = true;
    T const inside = at > T(0) ? at : T(0);
    below = std::min(static_cast<int>(inside), extent - 1);
    above = std::min(below + 1, extent - 1);
    part = below == extent - 1 ? T(0) : inside - T(below);
    moves = at > T(0) && below < extent - 1;
  }
};

// The bilinear samples of one RoI along one axis. The s x s samples of a bin are the product of s rows and s columns, so each axis keeps
// a short list per bin: which cells of the map are touched (ascending, each once) and with what weight; a sample weighs 1 / s.
// Example: pooled 1, sampling 2, RoI [0, 2): samples at .5 and 1.5 -> cells 0, 1, 2 with weights .25, .5, .25
template <class T>
class bilinear_axis {
 public:
  static std::size_t bytes(int pooled, int sampling) {
    std::size_t const cells = static_cast<std::size_t>(pooled) * 2 * sampling;
    return cells * sizeof(T) + (cells + static_cast<std::size_t>(pooled)) * sizeof(std::int32_t);
  }
  bilinear_axis(void* memory, int pooled, int sampling)
      : pooled_(pooled),
        sampling_(sampling),
        weight_(static_cast<T*>(memory)),
        cell_(reinterpret_cast<std::int32_t*>(weight_ + static_cast<std::size_t>(pooled) * 2 * sampling)),
        count_(cell_ + static_cast<std::size_t>(pooled) * 2 * sampling) {}

  // low, high: the RoI's ends in cells of a map of `extent` cells.
  void place(T low, T high, int extent) {
    T const side = high - low > T(1) ? high - low : T(1), bin = side / T(pooled_);
    for (int p = 0; p < pooled_; ++p) {
      count_[p] = 0;
      for (int s = 0; s < sampling_; ++s) {
        bilinear_sample<T> const v(low + T(p) * bin + (T(s) + T(0.5)) * bin / T(sampling_), extent);
        if (!v.counts) continue;
        add(p, v.below, (T(1) - v.part) / T(sampling_));
        if (v.part > T(0)) add(p, v.above, v.part / T(sampling_));
      }
    }
  }

  int count(int p) const { return count_[p]; }
  std::int32_t cell(int p, int i) const { return cell_[p * 2 * sampling_ + i]; }
  T weight(int p, int i) const { return weight_[p * 2 * sampling_ + i]; }

 private:
  // Samples ascend: a cell already listed is one of the last two.
  void add(int p, std::int32_t cell, T weight) {
    std::int32_t* const cells = cell_ + p * 2 * sampling_;
    T* const weights = weight_ + p * 2 * sampling_;
    for (int i = std::max(0, count_[p] - 2); i < count_[p]; ++i)
      if (cells[i] == cell) {
        weights[i] += weight;
        return;
      }
    cells[count_[p]] = cell;
    weights[count_[p]++] = weight;
  }

  int pooled_, sampling_;
  T* weight_;            // [pooled, 2 * sampling]
  std::int32_t* cell_;   // [pooled, 2 * sampling]
  std::int32_t* count_;  // [pooled]
};

// Both axes of one RoI on its map; a worker keeps one and places it anew.
template <class T>
struct bilinear_grid {
  bilinear_axis<T> y, x;

  static std::size_t bytes(int pooled, int sampling) {
    return (2 * bilinear_axis<T>::bytes(pooled, sampling) + 2 * arena::alignment) / arena::alignment * arena::alignment;
  }
  bilinear_grid(std::byte* memory, int pooled, int sampling)
      : y(memory, pooled, sampling), x(memory + bytes(pooled, sampling) / 2, pooled, sampling) {}

  void place(box<T> const& roi, T scale, shape<4> map) {
    y.place(roi.y1 * scale, roi.y2 * scale, map[2]);
    x.place(roi.x1 * scale, roi.x2 * scale, map[3]);
  }

  // f(cell of the map, weight) for every cell that bin (py, px) touches.
  template <class F>
  void for_each_cell(int py, int px, int width, F f) const {
    for (int i = 0; i < y.count(py); ++i)
      for (int j = 0; j < x.count(px); ++j) f(y.cell(py, i) * width + x.cell(px, j), y.weight(py, i) * x.weight(px, j));
  }
};

// Pooled regions, in either form: plain rows, channel by channel, or an activation, whose bins lie as RoIs are pooled. T const: their
// gradients.
template <class T>
struct pooled_regions {
  T* data;
  std::size_t rows, channels, bins;
  bool by_channel;

  using value = std::remove_const_t<T>;

  pooled_regions(view<T, 3, cpu> plain)
      : data(plain.data),
        rows(static_cast<std::size_t>(plain.dims[0])),
        channels(static_cast<std::size_t>(plain.dims[1])),
        bins(static_cast<std::size_t>(plain.dims[2])),
        by_channel(true) {}
  pooled_regions(view<value, 3, cpu> plain) requires(std::is_const_v<T>) : pooled_regions(view<T, 3, cpu>(plain)) {}
  pooled_regions(cpu_activation<value> const& a)
      : data(a.data),
        rows(static_cast<std::size_t>(a.dims[0])),
        channels(static_cast<std::size_t>(a.dims[1])),
        bins(static_cast<std::size_t>(a.dims[2]) * a.dims[3]),
        by_channel(false) {}

  T* row(std::size_t i) const { return data + i * channels * bins; }
  void clear(std::size_t i) const { std::fill_n(row(i), channels * bins, value(0)); }
  // Where the bins of a row are pooled, [bins, channels]: `scratch`, or the row itself. finish() brings them where they belong.
  T* memory_of(std::size_t i, T* scratch) const { return by_channel ? scratch : row(i); }
  void finish(std::size_t i, T const* pooled) const {
    if (by_channel) transpose(pooled, channels, bins, channels, row(i), bins);
  }
  // Some channels of a row, and how far its bins lie apart.
  struct strip {
    value const* bin;
    std::size_t step;
  };
  strip read(std::size_t i, std::size_t first, std::size_t count, value* scratch) const {
    if (!by_channel) return {row(i) + first, channels};
    transpose(row(i) + first * bins, bins, count, bins, scratch, count);
    return {scratch, count};
  }
};

// Which map a RoI reads, or whether it is dead.
template <class Box>
struct roi_rows {
  counted<Box, 2, cpu> rois;
  view<std::int32_t const, 2, cpu> level;

  std::size_t images() const { return static_cast<std::size_t>(rois.rows.dims[0]); }
  std::size_t per_image() const { return static_cast<std::size_t>(rois.rows.dims[1]); }
  std::size_t live(std::size_t image) const { return static_cast<std::size_t>(std::clamp(rois.count.data[image], 0, rois.rows.dims[1])); }
  bool is_live(std::size_t row) const { return row % per_image() < live(row / per_image()); }
  Box& roi(std::size_t row) const { return rois.rows.data[row]; }
  int level_of(std::size_t row) const { return level ? level.data[row] : 0; }
};

// Work on gradients of maps, cut into images times blocks of channels: f(worker, image, first channel, number of channels).
// Blocks are whole cache lines, as many as the threads need; set clears them first.
template <class T, int L, class F>
void for_each_channel_block(cpu::context& c, maps<T, L, cpu> const& dmaps, std::size_t images, std::size_t channels, writing how, F f) {
  std::size_t const wanted = (2 * static_cast<std::size_t>(c.threads()) + images - 1) / std::max<std::size_t>(images, 1);
  std::size_t const block = std::max<std::size_t>(32, (channels / std::max<std::size_t>(wanted, 1) + 15) / 16 * 16);
  std::size_t const blocks = (channels + block - 1) / block;
  parallel_for(c, images * blocks, 1, [=, &dmaps, &f](int worker, std::size_t begin, std::size_t end) {
    for (std::size_t task = begin; task < end; ++task) {
      std::size_t const image = task / blocks, first = task % blocks * block, count = std::min(block, channels - first);
      for (auto const& map : dmaps.level) {
        if (!map || how == writing::add) continue;
        std::size_t const cells = static_cast<std::size_t>(map.dims[2]) * map.dims[3];
        for (std::size_t i = 0; i < cells; ++i) std::fill_n(map.data + (image * cells + i) * channels + first, count, T(0));
      }
      f(worker, image, first, count);
    }
  });
}

template <class T>
T* image_of(cpu_activation<T> const& map, std::size_t image) {
  return map.data + image * static_cast<std::size_t>(map.dims[2]) * map.dims[3] * map.dims[1];
}

}  // namespace detail

namespace ops {

template <>
struct roi_align<cpu> {
  template <Real T, int L>
  static void forward(cpu::context& c, roi_spec<L> const& spec, maps<T, L, cpu> const& in,
                      std::type_identity_t<counted<box<T> const, 2, cpu>> rois, view<std::int32_t const, 2, cpu> level,
                      detail::pooled_regions<std::type_identity_t<T>> out) {
    detail::roi_rows<box<T> const> const rows{rois, level};
    int const pooled = spec.pooled;
    std::size_t const channels = out.channels, bins = static_cast<std::size_t>(pooled) * pooled;
    std::size_t const total = rows.images() * rows.per_image();
    FRCNN_ASSERT(out.rows == total && out.bins == bins && spec.sampling > 0);
    cpu::context::frame const scope(c);
    std::size_t const workers = static_cast<std::size_t>(workers_for(c, total, 1));
    std::size_t const room = detail::bilinear_grid<T>::bytes(pooled, spec.sampling);
    std::byte* const memory = c.scratch_of<std::byte>(workers * room);
    T* const turned = c.scratch_of<T>(workers * bins * channels);
    parallel_for(c, total, 1, [=, &spec, &in](int worker, std::size_t begin, std::size_t end) {
      detail::bilinear_grid<T> grid(memory + static_cast<std::size_t>(worker) * room, pooled, spec.sampling);
      for (std::size_t row = begin; row < end; ++row) {
        if (!rows.is_live(row)) {
          out.clear(row);
          continue;
        }
        T* const first = out.memory_of(row, turned + static_cast<std::size_t>(worker) * bins * channels);
        T* bin = first;
        int const l = rows.level_of(row);
        auto const& map = in.level[l];
        T const* const source = detail::image_of(map, row / rows.per_image());
        grid.place(rows.roi(row), static_cast<T>(spec.scale[l]), map.dims);
        for (int py = 0; py < pooled; ++py)
          for (int px = 0; px < pooled; ++px, bin += channels) {
            weighted_sum<T> sum{bin, channels};
            grid.for_each_cell(py, px, map.dims[3],
                               [&](std::int32_t cell, T weight) { sum.add(source + static_cast<std::size_t>(cell) * channels, weight); });
            sum.finish();
          }
        out.finish(row, first);
      }
    });
  }

  template <Real T, int L>
  static void backward(cpu::context& c, roi_spec<L> const& spec, detail::pooled_regions<std::type_identity_t<T const>> dout,
                       std::type_identity_t<counted<box<T> const, 2, cpu>> rois, view<std::int32_t const, 2, cpu> level,
                       maps<T, L, cpu> const& dmaps, writing how) {
    detail::roi_rows<box<T> const> const rows{rois, level};
    int const pooled = spec.pooled;
    std::size_t const channels = dout.channels, bins = static_cast<std::size_t>(pooled) * pooled;
    cpu::context::frame const scope(c);
    std::size_t const room = detail::bilinear_grid<T>::bytes(pooled, spec.sampling);
    std::byte* const memory = c.scratch_of<std::byte>(static_cast<std::size_t>(c.threads()) * room);
    T* const turned = c.scratch_of<T>(static_cast<std::size_t>(c.threads()) * bins * channels);
    detail::for_each_channel_block(c, dmaps, rows.images(), channels, how,
                                   [=, &spec, &dmaps](int worker, std::size_t image, std::size_t first, std::size_t count) {
                                     detail::bilinear_grid<T> grid(memory + static_cast<std::size_t>(worker) * room, pooled, spec.sampling);
                                     for (std::size_t r = 0; r < rows.live(image); ++r) {
                                       std::size_t const row = image * rows.per_image() + r;
                                       int const l = rows.level_of(row);
                                       auto const& map = dmaps.level[l];
                                       if (!map) continue;
                                       T* const target = detail::image_of(map, image) + first;
                                       auto const some =
                                           dout.read(row, first, count, turned + static_cast<std::size_t>(worker) * bins * channels);
                                       T const* bin = some.bin;
                                       grid.place(rows.roi(row), static_cast<T>(spec.scale[l]), map.dims);
                                       for (int py = 0; py < pooled; ++py)
                                         for (int px = 0; px < pooled; ++px, bin += some.step)
                                           grid.for_each_cell(py, px, map.dims[3], [&](std::int32_t cell, T weight) {
                                             T* const to = target + static_cast<std::size_t>(cell) * channels;
                                             FRCNN_INDEPENDENT
                                             for (std::size_t i = 0; i < count; ++i) to[i] += weight * bin[i];
                                           });
                                     }
                                   });
  }

  template <Real T, int L>
  static void backward_rois(cpu::context& c, roi_spec<L> const& spec, maps<T, L, cpu> const& in,
                            detail::pooled_regions<std::type_identity_t<T const>> dout,
                            std::type_identity_t<counted<box<T> const, 2, cpu>> rois, view<std::int32_t const, 2, cpu> level,
                            std::type_identity_t<view<box<T>, 2, cpu>> drois) {
    detail::roi_rows<box<T> const> const rows{rois, level};
    std::size_t const channels = dout.channels, bins = static_cast<std::size_t>(spec.pooled) * spec.pooled;
    std::size_t const total = rows.images() * rows.per_image();
    FRCNN_ASSERT(dout.rows == total && drois.dims == rois.rows.dims);
    cpu::context::frame const scope(c);
    T* const turned = c.scratch_of<T>(static_cast<std::size_t>(workers_for(c, total, 1)) * bins * channels);
    parallel_for(c, total, 1, [=, &spec, &in](int worker, std::size_t begin, std::size_t end) {
      for (std::size_t row = begin; row < end; ++row) {
        drois.data[row] = {};
        if (!rows.is_live(row)) continue;
        int const l = rows.level_of(row);
        auto const& map = in.level[l];
        auto const some = dout.read(row, 0, channels, turned + static_cast<std::size_t>(worker) * bins * channels);
        drois.data[row] = gradient_of_box(spec, static_cast<T>(spec.scale[l]), rows.roi(row), detail::image_of(map, row / rows.per_image()),
                                          map.dims, some.bin, some.step);
      }
    });
  }

 private:
  // One axis of a RoI in cells of the map: sample s of bin p lies at low + along(p, s) * side.
  template <class T>
  struct extent_of {
    T low, side;
    bool grows;  // the side is no floor of 1: the upper end moves samples too
    int pooled, sampling;

    extent_of(T from, T to, int pooled, int sampling)
        : low(from), side(to - from > T(1) ? to - from : T(1)), grows(to - from > T(1)), pooled(pooled), sampling(sampling) {}
    T along(int p, int s) const { return (T(p) + (T(s) + T(0.5)) / T(sampling)) / T(pooled); }
    // Gradient by a sample's place to gradients by both ends.
    void give(T d, int p, int s, T scale, T& dlow, T& dhigh) const {
      T const part = grows ? along(p, s) : T(0);
      dlow += d * (T(1) - part) * scale;
      dhigh += d * part * scale;
    }
  };

  template <class T, int L>
  static box<T> gradient_of_box(roi_spec<L> const& spec, T scale, box<T> const& roi, T const* source, shape<4> map, T const* bin,
                                std::size_t step) {
    std::size_t const channels = static_cast<std::size_t>(map[1]);
    int const count = spec.sampling;
    extent_of<T> const y{roi.y1 * scale, roi.y2 * scale, spec.pooled, count}, x{roi.x1 * scale, roi.x2 * scale, spec.pooled, count};
    T const share = T(1) / static_cast<T>(count * count);
    box<T> d{};
    for (int py = 0; py < spec.pooled; ++py)
      for (int px = 0; px < spec.pooled; ++px, bin += step)
        for (int sy = 0; sy < count; ++sy)
          for (int sx = 0; sx < count; ++sx) {
            detail::bilinear_sample<T> const v{y.low + y.along(py, sy) * y.side, map[2]}, u{x.low + x.along(px, sx) * x.side, map[3]};
            if (!v.counts || !u.counts) continue;
            auto const at = [&](int row, int column) { return source + (static_cast<std::size_t>(row) * map[3] + column) * channels; };
            T const *const a = at(v.below, u.below), *const b = at(v.below, u.above), *const e = at(v.above, u.below),
                           *const f = at(v.above, u.above);
            T down = T(0), right = T(0);
            for (std::size_t i = 0; i < channels; ++i) {
              down += bin[i] * ((T(1) - u.part) * (e[i] - a[i]) + u.part * (f[i] - b[i]));
              right += bin[i] * ((T(1) - v.part) * (b[i] - a[i]) + v.part * (f[i] - e[i]));
            }
            if (v.moves) y.give(down * share, py, sy, scale, d.y1, d.y2);
            if (u.moves) x.give(right * share, px, sx, scale, d.x1, d.x2);
          }
    return d;
  }

  // out = sum of weight * run, four runs at a time: `out` is then read and written a quarter as often.
  template <class T>
  struct weighted_sum {
    T* out;
    std::size_t channels;
    T const* run[4] = {};
    T weight[4] = {};
    int pending = 0;
    bool started = false;

    void add(T const* r, T w) {
      run[pending] = r;
      weight[pending] = w;
      if (++pending == 4) flush();
    }
    void finish() {
      if (pending) {
        // Weight 0 on a run that is read anyway, so that no foreign NaN comes in.
        for (; pending < 4; ++pending) run[pending] = run[0];
        flush();
      } else if (!started) {
        std::fill_n(out, channels, T(0));
      }
    }

   private:
    void flush() {
      T const *const a = run[0], *const b = run[1], *const d = run[2], *const e = run[3];
      T const wa = weight[0], wb = weight[1], wd = weight[2], we = weight[3];
      T* const to = out;
      if (started) {
        FRCNN_INDEPENDENT
        for (std::size_t i = 0; i < channels; ++i) to[i] += (wa * a[i] + wb * b[i]) + (wd * d[i] + we * e[i]);
      } else {
        FRCNN_INDEPENDENT
        for (std::size_t i = 0; i < channels; ++i) to[i] = (wa * a[i] + wb * b[i]) + (wd * d[i] + we * e[i]);
      }
      started = true;
      pending = 0;
      weight[0] = weight[1] = weight[2] = weight[3] = T(0);
    }
  };
};

template <>
struct roi_pool<cpu> {
  template <Real T, int L>
  static void forward(cpu::context& c, roi_spec<L> const& spec, maps<T, L, cpu> const& in,
                      std::type_identity_t<counted<box<T> const, 2, cpu>> rois, view<std::int32_t const, 2, cpu> level,
                      detail::pooled_regions<std::type_identity_t<T>> out, view<std::int32_t, 3, cpu> argmax) {
    detail::roi_rows<box<T> const> const rows{rois, level};
    int const pooled = spec.pooled;
    std::size_t const channels = out.channels, bins = static_cast<std::size_t>(pooled) * pooled;
    std::size_t const total = rows.images() * rows.per_image(), row_size = bins * channels;
    FRCNN_ASSERT(out.rows == total && out.bins == bins);
    FRCNN_ASSERT(!argmax || argmax.size() == total * row_size);
    cpu::context::frame const scope(c);
    T* const turned = c.scratch_of<T>(static_cast<std::size_t>(workers_for(c, total, 1)) * row_size);
    parallel_for(c, total, 1, [=, &spec, &in](int worker, std::size_t begin, std::size_t end) {
      for (std::size_t row = begin; row < end; ++row) {
        std::int32_t* winner = argmax ? argmax.data + row * row_size : nullptr;
        if (!rows.is_live(row)) {
          out.clear(row);
          if (winner) std::fill_n(winner, row_size, -1);
          continue;
        }
        T* const first = out.memory_of(row, turned + static_cast<std::size_t>(worker) * row_size);
        T* best = first;
        int const l = rows.level_of(row);
        auto const& map = in.level[l];
        box<T> const& roi = rows.roi(row);
        float const scale = static_cast<float>(spec.scale[l]), offset = static_cast<float>(spec.end_offset);
        side const y{roi.y1, roi.y2, scale, offset, pooled}, x{roi.x1, roi.x2, scale, offset, pooled};
        T const* const source = detail::image_of(map, row / rows.per_image());
        for (int py = 0; py < pooled; ++py)
          for (int px = 0; px < pooled; ++px, best += channels, winner += winner ? channels : 0)
            pool_bin(source, y.begin(py, map.dims[2]), y.end(py, map.dims[2]), x.begin(px, map.dims[3]), x.end(px, map.dims[3]),
                     map.dims[3], channels, best, winner);
        out.finish(row, first);
      }
    });
  }

  template <Real T, int L>
  static void backward(cpu::context& c, roi_spec<L> const& spec, detail::pooled_regions<std::type_identity_t<T const>> dout,
                       view<std::int32_t const, 3, cpu> argmax, std::type_identity_t<counted<box<T> const, 2, cpu>> rois,
                       view<std::int32_t const, 2, cpu> level, maps<T, L, cpu> const& dmaps, writing how) {
    detail::roi_rows<box<T> const> const rows{rois, level};
    std::size_t const channels = dout.channels, bins = static_cast<std::size_t>(spec.pooled) * spec.pooled;
    cpu::context::frame const scope(c);
    T* const turned = c.scratch_of<T>(static_cast<std::size_t>(c.threads()) * bins * channels);
    detail::for_each_channel_block(c, dmaps, rows.images(), channels, how,
                                   [=, &dmaps](int worker, std::size_t image, std::size_t first, std::size_t count) {
                                     for (std::size_t r = 0; r < rows.live(image); ++r) {
                                       std::size_t const row = image * rows.per_image() + r;
                                       auto const& map = dmaps.level[rows.level_of(row)];
                                       if (!map) continue;
                                       T* const target = detail::image_of(map, image) + first;
                                       auto const some =
                                           dout.read(row, first, count, turned + static_cast<std::size_t>(worker) * bins * channels);
                                       T const* bin = some.bin;
                                       for (std::size_t b = 0; b < bins; ++b, bin += some.step) {
                                         std::int32_t const* const winner = argmax.data + (row * bins + b) * channels + first;
                                         for (std::size_t i = 0; i < count; ++i)
                                           if (winner[i] >= 0) target[static_cast<std::size_t>(winner[i]) * channels + i] += bin[i];
                                       }
                                     }
                                   });
  }

 private:
  // One axis of one RoI, in float whatever the maps hold. Coordinates that no int holds (NaN too) are taken to the nearest that one does.
  struct side {
    int start;
    float bin;

    template <class T>
    side(T low, T high, float scale, float end_offset, int pooled) {
      start = rounded(static_cast<float>(low) * scale);
      int const end = rounded((static_cast<float>(high) - end_offset) * scale);
      bin = static_cast<float>(std::max(end - start + 1, 1)) / static_cast<float>(pooled);
    }
    int begin(int p, int extent) const { return std::clamp(start + static_cast<int>(std::floor(static_cast<float>(p) * bin)), 0, extent); }
    int end(int p, int extent) const { return std::clamp(start + static_cast<int>(std::ceil(static_cast<float>(p + 1) * bin)), 0, extent); }

    static int rounded(float v) {
      constexpr float limit = 1 << 24;
      return v >= limit ? 1 << 24 : v > -limit ? static_cast<int>(std::round(v)) : -(1 << 24);
    }
  };

  // The first maximum in row-major order; a NaN wins, and stays: the loss must see it.
  template <class T>
  static void pool_bin(T const* source, int y0, int y1, int x0, int x1, int width, std::size_t channels, T* best, std::int32_t* winner) {
    if (y1 <= y0 || x1 <= x0) {
      std::fill_n(best, channels, T(0));
      if (winner) std::fill_n(winner, channels, -1);
      return;
    }
    std::copy_n(source + (static_cast<std::size_t>(y0) * width + x0) * channels, channels, best);
    if (winner) std::fill_n(winner, channels, y0 * width + x0);
    for (int y = y0; y < y1; ++y)
      for (int x = x0; x < x1; ++x) detail::take_better(source, y * width + x, channels, best, winner);
  }
};

}  // namespace ops

}  // namespace frcnn
FRCNN_HIDDEN_END
