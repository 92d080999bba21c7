#pragma once
// Convolutions to test every engine with, and the definition that they are compared with.
#include "frcnn/ops/conv2d.hpp"

#include "tensors.hpp"

namespace cpu_tests {

struct layer_case {
  conv2d_spec spec;
  shape<4> x;
};
inline std::vector<layer_case> const cases = {
    {{3, 5, 3, 1, 1, true}, {{2, 3, 6, 7}}},     {{4, 6, 3, 2, 1, true}, {{2, 4, 7, 6}}},   {{4, 6, 3, 2, 1, false}, {{1, 4, 9, 9}}},
    {{5, 4, 1, 1, 0, true}, {{2, 5, 4, 5}}},     {{5, 4, 1, 2, 0, false}, {{1, 5, 5, 4}}},  {{2, 3, 5, 2, 2, true}, {{2, 2, 9, 8}}},
    {{3, 2, 7, 2, 3, true}, {{1, 3, 11, 13}}},   {{2, 3, 7, 3, 3, false}, {{1, 2, 10, 8}}}, {{2, 2, 3, 1, 0, true}, {{1, 2, 3, 5}}},
    {{2, 2, 1, 1, 1, false}, {{1, 2, 2, 3}}},    {{1, 1, 3, 4, 0, false}, {{1, 1, 11, 9}}}, {{2, 3, 5, 1, 2, true}, {{1, 2, 1, 2}}},
    {{3, 8, 3, 1, 1, true}, {{2, 3, 40, 50}}},  // several strips
    {{40, 8, 3, 2, 1, true}, {{2, 40, 61, 47}}}, {{3, 4, 3, 1, 1, true}, {{0, 3, 5, 5}}},
};

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
            if (!back)
              r.y[at] = double(b[o]);
            else
              r.db[o] += d;
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

}  // namespace cpu_tests
