#pragma once
// What benchmarks work on, and how their results are checked: random tensors, boxes and images, all functions of a seed.
//
// A backward pass of a linear map y = A x is checked by what defines it: <dy, A x> = <A^T dy, x> (and = <dW, W>). ReLU and maxima are
// linear once their choices are made, so one comparison of sums checks convolution, linear layers and all poolings.
#include "engine.hpp"

#include "../tests/ops/layers.hpp"
#include "../tests/ops/op.hpp"

#include <frcnn/core/buffer.hpp>
#include <frcnn/core/image.hpp>
#include <frcnn/core/scratch.hpp>
#include <frcnn/geometry/box.hpp>

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

namespace bench {

using frcnn::box, frcnn::counted, frcnn::shape, frcnn::view;
using values = std::vector<float>;
using activation = frcnn::activation<float, device>;
using namespace ops_described;  // stream, crowded_boxes, layers

inline double bytes(double floats) { return 4 * floats; }
inline double elements(shape<4> s) { return static_cast<double>(s.size()); }

inline values numbers(std::size_t n, float low, float high, std::uint64_t seed = 0) {
  stream s(seed);
  values v(n);
  for (auto& x : v) x = s.in(low, high);
  return v;
}

// Device memory in the current frame, filled.
template <class T, int R>
view<T, R, device> uploaded(context& c, shape<R> s, std::vector<T> const& host) {
  auto const v = frcnn::scratch<T, device>(c, s);
  frcnn::from_host(c, host, v);
  return v;
}
inline view<float, 1, device> uploaded(context& c, values const& host) {
  return uploaded(c, shape<1>{{static_cast<std::int32_t>(host.size())}}, host);
}
// host: [N, C, H, W]
inline activation activated(context& c, shape<4> s, values const& host) {
  auto const a = c.make<float>(s);
  context::frame scope(c);
  c.from_plain<float>(view<float const, 4, device>(uploaded(c, s, host)), a);
  return a;
}
inline values downloaded(context& c, activation a) {
  context::frame scope(c);
  auto const plain = frcnn::scratch<float, device>(c, a.dims);
  c.to_plain(a, plain);
  return frcnn::to_host(c, plain);
}

// Checks: what is wrong, or nothing.
inline std::string not_finite(values const& v) {
  double sum = 0;
  for (float const x : v) sum += std::abs(static_cast<double>(x));
  if (!std::isfinite(sum)) return "a result that is not finite";
  return sum > 0 ? "" : "a result of nothing but zeros";
}
inline std::string not_equal(char const* what, double found, double expected, double tolerance = 0) {
  if (std::abs(found - expected) <= tolerance) return "";
  return std::string(what) + ": " + std::to_string(found) + " and not " + std::to_string(expected);
}
inline double dot(values const& a, values const& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += static_cast<double>(a[i]) * b[i];
  return sum;
}
inline std::string not_adjoint(values const& dy, values const& y, values const& dx, values const& x) {
  double const scale = std::sqrt(dot(dy, dy) * dot(y, y));
  return not_equal("<dx, x>", dot(dx, x), dot(dy, y), 1e-4 * scale);
}

// All of `boxes` live: [N, R].
inline counted<box<float>, 2, device> uploaded_boxes(context& c, int n, std::vector<box<float>> const& boxes) {
  std::int32_t const each = static_cast<std::int32_t>(boxes.size()) / n;
  return {uploaded(c, shape<2>{{n, each}}, boxes),
          uploaded(c, shape<1>{{n}}, std::vector<std::int32_t>(static_cast<std::size_t>(n), each))};
}

// Rectangles of flat colour under noise: edges for a network to see, and nothing that a file format would like.
inline frcnn::image random_image(int h, int w, std::uint64_t seed = 0) {
  stream s(seed);
  frcnn::image im(w, h);
  for (auto& p : im.pixels) p = static_cast<std::uint8_t>(96 + s.below(64));
  for (auto const& b : crowded_boxes(12, h, w, 12, seed)) {
    int const colour[3] = {s.below(192), s.below(192), s.below(192)};
    for (int y = static_cast<int>(b.y1); y < static_cast<int>(b.y2); ++y)
      for (int x = static_cast<int>(b.x1); x < static_cast<int>(b.x2); ++x)
        for (int k = 0; k < 3; ++k) im.at(x, y)[k] = static_cast<std::uint8_t>(colour[k] + s.below(64));
  }
  return im;
}

}  // namespace bench
