#pragma once
#include "regions.hpp"

namespace ops_described {

struct roi_pool : region_operation<roi_pool> {
  static constexpr char const *name = "roi_pool",
                              *computes = "regions as the maxima of their bins, and where they are; rows or an activation";
  static std::vector<problem> problems() {
    return {{{{2, 40, 9, 11}}, 2, 6, 7},       {{{2, 40, 9, 11}}, 2, 6, 3, 2, 1},       {{{2, 5, 9, 11}}, 2, 6, 2},
            {{{3, 16, 9, 11}}, 1, 3, 7, 2, 1}, {{{2, 40, 9, 11}}, 1, 6, 3, 2, 0, true}, {{{3, 3, 5, 4}}, 1, 2, 7}};
  }
  static std::vector<std::size_t> found(problem const& p) { return {pooled(p).dims.size()}; }
  static int differentiated(problem const& p) { return p.levels; }

  template <int L, class T, class B, class Out>
  static void pool(operands<T, B>& r, problem const& p, Out const& out) {
    auto const winners = r.found[0].shaped(winners_of(p));
    frcnn::ops::roi_pool<B>::forward(r.c, p.spec<L>(), maps_of<T, B, L>(r.in), rois(r, p), level(r, p), out, winners);
  }
  template <int L, class T, class B, class Out>
  static void give_back(operands<T, B>& r, problem const& p, Out const& dout) {
    view<std::int32_t const, 3, B> const winners = r.found[0].shaped(winners_of(p));
    frcnn::ops::roi_pool<B>::backward(r.c, p.spec<L>(), dout, winners, rois(r, p), level(r, p), maps_of<T, B, L>(r.din), r.how);
  }
  static double defined(problem const& p, std::vector<doubles> const& in, std::vector<ints> const&, std::size_t at) {
    int const winner = winner_of(p, in, at);
    return winner < 0 ? 0 : place(p, in, at).cells[winner];
  }
  static std::vector<ints> chosen(problem const& p, std::vector<doubles> const& in, std::vector<ints> const&) {
    std::size_t const bins = static_cast<std::size_t>(p.pooled) * p.pooled, channels = static_cast<std::size_t>(p.map[1]);
    ints winners(found(p)[0]);
    for (std::size_t at = 0; at < winners.size(); ++at)
      winners[(at / bins / channels * bins + at % bins) * channels + at / bins % channels] = winner_of(p, in, at);
    return {winners};
  }

 private:
  // In float whatever the scalar: rounding decides which cells a bin has.
  static int winner_of(problem const& p, std::vector<doubles> const& in, std::size_t at) {
    place const to(p, in, at);
    if (!to.is_live(p)) return -1;
    auto const scale = static_cast<float>(1. / (p.stride << to.level)), less = static_cast<float>(p.end_offset);
    auto const range = [&](double low, double high, int bin, int extent) {
      int const start = static_cast<int>(std::round(static_cast<float>(low) * scale)),
                end = static_cast<int>(std::round((static_cast<float>(high) - less) * scale));
      float const step = static_cast<float>(std::max(end - start + 1, 1)) / static_cast<float>(p.pooled);
      auto const at_edge = [&](float v) { return std::clamp(static_cast<int>(v) + start, 0, extent); };
      return std::pair(at_edge(std::floor(static_cast<float>(bin) * step)), at_edge(std::ceil(static_cast<float>(bin + 1) * step)));
    };
    auto const [y0, y1] = range(to.y1, to.y2, to.bin_y, to.map[2]);
    auto const [x0, x1] = range(to.x1, to.x2, to.bin_x, to.map[3]);
    int best = -1;
    for (int y = y0; y < y1; ++y)
      for (int x = x0; x < x1; ++x)
        if (int const cell = y * to.map[3] + x; best < 0 || to.cells[cell] > to.cells[best]) best = cell;
    return best;
  }
};

}  // namespace ops_described
