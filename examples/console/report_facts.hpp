#pragma once
// What report.html is made of (report.hpp): facts about a run, a detector's detections on data, and how proposals cover objects.
#include "data_findings.hpp"

#include <frcnn/data/dataset.hpp>
#include <frcnn/data/summary.hpp>
#include <frcnn/eval/coco_ap.hpp>
#include <frcnn/eval/proposal_recall.hpp>
#include <frcnn/eval/voc_ap.hpp>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace console {

class stopwatch {
 public:
  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count(); }

 private:
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

// "9.5 s, 100 images, 10.53 a second".
std::string timed_images(double seconds, std::size_t images);

// What a report says besides what was detected.
struct run_facts {
  std::string title;
  std::vector<std::pair<std::string, std::string>> settings, times;
  frcnn::data::named_summaries data;
  std::filesystem::path metrics{};     // metrics.jsonl; empty: nothing was trained
  findings of_data{};                  // what may be wrong with it
  std::vector<std::string> anchors{};  // how they fit it, in lines
};

// Of a training into a folder, which has done so many steps since its start or its --resume.
run_facts training_facts(std::filesystem::path const& out, frcnn::data::named_summaries const& data,
                         std::map<std::string, std::string> const& settings, double seconds, std::int64_t steps);

// How proposals cover the objects of some of a data set's images.
struct recall_study {
  std::size_t images = 0;
  std::vector<frcnn::eval::proposal_recall> over;  // at growing numbers of proposals; empty: not known
};

// A detector's detections on data, both of which stay the caller's.
struct tested {
  frcnn::data::dataset const& set;
  std::span<std::string const> classes;
  std::span<std::vector<frcnn::detection> const> found;
  std::span<std::vector<frcnn::eval::truth_box> const> truth;
  frcnn::eval::ap_metric metric;
  int threads = 0;  // to evaluate with; 0: as many as there are cores
  recall_study recall{};
  std::optional<frcnn::eval::coco_evaluation> coco{};  // of data in COCO's layout: what its file says of areas and crowds
};

// proposals(i) of each image, or of `most` of them, spread over the data set.
recall_study study_recall(std::function<std::vector<frcnn::box<float>>(std::size_t)> const& proposals,
                          std::span<std::vector<frcnn::eval::truth_box> const> truth, std::size_t most);

}  // namespace console
