#pragma once
// ops::roi_warp on the CPU: bin by bin, all channels of a bin in one loop, whose cells stay in registers.
//
// The two samples of a bin along an axis lie between the same two cells, between neighbouring ones (three cells), or apart (four): a kernel
// for each of the nine cases reads or writes every cell once. Cells beyond the map are a strip of zeros, or, where gradients are written,
// one that nobody reads.
// Threads share the work as in pooled_regions.hpp: forward and backward_rois by RoIs, backward by images times blocks of channels.
#include "frcnn/backend/cpu/pooled_regions.hpp"
#include "frcnn/core/finite.hpp"
#include "frcnn/ops/region_samples.hpp"
#include "frcnn/ops/roi_warp.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

namespace detail {

// One region on its map.
template <class T>
struct warp_grid {
  T y1, y2, x1, x2;
  int height, width, pooled, sampling;
  std::size_t channels;

  template <int L>
  warp_grid(roi_spec<L> const& spec, int level, box<T> const& roi, shape<4> map)
      : height(map[2]), width(map[3]), pooled(spec.pooled), sampling(spec.sampling), channels(static_cast<std::size_t>(map[1])) {
    T const scale = static_cast<T>(spec.scale[level]);
    y1 = roi.y1 * scale, y2 = roi.y2 * scale, x1 = roi.x1 * scale, x2 = roi.x2 * scale;
  }

  // f(bin, rows, columns, y, x, cells) for every bin: numbers of cells along the axes as constants, samples, and the cells in `map`, row by
  // row.
  template <class U, class F>
  void for_each_bin(U* map, U* outside, F f) const {
    for (int py = 0; py < pooled; ++py) {
      warp_pair<T> const y(y1, y2, height, pooled, sampling, py);
      for (int px = 0; px < pooled; ++px) {
        warp_pair<T> const x(x1, x2, width, pooled, sampling, px);
        auto const with = [&](auto rows, auto columns) {
          U* cells[rows() * columns()];
          for (int i = 0; i < rows(); ++i)
            for (int j = 0; j < columns(); ++j) {
              int const row = y.template at<rows()>(i), column = x.template at<columns()>(j);
              bool const inside = row >= 0 && row < height && column >= 0 && column < width;
              cells[i * columns() + j] = inside ? map + (static_cast<std::size_t>(row) * width + column) * channels : outside;
            }
          f(static_cast<std::size_t>(py) * pooled + px, rows, columns, y, x, cells);
        };
        auto const with_rows = [&](auto rows) {
          if (int const n = x.cells(); n == 2) with(rows, two());
          else if (n == 3) with(rows, three());
          else with(rows, four());
        };
        if (int const n = y.cells(); n == 2) with_rows(two());
        else if (n == 3) with_rows(three());
        else with_rows(four());
      }
    }
  }

 private:
  using two = std::integral_constant<int, 2>;
  using three = std::integral_constant<int, 3>;
  using four = std::integral_constant<int, 4>;
};

// Weights of an axis' cells in both samples, for a loop over channels.
template <int N, class T>
struct warp_weights {
  T of[2][N];
  explicit warp_weights(warp_pair<T> const& p) {
    for (int s = 0; s < 2; ++s)
      for (int j = 0; j < N; ++j) of[s][j] = p.template weight<N>(s, j);
  }
  // Both are read, then one is chosen: a loop of this becomes one over vectors.
  T in(bool second, int j) const {
    T const a = of[0][j], b = of[1][j];
    return second ? b : a;
  }
};

}  // namespace detail

namespace ops {

template <>
struct roi_warp<cpu> {
  template <Real T, int L>
  static void forward(cpu::context& c, roi_spec<L> const& spec, maps<T, L, cpu> const& in,
                      std::type_identity_t<counted<box<T> const, 2, cpu>> rois, view<std::int32_t const, 2, cpu> level,
                      detail::pooled_regions<std::type_identity_t<T>> out, view<std::uint8_t, 3, cpu> winner) {
    detail::roi_rows<box<T> const> const rows{rois, level};
    std::size_t const channels = out.channels, row_size = out.bins * channels, total = rows.images() * rows.per_image();
    check(spec, out, total, winner);
    cpu::context::frame const scope(c);
    T* const turned = c.scratch_of<T>(static_cast<std::size_t>(workers_for(c, total, 1)) * row_size);
    T* const outside = zeros<T>(c, channels);
    std::int32_t* const wide = c.scratch_of<std::int32_t>(static_cast<std::size_t>(workers_for(c, total, 1)) * channels);
    parallel_for(c, total, 1, [=, &spec, &in](int worker, std::size_t begin, std::size_t end) {
      std::int32_t* const winners = wide + static_cast<std::size_t>(worker) * channels;
      for (std::size_t row = begin; row < end; ++row) {
        std::uint8_t* const won = winner ? winner.data + row * row_size : nullptr;
        if (!rows.is_live(row)) {
          out.clear(row);
          if (won) std::fill_n(won, row_size, std::uint8_t(0));
          continue;
        }
        int const l = rows.level_of(row);
        T* const first = out.memory_of(row, turned + static_cast<std::size_t>(worker) * row_size);
        detail::warp_grid<T> const grid(spec, l, rows.roi(row), in.level[l].dims);
        grid.template for_each_bin<T const>(detail::image_of(in.level[l], row / rows.per_image()), outside,
                                            [=](std::size_t bin, auto ny, auto nx, auto const& y, auto const& x, auto const& cells) {
                                              if (!won)
                                                return pool_bin<ny(), nx(), false>(y, x, cells, channels, first + bin * channels, winners);
                                              pool_bin<ny(), nx(), true>(y, x, cells, channels, first + bin * channels, winners);
                                              convert(winners, channels, won + bin * channels);
                                            });
        out.finish(row, first);
      }
    });
  }

  template <Real T, int L>
  static void backward(cpu::context& c, roi_spec<L> const& spec, detail::pooled_regions<std::type_identity_t<T const>> dout,
                       view<std::uint8_t const, 3, cpu> winner, std::type_identity_t<counted<box<T> const, 2, cpu>> rois,
                       view<std::int32_t const, 2, cpu> level, maps<T, L, cpu> const& dmaps, writing how) {
    detail::roi_rows<box<T> const> const rows{rois, level};
    std::size_t const channels = dout.channels, row_size = dout.bins * channels;
    check(spec, dout, rows.images() * rows.per_image(), winner);
    cpu::context::frame const scope(c);
    std::size_t const threads = static_cast<std::size_t>(c.threads());
    T *const turned = c.scratch_of<T>(threads * row_size), *const unread = zeros<T>(c, threads * channels);
    std::int32_t* const wide = c.scratch_of<std::int32_t>(threads * channels);
    detail::for_each_channel_block(
        c, dmaps, rows.images(), channels, how, [=, &spec, &dmaps](int worker, std::size_t image, std::size_t first, std::size_t count) {
          std::size_t const mine = static_cast<std::size_t>(worker);
          for (std::size_t r = 0; r < rows.live(image); ++r) {
            std::size_t const row = image * rows.per_image() + r;
            if (!rows.is_live(row)) continue;
            int const l = rows.level_of(row);
            auto const& map = dmaps.level[l];
            if (!map) continue;
            auto const some = dout.read(row, first, count, turned + mine * row_size);
            std::uint8_t const* const won = winner.data + row * row_size + first;
            std::int32_t* const winners = wide + mine * channels;
            detail::warp_grid<T> const grid(spec, l, rows.roi(row), map.dims);
            grid.template for_each_bin<T>(detail::image_of(map, image) + first, unread + mine * channels,
                                          [=](std::size_t bin, auto ny, auto nx, auto const& y, auto const& x, auto const& cells) {
                                            convert(won + bin * channels, count, winners);
                                            give_bin<ny(), nx()>(y, x, cells, count, some.bin + bin * some.step, winners);
                                          });
          }
        });
  }

  template <Real T, int L>
  static void backward_rois(cpu::context& c, roi_spec<L> const& spec, maps<T, L, cpu> const& in,
                            detail::pooled_regions<std::type_identity_t<T const>> dout, view<std::uint8_t const, 3, cpu> winner,
                            std::type_identity_t<counted<box<T> const, 2, cpu>> rois, view<std::int32_t const, 2, cpu> level,
                            std::type_identity_t<view<box<T>, 2, cpu>> drois) {
    detail::roi_rows<box<T> const> const rows{rois, level};
    std::size_t const channels = dout.channels, row_size = dout.bins * channels, total = rows.images() * rows.per_image();
    check(spec, dout, total, winner);
    FRCNN_ASSERT(drois.dims == rois.rows.dims);
    cpu::context::frame const scope(c);
    std::size_t const workers = static_cast<std::size_t>(workers_for(c, total, 1));
    T *const turned = c.scratch_of<T>(workers * row_size), *const sums = c.scratch_of<T>(workers * 4 * channels);
    T* const outside = zeros<T>(c, channels);
    std::int32_t* const wide = c.scratch_of<std::int32_t>(workers * channels);
    parallel_for(c, total, 1, [=, &spec, &in](int worker, std::size_t begin, std::size_t end) {
      std::size_t const mine = static_cast<std::size_t>(worker);
      std::int32_t* const winners = wide + mine * channels;
      T* const sum = sums + mine * 4 * channels;  // by x1, y1, x2, y2, a channel each
      for (std::size_t row = begin; row < end; ++row) {
        drois.data[row] = {};
        if (!rows.is_live(row)) continue;
        int const l = rows.level_of(row);
        std::fill_n(sum, 4 * channels, T(0));
        auto const some = dout.read(row, 0, channels, turned + mine * row_size);
        std::uint8_t const* const won = winner.data + row * row_size;
        detail::warp_grid<T> const grid(spec, l, rows.roi(row), in.level[l].dims);
        grid.template for_each_bin<T const>(detail::image_of(in.level[l], row / rows.per_image()), outside,
                                            [=](std::size_t bin, auto ny, auto nx, auto const& y, auto const& x, auto const& cells) {
                                              convert(won + bin * channels, channels, winners);
                                              move_bin<ny(), nx()>(y, x, cells, channels, some.bin + bin * some.step, winners, sum);
                                            });
        T const scale = static_cast<T>(spec.scale[l]);
        T by[4] = {};
        for (int k = 0; k < 4; ++k)
          for (std::size_t i = 0; i < channels; ++i) by[k] += sum[static_cast<std::size_t>(k) * channels + i];
        drois.data[row] = {by[0] * scale, by[1] * scale, by[2] * scale, by[3] * scale};
      }
    });
  }

 private:
  template <int L, class Regions, class Winner>
  static void check(roi_spec<L> const& spec, Regions const& out, std::size_t total, Winner const& winner) {
    FRCNN_ASSERT(out.rows == total && out.bins == static_cast<std::size_t>(spec.pooled) * spec.pooled);
    FRCNN_ASSERT(spec.sampling == 1 || spec.sampling == 2);
    FRCNN_ASSERT(!winner || winner.size() == total * out.bins * out.channels);
    static_cast<void>(spec), static_cast<void>(out), static_cast<void>(total), static_cast<void>(winner);
  }
  template <class T>
  static T* zeros(cpu::context& c, std::size_t n) {
    T* const memory = c.scratch_of<T>(n);
    std::fill_n(memory, n, T(0));
    return memory;
  }

  // Winners as the loops over channels have them, as wide as a float, and as they are kept.
  template <class From, class To>
  static void convert(From const* from, std::size_t n, To* to) {
    FRCNN_INDEPENDENT
    for (std::size_t i = 0; i < n; ++i) to[i] = static_cast<To>(from[i]);
  }

  // The maximum of a bin's four samples. (Not inlined, as the two below: a loop for each number of cells, compiled once.)
  template <int NY, int NX, bool Training, class T>
  FRCNN_NOINLINE static void pool_bin(detail::warp_pair<T> const& y, detail::warp_pair<T> const& x, T const* const (&cells)[NY * NX],
                                      std::size_t channels, T* best, std::int32_t* winner) {
    T const up[2] = {y.part[0], y.part[1]}, right[2] = {x.part[0], x.part[1]};
    FRCNN_INDEPENDENT
    for (std::size_t i = 0; i < channels; ++i) {
      T sample[2][2];
      for (int v = 0; v < 2; ++v) {
        int const low = v == 0 ? 0 : NY - 2;
        T row[NX];
        for (int j = 0; j < NX; ++j) row[j] = (T(1) - up[v]) * cells[low * NX + j][i] + up[v] * cells[(low + 1) * NX + j][i];
        for (int u = 0; u < 2; ++u) {
          int const left = u == 0 ? 0 : NX - 2;
          sample[v][u] = (T(1) - right[u]) * row[left] + right[u] * row[left + 1];
        }
      }
      T const first = sample[0][1] > sample[0][0] ? sample[0][1] : sample[0][0];
      T const second = sample[1][1] > sample[1][0] ? sample[1][1] : sample[1][0];
      T const largest = second > first ? second : first;
      T const sum = (sample[0][0] + sample[0][1]) + (sample[1][0] + sample[1][1]);
      best[i] = is_nan(sum) ? sum : largest;
      if constexpr (Training) {  // as arithmetic: compilers make branches of the same choices
        std::int32_t const above = sample[0][1] > sample[0][0], below = sample[1][1] > sample[1][0], lower = second > first;
        winner[i] = ((lower - 1) & above) | (-lower & (below + 2));
      }
    }
  }

  // A bin's gradient to the cells of the sample that won. In a mirrored region two of the cells may be one: a channel adds to both in order.
  template <int NY, int NX, class T>
  FRCNN_NOINLINE static void give_bin(detail::warp_pair<T> const& y, detail::warp_pair<T> const& x, T* const (&cells)[NY * NX],
                                      std::size_t channels, T const* bin, std::int32_t const* winner) {
    detail::warp_weights<NY, T> const down(y);
    detail::warp_weights<NX, T> const right(x);
    FRCNN_INDEPENDENT
    for (std::size_t i = 0; i < channels; ++i) {
      bool const v = (winner[i] & 2) != 0, u = (winner[i] & 1) != 0;
      for (int k = 0; k < NY; ++k) {
        T const part = bin[i] * down.in(v, k);
        for (int j = 0; j < NX; ++j) cells[k * NX + j][i] += part * right.in(u, j);
      }
    }
  }

  // A bin's gradient to the ends of both axes, through the place of the sample that won.
  template <int NY, int NX, class T>
  FRCNN_NOINLINE static void move_bin(detail::warp_pair<T> const& y, detail::warp_pair<T> const& x, T const* const (&cells)[NY * NX],
                                      std::size_t channels, T const* bin, std::int32_t const* winner, T* sum) {
    detail::warp_weights<NY, T> const down(y);
    detail::warp_weights<NX, T> const right(x);
    T const y_place[2] = {y.along[0], y.along[1]}, x_place[2] = {x.along[0], x.along[1]};
    T *const by_x1 = sum, *const by_y1 = sum + channels, *const by_x2 = sum + 2 * channels, *const by_y2 = sum + 3 * channels;
    FRCNN_INDEPENDENT
    for (std::size_t i = 0; i < channels; ++i) {
      bool const v = (winner[i] & 2) != 0, u = (winner[i] & 1) != 0;
      T row[NY], column[NX];  // the map along each line of cells, where the sample lies
      for (int k = 0; k < NY; ++k) row[k] = T(0);
      for (int j = 0; j < NX; ++j) column[j] = T(0);
      for (int k = 0; k < NY; ++k)
        for (int j = 0; j < NX; ++j) {
          T const cell = cells[k * NX + j][i];
          row[k] += right.in(u, j) * cell;
          column[j] += down.in(v, k) * cell;
        }
      T const y_first = row[1] - row[0], y_second = row[NY - 1] - row[NY - 2];
      T const x_first = column[1] - column[0], x_second = column[NX - 1] - column[NX - 2];
      T const by_y = bin[i] * (v ? y_second : y_first), by_x = bin[i] * (u ? x_second : x_first);
      T const y_along = v ? y_place[1] : y_place[0], x_along = u ? x_place[1] : x_place[0];
      by_x1[i] += by_x * (T(1) - x_along);
      by_x2[i] += by_x * x_along;
      by_y1[i] += by_y * (T(1) - y_along);
      by_y2[i] += by_y * y_along;
    }
  }
};

}  // namespace ops

}  // namespace frcnn
FRCNN_HIDDEN_END
