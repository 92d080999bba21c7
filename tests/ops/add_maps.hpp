#pragma once
#include "frcnn/ops/add_maps.hpp"

#include "op.hpp"

namespace ops_described {

struct add_maps : operation {
  static constexpr char const *name = "add_maps", *computes = "y = a + b, then max(0, .) where asked for",
                              *refuses = "maps of different shapes";
  static std::string by(std::string_view column) {
    return column == "fast" ? "as portable; behind a convolution its epilogue's residual" : "yes";
  }
  static constexpr double tolerance = 1e-6;
  struct problem {
    bool relu;
    shape<4> x;
  };
  static std::vector<problem> problems() {
    return {{false, {{2, 5, 3, 4}}}, {true, {{2, 5, 3, 4}}}, {true, {{1, 16, 4, 4}}}, {true, {{1, 33, 50, 41}}}, {true, {{0, 3, 2, 2}}}};
  }
  static std::vector<timed<problem>> measured() { return {{{true, {{1, 256, 150, 200}}}, "ResNet's conv2_x at 600x800", true}}; }
  static std::string text(problem const& p) { return ops_described::text(p.x); }
  static std::vector<array> inputs(problem const& p) { return {{p.x}, {p.x}}; }
  static std::vector<array> outputs(problem const& p) { return {{p.x}}; }
  static double flops(problem const& p) { return static_cast<double>(p.x.size()) * (p.relu ? 2 : 1); }
  static int differentiated(problem const&) { return 2; }
  static std::vector<std::vector<int>> linear_in(problem const&) { return {{0, 1}}; }

  template <class T, class B>
  static void forward(operands<T, B>& r, problem const& p) {
    frcnn::ops::add_maps<B>::template forward<T>(r.c, p.relu, r.in[0].map(), r.in[1].map(), r.out[0].map());
  }
  template <class T, class B>
  static void backward(operands<T, B>& r, problem const& p) {
    frcnn::ops::add_maps<B>::template backward<T>(r.c, p.relu, r.out[0].map(), r.dout[0].map(), r.din[0].map(), r.how, r.din[1].map(),
                                                  r.how);
  }
  static double defined(problem const& p, std::vector<doubles> const& in, std::vector<ints> const&, std::size_t at) {
    double const sum = in[0][at] + in[1][at];
    return p.relu ? std::max(0., sum) : sum;
  }
  template <class B>
  static refusals<B> refused() {
    refusals<B> all;
    for (int other = 0; other < 3; ++other)
      all.push_back([other](typename B::context& c) {
        auto const map = [&](int i) { return c.template make_at<float>(nullptr, {{1, 2, 3, i == other ? 5 : 4}}); };
        frcnn::ops::add_maps<B>::template forward<float>(c, false, map(0), map(1), map(2));
      });
    return all;
  }
};

}  // namespace ops_described
