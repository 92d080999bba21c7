#pragma once
// Where RoIAlign, RoIPool and RoI warping read a map, along one axis: what every backend shares, on host and device.
//
//   bilinear_sample   RoIAlign: a place on the axis, and the two cells it lies between
//   sampled_axis      RoIAlign: the places of a region's samples, and their gradient by the region's ends
//   bin_axis          RoIPool: which cells a bin covers
//   warp_pair         RoI warping: the two samples of a bin
// Contracts and sources: roi_features.hpp, roi_warp.hpp. Ends of regions are in cells of the map.
#include "frcnn/config.hpp"

#include <cmath>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::detail {

// A sample at `at` on one axis of a map of `extent` cells: the cells on both sides, how far it lies between them, and whether it moves with
// the RoI. Beyond the map (or NaN) it counts as 0; there, and where it is clamped, its value does not depend on its place.
template <class T>
struct bilinear_sample {
  int below = 0, above = 0;
  T part = 0;
  bool counts = false, moves = false;

  FRCNN_HD bilinear_sample(T at, int extent) {
    if (!(at >= T(-1) && at <= T(extent))) return;
    counts = true;
    T const inside = at > T(0) ? at : T(0);
    int const cell = static_cast<int>(inside);
    below = cell < extent - 1 ? cell : extent - 1;
    above = below + 1 < extent - 1 ? below + 1 : extent - 1;
    part = below == extent - 1 ? T(0) : inside - T(below);
    moves = at > T(0) && below < extent - 1;
  }
  // Its weight on a cell.
  FRCNN_HD T on(int cell) const { return !counts ? T(0) : cell == below ? T(1) - part : cell == above ? part : T(0); }
};

// One axis of a RoI: sample s of bin p lies at low + along(p, s) * side.
template <class T>
struct sampled_axis {
  T low, side, bin;
  bool grows;  // the side is no floor of 1: the upper end moves samples too
  int pooled, sampling;

  FRCNN_HD sampled_axis(T from, T to, int pooled, int sampling)
      : low(from),
        side(to - from > T(1) ? to - from : T(1)),
        bin(side / T(pooled)),
        grows(to - from > T(1)),
        pooled(pooled),
        sampling(sampling) {}
  FRCNN_HD T at(int p, int s) const { return low + T(p) * bin + (T(s) + T(0.5)) * bin / T(sampling); }
  FRCNN_HD T along(int p, int s) const { return (T(p) + (T(s) + T(0.5)) / T(sampling)) / T(pooled); }
  // Gradient by a sample's place to gradients by both ends.
  FRCNN_HD void give(T d, int p, int s, T scale, T& dlow, T& dhigh) const {
    T const part = grows ? along(p, s) : T(0);
    dlow += d * (T(1) - part) * scale;
    dhigh += d * part * scale;
  }
};

// The bins of one axis of a RoI, in float whatever the maps hold. Coordinates that no int holds (NaN too) are taken to the nearest that one
// does.
struct bin_axis {
  int start;
  float bin;

  template <class T>
  FRCNN_HD bin_axis(T low, T high, float scale, float end_offset, int pooled) {
    start = rounded(static_cast<float>(low) * scale);
    int const end = rounded((static_cast<float>(high) - end_offset) * scale), size = end - start + 1;
    bin = static_cast<float>(size > 1 ? size : 1) / static_cast<float>(pooled);
  }
  // Bin p covers cells begin(p) to end(p) - 1 of the map's `extent`.
  FRCNN_HD int begin(int p, int extent) const { return clamped(start + static_cast<int>(std::floor(static_cast<float>(p) * bin)), extent); }
  FRCNN_HD int end(int p, int extent) const {
    return clamped(start + static_cast<int>(std::ceil(static_cast<float>(p + 1) * bin)), extent);
  }

 private:
  FRCNN_HD static int clamped(int cell, int extent) { return cell < 0 ? 0 : cell < extent ? cell : extent; }
  FRCNN_HD static int rounded(float v) {
    constexpr float limit = 1 << 24;
    return v >= limit ? 1 << 24 : v > -limit ? static_cast<int>(std::round(v)) : -(1 << 24);
  }
};

// The two samples of a bin along one axis: between which cells, how far along, and where in the region.
template <class T>
struct warp_pair {
  int cell[2];  // the lower of the two cells
  T part[2];    // the upper one's weight
  T along[2];   // 0 at the region's low end, 1 at its high one

  // low, high: the region's ends in cells of a map of `extent` cells; bin p of `pooled`. One sample a bin is taken twice.
  FRCNN_HD warp_pair(T low, T high, int extent, int pooled, int sampling, int p) {
    for (int s = 0; s < 2; ++s) {
      int const sample = sampling == 1 ? p : 2 * p + s;
      along[s] = (T(sample) + T(0.5)) / T(pooled * sampling);
      T const at = low + along[s] * (high - low);
      bool const touches = at > T(-1) && at < T(extent);  // not NaN either
      cell[s] = touches ? static_cast<int>(at) - (at < T(0)) : -2;
      part[s] = touches ? at - T(cell[s]) : T(0);
    }
  }
  // Sample s. Chosen, not indexed: so a GPU keeps both in registers.
  struct sample {
    int cell;
    T part, along;
    // Its weight on a cell of the map.
    FRCNN_HD T on(int of) const { return of == cell ? T(1) - part : of == cell + 1 ? part : T(0); }
  };
  FRCNN_HD sample of(int s) const { return s ? sample{cell[1], part[1], along[1]} : sample{cell[0], part[0], along[0]}; }

  // How many cells both samples read.
  FRCNN_HD int cells() const { return cell[1] == cell[0] ? 2 : cell[1] == cell[0] + 1 ? 3 : 4; }
  // Cell j of N: the first sample reads the first two, the second one the last two.
  template <int N>
  FRCNN_HD int at(int j) const {
    return j < 2 ? cell[0] + j : cell[1] + j - (N - 2);
  }
  // Its weight in sample s.
  template <int N>
  FRCNN_HD T weight(int s, int j) const {
    int const k = s == 0 ? j : j - (N - 2);
    return k == 0 ? T(1) - part[s] : k == 1 ? part[s] : T(0);
  }
};

}  // namespace frcnn::detail
FRCNN_HIDDEN_END
