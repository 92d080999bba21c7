#pragma once
#include "op.hpp"

namespace ops_described {

struct add_maps {
  static constexpr char const *name = "add_maps", *computes = "y = a + b, then max(0, .) where asked for", *refuses = "",
                              *fast = "as portable; behind a convolution its epilogue's residual";
  static constexpr double tolerance = 1e-6;
  struct problem {
    bool relu;
    shape<4> x;
  };
  static std::vector<problem> problems() {
    return {{false, {{2, 5, 3, 4}}}, {true, {{2, 5, 3, 4}}}, {true, {{1, 16, 4, 4}}}, {true, {{0, 3, 2, 2}}}};
  }
  static problem measured() { return {true, {{1, 256, 150, 200}}}; }
  static std::string shape_text(problem const& p) { return text(p.x); }
  static std::vector<std::size_t> inputs(problem const& p) { return {p.x.size(), p.x.size()}; }
  static std::size_t output(problem const& p) { return p.x.size(); }
  static double operations(problem const& p) { return static_cast<double>(p.x.size()) * (p.relu ? 2 : 1); }
  template <class T>
  static void forward(cpu::context& c, problem const& p, arrays<T> const& in, std::vector<T>& out) {
    frcnn::ops::add_maps<cpu>::forward<T>(c, p.relu, map(in[0], p.x), map(in[1], p.x), map(out, p.x));
  }
  template <class T>
  static void backward(cpu::context& c, problem const& p, arrays<T> const&, std::vector<T> const& out, std::vector<T>& dout,
                       arrays<T>& din) {
    frcnn::ops::add_maps<cpu>::backward<T>(c, p.relu, map(out, p.x), map(dout, p.x), map(din[0], p.x), writing::set, map(din[1], p.x),
                                           writing::set);
  }
  static refusals refused() { return {}; }
};

}  // namespace ops_described
