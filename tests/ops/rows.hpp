#pragma once
#include "frcnn/ops/rows.hpp"

#include "layers.hpp"
#include "op.hpp"

namespace ops_described {

struct rows : operation {
  static constexpr char const *name = "rows",
                              *computes = "channels of a map's cells as plain rows (gather), and back (scatter, which is its gradient)";
  static std::string by(std::string_view column) { return column == "fast" ? "as portable" : "yes"; }
  static constexpr double tolerance = 1e-7;
  struct problem {
    shape<4> x;
    int rows, first, columns, channel;  // rows: of an image, of which this level has x[2] * x[3]
  };
  static std::vector<problem> problems() {
    return {{{{2, 3, 4, 5}}, 30, 6, 3, 0}, {{{2, 9, 4, 5}}, 20, 0, 4, 5}, {{{1, 45, 13, 7}}, 100, 9, 45, 0}, {{{0, 3, 4, 5}}, 30, 0, 3, 0}};
  }
  static std::vector<timed<problem>> measured() {
    std::vector<timed<problem>> all;
    auto const add = [&](shape<4> map, char const* where) {
      all.push_back({{{{1, 36, map[2], map[3]}}, map[2] * map[3], 0, 36, 0}, where, true});
    };
    add(layers_of_small(1, 300, 400).map, "small bbox_pred");
    add(layers_of_vgg16_tv(1, 600, 800).map, "vgg16_tv bbox_pred");
    return all;
  }
  static std::string text(problem const& p) { return ops_described::text(p.x); }
  static std::vector<array> inputs(problem const& p) { return {{p.x}}; }
  // What other levels hold stays.
  static std::vector<array> outputs(problem const& p) {
    return {plain(p.x[0] * p.rows, p.columns, std::vector<float>(static_cast<std::size_t>(p.x[0]) * p.rows * p.columns, -99.f))};
  }
  static int differentiated(problem const& p) { return p.columns == p.x[1] ? 1 : 0; }
  static bool adds(problem const&, std::size_t) { return false; }
  static std::vector<std::vector<int>> linear_in(problem const&) { return {{0}}; }

  static shape<3> shape_of(problem const& p) { return {{p.x[0], p.rows, p.columns}}; }
  template <class T, class B>
  static void forward(operands<T, B>& r, problem const& p) {
    frcnn::ops::rows<B>::template gather<T>(r.c, r.in[0].map(), r.out[0].shaped(shape_of(p)), p.first, p.channel);
  }
  template <class T, class B>
  static void backward(operands<T, B>& r, problem const& p) {
    view<T const, 3, B> const d = r.dout[0].shaped(shape_of(p));
    frcnn::ops::rows<B>::template scatter<T>(r.c, d, p.first, r.din[0].map(), p.channel);
  }
  static double defined(problem const& p, std::vector<doubles> const& in, std::vector<ints> const&, std::size_t at) {
    std::size_t const columns = static_cast<std::size_t>(p.columns), m = static_cast<std::size_t>(p.rows);
    int const cell = static_cast<int>(at / columns % m) - p.first, cells = p.x[2] * p.x[3];
    if (cell < 0 || cell >= cells) return -99;
    return in[0][(at / columns / m * p.x[1] + p.channel + at % columns) * cells + cell];
  }
};

}  // namespace ops_described
