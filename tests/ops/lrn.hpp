#pragma once
#include "frcnn/ops/lrn.hpp"

#include "op.hpp"

namespace ops_described {

struct lrn : operation {
  static constexpr char const
      *name = "lrn",
      *computes = "y = x (k + alpha / n * sum of squares over n neighbours)^-beta: size channels, or size x size pixels of a channel",
      *refuses = "an even size, one below 1, alpha below 0, k not above 0";
  static std::string by(std::string_view column) { return column == "fast" ? "as portable" : "yes"; }
  static constexpr double tolerance = 1e-5;
  struct problem {
    lrn_spec spec;
    shape<4> x;
  };
  static std::vector<problem> problems() {
    constexpr auto within = lrn_region::within_channel;
    return {{{5, 1e-4, .75, 1}, {{2, 7, 5, 3}}},         {{3, .6, .75, 2}, {{1, 16, 4, 5}}},
            {{1, .5, 1.5, 1}, {{1, 2, 3, 3}}},           {{3, .6, .75, 2}, {{1, 2, 40, 33}}},
            {{5, .5, .75, 1}, {{1, 1, 1, 1}}},           {{3, .6, .75, 2}, {{0, 3, 2, 2}}},
            {{3, .6, .75, 1, within}, {{2, 3, 5, 4}}},   {{5, .6, 1.25, 1, within}, {{1, 2, 3, 7}}},
            {{3, .6, .75, 1, within}, {{1, 2, 40, 33}}}, {{3, .6, .75, 1, within}, {{0, 3, 2, 2}}}};
  }
  static std::vector<timed<problem>> measured() {
    shape<4> const x{{1, 96, 150, 200}};
    return {{{{5, 1e-4, .75, 1}, x}, "across channels", true}, {{{3, 5e-5, .75, 1, lrn_region::within_channel}, x}, "ZF's norm1", true}};
  }
  static std::string text(problem const& p) {
    return ops_described::text(p.x) + "-" + std::to_string(p.spec.size) + (p.spec.region == lrn_region::within_channel ? "-within" : "");
  }
  static std::vector<array> inputs(problem const& p) { return {{p.x}}; }
  static std::vector<array> outputs(problem const& p) { return {{p.x}}; }
  static double flops(problem const& p) { return static_cast<double>(p.x.size()) * (2 * p.spec.size + 3); }
  static int differentiated(problem const&) { return 1; }

  template <class T, class B>
  static void forward(operands<T, B>& r, problem const& p) {
    frcnn::ops::lrn<B>::template forward<T>(r.c, p.spec, r.in[0].map(), r.out[0].map());
  }
  template <class T, class B>
  static void backward(operands<T, B>& r, problem const& p) {
    frcnn::ops::lrn<B>::template backward<T>(r.c, p.spec, r.in[0].map(), r.dout[0].map(), r.din[0].map(), r.how);
  }
  static double defined(problem const& p, std::vector<doubles> const& in, std::vector<ints> const&, std::size_t at) {
    bool const is_within = p.spec.region == lrn_region::within_channel;
    int const half = p.spec.size / 2, w = p.x[3], h = p.x[2], column = static_cast<int>(at) % w, line = static_cast<int>(at) / w % h,
              channel = static_cast<int>(at) / w / h % p.x[1];
    double squares = 0;
    for (int d = is_within ? 0 : -half; d <= (is_within ? 0 : half); ++d)
      for (int i = is_within ? -half : 0; i <= (is_within ? half : 0); ++i)
        for (int j = is_within ? -half : 0; j <= (is_within ? half : 0); ++j) {
          if (channel + d < 0 || channel + d >= p.x[1] || line + i < 0 || line + i >= h || column + j < 0 || column + j >= w) continue;
          double const v = in[0][at + static_cast<std::size_t>(static_cast<std::ptrdiff_t>((d * h + i) * w + j))];
          squares += v * v;
        }
    return in[0][at] * std::pow(p.spec.k + p.spec.alpha / (is_within ? p.spec.size * p.spec.size : p.spec.size) * squares, -p.spec.beta);
  }
  template <class B>
  static refusals<B> refused() {
    refusals<B> all;
    for (lrn_spec const& bad : {lrn_spec{4}, lrn_spec{0}, lrn_spec{5, -1}, lrn_spec{5, 1, .75, 0}})
      all.push_back([bad](typename B::context& c) {
        frcnn::ops::lrn<B>::template forward<float>(c, bad, activation<float, B>{}, activation<float, B>{});
      });
    return all;
  }
};

}  // namespace ops_described
