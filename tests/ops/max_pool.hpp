#pragma once
#include "frcnn/ops/max_pool.hpp"

#include "layers.hpp"
#include "op.hpp"

namespace ops_described {

struct max_pool : operation {
  static constexpr char const *name = "max_pool",
                              *computes = "the largest of each window, and where it is; the last windows cut off (floor) or kept (ceil)",
                              *refuses = "a kernel or stride below 1, pad below 0, maps that have no output, an output of another shape";
  static std::string by(std::string_view column) {
    return column == "fast" ? "as portable; 2x2 behind a Winograd layer in its registers" : "yes";
  }
  static constexpr double tolerance = 1e-6;
  struct problem {
    pool_spec spec;
    shape<4> x;
    bool ties = false, winners = true;
  };
  // Of which tests/golden has PyTorch's numbers, by its names.
  struct golden_pool {
    char const* name;
    pool_spec spec;
    shape<4> x;
  };
  static std::vector<golden_pool> golden() {
    return {{"max_pool.floor", {2, 2, 0, false}, {{2, 3, 7, 6}}},
            {"max_pool.ceil", {2, 2, 0, true}, {{2, 3, 7, 9}}},
            {"max_pool.ceil_pad", {3, 2, 1, true}, {{2, 3, 8, 7}}},
            {"max_pool.ceil3", {3, 2, 0, true}, {{2, 3, 8, 7}}}};
  }
  static std::vector<problem> problems() {
    std::vector<problem> all{{{2, 2, 0, true}, {{1, 40, 7, 9}}},   {{3, 2, 1, true}, {{1, 4, 9, 8}}},   {{3, 2, 0, false}, {{2, 5, 9, 9}}},
                             {{3, 2, 1, false}, {{1, 2, 33, 30}}}, {{3, 1, 1, false}, {{2, 5, 21, 4}}}, {{1, 3, 0, false}, {{1, 2, 8, 8}}},
                             {{5, 2, 2, false}, {{1, 1, 3, 3}}},   {{3, 2, 0, true}, {{1, 16, 8, 7}}},  {{2, 2, 0, false}, {{0, 3, 4, 4}}}};
    for (auto const& g : golden()) all.push_back({g.spec, g.x});
    for (std::size_t i = 0, n = all.size(); i < n; ++i) {
      all.push_back(all[i]);
      all.back().ties = true;
    }
    return all;
  }
  static std::vector<timed<problem>> measured() {
    std::vector<timed<problem>> all{{{{3, 2, 0, true}, {{1, 96, 150, 200}}, false, false}, "ZF's pool1", true}};
    for (auto const& l : layers_of_vgg16_tv(1, 600, 800).pools) {
      all.push_back({{l.spec, l.x, false, false}, l.where});
      all.push_back({{l.spec, l.x, false, true}, l.where, true});
    }
    return all;
  }
  static std::string text(problem const& p) {
    return ops_described::text(p.x) + "-k" + std::to_string(p.spec.kernel) + "s" + std::to_string(p.spec.stride) +
           (p.spec.ceil ? "-ceil" : "") + (p.winners ? "-argmax" : "");
  }
  static std::vector<array> inputs(problem const& p) {
    array x{p.x};
    stream s(3);
    if (p.ties)
      for (std::size_t i = 0; i < p.x.size(); ++i) x.values.push_back(std::round(2 * s.bell()));
    return {x};
  }
  static std::vector<array> outputs(problem const& p) { return {{p.spec.out_shape(p.x)}}; }
  static std::vector<std::size_t> found(problem const& p) { return {p.winners ? p.spec.out_shape(p.x).size() : 0}; }
  static constexpr bool compares_found = false;  // in the order of the backend's maps: for its backward alone
  static double flops(problem const& p) { return static_cast<double>(p.spec.out_shape(p.x).size()) * p.spec.kernel * p.spec.kernel; }
  static int differentiated(problem const& p) { return p.winners ? 1 : 0; }
  static bool is_smooth(problem const& p) { return !p.ties; }
  static std::vector<std::vector<int>> linear_in(problem const&) { return {{0}}; }

  template <class T, class B>
  static void forward(operands<T, B>& r, problem const& p) {
    view<std::int32_t, 1, B> winners{};
    if (p.winners) winners = r.found[0].row();
    frcnn::ops::max_pool<B>::template forward<T>(r.c, p.spec, r.in[0].map(), r.out[0].map(), winners);
  }
  template <class T, class B>
  static void backward(operands<T, B>& r, problem const& p) {
    frcnn::ops::max_pool<B>::template backward<T>(r.c, p.spec, r.found[0].row(), r.dout[0].map(), r.din[0].map(), r.how);
  }
  static double defined(problem const& p, std::vector<doubles> const& in, std::vector<ints> const&, std::size_t at) {
    shape<4> const y = p.spec.out_shape(p.x);
    int const column = static_cast<int>(at) % y[3] * p.spec.stride - p.spec.pad,
              line = static_cast<int>(at / static_cast<std::size_t>(y[3])) % y[2] * p.spec.stride - p.spec.pad;
    double const* const map = in[0].data() + at / (static_cast<std::size_t>(y[2]) * y[3]) * static_cast<std::size_t>(p.x[2]) * p.x[3];
    double best = -std::numeric_limits<double>::infinity();
    for (int i = std::max(0, line); i < std::min(p.x[2], line + p.spec.kernel); ++i)
      for (int j = std::max(0, column); j < std::min(p.x[3], column + p.spec.kernel); ++j)
        best = std::max(best, map[static_cast<std::size_t>(i) * p.x[3] + j]);
    return best;
  }
  template <class B>
  static refusals<B> refused() {
    refusals<B> all;
    struct bad {
      pool_spec spec;
      shape<4> x, y;
    };
    shape<4> const x{{1, 2, 6, 6}}, y{{1, 2, 3, 3}};
    for (auto const& b : {bad{{0, 2, 0}, x, y}, bad{{2, 0, 0}, x, y}, bad{{2, 2, -1}, x, y}, bad{{2, 2, 0}, x, {{1, 2, 3, 2}}},
                          bad{{2, 2, 0}, x, {{1, 3, 3, 3}}}, bad{{7, 1, 0}, {{1, 2, 5, 5}}, {{1, 2, -1, -1}}},
                          bad{{2, 2, 0}, {{1, 2, 0, 6}}, {{1, 2, 0, 3}}}})
      all.push_back([b](typename B::context& c) {
        frcnn::ops::max_pool<B>::template forward<float>(c, b.spec, c.template make_at<float>(nullptr, b.x),
                                                         c.template make_at<float>(nullptr, b.y), view<std::int32_t, 1, B>{});
      });
    return all;
  }
};

}  // namespace ops_described
