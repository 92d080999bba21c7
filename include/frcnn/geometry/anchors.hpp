#pragma once
// Anchors: the reference boxes of each cell of each feature map, and how one index over all of them is read.
//
//   A      anchors per cell, known at run time, the same at every level
//   cell   a place in a feature map (level, y, x) with that map's stride in input pixels, and which of its anchors (k)
//   index  (index of the cell) * A + k; cells of level 0 first, then level 1, ..., each level in row-major order
//
// Inside a cell the ratio is the outer loop and the size the inner one, in both releases. Boxes are half-open, in pixels of the
// network's padded input. Values are stored in float: the conventions round them to what float holds exactly, and five levels still fit
// into a kernel's arguments.
//
// Example: make_anchors<conventions::torchvision, 1>({{32}}, {.5, 1, 2}): (-23,-11,23,11), (-16,-16,16,16), (-11,-23,11,23);
//          at the cell y = 1, x = 2 of a map of stride 16 the second is (16, 0, 48, 32)
// Invariant: grid.index_of(grid.cell_of(i, A), A) == i for 0 <= i < grid.cells * A.
// Source: Faster R-CNN, section 3.1.1. Base anchors and strides: conventions.hpp, row 2.
#include "frcnn/core/error.hpp"
#include "frcnn/core/finite.hpp"
#include "frcnn/core/message.hpp"
#include "frcnn/geometry/box.hpp"

#include <cmath>
#include <compare>
#include <string>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

// What an anchor is asked for by: the square root of its area in pixels of the network's input, and its height over its width.
struct anchor_shape {
  double size, ratio;
  friend auto operator<=>(anchor_shape const&, anchor_shape const&) = default;
};

struct cell {
  int level, stride_y, stride_x, y, x, k;
};

template <int L>
struct grid_anchors {
  static constexpr int levels = L, max_per_cell = 32;

  int count = 0;                       // A
  box<float> base[L][max_per_cell]{};  // relative to the pixel (x * stride_x, y * stride_y)

  FRCNN_HD int per_cell() const { return count; }

  template <class T>
  FRCNN_HD box<T> at(cell const& i) const {
    box<float> const& b = base[i.level][i.k];
    T const x = T(i.x * i.stride_x), y = T(i.y * i.stride_y);
    return {T(b.x1) + x, T(b.y1) + y, T(b.x2) + x, T(b.y2) + y};
  }
};

// Rows and columns of a map.
struct map_extent {
  int h, w;
};

struct level_grid {
  int h, w, stride_y, stride_x;
  int first;  // index of this level's first cell among the cells of all levels
};

template <int L>
struct anchor_grid {
  level_grid level[L];
  int cells;  // of all levels

  FRCNN_HD int anchors(int per_cell) const { return cells * per_cell; }

  FRCNN_HD cell cell_of(int anchor_index, int per_cell) const {
    int const i = anchor_index / per_cell;
    int l = 0;
    while (l + 1 < L && i >= level[l + 1].first) ++l;
    level_grid const& g = level[l];
    int const j = i - g.first;
    return {l, g.stride_y, g.stride_x, j / g.w, j % g.w, anchor_index - i * per_cell};
  }

  FRCNN_HD int index_of(cell const& c, int per_cell) const {
    level_grid const& g = level[c.level];
    return (g.first + c.y * g.w + c.x) * per_cell + c.k;
  }
};

// The grid over an input of padded_h x padded_w pixels whose feature maps are map[l]; nominal_stride[l] is the backbone's own.
// Rules::stride says whether that or the ratio of extents counts.
template <class Rules, int L>
anchor_grid<L> make_anchor_grid(int padded_h, int padded_w, map_extent const (&map)[L], int const (&nominal_stride)[L]) {
  anchor_grid<L> grid{};
  for (int l = 0; l < L; ++l) {
    grid.level[l] = {map[l].h, map[l].w, Rules::stride(padded_h, map[l].h, nominal_stride[l]),
                     Rules::stride(padded_w, map[l].w, nominal_stride[l]), grid.cells};
    grid.cells += map[l].h * map[l].w;
  }
  return grid;
}

// sizes_per_level[l]: square roots of areas in input pixels; ratios: height / width, the same at every level.
// Throws error when the number of lists is not L, when lists differ in length or are empty, when a value is not a positive number, when
// a cell would have more than 32 anchors, when rounding leaves an anchor without area, or when one is longer than any image.
template <class Rules, int L>
grid_anchors<L> make_anchors(std::vector<std::vector<double>> const& sizes_per_level, std::vector<double> const& ratios) {
  constexpr float longest_side = 65536;
  auto const check_positive = [](char const* what, std::vector<double> const& values) {
    if (values.empty()) throw error(what, "at least one value", "none");
    for (double const v : values)
      if (!(v > 0) || !is_finite(v)) throw error(what, "positive numbers", number_text(v));
  };
  if (sizes_per_level.size() != static_cast<std::size_t>(L))
    throw error("anchor sizes", "one list for each of " + std::to_string(L) + " levels", std::to_string(sizes_per_level.size()) + " lists");
  check_positive("anchor ratios", ratios);

  std::size_t const per_cell = ratios.size() * sizes_per_level[0].size();
  grid_anchors<L> anchors{};
  if (per_cell > static_cast<std::size_t>(anchors.max_per_cell))
    throw error("anchors", "at most " + std::to_string(anchors.max_per_cell) + " for each cell", std::to_string(per_cell));
  anchors.count = static_cast<int>(per_cell);
  for (int l = 0; l < L; ++l) {
    auto const& sizes = sizes_per_level[l];
    check_positive("anchor sizes", sizes);
    if (sizes.size() != sizes_per_level[0].size())
      throw error("anchor sizes", std::to_string(sizes_per_level[0].size()) + " for each level, as for the first",
                  std::to_string(sizes.size()));
    int k = 0;
    for (double const ratio : ratios)
      for (double const size : sizes) {
        box<float> const b = Rules::base_anchor(size, ratio).template as<float>();
        if (!(b.width() > 0) || !(b.height() > 0) || b.width() > longest_side || b.height() > longest_side)
          throw error("anchors", b.width() > 0 && b.height() > 0 ? "sides of at most 65536 pixels" : "sides of at least one pixel",
                      "size " + number_text(size) + " with ratio " + number_text(ratio));
        anchors.base[l][k++] = b;
      }
  }
  return anchors;
}

}  // namespace frcnn
FRCNN_HIDDEN_END
