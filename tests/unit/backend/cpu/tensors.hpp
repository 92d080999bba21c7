#pragma once
// What the tests of the CPU backend share: owned tensors with known contents, and the two measures of "equal".
#include "frcnn/backend/cpu/context.hpp"
#include "frcnn/core/buffer.hpp"
#include "frcnn/core/counted.hpp"
#include "frcnn/core/param.hpp"
#include "frcnn/core/rng.hpp"
#include "frcnn/io/safetensors.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>
#include <vector>

namespace frcnn::inline FRCNN_ABI::cpu_backend {}  // an engine's header may not have opened it

namespace cpu_tests {

using namespace frcnn;
using namespace frcnn::cpu_backend;

template <class T>
std::vector<T> normals(std::size_t n, std::uint64_t stream, double scale = 1) {
  host_rng draws(7, draw::test, stream);
  std::vector<T> v(n);
  for (auto& x : v) x = static_cast<T>(scale * draws.normal());
  return v;
}
// From -8 to 8: sums of products of which, up to some ten thousand, float holds exactly.
inline std::vector<float> integers(std::size_t n, std::uint64_t stream) {
  auto v = normals<float>(n, stream, 4);
  for (auto& x : v) x = std::clamp(std::round(x), -8.f, 8.f);
  return v;
}
template <class T>
std::vector<T> nans(std::size_t n) {
  return std::vector<T>(n, std::numeric_limits<T>::quiet_NaN());
}

// Whatever is left in the arena is not a number: an op that reads scratch before it writes it shows.
inline void poison(cpu::context& c, std::size_t bytes = std::size_t{8} << 20) {
  cpu::context::frame const scope(c);
  std::memset(c.scratch(bytes), 0xff, bytes);
}

// max |a - b| <= tolerance * max |b|; NaN anywhere is a difference.
template <class T, class U>
bool near(std::vector<T> const& a, std::vector<U> const& b, double tolerance) {
  if (a.size() != b.size()) return false;
  double worst = 0, largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    double const d = std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
    if (!(d <= std::numeric_limits<double>::max())) return false;
    worst = std::max(worst, d);
    largest = std::max(largest, std::abs(static_cast<double>(b[i])));
  }
  return worst <= tolerance * largest;
}
// |a - b| / |b|, Euclidean; NaN where a has one.
template <class T, class U>
double relative_l2(std::vector<T> const& a, std::vector<U> const& b) {
  if (a.size() != b.size()) return std::numeric_limits<double>::infinity();
  double off = 0, all = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    double const d = static_cast<double>(a[i]) - static_cast<double>(b[i]);
    off += d * d;
    all += static_cast<double>(b[i]) * static_cast<double>(b[i]);
  }
  return off == 0 ? 0 : std::sqrt(off / all);
}
template <class T>
bool same_bits(std::vector<T> const& a, std::vector<T> const& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}
template <class T>
std::vector<T> plus(std::vector<T> a, std::vector<T> const& b) {
  for (std::size_t i = 0; i < a.size(); ++i) a[i] += b[i];
  return a;
}
// One op in T against double, docs/testing.md.
template <class T>
constexpr double tolerance = std::is_same_v<T, float> ? 1e-5 : 1e-9;

// An owned activation; plain() and the constructor speak [N, C, H, W].
template <class T>
struct tensor {
  buffer<T, cpu> memory;
  cpu_activation<T> a;
  cpu::context* c;

  tensor(cpu::context& c, shape<4> s, std::vector<T> values)
      : memory(c, std::max<std::size_t>(1, s.size())), a(cpu::context::make_at<T>(memory.data(), s)), c(&c) {
    if (s.size()) c.from_plain(view<T const, 4, cpu>{values.data(), s}, a);
  }
  std::vector<T> plain() const {
    std::vector<T> v(a.dims.size());
    if (!v.empty()) c->to_plain(a, view<T, 4, cpu>{v.data(), a.dims});
    return v;
  }
};

// [O, C, k, k] as files have it to [O, k, k, C] as the engine multiplies it, and back.
template <class T>
std::vector<T> channels_last(std::vector<T> const& w, int o, int channels, int cells, bool back = false) {
  std::vector<T> out(w.size());
  for (int i = 0; i < o; ++i)
    for (int ch = 0; ch < channels; ++ch)
      for (int t = 0; t < cells; ++t) {
        std::size_t const plain = (std::size_t(i) * channels + ch) * cells + t, stored = (std::size_t(i) * cells + t) * channels + ch;
        (back ? out[plain] : out[stored]) = back ? w[stored] : w[plain];
      }
  return out;
}

// A view over a vector.
template <class T, int R>
view<T, R, cpu> over(std::vector<T>& v, shape<R> s) {
  return {v.data(), s};
}
template <class T>
view<T, 1, cpu> over(std::vector<T>& v) {
  return {v.data(), {{static_cast<std::int32_t>(v.size())}}};
}

// Central difference of loss() by each element of x, exact but for rounding where loss is linear in it.
template <class Loss>
std::vector<double> numeric_gradient(std::vector<double>& x, Loss loss) {
  constexpr double h = 1e-4;
  std::vector<double> g(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    double const before = x[i];
    x[i] = before + h;
    double const above = loss();
    x[i] = before - h;
    g[i] = (above - loss()) / (2 * h);
    x[i] = before;
  }
  return g;
}
inline double dot(std::vector<double> const& a, std::vector<double> const& b) {
  double s = 0;
  for (std::size_t i = 0; i < a.size(); ++i) s += a[i] * b[i];
  return s;
}

// Numbers from PyTorch and torchvision; tests/golden/ops.py says what each is.
inline io::safetensors_file golden() {
  return io::safetensors_file(std::filesystem::path(__FILE__).parent_path() / "../../../golden/ops.safetensors");
}

}  // namespace cpu_tests
