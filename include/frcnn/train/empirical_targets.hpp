#pragma once
// The statistics of box targets over a data set, for a head whose targets are normalised by class (roi/target_normalisation.hpp).
//
//   auto const s = empirical_targets<conventions::caffe>(data, regions, classes);      s.mean, s.deviation: [4(K+1)], class by class
//   s.give_to(model.parameters());
//
// Over every region of every image, its truth boxes among them, whose IoU with a truth box is 0.5 or more, and, where the convention
// doubles the data set and training mirrors (flips), over their mirror images: what the coder makes of the region and the truth box it
// overlaps most. Boxes are in original pixels. A class without such a region, and a component that never varies, has deviation 1 (the
// release divides by 0 there).
// Source: py-faster-rcnn, lib/roi_data_layer/roidb.py, add_bbox_regression_targets. Difficult objects are counted where they are trained
// on (difficult_objects::keep).
#include "frcnn/concepts/data_source.hpp"
#include "frcnn/data/dataset.hpp"
#include "frcnn/geometry/conventions.hpp"
#include "frcnn/geometry/iou.hpp"
#include "frcnn/geometry/region.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

struct target_table {
  std::vector<double> mean, deviation;

  // labels: those whose numbers are set; empty: all. Throws where the model has no such buffers, or has another number of classes.
  template <class Store>
  void give_to(Store& store, std::vector<int> const& labels = {}) const {
    auto const set = [&](char const* name, std::vector<double> const& values) {
      auto const& e = store.at(std::string("roi_heads.box_predictor.") + name);
      auto const there = store.get(e);
      using T = typename decltype(store.get(e))::value_type;
      std::vector<T> now(values.begin(), values.end());
      for (std::size_t at = 0; !labels.empty() && at < std::min(now.size(), there.size()); ++at)
        if (std::ranges::find(labels, static_cast<int>(at / 4)) == labels.end()) now[at] = there[at];
      store.set(e, now);
    };
    set("target_mean", mean);
    set("target_deviation", deviation);
  }
};

template <class Rules, data::DataSource Source>
target_table empirical_targets(Source const& data, region_source const& regions, int classes, bool flips = true,
                               data::difficult_objects difficult = data::difficult_objects::drop) {
  auto const coder = Rules::head_coder();
  std::size_t const rows = static_cast<std::size_t>(classes) + 1;
  std::vector<double> count(rows, 0), sum(4 * rows, 0), squares(4 * rows, 0);
  struct object {
    box<double> where;
    std::int32_t label;
  };
  std::vector<object> truth;
  std::vector<box<double>> boxes;
  for (std::size_t i = 0; i < data.size(); ++i)
    for (bool const flipped : {false, true}) {
      if (flipped && !(Rules::flips_double_the_dataset && flips)) continue;
      auto const& known = data.truth(i);
      auto const seen = [&](box<float> const& b) {
        auto const here = b.template as<double>();
        return flipped ? Rules::flip_box(here, static_cast<double>(known.width)) : here;
      };
      truth.clear();
      boxes.clear();
      for (auto const& o : known.objects)
        if (!o.difficult || difficult == data::difficult_objects::keep) truth.push_back({seen(o.where), o.label});
      for (auto const& o : truth) boxes.push_back(o.where);
      if (regions)
        for (region const& r : regions(i, flipped)) boxes.push_back(seen(r.where));
      for (auto const& b : boxes) {
        object const* best = nullptr;
        double most = 0;
        for (auto const& o : truth)
          if (double const v = iou(b, o.where); v > most) most = v, best = &o;
        if (!best || !Rules::is_foreground(most, Rules::roi_foreground_iou)) continue;
        auto const d = coder.encode(b, best->where);
        double const values[4] = {d.dx, d.dy, d.dw, d.dh};
        std::size_t const u = static_cast<std::size_t>(best->label);
        if (u >= rows) throw error(data::name_of(data, i), "labels from 1 to " + std::to_string(classes), std::to_string(best->label));
        ++count[u];
        for (std::size_t j = 0; j < 4; ++j) sum[4 * u + j] += values[j], squares[4 * u + j] += values[j] * values[j];
      }
    }
  target_table table{std::vector<double>(4 * rows, 0), std::vector<double>(4 * rows, 1)};
  for (std::size_t at = 4; at < 4 * rows; ++at) {
    if (count[at / 4] == 0) continue;
    double const n = count[at / 4], mean = sum[at] / n, variance = squares[at] / n - mean * mean;
    table.mean[at] = mean;
    if (variance > 1e-12 * (squares[at] / n)) table.deviation[at] = std::sqrt(variance);  // below it is what rounding left of 0
  }
  return table;
}

}  // namespace frcnn
FRCNN_HIDDEN_END
