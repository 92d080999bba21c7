#pragma once
// What is wrong with detections: each error has one of TIDE's six kinds, and each kind a cost: the AP that would be gained without it.
//
//   C  classes, labels 1..C      t_f  foreground, .5      t_b  background, .1      IoU in double
//
// Of each image, of its best max_detections by descending score (equal scores: the order given):
// 1. a detection takes the object of its class with the highest IoU that is at least t_f and that none before it took
// 2. one that took none, and more than t_f of which lies in a difficult object of its class, is ignored: neither right nor an error
// 3. any other that took none is an error of the first kind that fits:
//      localisation    its highest IoU with objects of its class lies in [t_b, t_f]
//      classification  its highest IoU with objects of other classes is at least t_f
//      duplicate       its IoU with an object of its class that was taken is at least t_f
//      background      its IoU with every object is at most t_b
//      both            none of these: badly placed, and of another class
// 4. an object that none took, and that no localisation or classification error means, is missed
// 5. AP: per class the mean, over the recalls 0, .01, ... 1, of the best precision where that recall is reached or passed; the mean over
//    the classes that have objects or detections
// 6. cost of a kind: AP with its errors mended, less AP; at least 0. The best localisation or classification error of an object that none
//    took becomes right (as a detection of the object's class); other errors of the kind go; missed objects are not looked for.
//    false_positives: AP with all wrong detections behind all right ones.  false_negatives: AP without the objects that none took
//
// Costs do not add up: mending one kind may leave another to be seen. Where nothing is left to be found or wrong, AP is 1.
//
// Example: an object (0,0,10,10) of class 1; found there: class 2 (score .9), and (0,0,10,4) as class 1 (.8). The first is a classification
//          error, the second one of localisation; AP is 0. The first mended is right, and AP 1: it costs 1. The second costs 0, as the object
//          goes to the first.
// Source: Bolya et al., "TIDE: A General Toolbox for Identifying Object Detection Errors", ECCV 2020, section 2; its release, tidecv 1.0.1,
//         whose numbers these are (times 100), with the order of 3 (an IoU of exactly t_f with an object that was taken is localisation) and
//         the order of equal scores in 6 (wrong detections first). There ignored detections count among the errors; here they do not.
#include "frcnn/eval/coco_match.hpp"
#include "frcnn/eval/voc_ap.hpp"

#include <array>
#include <string_view>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::eval {

enum class error_kind : std::uint8_t { classification, localisation, both, duplicate, background, missed };
inline constexpr std::array<std::string_view, 6> error_kind_names{"class", "localisation", "both", "duplicate", "background", "missed"};

struct error_options {
  double foreground = .5, background = .1;  // 0 < background <= foreground <= 1
  int max_detections = 100;                 // of an image
};

// Places in the image's lists; -1: none. A missed object has no detection; background and both have no object.
struct detection_error {
  error_kind kind;
  std::int32_t detection, object;
  bool operator==(detection_error const&) const = default;
};

struct error_study {
  double ap = std::numeric_limits<double>::quiet_NaN();  // NaN: no objects and no detections
  std::array<std::size_t, error_kind_names.size()> count{};
  std::array<double, error_kind_names.size()> cost{};
  double false_positives = 0, false_negatives = 0;  // costs
  std::vector<std::vector<detection_error>> of_image;
};

namespace detail {

// A detection that is judged, in the order of images, then scores; or a missed object.
struct judged {
  float score;
  std::int32_t label;  // of the detection, of a missed object
  bool right;
  error_kind kind{};            // of a wrong one
  std::int32_t becomes_of = 0;  // the label of the object that it finds when it is mended; 0: it goes
};

class error_ap {
 public:
  explicit error_ap(std::size_t classes) : points_(classes), objects_(classes) {}
  void add(std::int32_t label, float score, bool right) { points_[static_cast<std::size_t>(label - 1)].push_back({score, right}); }
  long& objects(std::int32_t label) { return objects_[static_cast<std::size_t>(label - 1)]; }

  // 5.
  double mean() {
    double sum = 0;
    int classes = 0;
    for (std::size_t k = 0; k < points_.size(); ++k)
      if (!points_[k].empty() || objects_[k] > 0) sum += of_class(k), ++classes;
    return classes ? sum / classes : 1;
  }

 private:
  struct point {
    float score;
    bool right;
  };
  double of_class(std::size_t k) {
    auto& list = points_[k];
    if (objects_[k] == 0) return 0;
    std::stable_sort(list.begin(), list.end(), [](point const& a, point const& b) { return a.score > b.score; });
    std::vector<double> recall, precision;
    double found = 0;
    for (auto const& p : list) {
      found += p.right;
      recall.push_back(found / static_cast<double>(objects_[k]));
      precision.push_back(found / static_cast<double>(recall.size()));
    }
    double sum = 0, best = 0;
    std::size_t at = recall.size();
    for (int step = 100; step >= 0; --step) {
      while (at > 0 && recall[at - 1] >= step / 100.0) best = std::max(best, precision[--at]);
      sum += best;
    }
    return sum / 101;
  }

  std::vector<std::vector<point>> points_;
  std::vector<long> objects_;
};

// 1. to 4. of one image.
inline void judge_image(std::span<detection const> found, std::span<truth_box const> truths, error_options const& o,
                        std::vector<judged>& all, std::vector<detection_error>& errors) {
  std::vector<std::size_t> order(found.size());
  for (std::size_t d = 0; d < order.size(); ++d) order[d] = d;
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return found[a].score > found[b].score; });
  order.resize(std::min(order.size(), static_cast<std::size_t>(o.max_detections)));

  std::size_t const G = truths.size();
  std::vector<double> overlap(order.size() * G);
  std::vector<char> taken(G), meant(G);
  // The object with the highest IoU of those that are wanted, the first of equals; -1: there is none.
  auto const highest = [&](std::size_t rank, auto wanted) {
    std::pair<std::int32_t, double> best{-1, -1};
    for (std::size_t g = 0; g < G; ++g)
      if (double const v = overlap[rank * G + g]; !truths[g].difficult && wanted(g) && v > best.second)
        best = {static_cast<std::int32_t>(g), v};
    return best;
  };
  // 1.
  std::vector<char> right(order.size());
  for (std::size_t rank = 0; rank < order.size(); ++rank) {
    detection const& d = found[order[rank]];
    for (std::size_t g = 0; g < G; ++g)
      overlap[rank * G + g] = coco_iou(coco_box_of(d.where), coco_box_of(truths[g].where), truths[g].difficult);
    auto const [g, v] = highest(rank, [&](std::size_t at) { return truths[at].label == d.label && !taken[at]; });
    if (v >= o.foreground) taken[static_cast<std::size_t>(g)] = right[rank] = 1;
  }
  for (std::size_t rank = 0; rank < order.size(); ++rank) {
    detection const& d = found[order[rank]];
    if (right[rank]) {
      all.push_back({d.score, d.label, true});
      continue;
    }
    // 2.
    bool ignored = false;
    for (std::size_t g = 0; g < G; ++g)
      ignored = ignored || (truths[g].difficult && truths[g].label == d.label && overlap[rank * G + g] > o.foreground);
    if (ignored) continue;
    // 3.
    auto const own = [&](std::size_t g) { return truths[g].label == d.label; };
    auto const of_class = highest(rank, own), of_others = highest(rank, [&](std::size_t g) { return !own(g); }),
               of_taken = highest(rank, [&](std::size_t g) { return own(g) && taken[g]; });
    detection_error e{error_kind::both, static_cast<std::int32_t>(order[rank]), -1};
    if (of_class.second >= o.background && of_class.second <= o.foreground) e.kind = error_kind::localisation, e.object = of_class.first;
    else if (of_others.second >= o.foreground) e.kind = error_kind::classification, e.object = of_others.first;
    else if (of_taken.second >= o.foreground) e.kind = error_kind::duplicate, e.object = of_taken.first;
    else if (std::max(of_class.second, of_others.second) <= o.background) e.kind = error_kind::background;
    judged j{d.score, d.label, false, e.kind};
    if (e.kind <= error_kind::localisation)
      if (auto const g = static_cast<std::size_t>(e.object); !taken[g] && !meant[g]) meant[g] = 1, j.becomes_of = truths[g].label;
    all.push_back(j);
    errors.push_back(e);
  }
  // 4.
  for (std::size_t g = 0; g < G; ++g)
    if (!truths[g].difficult && !taken[g] && !meant[g]) {
      all.push_back({0, truths[g].label, false, error_kind::missed});
      errors.push_back({error_kind::missed, -1, static_cast<std::int32_t>(g)});
    }
}

}  // namespace detail

// detections, truths: one list per image, in the same order. Throws error for what evaluate_voc refuses, and for options without sense.
inline error_study study_errors(std::span<std::vector<detection> const> detections, std::span<std::vector<truth_box> const> truths,
                                int classes, error_options const& o = {}) {
  detail::check_lists("study_errors", detections, truths, classes);
  if (!(o.background > 0 && o.background <= o.foreground && o.foreground <= 1))
    throw error("study_errors", "thresholds with 0 < background <= foreground <= 1",
                std::to_string(o.background) + " and " + std::to_string(o.foreground));
  if (o.max_detections < 1) throw error("study_errors", "at least 1 detection of an image", std::to_string(o.max_detections));

  error_study s;
  s.of_image.resize(truths.size());
  std::vector<detail::judged> all;
  std::vector<long> objects(static_cast<std::size_t>(classes)), found(objects);
  for (std::size_t i = 0; i < truths.size(); ++i) {
    for (truth_box const& t : truths[i]) objects[static_cast<std::size_t>(t.label - 1)] += !t.difficult;
    detail::judge_image(detections[i], truths[i], o, all, s.of_image[i]);
  }
  for (auto const& j : all)
    if (j.right) ++found[static_cast<std::size_t>(j.label - 1)];
    else ++s.count[static_cast<std::size_t>(j.kind)];

  auto const ap_of = [&](std::span<long const> to_find, auto add) {
    detail::error_ap ap(static_cast<std::size_t>(classes));
    for (std::size_t k = 0; k < to_find.size(); ++k) ap.objects(static_cast<std::int32_t>(k + 1)) = to_find[k];
    add(ap);
    return ap.mean();
  };
  // Detections as they are: in the order of images, or the wrong ones before the right ones, which tells where scores are equal.
  auto const in_order = [&](detail::error_ap& ap) {
    for (auto const& j : all)
      if (j.right || j.kind != error_kind::missed) ap.add(j.label, j.score, j.right);
  };
  auto const wrong_first = [&](detail::error_ap& ap, auto wrong) {
    for (auto const& j : all)
      if (!j.right) wrong(j);
    for (auto const& j : all)
      if (j.right) ap.add(j.label, j.score, true);
  };
  bool const nothing = all.empty() && std::all_of(objects.begin(), objects.end(), [](long n) { return n == 0; });
  if (nothing) return s;
  s.ap = ap_of(objects, in_order);
  // 6.
  for (std::size_t k = 0; k < s.cost.size(); ++k) {
    auto const kind = static_cast<error_kind>(k);
    double const mended = ap_of(objects, [&](detail::error_ap& ap) {
      wrong_first(ap, [&](detail::judged const& j) {
        if (j.kind == error_kind::missed) ap.objects(j.label) -= kind == error_kind::missed;
        else if (j.kind != kind) ap.add(j.label, j.score, false);
        else if (j.becomes_of) ap.add(j.becomes_of, j.score, true);
      });
    });
    s.cost[k] = std::max(mended - s.ap, 0.0);
  }
  s.false_positives = ap_of(objects,
                            [&](detail::error_ap& ap) {
                              for (auto const& j : all)
                                if (j.right || j.kind != error_kind::missed) ap.add(j.label, j.right, j.right);
                            }) -
                      s.ap;
  s.false_negatives = ap_of(found,
                            [&](detail::error_ap& ap) {
                              wrong_first(ap, [&](detail::judged const& j) {
                                if (j.kind != error_kind::missed) ap.add(j.label, j.score, false);
                              });
                            }) -
                      s.ap;
  return s;
}

}  // namespace frcnn::inline FRCNN_ABI::eval
FRCNN_HIDDEN_END
