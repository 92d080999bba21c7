#pragma once
#include "frcnn/ops/roi_warp.hpp"

#include "regions.hpp"

namespace ops_described {

struct roi_warp : region_operation<roi_warp> {
  static constexpr char const *name = "roi_warp",
                              *computes = "regions warped by bilinear samples, then the maxima of S x S; gradients by maps and regions";
  static std::vector<problem> problems() {
    return {{{{2, 40, 9, 11}}, 2, 6, 7},   {{{2, 40, 9, 11}}, 2, 6, 3, 1},          {{{2, 3, 9, 11}}, 2, 6, 2, 1},
            {{{2, 3, 9, 11}}, 1, 6, 3, 2}, {{{2, 16, 9, 11}}, 1, 6, 3, 2, 0, true}, {{{3, 3, 5, 4}}, 1, 2, 7}};
  }
  static std::vector<std::size_t> found(problem const& p) { return {pooled(p).dims.size() / sizeof(std::int32_t) + 1}; }  // of bytes
  static constexpr bool compares_found = false;  // rounding may choose another of two equals
  static int differentiated(problem const& p) { return p.levels + 1; }
  static bool adds(problem const& p, std::size_t i) { return i < static_cast<std::size_t>(p.levels); }
  static bool is_smooth(problem const& p) { return p.map[1] == 3; }  // of many maxima some change hands within a step

  template <int L, class T, class B, class Out>
  static void pool(operands<T, B>& r, problem const& p, Out const& out) {
    frcnn::ops::roi_warp<B>::forward(r.c, p.spec<L>(), maps_of<T, B, L>(r.in), rois(r, p), level(r, p), out, winners(r, p));
  }
  template <int L, class T, class B, class Out>
  static void give_back(operands<T, B>& r, problem const& p, Out const& dout) {
    using op = frcnn::ops::roi_warp<B>;
    auto const spec = p.spec<L>();
    view<std::uint8_t const, 3, B> const won = winners(r, p);
    auto const drois = r.din[static_cast<std::size_t>(L)].boxes(p.map[0]);
    op::backward(r.c, spec, dout, won, rois(r, p), level(r, p), maps_of<T, B, L>(r.din), r.how);
    op::backward_rois(r.c, spec, maps_of<T, B, L>(r.in), dout, won, rois(r, p), level(r, p), drois);
  }
  static double defined(problem const& p, std::vector<doubles> const& in, std::vector<ints> const&, std::size_t at) {
    place const to(p, in, at);
    if (!to.is_live(p)) return 0;
    int const h = to.map[2], w = to.map[3], m = p.sampling;
    double const scale = 1. / (p.stride << to.level);
    auto const sample = [&](double low, double high, int k) { return scale * (low + (k + .5) / (p.pooled * m) * (high - low)); };
    double best = -std::numeric_limits<double>::infinity();
    for (int k = 0; k < m * m; ++k) {
      double const y = sample(to.y1, to.y2, to.bin_y * m + k / m), x = sample(to.x1, to.x2, to.bin_x * m + k % m);
      double sum = 0;
      for (int i = 0; i < h; ++i)
        for (int j = 0; j < w; ++j) sum += std::max(0., 1 - std::abs(y - i)) * std::max(0., 1 - std::abs(x - j)) * to.cells[i * w + j];
      best = std::max(best, sum);
    }
    return best;
  }

 private:
  template <class T, class B>
  static view<std::uint8_t, 3, B> winners(operands<T, B> const& r, problem const& p) {
    return {reinterpret_cast<std::uint8_t*>(r.found[0].row().data), winners_of(p)};
  }
};

}  // namespace ops_described
