#pragma once
// Convolutions to test every engine with, and the definition that they are compared with.
#include "frcnn/backend/cpu/portable/conv2d.hpp"

#include "../../../ops/conv2d.hpp"
#include "tensors.hpp"

namespace cpu_tests {

using layer_case = ops_described::conv2d::layer;
inline std::vector<layer_case> const cases = ops_described::conv2d::layers();

// The definition, in double and logical order: y, and the gradients of sum(y * g).
struct reference {
  std::vector<double> y, dx, dw, db;
};
template <class T>
reference naive(conv2d_spec s, shape<4> xs, std::vector<T> const& x, std::vector<T> const& w, std::vector<T> const& b,
                std::vector<T> const& g) {
  shape<4> const ys = s.out_shape(xs);
  reference r{std::vector<double>(ys.size()), std::vector<double>(xs.size()), std::vector<double>(w.size()), std::vector<double>(b.size())};
  std::size_t at = 0;
  for (int n = 0; n < ys[0]; ++n)
    for (int o = 0; o < ys[1]; ++o)
      for (int i = 0; i < ys[2]; ++i)
        for (int j = 0; j < ys[3]; ++j, ++at)
          for (bool back : {false, true}) {
            double const d = !back ? 0 : s.relu && r.y[at] <= 0 ? 0 : double(g[at]);
            if (!back) r.y[at] = double(b[o]);
            else r.db[o] += d;
            for (int c = 0; c < xs[1]; ++c)
              for (int ky = 0; ky < s.kernel; ++ky)
                for (int kx = 0; kx < s.kernel; ++kx) {
                  int const yy = i * s.stride + ky - s.pad, xx = j * s.stride + kx - s.pad;
                  if (yy < 0 || xx < 0 || yy >= xs[2] || xx >= xs[3]) continue;
                  std::size_t const xi = ((std::size_t(n) * xs[1] + c) * xs[2] + yy) * xs[3] + xx;
                  std::size_t const wi = ((std::size_t(o) * xs[1] + c) * s.kernel + ky) * s.kernel + kx;
                  if (!back) {
                    r.y[at] += double(x[xi]) * double(w[wi]);
                  } else {
                    r.dx[xi] += d * double(w[wi]);
                    r.dw[wi] += d * double(x[xi]);
                  }
                }
            if (!back && s.relu && r.y[at] < 0) r.y[at] = 0;
          }
  return r;
}

// The same by the portable engine in double, which tests/ops compares with the definition: for layers on which loops take long.
template <class T>
reference by_portable(conv2d_spec s, shape<4> xs, std::vector<T> const& x, std::vector<T> const& w, std::vector<T> const& b,
                      std::vector<T> const& g, bool gradients) {
  auto const wide = [](std::vector<T> const& v) { return std::vector<double>(v.begin(), v.end()); };
  int const cells = s.kernel * s.kernel;
  shape<4> const ys = s.out_shape(xs);
  cpu::context c({.threads = 2, .engine = cpu_engine::portable});
  tensor<double> tx(c, xs, wide(x)), ty(c, ys, nans<double>(ys.size())), tdy(c, ys, wide(g)), tdx(c, xs, nans<double>(xs.size()));
  auto stored = channels_last(wide(w), s.out_channels, s.in_channels, cells), dw = stored, bias = wide(b), db = bias;
  portable::conv2d::forward<double>(c, s, tx.a, over(stored), over(bias), ty.a);
  if (!gradients) return {ty.plain(), {}, {}, {}};
  frcnn::detail::mask_and_sum<double>(c, s.relu, ty.a.data, tdy.a.data, ys.size() / static_cast<std::size_t>(s.out_channels),
                                      static_cast<std::size_t>(s.out_channels), db.data(), writing::set);
  portable::conv2d::backward<double>(c, s, tx.a, tdy.a, over(stored), over(dw), writing::set, tdx.a, writing::set);
  return {ty.plain(), tdx.plain(), channels_last(dw, s.out_channels, s.in_channels, cells, true), db};
}

// A layer with numbers; `stored` is w as the engines have it, [O, k, k, C].
struct numbered {
  conv2d_spec spec;
  shape<4> xs, ys;
  int cells;
  std::vector<float> x, w, b, g, stored;
  explicit numbered(layer_case const& lc)
      : spec(lc.spec),
        xs(lc.x),
        ys(spec.out_shape(xs)),
        cells(spec.kernel * spec.kernel),
        x(normals<float>(xs.size(), 1)),
        w(normals<float>(static_cast<std::size_t>(spec.out_channels) * spec.in_channels * cells, 2, 0.3)),
        b(normals<float>(spec.out_channels, 3, 0.2)),
        g(normals<float>(ys.size(), 4)),
        stored(channels_last(w, spec.out_channels, spec.in_channels, cells)) {}
  reference expected() const { return by_portable(spec, xs, x, w, b, g, true); }
  std::vector<double> expected_y() const { return by_portable(spec, xs, x, w, b, g, false).y; }
};

}  // namespace cpu_tests
