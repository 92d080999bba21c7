#pragma once
// One description per operation, in a file of its own beside this one. It drives, on every backend of backends.hpp: the comparison with the
// portable engine in double, with the operation's definition, of its gradients with differences, and the refusal of what it must refuse
// (tests/unit/ops/described.cpp); its rows in the benchmark (bench/ops_described.cpp); its line in docs/backends.md. The other tests of an
// operation take their shapes from here.
//
// A description is a struct on `operation`, which has what is usual. It has:
//   name, computes, refuses            text of its line; by(column): what computes it there
//   tolerance                          of float against double, relative to the largest value (double: 1e-9)
//   has_products                       whether it multiplies matrices, whose factors a context's precision may round
//   problem, problems(), text(p)       what to compute, small, and its shape in words
//   measured()                         what the benchmark times: shapes that the presets meet. The first stands in docs/backends.md
//   inputs(p), outputs(p)              arrays of the scalar; indices(p), found(p): arrays of int32 that it reads and writes
//   compares_found                     whether every backend must write the same int32
//   flops(p), passes(p)                of the definition, forward; backward has passes times as many
//   forward(r, p)                      r: operands<T, B>
//   differentiated(p), backward(r, p)  how many inputs, the first ones, have gradients: r.din from r.dout, set or added as r.how says
//   adds(p, i)                         whether the gradient of input i can be added (else it is set)
//   linear_in(p)                       inputs in which an output is linear together, all choices (ReLU, maxima) made: sum <dx, x> = <dy, y>
//   keeps_bits(i)                      whether the gradient of input i has the same bits from every number of threads
//   is_smooth(p)                       false: the gradient is not compared with differences
//   refused<B>()                       calls each of which must throw a frcnn::error, at the latest when it is waited for
// and, where it has one, the definition as plain loops:
//   defined(p, in, index, at)          element `at` of the output, in double, or
//   whole(p, in, index)                all of it, from other operations; and chosen(p, in, index): what the arrays of int32 hold
// On the host arrays have the logical order: maps [N, C, H, W], weights [O, C, k, k].
#include "frcnn/core/buffer.hpp"
#include "frcnn/core/counted.hpp"
#include "frcnn/core/maps.hpp"
#include "frcnn/core/param.hpp"
#include "frcnn/ops/conv2d.hpp"

#include "numbers.hpp"

#include <functional>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ops_described {

using namespace frcnn;

using ints = std::vector<std::int32_t>;
using doubles = std::vector<double>;
template <class B>
using refusals = std::vector<std::function<void(typename B::context&)>>;

enum class form : std::uint8_t { map, weights, plain };

struct array {
  shape<4> dims{};
  form as = form::map;
  std::vector<float> values{};  // empty: an input has normal draws, an output nothing that is a number
};
inline array plain(int rows, int columns = 1, std::vector<float> values = {}) {
  return {{{1, 1, rows, columns}}, form::plain, std::move(values)};
}
inline array const absent{{{0, 0, 0, 0}}, form::plain, {}};

// An array on a device.
template <class T, class B>
class operand {
 public:
  using context = typename B::context;
  using real = std::conditional_t<Real<T>, T, float>;

  operand(context& c, array const& a) : dims_(a.dims), as_(a.as) {
    std::size_t elements = dims_.size();
    if constexpr (Real<T>)
      if (as_ == form::map) elements = c.template storage<T>(dims_);
    memory_.reserve(c, std::max<std::size_t>(1, elements));
    if constexpr (Real<T>)
      if (as_ == form::map) map_ = c.template make_at<T>(memory_.data(), dims_);
  }
  std::size_t size() const { return dims_.size(); }

  activation<real, B> map() const requires(Real<T>) { return map_; }
  template <int R>
  view<T, R, B> shaped(shape<R> s) const {
    return {memory_.data(), s};
  }
  view<T, 1, B> row() const { return shaped(shape<1>{{static_cast<std::int32_t>(size())}}); }
  view<T, 2, B> matrix() const { return shaped(shape<2>{{dims_[2], dims_[3]}}); }
  view<box<real>, 2, B> boxes(int images) const requires(Real<T>) {
    return {reinterpret_cast<box<real>*>(memory_.data()), {{images, images ? dims_[2] / images : 0}}};
  }

  // The host's side, in logical order. Both wait.
  void write(context& c, std::vector<T> const& values) {
    if (size() == 0) return;
    if constexpr (Real<T>) {
      if (as_ == form::map) {
        buffer<T, B> staged(c, size());
        view<T, 4, B> const v{staged.data(), dims_};
        from_host(c, values, v);
        c.from_plain(view<T const, 4, B>(v), map_);
        c.wait();
        return;
      }
      if (as_ == form::weights) return from_host(c, stored(values, false), row());
    }
    from_host(c, values, row());
  }
  std::vector<T> read(context& c) const {
    if (size() == 0) return {};
    if constexpr (Real<T>) {
      if (as_ == form::map) {
        buffer<T, B> staged(c, size());
        view<T, 4, B> const v{staged.data(), dims_};
        c.to_plain(map_, v);
        return to_host(c, v);
      }
      if (as_ == form::weights) return stored(to_host(c, row()), true);
    }
    return to_host(c, row());
  }

 private:
  // [O, C, k, k] to what the backend stores, or back.
  std::vector<T> stored(std::vector<T> const& v, bool back) const {
    if (ops::conv2d<B>::weight_order != param_order::channels_last) return v;
    std::vector<T> turned(v.size());
    std::size_t const channels = static_cast<std::size_t>(dims_[1]), taps = static_cast<std::size_t>(dims_[2]) * dims_[3];
    for (std::size_t i = 0; i < v.size(); ++i) {
      std::size_t const o = i / (channels * taps), ch = i / taps % channels, t = i % taps, at = (o * taps + t) * channels + ch;
      (back ? turned[i] : turned[at]) = back ? v[at] : v[i];
    }
    return turned;
  }

  shape<4> dims_;
  form as_;
  buffer<T, B> memory_;
  activation<real, B> map_{};
};

// What an operation reads and writes.
template <class T, class B>
struct operands {
  typename B::context& c;
  std::vector<operand<T, B>> in, out, din, dout;
  std::vector<operand<std::int32_t, B>> index, found;
  writing how = writing::set;
};

struct operation {
  static constexpr char const* refuses = "";
  static std::string by(std::string_view) { return "yes"; }
  static std::vector<ints> indices(auto const&) { return {}; }
  static std::vector<std::size_t> found(auto const&) { return {}; }
  static constexpr bool compares_found = true;
  static constexpr bool has_products = false;
  static int differentiated(auto const&) { return 0; }
  static bool adds(auto const&, std::size_t) { return true; }
  static bool keeps_bits(std::size_t) { return true; }
  static bool is_smooth(auto const&) { return true; }
  static std::vector<std::vector<int>> linear_in(auto const&) { return {}; }
  static double flops(auto const&) { return 0; }
  static int passes(auto const&) { return 1; }
  template <class B>
  static refusals<B> refused() {
    return {};
  }
  static void backward(auto&, auto const&) {}
};

// One shape to time.
template <class Problem>
struct timed {
  Problem p;
  std::string where;    // "vgg16_tv fc6"
  bool trains = false;  // backward, too
};

inline std::string text(shape<4> s) {
  return std::to_string(s[0]) + "x" + std::to_string(s[1]) + "x" + std::to_string(s[2]) + "x" + std::to_string(s[3]);
}

// The arrays of a problem on the host. Both scalars compute with the same numbers; the lowest float is the lowest T (a dead key).
template <class T>
std::vector<T> contents(array const& a, std::uint64_t seed) {
  std::vector<T> v(a.dims.size());
  stream s(seed);
  for (std::size_t i = 0; i < v.size(); ++i) {
    float const x = a.values.empty() ? s.bell() : a.values[i];
    v[i] = x == std::numeric_limits<float>::lowest() ? std::numeric_limits<T>::lowest() : static_cast<T>(x);
  }
  return v;
}
template <class T>
std::vector<std::vector<T>> contents(std::vector<array> const& arrays) {
  std::vector<std::vector<T>> all;
  for (auto const& a : arrays) all.push_back(contents<T>(a, 1 + all.size()));
  return all;
}
inline constexpr std::uint64_t seed_of_dy = 99, seed_of_before = 200;

template <class T>
std::vector<T> no_numbers(std::size_t n) {
  return std::vector<T>(n, std::numeric_limits<T>::quiet_NaN());
}

// All arrays of a problem.
struct signature {
  std::vector<array> inputs, outputs;
  std::vector<ints> indices;
  std::vector<std::size_t> found;
  int differentiated = 0;

  template <class Op>
  static signature of(typename Op::problem const& p) {
    return {Op::inputs(p), Op::outputs(p), Op::indices(p), Op::found(p), Op::differentiated(p)};
  }
  // Every input read once, every output written once, in float.
  double bytes() const {
    double sum = 0;
    for (auto const* some : {&inputs, &outputs})
      for (auto const& a : *some) sum += static_cast<double>(a.dims.size());
    for (auto const& v : indices) sum += static_cast<double>(v.size());
    for (auto const n : found) sum += static_cast<double>(n);
    return 4 * sum;
  }
};

// Memory for forward and, where wanted, for backward, filled: inputs with `in`, outputs with what is no number.
template <class T, class B>
operands<T, B> make(typename B::context& c, signature const& s, std::vector<std::vector<T>> const& in, bool with_gradients,
                    writing how = writing::set) {
  operands<T, B> r{c, {}, {}, {}, {}, {}, {}, how};
  auto const add = [&](std::vector<operand<T, B>>& to, array const& a, std::vector<T> const& values) {
    to.emplace_back(c, a);
    to.back().write(c, values);
  };
  for (std::size_t i = 0; i < s.inputs.size(); ++i) add(r.in, s.inputs[i], in[i]);
  for (auto const& a : s.outputs) add(r.out, a, a.values.empty() ? no_numbers<T>(a.dims.size()) : contents<T>(a, 0));
  auto const add_ints = [&](std::vector<operand<std::int32_t, B>>& to, ints const& values) {
    to.emplace_back(c, plain(static_cast<int>(values.size())));
    to.back().write(c, values);
  };
  for (auto const& v : s.indices) add_ints(r.index, v);
  for (auto const n : s.found) add_ints(r.found, ints(n, -7));
  if (!with_gradients) return r;
  for (auto const& a : s.outputs) add(r.dout, a, contents<T>(array{a.dims}, seed_of_dy));
  for (std::size_t i = 0; i < static_cast<std::size_t>(s.differentiated); ++i) {
    std::size_t const n = s.inputs[i].dims.size();
    add(r.din, s.inputs[i], how == writing::set ? no_numbers<T>(n) : contents<T>(array{s.inputs[i].dims}, seed_of_before + i));
  }
  return r;
}

}  // namespace ops_described
