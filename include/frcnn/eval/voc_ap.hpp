#pragma once
// PASCAL VOC average precision: precision over recall by class, as an area or at 11 recalls, and the mean over classes.
//
//   I  images, in one order for detections and truths      C  classes, labels 1..C
//
// For each class:
// 1. take its detections by descending score; equal scores by image, then by index within the image
// 2. match each with the object of its class and image that it overlaps most (the first of equals), difficult and claimed ones included
// 3. IoU > threshold: a difficult object makes the detection neither right nor wrong; the first detection of any other is a true
//    positive, later ones are false (there is no second choice).  IoU <= threshold: false
// 4. recall = true positives / objects that are not difficult, precision = true positives / detections that were not ignored,
//    after each detection
// 5. area: the area under precision's monotone envelope (VOC2010 and later).  voc07: the mean, over the recalls 0, .1, ... 1, of the best
//    precision at that recall or beyond (VOC2007)
// A class without objects (that are not difficult) has no AP, which is NaN, and does not count in the mean: nothing can be said of it.
//
// Example: two objects, three detections that are right, wrong, right: (recall, precision) = (1/2, 1), (1/2, 1/2), (1, 2/3);
//          area = 1/2 * 1 + 1/2 * 2/3 = 0.8333, voc07 = (6 * 1 + 5 * 2/3) / 11 = 0.8485
// Invariant: 0 <= AP <= 1 where there is one, and a detection added with a score below all others of its class never lowers the area.
// Boxes are half-open, so that the "+1" of VOC's inclusive coordinates is in them already. IoU is computed in float.
// Source: Everingham et al., "The PASCAL Visual Object Classes (VOC) Challenge", IJCV 2010, section 4.2.
#include "frcnn/core/error.hpp"
#include "frcnn/core/finite.hpp"
#include "frcnn/geometry/iou.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::eval {

// An annotated object: pixels of the original image, a label of 1..C, and whether VOC calls it difficult.
struct truth_box {
  box<float> where;
  std::int32_t label;
  bool difficult = false;
};

enum class ap_metric { area, voc07 };

struct ap_options {
  ap_metric metric = ap_metric::area;
  double iou_threshold = 0.5;  // a match overlaps by more than this
};

// Where the list of detections stands after the one with this score.
struct pr_point {
  double recall, precision;
  float score;
};

struct class_ap {
  double ap = std::numeric_limits<double>::quiet_NaN();  // NaN: there is nothing to find
  std::vector<pr_point> curve;                           // by descending score; ignored detections have no point
  int truths = 0;                                        // not difficult
  int difficult = 0;
  int detections = 0;  // ignored ones included
  int true_positives = 0;
  int ignored = 0;
};

struct voc_evaluation {
  std::vector<class_ap> classes;                           // classes[k] is label k + 1
  double mean = std::numeric_limits<double>::quiet_NaN();  // over the classes that have an AP; NaN if there are none
  ap_options options;
};

// Average precision of a curve as evaluate_voc makes it: recall never falls.
inline double average_precision(std::span<pr_point const> curve, ap_metric metric) {
  double sum = 0, envelope = 0;
  if (metric == ap_metric::area) {
    for (std::size_t k = curve.size(); k-- > 0;) {
      envelope = std::max(envelope, curve[k].precision);
      sum += (curve[k].recall - (k ? curve[k - 1].recall : 0)) * envelope;
    }
    return sum;
  }
  // The thresholds are multiples of 0.1 as double rounds them (3 * 0.1 > 0.3), as the published evaluations have them.
  std::size_t k = curve.size();
  for (int step = 10; step >= 0; --step) {
    while (k > 0 && curve[k - 1].recall >= step * 0.1) envelope = std::max(envelope, curve[--k].precision);
    sum += envelope;
  }
  return sum / 11;
}

namespace detail {

// Throws error for lists of different lengths, a label outside 1..classes and a score that is NaN. what: who asks.
inline void check_lists(char const* what, std::span<std::vector<detection> const> detections,
                        std::span<std::vector<truth_box> const> truths, int classes) {
  if (detections.size() != truths.size())
    throw error(what, "detections for " + std::to_string(truths.size()) + " images", std::to_string(detections.size()));
  auto const check_label = [&](char const* of, std::size_t image, std::int32_t label) {
    if (label < 1 || label > classes)
      throw error(std::string(of) + " of image " + std::to_string(image), "a label from 1 to " + std::to_string(classes),
                  std::to_string(label));
  };
  for (std::size_t i = 0; i < truths.size(); ++i)
    for (truth_box const& t : truths[i]) check_label("object", i, t.label);
  for (std::size_t i = 0; i < detections.size(); ++i)
    for (detection const& d : detections[i]) {
      check_label("detection", i, d.label);
      if (is_nan(d.score)) throw error("detection of image " + std::to_string(i), "a score", "NaN");
    }
}

// The object of the detection's class that it overlaps most (the first of equals), difficult and claimed ones included; -1: none.
inline std::pair<std::size_t, float> most_overlapped(std::span<truth_box const> truths, detection const& d) {
  std::pair<std::size_t, float> best{0, -1};
  for (std::size_t t = 0; t < truths.size(); ++t)
    if (truths[t].label == d.label)
      if (float const o = iou(truths[t].where, d.where); o > best.second) best = {t, o};
  return best;
}

}  // namespace detail

// detections, truths: one vector per image, in the same order. Throws error for lists of different lengths, a label outside 1..classes
// and a score that is NaN.
inline voc_evaluation evaluate_voc(std::span<std::vector<detection> const> detections, std::span<std::vector<truth_box> const> truths,
                                   int classes, ap_options options = {}) {
  detail::check_lists("evaluate_voc", detections, truths, classes);
  voc_evaluation result;
  result.options = options;
  result.classes.resize(static_cast<std::size_t>(classes));

  std::vector<std::vector<char>> claimed(truths.size());
  for (std::size_t i = 0; i < truths.size(); ++i) {
    claimed[i].resize(truths[i].size());
    for (truth_box const& t : truths[i]) {
      class_ap& c = result.classes[static_cast<std::size_t>(t.label - 1)];
      ++(t.difficult ? c.difficult : c.truths);
    }
  }
  struct finding {
    std::size_t image;
    detection const* what;
  };
  std::vector<std::vector<finding>> found(static_cast<std::size_t>(classes));
  for (std::size_t i = 0; i < detections.size(); ++i)
    for (detection const& d : detections[i]) found[static_cast<std::size_t>(d.label - 1)].push_back({i, &d});

  double sum = 0;
  int counted = 0;
  for (std::size_t k = 0; k < found.size(); ++k) {
    class_ap& c = result.classes[k];
    // 1.
    std::stable_sort(found[k].begin(), found[k].end(), [](finding const& a, finding const& b) { return a.what->score > b.what->score; });
    c.detections = static_cast<int>(found[k].size());
    c.curve.reserve(found[k].size());
    for (auto const& [image, d] : found[k]) {
      // 2.
      auto const [best, overlap] = detail::most_overlapped(truths[image], *d);
      // 3.
      if (overlap > options.iou_threshold) {
        if (truths[image][best].difficult) {
          ++c.ignored;
          continue;
        }
        if (!claimed[image][best]) claimed[image][best] = 1, ++c.true_positives;
      }
      // 4.
      c.curve.push_back({c.true_positives / std::max(1.0, static_cast<double>(c.truths)),
                         c.true_positives / static_cast<double>(c.curve.size() + 1), d->score});
    }
    // 5.
    if (c.truths == 0) continue;
    c.ap = average_precision(c.curve, options.metric);
    sum += c.ap;
    ++counted;
  }
  if (counted > 0) result.mean = sum / counted;
  return result;
}

}  // namespace frcnn::inline FRCNN_ABI::eval
FRCNN_HIDDEN_END
