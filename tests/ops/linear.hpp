#pragma once
#include "op.hpp"

namespace ops_described {

struct linear {
  static constexpr char const *name = "linear", *computes = "y = x W^T + bias, then max(0, .) where asked for", *refuses = "",
                              *fast = "`kernels/product.hpp`, large ones by one level of Strassen; in bf16 oneDNN";
  static constexpr double tolerance = 1e-5;
  struct problem {
    int rows, in, out;
    bool relu, bias;
  };
  static std::vector<problem> problems() {
    return {{7, 10, 6, true, true}, {1, 1, 1, false, true}, {20, 40, 35, true, false}, {33, 100, 33, false, true}, {0, 5, 3, true, true}};
  }
  static problem measured() { return {300, 4096, 4096, true, true}; }
  static std::string shape_text(problem const& p) {
    return std::to_string(p.rows) + "x" + std::to_string(p.in) + "-" + std::to_string(p.out);
  }
  static std::vector<std::size_t> inputs(problem const& p) {
    std::size_t const m = static_cast<std::size_t>(p.rows), k = static_cast<std::size_t>(p.in), n = static_cast<std::size_t>(p.out);
    return {m * k, n * k, p.bias ? n : 0};
  }
  static std::size_t output(problem const& p) { return static_cast<std::size_t>(p.rows) * static_cast<std::size_t>(p.out); }
  static double operations(problem const& p) { return 2. * p.rows * p.in * p.out; }
  template <class T>
  static view<T, 2, cpu> rows_of(std::vector<T> const& v, int rows, int columns) {
    return {const_cast<T*>(v.data()), {{rows, columns}}};
  }
  template <class T>
  static void forward(cpu::context& c, problem const& p, arrays<T> const& in, std::vector<T>& out) {
    view<T, 1, cpu> bias{};
    if (p.bias) bias = row(in[2]);
    frcnn::ops::linear<cpu>::forward<T>(c, p.relu, rows_of(in[0], p.rows, p.in), row(in[1]), bias, rows_of(out, p.rows, p.out));
  }
  template <class T>
  static void backward(cpu::context& c, problem const& p, arrays<T> const& in, std::vector<T> const& out, std::vector<T>& dout,
                       arrays<T>& din) {
    view<T, 1, cpu> dbias{};
    if (p.bias) dbias = row(din[2]);
    frcnn::ops::linear<cpu>::backward<T>(c, p.relu, rows_of(in[0], p.rows, p.in), rows_of(out, p.rows, p.out), rows_of(dout, p.rows, p.out),
                                         row(in[1]), row(din[1]), dbias, writing::set, rows_of(din[0], p.rows, p.in), writing::set);
  }
  static refusals refused() { return {}; }
};

}  // namespace ops_described
