#pragma once
#include "frcnn/core/executor.hpp"

#include "op.hpp"

#include <numeric>

namespace ops_described {

struct segmented_sort : operation {
  static constexpr char const *name = "segmented_sort",
                              *computes =
                                  "positions of the M highest keys of each segment, equal ones by position; dead keys and NaN are left out";
  static std::string by(std::string_view column) { return column == "fast" ? "as portable" : "yes"; }
  static constexpr double tolerance = 0;
  struct problem {
    int segments, keys, best;
    bool is_plain = false;  // no equal, dead or strange keys
  };
  static std::vector<problem> problems() {
    return {{1, 1, 1}, {3, 50, 50}, {4, 300, 20}, {2, 10, 25}, {2, 0, 3}, {2, 5, 0}, {70, 600, 100}, {2, 3000, 3000, true}};
  }
  static std::vector<timed<problem>> measured() {
    return {{{1, 17100, 6000, true}, "anchors of vgg16_tv, detection"},
            {{1, 17100, 12000, true}, "anchors of vgg16_tv, training"},
            {{1, 4680, 4680, true}, "anchors of small, detection"},
            {{2, 4680, 2000, true}, "anchors of small, training"},
            {{20, 300, 300, true}, "scores of 20 classes"}};
  }
  static std::string text(problem const& p) {
    return std::to_string(p.segments) + "x" + std::to_string(p.keys) + "-" + std::to_string(p.best);
  }
  static std::vector<array> inputs(problem const& p) {
    array keys = plain(p.segments, p.keys);
    if (p.is_plain) return {keys};
    constexpr float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN(),
                    tiny = std::numeric_limits<float>::denorm_min(), dead = dead_key<float>;
    constexpr float strange[] = {inf, -inf, nan, dead, dead, 0, -0.f, tiny, -tiny, 3 * tiny};
    stream s(5);
    for (std::size_t i = 0; i < keys.dims.size(); ++i)
      keys.values.push_back(s.below(3) == 0 ? strange[s.below(10)] : static_cast<float>(s.below(20) - 10));
    return {keys};
  }
  static std::vector<array> outputs(problem const&) { return {}; }
  static std::vector<std::size_t> found(problem const& p) {
    return {static_cast<std::size_t>(p.segments) * static_cast<std::size_t>(p.best), static_cast<std::size_t>(p.segments)};
  }

  template <class T, class B>
  static void forward(operands<T, B>& r, problem const& p) {
    view<T const, 2, B> const keys = r.in[0].matrix();
    exec<B>::segmented_sort(r.c, keys, r.found[0].shaped(shape<2>{{p.segments, p.best}}), r.found[1].row());
  }
  static std::vector<ints> chosen(problem const& p, std::vector<doubles> const& in, std::vector<ints> const&) {
    ints order, live;
    for (int s = 0; s < p.segments; ++s) {
      double const* const key = in[0].data() + static_cast<std::ptrdiff_t>(s) * p.keys;
      ints positions(static_cast<std::size_t>(p.keys));
      std::iota(positions.begin(), positions.end(), 0);
      std::erase_if(positions, [&](int i) { return std::isnan(key[i]) || key[i] == dead_key<double>; });
      std::stable_sort(positions.begin(), positions.end(), [&](int a, int b) { return key[a] > key[b]; });
      live.push_back(std::min(p.best, static_cast<int>(positions.size())));
      positions.resize(static_cast<std::size_t>(live.back()));
      positions.resize(static_cast<std::size_t>(p.best), -1);
      order.insert(order.end(), positions.begin(), positions.end());
    }
    return {order, live};
  }
};

}  // namespace ops_described
