#pragma once
// What the tests of ops/sample, rpn/ and roi/ share: dense arrays that a test owns, batches of images and truth boxes, and anchors that are
// listed one by one instead of laid out on a grid.
#include "frcnn/backend/cpu/context.hpp"
#include "frcnn/backend/cpu/executor.hpp"
#include "frcnn/concepts/batch.hpp"
#include "frcnn/io/safetensors.hpp"
#include "frcnn/rpn/anchor_target.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>
#include <vector>

namespace batches {

using namespace frcnn;

inline shape<1> of(int a) { return {{a}}; }
inline shape<2> of(int a, int b) { return {{a, b}}; }
inline shape<3> of(int a, int b, int c) { return {{a, b, c}}; }

template <class T>
constexpr double tolerance = std::is_same_v<T, float> ? 1e-5 : 1e-9;  // of one op, relative to the largest element

template <class T, int R>
struct array {
  std::vector<T> values;
  shape<R> dims;

  explicit array(shape<R> s, T v = T{}) : values(s.size(), v), dims(s) {}
  array(shape<R> s, std::vector<T> v) : values(std::move(v)), dims(s) { REQUIRE(values.size() == s.size()); }

  view<T, R, cpu> out() { return {values.data(), dims}; }
  view<T const, R, cpu> in() const { return {values.data(), dims}; }
  template <class... I>
  T const& operator()(I... i) const {
    return in()(i...);
  }
  template <class... I>
  T& operator()(I... i) {
    return out()(i...);
  }
};
template <class T, int R>
array<T, R> nans(shape<R> s) {
  return array<T, R>(s, std::numeric_limits<T>::quiet_NaN());
}

// Rows that nobody has written yet, and their counts.
template <class T>
struct rows_of {
  array<T, 2> rows;
  array<std::int32_t, 1> count;

  rows_of(int n, int capacity) : rows(of(n, capacity)), count(of(n), -7) {
    std::memset(static_cast<void*>(rows.values.data()), 0xff, rows.values.size() * sizeof(T));
  }
  counted<T, 2, cpu> out() { return {rows.out(), count.out()}; }
  counted<T const, 2, cpu> in() const { return {rows.in(), {const_cast<std::int32_t*>(count.values.data()), count.dims}}; }
  std::vector<T> live(int n) const {
    auto const first = rows.values.begin() + std::ptrdiff_t{n} * rows.dims[1];
    return std::vector<T>(first, first + count(n));
  }
};
// The same, filled: image n has lists[n].
template <class T>
rows_of<T> filled(std::vector<std::vector<T>> const& lists, int capacity) {
  rows_of<T> r(static_cast<int>(lists.size()), capacity);
  std::fill(r.rows.values.begin(), r.rows.values.end(), T{});
  for (int n = 0; n < static_cast<int>(lists.size()); ++n) {
    r.count(n) = static_cast<std::int32_t>(lists[std::size_t(n)].size());
    for (int i = 0; i < r.count(n); ++i) r.rows(n, i) = lists[std::size_t(n)][std::size_t(i)];
  }
  return r;
}

template <class T>
struct object {
  box<T> where;
  std::int32_t label = 1;
};

template <class T>
using objects = std::vector<std::vector<object<T>>>;  // of each image
template <class T>
using sizes = std::vector<std::array<T, 2>>;  // h, w of each image

// Images of given sizes (1000 x 1000 where none is given), scale 1 unless changed, and their objects. Image n has the id 100 + n.
template <class T>
struct scene {
  array<image_info<T>, 1> info;
  array<std::uint64_t, 1> id;
  rows_of<box<T>> boxes;
  array<std::int32_t, 2> label;
  array<std::uint64_t, 1> state{of(2), std::vector<std::uint64_t>{5, 9}};  // seed, step

  explicit scene(objects<T> const& lists, sizes<T> const& hw = {}, int capacity = 1)
      : info(of(static_cast<int>(lists.size()))),
        id(info.dims),
        boxes(info.dims[0], std::max(capacity, longest(lists))),
        label(boxes.rows.dims, -9) {
    for (int n = 0; n < info.dims[0]; ++n) {
      auto const& list = lists[std::size_t(n)];
      T const h = hw.empty() ? T(1000) : hw[std::size_t(n)][0], w = hw.empty() ? T(1000) : hw[std::size_t(n)][1];
      info(n) = {h, w, h, w, T(1), T(1)};
      id(n) = 100 + static_cast<std::uint64_t>(n);
      boxes.count(n) = static_cast<std::int32_t>(list.size());
      for (int g = 0; g < boxes.count(n); ++g) {
        boxes.rows(n, g) = list[std::size_t(g)].where;
        label(n, g) = list[std::size_t(g)].label;
      }
    }
  }
  truth<T, cpu> gt() const { return {boxes.in(), label.in()}; }
  rng<cpu> random() const { return {state.in()}; }

 private:
  static int longest(objects<T> const& lists) {
    std::size_t m = 1;
    for (auto const& o : lists) m = std::max(m, o.size());
    return static_cast<int>(m);
  }
};

// Anchors as a list for each level; cell x of level l holds the x-th. Models AnchorScheme.
template <int L>
struct listed_anchors {
  static constexpr int levels = L, max_per_cell = 1;
  box<double> const* level[L];
  int per_cell() const { return 1; }
  template <class T>
  box<T> at(cell const& i) const {
    return level[i.level][i.x].template as<T>();
  }
};
static_assert(AnchorScheme<listed_anchors<2>>);

// The lists stay the caller's.
template <class... List>
rpn::placed_anchors<listed_anchors<sizeof...(List)>> place(List const&... lists) {
  rpn::placed_anchors<listed_anchors<sizeof...(List)>> anchors{{{lists.data()...}}, {}};
  int const n[] = {static_cast<int>(lists.size())...};
  for (int l = 0; l < static_cast<int>(sizeof...(List)); ++l) {
    anchors.grid.level[l] = {1, n[l], 1, 1, anchors.grid.cells};
    anchors.grid.cells += n[l];
  }
  return anchors;
}

// Deltas that are what they say: the encoded box is the box.
struct literal_coder {
  template <class T>
  delta<T> encode(box<T> const&, box<T> const& to) const {
    return {to.x1, to.y1, to.x2, to.y2};
  }
  template <class T>
  box<T> decode(box<T> const&, delta<T> const& d) const {
    return {d.dx, d.dy, d.dw, d.dh};
  }
};

// Numbers from torchvision; tests/golden/ops.py says what each is.
inline io::safetensors_file const& golden() {
  static io::safetensors_file const file(std::filesystem::path(__FILE__).parent_path() / "../golden/ops.safetensors");
  return file;
}
template <class T>
std::vector<box<T>> golden_boxes(std::string const& name) {
  auto const v = golden().read<T>(name);
  std::vector<box<T>> boxes;
  for (std::size_t i = 0; i < v.size(); i += 4) boxes.push_back({v[i], v[i + 1], v[i + 2], v[i + 3]});
  return boxes;
}

// max |a - b| <= tolerance * max |b|; NaN is a difference.
template <class T, class U>
bool near(std::vector<T> const& a, std::vector<U> const& b, double tolerance) {
  if (a.size() != b.size()) return false;
  double worst = 0, largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    double const d = std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
    if (!(d < std::numeric_limits<double>::infinity())) return false;
    worst = std::max(worst, d);
    largest = std::max(largest, std::abs(static_cast<double>(b[i])));
  }
  return worst <= tolerance * largest;
}

// Random boxes with corners in [-margin, side + margin) and sides in [smallest, largest).
template <class T>
std::vector<box<T>> random_boxes(host_rng& r, int n, double side, double smallest, double largest, double margin = 8) {
  std::vector<box<T>> boxes;
  for (int i = 0; i < n; ++i) {
    double const x = r.uniform(-margin, side), y = r.uniform(-margin, side);
    boxes.push_back({T(x), T(y), T(x + r.uniform(smallest, largest)), T(y + r.uniform(smallest, largest))});
  }
  return boxes;
}

}  // namespace batches
