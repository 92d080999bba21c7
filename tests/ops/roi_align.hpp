#pragma once
#include "regions.hpp"

namespace ops_described {

struct roi_align : region_operation<roi_align> {
  static constexpr char const *name = "roi_align",
                              *computes =
                                  "regions as bins of averaged bilinear samples, rows or an activation; gradients by maps and regions";
  static std::vector<problem> problems() {
    return {{{{2, 40, 9, 11}}, 2, 6, 7},    {{{2, 40, 9, 11}}, 2, 6, 3, 1},          {{{2, 5, 9, 11}}, 2, 6, 2, 4},
            {{{3, 16, 9, 11}}, 1, 3, 1, 3}, {{{2, 40, 9, 11}}, 1, 6, 3, 2, 0, true}, {{{0, 3, 4, 4}}, 1, 4, 7},
            {{{3, 3, 5, 4}}, 1, 2, 7}};  // an image without a live region
  }
  static int differentiated(problem const& p) { return p.levels + 1; }
  static bool adds(problem const& p, std::size_t i) { return i < static_cast<std::size_t>(p.levels); }

  template <int L, class T, class B, class Out>
  static void pool(operands<T, B>& r, problem const& p, Out const& out) {
    frcnn::ops::roi_align<B>::forward(r.c, p.spec<L>(), maps_of<T, B, L>(r.in), rois(r, p), level(r, p), out);
  }
  template <int L, class T, class B, class Out>
  static void give_back(operands<T, B>& r, problem const& p, Out const& dout) {
    using op = frcnn::ops::roi_align<B>;
    auto const spec = p.spec<L>();
    auto const drois = r.din[static_cast<std::size_t>(L)].boxes(p.map[0]);
    op::backward(r.c, spec, dout, rois(r, p), level(r, p), maps_of<T, B, L>(r.din), r.how);
    op::backward_rois(r.c, spec, maps_of<T, B, L>(r.in), dout, rois(r, p), level(r, p), drois);
  }
  static double defined(problem const& p, std::vector<doubles> const& in, std::vector<ints> const&, std::size_t at) {
    place const to(p, in, at);
    if (!to.is_live(p)) return 0;
    int const h = to.map[2], w = to.map[3], m = p.sampling;
    double const scale = 1. / (p.stride << to.level), bin_h = std::max(to.y2 * scale - to.y1 * scale, 1.) / p.pooled,
                 bin_w = std::max(to.x2 * scale - to.x1 * scale, 1.) / p.pooled;
    double sum = 0;
    for (int i = 0; i < m * m; ++i) {
      double y = to.y1 * scale + (to.bin_y + (i / m + .5) / m) * bin_h, x = to.x1 * scale + (to.bin_x + (i % m + .5) / m) * bin_w;
      if (y < -1 || y > h || x < -1 || x > w) continue;
      y = std::clamp(y, 0., h - 1.), x = std::clamp(x, 0., w - 1.);
      int const y0 = static_cast<int>(y), x0 = static_cast<int>(x), y1 = std::min(y0 + 1, h - 1), x1 = std::min(x0 + 1, w - 1);
      double const fy = y - y0, fx = x - x0;
      sum += (1 - fy) * ((1 - fx) * to.cells[y0 * w + x0] + fx * to.cells[y0 * w + x1]) +
             fy * ((1 - fx) * to.cells[y1 * w + x0] + fx * to.cells[y1 * w + x1]);
    }
    return sum / (m * m);
  }
};

}  // namespace ops_described
