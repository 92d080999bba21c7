#pragma once
// Regions over maps, as the tests of poolers look at them: two images, two levels, six regions an image; the second image has a dead row.
#include "frcnn/ops/roi_features.hpp"

#include "tensors.hpp"

namespace cpu_tests {

template <class T>
struct region_scene {
  static constexpr int n = 2, r = 6, channels = 40;  // more than one block of channels
  roi_spec<2> spec;
  shape<4> dims[2] = {{{n, channels, 9, 11}}, {{n, channels, 5, 6}}};
  std::vector<T> map[2] = {normals<T>(dims[0].size(), 1), normals<T>(dims[1].size(), 2)};
  std::vector<box<T>> rois;
  std::vector<std::int32_t> level = {0, 1, 0, 1, 0, 1, 1, 0, 0, 1, 0, 99}, count = {6, 5};
  std::vector<T> g;  // of the loss, by what is pooled

  region_scene(std::vector<box<T>> regions, int pooled, int sampling) : rois(std::move(regions)) {
    spec.pooled = pooled;
    spec.sampling = sampling;
    spec.scale[0] = 0.125;
    spec.scale[1] = 0.0625;
    g = normals<T>(size(), 3);
  }
  int bins() const { return spec.pooled * spec.pooled; }
  std::size_t size() const { return std::size_t(n) * r * bins() * channels; }
  shape<3> out_shape() const { return {{n * r, channels, bins()}}; }
  counted<box<T>, 2, cpu> boxes() { return {over(rois, shape<2>{{n, r}}), over(count)}; }
  view<std::int32_t const, 2, cpu> levels() { return over(level, shape<2>{{n, r}}); }
};

}  // namespace cpu_tests
