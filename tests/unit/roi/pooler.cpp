#include "frcnn/roi/pooler.hpp"

#include "../batches.hpp"
#include "frcnn/backend/cpu/roi_features.hpp"

using namespace batches;
using conventions::caffe, conventions::torchvision;

namespace {

// An activation that owns its memory.
template <class T>
struct map {
  std::vector<T> values;
  cpu_activation<T> a;

  map(shape<4> s, T v = T{}) : values(s.size(), v), a(cpu::context::make_at<T>(values.data(), s)) {}
  map(cpu::context& c, shape<4> s, std::vector<T> const& plain) : map(s) { c.from_plain({plain.data(), s}, a); }
  map(map const&) = delete;
  std::vector<T> plain(cpu::context& c) const {
    std::vector<T> p(values.size());
    c.to_plain(a, {p.data(), a.dims});
    return p;
  }
};

template <class T>
rows_of<box<T>> golden_rois(std::int32_t second = 6) {
  auto const all = golden_boxes<T>("roi.rois");
  return filled<box<T>>({{all.begin(), all.begin() + 6}, {all.begin() + 6, all.begin() + 6 + second}}, 6);
}

// A pooler with one map of stride 16 against torchvision, forward, inference, backward.
template <class Pooler, class T>
void compare(Pooler const& pooler, std::string const& name) {
  cpu::context c(2);
  auto const& file = golden();
  shape<4> const s{{2, 3, 8, 10}};
  int const p = pooler.pooled();
  REQUIRE(pooler.width() == p * p * 3);
  map<T> const x(c, s, file.read<T>("roi.maps"));
  maps<T, 1, cpu> f{{x.a}};
  auto const rois = golden_rois<T>();
  array<T, 2> y = nans<T>(of(12, pooler.width())), again = y;
  typename Pooler::tape t;
  pooler.forward(c, f, rois.in(), y.out(), t);
  pooler.forward(c, f, rois.in(), again.out());
  CHECK(near(y.values, file.read<double>(name + ".y"), tolerance<T>));
  CHECK(y.values == again.values);

  array<T, 2> const dy(y.dims, file.read<T>(name + ".dy"));
  map<T> dx(s, std::numeric_limits<T>::quiet_NaN());
  maps<T, 1, cpu> df{{dx.a}};
  pooler.backward(c, t, dy.in(), df, writing::set);
  CHECK(near(dx.plain(c), file.read<double>(name + ".dmaps"), tolerance<T>));
  pooler.backward(c, t, dy.in(), df, writing::add);
  auto twice = file.read<double>(name + ".dmaps");
  for (auto& v : twice) v *= 2;
  CHECK(near(dx.plain(c), twice, tolerance<T>));
}

}  // namespace

TEST_CASE_TEMPLATE("both poolers are torchvision's; RoIPool under caffe ends a pixel earlier", T, float, double) {
  using f = features<T, cpu, 3>;
  compare<roi::align_pooler<f, torchvision>, T>(roi::align_pooler<f, torchvision>({16}, 7), "roi_align.p7");
  compare<roi::align_pooler<f, caffe>, T>(roi::align_pooler<f, caffe>({16}, 3), "roi_align.p3");
  compare<roi::max_pooler<f, torchvision>, T>(roi::max_pooler<f, torchvision>({16}, 7), "roi_pool.end0");
  compare<roi::max_pooler<f, caffe>, T>(roi::max_pooler<f, caffe>({16}, 3), "roi_pool.end1");
}

TEST_CASE("dead rows are zero and give no gradient") {
  using f = features<double, cpu, 3>;
  cpu::context c(2);
  map<double> const x(c, {{2, 3, 8, 10}}, golden().read<double>("roi.maps"));
  maps<double, 1, cpu> const in{{x.a}};
  auto const check = [&](auto const& pooler) {
    auto rois = golden_rois<double>(2);
    for (int i = 2; i < 6; ++i) rois.rows(1, i) = {0, 0, 100, 100};  // past the count
    array<double, 2> y = nans<double>(of(12, pooler.width()));
    typename std::remove_cvref_t<decltype(pooler)>::tape t;
    pooler.forward(c, in, rois.in(), y.out(), t);
    array<double, 2> dy(y.dims, 1.);
    for (int row = 8; row < 12; ++row)
      for (int i = 0; i < pooler.width(); ++i) {
        CHECK(y(row, i) == 0);
        dy(row, i) = std::numeric_limits<double>::quiet_NaN();
      }
    map<double> dx(shape<4>{{2, 3, 8, 10}});
    maps<double, 1, cpu> df{{dx.a}};
    pooler.backward(c, t, dy.in(), df, writing::set);
    double sum = 0;
    for (double const v : dx.values) sum += std::abs(v);
    CHECK(std::isfinite(sum));
    CHECK(sum > 0);
  };
  check(roi::align_pooler<f, torchvision>({16}, 3));
  check(roi::max_pooler<f, torchvision>({16}, 3));
  check(roi::warp_pooler<f, torchvision>({16}, 3));
}

TEST_CASE_TEMPLATE("each region reads the map of its size", T, float, double) {
  using one = features<T, cpu, 2>;
  using three = features<T, cpu, 2, 3>;
  cpu::context c(2);
  host_rng r(6, draw::test);
  // strides 8, 16, 32 of an input of 512 x 512; the map of stride 16 is read at 224 pixels
  map<T> m0(shape<4>{{1, 2, 64, 64}}), m1(shape<4>{{1, 2, 32, 32}}), m2(shape<4>{{1, 2, 16, 16}});
  for (auto* m : {&m0, &m1, &m2})
    for (auto& v : m->values) v = T(r.normal());
  maps<T, 3, cpu> const all{{m0.a, m1.a, m2.a}};
  maps<T, 1, cpu> const each[] = {{{m0.a}}, {{m1.a}}, {{m2.a}}};
  std::vector<box<T>> const boxes{{10, 10, 42, 42}, {10, 10, 234, 233}, {10, 10, 234, 234},
                                  {0, 0, 500, 400}, {20, 20, 468, 468}, {7, 7, 7, 7}};
  int const level[] = {0, 0, 1, 1, 2, 0}, stride[] = {8, 16, 32}, count = 6;
  auto const rois = filled<box<T>>({boxes}, count);
  auto const check = [&]<template <class, class> class Pooler>() {
    Pooler<three, torchvision> const pooler({8, 16, 32}, 2);
    array<T, 2> y = nans<T>(of(count, pooler.width()));
    typename Pooler<three, torchvision>::tape t;
    pooler.forward(c, all, rois.in(), y.out(), t);
    array<T, 2> dy(y.dims);
    for (auto& v : dy.values) v = T(r.normal());
    map<T> d0(m0.a.dims), d1(m1.a.dims), d2(m2.a.dims);
    maps<T, 3, cpu> df{{d0.a, d1.a, d2.a}};
    pooler.backward(c, t, dy.in(), df, writing::set);

    map<T> e0(m0.a.dims), e1(m1.a.dims), e2(m2.a.dims);
    maps<T, 1, cpu> expected[] = {{{e0.a}}, {{e1.a}}, {{e2.a}}};
    for (int i = 0; i < count; ++i) {
      int const l = level[i];
      Pooler<one, torchvision> const alone({stride[l]}, 2);
      auto const roi = filled<box<T>>({{boxes[std::size_t(i)]}}, 1);
      array<T, 2> row = nans<T>(of(1, alone.width()));
      typename Pooler<one, torchvision>::tape own;
      alone.forward(c, each[l], roi.in(), row.out(), own);
      auto const first = std::ptrdiff_t{i} * alone.width();
      CHECK(row.values == std::vector<T>(y.values.begin() + first, y.values.begin() + first + alone.width()));
      array<T, 2> const drow(row.dims, std::vector<T>(dy.values.begin() + first, dy.values.begin() + first + alone.width()));
      alone.backward(c, own, drow.in(), expected[l], writing::add);
    }
    CHECK(near(d0.values, e0.values, tolerance<T>));
    CHECK(near(d1.values, e1.values, tolerance<T>));
    CHECK(near(d2.values, e2.values, tolerance<T>));
  };
  check.template operator()<roi::align_pooler>();
  check.template operator()<roi::max_pooler>();
  check.template operator()<roi::warp_pooler>();
}

TEST_CASE_TEMPLATE("an activation holds what rows hold, bit for bit, and takes the same gradient", T, float, double) {
  using f = features<T, cpu, 3>;
  cpu::context c(2);
  shape<4> const s{{2, 3, 8, 10}};
  map<T> const x(c, s, golden().read<T>("roi.maps"));
  maps<T, 1, cpu> const in{{x.a}};
  auto const rois = golden_rois<T>(4);  // two dead rows
  host_rng r(7, draw::test);
  auto const check = [&](auto const& pooler) {
    int const bins = pooler.pooled() * pooler.pooled();
    shape<4> const out = pooler.map_shape(12);
    CHECK(out == shape<4>{{12, 3, pooler.pooled(), pooler.pooled()}});
    array<T, 2> rows = nans<T>(of(12, pooler.width()));
    map<T> y(out, std::numeric_limits<T>::quiet_NaN()), again(out, std::numeric_limits<T>::quiet_NaN());
    typename std::remove_cvref_t<decltype(pooler)>::tape by_rows, by_map;
    pooler.forward(c, in, rois.in(), rows.out(), by_rows);
    pooler.forward(c, in, rois.in(), y.a, by_map);
    pooler.forward(c, in, rois.in(), again.a);
    CHECK(y.plain(c) == rows.values);
    CHECK(again.plain(c) == rows.values);
    // Stored with the channels innermost: what a convolution reads without turning it round.
    for (int row = 0; row < 12; ++row)
      for (int i = 0; i < bins; ++i)
        for (int ch = 0; ch < 3; ++ch) CHECK(y.values[std::size_t((row * bins + i) * 3 + ch)] == rows(row, ch * bins + i));

    array<T, 2> drows(rows.dims);
    for (auto& v : drows.values) v = T(r.normal());
    map<T> const dy(c, out, drows.values);
    map<T> dx(s), dx_by_map(s, std::numeric_limits<T>::quiet_NaN());
    maps<T, 1, cpu> df{{dx.a}}, df_by_map{{dx_by_map.a}};
    pooler.backward(c, by_rows, drows.in(), df, writing::set);
    pooler.backward(c, by_map, dy.a, df_by_map, writing::set);
    CHECK(dx_by_map.values == dx.values);
    CHECK(std::any_of(dx.values.begin(), dx.values.end(), [](T v) { return v != 0; }));
    pooler.backward(c, by_rows, drows.in(), df, writing::add);
    pooler.backward(c, by_map, dy.a, df_by_map, writing::add);
    CHECK(dx_by_map.values == dx.values);

    array<box<T>, 2> by_box(of(2, 6)), by_box_too(of(2, 6));
    pooler.backward_rois(c, by_rows, drows.in(), by_box.out());
    pooler.backward_rois(c, by_map, dy.a, by_box_too.out());
    CHECK(by_box.values == by_box_too.values);
    CHECK(by_box(1, 5) == box<T>{});  // dead
  };
  check(roi::align_pooler<f, torchvision>({16}, 7));
  check(roi::max_pooler<f, torchvision>({16}, 3));
  check(roi::warp_pooler<f, torchvision>({16}, 3));
}

TEST_CASE("the kind is an option; a pooler of one kind has its own; warping takes one or two samples along a side") {
  using f = features<double, cpu, 3>;
  cpu::context c(2);
  map<double> const x(c, {{2, 3, 8, 10}}, golden().read<double>("roi.maps"));
  maps<double, 1, cpu> const in{{x.a}};
  auto const rois = golden_rois<double>();
  auto const pooled = [&](auto const& pooler) {
    array<double, 2> y = nans<double>(of(12, pooler.width()));
    pooler.forward(c, in, rois.in(), y.out());
    return y.values;
  };
  using any = roi::pooler<f, torchvision>;
  auto const align = pooled(any({16})), max = pooled(any({16}, {roi::pooling::max})), warp = pooled(any({16}, {roi::pooling::warp}));
  CHECK(align == pooled(roi::align_pooler<f, torchvision>({16}, {roi::pooling::warp})));
  CHECK(max == pooled(roi::max_pooler<f, torchvision>({16})));
  CHECK(warp == pooled(roi::warp_pooler<f, torchvision>({16})));
  CHECK(align != max);
  CHECK(align != warp);
  CHECK_THROWS_WITH_AS(any({16}, {roi::pooling::warp, 7, 3}), "RoI warping: expected 1 or 2 samples along a side of a bin, found 3", error);
}
