#pragma once
// What RoIAlign, RoIPool and RoI warping share on the CUDA backend: the pooled regions in either form, which map a RoI reads, and how
// gradients are gathered.
//
// Kernels compute with bins whose channels lie side by side, [N*R, bins, C], as the channels of a map do; plain rows, [N*R, C, bins], are
// turned to or from these by a kernel of their own.
//
// Gradients of maps are gathered, not scattered: a block takes a cell of a map. Its threads look which RoIs read that cell, a RoI each, list
// them in ascending order, and then take a channel each and add up what the listed RoIs give it. So an element's sum has one order, whatever
// the order of threads, and nothing is added atomically.
#include "frcnn/backend/cuda/elements.hpp"
#include "frcnn/ops/region_samples.hpp"
#include "frcnn/ops/roi_features.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::detail {

// Pooled regions, in either form. T const: their gradients.
template <class T, Backend B>
struct cuda_regions {
  T* data;
  int rows, channels, bins;
  bool by_channel;

  using value = std::remove_const_t<T>;

  cuda_regions(view<T, 3, B> plain)
      : data(plain.data), rows(plain.dims[0]), channels(plain.dims[1]), bins(plain.dims[2]), by_channel(true) {}
  cuda_regions(view<value, 3, B> plain) requires(std::is_const_v<T>) : cuda_regions(view<T, 3, B>(plain)) {}
  cuda_regions(cuda_activation<value> const& a)
      : data(a.data), rows(a.dims[0]), channels(a.dims[1]), bins(a.dims[2] * a.dims[3]), by_channel(false) {}

  std::size_t row_size() const { return static_cast<std::size_t>(channels) * static_cast<std::size_t>(bins); }
  std::size_t size() const { return static_cast<std::size_t>(rows) * row_size(); }

  // Bins to write, in scratch where they are turned afterwards; finish() brings them where they belong.
  T* bins_to_write(typename B::context& c) const { return by_channel ? scratch_for_all(c) : data; }
  void finish(typename B::context& c, T const* written) const {
    if (by_channel) transpose_on<T>(c, written, data, rows, bins, channels);
  }
  // Bins to read.
  value const* bins_to_read(typename B::context& c) const {
    if (!by_channel) return data;
    value* const turned = scratch_for_all(c);
    transpose_on<value>(c, data, turned, rows, channels, bins);
    return turned;
  }

 private:
  value* scratch_for_all(typename B::context& c) const { return static_cast<value*>(c.scratch(checked::bytes<value>(size()))); }
};

// RoIs and where they read.
template <class T, Backend B>
struct cuda_rois {
  counted<box<T> const, 2, B> rois;
  view<std::int32_t const, 2, B> level;

  FRCNN_HD int images() const { return rois.rows.dims[0]; }
  FRCNN_HD int per_image() const { return rois.rows.dims[1]; }
  FRCNN_HD int live(int image) const {
    int const n = rois.count.data[image];
    return n < 0 ? 0 : n < per_image() ? n : per_image();
  }
  FRCNN_HD bool is_live(int row) const { return row % per_image() < live(row / per_image()) && level_of(row) >= 0; }
  FRCNN_HD box<T> roi(int row) const { return rois.rows.data[row]; }
  FRCNN_HD int level_of(int row) const { return level ? level.data[row] : 0; }
  // Of L levels. A constant where there is one: nvcc keeps arrays on the stack whose index it does not know, even of one element.
  template <int L>
  FRCNN_HD int level_among(int row) const {
    return L == 1 ? 0 : level_of(row);
  }
  int rows() const { return images() * per_image(); }
};

// The maps of all levels, as a kernel takes them.
template <class T, int L>
struct cuda_maps {
  T const* data[L];
  shape<4> dims[L];
  T scale[L];

  template <Backend B>
  cuda_maps(maps<T, L, B> const& m, roi_spec<L> const& spec) {
    for (int l = 0; l < L; ++l) data[l] = m.level[l].data, dims[l] = m.level[l].dims, scale[l] = static_cast<T>(spec.scale[l]);
  }
};

// Element i of the bins [N*R, bins, C].
struct bin_element {
  int row, bin, channel;
  FRCNN_HD bin_element(std::size_t i, int bins, int channels) {
    divided const of_bins(i, static_cast<std::size_t>(channels)), of_rows(of_bins.quotient, static_cast<std::size_t>(bins));
    row = static_cast<int>(of_rows.quotient), bin = static_cast<int>(of_rows.rest), channel = static_cast<int>(of_bins.rest);
  }
  FRCNN_HD static std::size_t index(int row, int bin, int channel, int bins, int channels) {
    return (static_cast<std::size_t>(row) * bins + bin) * channels + channel;
  }
};

// The bins of one axis, `bin` cells long each from `low` on, that may have a sample within a cell of `cell`: first to last. More than those
// cost time only.
struct bins_near {
  int first = 0, last;

  template <class T>
  FRCNN_HD bins_near(int cell, T low, T bin, int pooled) : last(pooled - 1) {
    T const slack = T(0.01), a = (T(cell) - T(1) - low) / bin, b = (T(cell) + T(1) - low) / bin;
    T const from = (a < b ? a : b) - slack, to = (a < b ? b : a) + slack;  // a region may be mirrored
    if (!(bin > T(0) || bin < T(0)) || !(from <= to)) return;
    if (from > T(0)) first = from < T(pooled) ? static_cast<int>(from) : pooled;
    if (to < T(pooled)) last = to < T(0) ? -1 : static_cast<int>(to);
  }
};

// dmaps of one level. Rule:
//   touches(row, dims, y, x)                whether that RoI may read the cell
//   gradient(sum, row, dims, y, x, channel) adds what it gives to sum
template <class T, Backend B, class Rule>
struct gather_cells {
  static constexpr int threads = 128;
  struct shared_state {
    int touches[threads], row[threads], listed;
  };

  Rule rule;
  cuda_rois<T, B> rois;
  T* dmap;
  shape<4> dims;
  int level;
  writing how;

  template <class Block>
  FRCNN_HD void operator()(Block& block) const {
    auto& s = block.shared();
    divided const line(block.index(), static_cast<std::size_t>(dims[3])), map(line.quotient, static_cast<std::size_t>(dims[2]));
    int const x = static_cast<int>(line.rest), y = static_cast<int>(map.rest), image = static_cast<int>(map.quotient);
    int const live = rois.live(image);
    T* const cell = dmap + block.index() * static_cast<std::size_t>(dims[1]);
    if (live == 0 && how == writing::set)
      block.each([&](int t) {
        for (int c = t; c < dims[1]; c += threads) cell[c] = T(0);
      });
    for (int first = 0; first < live; first += threads) {
      block.each([&](int t) {
        int const row = image * rois.per_image() + first + t;
        s.touches[t] = first + t < live && rois.level_of(row) == level && rule.touches(row, dims, y, x);
      });
      block.each([&](int t) {
        int before = 0;
        for (int i = 0; i < t; ++i) before += s.touches[i];
        if (s.touches[t]) s.row[before] = image * rois.per_image() + first + t;
        if (t == threads - 1) s.listed = before + s.touches[t];
      });
      block.each([&](int t) {
        for (int c = t; c < dims[1]; c += threads) {
          T sum = first == 0 && how == writing::set ? T(0) : cell[c];
          for (int i = 0; i < s.listed; ++i) rule.gradient(sum, s.row[i], dims, y, x, c);
          cell[c] = sum;
        }
      });
    }
  }
};

template <class T, int L, Backend B, class Rule>
void gather_gradients(typename B::context& c, maps<T, L, B> const& dmaps, cuda_rois<T, B> const& rois, writing how, Rule rule) {
  for (int l = 0; l < L; ++l) {
    auto const& map = dmaps.level[l];
    if (!map) continue;
    rule.level = l;
    launch(c, shape<3>{{map.dims[0], map.dims[2], map.dims[3]}}.size(), gather_cells<T, B, Rule>{rule, rois, map.data, map.dims, l, how});
  }
}

// drois: a block takes a RoI, each thread some of its channels; their sums are added down a tree. Rule:
//   gradient(sum, row, channel)   adds d/d(corners) by that channel to sum
template <class T, Backend B, class Rule>
struct sum_of_corners {
  static constexpr int threads = 128;
  struct shared_state {
    T x1[threads], y1[threads], x2[threads], y2[threads];
  };

  Rule rule;
  cuda_rois<T, B> rois;
  box<T>* drois;
  int channels;

  template <class Block>
  FRCNN_HD void operator()(Block& block) const {
    auto& s = block.shared();
    int const row = static_cast<int>(block.index());
    bool const is_live = rois.is_live(row);
    block.each([&](int t) {
      box<T> sum{};
      for (int c = t; is_live && c < channels; c += threads) rule.gradient(sum, row, c);
      s.x1[t] = sum.x1, s.y1[t] = sum.y1, s.x2[t] = sum.x2, s.y2[t] = sum.y2;
    });
    for (int half = threads / 2; half > 0; half /= 2)
      block.each([&](int t) {
        if (t < half) s.x1[t] += s.x1[t + half], s.y1[t] += s.y1[t + half], s.x2[t] += s.x2[t + half], s.y2[t] += s.y2[t + half];
      });
    block.each([&](int t) {
      if (t == 0) drois[row] = {s.x1[0], s.y1[0], s.x2[0], s.y2[0]};
    });
  }
};

}  // namespace frcnn::detail
FRCNN_HIDDEN_END
