// What tests/ops/roi_align.hpp and roi_pool.hpp do not drive: numbers from torchvision, coordinates that are not numbers, levels that are not
// wanted, nothing at all.
#include "frcnn/backend/cpu/roi_features.hpp"

#include "region_scene.hpp"

#include <doctest/doctest.h>

namespace cpu_tests {

namespace {

// RoIs inside, over and beyond the borders, tiny, turned inside out.
template <class T>
struct scene : region_scene<T> {
  using base = region_scene<T>;
  using base::n, base::r, base::channels, base::spec, base::dims, base::map, base::count, base::bins;

  explicit scene(int pooled = 7, int sampling = 2, double end_offset = 0)
      : base({{0, 0, 88, 72},
              {10.25, 20.5, 70.75, 60.125},
              {33, 40, 33.5, 40.25},
              {-40, -30, 50, 60},
              {70, 50, 130, 120},
              {200, 150, 260, 190},
              {T(3.7), T(0.3), 80, 70},
              {60, 40, 20, 10},
              {8, 8, 24, 24},
              {1, 2, 300, 5},
              {-60, -60, -20, -20},
              {0, 0, 50, 50}},
             pooled, sampling) {
    spec.end_offset = end_offset;
  }
  shape<3> argmax_shape() const { return {{n * r, bins(), channels}}; }
  std::size_t out_at(int row, int c, int bin) const { return (std::size_t(row) * channels + c) * bins() + bin; }
  bool live(int row) const { return row % r < count[row / r]; }
  T const& at(int l, int image, int c, int y, int x) const {
    return map[l][((std::size_t(image) * channels + c) * dims[l][2] + y) * dims[l][3] + x];
  }
};

template <class T>
struct gradients {
  std::vector<T> level[2];
};
template <class T>
gradients<T> filled(scene<T> const& s, bool numbers) {
  return {{numbers ? normals<T>(s.dims[0].size(), 7) : nans<T>(s.dims[0].size()),
           numbers ? normals<T>(s.dims[1].size(), 8) : nans<T>(s.dims[1].size())}};
}

template <class T>
std::vector<T> align(cpu::context& c, scene<T>& s) {
  poison(c);
  tensor<T> a(c, s.dims[0], s.map[0]), b(c, s.dims[1], s.map[1]);
  auto out = nans<T>(s.size());
  ops::roi_align<cpu>::forward<T, 2>(c, s.spec, maps<T, 2, cpu>{{a.a, b.a}}, s.boxes(), s.levels(), over(out, s.out_shape()));
  return out;
}
template <class T>
gradients<T> align_back(cpu::context& c, scene<T>& s, gradients<T> const& before, writing how) {
  poison(c);
  tensor<T> a(c, s.dims[0], before.level[0]), b(c, s.dims[1], before.level[1]);
  maps<T, 2, cpu> d{{a.a, b.a}};
  ops::roi_align<cpu>::backward<T, 2>(c, s.spec, over(s.g, s.out_shape()), s.boxes(), s.levels(), d, how);
  return {{a.plain(), b.plain()}};
}

template <class T>
struct pool_result {
  std::vector<T> out;
  std::vector<std::int32_t> argmax;
};
template <class T>
pool_result<T> pool(cpu::context& c, scene<T>& s) {
  poison(c);
  tensor<T> a(c, s.dims[0], s.map[0]), b(c, s.dims[1], s.map[1]);
  pool_result<T> r{nans<T>(s.size()), std::vector<std::int32_t>(s.size(), -7)};
  maps<T, 2, cpu> const in{{a.a, b.a}};
  ops::roi_pool<cpu>::forward<T, 2>(c, s.spec, in, s.boxes(), s.levels(), over(r.out, s.out_shape()), over(r.argmax, s.argmax_shape()));
  auto without = nans<T>(s.size());
  ops::roi_pool<cpu>::forward<T, 2>(c, s.spec, in, s.boxes(), s.levels(), over(without, s.out_shape()), {});
  CHECK(same_bits(without, r.out));
  return r;
}
template <class T>
gradients<T> pool_back(cpu::context& c, scene<T>& s, pool_result<T>& r, gradients<T> const& before, writing how) {
  tensor<T> a(c, s.dims[0], before.level[0]), b(c, s.dims[1], before.level[1]);
  maps<T, 2, cpu> d{{a.a, b.a}};
  ops::roi_pool<cpu>::backward<T, 2>(c, s.spec, over(s.g, s.out_shape()), over(r.argmax, s.argmax_shape()), s.boxes(), s.levels(), d, how);
  return {{a.plain(), b.plain()}};
}

}  // namespace

TEST_CASE("roi_align, roi_pool: no live RoI, no image, a level that is not wanted, coordinates that are not numbers") {
  cpu::context c(2);
  scene<float> s(3);
  s.count = {0, 0};
  CHECK(align(c, s) == std::vector<float>(s.size(), 0.0f));
  auto none = pool(c, s);
  CHECK(none.out == std::vector<float>(s.size(), 0.0f));
  CHECK(none.argmax == std::vector<std::int32_t>(s.size(), -1));
  for (auto const& d : {align_back(c, s, filled(s, false), writing::set), pool_back(c, s, none, filled(s, false), writing::set)})
    for (int l = 0; l < 2; ++l) CHECK(d.level[l] == std::vector<float>(s.dims[l].size(), 0.0f));

  scene<float> odd(3);
  float const nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();
  odd.rois[0] = {nan, nan, nan, nan};
  odd.rois[1] = {-inf, -inf, inf, inf};
  odd.rois[2] = {1e30f, 1e30f, 2e30f, 2e30f};
  auto const out = align(c, odd);
  for (int i = 0; i < 3 * 9 * odd.channels; ++i) REQUIRE(out[i] == 0);
  auto pooled = pool(c, odd);
  for (auto v : pooled.out) REQUIRE(std::isfinite(v));

  scene<float> half(3);
  tensor<float> a(c, half.dims[0], nans<float>(half.dims[0].size()));
  maps<float, 2, cpu> d{{a.a, {}}};
  ops::roi_align<cpu>::backward<float, 2>(c, half.spec, over(half.g, half.out_shape()), half.boxes(), half.levels(), d, writing::set);
  CHECK(same_bits(a.plain(), align_back(c, half, filled(half, false), writing::set).level[0]));

  roi_spec<1> one;
  std::vector<box<float>> no_boxes;
  std::vector<std::int32_t> no_counts;
  std::vector<float> nothing;
  counted<box<float>, 2, cpu> const no_rois{over(no_boxes, shape<2>{{0, 4}}), over(no_counts)};
  maps<float, 1, cpu> const no_maps{{cpu_activation<float>{nullptr, {{0, 3, 4, 4}}}}};
  ops::roi_align<cpu>::forward<float, 1>(c, one, no_maps, no_rois, {}, over(nothing, shape<3>{{0, 3, 49}}));
  ops::roi_align<cpu>::backward<float, 1>(c, one, over(nothing, shape<3>{{0, 3, 49}}), no_rois, {}, no_maps, writing::set);
}

TEST_CASE_TEMPLATE("roi_align, roi_pool: torchvision's numbers", T, float, double) {
  auto const file = golden();
  auto read = [&](std::string const& name) {
    auto const v = file.read<double>(name);
    return std::vector<T>(v.begin(), v.end());
  };
  cpu::context c(2);
  shape<4> const dims{{2, 3, 8, 10}};
  auto const flat = read("roi.rois");
  std::vector<box<T>> rois;
  for (std::size_t i = 0; i < flat.size(); i += 4) rois.push_back({flat[i], flat[i + 1], flat[i + 2], flat[i + 3]});
  std::vector<std::int32_t> count{6, 6};
  counted<box<T>, 2, cpu> const boxes{over(rois, shape<2>{{2, 6}}), over(count)};
  tensor<T> map(c, dims, read("roi.maps"));
  // theirs [12, C, bins], ours [12, bins, C]
  auto turned = [](std::vector<std::int32_t> const& v, int bins) {
    std::vector<std::int32_t> out(v.size());
    for (std::size_t r = 0; r < 12; ++r)
      for (int ch = 0; ch < 3; ++ch)
        for (int b = 0; b < bins; ++b) out[(r * bins + b) * 3 + ch] = v[(r * 3 + ch) * bins + b];
    return out;
  };
  roi_spec<1> spec;
  spec.scale[0] = 1.0 / 16;
  for (int p : {7, 3}) {
    spec.pooled = p;
    std::string const name = "roi_align.p" + std::to_string(p);
    shape<3> const s{{12, 3, p * p}};
    auto out = nans<T>(s.size()), dy = read(name + ".dy");
    ops::roi_align<cpu>::forward<T, 1>(c, spec, maps<T, 1, cpu>{{map.a}}, boxes, {}, over(out, s));
    CHECK(near(out, read(name + ".y"), tolerance<T>));
    tensor<T> d(c, dims, nans<T>(dims.size()));
    maps<T, 1, cpu> const dmaps{{d.a}};
    ops::roi_align<cpu>::backward<T, 1>(c, spec, over(dy, s), boxes, {}, dmaps, writing::set);
    CHECK(near(d.plain(), read(name + ".dmaps"), tolerance<T>));
  }
  for (int offset : {0, 1}) {
    int const p = offset ? 3 : 7;
    spec.pooled = p;
    spec.end_offset = offset;
    std::string const name = "roi_pool.end" + std::to_string(offset);
    shape<3> const s{{12, 3, p * p}};
    auto out = nans<T>(s.size()), dy = read(name + ".dy");
    shape<3> const winners{{12, p * p, 3}};
    std::vector<std::int32_t> argmax(s.size(), -7);
    ops::roi_pool<cpu>::forward<T, 1>(c, spec, maps<T, 1, cpu>{{map.a}}, boxes, {}, over(out, s), over(argmax, winners));
    CHECK(near(out, read(name + ".y"), tolerance<T>));
    CHECK(argmax == turned(file.read<std::int32_t>(name + ".argmax"), p * p));
    tensor<T> d(c, dims, nans<T>(dims.size()));
    maps<T, 1, cpu> const dmaps{{d.a}};
    ops::roi_pool<cpu>::backward<T, 1>(c, spec, over(dy, s), over(argmax, winners), boxes, {}, dmaps, writing::set);
    CHECK(near(d.plain(), read(name + ".dmaps"), tolerance<T>));
  }
}

}  // namespace cpu_tests
