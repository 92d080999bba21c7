#pragma once
// The end of a training run: detections on the test split, their average precision, result files, pictures.
//
//   detections   everything below is made from them; Ctrl-C leaves between two images
//   scores       on stdout, as soon as they are known
//   results/     VOC server files, coco.json            detections/   a dozen images with boxes            pr.svg   precision over recall
//   report.html  all of it on a page, with the training's curves (report.hpp)
// None of these depends on another: what can be written is written, what cannot is said.
#include "../console/console.hpp"
#include "../console/report_facts.hpp"
#include "../console/scores.hpp"

#include <frcnn/backend/cpu.hpp>
#include <frcnn/concepts/communicator.hpp>
#include <frcnn/core/image.hpp>
#include <frcnn/data/batch_share.hpp>
#include <frcnn/data/dataset.hpp>
#include <frcnn/geometry/box.hpp>
#include <frcnn/geometry/region.hpp>
#include <frcnn/train/evaluation.hpp>

#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace console {

class test_pass {
 public:
  // set: stays the caller's. threads: to evaluate with. regions: where the head looks, in place of the RPN's proposals.
  test_pass(frcnn::data::dataset const& set, std::string split, std::vector<std::string> classes, metric_argument metric, int threads,
            std::filesystem::path out, frcnn::region_source regions = {});

  // What the files of results cannot hold as it is (names, ids that two images have) or not at all: said before training, not found out
  // after it.
  void warn_of_files() const;

  // Throws interruption. run: what the report says of the training. others: processes that share the images; the first of them goes on with
  // what all have found.
  template <class Detector>
  void operator()(Detector const& d, attempts& attempt, run_facts run, frcnn::any_communicator<frcnn::cpu>* others = nullptr) const {
    stopwatch const clock;
    auto found = frcnn::detect_all(d, set_, {}, progress_of_images(), regions_, frcnn::data::batch_share::of(others));
    if (!gather(found, others)) return;
    finish(
        found, clock.seconds(), [&d](frcnn::image_view im) { return d.propose(im); }, attempt, std::move(run));
  }

 private:
  using lists = std::vector<std::vector<frcnn::detection>>;  // of each image

  // Of detect_all, after each image: says how far it is, and lets a signal end it. For as long as this object is there.
  std::function<void(std::size_t)> progress_of_images() const;
  // Fills `found` with what all processes have found. Whether this one goes on with it: it is alone, or the first.
  static bool gather(lists& found, frcnn::any_communicator<frcnn::cpu>* others);
  // All that is made of the detections, which took so many seconds. propose: the RPN's proposals on an image.
  void finish(lists const& found, double seconds, std::function<std::vector<frcnn::box<float>>(frcnn::image_view)> const& propose,
              attempts& attempt, run_facts run) const;

  frcnn::data::dataset const& set_;
  std::string split_;
  std::vector<std::string> classes_;
  metric_argument metric_;
  int threads_;
  std::filesystem::path out_;
  frcnn::region_source regions_;
};

}  // namespace console
