#include "frcnn/backend/cpu/roi_features.hpp"

#include "tensors.hpp"

#include <doctest/doctest.h>

#include <array>

namespace cpu_tests {

namespace {

// Two images, two levels, RoIs inside, over and beyond the borders, tiny, turned inside out; the second image has a dead row.
template <class T>
struct scene {
  static constexpr int n = 2, r = 6, channels = 40;  // more than one block of channels
  roi_spec<2> spec;
  shape<4> dims[2] = {{{n, channels, 9, 11}}, {{n, channels, 5, 6}}};
  std::vector<T> map[2] = {normals<T>(dims[0].size(), 1), normals<T>(dims[1].size(), 2)};
  std::vector<box<T>> rois = {{0, 0, 88, 72},        {10.25, 20.5, 70.75, 60.125},
                              {33, 40, 33.5, 40.25}, {-40, -30, 50, 60},
                              {70, 50, 130, 120},    {200, 150, 260, 190},
                              {3.7, 0.3, 80, 70},    {60, 40, 20, 10},
                              {8, 8, 24, 24},        {1, 2, 300, 5},
                              {-60, -60, -20, -20},  {0, 0, 50, 50}};
  std::vector<std::int32_t> level = {0, 1, 0, 1, 0, 1, 1, 0, 0, 1, 0, 99}, count = {6, 5};
  std::vector<T> g;

  explicit scene(int pooled = 7, int sampling = 2, double end_offset = 0) {
    spec.pooled = pooled;
    spec.sampling = sampling;
    spec.end_offset = end_offset;
    spec.scale[0] = 0.125;
    spec.scale[1] = 0.0625;
    g = normals<T>(size(), 3);
  }
  std::size_t size() const { return std::size_t(n) * r * spec.pooled * spec.pooled * channels; }
  shape<3> out_shape() const { return {{n * r, channels, spec.pooled * spec.pooled}}; }
  shape<3> argmax_shape() const { return {{n * r, spec.pooled * spec.pooled, channels}}; }
  std::size_t out_at(int row, int c, int bin) const { return (std::size_t(row) * channels + c) * spec.pooled * spec.pooled + bin; }
  counted<box<T>, 2, cpu> boxes() { return {over(rois, shape<2>{{n, r}}), over(count)}; }
  view<std::int32_t const, 2, cpu> levels() { return over(level, shape<2>{{n, r}}); }
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

// Sample by sample and corner by corner, in double: f(l, image, y, x, weight, row, bin).
template <class T, class F>
void for_each_corner(scene<T> const& s, F f) {
  int const p = s.spec.pooled, m = s.spec.sampling;
  for (int row = 0; row < s.n * s.r; ++row) {
    if (!s.live(row)) continue;
    int const l = s.level[row], h = s.dims[l][2], w = s.dims[l][3];
    double const scale = s.spec.scale[l], x1 = double(s.rois[row].x1) * scale, y1 = double(s.rois[row].y1) * scale;
    double const width = std::max(double(s.rois[row].x2) * scale - x1, 1.0), height = std::max(double(s.rois[row].y2) * scale - y1, 1.0);
    for (int bin = 0; bin < p * p; ++bin)
      for (int sample = 0; sample < m * m; ++sample) {
        double y = y1 + (bin / p + (sample / m + 0.5) / m) * height / p, x = x1 + (bin % p + (sample % m + 0.5) / m) * width / p;
        if (y < -1 || y > h || x < -1 || x > w) continue;
        y = std::clamp(y, 0.0, h - 1.0);
        x = std::clamp(x, 0.0, w - 1.0);
        int const yl = int(y), xl = int(x), yh = std::min(yl + 1, h - 1), xh = std::min(xl + 1, w - 1);
        double const fy = y - yl, fx = x - xl, each = 1.0 / (m * m);
        f(l, row / s.r, yl, xl, (1 - fy) * (1 - fx) * each, row, bin);
        f(l, row / s.r, yl, xh, (1 - fy) * fx * each, row, bin);
        f(l, row / s.r, yh, xl, fy * (1 - fx) * each, row, bin);
        f(l, row / s.r, yh, xh, fy * fx * each, row, bin);
      }
  }
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

template <class T>
void check_gradients(gradients<T> const& found, std::array<std::vector<double>, 2> const& expected) {
  for (int l = 0; l < 2; ++l) CHECK(near(found.level[l], expected[l], tolerance<T>));
}

}  // namespace

TEST_CASE_TEMPLATE("roi_align: against sample-by-sample loops; dead rows zero, set reads nothing, add adds", T, float, double) {
  for (auto [pooled, sampling] : {std::pair{7, 2}, std::pair{3, 1}, std::pair{2, 4}, std::pair{1, 3}}) {
    scene<T> s(pooled, sampling);
    std::vector<double> expected(s.size());
    std::array<std::vector<double>, 2> d{std::vector<double>(s.dims[0].size()), std::vector<double>(s.dims[1].size())};
    for_each_corner(s, [&](int l, int image, int y, int x, double weight, int row, int bin) {
      for (int c = 0; c < s.channels; ++c) {
        std::size_t const o = s.out_at(row, c, bin);
        expected[o] += weight * double(s.at(l, image, c, y, x));
        d[l][&s.at(l, image, c, y, x) - s.map[l].data()] += weight * double(s.g[o]);
      }
    });
    cpu::context one(1), two(2), three(3);
    auto const out = align(two, s);
    CHECK(near(out, expected, tolerance<T>));
    for (std::size_t i = std::size_t(11) * pooled * pooled * s.channels; i < s.size(); ++i) REQUIRE(out[i] == 0);
    CHECK(same_bits(out, align(one, s)));
    auto const set = align_back(two, s, filled(s, false), writing::set);
    check_gradients(set, d);
    auto const before = filled(s, true), added = align_back(two, s, before, writing::add);
    for (int l = 0; l < 2; ++l) {
      CHECK(near(added.level[l], plus(before.level[l], set.level[l]), tolerance<T>));
      CHECK(same_bits(align_back(one, s, filled(s, false), writing::set).level[l], set.level[l]));
      CHECK(same_bits(align_back(three, s, filled(s, false), writing::set).level[l], set.level[l]));
    }
  }
}

TEST_CASE("roi_align, roi_pool: central differences in double") {
  scene<double> s(3, 2);
  cpu::context c(2);
  auto const d = align_back(c, s, filled(s, false), writing::set);
  auto winners = pool(c, s);
  auto const e = pool_back(c, s, winners, filled(s, false), writing::set);
  // The maps of level 1 only: small enough for one run per element.
  auto& x = s.map[1];
  std::vector<double> align_gradient, pool_gradient, align_found, pool_found;
  for (std::size_t i = 0; i < x.size(); i += 7) {
    double const kept = x[i], h = 1e-5;
    x[i] = kept + h;
    double const a = dot(align(c, s), s.g), p = dot(pool(c, s).out, s.g);
    x[i] = kept - h;
    align_gradient.push_back((a - dot(align(c, s), s.g)) / (2 * h));
    pool_gradient.push_back((p - dot(pool(c, s).out, s.g)) / (2 * h));
    x[i] = kept;
    align_found.push_back(d.level[1][i]);
    pool_found.push_back(e.level[1][i]);
  }
  CHECK(near(align_found, align_gradient, 1e-6));
  CHECK(near(pool_found, pool_gradient, 1e-6));
}

TEST_CASE_TEMPLATE("roi_pool: against loops in float; ties, empty bins, dead rows", T, float, double) {
  for (auto [pooled, offset] : {std::pair{7, 0.0}, std::pair{3, 1.0}, std::pair{2, 0.0}}) {
    scene<T> s(pooled, 2, offset);
    for (auto& m : s.map)
      for (auto& v : m) v = std::round(v * 2);  // many ties
    std::vector<T> out(s.size());
    std::vector<std::int32_t> argmax(s.size(), -1);
    std::array<std::vector<double>, 2> d{std::vector<double>(s.dims[0].size()), std::vector<double>(s.dims[1].size())};
    for (int row = 0; row < s.n * s.r; ++row) {
      if (!s.live(row)) continue;
      int const l = s.level[row], h = s.dims[l][2], w = s.dims[l][3];
      auto const scale = static_cast<float>(s.spec.scale[l]), less = static_cast<float>(offset);
      auto const& b = s.rois[row];
      int const x1 = int(std::round(float(b.x1) * scale)), y1 = int(std::round(float(b.y1) * scale));
      int const x2 = int(std::round((float(b.x2) - less) * scale)), y2 = int(std::round((float(b.y2) - less) * scale));
      float const bw = float(std::max(x2 - x1 + 1, 1)) / float(pooled), bh = float(std::max(y2 - y1 + 1, 1)) / float(pooled);
      for (int bin = 0; bin < pooled * pooled; ++bin)
        for (int c = 0; c < s.channels; ++c) {
          std::size_t const o = s.out_at(row, c, bin), winner = (std::size_t(row) * pooled * pooled + bin) * s.channels + c;
          int const px = bin % pooled, py = bin / pooled;
          for (int y = y1 + int(std::floor(float(py) * bh)); y < y1 + int(std::ceil(float(py + 1) * bh)); ++y)
            for (int x = x1 + int(std::floor(float(px) * bw)); x < x1 + int(std::ceil(float(px + 1) * bw)); ++x) {
              if (y < 0 || x < 0 || y >= h || x >= w) continue;
              T const v = s.at(l, row / s.r, c, y, x);
              if (argmax[winner] < 0 || v > out[o]) out[o] = v, argmax[winner] = y * w + x;
            }
          int const at = argmax[winner];
          if (at >= 0) d[l][&s.at(l, row / s.r, c, at / w, at % w) - s.map[l].data()] += double(s.g[o]);
        }
    }
    cpu::context one(1), two(2);
    auto found = pool(two, s);
    CHECK(found.out == out);
    CHECK(found.argmax == argmax);
    CHECK(same_bits(pool(one, s).out, out));
    auto const set = pool_back(two, s, found, filled(s, false), writing::set);
    check_gradients(set, d);
    auto const before = filled(s, true), added = pool_back(two, s, found, before, writing::add);
    for (int l = 0; l < 2; ++l) {
      CHECK(near(added.level[l], plus(before.level[l], set.level[l]), tolerance<T>));
      CHECK(same_bits(pool_back(one, s, found, filled(s, false), writing::set).level[l], set.level[l]));
    }
  }
}

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
