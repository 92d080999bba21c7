#pragma once
#include "frcnn/ops/sum_terms.hpp"

#include "op.hpp"

namespace ops_described {

struct segmented_reduce : operation {
  static constexpr char const *name = "segmented_reduce",
                              *computes = "op over the items of each segment, in an order fixed by their number: here their sum and 1/2";
  static std::string by(std::string_view column) { return column == "fast" ? "as portable" : "yes"; }
  static constexpr double tolerance = 1e-5;
  struct problem {
    int segments, items;
  };
  static std::vector<problem> problems() { return {{3, 0}, {3, 1}, {3, 1000}, {3, 1024}, {3, 1025}, {3, 5000}, {200, 7}, {0, 5}}; }
  static std::vector<timed<problem>> measured() { return {{{2, 1 << 18}, "terms of a loss"}}; }
  static std::string text(problem const& p) { return std::to_string(p.segments) + "x" + std::to_string(p.items); }
  static std::vector<array> inputs(problem const& p) { return {plain(p.segments, p.items)}; }
  static std::vector<array> outputs(problem const& p) { return {plain(p.segments)}; }
  static double flops(problem const& p) { return static_cast<double>(p.segments) * p.items; }

  template <class T>
  struct item {
    T const* x;
    int items;
    FRCNN_HD T operator()(int s, int i) const { return x[static_cast<std::size_t>(s) * static_cast<std::size_t>(items) + i]; }
  };
  template <class T, class B>
  static void forward(operands<T, B>& r, problem const& p) {
    exec<B>::segmented_reduce(r.c, p.segments, p.items, T(0.5), item<T>{r.in[0].row().data, p.items}, frcnn::ops::plus<T>{},
                              r.out[0].row());
  }
  static double defined(problem const& p, std::vector<doubles> const& in, std::vector<ints> const&, std::size_t at) {
    double sum = .5;
    for (std::size_t i = 0, n = static_cast<std::size_t>(p.items); i < n; ++i) sum += in[0][at * n + i];
    return sum;
  }
};

}  // namespace ops_described
