#pragma once
#include "frcnn/core/executor.hpp"

#include "op.hpp"

namespace ops_described {

struct scan : operation {
  static constexpr char const *name = "scan", *computes = "for each item of a segment the sum of those before it";
  static std::string by(std::string_view column) { return column == "fast" ? "as portable" : "yes"; }
  static constexpr double tolerance = 0;
  struct problem {
    int segments, items;
  };
  static std::vector<problem> problems() { return {{2, 3}, {1, 1}, {3, 0}, {0, 4}, {5, 1025}, {1, 40000}}; }
  static std::vector<timed<problem>> measured() { return {{{1, 17100}, "anchors of vgg16_tv"}}; }
  static std::string text(problem const& p) { return std::to_string(p.segments) + "x" + std::to_string(p.items); }
  static std::vector<array> inputs(problem const&) { return {}; }
  static std::vector<array> outputs(problem const&) { return {}; }
  static std::vector<ints> indices(problem const& p) {
    ints in;
    stream s(2);
    for (int i = 0; i < p.segments * p.items; ++i) in.push_back(s.below(7) - 2);
    return {in};
  }
  static std::vector<std::size_t> found(problem const& p) {
    return {static_cast<std::size_t>(p.segments) * static_cast<std::size_t>(p.items)};
  }

  template <class T, class B>
  static void forward(operands<T, B>& r, problem const& p) {
    shape<2> const s{{p.segments, p.items}};
    exec<B>::scan(r.c, r.index[0].shaped(s), r.found[0].shaped(s));
  }
  static std::vector<ints> chosen(problem const& p, std::vector<doubles> const&, std::vector<ints> const& index) {
    ints out;
    for (int s = 0; s < p.segments; ++s) {
      std::int32_t sum = 0;
      for (int i = 0; i < p.items; ++i) {
        out.push_back(sum);
        sum += index[0][static_cast<std::size_t>(s * p.items + i)];
      }
    }
    return {out};
  }
};

}  // namespace ops_described
