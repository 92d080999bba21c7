#pragma once
// Recall of proposals over all classes: the measure of the RPN alone.
//
// For each image and each limit N:
// 1. take the first N proposals (they come by descending score)
// 2. pair greedily: of all pairs of an unpaired object and an unpaired proposal, the one of highest IoU is next (the first object, then
//    the first proposal, of equals); so each proposal covers one object
// 3. recall at t = objects paired at IoU >= t / objects, over all images;  average recall = its mean over the thresholds
// Difficult objects are left out: not counted, and pairing with nothing.
//
// Example: objects (0,0,10,10), (20,0,30,10); proposals (0,0,10,10), (20,0,30,20): the pairs' IoU are 1 and 1/2;
//          recall is 1 at 0.5 and 1/2 from 0.55 on; average recall (1 + 9/2) / 10 = 0.55.  With N = 1: 1/2 everywhere.
// Invariant: recall does not rise with t.
// Source: Faster R-CNN, section 4.1, "Analysis of Recall-to-IoU"; average recall: Hosang et al., "What makes for effective detection
// proposals?", PAMI 2016.
#include "frcnn/eval/voc_ap.hpp"

#include <array>
#include <iterator>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::eval {

inline constexpr std::array<double, 10> recall_thresholds{0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95};

struct proposal_recall {
  int limit = 0;                  // N
  int truths = 0;                 // objects that are not difficult
  std::array<double, 10> recall;  // at recall_thresholds; NaN if there are no objects
  double average;
};

// The IoU at which each object that is not difficult is covered by one of the first `limit` proposals (steps 1 and 2), highest first.
inline std::vector<float> covered_overlaps(std::span<box<float> const> proposals, std::span<truth_box const> truths, int limit) {
  std::vector<box<float>> objects;
  for (truth_box const& t : truths)
    if (!t.difficult) objects.push_back(t.where);
  auto const first = proposals.first(std::min(proposals.size(), static_cast<std::size_t>(std::max(0, limit))));

  struct pairing {
    float overlap;
    std::size_t object, proposal;
  };
  std::vector<pairing> pairs;
  for (std::size_t o = 0; o < objects.size(); ++o)
    for (std::size_t p = 0; p < first.size(); ++p)
      if (float const overlap = iou(objects[o], first[p]); overlap > 0) pairs.push_back({overlap, o, p});
  std::stable_sort(pairs.begin(), pairs.end(), [](pairing const& a, pairing const& b) { return a.overlap > b.overlap; });

  std::vector<char> object_taken(objects.size()), proposal_taken(first.size());
  std::vector<float> covered;
  for (pairing const& p : pairs) {
    if (object_taken[p.object] || proposal_taken[p.proposal]) continue;
    object_taken[p.object] = proposal_taken[p.proposal] = 1;
    covered.push_back(p.overlap);
  }
  covered.resize(objects.size(), 0.0f);
  return covered;
}

// covered_overlaps of all images: proposals and truths are one vector per image, in the same order. Throws error for lists of different
// lengths.
inline std::vector<float> covered_overlaps_of(std::span<std::vector<box<float>> const> proposals,
                                              std::span<std::vector<truth_box> const> truths, int limit) {
  if (proposals.size() != truths.size())
    throw error("evaluate_proposals", "proposals for " + std::to_string(truths.size()) + " images", std::to_string(proposals.size()));
  std::vector<float> all;
  for (std::size_t i = 0; i < truths.size(); ++i)
    std::ranges::copy(covered_overlaps(proposals[i], truths[i], limit), std::back_inserter(all));
  return all;
}

// Step 3 at one threshold; NaN if there are no objects. The threshold as float rounds it: an IoU of 0.7 computed in float is at 0.7.
inline double recall_at(std::span<float const> overlaps, double threshold) {
  auto const hits = std::ranges::count_if(overlaps, [t = static_cast<float>(threshold)](float overlap) { return overlap >= t; });
  return overlaps.empty() ? std::numeric_limits<double>::quiet_NaN() : static_cast<double>(hits) / static_cast<double>(overlaps.size());
}

inline proposal_recall recall_of(int limit, std::span<float const> overlaps) {
  proposal_recall r{limit, static_cast<int>(overlaps.size()), {}, 0};
  for (std::size_t t = 0; t < r.recall.size(); ++t) {
    r.recall[t] = recall_at(overlaps, recall_thresholds[t]);
    r.average += r.recall[t] / 10;
  }
  return r;
}

// One result per limit.
inline std::vector<proposal_recall> evaluate_proposals(std::span<std::vector<box<float>> const> proposals,
                                                       std::span<std::vector<truth_box> const> truths, std::span<int const> limits) {
  std::vector<proposal_recall> results;
  for (int const limit : limits) results.push_back(recall_of(limit, covered_overlaps_of(proposals, truths, limit)));
  return results;
}

}  // namespace frcnn::inline FRCNN_ABI::eval
FRCNN_HIDDEN_END
