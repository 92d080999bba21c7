#pragma once
#include "frcnn/core/executor.hpp"

#include "op.hpp"

namespace ops_described {

struct select : operation {
  static constexpr char const *name = "select", *computes = "the first M positions of each segment whose flag is set, and how many";
  static std::string by(std::string_view column) { return column == "fast" ? "as portable" : "yes"; }
  static constexpr double tolerance = 0;
  struct problem {
    int segments, flags, first;
    int one_in;  // a flag is set in so many; 0: none
  };
  static std::vector<problem> problems() {
    return {{2, 5, 3, 2}, {2, 5, 6, 2}, {3, 5, 2, 1}, {2, 5, 4, 0}, {2, 0, 3, 1}, {2, 5, 0, 1}, {0, 5, 2, 1}, {3, 9000, 2000, 3}};
  }
  static std::vector<timed<problem>> measured() { return {{{1, 6000, 6000, 2}, "boxes of vgg16_tv that are large enough"}}; }
  static std::string text(problem const& p) {
    return std::to_string(p.segments) + "x" + std::to_string(p.flags) + "-" + std::to_string(p.first);
  }
  static std::vector<array> inputs(problem const&) { return {}; }
  static std::vector<array> outputs(problem const&) { return {}; }
  static std::vector<ints> indices(problem const& p) {
    ints flags;
    stream s(2);
    for (int i = 0; i < p.segments * p.flags; ++i) flags.push_back(p.one_in > 0 && s.below(p.one_in) == 0 ? 1 + i % 2 : 0);
    return {flags};
  }
  static std::vector<std::size_t> found(problem const& p) {
    return {static_cast<std::size_t>(p.segments) * static_cast<std::size_t>(p.first), static_cast<std::size_t>(p.segments)};
  }

  template <class T, class B>
  static void forward(operands<T, B>& r, problem const& p) {
    view<std::int32_t const, 2, B> const flags = r.index[0].shaped(shape<2>{{p.segments, p.flags}});
    exec<B>::select(r.c, flags, r.found[0].shaped(shape<2>{{p.segments, p.first}}), r.found[1].row());
  }
  static std::vector<ints> chosen(problem const& p, std::vector<doubles> const&, std::vector<ints> const& index) {
    ints positions, counts;
    for (int s = 0; s < p.segments; ++s) {
      ints some;
      for (int i = 0; i < p.flags && static_cast<int>(some.size()) < p.first; ++i)
        if (index[0][static_cast<std::size_t>(s * p.flags + i)] != 0) some.push_back(i);
      counts.push_back(static_cast<int>(some.size()));
      some.resize(static_cast<std::size_t>(p.first), -1);
      positions.insert(positions.end(), some.begin(), some.end());
    }
    return {positions, counts};
  }
};

}  // namespace ops_described
