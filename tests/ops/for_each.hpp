#pragma once
#include "frcnn/core/executor.hpp"

#include "op.hpp"

namespace ops_described {

struct for_each : operation {
  static constexpr char const *name = "for_each", *computes = "f(i) for every i: here y[i] = 2 x[i] + i";
  static std::string by(std::string_view column) { return column == "fast" ? "as portable" : "yes"; }
  static constexpr double tolerance = 1e-6;
  struct problem {
    int n;
  };
  static std::vector<problem> problems() { return {{0}, {1}, {3}, {64}, {65}, {1000}, {70001}}; }
  static std::vector<timed<problem>> measured() { return {{{1 << 20}, ""}}; }
  static std::string text(problem const& p) { return std::to_string(p.n); }
  static std::vector<array> inputs(problem const& p) { return {plain(p.n)}; }
  static std::vector<array> outputs(problem const& p) { return {plain(p.n)}; }

  template <class T>
  struct twice_and_index {
    T const* x;
    T* y;
    FRCNN_HD void operator()(std::size_t i) const { y[i] = T(2) * x[i] + static_cast<T>(i); }
  };
  template <class T, class B>
  static void forward(operands<T, B>& r, problem const& p) {
    exec<B>::for_each(r.c, static_cast<std::size_t>(p.n), twice_and_index<T>{r.in[0].row().data, r.out[0].row().data});
  }
  static double defined(problem const&, std::vector<doubles> const& in, std::vector<ints> const&, std::size_t at) {
    return 2 * in[0][at] + static_cast<double>(at);
  }
};

}  // namespace ops_described
