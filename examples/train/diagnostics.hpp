#pragma once
// What train_voc says every --diagnose-every steps about a step from inside (frcnn/train/diagnostics.hpp): fields of metrics.jsonl and of
// event files, and a sentence where training waits for its images.
#include "../console/console.hpp"

#include <frcnn/core/finite.hpp>
#include <frcnn/train/diagnostics.hpp>
#include <frcnn/train/metrics_file.hpp>

#include <vector>

namespace console {

// What the step had. The last two come from times, and are no function of the seed.
inline std::vector<frcnn::metrics_file::field> fields_of(frcnn::step_diagnostics const& d) {
  std::vector<frcnn::metrics_file::field> known;
  for (auto const& [name, value] : {frcnn::metrics_file::field("rpn_positives", d.rpn_positives),
                                    {"rpn_negatives", d.rpn_negatives},
                                    {"proposal_recall", d.proposal_recall},
                                    {"head_positives", d.head_positives},
                                    {"head_negatives", d.head_negatives},
                                    {"head_accuracy", d.head_accuracy},
                                    {"norm_backbone", d.norm_backbone},
                                    {"norm_rpn", d.norm_rpn},
                                    {"norm_head", d.norm_head},
                                    {"images_per_second", d.images_per_second},
                                    {"feed_share", d.feed_share}})
    if (frcnn::is_finite(value)) known.emplace_back(name, value);
  return known;
}

// Said once.
class feed_watch {
 public:
  void operator()(frcnn::step_diagnostics const& d) {
    if (said_ || !(d.feed_share > 0.2)) return;
    said_ = true;
    say(fmt::format(
        "\ntraining waits for its images {:.0f} % of the time: more threads that prepare them (--workers), smaller image files, or more "
        "memory for decoded ones (--cache-mb)",
        100 * d.feed_share));
  }

 private:
  bool said_ = false;
};

}  // namespace console
