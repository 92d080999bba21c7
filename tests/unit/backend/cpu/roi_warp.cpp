// RoI warping: against PyTorch's numbers, sample-by-sample loops, and differences in double; dead rows, set and add, equal bits for any
// number of threads, regions of every kind.
#include "frcnn/backend/cpu/roi_warp.hpp"

#include "frcnn/testing/gradcheck.hpp"
#include "region_scene.hpp"

#include <doctest/doctest.h>

namespace cpu_tests {

namespace {

// Regions whose bins lie within a cell, between neighbours and over many; over and beyond the borders, mirrored, without area.
template <class T>
struct warp_scene : region_scene<T> {
  using base = region_scene<T>;
  using base::bins, base::size, base::out_shape, base::boxes, base::levels;
  using base::n, base::r, base::channels, base::spec, base::dims, base::map, base::rois, base::g;
  std::vector<std::uint8_t> winner;

  explicit warp_scene(int pooled = 7, int sampling = 2)
      : base({{1.2f, .7f, 87.1f, 71.3f},
              {10.3f, 20.6f, 70.8f, 60.2f},
              {33, 40, 33.5f, 40.3f},
              {-40.1f, -30.2f, 50, 60},
              {70.4f, 50.1f, 130, 120},
              {200, 150, 260, 190},
              {3.7f, .3f, 80.2f, 70.6f},
              {60.2f, 40.3f, 20.1f, 10.4f},
              {8.1f, 8.2f, 24.7f, 24.9f},
              {1.1f, 2.3f, 300.2f, 5.4f},
              {50.3f, 20.1f, 50.3f, 60.7f},
              {0, 0, 50, 50}},
             pooled, sampling),
        winner(size(), 77) {}
  view<std::uint8_t, 3, cpu> winners() { return over(winner, shape<3>{{n * r, bins(), channels}}); }

  std::vector<T> forward(cpu::context& c, bool training = true) {
    poison(c);
    tensor<T> a(c, dims[0], map[0]), b(c, dims[1], map[1]);
    auto out = nans<T>(size());
    ops::roi_warp<cpu>::forward<T, 2>(c, spec, maps<T, 2, cpu>{{a.a, b.a}}, boxes(), levels(), over(out, out_shape()),
                                      training ? winners() : view<std::uint8_t, 3, cpu>{});
    return out;
  }
  std::array<std::vector<T>, 2> backward(cpu::context& c, std::array<std::vector<T>, 2> const& before, writing how) {
    poison(c);
    tensor<T> a(c, dims[0], before[0]), b(c, dims[1], before[1]);
    ops::roi_warp<cpu>::backward<T, 2>(c, spec, over(g, out_shape()), winners(), boxes(), levels(), maps<T, 2, cpu>{{a.a, b.a}}, how);
    return {a.plain(), b.plain()};
  }
  std::vector<box<T>> backward_rois(cpu::context& c) {
    poison(c);
    tensor<T> a(c, dims[0], map[0]), b(c, dims[1], map[1]);
    std::vector<box<T>> d(rois.size(), box<T>{7, 7, 7, 7});
    ops::roi_warp<cpu>::backward_rois<T, 2>(c, spec, maps<T, 2, cpu>{{a.a, b.a}}, over(g, out_shape()), winners(), boxes(), levels(),
                                            over(d, shape<2>{{n, r}}));
    return d;
  }
};

// The definition in double: out [row, channel, bin], winners [row, bin, channel], and d(maps).
template <class T>
struct warp_definition {
  std::vector<double> out;
  std::vector<std::uint8_t> winner;
  std::array<std::vector<double>, 2> d;

  explicit warp_definition(warp_scene<T> const& s)
      : out(s.size()), winner(s.size()), d{std::vector<double>(s.dims[0].size()), std::vector<double>(s.dims[1].size())} {
    int const p = s.spec.pooled, m = s.spec.sampling;
    for (int row = 0; row < s.n * s.r; ++row) {
      if (row % s.r >= s.count[std::size_t(row / s.r)]) continue;
      int const l = s.level[std::size_t(row)], h = s.dims[l][2], w = s.dims[l][3];
      double const scale = s.spec.scale[l];
      auto const& b = s.rois[std::size_t(row)];
      auto const at = [&](T low, T high, int k) { return scale * (double(low) + (k + .5) / (p * m) * (double(high) - double(low))); };
      auto const near_to = [](double t) { return std::max(0., 1 - std::abs(t)); };
      for (int ch = 0; ch < s.channels; ++ch) {
        std::size_t const plane = (std::size_t(row / s.r) * s.channels + ch) * h * w;
        for (int bin = 0; bin < p * p; ++bin) {
          std::size_t const o = (std::size_t(row) * s.channels + ch) * p * p + bin,
                            won = (std::size_t(row) * p * p + bin) * s.channels + ch;
          std::vector<double> best_weights;
          for (int k = 0; k < m * m; ++k) {
            double const y = at(b.y1, b.y2, bin / p * m + k / m), x = at(b.x1, b.x2, bin % p * m + k % m);
            std::vector<double> weights(std::size_t(h) * w);
            double v = 0;
            for (int cy = 0; cy < h; ++cy)
              for (int cx = 0; cx < w; ++cx) {
                double const weight = near_to(y - cy) * near_to(x - cx);
                weights[std::size_t(cy) * w + cx] = weight;
                v += weight * double(s.map[l][plane + std::size_t(cy) * w + cx]);
              }
            if (k > 0 && !(v > out[o])) continue;
            out[o] = v;
            winner[won] = static_cast<std::uint8_t>(k);
            best_weights = std::move(weights);
          }
          for (std::size_t i = 0; i < best_weights.size(); ++i) d[std::size_t(l)][plane + i] += best_weights[i] * double(s.g[o]);
        }
      }
    }
  }
};

template <class T>
std::array<std::vector<T>, 2> unwritten(warp_scene<T> const& s) {
  return {nans<T>(s.dims[0].size()), nans<T>(s.dims[1].size())};
}

}  // namespace

TEST_CASE_TEMPLATE("roi_warp: against its definition; dead rows zero, set reads nothing, add adds", T, float, double) {
  for (auto [pooled, sampling] : {std::pair{7, 2}, std::pair{3, 1}, std::pair{1, 2}}) {
    warp_scene<T> s(pooled, sampling);
    warp_definition<T> const expected(s);
    cpu::context one(1), two(2), three(3);
    auto const out = s.forward(two);
    CHECK(near(out, expected.out, tolerance<T>));
    for (std::size_t i = s.size() / 12 * 11; i < s.size(); ++i) REQUIRE(out[i] == 0);
    if (std::is_same_v<T, double>) {
      // Beside the border samples are 0 alike, but for the signs of their weights: those of regions within the map.
      std::size_t const row = s.size() / 12;
      for (std::size_t i : {std::size_t(0), std::size_t(1), std::size_t(8)})
        CHECK(std::equal(s.winner.begin() + std::ptrdiff_t(i * row), s.winner.begin() + std::ptrdiff_t((i + 1) * row),
                         expected.winner.begin() + std::ptrdiff_t(i * row)));
    }
    CHECK(same_bits(out, s.forward(two, false)));
    auto const winners = s.winner;
    CHECK(same_bits(out, s.forward(one)));
    CHECK(s.winner == winners);
    s.winner = expected.winner;  // rounding may choose another of two equals
    auto const set = s.backward(two, unwritten(s), writing::set);
    std::array<std::vector<T>, 2> const before{normals<T>(s.dims[0].size(), 7), normals<T>(s.dims[1].size(), 8)};
    auto const added = s.backward(two, before, writing::add);
    auto const by_one = s.backward(one, unwritten(s), writing::set), by_three = s.backward(three, unwritten(s), writing::set);
    for (std::size_t l = 0; l < 2; ++l) {
      CHECK(near(set[l], expected.d[l], tolerance<T>));
      CHECK(near(added[l], plus(before[l], set[l]), tolerance<T>));
      CHECK(same_bits(by_one[l], set[l]));
      CHECK(same_bits(by_three[l], set[l]));
    }
    auto const by_box = s.backward_rois(two);
    CHECK(by_box == s.backward_rois(one));
    CHECK(by_box[11] == box<T>{});  // dead
    CHECK(by_box[5] == box<T>{});   // beyond the map
    CHECK(by_box[0] != box<T>{});
  }
}

TEST_CASE("roi_warp: differences in double, by cells and by corners") {
  for (int const sampling : {1, 2}) {
    warp_scene<double> s(4, sampling);
    cpu::context c(2);
    s.forward(c);
    auto const winners = s.winner;
    auto const d = s.backward(c, unwritten(s), writing::set);
    auto const by_box = s.backward_rois(c);
    auto const loss = [&] { return dot(s.forward(c), s.g); };
    auto& x = s.map[1];
    std::vector<double> analytic, found;
    for (std::size_t i = 0; i < x.size(); i += 7) {
      double const before = x[i], h = 1e-6;
      x[i] = before + h;
      double const above = loss();
      x[i] = before - h;
      analytic.push_back(d[1][i]);
      found.push_back((above - loss()) / (2 * h));
      x[i] = before;
    }
    CHECK(near(analytic, found, 1e-6));
    std::vector<double> corners;
    for (auto const& b : by_box) corners.insert(corners.end(), {b.x1, b.y1, b.x2, b.y2});
    auto const report =
        testing::gradcheck(loss, std::span(&s.rois[0].x1, corners.size()), corners, {.tolerance = 1e-6, .step = 1e-6, .may_skip = .2});
    CHECK_MESSAGE(report.ok, report.describe());
    CHECK(std::count(corners.begin(), corners.end(), 0.) <= 8);  // the dead one, and the one beyond the map
  }
}

TEST_CASE_TEMPLATE("roi_warp: PyTorch's numbers", T, float, double) {
  io::safetensors_file const file(std::filesystem::path(__FILE__).parent_path() / "../../../golden/roi_warp.safetensors");
  auto const given = [](io::safetensors_file const& from, std::string const& name) {
    auto const v = from.read<double>(name);
    return std::vector<T>(v.begin(), v.end());
  };
  cpu::context c(2);
  shape<4> const dims{{2, 3, 8, 10}};
  std::vector<box<T>> rois;
  auto const flat = given(golden(), "roi.rois");
  for (std::size_t i = 0; i < flat.size(); i += 4) rois.push_back({flat[i], flat[i + 1], flat[i + 2], flat[i + 3]});
  std::vector<std::int32_t> count{6, 6};
  counted<box<T>, 2, cpu> const boxes{over(rois, shape<2>{{2, 6}}), over(count)};
  tensor<T> map(c, dims, given(golden(), "roi.maps"));
  maps<T, 1, cpu> const in{{map.a}};
  for (auto [pooled, sampling] : {std::pair{7, 2}, std::pair{3, 2}, std::pair{4, 1}}) {
    roi_spec<1> spec;
    spec.scale[0] = 1.0 / 16;
    spec.pooled = pooled;
    spec.sampling = sampling;
    std::string const name = "p" + std::to_string(pooled) + "s" + std::to_string(sampling);
    CAPTURE(name);
    shape<3> const s{{12, 3, pooled * pooled}}, winners{{12, pooled * pooled, 3}};
    auto out = nans<T>(s.size()), dy = given(file, name + ".dy");
    std::vector<std::uint8_t> winner(s.size());
    ops::roi_warp<cpu>::forward<T, 1>(c, spec, in, boxes, {}, over(out, s), over(winner, winners));
    CHECK(near(out, file.read<double>(name + ".y"), tolerance<T>));
    tensor<T> d(c, dims, nans<T>(dims.size()));
    ops::roi_warp<cpu>::backward<T, 1>(c, spec, over(dy, s), over(winner, winners), boxes, {}, maps<T, 1, cpu>{{d.a}}, writing::set);
    CHECK(near(d.plain(), file.read<double>(name + ".dmaps"), tolerance<T>));
    std::vector<box<T>> by_box(12);
    ops::roi_warp<cpu>::backward_rois<T, 1>(c, spec, in, over(dy, s), over(winner, winners), boxes, {}, over(by_box, shape<2>{{2, 6}}));
    std::vector<T> corners;
    for (auto const& b : by_box) corners.insert(corners.end(), {b.x1, b.y1, b.x2, b.y2});
    CHECK(near(corners, file.read<double>(name + ".drois"), tolerance<T>));
  }
}

TEST_CASE("roi_warp: no live region, no image, a level that is not wanted, coordinates that are not numbers, a NaN in the map") {
  cpu::context c(2);
  warp_scene<float> none(3);
  none.count = {0, 0};
  CHECK(none.forward(c) == std::vector<float>(none.size(), 0.f));
  for (auto const& level : none.backward(c, unwritten(none), writing::set)) CHECK(level == std::vector<float>(level.size(), 0.f));

  warp_scene<float> odd(3);
  float const nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();
  odd.rois[0] = {nan, nan, nan, nan};
  odd.rois[1] = {-inf, -inf, inf, inf};
  odd.rois[2] = {1e30f, 1e30f, 2e30f, 2e30f};
  auto const out = odd.forward(c);
  for (std::size_t i = 0; i < std::size_t(3) * 9 * odd.channels; ++i) REQUIRE(out[i] == 0);
  CHECK(odd.backward_rois(c)[2] == box<float>{});

  warp_scene<float> half(3);
  half.forward(c);
  auto const whole = half.backward(c, unwritten(half), writing::set);
  tensor<float> a(c, half.dims[0], nans<float>(half.dims[0].size()));
  ops::roi_warp<cpu>::backward<float, 2>(c, half.spec, over(half.g, half.out_shape()), half.winners(), half.boxes(), half.levels(),
                                         maps<float, 2, cpu>{{a.a, {}}}, writing::set);
  CHECK(same_bits(a.plain(), whole[0]));

  warp_scene<float> broken(3);
  std::size_t const cell = std::size_t(4) * 11 + 5;
  broken.map[0][cell] = nan;  // of the first channel, in the middle of region 0
  auto const seen = broken.forward(c);
  CHECK(std::any_of(seen.begin(), seen.begin() + 9, [](float v) { return std::isnan(v); }));
  CHECK(std::none_of(seen.begin() + 9, seen.begin() + 18, [](float v) { return std::isnan(v); }));

  roi_spec<1> one;
  std::vector<box<float>> no_boxes;
  std::vector<std::int32_t> no_counts;
  std::vector<float> nothing;
  counted<box<float>, 2, cpu> const no_rois{over(no_boxes, shape<2>{{0, 4}}), over(no_counts)};
  maps<float, 1, cpu> const no_maps{{cpu_activation<float>{nullptr, {{0, 3, 4, 4}}}}};
  ops::roi_warp<cpu>::forward<float, 1>(c, one, no_maps, no_rois, {}, over(nothing, shape<3>{{0, 3, 49}}), {});
}

}  // namespace cpu_tests
