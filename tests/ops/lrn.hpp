#pragma once
#include "op.hpp"

namespace ops_described {

struct lrn {
  static constexpr char const
      *name = "lrn",
      *computes = "y = x (k + alpha / n * sum of squares over n neighbours)^-beta: size channels, or size x size pixels of a channel",
      *refuses = "an even size, one below 1, alpha below 0, k not above 0", *fast = "as portable";
  static constexpr double tolerance = 1e-5;
  struct problem {
    lrn_spec spec;
    shape<4> x;
  };
  static std::vector<problem> problems() {
    return {{{5, 1e-4, .75, 1}, {{2, 7, 5, 3}}},
            {{3, .6, .75, 2}, {{1, 16, 4, 5}}},
            {{1, .5, 1.5, 1}, {{1, 2, 3, 3}}},
            {{3, .6, .75, 2}, {{0, 3, 2, 2}}},
            {{3, .6, .75, 1, lrn_region::within_channel}, {{2, 3, 5, 4}}},
            {{5, .6, 1.25, 1, lrn_region::within_channel}, {{1, 2, 3, 7}}},
            {{3, .6, .75, 1, lrn_region::within_channel}, {{0, 3, 2, 2}}}};
  }
  static problem measured() { return {{5, 1e-4, .75, 1}, {{1, 96, 150, 200}}}; }
  static std::string shape_text(problem const& p) { return text(p.x); }
  static std::vector<std::size_t> inputs(problem const& p) { return {p.x.size()}; }
  static std::size_t output(problem const& p) { return p.x.size(); }
  static double operations(problem const& p) { return static_cast<double>(p.x.size()) * (2 * p.spec.size + 3); }
  template <class T>
  static void forward(cpu::context& c, problem const& p, arrays<T> const& in, std::vector<T>& out) {
    frcnn::ops::lrn<cpu>::forward<T>(c, p.spec, map(in[0], p.x), map(out, p.x));
  }
  template <class T>
  static void backward(cpu::context& c, problem const& p, arrays<T> const& in, std::vector<T> const&, std::vector<T>& dout,
                       arrays<T>& din) {
    frcnn::ops::lrn<cpu>::backward<T>(c, p.spec, map(in[0], p.x), map(dout, p.x), map(din[0], p.x), writing::set);
  }
  static refusals refused() {
    refusals all;
    for (lrn_spec const& bad : {lrn_spec{4}, lrn_spec{0}, lrn_spec{5, -1}, lrn_spec{5, 1, .75, 0}})
      all.push_back([bad](cpu::context& c) { frcnn::ops::lrn<cpu>::forward<float>(c, bad, {}, {}); });
    return all;
  }
};

}  // namespace ops_described
