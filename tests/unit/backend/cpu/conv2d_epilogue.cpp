// The contract of ops::conv2d over its whole cross product, on every engine in float and on the portable one in double.
#include "frcnn/backend/cpu/conv2d.hpp"

#include "../../../ops/conv2d.hpp"
#include "../../engines.hpp"
#include "../../sentence.hpp"
#include "tensors.hpp"

#include <doctest/doctest.h>
#include <deque>

namespace cpu_tests {

namespace {

enum class residual : std::uint8_t { none, other, itself };

// A convolution with numbers, in memory's order: what w * x gives, and gradients of sum(g * y), by the portable engine in double without
// any epilogue (conv2d.cpp compares that with the definition).
struct layer {
  conv2d_spec spec;
  shape<4> xs, ys;
  std::vector<double> x, w, bias, scale, other, g, product;

  layer(conv2d_spec const& s, shape<4> in) : spec(s), xs(in), ys(s.out_shape(in)) {
    spec.relu = false;
    auto const rounded = [](std::size_t n, std::uint64_t stream, double deviation) {  // both scalars compute with the same numbers
      auto const v = normals<float>(n, stream, deviation);
      return std::vector<double>(v.begin(), v.end());
    };
    std::size_t const o = static_cast<std::size_t>(s.out_channels);
    x = rounded(xs.size(), 1, 1);
    w = rounded(s.weights(), 2, 1 / std::sqrt(static_cast<double>(s.fan_in())));
    bias = rounded(o, 3, .3);
    scale = rounded(o, 4, 1);
    if (o > 2) scale[1] = 0;  // a channel that is switched off
    other = rounded(ys.size(), 5, 1);
    g = rounded(ys.size(), 6, 1);
    product = std::vector<double>(ys.size());
    cpu::context& c = oracle();
    auto const n = static_cast<std::int32_t>(s.weights());
    std::vector<double> zeros(o);
    cpu_backend::portable::conv2d::forward<double>(c, spec, {x.data(), xs}, {w.data(), {{n}}}, {zeros.data(), {{spec.out_channels}}},
                                                   {product.data(), ys});
  }

  struct gradients {
    std::vector<double> x, w, bias, scale, residual;
  };
  struct expected {
    std::vector<double> y;
    gradients d;
  };
  expected of(bool with_bias, bool with_scale, bool with_residual, bool relu) const {
    std::size_t const o = static_cast<std::size_t>(spec.out_channels);
    expected e{product, {std::vector<double>(x.size()), std::vector<double>(w.size()), std::vector<double>(o), std::vector<double>(o), g}};
    auto scaled = g;
    for (std::size_t i = 0; i < e.y.size(); ++i) {
      double const s = with_scale ? scale[i % o] : 1;
      e.y[i] = s * product[i] + (with_bias ? bias[i % o] : 0) + (with_residual ? other[i] : 0);
      if (relu && !(e.y[i] > 0)) e.y[i] = e.d.residual[i] = 0;
      scaled[i] = s * e.d.residual[i];
      e.d.bias[i % o] += e.d.residual[i];
      e.d.scale[i % o] += e.d.residual[i] * product[i];
    }
    cpu::context& c = oracle();
    auto const n = static_cast<std::int32_t>(w.size());
    auto weights = w, in = x;
    cpu_backend::portable::conv2d::backward<double>(c, spec, {in.data(), xs}, {scaled.data(), ys}, {weights.data(), {{n}}},
                                                    {e.d.w.data(), {{n}}}, writing::set, {e.d.x.data(), xs}, writing::set);
    return e;
  }

  static cpu::context& oracle() {
    static cpu::context c({.threads = 1, .engine = cpu_engine::portable});
    return c;
  }
};

template <class T>
std::vector<T> as(std::vector<double> const& v) {
  return {v.begin(), v.end()};
}

template <class T>
struct run {
  cpu::context& c;
  layer const& l;
  std::vector<T> x, w, bias, scale, other, y;
  conv2d_spec spec;
  conv2d_epilogue<T, cpu> e;

  run(cpu::context& c, layer const& l, bool with_bias, bool with_scale, residual r, bool relu)
      : c(c), l(l), x(as<T>(l.x)), w(as<T>(l.w)), bias(as<T>(l.bias)), scale(as<T>(l.scale)), other(as<T>(l.other)), spec(l.spec) {
    spec.relu = relu;
    y = r == residual::itself ? other : nans<T>(l.ys.size());
    if (with_bias) e.bias = over(bias);
    if (with_scale) e.scale = over(scale);
    if (r == residual::other) e.residual = {other.data(), l.ys};
    if (r == residual::itself) e.residual = {y.data(), l.ys};
  }
  void forward(kept_weights* keep = nullptr) {
    ops::conv2d<cpu>::forward<T>(c, spec, {x.data(), l.xs}, over(w), e, {y.data(), l.ys}, keep, 1);
  }

  struct gradients {
    std::vector<T> x, w, bias, scale, residual;
  };
  // Sets, or adds to what is there.
  gradients backward(writing how, bool with_scale, bool with_residual) {
    auto const room = [&](std::size_t n) { return how == writing::set ? nans<T>(n) : std::vector<T>(n, T(2)); };
    gradients d{room(x.size()), room(w.size()), room(bias.size()), room(bias.size()), room(y.size())};
    auto dy = as<T>(l.g);
    conv2d_gradients<T, cpu> wanted{.weight = over(d.w), .bias = over(d.bias), .how = how, .x = {d.x.data(), l.xs}, .x_how = how};
    if (with_scale) wanted.scale = over(d.scale);
    if (with_residual) wanted.residual = {d.residual.data(), l.ys}, wanted.residual_how = how;
    ops::conv2d<cpu>::backward<T>(c, spec, {x.data(), l.xs}, {y.data(), l.ys}, {dy.data(), l.ys}, over(w), e, wanted);
    return d;
  }
};

template <class T>
constexpr double close = std::is_same_v<T, float> ? 5e-5 : 1e-9;

// Of sums that were added to `offset`. Where nothing is expected nothing is found: exact zeros, and no NaN.
template <class T>
bool added_near(std::vector<T> found, std::vector<double> const& expected, double offset) {
  for (auto& v : found) v -= T(offset);
  return near(found, expected, close<T>);
}

}  // namespace

TEST_CASE_TEMPLATE("conv2d: bias, scale, residual and ReLU, with every kernel, stride, padding and batch, on every engine", T, float,
                   double) {
  int refused = 0, computed = 0;
  // One thread: what is cut for several is cut the same way whatever the epilogue (conv2d.cpp).
  auto const options = tests::engines(1);
  std::deque<cpu::context> contexts(options.begin(), options.end());
  for (auto const& one : ops_described::conv2d::cross_product()) {
    conv2d_spec const spec = one.spec;
    shape<4> const in = one.x;
    CAPTURE(spec.kernel);
    CAPTURE(spec.stride);
    CAPTURE(spec.pad);
    CAPTURE(spec.in_channels);
    CAPTURE(in[0]);
    if (spec.kernel > 8 + 2 * spec.pad) {  // every engine refuses
      for (auto& c : contexts) {
        std::vector<T> x(in.size()), w(spec.weights()), y(1);
        CHECK(sentence([&] {
                ops::conv2d<cpu>::forward<T>(c, spec, {x.data(), in}, over(w), conv2d_epilogue<T, cpu>{}, {y.data(), {}});
              }).starts_with("convolution: expected maps of"));
        ++refused;
      }
      continue;
    }
    layer const l(spec, in);
    for (bool const bias : {false, true})
      for (bool const scale : {false, true})
        for (auto const r : {residual::none, residual::other, residual::itself})
          for (bool const relu : {false, true}) {
            auto const expected = l.of(bias, scale, r != residual::none, relu);
            for (auto& c : contexts) {
              CAPTURE(tests::name(c.options()));
              CAPTURE(bias);
              CAPTURE(scale);
              CAPTURE(static_cast<int>(r));
              CAPTURE(relu);
              run<T> once(c, l, bias, scale, r, relu);
              once.forward();
              ++computed;
              CHECK(near(once.y, expected.y, close<T>));
              // What float and double put on different sides of the ReLU's corner has another gradient.
              bool corner = false;
              for (std::size_t i = 0; i < once.y.size(); ++i) corner |= (once.y[i] > 0) != (expected.y[i] > 0);
              if (relu && corner) continue;
              for (auto const how : {writing::set, writing::add}) {
                double const offset = how == writing::set ? 0 : 2;
                auto const d = once.backward(how, scale, r != residual::none);
                CHECK(added_near(d.x, expected.d.x, offset));
                CHECK(added_near(d.w, expected.d.w, offset));
                CHECK(added_near(d.bias, expected.d.bias, offset));
                if (scale) CHECK(added_near(d.scale, expected.d.scale, offset));
                if (r != residual::none) CHECK(added_near(d.residual, expected.d.residual, offset));
              }
            }
          }
  }
  CHECK(refused > 0);
  CHECK(computed > 2000);
}

TEST_CASE("conv2d: scaled weights are kept, and give the same bits") {
  for (conv2d_spec const& spec : {conv2d_spec{32, 48, 3, 1, 1, true}, conv2d_spec{32, 48, 3, 2, 1, true}, conv2d_spec{5, 7, 5, 1, 2, true},
                                  conv2d_spec{256, 512, 3, 1, 1, true}, conv2d_spec{3, 4, 17, 1, 8, true}}) {
    layer const l(spec, {{1, spec.in_channels, 9, 8}});
    for (auto options : tests::engines(2)) {
      for (bool const keeps : {true, false}) {
        options.keep_transforms = keeps;
        cpu::context c(options);
        run<float> fresh(c, l, true, true, residual::other, true), kept(c, l, true, true, residual::other, true);
        fresh.forward();
        kept_weights place;
        for (int i = 0; i < 2; ++i) {
          kept.y = nans<float>(kept.y.size());
          kept.forward(&place);
          CHECK(same_bits(kept.y, fresh.y));  // by panels, too, as a layer of few tiles may go where nothing is kept
        }
      }
    }
  }
}

TEST_CASE("conv2d: an epilogue that does not fit is refused") {
  for (auto const& options : tests::engines(1)) {
    cpu::context c(options);
    conv2d_spec const spec{3, 4, 3, 1, 1, false};
    shape<4> const in{{1, 3, 5, 5}}, out = spec.out_shape(in);
    std::vector<float> x(in.size()), w(spec.weights()), y(out.size()), three(3), small(out.size());
    auto const said = [&](conv2d_epilogue<float, cpu> const& e) {
      return sentence([&] { ops::conv2d<cpu>::forward<float>(c, spec, {x.data(), in}, over(w), e, {y.data(), out}); });
    };
    CHECK(said({.bias = over(three)}) == "convolution: expected a bias for each of 4 channels, found 3");
    CHECK(said({.scale = over(three)}) == "convolution: expected a scale for each of 4 channels, found 3");
    CHECK(said({.residual = {small.data(), {{1, 4, 5, 4}}}}).starts_with("convolution: expected a residual of shape"));
    CHECK(said({}) == "nothing");
  }
}

}  // namespace cpu_tests
