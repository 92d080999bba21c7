#pragma once
// Options of a detect call: thresholds, the number of boxes reported, and how several images are put into batches.
#include "frcnn/core/error.hpp"
#include "frcnn/core/finite.hpp"

#include <optional>
#include <stop_token>
#include <string>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_VOCABULARY {

// What a call decides about reported boxes. What it leaves out is the model's: detect_defaults.
struct detect_options {
  std::optional<float> score{};         // report nothing at or below
  std::optional<double> nms{};          // within a class, IoU above which the lower score goes
  std::optional<int> max_detections{};  // per image, over all classes: 0 to most_detections
};
inline constexpr int most_detections = 1'000'000;

// What a head reports unless a call says otherwise; it lies in the model file.
struct detect_defaults {
  double score = 0.05, nms = 0.5;
  int max_detections = 100;

  template <class Rules>
  static constexpr detect_defaults of() {
    return {Rules::score_threshold, Rules::nms_detect, Rules::max_detections};
  }
  // For a spec (detector/spec.hpp).
  template <class Spec>
  void describe(Spec& spec) {
    spec.number("score", score, 0, 1);
    spec.number("nms", nms, 0, 1);
    spec.whole("max_detections", max_detections, 1, most_detections);
  }
};

// Throws for options that no caller can mean: thresholds that are not numbers, a score above 1, which is no probability, a number of
// detections out of its range.
FRCNN_PER_BUILD inline void check(detect_options const& o) {
  auto const number = [](char const* name, auto const& v) {
    if (v && is_nan(*v)) throw error(name, "a number", "NaN");
  };
  number("detect_options.score", o.score);
  number("detect_options.nms", o.nms);
  if (o.score && *o.score > 1) throw error("detect_options.score", "at most 1, a probability", std::to_string(*o.score));
  if (o.max_detections && (*o.max_detections < 0 || *o.max_detections > most_detections))
    throw error("detect_options.max_detections", "0 to " + std::to_string(most_detections), std::to_string(*o.max_detections));
}

// The options with everything set: what the call says, else the head's `defaults()`, else those of detect_defaults.
template <class Head>
detect_options complete(detect_options o, Head const& head) {
  detect_defaults d;
  if constexpr (requires { head.defaults(); }) d = head.defaults();
  if (!o.score) o.score = static_cast<float>(d.score);
  if (!o.nms) o.nms = d.nms;
  if (!o.max_detections) o.max_detections = d.max_detections;
  return o;
}

// How detect(images) makes batches.
struct batch_options {
  int most = 8;  // images of a batch, 1 to most_in_batch: more take more memory
  bool pad_to_largest =
      false;               // false: a batch holds images of one padded size, each as if it were alone. true: consecutive images, padded
                           // to the largest of them, as torchvision does; near the padding, features differ from those of one image
  std::stop_token stop{};  // asked before each batch
};
inline constexpr int most_in_batch = 1024;

FRCNN_PER_BUILD inline void check(batch_options const& o) {
  if (o.most < 1 || o.most > most_in_batch)
    throw error("batch_options.most", "1 to " + std::to_string(most_in_batch) + " images", std::to_string(o.most));
}

}  // namespace frcnn
FRCNN_HIDDEN_END
