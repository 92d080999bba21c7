#pragma once
#include "op.hpp"

namespace ops_described {

struct max_pool {
  static constexpr char const *name = "max_pool", *computes = "the largest of each window; the last windows cut off (floor) or kept (ceil)",
                              *refuses = "", *fast = "as portable; 2x2 behind a Winograd layer in its registers";
  static constexpr double tolerance = 1e-6;
  struct problem {
    pool_spec spec;
    shape<4> x;
  };
  static std::vector<problem> problems() {
    return {{{2, 2, 0, false}, {{2, 3, 7, 6}}}, {{2, 2, 0, true}, {{1, 16, 7, 5}}}, {{3, 2, 1, true}, {{1, 4, 9, 8}}},
            {{3, 2, 0, false}, {{2, 5, 9, 9}}}, {{3, 1, 1, false}, {{1, 2, 4, 5}}}, {{2, 2, 0, false}, {{0, 3, 4, 4}}}};
  }
  static problem measured() { return {{3, 2, 0, true}, {{1, 96, 150, 200}}}; }
  static std::string shape_text(problem const& p) {
    return text(p.x) + "k" + std::to_string(p.spec.kernel) + "s" + std::to_string(p.spec.stride) + (p.spec.ceil ? "ceil" : "");
  }
  static std::vector<std::size_t> inputs(problem const& p) { return {p.x.size()}; }
  static std::size_t output(problem const& p) { return p.spec.out_shape(p.x).size(); }
  static double operations(problem const& p) { return static_cast<double>(output(p)) * p.spec.kernel * p.spec.kernel; }
  template <class T>
  static void forward(cpu::context& c, problem const& p, arrays<T> const& in, std::vector<T>& out) {
    frcnn::ops::max_pool<cpu>::forward<T>(c, p.spec, map(in[0], p.x), map(out, p.spec.out_shape(p.x)), view<std::int32_t, 1, cpu>{});
  }
  template <class T>
  static void backward(cpu::context& c, problem const& p, arrays<T> const& in, std::vector<T> const&, std::vector<T>& dout,
                       arrays<T>& din) {
    shape<4> const ys = p.spec.out_shape(p.x);
    std::vector<T> again(ys.size());
    std::vector<std::int32_t> winners(ys.size());
    frcnn::ops::max_pool<cpu>::forward<T>(c, p.spec, map(in[0], p.x), map(again, ys), row(winners));
    frcnn::ops::max_pool<cpu>::backward<T>(c, p.spec, row(winners), map(dout, ys), map(din[0], p.x), writing::set);
  }
  static refusals refused() { return {}; }
};

}  // namespace ops_described
