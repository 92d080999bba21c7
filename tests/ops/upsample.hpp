#pragma once
#include "frcnn/ops/upsample.hpp"

#include "op.hpp"

namespace ops_described {

struct upsample : operation {
  static constexpr char const *name = "upsample", *computes = "maps at other extents, the nearest cell of each";
  static std::string by(std::string_view column) { return column == "fast" ? "as portable" : "yes"; }
  static constexpr double tolerance = 1e-6;
  struct problem {
    shape<4> x;
    int height, width;  // of y
    shape<4> y() const { return {{x[0], x[1], height, width}}; }
  };
  // Doubles; what a stride of 2 leaves of odd extents; extents that float does not divide; smaller ones, of which some cells are copied by none.
  static std::vector<problem> problems() {
    return {{{{2, 5, 3, 4}}, 6, 8}, {{{1, 3, 4, 5}}, 7, 9}, {{{2, 2, 1, 7}}, 49, 41}, {{{1, 33, 5, 6}}, 5, 3}, {{{0, 3, 2, 2}}, 4, 4}};
  }
  static std::vector<timed<problem>> measured() { return {{{{{1, 256, 100, 136}}, 200, 272}, "the pyramid's P2 at 800x1088", true}}; }
  static std::string text(problem const& p) {
    return ops_described::text(p.x) + "-to-" + std::to_string(p.height) + "x" + std::to_string(p.width);
  }
  static std::vector<array> inputs(problem const& p) { return {{p.x}}; }
  static std::vector<array> outputs(problem const& p) { return {{p.y()}}; }
  static double flops(problem const& p) { return static_cast<double>(p.y().size()); }
  static int differentiated(problem const&) { return 1; }
  static std::vector<std::vector<int>> linear_in(problem const&) { return {{0}}; }

  template <class T, class B>
  static void forward(operands<T, B>& r, problem const&) {
    frcnn::ops::upsample<B>::template forward<T>(r.c, r.in[0].map(), r.out[0].map());
  }
  template <class T, class B>
  static void backward(operands<T, B>& r, problem const&) {
    frcnn::ops::upsample<B>::template backward<T>(r.c, r.dout[0].map(), r.din[0].map(), r.how);
  }
  static double defined(problem const& p, std::vector<doubles> const& in, std::vector<ints> const&, std::size_t at) {
    auto const nearest = [](std::size_t i, int of, int out) {
      return std::min(static_cast<int>(std::floor(static_cast<float>(i) * (static_cast<float>(of) / static_cast<float>(out)))), of - 1);
    };
    std::size_t const h = static_cast<std::size_t>(p.height), w = static_cast<std::size_t>(p.width);
    int const line = nearest(at / w % h, p.x[2], p.height), column = nearest(at % w, p.x[3], p.width);
    return in[0][(at / (h * w) * static_cast<std::size_t>(p.x[2]) + static_cast<std::size_t>(line)) * static_cast<std::size_t>(p.x[3]) +
                 static_cast<std::size_t>(column)];
  }
};

}  // namespace ops_described
