#pragma once
// ops::roi_align on the CPU: bilinear samples, averaged. Maps have their channels innermost, so every sample reads and writes contiguous
// memory: a RoI is pooled, and its gradient read, bin by bin. Plain rows are transposed to or from these in the worker's scratch.
//
// Forward takes RoIs in parallel; backward as pooled_regions.hpp says.
#include "frcnn/backend/cpu/arena.hpp"
#include "frcnn/backend/cpu/pooled_regions.hpp"
#include "frcnn/ops/region_samples.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

namespace detail {

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
    sampled_axis<T> const axis(low, high, pooled_, sampling_);
    for (int p = 0; p < pooled_; ++p) {
      count_[p] = 0;
      for (int s = 0; s < sampling_; ++s) {
        bilinear_sample<T> const v(axis.at(p, s), extent);
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
    detail::for_each_channel_block(
        c, dmaps, rows.images(), channels, how, [=, &spec, &dmaps](int worker, std::size_t image, std::size_t first, std::size_t count) {
          detail::bilinear_grid<T> grid(memory + static_cast<std::size_t>(worker) * room, pooled, spec.sampling);
          for (std::size_t r = 0; r < rows.live(image); ++r) {
            std::size_t const row = image * rows.per_image() + r;
            if (!rows.is_live(row)) continue;
            int const l = rows.level_of(row);
            auto const& map = dmaps.level[l];
            if (!map) continue;
            T* const target = detail::image_of(map, image) + first;
            auto const some = dout.read(row, first, count, turned + static_cast<std::size_t>(worker) * bins * channels);
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
  template <class T, int L>
  static box<T> gradient_of_box(roi_spec<L> const& spec, T scale, box<T> const& roi, T const* source, shape<4> map, T const* bin,
                                std::size_t step) {
    std::size_t const channels = static_cast<std::size_t>(map[1]);
    int const count = spec.sampling;
    detail::sampled_axis<T> const y{roi.y1 * scale, roi.y2 * scale, spec.pooled, count},
        x{roi.x1 * scale, roi.x2 * scale, spec.pooled, count};
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

}  // namespace ops

}  // namespace frcnn
FRCNN_HIDDEN_END
