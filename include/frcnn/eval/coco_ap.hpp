#pragma once
// COCO average precision and recall: over IoU thresholds, ranges of areas and limits of detections, equal to pycocotools' to 1e-12.
//
//   T  IoU thresholds (.50, .55, ... .95)    R  recalls (0, .01, ... 1)    K  categories    A  ranges of areas (all, small, medium, large)
//   M  limits of detections of one image and category (1, 10, 100)
//
// 1. group objects and detections by category and image (ascending ids); of each group's detections the best M of the largest limit
//    (equal scores: the order given)
// 2. match each group in each range of areas (eval/coco_match.hpp)
// 3. per category: all detections by descending score; equal scores by ascending image id, then as in 1. Within a limit of m only the first m
//    of each group are in this list
// 4. recall = found / objects that count, precision = found / (detections that are not ignored + 2.2e-16), after each detection
// 5. precision at a recall is the best precision where that recall is reached or passed, 0 where it never is
// A category without objects that count has no precision and no recall: they are -1 and part of no mean. One with objects and without
// detections has 0.
//
// Recalls are linspace(0, 1, 101), where ten of the values lie one ulp above i / 100: found 7 of 10, which is 0.7, does not reach recall 70.
// Thresholds are linspace(.5, .95, 10): the ninth is 0.8999999999999999.
//
// Example: ten objects in one category, 7 of them found, nothing else: AP is 70 / 101 = 0.6931
// Throws frcnn::error for a detection or an object of an image that is not there, ids that are there twice, an object of a category that is
// not there, numbers that are not finite, and options without sense. Detections of other categories are counted and not judged.
// Source: pycocotools 2.0.11, cocoeval.py; Lin et al., "Microsoft COCO: Common Objects in Context", ECCV 2014.
#include "frcnn/core/error.hpp"
#include "frcnn/core/finite.hpp"
#include "frcnn/core/parallel_loop.hpp"
#include "frcnn/eval/coco_groups.hpp"
#include "frcnn/eval/coco_match.hpp"

#include <functional>
#include <limits>
#include <numeric>
#include <optional>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::eval {

// As NumPy computes it: i * step + first, the last one as given.
inline std::vector<double> linspace(double first, double last, int count) {
  std::vector<double> values;
  double const step = (last - first) / (count - 1);
  for (int i = 0; i + 1 < count; ++i) values.push_back(i * step + first);
  values.push_back(last);
  return values;
}

struct coco_options {
  std::vector<double> iou_thresholds = linspace(.5, .95, 10);
  std::vector<double> recalls = linspace(0, 1, 101);  // ascending
  std::vector<coco_area_range> areas = {{"all", 0, 1e10}, {"small", 0, 1024}, {"medium", 1024, 9216}, {"large", 9216, 1e10}};
  std::vector<int> limits = {1, 10, 100};                    // ascending
  bool pycocotools_exact = false;                            // annotation id 0 as there (eval/coco_match.hpp)
  int threads = 0;                                           // 0: as many as there are cores
  std::function<void(std::size_t, std::size_t)> progress{};  // parts of the work done, and of how many; one call at a time, from any thread
};

struct coco_evaluation {
  coco_options options;
  std::vector<std::int64_t> categories;  // ascending
  std::vector<double> precision;         // [K, A, M, T, R]; -1: nothing to find
  std::vector<double> score;             // [K, A, M, T, R], of the detection with which that recall is reached; 0: it is not
  std::vector<double> recall;            // [K, A, M, T]; -1: nothing to find
  std::vector<std::size_t> objects;      // [K, A], that count
  std::size_t other_categories = 0;      // detections that were not judged

  std::size_t row(std::size_t k, std::size_t a, std::size_t m, std::size_t t) const {
    return ((k * options.areas.size() + a) * options.limits.size() + m) * options.iou_thresholds.size() + t;
  }
  // Precision over options.recalls.
  std::span<double const> curve(std::size_t k, std::size_t a, std::size_t m, std::size_t t) const {
    return std::span(precision).subspan(row(k, a, m, t) * options.recalls.size(), options.recalls.size());
  }
};

// Where means are taken. Left open: over all categories, all thresholds, at the largest limit.
struct coco_choice {
  std::optional<std::size_t> category{}, threshold{}, limit{};  // places in the options' and the evaluation's lists
  std::size_t area = 0;
};

namespace detail {

// The mean of the values that are there; -1: none is.
struct mean_of_present {
  long double sum = 0;
  std::size_t count = 0;
  void add(double v) {
    if (v > -1) sum += v, ++count;
  }
  double get() const { return count ? static_cast<double>(sum / static_cast<long double>(count)) : -1; }
};

template <class F>
void for_each_chosen(coco_evaluation const& e, coco_choice const& c, F f) {
  std::size_t const K = e.categories.size(), T = e.options.iou_thresholds.size(), m = c.limit.value_or(e.options.limits.size() - 1);
  for (std::size_t k = c.category.value_or(0); k < (c.category ? *c.category + 1 : K); ++k)
    for (std::size_t t = c.threshold.value_or(0); t < (c.threshold ? *c.threshold + 1 : T); ++t) f(k, c.area, m, t);
}

}  // namespace detail

// -1 where no category has objects.
inline double coco_ap(coco_evaluation const& e, coco_choice const& c = {}) {
  detail::mean_of_present mean;
  detail::for_each_chosen(e, c, [&](auto... at) {
    for (double const v : e.curve(at...)) mean.add(v);
  });
  return mean.get();
}
inline double coco_ar(coco_evaluation const& e, coco_choice const& c = {}) {
  detail::mean_of_present mean;
  detail::for_each_chosen(e, c, [&](auto... at) { mean.add(e.recall[e.row(at...)]); });
  return mean.get();
}

namespace detail {

inline void check_coco_options(coco_options const& o) {
  auto const refuse = [](char const* expected, std::string found) { throw error("evaluate_coco", expected, std::move(found)); };
  auto const ascending = [](auto const& list) { return std::is_sorted(list.begin(), list.end()); };
  for (auto const* list : {&o.iou_thresholds, &o.recalls}) {
    if (list->empty()) refuse("thresholds", "none");
    for (double const v : *list)
      if (!(v >= 0 && v <= 1)) refuse("thresholds from 0 to 1", std::to_string(v));
  }
  if (!ascending(o.recalls)) refuse("recalls in ascending order", "others");
  if (o.limits.empty() || o.limits.front() < 1 || !ascending(o.limits)) refuse("limits of detections from 1 on, ascending", "others");
  if (o.areas.empty()) refuse("ranges of areas", "none");
  for (auto const& a : o.areas)
    if (!(a.least <= a.most)) refuse("ranges of areas with least <= most", a.name);
}

// What became of a detection in one range of areas at one threshold.
enum class coco_verdict : std::uint8_t { wrong, found, ignored };

// 3. to 5. of one category.
class coco_accumulator {
 public:
  // order, rank, verdicts [., A * T]: of the category's detections; rank: within its group.
  void operator()(coco_evaluation& e, std::size_t k, std::span<io::coco_result const> detections, std::span<std::uint32_t const> order,
                  std::span<std::uint32_t const> rank, std::span<coco_verdict const> verdicts) {
    auto const& o = e.options;
    std::size_t const A = o.areas.size(), T = o.iou_thresholds.size(), R = o.recalls.size(), lanes = A * T;
    // 3.
    sorted_.clear();
    for (std::size_t i = 0; i < order.size(); ++i) sorted_.push_back({detections[order[i]].score, static_cast<std::uint32_t>(i)});
    std::sort(sorted_.begin(), sorted_.end(),
              [](entry const& a, entry const& b) { return a.score > b.score || (a.score == b.score && a.at < b.at); });
    steps_.resize(lanes);
    for (std::size_t m = 0; m < o.limits.size(); ++m) {
      for (auto& s : steps_) s.clear();
      heeded_.assign(lanes, 0);
      double first_score = 0;
      bool any = false;
      for (entry const& d : sorted_) {
        if (rank[d.at] >= static_cast<std::uint32_t>(o.limits[m])) continue;
        if (!any) first_score = d.score;
        any = true;
        // 4.
        auto const* of = verdicts.data() + d.at * lanes;
        std::uint8_t hits = 0;
        for (std::size_t l = 0; l < lanes; ++l) {
          heeded_[l] += of[l] != coco_verdict::ignored;
          hits |= of[l] == coco_verdict::found;
        }
        if (!hits) continue;
        for (std::size_t l = 0; l < lanes; ++l)
          if (of[l] == coco_verdict::found)
            steps_[l].push_back(
                {static_cast<double>(steps_[l].size() + 1) / (static_cast<double>(heeded_[l]) + std::numeric_limits<double>::epsilon()),
                 d.score});
      }
      // 5.
      for (std::size_t a = 0; a < A; ++a) {
        std::size_t const objects = e.objects[k * A + a];
        if (objects == 0) continue;
        for (std::size_t t = 0; t < T; ++t) {
          auto& steps = steps_[a * T + t];
          for (std::size_t i = steps.size(); i-- > 1;) steps[i - 1].precision = std::max(steps[i - 1].precision, steps[i].precision);
          std::size_t const row = e.row(k, a, m, t);
          e.recall[row] = static_cast<double>(steps.size()) / static_cast<double>(objects);
          double* const precision = e.precision.data() + row * R;
          double* const score = e.score.data() + row * R;
          std::size_t reached = 0;  // steps before the first that reaches the recall
          for (std::size_t r = 0; r < R; ++r) {
            precision[r] = score[r] = 0;
            while (reached < steps.size() && static_cast<double>(reached + 1) / static_cast<double>(objects) < o.recalls[r]) ++reached;
            if (o.recalls[r] <= 0 && any) score[r] = first_score;
            if (reached >= steps.size()) continue;
            precision[r] = steps[reached].precision;
            if (o.recalls[r] > 0) score[r] = steps[reached].score;
          }
        }
      }
    }
  }

 private:
  struct entry {
    double score;
    std::uint32_t at;
  };
  struct step {  // after which one object more is found
    double precision, score;
  };
  std::vector<entry> sorted_;
  std::vector<std::vector<step>> steps_;  // [A * T]
  std::vector<std::uint32_t> heeded_;     // [A * T], detections that are not ignored
};

}  // namespace detail

// images, categories: the ids that are judged.
inline coco_evaluation evaluate_coco(std::span<std::int64_t const> images, std::span<std::int64_t const> categories,
                                     std::span<io::coco_annotation const> objects, std::span<io::coco_result const> detections,
                                     coco_options const& options = {}) {
  using detail::coco_verdict;
  detail::check_coco_options(options);
  coco_id_index const image_at("images", images), category_at("categories", categories);
  for (io::coco_annotation const& o : objects)
    if (!io::is_finite_box(o.where) || !is_finite(o.area))
      throw error("object " + std::to_string(o.id), "finite numbers", "NaN or infinity");
  for (std::size_t i = 0; i < detections.size(); ++i)
    if (!io::is_finite_box(detections[i].where) || !is_finite(detections[i].score))
      throw error("result " + std::to_string(i), "finite numbers", "NaN or infinity");

  // 1.
  auto const truth = group_coco("object", objects, image_at, category_at, false);
  auto found = group_coco("result", detections, image_at, category_at, true);
  auto const rank = rank_coco(found, detections, static_cast<std::size_t>(options.limits.back()));

  std::size_t const K = categories.size(), A = options.areas.size(), T = options.iou_thresholds.size(), M = options.limits.size();
  coco_evaluation e;
  e.options = options;
  e.categories.assign(category_at.ids().begin(), category_at.ids().end());
  e.other_categories = found.left_out;
  e.precision.assign(K * A * M * T * options.recalls.size(), -1);
  e.score.assign(e.precision.size(), -1);
  e.recall.assign(K * A * M * T, -1);
  e.objects.assign(K * A, 0);
  for (std::size_t k = 0; k < K; ++k)
    for (std::size_t i = truth.category_begin[k]; i < truth.category_begin[k + 1]; ++i)
      for (std::size_t a = 0; a < A; ++a) {
        auto const& o = objects[truth.order[i]];
        e.objects[k * A + a] += !o.crowd && !options.areas[a].leaves_out(o.area);
      }

  // 2.
  std::vector<coco_verdict> verdicts(found.order.size() * A * T);
  auto const chunks = chunks_of(found, 4096);
  turn_counter done(options.progress, chunks.size() + K);
  for_each_in_parallel(chunks.size(), options.threads, [&](std::size_t c) {
    coco_matcher matcher;
    for_each_group(found, chunks[c], [&](std::size_t begin, std::size_t end) {
      std::span const ours = std::span(found.order).subspan(begin, end - begin);
      auto const theirs = truth.group(found.category[begin], found.image[begin]);
      if (theirs.empty()) {
        for (std::size_t d = begin; d < end; ++d) {
          double const area = detections[found.order[d]].where.area();
          for (std::size_t a = 0; a < A; ++a)
            std::fill_n(verdicts.begin() + static_cast<std::ptrdiff_t>((d * A + a) * T), T,
                        options.areas[a].leaves_out(area) ? coco_verdict::ignored : coco_verdict::wrong);
        }
        return;
      }
      matcher.set(objects, theirs, detections, ours);
      for (std::size_t a = 0; a < A; ++a) {
        matcher.match(options.areas[a], options.iou_thresholds, options.pycocotools_exact);
        for (std::size_t t = 0; t < T; ++t)
          for (std::size_t d = 0; d < ours.size(); ++d) {
            std::size_t const at = t * ours.size() + d;
            verdicts[((begin + d) * A + a) * T + t] = matcher.detection_ignored()[at] ? coco_verdict::ignored
                                                      : matcher.detection_found()[at] ? coco_verdict::found
                                                                                      : coco_verdict::wrong;
          }
      }
    });
    done.add();
  });

  // The largest first: they decide when the last thread is done.
  std::vector<std::size_t> by_size(K);
  std::iota(by_size.begin(), by_size.end(), std::size_t{0});
  std::stable_sort(by_size.begin(), by_size.end(),
                   [&](std::size_t a, std::size_t b) { return found.in_category(a) > found.in_category(b); });
  for_each_in_parallel(K, options.threads, [&](std::size_t i) {
    std::size_t const k = by_size[i], begin = found.category_begin[k], n = found.in_category(k);
    detail::coco_accumulator{}(e, k, detections, std::span(found.order).subspan(begin, n), std::span(rank).subspan(begin, n),
                               std::span<coco_verdict const>(verdicts).subspan(begin * A * T, n * A * T));
    done.add();
  });
  return e;
}

}  // namespace frcnn::inline FRCNN_ABI::eval
FRCNN_HIDDEN_END
