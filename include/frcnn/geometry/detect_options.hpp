#pragma once
// What a caller of detect decides at run time: which boxes are reported, and how several images are put into batches.
#include "frcnn/core/error.hpp"
#include "frcnn/core/finite.hpp"

#include <stop_token>
#include <string>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_VOCABULARY {

// What a caller decides about reported boxes, at run time.
struct detect_options {
  float score = 0.05f;       // report nothing at or below
  float nms = 0.5f;          // within a class, IoU above which the lower score goes
  int max_detections = 100;  // per image, over all classes: 0 to most_detections
};
inline constexpr int most_detections = 1'000'000;

// Throws for options that no caller can mean: thresholds that are not numbers, a number of detections out of its range.
FRCNN_PER_BUILD inline void check(detect_options const& o) {
  auto const number = [](char const* name, float v) {
    if (is_nan(v)) throw error(name, "a number", "NaN");
  };
  number("detect_options.score", o.score);
  number("detect_options.nms", o.nms);
  if (o.max_detections < 0 || o.max_detections > most_detections)
    throw error("detect_options.max_detections", "0 to " + std::to_string(most_detections), std::to_string(o.max_detections));
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
