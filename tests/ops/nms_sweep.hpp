#pragma once
#include "frcnn/geometry/conventions.hpp"
#include "frcnn/geometry/iou.hpp"
#include "frcnn/ops/nms.hpp"

#include "op.hpp"

namespace ops_described {

struct nms_sweep : operation {
  static constexpr char const *name = "nms_sweep", *computes = "greedy suppression of sorted boxes by their IoU, until M survive";
  static std::string by(std::string_view column) { return column == "fast" ? "as portable" : "yes"; }
  static constexpr double tolerance = 0;
  struct problem {
    int segments, boxes, keep;
    float threshold;
    bool is_crowded = false;
  };
  static std::vector<problem> problems() {
    std::vector<problem> all;
    for (float threshold : {-1.f, 0.f, .3f, .7f, 2.f})
      for (int keep : {0, 1, 20, 33, 400}) all.push_back({3, 300, keep, threshold});
    all.push_back({1, 2000, 300, .7f, true});
    all.push_back({2, 0, 5, .5f});
    return all;
  }
  static std::vector<timed<problem>> measured() {
    return {{{1, 6000, 300, .7f, true}, "vgg16_tv and small, detection"}, {{1, 12000, 2000, .7f, true}, "vgg16_tv, training"}};
  }
  static std::string text(problem const& p) {
    return (p.segments == 1 ? "" : std::to_string(p.segments) + "x") + std::to_string(p.boxes) + "-" + std::to_string(p.keep);
  }
  static std::vector<array> inputs(problem const& p) {
    int const n = p.segments * p.boxes;
    if (p.is_crowded) return {plain(n, 4, corners(crowded_boxes(n, 600, 800, p.keep)))};
    stream s(3);
    std::vector<float> where;
    for (int i = 0; i < n; ++i) {
      float const x = s.in(0, 100), y = s.in(0, 100);
      where.insert(where.end(), {x, y, x + s.in(-1, 40), y + s.in(5, 40)});  // some with a negative side
    }
    if (n >= 60) std::copy_n(where.begin(), 80, where.begin() + 160);  // exact duplicates
    return {plain(n, 4, where)};
  }
  static std::vector<array> outputs(problem const&) { return {}; }
  static std::vector<ints> indices(problem const& p) {
    ints counts;
    for (int s = 0; s < p.segments; ++s) counts.push_back(s % 3 == 0 ? p.boxes : s % 3 == 1 ? 0 : p.boxes / 2);
    return {counts};
  }
  static std::vector<std::size_t> found(problem const& p) {
    return {static_cast<std::size_t>(p.segments) * static_cast<std::size_t>(p.keep), static_cast<std::size_t>(p.segments)};
  }

  template <class T, class B>
  static void forward(operands<T, B>& r, problem const& p) {
    counted<box<T> const, 2, B> const boxes = counted<box<T>, 2, B>{r.in[0].boxes(p.segments), r.index[0].row()};
    exec<B>::nms_sweep(r.c, boxes, frcnn::ops::suppress_above<conventions::torchvision, T>{static_cast<T>(p.threshold)},
                       counted<std::int32_t, 2, B>{r.found[0].shaped(shape<2>{{p.segments, p.keep}}), r.found[1].row()});
  }
  static std::vector<ints> chosen(problem const& p, std::vector<doubles> const& in, std::vector<ints> const& index) {
    ints survivors, counts;
    auto const* const boxes = reinterpret_cast<box<double> const*>(in[0].data());
    for (int s = 0; s < p.segments; ++s) {
      auto const* const b = boxes + static_cast<std::ptrdiff_t>(s) * p.boxes;
      ints some;
      for (int i = 0; i < index[0][static_cast<std::size_t>(s)] && static_cast<int>(some.size()) < p.keep; ++i)
        if (std::none_of(some.begin(), some.end(), [&](int j) { return iou(b[i], b[j]) > static_cast<double>(p.threshold); }))
          some.push_back(i);
      counts.push_back(static_cast<int>(some.size()));
      some.resize(static_cast<std::size_t>(p.keep), -1);
      survivors.insert(survivors.end(), some.begin(), some.end());
    }
    return {survivors, counts};
  }
};

}  // namespace ops_described
