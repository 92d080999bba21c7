#pragma once
#include "frcnn/ops/linear.hpp"

#include "op.hpp"

namespace ops_described {

struct linear : operation {
  static constexpr char const *name = "linear", *computes = "y = x W^T + bias, then max(0, .) where asked for",
                              *refuses = "weights, a bias or rows of y that do not fit";
  static std::string by(std::string_view column) {
    return column == "fast"   ? "`kernels/product.hpp`, large ones by one level of Strassen; in bf16 oneDNN"
           : column == "cuda" ? "products by cuBLASLt"
                              : "yes";
  }
  static constexpr double tolerance = 1e-5;
  static constexpr bool has_products = true;
  struct problem {
    int rows, in, out;
    bool relu, bias = true;
  };
  static std::vector<problem> problems() {
    return {{7, 10, 6, true},   {1, 1, 1, false},    {20, 40, 35, true, false}, {33, 100, 33, false}, {130, 300, 65, true},
            {3, 5, 200, false}, {16, 530, 48, true}, {4, 6, 5, false, false},   {0, 5, 3, true}};
  }
  // Rows: of detection (RoIs), of training (samples).
  static std::vector<timed<problem>> measured() {
    std::vector<timed<problem>> all{{{300, 4096, 4096, true}, "vgg16_tv fc7"}};
    auto const add = [&](int rows, int in, int out, bool relu, char const* where) {
      all.push_back({{rows, in, out, relu}, where, rows != 300});
    };
    for (int const rows : {300, 256, 128}) add(rows, 256 * 49, 512, true, "small fc6"), add(rows, 512, 512, true, "small fc7");
    for (int const rows : {300, 128}) add(rows, 512 * 49, 4096, true, "vgg16_tv fc6"), add(rows, 4096, 84, false, "vgg16_tv bbox_pred");
    add(128, 4096, 4096, true, "vgg16_tv fc7");
    return all;
  }
  static std::string text(problem const& p) { return std::to_string(p.rows) + "x" + std::to_string(p.in) + "-" + std::to_string(p.out); }
  static std::vector<array> inputs(problem const& p) { return {plain(p.rows, p.in), plain(p.out, p.in), p.bias ? plain(p.out) : absent}; }
  static std::vector<array> outputs(problem const& p) { return {plain(p.rows, p.out)}; }
  static double flops(problem const& p) { return 2. * p.rows * p.in * p.out; }
  static int passes(problem const&) { return 2; }
  static int differentiated(problem const&) { return 3; }
  static std::vector<std::vector<int>> linear_in(problem const&) { return {{0, 2}, {1, 2}}; }

  template <class T, class B>
  static void forward(operands<T, B>& r, problem const& p) {
    view<T, 1, B> bias{};
    if (p.bias) bias = r.in[2].row();
    frcnn::ops::linear<B>::template forward<T>(r.c, p.relu, r.in[0].matrix(), r.in[1].row(), bias, r.out[0].matrix());
  }
  template <class T, class B>
  static void backward(operands<T, B>& r, problem const& p) {
    view<T, 1, B> dbias{};
    if (p.bias) dbias = r.din[2].row();
    frcnn::ops::linear<B>::template backward<T>(r.c, p.relu, r.in[0].matrix(), r.out[0].matrix(), r.dout[0].matrix(), r.in[1].row(),
                                                r.din[1].row(), dbias, r.how, r.din[0].matrix(), r.how);
  }
  static double defined(problem const& p, std::vector<doubles> const& in, std::vector<ints> const&, std::size_t at) {
    std::size_t const n = static_cast<std::size_t>(p.out), k = static_cast<std::size_t>(p.in), row = at / n, o = at % n;
    double sum = p.bias ? in[2][o] : 0;
    for (std::size_t i = 0; i < k; ++i) sum += in[0][row * k + i] * in[1][o * k + i];
    return p.relu ? std::max(0., sum) : sum;
  }
  template <class B>
  static refusals<B> refused() {
    refusals<B> all;
    for (int part = 0; part < 4; ++part)
      all.push_back([part](typename B::context& c) {
        operand<float, B> const x(c, plain(4, 6)), w(c, plain(5, 6)), bias(c, plain(5)), y(c, plain(4, 5)), rows(c, plain(3, 5)),
            wide(c, plain(5, 7)), three(c, plain(3)), columns(c, plain(4, 6));
        frcnn::ops::linear<B>::template forward<float>(c, false, x.matrix(), part == 0 ? wide.row() : w.row(),
                                                       part == 1 ? three.row() : bias.row(),
                                                       part == 2   ? rows.matrix()
                                                       : part == 3 ? columns.matrix()
                                                                   : y.matrix());
        c.wait();
      });
    return all;
  }
};

}  // namespace ops_described
