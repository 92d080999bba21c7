#pragma once
// A score threshold for each class: the one of the best F1, the harmonic mean of precision and recall.
//
// F1 = 2 P R / (P + R), at every score of the class's curve (eval/voc_ap.hpp): detections with one score go together. Of equal F1 the higher
// score. The threshold lies below the last score that it lets pass, and at or above the first that it does not, since detect reports what
// scores *above* it; of such numbers it is one with few decimals.
//
// Example: two objects; scores .91 right, .82 wrong, .7312 right, .5 wrong: F1 is 2/3, 1/2, 4/5, 2/3; the threshold is .73
#include "frcnn/eval/voc_ap.hpp"

#include <optional>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::eval {

struct score_threshold {
  float score = 0;  // detections above it count
  double precision = 0, recall = 0, f1 = 0;
};

namespace detail {

// A number t of few decimals with next <= t < last.
inline float short_between(float next, float last) {
  double power = 100;
  for (int decimals = 2; decimals <= 8; ++decimals, power *= 10) {
    double const whole = std::floor(static_cast<double>(last) * power);
    for (double const k : {whole, whole - 1})
      if (auto const t = static_cast<float>(k / power); next <= t && t < last) return t;
  }
  return next;
}

}  // namespace detail

// None where no detection of the class is right.
inline std::optional<score_threshold> best_threshold(class_ap const& c) {
  std::optional<score_threshold> best;
  for (std::size_t k = 0; k < c.curve.size(); ++k) {
    auto const& p = c.curve[k];
    bool const last = k + 1 == c.curve.size();
    if ((!last && c.curve[k + 1].score == p.score) || p.precision + p.recall == 0) continue;
    double const f1 = 2 * p.precision * p.recall / (p.precision + p.recall);
    if (!best || f1 > best->f1) best = {detail::short_between(last ? 0 : c.curve[k + 1].score, p.score), p.precision, p.recall, f1};
  }
  return best;
}

}  // namespace frcnn::inline FRCNN_ABI::eval
FRCNN_HIDDEN_END
